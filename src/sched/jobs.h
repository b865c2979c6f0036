/* Timers and the outbox: work to be done after a commit or at a time of the clock. Both are records; a worker drains them through the writer.
 *
 * Records: outbox (sequence) and timer (due_ms, kind, account, region, id), with an index (kind, account, region, id) -> due_ms so that a timer can
 * be moved or cancelled. A job runs in the writer with its record deleted in the same transaction: what it writes happens exactly once. A job that
 * fails (<0) is kept and tried again with growing pauses of the clock (1 s to 5 min), and logged; E_PARKED is tried again every second, and not
 * logged. Outbox jobs run in the order they were added, but that a retried one has lost its place; jobs that are due in order of due time; many in
 * one group. One that fails does not hold up the others. */
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

/* How jobs run: cloud makes an operation of each. */
struct job_runner {
    /* In the writer. Whatever it puts into *ret_state, done gets. job and a live until done has returned. */
    int (*run)(void *ctx, struct txn *t, const struct job *job, struct arena *a, void **ret_state);
    /* In the writer, after the sync; once for each run. rc: run's result, or why the commit failed. NULL: nothing to do. */
    void (*done)(void *ctx, void *state, int rc);
    void *ctx;
};

/* Takes jobs, and runs none by itself; copies runner. */
int jobs_open(struct store *s, struct writer *w, struct clock *c, const struct job_runner *runner, struct jobs **ret);
int jobs_start(struct jobs *j); /* from now on they run when they are due. Tests may leave it, and say when by jobs_step or jobs_settle. */
/* Runs the first job that is due and returns after its commit: 1, with its kind in a; 0: nothing is due; <0: the store or the writer failed. */
int jobs_step(struct jobs *j, struct arena *a, struct str *ret_kind);
/* No job runs from then on; waits for those that were handed to the writer; before writer_stop. What is still committed may add and kick. NULL-safe. */
void jobs_stop(struct jobs *j);
void jobs_free(struct jobs *j); /* behind writer_stop; NULL-safe */

/* Inside the writer's transaction. */
int jobs_outbox_add(struct jobs *j, struct txn *t, const struct job *job);
int jobs_timer_set(struct jobs *j, struct txn *t, const struct job *job); /* by (kind, account, region, id) */
/* Whether a timer of that name is set: 0 or E_NOT_FOUND. Answered from memory where it is asked again and again; a: for the look. */
int jobs_timer_look(struct txn *t, struct arena *a, const struct job *job);
int jobs_timer_cancel(struct jobs *j, struct txn *t, const struct job *job);
void jobs_kick(struct jobs *j); /* after a commit that added jobs, or a clock that moved; any thread */

/* For `strata clock advance` and tests: returns when no outbox record and no timer due by the clock's present time is left, but those that failed and
 * wait for their next try. Not from the writer. E_BUSY: not within timeout_ms. */
int jobs_settle(struct jobs *j, int64_t timeout_ms);
int64_t jobs_next_due_ms(struct jobs *j); /* in the clock's time; -1: none */

/* ---- for `strata check` ---- */

/* What is wrong with one of the records above, in words; absent: nothing. space is the word behind "sys"; E_NOT_FOUND: not a space of jobs.
 * ret_job->kind is set where the record is a job's. */
int jobs_check(struct txn *t, struct arena *a, struct str space, struct str key, struct str value, struct job *ret_job, struct str *ret_wrong);
/* Whether a timer of that name (kind, account, region, id) is set; with due_ms >= 0, for that time, unless it failed and waits for its next try. */
bool jobs_timer_is_set(struct txn *t, const struct job *job, int64_t due_ms);
/* Whether a job of that kind, account, region and payload (absent: any) waits in the outbox or for its next try. */
bool jobs_is_waiting(struct txn *t, const struct job *job);

#endif
