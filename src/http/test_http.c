/* The server in this process, and raw sockets that speak to it. The handler does what the path says. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/test.h"
#include "http/ca.h"
#include "http/http.h"

enum { BODY_MAX = 1000, BODY_GREAT_MAX = 1 << 20, HELD_MAX = 400 * 1024, SINK_STOPS_AT = 100000, ANSWER_MAX = 65536 };

struct server {
    struct http *http;
    struct ca *ca;
    char dir[64];
    uint16_t port;
    pthread_mutex_t lock, gate; /* gate: /gate waits there, and its thread with it */
    struct exchange *held[4096]; /* /hold: parked until the test answers */
    unsigned held_n;
    atomic_uint failed, certificates, gone, at_gate;
    atomic_size_t sunk;
};

static char large[16 << 20];

/* ---- the handler ---- */

static void answer_text(struct exchange *x, int status, struct str text)
{
    struct answer a;
    answer_init(&a, status);
    answer_header(x->arena, &a, "X-Test", STR("yes"));
    a.body = text;
    exchange_reply(x, &a);
}

static int sink_write(void *ctx, const char *p, size_t n)
{
    struct server *s = ctx;
    return atomic_fetch_add(&s->sunk, n) + n > SINK_STOPS_AT ? E_LIMIT : 0;
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    struct server *s = ctx;
    *max_bytes = str_is(x->target, "/hold") ? BODY_GREAT_MAX : BODY_MAX;
    if (str_is(x->target, "/none")) {
        answer_text(x, 403, STR("no"));
        return BODY_NONE;
    }
    if (str_is(x->target, "/sink")) {
        *sink = (struct body_sink){ sink_write, s };
        return BODY_SINK;
    }
    return BODY_WHOLE;
}

static void *answer_later(void *arg)
{
    struct exchange *x = arg;
    answer_text(x, 200, STR("later"));
    return NULL;
}

static void answer_file(struct exchange *x)
{
    struct answer a;
    answer_init(&a, 206);
    a.fd = memfd_create("answer", MFD_CLOEXEC);
    (void)!write(a.fd, "0123456789", 10);
    a.fd_offset = 2;
    a.fd_bytes = 5;
    exchange_reply(x, &a);
}

static void run(void *ctx, struct exchange *x)
{
    struct server *s = ctx;
    if (x->body_failed) {
        atomic_fetch_add(&s->failed, 1);
        return;
    }
    if (str_is(x->target, "/thread")) {
        pthread_t t;
        pthread_create(&t, NULL, answer_later, x);
        pthread_detach(t);
    } else if (str_is(x->target, "/hold")) {
        pthread_mutex_lock(&s->lock);
        s->held[s->held_n++] = x;
        pthread_mutex_unlock(&s->lock);
    } else if (str_is(x->target, "/gate")) {
        atomic_fetch_add(&s->at_gate, 1);
        pthread_mutex_lock(&s->gate);
        pthread_mutex_unlock(&s->gate);
        answer_text(x, 200, STR("open"));
    } else if (str_is(x->target, "/file"))
        answer_file(x);
    else if (str_is(x->target, "/size")) {
        struct answer a;
        answer_init(&a, 200);
        a.content_length = 123456;
        exchange_reply(x, &a);
    } else if (str_is(x->target, "/host"))
        answer_text(x, 200, str_printf(x->arena, "header=%.*s", STR_ARG(exchange_header(x, "host"))));
    else if (str_is(x->target, "/large"))
        answer_text(x, 200, (struct str){ large, sizeof large });
    else if (str_is(x->target, "/sink"))
        answer_text(x, 200, str_printf(x->arena, "sunk %zu", atomic_load(&s->sunk)));
    else
        answer_text(x, 200,
                    str_printf(x->arena, "%.*s %.*s?%.*s host=%.*s tag=%s tls=%d body=%.*s", STR_ARG(x->method), STR_ARG(x->target), STR_ARG(x->query),
                               STR_ARG(x->host), x->listener_tag ? (const char *)x->listener_tag : "-", x->tls, STR_ARG(x->body)));
}

static int certificate(void *ctx, struct str name, struct arena *a, struct str *ret_cert, struct str *ret_key)
{
    struct server *s = ctx;
    atomic_fetch_add(&s->certificates, 1);
    return ca_issue(s->ca, name.n ? name : STR("localhost"), a, ret_cert, ret_key);
}

static bool connect_allowed(void *ctx, struct str host, uint16_t port)
{
    return str_ends(host, STR(".amazonaws.com"));
}

static void gone(void *ctx, struct exchange *x)
{
    struct server *s = ctx;
    atomic_fetch_add(&s->gone, x->gone);
}

/* config: what is to be other than usual. */
static void server_start_with(struct server *s, struct http_config config)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->gate, NULL);
    snprintf(s->dir, sizeof s->dir, "/tmp/test_http.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(ca_open(s->dir, &s->ca), 0);
    config.threads_n = config.threads_n ? config.threads_n : 2;
    config.request_seconds = 2;
    config.held_bytes_max = HELD_MAX;
    config.certificate = certificate;
    config.connect_allowed = connect_allowed;
    config.ctx = s;
    config.handler = (struct exchange_handler){ .ctx = s, .begin = begin, .run = run, .overloaded = config.handler.overloaded, .gone = gone };
    assert_int_equal(http_start(&config, &s->http), 0);
    assert_int_equal(http_listen(s->http, "127.0.0.1:0", &s->port), 0);
}

static void server_start(struct server *s) { server_start_with(s, (struct http_config){ 0 }); }

static void server_stop(struct server *s)
{
    http_stop(s->http);
    ca_close(s->ca);
    char path[128];
    snprintf(path, sizeof path, "%s/ca.pem", s->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/ca.key", s->dir);
    unlink(path);
    rmdir(s->dir);
    pthread_mutex_destroy(&s->lock);
}

static unsigned held(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned n = s->held_n;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void wait_held(struct server *s, unsigned n)
{
    while (held(s) < n)
        usleep(1000);
}

/* ---- the client ---- */

/* receive_bytes: what fits into the kernel's buffer; 0: what the kernel thinks best. */
static int dial_with(uint16_t port, int receive_bytes)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static int dial(uint16_t port)
{
    return dial_with(port, 0);
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t m = send(fd, text, n, MSG_NOSIGNAL);
        if (m <= 0)
            return; /* what the server answered is what counts */
        text += m;
        n -= (size_t)m;
    }
}

/* Reads until `end` is among what came, or the server closed. */
static const char *hear(int fd, char *buf, const char *end)
{
    size_t n = 0;
    while (n < ANSWER_MAX - 1) {
        ssize_t m = recv(fd, buf + n, ANSWER_MAX - 1 - n, 0);
        if (m <= 0)
            break;
        n += (size_t)m;
        buf[n] = 0;
        if (end && strstr(buf, end))
            return buf;
    }
    buf[n] = 0;
    return buf;
}

#define assert_has(text, part)                                                                                          \
    do {                                                                                                                \
        const char *assert_has_ = (text);                                                                               \
        if (!strstr(assert_has_, part))                                                                                 \
            fail_msg("no \"%s\" in \"%s\"", part, assert_has_);                                                          \
    } while (0)

static void ask(struct server *s, const char *request, const char *end, const char *expected)
{
    static _Thread_local char buf[ANSWER_MAX];
    int fd = dial(s->port);
    say(fd, request);
    assert_has(hear(fd, buf, end), expected);
    close(fd);
}

/* ---- plain HTTP ---- */

TEST(target_is_raw_and_connections_are_kept)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int fd = dial(s.port);
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /a%20b%2Fc+d?x=%41&y=+ HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(fd, buf, "body="), "GET /a%20b%2Fc+d?x=%41&y=+ host=h tag=- tls=0 body=");
        assert_has(buf, "Date: ");
        assert_null(strstr(buf, "Server:"));
    }
    say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /thread HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, buf, "/3? host");
    assert_has(buf, "GET /1?");
    assert_true(strstr(buf, "/1?") < strstr(buf, "later") && strstr(buf, "later") < strstr(buf, "/3?"));
    close(fd);
    struct http_stats stats;
    http_stats(s.http, &stats);
    assert_int_equal(stats.requests, 6);
    assert_int_equal(stats.connections, 1);
    server_stop(&s);
}

TEST(absolute_target_names_the_host)
{
    struct server s;
    server_start(&s);
    ask(&s, "GET http://sqs.amazonaws.com/q?a HTTP/1.1\r\nHost: other\r\n\r\n", "body=", "GET /q?a host=sqs.amazonaws.com");
    ask(&s, "GET http://sqs.amazonaws.com/host HTTP/1.1\r\nHost: other\r\n\r\n", "header=sqs.amazonaws.com", "header=sqs.amazonaws.com"); /* which is what was signed */
    server_stop(&s);
}

TEST(bodies_arrive_whole_chunked_and_behind_100_continue)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    ask(&s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "body=hello", "body=hello");
    ask(&s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "body=hello", "body=hello");
    int fd = dial(s.port);
    say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_has(hear(fd, buf, "\r\n\r\n"), "100 Continue");
    say(fd, "hello");
    assert_has(hear(fd, buf, "body=hello"), "body=hello");
    close(fd);
    server_stop(&s);
}

TEST(a_half_sent_body_is_told_as_failed)
{
    struct server s;
    server_start(&s);
    int fd = dial(s.port);
    say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    close(fd);
    while (atomic_load(&s.failed) < 1)
        usleep(1000);
    ask(&s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "body=", "200 OK");
    server_stop(&s);
}

TEST(too_large_is_answered)
{
    struct server s;
    server_start(&s);
    static char big[200000];
    memset(big, 'a', 60000);
    enum { REQUEST_BYTES = 201000 };
    char *request = malloc(REQUEST_BYTES);
    snprintf(request, REQUEST_BYTES, "GET / HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", big);
    ask(&s, request, "\r\n\r\n", "HTTP/1.1 431");
    int n = snprintf(request, REQUEST_BYTES, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 250; i++)
        n += snprintf(request + n, REQUEST_BYTES - (size_t)n, "A%d: b\r\n", i);
    snprintf(request + n, REQUEST_BYTES - (size_t)n, "\r\n");
    ask(&s, request, "\r\n\r\n", "HTTP/1.1 431");
    /* A length over the limit; a chunked body over it; a refused upload that the client sends all the same. */
    ask(&s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", "too large", "HTTP/1.1 413");
    n = snprintf(request, REQUEST_BYTES, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n");
    memset(request + n, 'b', 10000);
    snprintf(request + n + 10000, 100, "\r\n0\r\n\r\n");
    ask(&s, request, "too large", "HTTP/1.1 413");
    memset(big, 'c', sizeof big - 1);
    int fd = dial(s.port);
    char buf[ANSWER_MAX];
    snprintf(request, REQUEST_BYTES, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 50 * (int)(sizeof big - 1));
    say(fd, request);
    for (int i = 0; i < 50; i++)
        say(fd, big);
    assert_has(hear(fd, buf, NULL), "HTTP/1.1 413");
    close(fd);
    assert_int_equal(atomic_load(&s.failed), 3);
    free(request);
    server_stop(&s);
}

TEST(a_refused_small_body_keeps_the_connection)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int fd = dial(s.port);
    say(fd, "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, buf, "body=");
    assert_has(buf, "403 Forbidden");
    assert_has(buf, "GET /?");
    say(fd, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, buf, "\r\n\r\nno");
    assert_null(strstr(buf, "close"));
    say(fd, "PUT /none HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_has(hear(fd, buf, NULL), "HTTP/1.1 403");
    assert_null(strstr(buf, "100 Continue"));
    close(fd);
    server_stop(&s);
}

TEST(a_sink_streams_and_may_stop)
{
    struct server s;
    server_start(&s);
    ask(&s, "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "sunk", "sunk 5");
    char *request = malloc(400000);
    int n = snprintf(request, 400000, "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
    memset(request + n, 'x', 300000);
    request[n + 300000] = 0;
    atomic_store(&s.sunk, 0);
    ask(&s, request, "sunk", "sunk 1");
    assert_true(atomic_load(&s.sunk) < 200000);
    free(request);
    server_stop(&s);
}

TEST(head_tells_the_length_and_files_are_sent_by_range)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int fd = dial(s.port);
    say(fd, "HEAD /size HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(fd, buf, "\r\n\r\n"), "Content-Length: 123456");
    say(fd, "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(fd, buf, "\r\n\r\n"), "Content-Length: 5");
    say(fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(fd, buf, "\r\n\r\n23456"), "206 Partial Content");
    close(fd);
    server_stop(&s);
}

TEST(malformed_requests_get_4xx_or_are_closed)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    static const char *const bad[] = { "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x01\x02\x03\r\n\r\n", "CONNECT x HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = dial(s.port);
        say(fd, bad[i]);
        shutdown(fd, SHUT_WR);
        hear(fd, buf, NULL);
        if (buf[0])
            assert_true(strncmp(buf, "HTTP/1.1 4", 10) == 0 || strncmp(buf, "HTTP/1.1 505", 12) == 0 || strstr(buf, "200 OK"));
        close(fd);
    }
    ask(&s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "body=", "200 OK");
    server_stop(&s);
}

/* ---- answers from elsewhere ---- */

static void *many_requests(void *arg)
{
    struct server *s = arg;
    char buf[ANSWER_MAX];
    int fd = dial(s->port);
    for (int i = 0; i < 200; i++) {
        say(fd, "GET /thread HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(fd, buf, "later"), "200 OK");
    }
    close(fd);
    return NULL;
}

TEST(answers_from_other_threads_race_with_parking)
{
    struct server s;
    server_start(&s);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, many_requests, &s);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    server_stop(&s);
}

TEST(what_waits_is_asked_for_again_and_holds_up_nobody)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start_with(&s, (struct http_config){ .threads_n = 1 });
    int a = dial(s.port), b = dial(s.port), c = dial(s.port);
    say(a, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /thread HTTP/1.1\r\nHost: h\r\n\r\n"); /* the second comes before the first is answered */
    wait_held(&s, 1);
    say(c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 2);
    assert_int_equal(setsockopt(c, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)), 0);
    close(c); /* a reset: the door answers in vain */
    for (int i = 0; i < 3; i++) {
        say(b, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(b, buf, "23456"), "206");
        say(b, "GET /thread HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(b, buf, "later"), "200 OK");
    }
    answer_text(s.held[0], 200, STR("first"));
    assert_has(hear(a, buf, "later"), "first");
    say(a, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 3);
    for (int i = 0; i < 100; i++) { /* more turns than it is asked for: it is suspended */
        say(b, "GET /thread HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(b, buf, "later"), "200 OK");
    }
    answer_text(s.held[1], 200, STR("nobody"));
    answer_text(s.held[2], 200, STR("at last"));
    assert_has(hear(a, buf, "at last"), "200 OK");
    close(a);
    close(b);
    server_stop(&s);
}

TEST(parked_requests_outlive_the_time_limit_and_the_server)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int a = dial(s.port), b = dial(s.port), c = dial(s.port);
    say(a, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 1);
    say(b, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 2);
    say(c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 3);
    close(c); /* the client goes; the door answers in vain */
    answer_text(s.held[2], 200, STR("nobody"));
    sleep(5);
    answer_text(s.held[0], 200, STR("at last"));
    assert_has(hear(a, buf, "at last"), "200 OK");
    server_stop(&s);
    assert_string_equal(hear(b, buf, NULL), "");
    answer_text(s.held[1], 200, STR("too late"));
    close(a);
    close(b);
}

TEST(slow_senders_and_readers_are_closed)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int silent = dial(s.port), half = dial(s.port), trickle = dial(s.port), connecting = dial(s.port);
    say(half, "GET / HTT");
    say(connecting, "CONN");
    int sipping = dial_with(s.port, 4096);
    say(trickle, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    say(sipping, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 110; i++) { /* each byte starts libmicrohttpd's own limit anew: the sweep ends it */
        say(trickle, "x");
        (void)!recv(sipping, buf, 40, MSG_DONTWAIT);
        usleep(100000);
    }
    size_t sipped = 0;
    for (ssize_t n; (n = recv(sipping, buf, sizeof buf, 0)) > 0;)
        sipped += (size_t)n;
    assert_true(sipped < sizeof large / 2);
    close(sipping);
    assert_string_equal(hear(silent, buf, NULL), "");
    hear(half, buf, NULL);
    assert_string_equal(hear(connecting, buf, NULL), "");
    assert_string_equal(hear(trickle, buf, NULL), "");
    close(silent);
    close(half);
    close(trickle);
    close(connecting);
    server_stop(&s);
}

TEST(a_client_that_went_is_not_waited_for)
{
    struct server s;
    server_start(&s);
    int stays = dial(s.port), goes = dial(s.port);
    say(stays, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    say(goes, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 2);
    close(goes);
    for (int i = 0; i < 1000 && !atomic_load(&s.gone); i++)
        usleep(10000);
    assert_int_equal(s.gone, 1);
    assert_int_equal(s.held[0]->gone + s.held[1]->gone, 1);
    char buf[ANSWER_MAX];
    int left = s.held[0]->gone; /* the held one of the client that stays */
    answer_text(s.held[left], 200, STR("all"));
    assert_has(hear(stays, buf, "all"), "200 OK");
    close(stays);
    http_quiesce(s.http); /* at once, though one is held */
    answer_text(s.held[!left], 200, STR("all"));
    server_stop(&s);
}

static void turn_away(void *ctx, struct exchange *x) { answer_text(x, 429, STR("not now")); }

static void fill_and_free(void (*overloaded)(void *ctx, struct exchange *x), const char *text, const char *status)
{
    struct server s;
    char buf[ANSWER_MAX], body[300 * 1024];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    server_start_with(&s, (struct http_config){ .handler.overloaded = overloaded });
    int first = dial(s.port), begun = dial(s.port), second = dial(s.port);
    say(begun, "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 307199\r\n\r\nx");
    say(first, "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 307199\r\n\r\n"); /* takes 512 KB */
    say(first, body);
    wait_held(&s, 1);
    for (int i = 0; i < 2; i++) {
        say(second, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(second, buf, text), status);
        close(second);
        second = dial(s.port);
    }
    say(begun, body + 1);
    assert_has(hear(begun, buf, text), status);
    answer_text(s.held[0], 200, STR("all"));
    assert_has(hear(first, buf, "all"), "200 OK");
    for (int i = 0; i < 1000; i++) { /* what the first one held is let go behind its last byte */
        say(second, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        hear(second, buf, NULL);
        if (!strstr(buf, text))
            break;
        close(second);
        second = dial(s.port);
    }
    assert_has(buf, "200 OK");
    close(first);
    close(begun);
    close(second);
    server_stop(&s);
}

TEST(who_comes_while_too_much_is_held_is_turned_away)
{
    fill_and_free(NULL, "try again", "503 Service Unavailable");
    fill_and_free(turn_away, "not now", "429");
}

TEST(two_thousand_connections)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    enum { N = 2000 };
    static int fds[N];
    for (int i = 0; i < N; i++)
        fds[i] = dial(s.port);
    for (int i = 0; i < N; i++)
        say(fds[i], "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, N);
    for (int i = 0; i < N; i++)
        answer_text(s.held[i], 200, STR("all"));
    for (int i = 0; i < N; i++)
        assert_has(hear(fds[i], buf, "all"), "200 OK");
    for (int i = 0; i < N; i++)
        close(fds[i]);
    server_stop(&s);
}

TEST(over_the_limit_of_connections_others_wait)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start_with(&s, (struct http_config){ .connections_max = 2 });
    int first = dial(s.port), second = dial(s.port), third = dial(s.port);
    say(third, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(second, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(second, buf, "body="), "200 OK");
    }
    assert_int_equal(recv(third, buf, 1, MSG_DONTWAIT), -1);
    close(first);
    assert_has(hear(third, buf, "body="), "200 OK");
    close(second);
    close(third);
    server_stop(&s);
}

TEST(a_crowd_that_asks_at_once_is_served_at_once)
{
    enum { CROWD = 128 }; /* loop.c: MHD_run */
    struct server s;
    char buf[ANSWER_MAX];
    int fds[CROWD + 1], gate;
    server_start_with(&s, (struct http_config){ .threads_n = 1 });
    for (int i = 0; i <= CROWD; i++) {
        fds[i] = dial(s.port);
        say(fds[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_has(hear(fds[i], buf, "body="), "200 OK");
    }
    gate = fds[CROWD];
    pthread_mutex_lock(&s.gate);
    say(gate, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
    while (atomic_load(&s.at_gate) == 0)
        usleep(1000);
    for (int i = 0; i < CROWD; i++)
        say(fds[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    pthread_mutex_unlock(&s.gate);
    for (int i = 0; i < CROWD; i++) {
        assert_has(hear(fds[i], buf, "body="), "200 OK");
        close(fds[i]);
    }
    close(gate);
    server_stop(&s);
}

static int listening(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof sa;
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    getsockname(fd, (struct sockaddr *)&sa, &n);
    *ret_port = ntohs(sa.sin_port);
    return fd;
}

static void *answer_held(void *arg)
{
    struct server *s = arg;
    usleep(50000);
    answer_text(s->held[1], 200, STR("finished"));
    return NULL;
}

TEST(quiesce_waits_for_what_runs_and_refuses_what_comes)
{
    struct server s;
    char buf[ANSWER_MAX], tag[] = "function";
    uint16_t tagged_port;
    server_start(&s);
    assert_int_equal(http_listen_fd(s.http, listening(&tagged_port), tag, true), 0);
    int kept = dial(s.port), running = dial(s.port), next = dial(tagged_port);
    say(kept, "GET /thread HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(kept, buf, "later");
    say(next, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"); /* a function waits for its next event: not waited for */
    wait_held(&s, 1);
    say(running, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_held(&s, 2);
    pthread_t t;
    pthread_create(&t, NULL, answer_held, &s);
    http_quiesce(s.http);
    assert_has(hear(running, buf, "finished"), "200 OK");
    pthread_join(t, NULL);
    say(kept, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(kept, buf, NULL), "503");
    int function = dial(tagged_port);
    say(function, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(function, buf, "body="), "200 OK");
    answer_text(s.held[0], 200, STR("event"));
    assert_has(hear(next, buf, "event"), "200 OK");
    close(kept);
    close(running);
    close(next);
    close(function);
    server_stop(&s);
}

/* ---- listeners ---- */

TEST(tags_tell_the_listener_and_unlisten_ends_it)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    uint16_t port_a, port_b, port_busy;
    char tag_a[] = "A", tag_b[] = "B";
    assert_int_equal(http_listen_fd(s.http, listening(&port_a), tag_a, true), 0);
    assert_int_equal(http_listen_fd(s.http, listening(&port_b), tag_b, false), 0);
    int a = dial(port_a), b = dial(port_b), silent = dial(port_a);
    say(a, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(a, buf, "body="), "tag=A");
    say(b, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(b, buf, "body="), "tag=B");
    http_unlisten(s.http, tag_a);
    assert_string_equal(hear(a, buf, NULL), "");
    assert_string_equal(hear(silent, buf, NULL), "");
    say(b, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(b, buf, "body="), "tag=B");
    close(a);
    close(b);
    close(silent);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", s.port);
    assert_int_equal(http_listen(s.http, address, &port_busy), E_BUSY);
    assert_int_equal(http_listen(s.http, "nonsense", &port_busy), E_INVALID);
    server_stop(&s);
}

/* ---- TLS and CONNECT ---- */

struct tls_client {
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
};

static void tls_dial(struct server *s, struct tls_client *c, int fd, const char *name)
{
    gnutls_datum_t ca = { (unsigned char *)ca_pem(s->ca).p, (unsigned)ca_pem(s->ca).n };
    gnutls_certificate_allocate_credentials(&c->credentials);
    assert_int_equal(gnutls_certificate_set_x509_trust_mem(c->credentials, &ca, GNUTLS_X509_FMT_PEM), 1);
    gnutls_init(&c->session, GNUTLS_CLIENT);
    gnutls_set_default_priority(c->session);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_server_name_set(c->session, GNUTLS_NAME_DNS, name, strlen(name));
    gnutls_session_set_verify_cert(c->session, name, 0);
    gnutls_transport_set_int(c->session, fd);
    int rc = gnutls_handshake(c->session);
    if (rc < 0)
        fail_msg("handshake for %s: %s", name, gnutls_strerror(rc));
}

static void tls_ask(struct server *s, int fd, const char *name, const char *expected)
{
    struct tls_client c;
    char buf[4096] = "";
    size_t n = 0;
    tls_dial(s, &c, fd, name);
    static const char request[] = "GET /q HTTP/1.1\r\nHost: h\r\n\r\n";
    gnutls_record_send(c.session, request, sizeof request - 1);
    while (!strstr(buf, "body=")) {
        ssize_t m = gnutls_record_recv(c.session, buf + n, sizeof buf - 1 - n);
        if (m == GNUTLS_E_AGAIN || m == GNUTLS_E_INTERRUPTED)
            continue;
        assert_true(m > 0);
        n += (size_t)m;
        buf[n] = 0;
    }
    assert_has(buf, expected);
    gnutls_deinit(c.session);
    gnutls_certificate_free_credentials(c.credentials);
    close(fd);
}

TEST(tls_on_the_same_port_with_a_certificate_for_each_name)
{
    struct server s;
    server_start(&s);
    tls_ask(&s, dial(s.port), "localhost", "tls=1");
    tls_ask(&s, dial(s.port), "bucket.s3.eu-west-1.amazonaws.com", "tls=1");
    tls_ask(&s, dial(s.port), "bucket.s3.eu-west-1.amazonaws.com", "tls=1");
    assert_int_equal(atomic_load(&s.certificates), 2);
    for (int i = 0; i < 1100; i += 1) { /* more names than are kept */
        char name[64];
        snprintf(name, sizeof name, "n%d.amazonaws.com", i);
        if (i < 20 || i > 1015)
            tls_ask(&s, dial(s.port), name, "tls=1");
        else {
            struct tls_client c;
            int fd = dial(s.port);
            tls_dial(&s, &c, fd, name);
            gnutls_deinit(c.session);
            gnutls_certificate_free_credentials(c.credentials);
            close(fd);
        }
    }
    server_stop(&s);
}

TEST(connect_to_an_allowed_host_starts_the_socket_anew)
{
    struct server s;
    char buf[ANSWER_MAX];
    server_start(&s);
    int fd = dial(s.port);
    say(fd, "CONNECT sqs.us-east-1.amazonaws.com:443 HTTP/1.1\r\nHost: sqs");
    usleep(20000);
    say(fd, ".us-east-1.amazonaws.com:443\r\n\r\n");
    assert_string_equal(hear(fd, buf, "\r\n\r\n"), "HTTP/1.1 200 Connection established\r\n\r\n");
    tls_ask(&s, fd, "sqs.us-east-1.amazonaws.com", "tls=1");
    fd = dial(s.port);
    say(fd, "CONNECT a.amazonaws.com:80 HTTP/1.1\r\n\r\nGET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(hear(fd, buf, "body="), "GET /plain?");
    close(fd);
    ask(&s, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", NULL, "HTTP/1.1 403 Forbidden");
    ask(&s, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", NULL, "not for example.com");
    server_stop(&s);
}

TEST(the_ca_is_kept_and_a_lost_half_is_noticed)
{
    struct server s;
    server_start(&s);
    struct ca *again;
    assert_int_equal(ca_open(s.dir, &again), 0);
    assert_true(str_eq(ca_pem(again), ca_pem(s.ca)));
    struct arena *a = arena_new();
    struct str cert, key;
    assert_int_equal(ca_issue(again, STR("127.0.0.1"), a, &cert, &key), 0);
    assert_int_equal(ca_issue(again, STR("::1"), a, &cert, &key), 0);
    assert_int_equal(ca_issue(again, STR("x,IP:1.2.3.4"), a, &cert, &key), E_INVALID);
    assert_int_equal(ca_issue(again, STR(""), a, &cert, &key), E_INVALID);
    arena_free(a);
    ca_close(again);
    char path[128];
    snprintf(path, sizeof path, "%s/ca.key", s.dir);
    unlink(path);
    assert_int_equal(ca_open(s.dir, &again), E_CORRUPT);
    server_stop(&s);
}
