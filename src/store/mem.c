/* A store in memory, for tests and the simulator.
 *
 * A skip list of keys, each with its versions, newest first. A snapshot is the number of a commit and sees in each chain the first
 * version that is not newer. Readers take no lock but the short one that registers their snapshot; a commit frees the versions
 * that no registered snapshot can reach: those behind the first that the oldest snapshot sees. */
#include "base/arena.h"
#include "base/err.h"
#include "store/driver.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct version {
    _Atomic(struct version *) older;
    uint64_t commit;
    bool deleted;
    size_t n;
    char value[];
};

struct mem {
    struct store base;
    struct arena *arena; /* the skip list */
    struct skip *keys;
    _Atomic uint64_t bytes;

    pthread_mutex_t lock; /* of what follows */
    uint64_t commit;      /* the last one */
    struct view *views;
};

struct view {
    struct mem *mem;
    uint64_t commit;
    struct view *next, **prev;
};

struct cursor {
    struct view *view;
    struct str from, to;
    bool reverse, started;
    struct skip_node *at;
};

static struct view *mem_view(struct store *s, bool latest)
{
    (void)latest;
    struct mem *m = (struct mem *)s;
    struct view *v = xalloc(sizeof *v);
    v->mem = m;
    pthread_mutex_lock(&m->lock);
    v->commit = m->commit;
    v->next = m->views;
    v->prev = &m->views;
    if (v->next)
        v->next->prev = &v->next;
    m->views = v;
    pthread_mutex_unlock(&m->lock);
    return v;
}

static void mem_view_end(struct view *v)
{
    pthread_mutex_lock(&v->mem->lock);
    *v->prev = v->next;
    if (v->next)
        v->next->prev = v->prev;
    pthread_mutex_unlock(&v->mem->lock);
    free(v);
}

/* What the view sees at a node; NULL: nothing. */
static const struct version *view_at(const struct view *v, const struct skip_node *n)
{
    const struct version *ver = atomic_load_explicit(&n->data, memory_order_acquire);
    while (ver && ver->commit > v->commit)
        ver = atomic_load_explicit(&ver->older, memory_order_acquire);
    return ver && !ver->deleted ? ver : NULL;
}

static int mem_get(struct view *v, struct str key, struct str *ret)
{
    const struct skip_node *n = skip_find(v->mem->keys, key);
    const struct version *ver = n ? view_at(v, n) : NULL;
    if (!ver)
        return E_NOT_FOUND;
    *ret = (struct str){ ver->value, ver->n };
    return 0;
}

static struct cursor *mem_cursor(struct view *v, struct str from, struct str to, bool reverse)
{
    struct cursor *c = xalloc(sizeof *c);
    *c = (struct cursor){ .view = v, .from = from, .to = to, .reverse = reverse };
    return c;
}

static void cursor_step(struct cursor *c)
{
    const struct skip *keys = c->view->mem->keys;
    if (c->started)
        c->at = c->reverse ? skip_below(keys, c->at->key) : skip_next(c->at);
    else if (!c->reverse)
        c->at = skip_at_least(keys, c->from);
    else
        c->at = c->to.n ? skip_below(keys, c->to) : skip_last(keys);
    c->started = true;
}

static bool mem_next(struct cursor *c, struct str *ret_key, struct str *ret_value)
{
    for (cursor_step(c); c->at; cursor_step(c)) {
        struct str key = c->at->key;
        if (c->reverse ? str_cmp(key, c->from) < 0 : c->to.n && str_cmp(key, c->to) >= 0)
            break;
        const struct version *ver = view_at(c->view, c->at);
        if (ver) {
            *ret_key = key;
            *ret_value = (struct str){ ver->value, ver->n };
            return true;
        }
    }
    return false;
}

static int mem_cursor_end(struct cursor *c)
{
    free(c);
    return 0;
}

static void versions_free(struct version *v)
{
    while (v) {
        struct version *older = v->older;
        free(v);
        v = older;
    }
}

/* The oldest commit that a snapshot may look at, now or later. */
static uint64_t oldest_view(struct mem *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t oldest = m->commit;
    for (const struct view *v = m->views; v; v = v->next)
        if (v->commit < oldest)
            oldest = v->commit;
    pthread_mutex_unlock(&m->lock);
    return oldest;
}

static void version_add(struct mem *m, struct str key, const struct pending *p, uint64_t commit, uint64_t oldest)
{
    struct skip_node *n = skip_insert(m->keys, key);
    struct version *ver = xalloc(sizeof *ver + p->value.n);
    ver->older = atomic_load_explicit(&n->data, memory_order_relaxed);
    ver->commit = commit;
    ver->deleted = p->deleted;
    ver->n = p->value.n;
    if (ver->n)
        memcpy(ver->value, p->value.p, ver->n);
    atomic_store_explicit(&n->data, ver, memory_order_release);
    m->bytes += key.n + ver->n;

    struct version *seen = ver->older;
    while (seen && seen->commit > oldest)
        seen = seen->older;
    if (seen)
        versions_free(atomic_exchange(&seen->older, NULL));
}

static int mem_commit(struct store *s, const struct skip *writes)
{
    struct mem *m = (struct mem *)s;
    uint64_t oldest = oldest_view(m);
    uint64_t commit = m->commit + 1; /* only the writer changes it */
    for (const struct skip_node *n = skip_at_least(writes, STR("")); n; n = skip_next(n)) {
        const struct pending *p = n->data;
        if (p)
            version_add(m, n->key, p, commit, oldest);
    }
    pthread_mutex_lock(&m->lock);
    m->commit = commit;
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static uint64_t mem_bytes(struct store *s)
{
    return ((struct mem *)s)->bytes;
}

static int mem_backup(struct store *s, const char *dir)
{
    (void)s, (void)dir;
    return E_UNSUPPORTED;
}

static void mem_close(struct store *s)
{
    struct mem *m = (struct mem *)s;
    for (const struct skip_node *n = skip_at_least(m->keys, STR("")); n; n = skip_next(n))
        versions_free(n->data);
    arena_free(m->arena);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static const struct driver driver_mem = {
    .close = mem_close,
    .view = mem_view,
    .view_end = mem_view_end,
    .get = mem_get,
    .cursor = mem_cursor,
    .next = mem_next,
    .cursor_end = mem_cursor_end,
    .commit = mem_commit,
    .bytes = mem_bytes,
    .backup = mem_backup,
};

int store_open_mem(struct store **ret)
{
    struct mem *m = xalloc(sizeof *m);
    store_init(&m->base, &driver_mem);
    m->arena = arena_new();
    m->keys = skip_new(m->arena);
    pthread_mutex_init(&m->lock, NULL);
    *ret = &m->base;
    return 0;
}
