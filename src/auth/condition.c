#include "auth/evaluate.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"

enum { EXPANDED_BYTES_MAX = 64 * 1024 };
static const char literal_star = '\x01', literal_question = '\x02', separator = CONTEXT_SEPARATOR[0];

static char fold(char c, bool nocase) { return nocase && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

static bool same(char pattern, char c, bool nocase)
{
    if (pattern == literal_star)
        return c == '*';
    if (pattern == literal_question)
        return c == '?';
    return pattern == '?' || fold(pattern, nocase) == fold(c, nocase);
}

/* Greedy with one point of return: the newest star is the only one that ever needs to grow. */
bool glob_match(struct str pattern, struct str text, bool nocase)
{
    size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.n && same(pattern.p[p], text.p[t], nocase)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static struct str get(const struct str_map *context, struct str key)
{
    for list_each(c, context)
        if (str_eq_nocase(c->key, key))
            return c->value;
    return STR_NONE;
}

static void add_missing(const struct eval_request *r, struct str key)
{
    for list_each(known, &r->trace->missing)
        if (str_eq_nocase(*known, key))
            return;
    str_list_add(r->arena, &r->trace->missing, key);
}

struct str context_get(const struct eval_request *r, struct str key)
{
    struct str value = get(&r->context, key);
    if (!value.p && r->late) {
        if (!r->late->found) {
            r->late->found = true;
            r->late->find(r->late);
        }
        value = get(&r->late->context, key);
    }
    if (!value.p && r->trace)
        add_missing(r, key);
    return value;
}

static void put_literal(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_byte(b, s.p[i] == '*' ? literal_star : s.p[i] == '?' ? literal_question : s.p[i]);
}

static int put_variable(const struct eval_request *r, struct buf *b, struct str name)
{
    struct str key, otherwise;
    if (name.n == 1 && strchr("*?$", name.p[0])) {
        put_literal(b, name);
        return 0;
    }
    bool has_default = str_cut(name, ',', &key, &otherwise);
    struct str value = context_get(r, str_trim(key));
    if (!value.p && has_default) {
        otherwise = str_trim(otherwise);
        if (otherwise.n >= 2 && otherwise.p[0] == '\'' && otherwise.p[otherwise.n - 1] == '\'')
            value = str_sub(otherwise, 1, otherwise.n - 2);
    }
    if (!value.p || memchr(value.p, separator, value.n)) /* several values stand for none */
        return E_NOT_FOUND;
    put_literal(b, value);
    return 0;
}

int expand_variables(const struct eval_request *r, struct str pattern, struct str *ret)
{
    struct buf b;
    if (!str_contains(pattern, STR("${"))) {
        *ret = pattern;
        return 0;
    }
    buf_init(&b, r->arena, EXPANDED_BYTES_MAX);
    for (size_t i = 0; i < pattern.n; i++) {
        const char *end = NULL;
        if (pattern.p[i] == '$' && i + 1 < pattern.n && pattern.p[i + 1] == '{')
            end = memchr(pattern.p + i, '}', pattern.n - i);
        if (!end) {
            buf_byte(&b, pattern.p[i]);
            continue;
        }
        size_t close = (size_t)(end - pattern.p);
        int rc = put_variable(r, &b, str_sub(pattern, i + 2, close - i - 2));
        if (rc)
            return rc;
        i = close;
    }
    *ret = buf_done(&b);
    return ret->p ? 0 : E_LIMIT;
}

/* ---- one context value against one policy value ---- */

/* The literal form of a value after expansion, for operators without wildcards. */
static struct str plain(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] == literal_star ? '*' : s.p[i] == literal_question ? '?' : s.p[i];
    return (struct str){ out, s.n };
}

static bool ordered(enum condition_op op, enum condition_op first, double a, double b)
{
    switch (op - first) {
    case 0: return a == b;
    case 1: return a < b;
    case 2: return a <= b;
    case 3: return a > b;
    default: return a >= b;
    }
}

static bool to_time(struct str s, double *ret)
{
    int64_t ms;
    if (str_to_f64(s, ret) == 0) {
        *ret *= 1000;
        return true;
    }
    if (time_parse_iso8601(s, &ms) && (s.n != 10 || memchr(s.p, 'T', s.n)))
        return false;
    if (time_parse_iso8601(s, &ms)) { /* a date alone */
        char whole[32];
        memcpy(whole, s.p, 10);
        memcpy(whole + 10, "T00:00:00Z", 11);
        if (time_parse_iso8601(str_c(whole), &ms))
            return false;
    }
    *ret = (double)ms;
    return true;
}

static bool to_ip(struct arena *a, struct str s, uint8_t bytes[16], int *bits)
{
    char *text = str_dup(a, s).p ? (char *)str_dup(a, s).p : NULL;
    if (!text)
        return false;
    if (inet_pton(AF_INET, text, bytes) == 1) {
        *bits = 32;
        return true;
    }
    *bits = 128;
    return inet_pton(AF_INET6, text, bytes) == 1;
}

static bool ip_in(struct arena *a, struct str address, struct str range)
{
    struct str network, width;
    uint8_t x[16], y[16];
    int x_bits, y_bits;
    int64_t n;
    str_cut(range, '/', &network, &width);
    if (!to_ip(a, address, x, &x_bits) || !to_ip(a, network, y, &y_bits) || x_bits != y_bits)
        return false;
    n = x_bits;
    if (width.p && (str_to_i64(width, &n) || n < 0 || n > x_bits))
        return false;
    if (memcmp(x, y, (size_t)n / 8))
        return false;
    int rest = (int)(n % 8);
    return rest == 0 || (x[n / 8] ^ y[n / 8]) >> (8 - rest) == 0;
}

/* Each of the six parts by itself, so that a star does not swallow colons but in the last. */
static bool arn_like(struct str pattern, struct str arn)
{
    struct str p, a;
    for (int i = 0; i < 5; i++) {
        bool more_p = str_cut(pattern, ':', &p, &pattern), more_a = str_cut(arn, ':', &a, &arn);
        if (!more_p || !more_a)
            return !more_p && str_is(p, "*");
        if (!glob_match(p, a, false))
            return false;
    }
    return glob_match(pattern, arn, false);
}

bool condition_value_is(struct arena *a, enum condition_op op, struct str value)
{
    uint8_t address[16];
    double number;
    struct str bytes;
    int bits;
    switch (op) {
    case COND_NUMERIC_EQUALS: return str_to_f64(value, &number) == 0;
    case COND_DATE_EQUALS: return to_time(value, &number);
    case COND_BOOL: return str_eq_nocase(value, STR("true")) || str_eq_nocase(value, STR("false"));
    case COND_IP: return to_ip(a, value, address, &bits);
    case COND_BINARY: return base64_decode(a, value, &bytes) == 0;
    default: return true;
    }
}

static bool matches(const struct eval_request *r, enum condition_op op, struct str wanted, struct str value)
{
    double a, b;
    if (op == COND_STRING_LIKE)
        return glob_match(wanted, value, false);
    if (op == COND_ARN)
        return arn_like(wanted, value);
    wanted = plain(r->arena, wanted);
    switch (op) {
    case COND_STRING_EQUALS:
    case COND_BINARY: return str_eq(wanted, value);
    case COND_STRING_EQUALS_NOCASE:
    case COND_BOOL: return str_eq_nocase(wanted, value);
    case COND_IP: return ip_in(r->arena, value, wanted);
    default: break;
    }
    if (op >= COND_NUMERIC_EQUALS && op <= COND_NUMERIC_GREATER_EQ)
        return str_to_f64(value, &a) == 0 && str_to_f64(wanted, &b) == 0 && ordered(op, COND_NUMERIC_EQUALS, a, b);
    return to_time(value, &a) && to_time(wanted, &b) && ordered(op, COND_DATE_EQUALS, a, b);
}

/* Any of the policy's values; negated: none of them. */
static bool value_holds(const struct eval_request *r, const struct condition *c, bool variables, struct str value)
{
    for (uint32_t i = 0; i < c->values.n; i++) {
        struct str wanted = c->values.v[i];
        if (variables && expand_variables(r, wanted, &wanted))
            continue;
        if (matches(r, c->op, wanted, value))
            return !c->negated;
    }
    return c->negated;
}

static bool null_holds(const struct eval_request *r, const struct condition *c)
{
    bool missing = !context_get(r, c->key).p;
    for (uint32_t i = 0; i < c->values.n; i++)
        if (str_eq_nocase(c->values.v[i], STR("true")) == missing)
            return true;
    return false;
}

bool condition_holds(const struct eval_request *r, const struct condition *c, bool variables)
{
    if (c->op == COND_NULL)
        return null_holds(r, c);
    struct str rest = context_get(r, c->key), one;
    if (!rest.p)
        return c->if_exists || c->over == OVER_ALL || (c->negated && c->over == OVER_ONE);
    bool any = false, all = true, more = rest.n > 0 || c->over == OVER_ONE;
    while (more) {
        more = str_cut(rest, separator, &one, &rest);
        bool holds = value_holds(r, c, variables, one);
        any = any || holds;
        all = all && holds;
    }
    if (c->over == OVER_ALL || (c->over == OVER_ONE && c->negated))
        return all;
    return any;
}
