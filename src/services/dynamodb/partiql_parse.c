#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "services/dynamodb/partiql.h"

enum token_kind { QL_END, QL_BAD, QL_IDENT, QL_QUOTED, QL_STRING, QL_NUMBER, QL_SYMBOL };

struct token {
    enum token_kind kind;
    struct str text; /* as it stands; of what is quoted, what is between the quotes */
    size_t at;
};

struct parser {
    struct arena *a;
    struct str text;
    const struct str_list *parameters;
    size_t at; /* behind token */
    struct token token;
    uint32_t used; /* parameters */
    unsigned depth;
    struct str error;
};

/* ---- tokens ---- */

/* What a name takes at least in the expression that a statement becomes: "#n0, ". */
enum { NAMED_BYTES = 5 };

static bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.n) {
        if (strchr(" \t\r\n", p->text.p[p->at]) && p->text.p[p->at])
            p->at++;
        else if (str_starts(str_sub(p->text, p->at, 2), STR("--")))
            while (p->at < p->text.n && p->text.p[p->at] != '\n')
                p->at++;
        else
            return;
    }
}

/* What stands between two quotes; a doubled one stands for one. */
static struct token quoted(struct parser *p, char quote, enum token_kind kind)
{
    struct token t = { .kind = QL_BAD, .at = p->at++ };
    struct buf b;
    buf_init(&b, p->a, p->text.n + 1);
    for (; p->at < p->text.n; p->at++) {
        char c = p->text.p[p->at];
        if (c == quote && p->at + 1 < p->text.n && p->text.p[p->at + 1] == quote) {
            p->at++;
        } else if (c == quote) {
            p->at++;
            t.kind = kind;
            break;
        }
        buf_byte(&b, c);
    }
    t.text = buf_done(&b);
    return t;
}

static size_t digits(struct str s, size_t at)
{
    while (at < s.n && is_digit(s.p[at]))
        at++;
    return at;
}

static size_t number_end(struct str s, size_t at)
{
    at = digits(s, at);
    if (at < s.n && s.p[at] == '.')
        at = digits(s, at + 1);
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        size_t exponent = at + 1 + (at + 1 < s.n && (s.p[at + 1] == '+' || s.p[at + 1] == '-'));
        if (exponent < s.n && is_digit(s.p[exponent]))
            at = digits(s, exponent);
    }
    return at;
}

static void next(struct parser *p)
{
    static const char *const doubles[] = { "<<", ">>", "<>", "<=", ">=", "!=" };
    struct str s = p->text;
    skip_blanks(p);
    size_t start = p->at, end = start + 1;
    if (start >= s.n) {
        p->token = (struct token){ .kind = QL_END, .text = STR(""), .at = start };
        return;
    }
    char c = s.p[start];
    if (c == '\'' || c == '"') {
        p->token = quoted(p, c, c == '"' ? QL_QUOTED : QL_STRING);
        return;
    }
    enum token_kind kind = QL_SYMBOL;
    if (is_name_start(c)) {
        kind = QL_IDENT;
        while (end < s.n && (is_name_start(s.p[end]) || is_digit(s.p[end])))
            end++;
    } else if (is_digit(c)) {
        kind = QL_NUMBER;
        end = number_end(s, start);
    } else {
        for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
            if (str_starts(str_sub(s, start, 2), str_c(doubles[i])))
                end = start + 2;
        if (end == start + 1 && !strchr("()[]{},.:?*=<>+-;", c))
            kind = QL_BAD;
    }
    p->token = (struct token){ .kind = kind, .text = str_sub(s, start, end - start), .at = start };
    p->at = end;
}

/* ---- what is wrong: the first thing ---- */

static void fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    if (p->error.p)
        return;
    va_start(ap, fmt);
    p->error = str_vprintf(p->a, fmt, ap);
    va_end(ap);
    p->token = (struct token){ .kind = QL_END, .text = STR(""), .at = p->text.n };
    p->at = p->text.n;
}

#define MALFORMED(p, what) fail((p), "Statement wasn't well formed, can't be processed: %s", (what))

/* " at 1:12:5": where a token of that length stands, in characters from 1. */
static struct str place(const struct parser *p, const struct token *t)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < t->at; i++) {
        column = p->text.p[i] == '\n' ? 1 : column + ((p->text.p[i] & 0xC0) != 0x80);
        line += p->text.p[i] == '\n';
    }
    return str_printf(p->a, " at %u:%u:%zu", line, column, t->text.n);
}

static bool is_symbol(const struct parser *p, const char *s) { return p->token.kind == QL_SYMBOL && str_is(p->token.text, s); }
static bool is_word(const struct parser *p, const char *word) { return p->token.kind == QL_IDENT && str_eq_nocase(p->token.text, str_c(word)); }

static bool accept_symbol(struct parser *p, const char *s)
{
    bool is = is_symbol(p, s);
    if (is)
        next(p);
    return is;
}

static bool accept_word(struct parser *p, const char *word)
{
    bool is = is_word(p, word);
    if (is)
        next(p);
    return is;
}

static void expect_symbol(struct parser *p, const char *s, const char *name)
{
    if (!accept_symbol(p, s))
        MALFORMED(p, str_printf(p->a, "Expected %s", name).p);
}

static void expect_word(struct parser *p, const char *word)
{
    if (!accept_word(p, word))
        MALFORMED(p, str_printf(p->a, "Expected %s", word).p);
}

static bool enter(struct parser *p)
{
    if (p->depth++ >= PARTIQL_DEPTH_MAX)
        MALFORMED(p, "Nesting levels have exceeded supported limits");
    return !p->error.p;
}

/* ---- literals: the JSON of an AttributeValue ---- */

static void put_literal(struct parser *p, struct buf *b);

static void put_parameter(struct parser *p, struct buf *b)
{
    if (p->used < p->parameters->n && p->parameters->v[p->used].n > ITEM_JSON_BYTES_MAX)
        fail(p, "Item size has exceeded the maximum allowed size");
    else if (p->used < p->parameters->n)
        buf_str(b, p->parameters->v[p->used]);
    else
        fail(p, "Number of parameters in request and statement don't match.");
    p->used++;
}

static void put_struct(struct parser *p, struct buf *b)
{
    buf_c(b, "{\"M\":{");
    for (bool first = true; !p->error.p && !is_symbol(p, "}"); first = false) {
        if (!first) {
            expect_symbol(p, ",", "RIGHT_CURLY");
            buf_byte(b, ',');
        }
        if (p->token.kind != QL_STRING && p->token.kind != QL_QUOTED)
            MALFORMED(p, "Expected a string as the key of a tuple");
        buf_json_string(b, p->token.text);
        next(p);
        expect_symbol(p, ":", "COLON");
        buf_byte(b, ':');
        put_literal(p, b);
    }
    expect_symbol(p, "}", "RIGHT_CURLY");
    buf_c(b, "}}");
}

static void put_list(struct parser *p, struct buf *b)
{
    buf_c(b, "{\"L\":[");
    for (bool first = true; !p->error.p && !is_symbol(p, "]"); first = false) {
        if (!first) {
            expect_symbol(p, ",", "RIGHT_BRACKET");
            buf_byte(b, ',');
        }
        put_literal(p, b);
    }
    expect_symbol(p, "]", "RIGHT_BRACKET");
    buf_c(b, "]}");
}

/* One of <<...>>, which are all strings, numbers or bytes. */
static void put_element(struct parser *p, struct buf *b, enum value_type *type)
{
    struct buf one;
    struct value v;
    struct value_error e;
    buf_init(&one, p->a, LIMIT_BODY_BYTES);
    put_literal(p, &one);
    struct str json = buf_done(&one);
    if (p->error.p)
        return;
    if (!json.p || value_parse(p->a, json, &v, &e) < 0 || v.type > VALUE_B || (*type != VALUE_TYPES && *type != v.type)) {
        fail(p, "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags");
        return;
    }
    *type = v.type;
    buf_json_string(b, v.type == VALUE_B ? base64_encode(p->a, v.s.p, v.s.n) : v.s);
}

static void put_bag(struct parser *p, struct buf *b)
{
    static const char *const sets[] = { [VALUE_S] = "SS", [VALUE_N] = "NS", [VALUE_B] = "BS" };
    enum value_type type = VALUE_TYPES;
    struct buf elements;
    buf_init(&elements, p->a, LIMIT_BODY_BYTES);
    for (bool first = true; !p->error.p && !is_symbol(p, ">>"); first = false) {
        if (!first) {
            expect_symbol(p, ",", "RIGHT_DOUBLE_ANGLE_BRACKET");
            buf_byte(&elements, ',');
        }
        put_element(p, &elements, &type);
    }
    expect_symbol(p, ">>", "RIGHT_DOUBLE_ANGLE_BRACKET");
    if (!p->error.p && type == VALUE_TYPES)
        fail(p, "Empty bags are not supported");
    struct str texts = buf_done(&elements);
    if (!p->error.p)
        buf_printf(b, "{\"%s\":[%.*s]}", sets[type], STR_ARG(texts));
}

static void put_scalar(struct parser *p, struct buf *b)
{
    struct token t = p->token;
    next(p);
    if (t.kind == QL_STRING) {
        buf_c(b, "{\"S\":");
        buf_json_string(b, t.text);
        buf_byte(b, '}');
    } else if (t.kind == QL_NUMBER) {
        buf_printf(b, "{\"N\":\"%.*s\"}", STR_ARG(t.text));
    } else if (t.kind == QL_SYMBOL && (*t.text.p == '-' || *t.text.p == '+') && p->token.kind == QL_NUMBER) {
        buf_printf(b, "{\"N\":\"%s%.*s\"}", *t.text.p == '-' ? "-" : "", STR_ARG(p->token.text));
        next(p);
    } else if (t.kind == QL_IDENT && (str_eq_nocase(t.text, STR("true")) || str_eq_nocase(t.text, STR("false")))) {
        buf_printf(b, "{\"BOOL\":%.*s}", STR_ARG(str_lower(p->a, t.text)));
    } else if (t.kind == QL_IDENT && str_eq_nocase(t.text, STR("null"))) {
        buf_c(b, "{\"NULL\":true}");
    } else if (t.kind == QL_IDENT && str_eq_nocase(t.text, STR("missing"))) {
        fail(p, "MISSING must be compared using IS operator");
    } else if (t.kind == QL_IDENT && is_symbol(p, "(")) {
        fail(p, "Unsupported data type: %.*s under key root%.*s", STR_ARG(str_lower(p->a, t.text)), STR_ARG(place(p, &t)));
    } else {
        MALFORMED(p, "Unexpected token");
    }
}

static void put_literal(struct parser *p, struct buf *b)
{
    if (!enter(p))
        return;
    if (accept_symbol(p, "?"))
        put_parameter(p, b);
    else if (accept_symbol(p, "{"))
        put_struct(p, b);
    else if (accept_symbol(p, "["))
        put_list(p, b);
    else if (accept_symbol(p, "<<"))
        put_bag(p, b);
    else
        put_scalar(p, b);
    p->depth--;
}

static struct str literal(struct parser *p)
{
    struct buf b;
    buf_init(&b, p->a, LIMIT_BODY_BYTES);
    put_literal(p, &b);
    struct str json = buf_done(&b);
    if (!json.p)
        fail(p, "Item size has exceeded the maximum allowed size");
    return json;
}

static bool at_literal(const struct parser *p)
{
    static const char *const words[] = { "true", "false", "null", "missing" };
    if (p->token.kind == QL_STRING || p->token.kind == QL_NUMBER)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(p, words[i]))
            return true;
    return p->token.kind == QL_SYMBOL && strchr("{[<?-+", *p->token.text.p) && !is_symbol(p, "<") && !is_symbol(p, "<=") && !is_symbol(p, "<>");
}

/* ---- paths and operands ---- */

static void path_name(struct parser *p, struct path *path)
{
    if ((p->token.kind != QL_IDENT && p->token.kind != QL_QUOTED) || path->n == VALUE_NESTING_MAX) {
        MALFORMED(p, path->n ? "Invalid path dot component" : "Expected identifier");
        return;
    }
    if (p->token.text.n == 0)
        fail(p, "Path component cannot be an empty string");
    *list_push(p->a, path) = (struct path_elem){ .name = p->token.text };
    next(p);
}

static void path_bracket(struct parser *p, struct path *path)
{
    int64_t index;
    if (p->token.kind == QL_STRING && p->token.text.n && path->n < VALUE_NESTING_MAX)
        *list_push(p->a, path) = (struct path_elem){ .name = p->token.text };
    else if (p->token.kind == QL_NUMBER && str_to_i64(p->token.text, &index) == 0 && index >= 0 && index <= INT32_MAX && path->n < VALUE_NESTING_MAX)
        *list_push(p->a, path) = (struct path_elem){ .index = (uint32_t)index };
    else if (is_symbol(p, "*"))
        fail(p, "Wildcard path component like a[*].b are not supported");
    else
        fail(p, "List index is not within the allowable range; index: [%.*s]", STR_ARG(p->token.text));
    next(p);
    expect_symbol(p, "]", "RIGHT_BRACKET");
}

static struct path parse_path(struct parser *p)
{
    struct path path = { 0 };
    path_name(p, &path);
    while (!p->error.p) {
        if (accept_symbol(p, "."))
            path_name(p, &path);
        else if (accept_symbol(p, "["))
            path_bracket(p, &path);
        else
            break;
    }
    return path;
}

/* Whether the token is a word before '('. */
static bool at_call(const struct parser *p)
{
    struct parser ahead = *p;
    if (p->token.kind != QL_IDENT)
        return false;
    next(&ahead);
    return is_symbol(&ahead, "(");
}

static struct ql_operand operand(struct parser *p)
{
    struct ql_operand o = { .kind = QL_VALUE };
    if (at_literal(p)) {
        o.json = literal(p);
        return o;
    }
    if (at_call(p)) {
        struct token name = p->token;
        if (!accept_word(p, "size"))
            fail(p, "Unrecognized function: %.*s%.*s", STR_ARG(str_lower(p->a, name.text)), STR_ARG(place(p, &name)));
        expect_symbol(p, "(", "LEFT_PAREN");
        o.kind = QL_SIZE;
        o.path = parse_path(p);
        expect_symbol(p, ")", "RIGHT_PAREN");
        return o;
    }
    o.kind = QL_PATH;
    o.path = parse_path(p);
    return o;
}

/* ---- conditions ---- */

static struct ql_node *parse_or(struct parser *p);

static struct ql_node *node(struct parser *p, int kind, const char *word)
{
    struct ql_node *n = arena_one(p->a, struct ql_node);
    n->kind = kind;
    n->word = word;
    return n;
}

static struct ql_node *negate(struct parser *p, struct ql_node *of)
{
    struct ql_node *n = node(p, QL_NOT, NULL);
    *list_push(p->a, &n->args) = of;
    return n;
}

static const struct {
    const char *name;
    unsigned operands;
} condition_functions[] = { { "attribute_exists", 1 }, { "attribute_not_exists", 1 }, { "attribute_type", 2 }, { "begins_with", 2 }, { "contains", 2 } };

static struct ql_node *parse_call(struct parser *p)
{
    struct token name = p->token;
    struct str lower = str_lower(p->a, name.text);
    struct ql_node *n = NULL;
    unsigned wanted = 0;
    for (size_t i = 0; i < sizeof condition_functions / sizeof *condition_functions; i++)
        if (str_is(lower, condition_functions[i].name)) {
            n = node(p, QL_CALL, condition_functions[i].name);
            wanted = condition_functions[i].operands;
        }
    if (!n) {
        fail(p, "Unrecognized function: %.*s%.*s", STR_ARG(lower), STR_ARG(place(p, &name)));
        return node(p, QL_AND, NULL);
    }
    next(p);
    expect_symbol(p, "(", "LEFT_PAREN");
    while (!p->error.p && !is_symbol(p, ")")) {
        if (n->operands.n)
            expect_symbol(p, ",", "RIGHT_PAREN");
        *list_push(p->a, &n->operands) = operand(p);
    }
    expect_symbol(p, ")", "RIGHT_PAREN");
    if (n->operands.n != wanted)
        fail(p, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %u", n->word, n->operands.n);
    else if (n->operands.v[0].kind != QL_PATH && wanted == 1)
        fail(p, "Operator or function requires a document path; operator or function: %s", n->word);
    return n;
}

static void parse_members(struct parser *p, struct ql_node *n)
{
    bool round = is_symbol(p, "(");
    const char *close = round ? ")" : is_symbol(p, "<<") ? ">>" : "]";
    if (!accept_symbol(p, "(") && !accept_symbol(p, "<<") && !accept_symbol(p, "["))
        fail(p, "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member");
    do {
        *list_push(p->a, &n->operands) = operand(p);
        if (n->operands.n > EXPR_IN_MAX + 1)
            fail(p, "Incorrect number of operands for operator or function; operator or function: IN, number of operands: %u", n->operands.n);
    } while (accept_symbol(p, ","));
    expect_symbol(p, close, round ? "RIGHT_PAREN" : "RIGHT_BRACKET");
}

/* IS [NOT] MISSING, NULL, or a type. */
static struct ql_node *parse_is(struct parser *p, struct ql_operand left)
{
    static const struct {
        const char *word, *type;
    } types[] = { { "MISSING", NULL }, { "NULL", "NULL" }, { "BOOLEAN", "BOOL" }, { "BLOB", "B" }, { "STRING", "S" }, { "NUMERIC", "N" },
                  { "STRUCT", "M" }, { "TUPLE", "M" }, { "LIST", "L" } };
    bool negative = accept_word(p, "NOT");
    struct token t = p->token;
    size_t i = 0;
    while (i < sizeof types / sizeof *types && !is_word(p, types[i].word))
        i++;
    next(p);
    if (left.kind != QL_PATH)
        fail(p, "The left hand side argument to IS must be a Variable Reference, Literal, or Path");
    if (i == sizeof types / sizeof *types) {
        fail(p, "Unsupported data type for IS operator: %.*s. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]",
             STR_ARG(t.text));
        return node(p, QL_AND, NULL);
    }
    struct ql_node *n = node(p, QL_CALL, types[i].type ? "attribute_type" : negative ? "attribute_exists" : "attribute_not_exists");
    *list_push(p->a, &n->operands) = left;
    if (!types[i].type)
        return n;
    *list_push(p->a, &n->operands) = (struct ql_operand){ .kind = QL_VALUE, .json = str_printf(p->a, "{\"S\":\"%s\"}", types[i].type) };
    return negative ? negate(p, n) : n;
}

static struct ql_node *parse_comparison(struct parser *p)
{
    static const char *const signs[][2] = { { "=", "=" }, { "<>", "<>" }, { "!=", "<>" }, { "<=", "<=" }, { ">=", ">=" }, { "<", "<" }, { ">", ">" } };
    struct ql_operand left = operand(p);
    struct ql_node *n = NULL;
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !n; i++)
        if (accept_symbol(p, signs[i][0]))
            n = node(p, QL_COMPARE, signs[i][1]);
    if (!n && accept_word(p, "IS"))
        return parse_is(p, left);
    bool negative = !n && accept_word(p, "NOT");
    if (!n && accept_word(p, "BETWEEN"))
        n = node(p, QL_BETWEEN, NULL);
    else if (!n && accept_word(p, "IN"))
        n = node(p, QL_IN, NULL);
    if (!n) {
        fail(p, "WHERE clause must contain an expression that resolves to a boolean");
        return node(p, QL_AND, NULL);
    }
    *list_push(p->a, &n->operands) = left;
    if (n->kind == QL_IN) {
        parse_members(p, n);
    } else {
        *list_push(p->a, &n->operands) = operand(p);
        if (n->kind == QL_BETWEEN) {
            expect_word(p, "AND");
            *list_push(p->a, &n->operands) = operand(p);
        }
    }
    return negative ? negate(p, n) : n;
}

static struct ql_node *parse_not(struct parser *p)
{
    struct ql_node *n;
    if (!enter(p))
        return node(p, QL_AND, NULL);
    if (accept_word(p, "NOT")) {
        n = negate(p, parse_not(p));
    } else if (accept_symbol(p, "(")) {
        n = parse_or(p);
        expect_symbol(p, ")", "RIGHT_PAREN");
    } else if (at_call(p) && !is_word(p, "size")) {
        n = parse_call(p);
    } else {
        n = parse_comparison(p);
    }
    p->depth--;
    return n;
}

/* Nodes of the same kind become one. */
static void add_arg(struct parser *p, struct ql_node *to, struct ql_node *arg)
{
    for (uint32_t i = 0; arg->kind == to->kind && i < arg->args.n; i++)
        *list_push(p->a, &to->args) = arg->args.v[i];
    if (arg->kind != to->kind)
        *list_push(p->a, &to->args) = arg;
}

static struct ql_node *parse_chain(struct parser *p, int kind, const char *word, struct ql_node *(*part)(struct parser *p))
{
    struct ql_node *first = part(p);
    if (!is_word(p, word))
        return first;
    struct ql_node *n = node(p, kind, NULL);
    add_arg(p, n, first);
    while (accept_word(p, word))
        add_arg(p, n, part(p));
    return n;
}

static struct ql_node *parse_and(struct parser *p) { return parse_chain(p, QL_AND, "AND", parse_not); }
static struct ql_node *parse_or(struct parser *p) { return parse_chain(p, QL_OR, "OR", parse_and); }

/* ---- statements ---- */

static void parse_source(struct parser *p, struct ql_statement *s, bool index)
{
    if (p->token.kind != QL_IDENT && p->token.kind != QL_QUOTED)
        MALFORMED(p, "Expected identifier for simple path");
    s->table = p->token.text;
    next(p);
    if (!accept_symbol(p, "."))
        return;
    if (p->token.kind != QL_IDENT && p->token.kind != QL_QUOTED)
        MALFORMED(p, "Invalid path dot component in this operation, expecting either an IDENTIFIER or STAR.");
    s->index = p->token.text;
    next(p);
    if (!index)
        fail(p, "This operation is not supported on an index");
}

static void parse_where(struct parser *p, struct ql_statement *s)
{
    if (accept_word(p, "WHERE"))
        s->where = parse_or(p);
}

static void parse_projection(struct parser *p, struct ql_statement *s)
{
    if (accept_symbol(p, "*")) {
        if (is_symbol(p, ","))
            fail(p, "Other attributes should not be present in the projection when '*' is used.");
        return;
    }
    if (is_word(p, "VALUE") || is_word(p, "PIVOT"))
        fail(p, "Select projection doesn't support value or pivot keywords");
    do {
        if (at_call(p))
            fail(p, "Unexpected path component%.*s", STR_ARG(place(p, &p->token)));
        *list_push(p->a, &s->paths) = parse_path(p);
        if (s->paths.n > EXPR_TEXT_MAX / NAMED_BYTES) /* known to be refused before anything compares them with one another */
            fail(p, "Expression size has exceeded the maximum allowed size");
        if (is_word(p, "AS"))
            fail(p, "Aliasing is not supported");
    } while (accept_symbol(p, ","));
}

static void parse_select(struct parser *p, struct ql_statement *s)
{
    parse_projection(p, s);
    expect_word(p, "FROM");
    parse_source(p, s, true);
    if (is_symbol(p, ","))
        fail(p, "Only select from a single table or index is supported.");
    parse_where(p, s);
    if (!accept_word(p, "ORDER"))
        return;
    expect_word(p, "BY");
    do {
        struct ql_order *o = list_push(p->a, &s->order);
        struct path path = parse_path(p);
        o->name = path.n == 1 ? path.v[0].name : STR("");
        o->descending = accept_word(p, "DESC");
        if (!o->descending)
            accept_word(p, "ASC");
    } while (accept_symbol(p, ","));
}

static void parse_insert(struct parser *p, struct ql_statement *s)
{
    struct value v;
    struct value_error e;
    expect_word(p, "INTO");
    parse_source(p, s, false);
    if (is_word(p, "VALUES"))
        fail(p, "Unsupported operation: Inserting multiple items in a single statement is not supported, use \"INSERT INTO tableName VALUE item\" instead");
    expect_word(p, "VALUE");
    if (!is_symbol(p, "{") && !is_symbol(p, "?"))
        fail(p, "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.");
    struct str json = literal(p);
    if (is_word(p, "RETURNING"))
        fail(p, "RETURNING is not supported in INSERT");
    if (p->error.p)
        return;
    if (value_parse(p->a, json, &v, &e) < 0)
        fail(p, "%.*s", STR_ARG(e.text));
    else if (v.type != VALUE_M)
        fail(p, "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.");
    else
        s->item = value_map_json(p->a, &v.m);
}

static bool is_set(struct parser *p, const struct ql_operand *o)
{
    struct value v;
    struct value_error e;
    return o->kind == QL_VALUE && value_parse(p->a, o->json, &v, &e) == 0 && value_is_set(v.type);
}

static bool path_is(const struct ql_operand *o, const struct path *path)
{
    bool same = o->kind == QL_PATH && o->path.n == path->n;
    for (uint32_t i = 0; same && i < path->n; i++)
        same = str_eq(o->path.v[i].name, path->v[i].name) && o->path.v[i].index == path->v[i].index;
    return same;
}

/* set_add(path, set) and set_delete(path, set), assigned to that path. */
static void check_set_call(struct parser *p, struct ql_change *c, const struct token *name, const struct token *argument, uint32_t n)
{
    const char *upper = c->verb == UPDATE_ADD ? "ADD" : "DELETE";
    if (n != 2)
        fail(p, "SET_%s must have exactly two arguments%.*s", upper, STR_ARG(place(p, name)));
    else if (!path_is(&c->first, &c->path))
        fail(p, "The first argument to SET_%s must equal the assignment value%.*s", upper, STR_ARG(place(p, name)));
    else if (!is_set(p, &c->second))
        fail(p, "The second argument to SET_%s must be a value with type SET%.*s", upper, STR_ARG(place(p, argument)));
    c->first = c->second;
}

static void parse_value_call(struct parser *p, struct ql_change *c)
{
    static const struct {
        const char *name, *function;
        enum update_verb verb;
    } calls[] = { { "list_append", "list_append", UPDATE_SET }, { "if_not_exists", "if_not_exists", UPDATE_SET }, { "set_add", NULL, UPDATE_ADD },
                  { "set_delete", NULL, UPDATE_DELETE } };
    struct token name = p->token;
    uint32_t n = 0;
    size_t i = 0;
    while (i < sizeof calls / sizeof *calls && !is_word(p, calls[i].name))
        i++;
    if (i == sizeof calls / sizeof *calls) {
        fail(p, "Unrecognized function: %.*s%.*s", STR_ARG(str_lower(p->a, name.text)), STR_ARG(place(p, &name)));
        return;
    }
    c->function = calls[i].function;
    c->verb = calls[i].verb;
    next(p);
    expect_symbol(p, "(", "LEFT_PAREN");
    struct token argument = p->token;
    for (; !p->error.p && !is_symbol(p, ")"); n++) {
        if (n)
            expect_symbol(p, ",", "RIGHT_PAREN");
        struct ql_operand o = operand(p);
        *(n ? &c->second : &c->first) = o;
    }
    expect_symbol(p, ")", "RIGHT_PAREN");
    if (c->verb != UPDATE_SET)
        check_set_call(p, c, &name, &argument, n);
    else if (n != 2)
        fail(p, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %u", c->function, n);
}

static void parse_change(struct parser *p, struct ql_statement *s, enum update_verb verb)
{
    struct ql_change *c = list_push(p->a, &s->changes);
    c->verb = verb;
    c->path = parse_path(p);
    if (verb == UPDATE_REMOVE)
        return;
    expect_symbol(p, "=", "EQ");
    if (at_call(p)) {
        parse_value_call(p, c);
        return;
    }
    c->first = operand(p);
    if (is_symbol(p, "+") || is_symbol(p, "-")) {
        c->sign = *p->token.text.p;
        next(p);
        c->second = operand(p);
    }
}

static void parse_returning(struct parser *p, struct ql_statement *s)
{
    if (!accept_word(p, "RETURNING"))
        return;
    bool all = accept_word(p, "ALL");
    if (!all)
        expect_word(p, "MODIFIED");
    bool old = accept_word(p, "OLD");
    if (!old)
        expect_word(p, "NEW");
    if (!accept_symbol(p, "*"))
        fail(p, "Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause");
    if (s->kind == QL_DELETE && !(all && old))
        fail(p, "Invalid returning clause: RETURNING %s %s *. Only RETURNING ALL OLD * is allowed in DELETE statements.", all ? "ALL" : "MODIFIED",
             old ? "OLD" : "NEW");
    s->returning = all ? old ? QL_ALL_OLD : QL_ALL_NEW : old ? QL_MODIFIED_OLD : QL_MODIFIED_NEW;
}

static void parse_update(struct parser *p, struct ql_statement *s)
{
    parse_source(p, s, false);
    while (is_word(p, "SET") || is_word(p, "REMOVE")) {
        enum update_verb verb = is_word(p, "SET") ? UPDATE_SET : UPDATE_REMOVE;
        next(p);
        do
            parse_change(p, s, verb);
        while (accept_symbol(p, ","));
    }
    if (s->changes.n == 0)
        MALFORMED(p, "Expected data manipulation");
    parse_where(p, s);
    parse_returning(p, s);
}

static void parse_delete(struct parser *p, struct ql_statement *s)
{
    expect_word(p, "FROM");
    parse_source(p, s, false);
    parse_where(p, s);
    parse_returning(p, s);
}

static void parse_statement(struct parser *p, struct ql_statement *s)
{
    if (accept_word(p, "EXISTS")) {
        s->kind = QL_EXISTS;
        expect_symbol(p, "(", "LEFT_PAREN");
        expect_word(p, "SELECT");
        parse_select(p, s);
        expect_symbol(p, ")", "RIGHT_PAREN");
    } else if (accept_word(p, "SELECT")) {
        s->kind = QL_SELECT;
        parse_select(p, s);
    } else if (accept_word(p, "INSERT")) {
        s->kind = QL_INSERT;
        parse_insert(p, s);
    } else if (accept_word(p, "UPDATE")) {
        s->kind = QL_UPDATE;
        parse_update(p, s);
    } else if (accept_word(p, "DELETE")) {
        s->kind = QL_DELETE;
        parse_delete(p, s);
    } else {
        MALFORMED(p, "Expected data manipulation");
    }
}

int ql_parse(struct arena *a, struct str text, const struct str_list *parameters, struct ql_statement *ret, struct str *ret_error)
{
    struct parser p = { .a = a, .text = text, .parameters = parameters };
    struct ql_statement s = { 0 };
    next(&p);
    parse_statement(&p, &s);
    accept_symbol(&p, ";");
    if (p.token.kind != QL_END)
        MALFORMED(&p, "Unexpected token after expression");
    if (p.used != parameters->n)
        fail(&p, "Number of parameters in request and statement don't match.");
    *ret_error = p.error;
    if (p.error.p)
        return E_INVALID;
    *ret = s;
    return 0;
}
