#include "cloud/chore.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"

struct chores {
    pthread_t thread;
    bool started;        /* thread is to be joined; the door's threads take turns by running */
    atomic_bool running, stop;
    void (*fn)(struct cloud *cloud, struct exchange *x, const atomic_bool *stop);
    struct cloud *cloud;
    struct exchange *x;
};

struct chores *chores_new(void)
{
    return xalloc(sizeof(struct chores));
}

static void *chore_main(void *arg)
{
    struct chores *c = arg;
    c->fn(c->cloud, c->x, &c->stop);
    atomic_store(&c->running, false);
    return NULL;
}

int chore_start(struct chores *c, void (*fn)(struct cloud *cloud, struct exchange *x, const atomic_bool *stop), struct cloud *cloud, struct exchange *x)
{
    bool idle = false;
    if (!atomic_compare_exchange_strong(&c->running, &idle, true))
        return E_BUSY;
    if (c->started)
        pthread_join(c->thread, NULL);
    c->fn = fn;
    c->cloud = cloud;
    c->x = x;
    c->started = pthread_create(&c->thread, NULL, chore_main, c) == 0;
    if (!c->started)
        atomic_store(&c->running, false);
    return c->started ? 0 : E_BUSY;
}

void chores_free(struct chores *c)
{
    if (!c)
        return;
    atomic_store(&c->stop, true);
    if (c->started)
        pthread_join(c->thread, NULL);
    free(c);
}
