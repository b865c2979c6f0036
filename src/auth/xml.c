#include "auth/xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/limits.h"

enum { ATTRIBUTES_MAX = 64 /* of an element, declarations too */, DECLARED_MAX = 256 /* in a document: each name is looked up among them */ };

static const char xml_uri[] = "http://www.w3.org/XML/1998/namespace", xmlns_uri[] = "http://www.w3.org/2000/xmlns/";

struct parse {
    struct arena *a;
    XML_Parser parser;
    struct xml_node *root, *current;
    struct buf text; /* not yet a node */
    int depth;
    uint32_t nodes, declared;
    bool comments, failed;
};

static void fail(struct parse *p)
{
    p->failed = true;
    XML_StopParser(p->parser, XML_FALSE);
}

/* ---- names ---- */

static bool split(struct str name, struct xml_name *ret)
{
    struct str before, after;
    if (!str_cut(name, ':', &before, &after)) {
        *ret = (struct xml_name){ .prefix = STR(""), .local = name, .uri = STR("") };
        return true;
    }
    *ret = (struct xml_name){ .prefix = before, .local = after, .uri = STR("") };
    return before.n && after.n && !str_contains(after, STR(":"));
}

/* What a prefix stands for at an element; absent: nothing. */
static struct str in_scope(const struct xml_node *n, struct str prefix)
{
    if (str_is(prefix, "xml"))
        return str_c(xml_uri);
    for (; n; n = n->parent) {
        struct str uri = str_map_get(&n->namespaces, prefix);
        if (uri.p)
            return uri;
    }
    return prefix.n ? STR_NONE : STR("");
}

static bool resolve(const struct xml_node *n, struct xml_name *name)
{
    name->uri = in_scope(n, name->prefix);
    return name->uri.p;
}

static bool declare(struct parse *p, struct xml_node *n, struct str prefix, struct str uri)
{
    bool reserved = str_is(uri, xml_uri) || str_is(uri, xmlns_uri);
    if (str_is(prefix, "xml"))
        return str_is(uri, xml_uri);
    if (str_is(prefix, "xmlns") || reserved || (prefix.n && !uri.n) || ++p->declared > DECLARED_MAX)
        return false;
    str_map_put(p->a, &n->namespaces, prefix, uri);
    return true;
}

static bool same_name(const struct xml_name *a, const struct xml_name *b) { return str_eq(a->local, b->local) && str_eq(a->uri, b->uri); }

/* ---- parsing ---- */

static void end_text(struct parse *p)
{
    if (p->text.n == 0)
        return;
    struct xml_node *n = arena_one(p->a, struct xml_node);
    n->text = buf_done(&p->text);
    n->parent = p->current;
    if (p->current->last)
        p->current->last = p->current->last->next = n;
    else
        p->current->first = p->current->last = n;
    buf_init(&p->text, p->a, LIMIT_BODY_BYTES);
}

static bool read_names(struct parse *p, struct xml_node *n, const XML_Char *name, const XML_Char **attributes)
{
    struct xml_name attribute;
    size_t count = 0;
    if (!split(str_dup(p->a, str_c(name)), &n->name))
        return false;
    for (const XML_Char **at = attributes; *at; at += 2) {
        struct str key = str_dup(p->a, str_c(at[0])), value = str_dup(p->a, str_c(at[1]));
        if (++count > ATTRIBUTES_MAX || !split(key, &attribute))
            return false;
        bool whole = str_is(key, "xmlns");
        if (whole || str_is(attribute.prefix, "xmlns")) {
            if (!declare(p, n, whole ? STR("") : attribute.local, value))
                return false;
        } else {
            *list_push(p->a, &n->attributes) = (struct xml_attribute){ attribute, value };
        }
    }
    for list_each(at, &n->attributes) {
        if (at->name.prefix.n && !resolve(n, &at->name))
            return false;
        for (struct xml_attribute *before = n->attributes.v; before < at; before++)
            if (same_name(&before->name, &at->name))
                return false;
    }
    return resolve(n, &n->name);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *p = ctx;
    if (p->failed)
        return;
    if (++p->depth > LIMIT_DEPTH || ++p->nodes > LIMIT_LIST) {
        fail(p);
        return;
    }
    end_text(p);
    struct xml_node *n = arena_one(p->a, struct xml_node), *parent = p->current;
    n->parent = parent;
    if (!read_names(p, n, name, attributes)) {
        fail(p);
        return;
    }
    if (!parent)
        p->root = n;
    else if (parent->last)
        parent->last = parent->last->next = n;
    else
        parent->first = parent->last = n;
    p->current = n;
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct parse *p = ctx;
    if (p->failed)
        return;
    end_text(p);
    p->depth--;
    p->current = p->current->parent;
}

static void on_text(void *ctx, const XML_Char *s, int n)
{
    struct parse *p = ctx;
    if (p->current && !p->failed)
        buf_put(&p->text, s, (size_t)n);
}

static void on_comment(void *ctx, const XML_Char *text)
{
    struct parse *p = ctx;
    if (!p->comments)
        fail(p);
}

static void on_instruction(void *ctx, const XML_Char *target, const XML_Char *data) { fail(ctx); }
static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal) { fail(ctx); }

int xml_parse(struct arena *a, struct str text, bool comments, struct xml_node **ret)
{
    struct parse p = { .a = a, .parser = XML_ParserCreate("UTF-8"), .comments = comments };
    if (!p.parser)
        abort();
    buf_init(&p.text, a, LIMIT_BODY_BYTES);
    XML_SetUserData(p.parser, &p);
    XML_SetElementHandler(p.parser, on_start, on_end);
    XML_SetCharacterDataHandler(p.parser, on_text);
    XML_SetCommentHandler(p.parser, on_comment);
    XML_SetProcessingInstructionHandler(p.parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    bool ok = text.n <= INT32_MAX && XML_Parse(p.parser, text.p, (int)text.n, 1) == XML_STATUS_OK && !p.failed && p.root;
    XML_ParserFree(p.parser);
    if (!ok)
        return E_INVALID;
    *ret = p.root;
    return 0;
}

/* ---- reading ---- */

bool xml_is(const struct xml_node *n, const char *uri, const char *local)
{
    return n->name.local.p && str_is(n->name.local, local) && str_is(n->name.uri, uri);
}

const struct xml_node *xml_child(const struct xml_node *parent, const struct xml_node *behind, const char *uri, const char *local)
{
    for (const struct xml_node *c = behind ? behind->next : parent->first; c; c = c->next)
        if (xml_is(c, uri, local))
            return c;
    return NULL;
}

const struct xml_node *xml_only(const struct xml_node *parent, const char *uri, const char *local)
{
    const struct xml_node *one = xml_child(parent, NULL, uri, local);
    return one && !xml_child(parent, one, uri, local) ? one : NULL;
}

const struct xml_node *xml_walk(const struct xml_node *n, const struct xml_node *root)
{
    if (n->first)
        return n->first;
    while (n != root && !n->next)
        n = n->parent;
    return n == root ? NULL : n->next;
}

struct str xml_attribute(const struct xml_node *n, const char *local)
{
    for list_each(at, &n->attributes)
        if (!at->name.uri.n && str_is(at->name.local, local))
            return at->value;
    return STR_NONE;
}

struct str xml_text(struct arena *a, const struct xml_node *n)
{
    if (!n->first)
        return STR("");
    return n->first->next || n->first->name.local.p ? STR_NONE : str_dup(a, str_trim(n->first->text));
}

int xml_base64(struct arena *a, const struct xml_node *n, struct str *ret)
{
    struct str text = xml_text(a, n);
    struct buf b;
    buf_init(&b, a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != ' ' && text.p[i] != '\n' && text.p[i] != '\r' && text.p[i] != '\t')
            buf_byte(&b, text.p[i]);
    return text.p ? base64_decode(a, buf_done(&b), ret) : E_INVALID;
}

/* ---- the canonical form ---- */

/* What those around have put out already: the innermost counts. */
struct rendered {
    const struct rendered *outer;
    struct str prefix, uri;
};

static bool is_rendered(const struct rendered *r, struct str prefix, struct str uri)
{
    for (; r; r = r->outer)
        if (str_eq(r->prefix, prefix))
            return str_eq(r->uri, uri);
    return prefix.n == 0 && uri.n == 0;
}

static void put_escaped(struct buf *out, struct str s, bool attribute)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&': buf_c(out, "&amp;"); break;
        case '<': buf_c(out, "&lt;"); break;
        case '>': buf_c(out, attribute ? ">" : "&gt;"); break;
        case '"': buf_c(out, attribute ? "&quot;" : "\""); break;
        case '\t': buf_c(out, attribute ? "&#x9;" : "\t"); break;
        case '\n': buf_c(out, attribute ? "&#xA;" : "\n"); break;
        case '\r': buf_c(out, "&#xD;"); break;
        default: buf_byte(out, s.p[i]);
        }
    }
}

static void put_name(struct buf *out, const struct xml_name *name)
{
    buf_str(out, name->prefix);
    if (name->prefix.n)
        buf_byte(out, ':');
    buf_str(out, name->local);
}

static int by_uri(const void *a, const void *b)
{
    const struct xml_name *x = &(*(const struct xml_attribute *const *)a)->name, *y = &(*(const struct xml_attribute *const *)b)->name;
    int order = str_cmp(x->uri, y->uri);
    return order ? order : str_cmp(x->local, y->local);
}

static void put_attributes(const struct xml_node *n, struct buf *out)
{
    const struct xml_attribute *sorted[ATTRIBUTES_MAX];
    for (uint32_t i = 0; i < n->attributes.n; i++)
        sorted[i] = &n->attributes.v[i];
    qsort(sorted, n->attributes.n, sizeof *sorted, by_uri);
    for (uint32_t i = 0; i < n->attributes.n; i++) {
        buf_byte(out, ' ');
        put_name(out, &sorted[i]->name);
        buf_c(out, "=\"");
        put_escaped(out, sorted[i]->value, true);
        buf_byte(out, '"');
    }
}

/* Prefixes that an element's own names use, and those listed that it has in scope. */
static struct str_map used(const struct xml_node *n, const struct str_list *prefixes, struct arena *a)
{
    struct str_map m = { 0 };
    str_map_put(a, &m, n->name.prefix, n->name.uri);
    for list_each(at, &n->attributes)
        if (at->name.prefix.n)
            str_map_put(a, &m, at->name.prefix, at->name.uri);
    for list_each(prefix, prefixes) {
        struct str uri = in_scope(n, *prefix);
        if (uri.p)
            str_map_put(a, &m, *prefix, uri);
    }
    str_map_remove(&m, STR("xml"));
    str_map_sort(&m);
    return m;
}

static void put_element(const struct xml_node *n, const struct xml_node *without, const struct str_list *prefixes, const struct rendered *outer, struct buf *out)
{
    struct str_map m = used(n, prefixes, out->arena);
    buf_byte(out, '<');
    put_name(out, &n->name);
    for list_each(ns, &m) {
        if (is_rendered(outer, ns->key, ns->value))
            continue;
        struct rendered *r = arena_one(out->arena, struct rendered);
        *r = (struct rendered){ outer, ns->key, ns->value };
        outer = r;
        buf_c(out, ns->key.n ? " xmlns:" : " xmlns");
        buf_str(out, ns->key);
        buf_c(out, "=\"");
        put_escaped(out, ns->value, true);
        buf_byte(out, '"');
    }
    put_attributes(n, out);
    buf_byte(out, '>');
    for (const struct xml_node *c = n->first; c; c = c->next) {
        if (c == without)
            continue;
        if (c->name.local.p)
            put_element(c, without, prefixes, outer, out);
        else
            put_escaped(out, c->text, false);
    }
    buf_c(out, "</");
    put_name(out, &n->name);
    buf_byte(out, '>');
}

void xml_canonical(const struct xml_node *n, const struct xml_node *without, const struct str_list *prefixes, struct buf *out)
{
    put_element(n, without, prefixes, NULL, out);
}
