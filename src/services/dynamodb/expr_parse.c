/* Tokens to trees: what conditions and updates have in common. */
#include "services/dynamodb/expr_parse.h"

#include <stdarg.h>

#include "base/arena.h"
#include "base/err.h"

void expr_env_init(struct expr_env *env, struct arena *a, const struct str_map *names, const struct attr_map *values)
{
    static const struct str_map no_names;
    static const struct attr_map no_values;
    *env = (struct expr_env){ .arena = a, .names = names ? names : &no_names, .values = values ? values : &no_values };
    env->name_used = arena_many(a, bool, env->names->n + 1);
    env->value_used = arena_many(a, bool, env->values->n + 1);
}

int expr_env_check_unused(struct expr_env *env)
{
    struct buf b;
    const char *what = "Names";
    buf_init(&b, env->arena, 1 << 20);
    for (uint32_t i = 0; i < env->names->n; i++)
        if (!env->name_used[i])
            buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_ARG(env->names->v[i].key));
    if (b.n == 0) {
        what = "Values";
        for (uint32_t i = 0; i < env->values->n; i++)
            if (!env->value_used[i])
                buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_ARG(env->values->v[i].name));
    }
    if (b.n == 0)
        return 0;
    env->error = str_printf(env->arena, "Value provided in ExpressionAttribute%s unused in expressions: keys: {%.*s}", what,
                            STR_ARG(buf_done(&b)));
    return E_INVALID;
}

static int env_fail(struct expr_parser *p, struct str problem)
{
    p->env->error = str_printf(p->env->arena, "Invalid %s: %.*s", p->param, STR_ARG(problem));
    return E_INVALID;
}

int parser_begin(struct expr_parser *p, struct expr_env *env, const char *param, struct str text)
{
    *p = (struct expr_parser){ .env = env, .param = param, .text = text };
    if (text.n > EXPR_TEXT_MAX)
        return env_fail(p, str_printf(env->arena, "Expression size has exceeded the maximum allowed size; expression size: %zu", text.n));
    expr_lex(env->arena, text, &p->tokens);
    if (p->tokens.n == 1)
        return env_fail(p, STR("The expression can not be empty;"));
    return 0;
}

int parser_finish(struct expr_parser *p)
{
    if (!p->syntax_failed && parser_token(p)->kind != TOKEN_END)
        parser_syntax_error(p);
    if (p->syntax_failed)
        return E_INVALID;
    for (int i = 0; i < PROBLEM_COUNT; i++)
        if (p->problems[i].p)
            return env_fail(p, p->problems[i]);
    if (p->operators > EXPR_OPERATORS_MAX)
        return env_fail(p, str_printf(p->env->arena, "The expression contains too many operators; operator count: %u", p->operators));
    return 0;
}

/* ---- the cursor. After a syntax error it stands at the end, so every loop ends. ---- */

void parser_syntax_error(struct expr_parser *p)
{
    if (!p->syntax_failed)
        env_fail(p, expr_syntax_error(p->env->arena, p->text, &p->tokens, p->at));
    p->syntax_failed = true;
    p->at = p->tokens.n - 1;
}

bool parser_accept(struct expr_parser *p, enum token_kind kind)
{
    if (parser_token(p)->kind != kind)
        return false;
    if (kind != TOKEN_END)
        p->at++;
    return true;
}

void parser_expect(struct expr_parser *p, enum token_kind kind)
{
    if (!parser_accept(p, kind))
        parser_syntax_error(p);
}

bool parser_is_keyword(const struct expr_parser *p, const char *upper)
{
    const struct token *t = parser_token(p);
    return t->kind == TOKEN_WORD && str_eq_nocase(t->text, str_c(upper));
}

bool parser_accept_keyword(struct expr_parser *p, const char *upper)
{
    if (!parser_is_keyword(p, upper))
        return false;
    p->at++;
    return true;
}

void parser_problem(struct expr_parser *p, enum expr_problem kind, const char *fmt, ...)
{
    va_list ap;
    if (p->problems[kind].p)
        return;
    va_start(ap, fmt);
    p->problems[kind] = str_vprintf(p->env->arena, fmt, ap);
    va_end(ap);
}

void parser_count_operator(struct expr_parser *p) { p->operators++; }

struct expr *parser_node(struct expr_parser *p, enum expr_kind kind)
{
    struct expr *e = arena_one(p->env->arena, struct expr);
    e->kind = kind;
    return e;
}

void parser_add_arg(struct expr_parser *p, struct expr *to, struct expr *arg) { *list_push(p->env->arena, &to->args) = arg; }

/* ---- placeholders and paths ---- */

static struct str resolve_name(struct expr_parser *p, struct str placeholder)
{
    for (uint32_t i = 0; i < p->env->names->n; i++)
        if (str_eq(p->env->names->v[i].key, placeholder)) {
            p->env->name_used[i] = true;
            return p->env->names->v[i].value;
        }
    parser_problem(p, PROBLEM_NAME, "An expression attribute name used in the document path is not defined; attribute name: %.*s",
                   STR_ARG(placeholder));
    return placeholder;
}

struct expr *parser_value(struct expr_parser *p)
{
    static const struct value undefined = { .type = VALUE_NULL };
    struct expr *e = parser_node(p, EXPR_VALUE);
    struct str placeholder = parser_token(p)->text;
    struct value *v;
    parser_expect(p, TOKEN_VALUE);
    e->value = &undefined;
    v = attr_get(p->env->values, placeholder);
    if (v) {
        p->env->value_used[((struct attr *)((char *)v - offsetof(struct attr, value))) - p->env->values->v] = true;
        e->value = v;
    } else if (!p->syntax_failed) {
        parser_problem(p, PROBLEM_VALUE, "An expression attribute value used in expression is not defined; attribute value: %.*s",
                       STR_ARG(placeholder));
    }
    return e;
}

/* Words of the grammar are never names, in whatever case they are written. */
static bool is_grammar(const struct expr_parser *p)
{
    static const char *const condition[] = { "AND", "OR", "NOT", "BETWEEN", "IN" }, *const update[] = { "SET", "REMOVE", "ADD", "DELETE", "DELETE" };
    for (size_t i = 0; i < 5; i++)
        if (parser_is_keyword(p, p->update ? update[i] : condition[i]))
            return true;
    return false;
}

static void path_name(struct expr_parser *p, struct path *path)
{
    const struct token *t = parser_token(p);
    struct str name = t->text;
    if ((t->kind != TOKEN_WORD && t->kind != TOKEN_NAME) || is_grammar(p)) {
        parser_syntax_error(p);
        return;
    }
    if (t->kind == TOKEN_NAME)
        name = resolve_name(p, t->text);
    else if (expr_is_reserved(t->text))
        parser_problem(p, PROBLEM_RESERVED, "Attribute name is a reserved keyword; reserved keyword: %.*s", STR_ARG(t->text));
    list_push(p->env->arena, path)->name = name;
    p->at++;
}

static void path_index(struct expr_parser *p, struct path *path)
{
    int64_t index = 0;
    const struct token *t = parser_token(p);
    parser_expect(p, TOKEN_NUMBER);
    if (p->syntax_failed)
        return;
    if (str_to_i64(t->text, &index) < 0 || index > 0x7fffffff)
        parser_problem(p, PROBLEM_PARENS, "List index is not within the allowable range; index: [%.*s]", STR_ARG(t->text));
    else
        list_push(p->env->arena, path)->index = (uint32_t)index;
    parser_expect(p, TOKEN_BRACKET_CLOSE);
}

struct path parser_path(struct expr_parser *p)
{
    struct path path = { 0 };
    path_name(p, &path);
    for (;;) {
        if (parser_accept(p, TOKEN_DOT))
            path_name(p, &path);
        else if (parser_accept(p, TOKEN_BRACKET_OPEN))
            path_index(p, &path);
        else
            break;
    }
    if (path.n > VALUE_NESTING_MAX)
        parser_problem(p, PROBLEM_PARENS, "The document path has too many nesting elements; nesting levels: %u", path.n);
    return path;
}

bool path_equal(const struct path *a, const struct path *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!str_eq(a->v[i].name, b->v[i].name) || a->v[i].index != b->v[i].index)
            return false;
    return true;
}

struct str expr_show_path(struct arena *a, const struct path *path)
{
    struct buf b;
    buf_init(&b, a, 1 << 17);
    buf_byte(&b, '[');
    for (uint32_t i = 0; i < path->n; i++) {
        buf_c(&b, i ? ", " : "");
        if (path->v[i].name.p)
            buf_str(&b, path->v[i].name);
        else
            buf_printf(&b, "[%u]", path->v[i].index);
    }
    buf_byte(&b, ']');
    return buf_done(&b);
}

/* ---- functions ---- */

static const struct {
    const char *name;
    unsigned operands;
    bool is_condition, in_update;
} functions[FUNCTION_COUNT] = {
    [FUNCTION_ATTRIBUTE_EXISTS] = { "attribute_exists", 1, true, false },
    [FUNCTION_ATTRIBUTE_NOT_EXISTS] = { "attribute_not_exists", 1, true, false },
    [FUNCTION_ATTRIBUTE_TYPE] = { "attribute_type", 2, true, false },
    [FUNCTION_BEGINS_WITH] = { "begins_with", 2, true, false },
    [FUNCTION_CONTAINS] = { "contains", 2, true, false },
    [FUNCTION_SIZE] = { "size", 1, false, false },
    [FUNCTION_IF_NOT_EXISTS] = { "if_not_exists", 2, false, true },
    [FUNCTION_LIST_APPEND] = { "list_append", 2, false, true },
};

const char *expr_function_name(enum expr_function f) { return functions[f].name; }

const char *expr_compare_name(enum compare_op op)
{
    static const char *const names[] = { "=", "<>", "<", "<=", ">", ">=" };
    return names[op];
}

static void operand_problem(struct expr_parser *p, enum expr_function f, enum value_type t)
{
    parser_problem(p, PROBLEM_OPERAND, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
                   functions[f].name, value_type_name(t));
}

static void check_attribute_type(struct expr_parser *p, const struct expr *arg)
{
    enum value_type t;
    if (arg->kind != EXPR_VALUE)
        return;
    if (arg->value->type != VALUE_S)
        operand_problem(p, FUNCTION_ATTRIBUTE_TYPE, arg->value->type);
    else if (!value_type_by_name(arg->value->s, &t))
        parser_problem(p, PROBLEM_OPERAND, "Invalid attribute type name found; type: %.*s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
                       STR_ARG(arg->value->s));
}

static void check_arg_types(struct expr_parser *p, const struct expr *e)
{
    enum expr_function f = e->function;
    for (uint32_t i = 0; i < e->args.n; i++) {
        const struct expr *arg = e->args.v[i];
        enum value_type t = arg->kind == EXPR_VALUE ? arg->value->type : VALUE_TYPES;
        if (t == VALUE_TYPES)
            continue;
        if ((f == FUNCTION_BEGINS_WITH && t != VALUE_S && t != VALUE_B) || (f == FUNCTION_LIST_APPEND && t != VALUE_L) ||
            (f == FUNCTION_SIZE && (t == VALUE_N || t == VALUE_BOOL || t == VALUE_NULL)))
            operand_problem(p, f, t);
    }
    if (f == FUNCTION_ATTRIBUTE_TYPE)
        check_attribute_type(p, e->args.v[1]);
    if (f == FUNCTION_CONTAINS && e->args.v[0]->kind == EXPR_PATH && e->args.v[1]->kind == EXPR_PATH &&
        path_equal(&e->args.v[0]->path, &e->args.v[1]->path))
        parser_problem(p, PROBLEM_DISTINCT,
                       "The first operand must be distinct from the remaining operands for this operator or function; "
                       "operator: contains, first operand: %s",
                       expr_show_path(p->env->arena, &e->args.v[0]->path).p);
}

static void check_call(struct expr_parser *p, const struct expr *e)
{
    enum expr_function f = e->function;
    if (e->args.n != functions[f].operands) {
        parser_problem(p, PROBLEM_OPERAND_COUNT,
                       "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %u",
                       functions[f].name, e->args.n);
        return;
    }
    bool wants_path = f == FUNCTION_ATTRIBUTE_EXISTS || f == FUNCTION_ATTRIBUTE_NOT_EXISTS || f == FUNCTION_IF_NOT_EXISTS;
    if (wants_path && e->args.v[0]->kind != EXPR_PATH)
        parser_problem(p, PROBLEM_OPERAND, "Operator or function requires a document path; operator or function: %s", functions[f].name);
    check_arg_types(p, e);
}

bool parser_at_call(const struct expr_parser *p)
{
    return parser_token(p)->kind == TOKEN_WORD && p->tokens.v[p->at + 1].kind == TOKEN_OPEN;
}

struct expr *parser_call(struct expr_parser *p)
{
    struct expr *e = parser_node(p, EXPR_FUNCTION);
    struct str name = parser_token(p)->text;
    enum expr_function f = 0;
    while (f < FUNCTION_COUNT && !str_is(name, functions[f].name))
        f++;
    p->at += 2;
    parser_count_operator(p);
    do {
        struct expr *arg = parser_operand(p);
        if (arg->kind == EXPR_FUNCTION && !p->update)
            parser_problem(p, PROBLEM_MISUSED_FUNCTION, "The function is not allowed to be used this way in an expression; function: %s",
                           functions[arg->function].name);
        parser_add_arg(p, e, arg);
    } while (parser_accept(p, TOKEN_COMMA));
    parser_expect(p, TOKEN_CLOSE);
    e->function = f == FUNCTION_COUNT ? FUNCTION_SIZE : f;
    if (p->syntax_failed)
        return e;
    if (f == FUNCTION_COUNT)
        parser_problem(p, PROBLEM_UNKNOWN_FUNCTION, "Invalid function name; function: %.*s", STR_ARG(name));
    else if (p->update && !functions[f].in_update)
        parser_problem(p, PROBLEM_UNKNOWN_FUNCTION, "The function is not allowed in an update expression; function: %s", functions[f].name);
    else if (!p->update && functions[f].in_update)
        parser_problem(p, PROBLEM_UNKNOWN_FUNCTION, "The function is not allowed in a condition expression; function: %s", functions[f].name);
    else
        check_call(p, e);
    return e;
}

struct expr *parser_operand(struct expr_parser *p)
{
    struct expr *e;
    if (p->depth >= EXPR_DEPTH_MAX) {
        p->operators = EXPR_OPERATORS_MAX + 1;
        parser_syntax_error(p);
        return parser_node(p, EXPR_PATH);
    }
    p->depth++;
    if (parser_token(p)->kind == TOKEN_VALUE) {
        e = parser_value(p);
    } else if (parser_at_call(p)) {
        e = parser_call(p);
    } else if (parser_accept(p, TOKEN_OPEN)) {
        if (parser_token(p)->kind == TOKEN_OPEN)
            parser_problem(p, PROBLEM_PARENS, "The expression has redundant parentheses;");
        e = parser_operand(p);
        parser_expect(p, TOKEN_CLOSE);
    } else {
        e = parser_node(p, EXPR_PATH);
        e->path = parser_path(p);
    }
    p->depth--;
    return e;
}
