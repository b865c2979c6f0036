#include "services/dynamodb/value.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/limits.h"
#include "services/dynamodb/number.h"

static const char *const type_names[VALUE_TYPES] = { "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL" };

const char *value_type_name(enum value_type t) { return type_names[t]; }

bool value_type_by_name(struct str name, enum value_type *ret)
{
    for (int t = 0; t < VALUE_TYPES; t++)
        if (str_is(name, type_names[t])) {
            *ret = (enum value_type)t;
            return true;
        }
    return false;
}

enum value_type value_element_type(enum value_type set)
{
    assert(value_is_set(set));
    return set == VALUE_SS ? VALUE_S : set == VALUE_NS ? VALUE_N : VALUE_B;
}

/* ---- writing ---- */

static void write_scalar(struct buf *b, enum value_type t, struct str s)
{
    if (t == VALUE_B)
        s = base64_encode(b->arena, s.p, s.n);
    if (t == VALUE_S) {
        buf_json_string(b, s);
        return;
    }
    buf_byte(b, '"');
    buf_str(b, s);
    buf_byte(b, '"');
}

void value_write(struct buf *b, const struct value *v)
{
    buf_c(b, "{\"");
    buf_c(b, type_names[v->type]);
    buf_c(b, "\":");
    switch (v->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        write_scalar(b, v->type, v->s);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        for (uint32_t i = 0; i < v->items.n; i++) {
            buf_byte(b, i == 0 ? '[' : ',');
            write_scalar(b, value_element_type(v->type), v->items.v[i]);
        }
        buf_byte(b, ']');
        break;
    case VALUE_M:
        value_write_map(b, &v->m);
        break;
    case VALUE_L:
        buf_byte(b, '[');
        for (uint32_t i = 0; i < v->l.n; i++) {
            if (i > 0)
                buf_byte(b, ',');
            value_write(b, &v->l.v[i]);
        }
        buf_byte(b, ']');
        break;
    case VALUE_NULL:
        buf_c(b, "true");
        break;
    case VALUE_BOOL:
    default:
        buf_c(b, v->b ? "true" : "false");
        break;
    }
    buf_byte(b, '}');
}

void value_write_map(struct buf *b, const struct attr_map *m)
{
    buf_byte(b, '{');
    for (uint32_t i = 0; i < m->n; i++) {
        if (i > 0)
            buf_byte(b, ',');
        buf_json_string(b, m->v[i].name);
        buf_byte(b, ':');
        value_write(b, &m->v[i].value);
    }
    buf_byte(b, '}');
}

struct str value_map_json(struct arena *a, const struct attr_map *m)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RECORD_BYTES);
    value_write_map(&b, m);
    return buf_done(&b);
}

static void show(struct buf *b, const struct value *v)
{
    buf_printf(b, "{%s:", type_names[v->type]);
    switch (v->type) {
    case VALUE_S:
    case VALUE_N:
        buf_str(b, v->s);
        break;
    case VALUE_B:
        buf_printf(b, "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", v->s.n, v->s.n);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        buf_byte(b, '[');
        for (uint32_t i = 0; i < v->items.n; i++) {
            buf_c(b, i ? "," : "");
            buf_str(b, v->type == VALUE_BS ? base64_encode(b->arena, v->items.v[i].p, v->items.v[i].n) : v->items.v[i]);
        }
        buf_byte(b, ']');
        break;
    case VALUE_M:
        buf_byte(b, '{');
        for (uint32_t i = 0; i < v->m.n; i++) {
            buf_c(b, i ? ", " : "");
            buf_str(b, v->m.v[i].name);
            buf_byte(b, '=');
            show(b, &v->m.v[i].value);
        }
        buf_byte(b, '}');
        break;
    case VALUE_L:
        buf_byte(b, '[');
        for (uint32_t i = 0; i < v->l.n; i++) {
            buf_c(b, i ? ", " : "");
            show(b, &v->l.v[i]);
        }
        buf_byte(b, ']');
        break;
    case VALUE_NULL:
    case VALUE_BOOL:
    default:
        buf_c(b, v->type == VALUE_NULL || v->b ? "true" : "false");
        break;
    }
    buf_byte(b, '}');
}

struct str value_show(struct arena *a, const struct value *v)
{
    struct buf b;
    buf_init(&b, a, 1 << 16);
    show(&b, v);
    return buf_ok(&b) ? buf_done(&b) : STR("{...}");
}

/* ---- comparing ---- */

int value_scalar_compare(enum value_type type, struct str a, struct str b)
{
    struct number x, y;
    if (type != VALUE_N)
        return str_cmp(a, b);
    if (number_parse(a, &x) != NUMBER_OK || number_parse(b, &y) != NUMBER_OK)
        assert(!"numbers in values are canonical");
    return number_compare(&x, &y);
}

int value_compare(const struct value *a, const struct value *b)
{
    assert(a->type == b->type && a->type <= VALUE_B);
    return value_scalar_compare(a->type, a->s, b->s);
}

static bool maps_equal(const struct attr_map *a, const struct attr_map *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!str_eq(a->v[i].name, b->v[i].name) || !value_equal(&a->v[i].value, &b->v[i].value))
            return false;
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        return a->s.n == b->s.n && memcmp(a->s.p, b->s.p, a->s.n) == 0;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        if (a->items.n != b->items.n)
            return false;
        for (uint32_t i = 0; i < a->items.n; i++)
            if (!str_eq(a->items.v[i], b->items.v[i]))
                return false;
        return true;
    case VALUE_M:
        return maps_equal(&a->m, &b->m);
    case VALUE_L:
        if (a->l.n != b->l.n)
            return false;
        for (uint32_t i = 0; i < a->l.n; i++)
            if (!value_equal(&a->l.v[i], &b->l.v[i]))
                return false;
        return true;
    case VALUE_BOOL:
        return a->b == b->b;
    case VALUE_NULL:
    default:
        return true;
    }
}

bool value_map_equal(const struct attr_map *a, const struct attr_map *b)
{
    return value_equal(&(struct value){ .type = VALUE_M, .m = *a }, &(struct value){ .type = VALUE_M, .m = *b });
}

bool value_set_has(const struct value *set, struct str element)
{
    uint32_t lo = 0, hi = set->items.n;
    enum value_type t = value_element_type(set->type);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = value_scalar_compare(t, set->items.v[mid], element);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

/* ---- sizes ---- */

static size_t scalar_size(enum value_type t, struct str s)
{
    struct number x;
    if (t != VALUE_N)
        return s.n;
    return number_parse(s, &x) == NUMBER_OK ? number_size(&x) : s.n;
}

enum { DOCUMENT_OVERHEAD_BYTES = 3, ELEMENT_OVERHEAD_BYTES = 1 };

size_t value_size(const struct value *v)
{
    size_t n = 0;
    switch (v->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        return scalar_size(v->type, v->s);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        for (uint32_t i = 0; i < v->items.n; i++)
            n += scalar_size(value_element_type(v->type), v->items.v[i]);
        return n;
    case VALUE_M:
        return DOCUMENT_OVERHEAD_BYTES + v->m.n * ELEMENT_OVERHEAD_BYTES + value_map_size(&v->m);
    case VALUE_L:
        for (uint32_t i = 0; i < v->l.n; i++)
            n += ELEMENT_OVERHEAD_BYTES + value_size(&v->l.v[i]);
        return DOCUMENT_OVERHEAD_BYTES + n;
    case VALUE_NULL:
    case VALUE_BOOL:
    default:
        return 1;
    }
}

size_t value_map_size(const struct attr_map *m)
{
    size_t n = 0;
    for (uint32_t i = 0; i < m->n; i++)
        n += m->v[i].name.n + value_size(&m->v[i].value);
    return n;
}

static size_t nesting(const struct value *v)
{
    size_t most = 0;
    if (v->type == VALUE_M)
        return 1 + value_map_nesting(&v->m);
    if (v->type != VALUE_L)
        return 0;
    for (uint32_t i = 0; i < v->l.n; i++) {
        size_t n = nesting(&v->l.v[i]);
        most = n > most ? n : most;
    }
    return 1 + most;
}

size_t value_map_nesting(const struct attr_map *m)
{
    size_t most = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        size_t n = nesting(&m->v[i].value);
        most = n > most ? n : most;
    }
    return most;
}

/* ---- maps ---- */

/* Where name is (true), or would be inserted. */
static bool find(const struct attr_map *m, struct str name, uint32_t *ret)
{
    uint32_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(m->v[mid].name, name);
        if (c == 0) {
            *ret = mid;
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret = lo;
    return false;
}

struct value *attr_get(const struct attr_map *m, struct str name)
{
    uint32_t i;
    return find(m, name, &i) ? &m->v[i].value : NULL;
}

void attr_put(struct arena *a, struct attr_map *m, struct str name, const struct value *v)
{
    struct value copy = *v; /* v may lie in the map that moves */
    uint32_t i;
    if (!find(m, name, &i)) {
        list_push(a, m);
        memmove(&m->v[i + 1], &m->v[i], (m->n - 1 - i) * sizeof *m->v);
        m->v[i].name = name;
    }
    m->v[i].value = copy;
}

void attr_remove(struct attr_map *m, struct str name)
{
    uint32_t i;
    if (!find(m, name, &i))
        return;
    memmove(&m->v[i], &m->v[i + 1], (m->n - 1 - i) * sizeof *m->v);
    m->n--;
}

struct attr_map attr_map_copy(struct arena *a, const struct attr_map *m)
{
    struct attr_map r = { .n = m->n, .cap = m->n, .set = m->set };
    r.v = arena_many(a, struct attr, m->n ? m->n : 1);
    for (uint32_t i = 0; i < m->n; i++)
        r.v[i] = (struct attr){ m->v[i].name, value_copy(a, &m->v[i].value) };
    return r;
}

struct value value_copy(struct arena *a, const struct value *v)
{
    struct value r = *v;
    if (v->type == VALUE_M)
        r.m = attr_map_copy(a, &v->m);
    if (v->type == VALUE_L) {
        r.l.v = arena_many(a, struct value, v->l.n ? v->l.n : 1);
        r.l.cap = v->l.n;
        for (uint32_t i = 0; i < v->l.n; i++)
            r.l.v[i] = value_copy(a, &v->l.v[i]);
    }
    return r;
}
