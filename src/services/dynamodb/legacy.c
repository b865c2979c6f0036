/* The parameters from before expressions, turned into the same trees. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html */
#include "base/arena.h"
#include "services/dynamodb/request.h"

static const struct {
    const char *name;
    uint32_t values_min, values_max;
    const char *types; /* of values, NULL: any */
} operators[] = {
    { "EQ", 1, 1, NULL }, { "NE", 1, 1, NULL }, { "LE", 1, 1, "S N B" }, { "LT", 1, 1, "S N B" }, { "GE", 1, 1, "S N B" }, { "GT", 1, 1, "S N B" },
    { "NOT_NULL", 0, 0, NULL }, { "NULL", 0, 0, NULL }, { "CONTAINS", 1, 1, "S N B BOOL NULL" }, { "NOT_CONTAINS", 1, 1, "S N B BOOL NULL" },
    { "BEGINS_WITH", 1, 1, "S B" }, { "IN", 1, 100, "S N B" }, { "BETWEEN", 2, 2, "S N B" },
};

static struct expr *node(struct op *op, enum expr_kind kind)
{
    struct expr *e = arena_one(op->arena, struct expr);
    e->kind = kind;
    return e;
}

static struct expr *attribute(struct op *op, struct str name)
{
    struct expr *e = node(op, EXPR_PATH);
    list_push(op->arena, &e->path)->name = name;
    return e;
}

static struct expr *join(struct op *op, enum expr_kind kind, struct expr *a, struct expr *b)
{
    struct expr *e = node(op, kind);
    *list_push(op->arena, &e->args) = a;
    if (b)
        *list_push(op->arena, &e->args) = b;
    return e;
}

static struct expr *call(struct op *op, enum expr_function f, struct str name, struct expr *value)
{
    struct expr *e = join(op, EXPR_FUNCTION, attribute(op, name), value);
    e->function = f;
    return e;
}

static struct expr *compare(struct op *op, enum compare_op c, struct str name, struct expr *value)
{
    struct expr *e = join(op, EXPR_COMPARE, attribute(op, name), value);
    e->compare = c;
    return e;
}

static bool type_listed(const char *types, enum value_type t)
{
    struct str rest = str_c(types), word;
    while (rest.p && rest.n) {
        str_cut(rest, ' ', &word, &rest);
        if (str_is(word, value_type_name(t)))
            return true;
    }
    return false;
}

static int check_arguments(struct op *op, size_t o, const struct value_list *values)
{
    if (values->n < operators[o].values_min || values->n > operators[o].values_max)
        return invalid(op, "One or more parameter values were invalid: Invalid number of argument(s) for the %s ComparisonOperator",
                       operators[o].name);
    for (uint32_t i = 0; i < values->n; i++) {
        if (operators[o].types && !type_listed(operators[o].types, values->v[i].type))
            return invalid(op, "One or more parameter values were invalid: ComparisonOperator %s is not valid for %s AttributeValue type",
                           operators[o].name, value_type_name(values->v[i].type));
        if (values->v[i].type != values->v[0].type)
            return invalid(op, "One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type");
    }
    if (str_is(str_c(operators[o].name), "BETWEEN") && value_compare(&values->v[0], &values->v[1]) > 0)
        return invalid(op, "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound");
    return 0;
}

static struct expr *build(struct op *op, struct str name, const char *operator, const struct value_list *values)
{
    static const char *const compares[] = { "EQ", "NE", "LT", "LE", "GT", "GE" }; /* enum compare_op */
    struct str o = str_c(operator);
    struct expr *e, *constants[101] = { 0 };
    for (uint32_t i = 0; i < values->n; i++) {
        constants[i] = node(op, EXPR_VALUE);
        constants[i]->value = &values->v[i];
    }
    for (int c = 0; c < 6; c++)
        if (str_is(o, compares[c]))
            return compare(op, (enum compare_op)c, name, constants[0]);
    if (str_is(o, "NOT_NULL") || str_is(o, "NULL"))
        return call(op, str_is(o, "NULL") ? FUNCTION_ATTRIBUTE_NOT_EXISTS : FUNCTION_ATTRIBUTE_EXISTS, name, NULL);
    if (str_is(o, "BEGINS_WITH"))
        return call(op, FUNCTION_BEGINS_WITH, name, constants[0]);
    if (str_is(o, "CONTAINS"))
        return call(op, FUNCTION_CONTAINS, name, constants[0]);
    if (str_is(o, "NOT_CONTAINS"))
        return join(op, EXPR_NOT, call(op, FUNCTION_CONTAINS, name, constants[0]), NULL);
    e = node(op, str_is(o, "IN") ? EXPR_IN : EXPR_BETWEEN);
    *list_push(op->arena, &e->args) = attribute(op, name);
    for (uint32_t i = 0; i < values->n; i++)
        *list_push(op->arena, &e->args) = constants[i];
    return e;
}

static int parse_list(struct op *op, const struct str_list *texts, struct value_list *ret)
{
    *ret = (struct value_list){ 0 };
    for (uint32_t i = 0; i < texts->n; i++) {
        struct value v;
        int rc = request_value(op, texts->v[i], &v);
        if (rc < 0)
            return rc;
        *list_push(op->arena, ret) = v;
    }
    return 0;
}

static int one_condition(struct op *op, struct str name, struct str operator, const struct str_list *texts, struct expr **ret)
{
    struct value_list *values = arena_one(op->arena, struct value_list);
    size_t o = 0, n = sizeof operators / sizeof *operators;
    int rc = parse_list(op, texts, values);
    while (o < n && !str_is(operator, operators[o].name))
        o++;
    if (rc == 0 && o == n)
        return invalid(op, "One or more parameter values were invalid: unknown ComparisonOperator %.*s", STR_ARG(operator));
    if (rc == 0)
        rc = check_arguments(op, o, values);
    if (rc == 0)
        *ret = build(op, name, operators[o].name, values);
    return rc;
}

static void append(struct op *op, struct str conditional_operator, struct expr *more, struct expr **all)
{
    if (!*all)
        *all = node(op, str_is(conditional_operator, "OR") ? EXPR_OR : EXPR_AND);
    *list_push(op->arena, &(*all)->args) = more;
}

#define BAD "One or more parameter values were invalid: "

static int one_expected(struct op *op, struct str name, const struct dynamodb_ExpectedAttributeValue *x, struct expr **ret)
{
    struct str_list one = { 0 };
    const struct str_list *values = &x->AttributeValueList;
    if (x->Value.p) {
        if (x->AttributeValueList.set)
            return invalid(op, BAD "Value and AttributeValueList cannot be used together for Attribute: %.*s", STR_ARG(name));
        str_list_add(op->arena, &one, x->Value);
        values = &one;
    }
    if (x->ComparisonOperator.p) {
        bool wants = !str_is(x->ComparisonOperator, "NULL") && !str_is(x->ComparisonOperator, "NOT_NULL");
        if (x->Exists.set)
            return invalid(op, BAD "Exists and ComparisonOperator cannot be used together for Attribute: %.*s", STR_ARG(name));
        if (wants && !values->n && !x->AttributeValueList.set)
            return invalid(op, BAD "Value or AttributeValueList must be used with ComparisonOperator: %.*s for Attribute: %.*s",
                           STR_ARG(x->ComparisonOperator), STR_ARG(name));
        return one_condition(op, name, x->ComparisonOperator, values, ret);
    }
    if (x->AttributeValueList.set)
        return invalid(op, BAD "AttributeValueList can only be used with a ComparisonOperator for Attribute: %.*s", STR_ARG(name));
    bool exists = opt_bool(x->Exists, true);
    if (exists && !x->Value.p)
        return invalid(op, BAD "Value must be provided when Exists is %s for Attribute: %.*s", x->Exists.set ? "true" : "null", STR_ARG(name));
    if (!exists && x->Value.p)
        return invalid(op, BAD "Value cannot be used when Exists is false for Attribute: %.*s", STR_ARG(name));
    struct str_list none = { 0 };
    return one_condition(op, name, exists ? STR("EQ") : STR("NULL"), exists ? values : &none, ret);
}

static int check_operator(struct op *op, struct str conditional_operator, uint32_t n)
{
    if (!conditional_operator.p || n > 1)
        return 0;
    return invalid(op, n == 0 ? BAD "ConditionalOperator cannot be used without Filter or Expected"
                              : BAD "ConditionalOperator can only be used when Filter or Expected has two or more elements");
}

int legacy_expected(struct op *op, const struct dynamodb_ExpectedAttributeMap *expected, struct str conditional_operator, struct expr **ret)
{
    int rc = check_operator(op, conditional_operator, expected->n);
    for (uint32_t i = 0; i < expected->n && rc == 0; i++) {
        struct expr *e = NULL;
        rc = one_expected(op, expected->v[i].key, &expected->v[i].value, &e);
        if (rc == 0)
            append(op, conditional_operator, e, ret);
    }
    return rc;
}

int legacy_filter(struct op *op, const struct dynamodb_FilterConditionMap *conditions, struct str conditional_operator, struct expr **ret)
{
    int rc = check_operator(op, conditional_operator, conditions->n);
    for (uint32_t i = 0; i < conditions->n && rc == 0; i++) {
        const struct dynamodb_Condition *c = &conditions->v[i].value;
        struct expr *e = NULL;
        rc = one_condition(op, conditions->v[i].key, c->ComparisonOperator, &c->AttributeValueList, &e);
        if (rc == 0)
            append(op, conditional_operator, e, ret);
    }
    return rc;
}

int legacy_key_conditions(struct op *op, const struct dynamodb_KeyConditions *conditions, struct expr **ret)
{
    static const char *const refused[] = { "NE", "NOT_NULL", "NULL", "CONTAINS", "NOT_CONTAINS", "IN" };
    int rc = 0;
    if (conditions->n == 0 || conditions->n > 2)
        return invalid(op, "Conditions can be of length 1 or 2 only");
    for (uint32_t i = 0; i < conditions->n && rc == 0; i++) {
        const struct dynamodb_Condition *c = &conditions->v[i].value;
        struct expr *e = NULL;
        rc = one_condition(op, conditions->v[i].key, c->ComparisonOperator, &c->AttributeValueList, &e);
        for (size_t r = 0; r < 6 && rc == 0; r++)
            if (str_is(c->ComparisonOperator, refused[r]))
                rc = invalid(op, "Attempted conditional constraint is not an indexable operation");
        if (rc == 0)
            append(op, STR("AND"), e, ret);
    }
    return rc;
}

static int one_update(struct op *op, struct str name, const struct dynamodb_AttributeValueUpdate *x, struct update *u)
{
    struct str verb = opt_str(x->Action, STR("PUT"));
    struct value *v = arena_one(op->arena, struct value);
    struct update_action act = { .verb = UPDATE_SET };
    list_push(op->arena, &act.path)->name = name;
    if (!x->Value.p) {
        if (!str_is(verb, "DELETE"))
            return invalid(op, BAD "Only DELETE action is allowed when no attribute value is specified");
        act.verb = UPDATE_REMOVE;
        *list_push(op->arena, u) = act;
        return 0;
    }
    int rc = request_value(op, x->Value, v);
    if (rc < 0)
        return rc;
    act.value = node(op, EXPR_VALUE);
    act.value->value = v;
    if (str_is(verb, "ADD")) {
        act.verb = UPDATE_ADD;
        if (v->type != VALUE_N && v->type != VALUE_L && !value_is_set(v->type))
            return invalid(op, BAD "ADD action is not supported for the type %s", value_type_name(v->type));
    } else if (str_is(verb, "DELETE")) {
        act.verb = UPDATE_DELETE;
        if (!value_is_set(v->type))
            return invalid(op, BAD "DELETE action with value is not supported for the type %s", value_type_name(v->type));
    }
    *list_push(op->arena, u) = act;
    return 0;
}

int legacy_updates(struct op *op, const struct dynamodb_AttributeUpdates *updates, struct update *ret)
{
    int rc = 0;
    for (uint32_t i = 0; i < updates->n && rc == 0; i++)
        rc = one_update(op, updates->v[i].key, &updates->v[i].value, ret);
    return rc;
}

int legacy_attributes(struct op *op, const struct str_list *names, struct path_list *ret)
{
    enum { NAMES_MAX = 1000 }; /* what follows looks at every pair */
    if (names->n > NAMES_MAX)
        return invalid(op, BAD "AttributesToGet may not name more than %d attributes", NAMES_MAX);
    for (uint32_t i = 0; i < names->n; i++) {
        struct path p = { 0 };
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(names->v[k], names->v[i]))
                return invalid(op, BAD "Duplicate value in attribute name: %.*s", STR_ARG(names->v[i]));
        list_push(op->arena, &p)->name = names->v[i];
        *list_push(op->arena, ret) = p;
    }
    return 0;
}
