#include "wire/codec.h"

bool slot_is_set(const struct shape *s, const void *slot, bool inside)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
    case SHAPE_RAW:
        return ((const struct str *)slot)->p != NULL;
    case SHAPE_BOOL:
        return ((const struct opt_bool *)slot)->set;
    case SHAPE_INT:
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP:
        return ((const struct opt_i64 *)slot)->set;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        return ((const struct opt_f64 *)slot)->set;
    case SHAPE_STREAM:
        return *(void *const *)slot != NULL;
    case SHAPE_STRUCT:
        return inside || *(void *const *)slot != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return ((const struct any_list *)slot)->set || ((const struct any_list *)slot)->n > 0;
    }
    return false;
}

void *slot_open(struct arena *a, const struct shape *s, void *slot, bool inside)
{
    if (inside || s->kind != SHAPE_STRUCT)
        return slot;
    void **p = slot;
    if (!*p)
        *p = arena_alloc(a, s->size);
    return *p;
}

void *any_list_push(struct arena *a, const struct shape *list, struct any_list *l)
{
    return list_push_raw(a, (void **)&l->v, &l->n, &l->cap, &l->set, list->members[0].shape->size);
}

void *any_map_push(struct arena *a, const struct shape *map, struct any_list *m, struct str key)
{
    char *e = list_push_raw(a, (void **)&m->v, &m->n, &m->cap, &m->set, map_entry_bytes(map));
    *(struct str *)(void *)e = key;
    return e + map->members[1].offset;
}

int bad(struct arena *a, struct str *ret_why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *ret_why = str_vprintf(a, fmt, ap);
    va_end(ap);
    return E_INVALID;
}

struct blob **wire_stream(const struct shape *shape, void *s)
{
    for (uint32_t i = 0; shape && i < shape->n_members; i++)
        if (shape->members[i].shape->kind == SHAPE_STREAM)
            return slot_of(s, &shape->members[i]);
    return NULL;
}
