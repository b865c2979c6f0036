#include "auth/policy.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/err.h"

struct parser {
    struct arena *a;
    enum policy_kind kind;
    struct str *why;
    struct str_list sids;
};

enum { DOCUMENT_BYTES_MAX = 1024 * 1024 }; /* the longest of AWS's own has 0.3 MB */

static int bad(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *p->why = str_vprintf(p->a, fmt, ap);
    va_end(ap);
    return E_INVALID;
}

static struct str text(struct parser *p, const cJSON *j) { return str_dup(p->a, str_c(j->valuestring)); }

/* A string, or a list of strings. Numbers and booleans count as their text (condition values). */
static int strings(struct parser *p, const cJSON *j, struct str_list *ret)
{
    if (cJSON_IsArray(j)) {
        ret->set = true;
        for (const cJSON *e = j->child; e; e = e->next)
            if (cJSON_IsArray(e) || strings(p, e, ret) < 0)
                return bad(p, "Syntax errors in policy.");
        return 0;
    }
    if (cJSON_IsString(j))
        str_list_add(p->a, ret, text(p, j));
    else if (cJSON_IsBool(j))
        str_list_add(p->a, ret, cJSON_IsTrue(j) ? STR("true") : STR("false"));
    else if (cJSON_IsNumber(j))
        str_list_add(p->a, ret, str_printf(p->a, "%.15g", j->valuedouble));
    else
        return bad(p, "Syntax errors in policy.");
    return 0;
}

static const struct {
    const char *name;
    enum condition_op op;
    bool negated;
} operators[] = {
    { "StringEquals", COND_STRING_EQUALS, false },
    { "StringNotEquals", COND_STRING_EQUALS, true },
    { "StringEqualsIgnoreCase", COND_STRING_EQUALS_NOCASE, false },
    { "StringNotEqualsIgnoreCase", COND_STRING_EQUALS_NOCASE, true },
    { "StringLike", COND_STRING_LIKE, false },
    { "StringNotLike", COND_STRING_LIKE, true },
    { "NumericEquals", COND_NUMERIC_EQUALS, false },
    { "NumericNotEquals", COND_NUMERIC_EQUALS, true },
    { "NumericLessThan", COND_NUMERIC_LESS, false },
    { "NumericLessThanEquals", COND_NUMERIC_LESS_EQ, false },
    { "NumericGreaterThan", COND_NUMERIC_GREATER, false },
    { "NumericGreaterThanEquals", COND_NUMERIC_GREATER_EQ, false },
    { "DateEquals", COND_DATE_EQUALS, false },
    { "DateNotEquals", COND_DATE_EQUALS, true },
    { "DateLessThan", COND_DATE_LESS, false },
    { "DateLessThanEquals", COND_DATE_LESS_EQ, false },
    { "DateGreaterThan", COND_DATE_GREATER, false },
    { "DateGreaterThanEquals", COND_DATE_GREATER_EQ, false },
    { "Bool", COND_BOOL, false },
    { "BinaryEquals", COND_BINARY, false },
    { "IpAddress", COND_IP, false },
    { "NotIpAddress", COND_IP, true },
    { "ArnEquals", COND_ARN, false },
    { "ArnLike", COND_ARN, false },
    { "ArnNotEquals", COND_ARN, true },
    { "ArnNotLike", COND_ARN, true },
    { "Null", COND_NULL, false },
};

static int operator_of(struct parser *p, struct str name, struct condition *c)
{
    struct str rest = name;
    if (str_starts(rest, STR("ForAllValues:")))
        c->over = OVER_ALL, rest = str_sub(rest, 13, rest.n);
    else if (str_starts(rest, STR("ForAnyValue:")))
        c->over = OVER_ANY, rest = str_sub(rest, 12, rest.n);
    if (str_ends(rest, STR("IfExists")) && rest.n > 8)
        c->if_exists = true, rest = str_sub(rest, 0, rest.n - 8);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!str_eq_nocase(rest, str_c(operators[i].name)))
            continue;
        c->op = operators[i].op;
        c->negated = operators[i].negated;
        if (c->op != COND_NULL || !c->if_exists)
            return 0;
    }
    return bad(p, "Invalid Condition type : %.*s", STR_ARG(name));
}

static int conditions(struct parser *p, const cJSON *j, struct statement *s)
{
    if (!cJSON_IsObject(j))
        return bad(p, "Syntax errors in policy.");
    for (const cJSON *op = j->child; op; op = op->next) {
        struct condition shape = { 0 };
        if (operator_of(p, str_c(op->string), &shape))
            return E_INVALID;
        if (!cJSON_IsObject(op))
            return bad(p, "Syntax errors in policy.");
        for (const cJSON *key = op->child; key; key = key->next) {
            struct condition *c = list_push(p->a, &s->conditions);
            *c = shape;
            c->key = str_dup(p->a, str_c(key->string));
            if (!str_contains(c->key, STR(":")))
                return bad(p, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
            if (strings(p, key, &c->values))
                return E_INVALID;
        }
    }
    return 0;
}

static bool is_account(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 12;
}

static bool principal_ok(struct str type, struct str value)
{
    if (str_is(value, "*"))
        return true;
    if (str_is(type, "AWS"))
        return is_account(value) || str_starts(value, STR("arn:")) || str_starts(value, STR("AIDA")) || str_starts(value, STR("AROA"));
    if (str_is(type, "Service"))
        return str_contains(value, STR("."));
    return value.n > 0;
}

static int principals(struct parser *p, const cJSON *j, struct statement *s)
{
    if (cJSON_IsString(j)) {
        if (strcmp(j->valuestring, "*"))
            return bad(p, "Invalid principal in policy: \"%s\"", j->valuestring);
        *list_push(p->a, &s->principals) = (struct policy_principal){ STR("AWS"), STR("*") };
        return 0;
    }
    if (!cJSON_IsObject(j) || !j->child)
        return bad(p, "Invalid principal in policy");
    for (const cJSON *t = j->child; t; t = t->next) {
        struct str_list values = { 0 };
        struct str type = str_dup(p->a, str_c(t->string));
        if (!str_is(type, "AWS") && !str_is(type, "Service") && !str_is(type, "Federated") && !str_is(type, "CanonicalUser"))
            return bad(p, "Invalid principal in policy: \"%s\"", t->string);
        if (strings(p, t, &values))
            return E_INVALID;
        for list_each(v, &values) {
            if (p->kind != POLICY_ANY && !principal_ok(type, *v))
                return bad(p, "Invalid principal in policy: \"%s\":\"%.*s\"", t->string, STR_ARG(*v));
            *list_push(p->a, &s->principals) = (struct policy_principal){ type, *v };
        }
    }
    return 0;
}

static int actions(struct parser *p, const cJSON *j, struct statement *s)
{
    if (strings(p, j, &s->actions))
        return E_INVALID;
    if (p->kind != POLICY_ANY && s->actions.n == 0)
        return bad(p, "Policy statement must contain actions.");
    for list_each(a, &s->actions) {
        struct str vendor, name;
        if (p->kind == POLICY_ANY || str_is(*a, "*"))
            continue;
        if (!str_cut(*a, ':', &vendor, &name) || vendor.n == 0 || name.n == 0)
            return bad(p, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
        if (str_contains(vendor, STR("*")))
            return bad(p, "Vendor %.*s is not valid", STR_ARG(vendor));
        if (p->kind == POLICY_TRUST && !str_eq_nocase(vendor, STR("sts")))
            return bad(p, "AssumeRole policy may only specify STS AssumeRole actions.");
    }
    return 0;
}

static int resources(struct parser *p, const cJSON *j, struct statement *s)
{
    if (strings(p, j, &s->resources))
        return E_INVALID;
    if (p->kind != POLICY_ANY && s->resources.n == 0)
        return bad(p, "Policy statement must contain resources.");
    for list_each(r, &s->resources) {
        if (p->kind != POLICY_IDENTITY || str_is(*r, "*"))
            continue;
        struct str rest = *r, one;
        int colons = 0;
        while (str_cut(rest, ':', &one, &rest))
            colons++;
        if (!str_starts(*r, STR("arn:")) && !(r->n > 1 && r->p[0] == '*'))
            return bad(p, "Resource %.*s must be in ARN format or \"*\".", STR_ARG(*r));
        if (colons < 5 && !str_ends(*r, STR("*")))
            return bad(p, "Resource %.*s must be in ARN format or \"*\".", STR_ARG(*r));
    }
    return 0;
}

static int check_sid(struct parser *p, struct str sid)
{
    for (size_t i = 0; p->kind == POLICY_IDENTITY && i < sid.n; i++) {
        char c = sid.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return bad(p, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*");
    }
    if (sid.n && str_list_has(&p->sids, sid))
        return bad(p, "Statement IDs (SID) in a single policy must be unique.");
    str_list_add(p->a, &p->sids, sid);
    return 0;
}

static int member(struct parser *p, const cJSON *j, struct statement *s)
{
    const char *name = j->string;
    if (!strcmp(name, "Sid")) {
        if (!cJSON_IsString(j))
            return bad(p, "Syntax errors in policy.");
        s->sid = text(p, j);
        return check_sid(p, s->sid);
    }
    if (!strcmp(name, "Effect")) {
        if (!cJSON_IsString(j) || (strcmp(j->valuestring, "Allow") && strcmp(j->valuestring, "Deny")))
            return bad(p, "Invalid effect: %s", cJSON_IsString(j) ? j->valuestring : "");
        s->deny = j->valuestring[0] == 'D';
        return 0;
    }
    if (!strcmp(name, "Action") || !strcmp(name, "NotAction")) {
        s->not_action = name[0] == 'N';
        return actions(p, j, s);
    }
    if (!strcmp(name, "Resource") || !strcmp(name, "NotResource")) {
        s->not_resource = name[0] == 'N';
        return p->kind == POLICY_TRUST ? bad(p, "Has prohibited field Resource") : resources(p, j, s);
    }
    if (!strcmp(name, "Principal") || !strcmp(name, "NotPrincipal")) {
        s->not_principal = name[0] == 'N';
        return p->kind == POLICY_IDENTITY ? bad(p, "Policy document should not specify a principal.") : principals(p, j, s);
    }
    if (!strcmp(name, "Condition"))
        return conditions(p, j, s);
    return bad(p, "Syntax errors in policy.");
}

/* Every element stands once, and X and NotX are one: else it would depend on their order what a statement says. */
static bool is_again(const cJSON *j)
{
    const char *name = j->string + (strncmp(j->string, "Not", 3) ? 0 : 3);
    for (const cJSON *other = j->next; other; other = other->next)
        if (!strcmp(name, other->string + (strncmp(other->string, "Not", 3) ? 0 : 3)))
            return true;
    return false;
}

static int statement(struct parser *p, const cJSON *j, struct policy *policy)
{
    struct statement s = { 0 };
    if (!cJSON_IsObject(j))
        return bad(p, "Syntax errors in policy.");
    for (const cJSON *m = j->child; m; m = m->next)
        if (is_again(m) ? bad(p, "Syntax errors in policy.") : member(p, m, &s))
            return E_INVALID;
    if (!cJSON_GetObjectItemCaseSensitive(j, "Effect"))
        return bad(p, "Missing required field Effect");
    if (!s.actions.set)
        return bad(p, "Missing required field Action");
    if ((p->kind == POLICY_RESOURCE || p->kind == POLICY_TRUST) && !s.principals.n)
        return bad(p, "Missing required field Principal");
    if (p->kind == POLICY_IDENTITY && !s.resources.set)
        return bad(p, "Missing required field Resource");
    *list_push(p->a, &policy->statements) = s;
    return 0;
}

static int document(struct parser *p, const cJSON *root, struct policy *policy)
{
    const cJSON *statements = cJSON_GetObjectItemCaseSensitive(root, "Statement");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "Version");
    if (!cJSON_IsObject(root))
        return bad(p, "Syntax errors in policy.");
    for (const cJSON *m = root->child; m; m = m->next)
        if (is_again(m) || (strcmp(m->string, "Version") && strcmp(m->string, "Statement") && strcmp(m->string, "Id")))
            return bad(p, "Syntax errors in policy.");
    policy->variables = cJSON_IsString(version) && !strcmp(version->valuestring, "2012-10-17");
    if (version && !policy->variables && !(cJSON_IsString(version) && !strcmp(version->valuestring, "2008-10-17")))
        return bad(p, "Policy document must be version 2012-10-17 or greater.");
    if (p->kind == POLICY_IDENTITY && !policy->variables)
        return bad(p, "Policy document must be version 2012-10-17 or greater.");
    if (cJSON_IsObject(statements))
        return statement(p, statements, policy);
    if (!cJSON_IsArray(statements) || (p->kind != POLICY_ANY && !statements->child))
        return bad(p, "Syntax errors in policy.");
    for (const cJSON *s = statements->child; s; s = s->next)
        if (statement(p, s, policy))
            return E_INVALID;
    return 0;
}

int policy_parse(struct arena *a, struct str json, enum policy_kind kind, struct policy **ret, struct str *ret_why)
{
    struct parser p = { .a = a, .kind = kind, .why = ret_why };
    if (json.n == 0 || json.n > DOCUMENT_BYTES_MAX || !str_is_utf8(json))
        return bad(&p, "Syntax errors in policy.");
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(json.p, json.n, &end, 0);
    struct str rest = end ? str_trim((struct str){ end, (size_t)(json.p + json.n - end) }) : STR("");
    struct policy *policy = arena_one(a, struct policy);
    int rc = root && rest.n == 0 ? document(&p, root, policy) : bad(&p, "Syntax errors in policy.");
    cJSON_Delete(root);
    if (rc == 0)
        *ret = policy;
    return rc;
}
