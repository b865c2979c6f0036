/* The rest protocols' path labels, query string, headers and status; the body is wire.c's. */
#include "base/code.h"
#include "wire/codec.h"

#include <string.h>

const struct member *payload_of(const struct shape *s)
{
    for (uint32_t i = 0; s && i < s->n_members; i++)
        if (s->members[i].payload)
            return &s->members[i];
    return NULL;
}

bool has_body_members(const struct shape *s)
{
    for (uint32_t i = 0; s && i < s->n_members; i++)
        if (s->members[i].location == LOC_BODY && s->members[i].shape->kind != SHAPE_STREAM)
            return true;
    return false;
}

/* A map in the query string takes every parameter, those that other members have, too. */
static int read_query_map(struct arena *a, const struct wire_route *r, const struct member *m, struct any_list *map, struct str *why)
{
    const struct shape *v = m->shape->members[1].shape;
    for (uint32_t i = 0; i < r->params.n; i++) {
        const struct str_pair *p = &r->params.v[i];
        void *slot = NULL;
        for (uint32_t k = 0; v->kind == SHAPE_LIST && k < map->n && !slot; k++) {
            char *e = map->v + (size_t)k * map_entry_bytes(m->shape);
            if (str_eq(*(struct str *)(void *)e, p->key))
                slot = e + m->shape->members[1].offset;
        }
        if (!slot)
            slot = any_map_push(a, m->shape, map, p->key);
        const struct member *e = v->kind == SHAPE_LIST ? &v->members[0] : &m->shape->members[1];
        int rc = scalar_of_text(a, e, p->value, TIME_ISO8601, v->kind == SHAPE_LIST ? any_list_push(a, v, slot) : slot, why);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_query(struct arena *a, const struct wire_route *r, const struct member *m, void *slot, struct str *why)
{
    if (m->shape->kind == SHAPE_MAP)
        return read_query_map(a, r, m, slot, why);
    for (uint32_t i = 0; i < r->params.n; i++) {
        const struct str_pair *p = &r->params.v[i];
        if (!str_is(p->key, m->wire))
            continue;
        if (m->shape->kind != SHAPE_LIST)
            return scalar_of_text(a, m, p->value, TIME_ISO8601, slot, why);
        int rc = scalar_of_text(a, &m->shape->members[0], p->value, TIME_ISO8601, any_list_push(a, m->shape, slot), why);
        if (rc)
            return rc;
    }
    return 0;
}

/* Elements stand between commas, or in double quotes with \ escapes; a date of the http form holds one comma of its own. */
static struct str header_element(struct arena *a, struct str *rest, bool http_date)
{
    *rest = str_trim(*rest);
    if (rest->n && *rest->p == '"') {
        char *o = arena_alloc(a, rest->n), *begin = o;
        size_t i = 1;
        for (; i < rest->n && rest->p[i] != '"'; i++) {
            if (rest->p[i] == '\\' && i + 1 < rest->n)
                i++;
            *o++ = rest->p[i];
        }
        struct str after = str_sub(*rest, i + 1, rest->n), skipped;
        if (!str_cut(after, ',', &skipped, rest))
            *rest = STR_NONE;
        return (struct str){ begin, (size_t)(o - begin) };
    }
    struct str whole = *rest, before, after;
    if (!str_cut(whole, ',', &before, &after))
        return *rest = STR_NONE, str_trim(whole);
    if (http_date) {
        struct str second;
        bool another = str_cut(after, ',', &second, rest);
        if (!another)
            *rest = STR_NONE;
        return str_trim(another ? (struct str){ whole.p, (size_t)(second.p + second.n - whole.p) } : whole);
    }
    *rest = after;
    return str_trim(before);
}

static int read_header(struct arena *a, const struct exchange *x, const struct member *m, void *slot, struct str *why)
{
    struct str v = exchange_header(x, m->wire);
    if (!v.p)
        return 0;
    if (m->json_value)
        return base64_decode(a, v, slot) ? bad(a, why, "The header %s is not valid base64", m->wire) : 0;
    if (m->shape->kind != SHAPE_LIST)
        return scalar_of_text(a, m, v, TIME_HTTP, slot, why);
    const struct member *e = &m->shape->members[0];
    bool date = e->shape->kind == SHAPE_TIMESTAMP && time_format_of(e, e->shape, TIME_HTTP) == TIME_HTTP;
    struct str rest = str_trim(v);
    ((struct any_list *)slot)->set = true;
    while (rest.n) {
        struct str text = header_element(a, &rest, date);
        int rc = scalar_of_text(a, e, text, TIME_HTTP, any_list_push(a, m->shape, slot), why);
        if (rc)
            return rc;
    }
    return 0;
}

static void read_prefixed(struct arena *a, const struct exchange *x, const struct member *m, void *slot)
{
    struct str prefix = str_lower(a, str_c(m->wire));
    for (uint32_t i = 0; i < x->headers.n; i++) {
        struct str name = str_lower(a, x->headers.v[i].name);
        if (str_starts(name, prefix))
            *(struct str *)any_map_push(a, m->shape, slot, str_dup(a, str_sub(name, prefix.n, name.n))) = str_dup(a, x->headers.v[i].value);
    }
}

int rest_read(const struct exchange *x, const struct wire_route *r, void *in, struct str *ret_why)
{
    const struct shape *s = r->row->in;
    struct arena *a = x->arena;
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        void *slot = slot_of(in, m);
        int rc = 0;
        struct str label;
        switch (m->location) {
        case LOC_URI:
            label = str_map_get(&r->labels, str_c(m->wire));
            rc = label.p ? scalar_of_text(a, m, label, TIME_ISO8601, slot, ret_why) : 0;
            break;
        case LOC_QUERY:
            rc = read_query(a, r, m, slot, ret_why);
            break;
        case LOC_HEADER:
            rc = read_header(a, x, m, slot, ret_why);
            break;
        case LOC_HEADERS:
            read_prefixed(a, x, m, slot);
            break;
        default:
            break;
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- answers ---- */

/* No value may end its header: control characters become blanks. */
static struct str tame(struct arena *a, struct str v)
{
    v = str_dup(a, v);
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7F)
            ((char *)v.p)[i] = ' ';
    return v;
}

static void write_element(struct buf *b, struct str v, bool quotes)
{
    if (!quotes || (!str_contains(v, STR(",")) && !str_contains(v, STR("\"")))) {
        buf_str(b, v);
        return;
    }
    buf_byte(b, '"');
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\')
            buf_byte(b, '\\');
        buf_byte(b, v.p[i]);
    }
    buf_byte(b, '"');
}

static struct str header_value(struct arena *a, const struct member *m, const void *slot)
{
    if (m->json_value) {
        struct str t = *(const struct str *)slot;
        return base64_encode(a, t.p, t.n);
    }
    if (m->shape->kind != SHAPE_LIST)
        return text_of_scalar(a, m, m->shape, slot, TIME_HTTP);
    const struct any_list *l = slot;
    const struct member *e = &m->shape->members[0];
    struct buf b;
    buf_init(&b, a, LIMIT_HEADER_BYTES);
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            buf_c(&b, ", ");
        write_element(&b, text_of_scalar(a, e, e->shape, l->v + (size_t)i * e->shape->size, TIME_HTTP), e->shape->kind == SHAPE_STRING);
    }
    return opt_str(buf_done(&b), STR(""));
}

static void write_prefixed(struct arena *a, const struct member *m, const struct any_list *map, struct answer *ret)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const char *e = map->v + (size_t)i * map_entry_bytes(m->shape);
        struct str name = str_printf(a, "%s%.*s", m->wire, STR_ARG(*(const struct str *)(const void *)e));
        answer_header(a, ret, tame(a, name).p, tame(a, *(const struct str *)(const void *)(e + m->shape->members[1].offset)));
    }
}

void rest_write(struct arena *a, const struct shape *s, const void *out, struct answer *ret)
{
    for (uint32_t i = 0; s && i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const void *slot = slot_of(out, m);
        if (!slot_is_set(m->shape, slot, false))
            continue;
        if (m->location == LOC_STATUS)
            ret->status = (int)((const struct opt_i64 *)slot)->v;
        else if (m->location == LOC_HEADER)
            answer_header(a, ret, m->wire, tame(a, header_value(a, m, slot)));
        else if (m->location == LOC_HEADERS)
            write_prefixed(a, m, slot, ret);
    }
}
