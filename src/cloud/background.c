#include "cloud/background.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cloud/cloud.h"

enum { THREADS = 2, WAIT_MS = 60 * 1000, WAKE_KEY_CHARS_MAX = 63 };

struct waiting {
    void (*fn)(struct cloud *cloud, void *ctx, const atomic_bool *stop);
    void *ctx;
};

struct background {
    struct cloud *cloud;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;
    pthread_t threads[THREADS];
    unsigned threads_n, idle;
    struct waiting queue[LIMIT_BACKGROUND]; /* a ring */
    unsigned first, queued;
};

struct background *background_new(struct cloud *cloud)
{
    struct background *b = xalloc(sizeof *b);
    b->cloud = cloud;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    return b;
}

static void *background_main(void *arg)
{
    struct background *b = arg;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->queued == 0 && !atomic_load(&b->stop)) {
            b->idle++;
            pthread_cond_wait(&b->more, &b->lock);
            b->idle--;
        }
        if (b->queued == 0)
            break;
        struct waiting w = b->queue[b->first];
        b->first = (b->first + 1) % LIMIT_BACKGROUND;
        b->queued--;
        pthread_mutex_unlock(&b->lock);
        w.fn(b->cloud, w.ctx, &b->stop);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

int background_run(struct background *b, void (*fn)(struct cloud *cloud, void *ctx, const atomic_bool *stop), void *ctx)
{
    if (!b)
        return E_BUSY;
    pthread_mutex_lock(&b->lock);
    if (b->idle <= b->queued && b->threads_n < THREADS && pthread_create(&b->threads[b->threads_n], NULL, background_main, b) == 0)
        b->threads_n++;
    int rc = b->queued == LIMIT_BACKGROUND || b->threads_n == 0 ? E_BUSY : 0;
    if (rc == 0) {
        b->queue[(b->first + b->queued) % LIMIT_BACKGROUND] = (struct waiting){ fn, ctx };
        b->queued++;
        pthread_cond_signal(&b->more);
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

/* What has not begun and will not be needed: true, and it is forgotten. */
static bool take_back(struct background *b, const void *ctx)
{
    bool found = false;
    pthread_mutex_lock(&b->lock);
    for (unsigned i = 0; i < b->queued; i++) {
        if (found)
            b->queue[(b->first + i - 1) % LIMIT_BACKGROUND] = b->queue[(b->first + i) % LIMIT_BACKGROUND];
        found = found || b->queue[(b->first + i) % LIMIT_BACKGROUND].ctx == ctx;
    }
    b->queued -= found;
    pthread_mutex_unlock(&b->lock);
    return found;
}

void background_free(struct background *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    atomic_store(&b->stop, true);
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
    for (unsigned i = 0; i < b->threads_n; i++)
        pthread_join(b->threads[i], NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->more);
    free(b);
}

/* ---- of operations ---- */

struct chore {
    struct background *background; /* NULL: it ran at once */
    void (*fn)(struct cloud *cloud, void *ctx);
    void *ctx;
    char wake_key[WAKE_KEY_CHARS_MAX + 1];
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
};

static void do_chore(struct cloud *cloud, void *arg, const atomic_bool *stop)
{
    struct chore *c = arg;
    char wake_key[sizeof c->wake_key]; /* once done is set, c may be gone */
    memcpy(wake_key, c->wake_key, sizeof wake_key);
    c->fn(cloud, c->ctx);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
    cloud_wake(cloud, str_c(wake_key));
}

static bool is_done(struct chore *c)
{
    pthread_mutex_lock(&c->lock);
    bool done = c->done;
    pthread_mutex_unlock(&c->lock);
    return done;
}

/* With the operation's arena. It has run its course, unless the operation ended before: by a policy that changed, or because too many were parked. Then
 * what runs is waited for, here (it may be the writer's thread), but not what waits for others. */
static void end_chore(void *arg)
{
    struct chore *c = arg;
    bool taken_back = !is_done(c) && take_back(c->background, c);
    pthread_mutex_lock(&c->lock);
    while (!c->done && !taken_back)
        pthread_cond_wait(&c->ended, &c->lock);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->ended);
}

static int begin_chore(struct op *op, void (*fn)(struct cloud *cloud, void *ctx), void *ctx, struct chore **ret)
{
    struct chore *c = arena_one(op->arena, struct chore);
    struct str key = str_cat(op->arena, STR("background/"), str_sub(op->request_id, 0, WAKE_KEY_CHARS_MAX / 2));
    c->background = op->cloud->background;
    c->fn = fn;
    c->ctx = ctx;
    memcpy(c->wake_key, key.p, key.n);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->ended, NULL);
    arena_defer(op->arena, end_chore, c);
    *ret = c;
    if (c->background) {
        int rc = background_run(c->background, do_chore, c);
        if (rc)
            c->done = true; /* nobody else has it */
        return rc;
    }
    fn(op->cloud, ctx);
    c->done = true;
    return 0;
}

int background_for(struct op *op, void (*fn)(struct cloud *cloud, void *ctx), void *ctx)
{
    struct chore *c = op->state;
    int rc = c ? 0 : begin_chore(op, fn, ctx, &c);
    if (rc)
        return rc;
    op->state = c;
    if (is_done(c))
        return 0;
    op->waits_anew = op->timed_out; /* behind a long backup, say: there is no end to the patience, but pauses in it */
    return op_park(op, str_c(c->wake_key), WAIT_MS);
}

void *background_ctx(const struct op *op)
{
    const struct chore *c = op->state;
    return c ? c->ctx : NULL;
}
