/* One page of a Query or a Scan: a range of a container, from where it goes on, what is filtered and what is answered. */
#ifndef STRATA_DYNAMODB_READ_H
#define STRATA_DYNAMODB_READ_H

#include "services/dynamodb/request.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 };

struct page {
    /* from the request */
    struct table *table;
    struct table_index *index;   /* or NULL: the table itself */
    const struct key_schema *schema;
    struct str container;
    bool consistent, reverse, count_only, whole_items;
    int64_t limit;               /* 0: none */
    struct expr *filter;
    struct path_list paths;
    struct key from, to;
    /* the answer */
    struct str_list items;
    int64_t count, scanned;
    size_t bytes, fetched_bytes; /* read from the container; read from the table besides */
    struct str last_key;         /* absent: the end was reached */
};

/* The parameters that Query and Scan have alike. */
struct page_params {
    struct str table, index, select, start_key, return_capacity;
    const struct str_list *attributes;
    struct opt_i64 limit;
    struct opt_bool consistent;
};

/* Opens table and index and checks Select. Expressions were parsed into p before. */
int page_open(struct op *op, const struct page_params *in, struct str projection, struct page *p);
/* Moves the range behind ExclusiveStartKey. hash: of the query, or NULL for a scan. */
int page_start(struct op *op, const struct page_params *in, const struct value *hash, struct page *p);
int page_read(struct op *op, struct page *p);
struct dynamodb_ConsumedCapacity *page_capacity(struct op *op, const struct page *p, struct str mode);

/* ---- key conditions (key_condition.c) ---- */

enum range_kind { RANGE_ALL, RANGE_EQ, RANGE_LT, RANGE_LE, RANGE_GT, RANGE_GE, RANGE_BETWEEN, RANGE_BEGINS };

struct key_condition {
    struct str name;
    enum range_kind kind;
    const struct value *low, *high; /* high: BETWEEN */
};

struct key_conditions {
    struct key_condition v[2];
    unsigned n;
};

/* What the expression says about attributes, whatever the schema is. prefix: of messages. */
int key_conditions_read(struct op *op, const struct expr *e, struct key_conditions *ret);
/* Against the schema: sets p->from and p->to, and the partition's key. */
int key_conditions_apply(struct op *op, const struct key_conditions *c, struct page *p, const struct value **ret_hash);
/* The first attribute of the schema that the condition's paths begin with, or absent. */
struct str expr_uses_key(const struct expr *e, const struct key_schema *s);

#endif
