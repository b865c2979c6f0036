/* The model's constraints, failures worded as AWS's Java front ends word them. */
#include "wire/codec.h"

#include <string.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

struct check {
    struct arena *a;
    struct buf text;
    unsigned failures;
};

enum { FAILURES_MAX = 100, PATTERNS = 4096 /* a power of two; the models have some hundred */ };

/* Compiled patterns, by shape; filled when first needed and kept for good. The one mutable global of this folder: a cache whose entries never
 * change once they are there. A pattern that PCRE2 does not take is remembered as broken, and passes. */
static struct {
    _Atomic(const struct shape *) shape;
    _Atomic(pcre2_code *) code;
} patterns[PATTERNS];

static pcre2_code *compile(const char *pattern)
{
    int error;
    size_t at;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_ALT_BSUX /* \u0020 */ | PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (c)
        pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
    return c;
}

/* NULL: broken, or the table is full. *ret_own: the caller frees it. */
static pcre2_code *pattern_of(const struct shape *s, bool *ret_own)
{
    *ret_own = false;
    size_t h = ((uintptr_t)s >> 4) * 0x9E3779B97F4A7C15u >> 40;
    for (size_t i = 0; i < 64; i++) {
        size_t k = (h + i) & (PATTERNS - 1);
        const struct shape *there = atomic_load(&patterns[k].shape);
        if (there == s) {
            pcre2_code *c = atomic_load(&patterns[k].code);
            if (c)
                return c;
            break; /* another thread is just filling it, or it is broken */
        }
        if (!there && atomic_compare_exchange_strong(&patterns[k].shape, &there, s)) {
            pcre2_code *c = compile(s->pattern);
            atomic_store(&patterns[k].code, c);
            return c;
        }
    }
    *ret_own = true;
    return compile(s->pattern);
}

static bool pattern_matches(const struct shape *s, struct str v)
{
    bool own;
    pcre2_code *c = pattern_of(s, &own);
    if (!c)
        return true;
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    int rc = pcre2_match(c, (PCRE2_SPTR)v.p, v.n, 0, 0, m, NULL);
    pcre2_match_data_free(m);
    if (own)
        pcre2_code_free(c);
    return rc >= 0;
}

/* ---- how values are shown ---- */

static void show(struct buf *b, const struct shape *s, const void *slot, bool inside);

static void show_struct(struct buf *b, const struct shape *s, const void *st)
{
    bool any = false;
    buf_printf(b, "%s(", s->name);
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (!slot_is_set(m->shape, slot_of(st, m), false))
            continue;
        buf_printf(b, "%s%c%s=", any ? ", " : "", *m->name | 0x20, m->name + 1);
        any = true;
        show(b, m->shape, slot_of(st, m), false);
    }
    buf_byte(b, ')');
}

static void show_many(struct buf *b, const struct shape *s, const struct any_list *l)
{
    bool map = s->kind == SHAPE_MAP;
    const struct member *e = &s->members[map];
    size_t bytes = map ? map_entry_bytes(s) : e->shape->size;
    buf_byte(b, map ? '{' : '[');
    for (uint32_t i = 0; i < l->n; i++) {
        const char *p = l->v + i * bytes;
        if (i)
            buf_c(b, ", ");
        if (map)
            buf_printf(b, "%.*s=", STR_ARG(*(const struct str *)(const void *)p));
        show(b, e->shape, p + e->offset, true);
    }
    buf_byte(b, map ? '}' : ']');
}

static void show(struct buf *b, const struct shape *s, const void *slot, bool inside)
{
    if (!slot_is_set(s, slot, inside))
        buf_c(b, "null");
    else if (s->sensitive)
        buf_c(b, "***Sensitive Data Redacted***");
    else if (s->kind == SHAPE_STRUCT)
        show_struct(b, s, slot_struct(slot, inside));
    else if (s->kind == SHAPE_LIST || s->kind == SHAPE_MAP)
        show_many(b, s, slot);
    else if (s->kind == SHAPE_BLOB)
        buf_printf(b, "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", ((const struct str *)slot)->n, ((const struct str *)slot)->n);
    else
        buf_str(b, text_of_scalar(b->arena, NULL, s, slot, TIME_ISO8601));
}

/* ---- constraints ---- */

/* Where the check is: a struct's member, a list's element or a map's value. Put into words only when something is wrong there. */
struct at {
    const struct at *outer;
    const char *name; /* of the member, else NULL */
    struct str key;   /* of the map's entry, else absent */
    uint32_t index;   /* of the list's element, from 0 */
};

/* Struct members' names begin with a small letter. */
static void put_path(struct buf *b, const struct at *at)
{
    if (at->outer) {
        put_path(b, at->outer);
        buf_byte(b, '.');
    }
    if (at->name)
        buf_printf(b, "%c%s", *at->name >= 'A' && *at->name <= 'Z' ? *at->name | 0x20 : *at->name, at->name + 1);
    else if (at->key.p)
        buf_printf(b, "%.*s.member", STR_ARG(at->key));
    else
        buf_printf(b, "%u.member", at->index + 1);
}

static void report(struct check *c, const struct shape *s, const void *slot, bool inside, const struct at *at, struct str constraint)
{
    if (c->failures++ >= FAILURES_MAX)
        return;
    if (c->failures > 1)
        buf_c(&c->text, "; ");
    if (s->sensitive) {
        buf_c(&c->text, "Value at '");
    } else if (!slot_is_set(s, slot, inside)) {
        buf_c(&c->text, "Value null at '");
    } else {
        buf_c(&c->text, "Value '");
        show(&c->text, s, slot, inside);
        buf_c(&c->text, "' at '");
    }
    put_path(&c->text, at);
    buf_c(&c->text, "' failed to satisfy constraint: ");
    buf_str(&c->text, constraint);
}

static struct str bounds(struct arena *a, const struct shape *s, double v, const char *what)
{
    if (s->has_min && v < s->min)
        return str_printf(a, "Member must have %s greater than or equal to %.*g", what, 17, s->min);
    if (s->has_max && v > s->max)
        return str_printf(a, "Member must have %s less than or equal to %.*g", what, 17, s->max);
    return STR_NONE;
}

static struct str enum_set(struct arena *a, const struct shape *s)
{
    struct buf b;
    buf_init(&b, a, LIMIT_BODY_BYTES);
    buf_c(&b, "Member must satisfy enum value set: [");
    for (const char *const *e = s->enums; *e; e++) {
        buf_c(&b, e == s->enums ? "" : ", ");
        buf_c(&b, *e);
    }
    buf_byte(&b, ']');
    return buf_done(&b);
}

static bool in_enum(const struct shape *s, struct str v)
{
    for (const char *const *e = s->enums; *e; e++)
        if (str_is(v, *e))
            return true;
    return false;
}

/* What is wrong with a value that is there; at most three words, absent ones behind. */
static void wrongs(struct arena *a, const struct shape *s, const void *slot, struct str_list *ret)
{
    struct str w = STR_NONE, v;
    switch (s->kind) {
    case SHAPE_STRING:
        v = *(const struct str *)slot;
        w = bounds(a, s, (double)str_characters(v), "length");
        if (s->pattern && !pattern_matches(s, v))
            str_list_add(a, ret, str_printf(a, "Member must satisfy regular expression pattern: %s", s->pattern));
        if (s->enums && !in_enum(s, v))
            str_list_add(a, ret, enum_set(a, s));
        break;
    case SHAPE_BLOB:
        w = bounds(a, s, (double)((const struct str *)slot)->n, "length");
        break;
    case SHAPE_INT:
    case SHAPE_LONG:
        w = bounds(a, s, (double)((const struct opt_i64 *)slot)->v, "value");
        break;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        w = bounds(a, s, ((const struct opt_f64 *)slot)->v, "value");
        break;
    case SHAPE_LIST:
    case SHAPE_MAP:
        w = bounds(a, s, ((const struct any_list *)slot)->n, "length");
        break;
    default:
        break;
    }
    if (w.p)
        str_list_add(a, ret, w);
}

static void value(struct check *c, const struct shape *s, const void *slot, bool inside, const struct at *at);

static void members(struct check *c, const struct shape *s, const void *st, const struct at *outer)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const void *slot = slot_of(st, m);
        if (m->shape->kind == SHAPE_STREAM || (!m->required && !slot_is_set(m->shape, slot, false)))
            continue;
        const struct at at = { .outer = outer, .name = m->name };
        if (slot_is_set(m->shape, slot, false))
            value(c, m->shape, slot, false, &at);
        else if (!m->idempotency_token)
            report(c, m->shape, slot, false, &at, STR("Member must not be null"));
    }
}

static bool is_scalar(const struct shape *s)
{
    return s->kind != SHAPE_STRUCT && s->kind != SHAPE_LIST && s->kind != SHAPE_MAP;
}

/* Constraints of scalar keys or elements are reported once, for the list or map as a whole, as all that the element has to be. */
static bool scalars(struct check *c, const struct shape *s, const struct any_list *l, const struct member *e, size_t bytes,
                    const struct at *at, const char *words)
{
    for (uint32_t i = 0; i < l->n; i++) {
        const char *slot = l->v + i * bytes + e->offset;
        struct str_list w = { 0 };
        if (slot_is_set(e->shape, slot, true))
            wrongs(c->a, e->shape, slot, &w);
        if (!w.n)
            continue;
        struct buf b;
        buf_init(&b, c->a, LIMIT_BODY_BYTES);
        buf_c(&b, words);
        for (uint32_t k = 0; k < w.n; k++) {
            buf_c(&b, k ? ", " : "");
            buf_str(&b, w.v[k]);
        }
        buf_byte(&b, ']');
        report(c, s, l, false, at, buf_done(&b));
        return false;
    }
    return true;
}

static void many(struct check *c, const struct shape *s, const struct any_list *l, const struct at *at)
{
    bool map = s->kind == SHAPE_MAP;
    const struct member *e = &s->members[map];
    size_t bytes = map ? map_entry_bytes(s) : e->shape->size;
    if (map)
        scalars(c, s, l, &s->members[0], bytes, at, "Map keys must satisfy constraint: [");
    if (is_scalar(e->shape)) {
        scalars(c, s, l, e, bytes, at, map ? "Map value must satisfy constraint: [" : "Member must satisfy constraint: [");
        return;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        const char *p = l->v + i * bytes;
        const struct at element = { .outer = at, .key = map ? *(const struct str *)(const void *)p : STR_NONE, .index = i };
        value(c, e->shape, p + e->offset, true, &element);
    }
}

static void value(struct check *c, const struct shape *s, const void *slot, bool inside, const struct at *at)
{
    struct str_list w = { 0 };
    wrongs(c->a, s, slot, &w);
    for (uint32_t i = 0; i < w.n; i++)
        report(c, s, slot, inside, at, w.v[i]);
    if (s->kind == SHAPE_STRUCT)
        members(c, s, slot_struct(slot, inside), at);
    else if (s->kind == SHAPE_LIST || s->kind == SHAPE_MAP)
        many(c, s, slot, at);
}

int wire_validate(struct arena *a, const struct shape *shape, const void *in, struct str *ret_why)
{
    struct check c = { .a = a };
    buf_init(&c.text, a, LIMIT_BODY_BYTES);
    members(&c, shape, in, NULL);
    if (!c.failures)
        return 0;
    struct str t = buf_done(&c.text);
    *ret_why = str_printf(a, "%u validation error%s detected: %.*s", c.failures, c.failures == 1 ? "" : "s", STR_ARG(t));
    return E_INVALID;
}
