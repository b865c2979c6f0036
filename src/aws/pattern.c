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

/* A field by its name. A name with dots is a path as well: that is how AWS keeps patterns and events. */
static const cJSON *field(const cJSON *event, const char *name)
{
    const cJSON *c, *found = cJSON_IsObject(event) ? cJSON_GetObjectItemCaseSensitive(event, name) : NULL;
    if (found || !cJSON_IsObject(event) || !strchr(name, '.'))
        return found;
    cJSON_ArrayForEach(c, event)
    {
        size_t n = strlen(c->string);
        if (strncmp(c->string, name, n) == 0 && name[n] == '.' && (found = field(c, name + n + 1)))
            return found;
    }
    return NULL;
}

/* Of fields with one name the last counts. */
static bool comes_again(const cJSON *p)
{
    for (const cJSON *later = p->next; later; later = later->next)
        if (strcmp(later->string, p->string) == 0)
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
        if (comes_again(p))
            continue;
        const cJSON *value = field(event, p->string);
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

/* Pairs of an operator and a number: one, or a lower bound and then an upper one. */
static const char *check_numeric(struct arena *a, const cJSON *op)
{
    static const char *const operators[] = { "=", "<", "<=", ">", ">=" };
    if (!cJSON_IsArray(op))
        return "Value of numeric must be an array.";
    if (!op->child)
        return "Invalid member in numeric match: ]";
    const char *first = NULL;
    for (const cJSON *c = op->child, *value; c; c = value->next) {
        size_t kind = 0;
        while (cJSON_IsString(c) && kind < 5 && strcmp(c->valuestring, operators[kind]) != 0)
            kind++;
        if (!cJSON_IsString(c))
            return "Invalid member in numeric match: a comparison operator was expected";
        if (kind == 5)
            return str_printf(a, "Unrecognized numeric range operator: %s", c->valuestring).p;
        if (first && (first[0] != '>' || c->valuestring[0] != '<'))
            return str_printf(a, "Bad numeric range operator: %s", c->valuestring).p;
        value = c->next;
        if (!cJSON_IsNumber(value))
            return str_printf(a, "Value of %s must be numeric", c->valuestring).p;
        if (first && value->next)
            return "Too many elements in numeric expression";
        first = c->valuestring;
    }
    return NULL;
}

static const char *check_cidr(struct arena *a, const cJSON *op)
{
    struct str net, bits_text;
    int64_t bits;
    unsigned char address[16];
    if (!cJSON_IsString(op))
        return "prefix match pattern must be a string"; /* AWS's word for it */
    if (!str_cut(str_c(op->valuestring), '/', &net, &bits_text) || str_contains(bits_text, STR("/")))
        return "Malformed CIDR, one '/' required";
    if (str_to_i64(bits_text, &bits))
        return "Malformed CIDR, mask bits must be an integer";
    const char *text = str_dup(a, net).p;
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, address) != 1)
        return str_printf(a, "Nonstandard IP address: %s", text).p;
    if (bits < 0)
        return "Malformed CIDR, mask bits must not be negative";
    return bits > (family == AF_INET ? 32 : 128) ? (family == AF_INET ? "IPv4 mask bits must be < 32" : "IPv6 mask bits must be < 128") : NULL;
}

static const char *check_wildcard(struct arena *a, const cJSON *op)
{
    if (!cJSON_IsString(op))
        return "wildcard match pattern must be a string";
    for (const char *p = op->valuestring; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (p[0] == '*' && p[1] == '*')
            return str_printf(a, "Consecutive wildcard characters at pos %d", (int)(p - op->valuestring) + 1).p;
    }
    return NULL;
}

/* One value of {"anything-but": {"prefix": ...}} and its like. */
static const char *check_negated(struct arena *a, const char *kind, const cJSON *v)
{
    if (strcmp(kind, "wildcard") == 0)
        return check_wildcard(a, v);
    if (strcmp(kind, "equals-ignore-case") == 0)
        return cJSON_IsString(v) ? NULL : "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.";
    if (cJSON_IsObject(v))
        return "Value of anything-but must be an array or single string/number value.";
    if (!cJSON_IsString(v))
        return "prefix/suffix match pattern must be a string";
    return v->valuestring[0] ? NULL : "Null prefix/suffix not allowed";
}

static const char *check_anything_but(struct arena *a, const cJSON *op)
{
    const cJSON *one;
    if (cJSON_IsString(op) || cJSON_IsNumber(op))
        return NULL;
    if (cJSON_IsArray(op)) {
        cJSON_ArrayForEach(one, op)
            if (!cJSON_IsString(one) && !cJSON_IsNumber(one))
                return "Inside anything but list, start|null|boolean is not supported.";
        return op->child ? NULL : "Empty arrays are not allowed";
    }
    static const char *const kinds[] = { "prefix", "suffix", "equals-ignore-case", "wildcard" };
    const cJSON *inner = cJSON_IsObject(op) ? op->child : NULL;
    if (!inner)
        return "Value of anything-but must be an array or single string/number value.";
    size_t kind = 0;
    while (kind < 4 && strcmp(inner->string, kinds[kind]) != 0)
        kind++;
    if (kind == 4)
        return str_printf(a, "Unsupported anything-but pattern: %s", inner->string).p;
    if (inner->next)
        return "Only one key allowed in match expression";
    if (!cJSON_IsArray(inner))
        return check_negated(a, inner->string, inner);
    cJSON_ArrayForEach(one, inner)
    {
        const char *wrong = check_negated(a, inner->string, one);
        if (wrong)
            return wrong;
    }
    return inner->child ? NULL : "Empty arrays are not allowed";
}

static const char *check_matcher(struct arena *a, const cJSON *m)
{
    if (cJSON_IsArray(m))
        return "Match value must be String, number, true, false, or null";
    if (!cJSON_IsObject(m))
        return NULL;
    if (!m->child || m->child->next)
        return "Only one key allowed in match expression";
    const cJSON *op = m->child;
    const char *kind = op->string;
    if (strcmp(kind, "exists") == 0)
        return cJSON_IsBool(op) ? NULL : "exists match pattern must be either true or false.";
    if (strcmp(kind, "numeric") == 0)
        return check_numeric(a, op);
    if (strcmp(kind, "anything-but") == 0)
        return check_anything_but(a, op);
    if (strcmp(kind, "cidr") == 0)
        return check_cidr(a, op);
    if (strcmp(kind, "wildcard") == 0)
        return check_wildcard(a, op);
    bool affix = strcmp(kind, "prefix") == 0 || strcmp(kind, "suffix") == 0;
    if (!affix && strcmp(kind, "equals-ignore-case") != 0)
        return str_printf(a, "Unrecognized match type %s", kind).p;
    bool folded = affix && cJSON_IsObject(op) && op->child && strcmp(op->child->string, "equals-ignore-case") == 0;
    return cJSON_IsString(op) || folded ? NULL : str_printf(a, "%s match pattern must be a string", kind).p;
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
