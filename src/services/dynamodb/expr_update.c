/* Update and projection expressions: parsing. */
#include "base/arena.h"
#include "base/err.h"
#include "services/dynamodb/expr_parse.h"

/* Two paths of one request must not name the same place, one inside the other, or one place both as a map and as a list. */
static void check_overlap(struct expr_parser *p, const struct path *earlier, const struct path *later)
{
    uint32_t common = earlier->n < later->n ? earlier->n : later->n;
    const char *what = "overlap";
    enum expr_problem kind = PROBLEM_OVERLAP;
    for (uint32_t i = 0; i < common; i++) {
        const struct path_elem *a = &earlier->v[i], *b = &later->v[i];
        if (str_set(a->name) != str_set(b->name)) {
            what = "conflict";
            kind = PROBLEM_CONFLICT;
            break;
        }
        if (!str_eq(a->name, b->name) || a->index != b->index)
            return;
    }
    parser_problem(p, kind,
                   "Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", what,
                   expr_show_path(p->env->arena, earlier).p, expr_show_path(p->env->arena, later).p);
}

/* ---- updates ---- */

static const char *const verbs[] = { [UPDATE_SET] = "SET", [UPDATE_REMOVE] = "REMOVE", [UPDATE_ADD] = "ADD", [UPDATE_DELETE] = "DELETE" };

static void check_number(struct expr_parser *p, const char *operator, const struct expr *e)
{
    if (e->kind == EXPR_VALUE && e->value->type != VALUE_N)
        parser_problem(p, PROBLEM_OPERAND, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
                       operator, value_type_name(e->value->type));
}

/* operand [(+|-) operand], perhaps in parentheses */
static struct expr *parse_set_value(struct expr_parser *p)
{
    struct expr *left, *e;
    if (parser_token(p)->kind == TOKEN_OPEN && p->depth < EXPR_DEPTH_MAX) {
        p->depth++;
        p->at++;
        if (parser_token(p)->kind == TOKEN_OPEN)
            parser_problem(p, PROBLEM_PARENS, "The expression has redundant parentheses;");
        left = parse_set_value(p);
        parser_expect(p, TOKEN_CLOSE);
        p->depth--;
        if (left->kind == EXPR_PLUS || left->kind == EXPR_MINUS)
            return left;
    } else {
        left = parser_operand(p);
    }
    enum token_kind k = parser_token(p)->kind;
    if (k != TOKEN_PLUS && k != TOKEN_MINUS)
        return left;
    const char *operator = k == TOKEN_PLUS ? "+" : "-";
    p->at++;
    parser_count_operator(p);
    e = parser_node(p, k == TOKEN_PLUS ? EXPR_PLUS : EXPR_MINUS);
    parser_add_arg(p, e, left);
    parser_add_arg(p, e, parser_operand(p));
    if (!p->syntax_failed)
        for (uint32_t i = 0; i < 2; i++)
            check_number(p, operator, e->args.v[i]);
    return e;
}

static void check_add_delete(struct expr_parser *p, enum update_verb verb, const struct value *v)
{
    static const char *const names[VALUE_TYPES] = { [VALUE_S] = "STRING", [VALUE_N] = "NUMBER", [VALUE_B] = "BINARY", [VALUE_M] = "MAP",
        [VALUE_L] = "LIST", [VALUE_NULL] = "NULL", [VALUE_BOOL] = "BOOLEAN" };
    if (names[v->type] && !(verb == UPDATE_ADD && v->type == VALUE_N))
        parser_problem(p, PROBLEM_OPERAND, "Incorrect operand type for operator or function; operator: %s, operand type: %s", verbs[verb],
                       names[v->type]);
}

static void parse_action(struct expr_parser *p, enum update_verb verb, struct update *u)
{
    struct update_action *act = list_push(p->env->arena, u);
    act->verb = verb;
    act->path = parser_path(p);
    parser_count_operator(p);
    if (verb == UPDATE_SET) {
        parser_expect(p, TOKEN_EQ);
        act->value = parse_set_value(p);
    } else if (verb != UPDATE_REMOVE) {
        act->value = parser_value(p);
        if (!p->syntax_failed && !p->problems[PROBLEM_VALUE].p)
            check_add_delete(p, verb, act->value->value);
    }
    for (struct update_action *o = u->v; o + 1 < u->v + u->n && !p->syntax_failed; o++)
        check_overlap(p, &o->path, &u->v[u->n - 1].path);
}

static bool parse_section(struct expr_parser *p, unsigned *seen, struct update *u)
{
    enum update_verb verb = 0;
    while (verb <= UPDATE_DELETE && !parser_is_keyword(p, verbs[verb]))
        verb++;
    if (verb > UPDATE_DELETE)
        return false;
    p->at++;
    if (*seen & 1u << verb)
        parser_problem(p, PROBLEM_SECTION, "The \"%s\" section can only be used once in an update expression;", verbs[verb]);
    *seen |= 1u << verb;
    do
        parse_action(p, verb, u);
    while (parser_accept(p, TOKEN_COMMA));
    return true;
}

int expr_parse_update(struct expr_env *env, struct str text, struct update *ret)
{
    struct expr_parser p;
    struct update u = { 0 };
    unsigned seen = 0;
    int rc = parser_begin(&p, env, "UpdateExpression", text);
    if (rc < 0)
        return rc;
    p.update = true;
    while (parse_section(&p, &seen, &u))
        ;
    rc = parser_finish(&p);
    if (rc == 0)
        *ret = u;
    return rc;
}

/* ---- projections ---- */

int expr_parse_projection(struct expr_env *env, struct str text, struct path_list *ret)
{
    struct expr_parser p;
    struct path_list paths = { 0 };
    int rc = parser_begin(&p, env, "ProjectionExpression", text);
    if (rc < 0)
        return rc;
    do {
        struct path path = parser_path(&p);
        *list_push(env->arena, &paths) = path;
        for (uint32_t i = 0; i + 1 < paths.n && !p.syntax_failed; i++)
            check_overlap(&p, &paths.v[i], &paths.v[paths.n - 1]);
    } while (parser_accept(&p, TOKEN_COMMA));
    rc = parser_finish(&p);
    if (rc == 0)
        *ret = paths;
    return rc;
}
