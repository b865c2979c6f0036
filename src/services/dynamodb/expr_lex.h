/* Tokens of an expression. */
#ifndef STRATA_DYNAMODB_EXPR_LEX_H
#define STRATA_DYNAMODB_EXPR_LEX_H

#include "base/str.h"

struct arena;

enum token_kind {
    TOKEN_END, TOKEN_BAD, TOKEN_WORD, TOKEN_NAME /* #x */, TOKEN_VALUE /* :x */, TOKEN_NUMBER,
    TOKEN_EQ, TOKEN_NE, TOKEN_LT, TOKEN_LE, TOKEN_GT, TOKEN_GE, /* in the order of enum compare_op */
    TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA, TOKEN_DOT, TOKEN_BRACKET_OPEN, TOKEN_BRACKET_CLOSE, TOKEN_PLUS, TOKEN_MINUS,
};

struct token {
    enum token_kind kind;
    struct str text; /* points into the expression */
};

struct token_list {
    struct token *v; /* the last one is TOKEN_END */
    uint32_t n, cap;
    bool set;
};

void expr_lex(struct arena *a, struct str text, struct token_list *ret);
/* Syntax error; token: "x", near: "w x y" */
struct str expr_syntax_error(struct arena *a, struct str text, const struct token_list *tokens, uint32_t at);

#endif
