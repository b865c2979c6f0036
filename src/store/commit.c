#include "store/commit.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/wake.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A group ends at this many works or bytes: it bounds the memory of a transaction and how long the first work waits for the last. */
enum { GROUP_WORKS_MAX = 1024, GROUP_BYTES_MAX = 8 << 20 };

struct ran {
    struct work *work;
    int rc;
};

struct writer {
    struct store *store;
    pthread_t thread;
    struct ran *group; /* GROUP_WORKS_MAX; the thread's own */
    atomic_bool failed;
    atomic_uint_fast64_t works, commits;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;
    struct work *first, **last;
    unsigned queued;
    bool stopping, waiting;
};

/* Runs works from *list into one transaction until it is full; returns how many. */
static size_t group_run(struct writer *w, struct txn *t, struct work **list)
{
    size_t n = 0;
    while (*list && n < GROUP_WORKS_MAX && txn_write_bytes(t) < GROUP_BYTES_MAX) {
        struct work *work = *list;
        *list = work->next; /* before run: done may free it, and run may queue it again */
        txn_save(t);
        int rc = work->run(work, t), err = txn_take_error(t);
        if (err < 0)
            rc = err;
        if (rc < 0)
            txn_save_rollback(t);
        else
            txn_save_release(t);
        w->group[n++] = (struct ran){ work, rc < 0 ? rc : 0 };
    }
    return n;
}

static void group_take(struct writer *w, struct work **list)
{
    struct txn *t = store_write(w->store);
    size_t n = group_run(w, t, list);
    bool wrote = txn_write_bytes(t) > 0;
    int commit_rc = txn_commit(t);
    if (commit_rc < 0 && commit_rc != E_NO_SPACE) {
        atomic_store(&w->failed, true);
        log_error("a commit failed (%s): nothing is written any more, reads go on; restart strata when the disk is sound and has room", err_name(commit_rc));
    }
    atomic_fetch_add_explicit(&w->works, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->commits, wrote, memory_order_relaxed);
    wakes_hold();
    for (size_t i = 0; i < n; i++) {
        struct ran *r = &w->group[i];
        /* Also a refusal may rest on what another work of the group wrote. */
        r->work->done(r->work, commit_rc < 0 ? commit_rc : r->rc);
    }
    wakes_release(); /* once for the whole group */
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (!w->first && !w->stopping) {
            w->waiting = true;
            pthread_cond_wait(&w->more, &w->lock);
            w->waiting = false;
        }
        struct work *list = w->first;
        w->first = NULL;
        w->last = &w->first;
        w->queued = 0;
        pthread_mutex_unlock(&w->lock);
        if (!list)
            return NULL; /* stopping, and nothing was queued any more */
        while (list && !atomic_load(&w->failed))
            group_take(w, &list);
        while (list) {
            struct work *work = list;
            list = work->next;
            work->done(work, E_IO);
        }
    }
}

int writer_start(struct store *s, struct writer **ret)
{
    struct writer *w = xalloc(sizeof *w);
    w->store = s;
    w->group = xalloc(GROUP_WORKS_MAX * sizeof *w->group);
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    if (pthread_create(&w->thread, NULL, writer_main, w) != 0) {
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->more);
        free(w->group);
        free(w);
        return E_IO;
    }
    *ret = w;
    return 0;
}

int writer_submit(struct writer *w, struct work *work)
{
    if (atomic_load(&w->failed))
        return E_IO;
    int rc = 0;
    bool wake = false;
    pthread_mutex_lock(&w->lock);
    if (w->stopping) {
        rc = E_CLOSED;
    } else if (w->queued >= LIMIT_WRITER_QUEUE) {
        rc = E_BUSY;
    } else {
        work->next = NULL;
        *w->last = work;
        w->last = &work->next;
        w->queued++;
        wake = w->waiting;
    }
    pthread_mutex_unlock(&w->lock);
    if (wake)
        pthread_cond_signal(&w->more);
    return rc;
}

struct call {
    struct work work;
    int (*fn)(void *ctx, struct txn *t);
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    int rc;
};

static int call_run(struct work *work, struct txn *t)
{
    struct call *c = (struct call *)work;
    return c->fn(c->ctx, t);
}

static void call_done(struct work *work, int rc)
{
    struct call *c = (struct call *)work;
    pthread_mutex_lock(&c->lock);
    c->rc = rc;
    c->done = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

int writer_call(struct writer *w, int (*fn)(void *ctx, struct txn *t), void *ctx)
{
    assert(!pthread_equal(pthread_self(), w->thread));
    struct call c = { .work = { call_run, call_done, NULL }, .fn = fn, .ctx = ctx };
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.ended, NULL);
    int rc = writer_submit(w, &c.work);
    if (rc == 0) {
        pthread_mutex_lock(&c.lock);
        while (!c.done)
            pthread_cond_wait(&c.ended, &c.lock);
        rc = c.rc;
        pthread_mutex_unlock(&c.lock);
    }
    pthread_cond_destroy(&c.ended);
    pthread_mutex_destroy(&c.lock);
    return rc;
}

bool writer_failed(const struct writer *w)
{
    return atomic_load(&w->failed);
}

void writer_stop(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    free(w->group);
    free(w);
}

void writer_stats(const struct writer *w, struct writer_stats *ret)
{
    ret->works = atomic_load_explicit(&w->works, memory_order_relaxed);
    ret->commits = atomic_load_explicit(&w->commits, memory_order_relaxed);
}
