/* Conditions: OR binds weaker than AND, AND weaker than NOT; comparators, BETWEEN and IN join operands. */
#include "base/arena.h"
#include "base/err.h"
#include "services/dynamodb/expr_parse.h"

static struct expr *parse_or(struct expr_parser *p, bool operand_allowed);

static bool is_condition(const struct expr *e)
{
    return e->kind >= EXPR_COMPARE || (e->kind == EXPR_FUNCTION && e->function <= FUNCTION_CONTAINS);
}

static enum value_type constant_type(const struct expr *e) { return e->kind == EXPR_VALUE ? e->value->type : VALUE_TYPES; }

static void misused(struct expr_parser *p, const struct expr *e)
{
    if (e->kind == EXPR_FUNCTION)
        parser_problem(p, PROBLEM_MISUSED_FUNCTION, "The function is not allowed to be used this way in an expression; function: %s",
                       expr_function_name(e->function));
}

static void check_operand(struct expr_parser *p, const struct expr *e)
{
    if (is_condition(e))
        misused(p, e);
}

static void check_ordered(struct expr_parser *p, const char *operator, const struct expr *e)
{
    enum value_type t = constant_type(e);
    if (t != VALUE_TYPES && t > VALUE_B)
        parser_problem(p, PROBLEM_OPERAND, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator,
                       value_type_name(t));
}

static void check_distinct(struct expr_parser *p, const char *operator, const struct expr *first, const struct expr *other)
{
    if (first->kind == EXPR_PATH && other->kind == EXPR_PATH && path_equal(&first->path, &other->path))
        parser_problem(p, PROBLEM_DISTINCT,
                       "The first operand must be distinct from the remaining operands for this operator or function; "
                       "operator: %s, first operand: %s", operator, expr_show_path(p->env->arena, &first->path).p);
}

static struct expr *parse_compare(struct expr_parser *p, struct expr *left)
{
    struct expr *e = parser_node(p, EXPR_COMPARE);
    e->compare = (enum compare_op)(parser_token(p)->kind - TOKEN_EQ);
    p->at++;
    struct expr *right = parser_operand(p);
    parser_add_arg(p, e, left);
    parser_add_arg(p, e, right);
    if (p->syntax_failed)
        return e;
    check_operand(p, right);
    if (e->compare >= COMPARE_LT) {
        check_ordered(p, expr_compare_name(e->compare), left);
        check_ordered(p, expr_compare_name(e->compare), right);
    }
    check_distinct(p, expr_compare_name(e->compare), left, right);
    return e;
}

static void check_bounds(struct expr_parser *p, const struct expr *lower, const struct expr *upper)
{
    if (lower->kind != EXPR_VALUE || upper->kind != EXPR_VALUE || lower->value->type > VALUE_B || upper->value->type > VALUE_B)
        return;
    const char *problem = NULL;
    if (lower->value->type != upper->value->type)
        problem = "same data type for lower and upper bounds";
    else if (value_compare(lower->value, upper->value) > 0)
        problem = "upper bound to be greater than or equal to lower bound";
    if (problem)
        parser_problem(p, PROBLEM_OPERAND,
                       "The BETWEEN operator requires %s; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s",
                       problem, value_show(p->env->arena, lower->value).p, value_show(p->env->arena, upper->value).p);
}

static struct expr *parse_between(struct expr_parser *p, struct expr *subject)
{
    struct expr *e = parser_node(p, EXPR_BETWEEN);
    struct expr *lower = parser_operand(p), *upper;
    if (!parser_accept_keyword(p, "AND"))
        parser_syntax_error(p);
    upper = parser_operand(p);
    parser_add_arg(p, e, subject);
    parser_add_arg(p, e, lower);
    parser_add_arg(p, e, upper);
    if (p->syntax_failed)
        return e;
    for (uint32_t i = 0; i < 3; i++) {
        check_operand(p, e->args.v[i]);
        check_ordered(p, "BETWEEN", e->args.v[i]);
    }
    check_bounds(p, lower, upper);
    check_distinct(p, "BETWEEN", subject, lower);
    check_distinct(p, "BETWEEN", subject, upper);
    return e;
}

static struct expr *parse_in(struct expr_parser *p, struct expr *subject)
{
    struct expr *e = parser_node(p, EXPR_IN);
    parser_add_arg(p, e, subject);
    parser_expect(p, TOKEN_OPEN);
    do {
        struct expr *candidate = parser_operand(p);
        check_operand(p, candidate);
        check_distinct(p, "IN", subject, candidate);
        parser_add_arg(p, e, candidate);
    } while (parser_accept(p, TOKEN_COMMA));
    parser_expect(p, TOKEN_CLOSE);
    if (e->args.n - 1 > EXPR_IN_MAX)
        parser_problem(p, PROBLEM_OPERAND_COUNT,
                       "Incorrect number of operands for operator or function; operator or function: IN, number of operands: %u", e->args.n);
    return e;
}

/* Something in parentheses: a condition, or an operand where one is allowed. */
static struct expr *parse_parens(struct expr_parser *p)
{
    struct expr *e;
    parser_expect(p, TOKEN_OPEN);
    if (parser_token(p)->kind == TOKEN_OPEN) {
        uint32_t inner = p->at;
        e = parse_or(p, true);
        /* redundant when the inner parentheses enclose all of the outer ones' content */
        if (!p->syntax_failed && parser_token(p)->kind == TOKEN_CLOSE) {
            int depth = 0;
            uint32_t i = inner;
            do {
                depth += p->tokens.v[i].kind == TOKEN_OPEN ? 1 : p->tokens.v[i].kind == TOKEN_CLOSE ? -1 : 0;
                i++;
            } while (depth > 0 && i < p->at);
            if (i == p->at)
                parser_problem(p, PROBLEM_PARENS, "The expression has redundant parentheses;");
        }
    } else {
        e = parse_or(p, true);
    }
    parser_expect(p, TOKEN_CLOSE);
    return e;
}

/* An operand, what is compared with it, or a condition in parentheses. */
static struct expr *parse_term(struct expr_parser *p)
{
    struct expr *left;
    if (parser_token(p)->kind == TOKEN_OPEN) {
        left = parse_parens(p);
    } else {
        left = parser_operand(p);
    }
    const struct token *t = parser_token(p);
    bool joins = (t->kind >= TOKEN_EQ && t->kind <= TOKEN_GE) || parser_is_keyword(p, "BETWEEN") || parser_is_keyword(p, "IN");
    if (!joins || p->syntax_failed)
        return left;
    if (left->kind >= EXPR_COMPARE) { /* (a = b) = c */
        parser_syntax_error(p);
        return left;
    }
    parser_count_operator(p);
    check_operand(p, left);
    if (parser_accept_keyword(p, "BETWEEN"))
        return parse_between(p, left);
    if (parser_accept_keyword(p, "IN"))
        return parse_in(p, left);
    return parse_compare(p, left);
}

/* e stands where a condition must: a lone path or value is a syntax error at what follows, a lone size() is misuse. */
static void require_condition(struct expr_parser *p, const struct expr *e)
{
    if (p->syntax_failed || is_condition(e))
        return;
    if (e->kind == EXPR_FUNCTION)
        misused(p, e);
    else
        parser_syntax_error(p);
}

static struct expr *parse_not(struct expr_parser *p, bool operand_allowed)
{
    struct expr *e;
    if (p->depth >= EXPR_DEPTH_MAX) {
        parser_syntax_error(p);
        return parser_node(p, EXPR_PATH);
    }
    p->depth++;
    if (parser_accept_keyword(p, "NOT")) {
        parser_count_operator(p);
        struct expr *inner = parse_not(p, false);
        e = parser_node(p, EXPR_NOT);
        parser_add_arg(p, e, inner);
    } else {
        e = parse_term(p);
        if (!operand_allowed)
            require_condition(p, e);
    }
    p->depth--;
    return e;
}

static struct expr *parse_chain(struct expr_parser *p, bool operand_allowed, const char *keyword, enum expr_kind kind,
                                struct expr *(*next)(struct expr_parser *, bool))
{
    struct expr *first = next(p, operand_allowed), *e;
    if (!parser_is_keyword(p, keyword))
        return first;
    require_condition(p, first);
    e = parser_node(p, kind);
    parser_add_arg(p, e, first);
    while (parser_accept_keyword(p, keyword)) {
        parser_count_operator(p);
        parser_add_arg(p, e, next(p, false));
    }
    return e;
}

static struct expr *parse_and(struct expr_parser *p, bool operand_allowed)
{
    return parse_chain(p, operand_allowed, "AND", EXPR_AND, parse_not);
}

static struct expr *parse_or(struct expr_parser *p, bool operand_allowed)
{
    return parse_chain(p, operand_allowed, "OR", EXPR_OR, parse_and);
}

int expr_parse_condition(struct expr_env *env, const char *param, struct str text, struct expr **ret)
{
    struct expr_parser p;
    int rc = parser_begin(&p, env, param, text);
    if (rc < 0)
        return rc;
    struct expr *e = parse_or(&p, false);
    rc = parser_finish(&p);
    if (rc == 0)
        *ret = e;
    return rc;
}
