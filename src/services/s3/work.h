/* Work on bodies that takes long (joining parts, copying a range): made in the background on a snapshot, then committed by the writer, while the request
 * is parked. The handler begins it with op->state set to what holds it, and ends it when it runs again. */
#ifndef STRATA_SERVICES_S3_WORK_H
#define STRATA_SERVICES_S3_WORK_H

#include <pthread.h>
#include <stdatomic.h>

#include "aws/op.h"

struct s3_work {
    int (*make)(struct op *op, struct s3_work *w);   /* on a snapshot; op->arena is w->arena, so what it makes stays */
    int (*commit)(struct op *op, struct s3_work *w); /* in the writer, in the caller's name, with an arena of its own: what is to stay goes into w->arena */
    struct str blob_id; /* the file that make made, or absent: commit keeps it, or it is removed */

    /* work.c's, but that make and commit read them. */
    struct arena *arena;     /* what make and commit make; released with the parked operation's, which other threads use meanwhile */
    const atomic_bool *stop; /* strata ends: make gives up with E_CLOSED */
    struct str account, region, wake_key, request_id;
    const struct principal *caller;
    const struct exchange *http;
    struct op_failure failure;
    char *chunk; /* what s3_work_copy reads into */
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done; /* under the lock */
    int rc;
};

int s3_work_begin(struct op *op, struct s3_work *w); /* E_PARKED; E_BUSY */
int s3_work_end(struct op *op, struct s3_work *w);   /* E_PARKED: not yet; else what came of it, E_AWS too */

struct blob_writer;
int s3_work_copy(struct op *op, struct s3_work *w, struct blob_writer *to, const struct blob *body); /* body's bytes from offset on */

#endif
