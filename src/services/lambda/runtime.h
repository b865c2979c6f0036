/* Runtime images: the root trees that `strata runtime install NAME` makes, one a runtime.
 *
 * They lie in $STRATA_RUNTIMES, else $XDG_CACHE_HOME/strata/runtimes, else ~/.cache/strata/runtimes: several data directories share them. */
#ifndef STRATA_SERVICES_LAMBDA_RUNTIME_H
#define STRATA_SERVICES_LAMBDA_RUNTIME_H

#include "sandbox/sandbox.h"

struct runtime_image {
    struct str root;                    /* its tree */
    const struct str *argv;             /* what starts inside */
    uint32_t n_argv;
};

/* E_NOT_FOUND: not installed here. */
int runtime_image_find(struct str runtime, struct arena *a, struct runtime_image *ret);

#endif
