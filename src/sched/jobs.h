/* Timers and the outbox: work to be done after a commit or at a time of the clock. Both are records; workers drain them through the writer.
 *
 * Records: outbox (sequence) and timer (due_ms, kind, account, region, id), with an index (kind, account, region, id) -> due_ms so that a timer can
 * be moved or cancelled. A job runs in the writer with its record deleted in the same transaction. A job that fails (<0) is kept and tried
 * again with growing pauses (1 s to 5 min), and logged. Jobs that are due are run in order of due time, many in one group. */
#ifndef STRATA_SCHED_JOBS_H
#define STRATA_SCHED_JOBS_H

#include "sched/clock.h"
#include "store/commit.h"

struct jobs;

struct job {
    struct str kind, account, region, id, payload;
    int64_t due_ms;
    uint32_t failures;
};

/* How a job runs: cloud makes an operation of it. */
typedef int (*job_run_fn)(void *ctx, struct txn *t, const struct job *job, struct arena *a);

int jobs_start(struct store *s, struct writer *w, struct clock *c, job_run_fn run, void *ctx, struct jobs **ret);
void jobs_stop(struct jobs *j);

/* Inside the writer's transaction. */
int jobs_outbox_add(struct jobs *j, struct txn *t, const struct job *job);
int jobs_timer_set(struct jobs *j, struct txn *t, const struct job *job); /* by (kind, account, region, id) */
int jobs_timer_cancel(struct jobs *j, struct txn *t, const struct job *job);
void jobs_kick(struct jobs *j); /* after a commit that added jobs, or a clock that moved; any thread */

/* For `strata clock advance` and tests: returns when no outbox record and no timer due by the clock's present time is left. Not from the writer. */
int jobs_settle(struct jobs *j, int64_t timeout_ms);
int64_t jobs_next_due_ms(struct jobs *j); /* -1: none */

#endif
