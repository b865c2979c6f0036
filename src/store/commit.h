/* The writer: one thread runs every write, many in one synced commit (group commit).
 *
 * It takes what is queued, runs each work under its own savepoint in one write transaction, commits, and only then calls the
 * works' done in order. While a commit syncs, the next group gathers. A commit that fails fails every work in it, and the writer
 * stops: from then on works end with E_IO and reads go on (an fsync that failed once must not be trusted again: "fsyncgate").
 * E_NO_SPACE is the exception: the group fails, the writer goes on. */
#ifndef STRATA_STORE_COMMIT_H
#define STRATA_STORE_COMMIT_H

#include "store/store.h"

struct writer;

struct work {
    /* In the writer thread, with a savepoint set. 0: keep the writes. <0: roll them back (done gets that value). A store call that failed in it
     * counts as its result, whatever it returns (txn_take_error). */
    int (*run)(struct work *w, struct txn *t);
    /* In the writer thread, after the sync. rc: run's result, or why the commit failed. Must not block. w may be freed in it. */
    void (*done)(struct work *w, int rc);
    struct work *next; /* the writer's own */
};

int writer_start(struct store *s, struct writer **ret);
/* Any thread. E_BUSY when LIMIT_WRITER_QUEUE is reached, E_CLOSED after writer_stop, E_IO after a failed commit: done is then not called. */
int writer_submit(struct writer *w, struct work *work);
/* Runs fn in the writer and waits for its commit; for start-up, commands and tests. Never call it from the writer thread. */
int writer_call(struct writer *w, int (*fn)(void *ctx, struct txn *t), void *ctx);
bool writer_failed(const struct writer *w);
void writer_stop(struct writer *w); /* finishes what is queued, and takes no more (E_CLOSED); NULL-safe */
void writer_free(struct writer *w); /* stopped; NULL-safe */

struct writer_stats {
    uint64_t works, commits; /* works that ran; groups that wrote, each one sync */
};
void writer_stats(const struct writer *w, struct writer_stats *ret);

#endif
