/* query and ec2 requests: a form whose names are paths ("Tags.member.1.Key"). The pairs are sorted once, so that what belongs to a path is found
 * by binary search, however many pairs there are. */
#include "wire/codec.h"

#include <string.h>

#include <stdlib.h>

struct query {
    struct arena *a;
    const struct str_pair *v;
    uint32_t n;
    bool ec2;
    int depth;
    struct str *why;
};

static int by_key(const void *x, const void *y)
{
    return str_cmp(((const struct str_pair *)x)->key, ((const struct str_pair *)y)->key);
}

/* The first pair whose key is not less than path. */
static uint32_t lower(const struct query *q, struct str path)
{
    uint32_t from = 0, to = q->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (str_cmp(q->v[mid].key, path) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static const struct str_pair *exact(const struct query *q, struct str path)
{
    uint32_t i = lower(q, path);
    return i < q->n && str_eq(q->v[i].key, path) ? &q->v[i] : NULL;
}

/* Is there anything at path itself or below it? */
static bool any(const struct query *q, struct str path)
{
    if (exact(q, path))
        return true;
    struct str below = str_printf(q->a, "%.*s.", STR_ARG(path));
    uint32_t i = lower(q, below);
    return i < q->n && str_starts(q->v[i].key, below);
}

static struct str join(const struct query *q, struct str path, const char *name)
{
    return path.n ? str_printf(q->a, "%.*s.%s", STR_ARG(path), name) : str_dup(q->a, str_c(name));
}

static int value(struct query *q, const struct member *m, struct str path, void *slot, bool inside);

static struct str member_name(const struct query *q, const struct member *m)
{
    if (m->query_name)
        return str_c(m->query_name);
    if (!q->ec2)
        return str_c(m->wire);
    struct str s = str_dup(q->a, str_c(m->wire));
    if (s.n && *s.p >= 'a' && *s.p <= 'z')
        *(char *)s.p -= 32;
    return s;
}

static int read_struct(struct query *q, const struct shape *s, struct str path, void *st)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (m->shape->kind == SHAPE_STREAM)
            continue;
        int rc = value(q, m, join(q, path, member_name(q, m).p), slot_of(st, m), false);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_list(struct query *q, const struct member *m, struct str path, struct any_list *l)
{
    const struct shape *s = m->shape;
    const struct member *e = &s->members[0];
    const struct str_pair *empty = exact(q, path);
    if (empty && empty->value.n == 0)
        l->set = true;
    if (!q->ec2 && !s->flattened && !m->flattened)
        path = join(q, path, e->query_name ? e->query_name : e->wire);
    for (uint32_t i = 1; i <= LIMIT_LIST; i++) {
        struct str at = str_printf(q->a, "%.*s.%u", STR_ARG(path), i);
        if (!any(q, at))
            return 0;
        int rc = value(q, e, at, any_list_push(q->a, s, l), true);
        if (rc)
            return rc;
    }
    return bad(q->a, q->why, "%.*s has too many elements", STR_ARG(path));
}

static int read_map(struct query *q, const struct member *m, struct str path, struct any_list *map)
{
    const struct shape *s = m->shape;
    const struct member *k = &s->members[0], *v = &s->members[1];
    if (!s->flattened && !m->flattened)
        path = join(q, path, "entry");
    for (uint32_t i = 1; i <= LIMIT_LIST; i++) {
        struct str at = str_printf(q->a, "%.*s.%u", STR_ARG(path), i);
        if (!any(q, at))
            return 0;
        const struct str_pair *key = exact(q, join(q, at, k->query_name ? k->query_name : k->wire));
        if (!key)
            return bad(q->a, q->why, "%.*s has no key", STR_ARG(at));
        int rc = value(q, v, join(q, at, v->query_name ? v->query_name : v->wire), any_map_push(q->a, s, map, key->value), true);
        if (rc)
            return rc;
    }
    return bad(q->a, q->why, "%.*s has too many entries", STR_ARG(path));
}

/* Lists and maps are levels, too, as they are in the formats that this may be written in later. */
static int compound(struct query *q, const struct member *m, struct str path, void *slot, bool inside)
{
    const struct shape *s = m->shape;
    if (++q->depth > LIMIT_DEPTH)
        return bad(q->a, q->why, "The request is nested too deeply");
    int rc = s->kind == SHAPE_LIST  ? read_list(q, m, path, slot)
             : s->kind == SHAPE_MAP ? read_map(q, m, path, slot)
             : any(q, path)         ? read_struct(q, s, path, slot_open(q->a, s, slot, inside)) : 0;
    q->depth--;
    return rc;
}

static int value(struct query *q, const struct member *m, struct str path, void *slot, bool inside)
{
    const struct shape *s = m->shape;
    if (s->kind == SHAPE_STRUCT || s->kind == SHAPE_LIST || s->kind == SHAPE_MAP)
        return compound(q, m, path, slot, inside);
    const struct str_pair *pair = exact(q, path);
    return pair ? scalar_of_text(q->a, m, pair->value, TIME_ISO8601, slot, q->why) : 0;
}

int query_read(struct arena *a, const struct str_map *params, bool ec2, const struct shape *s, void *ret_struct, struct str *ret_why)
{
    struct str_pair *v = arena_many(a, struct str_pair, params->n + 1);
    if (params->n)
        memcpy(v, params->v, sizeof *v * params->n);
    qsort(v, params->n, sizeof *v, by_key);
    struct query q = { .a = a, .v = v, .n = params->n, .ec2 = ec2, .why = ret_why };
    return read_struct(&q, s, STR(""), ret_struct);
}
