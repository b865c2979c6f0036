/* What the item operations share: reading values and expression parameters with AWS's checks, one write, and capacity. */
#ifndef STRATA_DYNAMODB_REQUEST_H
#define STRATA_DYNAMODB_REQUEST_H

#include "services/dynamodb/expr.h"
#include "services/dynamodb/item.h"

/* return invalid(op, "..."): a ValidationException */
#define invalid(op, ...) aws_fail((op), DYNAMODB_ValidationException, __VA_ARGS__)

/* Nothing that an item may hold takes more than ten bytes of JSON for each byte that counts: {"S":""}, in a list. Longer texts are not parsed. */
enum { ITEM_JSON_BYTES_MAX = 10 * ITEM_BYTES_MAX };

int request_map(struct op *op, struct str json, struct attr_map *ret);
int request_value(struct op *op, struct str json, struct value *ret);

/* ---- expression parameters ---- */

struct expr_param {
    const char *name; /* "ConditionExpression" */
    struct str text;  /* absent: not sent */
};

/* The expression parameters that an operation takes, and the legacy ones beside them (those that were sent). */
struct expr_params {
    struct expr_param expressions[3];
    unsigned n;
    const char *legacy[6];
    unsigned n_legacy;
    const struct str_map *names;
    struct str values; /* RAW, or absent */
    bool takes_values; /* the operation has ExpressionAttributeValues */
};

void params_add(struct expr_params *p, const char *name, struct str text);
void params_legacy(struct expr_params *p, const char *name, bool sent);
/* Checks what may be checked without parsing expressions, parses the values, and readies env. */
int params_begin(struct op *op, const struct expr_params *p, struct expr_env *ret);
int params_condition(struct op *op, struct expr_env *env, const char *name, struct str text, struct expr **ret); /* absent: NULL */
int params_projection(struct op *op, struct expr_env *env, struct str text, struct path_list *ret);
int params_update(struct op *op, struct expr_env *env, struct str text, struct update *ret);
int params_end(struct op *op, struct expr_env *env); /* unused placeholders */

/* ---- one write ---- */

enum write_kind { WRITE_PUT, WRITE_DELETE, WRITE_UPDATE, WRITE_CHECK };

struct write {
    enum write_kind kind;
    struct table table;
    struct attr_map attrs;         /* PUT: the item; else the key */
    struct expr *condition;        /* or NULL */
    struct update update;
    bool tells_old;                /* the answer tells of the item before: what it held, or what it cost to replace */
    bool old_on_failure;           /* ReturnValuesOnConditionCheckFailure = ALL_OLD */
    /* afterwards */
    bool had_old;
    struct attr_map old, neu;      /* old: where it had to be parsed */
    struct str old_json;
    double units;                  /* of the table; write units */
    struct index_cost cost;
};

/* The checks that need the table but not the item. E_AWS. */
int write_check(struct op *op, struct write *w);
/* Runs it. E_AWS: ConditionalCheckFailedException, or a ValidationException that depends on the item. */
int write_run(struct op *op, struct write *w);
/* Size and depth of an item that is to be put. */
int write_check_size(struct op *op, const struct attr_map *item, const char *message);

/* ---- capacity ---- */

double capacity_read_units(size_t bytes, bool consistent);
double capacity_write_units(size_t bytes);
bool capacity_wanted(struct str mode);

/* Sums of one request, a table each. */
struct usage {
    const struct table *table;
    double read, write;            /* of the table itself */
    double *index_read, *index_write; /* of each index */
    bool transact;                 /* answer read and write units apart */
};

struct usage_list {
    struct usage *v;
    uint32_t n, cap;
    bool set;
};

struct usage *usage_of(struct op *op, struct usage_list *l, const struct table *t); /* found by table, or new */
void usage_write(struct usage *u, const struct write *w, double factor);
void condition_tell(struct op *op, const struct table *t); /* that a condition failed: at once */
void usage_tell(struct op *op, const struct usage *u); /* to CloudWatch, when op is through */
void usage_describe(struct op *op, const struct usage *u, struct str mode, struct dynamodb_ConsumedCapacity *ret);
struct dynamodb_ConsumedCapacity *usage_one(struct op *op, const struct usage *u, struct str mode); /* NULL when not asked for */
/* Only tables with local indexes have item collections. NULL when there is nothing to say. */
struct dynamodb_ItemCollectionMetrics *collection_metrics(struct op *op, const struct table *t, const struct attr_map *attrs, struct str mode);

/* ---- legacy parameters (legacy.c) ---- */

int legacy_expected(struct op *op, const struct dynamodb_ExpectedAttributeMap *expected, struct str conditional_operator, struct expr **ret);
int legacy_filter(struct op *op, const struct dynamodb_FilterConditionMap *conditions, struct str conditional_operator, struct expr **ret);
int legacy_key_conditions(struct op *op, const struct dynamodb_KeyConditions *conditions, struct expr **ret);
int legacy_updates(struct op *op, const struct dynamodb_AttributeUpdates *updates, struct update *ret);
int legacy_attributes(struct op *op, const struct str_list *names, struct path_list *ret);

#endif
