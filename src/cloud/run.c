/* Operations that nobody asked for over HTTP: jobs, cloud_run, cloud_read. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cloud/call.h"
#include "cloud/task.h"
#include "sched/jobs.h"

static const struct principal internal = { .kind = PRINCIPAL_SERVICE, .arn = { "strata.internal", 15 }, .name = { "strata.internal", 15 } };

struct run {
    struct task task;
    int (*fn)(struct op *op, void *ctx);
    void (*done)(struct cloud *cloud, void *ctx, int rc);
    void *ctx;
};

static int run_task(struct task *t)
{
    struct run *r = (struct run *)t;
    return r->fn(&t->op, r->ctx);
}

static void run_finish(struct task *t, int rc)
{
    struct run *r = (struct run *)t;
    struct cloud *cloud = t->op.cloud;
    void (*done)(struct cloud *, void *, int) = r->done;
    void *ctx = r->ctx;
    arena_free(t->op.arena); /* and the task in it */
    if (done)
        done(cloud, ctx, rc);
}

static struct run *run_new(struct cloud *cloud, struct str account, struct str region, int (*fn)(struct op *op, void *ctx),
                           void (*done)(struct cloud *cloud, void *ctx, int rc), void *ctx)
{
    struct arena *a = arena_new();
    struct run *r = arena_one(a, struct run);
    op_init(&r->task.op, cloud, a, str_dup(a, account), str_dup(a, region));
    r->task.op.caller = &internal;
    r->task.run = run_task;
    r->task.finish = run_finish;
    r->fn = fn;
    r->done = done;
    r->ctx = ctx;
    return r;
}

int cloud_run(struct cloud *cloud, struct str account, struct str region, int (*fn)(struct op *op, void *ctx),
              void (*done)(struct cloud *cloud, void *ctx, int rc), void *ctx)
{
    struct run *r = run_new(cloud, account, region, fn, done, ctx);
    r->task.txn = OP_RW;
    int rc = task_start(&r->task);
    if (rc)
        arena_free(r->task.op.arena);
    return rc;
}

void cloud_ask(struct cloud *cloud, struct str account, struct str region, const struct exchange *http, int (*fn)(struct op *op, void *ctx),
               void (*done)(struct cloud *cloud, void *ctx, int rc), void *ctx)
{
    struct run *r = run_new(cloud, account, region, fn, done, ctx);
    r->task.op.http = http;
    r->task.txn = OP_RO;
    task_start(&r->task);
}

int cloud_read(struct cloud *cloud, struct str account, struct str region, int (*fn)(struct op *op, void *ctx), void *ctx)
{
    struct arena *a = arena_new();
    struct op op;
    op_init(&op, cloud, a, account, region);
    op.caller = &internal;
    op.txn = store_read(cloud->store);
    op.now_ms = clock_now_ms(cloud->clock);
    int rc = fn(&op, ctx), err = txn_take_error(op.txn);
    if (err < 0)
        rc = err;
    if (rc)
        effects_undo(&op);
    txn_end(op.txn);
    arena_free(a);
    return rc;
}

static const struct job_kind *find_kind(struct str name)
{
    for (const struct job_kind *k = wire_job_kinds; k->name; k++)
        if (str_is(name, k->name))
            return k;
    return NULL;
}

static int job_run(void *ctx, struct txn *t, const struct job *job, struct arena *a, void **ret_state)
{
    struct cloud *cloud = ctx;
    const struct job_kind *kind = find_kind(job->kind);
    if (!kind) { /* of a service that this build lacks: kept, so that the right build finds it */
        log_warn("a job of unknown kind %.*s waits", STR_ARG(job->kind));
        return E_UNSUPPORTED;
    }
    struct op *op = arena_one(a, struct op);
    op_init(op, cloud, a, job->account, job->region);
    op->caller = &internal;
    op->txn = t;
    op->now_ms = clock_now_ms(cloud->clock);
    op->wake_seq = park_seq(cloud->parking);
    int rc = kind->run(op, job->payload), err = txn_take_error(t);
    if (err < 0)
        rc = err;
    if (rc)
        effects_undo(op);
    if (rc == E_AWS)
        log_warn("job %.*s: %s: %.*s", STR_ARG(job->kind), op->fail.error->code, STR_ARG(op->fail.message));
    *ret_state = op;
    return rc;
}

static void job_done(void *ctx, void *state, int rc)
{
    struct op *op = state;
    if (op && rc == 0)
        effects_run(ctx, op->effects, true);
    else if (op && rc == E_NO_SPACE)
        effects_undo(op);
}

const struct job_runner cloud_job_runner = { .run = job_run, .done = job_done };
