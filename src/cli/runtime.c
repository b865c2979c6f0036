#include "cli/runtime.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/local.h"
#include "sandbox/runtime.h"

static const char help[] =
    "usage: strata runtime install NAME...\n"
    "       strata runtime list\n"
    "\n"
    "Runtime images are what functions run in, built once from Debian's signed packages: python3.13, python3.11, provided.al2023.\n"
    "install does nothing, without the network, for one that is there and current.\n"
    "\n"
    "Environment:\n"
    "  STRATA_RUNTIMES       where they are kept (~/.cache/strata/runtimes)\n"
    "  STRATA_DEBIAN_MIRROR  where packages come from (the mirror that apt uses here)\n";

/* In a checkout the program is build/strata and the script tools/runtime-install; installed they are bin/strata and share/strata/tools/. */
static const char *find_script(struct local *l)
{
    struct str bin_dir, name;
    str_cut_last(str_c(l->program), '/', &bin_dir, &name);
    const char *candidates[] = {
        str_printf(l->arena, "%.*s/../tools/runtime-install", STR_ARG(bin_dir)).p,
        str_printf(l->arena, "%.*s/../share/strata/tools/runtime-install", STR_ARG(bin_dir)).p,
    };
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (access(candidates[i], X_OK) == 0)
            return candidates[i];
    return NULL;
}

static int install(struct local *l, int argc, char **argv)
{
    const char *script = find_script(l);
    char **command = arena_many(l->arena, char *, argc + 2);
    if (!script) {
        fprintf(stderr, "strata runtime: tools/runtime-install is not beside %s; run strata from its checkout or its installation\n", l->program);
        return 1;
    }
    if (argc == 0) {
        fputs(help, stderr);
        return 2;
    }
    command[0] = (char *)(uintptr_t)script;
    memcpy(command + 1, argv, sizeof *argv * (size_t)argc);
    return local_run(command);
}

static int list(struct local *l)
{
    for (const struct str *name = runtime_names; name->p; name++) {
        struct runtime_image image;
        if (runtime_image_find(*name, l->arena, &image))
            printf("%-16s not installed; strata runtime install %s\n", name->p, name->p);
        else
            printf("%-16s %s\n", name->p, image.root.p);
    }
    return 0;
}

/* argv[0] is "runtime". */
int cli_runtime(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct local l;
    int code = 2;
    local_find(&l, a, NULL);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        code = 0;
    } else if (argc >= 2 && strcmp(argv[1], "install") == 0) {
        bool asks = argc >= 3 && strcmp(argv[2], "--help") == 0;
        if (asks)
            fputs(help, stdout);
        code = asks ? 0 : install(&l, argc - 2, argv + 2);
    } else if (argc == 2 && strcmp(argv[1], "list") == 0) {
        code = list(&l);
    } else {
        fputs(help, stderr);
    }
    arena_free(a);
    return code;
}
