#include "http/fetch.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

enum { HEAD_BYTES_MAX = 16 * 1024 };

struct wanted {
    struct wanted *next;
    struct arena *arena; /* its own */
    struct str host, authority, path; /* authority: HOST[:PORT], as the URL has it */
    struct str address;               /* HOST:PORT */
    struct str_list thumbprints;
    bool refused; /* the certificate */
    int timer;    /* readable when its time is over */
    void (*done)(void *ctx, int rc, struct str document);
    void *ctx;
};

struct fetcher {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    bool started, stopping;
    struct wanted *first, **last;
    unsigned n;
};

/* ---- the certificate ---- */

static bool pinned(const struct wanted *w, X509 *cert)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    X509_digest(cert, EVP_sha1(), hash, &n);
    struct str hex = hex_encode(w->arena, hash, n);
    for list_each(t, &w->thumbprints)
        if (str_eq_nocase(*t, hex))
            return true;
    return false;
}

static bool is_address(const struct wanted *w)
{
    struct in_addr v4;
    return inet_pton(AF_INET, w->host.p, &v4) == 1;
}

static void want_host(X509_VERIFY_PARAM *param, const struct wanted *w)
{
    if (is_address(w))
        X509_VERIFY_PARAM_set1_ip_asc(param, w->host.p);
    else
        X509_VERIFY_PARAM_set1_host(param, w->host.p, w->host.n);
}

/* The last certificate that the server sent is pinned, and the server's own hangs on it. */
static bool hangs_on_pinned(const struct wanted *w, X509 *own, STACK_OF(X509) *sent)
{
    X509 *top = sk_X509_num(sent) > 0 ? sk_X509_value(sent, sk_X509_num(sent) - 1) : own;
    if (!pinned(w, top))
        return false;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, top);
    bool ok = X509_STORE_CTX_init(ctx, store, own, sent) == 1;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    want_host(param, w);
    ok = ok && X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return ok;
}

static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct wanted *w = arg;
    bool ok = X509_verify_cert(ctx) == 1 || hangs_on_pinned(w, X509_STORE_CTX_get0_cert(ctx), X509_STORE_CTX_get0_untrusted(ctx));
    w->refused = !ok;
    if (ok)
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return ok;
}

/* TLS over a connection to the server; neither has begun. */
static BIO *new_connection(struct wanted *w)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(tls);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls, verify, w);
    BIO *upper = BIO_new_ssl(tls, 1), *socket = BIO_new_connect(w->address.p);
    SSL_CTX_free(tls); /* the connection keeps it */
    SSL *ssl;
    BIO_get_ssl(upper, &ssl);
    if (!is_address(w))
        SSL_set_tlsext_host_name(ssl, w->host.p);
    want_host(SSL_get0_param(ssl), w);
    BIO_set_nbio(socket, 1);
    return BIO_push(upper, socket);
}

/* ---- the answer ---- */

/* How many bytes it says that the document has; -1: it does not. E_IO: nothing that we read. */
static int read_head(struct str head, int64_t *ret_length)
{
    struct str line, name, value;
    *ret_length = -1;
    str_cut(head, '\n', &line, &head);
    if (!str_starts(line, STR("HTTP/1.")) || !str_eq(str_sub(line, 8, 4), STR(" 200")) || (line.n > 12 && line.p[12] != ' ' && line.p[12] != '\r'))
        return E_IO;
    while (head.n) {
        str_cut(head, '\n', &line, &head);
        str_cut(line, ':', &name, &value);
        if (str_eq_nocase(name, STR("Transfer-Encoding"))) /* not to a client of HTTP/1.0 */
            return E_IO;
        if (str_eq_nocase(name, STR("Content-Length")) && (*ret_length >= 0 || str_to_i64(str_trim(value), ret_length) || *ret_length < 0))
            return E_IO;
    }
    return 0;
}

int fetch_document(struct str sent, bool ended, struct str *ret)
{
    int64_t length;
    const char *end = memmem(sent.p, sent.n, "\r\n\r\n", 4);
    if (!end)
        return ended || sent.n > HEAD_BYTES_MAX ? E_IO : E_NOT_FOUND;
    struct str head = str_sub(sent, 0, (size_t)(end - sent.p)), body = str_sub(sent, head.n + 4, sent.n);
    if (head.n > HEAD_BYTES_MAX || read_head(head, &length) || length == 0 || length > FETCH_BYTES_MAX)
        return E_IO;
    if (length > 0 && body.n >= (size_t)length)
        body.n = (size_t)length;
    else if (!ended)
        return body.n > FETCH_BYTES_MAX ? E_IO : E_NOT_FOUND;
    if (body.n == 0 || body.n > FETCH_BYTES_MAX || (length > 0 && body.n < (size_t)length))
        return E_IO;
    *ret = body;
    return 0;
}

/* ---- the thread ---- */

/* What the connection waits for is there; false: it waits for nothing, or its time is over. */
static bool wait_for(struct wanted *w, BIO *bio)
{
    int fd = -1;
    if (!BIO_should_retry(bio) || BIO_get_fd(bio, &fd) < 0)
        return false;
    struct pollfd fds[] = { { .fd = fd, .events = BIO_should_read(bio) ? POLLIN : POLLOUT }, { .fd = w->timer, .events = POLLIN } };
    return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

/* Without a length the document ends where the connection does; that it is whole shows by its JSON. */
static int talk(struct wanted *w, BIO *bio, struct str *ret)
{
    enum { ROOM = HEAD_BYTES_MAX + FETCH_BYTES_MAX };
    struct str request = str_cat(w->arena, STR("GET "), w->path, STR(" HTTP/1.0\r\nHost: "), w->authority, STR("\r\nAccept: */*\r\nConnection: close\r\n\r\n"));
    char *all = arena_alloc(w->arena, ROOM);
    size_t n = 0, total = 0;
    while (BIO_do_handshake(bio) <= 0)
        if (!wait_for(w, bio))
            return w->refused ? E_DENIED : E_IO;
    while (!BIO_write_ex(bio, request.p, request.n, &n))
        if (!wait_for(w, bio))
            return E_IO;
    int rc = E_NOT_FOUND;
    while (rc == E_NOT_FOUND) {
        bool got = BIO_read_ex(bio, all + total, ROOM - total, &n);
        bool ended = !got && !BIO_should_retry(bio);
        total += got ? n : 0;
        if (got || ended)
            rc = fetch_document((struct str){ all, total }, ended || total == ROOM, ret);
        else if (!wait_for(w, bio))
            rc = E_IO;
    }
    return rc;
}

static int get(struct wanted *w, struct str *ret)
{
    struct itimerspec time = { .it_value.tv_sec = FETCH_SECONDS_MAX };
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (w->timer < 0)
        return E_IO;
    timerfd_settime(w->timer, 0, &time, NULL);
    BIO *bio = new_connection(w);
    int rc = talk(w, bio, ret);
    BIO_free_all(bio);
    close(w->timer);
    return rc;
}

static struct wanted *take(struct fetcher *f)
{
    struct wanted *w = f->first;
    if (w) {
        f->first = w->next;
        f->n--;
        if (!f->first)
            f->last = &f->first;
    }
    return w;
}

static void *fetch_loop(void *arg)
{
    struct fetcher *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        struct wanted *w = take(f);
        if (!w && f->stopping)
            break;
        if (!w) {
            pthread_cond_wait(&f->more, &f->lock);
            continue;
        }
        bool closed = f->stopping;
        pthread_mutex_unlock(&f->lock);
        struct str document = STR("");
        int rc = closed ? E_CLOSED : get(w, &document);
        w->done(w->ctx, rc, document);
        arena_free(w->arena);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- outside ---- */

struct fetcher *fetcher_new(void)
{
    struct fetcher *f = xalloc(sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    f->last = &f->first;
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->more);
    bool started = f->started;
    pthread_mutex_unlock(&f->lock);
    if (started)
        pthread_join(f->thread, NULL);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->more);
    free(f);
}

/* The parts of https://HOST[:PORT]/PATH; false when it is none. */
static bool read_url(struct wanted *w, struct str url)
{
    struct str authority, path, host, port;
    if (!str_starts(url, STR("https://")))
        return false;
    str_cut(str_sub(url, 8, url.n), '/', &authority, &path);
    str_cut(authority, ':', &host, &port);
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || (i >= 8 && i < 8 + authority.n && strchr("@\\?#[]", url.p[i])))
            return false;
    w->host = str_dup(w->arena, host);
    w->authority = str_dup(w->arena, authority);
    w->address = str_cat(w->arena, host, STR(":"), port.n ? port : STR("443"));
    w->path = str_cat(w->arena, STR("/"), opt_str(path, STR("")));
    return host.n > 0;
}

int fetch(struct fetcher *f, struct str url, const struct str_list *thumbprints, void (*done)(void *ctx, int rc, struct str document), void *ctx)
{
    struct arena *a = arena_new();
    struct wanted *w = arena_one(a, struct wanted);
    *w = (struct wanted){ .arena = a, .done = done, .ctx = ctx };
    for list_each(t, thumbprints)
        str_list_add(a, &w->thumbprints, str_dup(a, *t));
    int rc = read_url(w, url) ? 0 : E_INVALID;
    pthread_mutex_lock(&f->lock);
    if (rc == 0 && f->n >= FETCH_QUEUE_MAX)
        rc = E_BUSY;
    if (rc == 0 && !f->started)
        rc = pthread_create(&f->thread, NULL, fetch_loop, f) ? E_IO : 0;
    if (rc == 0) {
        f->started = true;
        *f->last = w;
        f->last = &w->next;
        f->n++;
        pthread_cond_signal(&f->more);
    }
    pthread_mutex_unlock(&f->lock);
    if (rc)
        arena_free(a);
    return rc;
}
