#include "auth/jwt.h"

#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/list.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, COORDINATE_BYTES_MAX = 66 };

static const struct algorithm {
    const char *name, *kty, *digest;
    const char *crv, *group; /* EC: the curve's names in a JWK and in OpenSSL */
    size_t coordinate_bytes;
} algorithms[] = {
    { "RS256", "RSA", "SHA256", NULL, NULL, 0 },       { "RS384", "RSA", "SHA384", NULL, NULL, 0 },       { "RS512", "RSA", "SHA512", NULL, NULL, 0 },
    { "ES256", "EC", "SHA256", "P-256", "P-256", 32 }, { "ES384", "EC", "SHA384", "P-384", "P-384", 48 }, { "ES512", "EC", "SHA512", "P-521", "P-521", 66 },
};

static const struct algorithm *algorithm_find(struct str name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (str_is(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

/* ---- reading ---- */

static void drop_tree(void *tree) { cJSON_Delete(tree); }

/* A base64url part that is a JSON object. No text in it has a NUL, behind which a claim would say more than what is compared. */
static int read_object(struct arena *a, struct str part, cJSON **ret)
{
    struct str json;
    if (base64url_decode(a, part, &json) || memchr(json.p, 0, json.n) || str_contains(json, STR("\\u0000")))
        return E_INVALID;
    cJSON *tree = cJSON_ParseWithLength(json.p, json.n);
    arena_defer(a, drop_tree, tree);
    *ret = tree;
    return cJSON_IsObject(tree) ? 0 : E_INVALID;
}

static struct str text(const cJSON *object, const char *name)
{
    return str_c(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

int jwt_read(struct arena *a, struct str token, struct jwt *ret)
{
    struct str head, claims, signature, rest;
    cJSON *header;
    if (!str_cut(token, '.', &head, &rest) || !str_cut(rest, '.', &claims, &signature) || str_contains(signature, STR(".")))
        return E_INVALID;
    *ret = (struct jwt){ .signing_input = str_sub(token, 0, head.n + 1 + claims.n) };
    if (read_object(a, head, &header) || read_object(a, claims, &ret->claims) || base64url_decode(a, signature, &ret->signature))
        return E_INVALID;
    ret->alg = text(header, "alg");
    ret->kid = text(header, "kid");
    /* Extensions that must be understood, and none is (RFC 7515, 4.1.11). */
    return ret->alg.p && !cJSON_GetObjectItemCaseSensitive(header, "crit") ? 0 : E_INVALID;
}

struct str jwt_text(const struct jwt *t, const char *claim) { return text(t->claims, claim); }

bool jwt_seconds(const struct jwt *t, const char *claim, int64_t *ret)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(t->claims, claim);
    if (!cJSON_IsNumber(n) || !(n->valuedouble >= 0 && n->valuedouble < 1e12))
        return false;
    *ret = (int64_t)n->valuedouble;
    return true;
}

struct str_list jwt_texts(struct arena *a, const struct jwt *t, const char *claim)
{
    struct str_list l = { 0 };
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t->claims, claim), *e;
    if (cJSON_IsString(v))
        str_list_add(a, &l, str_c(v->valuestring));
    else if (cJSON_IsArray(v))
        cJSON_ArrayForEach(e, v)
            if (cJSON_IsString(e))
                str_list_add(a, &l, str_c(e->valuestring));
    return l;
}

/* ---- keys ---- */

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(struct arena *a, const cJSON *jwk)
{
    struct str n, e;
    if (base64url_decode(a, text(jwk, "n"), &n) || base64url_decode(a, text(jwk, "e"), &e) || n.n * 8 > RSA_BITS_MAX || e.n > 8)
        return NULL;
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL), *exponent = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (BN_num_bits(modulus) >= RSA_BITS_MIN && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        key = make_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *ec_key(struct arena *a, const cJSON *jwk, const struct algorithm *alg)
{
    struct str x, y;
    uint8_t point[1 + 2 * COORDINATE_BYTES_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
    size_t n = alg->coordinate_bytes;
    if (!str_is(text(jwk, "crv"), alg->crv) || base64url_decode(a, text(jwk, "x"), &x) || base64url_decode(a, text(jwk, "y"), &y) || x.n != n || y.n != n)
        return NULL;
    memcpy(point + 1, x.p, n);
    memcpy(point + 1 + n, y.p, n);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, alg->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n))
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *find_key(struct arena *a, const cJSON *set, const struct jwt *t, const struct algorithm *alg)
{
    const cJSON *jwk;
    cJSON_ArrayForEach(jwk, cJSON_GetObjectItemCaseSensitive(set, "keys"))
    {
        struct str use = text(jwk, "use"), its_alg = text(jwk, "alg");
        if (!str_eq(text(jwk, "kid"), t->kid) || !str_is(text(jwk, "kty"), alg->kty) || (use.p && !str_is(use, "sig")) ||
            (its_alg.p && !str_eq(its_alg, t->alg)))
            continue;
        EVP_PKEY *key = alg->group ? ec_key(a, jwk, alg) : rsa_key(a, jwk);
        if (key)
            return key;
    }
    return NULL;
}

/* ---- the signature ---- */

/* JWS writes r and s behind one another; OpenSSL wants them in DER. */
static struct str to_der(struct arena *a, struct str raw)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    size_t half = raw.n / 2;
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.p, (int)half, NULL), *s = BN_bin2bn((const unsigned char *)raw.p + half, (int)half, NULL);
    unsigned char *der = NULL;
    ECDSA_SIG_set0(sig, r, s); /* owns them from here on */
    int n = i2d_ECDSA_SIG(sig, &der);
    struct str out = n > 0 ? str_dup(a, (struct str){ (const char *)der, (size_t)n }) : STR("");
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return out;
}

static bool signed_by(struct arena *a, const struct jwt *t, const struct algorithm *alg, EVP_PKEY *key)
{
    struct str signature = t->signature;
    if (alg->group && signature.n != 2 * alg->coordinate_bytes)
        return false;
    if (alg->group)
        signature = to_der(a, signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, alg->digest, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)t->signing_input.p, t->signing_input.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

int jwt_verify(struct arena *a, const struct jwt *t, struct str jwks)
{
    const struct algorithm *alg = algorithm_find(t->alg);
    if (!alg)
        return E_UNSUPPORTED;
    if (!t->kid.p)
        return E_NOT_FOUND;
    cJSON *set = cJSON_ParseWithLength(jwks.p, jwks.n);
    EVP_PKEY *key = set ? find_key(a, set, t, alg) : NULL;
    int rc = !set ? E_INVALID : !key ? E_NOT_FOUND : signed_by(a, t, alg, key) ? 0 : E_DENIED;
    EVP_PKEY_free(key);
    cJSON_Delete(set);
    return rc;
}
