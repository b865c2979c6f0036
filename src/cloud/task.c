#include "cloud/task.h"

#include <string.h>

#include "base/code.h"

void op_init(struct op *op, struct cloud *cloud, struct arena *a, struct str account, struct str region)
{
    memset(op, 0, sizeof *op);
    op->cloud = cloud;
    op->arena = a;
    op->partition = STR("aws");
    op->account = account;
    op->region = region;
    op->request_id = random_uuid(a);
    op->auth = cloud->auth;
    op->test_keys = cloud->config.test_keys;
    op->seal_key = (struct str){ (const char *)cloud->seal_key, sizeof cloud->seal_key };
}

static void splice(struct op_effect **end, struct op_effect **from)
{
    while (*end)
        end = &(*end)->next;
    *end = *from;
    *from = NULL;
}

void effects_splice(struct op *into, struct op *from)
{
    splice(&into->effects, &from->effects);
    splice(&into->undos, &from->undos);
}

void effects_undo(struct op *op)
{
    for (struct op_effect *e = op->undos; e; e = e->next)
        e->fn(op->cloud, e->arg);
    op->undos = NULL;
}

void effects_run(struct cloud *cloud, struct op_effect *effects, bool in_writer)
{
    for (struct op_effect *e = effects; e; e = e->next) {
        if (e->fn)
            e->fn(cloud, e->arg);
        else
            park_wake(cloud->parking, e->wake_key, !in_writer);
    }
}

static int run_once(struct task *t, struct txn *txn)
{
    struct op *op = &t->op;
    op->txn = txn;
    op->now_ms = clock_now_ms(op->cloud->clock);
    op->effects = op->undos = NULL;
    op->wait_key = STR_NONE;
    op->polls = op->keeps = false;
    op->reply_headers = (struct header_list){ 0 };
    op->reply_status = 0;
    op->fail = (struct op_failure){ 0 };
    int rc = t->run(t), err = txn_take_error(txn);
    if (err < 0 && !(rc == E_PARKED && t->txn == OP_RO)) /* a reader that waits may have given its state to a writer: it has to wait */
        rc = err;
    if (rc && !(rc == E_PARKED && op->keeps))
        effects_undo(op);
    op->txn = NULL;
    return rc;
}

/* The end of a run: parked again, or finished. */
static void settle(struct task *t, int rc)
{
    if (rc == E_PARKED) {
        t->op.tries++;
        rc = park_add(t->op.cloud->parking, t);
        if (rc == 0)
            return;
    }
    t->finish(t, rc);
}

static int in_writer(struct work *w, struct txn *txn)
{
    struct task *t = (struct task *)w;
    t->op.wake_seq = park_seq(t->op.cloud->parking);
    int rc = run_once(t, txn);
    if (rc == E_PARKED && t->op.keeps)
        rc = 0; /* for the commit; after_commit parks it */
    t->in_doubt = rc == 0;
    return rc;
}

static void after_commit(struct work *w, int rc)
{
    struct task *t = (struct task *)w;
    if (rc == 0) { /* before finish, which releases the task's memory */
        t->in_doubt = false;
        effects_run(t->op.cloud, t->op.effects, true);
    } else if (t->in_doubt && rc == E_NO_SPACE) { /* nothing was written, for certain: see store/commit.h */
        t->in_doubt = false;
        effects_undo(&t->op);
    }
    settle(t, rc == 0 && t->op.keeps ? E_PARKED : rc);
}

struct txn *task_snapshot(struct task *t)
{
    t->op.wake_seq = park_seq(t->op.cloud->parking);
    return store_read(t->op.cloud->store);
}

int task_start(struct task *t)
{
    struct cloud *cloud = t->op.cloud;
    if (t->txn == OP_RW) {
        t->work = (struct work){ .run = in_writer, .done = after_commit };
        return writer_submit(cloud->writer, &t->work);
    }
    struct txn *snapshot = t->snapshot ? t->snapshot : task_snapshot(t);
    t->snapshot = NULL;
    int rc = run_once(t, snapshot);
    if (rc == 0)
        effects_run(cloud, t->op.effects, false);
    /* What a handler returned may live in the snapshot: it ends after the answer was encoded, which run has done. */
    txn_end(snapshot);
    settle(t, rc);
    return 0;
}
