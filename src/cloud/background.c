#include "cloud/background.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

enum { THREADS = 2 };

struct work {
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
    struct work queue[LIMIT_BACKGROUND]; /* a ring */
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
        struct work w = b->queue[b->first];
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
        b->queue[(b->first + b->queued) % LIMIT_BACKGROUND] = (struct work){ fn, ctx };
        b->queued++;
        pthread_cond_signal(&b->more);
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
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
