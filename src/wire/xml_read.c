/* rest-xml request bodies: expat makes a small tree in the arena, which is then read by the shape. Document types are refused. */
#include "wire/codec.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct str name;         /* without its prefix */
    const char **attributes; /* name, value, ..., NULL */
    struct buf text;
    struct node *first, *last, *next, *parent;
};

struct tree {
    struct arena *a;
    struct node *root, *current;
    XML_Parser parser;
    int depth;
    uint32_t nodes;
    bool failed;
};

static struct str local(const char *name)
{
    struct str before, after;
    return str_cut(str_c(name), ':', &before, &after) ? after : str_c(name);
}

static void stop(struct tree *t)
{
    t->failed = true;
    XML_StopParser(t->parser, XML_FALSE);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct tree *t = ctx;
    if (++t->depth > LIMIT_DEPTH || ++t->nodes > 4 * LIMIT_LIST) {
        stop(t);
        return;
    }
    struct node *n = arena_one(t->a, struct node);
    n->name = str_dup(t->a, local(name));
    buf_init(&n->text, t->a, LIMIT_BODY_BYTES);
    size_t count = 0;
    while (attributes[count])
        count++;
    n->attributes = arena_many(t->a, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        n->attributes[i] = str_dup(t->a, str_c(attributes[i])).p;
    n->parent = t->current;
    if (!t->current)
        t->root = n;
    else if (t->current->last)
        t->current->last = t->current->last->next = n;
    else
        t->current->first = t->current->last = n;
    t->current = n;
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct tree *t = ctx;
    t->depth--;
    t->current = t->current->parent;
}

static void on_text(void *ctx, const XML_Char *s, int n)
{
    struct tree *t = ctx;
    if (t->current)
        buf_put(&t->current->text, s, (size_t)n);
}

static void on_doctype(void *ctx, const XML_Char *a, const XML_Char *b, const XML_Char *c, int d)
{
    stop(ctx);
}

struct xml {
    struct arena *a;
    struct str *why;
};

static int value(struct xml *x, const struct member *m, struct node *n, void *slot, bool inside);

static int read_entry(struct xml *x, const struct shape *s, struct node *n, struct any_list *map)
{
    const struct member *k = &s->members[0], *v = &s->members[1];
    struct node *key = NULL, *val = NULL;
    for (struct node *c = n->first; c; c = c->next) {
        if (str_is(c->name, k->wire))
            key = c;
        else if (str_is(c->name, v->wire))
            val = c;
    }
    if (!key)
        return bad(x->a, x->why, "A map entry has no %s", k->wire);
    void *slot = any_map_push(x->a, s, map, buf_done(&key->text));
    return val ? value(x, v, val, slot, true) : 0;
}

static int read_struct(struct xml *x, const struct shape *s, struct node *n, void *st);

/* A list or map member: n is one element of a flattened one, else the element around all. */
static int read_many(struct xml *x, const struct member *m, struct node *n, struct any_list *l)
{
    const struct shape *s = m->shape;
    bool flat = m->flattened || s->flattened;
    l->set = true;
    if (l->n >= LIMIT_LIST)
        return bad(x->a, x->why, "%s has too many elements", m->wire);
    if (s->kind == SHAPE_MAP && flat)
        return read_entry(x, s, n, l);
    if (flat)
        return value(x, &s->members[0], n, any_list_push(x->a, s, l), true);
    for (struct node *c = n->first; c; c = c->next) {
        if (l->n >= LIMIT_LIST)
            return bad(x->a, x->why, "%s has too many elements", m->wire);
        int rc = 0;
        if (s->kind == SHAPE_MAP)
            rc = str_is(c->name, "entry") ? read_entry(x, s, c, l) : 0;
        else if (str_is(c->name, s->members[0].wire))
            rc = value(x, &s->members[0], c, any_list_push(x->a, s, l), true);
        if (rc)
            return rc;
    }
    return 0;
}

static int value(struct xml *x, const struct member *m, struct node *n, void *slot, bool inside)
{
    switch (m->shape->kind) {
    case SHAPE_STRUCT:
        return read_struct(x, m->shape, n, slot_open(x->a, m->shape, slot, inside));
    case SHAPE_LIST:
    case SHAPE_MAP:
        return read_many(x, m, n, slot);
    default:
        return scalar_of_text(x->a, m, buf_done(&n->text), TIME_ISO8601, slot, x->why);
    }
}

static int read_struct(struct xml *x, const struct shape *s, struct node *n, void *st)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (m->location != LOC_BODY || m->shape->kind == SHAPE_STREAM)
            continue;
        int rc = 0;
        for (const char **a = n->attributes; m->xml_attribute && rc == 0 && *a; a += 2)
            if (strcmp(*a, m->wire) == 0)
                rc = scalar_of_text(x->a, m, str_c(a[1]), TIME_ISO8601, slot_of(st, m), x->why);
        for (struct node *c = n->first; !m->xml_attribute && rc == 0 && c; c = c->next)
            if (str_is(c->name, m->wire))
                rc = value(x, m, c, slot_of(st, m), false);
        if (rc)
            return rc;
    }
    return 0;
}

int xml_read(struct arena *a, struct str text, const struct shape *s, void *ret_struct, struct str *ret_why)
{
    struct tree t = { .a = a, .parser = XML_ParserCreate(NULL) };
    if (!t.parser)
        abort();
    XML_SetUserData(t.parser, &t);
    XML_SetElementHandler(t.parser, on_start, on_end);
    XML_SetCharacterDataHandler(t.parser, on_text);
    XML_SetStartDoctypeDeclHandler(t.parser, on_doctype);
    bool ok = text.n <= INT32_MAX && XML_Parse(t.parser, text.p, (int)text.n, 1) == XML_STATUS_OK && !t.failed && t.root;
    XML_ParserFree(t.parser);
    if (!ok)
        return bad(a, ret_why, "The XML you provided was not well-formed or did not validate against our published schema");
    struct xml x = { a, ret_why };
    return read_struct(&x, s, t.root, ret_struct);
}
