#include "services/cloudtrail/signer.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "aws/error.h"
#include "base/code.h"
#include "base/seal.h"
#include "cloud/cloud.h"
#include "gen/cloudtrail.h"

enum { RSA_BITS = 2048 };
#define DAY_MS (24 * 3600 * 1000LL)

static void close_key(EVP_PKEY **k) { EVP_PKEY_free(*k); }
static void close_md(EVP_MD_CTX **c) { EVP_MD_CTX_free(*c); }
#define KEY __attribute__((cleanup(close_key))) EVP_PKEY
#define MD_CTX __attribute__((cleanup(close_md))) EVP_MD_CTX

static void signer_prefix(const struct op *op, struct key *k)
{
    op_key(op, k, &cloudtrail_kind_signer);
    key_str(k, op->region);
}

static struct str aad(struct op *op)
{
    return str_printf(op->arena, "cloudtrail/signer/%.*s", STR_ARG(op->region));
}

static struct str taken(struct arena *a, uint8_t *der, int n)
{
    struct str s = n > 0 ? (struct str){ arena_dup(a, der, (size_t)n), (size_t)n } : STR_NONE;
    OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
    return s;
}

/* The public key in PKCS #1's form: what ListPublicKeys shows. */
static int make(struct arena *a, struct str *ret_private, struct str *ret_public)
{
    uint8_t *private_der = NULL, *public_der = NULL;
    KEY *k = EVP_RSA_gen(RSA_BITS);
    PKCS8_PRIV_KEY_INFO *info = k ? EVP_PKEY2PKCS8(k) : NULL;
    int private_n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &private_der) : -1, public_n = k ? i2d_PublicKey(k, &public_der) : -1;
    PKCS8_PRIV_KEY_INFO_free(info);
    *ret_private = taken(a, private_der, private_n);
    *ret_public = taken(a, public_der, public_n);
    seal_erase_later(a, *ret_private);
    return ret_private->p && ret_public->p ? 0 : E_IO;
}

int signer_make(struct op *op)
{
    struct key k;
    uint8_t md5[16];
    struct str private_key, public_key;
    int rc = make(op->arena, &private_key, &public_key);
    if (rc)
        return rc;
    digest_md5(public_key.p, public_key.n, md5);
    struct cloudtrail_rec_Signer rec = { .PublicKey = public_key, .Fingerprint = hex_encode(op->arena, md5, sizeof md5),
                                           .PrivateKey = seal(op->arena, op->cloud->root_key, aad(op), private_key),
                                         .FromMs = SOME_I64(op_now_ms(op) - DAY_MS), .ToMs = SOME_I64(op_now_ms(op) + 365 * DAY_MS) };
    signer_prefix(op, &k);
    key_i64(&k, op_now_ms(op));
    return op_rec_put(op, &k, &cloudtrail_rec_Signer_shape, &rec);
}

/* The newest of the Region. E_NOT_FOUND. */
static int look(struct op *op, struct cloudtrail_rec_Signer *ret)
{
    struct key from, to;
    struct str key, value;
    signer_prefix(op, &from);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), true);
    int rc = scan_next(s, &key, &value) ? op_rec_decode(op, value, &cloudtrail_rec_Signer_shape, ret) : E_NOT_FOUND, failed = scan_end(s);
    return failed ? failed : rc;
}

int signer_get(struct op *op, struct signer *ret)
{
    struct cloudtrail_rec_Signer rec = { 0 };
    int rc = look(op, &rec);
    if (rc == 0 && rec.ToMs.v < op_now_ms(op))
        rc = E_NOT_FOUND;
    if (rc)
        return rc;
    ret->fingerprint = rec.Fingerprint;
    return seal_open(op->arena, op->cloud->root_key, aad(op), rec.PrivateKey, &ret->private_key) ? E_CORRUPT : 0;
}

int signer_sign(struct op *op, const struct signer *s, struct str text, struct str *ret_hex)
{
    const uint8_t *der = (const uint8_t *)s->private_key.p;
    uint8_t signature[RSA_BITS / 8];
    size_t n = sizeof signature;
    KEY *k = d2i_AutoPrivateKey(NULL, &der, (long)s->private_key.n);
    MD_CTX *c = EVP_MD_CTX_new();
    if (!k || !c || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k) != 1 || EVP_DigestSign(c, signature, &n, (const uint8_t *)text.p, text.n) != 1)
        return E_IO;
    *ret_hex = hex_encode(op->arena, signature, n);
    return 0;
}

/* ---- ListPublicKeys ---- */

int cloudtrail_ListPublicKeys(struct op *op, const struct cloudtrail_ListPublicKeys_in *in, struct cloudtrail_ListPublicKeys_out *out)
{
    struct key from, to;
    struct str key, value;
    int bad = 0;
    int64_t first = opt_i64(in->StartTime, op_now_ms(op)), last = opt_i64(in->EndTime, op_now_ms(op));
    if (in->NextToken.p)
        return aws_fail(op, CLOUDTRAIL_InvalidTokenException, "Invalid NextToken.");
    if (first > last)
        return aws_fail(op, CLOUDTRAIL_InvalidTimeRangeException, "End time must be after start time.");
    out->PublicKeyList.set = true;
    signer_prefix(op, &from);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(s, &key, &value)) {
        struct cloudtrail_rec_Signer rec = { 0 };
        bad = op_rec_decode(op, value, &cloudtrail_rec_Signer_shape, &rec);
        if (bad == 0 && rec.FromMs.v <= last && rec.ToMs.v >= first)
            *list_push(op->arena, &out->PublicKeyList) = (struct cloudtrail_PublicKey){ .Value = rec.PublicKey, .Fingerprint = rec.Fingerprint,
                                                                                       .ValidityStartTime = rec.FromMs, .ValidityEndTime = rec.ToMs };
    }
    int rc = scan_end(s);
    return bad ? bad : rc;
}
