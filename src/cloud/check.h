/* `strata check`: a walk over everything that a data directory holds.
 *
 * Every record is known to a service and decodes against its shape; what it refers to is there, bodies with the right length and digest; indexes, timers
 * and counters say what the records say (each room's own functions, aws/check.h). Files that no record names are orphans: no damage (the next start sweeps
 * them), but told. */
#ifndef STRATA_CLOUD_CHECK_H
#define STRATA_CLOUD_CHECK_H

#include <stdatomic.h>

#include "cloud/cloud.h"

struct check_config {
    bool contents;            /* reads every body and compares its digests */
    bool serving;             /* others write meanwhile: bodies that are younger than an hour may be about to get their record */
    /* One line of what was found; fault false: worth knowing, and no damage. text lives until it returns. */
    void (*tell)(void *ctx, bool fault, struct str text);
    void *ctx;
    const atomic_bool *stop;  /* ends the walk when it becomes true: E_CLOSED. NULL: nothing does */
};

struct check_report {
    uint64_t records, bodies, faults, orphans;
    int64_t body_bytes;
};

/* <0: the walk itself failed (E_IO, E_CORRUPT: the store could not be read to its end). */
int cloud_check(struct cloud *cloud, const struct check_config *config, struct check_report *ret);

#endif
