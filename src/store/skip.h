/* A skip list: an ordered map from bytes to one pointer. One thread inserts, any number read meanwhile without a lock.
 *
 * Nodes are never removed or moved: what a node's data means, also "nothing", is its owner's business. All memory is the arena's. */
#ifndef STRATA_STORE_SKIP_H
#define STRATA_STORE_SKIP_H

#include "base/str.h"

#include <stdatomic.h>

struct skip;

struct skip_node {
    struct str key;
    _Atomic(void *) data;
    _Atomic(struct skip_node *) next[];
};

struct skip *skip_new(struct arena *a);
struct skip_node *skip_insert(struct skip *s, struct str key); /* the key's node, made (data NULL) when missing; copies the key */
struct skip_node *skip_find(const struct skip *s, struct str key);     /* NULL when missing */
struct skip_node *skip_at_least(const struct skip *s, struct str key); /* the first >= key, or NULL */
struct skip_node *skip_below(const struct skip *s, struct str key);    /* the last < key, or NULL */
struct skip_node *skip_last(const struct skip *s);
static inline struct skip_node *skip_next(const struct skip_node *n)
{
    return atomic_load_explicit(&n->next[0], memory_order_acquire);
}

#endif
