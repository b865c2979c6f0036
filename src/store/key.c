#include "store/key.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <string.h>

enum { TYPE_STR = 0x10, TYPE_I64 = 0x20, TYPE_I64_DESC = 0x21 };

/* In strings 00 ends the element; 00 and 01 are written as ESCAPE and one more byte. */
enum { STR_END = 0x00, ESCAPE = 0x01, ESCAPED_00 = 0x01, ESCAPED_01 = 0x02 };

void key_init(struct key *k)
{
    k->n = 0;
    k->over = false;
}

/* Room for so many bytes more; NULL: the key is over. */
static uint8_t *key_more(struct key *k, size_t n)
{
    if (k->over || n > (size_t)(LIMIT_KEY_BYTES - k->n)) {
        k->over = true;
        k->n = LIMIT_KEY_BYTES + 1;
        k->b[LIMIT_KEY_BYTES] = 0;
        return NULL;
    }
    uint8_t *p = k->b + k->n;
    k->n = (uint16_t)(k->n + n);
    return p;
}

static void key_bytes(struct key *k, const void *p, size_t n)
{
    uint8_t *to = key_more(k, n);
    if (to && n)
        memcpy(to, p, n);
}

static void key_byte(struct key *k, uint8_t byte)
{
    key_bytes(k, &byte, 1);
}

void key_str_open(struct key *k, struct str s)
{
    size_t plain = s.n ? str_above(s, ESCAPE + 1) : 0;
    uint8_t *to = key_more(k, 1 + plain);
    if (!to)
        return;
    to[0] = TYPE_STR;
    if (plain)
        memcpy(to + 1, s.p, plain);
    while (plain < s.n) {
        key_byte(k, ESCAPE);
        key_byte(k, s.p[plain] == 0 ? ESCAPED_00 : ESCAPED_01);
        s = (struct str){ s.p + plain + 1, s.n - plain - 1 };
        plain = s.n ? str_above(s, ESCAPE + 1) : 0;
        key_bytes(k, s.p, plain);
    }
}

void key_str(struct key *k, struct str s)
{
    key_str_open(k, s);
    key_byte(k, STR_END);
}

void key_c(struct key *k, const char *c_string)
{
    key_str(k, (struct str){ c_string, strlen(c_string) });
}

static void key_u64(struct key *k, uint8_t type, uint64_t v)
{
    uint8_t b[9] = { type };
    for (int i = 0; i < 8; i++)
        b[1 + i] = (uint8_t)(v >> (56 - 8 * i));
    key_bytes(k, b, sizeof b);
}

void key_i64(struct key *k, int64_t v)
{
    key_u64(k, TYPE_I64, (uint64_t)v ^ (1ULL << 63));
}

void key_i64_desc(struct key *k, int64_t v)
{
    key_u64(k, TYPE_I64_DESC, ~((uint64_t)v ^ (1ULL << 63)));
}

void key_raw(struct key *k, struct str bytes)
{
    key_bytes(k, bytes.p, bytes.n);
}

void key_after_prefix(const struct key *k, struct key *ret)
{
    ret->over = k->over;
    ret->n = k->n;
    if (k->over) {
        memset(ret->b, 0, sizeof ret->b);
        return;
    }
    while (ret->n > 0 && k->b[ret->n - 1] == 0xff)
        ret->n--;
    if (ret->n == 0)
        return;
    memcpy(ret->b, k->b, ret->n);
    ret->b[ret->n - 1]++;
}

void key_read_init(struct key_reader *r, struct str key)
{
    r->rest = key;
}

int key_read_str(struct key_reader *r, struct arena *a, struct str *ret)
{
    const uint8_t *p = (const uint8_t *)r->rest.p;
    if (r->rest.n < 2 || p[0] != TYPE_STR)
        return E_INVALID;
    const uint8_t *end = memchr(p + 1, STR_END, r->rest.n - 1);
    if (!end)
        return E_INVALID;
    char *out = arena_alloc(a, (size_t)(end - p)); /* one more than the longest result: its NUL */
    size_t n = 0;
    for (const uint8_t *q = p + 1; q < end; q++) {
        if (*q != ESCAPE) {
            out[n++] = (char)*q;
            continue;
        }
        q++;
        if (q == end || (*q != ESCAPED_00 && *q != ESCAPED_01))
            return E_INVALID;
        out[n++] = *q == ESCAPED_00 ? 0 : 1;
    }
    r->rest = (struct str){ (const char *)end + 1, r->rest.n - (size_t)(end + 1 - p) };
    *ret = (struct str){ out, n };
    return 0;
}

static int key_read_u64(struct key_reader *r, uint8_t type, uint64_t *ret)
{
    const uint8_t *p = (const uint8_t *)r->rest.p;
    if (r->rest.n < 9 || p[0] != type)
        return E_INVALID;
    uint64_t v = 0;
    for (int i = 1; i <= 8; i++)
        v = v << 8 | p[i];
    r->rest = (struct str){ r->rest.p + 9, r->rest.n - 9 };
    *ret = v;
    return 0;
}

int key_read_i64(struct key_reader *r, int64_t *ret)
{
    uint64_t v;
    int rc = key_read_u64(r, TYPE_I64, &v);
    if (rc == 0)
        *ret = (int64_t)(v ^ (1ULL << 63));
    return rc;
}

int key_read_i64_desc(struct key_reader *r, int64_t *ret)
{
    uint64_t v;
    int rc = key_read_u64(r, TYPE_I64_DESC, &v);
    if (rc == 0)
        *ret = (int64_t)(~v ^ (1ULL << 63));
    return rc;
}

struct str key_text(struct arena *a, const struct key_reader *r)
{
    struct key_reader at = *r;
    struct str s;
    int64_t v;
    struct buf b;
    buf_init(&b, a, 16 * LIMIT_KEY_BYTES);
    while (at.rest.n > 0) {
        if (b.n > 0)
            buf_byte(&b, '/');
        if (key_read_i64(&at, &v) == 0 || key_read_i64_desc(&at, &v) == 0) {
            buf_printf(&b, "%lld", (long long)v);
        } else if (key_read_str(&at, a, &s) == 0) {
            for (size_t i = 0; i < s.n; i++)
                buf_printf(&b, (uint8_t)s.p[i] < 0x20 || (uint8_t)s.p[i] >= 0x7f ? "\\x%02x" : "%c", (uint8_t)s.p[i]);
        } else {
            for (size_t i = 0; i < at.rest.n; i++)
                buf_printf(&b, "%02x", (uint8_t)at.rest.p[i]);
            break;
        }
    }
    return buf_done(&b);
}
