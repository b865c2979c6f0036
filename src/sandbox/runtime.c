#include "sandbox/runtime.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

const struct str runtime_names[] = { { "python3.13", 10 }, { "python3.11", 10 }, { "provided.al2023", 15 }, { NULL, 0 } };

static struct str from_env(const char *name)
{
    const char *v = getenv(name);

    return v != NULL && *v != '\0' ? str_c(v) : STR_NONE;
}

struct str runtime_dir(struct arena *a)
{
    struct str own = from_env("STRATA_RUNTIMES"), cache = from_env("XDG_CACHE_HOME"), home = from_env("HOME");

    if (own.p != NULL)
        return str_dup(a, own);
    if (cache.p != NULL)
        return str_printf(a, "%.*s/strata/runtimes", STR_ARG(cache));
    return str_printf(a, "%.*s/.cache/strata/runtimes", STR_ARG(home));
}

static bool known(struct str name)
{
    for (const struct str *n = runtime_names; n->p != NULL; n++)
        if (str_eq(*n, name))
            return true;
    return false;
}

int runtime_image_find(struct str name, struct arena *a, struct runtime_image *ret)
{
    struct str manifest, *argv;

    if (!known(name)) /* so no name can leave the directory */
        return E_NOT_FOUND;
    manifest = str_printf(a, "%.*s/%.*s/manifest", STR_ARG(runtime_dir(a)), STR_ARG(name));
    if (access(manifest.p, R_OK) != 0)
        return E_NOT_FOUND;
    argv = arena_one(a, struct str);
    *argv = str_starts(name, STR("provided.")) ? STR("/var/task/bootstrap") : STR("/var/runtime/bootstrap");
    *ret = (struct runtime_image){ .argv = argv, .n_argv = 1 };
    ret->root = str_printf(a, "%.*s/%.*s/root", STR_ARG(runtime_dir(a)), STR_ARG(name));
    return 0;
}
