#include "http/fetch.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/http.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

struct wanted {
    struct wanted *next;
    struct arena *arena; /* its own */
    struct str url, host;
    struct str_list thumbprints;
    bool refused; /* the certificate */
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

/* OpenSSL's client asks for this when it has connected: TLS goes between it and the socket. */
static BIO *with_tls(BIO *bio, void *arg, int connect, int detail)
{
    struct wanted *w = arg;
    if (!connect || !detail)
        return bio;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(tls);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls, verify, w);
    BIO *upper = BIO_new_ssl(tls, 1);
    SSL_CTX_free(tls); /* the connection keeps it */
    SSL *ssl;
    BIO_get_ssl(upper, &ssl);
    if (!is_address(w))
        SSL_set_tlsext_host_name(ssl, w->host.p);
    want_host(SSL_get0_param(ssl), w);
    return BIO_push(upper, bio);
}

/* ---- the thread ---- */

static int get(struct wanted *w, struct str *ret)
{
    char *data;
    BIO *answer = OSSL_HTTP_get(w->url.p, NULL, NULL, NULL, NULL, with_tls, w, 0, NULL, NULL, 0, FETCH_BYTES_MAX, FETCH_SECONDS_MAX);
    if (!answer)
        return w->refused ? E_DENIED : E_IO;
    struct str text = { NULL, 0 };
    long n = BIO_get_mem_data(answer, &data);
    if (n > 0) {
        text = str_dup(w->arena, (struct str){ data, (size_t)n });
    } else { /* of unknown length: it is read from the connection */
        char *all = arena_alloc(w->arena, FETCH_BYTES_MAX + 1);
        size_t got, total = 0;
        while (total < FETCH_BYTES_MAX && BIO_read_ex(answer, all + total, FETCH_BYTES_MAX - total, &got))
            total += got;
        text = (struct str){ all, total };
    }
    BIO_free_all(answer);
    *ret = text;
    return text.n > 0 && text.n < FETCH_BYTES_MAX ? 0 : E_IO;
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

/* HOST of https://HOST[:PORT]/...; absent when it is none. */
static struct str host_of(struct arena *a, struct str url)
{
    struct str authority, path, host, port;
    if (!str_starts(url, STR("https://")))
        return STR_NONE;
    str_cut(str_sub(url, 8, url.n), '/', &authority, &path);
    str_cut(authority, ':', &host, &port);
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] <= ' ' || strchr("@\\?#[]", host.p[i]))
            return STR_NONE;
    return host.n ? str_dup(a, host) : STR_NONE;
}

int fetch(struct fetcher *f, struct str url, const struct str_list *thumbprints, void (*done)(void *ctx, int rc, struct str document), void *ctx)
{
    struct arena *a = arena_new();
    struct wanted *w = arena_one(a, struct wanted);
    *w = (struct wanted){ .arena = a, .url = str_dup(a, url), .host = host_of(a, url), .done = done, .ctx = ctx };
    for list_each(t, thumbprints)
        str_list_add(a, &w->thumbprints, str_dup(a, *t));
    int rc = w->host.p ? 0 : E_INVALID;
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
