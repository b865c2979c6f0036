/* Picks the subcommand. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/serve.h"
#include "sandbox/sandbox.h"

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "help";
    int64_t fd;
    if (strcmp(command, "sandbox-helper") == 0 && argc == 3 && str_to_i64(str_c(argv[2]), &fd) == 0)
        sandbox_helper_main((int)fd);
    if (strcmp(command, "serve") == 0) {
        /* Before any thread and before the store opens: the helper must not inherit either. */
        struct sandboxes *sandboxes = NULL;
        if (sandbox_helper_spawn(&sandboxes))
            sandboxes = NULL;
        int code = cli_serve(argc - 1, argv + 1, sandboxes);
        sandboxes_stop(sandboxes);
        return code;
    }
    fprintf(stderr, "strata: %s: no such command\n", command);
    return 2;
}
