#include "services/dynamodb/expr_lex.h"

#include <string.h>

#include "base/arena.h"
#include "base/list.h"

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t run(struct str s, size_t from, bool letters)
{
    size_t i = from;
    while (i < s.n && (is_digit(s.p[i]) || (letters && is_letter(s.p[i]))))
        i++;
    return i - from;
}

static enum token_kind lex_symbol(struct str s, size_t i, size_t *ret_n)
{
    char next = i + 1 < s.n ? s.p[i + 1] : 0;
    *ret_n = 1;
    switch (s.p[i]) {
    case '=': return TOKEN_EQ;
    case '<':
        if (next == '>' || next == '=')
            *ret_n = 2;
        return next == '>' ? TOKEN_NE : next == '=' ? TOKEN_LE : TOKEN_LT;
    case '>':
        if (next == '=')
            *ret_n = 2;
        return next == '=' ? TOKEN_GE : TOKEN_GT;
    case '(': return TOKEN_OPEN;
    case ')': return TOKEN_CLOSE;
    case ',': return TOKEN_COMMA;
    case '.': return TOKEN_DOT;
    case '[': return TOKEN_BRACKET_OPEN;
    case ']': return TOKEN_BRACKET_CLOSE;
    case '+': return TOKEN_PLUS;
    case '-': return TOKEN_MINUS;
    default: return TOKEN_BAD;
    }
}

static enum token_kind lex_one(struct str s, size_t i, size_t *ret_n)
{
    char c = s.p[i];
    if (is_letter(c)) {
        *ret_n = run(s, i, true);
        return TOKEN_WORD;
    }
    if (is_digit(c)) {
        *ret_n = run(s, i, false);
        return TOKEN_NUMBER;
    }
    if (c == '#' || c == ':') {
        *ret_n = 1 + run(s, i + 1, true);
        return *ret_n == 1 ? TOKEN_BAD : c == '#' ? TOKEN_NAME : TOKEN_VALUE;
    }
    return lex_symbol(s, i, ret_n);
}

void expr_lex(struct arena *a, struct str text, struct token_list *ret)
{
    size_t i = 0;
    *ret = (struct token_list){ 0 };
    for (;;) {
        size_t n = 0;
        while (i < text.n && memchr(" \t\r\n", text.p[i], 4))
            i++;
        struct token *t = list_push(a, ret);
        if (i == text.n) {
            *t = (struct token){ TOKEN_END, { text.p + text.n, 0 } };
            return;
        }
        t->kind = lex_one(text, i, &n);
        t->text = str_sub(text, i, n);
        i += n;
    }
}

struct str expr_syntax_error(struct arena *a, struct str text, const struct token_list *tokens, uint32_t at)
{
    const struct token *t = &tokens->v[at];
    const struct token *first = at > 0 ? t - 1 : t, *last = at + 1 < tokens->n ? t + 1 : t;
    if (last->kind == TOKEN_END)
        last = t->kind == TOKEN_END ? first : t;
    struct str token = t->kind == TOKEN_END ? STR("<EOF>") : t->text;
    struct str near = { first->text.p, (size_t)(last->text.p + last->text.n - first->text.p) };
    return str_printf(a, "Syntax error; token: \"%.*s\", near: \"%.*s\"", STR_ARG(token), STR_ARG(near));
}
