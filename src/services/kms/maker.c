#include "services/kms/maker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cloud/cloud.h"
#include "gen/kms.h"
#include "services/kms/pair.h"

enum { WAITING_MAX = 64, WAIT_MS = 60000 };

/* Held by the operation (until its arena ends) and by the thread (until it is made): the last one frees it. */
struct order {
    struct order *next;
    const struct key_spec *spec;
    struct arena *arena;
    struct str wake_key, private_key, public_key;
    int rc;
    atomic_int holders;
    atomic_bool done;
};

struct key_maker {
    struct cloud *cloud;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct order *first, **end;
    unsigned waiting;
    atomic_bool stopping;
};

static void let_go(void *arg)
{
    struct order *o = arg;
    if (atomic_fetch_sub(&o->holders, 1) == 1)
        arena_free(o->arena);
}

static bool keep_on(void *ctx) { return !atomic_load(&((struct key_maker *)ctx)->stopping); }

static struct order *take(struct key_maker *m)
{
    pthread_mutex_lock(&m->lock);
    while (!m->first && keep_on(m))
        pthread_cond_wait(&m->changed, &m->lock);
    struct order *o = m->first;
    if (o) {
        m->first = o->next;
        m->waiting--;
        if (!m->first)
            m->end = &m->first;
    }
    pthread_mutex_unlock(&m->lock);
    return o;
}

static void *make(void *arg)
{
    struct key_maker *m = arg;
    for (struct order *o; (o = take(m));) {
        o->rc = keep_on(m) ? pair_make(o->arena, o->spec, keep_on, m, &o->private_key, &o->public_key) : E_CLOSED;
        atomic_store(&o->done, true);
        cloud_wake(m->cloud, o->wake_key);
        let_go(o);
    }
    return NULL;
}

static int put(struct key_maker *m, struct order *o)
{
    pthread_mutex_lock(&m->lock);
    bool full = m->waiting == WAITING_MAX;
    if (!full) {
        *m->end = o;
        m->end = &o->next;
        m->waiting++;
        pthread_cond_signal(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    return full ? E_BUSY : 0;
}

static int place(struct op *op, const struct key_spec *spec)
{
    struct arena *a = arena_new();
    struct order *o = arena_one(a, struct order);
    o->arena = a;
    o->spec = spec;
    o->wake_key = str_printf(a, "kms/pair/%.*s", STR_ARG(op->request_id));
    o->holders = 2;
    int rc = put(op->cloud->key_maker, o);
    if (rc < 0) {
        arena_free(a);
        return rc;
    }
    arena_defer(op->arena, let_go, o);
    op->state = o;
    return 0;
}

int maker_pair(struct op *op, const struct key_spec *spec, struct str *ret_private, struct str *ret_public)
{
    if (spec->family != SPEC_RSA || op->parent) /* a call from inside cannot wait */
        return pair_make(op->arena, spec, NULL, NULL, ret_private, ret_public);
    int rc = op->state ? 0 : place(op, spec);
    if (rc < 0)
        return rc;
    struct order *o = op->state;
    if (!atomic_load(&o->done)) {
        if (op->timed_out)
            return aws_fail(op, KMS_DependencyTimeoutException, "The system timed out while trying to fulfill the request.");
        return op_park(op, o->wake_key, WAIT_MS);
    }
    *ret_private = o->private_key;
    *ret_public = o->public_key;
    return o->rc;
}

int kms_start(struct cloud *cloud)
{
    struct key_maker *m = xalloc(sizeof *m);
    *m = (struct key_maker){ .cloud = cloud };
    m->end = &m->first;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    if (pthread_create(&m->thread, NULL, make, m)) {
        free(m);
        return E_IO;
    }
    cloud->key_maker = m;
    return 0;
}

void kms_stop(struct cloud *cloud)
{
    struct key_maker *m = cloud->key_maker;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
    cloud->key_maker = NULL;
}
