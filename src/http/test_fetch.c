/* A TLS server in this process that answers as the test says, and fetches from it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"
#include "base/test.h"
#include "http/ca.h"
#include "http/fetch.h"

enum { PAUSE_US = 200 * 1000 };

/* pieces: each a TLS record, with a pause before the next; after the last the connection ends, or the server waits until its client has gone. */
struct server {
    const char *const *pieces;
    bool stays;
    int fd;
    SSL_CTX *tls;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    char request[4096];
    SSL *ssl = SSL_new(s->tls);
    int fd = accept(s->fd, NULL, NULL);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0)
        for (const char *const *p = s->pieces; *p; p++) {
            SSL_write(ssl, *p, (int)strlen(*p));
            usleep(PAUSE_US);
        }
    if (s->stays)
        SSL_read(ssl, request, sizeof request);
    else
        SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

/* The context of a server with a certificate of its own, and the thumbprint that pins it. */
static struct str certificate(struct arena *a, SSL_CTX *tls)
{
    char dir[] = "/tmp/test_fetch.XXXXXX";
    unsigned char hash[20];
    struct ca *ca;
    struct str cert, key;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(ca_open(dir, &ca), 0);
    assert_int_equal(ca_issue(ca, STR("127.0.0.1"), a, &cert, &key), 0);
    ca_close(ca);
    folder_remove(dir);
    BIO *text = BIO_new_mem_buf(cert.p, (int)cert.n), *key_text = BIO_new_mem_buf(key.p, (int)key.n);
    X509 *x509 = PEM_read_bio_X509(text, NULL, NULL, NULL);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    assert_int_equal(SSL_CTX_use_certificate(tls, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, pkey), 1);
    X509_digest(x509, EVP_sha1(), hash, NULL);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    BIO_free(text);
    BIO_free(key_text);
    return hex_encode(a, hash, sizeof hash);
}

struct got {
    struct arena *arena;
    int rc;
    struct str document;
};

static void keep(void *ctx, int rc, struct str document)
{
    struct got *g = ctx;
    g->rc = rc;
    g->document = str_dup(g->arena, document);
}

/* What a fetch brings from a server of these pieces. */
static struct got fetched(struct arena *a, const char *const *pieces, bool stays)
{
    struct server s = { .pieces = pieces, .stays = stays, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .tls = SSL_CTX_new(TLS_server_method()) };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    struct str_list pinned = { 0 };
    struct got g = { .arena = a };
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);
    str_list_add(a, &pinned, certificate(a, s.tls));
    assert_int_equal(bind(s.fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s.fd, 1), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    struct fetcher *f = fetcher_new();
    assert_int_equal(fetch(f, str_printf(a, "https://127.0.0.1:%u/keys", ntohs(at.sin_port)), &pinned, keep, &g), 0);
    pthread_join(thread, NULL);
    fetcher_free(f);
    close(s.fd);
    SSL_CTX_free(s.tls);
    return g;
}

#define FETCHED(a, stays, ...) fetched(a, (const char *const[]){ __VA_ARGS__, NULL }, stays)

TEST(a_document_comes_whole_however_it_is_cut)
{
    struct arena *a = arena_new();
    struct got g = FETCHED(a, false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(g.rc, 0);
    assert_str(g.document, "hello");
    g = FETCHED(a, false, "HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhe", "llo");
    assert_int_equal(g.rc, 0);
    assert_str(g.document, "hello");
    g = FETCHED(a, false, "HTTP/1.0 200 OK\r\n\r\n", "hel", "lo");
    assert_int_equal(g.rc, 0);
    assert_str(g.document, "hello");
    arena_free(a);
}

TEST(half_a_document_is_none)
{
    struct arena *a = arena_new();
    assert_int_equal(FETCHED(a, false, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello").rc, E_IO);
    assert_int_equal(FETCHED(a, false, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello").rc, E_IO);
    assert_int_equal(FETCHED(a, true, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello").rc, E_IO);
    arena_free(a);
}
