#include "services/logs/filter.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/err.h"

enum { DEPTH_MAX = 32, TERMS_MAX = 64, FIELDS_MAX = 256, MATCH_STEPS_MAX = 100000 };

struct term {
    struct str text;
    void *regex;
    enum { TERM_REQUIRED, TERM_EXCLUDED, TERM_OPTIONAL } kind;
};

struct field {
    struct str name;
    struct condition *condition; /* NULL: any */
    bool ellipsis;
};

struct filter {
    enum { FILTER_ALL, FILTER_TERMS, FILTER_JSON, FILTER_FIELDS } kind;
    struct { struct term *v; uint32_t n, cap; bool set; } terms;
    struct { struct field *v; uint32_t n, cap; bool set; } fields;
    struct condition *condition;
};

/* ---- the parts that all forms share ---- */

static char peek(const struct filter_parser *p)
{
    return p->at < p->s.n ? p->s.p[p->at] : '\0';
}

static bool at(const struct filter_parser *p, const char *text)
{
    size_t n = strlen(text);
    return p->at + n <= p->s.n && memcmp(p->s.p + p->at, text, n) == 0;
}

static bool accept(struct filter_parser *p, const char *text)
{
    if (!at(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

void filter_blanks(struct filter_parser *p)
{
    while (p->at < p->s.n && (p->s.p[p->at] == ' ' || p->s.p[p->at] == '\t' || p->s.p[p->at] == '\n' || p->s.p[p->at] == '\r'))
        p->at++;
}

static void free_regex(void *code)
{
    pcre2_code_free(code);
}

int filter_parse_regex(struct filter_parser *p, void **ret)
{
    int error;
    PCRE2_SIZE where;
    size_t from = ++p->at;

    while (p->at < p->s.n && p->s.p[p->at] != '%')
        p->at += p->s.p[p->at] == '\\' ? 2 : 1;
    if (p->at >= p->s.n || p->at == from)
        return E_INVALID;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)p->s.p + from, p->at - from, PCRE2_NEVER_BACKSLASH_C, &error, &where, NULL);
    if (!code)
        return E_INVALID;
    arena_defer(p->a, free_regex, code);
    p->at++;
    *ret = code;
    return 0;
}

bool filter_regex_match(void *regex, struct str s)
{
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    pcre2_match_context *c = pcre2_match_context_create(NULL);

    pcre2_set_match_limit(c, MATCH_STEPS_MAX);
    int rc = pcre2_match(regex, (PCRE2_SPTR)s.p, s.n, 0, 0, m, c);
    pcre2_match_context_free(c);
    pcre2_match_data_free(m);
    return rc >= 0;
}

/* A quoted string with \" and \\ ; at its first quote. */
static int quoted(struct filter_parser *p, struct str *ret)
{
    char *out = arena_alloc(p->a, p->s.n + 1);
    size_t n = 0;

    for (p->at++; p->at < p->s.n && p->s.p[p->at] != '"'; p->at++) {
        if (p->s.p[p->at] == '\\' && p->at + 1 < p->s.n && (p->s.p[p->at + 1] == '"' || p->s.p[p->at + 1] == '\\'))
            p->at++;
        out[n++] = p->s.p[p->at];
    }
    if (p->at >= p->s.n)
        return E_INVALID;
    p->at++;
    *ret = (struct str){ out, n };
    return 0;
}

/* * stands for any characters. */
static bool wildcard(struct str pattern, struct str s)
{
    size_t i = 0, j = 0, star = SIZE_MAX, mark = 0;

    while (j < s.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            mark = j;
        } else if (i < pattern.n && pattern.p[i] == s.p[j]) {
            i++;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++mark;
        } else {
            return false;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*')
        i++;
    return i == pattern.n;
}

bool filter_compare(enum compare c, const struct operand *o, struct str value, bool number_only_if_json, bool is_json_number)
{
    double v;
    bool numeric = o->number && !o->quoted && (!number_only_if_json || is_json_number) && str_to_f64(value, &v) == 0;

    if (o->regex)
        return filter_regex_match(o->regex, value) == (c == CMP_EQ);
    switch (c) {
    case CMP_EQ:
        return numeric ? v == o->value : wildcard(o->text, value);
    case CMP_NE:
        return numeric ? v != o->value : !wildcard(o->text, value);
    case CMP_LT:
        return numeric && v < o->value;
    case CMP_LE:
        return numeric && v <= o->value;
    case CMP_GT:
        return numeric && v > o->value;
    case CMP_GE:
        return numeric && v >= o->value;
    default:
        return false;
    }
}

static bool is_word(char c, bool json)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-.*#@:/+", c) || (json && c && strchr("$[]'", c)) ||
           (unsigned char)c >= 0x80;
}

static struct str word(struct filter_parser *p, bool json)
{
    size_t from = p->at;
    while (p->at < p->s.n && is_word(p->s.p[p->at], json) && p->s.p[p->at])
        p->at++;
    return str_sub(p->s, from, p->at - from);
}

static int operand(struct filter_parser *p, struct operand *ret)
{
    filter_blanks(p);
    if (peek(p) == '%')
        return filter_parse_regex(p, &ret->regex);
    if (peek(p) == '"') {
        ret->quoted = true;
        return quoted(p, &ret->text);
    }
    ret->text = word(p, false);
    ret->number = ret->text.n && str_to_f64(ret->text, &ret->value) == 0;
    return ret->text.n ? 0 : E_INVALID;
}

static int keyword_test(struct filter_parser *p, struct condition *c)
{
    static const struct { const char *word; enum compare compare; } words[] = {
        { "NULL", CMP_IS_NULL }, { "TRUE", CMP_IS_TRUE }, { "FALSE", CMP_IS_FALSE },
    };
    if (accept(p, "NOT")) {
        filter_blanks(p);
        c->compare = CMP_NOT_EXISTS;
        return accept(p, "EXISTS") ? 0 : E_INVALID;
    }
    if (accept(p, "EXISTS")) {
        c->compare = CMP_EXISTS;
        return 0;
    }
    if (!accept(p, "IS"))
        return E_INVALID;
    filter_blanks(p);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (accept(p, words[i].word)) {
            c->compare = words[i].compare;
            return 0;
        }
    return E_INVALID;
}

static int test(struct filter_parser *p, struct condition **ret)
{
    static const struct { const char *sign; enum compare compare; } signs[] = {
        { "!=", CMP_NE }, { "<=", CMP_LE }, { ">=", CMP_GE }, { "=", CMP_EQ }, { "<", CMP_LT }, { ">", CMP_GT },
    };
    struct condition *c = arena_one(p->a, struct condition);
    int rc;

    filter_blanks(p);
    if (peek(p) == '(') {
        if (++p->depth > DEPTH_MAX)
            return E_INVALID;
        p->at++;
        if ((rc = filter_parse_condition(p, ret)))
            return rc;
        p->depth--;
        filter_blanks(p);
        return accept(p, ")") ? 0 : E_INVALID;
    }
    c->kind = COND_TEST;
    c->subject = word(p, p->json);
    if (!c->subject.n || (p->json && c->subject.p[0] != '$'))
        return E_INVALID;
    filter_blanks(p);
    *ret = c;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (accept(p, signs[i].sign)) {
            c->compare = signs[i].compare;
            rc = operand(p, &c->operand);
            return rc == 0 && c->operand.regex && c->compare > CMP_NE ? E_INVALID : rc;
        }
    return p->json ? keyword_test(p, c) : E_INVALID;
}

static int parse_and(struct filter_parser *p, struct condition **ret)
{
    int rc = test(p, ret);

    for (filter_blanks(p); rc == 0 && accept(p, "&&"); filter_blanks(p)) {
        struct condition *c = arena_one(p->a, struct condition);
        c->kind = COND_AND;
        c->left = *ret;
        rc = test(p, &c->right);
        *ret = c;
    }
    return rc;
}

int filter_parse_condition(struct filter_parser *p, struct condition **ret)
{
    int rc = parse_and(p, ret);

    for (filter_blanks(p); rc == 0 && accept(p, "||"); filter_blanks(p)) {
        struct condition *c = arena_one(p->a, struct condition);
        c->kind = COND_OR;
        c->left = *ret;
        rc = parse_and(p, &c->right);
        *ret = c;
    }
    return rc;
}

/* ---- terms ---- */

static int parse_terms(struct filter_parser *p, struct filter *f)
{
    for (filter_blanks(p); p->at < p->s.n; filter_blanks(p)) {
        struct term *t = list_push(p->a, &f->terms);
        int rc = 0;
        if (f->terms.n > TERMS_MAX)
            return E_INVALID;
        if (p->at + 1 < p->s.n && (peek(p) == '-' || peek(p) == '?'))
            t->kind = p->s.p[p->at++] == '-' ? TERM_EXCLUDED : TERM_OPTIONAL;
        if (peek(p) == '"') {
            rc = quoted(p, &t->text);
        } else if (peek(p) == '%') {
            rc = filter_parse_regex(p, &t->regex);
        } else {
            size_t from = p->at;
            while (p->at < p->s.n && !strchr(" \t\r\n\"", p->s.p[p->at]))
                p->at++;
            t->text = str_sub(p->s, from, p->at - from);
        }
        if (rc || (!t->regex && !t->text.n))
            return E_INVALID;
    }
    return 0;
}

static bool match_terms(const struct filter *f, struct str message)
{
    bool required = false, optional = false, any = false;

    for (uint32_t i = 0; i < f->terms.n; i++) {
        const struct term *t = &f->terms.v[i];
        bool found = t->regex ? filter_regex_match(t->regex, message) : str_contains(message, t->text);
        if (t->kind == TERM_EXCLUDED && found)
            return false;
        if (t->kind == TERM_REQUIRED && !found)
            return false;
        required = required || t->kind == TERM_REQUIRED;
        optional = optional || t->kind == TERM_OPTIONAL;
        any = any || (t->kind == TERM_OPTIONAL && found);
    }
    return required || !optional || any;
}

/* ---- space-delimited ---- */

static int parse_fields(struct filter_parser *p, struct filter *f)
{
    bool ellipsis = false;

    p->at++;
    for (;;) {
        struct field *field = list_push(p->a, &f->fields);
        filter_blanks(p);
        if (f->fields.n > FIELDS_MAX)
            return E_INVALID;
        if (accept(p, "...")) {
            if (ellipsis)
                return E_INVALID;
            ellipsis = field->ellipsis = true;
        } else if (peek(p) != ',' && peek(p) != ']') {
            size_t from = p->at;
            field->name = word(p, false);
            filter_blanks(p);
            if (peek(p) != ',' && peek(p) != ']') {
                p->at = from;
                int rc = filter_parse_condition(p, &field->condition);
                if (rc)
                    return rc;
            }
        }
        filter_blanks(p);
        if (accept(p, ","))
            continue;
        if (!accept(p, "]"))
            return E_INVALID;
        filter_blanks(p);
        return p->at == p->s.n ? 0 : E_INVALID;
    }
}

/* Words of a message; what stands in quotes or brackets is one. */
static uint32_t split(struct str m, struct str *words)
{
    uint32_t n = 0;

    for (size_t i = 0; i < m.n && n < FIELDS_MAX;) {
        char end = m.p[i] == '"' ? '"' : m.p[i] == '[' ? ']' : ' ';
        if (m.p[i] == ' ' || m.p[i] == '\t' || m.p[i] == '\n' || m.p[i] == '\r') {
            i++;
            continue;
        }
        size_t from = end == ' ' ? i : i + 1, to = from;
        while (to < m.n && m.p[to] != end && (end != ' ' || (m.p[to] != '\t' && m.p[to] != '\n' && m.p[to] != '\r')))
            to++;
        words[n++] = str_sub(m, from, to - from);
        i = to + 1;
    }
    return n;
}

static bool match_field(const struct condition *c, struct str value)
{
    if (!c)
        return true;
    if (c->kind == COND_TEST)
        return filter_compare(c->compare, &c->operand, value, false, false);
    bool left = match_field(c->left, value);
    return c->kind == COND_AND ? left && match_field(c->right, value) : left || match_field(c->right, value);
}

static struct str field_name(const struct field *f)
{
    const struct condition *c = f->condition;
    while (c && c->kind != COND_TEST)
        c = c->left;
    return c ? c->subject : f->name;
}

static bool match_fields(const struct filter *f, struct arena *a, struct str message, struct str_map *ret)
{
    struct str *words = arena_many(a, struct str, FIELDS_MAX);
    uint32_t n = split(message, words), named = f->fields.n, w = 0;
    bool ellipsis = false;

    for (uint32_t i = 0; i < f->fields.n; i++)
        ellipsis = ellipsis || f->fields.v[i].ellipsis;
    named -= ellipsis;
    if (ellipsis ? n < named : n != named)
        return false;
    for (uint32_t i = 0; i < f->fields.n; i++) {
        const struct field *field = &f->fields.v[i];
        if (field->ellipsis) {
            w += n - named;
            continue;
        }
        if (!match_field(field->condition, words[w]))
            return false;
        if (ret) {
            struct str name = field_name(field);
            str_map_put(a, ret, name.n ? str_printf(a, "$%.*s", STR_ARG(name)) : str_printf(a, "$%u", w + 1), str_dup(a, words[w]));
        }
        w++;
    }
    return true;
}

int filter_compile(struct arena *a, struct str pattern, struct filter **ret)
{
    struct filter_parser p = { .a = a, .s = str_trim(pattern) };
    struct filter *f = arena_one(a, struct filter);
    int rc = 0;

    if (!p.s.n) {
        f->kind = FILTER_ALL;
    } else if (p.s.p[0] == '{') {
        f->kind = FILTER_JSON;
        p.json = true;
        p.at = 1;
        rc = filter_parse_condition(&p, &f->condition);
        filter_blanks(&p);
        if (rc == 0 && (!accept(&p, "}") || p.at != p.s.n))
            rc = E_INVALID;
    } else if (p.s.p[0] == '[') {
        f->kind = FILTER_FIELDS;
        rc = parse_fields(&p, f);
    } else {
        f->kind = FILTER_TERMS;
        rc = parse_terms(&p, f);
    }
    if (rc == 0)
        *ret = f;
    return rc;
}

bool filter_match(const struct filter *f, struct arena *a, struct str message, struct str_map *ret_values)
{
    switch (f->kind) {
    case FILTER_TERMS:
        return match_terms(f, message);
    case FILTER_JSON:
        return filter_json_match(f->condition, a, message, ret_values);
    case FILTER_FIELDS:
        return match_fields(f, a, message, ret_values);
    default:
        return true;
    }
}
