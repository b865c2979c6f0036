/* The condition keys that every request with tags has. */
#include "auth/auth.h"
#include "aws/tags.h"

void authz_tags(struct authz *a, struct authz_item *item, const struct shape *shape, const void *tags)
{
    struct op *op = a->op;
    struct str_map m = { 0 };
    struct str_list keys = { 0 };
    tags_read(op, shape, tags, &m);
    for (uint32_t i = 0; i < m.n; i++) {
        authz_context_named(a, item, "aws:RequestTag/", m.v[i].key, m.v[i].value);
        str_list_add(op->arena, &keys, m.v[i].key);
    }
    authz_context_list(a, item, "aws:TagKeys", &keys);
}
