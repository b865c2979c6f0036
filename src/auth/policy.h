/* Policy documents: parsed once into plain structs, then evaluated many times.
 *
 * Parsing is also the check that IAM makes when a document is stored: what is wrong comes back in AWS's words (MalformedPolicyDocument). */
#ifndef STRATA_AUTH_POLICY_H
#define STRATA_AUTH_POLICY_H

#include "base/arena.h"
#include "base/list.h"

enum policy_kind {
    POLICY_ANY,      /* stored already: what evaluation reads */
    POLICY_IDENTITY, /* no Principal, Resource required */
    POLICY_RESOURCE, /* Principal required */
    POLICY_TRUST,    /* Principal required, no Resource, sts actions only */
};

enum condition_op {
    COND_STRING_EQUALS, COND_STRING_EQUALS_NOCASE, COND_STRING_LIKE,
    COND_NUMERIC_EQUALS, COND_NUMERIC_LESS, COND_NUMERIC_LESS_EQ, COND_NUMERIC_GREATER, COND_NUMERIC_GREATER_EQ,
    COND_DATE_EQUALS, COND_DATE_LESS, COND_DATE_LESS_EQ, COND_DATE_GREATER, COND_DATE_GREATER_EQ,
    COND_BOOL, COND_BINARY, COND_IP, COND_ARN, COND_NULL,
};

enum condition_over { OVER_ONE, OVER_ALL /* ForAllValues: */, OVER_ANY /* ForAnyValue: */ };

struct condition {
    enum condition_op op;
    enum condition_over over;
    bool negated, if_exists;
    struct str key;
    struct str_list values;
};

struct condition_list {
    struct condition *v;
    uint32_t n, cap;
    bool set;
};

struct policy_principal {
    struct str type, value; /* AWS, Service, Federated, CanonicalUser; "*" alone is AWS * */
};

struct policy_principal_list {
    struct policy_principal *v;
    uint32_t n, cap;
    bool set;
};

struct statement {
    struct str sid;
    bool deny, not_principal, not_action, not_resource;
    struct policy_principal_list principals;
    struct str_list actions, resources;
    struct condition_list conditions;
};

struct statement_list {
    struct statement *v;
    uint32_t n, cap;
    bool set;
};

struct policy {
    bool variables; /* version 2012-10-17: ${...} means something */
    struct statement_list statements;
};

/* E_INVALID: *ret_why is AWS's sentence. */
int policy_parse(struct arena *a, struct str json, enum policy_kind kind, struct policy **ret, struct str *ret_why);

/* Where a statement of a document that parses stands, as IAM's simulation tells it: from behind what opens it (or the "[" or "," before it, in a list) to
 * behind its brace. Lines and columns count from 1. False: there is none such. */
struct policy_place {
    int64_t line, column;
};
bool policy_span(struct str json, uint32_t index, struct policy_place *ret_start, struct policy_place *ret_end);

struct shared;

/* Parsed documents by their text, AWS's own policies also by their ARN; bounded, thread-safe. What get returns lives as long as a. Without a cache (NULL) it is parsed
 * anew. NULL: does not parse. */
const struct policy *policy_cache_get(struct shared *parsed, struct arena *a, struct str json);

#endif
