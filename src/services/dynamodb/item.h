/* Items in the store: keys, the stored form, and the one way in which an item changes.
 *
 * A table and each of its indexes is a container of entries, ordered by (4 bytes of a hash of the partition key, partition key, sort key). The hash
 * comes first so that a scan meets partitions in no useful order, as on AWS, and parallel segments are equal ranges of hashes; a Query is a range
 * within one partition. In an index the table's own key follows, because index keys are not unique.
 * Key elements are order-preserving: strings and bytes as store/key.h escapes them, numbers as number.h orders them.
 * An entry's value is a version byte, the item's size as AWS counts it (4 bytes, little endian), and its canonical JSON: a GetItem answers that text.
 * Of an encrypted table the JSON is sealed, bound to the entry's key in the store (seal.h). */
#ifndef STRATA_DYNAMODB_ITEM_H
#define STRATA_DYNAMODB_ITEM_H

#include "services/dynamodb/table.h"

enum { SEGMENT_HASH_BYTES = 4, HASH_KEY_BYTES_MAX = 2048, RANGE_KEY_BYTES_MAX = 1024 };

struct stored {
    struct str json;
    size_t size;
};

/* Which entry. attrs must hold the schema's attributes with the right types. */
void item_key(struct op *op, struct key *k, const struct table *t, const struct attr_map *attrs);
/* x may lack the index's attributes: then false, the item is not in that index. */
bool item_index_key(struct op *op, struct key *k, const struct table *t, const struct table_index *x, const struct attr_map *attrs);
/* The beginning of every key of a container; and with the partition. */
void container_key(struct op *op, struct key *k, struct str container);
void partition_key(struct op *op, struct key *k, struct str container, const struct value *hash);
void key_element(struct key *k, const struct value *v);

int item_load(struct op *op, const struct table *t, const struct key *k, struct stored *ret); /* E_NOT_FOUND, E_CORRUPT */
int item_decode(struct op *op, const struct table *t, struct str key, struct str value, struct stored *ret); /* of a scan; copied */
int item_size(struct str value, size_t *ret); /* all that can be told of an entry without its table's key */
bool item_is_sealed(struct str value);
/* One entry of another container. from and to say what either is sealed with. */
int item_copy(struct op *op, const struct table *from, struct str key, struct str value, const struct table *to, const struct key *new_key);
/* Seals an entry that lies in clear. */
int item_seal(struct op *op, const struct table *t, struct str key, struct str value);
int item_parse(struct op *op, const struct stored *s, struct attr_map *ret);

/* How much the indexes were written, for ConsumedCapacity. */
struct index_cost {
    double *units; /* one for each index of the table */
};

/* Replaces old by new: the entry, every index, TTL, the counters, the stream. old NULL: there was none; neu NULL: it goes. Both hold the same key.
 * Sizes and limits were checked. E_AWS when an index key does not fit. */
int item_change(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, struct index_cost *cost);
int item_expire(struct op *op, const struct table *t, const struct attr_map *old); /* what TTL does: the stream tells it */
/* The same when the table has neither indexes nor TTL nor a stream: old is not parsed. */
bool table_is_plain(const struct table *t);
int item_put_plain(struct op *op, const struct table *t, const struct key *k, const struct stored *old, const struct attr_map *neu);
int item_put_unseen(struct op *op, const struct table *t, const struct key *k, const struct attr_map *neu); /* whatever was there before */
int item_delete_plain(struct op *op, const struct table *t, const struct key *k, const struct stored *old);

/* For jobs: brings one item into an index, or under TTL, if it is not there. */
int index_add(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item);
int ttl_add(struct op *op, const struct table *t, const struct attr_map *item, const struct key *item_key);
/* Where TTL notes the item; false: it does not expire. */
bool item_expiry_key(struct op *op, struct key *k, const struct table *t, const struct attr_map *item, const struct key *item_key);
/* What the index keeps of an item. */
struct attr_map item_projection(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item);
void ttl_key(struct op *op, struct key *k, struct str generation);

/* ---- checking ---- */

int item_check_key_sizes(struct op *op, const struct key_schema *s, const struct attr_map *attrs);
/* For GetItem and its like: exactly the key. E_AWS. */
int item_check_key(struct op *op, const struct key_schema *s, const struct attr_map *key);
bool item_has_key(const struct key_schema *s, const struct attr_map *item); /* each attribute of it, of its type */
/* For PutItem: the item holds the table's key, and index keys are of the right type. E_AWS. */
int item_check_put(struct op *op, const struct table *t, const struct attr_map *item);
int item_check_index_keys(struct op *op, const struct table *t, const struct attr_map *item);
struct attr_map item_key_of(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item);

#endif
