/* Filter patterns of CloudWatch Logs, compiled once and asked for every message. Pure: no operation, no store.
 *
 *   terms             ERROR "exact phrase" -not ?either ?or %regex%
 *   JSON              { $.status >= 500 && ($.user.id = "a*" || $.tags[0] NOT EXISTS) }
 *   space-delimited   [ip, ..., status = 4* || status = 5*, bytes > 1000]
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 *
 * Terms are looked for as parts of the message, with regard to case. Optional (?) terms count only when there are no required ones. */
#ifndef STRATA_SERVICES_LOGS_FILTER_H
#define STRATA_SERVICES_LOGS_FILTER_H

#include "base/list.h"

struct filter;

/* E_INVALID for a pattern that AWS would refuse. An absent or empty pattern matches everything. */
int filter_compile(struct arena *a, struct str pattern, struct filter **ret);
/* ret_values (may be NULL) gets what TestMetricFilter calls extracted values: "$.path" or "$field" -> text. */
bool filter_match(const struct filter *f, struct arena *a, struct str message, struct str_map *ret_values);

/* ---- between filter.c and filter_json.c ---- */

enum compare { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_IS_NULL, CMP_IS_TRUE, CMP_IS_FALSE, CMP_NOT_EXISTS, CMP_EXISTS };

struct operand {
    struct str text;  /* may hold * for any characters */
    bool number, quoted;
    double value;
    void *regex;      /* pcre2_code, or NULL */
};

struct condition {
    enum { COND_AND, COND_OR, COND_TEST } kind;
    struct condition *left, *right;
    struct str subject;  /* "$.a.b" or a field's name */
    enum compare compare;
    struct operand operand;
};

struct filter_parser {
    struct arena *a;
    struct str s;
    size_t at;
    int depth;
    bool json; /* subjects are selectors */
};

int filter_parse_condition(struct filter_parser *p, struct condition **ret); /* or-expression, ends before anything that is no operator */
void filter_blanks(struct filter_parser *p);
int filter_parse_regex(struct filter_parser *p, void **ret); /* at a % */
bool filter_regex_match(void *regex, struct str s);
/* value against an operand; number: value is a JSON number (fields of text may be numbers, too) */
bool filter_compare(enum compare c, const struct operand *o, struct str value, bool number_only_if_json, bool is_json_number);
bool filter_json_match(const struct condition *c, struct arena *a, struct str message, struct str_map *ret_values);

#endif
