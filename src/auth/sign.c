#include "auth/sign.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"

/* A direct-mapped table: a collision replaces, so it is bounded without bookkeeping. Slots are locked in groups. */
enum { SLOTS = 1024, LOCKS = 16, NAME_BYTES = 200 };

struct key_slot {
    uint32_t name_n;
    char name[NAME_BYTES]; /* secret \0 date / region / service */
    uint8_t key[32];
};

struct key_cache {
    pthread_mutex_t locks[LOCKS];
    struct key_slot slots[SLOTS];
};

struct key_cache *key_cache_new(void)
{
    struct key_cache *c = xalloc(sizeof *c);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    return c;
}

void key_cache_free(struct key_cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    OPENSSL_cleanse(c->slots, sizeof c->slots);
    free(c);
}

static void derive(struct str secret, struct str date, struct str region, struct str service, uint8_t key[32])
{
    char first[4 + 256];
    uint8_t a[32], b[32];
    size_t n = secret.n > 256 ? 256 : secret.n; /* a stored secret is never longer; what is, matches nothing */
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, secret.p, n);
    hmac_sha256(first, n + 4, date.p, date.n, a);
    hmac_sha256(a, 32, region.p, region.n, b);
    hmac_sha256(b, 32, service.p, service.n, a);
    hmac_sha256(a, 32, "aws4_request", 12, key);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(a, sizeof a);
    OPENSSL_cleanse(b, sizeof b);
}

static bool slot_name(char name[NAME_BYTES], uint32_t *ret_n, const struct str parts[4])
{
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        if (n + parts[i].n + 1 > NAME_BYTES)
            return false;
        if (parts[i].n)
            memcpy(name + n, parts[i].p, parts[i].n);
        n += parts[i].n;
        name[n++] = i == 0 ? '\0' : '/';
    }
    *ret_n = (uint32_t)n;
    return true;
}

void sign_key(struct key_cache *c, struct str secret, struct str date, struct str region, struct str service, uint8_t ret_key[32])
{
    char name[NAME_BYTES];
    uint32_t n = 0;
    if (!c || !slot_name(name, &n, (const struct str[]){ secret, date, region, service })) {
        derive(secret, date, region, service, ret_key);
        return;
    }
    uint64_t hash = str_hash((struct str){ name, n });
    struct key_slot *slot = &c->slots[hash % SLOTS];
    pthread_mutex_t *lock = &c->locks[hash % LOCKS];
    pthread_mutex_lock(lock);
    bool hit = slot->name_n == n && CRYPTO_memcmp(slot->name, name, n) == 0;
    if (hit)
        memcpy(ret_key, slot->key, 32);
    pthread_mutex_unlock(lock);
    if (!hit) {
        derive(secret, date, region, service, ret_key);
        pthread_mutex_lock(lock);
        memcpy(slot->name, name, n);
        slot->name_n = n;
        memcpy(slot->key, ret_key, 32);
        pthread_mutex_unlock(lock);
    }
    OPENSSL_cleanse(name, sizeof name);
}

struct str sign_signature(struct arena *a, const uint8_t key[32], struct str string_to_sign)
{
    uint8_t mac[32];
    hmac_sha256(key, 32, string_to_sign.p, string_to_sign.n, mac);
    return hex_encode(a, mac, sizeof mac);
}

static void add_header(struct arena *a, struct header_list *l, const char *name, struct str value)
{
    struct header *h = list_push(a, l);
    h->name = str_c(name);
    h->value = value;
}

static bool has_header(const struct header_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq_nocase(l->v[i].name, str_c(name)))
            return true;
    return false;
}

static int str_order(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

/* Every header that is there, in lower case, sorted, once. */
static struct str names_of(struct arena *a, const struct header_list *headers)
{
    struct str_list names = { 0 };
    for (uint32_t i = 0; i < headers->n; i++) {
        struct str name = str_lower(a, headers->v[i].name);
        if (!str_list_has(&names, name))
            str_list_add(a, &names, name);
    }
    qsort(names.v, names.n, sizeof *names.v, str_order);
    struct buf b;
    buf_init(&b, a, LIMIT_HEADER_BYTES);
    for (uint32_t i = 0; i < names.n; i++) {
        if (i)
            buf_byte(&b, ';');
        buf_str(&b, names.v[i]);
    }
    return buf_done(&b);
}

static struct str sign(struct arena *a, const struct sign_credentials *c, struct str amz_date, struct str region, struct str service,
                       const struct sign_request *r)
{
    uint8_t key[32];
    struct str date = str_sub(amz_date, 0, 8);
    struct str to_sign = sign_string_to_sign(a, amz_date, sign_scope(a, date, region, service), sign_canonical_request(a, r));
    sign_key(NULL, c->secret, date, region, service, key);
    struct str signature = sign_signature(a, key, to_sign);
    OPENSSL_cleanse(key, sizeof key);
    return signature;
}

void sign_headers(struct arena *a, const struct sign_credentials *c, struct str region, struct str service, int64_t now_ms, struct str method,
                  struct str target, struct str query, struct str host, struct str body, struct header_list *headers)
{
    bool s3 = str_is(service, "s3");
    uint8_t digest[32];
    digest_sha256(body.p, body.n, digest);
    struct str hash = hex_encode(a, digest, sizeof digest), amz_date = time_amz(a, now_ms - now_ms % 1000);
    if (!has_header(headers, "host"))
        add_header(a, headers, "Host", host);
    add_header(a, headers, "X-Amz-Date", amz_date);
    if (c->session_token.p)
        add_header(a, headers, "X-Amz-Security-Token", c->session_token);
    if (s3)
        add_header(a, headers, "X-Amz-Content-Sha256", hash);
    struct sign_request r = {
        .method = method, .target = target, .query = query, .headers = headers, .host = host, .signed_headers = names_of(a, headers),
        .payload_hash = hash, .path = s3 ? SIGN_PATH_S3 : SIGN_PATH_NORMAL,
    };
    struct str signature = sign(a, c, amz_date, region, service, &r);
    struct str scope = sign_scope(a, str_sub(amz_date, 0, 8), region, service);
    add_header(a, headers, "Authorization",
               str_printf(a, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s", STR_ARG(c->access_key_id), STR_ARG(scope),
                          STR_ARG(r.signed_headers), STR_ARG(signature)));
}

struct str sign_query(struct arena *a, const struct sign_credentials *c, struct str region, struct str service, int64_t now_ms, struct str method,
                      struct str target, struct str query, struct str host, int64_t expires_s)
{
    bool s3 = str_is(service, "s3");
    struct str amz_date = time_amz(a, now_ms - now_ms % 1000);
    struct str scope = sign_scope(a, str_sub(amz_date, 0, 8), region, service);
    struct str credential = uri_encode(a, str_printf(a, "%.*s/%.*s", STR_ARG(c->access_key_id), STR_ARG(scope)), false);
    struct header_list headers = { 0 };
    add_header(a, &headers, "Host", host);
    struct str full = str_printf(a, "%.*s%sX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%.*s&X-Amz-Date=%.*s&X-Amz-Expires=%lld&X-Amz-SignedHeaders=host",
                                 STR_ARG(query), query.n ? "&" : "", STR_ARG(credential), STR_ARG(amz_date), (long long)expires_s);
    if (c->session_token.p) {
        struct str token = uri_encode(a, c->session_token, false);
        full = str_printf(a, "%.*s&X-Amz-Security-Token=%.*s", STR_ARG(full), STR_ARG(token));
    }
    uint8_t digest[32];
    digest_sha256("", 0, digest);
    struct sign_request r = {
        .method = method, .target = target, .query = full, .headers = &headers, .host = host, .signed_headers = STR("host"),
        .payload_hash = s3 ? STR("UNSIGNED-PAYLOAD") : hex_encode(a, digest, sizeof digest), .path = s3 ? SIGN_PATH_S3 : SIGN_PATH_NORMAL,
    };
    struct str signature = sign(a, c, amz_date, region, service, &r);
    return str_printf(a, "%.*s&X-Amz-Signature=%.*s", STR_ARG(full), STR_ARG(signature));
}
