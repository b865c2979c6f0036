#include "base/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zlib.h>

#include "base/arena.h"
#include "base/err.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct str hex_encode(struct arena *a, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, n * 2 + 1);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[((const uint8_t *)p)[i] >> 4];
        out[2 * i + 1] = digits[((const uint8_t *)p)[i] & 15];
    }
    return (struct str){ out, n * 2 };
}

int hex_decode(struct arena *a, struct str s, struct str *ret)
{
    if (s.n % 2)
        return E_INVALID;
    char *out = arena_alloc(a, s.n / 2 + 1);
    for (size_t i = 0; i < s.n / 2; i++) {
        int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return E_INVALID;
        out[i] = (char)(high << 4 | low);
    }
    *ret = (struct str){ out, s.n / 2 };
    return 0;
}

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct str encode64(struct arena *a, const uint8_t *p, size_t n, const char *alphabet, bool pad)
{
    char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1), *o = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (have > 2 ? p[i + 2] : 0);
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                *o++ = alphabet[v >> (18 - 6 * k) & 63];
            else if (pad)
                *o++ = '=';
        }
    }
    *o = 0;
    return (struct str){ out, (size_t)(o - out) };
}

static int decode64(struct arena *a, struct str s, const char *alphabet, struct str *ret)
{
    uint8_t value[256];
    memset(value, 255, sizeof value);
    for (uint8_t i = 0; i < 64; i++)
        value[(uint8_t)alphabet[i]] = i;
    if (s.n % 4 == 1)
        return E_INVALID;
    char *out = arena_alloc(a, s.n / 4 * 3 + 4), *o = out;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t v = value[(uint8_t)s.p[i]];
        if (v == 255)
            return E_INVALID;
        bits = bits << 6 | v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *o++ = (char)(bits >> held);
        }
    }
    *o = 0;
    *ret = (struct str){ out, (size_t)(o - out) };
    return 0;
}

struct str base32_encode(struct arena *a, const void *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const uint8_t *in = p;
    char *out = arena_alloc(a, n * 8 / 5 + 2);
    size_t chars = 0;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | in[i];
        for (held += 8; held >= 5; held -= 5)
            out[chars++] = digits[bits >> (held - 5) & 31];
    }
    if (held)
        out[chars++] = digits[bits << (5 - held) & 31];
    return (struct str){ out, chars };
}

struct str base64_encode(struct arena *a, const void *p, size_t n)
{
    return encode64(a, p, n, base64_std, true);
}

int base64_decode(struct arena *a, struct str s, struct str *ret)
{
    if (s.n % 4)
        return E_INVALID;
    for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
        s.n--;
    return decode64(a, s, base64_std, ret);
}

struct str base64url_encode(struct arena *a, const void *p, size_t n)
{
    return encode64(a, p, n, base64_url, false);
}

int base64url_decode(struct arena *a, struct str s, struct str *ret)
{
    return decode64(a, s, base64_url, ret);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

struct str uri_encode(struct arena *a, struct str s, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, s.n * 3 + 1), *o = out;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            *o++ = c;
        } else {
            *o++ = '%';
            *o++ = digits[(uint8_t)c >> 4];
            *o++ = digits[(uint8_t)c & 15];
        }
    }
    *o = 0;
    return (struct str){ out, (size_t)(o - out) };
}

int uri_decode(struct arena *a, struct str s, bool plus_is_space, struct str *ret)
{
    char *out = arena_alloc(a, s.n + 1), *o = out;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return E_INVALID;
            *o++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *o++ = plus_is_space && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    *o = 0;
    *ret = (struct str){ out, (size_t)(o - out) };
    return 0;
}

struct str gzip_encode(struct arena *a, struct str plain)
{
    z_stream z = { .next_in = (Bytef *)plain.p, .avail_in = (uInt)plain.n };
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) /* 16: with a gzip header */
        abort();
    size_t max = deflateBound(&z, plain.n);
    char *out = arena_alloc(a, max);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)max;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    size_t n = max - z.avail_out;
    deflateEnd(&z);
    return (struct str){ out, n };
}
