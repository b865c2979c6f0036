/* Certificates by server name (SNI). Each name is asked for once and kept; behind CERTS_KEPT names a certificate is made for each
 * handshake, so that a client cannot fill the memory with names. */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "http/internal.h"

enum { CERTS_KEPT = 1024, BUCKETS = 1024, CHAIN_MAX = 4, NAME_BYTES = 256 };

struct cert {
    struct cert *next;
    gnutls_pcert_st *chain; /* from gnutls_malloc: gnutls frees those that are not kept */
    unsigned chain_n;
    gnutls_privkey_t key;
    char name[];
};

struct tls {
    const struct http_config *config;
    pthread_mutex_t lock;
    struct cert *buckets[BUCKETS];
    uint32_t certs_n;
};

int tls_new(const struct http_config *config, struct tls **ret)
{
    struct tls *t = xalloc(sizeof *t);
    t->config = config;
    pthread_mutex_init(&t->lock, NULL);
    *ret = t;
    return 0;
}

static void cert_free(struct cert *c)
{
    for (unsigned i = 0; i < c->chain_n; i++)
        gnutls_pcert_deinit(&c->chain[i]);
    gnutls_free(c->chain);
    if (c->key)
        gnutls_privkey_deinit(c->key);
    free(c);
}

void tls_describe(struct MHD_Connection *mc, const char **ret_version, const char **ret_cipher)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? info->tls_session : NULL;
    *ret_version = *ret_cipher = NULL;
    if (!session)
        return;
    *ret_version = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 ? "1.3" : "1.2"; /* no older one is spoken */
    *ret_cipher = gnutls_ciphersuite_get(session);
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (t->buckets[i]) {
            struct cert *c = t->buckets[i];
            t->buckets[i] = c->next;
            cert_free(c);
        }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* The name that the client asked for, in lower case; "" when it sent none. E_INVALID: no host name at all. */
static int server_name(gnutls_session_t session, char name[NAME_BYTES])
{
    size_t n = NAME_BYTES;
    unsigned type = GNUTLS_NAME_DNS;
    name[0] = 0;
    int rc = gnutls_server_name_get(session, name, &n, &type, 0);
    if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return 0;
    if (rc < 0)
        return E_INVALID;
    name[n < NAME_BYTES ? n : NAME_BYTES - 1] = 0;
    for (char *p = name; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
        else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("-._:", *p)))
            return E_INVALID;
    }
    return 0;
}

static int cert_import(struct cert *c, struct str cert_pem, struct str key_pem)
{
    gnutls_datum_t cert = { (unsigned char *)cert_pem.p, (unsigned)cert_pem.n }, key = { (unsigned char *)key_pem.p, (unsigned)key_pem.n };
    unsigned n = CHAIN_MAX;
    c->chain = gnutls_calloc(CHAIN_MAX, sizeof *c->chain);
    if (!c->chain || gnutls_pcert_list_import_x509_raw(c->chain, &n, &cert, GNUTLS_X509_FMT_PEM, 0) < 0)
        return E_INVALID;
    c->chain_n = n;
    if (gnutls_privkey_init(&c->key) < 0 || gnutls_privkey_import_x509_raw(c->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0) < 0)
        return E_INVALID;
    return 0;
}

static int cert_make(struct tls *t, const char *name, struct cert **ret)
{
    struct arena *a = arena_new();
    struct str cert_pem, key_pem;
    size_t name_bytes = strlen(name) + 1;
    struct cert *c = xalloc(sizeof *c + name_bytes);
    memcpy(c->name, name, name_bytes);
    int err = t->config->certificate(t->config->ctx, str_c(c->name), a, &cert_pem, &key_pem);
    if (err == 0)
        err = cert_import(c, cert_pem, key_pem);
    arena_free(a);
    if (err < 0)
        cert_free(c);
    else
        *ret = c;
    return err;
}

static struct cert **bucket_of(struct tls *t, const char *name)
{
    return &t->buckets[str_hash(str_c(name)) % BUCKETS];
}

static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain, unsigned *chain_n,
                    gnutls_ocsp_data_st **ocsp, unsigned *ocsp_n, gnutls_privkey_t *key, unsigned *flags)
{
    struct tls *t = conn_of(gnutls_session_get_ptr(session))->http->tls;
    char name[NAME_BYTES];
    *ocsp = NULL;
    *ocsp_n = 0;
    if (server_name(session, name) < 0)
        return -1;
    pthread_mutex_lock(&t->lock);
    struct cert **bucket = bucket_of(t, name), *c = *bucket;
    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    bool kept = c || t->certs_n < CERTS_KEPT;
    if (!c && cert_make(t, name, &c) == 0 && kept) {
        c->next = *bucket;
        *bucket = c;
        t->certs_n++;
    }
    pthread_mutex_unlock(&t->lock);
    if (!c)
        return -1;
    *chain = c->chain;
    *chain_n = c->chain_n;
    *key = c->key;
    *flags = kept ? 0 : GNUTLS_CERT_RETR_DEINIT_ALL;
    if (!kept)
        free(c); /* its parts are gnutls's now */
    return 0;
}

struct MHD_Daemon *tls_daemon(struct http *h, unsigned flags, const struct MHD_OptionItem *options)
{
    return MHD_start_daemon(flags, 0, NULL, NULL, request_step, h, MHD_OPTION_HTTPS_CERT_CALLBACK2, retrieve, MHD_OPTION_HTTPS_PRIORITIES,
                            "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}
