#include "services/lambda/runtime.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

static struct str images_dir(struct arena *a)
{
    const char *own = getenv("STRATA_RUNTIMES"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own)
        return str_c(own);
    if (cache && *cache)
        return str_printf(a, "%s/strata/runtimes", cache);
    return str_printf(a, "%s/.cache/strata/runtimes", home && *home ? home : "/root");
}

int runtime_image_find(struct str runtime, struct arena *a, struct runtime_image *ret)
{
    for (size_t i = 0; i < runtime.n; i++) /* a name, never a path */
        if (runtime.p[i] == '/' || (i == 0 && runtime.p[i] == '.'))
            return E_NOT_FOUND;
    ret->root = str_printf(a, "%.*s/%.*s", STR_ARG(images_dir(a)), STR_ARG(runtime));
    struct str bootstrap = str_printf(a, "%.*s/var/runtime/bootstrap", STR_ARG(ret->root));
    struct str *argv = arena_many(a, struct str, 1);
    if (access(ret->root.p, X_OK) != 0)
        return E_NOT_FOUND;
    /* A provided runtime has no bootstrap of its own: the function's is run. */
    argv[0] = access(bootstrap.p, X_OK) == 0 ? STR("/var/runtime/bootstrap") : STR("/var/task/bootstrap");
    ret->argv = argv;
    ret->n_argv = 1;
    return 0;
}
