#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/err.h"

struct str str_c(const char *c_string)
{
    return c_string ? (struct str){ c_string, strlen(c_string) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
    if (!a.p || !b.p)
        return a.p == b.p;
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (!a.p || !b.p)
        return a.p == b.p;
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

bool str_eq_consttime(struct str a, struct str b)
{
    if (!a.p || !b.p || a.n != b.n)
        return false;
    volatile uint64_t difference = 0;
    uint64_t x = 0, y = 0;
    size_t i = 0;
    for (; i + 8 <= a.n; i += 8) {
        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        difference |= x ^ y;
    }
    x = y = 0;
    memcpy(&x, a.p + i, a.n - i);
    memcpy(&y, b.p + i, a.n - i);
    difference |= x ^ y;
    return difference == 0;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

bool str_contains(struct str s, struct str part)
{
    return part.n == 0 || (s.n >= part.n && memmem(s.p, s.n, part.p, part.n));
}

struct str str_sub(struct str s, size_t from, size_t count)
{
    if (from > s.n)
        from = s.n;
    if (count > s.n - from)
        count = s.n - from;
    return (struct str){ s.p ? s.p + from : NULL, count };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool cut_at(struct str s, const char *at, struct str *ret_before, struct str *ret_after)
{
    if (!at) {
        *ret_before = s;
        *ret_after = STR_NONE;
        return false;
    }
    size_t i = (size_t)(at - s.p);
    *ret_before = (struct str){ s.p, i };
    *ret_after = (struct str){ s.p + i + 1, s.n - i - 1 };
    return true;
}

bool str_cut(struct str s, char sep, struct str *ret_before, struct str *ret_after)
{
    return cut_at(s, s.n ? memchr(s.p, sep, s.n) : NULL, ret_before, ret_after);
}

bool str_cut_last(struct str s, char sep, struct str *ret_before, struct str *ret_after)
{
    return cut_at(s, s.n ? memrchr(s.p, sep, s.n) : NULL, ret_before, ret_after);
}

int str_to_i64(struct str s, int64_t *ret)
{
    size_t i = 0;
    bool negative = false;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        i = 1;
    }
    if (i == s.n)
        return E_INVALID;
    int64_t v = 0; /* counted downward: the negative range is the greater one */
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return E_INVALID;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.p[i] - '0', &v))
            return E_INVALID;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, v, &v))
        return E_INVALID;
    *ret = v;
    return 0;
}

int str_to_f64(struct str s, double *ret)
{
    char text[64];
    if (s.n == 0 || s.n >= sizeof text || is_blank(s.p[0]) || memchr(s.p, 0, s.n) || memchr(s.p, 'x', s.n) || memchr(s.p, 'X', s.n))
        return E_INVALID;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    char *end;
    double v = strtod(text, &end);
    if (*end)
        return E_INVALID;
    *ret = v;
    return 0;
}

/* Eight bytes at once, for the short ones: the high bit of each tells. */
#define EACH_BYTE(c) (0x0101010101010101u * (uint64_t)(unsigned char)(c))

static uint64_t bytes_below(uint64_t w, unsigned char least) { return (w - EACH_BYTE(least)) & ~w & EACH_BYTE(0x80); } /* exact for whether there is one */

/* Sixteen bytes at once, for the long ones. From 0x80 on they are negative. */
enum { LANES = 16 };
typedef signed char lanes __attribute__((vector_size(LANES)));

static lanes lanes_at(const void *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool any(lanes v)
{
    uint64_t halves[2];
    memcpy(halves, &v, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

size_t str_above(struct str s, unsigned char least)
{
    size_t i = 0;
    for (uint64_t w; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (bytes_below(w, least))
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] >= least)
        i++;
    return i;
}

size_t str_plain(struct str s)
{
    size_t i = 0;
    for (; i + LANES <= s.n; i += LANES) {
        lanes v = lanes_at(s.p + i);
        if (any((v < 0x20) | (v == '"') | (v == '\\')))
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x80 && s.p[i] != '"' && s.p[i] != '\\')
        i++;
    return i;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    while (p < end) {
        if (end - p >= LANES && !any(lanes_at(p) < 0)) {
            p += LANES;
            continue;
        }
        if (*p < 0x80) {
            p++;
            continue;
        }
        unsigned need = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
        if (*p < 0xC2 || *p > 0xF4 || (size_t)(end - p) <= need)
            return false;
        unsigned char low = 0x80, high = 0xBF; /* of the second byte: no overlong forms, surrogates or code points past U+10FFFF */
        if (*p == 0xE0)
            low = 0xA0;
        else if (*p == 0xED)
            high = 0x9F;
        else if (*p == 0xF0)
            low = 0x90;
        else if (*p == 0xF4)
            high = 0x8F;
        if (p[1] < low || p[1] > high)
            return false;
        for (unsigned i = 2; i <= need; i++)
            if ((p[i] & 0xC0) != 0x80)
                return false;
        p += need + 1;
    }
    return true;
}

size_t str_characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

struct str str_dup(struct arena *a, struct str s)
{
    if (!s.p)
        return STR_NONE;
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){ p, s.n };
}

struct str str_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    char short_one[256];
    size_t n = str_format(short_one, sizeof short_one, fmt, ap);
    char *p = arena_alloc(a, n + 1);
    if (n <= sizeof short_one)
        memcpy(p, short_one, n);
    else
        str_format(p, n, fmt, ap);
    return (struct str){ p, n };
}

struct str str_cat_n(struct arena *a, const struct str *v, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += v[i].n;
    char *p = arena_alloc(a, n + 1), *end = p;
    for (size_t i = 0; i < count; i++)
        if (v[i].n)
            end = mempcpy(end, v[i].p, v[i].n);
    return (struct str){ p, n };
}

struct str str_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = str_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str str_lower(struct arena *a, struct str s)
{
    struct str r = str_dup(a, s);
    for (size_t i = 0; i < r.n; i++)
        if (r.p[i] >= 'A' && r.p[i] <= 'Z')
            ((char *)r.p)[i] = (char)(r.p[i] | 0x20);
    return r;
}

struct str str_upper(struct arena *a, struct str s)
{
    struct str r = str_dup(a, s);
    for (size_t i = 0; i < r.n; i++)
        if (r.p[i] >= 'a' && r.p[i] <= 'z')
            ((char *)r.p)[i] = (char)(r.p[i] & ~0x20);
    return r;
}

struct str str_replace(struct arena *a, struct str s, struct str from, struct str to)
{
    if (from.n == 0 || !str_contains(s, from))
        return s;
    size_t count = 0;
    for (size_t i = 0; i + from.n <= s.n;) {
        bool hit = memcmp(s.p + i, from.p, from.n) == 0;
        count += hit;
        i += hit ? from.n : 1;
    }
    size_t n = s.n - count * from.n + count * to.n;
    char *out = arena_alloc(a, n + 1), *o = out;
    for (size_t i = 0; i < s.n;) {
        if (i + from.n <= s.n && memcmp(s.p + i, from.p, from.n) == 0) {
            if (to.n)
                memcpy(o, to.p, to.n);
            o += to.n;
            i += from.n;
        } else {
            *o++ = s.p[i++];
        }
    }
    return (struct str){ out, n };
}

uint64_t str_hash(struct str s)
{
    uint64_t h = s.n, w;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        h = (h ^ w) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    w = 0;
    if (i < s.n)
        memcpy(&w, s.p + i, s.n - i);
    h = (h ^ w) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}
