/* The tables that models/managed_policies.py writes. Internal to auth. */
#ifndef STRATA_AUTH_MANAGED_H
#define STRATA_AUTH_MANAGED_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { MANAGED_BLOCK = 32 }; /* documents a block */

struct managed_policy {
    const char *name, *path, *id, *version;
    int64_t created_s, updated_s;
};

struct managed_block {
    const char *packed; /* gzip */
    size_t packed_bytes, plain_bytes;
};

/* The whole block; NULL when it cannot be unpacked (it was packed by our own build). */
char *managed_unpack(struct arena *a, const struct managed_block *b);

extern const struct managed_policy managed_policies[]; /* sorted by name */
extern const size_t managed_policies_n;
extern const struct managed_block managed_blocks[];

#endif
