/* The parts of an item that some paths name. The paths become a tree first, so that a.b and a.c, or l[3] and l[1], come out in one document,
 * list elements in the order of their indexes. */
#include "base/arena.h"
#include "services/dynamodb/expr.h"

struct node {
    struct path_elem elem;
    bool whole;
    struct node *children, *next; /* children: indexes ascending */
};

static struct node *child(struct arena *a, struct node *of, const struct path_elem *e)
{
    struct node **at = &of->children;
    for (; *at; at = &(*at)->next) {
        if (e->name.p ? str_eq((*at)->elem.name, e->name) : !(*at)->elem.name.p && (*at)->elem.index >= e->index)
            break;
    }
    if (*at && (e->name.p || (*at)->elem.index == e->index))
        return *at;
    struct node *n = arena_one(a, struct node);
    n->elem = *e;
    n->next = *at;
    *at = n;
    return n;
}

static bool take(struct arena *a, const struct node *n, const struct value *from, struct value *ret);

static void take_map(struct arena *a, const struct node *children, const struct attr_map *from, struct attr_map *ret)
{
    for (const struct node *c = children; c; c = c->next) {
        const struct value *v = c->elem.name.p ? attr_get(from, c->elem.name) : NULL;
        struct value part = { 0 };
        if (v && take(a, c, v, &part))
            attr_put(a, ret, c->elem.name, &part);
    }
}

static bool take(struct arena *a, const struct node *n, const struct value *from, struct value *ret)
{
    if (n->whole) {
        *ret = *from;
        return true;
    }
    ret->type = from->type;
    if (from->type == VALUE_M) {
        take_map(a, n->children, &from->m, &ret->m);
        return ret->m.n > 0;
    }
    if (from->type != VALUE_L)
        return false;
    for (const struct node *c = n->children; c; c = c->next) {
        struct value part = { 0 };
        if (!c->elem.name.p && c->elem.index < from->l.n && take(a, c, &from->l.v[c->elem.index], &part))
            *list_push(a, &ret->l) = part;
    }
    return ret->l.n > 0;
}

struct attr_map path_project(struct arena *a, const struct attr_map *item, const struct path_list *paths)
{
    struct node root = { 0 };
    struct attr_map r = { .set = true };
    for (uint32_t i = 0; i < paths->n; i++) {
        struct node *n = &root;
        for (uint32_t k = 0; k < paths->v[i].n; k++)
            n = child(a, n, &paths->v[i].v[k]);
        n->whole = true;
    }
    take_map(a, root.children, item, &r);
    return r;
}
