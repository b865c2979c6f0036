#include "services/lambda/runtime_http.h"

#include <string.h>

#include "base/exchange.h"

enum { LENGTH_DIGITS_MAX = 15, CHUNK_DIGITS_MAX = 8 };

/* A line, without its end. */
struct line {
    struct str text; /* its first RUNTIME_LINE_BYTES_MAX bytes */
    bool cut;        /* there was more */
};

void runtime_request_init(struct runtime_request *r)
{
    r->method = RUNTIME_OTHER_METHOD;
    r->at = AT_REQUEST_LINE;
    r->length = -1;
    r->left = 0;
    r->status = 0;
    r->target_n = r->line_bytes = r->head_bytes = 0;
    r->chunked = r->expects = r->last = r->old = r->has_host = r->keeps = false;
    r->before = 0;
}

static enum runtime_part bad(struct runtime_request *r, int status)
{
    r->status = status;
    return RUNTIME_BAD;
}

/* MORE: the line goes on; HEAD: it is in *ret. A line that came in one piece is not copied. */
static enum runtime_part take_line(struct runtime_request *r, struct str *in, struct line *ret)
{
    const char *end = in->n ? memchr(in->p, '\n', in->n) : NULL;
    size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
    bool whole = end && r->line_bytes == 0;
    struct str piece = { in->p, n };
    *in = str_sub(*in, n, in->n);
    if (n == 0)
        return RUNTIME_MORE;
    r->head_bytes += n;
    if (r->head_bytes > RUNTIME_HEAD_BYTES_MAX)
        return bad(r, 431);
    char before = n > 1 ? piece.p[n - 2] : r->before;
    if (!whole) {
        size_t kept = r->line_bytes < sizeof r->line ? r->line_bytes : sizeof r->line, room = sizeof r->line - kept;
        memcpy(r->line + kept, piece.p, n < room ? n : room);
        r->line_bytes += n;
        r->before = piece.p[n - 1];
        piece = (struct str){ r->line, r->line_bytes };
    }
    if (!end)
        return RUNTIME_MORE;
    r->line_bytes = 0;
    r->before = 0;
    if (before != '\r' || piece.n < 2)
        return bad(r, 400);
    piece.n -= 2;
    ret->cut = piece.n > sizeof r->line;
    ret->text = ret->cut ? str_sub(piece, 0, sizeof r->line) : piece;
    for (size_t i = 0; i < ret->text.n; i++)
        if ((unsigned char)ret->text.p[i] < ' ' && ret->text.p[i] != '\t')
            return bad(r, 400);
    return RUNTIME_HEAD;
}

static enum runtime_part on_request_line(struct runtime_request *r, const struct line *l)
{
    struct str method, target, version, path, query, rest = l->text;
    if (rest.n == 0) /* some clients send a line too many behind a body: RFC 9112 2.2 */
        return RUNTIME_MORE;
    if (l->cut)
        return bad(r, 414);
    if (!str_cut(rest, ' ', &method, &rest) || !str_cut(rest, ' ', &target, &version) || !is_http_token(method) || !str_starts(target, STR("/")))
        return bad(r, 400);
    r->old = str_is(version, "HTTP/1.0");
    if (!r->old && !str_is(version, "HTTP/1.1"))
        return bad(r, str_starts(version, STR("HTTP/")) ? 505 : 400);
    str_cut(target, '?', &path, &query);
    if (path.n > sizeof r->target)
        return bad(r, 414);
    memcpy(r->target, path.p, path.n);
    r->target_n = path.n;
    r->method = str_is(method, "GET") ? RUNTIME_GET : str_is(method, "POST") ? RUNTIME_POST : RUNTIME_OTHER_METHOD;
    r->at = AT_HEADER;
    return RUNTIME_MORE;
}

static bool take_number(struct str digits, unsigned base, size_t digits_max, int64_t *ret)
{
    int64_t v = 0;
    if (digits.n == 0 || digits.n > digits_max)
        return false;
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];
        unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a') + 10 : 16;
        if (d >= base)
            return false;
        v = v * base + d;
    }
    *ret = v;
    return true;
}

static enum runtime_part on_content_length(struct runtime_request *r, struct str value)
{
    int64_t n;
    if (!take_number(value, 10, LENGTH_DIGITS_MAX, &n) || (r->length >= 0 && r->length != n))
        return bad(r, 400);
    r->length = n;
    return RUNTIME_MORE;
}

static enum runtime_part on_transfer_encoding(struct runtime_request *r, struct str value)
{
    if (r->old || r->chunked)
        return bad(r, 400);
    if (!str_eq_nocase(value, STR("chunked")))
        return bad(r, 501);
    r->chunked = true;
    return RUNTIME_MORE;
}

static enum runtime_part on_connection(struct runtime_request *r, struct str value)
{
    for (struct str rest = value, option; rest.n;) {
        str_cut(rest, ',', &option, &rest);
        r->last |= str_eq_nocase(str_trim(option), STR("close"));
        r->keeps |= str_eq_nocase(str_trim(option), STR("keep-alive"));
    }
    return RUNTIME_MORE;
}

static enum runtime_part on_expect(struct runtime_request *r, struct str value)
{
    if (!str_eq_nocase(value, STR("100-continue")))
        return bad(r, 417);
    r->expects = true;
    return RUNTIME_MORE;
}

static enum runtime_part on_host(struct runtime_request *r, struct str value)
{
    if (r->has_host)
        return bad(r, 400);
    r->has_host = true;
    return RUNTIME_MORE;
}

static const struct {
    struct str name;
    enum runtime_part (*take)(struct runtime_request *r, struct str value);
} known[] = {
    { { "content-length", 14 }, on_content_length }, { { "transfer-encoding", 17 }, on_transfer_encoding }, { { "connection", 10 }, on_connection },
    { { "expect", 6 }, on_expect },                  { { "host", 4 }, on_host },
};

static enum runtime_part on_header(struct runtime_request *r, const struct line *l)
{
    struct str name, value;
    if (!str_cut(l->text, ':', &name, &value) || !is_http_token(name))
        return bad(r, 400);
    if (r->at == AT_TRAILER) /* read past: a runtime that streams says there how its stream ended */
        return RUNTIME_MORE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq_nocase(name, known[i].name))
            return l->cut ? bad(r, 431) : known[i].take(r, str_trim(value));
    return RUNTIME_MORE;
}

static enum runtime_part on_end_of_head(struct runtime_request *r)
{
    if ((r->chunked && r->length >= 0) || (!r->old && !r->has_host))
        return bad(r, 400);
    r->last |= r->old && !r->keeps;
    r->expects &= !r->old && (r->chunked || r->length > 0);
    r->left = r->length > 0 ? r->length : 0;
    r->at = r->chunked ? AT_CHUNK_SIZE : AT_BODY;
    r->head_bytes = 0;
    return RUNTIME_HEAD;
}

static enum runtime_part on_chunk_size(struct runtime_request *r, const struct line *l)
{
    struct str size, extension;
    str_cut(l->text, ';', &size, &extension);
    if (l->cut || !take_number(str_trim(size), 16, CHUNK_DIGITS_MAX, &r->left))
        return bad(r, 400);
    r->at = r->left ? AT_CHUNK : AT_TRAILER;
    r->head_bytes = 0;
    return RUNTIME_MORE;
}

static enum runtime_part on_line(struct runtime_request *r, const struct line *l)
{
    bool empty = l->text.n == 0;
    switch (r->at) {
    case AT_REQUEST_LINE:
        return on_request_line(r, l);
    case AT_CHUNK_SIZE:
        return on_chunk_size(r, l);
    case AT_CHUNK_END:
        r->at = AT_CHUNK_SIZE;
        return empty ? RUNTIME_MORE : bad(r, 400);
    case AT_TRAILER:
        if (empty)
            r->at = AT_END;
        return empty ? RUNTIME_MORE : on_header(r, l);
    default:
        return empty ? on_end_of_head(r) : on_header(r, l);
    }
}

enum runtime_part runtime_request_read(struct runtime_request *r, struct str *in, struct str *ret_piece)
{
    while (r->at != AT_END && !r->status) {
        if ((r->at == AT_BODY || r->at == AT_CHUNK) && r->left == 0) {
            r->at = r->at == AT_BODY ? AT_END : AT_CHUNK_END;
            continue;
        }
        if (in->n == 0)
            return RUNTIME_MORE;
        if (r->at == AT_BODY || r->at == AT_CHUNK) {
            *ret_piece = str_sub(*in, 0, (int64_t)in->n < r->left ? in->n : (size_t)r->left);
            *in = str_sub(*in, ret_piece->n, in->n);
            r->left -= (int64_t)ret_piece->n;
            return RUNTIME_BODY;
        }
        struct line l;
        enum runtime_part part = take_line(r, in, &l);
        if (part == RUNTIME_HEAD)
            part = on_line(r, &l);
        if (part != RUNTIME_MORE)
            return part;
    }
    return r->status ? RUNTIME_BAD : RUNTIME_END;
}
