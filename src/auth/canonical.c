#include "auth/sign.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"

enum { CANONICAL_BYTES_MAX = 4 * LIMIT_HEADER_BYTES }; /* percent-encoding makes at most three bytes of one; headers do not grow */

/* RFC 3986 5.2.4 on whole segments, empty ones dropped; a slash at the end stays. */
static struct str normalise(struct arena *a, struct str path)
{
    struct str_list kept = { 0 };
    struct str rest = path, segment;
    bool slash_at_end = path.n == 0 || path.p[path.n - 1] == '/';
    bool more = path.n > 0;
    while (more) {
        more = str_cut(rest, '/', &segment, &rest);
        if (segment.n == 0 || str_is(segment, "."))
            continue;
        if (str_is(segment, "..")) {
            if (kept.n > 0)
                kept.n--;
            continue;
        }
        str_list_add(a, &kept, segment);
    }
    struct buf b;
    buf_init(&b, a, CANONICAL_BYTES_MAX);
    for (uint32_t i = 0; i < kept.n; i++) {
        buf_byte(&b, '/');
        buf_str(&b, kept.v[i]);
    }
    if (slash_at_end || kept.n == 0)
        buf_byte(&b, '/');
    return buf_done(&b);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unlike uri_decode it never fails: what is no escape stands for itself, so that a strange request ends in a mismatch, not here. */
static struct str decode(struct arena *a, struct str s, bool plus_is_space)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
            out[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        } else {
            out[n++] = s.p[i] == '+' && plus_is_space ? ' ' : s.p[i];
        }
    }
    return (struct str){ out, n };
}

static struct str canonical_path(struct arena *a, const struct sign_request *r)
{
    struct str target = r->target.n ? r->target : STR("/");
    switch (r->path) {
    case SIGN_PATH_NORMAL: return uri_encode(a, normalise(a, target), true);
    case SIGN_PATH_PLAIN: return uri_encode(a, target, true);
    case SIGN_PATH_S3: return uri_encode(a, decode(a, target, false), true);
    case SIGN_PATH_AS_SENT: break;
    }
    return target;
}

static int pair_cmp(const void *x, const void *y)
{
    const struct str_pair *a = x, *b = y;
    int c = str_cmp(a->key, b->key);
    return c ? c : str_cmp(a->value, b->value);
}

static void put_query(struct arena *a, struct buf *b, struct str query)
{
    struct str_map pairs = { 0 };
    struct str rest = query, one;
    bool more = query.n > 0;
    while (more && pairs.n < LIMIT_QUERY_PARAMS) {
        more = str_cut(rest, '&', &one, &rest);
        if (one.n == 0)
            continue;
        struct str key, value;
        str_cut(one, '=', &key, &value);
        key = decode(a, key, true);
        if (str_is(key, "X-Amz-Signature"))
            continue;
        struct str_pair *p = list_push(a, &pairs);
        p->key = uri_encode(a, key, false);
        p->value = value.n ? uri_encode(a, decode(a, value, true), false) : STR("");
    }
    if (pairs.n > 1)
        qsort(pairs.v, pairs.n, sizeof *pairs.v, pair_cmp);
    for (uint32_t i = 0; i < pairs.n; i++) {
        if (i)
            buf_byte(b, '&');
        buf_str(b, pairs.v[i].key);
        buf_byte(b, '=');
        buf_str(b, pairs.v[i].value);
    }
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Blanks at both ends go, runs of them inside become one. */
static void put_squeezed(struct buf *b, struct str value)
{
    bool any = false;
    for (size_t i = 0, end; i < value.n; i = end) {
        while (i < value.n && is_blank(value.p[i]))
            i++;
        for (end = i; end < value.n && !is_blank(value.p[end]);)
            end += 1 + str_above(str_sub(value, end + 1, value.n), ' ' + 1); /* no blank is above a space */
        if (end > i && any)
            buf_byte(b, ' ');
        any = any || end > i;
        buf_put(b, value.p + i, end - i);
    }
}

static void put_header(struct buf *b, const struct sign_request *r, struct str name)
{
    bool first = true;
    buf_str(b, name);
    buf_byte(b, ':');
    for (uint32_t i = 0; i < r->headers->n; i++) {
        if (!str_eq_nocase(r->headers->v[i].name, name))
            continue;
        if (!first)
            buf_byte(b, ',');
        first = false;
        put_squeezed(b, r->headers->v[i].value);
    }
    if (first && str_is(name, "host"))
        put_squeezed(b, r->host);
    buf_byte(b, '\n');
}

struct str sign_canonical_request(struct arena *a, const struct sign_request *r)
{
    struct buf b;
    buf_init(&b, a, CANONICAL_BYTES_MAX);
    buf_str(&b, r->method);
    buf_byte(&b, '\n');
    buf_str(&b, canonical_path(a, r));
    buf_byte(&b, '\n');
    put_query(a, &b, r->query);
    buf_byte(&b, '\n');
    struct str rest = r->signed_headers, name;
    bool more = rest.n > 0;
    while (more) {
        more = str_cut(rest, ';', &name, &rest);
        put_header(&b, r, name);
    }
    buf_byte(&b, '\n');
    buf_str(&b, r->signed_headers);
    buf_byte(&b, '\n');
    buf_str(&b, r->payload_hash);
    struct str done = buf_done(&b);
    return done.p ? done : STR("");
}

struct str sign_scope(struct arena *a, struct str date, struct str region, struct str service)
{
    return str_cat(a, date, STR("/"), region, STR("/"), service, STR("/aws4_request"));
}

struct str sign_string_to_sign(struct arena *a, struct str amz_date, struct str scope, struct str canonical_request)
{
    uint8_t hash[32];
    digest_sha256(canonical_request.p, canonical_request.n, hash);
    struct str hex = hex_encode(a, hash, sizeof hash);
    return str_cat(a, STR("AWS4-HMAC-SHA256\n"), amz_date, STR("\n"), scope, STR("\n"), hex);
}
