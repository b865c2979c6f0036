/* A call's parameters as CloudTrail shows them: every member of the shape wherever it stood in the request, its first letter small, without what is
 * bytes, and without secrets. */
#include <ctype.h>

#include "wire/codec.h"

#define HIDDEN "HIDDEN_DUE_TO_SECURITY_REASONS"

static bool is_named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (str_is(str_c(name), *names))
            return true;
    return false;
}

static void write_struct(struct buf *b, const struct audit_style *style, const struct shape *s, const void *st);

static void write_value(struct buf *b, const struct audit_style *style, const struct member *m, const struct shape *s, const void *slot, bool inside)
{
    const struct any_list *l = slot;
    if (!slot_is_set(s, slot, inside)) {
        buf_c(b, "null");
    } else if (s->kind == SHAPE_STRUCT) {
        write_struct(b, style, s, slot_struct(slot, inside));
    } else if (s->kind == SHAPE_LIST) {
        const struct shape *e = s->members[0].shape;
        buf_byte(b, '[');
        for (uint32_t i = 0; i < l->n && buf_ok(b); i++) {
            buf_c(b, i ? "," : "");
            write_value(b, style, NULL, e, l->v + (size_t)i * e->size, true);
        }
        buf_byte(b, ']');
    } else if (s->kind == SHAPE_MAP) {
        uint32_t bytes = map_entry_bytes(s);
        buf_byte(b, '{');
        for (uint32_t i = 0; i < l->n && buf_ok(b); i++) {
            const char *e = l->v + (size_t)i * bytes;
            buf_c(b, i ? "," : "");
            buf_json_string(b, *(const struct str *)(const void *)e);
            buf_byte(b, ':');
            write_value(b, style, NULL, s->members[1].shape, e + s->members[1].offset, true);
        }
        buf_byte(b, '}');
    } else if (s->kind == SHAPE_BLOB || s->kind == SHAPE_STREAM || s->sensitive) {
        buf_c(b, "\"" HIDDEN "\"");
    } else if (s->kind == SHAPE_TIMESTAMP) {
        buf_json_string(b, text_of_time(b->arena, ((const struct opt_i64 *)slot)->v, TIME_ISO8601));
    } else {
        json_write_scalar(b, m, s, slot);
    }
}

static void write_name(struct buf *b, const struct audit_style *style, const char *name)
{
    const char *shown = style->rename_from && str_is(str_c(name), style->rename_from) ? style->rename_to : name;
    buf_byte(b, '"');
    buf_byte(b, (char)tolower((unsigned char)*shown));
    buf_c(b, shown + 1);
    buf_c(b, "\":");
}

static void write_struct(struct buf *b, const struct audit_style *style, const struct shape *s, const void *st)
{
    bool any = false;
    buf_byte(b, '{');
    for (uint32_t i = 0; i < s->n_members && buf_ok(b); i++) {
        const struct member *m = &s->members[i];
        const void *slot = slot_of(st, m);
        bool hidden = m->sensitive || m->shape->sensitive || is_named(style->hidden, m->name);
        if (m->shape->kind == SHAPE_STREAM || m->shape->kind == SHAPE_BLOB || !slot_is_set(m->shape, slot, false))
            continue;
        buf_c(b, any ? "," : "");
        any = true;
        write_name(b, style, m->name);
        if (hidden)
            buf_c(b, "\"" HIDDEN "\"");
        else
            write_value(b, style, m, m->shape, slot, false);
    }
    buf_byte(b, '}');
}

void wire_audit_write(struct buf *b, const struct audit_style *style, const struct shape *shape, const void *value)
{
    write_struct(b, style, shape, value);
}
