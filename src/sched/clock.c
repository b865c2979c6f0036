#include "sched/clock.h"

#include "base/arena.h"
#include "base/err.h"
#include "store/key.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct clock {
    _Atomic int64_t offset_ms;
    pthread_mutex_t setting; /* what is stored last is what is in force */
};

static void clock_key(struct key *k)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, "clock");
}

int clock_open(struct store *s, struct clock **ret)
{
    struct key k;
    struct str value;
    int64_t offset_ms = 0;
    clock_key(&k);
    struct txn *t = store_read(s);
    int rc = txn_get(t, key_view(&k), &value);
    if (rc == 0) {
        struct key_reader r;
        key_read_init(&r, value);
        rc = key_read_i64(&r, &offset_ms) < 0 ? E_CORRUPT : 0;
    } else if (rc == E_NOT_FOUND) {
        rc = 0;
    }
    txn_end(t);
    if (rc < 0)
        return rc;
    struct clock *c = xalloc(sizeof *c);
    atomic_store(&c->offset_ms, offset_ms);
    pthread_mutex_init(&c->setting, NULL);
    *ret = c;
    return 0;
}

void clock_free(struct clock *c)
{
    if (c)
        pthread_mutex_destroy(&c->setting);
    free(c);
}

int64_t clock_now_ms(const struct clock *c)
{
    return clock_real_ms() + clock_offset_ms(c);
}

int64_t clock_offset_ms(const struct clock *c)
{
    return atomic_load_explicit(&c->offset_ms, memory_order_relaxed);
}

static int offset_store(void *ctx, struct txn *t)
{
    struct key k, value;
    clock_key(&k);
    key_init(&value);
    key_i64(&value, *(const int64_t *)ctx);
    return txn_put(t, key_view(&k), key_view(&value));
}

int clock_set_offset(struct clock *c, struct writer *w, int64_t offset_ms)
{
    pthread_mutex_lock(&c->setting);
    int rc = writer_call(w, offset_store, &offset_ms);
    if (rc == 0)
        atomic_store(&c->offset_ms, offset_ms);
    pthread_mutex_unlock(&c->setting);
    return rc;
}

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_real_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
