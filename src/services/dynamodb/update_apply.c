/* What an update does to an item. Every right side is computed from the item as it was before any of the actions; then SET, ADD and DELETE are
 * carried out, list elements in ascending order of their indexes (those behind the end are appended in that order), and at last REMOVE, list
 * elements in descending order so that indexes keep meaning what they meant before. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "services/dynamodb/expr.h"
#include "services/dynamodb/number.h"

static const struct str invalid_path = STR("The document path provided in the update expression is invalid for update");
static const struct str wrong_type = STR("An operand in the update expression has an incorrect data type");
static const struct str no_attribute = STR("The provided expression refers to an attribute that does not exist in the item");

struct apply {
    struct arena *arena;
    const struct attr_map *before;
    struct attr_map *item;
    struct str error;
};

static int fail(struct apply *ap, struct str error)
{
    ap->error = error;
    return E_INVALID;
}

static int add_numbers(struct apply *ap, struct str x, struct str y, bool subtract, struct value *ret)
{
    struct number a, b, sum;
    enum number_error e = number_parse(x, &a);
    if (e == NUMBER_OK)
        e = number_parse(y, &b);
    if (e == NUMBER_OK) {
        if (subtract)
            b = number_negate(&b);
        e = number_add(&a, &b, &sum);
    }
    if (e != NUMBER_OK)
        return fail(ap, number_error_text(ap->arena, e, x));
    *ret = (struct value){ .type = VALUE_N, .s = number_text(ap->arena, &sum) };
    return 0;
}

/* ---- right sides ---- */

static int compute(struct apply *ap, const struct expr *e, struct value *ret);

static int compute_two(struct apply *ap, const struct expr *e, enum value_type type, struct value *ret_x, struct value *ret_y)
{
    int rc = compute(ap, e->args.v[0], ret_x);
    if (rc == 0)
        rc = compute(ap, e->args.v[1], ret_y);
    if (rc < 0)
        return rc;
    return ret_x->type == type && ret_y->type == type ? 0 : fail(ap, wrong_type);
}

static int compute_append(struct apply *ap, const struct expr *e, struct value *ret)
{
    struct value x, y;
    int rc = compute_two(ap, e, VALUE_L, &x, &y);
    if (rc < 0)
        return rc;
    *ret = (struct value){ .type = VALUE_L, .l = { .n = x.l.n + y.l.n, .cap = x.l.n + y.l.n, .set = true } };
    ret->l.v = arena_many(ap->arena, struct value, ret->l.n + 1);
    if (x.l.n)
        memcpy(ret->l.v, x.l.v, x.l.n * sizeof *x.l.v);
    if (y.l.n)
        memcpy(ret->l.v + x.l.n, y.l.v, y.l.n * sizeof *y.l.v);
    return 0;
}

static int compute_arithmetic(struct apply *ap, const struct expr *e, struct value *ret)
{
    struct value x, y;
    int rc = compute_two(ap, e, VALUE_N, &x, &y);
    if (rc < 0)
        return rc;
    return add_numbers(ap, x.s, y.s, e->kind == EXPR_MINUS, ret);
}

static int compute(struct apply *ap, const struct expr *e, struct value *ret)
{
    const struct value *v;
    switch (e->kind) {
    case EXPR_VALUE:
        *ret = *e->value;
        return 0;
    case EXPR_PATH:
        v = path_get(ap->before, &e->path);
        if (!v)
            return fail(ap, no_attribute);
        *ret = *v;
        return 0;
    case EXPR_PLUS:
    case EXPR_MINUS:
        return compute_arithmetic(ap, e, ret);
    default:
        if (e->function == FUNCTION_LIST_APPEND)
            return compute_append(ap, e, ret);
        v = path_get(ap->before, &e->args.v[0]->path); /* if_not_exists */
        if (!v)
            return compute(ap, e->args.v[1], ret);
        *ret = *v;
        return 0;
    }
}

static int set_union(struct apply *ap, const struct value *old, const struct value *more, struct value *ret)
{
    enum value_type t = value_element_type(old->type);
    uint32_t i = 0, j = 0;
    *ret = (struct value){ .type = old->type };
    while (i < old->items.n || j < more->items.n) {
        int c = i == old->items.n ? 1 : j == more->items.n ? -1 : value_scalar_compare(t, old->items.v[i], more->items.v[j]);
        str_list_add(ap->arena, &ret->items, c <= 0 ? old->items.v[i] : more->items.v[j]);
        i += c <= 0;
        j += c >= 0;
    }
    return 0;
}

static int compute_add(struct apply *ap, const struct value *old, const struct value *operand, struct value *ret)
{
    if (!old) {
        *ret = *operand;
        return 0;
    }
    if (old->type != operand->type)
        return fail(ap, wrong_type);
    if (operand->type == VALUE_N)
        return add_numbers(ap, old->s, operand->s, false, ret);
    if (operand->type == VALUE_L) /* the legacy ADD appends to lists */
    {
        struct expr x = { .kind = EXPR_VALUE, .value = old }, y = { .kind = EXPR_VALUE, .value = operand };
        struct expr *args[] = { &x, &y };
        struct expr e = { .kind = EXPR_FUNCTION, .function = FUNCTION_LIST_APPEND, .args = { .v = args, .n = 2 } };
        return compute_append(ap, &e, ret);
    }
    if (!value_is_set(operand->type))
        return fail(ap, wrong_type);
    return set_union(ap, old, operand, ret);
}

/* What is left of a set; an empty one means that the attribute goes. */
static int compute_delete(struct apply *ap, const struct value *old, const struct value *operand, struct value *ret)
{
    if (old->type != operand->type || !value_is_set(old->type))
        return fail(ap, wrong_type);
    *ret = (struct value){ .type = old->type };
    for (uint32_t i = 0; i < old->items.n; i++)
        if (!value_set_has(operand, old->items.v[i]))
            str_list_add(ap->arena, &ret->items, old->items.v[i]);
    return 0;
}

/* ---- places ---- */

/* The map or list that holds the path's last element; item itself for a path of one. NULL in *ret_value: the item. */
static int find_parent(struct apply *ap, const struct path *p, struct value **ret_value)
{
    struct path parent = { .v = p->v, .n = p->n - 1 };
    *ret_value = NULL;
    if (p->n == 1)
        return 0;
    struct value *v = (struct value *)path_get(ap->item, &parent); /* item is ours to change */
    const struct path_elem *last = &p->v[p->n - 1];
    if (!v || v->type != (last->name.p ? VALUE_M : VALUE_L))
        return fail(ap, invalid_path);
    *ret_value = v;
    return 0;
}

static int assign(struct apply *ap, const struct path *p, const struct value *v)
{
    const struct path_elem *last = &p->v[p->n - 1];
    struct value *parent, own = value_copy(ap->arena, v);
    int rc = find_parent(ap, p, &parent);
    if (rc < 0)
        return rc;
    if (last->name.p)
        attr_put(ap->arena, parent ? &parent->m : ap->item, last->name, &own);
    else if (last->index < parent->l.n)
        parent->l.v[last->index] = own;
    else
        *list_push(ap->arena, &parent->l) = own;
    return 0;
}

static int erase(struct apply *ap, const struct path *p)
{
    const struct path_elem *last = &p->v[p->n - 1];
    struct value *parent;
    int rc = find_parent(ap, p, &parent);
    if (rc < 0)
        return rc;
    if (last->name.p) {
        attr_remove(parent ? &parent->m : ap->item, last->name);
    } else if (last->index < parent->l.n) {
        memmove(&parent->l.v[last->index], &parent->l.v[last->index + 1], (parent->l.n - last->index - 1) * sizeof *parent->l.v);
        parent->l.n--;
    }
    return 0;
}

/* ---- the whole ---- */

struct step {
    const struct update_action *action;
    struct value value;
    bool remove;
};

static int compute_step(struct apply *ap, const struct update_action *act, struct step *ret)
{
    const struct value *old = path_get(ap->before, &act->path);
    int rc;
    *ret = (struct step){ .action = act };
    switch (act->verb) {
    case UPDATE_SET:
        return compute(ap, act->value, &ret->value);
    case UPDATE_ADD:
        return compute_add(ap, old, act->value->value, &ret->value);
    case UPDATE_DELETE:
        if (!old) {
            ret->action = NULL;
            return 0;
        }
        rc = compute_delete(ap, old, act->value->value, &ret->value);
        ret->remove = rc == 0 && ret->value.items.n == 0;
        return rc;
    case UPDATE_REMOVE:
    default:
        ret->remove = true;
        return 0;
    }
}

/* Assignments first, by ascending index; removals last, by descending index. */
static int compare_steps(const void *left, const void *right)
{
    const struct step *a = left, *b = right;
    if (a->remove != b->remove)
        return a->remove ? 1 : -1;
    const struct path *p = &a->action->path, *q = &b->action->path;
    for (uint32_t i = 0; i < p->n && i < q->n; i++) {
        int c = p->v[i].name.p && q->v[i].name.p ? str_cmp(p->v[i].name, q->v[i].name)
                                                  : (p->v[i].index > q->v[i].index) - (p->v[i].index < q->v[i].index);
        if (c != 0)
            return a->remove ? -c : c;
    }
    return (p->n > q->n) - (p->n < q->n);
}

int update_apply(struct arena *a, const struct update *u, struct attr_map *item, struct str *ret_error)
{
    struct attr_map before = attr_map_copy(a, item);
    struct apply ap = { .arena = a, .before = &before, .item = item };
    struct step *steps = arena_many(a, struct step, u->n + 1);
    uint32_t n = 0;
    int rc = 0;

    for (uint32_t i = 0; i < u->n && rc == 0; i++) {
        rc = compute_step(&ap, &u->v[i], &steps[n]);
        n += rc == 0 && steps[n].action != NULL;
    }
    if (rc == 0 && n > 1)
        qsort(steps, n, sizeof *steps, compare_steps);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = steps[i].remove ? erase(&ap, &steps[i].action->path) : assign(&ap, &steps[i].action->path, &steps[i].value);
    if (rc < 0)
        *ret_error = ap.error;
    return rc;
}
