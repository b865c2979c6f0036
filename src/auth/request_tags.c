/* The condition keys that every request with tags has. */
#include "auth/auth.h"
#include "aws/tags.h"
#include "base/buf.h"
#include "base/limits.h"

void authz_tags(struct authz *a, struct authz_item *item, const struct shape *shape, const void *tags)
{
    struct op *op = a->op;
    struct str_map m = { 0 };
    struct buf keys;
    tags_read(op, shape, tags, &m);
    buf_init(&keys, op->arena, LIMIT_BODY_BYTES);
    for (uint32_t i = 0; i < m.n; i++) {
        authz_context(a, item, str_printf(op->arena, "aws:RequestTag/%.*s", STR_ARG(m.v[i].key)).p, m.v[i].value);
        if (i)
            buf_byte(&keys, '\x1f');
        buf_str(&keys, m.v[i].key);
    }
    if (m.n)
        authz_context(a, item, "aws:TagKeys", buf_done(&keys));
}
