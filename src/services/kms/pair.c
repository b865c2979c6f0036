#include "services/kms/pair.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/list.h"
#include "base/seal.h"

static void close_key(EVP_PKEY **k) { EVP_PKEY_free(*k); }
static void close_ctx(EVP_PKEY_CTX **c) { EVP_PKEY_CTX_free(*c); }
static void close_md(EVP_MD_CTX **c) { EVP_MD_CTX_free(*c); }
#define KEY __attribute__((cleanup(close_key))) EVP_PKEY
#define CTX __attribute__((cleanup(close_ctx))) EVP_PKEY_CTX
#define MD_CTX __attribute__((cleanup(close_md))) EVP_MD_CTX

/* ---- DER ---- */

static EVP_PKEY *read_private(struct str der)
{
    const uint8_t *p = (const uint8_t *)der.p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
    EVP_PKEY *k = info && p == (const uint8_t *)der.p + der.n ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return k;
}

static EVP_PKEY *read_public(struct str der)
{
    const uint8_t *p = (const uint8_t *)der.p;
    EVP_PKEY *k = d2i_PUBKEY(NULL, &p, (long)der.n);
    if (k && p == (const uint8_t *)der.p + der.n)
        return k;
    EVP_PKEY_free(k);
    return NULL;
}

static int write_both(struct arena *a, const EVP_PKEY *k, struct str *ret_private, struct str *ret_public)
{
    uint8_t *private_der = NULL, *public_der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k);
    int private_n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &private_der) : -1, public_n = i2d_PUBKEY(k, &public_der);
    int rc = private_n > 0 && public_n > 0 ? 0 : E_IO;
    if (rc == 0) {
        *ret_private = (struct str){ arena_dup(a, private_der, (size_t)private_n), (size_t)private_n };
        *ret_public = (struct str){ arena_dup(a, public_der, (size_t)public_n), (size_t)public_n };
        seal_erase_later(a, *ret_private);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_clear_free(private_der, private_n > 0 ? (size_t)private_n : 0);
    OPENSSL_free(public_der);
    return rc;
}

/* ---- making and accepting ---- */

struct asked {
    bool (*keep_on)(void *ctx);
    void *ctx;
};

static int ask(EVP_PKEY_CTX *c)
{
    const struct asked *who = EVP_PKEY_CTX_get_app_data(c);
    return !who->keep_on || who->keep_on(who->ctx);
}

static EVP_PKEY *generate(const struct key_spec *spec, struct asked *who)
{
    static const char *const names[] = { [SPEC_RSA] = "RSA", [SPEC_EC] = "EC", [SPEC_ED25519] = "ED25519" };
    EVP_PKEY *made = NULL;
    CTX *c = EVP_PKEY_CTX_new_from_name(NULL, names[spec->family], NULL);
    int ok = c && EVP_PKEY_keygen_init(c) > 0;
    if (ok && spec->family == SPEC_RSA)
        ok = EVP_PKEY_CTX_set_rsa_keygen_bits(c, spec->bits) > 0;
    if (ok && spec->family == SPEC_EC)
        ok = EVP_PKEY_CTX_set_group_name(c, spec->curve) > 0;
    if (ok) {
        EVP_PKEY_CTX_set_app_data(c, who);
        EVP_PKEY_CTX_set_cb(c, ask);
        ok = EVP_PKEY_generate(c, &made) > 0;
    }
    return ok ? made : NULL;
}

int pair_make(struct arena *a, const struct key_spec *spec, bool (*keep_on)(void *ctx), void *ctx, struct str *ret_private, struct str *ret_public)
{
    struct asked who = { keep_on, ctx };
    KEY *k = generate(spec, &who);
    if (!k)
        return keep_on && !keep_on(ctx) ? E_CLOSED : E_IO;
    return write_both(a, k, ret_private, ret_public);
}

static bool is_of(const EVP_PKEY *k, const struct key_spec *spec)
{
    char curve[64];
    size_t n = 0;
    if (spec->family == SPEC_RSA)
        return EVP_PKEY_is_a(k, "RSA") && EVP_PKEY_get_bits(k) == spec->bits;
    if (spec->family == SPEC_ED25519)
        return EVP_PKEY_is_a(k, "ED25519");
    if (!EVP_PKEY_is_a(k, "EC") || !EVP_PKEY_get_group_name(k, curve, sizeof curve, &n))
        return false;
    int given = OBJ_txt2nid(curve), wanted = EC_curve_nist2nid(spec->curve);
    return given != NID_undef && given == (wanted != NID_undef ? wanted : OBJ_txt2nid(spec->curve));
}

int pair_accept(struct arena *a, const struct key_spec *spec, struct str private_key, struct str *ret_private, struct str *ret_public)
{
    KEY *k = read_private(private_key);
    if (!k || !is_of(k, spec))
        return E_INVALID;
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!c || (spec->family != SPEC_ED25519 && EVP_PKEY_pairwise_check(c) <= 0))
        return E_INVALID;
    return write_both(a, k, ret_private, ret_public);
}

size_t pair_bytes(struct str private_key)
{
    KEY *k = read_private(private_key);
    return k ? (size_t)EVP_PKEY_get_size(k) : 0;
}

/* ---- signatures ---- */

enum scheme { SCHEME_PKCS1, SCHEME_PSS, SCHEME_ECDSA, SCHEME_ED25519 };

static const struct signing {
    const char *name;
    enum scheme scheme;
    const EVP_MD *(*md)(void);
} algorithms[] = {
    { "RSASSA_PKCS1_V1_5_SHA_256", SCHEME_PKCS1, EVP_sha256 }, { "RSASSA_PKCS1_V1_5_SHA_384", SCHEME_PKCS1, EVP_sha384 },
    { "RSASSA_PKCS1_V1_5_SHA_512", SCHEME_PKCS1, EVP_sha512 }, { "RSASSA_PSS_SHA_256", SCHEME_PSS, EVP_sha256 },
    { "RSASSA_PSS_SHA_384", SCHEME_PSS, EVP_sha384 },          { "RSASSA_PSS_SHA_512", SCHEME_PSS, EVP_sha512 },
    { "ECDSA_SHA_256", SCHEME_ECDSA, EVP_sha256 },             { "ECDSA_SHA_384", SCHEME_ECDSA, EVP_sha384 },
    { "ECDSA_SHA_512", SCHEME_ECDSA, EVP_sha512 },             { "ED25519_SHA_512", SCHEME_ED25519, NULL },
};

static const struct signing *signing_find(struct str name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (str_is(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

size_t pair_digest_bytes(struct str algorithm)
{
    const struct signing *s = signing_find(algorithm);
    return s && s->md ? (size_t)EVP_MD_get_size(s->md()) : 0;
}

/* What the scheme signs: the digest. */
static int digest_of(const struct signing *s, struct str message, bool is_digest, uint8_t out[EVP_MAX_MD_SIZE], struct str *ret)
{
    unsigned n = 0;
    *ret = message;
    if (is_digest)
        return message.n == (size_t)EVP_MD_get_size(s->md()) ? 0 : E_INVALID;
    if (!EVP_Digest(message.p, message.n, out, &n, s->md(), NULL))
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

static bool set_scheme(EVP_PKEY_CTX *c, const struct signing *s)
{
    bool ok = EVP_PKEY_CTX_set_signature_md(c, s->md()) > 0;
    if (ok && s->scheme != SCHEME_ECDSA)
        ok = EVP_PKEY_CTX_set_rsa_padding(c, s->scheme == SCHEME_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) > 0;
    if (ok && s->scheme == SCHEME_PSS)
        ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) > 0;
    return ok;
}

static int sign_whole(struct arena *a, EVP_PKEY *k, struct str message, struct str *ret)
{
    size_t n = (size_t)EVP_PKEY_get_size(k);
    uint8_t *out = arena_alloc(a, n);
    MD_CTX *c = EVP_MD_CTX_new();
    if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, k) <= 0 || EVP_DigestSign(c, out, &n, (const uint8_t *)message.p, message.n) <= 0)
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

int pair_sign(struct arena *a, struct str private_key, struct str algorithm, struct str message, bool is_digest, struct str *ret)
{
    const struct signing *s = signing_find(algorithm);
    uint8_t buffer[EVP_MAX_MD_SIZE];
    struct str digest;
    KEY *k = read_private(private_key);
    if (!k || !s)
        return E_CORRUPT;
    if (s->scheme == SCHEME_ED25519)
        return is_digest ? E_INVALID : sign_whole(a, k, message, ret);
    int rc = digest_of(s, message, is_digest, buffer, &digest);
    if (rc < 0)
        return rc;
    size_t n = (size_t)EVP_PKEY_get_size(k);
    uint8_t *out = arena_alloc(a, n);
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!c || EVP_PKEY_sign_init(c) <= 0 || !set_scheme(c, s) || EVP_PKEY_sign(c, out, &n, (const uint8_t *)digest.p, digest.n) <= 0)
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

int pair_verify(struct str public_key, struct str algorithm, struct str message, bool is_digest, struct str signature)
{
    const struct signing *s = signing_find(algorithm);
    uint8_t buffer[EVP_MAX_MD_SIZE];
    struct str digest;
    KEY *k = read_public(public_key);
    if (!k || !s)
        return E_CORRUPT;
    const uint8_t *sig = (const uint8_t *)signature.p;
    if (s->scheme == SCHEME_ED25519) {
        MD_CTX *c = EVP_MD_CTX_new();
        bool ok = !is_digest && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) > 0 &&
                  EVP_DigestVerify(c, sig, signature.n, (const uint8_t *)message.p, message.n) > 0;
        return ok ? 0 : E_INVALID;
    }
    int rc = digest_of(s, message, is_digest, buffer, &digest);
    if (rc < 0)
        return rc;
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!c || EVP_PKEY_verify_init(c) <= 0 || !set_scheme(c, s))
        return E_IO;
    return EVP_PKEY_verify(c, sig, signature.n, (const uint8_t *)digest.p, digest.n) > 0 ? 0 : E_INVALID;
}

/* ---- RSAES_OAEP ---- */

static const EVP_MD *oaep_md(struct str algorithm) { return str_ends(algorithm, STR("SHA_1")) ? EVP_sha1() : EVP_sha256(); }

size_t pair_plain_bytes_max(const struct key_spec *spec, struct str algorithm)
{
    return (size_t)(spec->bits / 8 - 2 * EVP_MD_get_size(oaep_md(algorithm)) - 2);
}

static bool set_oaep(EVP_PKEY_CTX *c, struct str algorithm)
{
    const EVP_MD *md = oaep_md(algorithm);
    return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_oaep_md(c, md) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) > 0;
}

int pair_encrypt(struct arena *a, struct str public_key, struct str algorithm, struct str plain, struct str *ret)
{
    KEY *k = read_public(public_key);
    if (!k)
        return E_CORRUPT;
    size_t n = (size_t)EVP_PKEY_get_size(k);
    uint8_t *out = arena_alloc(a, n);
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!c || EVP_PKEY_encrypt_init(c) <= 0 || !set_oaep(c, algorithm) ||
        EVP_PKEY_encrypt(c, out, &n, (const uint8_t *)plain.p, plain.n) <= 0)
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

int pair_decrypt(struct arena *a, struct str private_key, struct str algorithm, struct str sealed, struct str *ret)
{
    KEY *k = read_private(private_key);
    if (!k)
        return E_CORRUPT;
    size_t n = (size_t)EVP_PKEY_get_size(k);
    uint8_t *out = arena_alloc(a, n);
    seal_erase_later(a, (struct str){ (char *)out, n });
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!c || EVP_PKEY_decrypt_init(c) <= 0 || !set_oaep(c, algorithm))
        return E_IO;
    if (EVP_PKEY_decrypt(c, out, &n, (const uint8_t *)sealed.p, sealed.n) <= 0)
        return E_INVALID;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

/* ---- ECDH ---- */

int pair_derive(struct arena *a, struct str private_key, struct str peer_public_key, struct str *ret)
{
    size_t n = 0;
    KEY *k = read_private(private_key), *peer = read_public(peer_public_key);
    if (!k)
        return E_CORRUPT;
    CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
    if (!peer || !EVP_PKEY_is_a(peer, "EC") || !c || EVP_PKEY_derive_init(c) <= 0 || EVP_PKEY_derive_set_peer(c, peer) <= 0 ||
        EVP_PKEY_derive(c, NULL, &n) <= 0)
        return E_INVALID;
    uint8_t *out = arena_alloc(a, n);
    seal_erase_later(a, (struct str){ (char *)out, n });
    if (EVP_PKEY_derive(c, out, &n) <= 0)
        return E_INVALID;
    *ret = (struct str){ (char *)out, n };
    return 0;
}
