#include "base/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void *list_push_raw(struct arena *a, void **v, uint32_t *n, uint32_t *cap, bool *set, size_t elem_bytes)
{
    *set = true;
    if (*n == *cap) {
        assert(*cap < UINT32_MAX / 2);
        uint32_t grown = *cap ? *cap * 2 : 4;
        void *moved = arena_alloc(a, grown * elem_bytes);
        if (*n)
            memcpy(moved, *v, *n * elem_bytes);
        *v = moved;
        *cap = grown;
    }
    void *elem = (char *)*v + (size_t)(*n)++ * elem_bytes;
    return memset(elem, 0, elem_bytes);
}

void str_list_add(struct arena *a, struct str_list *l, struct str s)
{
    *list_push(a, l) = s;
}

bool str_list_has(const struct str_list *l, struct str s)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i], s))
            return true;
    return false;
}

static struct str_pair *find(const struct str_map *m, struct str key)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].key, key))
            return &m->v[i];
    return NULL;
}

struct str str_map_get(const struct str_map *m, struct str key)
{
    struct str_pair *p = find(m, key);
    return p ? p->value : STR_NONE;
}

void str_map_put(struct arena *a, struct str_map *m, struct str key, struct str value)
{
    struct str_pair *p = find(m, key);
    if (!p) {
        p = list_push(a, m);
        p->key = key;
    }
    p->value = value;
}

void str_map_remove(struct str_map *m, struct str key)
{
    struct str_pair *p = find(m, key);
    if (!p)
        return;
    memmove(p, p + 1, (size_t)(m->v + m->n - (p + 1)) * sizeof *p);
    m->n--;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct str_pair *)a)->key, ((const struct str_pair *)b)->key);
}

void str_map_sort(struct str_map *m)
{
    if (m->n > 1)
        qsort(m->v, m->n, sizeof *m->v, by_key);
}
