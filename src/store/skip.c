#include "store/skip.h"

#include "base/arena.h"

#include <string.h>

/* Each level holds about a quarter of the one below: 12 levels serve 16 million keys. */
enum { LEVELS = 12 };

struct skip {
    struct arena *arena;
    uint32_t random; /* any sequence does; a fixed start makes runs repeatable */
    struct skip_node *head;
};

static struct skip_node *node_new(struct arena *a, struct str key, int levels)
{
    struct skip_node *n = arena_alloc(a, sizeof *n + sizeof n->next[0] * (size_t)levels);
    n->key = (struct str){ arena_dup(a, key.p, key.n), key.n };
    return n;
}

struct skip *skip_new(struct arena *a)
{
    struct skip *s = arena_one(a, struct skip);
    s->arena = a;
    s->random = 0x9e3779b9u;
    s->head = node_new(a, STR(""), LEVELS);
    return s;
}

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* The last node < key (or the head); before[] gets the last such node of every level. */
static struct skip_node *seek(const struct skip *s, struct str key, struct skip_node *before[LEVELS])
{
    struct skip_node *n = s->head;
    for (int level = LEVELS - 1; level >= 0; level--) {
        struct skip_node *next;
        while ((next = atomic_load_explicit(&n->next[level], memory_order_acquire)) && compare(next->key, key) < 0)
            n = next;
        if (before)
            before[level] = n;
    }
    return n;
}

static int random_levels(struct skip *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 17;
    s->random ^= s->random << 5;
    int levels = 1;
    for (uint32_t r = s->random; levels < LEVELS && (r & 3) == 0; r >>= 2)
        levels++;
    return levels;
}

struct skip_node *skip_insert(struct skip *s, struct str key)
{
    struct skip_node *before[LEVELS];
    struct skip_node *found = skip_next(seek(s, key, before));
    if (found && compare(found->key, key) == 0)
        return found;
    int levels = random_levels(s);
    struct skip_node *n = node_new(s->arena, key, levels);
    for (int level = 0; level < levels; level++) {
        struct skip_node *next = atomic_load_explicit(&before[level]->next[level], memory_order_relaxed);
        atomic_store_explicit(&n->next[level], next, memory_order_relaxed);
        atomic_store_explicit(&before[level]->next[level], n, memory_order_release);
    }
    return n;
}

struct skip_node *skip_at_least(const struct skip *s, struct str key)
{
    return skip_next(seek(s, key, NULL));
}

struct skip_node *skip_find(const struct skip *s, struct str key)
{
    struct skip_node *n = skip_at_least(s, key);
    return n && compare(n->key, key) == 0 ? n : NULL;
}

struct skip_node *skip_below(const struct skip *s, struct str key)
{
    struct skip_node *n = seek(s, key, NULL);
    return n == s->head ? NULL : n;
}

struct skip_node *skip_last(const struct skip *s)
{
    struct skip_node *n = s->head;
    for (int level = LEVELS - 1; level >= 0; level--) {
        struct skip_node *next;
        while ((next = atomic_load_explicit(&n->next[level], memory_order_acquire)))
            n = next;
    }
    return n == s->head ? NULL : n;
}
