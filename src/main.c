/* Picks the subcommand. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "sandbox/sandbox.h"

/* The helper is spawned before any thread runs and before the store opens: it must not inherit either. */
static int serve(int argc, char **argv)
{
    struct sandboxes *sandboxes = NULL;
    if (sandbox_helper_spawn(&sandboxes))
        sandboxes = NULL; /* serve says that functions cannot run */
    if (sandbox_drop_privileges())
        fputs("strata: cannot give privileges up; going on with them\n", stderr);
    int code = cli_serve(argc, argv, sandboxes);
    sandboxes_stop(sandboxes);
    return code;
}

int main(int argc, char **argv)
{
    int64_t fd;
    if (argc == 3 && strcmp(argv[1], "sandbox-helper") == 0 && str_to_i64(str_c(argv[2]), &fd) == 0)
        sandbox_helper_main((int)fd);
    return cli_main(argc, argv, serve);
}
