#include "services/lambda/runtime_http.h"

#include <string.h>

#include "base/arena.h"
#include "base/test.h"

#define HEAD(line) line " HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n"

/* What the first request of text comes to: its status when it is refused, 0 when it is whole, -1 when more must come. The body goes to `body`. */
static struct runtime_request r;
static char body[256];

static int read_text(const char *text)
{
    struct str in = str_c(text), piece;
    size_t n = 0;
    runtime_request_init(&r);
    for (;;) {
        enum runtime_part part = runtime_request_read(&r, &in, &piece);
        if (part == RUNTIME_BODY) {
            memcpy(body + n, piece.p, piece.n);
            n += piece.n;
        }
        body[n] = 0;
        if (part == RUNTIME_MORE || part == RUNTIME_END || part == RUNTIME_BAD)
            return part == RUNTIME_MORE ? -1 : part == RUNTIME_END ? 0 : r.status;
    }
}

TEST(requests_of_the_runtimes_are_read)
{
    assert_int_equal(read_text(HEAD("GET /2018-06-01/runtime/invocation/next") "User-Agent: x\r\n\r\n"), 0);
    assert_int_equal(r.method, RUNTIME_GET);
    assert_str(((struct str){ r.target, r.target_n }), "/2018-06-01/runtime/invocation/next");
    assert_false(r.last);
    assert_int_equal(read_text(HEAD("POST /a?b=c") "content-length: 5\r\nExpect: 100-continue\r\n\r\nhello"), 0);
    assert_int_equal(r.method, RUNTIME_POST);
    assert_str(((struct str){ r.target, r.target_n }), "/a");
    assert_true(r.expects);
    assert_string_equal(body, "hello");
}

TEST(chunks_and_trailers_are_read)
{
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\n"
                               "Lambda-Runtime-Function-Error-Type: X\r\n\r\n"), 0);
    assert_string_equal(body, "abc0123456789");
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), -1);
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n-1\r\n"), 400);
}

TEST(the_connection_is_kept_as_the_version_and_the_client_say)
{
    assert_int_equal(read_text(HEAD("GET /a") "Connection: Upgrade, Close\r\n\r\n"), 0);
    assert_true(r.last);
    assert_int_equal(read_text("GET /a HTTP/1.0\r\n\r\n"), 0);
    assert_true(r.last);
    assert_int_equal(read_text("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
    assert_false(r.last);
}

TEST(what_leaves_open_where_a_request_ends_is_refused)
{
    assert_int_equal(read_text(HEAD("POST /a") "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Content-Length: 5, 5\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Content-Length: +5\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Content-Length : 5\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    assert_int_equal(read_text("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("POST /a") "Expect: a miracle\r\n\r\n"), 417);
}

TEST(what_is_no_request_is_refused)
{
    assert_int_equal(read_text("GET /a HTTP/1.1\r\n\r\n"), 400); /* no Host */
    assert_int_equal(read_text(HEAD("GET /a") "Host: b\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("GET a") "\r\n"), 400);
    assert_int_equal(read_text(HEAD("G@T /a") "\r\n"), 400);
    assert_int_equal(read_text("GET /a HTTP/2.0\r\n"), 505);
    assert_int_equal(read_text("GET /a\r\n"), 400);
    assert_int_equal(read_text("GET /a HTTP/1.1\nHost: b\n\n"), 400);
    assert_int_equal(read_text(HEAD("GET /a") " folded: x\r\n\r\n"), 400);
    assert_int_equal(read_text(HEAD("GET /a") "A: b\rc\r\n\r\n"), 400);
    assert_int_equal(read_text("\x16\x03\x01 TLS\r\n"), 400);
}

/* A header line of n bytes in pieces: the status, and where it was refused. */
static int read_long(const char *name, size_t n, bool in_target)
{
    char piece[1000];
    struct str in = str_c(in_target ? "GET /" : HEAD("GET /a")), none;
    runtime_request_init(&r);
    assert_int_equal(runtime_request_read(&r, &in, &none), RUNTIME_MORE);
    in = str_c(name);
    assert_int_equal(runtime_request_read(&r, &in, &none), RUNTIME_MORE);
    memset(piece, 'x', sizeof piece);
    for (size_t at = 0; at < n; at += sizeof piece) {
        in = (struct str){ piece, sizeof piece };
        if (runtime_request_read(&r, &in, &none) == RUNTIME_BAD)
            return r.status;
    }
    in = str_c(in_target ? " HTTP/1.1\r\n\r\n" : "\r\n\r\n");
    return runtime_request_read(&r, &in, &none) == RUNTIME_HEAD ? 0 : r.status;
}

TEST(long_headers_are_passed_over_and_endless_ones_refused)
{
    assert_int_equal(read_long("Lambda-Runtime-Function-XRay-Error-Cause: ", 1 << 20, false), 0);
    assert_int_equal(read_long("Lambda-Runtime-Function-XRay-Error-Cause: ", 3 << 20, false), 431);
    assert_int_equal(read_long("Content-Length: ", 4000, false), 431);
    assert_int_equal(read_long("", 4000, true), 414);
}
