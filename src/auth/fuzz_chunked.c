/* aws-chunked bodies. First byte: signed or not, with a trailer or not; second: into which pieces the network cuts. Whatever the pieces, the same comes
 * out; what this target frames and signs by itself is taken, and a change of any byte of a signed chunk is not. */
#include <string.h>

#include "auth/auth.h"
#include "auth/sign.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/fuzz.h"

enum { BODY_BYTES_MAX = 1 << 20 };

struct outcome {
    int rc;
    struct buf body;
    struct header_list trailers;
};

static int sink(void *ctx, const char *p, size_t n)
{
    buf_put(ctx, p, n);
    return 0;
}

static struct outcome feed(struct arena *a, const struct sigv4 *s, struct str body, size_t piece)
{
    struct outcome o = { 0 };
    buf_init(&o.body, a, BODY_BYTES_MAX);
    struct chunked *c = chunked_new(a, s, (struct body_sink){ sink, &o.body });
    for (size_t at = 0; at < body.n && o.rc == 0; at += piece) {
        struct str one = fuzz_exact(a, str_sub(body, at, piece));
        o.rc = chunked_write(c, one.p, one.n);
    }
    if (o.rc == 0)
        o.rc = chunked_finish(c, &o.trailers);
    return o;
}

static struct str sha256(struct arena *a, struct str s)
{
    uint8_t hash[32];
    digest_sha256(s.p, s.n, hash);
    return hex_encode(a, hash, sizeof hash);
}

static struct str chunk(struct arena *a, const struct sigv4 *s, struct str *previous, struct str data)
{
    struct str to_sign = str_printf(a, "AWS4-HMAC-SHA256-PAYLOAD\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", STR_ARG(s->amz_date),
                                    STR_ARG(sign_scope(a, s->date, s->region, s->service)), STR_ARG(*previous), STR_ARG(sha256(a, STR(""))),
                                    STR_ARG(sha256(a, data)));
    struct buf b;
    *previous = sign_signature(a, s->signing_key, to_sign);
    buf_init(&b, a, BODY_BYTES_MAX);
    buf_printf(&b, "%zx;chunk-signature=%.*s\r\n", data.n, STR_ARG(*previous));
    buf_str(&b, data);
    buf_c(&b, "\r\n");
    return buf_done(&b);
}

/* Two chunks of data, the byte at touch changed (beyond the end: none). */
static void framed_by_ourselves(struct arena *a, const struct sigv4 *s, struct str data, size_t piece, size_t touch)
{
    struct buf b;
    struct str previous = s->signature;
    buf_init(&b, a, BODY_BYTES_MAX);
    if (data.n) {
        buf_str(&b, chunk(a, s, &previous, str_sub(data, 0, data.n / 2 + 1)));
        if (data.n / 2 + 1 < data.n)
            buf_str(&b, chunk(a, s, &previous, str_sub(data, data.n / 2 + 1, data.n)));
    }
    buf_str(&b, chunk(a, s, &previous, STR("")));
    struct str body = buf_done(&b);
    struct outcome o = feed(a, s, body, piece);
    assert(o.rc == 0 && str_eq(buf_done(&o.body), data));
    size_t last = body.n - 4; /* the line ends behind the last chunk are not signed */
    if (data.n == 0 || touch >= last || strchr("\r\n", body.p[touch]))
        return;
    ((char *)body.p)[touch] ^= 1;
    o = feed(a, s, body, piece);
    bool same_size = strchr("abcdef", body.p[touch] | 0x20) && o.rc == 0;
    assert(o.rc != 0 || same_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    uint8_t how = fuzz_byte(&f);
    size_t piece = 1 + fuzz_byte(&f) % 64u, touch = fuzz_byte(&f);
    struct sigv4 s = { .present = true, .date = STR("20130524"), .region = STR("us-east-1"), .service = STR("s3"), .amz_date = STR("20130524T000000Z"),
                       .payload = how & 1 ? PAYLOAD_CHUNKED_SIGNED : PAYLOAD_CHUNKED_UNSIGNED, .trailer = how & 2,
                       .signature = STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9") };
    struct str body = fuzz_rest(&f);
    struct outcome whole = feed(f.arena, &s, body, body.n ? body.n : 1), cut = feed(f.arena, &s, body, piece);
    assert((whole.rc == 0) == (cut.rc == 0) && whole.trailers.n == cut.trailers.n);
    assert(whole.rc || str_eq(buf_done(&whole.body), buf_done(&cut.body)));
    s.payload = PAYLOAD_CHUNKED_SIGNED;
    s.trailer = false;
    framed_by_ourselves(f.arena, &s, body, piece, touch);
    fuzz_release(&f);
    return 0;
}
