#include "aws/tags.h"

#include <assert.h>
#include <string.h>

const struct tag_rules tag_rules_usual = { .count_max = 50, .key_max = 128, .value_max = 256 };

/* The generated list's head: every list and map of shapes begins so (base/list.h). */
struct raw_list {
    void *v;
    uint32_t n, cap;
    bool set;
};

static const struct member *find(const struct shape *s, const char *lower)
{
    for (uint32_t i = 0; i < s->n_members; i++)
        if (str_eq_nocase(str_c(s->members[i].name), str_c(lower)))
            return &s->members[i];
    return NULL;
}

static void members_of(const struct shape *list, const struct member **ret_key, const struct member **ret_value)
{
    const struct shape *tag = list->members[0].shape;
    *ret_key = find(tag, "key");
    if (!*ret_key)
        *ret_key = find(tag, "tagkey");
    *ret_value = find(tag, "value");
    if (!*ret_value)
        *ret_value = find(tag, "tagvalue");
    assert(*ret_key && *ret_value);
}

void tags_read(struct op *op, const struct shape *shape, const void *tags, struct str_map *ret)
{
    *ret = (struct str_map){ 0 };
    if (!tags)
        return;
    const struct raw_list *raw = tags;
    ret->set = raw->set;
    if (shape->kind == SHAPE_MAP) {
        const struct str_pair *pairs = raw->v;
        for (uint32_t i = 0; i < raw->n; i++)
            *list_push(op->arena, ret) = pairs[i];
        return;
    }
    const struct member *key, *value;
    members_of(shape, &key, &value);
    size_t size = shape->members[0].shape->size;
    for (uint32_t i = 0; i < raw->n; i++) {
        const char *tag = (const char *)raw->v + i * size;
        struct str_pair *p = list_push(op->arena, ret); /* duplicates are kept: tags_check names them */
        memcpy(&p->key, tag + key->offset, sizeof p->key);
        memcpy(&p->value, tag + value->offset, sizeof p->value);
    }
}

void tags_write(struct op *op, const struct shape *shape, const struct str_map *m, void *ret_tags)
{
    struct raw_list *raw = ret_tags;
    raw->set = true;
    raw->n = raw->cap = m->n;
    if (shape->kind == SHAPE_MAP) {
        raw->v = arena_dup(op->arena, m->v, m->n * sizeof *m->v);
        return;
    }
    const struct member *key, *value;
    members_of(shape, &key, &value);
    size_t size = shape->members[0].shape->size;
    raw->v = arena_alloc(op->arena, m->n * size);
    for (uint32_t i = 0; i < m->n; i++) {
        char *tag = (char *)raw->v + i * size;
        memcpy(tag + key->offset, &m->v[i].key, sizeof m->v[i].key);
        memcpy(tag + value->offset, &m->v[i].value, sizeof m->v[i].value);
    }
}

const char *tags_check(const struct str_map *m, const struct tag_rules *rules)
{
    if (m->n > rules->count_max)
        return "too many tags";
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->v[i].key.n == 0)
            return "a tag key is empty";
        if (str_characters(m->v[i].key) > rules->key_max)
            return "a tag key is too long";
        if (str_characters(m->v[i].value) > rules->value_max)
            return "a tag value is too long";
        if (m->v[i].key.n >= 4 && str_eq_nocase(str_sub(m->v[i].key, 0, 4), STR("aws:")))
            return "aws: prefixed tag key names are not allowed for external use.";
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(m->v[k].key, m->v[i].key))
                return "duplicate tag keys";
    }
    return NULL;
}

void tags_merge(struct op *op, struct str_map *into, const struct str_map *from)
{
    for (uint32_t i = 0; i < from->n; i++)
        str_map_put(op->arena, into, from->v[i].key, from->v[i].value);
}

void tags_remove(struct str_map *from, const struct str_list *keys)
{
    for (uint32_t i = 0; i < keys->n; i++)
        str_map_remove(from, keys->v[i]);
}
