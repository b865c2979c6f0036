#include "cloud/issuer.h"

#include <pthread.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "auth/local_issuer.h"
#include "base/log.h"
#include "cloud/cloud.h"
#include "http/fetch.h"

/* FAILED_MS: an issuer that does not answer is not asked by every request. WAIT_MS: two documents, and those before them in the queue. */
enum { ISSUERS_MAX = 64, FAILED_MS = 2000, WAIT_MS = 20 * 1000, KEYS_MS = 60 * 60 * 1000, NEWER_KEYS_MS = 10 * 1000 };

struct issuer {
    struct arena *arena; /* its own; anew with each fetch */
    struct str url, wake_key, jwks;
    struct str_list thumbprints;
    enum { NONE, ASKED, HERE, FAILED } state;
    int64_t at_ms; /* of the last change; clock_mono_ms */
};

struct issuers {
    struct cloud *cloud;
    struct fetcher *fetcher;
    pthread_mutex_t lock;
    struct issuer issuers[ISSUERS_MAX];
};

struct issuers *issuers_new(struct cloud *cloud)
{
    struct issuers *k = xalloc(sizeof *k);
    k->cloud = cloud;
    k->fetcher = fetcher_new();
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void issuers_stop(struct issuers *k)
{
    if (!k)
        return;
    fetcher_free(k->fetcher);
    k->fetcher = NULL;
}

void issuers_free(struct issuers *k)
{
    for (int i = 0; k && i < ISSUERS_MAX; i++)
        arena_free(k->issuers[i].arena);
    if (k)
        pthread_mutex_destroy(&k->lock);
    free(k);
}

/* ---- fetching ---- */

struct fetching {
    struct issuers *keys;
    struct issuer *issuer;
};

static void conclude(struct fetching *g, int rc, struct str jwks)
{
    struct issuers *k = g->keys;
    struct issuer *i = g->issuer;
    cJSON *set = rc == 0 ? cJSON_ParseWithLength(jwks.p, jwks.n) : NULL;
    if (rc == 0 && !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(set, "keys")))
        rc = E_INVALID;
    cJSON_Delete(set);
    if (rc && rc != E_CLOSED)
        log_warn("the keys of https://%.*s cannot be had: %s", STR_ARG(i->url), rc == E_DENIED ? "its certificate is not trusted" : err_name(rc));
    struct arena *a = arena_new();
    pthread_mutex_lock(&k->lock);
    i->jwks = rc ? STR_NONE : str_dup(i->arena, jwks);
    i->state = rc ? FAILED : HERE;
    i->at_ms = clock_mono_ms();
    struct str wake = str_dup(a, i->wake_key);
    pthread_mutex_unlock(&k->lock);
    free(g);
    cloud_wake(k->cloud, wake);
    arena_free(a);
}

static void got_keys(void *ctx, int rc, struct str document) { conclude(ctx, rc, document); }

static void got_configuration(void *ctx, int rc, struct str document)
{
    struct fetching *g = ctx;
    cJSON *tree = rc == 0 ? cJSON_ParseWithLength(document.p, document.n) : NULL;
    const char *uri = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "jwks_uri"));
    if (rc == 0)
        rc = uri ? fetch(g->keys->fetcher, str_c(uri), &g->issuer->thumbprints, got_keys, g) : E_INVALID;
    cJSON_Delete(tree);
    if (rc)
        conclude(g, rc, STR(""));
}

/* With the lock held. */
static int ask(struct issuers *k, struct issuer *i, struct str url, const struct str_list *thumbprints)
{
    struct fetching *g = xalloc(sizeof *g);
    *g = (struct fetching){ k, i };
    arena_free(i->arena);
    *i = (struct issuer){ .arena = arena_new(), .state = ASKED, .at_ms = clock_mono_ms() };
    i->url = str_dup(i->arena, url);
    i->wake_key = str_cat(i->arena, STR("issuer/"), url);
    for list_each(t, thumbprints)
        str_list_add(i->arena, &i->thumbprints, str_dup(i->arena, *t));
    struct str document = str_cat(i->arena, STR("https://"), url, STR("/.well-known/openid-configuration"));
    int rc = fetch(k->fetcher, document, &i->thumbprints, got_configuration, g);
    if (rc) {
        i->state = FAILED;
        free(g);
    }
    return rc;
}

/* ---- asking ---- */

static bool same_list(const struct str_list *a, const struct str_list *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = str_eq(a->v[i], b->v[i]);
    return same;
}

/* The issuer's place: its own, a free one, or the one that was idle longest; NULL when all are being asked. What was fetched with other thumbprints
 * (another account's, or changed since) does not count. */
static struct issuer *place(struct issuers *k, struct str url, const struct str_list *thumbprints)
{
    struct issuer *best = NULL;
    for (int n = 0; n < ISSUERS_MAX; n++) {
        struct issuer *i = &k->issuers[n];
        if (i->state != NONE && str_eq(i->url, url) && same_list(&i->thumbprints, thumbprints))
            return i;
        if (i->state != ASKED && (!best || i->at_ms < best->at_ms))
            best = i;
    }
    if (best)
        best->state = NONE;
    return best;
}

/* The issuer's JWK set, in op's arena, fetched at most max_age_ms ago. E_PARKED; E_IO: it could not be reached, or what it published is no key set. */
static int keys_of(struct op *op, struct str url, const struct str_list *thumbprints, int64_t max_age_ms, struct str *ret_jwks)
{
    struct issuers *k = op->cloud->issuers;
    if (!op->cloud->http) /* no network: tests */
        return E_IO;
    int rc = 0;
    pthread_mutex_lock(&k->lock);
    struct issuer *i = place(k, url, thumbprints);
    int64_t age_ms = i ? clock_mono_ms() - i->at_ms : 0;
    if (!i || !k->fetcher)
        rc = E_IO;
    else if (i->state == NONE || (i->state == HERE && age_ms > max_age_ms) || (i->state == FAILED && age_ms > FAILED_MS))
        rc = ask(k, i, url, thumbprints);
    if (rc == 0 && i->state == HERE)
        *ret_jwks = str_dup(op->arena, i->jwks);
    else if (rc == 0 && i->state == ASKED && !op->timed_out)
        rc = op_park(op, str_dup(op->arena, i->wake_key), WAIT_MS);
    else
        rc = E_IO;
    pthread_mutex_unlock(&k->lock);
    return rc;
}

int issuer_verify(struct op *op, const struct jwt *token, struct str url, const struct str_list *thumbprints)
{
    static const struct str_list none;
    const char *data_dir = op->cloud->config.data_dir;
    struct str jwks;
    thumbprints = thumbprints ? thumbprints : &none;
    int rc = data_dir ? local_issuer_jwks(op->arena, data_dir, &jwks) : E_NOT_FOUND;
    if (rc == 0)
        rc = jwt_verify(op->arena, token, jwks);
    if (rc == 0 || (rc == E_DENIED && token->kid.p)) /* it names the local issuer's key, whose thumbprint nobody else's has */
        return rc;
    rc = keys_of(op, url, thumbprints, KEYS_MS, &jwks);
    if (rc == 0)
        rc = jwt_verify(op->arena, token, jwks);
    if (rc == E_NOT_FOUND) { /* a key that the issuer has begun to use since */
        rc = keys_of(op, url, thumbprints, NEWER_KEYS_MS, &jwks);
        if (rc == 0)
            rc = jwt_verify(op->arena, token, jwks);
    }
    return rc;
}
