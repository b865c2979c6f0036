#include "services/dynamodb/request.h"

#include "base/arena.h"

static int fail_value(struct op *op, const struct value_error *e)
{
    return aws_fail(op, e->serialization ? DYNAMODB_SerializationException : DYNAMODB_ValidationException, "%.*s", STR_ARG(e->text));
}

int request_map(struct op *op, struct str json, struct attr_map *ret)
{
    struct value_error e;
    if (json.n > ITEM_JSON_BYTES_MAX)
        return invalid(op, "Item size has exceeded the maximum allowed size");
    return value_parse_map(op->arena, json, ret, &e) < 0 ? fail_value(op, &e) : 0;
}

int request_value(struct op *op, struct str json, struct value *ret)
{
    struct value_error e;
    return value_parse(op->arena, json, ret, &e) < 0 ? fail_value(op, &e) : 0;
}

/* ---- expression parameters ---- */

void params_add(struct expr_params *p, const char *name, struct str text) { p->expressions[p->n++] = (struct expr_param){ name, text }; }

void params_legacy(struct expr_params *p, const char *name, bool sent)
{
    if (sent)
        p->legacy[p->n_legacy++] = name;
}

static bool any_expression(const struct expr_params *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->expressions[i].text.p)
            return true;
    return false;
}

static int check_mix(struct op *op, const struct expr_params *p)
{
    struct buf old, neu;
    if (p->n_legacy == 0 || !any_expression(p))
        return 0;
    buf_init(&old, op->arena, 4096);
    buf_init(&neu, op->arena, 4096);
    for (unsigned i = 0; i < p->n_legacy; i++)
        buf_printf(&old, "%s%s", i ? ", " : "", p->legacy[i]);
    for (unsigned i = 0; i < p->n; i++)
        if (p->expressions[i].text.p)
            buf_printf(&neu, "%s%s", neu.n ? ", " : "", p->expressions[i].name);
    return invalid(op,
                   "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} "
                   "Expression parameters: {%s}",
                   buf_done(&old).p, buf_done(&neu).p);
}

static bool is_placeholder(struct str s, char first)
{
    if (s.n < 2 || s.p[0] != first)
        return false;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

static int check_names(struct op *op, const struct expr_params *p)
{
    if (!p->names || !p->names->set)
        return 0;
    if (!any_expression(p))
        return invalid(op, "ExpressionAttributeNames can only be specified when using expressions");
    if (p->names->n == 0)
        return invalid(op, "ExpressionAttributeNames must not be empty");
    for (uint32_t i = 0; i < p->names->n; i++) {
        struct str key = p->names->v[i].key, name = p->names->v[i].value;
        if (!is_placeholder(key, '#'))
            return invalid(op, "ExpressionAttributeNames contains invalid key: Syntax error; key: \"%.*s\"", STR_ARG(key));
        if (name.n == 0 || name.n > 65535)
            return invalid(op, "ExpressionAttributeNames contains invalid value: An attribute name must be 1 to 65535 bytes long for key %.*s",
                           STR_ARG(key));
    }
    return 0;
}

static int parse_values(struct op *op, const struct expr_params *p, struct attr_map *ret)
{
    struct value_error e;
    struct str texts = STR("");
    if (!p->values.p)
        return 0;
    if (p->values.n > ITEM_JSON_BYTES_MAX)
        return invalid(op, "ExpressionAttributeValues exceed the maximum allowed size");
    int rc = value_parse_map(op->arena, p->values, ret, &e);
    if (rc < 0 && e.serialization)
        return fail_value(op, &e);
    if (rc == 0 && !ret->set)
        return 0;
    if (!any_expression(p)) {
        for (unsigned i = 0; i < p->n; i++)
            texts = str_printf(op->arena, "%.*s%s%s", STR_ARG(texts), i ? " and " : "", p->expressions[i].name);
        return invalid(op, "ExpressionAttributeValues can only be specified when using expressions: %.*s %s null", STR_ARG(texts),
                       p->n > 1 ? "are" : "is");
    }
    if (rc < 0)
        return invalid(op, "ExpressionAttributeValues contains invalid value: %.*s for key %.*s", STR_ARG(e.text), STR_ARG(e.name));
    if (ret->n == 0)
        return invalid(op, "ExpressionAttributeValues must not be empty");
    for (uint32_t i = 0; i < ret->n; i++)
        if (!is_placeholder(ret->v[i].name, ':'))
            return invalid(op, "ExpressionAttributeValues contains invalid key: Syntax error; key: \"%.*s\"", STR_ARG(ret->v[i].name));
    return 0;
}

int params_begin(struct op *op, const struct expr_params *p, struct expr_env *ret)
{
    struct attr_map *values = arena_one(op->arena, struct attr_map);
    int rc = check_mix(op, p);
    if (rc == 0)
        rc = check_names(op, p);
    if (rc == 0)
        rc = parse_values(op, p, values);
    if (rc == 0)
        expr_env_init(ret, op->arena, p->names, values);
    return rc;
}

static int fail_expr(struct op *op, const struct expr_env *env) { return invalid(op, "%.*s", STR_ARG(env->error)); }

int params_condition(struct op *op, struct expr_env *env, const char *name, struct str text, struct expr **ret)
{
    *ret = NULL;
    if (!text.p)
        return 0;
    return expr_parse_condition(env, name, text, ret) < 0 ? fail_expr(op, env) : 0;
}

int params_projection(struct op *op, struct expr_env *env, struct str text, struct path_list *ret)
{
    if (!text.p)
        return 0;
    return expr_parse_projection(env, text, ret) < 0 ? fail_expr(op, env) : 0;
}

int params_update(struct op *op, struct expr_env *env, struct str text, struct update *ret)
{
    if (!text.p)
        return 0;
    return expr_parse_update(env, text, ret) < 0 ? fail_expr(op, env) : 0;
}

int params_end(struct op *op, struct expr_env *env) { return expr_env_check_unused(env) < 0 ? fail_expr(op, env) : 0; }
