/* Runtime images: the root trees that functions run in, as tools/runtime-install made them.
 *
 * An image is DIR/NAME: root/ (the tree) and manifest (a line of what it was made from, then its packages). DIR is $STRATA_RUNTIMES, else
 * $XDG_CACHE_HOME/strata/runtimes, else ~/.cache/strata/runtimes: shared by all data directories. An image that is here is whole. */
#ifndef STRATA_SANDBOX_RUNTIME_H
#define STRATA_SANDBOX_RUNTIME_H

#include "sandbox/sandbox.h"

struct runtime_image {
    struct str root;                    /* sandbox_config.root */
    const struct str *argv;             /* what runs: /var/runtime/bootstrap, or (provided.*) the code's own /var/task/bootstrap, or a layer's */
    uint32_t n_argv;
    const struct sandbox_mount *mounts; /* what the image needs beside /var/task and /opt */
    uint32_t n_mounts;
};

/* The names that can be installed, in the order to show them; ends with STR_NONE. */
extern const struct str runtime_names[];
struct str runtime_dir(struct arena *a);
/* All in a. E_NOT_FOUND: not installed (or no such runtime); E_LIMIT. */
int runtime_image_find(struct str name, struct arena *a, struct runtime_image *ret);

#endif
