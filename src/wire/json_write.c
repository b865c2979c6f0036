#include "base/code.h"
#include "wire/codec.h"

#include <math.h>

static void write_f64(struct buf *b, double d)
{
    struct str t = text_of_f64(b->arena, d);
    if (isfinite(d))
        buf_str(b, t);
    else
        buf_json_string(b, t);
}

static void write_list(struct buf *b, const struct shape *s, const struct any_list *l)
{
    const struct shape *e = s->members[0].shape;
    buf_byte(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            buf_byte(b, ',');
        json_write(b, e, l->v + (size_t)i * e->size, true);
    }
    buf_byte(b, ']');
}

static void write_map(struct buf *b, const struct shape *s, const struct any_list *m)
{
    uint32_t bytes = map_entry_bytes(s);
    buf_byte(b, '{');
    for (uint32_t i = 0; i < m->n; i++) {
        const char *e = m->v + (size_t)i * bytes;
        if (i)
            buf_byte(b, ',');
        buf_json_string(b, *(const struct str *)(const void *)e);
        buf_byte(b, ':');
        json_write(b, s->members[1].shape, e + s->members[1].offset, true);
    }
    buf_byte(b, '}');
}

void json_write_scalar(struct buf *b, const struct member *m, const struct shape *s, const void *slot)
{
    switch (s->kind) {
    case SHAPE_RAW:
        buf_str(b, *(const struct str *)slot);
        return;
    case SHAPE_BOOL:
        buf_c(b, ((const struct opt_bool *)slot)->v ? "true" : "false");
        return;
    case SHAPE_INT:
    case SHAPE_LONG:
        buf_printf(b, "%lld", (long long)((const struct opt_i64 *)slot)->v);
        return;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        write_f64(b, ((const struct opt_f64 *)slot)->v);
        return;
    case SHAPE_TIMESTAMP:
        if (time_format_of(m, s, TIME_UNIX) == TIME_UNIX) {
            buf_str(b, text_of_time(b->arena, ((const struct opt_i64 *)slot)->v, TIME_UNIX));
            return;
        }
        break;
    default:
        break;
    }
    buf_json_string(b, text_of_scalar(b->arena, m, s, slot, TIME_UNIX));
}

static void write_value(struct buf *b, const struct member *m, const struct shape *s, const void *slot, bool inside)
{
    if (!slot_is_set(s, slot, inside))
        buf_c(b, "null");
    else if (s->kind == SHAPE_STRUCT)
        json_write_members(b, s, slot_struct(slot, inside));
    else if (s->kind == SHAPE_LIST)
        write_list(b, s, slot);
    else if (s->kind == SHAPE_MAP)
        write_map(b, s, slot);
    else
        json_write_scalar(b, m, s, slot);
}

void json_write(struct buf *b, const struct shape *s, const void *slot, bool inside)
{
    write_value(b, NULL, s, slot, inside);
}

void json_write_members(struct buf *b, const struct shape *s, const void *st)
{
    bool any = false;
    buf_byte(b, '{');
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const void *slot = slot_of(st, m);
        if (m->location != LOC_BODY || m->shape->kind == SHAPE_STREAM || !slot_is_set(m->shape, slot, false))
            continue;
        if (any)
            buf_byte(b, ',');
        any = true;
        buf_json_string(b, str_c(m->wire));
        buf_byte(b, ':');
        write_value(b, m, m->shape, slot, false);
    }
    buf_byte(b, '}');
}
