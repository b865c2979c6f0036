/* Expressions: what clients write in Condition-, Filter-, KeyCondition-, Update- and ProjectionExpression, parsed, checked and evaluated.
 *
 * The legacy parameters (Expected, AttributeUpdates, KeyConditions, QueryFilter, ScanFilter, AttributesToGet) become the same trees (legacy.h), so
 * there is one evaluator. Names are resolved and values looked up while parsing; a tree points into the env's values.
 * AWS reports what is wrong in a fixed order of kinds, not in the order of the text: a syntax error first, then enum expr_problem. */
#ifndef STRATA_DYNAMODB_EXPR_H
#define STRATA_DYNAMODB_EXPR_H

#include "services/dynamodb/value.h"

/* ---- document paths ---- */

struct path_elem {
    struct str name; /* absent: a list index */
    uint32_t index;
};

struct path {
    struct path_elem *v;
    uint32_t n, cap;
    bool set;
};

struct path_list {
    struct path *v;
    uint32_t n, cap;
    bool set;
};

/* ---- trees ---- */

enum expr_kind {
    EXPR_PATH, EXPR_VALUE, EXPR_FUNCTION, EXPR_COMPARE, EXPR_BETWEEN, EXPR_IN, EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_PLUS, EXPR_MINUS,
};

enum compare_op { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

enum expr_function {
    FUNCTION_ATTRIBUTE_EXISTS, FUNCTION_ATTRIBUTE_NOT_EXISTS, FUNCTION_ATTRIBUTE_TYPE, FUNCTION_BEGINS_WITH, FUNCTION_CONTAINS,
    FUNCTION_SIZE, FUNCTION_IF_NOT_EXISTS, FUNCTION_LIST_APPEND, FUNCTION_COUNT,
};

struct expr;

struct expr_list {
    struct expr **v;
    uint32_t n, cap;
    bool set;
};

struct expr {
    enum expr_kind kind;
    enum compare_op compare;
    enum expr_function function;
    struct path path;          /* EXPR_PATH */
    const struct value *value; /* EXPR_VALUE */
    struct expr_list args;     /* operands */
};

enum update_verb { UPDATE_SET, UPDATE_REMOVE, UPDATE_ADD, UPDATE_DELETE };

struct update_action {
    enum update_verb verb;
    struct path path;
    struct expr *value; /* NULL for REMOVE */
};

struct update {
    struct update_action *v;
    uint32_t n, cap;
    bool set;
};

/* ---- parsing ---- */

enum expr_problem {
    PROBLEM_PARENS, PROBLEM_UNKNOWN_FUNCTION, PROBLEM_MISUSED_FUNCTION, PROBLEM_RESERVED, PROBLEM_SECTION, PROBLEM_NAME, PROBLEM_VALUE,
    PROBLEM_OVERLAP, PROBLEM_CONFLICT, PROBLEM_OPERAND, PROBLEM_DISTINCT, PROBLEM_OPERAND_COUNT, PROBLEM_COUNT,
};

enum { EXPR_TEXT_MAX = 4096, EXPR_OPERATORS_MAX = 300, EXPR_IN_MAX = 100, EXPR_DEPTH_MAX = 200 };

/* The placeholders that a request defines, and which of them its expressions used. */
struct expr_env {
    struct arena *arena;
    const struct str_map *names;   /* ExpressionAttributeNames; NULL or empty: none */
    const struct attr_map *values; /* ExpressionAttributeValues; likewise */
    bool *name_used, *value_used;
    struct str error; /* what is wrong, complete with "Invalid XExpression: " */
};

void expr_env_init(struct expr_env *env, struct arena *a, const struct str_map *names, const struct attr_map *values);

/* E_INVALID with env->error. param is the parameter's name, for the message. */
int expr_parse_condition(struct expr_env *env, const char *param, struct str text, struct expr **ret);
int expr_parse_update(struct expr_env *env, struct str text, struct update *ret);
int expr_parse_projection(struct expr_env *env, struct str text, struct path_list *ret);
/* After all expressions were parsed: names and values that none of them used. E_INVALID with env->error. */
int expr_env_check_unused(struct expr_env *env);

bool expr_is_reserved(struct str word);
struct str expr_show_path(struct arena *a, const struct path *p); /* [a, b, [1]] */
const char *expr_function_name(enum expr_function f);
const char *expr_compare_name(enum compare_op op);

/* ---- evaluating ---- */

bool expr_true(struct arena *a, const struct expr *e, const struct attr_map *item);
/* The value at a path, or NULL. */
const struct value *path_get(const struct attr_map *item, const struct path *p);
/* The parts of item that the paths name, nested as they were. */
struct attr_map path_project(struct arena *a, const struct attr_map *item, const struct path_list *paths);

/* Changes item (whose maps and lists must be its own: attr_map_copy). E_INVALID with *ret_error. */
int update_apply(struct arena *a, const struct update *u, struct attr_map *item, struct str *ret_error);

#endif
