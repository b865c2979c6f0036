/* What the two parsers (conditions, updates) share: the token cursor, placeholders, paths, and the list of problems. Private to expr_*.c. */
#ifndef STRATA_DYNAMODB_EXPR_PARSE_H
#define STRATA_DYNAMODB_EXPR_PARSE_H

#include "services/dynamodb/expr.h"
#include "services/dynamodb/expr_lex.h"

struct expr_parser {
    struct expr_env *env;
    const char *param;
    struct str text;
    struct token_list tokens;
    uint32_t at;
    unsigned depth, operators;
    bool update;
    bool syntax_failed;
    struct str problems[PROBLEM_COUNT]; /* the first one of each kind */
};

int parser_begin(struct expr_parser *p, struct expr_env *env, const char *param, struct str text);
/* After the whole text was read: E_INVALID with env->error when anything was wrong. */
int parser_finish(struct expr_parser *p);

static inline const struct token *parser_token(const struct expr_parser *p) { return &p->tokens.v[p->at]; }
bool parser_accept(struct expr_parser *p, enum token_kind kind);
void parser_expect(struct expr_parser *p, enum token_kind kind);
bool parser_is_keyword(const struct expr_parser *p, const char *upper); /* a word, in any case */
bool parser_accept_keyword(struct expr_parser *p, const char *upper);
void parser_syntax_error(struct expr_parser *p);
void parser_problem(struct expr_parser *p, enum expr_problem kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void parser_count_operator(struct expr_parser *p);

struct path parser_path(struct expr_parser *p);
/* A path, a value, a function call, or one of them in parentheses; never NULL. */
struct expr *parser_operand(struct expr_parser *p);
struct expr *parser_value(struct expr_parser *p);
struct expr *parser_call(struct expr_parser *p); /* at a word before '(' */
bool parser_at_call(const struct expr_parser *p);
struct expr *parser_node(struct expr_parser *p, enum expr_kind kind);
void parser_add_arg(struct expr_parser *p, struct expr *to, struct expr *arg);

bool path_equal(const struct path *a, const struct path *b);

#endif
