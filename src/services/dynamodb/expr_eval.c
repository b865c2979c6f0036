/* Whether a condition holds for an item. A path to nothing makes every comparison but <> false. */
#include <string.h>

#include "base/arena.h"
#include "services/dynamodb/expr.h"

const struct value *path_get(const struct attr_map *item, const struct path *p)
{
    const struct value *v = attr_get(item, p->v[0].name);
    for (uint32_t i = 1; v && i < p->n; i++) {
        const struct path_elem *e = &p->v[i];
        if (e->name.p)
            v = v->type == VALUE_M ? attr_get(&v->m, e->name) : NULL;
        else
            v = v->type == VALUE_L && e->index < v->l.n ? &v->l.v[e->index] : NULL;
    }
    return v;
}

/* NULL: a number, a boolean or null has no size. */
static const struct value *size_of(struct arena *a, const struct value *v)
{
    size_t n;
    switch (v->type) {
    case VALUE_S: n = str_characters(v->s); break;
    case VALUE_B: n = v->s.n; break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS: n = v->items.n; break;
    case VALUE_M: n = v->m.n; break;
    case VALUE_L: n = v->l.n; break;
    default: return NULL;
    }
    struct value *r = arena_one(a, struct value);
    r->type = VALUE_N;
    r->s = str_printf(a, "%zu", n);
    return r;
}

static const struct value *operand(struct arena *a, const struct expr *e, const struct attr_map *item)
{
    if (e->kind == EXPR_VALUE)
        return e->value;
    if (e->kind == EXPR_PATH)
        return path_get(item, &e->path);
    const struct value *v = operand(a, e->args.v[0], item); /* size() is all that is left */
    return v ? size_of(a, v) : NULL;
}

static bool compare(enum compare_op op, const struct value *x, const struct value *y)
{
    if (op == COMPARE_EQ || op == COMPARE_NE)
        return (x && y && value_equal(x, y)) == (op == COMPARE_EQ);
    if (!x || !y || x->type != y->type || x->type > VALUE_B)
        return false;
    int c = value_compare(x, y);
    switch (op) {
    case COMPARE_LT: return c < 0;
    case COMPARE_LE: return c <= 0;
    case COMPARE_GT: return c > 0;
    default: return c >= 0;
    }
}

static bool contains(const struct value *x, const struct value *part)
{
    if (x->type == part->type && (x->type == VALUE_S || x->type == VALUE_B))
        return part->s.n == 0 || memmem(x->s.p, x->s.n, part->s.p, part->s.n) != NULL;
    if (value_is_set(x->type))
        return value_element_type(x->type) == part->type && value_set_has(x, part->s);
    if (x->type != VALUE_L)
        return false;
    for (uint32_t i = 0; i < x->l.n; i++)
        if (value_equal(&x->l.v[i], part))
            return true;
    return false;
}

static bool call(struct arena *a, const struct expr *e, const struct attr_map *item)
{
    const struct value *x = operand(a, e->args.v[0], item);
    if (e->function == FUNCTION_ATTRIBUTE_EXISTS || e->function == FUNCTION_ATTRIBUTE_NOT_EXISTS)
        return (x != NULL) == (e->function == FUNCTION_ATTRIBUTE_EXISTS);
    const struct value *y = operand(a, e->args.v[1], item);
    if (!x || !y)
        return false;
    switch (e->function) {
    case FUNCTION_ATTRIBUTE_TYPE:
        return y->type == VALUE_S && str_is(y->s, value_type_name(x->type));
    case FUNCTION_BEGINS_WITH:
        return x->type == y->type && (x->type == VALUE_S || x->type == VALUE_B) && str_starts(x->s, y->s);
    default:
        return contains(x, y);
    }
}

bool expr_true(struct arena *a, const struct expr *e, const struct attr_map *item)
{
    const struct value *x;
    switch (e->kind) {
    case EXPR_AND:
    case EXPR_OR:
        for (uint32_t i = 0; i < e->args.n; i++)
            if (expr_true(a, e->args.v[i], item) == (e->kind == EXPR_OR))
                return e->kind == EXPR_OR;
        return e->kind == EXPR_AND;
    case EXPR_NOT:
        return !expr_true(a, e->args.v[0], item);
    case EXPR_COMPARE:
        return compare(e->compare, operand(a, e->args.v[0], item), operand(a, e->args.v[1], item));
    case EXPR_BETWEEN:
        x = operand(a, e->args.v[0], item);
        return compare(COMPARE_GE, x, operand(a, e->args.v[1], item)) && compare(COMPARE_LE, x, operand(a, e->args.v[2], item));
    case EXPR_IN:
        x = operand(a, e->args.v[0], item);
        for (uint32_t i = 1; i < e->args.n; i++)
            if (compare(COMPARE_EQ, x, operand(a, e->args.v[i], item)))
                return true;
        return false;
    default:
        return call(a, e, item);
    }
}
