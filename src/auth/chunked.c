/* aws-chunked: HEX[;chunk-signature=SIG] CRLF data CRLF ... 0[;...] CRLF trailers CRLF.
 *
 * Data goes on to the sink before its chunk's signature is known; a wrong one makes the next write or the finish fail, and the caller drops what the
 * sink holds. Each signature covers the one before, so chunks cannot be left out or swapped. */
#include "auth/auth.h"

#include <string.h>

#include <openssl/evp.h>

#include "auth/sign.h"
#include "base/code.h"

enum { LINE_BYTES_MAX = 8 * 1024, TRAILERS_MAX = 20 };

enum chunked_state { AT_SIZE, AT_DATA, AT_DATA_END, AT_TRAILER, AT_END };

struct chunked {
    struct arena *arena;
    const struct sigv4 *sig;
    struct body_sink out;
    enum chunked_state state;
    char line[LINE_BYTES_MAX];
    size_t line_n;
    int64_t left;             /* bytes of this chunk still to come */
    EVP_MD_CTX *digest;       /* of this chunk's data */
    struct str previous, expected; /* signatures: of the chunk before, and of this one */
    struct header_list trailers;
    struct str trailer_text;  /* "name:value\n" of each, as it is signed */
    bool trailer_signed;
};

static void digest_free(void *arg) { EVP_MD_CTX_free(arg); }

struct chunked *chunked_new(struct arena *a, const struct sigv4 *s, struct body_sink out)
{
    struct chunked *c = arena_one(a, struct chunked);
    c->arena = a;
    c->sig = s;
    c->out = out;
    c->previous = str_dup(a, s->signature);
    c->trailer_text = STR("");
    if (s->payload == PAYLOAD_CHUNKED_SIGNED) {
        c->digest = EVP_MD_CTX_new();
        arena_defer(a, digest_free, c->digest);
    }
    return c;
}

static struct str hash_hex(struct arena *a, struct str s)
{
    uint8_t hash[32];
    digest_sha256(s.p, s.n, hash);
    return hex_encode(a, hash, sizeof hash);
}

/* Signs `tail` in the chain of signatures and compares. */
static int check(struct chunked *c, const char *algorithm, struct str tail, struct str given)
{
    struct arena *a = c->arena;
    struct str scope = sign_scope(a, c->sig->date, c->sig->region, c->sig->service);
    struct str to_sign = str_printf(a, "%s\n%.*s\n%.*s\n%.*s\n%.*s", algorithm, STR_ARG(c->sig->amz_date), STR_ARG(scope), STR_ARG(c->previous),
                                    STR_ARG(tail));
    struct str signature = sign_signature(a, c->sig->signing_key, to_sign);
    if (!str_eq_consttime(signature, given))
        return E_DENIED;
    c->previous = signature;
    return 0;
}

static int check_chunk(struct chunked *c)
{
    if (!c->digest)
        return 0;
    uint8_t hash[32];
    EVP_DigestFinal_ex(c->digest, hash, NULL);
    struct str empty = hash_hex(c->arena, STR("")), data = hex_encode(c->arena, hash, sizeof hash);
    return check(c, "AWS4-HMAC-SHA256-PAYLOAD", str_printf(c->arena, "%.*s\n%.*s", STR_ARG(empty), STR_ARG(data)), c->expected);
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static int size_line(struct chunked *c, struct str line)
{
    struct str size, extension;
    str_cut(line, ';', &size, &extension);
    if (size.n == 0 || size.n > 12)
        return E_INVALID;
    c->left = 0;
    for (size_t i = 0; i < size.n; i++) {
        int d = hex_digit(size.p[i]);
        if (d < 0)
            return E_INVALID;
        c->left = c->left << 4 | d;
    }
    if (c->digest) {
        if (!str_starts(extension, STR("chunk-signature=")))
            return E_INVALID;
        c->expected = str_dup(c->arena, str_sub(extension, 16, extension.n));
        EVP_DigestInit_ex(c->digest, EVP_sha256(), NULL);
    }
    if (c->left > 0) {
        c->state = AT_DATA;
        return 0;
    }
    int rc = check_chunk(c);
    c->state = AT_TRAILER;
    return rc;
}

static int trailer_line(struct chunked *c, struct str line)
{
    struct str name, value;
    if (line.n == 0) {
        c->state = AT_END;
        return c->digest && c->sig->trailer && c->trailers.n && !c->trailer_signed ? E_DENIED : 0;
    }
    if (!c->sig->trailer || c->trailers.n >= TRAILERS_MAX || !str_cut(line, ':', &name, &value))
        return E_INVALID;
    name = str_lower(c->arena, str_trim(name));
    value = str_dup(c->arena, str_trim(value));
    if (str_is(name, "x-amz-trailer-signature")) {
        if (!c->digest)
            return 0;
        c->trailer_signed = true;
        return check(c, "AWS4-HMAC-SHA256-TRAILER", hash_hex(c->arena, c->trailer_text), value);
    }
    if (c->trailer_signed)
        return E_INVALID;
    struct header *h = list_push(c->arena, &c->trailers);
    h->name = name;
    h->value = value;
    c->trailer_text = str_printf(c->arena, "%.*s%.*s:%.*s\n", STR_ARG(c->trailer_text), STR_ARG(name), STR_ARG(value));
    return 0;
}

static int whole_line(struct chunked *c)
{
    struct str line = { c->line, c->line_n };
    c->line_n = 0;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    switch (c->state) {
    case AT_SIZE: return size_line(c, line);
    case AT_TRAILER: return trailer_line(c, line);
    case AT_DATA_END:
        c->state = AT_SIZE;
        return line.n ? E_INVALID : 0;
    default: return E_INVALID;
    }
}

static int take_data(struct chunked *c, const char *p, size_t n)
{
    if (c->digest)
        EVP_DigestUpdate(c->digest, p, n);
    int rc = c->out.write(c->out.ctx, p, n);
    c->left -= (int64_t)n;
    if (rc == 0 && c->left == 0) {
        c->state = AT_DATA_END;
        rc = check_chunk(c);
    }
    return rc;
}

int chunked_write(struct chunked *c, const char *p, size_t n)
{
    int rc = 0;
    while (n > 0 && rc == 0) {
        size_t take;
        if (c->state == AT_END)
            return E_INVALID;
        if (c->state == AT_DATA) {
            take = (int64_t)n > c->left ? (size_t)c->left : n;
            rc = take_data(c, p, take);
        } else {
            const char *end = memchr(p, '\n', n);
            take = end ? (size_t)(end - p) : n;
            if (c->line_n + take > LINE_BYTES_MAX)
                return E_INVALID;
            memcpy(c->line + c->line_n, p, take);
            c->line_n += take;
            if (end) {
                take++;
                rc = whole_line(c);
            }
        }
        p += take;
        n -= take;
    }
    return rc;
}

int chunked_finish(struct chunked *c, struct header_list *ret_trailers)
{
    /* Some senders leave out the empty line behind the last chunk when no trailer follows. */
    bool ended = c->state == AT_END || (c->state == AT_TRAILER && c->line_n == 0 && c->trailers.n == 0 && !c->sig->trailer);
    if (!ended)
        return E_INVALID;
    *ret_trailers = c->trailers;
    return 0;
}
