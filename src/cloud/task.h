/* A task: one operation on its way through snapshot, writer and parking. Private to src/cloud.
 *
 * States and who moves it: running on a snapshot (task_start, any thread) -> queued for the writer (task_start, rw) -> running in the writer
 * (task_in_writer) -> finished (task_finish: after the commit for rw, at once for ro) or parked (park_add) -> woken (park.c) -> task_start again.
 * Exactly one thread holds a task at any time. */
#ifndef STRATA_CLOUD_TASK_H
#define STRATA_CLOUD_TASK_H

#include "cloud/cloud.h"

struct op_effect {
    struct op_effect *next;
    void (*fn)(struct cloud *cloud, void *arg); /* NULL: wake key */
    void *arg;
    struct str wake_key;
};

struct task {
    struct work work;         /* first: the writer's handle */
    struct op op;
    enum op_txn txn;
    int (*run)(struct task *t);              /* the operation, with op.txn and op.now_ms set; 0 or <0 */
    void (*finish)(struct task *t, int rc);  /* answers and releases; never E_PARKED */
    void *ctx;
    bool in_doubt;            /* its commit failed: what it wrote may be there after the next start */
    struct txn *snapshot;     /* for the next run on one, or NULL: task_start takes one */
    /* park.c's */
    struct task *park_next;
    uint64_t park_hash;
    int64_t deadline_ms;      /* clock_mono_ms; 0: none yet */
    size_t heap_index;
    bool parked;
};

void op_init(struct op *op, struct cloud *cloud, struct arena *a, struct str account, struct str region);
struct txn *task_snapshot(struct task *t); /* for a run: what is woken from now on wakes it again */
int task_start(struct task *t);      /* runs it (ro) or queues it (rw). <0 only when the writer does not take it: then finish was not called */
void effects_run(struct cloud *cloud, struct op_effect *effects, bool in_writer);
void effects_splice(struct op *into, struct op *from);
void effects_undo(struct op *op); /* a run of op failed */

/* parking */
struct parking *parking_start(struct cloud *cloud);
void parking_stop(struct parking *p); /* finishes what is parked with E_CLOSED; NULL-safe */
int park_add(struct parking *p, struct task *t); /* E_LIMIT */
uint64_t park_seq(struct parking *p);            /* to be taken before a run begins */
int park_wake(struct parking *p, struct str key, bool inline_reads);
void park_let_go(struct parking *p, struct task *t); /* its client went: a long poll ends */
void park_quiesce(struct parking *p);            /* clients' long polls end, from now on at once */
uint32_t park_count(struct parking *p);

/* jobs of the outbox and timers run as operations */
extern const struct job_runner cloud_job_runner;

#endif
