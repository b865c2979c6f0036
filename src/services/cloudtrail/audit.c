/* Who listens to the calls, and the events that wait in memory. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/log.h"
#include "services/cloudtrail/audit.h"

enum { QUEUE_MS = 1000, QUEUE_BYTES_MAX = 16 * 1024 * 1024 };

/* What waits, or is being written: one arena for all of it. */
struct batch {
    struct arena *arena;
    struct events events;
};

struct audit {
    struct cloud *cloud;
    struct trails *trails;
    struct call_listener listener;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct batch *waiting;
    bool hurry, stopping, started;
    atomic_uint unwritten; /* waiting, or being written */
    atomic_ullong lost;
    atomic_llong made;
};

struct trails *audit_trails(struct cloud *cloud)
{
    return cloud->audit->trails;
}

static struct batch *batch_new(void)
{
    struct batch *b = xalloc(sizeof *b);
    b->arena = arena_new();
    return b;
}

static void batch_free(struct batch *b)
{
    arena_free(b->arena);
    free(b);
}

/* ---- writing ---- */

static int write_batch(struct op *op, void *ctx)
{
    const struct batch *b = ctx;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < b->events.n; i++)
        rc = event_keep(op, &b->events.v[i]);
    op_wake(op, STR(AUDIT_WRITTEN));
    return rc;
}

static void lose(struct audit *a, const struct batch *b, int rc)
{
    if (atomic_fetch_add(&a->lost, b->events.n) == 0 && rc != E_CLOSED)
        log_warn("events of calls that changed nothing could not be written: %s", err_name(rc));
}

static void batch_done(struct cloud *cloud, void *ctx, int rc)
{
    struct batch *b = ctx;
    if (rc)
        lose(cloud->audit, b, rc);
    atomic_fetch_sub(&cloud->audit->unwritten, b->events.n);
    batch_free(b);
}

static void write_out(struct audit *a, struct batch *b)
{
    if (b->events.n == 0) {
        batch_free(b);
        return;
    }
    int rc = cloud_run(a->cloud, STR(""), STR(""), write_batch, batch_done, b);
    if (rc == 0)
        return;
    batch_done(a->cloud, b, rc);
    cloud_wake(a->cloud, STR(AUDIT_WRITTEN));
}

static void *loop(void *arg)
{
    struct audit *a = arg;
    bool stop = false;
    while (!stop) {
        pthread_mutex_lock(&a->lock);
        while (!a->waiting->events.n && !a->stopping)
            pthread_cond_wait(&a->changed, &a->lock);
        int64_t until_ms = clock_mono_ms() + QUEUE_MS;
        struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
        while (!a->hurry && !a->stopping && pthread_cond_timedwait(&a->changed, &a->lock, &until) == 0)
            ;
        struct batch *b = a->waiting;
        a->waiting = batch_new();
        a->hurry = false;
        stop = a->stopping;
        pthread_mutex_unlock(&a->lock);
        write_out(a, b);
    }
    return NULL;
}

bool audit_hurry(struct cloud *cloud)
{
    struct audit *a = cloud->audit;
    if (!a->started || atomic_load(&a->unwritten) == 0)
        return false;
    pthread_mutex_lock(&a->lock);
    a->hurry = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return true;
}

static void queue(struct audit *a, const struct event *from)
{
    pthread_mutex_lock(&a->lock);
    struct batch *b = a->waiting;
    if (arena_bytes(b->arena) > QUEUE_BYTES_MAX || a->stopping) {
        atomic_fetch_add(&a->lost, 1);
    } else {
        struct event *e = list_push(b->arena, &b->events);
        *e = (struct event){ .account = str_dup(b->arena, from->account), .region = str_dup(b->arena, from->region), .management = from->management,
                             .value = str_dup(b->arena, from->value) };
        e->order = from->order;
        e->rec.EventTime = from->rec.EventTime;
        e->rec.EventId = str_dup(b->arena, from->rec.EventId);
        for (uint32_t i = 0; i < from->trails.n; i++) {
            const struct trail_ref *r = &from->trails.v[i];
            *list_push(b->arena, &e->trails) = (struct trail_ref){ str_dup(b->arena, r->home), str_dup(b->arena, r->name), r->digests };
        }
        if (b->events.n == 1) /* the thread sleeps only when nothing waits */
            pthread_cond_signal(&a->changed);
        atomic_fetch_add(&a->unwritten, 1);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- listening ---- */

static bool is_of_interest(const struct audit *a, const struct op *op)
{
    return op->row && op->caller && (!op->row->data || trails_want_data(a->trails));
}

static bool is_kept(const struct event *e)
{
    return e->management || e->trails.n;
}

static void make(struct audit *a, struct op *op, const void *in, const void *out, int rc, struct events *ret)
{
    event_make(op, in, out, rc, ret);
    for (uint32_t i = 0; i < ret->n; i++) {
        ret->v[i].order = atomic_fetch_add(&a->made, 1);
        trails_select(a->trails, op->arena, &ret->v[i]);
    }
}

static int committing(void *ctx, struct op *op, const void *in, const void *out)
{
    struct audit *a = ctx;
    struct events events = { 0 };
    int rc = 0;
    if (!is_of_interest(a, op))
        return 0;
    make(a, op, in, out, 0, &events);
    for (uint32_t i = 0; rc == 0 && i < events.n; i++)
        if (is_kept(&events.v[i]))
            rc = event_keep(op, &events.v[i]);
    return rc;
}

static void ended(void *ctx, struct op *op, const void *in, const void *out, int rc)
{
    struct audit *a = ctx;
    struct events events = { 0 };
    if (!is_of_interest(a, op) || rc == E_CLOSED || (rc == 0 && op->row->txn == OP_RW)) /* that was written when it was committed */
        return;
    /* What it answered may have been the snapshot's, which is gone. */
    make(a, op, in, NULL, rc, &events);
    for (uint32_t i = 0; i < events.n; i++)
        if (is_kept(&events.v[i]))
            queue(a, &events.v[i]);
}

/* ---- start and stop ---- */

int cloudtrail_start(struct cloud *cloud)
{
    struct audit *a = xalloc(sizeof *a);
    pthread_condattr_t attr;
    cloud->audit = a;
    a->cloud = cloud;
    a->waiting = batch_new();
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &attr);
    pthread_condattr_destroy(&attr);
    int rc = trails_open(cloud, &a->trails);
    if (rc)
        return rc;
    a->listener = (struct call_listener){ .ended = ended, .committing = committing, .ctx = a };
    cloud_listen(cloud, &a->listener);
    if (cloud->config.jobs_by_hand) /* tests that say what is written when: what waits is not */
        return 0;
    a->started = pthread_create(&a->thread, NULL, loop, a) == 0;
    return a->started ? 0 : E_IO;
}

/* What waits is handed to the writer, which still commits it. */
void cloudtrail_stop(struct cloud *cloud)
{
    struct audit *a = cloud->audit;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (a->started)
        pthread_join(a->thread, NULL);
}

void cloudtrail_free(struct cloud *cloud)
{
    struct audit *a = cloud->audit;
    cloud->audit = NULL;
    cloud->listeners = NULL;
    trails_free(a->trails);
    batch_free(a->waiting);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
