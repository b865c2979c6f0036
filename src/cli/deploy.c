#include "cli/deploy.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/local.h"

enum { OPTIONS_MAX = 32 };

int deploy_script(const struct local *l, const char *script, const char *environment, char *const *options)
{
    char *argv[OPTIONS_MAX + 4];
    size_t n = 0;
    argv[n++] = (char *)l->python;
    argv[n++] = (char *)str_printf(l->arena, "%s/bin/%s", l->stack_dir, script).p;
    argv[n++] = (char *)environment;
    for (; options && *options; options++) {
        if (n > OPTIONS_MAX + 2) {
            fprintf(stderr, "strata: more than %d options\n", OPTIONS_MAX);
            return 2;
        }
        argv[n++] = *options;
    }
    argv[n] = NULL;
    return local_run(argv);
}

int deploy_smoke(const struct local *l, const char *environment)
{
    /* The API's own host name is for clients that can resolve it; the path form needs nothing. */
    char *options[] = { "--url", (char *)str_printf(l->arena, "%s/_aws/execute-api/{api_id}", l->endpoint).p, NULL };
    return deploy_script(l, "smoke", environment, options);
}

static int usage_error(const char *usage, const char *what)
{
    fprintf(stderr, "strata: %s\n%s", what, usage);
    return 2;
}

/* [--data DIR] ENV [options of the script]: getopt stops at ENV, what follows goes through. */
static int run(int argc, char **argv, const char *script, const char *usage)
{
    static const struct option options[] = { { "data", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    const char *data_dir = NULL;
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        switch (c) {
        case 'd': data_dir = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind >= argc)
        return usage_error(usage, "which environment?");
    const char *environment = argv[optind];
    if (strcmp(environment, "dev") && strcmp(environment, "stage") && strcmp(environment, "prod"))
        return usage_error(usage, "the environments are dev, stage and prod");
    struct arena *a = arena_new();
    struct local l;
    local_find(&l, a, data_dir);
    int code = 1;
    if (local_has_stack(&l) && local_is_running(&l)) {
        local_set_environment(&l);
        code = deploy_script(&l, script, environment, argv + optind + 1);
    }
    arena_free(a);
    return code;
}

int cli_deploy(int argc, char **argv)
{
    static const char usage[] = "usage: strata deploy [--data DIR] ENV [--plan] [--layer LAYER]... [--no-build] [--verbose]\n"
                                "Builds the functions and applies the stack's layers for ENV (dev, stage, prod) on the strata that runs on\n"
                                "DIR. --plan changes nothing and exits 2 if something would change. Run twice, it changes nothing.\n";
    return run(argc, argv, "deploy", usage);
}

int cli_destroy(int argc, char **argv)
{
    static const char usage[] = "usage: strata destroy [--data DIR] ENV [--yes] [--verbose]\n"
                                "Destroys what deploy made for ENV (dev, stage, prod), with its data; asks first unless --yes is given.\n";
    return run(argc, argv, "destroy", usage);
}
