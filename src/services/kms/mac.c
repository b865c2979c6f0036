/* GenerateMac, VerifyMac. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "services/kms/crypto.h"

static int mac(struct op *op, struct str key_id, struct str algorithm, struct str message, struct key_ref *k, struct str *ret)
{
    struct str material;
    unsigned n = 0;
    int rc = kms_key_usable(op, key_id, "GENERATE_VERIFY_MAC", k);
    if (rc == 0)
        rc = kms_algorithm_check(op, k, algorithm);
    if (rc == 0)
        rc = kms_current_open(op, k, &material);
    if (rc < 0)
        return rc;
    int bits = k->spec->bits;
    const EVP_MD *md = bits == 224 ? EVP_sha224() : bits == 256 ? EVP_sha256() : bits == 384 ? EVP_sha384() : EVP_sha512();
    uint8_t *out = arena_alloc(op->arena, EVP_MAX_MD_SIZE);
    if (!HMAC(md, material.p, (int)material.n, (const uint8_t *)message.p, message.n, out, &n))
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

int kms_GenerateMac(struct op *op, const struct kms_GenerateMac_in *in, struct kms_GenerateMac_out *out)
{
    struct key_ref k = { 0 };
    int rc = kms_request_check(op, &in->GrantTokens, NULL, NULL);
    if (rc == 0)
        rc = mac(op, in->KeyId, in->MacAlgorithm, in->Message, &k, &out->Mac);
    out->KeyId = k.arn;
    out->MacAlgorithm = in->MacAlgorithm;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

int kms_VerifyMac(struct op *op, const struct kms_VerifyMac_in *in, struct kms_VerifyMac_out *out)
{
    struct key_ref k = { 0 };
    struct str right;
    int rc = kms_request_check(op, &in->GrantTokens, NULL, NULL);
    if (rc == 0)
        rc = mac(op, in->KeyId, in->MacAlgorithm, in->Message, &k, &right);
    if (rc == 0 && !str_eq_consttime(right, in->Mac))
        return aws_fail(op, KMS_KMSInvalidMacException, "%s", "");
    out->KeyId = k.arn;
    out->MacAlgorithm = in->MacAlgorithm;
    out->MacValid = SOME_BOOL(true);
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}
