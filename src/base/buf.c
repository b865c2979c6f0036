#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"

void buf_init(struct buf *b, struct arena *a, size_t max_bytes)
{
    *b = (struct buf){ .arena = a, .max_bytes = max_bytes };
}

/* Room for n more bytes and a NUL; false when that passes the maximum. */
static bool reserve(struct buf *b, size_t n)
{
    if (b->over || n > b->max_bytes - b->n) {
        b->over = true;
        return false;
    }
    if (b->cap - b->n > n)
        return true;
    size_t cap = b->cap ? b->cap * 2 : 256;
    while (cap - b->n <= n)
        cap *= 2;
    b->p = arena_grow(b->arena, b->p, b->cap, cap);
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_c(struct buf *b, const char *c_string)
{
    buf_put(b, c_string, strlen(c_string));
}

void buf_byte(struct buf *b, char c)
{
    if (reserve(b, 1))
        b->p[b->n++] = c;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t room = b->over ? 0 : b->cap - b->n, n = str_format(room ? b->p + b->n : NULL, room, fmt, ap);
    if (n && reserve(b, n)) {
        if (n > room)
            str_format(b->p + b->n, n, fmt, ap);
        b->n += n;
    }
    va_end(ap);
}

/* Bytes of the UTF-8 sequence at p, or 0 when it is malformed. */
static size_t utf8_length(const char *p, size_t left)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return n <= left && str_is_utf8((struct str){ p, n }) ? n : 0;
}

void buf_json_string(struct buf *b, struct str s)
{
    buf_byte(b, '"');
    size_t run = 0; /* plain bytes since the last escape go out in one piece */
    for (size_t i = 0; i < s.n;) {
        i += str_plain(str_sub(s, i, s.n));
        if (i == s.n)
            break;
        unsigned char c = (unsigned char)s.p[i];
        size_t utf8 = c >= 0x80 ? utf8_length(s.p + i, s.n - i) : 0;
        if (utf8) {
            i += utf8;
            continue;
        }
        buf_put(b, s.p + run, i - run);
        switch (c) {
        case '"': buf_c(b, "\\\""); break;
        case '\\': buf_c(b, "\\\\"); break;
        case '\n': buf_c(b, "\\n"); break;
        case '\r': buf_c(b, "\\r"); break;
        case '\t': buf_c(b, "\\t"); break;
        case '\b': buf_c(b, "\\b"); break;
        case '\f': buf_c(b, "\\f"); break;
        default:
            if (c >= 0x80)
                buf_c(b, "\xEF\xBF\xBD");
            else
                buf_printf(b, "\\u%04x", c);
        }
        run = ++i;
    }
    buf_put(b, s.p + run, s.n - run);
    buf_byte(b, '"');
}

/* attribute: blanks are written as references, too, since a reader makes spaces of them. */
static void xml_escaped(struct buf *b, struct str s, bool attribute)
{
    size_t run = 0;
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t utf8 = c >= 0x80 ? utf8_length(s.p + i, s.n - i) : 0;
        bool plain = c < 0x80 ? c >= 0x20 && !strchr("&<>\"'", c) : utf8 > 0;
        if (plain || (!attribute && (c == '\t' || c == '\n'))) {
            i += utf8 ? utf8 : 1;
            continue;
        }
        buf_put(b, s.p + run, i - run);
        switch (c) {
        case '&': buf_c(b, "&amp;"); break;
        case '<': buf_c(b, "&lt;"); break;
        case '>': buf_c(b, "&gt;"); break;
        case '"': buf_c(b, "&quot;"); break;
        case '\'': buf_c(b, "&#39;"); break;
        default:
            if (c >= 0x80 || c == 0)
                buf_c(b, "\xEF\xBF\xBD");
            else
                buf_printf(b, "&#x%x;", c);
        }
        run = ++i;
    }
    buf_put(b, s.p + run, s.n - run);
}

void buf_xml_text(struct buf *b, struct str s)
{
    xml_escaped(b, s, false);
}

void buf_xml_attribute(struct buf *b, struct str s)
{
    xml_escaped(b, s, true);
}

struct str buf_done(struct buf *b)
{
    if (b->over)
        return STR_NONE;
    if (!b->p && !reserve(b, 0))
        return STR_NONE;
    b->p[b->n] = 0;
    return (struct str){ b->p, b->n };
}
