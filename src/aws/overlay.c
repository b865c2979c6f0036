#include "aws/overlay.h"

#include <string.h>

/* How many bytes a member takes, and whether it is there. Lists and maps carry `set`, at the same place in all of them. */
static size_t member_bytes(const struct shape *s)
{
    return s->kind == SHAPE_STRUCT || s->kind == SHAPE_STREAM ? sizeof(void *) : s->size;
}

static bool present(const struct shape *s, const void *p)
{
    switch (s->kind) {
    case SHAPE_STRUCT:
    case SHAPE_STREAM: return *(void *const *)p != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP: return ((const struct str_list *)p)->set || ((const struct str_list *)p)->n;
    case SHAPE_BOOL: return ((const struct opt_bool *)p)->set;
    case SHAPE_INT:
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP: return ((const struct opt_i64 *)p)->set;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return ((const struct opt_f64 *)p)->set;
    default: return ((const struct str *)p)->p != NULL;
    }
}

/* Scalars of one C type are the same whatever the model calls them; the rest must be the very shape, or lists and maps of strings. */
static bool same_type(const struct shape *a, const struct shape *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind)
        return false;
    if (a->kind == SHAPE_LIST)
        return a->members[0].shape->kind == SHAPE_STRING && b->members[0].shape->kind == SHAPE_STRING;
    if (a->kind == SHAPE_MAP)
        return a->members[1].shape->kind == SHAPE_STRING && b->members[1].shape->kind == SHAPE_STRING;
    return a->kind != SHAPE_STRUCT;
}

void overlay(const struct shape *from_shape, const void *from, const struct shape *to_shape, void *to)
{
    for (uint32_t i = 0; i < to_shape->n_members; i++) {
        const struct member *t = &to_shape->members[i];
        for (uint32_t k = 0; k < from_shape->n_members; k++) {
            const struct member *f = &from_shape->members[k];
            const char *source = (const char *)from + f->offset;
            if (strcmp(f->name, t->name) == 0 && same_type(f->shape, t->shape) && present(f->shape, source))
                memcpy((char *)to + t->offset, source, member_bytes(t->shape));
        }
    }
}
