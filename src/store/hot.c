#include "store/hot.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024, STRIPES = 64, VALUE_BYTES_MAX = 8192 };

struct entry {
    uint64_t since;
    uint32_t key_n, value_n;
    bool there;
    char bytes[]; /* the key, then the value */
};

struct slot {
    struct entry *entry;
    uint64_t missed;  /* the hash of the key that was missed last, 0: none */
    uint64_t written; /* the last commit that wrote a key of this slot */
};

struct hot {
    struct slot slots[SLOTS];
    pthread_mutex_t locks[STRIPES];
};

struct hot *hot_new(void)
{
    struct hot *h = xalloc(sizeof *h);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&h->locks[i], NULL);
    return h;
}

/* Entries may hold the secrets of access keys. */
static void drop(struct slot *s)
{
    if (!s->entry)
        return;
    explicit_bzero(s->entry->bytes, s->entry->key_n + s->entry->value_n);
    free(s->entry);
    s->entry = NULL;
}

void hot_free(struct hot *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        drop(&h->slots[i]);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&h->locks[i]);
    free(h);
}

/* Never 0. A client that makes keys collide gains only that they are read from the driver. */
static uint64_t hash_of(struct str key)
{
    return str_hash(key) | 1;
}

static struct slot *lock_slot(struct hot *h, uint64_t hash, pthread_mutex_t **ret_lock)
{
    size_t i = (hash >> 8) % SLOTS;
    *ret_lock = &h->locks[i % STRIPES];
    pthread_mutex_lock(*ret_lock);
    return &h->slots[i];
}

static bool holds(const struct slot *s, struct str key)
{
    return s->entry && s->entry->key_n == key.n && memcmp(s->entry->bytes, key.p, key.n) == 0;
}

bool hot_get(struct hot *h, struct str key, uint64_t commit, struct arena *a, struct str *ret)
{
    pthread_mutex_t *lock;
    struct slot *s = lock_slot(h, hash_of(key), &lock);
    bool known = holds(s, key) && s->entry->since <= commit;
    if (known)
        *ret = s->entry->there ? str_dup(a, (struct str){ s->entry->bytes + key.n, s->entry->value_n }) : STR_NONE;
    pthread_mutex_unlock(lock);
    return known;
}

static void keep(struct slot *s, struct str key, uint64_t since, struct str value)
{
    drop(s);
    struct entry *e = s->entry = xalloc(sizeof *e + key.n + value.n);
    *e = (struct entry){ since, (uint32_t)key.n, (uint32_t)value.n, value.p != NULL };
    memcpy(e->bytes, key.p, key.n);
    if (value.n)
        memcpy(e->bytes + key.n, value.p, value.n);
}

void hot_offer(struct hot *h, struct str key, uint64_t commit, struct str value)
{
    if (value.n > VALUE_BYTES_MAX)
        return;
    uint64_t hash = hash_of(key);
    pthread_mutex_t *lock;
    struct slot *s = lock_slot(h, hash, &lock);
    if (s->written <= commit && !holds(s, key)) {
        if (s->missed == hash)
            keep(s, key, commit, value);
        s->missed = hash;
    }
    pthread_mutex_unlock(lock);
}

void hot_forget(struct hot *h, struct str key, uint64_t commit)
{
    pthread_mutex_t *lock;
    uint64_t hash = hash_of(key);
    struct slot *s = lock_slot(h, hash, &lock);
    s->written = commit;
    if (s->missed == hash)
        s->missed = 0;
    if (holds(s, key))
        drop(s);
    pthread_mutex_unlock(lock);
}
