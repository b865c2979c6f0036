/* PartiQL, as DynamoDB has it: a statement parsed (partiql_parse.c), and made into the operations of items (partiql.c).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html
 *
 * Nothing here reads or writes items: a statement becomes the input of Query, Scan, GetItem, PutItem, UpdateItem, DeleteItem or a transaction, with
 * placeholders for every name and value, so that what those check and answer holds here, too. */
#ifndef STRATA_DYNAMODB_PARTIQL_H
#define STRATA_DYNAMODB_PARTIQL_H

#include "services/dynamodb/request.h"

enum { PARTIQL_DEPTH_MAX = 64 };

enum ql_kind { QL_SELECT, QL_INSERT, QL_UPDATE, QL_DELETE, QL_EXISTS /* (SELECT ...), in transactions */ };

/* A path, the size of one, or a value as the JSON of an AttributeValue. */
struct ql_operand {
    enum { QL_PATH, QL_SIZE, QL_VALUE } kind;
    struct path path;
    struct str json;
};
struct ql_operands {
    struct ql_operand *v;
    uint32_t n, cap;
    bool set;
};

struct ql_nodes {
    struct ql_node **v;
    uint32_t n, cap;
    bool set;
};

/* A condition. */
struct ql_node {
    enum { QL_AND, QL_OR, QL_NOT, QL_COMPARE, QL_BETWEEN, QL_IN, QL_CALL } kind;
    const char *word;           /* QL_COMPARE: "<>"; QL_CALL: "begins_with" */
    struct ql_operands operands;
    struct ql_nodes args;       /* of AND, OR, NOT */
};

/* SET path = [function(] first [, or + or - second] [)], REMOVE path; set_add and set_delete are ADD and DELETE of first. */
struct ql_change {
    enum update_verb verb;
    struct path path;
    const char *function;       /* list_append, if_not_exists, or NULL */
    char sign;                  /* '+', '-', or 0 */
    struct ql_operand first, second;
};
struct ql_changes {
    struct ql_change *v;
    uint32_t n, cap;
    bool set;
};

struct ql_order {
    struct str name;
    bool descending;
};
struct ql_orders {
    struct ql_order *v;
    uint32_t n, cap;
    bool set;
};

enum ql_returning { QL_RETURNS_NOTHING, QL_ALL_OLD, QL_MODIFIED_OLD, QL_ALL_NEW, QL_MODIFIED_NEW };

struct ql_statement {
    enum ql_kind kind;
    struct str table, index;    /* index absent: the table itself */
    struct path_list paths;     /* SELECT; empty: * */
    struct ql_node *where;      /* NULL: none */
    struct ql_orders order;
    struct str item;            /* INSERT: its JSON */
    struct ql_changes changes;  /* UPDATE */
    enum ql_returning returning;
};

/* parameters: AttributeValues as JSON. E_INVALID with what is wrong in AWS's words. */
int ql_parse(struct arena *a, struct str text, const struct str_list *parameters, struct ql_statement *ret, struct str *ret_error);

/* The value that the statement asks a top-level attribute to equal, in all that it matches; absent: none, or several. */
struct str ql_equality(const struct ql_statement *s, struct str name);

#endif
