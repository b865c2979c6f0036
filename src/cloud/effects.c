/* What aws/op.h promises and needs the running program for. */
#include <assert.h>

#include "cloud/task.h"
#include "sched/jobs.h"

static void kick(struct cloud *cloud, void *arg)
{
    jobs_kick(cloud->jobs);
}

static struct job job_of(struct op *op, const char *kind, struct str id, int64_t due_ms, struct str payload)
{
    return (struct job){
        .kind = str_c(kind), .account = op->account, .region = op->region, .id = id, .payload = payload, .due_ms = due_ms,
    };
}

int op_outbox(struct op *op, const char *kind, struct str payload)
{
    struct job job = job_of(op, kind, STR(""), 0, payload);
    op_on_commit(op, kick, NULL);
    return jobs_outbox_add(op->cloud->jobs, op->txn, &job);
}

int op_timer_set(struct op *op, const char *kind, struct str id, int64_t due_ms, struct str payload)
{
    struct job job = job_of(op, kind, id, due_ms, payload);
    op_on_commit(op, kick, NULL);
    return jobs_timer_set(op->cloud->jobs, op->txn, &job);
}

int op_timer_arm(struct op *op, const char *kind, struct str id, int64_t due_ms, struct str payload)
{
    struct job job = job_of(op, kind, id, due_ms, payload);
    int rc = jobs_timer_look(op->txn, op->arena, &job);
    return rc == E_NOT_FOUND ? op_timer_set(op, kind, id, due_ms, payload) : rc;
}

int op_timer_cancel(struct op *op, const char *kind, struct str id)
{
    struct job job = job_of(op, kind, id, 0, STR(""));
    return jobs_timer_cancel(op->cloud->jobs, op->txn, &job);
}

static struct op_effect *add(struct op *op, struct op_effect **end)
{
    while (*end)
        end = &(*end)->next;
    return *end = arena_one(op->arena, struct op_effect);
}

void op_on_commit(struct op *op, void (*fn)(struct cloud *cloud, void *arg), void *arg)
{
    assert(fn);
    for (struct op_effect *e = op->effects; e; e = e->next)
        if (e->fn == fn && e->arg == arg)
            return; /* the same effect once: a hundred timers kick the worker once */
    *add(op, &op->effects) = (struct op_effect){ .fn = fn, .arg = arg };
}

void op_wake(struct op *op, struct str key)
{
    for (struct op_effect *e = op->effects; e; e = e->next)
        if (!e->fn && str_eq(e->wake_key, key))
            return;
    add(op, &op->effects)->wake_key = str_dup(op->arena, key);
}

int cloud_wake(struct cloud *cloud, struct str key)
{
    return park_wake(cloud->parking, key, true);
}

struct blobs *op_blobs(struct op *op)
{
    return op->cloud->blobs;
}

/* Which body files are in use: one small record each, so that the sweep at start needs no service. */
static void blob_key(struct key *k, struct str id)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, "blob");
    key_str(k, id);
}

int op_blob_keep(struct op *op, struct str id)
{
    struct key k;
    blob_key(&k, id);
    return txn_put(op->txn, key_view(&k), STR(""));
}

static void remove_file(struct cloud *cloud, void *arg)
{
    blob_remove(cloud->blobs, *(struct str *)arg);
}

static struct str *kept_id(struct op *op, struct str id)
{
    struct str *kept = arena_one(op->arena, struct str);
    *kept = str_dup(op->arena, id);
    return kept;
}

int op_blob_drop(struct op *op, struct str id)
{
    struct key k;
    blob_key(&k, id);
    op_on_commit(op, remove_file, kept_id(op, id));
    return txn_delete(op->txn, key_view(&k));
}

void op_blob_made(struct op *op, struct str id)
{
    *add(op, &op->undos) = (struct op_effect){ .fn = remove_file, .arg = kept_id(op, id) };
}

bool op_blob_is_kept(struct op *op, struct str id)
{
    struct key k;
    struct str value;
    blob_key(&k, id);
    return txn_get(op->txn, key_view(&k), &value) != E_NOT_FOUND;
}

static bool is_used(void *ctx, struct str id)
{
    return op_blob_is_kept(ctx, id);
}

int cloud_sweep_blobs(struct cloud *cloud)
{
    struct op op = { .txn = store_read(cloud->store) };
    int n = blobs_sweep(cloud->blobs, is_used, &op);
    txn_end(op.txn);
    return n;
}
