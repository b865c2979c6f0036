/* aws-chunked bodies: the example of AWS's documentation, and what damaged ones get. */
#include "base/test.h"

#include <stdio.h>

#include "auth/auth.h"
#include "auth/sign.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct sunk {
    struct buf b;
};

static int sink(void *ctx, const char *p, size_t n)
{
    buf_put(&((struct sunk *)ctx)->b, p, n);
    return 0;
}

/* "PUT examplebucket/chunkObject.txt" of the S3 guide: 66,560 times 'a' in chunks of 64 KB and 1 KB. */
static struct str documented_body(struct arena *a)
{
    struct buf b;
    buf_init(&b, a, 100000);
    buf_c(&b, "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n");
    for (int i = 0; i < 65536; i++)
        buf_byte(&b, 'a');
    buf_c(&b, "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
    for (int i = 0; i < 1024; i++)
        buf_byte(&b, 'a');
    buf_c(&b, "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
    return buf_done(&b);
}

static struct sigv4 documented(void)
{
    struct sigv4 s = { .present = true, .date = STR("20130524"), .region = STR("us-east-1"), .service = STR("s3"), .amz_date = STR("20130524T000000Z"),
                       .payload = PAYLOAD_CHUNKED_SIGNED,
                       .signature = STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9") };
    sign_key(NULL, STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), s.date, s.region, s.service, s.signing_key);
    return s;
}

static int feed(struct arena *a, const struct sigv4 *s, struct str body, size_t piece, struct sunk *out, struct header_list *trailers)
{
    buf_init(&out->b, a, 1 << 20);
    struct chunked *c = chunked_new(a, s, (struct body_sink){ sink, out });
    for (size_t at = 0; at < body.n; at += piece) {
        struct str one = str_sub(body, at, piece);
        int rc = chunked_write(c, one.p, one.n);
        if (rc)
            return rc;
    }
    return chunked_finish(c, trailers);
}

TEST(signed_chunks_in_any_pieces)
{
    static const size_t pieces[] = { 1, 7, 1000, 65536, 100000 };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct arena *a = arena_new();
        struct sigv4 s = documented();
        struct sunk out;
        struct header_list trailers = { 0 };
        assert_int_equal(feed(a, &s, documented_body(a), pieces[i], &out, &trailers), 0);
        assert_int_equal(out.b.n, 66560);
        arena_free(a);
    }
}

TEST(signed_chunks_that_were_touched)
{
    static const size_t touched[] = { 20, 100, 65700, 66000 };
    for (size_t i = 0; i < sizeof touched / sizeof *touched; i++) {
        struct arena *a = arena_new();
        struct sigv4 s = documented();
        struct sunk out;
        struct header_list trailers;
        struct str body = str_dup(a, documented_body(a));
        ((char *)body.p)[touched[i]] ^= 1;
        assert_true(feed(a, &s, body, 4096, &out, &trailers) < 0);
        arena_free(a);
    }
}

TEST(unsigned_chunks_with_a_trailer)
{
    struct arena *a = arena_new();
    struct sigv4 s = { .payload = PAYLOAD_CHUNKED_UNSIGNED, .trailer = true };
    struct sunk out;
    struct header_list trailers = { 0 };
    struct str body = STR("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n");
    for (size_t piece = 1; piece < 20; piece += 6) {
        assert_int_equal(feed(a, &s, body, piece, &out, &trailers), 0);
        assert_str(buf_done(&out.b), "hello world");
        assert_int_equal(trailers.n, 1);
        assert_str(trailers.v[0].name, "x-amz-checksum-crc32");
        assert_str(trailers.v[0].value, "DUoRhQ==");
    }
    arena_free(a);
}

TEST(damaged_chunks)
{
    static const char *const bodies[] = { "", "5\r\nhel", "x\r\n", "5\r\nhelloXX\r\n0\r\n\r\n", "5\r\nhello\r\n", "-1\r\n", "fffffffffffffffff\r\n",
                                          "0\r\nno colon\r\n\r\n", "0\r\n\r\nmore" };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct arena *a = arena_new();
        struct sigv4 s = { .payload = PAYLOAD_CHUNKED_UNSIGNED, .trailer = true };
        struct sunk out;
        struct header_list trailers;
        if (feed(a, &s, str_c(bodies[i]), 3, &out, &trailers) == 0)
            fail_msg("accepted: %s", bodies[i]);
        arena_free(a);
    }
}
