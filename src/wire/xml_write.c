/* XML answers: rest-xml bodies, and what stands inside of query's and ec2's wrappers. */
#include "wire/codec.h"

void xml_write_namespace(struct buf *b, const char *ns, const char *prefix)
{
    if (!ns)
        return;
    buf_c(b, " xmlns");
    if (prefix) {
        buf_byte(b, ':');
        buf_c(b, prefix);
    }
    buf_c(b, "=\"");
    buf_xml_attribute(b, str_c(ns));
    buf_byte(b, '"');
}

void xml_write_attributes(struct buf *b, const struct shape *s, const void *st)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (!m->xml_attribute || !slot_is_set(m->shape, slot_of(st, m), false))
            continue;
        buf_printf(b, " %s=\"", m->wire);
        buf_xml_attribute(b, text_of_scalar(b->arena, m, m->shape, slot_of(st, m), TIME_ISO8601));
        buf_byte(b, '"');
    }
}

static void element(struct buf *b, const struct xml_style *style, const char *name, const struct member *m, const void *slot, bool inside);

static const char *name_of(const struct xml_style *style, const struct member *m)
{
    return style->query && m->query_name ? m->query_name : m->wire;
}

static void write_list(struct buf *b, const struct xml_style *style, const struct member *m, const struct any_list *l)
{
    const struct member *e = &m->shape->members[0];
    bool flat = m->flattened || m->shape->flattened;
    const char *name = flat ? name_of(style, m) : e->wire;
    if (!flat) {
        buf_printf(b, "<%s", name_of(style, m));
        xml_write_namespace(b, m->xml_ns, m->xml_ns_prefix);
        buf_byte(b, '>');
    }
    for (uint32_t i = 0; i < l->n; i++)
        element(b, style, name, e, l->v + (size_t)i * e->shape->size, true);
    if (!flat)
        buf_printf(b, "</%s>", name_of(style, m));
}

static void write_map(struct buf *b, const struct xml_style *style, const struct member *m, const struct any_list *map)
{
    const struct member *k = &m->shape->members[0], *v = &m->shape->members[1];
    bool flat = m->flattened || m->shape->flattened;
    const char *name = name_of(style, m);
    if (!flat) {
        buf_printf(b, "<%s", name);
        xml_write_namespace(b, m->xml_ns, m->xml_ns_prefix);
        buf_byte(b, '>');
    }
    for (uint32_t i = 0; i < map->n; i++) {
        const char *e = map->v + (size_t)i * map_entry_bytes(m->shape);
        buf_printf(b, "<%s>", flat ? name : "entry");
        element(b, style, name_of(style, k), k, e, true);
        element(b, style, name_of(style, v), v, e + v->offset, true);
        buf_printf(b, "</%s>", flat ? name : "entry");
    }
    if (!flat)
        buf_printf(b, "</%s>", name);
}

static void element(struct buf *b, const struct xml_style *style, const char *name, const struct member *m, const void *slot, bool inside)
{
    const struct shape *s = m->shape;
    if (s->kind == SHAPE_LIST || s->kind == SHAPE_MAP) {
        struct member named = *m;
        named.wire = name;
        named.query_name = NULL;
        if (s->kind == SHAPE_LIST)
            write_list(b, style, &named, slot);
        else
            write_map(b, style, &named, slot);
        return;
    }
    const void *st = s->kind == SHAPE_STRUCT ? slot_struct(slot, inside) : NULL;
    buf_printf(b, "<%s", name);
    if (m->xml_ns)
        xml_write_namespace(b, m->xml_ns, m->xml_ns_prefix);
    else
        xml_write_namespace(b, s->xml_ns, s->xml_ns_prefix);
    if (st)
        xml_write_attributes(b, s, st);
    buf_byte(b, '>');
    if (st)
        xml_write_members(b, style, s, st);
    else if (slot_is_set(s, slot, inside))
        buf_xml_text(b, text_of_scalar(b->arena, m, s, slot, style->millis ? TIME_ISO8601_MS : TIME_ISO8601));
    buf_printf(b, "</%s>", name);
}

void xml_write_members(struct buf *b, const struct xml_style *style, const struct shape *s, const void *st)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const void *slot = slot_of(st, m);
        if (m->location != LOC_BODY || m->xml_attribute || m->shape->kind == SHAPE_STREAM || !slot_is_set(m->shape, slot, false))
            continue;
        element(b, style, name_of(style, m), m, slot, false);
    }
}
