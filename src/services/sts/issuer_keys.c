#include "services/sts/issuer_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/log.h"
#include "cloud/cloud.h"
#include "http/fetch.h"

/* FAILED_MS: an issuer that does not answer is not asked by every request. WAIT_MS: two documents, and those before them in the queue. */
enum { ISSUERS_MAX = 64, FAILED_MS = 2000, WAIT_MS = 20 * 1000 };

struct issuer {
    struct arena *arena; /* its own; anew with each fetch */
    struct str url, wake_key, jwks;
    struct str_list thumbprints;
    enum { NONE, ASKED, HERE, FAILED } state;
    int64_t at_ms; /* of the last change; clock_mono_ms */
};

struct issuer_keys {
    struct cloud *cloud;
    struct fetcher *fetcher;
    pthread_mutex_t lock;
    struct issuer issuers[ISSUERS_MAX];
};

int sts_start(struct cloud *cloud)
{
    struct issuer_keys *k = xalloc(sizeof *k);
    k->cloud = cloud;
    k->fetcher = fetcher_new();
    pthread_mutex_init(&k->lock, NULL);
    cloud->issuer_keys = k;
    return 0;
}

void sts_stop(struct cloud *cloud)
{
    fetcher_free(cloud->issuer_keys->fetcher);
    cloud->issuer_keys->fetcher = NULL;
}

void sts_free(struct cloud *cloud)
{
    struct issuer_keys *k = cloud->issuer_keys;
    for (int i = 0; i < ISSUERS_MAX; i++)
        arena_free(k->issuers[i].arena);
    pthread_mutex_destroy(&k->lock);
    free(k);
    cloud->issuer_keys = NULL;
}

/* ---- fetching ---- */

struct fetching {
    struct issuer_keys *keys;
    struct issuer *issuer;
};

static void conclude(struct fetching *g, int rc, struct str jwks)
{
    struct issuer_keys *k = g->keys;
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
static int ask(struct issuer_keys *k, struct issuer *i, const struct iam_rec_Provider *provider)
{
    struct fetching *g = xalloc(sizeof *g);
    *g = (struct fetching){ k, i };
    arena_free(i->arena);
    *i = (struct issuer){ .arena = arena_new(), .state = ASKED, .at_ms = clock_mono_ms() };
    i->url = str_dup(i->arena, provider->Url);
    i->wake_key = str_cat(i->arena, STR("sts/keys/"), provider->Url);
    for list_each(t, &provider->Thumbprints)
        str_list_add(i->arena, &i->thumbprints, str_dup(i->arena, *t));
    struct str url = str_cat(i->arena, STR("https://"), provider->Url, STR("/.well-known/openid-configuration"));
    int rc = fetch(k->fetcher, url, &i->thumbprints, got_configuration, g);
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
 * (another account's, or changed since) is not this provider's. */
static struct issuer *place(struct issuer_keys *k, const struct iam_rec_Provider *provider)
{
    struct issuer *best = NULL;
    for (int n = 0; n < ISSUERS_MAX; n++) {
        struct issuer *i = &k->issuers[n];
        if (i->state != NONE && str_eq(i->url, provider->Url) && same_list(&i->thumbprints, &provider->Thumbprints))
            return i;
        if (i->state != ASKED && (!best || i->at_ms < best->at_ms))
            best = i;
    }
    if (best)
        best->state = NONE;
    return best;
}

int issuer_keys(struct op *op, const struct iam_rec_Provider *provider, int64_t max_age_ms, struct str *ret_jwks)
{
    struct issuer_keys *k = op->cloud->issuer_keys;
    if (!op->cloud->http) /* no network: tests */
        return E_IO;
    int rc = 0;
    pthread_mutex_lock(&k->lock);
    struct issuer *i = place(k, provider);
    int64_t age_ms = i ? clock_mono_ms() - i->at_ms : 0;
    if (!i || !k->fetcher)
        rc = E_IO;
    else if (i->state == NONE || (i->state == HERE && age_ms > max_age_ms) || (i->state == FAILED && age_ms > FAILED_MS))
        rc = ask(k, i, provider);
    if (rc == 0 && i->state == HERE)
        *ret_jwks = str_dup(op->arena, i->jwks);
    else if (rc == 0 && i->state == ASKED && !op->timed_out)
        rc = op_park(op, str_dup(op->arena, i->wake_key), WAIT_MS);
    else
        rc = E_IO;
    pthread_mutex_unlock(&k->lock);
    return rc;
}
