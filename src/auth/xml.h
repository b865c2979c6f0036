/* XML that was signed: a small strict tree that keeps every name, prefix and text, and its exclusive canonical form.
 *
 * Stricter than XML: UTF-8 alone, no document type (so no entities but the five), no processing instructions, no unbound prefix. Comments are dropped where
 * they are allowed, and refused where they are not: a text that a comment splits is read by some as its first half. */
#ifndef STRATA_AUTH_XML_H
#define STRATA_AUTH_XML_H

#include "base/list.h"

struct buf;

struct xml_name {
    struct str prefix, local, uri; /* prefix and uri: "" for none */
};

struct xml_attribute {
    struct xml_name name;
    struct str value;
};

struct xml_node {
    struct xml_name name; /* of an element; name.local is absent in a text */
    struct str text;      /* of a text: never empty, and no two stand side by side */
    struct {
        struct xml_attribute *v; /* without declarations of namespaces */
        uint32_t n, cap;
        bool set;
    } attributes;
    struct str_map namespaces; /* declared here: prefix and uri */
    struct xml_node *parent, *first, *last, *next;
};

/* The root element. E_INVALID. The arena holds the tree, and text may go. */
int xml_parse(struct arena *a, struct str text, bool comments, struct xml_node **ret);

bool xml_is(const struct xml_node *n, const char *uri, const char *local);
/* The first child element of that name (behind: the next one behind that sibling; NULL at first); NULL. */
const struct xml_node *xml_child(const struct xml_node *parent, const struct xml_node *behind, const char *uri, const char *local);
/* The only one: NULL also when there are several. */
const struct xml_node *xml_only(const struct xml_node *parent, const char *uri, const char *local);
const struct xml_node *xml_walk(const struct xml_node *n, const struct xml_node *root); /* every node of a tree, in its order; NULL behind the last */
struct str xml_attribute(const struct xml_node *n, const char *local);                  /* one without a namespace; absent */
/* All of an element that holds nothing but text, without the blanks around it; absent when it holds an element. */
struct str xml_text(struct arena *a, const struct xml_node *n);
int xml_base64(struct arena *a, const struct xml_node *n, struct str *ret); /* its text, which may have blanks anywhere; E_INVALID */

/* Exclusive XML Canonicalization 1.0 of an element and all in it but `without` (or NULL); prefixes: those that InclusiveNamespaces lists.
 * https://www.w3.org/TR/xml-exc-c14n/ */
void xml_canonical(const struct xml_node *n, const struct xml_node *without, const struct str_list *prefixes, struct buf *out);

#endif
