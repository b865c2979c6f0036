#include "base/shared.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Direct-mapped by a hash of the key: a collision replaces. */
enum { SLOTS = 1024, LOCKS = 16 };

struct entry {
    atomic_uint users;
    struct arena *arena;
    struct str key;
    uint64_t version;
    const void *value;
};

struct shared {
    pthread_mutex_t locks[LOCKS];
    struct entry *slots[SLOTS];
};

struct shared *shared_new(void)
{
    struct shared *s = xalloc(sizeof *s);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&s->locks[i], NULL);
    return s;
}

static void release(void *arg)
{
    struct entry *e = arg;
    if (e && atomic_fetch_sub(&e->users, 1) == 1) {
        arena_free(e->arena);
        free(e);
    }
}

void shared_free(struct shared *s)
{
    if (!s)
        return;
    for (int i = 0; i < SLOTS; i++)
        release(s->slots[i]);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&s->locks[i]);
    free(s);
}

const void *shared_get(struct shared *s, struct arena *reader, struct str key, uint64_t version)
{
    uint64_t hash = str_hash(key);
    pthread_mutex_t *lock = &s->locks[hash % LOCKS];
    pthread_mutex_lock(lock);
    struct entry *e = s->slots[hash % SLOTS];
    if (e && e->version == version && str_eq(e->key, key))
        atomic_fetch_add(&e->users, 1);
    else
        e = NULL;
    pthread_mutex_unlock(lock);
    if (!e)
        return NULL;
    arena_defer(reader, release, e);
    return e->value;
}

void shared_put(struct shared *s, struct arena *reader, struct arena *own, struct str key, uint64_t version, const void *value)
{
    struct entry *e = xalloc(sizeof *e), *old = e;
    *e = (struct entry){ .arena = own, .key = str_dup(own, key), .version = version, .value = value };
    atomic_init(&e->users, 2); /* the reader's and the slot's */
    arena_defer(reader, release, e);
    uint64_t hash = str_hash(key);
    struct entry **slot = &s->slots[hash % SLOTS];
    pthread_mutex_t *lock = &s->locks[hash % LOCKS];
    pthread_mutex_lock(lock);
    if (!*slot || !str_eq((*slot)->key, key) || (*slot)->version <= version) {
        old = *slot;
        *slot = e;
    }
    pthread_mutex_unlock(lock);
    release(old);
}
