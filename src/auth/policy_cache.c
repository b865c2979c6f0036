#include "auth/policy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "auth/directory.h"
#include "auth/sign.h"
#include "auth/state.h"

/* Direct-mapped by a hash of the text: a collision replaces. An entry lives until its last reader's arena ends. */
enum { SLOTS = 1024, LOCKS = 16 };

struct entry {
    atomic_uint users;
    struct arena *arena;
    struct str text;
    const struct policy *policy;
};

struct policy_cache {
    pthread_mutex_t locks[LOCKS];
    struct entry *slots[SLOTS];
};

struct policy_cache *policy_cache_new(void)
{
    struct policy_cache *c = xalloc(sizeof *c);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    return c;
}

static void release(void *arg)
{
    struct entry *e = arg;
    if (e && atomic_fetch_sub(&e->users, 1) == 1) {
        arena_free(e->arena);
        free(e);
    }
}

void policy_cache_free(struct policy_cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < SLOTS; i++)
        release(c->slots[i]);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    free(c);
}

static struct entry *make(struct str json)
{
    struct entry *e = xalloc(sizeof *e);
    struct policy *policy;
    struct str why;
    e->arena = arena_new();
    e->text = str_dup(e->arena, json);
    atomic_init(&e->users, 1);
    const struct managed_policy *managed = managed_policy_find(json);
    struct str document = managed ? managed_policy_document(e->arena, managed) : e->text;
    if (policy_parse(e->arena, document, POLICY_ANY, &policy, &why) == 0)
        e->policy = policy;
    return e;
}

const struct policy *policy_cache_get(struct policy_cache *c, struct arena *a, struct str json)
{
    uint64_t hash = str_hash(json);
    struct entry *e = NULL, *old = NULL;
    if (!c) {
        e = make(json);
    } else {
        struct entry **slot = &c->slots[hash % SLOTS];
        pthread_mutex_t *lock = &c->locks[hash % LOCKS];
        pthread_mutex_lock(lock);
        if (!*slot || !str_eq((*slot)->text, json)) {
            old = *slot;
            *slot = make(json);
        }
        e = *slot;
        atomic_fetch_add(&e->users, 1);
        pthread_mutex_unlock(lock);
        release(old);
    }
    arena_defer(a, release, e);
    return e->policy;
}

struct auth_state *auth_state_new(void)
{
    struct auth_state *s = xalloc(sizeof *s);
    s->keys = key_cache_new();
    s->policies = policy_cache_new();
    return s;
}

void auth_state_free(struct auth_state *s)
{
    if (!s)
        return;
    key_cache_free(s->keys);
    policy_cache_free(s->policies);
    free(s);
}
