/* A table as requests see it: its record, opened, with its key schema and indexes worked out; and where its things lie in the store.
 *
 * Kinds of records (aws/op.h keys):
 *   table  (name)                         struct dynamodb_rec_Table
 *   extra  (table id)                     struct dynamodb_rec_Extra
 *   stats  (container id)                 item count and bytes: two fixed 8-byte numbers, since every write changes them
 *   unseen (table id)                     they are not exact: enum stats_mark
 *   item   (container id, key)            the item: see item.h. A container is a table or an index; ids are never used again
 *   ttl    (generation, expiry, item key) empty; the generation changes whenever TTL is switched on
 *   ttlnext(table id)                     when the table's timer is due, so that most writes need not move it
 *   token  (client token)                 struct dynamodb_rec_Token */
#ifndef STRATA_DYNAMODB_TABLE_H
#define STRATA_DYNAMODB_TABLE_H

#include "gen/dynamodb.h"
#include "services/dynamodb/value.h"

struct key_attr {
    struct str name; /* absent: the schema has no sort key */
    enum value_type type;
};

struct key_schema {
    struct key_attr hash, range;
};

enum projection_kind { PROJECT_ALL, PROJECT_KEYS, PROJECT_INCLUDE };

struct table_index {
    struct dynamodb_rec_Index *rec;
    struct key_schema schema;
    enum projection_kind projection;
};

struct table {
    struct dynamodb_rec_Table *rec;
    struct str arn;
    struct key_schema schema;
    struct table_index *indexes;
    uint32_t n_indexes;
    const uint8_t *key; /* what entries are sealed with, once it was asked for (seal.h); NULL: they lie in clear */
};

/* By name or ARN. E_AWS: ResourceNotFoundException `Requested resource not found`. */
int table_open(struct op *op, struct str name_or_arn, struct table *ret);
/* The same with the message of the administrative operations: `Requested resource not found: Table: x not found`. */
int table_open_admin(struct op *op, struct str name_or_arn, struct table *ret);
int table_open_rec(struct op *op, struct dynamodb_rec_Table *rec, struct table *ret); /* works the schema out */
struct table_index *table_index(const struct table *t, struct str name);              /* NULL */

struct str table_name(struct str name_or_arn);
struct str table_arn(struct op *op, struct str name_or_arn);
void table_key(const struct op *op, struct key *k, struct str name);
int table_save(struct op *op, const struct dynamodb_rec_Table *rec);

int extra_get(struct op *op, struct str table_id, struct dynamodb_rec_Extra *ret); /* all absent when there is none */
int extra_put(struct op *op, struct str table_id, const struct dynamodb_rec_Extra *x);
int extra_drop(struct op *op, struct str table_id);

struct stats {
    int64_t items, bytes;
};
enum stats_mark { STATS_EXACT, STATS_UNSEEN, STATS_COUNTING, STATS_ESTIMATED }; /* table_count.c */
int stats_get(struct op *op, struct str container, struct stats *ret);  /* the counters as they stand */
int stats_tell(struct op *op, struct str container, struct stats *ret); /* for whoever asks: a small table is counted where they are not exact */
int stats_mark(struct op *op, struct str container, enum stats_mark *ret);
int stats_add(struct op *op, struct str container, int64_t items, int64_t bytes);
int stats_unseen(struct op *op, const struct table *t); /* an item was put, and whether there was one before is not known */
int stats_drop(struct op *op, struct str container);

/* What DescribeTable says. status: NULL for the present one. */
int table_describe(struct op *op, const struct table *t, const char *status, struct dynamodb_TableDescription **ret);

bool key_schema_has(const struct key_schema *s, struct str name);

/* ---- asking for a background job (jobs.c) ---- */
int job_clear(struct op *op, const struct record_kind *kind, struct str container); /* removes every record (kind, container, ...) */
int job_fill(struct op *op, struct str table, struct str target);     /* index id or TTL generation: brings existing items into it */
int job_seal(struct op *op, struct str table, struct str container);  /* seals the entries of it, and of the others in Unsealed */

/* Forgets everything about the table's TTL: its timer, and in the background its index. (table_ttl.c) */
int ttl_stop(struct op *op, const struct table *t);

#endif
