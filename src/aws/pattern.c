#include "aws/pattern.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { DEPTH_MAX = 60 };

/* ---- one matcher against one value ---- */

static bool matcher_holds(const cJSON *m, const cJSON *value);

static bool any_holds(const cJSON *list, const cJSON *value)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, list)
        if (matcher_holds(m, value))
            return true;
    return false;
}

/* "a*b*c", with \* and \\ */
static bool wildcard(const char *p, const char *s)
{
    const char *star = NULL, *mark = NULL;
    while (*s) {
        if (*p == '*') {
            star = p++;
            mark = s;
            continue;
        }
        const char *q = *p == '\\' && p[1] ? p + 1 : p;
        if (*q && *q == *s) {
            p = q + 1;
            s++;
        } else if (star) {
            p = star + 1;
            s = ++mark;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return *p == 0;
}

static bool numeric_holds(const cJSON *list, double v)
{
    for (const cJSON *c = list->child; c && c->next; c = c->next->next) {
        double limit = c->next->valuedouble;
        const char *o = c->valuestring;
        bool ok = strcmp(o, "=") == 0 ? v == limit : strcmp(o, "<") == 0 ? v < limit : strcmp(o, "<=") == 0 ? v <= limit
                  : strcmp(o, ">") == 0 ? v > limit : v >= limit;
        if (!ok)
            return false;
    }
    return true;
}

static bool cidr_holds(const char *cidr, const char *address)
{
    struct str net, bits_text;
    int64_t bits;
    unsigned char a[16], b[16];
    char net_text[64];
    if (!str_cut(str_c(cidr), '/', &net, &bits_text) || str_to_i64(bits_text, &bits) || net.n >= sizeof net_text)
        return false;
    memcpy(net_text, net.p, net.n);
    net_text[net.n] = 0;
    int family = memchr(net_text, ':', net.n) ? AF_INET6 : AF_INET;
    if (inet_pton(family, net_text, a) != 1 || inet_pton(family, address, b) != 1 || bits < 0 || bits > (family == AF_INET ? 32 : 128))
        return false;
    for (int64_t i = 0; i < bits; i++)
        if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

static bool text_holds(const char *kind, const cJSON *wanted, struct str v)
{
    bool nocase = false;
    if (cJSON_IsObject(wanted)) { /* {"prefix": {"equals-ignore-case": "x"}} */
        nocase = true;
        wanted = wanted->child;
    }
    if (!cJSON_IsString(wanted))
        return false;
    struct str w = str_c(wanted->valuestring);
    if (w.n > v.n)
        return false;
    struct str part = strcmp(kind, "prefix") == 0 ? str_sub(v, 0, w.n) : str_sub(v, v.n - w.n, w.n);
    return nocase ? str_eq_nocase(part, w) : str_eq(part, w);
}

/* A matcher that is negated: whatever it lists must not hold. */
static bool listed(const cJSON *spec, const cJSON *value)
{
    return cJSON_IsArray(spec) ? any_holds(spec, value) : matcher_holds(spec, value);
}

static bool operator_holds(const cJSON *op, const cJSON *value)
{
    const char *kind = op->string;
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    if (strcmp(kind, "exists") == 0)
        return cJSON_IsTrue(op) == (value != NULL);
    if (!value)
        return false;
    if (strcmp(kind, "prefix") == 0 || strcmp(kind, "suffix") == 0)
        return text && (cJSON_IsArray(op) ? false : text_holds(kind, op, str_c(text)));
    if (strcmp(kind, "equals-ignore-case") == 0)
        return text && cJSON_IsString(op) && str_eq_nocase(str_c(text), str_c(op->valuestring));
    if (strcmp(kind, "wildcard") == 0)
        return text && cJSON_IsString(op) && wildcard(op->valuestring, text);
    if (strcmp(kind, "cidr") == 0)
        return text && cJSON_IsString(op) && cidr_holds(op->valuestring, text);
    if (strcmp(kind, "numeric") == 0)
        return cJSON_IsNumber(value) && numeric_holds(op, value->valuedouble);
    if (strcmp(kind, "anything-but") == 0) {
        if (cJSON_IsObject(op) && op->child && cJSON_IsArray(op->child)) { /* {"anything-but": {"prefix": ["a", "b"]}} */
            const cJSON *one;
            cJSON_ArrayForEach(one, op->child)
            {
                cJSON copy = *one;
                copy.string = op->child->string;
                if (operator_holds(&copy, value))
                    return false;
            }
            return true;
        }
        return !listed(op, value);
    }
    return false;
}

static bool matcher_holds(const cJSON *m, const cJSON *value)
{
    if (cJSON_IsObject(m))
        return m->child && operator_holds(m->child, value);
    if (!value)
        return false;
    if (cJSON_IsString(m))
        return cJSON_IsString(value) && strcmp(m->valuestring, value->valuestring) == 0;
    if (cJSON_IsNumber(m))
        return cJSON_IsNumber(value) && m->valuedouble == value->valuedouble;
    return (m->type & 0xFF) == (value->type & 0xFF); /* true, false, null */
}

/* ---- the event ---- */

static bool object_matches(const cJSON *pattern, const cJSON *event, unsigned depth);

static bool wants_absence(const cJSON *list)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, list)
        if (cJSON_IsObject(m) && m->child && strcmp(m->child->string, "exists") == 0 && cJSON_IsFalse(m->child))
            return true;
    return false;
}

/* Does a field's value (or one of its elements) satisfy the list of matchers? An empty array is as good as no field. */
static bool leaf_matches(const cJSON *list, const cJSON *value)
{
    if (cJSON_IsObject(value)) /* matchers look at leaves: an object is none */
        return wants_absence(list);
    if (!cJSON_IsArray(value))
        return any_holds(list, value);
    const cJSON *e;
    bool any_leaf = false;
    cJSON_ArrayForEach(e, value)
    {
        if (cJSON_IsObject(e))
            continue;
        any_leaf = true;
        if (cJSON_IsArray(e) ? leaf_matches(list, e) : any_holds(list, e))
            return true;
    }
    return !any_leaf && any_holds(list, NULL);
}

static bool field_matches(const cJSON *p, const cJSON *value, unsigned depth)
{
    if (cJSON_IsArray(p))
        return leaf_matches(p, value);
    if (!cJSON_IsArray(value))
        return object_matches(p, value, depth + 1);
    const cJSON *e;
    bool any = false;
    cJSON_ArrayForEach(e, value)
    {
        any = true;
        if (cJSON_IsArray(e) ? field_matches(p, e, depth + 1) : object_matches(p, e, depth + 1))
            return true;
    }
    return !any && object_matches(p, NULL, depth + 1);
}

static bool or_matches(const cJSON *list, const cJSON *event, unsigned depth)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, list)
        if (object_matches(one, event, depth + 1))
            return true;
    return false;
}

static bool object_matches(const cJSON *pattern, const cJSON *event, unsigned depth)
{
    const cJSON *p;
    if (depth > DEPTH_MAX)
        return false;
    cJSON_ArrayForEach(p, pattern)
    {
        const cJSON *value = cJSON_IsObject(event) ? cJSON_GetObjectItemCaseSensitive(event, p->string) : NULL;
        bool holds = strcmp(p->string, "$or") == 0 && cJSON_IsArray(p) ? or_matches(p, event, depth) : field_matches(p, value, depth);
        if (!holds)
            return false;
    }
    return true;
}

bool pattern_matches(struct arena *a, const cJSON *pattern, const cJSON *event)
{
    return object_matches(pattern, event, 0);
}

/* ---- is it a pattern? ---- */

static const char *check_numeric(const cJSON *op)
{
    static const char *const operators[] = { "=", "<", "<=", ">", ">=" };
    int n = cJSON_IsArray(op) ? cJSON_GetArraySize(op) : 0;
    if (n != 2 && n != 4)
        return "Value of numeric must be an array of operators and numbers";
    for (const cJSON *c = op->child; c; c = c->next->next) {
        bool known = false;
        for (size_t i = 0; cJSON_IsString(c) && i < 5; i++)
            known = known || strcmp(c->valuestring, operators[i]) == 0;
        if (!known)
            return "Unrecognized numeric range operator";
        if (!cJSON_IsNumber(c->next))
            return "Value of a numeric range must be a number";
    }
    return NULL;
}

static const char *check_matcher(struct arena *a, const cJSON *m)
{
    static const char *const kinds[] = { "exists", "prefix", "suffix", "equals-ignore-case", "wildcard", "cidr", "numeric", "anything-but" };
    if (cJSON_IsArray(m))
        return "Match value must be String, number, true, false, or null";
    if (!cJSON_IsObject(m))
        return NULL;
    if (!m->child || m->child->next)
        return "Only one key allowed in match expression";
    const cJSON *op = m->child;
    size_t kind = 0;
    while (kind < 8 && strcmp(op->string, kinds[kind]) != 0)
        kind++;
    if (kind == 8)
        return str_printf(a, "Unrecognized match type %s", op->string).p;
    if (kind == 0)
        return cJSON_IsBool(op) ? NULL : "exists match pattern must be either true or false.";
    if (kind == 6)
        return check_numeric(op);
    if (kind == 7)
        return cJSON_IsString(op) || cJSON_IsNumber(op) || (cJSON_IsArray(op) && op->child) || (cJSON_IsObject(op) && op->child)
                   ? NULL : "anything-but must have a value";
    bool folded = kind <= 2 && cJSON_IsObject(op) && op->child && strcmp(op->child->string, "equals-ignore-case") == 0;
    return cJSON_IsString(op) || folded ? NULL : str_printf(a, "%s match pattern must be a string", kinds[kind]).p;
}

static const char *check(struct arena *a, const cJSON *pattern, unsigned depth)
{
    const cJSON *p, *m;
    if (!cJSON_IsObject(pattern))
        return "Filter is not an object";
    if (!pattern->child)
        return "Empty objects are not allowed";
    if (depth > DEPTH_MAX)
        return "The pattern is nested too deeply";
    cJSON_ArrayForEach(p, pattern)
    {
        const char *wrong = NULL;
        if (strcmp(p->string, "$or") == 0 && cJSON_IsArray(p)) {
            cJSON_ArrayForEach(m, p)
                if (!wrong)
                    wrong = check(a, m, depth + 1);
        } else if (cJSON_IsObject(p)) {
            wrong = check(a, p, depth + 1);
        } else if (!cJSON_IsArray(p)) {
            wrong = str_printf(a, "\"%s\" must be an object or an array", p->string).p;
        } else if (!p->child) {
            wrong = "Empty arrays are not allowed";
        } else {
            cJSON_ArrayForEach(m, p)
                if (!wrong)
                    wrong = check_matcher(a, m);
        }
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *pattern_check(struct arena *a, const cJSON *pattern)
{
    return check(a, pattern, 0);
}

/* ---- the cache ---- */

enum { SLOTS = 1024 }; /* direct-mapped: a collision replaces */

struct pattern_cache {
    struct {
        char *text;
        size_t n;
        cJSON *pattern;
    } slots[SLOTS];
};

struct pattern_cache *pattern_cache_new(void)
{
    return xalloc(sizeof(struct pattern_cache));
}

void pattern_cache_free(struct pattern_cache *c)
{
    for (size_t i = 0; c && i < SLOTS; i++) {
        free(c->slots[i].text);
        cJSON_Delete(c->slots[i].pattern);
    }
    free(c);
}

const cJSON *pattern_cache_get(struct pattern_cache *c, struct str text)
{
    __typeof__(&c->slots[0]) slot = &c->slots[str_hash(text) % SLOTS];
    if (slot->text && str_eq((struct str){ slot->text, slot->n }, text))
        return slot->pattern;
    free(slot->text);
    cJSON_Delete(slot->pattern);
    slot->text = xalloc(text.n + 1);
    memcpy(slot->text, text.p, text.n);
    slot->n = text.n;
    slot->pattern = cJSON_ParseWithLength(text.p, text.n);
    return slot->pattern;
}
