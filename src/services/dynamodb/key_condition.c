#include "base/arena.h"
#include "services/dynamodb/read.h"

#define BAD "Invalid KeyConditionExpression: "

static int bad_operator(struct op *op, const char *name) { return invalid(op, BAD "Invalid operator used in KeyConditionExpression: %s", name); }

/* A document path that is a plain attribute. */
static int check_path(struct op *op, const struct expr *e)
{
    return e->path.n == 1 ? 0 : invalid(op, BAD "KeyConditionExpressions cannot have conditions on nested attributes");
}

static int check_operands(struct op *op, const struct expr *e, const char *name)
{
    uint32_t paths = 0;
    for (uint32_t i = 0; i < e->args.n; i++) {
        const struct expr *arg = e->args.v[i];
        if (arg->kind == EXPR_FUNCTION)
            return bad_operator(op, expr_function_name(arg->function));
        paths += arg->kind == EXPR_PATH;
        int rc = arg->kind == EXPR_PATH ? check_path(op, arg) : 0;
        if (rc < 0)
            return rc;
    }
    if (paths > 1)
        return invalid(op, BAD "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition");
    if (paths == 0)
        return invalid(op, BAD "Invalid condition in KeyConditionExpression: No key attribute specified");
    if (e->kind != EXPR_COMPARE && e->args.v[0]->kind != EXPR_PATH)
        return invalid(op, BAD "Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", name);
    return 0;
}

static int read_compare(struct op *op, const struct expr *e, struct key_condition *ret)
{
    static const enum range_kind kinds[] = { RANGE_EQ, RANGE_ALL, RANGE_LT, RANGE_LE, RANGE_GT, RANGE_GE };
    static const enum range_kind turned[] = { RANGE_EQ, RANGE_ALL, RANGE_GT, RANGE_GE, RANGE_LT, RANGE_LE };
    if (e->compare == COMPARE_NE)
        return bad_operator(op, "<>");
    int rc = check_operands(op, e, expr_compare_name(e->compare));
    if (rc < 0)
        return rc;
    bool path_first = e->args.v[0]->kind == EXPR_PATH;
    ret->name = e->args.v[path_first ? 0 : 1]->path.v[0].name;
    ret->low = e->args.v[path_first ? 1 : 0]->value;
    ret->kind = path_first ? kinds[e->compare] : turned[e->compare];
    return 0;
}

static int read_one(struct op *op, const struct expr *e, struct key_condition *ret)
{
    int rc;
    switch (e->kind) {
    case EXPR_OR: return bad_operator(op, "OR");
    case EXPR_NOT: return bad_operator(op, "NOT");
    case EXPR_IN: return bad_operator(op, "IN");
    case EXPR_COMPARE: return read_compare(op, e, ret);
    case EXPR_BETWEEN:
        rc = check_operands(op, e, "BETWEEN");
        if (rc == 0)
            *ret = (struct key_condition){ e->args.v[0]->path.v[0].name, RANGE_BETWEEN, e->args.v[1]->value, e->args.v[2]->value };
        return rc;
    default:
        if (e->function != FUNCTION_BEGINS_WITH)
            return bad_operator(op, expr_function_name(e->function));
        rc = check_operands(op, e, "begins_with");
        if (rc == 0)
            *ret = (struct key_condition){ e->args.v[0]->path.v[0].name, RANGE_BEGINS, e->args.v[1]->value, NULL };
        return rc;
    }
}

static int read_all(struct op *op, const struct expr *e, struct key_conditions *ret, unsigned *total)
{
    if (e->kind == EXPR_AND) {
        int rc = 0;
        for (uint32_t i = 0; i < e->args.n && rc == 0; i++)
            rc = read_all(op, e->args.v[i], ret, total);
        return rc;
    }
    struct key_condition c = { 0 };
    int rc = read_one(op, e, &c);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < ret->n; i++)
        if (str_eq(ret->v[i].name, c.name))
            return invalid(op, BAD "KeyConditionExpressions must only contain one condition per key");
    (*total)++;
    if (ret->n < 2)
        ret->v[ret->n++] = c;
    return 0;
}

int key_conditions_read(struct op *op, const struct expr *e, struct key_conditions *ret)
{
    unsigned total = 0;
    *ret = (struct key_conditions){ 0 };
    int rc = read_all(op, e, ret, &total);
    if (rc == 0 && total > 2)
        return invalid(op, "Conditions can be of length 1 or 2 only");
    return rc;
}

/* ---- ranges ---- */

static int check_type(struct op *op, const struct key_attr *k, const struct value *v)
{
    if (!v)
        return 0;
    if (v->type != k->type)
        return invalid(op, "One or more parameter values were invalid: Condition parameter type does not match schema type");
    return 0;
}

/* key: the partition so far. Both ends as the range wants them. */
static void sort_range(const struct key *partition, const struct key_condition *c, struct key *from, struct key *to)
{
    struct key low = *partition;
    key_element(&low, c->low);
    *from = *partition;
    key_after_prefix(partition, to);
    switch (c->kind) {
    case RANGE_EQ:
        *from = low;
        key_after_prefix(&low, to);
        break;
    case RANGE_LT: *to = low; break;
    case RANGE_LE: key_after_prefix(&low, to); break;
    case RANGE_GT: key_after_prefix(&low, from); break;
    case RANGE_GE: *from = low; break;
    case RANGE_BETWEEN:
        *from = low;
        low = *partition;
        key_element(&low, c->high);
        key_after_prefix(&low, to);
        break;
    case RANGE_BEGINS:
        low.n--; /* without the string's end: what it begins */
        *from = low;
        key_after_prefix(&low, to);
        break;
    case RANGE_ALL:
    default:
        break;
    }
}

static int check_hash(struct op *op, const struct key_schema *s, const struct key_condition *hash)
{
    if (!hash)
        return invalid(op, "Query condition missed key schema element: %.*s", STR_ARG(s->hash.name));
    if (hash->kind != RANGE_EQ)
        return invalid(op, "Query key condition not supported");
    int rc = check_type(op, &s->hash, hash->low);
    if (rc == 0 && hash->low->type != VALUE_N && hash->low->s.n == 0)
        rc = invalid(op, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %.*s",
                     hash->low->type == VALUE_S ? "string" : "binary", STR_ARG(s->hash.name));
    if (rc == 0 && hash->low->type != VALUE_N && hash->low->s.n > HASH_KEY_BYTES_MAX)
        rc = invalid(op, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes");
    return rc;
}

static int check_range(struct op *op, const struct key_schema *s, const struct key_condition *range)
{
    if (!s->range.name.p)
        return invalid(op, "Query key condition not supported");
    if (!str_eq(range->name, s->range.name))
        return invalid(op, "Query condition missed key schema element: %.*s", STR_ARG(s->range.name));
    int rc = check_type(op, &s->range, range->low);
    if (rc == 0)
        rc = check_type(op, &s->range, range->high);
    if (rc == 0 && range->low->type != VALUE_N && range->low->s.n > RANGE_KEY_BYTES_MAX)
        rc = invalid(op, "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
    if (rc == 0 && range->kind == RANGE_BEGINS && range->low->type == VALUE_N)
        rc = invalid(op, "Query key condition not supported");
    return rc;
}

int key_conditions_apply(struct op *op, const struct key_conditions *c, struct page *p, const struct value **ret_hash)
{
    const struct key_condition *hash = NULL, *range = NULL;
    struct key *partition = arena_one(op->arena, struct key);
    for (unsigned i = 0; i < c->n; i++) {
        if (!hash && str_eq(c->v[i].name, p->schema->hash.name))
            hash = &c->v[i];
        else
            range = &c->v[i];
    }
    int rc = check_hash(op, p->schema, hash);
    if (rc == 0 && range)
        rc = check_range(op, p->schema, range);
    if (rc < 0)
        return rc;
    *ret_hash = hash->low;
    partition_key(op, partition, p->container, hash->low);
    if (range) {
        sort_range(partition, range, &p->from, &p->to);
    } else {
        p->from = *partition;
        key_after_prefix(partition, &p->to);
    }
    return 0;
}

struct str expr_uses_key(const struct expr *e, const struct key_schema *s)
{
    if (e->kind == EXPR_PATH && e->path.n && key_schema_has(s, e->path.v[0].name))
        return e->path.v[0].name;
    for (uint32_t i = 0; i < e->args.n; i++) {
        struct str name = expr_uses_key(e->args.v[i], s);
        if (name.p)
            return name;
    }
    return STR_NONE;
}
