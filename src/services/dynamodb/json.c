#include "services/dynamodb/json.h"

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"

static void blanks(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static void fail(struct json *j)
{
    j->failed = true;
    j->p = j->end;
}

enum json_kind json_peek(struct json *j)
{
    blanks(j);
    if (j->p == j->end)
        return JSON_END;
    switch (*j->p) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't': return JSON_TRUE;
    case 'f': return JSON_FALSE;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

bool json_enter(struct json *j)
{
    enum json_kind k = json_peek(j);
    if (k != JSON_OBJECT && k != JSON_ARRAY) {
        fail(j);
        return false;
    }
    j->p++;
    return true;
}

bool json_more(struct json *j, bool *first)
{
    blanks(j);
    if (j->p == j->end) {
        fail(j);
        return false;
    }
    if (*j->p == '}' || *j->p == ']') {
        j->p++;
        return false;
    }
    if (!*first) {
        if (*j->p != ',') {
            fail(j);
            return false;
        }
        j->p++;
    }
    *first = false;
    return true;
}

struct str json_name(struct json *j)
{
    struct str s = json_string(j);
    blanks(j);
    if (j->p == j->end || *j->p != ':')
        fail(j);
    else
        j->p++;
    return s;
}

static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

static char *put_utf8(char *o, uint32_t c)
{
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xC0 | c >> 6);
        *o++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *o++ = (char)(0xE0 | c >> 12);
        *o++ = (char)(0x80 | (c >> 6 & 0x3F));
        *o++ = (char)(0x80 | (c & 0x3F));
    } else {
        *o++ = (char)(0xF0 | c >> 18);
        *o++ = (char)(0x80 | (c >> 12 & 0x3F));
        *o++ = (char)(0x80 | (c >> 6 & 0x3F));
        *o++ = (char)(0x80 | (c & 0x3F));
    }
    return o;
}

/* p is behind "\u". A lone surrogate becomes U+FFFD. Returns where to go on, or NULL. */
static const char *unicode_escape(const char *p, const char *end, uint32_t *ret)
{
    int v = hex4(p, end);
    if (v < 0)
        return NULL;
    p += 4;
    *ret = (uint32_t)v;
    if (v < 0xD800 || v > 0xDFFF)
        return p;
    *ret = 0xFFFD;
    if (v < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        int low = hex4(p + 2, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *ret = 0x10000 + (((uint32_t)v - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
            return p + 6;
        }
    }
    return p;
}

/* p..close is the inside of a string literal that has escapes. An escape is never longer than what it stands for. */
static struct str unescape(struct json *j, const char *p, const char *close)
{
    char *out = arena_alloc(j->arena, (size_t)(close - p) + 1), *o = out;
    while (p < close) {
        if (*p != '\\') {
            *o++ = *p++;
            continue;
        }
        p++;
        const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t", *hit = p < close ? memchr(from, *p, 8) : NULL;
        uint32_t c;
        if (hit) {
            *o++ = to[hit - from];
            p++;
        } else if (p < close && *p == 'u' && (p = unicode_escape(p + 1, close, &c)) != NULL) {
            o = put_utf8(o, c);
        } else {
            fail(j);
            return STR("");
        }
    }
    return (struct str){ out, (size_t)(o - out) };
}

static void skip_plain(struct json *j)
{
    j->p += str_plain((struct str){ j->p, (size_t)(j->end - j->p) });
}

struct str json_string(struct json *j)
{
    if (json_peek(j) != JSON_STRING) {
        fail(j);
        return STR("");
    }
    const char *start = ++j->p;
    bool escapes = false;
    for (skip_plain(j); j->p < j->end && *j->p != '"'; skip_plain(j)) {
        if (*j->p == '\\') {
            escapes = true;
            j->p++;
            if (j->p == j->end)
                break;
        }
        j->p++;
    }
    if (j->p == j->end) {
        fail(j);
        return STR("");
    }
    const char *close = j->p++;
    if (escapes)
        return unescape(j, start, close);
    return (struct str){ start, (size_t)(close - start) };
}

static void skip_string(struct json *j)
{
    for (j->p++, skip_plain(j); j->p < j->end && *j->p != '"'; j->p++, skip_plain(j))
        if (*j->p == '\\' && j->p + 1 < j->end)
            j->p++;
    if (j->p < j->end)
        j->p++;
    else
        j->failed = true;
}

void json_skip(struct json *j)
{
    size_t depth = 0;
    do {
        enum json_kind k = json_peek(j);
        if (k == JSON_END)
            return fail(j);
        if (k == JSON_STRING) {
            skip_string(j);
        } else if (k == JSON_OBJECT || k == JSON_ARRAY) {
            depth++;
            j->p++;
        } else if (depth > 0 && (*j->p == '}' || *j->p == ']')) {
            depth--;
            j->p++;
        } else if (depth > 0 && (*j->p == ',' || *j->p == ':')) {
            j->p++;
        } else {
            const char *start = j->p;
            while (j->p < j->end && !strchr(",:]} \t\r\n", *j->p))
                j->p++;
            if (j->p == start)
                return fail(j);
        }
    } while (depth > 0);
}
