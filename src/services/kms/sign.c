/* What asymmetric keys do beside encrypting: Sign, Verify, GetPublicKey, DeriveSharedSecret; and GenerateDataKeyPair. */
#include "base/arena.h"
#include "services/kms/crypto.h"
#include "services/kms/maker.h"
#include "services/kms/pair.h"

#define SYMMETRIC STR("SYMMETRIC_DEFAULT")

/* ---- signatures ---- */

struct signing_request {
    struct str key_id, message, type, algorithm;
};

/* The key, and that message and algorithm fit it. */
static int find_signing(struct op *op, const struct signing_request *r, struct key_ref *k, bool *ret_is_digest)
{
    size_t digest_bytes = pair_digest_bytes(r->algorithm);
    *ret_is_digest = str_is(r->type, "DIGEST");
    if (str_is(r->algorithm, "ED25519_PH_SHA_512"))
        return aws_unsupported(op, "SigningAlgorithm ED25519_PH_SHA_512");
    int rc = kms_key_usable(op, r->key_id, "SIGN_VERIFY", k);
    if (rc == 0)
        rc = kms_algorithm_check(op, k, r->algorithm);
    if (rc < 0)
        return rc;
    if (str_is(r->type, "EXTERNAL_MU") || (*ret_is_digest && digest_bytes == 0))
        return aws_fail(op, KMS_ValidationException, "MessageType %.*s is not supported with the signing algorithm %.*s.", STR_ARG(r->type),
                        STR_ARG(r->algorithm));
    if (*ret_is_digest && r->message.n != digest_bytes)
        return aws_fail(op, KMS_ValidationException, "Digest is invalid length for algorithm %.*s.", STR_ARG(r->algorithm));
    return 0;
}

int kms_Sign(struct op *op, const struct kms_Sign_in *in, struct kms_Sign_out *out)
{
    struct signing_request r = { in->KeyId, in->Message, in->MessageType, in->SigningAlgorithm };
    struct key_ref k = { 0 };
    struct str private_key;
    bool is_digest;
    int rc = kms_request_check(op, &in->GrantTokens, NULL, NULL);
    if (rc == 0)
        rc = find_signing(op, &r, &k, &is_digest);
    if (rc == 0)
        rc = kms_current_open(op, &k, &private_key);
    if (rc == 0)
        rc = pair_sign(op->arena, private_key, r.algorithm, r.message, is_digest, &out->Signature);
    out->KeyId = k.arn;
    out->SigningAlgorithm = r.algorithm;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

int kms_Verify(struct op *op, const struct kms_Verify_in *in, struct kms_Verify_out *out)
{
    struct signing_request r = { in->KeyId, in->Message, in->MessageType, in->SigningAlgorithm };
    struct key_ref k = { 0 };
    bool is_digest;
    int rc = kms_request_check(op, &in->GrantTokens, NULL, NULL);
    if (rc == 0)
        rc = find_signing(op, &r, &k, &is_digest);
    if (rc < 0)
        return rc;
    rc = pair_verify(k.rec.PublicKey, r.algorithm, r.message, is_digest, in->Signature);
    if (rc == E_INVALID)
        return aws_fail(op, KMS_KMSInvalidSignatureException, "%s", "");
    out->KeyId = k.arn;
    out->SigningAlgorithm = r.algorithm;
    out->SignatureValid = SOME_BOOL(true);
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

/* ---- public keys, shared secrets ---- */

int kms_GetPublicKey(struct op *op, const struct kms_GetPublicKey_in *in, struct kms_GetPublicKey_out *out)
{
    struct key_ref k;
    int rc = kms_request_check(op, &in->GrantTokens, NULL, NULL);
    if (rc == 0)
        rc = kms_key_find(op, in->KeyId, true, &k);
    if (rc == 0)
        rc = kms_check_state(op, &k);
    if (rc < 0)
        return rc;
    if (!spec_is_pair(k.spec))
        return aws_fail(op, KMS_UnsupportedOperationException, "%.*s keyspec is %.*s which is not valid for this operation.", STR_ARG(k.arn),
                        STR_ARG(k.rec.Spec));
    const struct kms_KeyMetadata *m = kms_describe(op, &k);
    *out = (struct kms_GetPublicKey_out){
        .KeyId = k.arn, .PublicKey = k.rec.PublicKey, .CustomerMasterKeySpec = k.rec.Spec, .KeySpec = k.rec.Spec, .KeyUsage = k.rec.Usage,
        .EncryptionAlgorithms = m->EncryptionAlgorithms, .SigningAlgorithms = m->SigningAlgorithms,
        .KeyAgreementAlgorithms = m->KeyAgreementAlgorithms,
    };
    return 0;
}

int kms_DeriveSharedSecret(struct op *op, const struct kms_DeriveSharedSecret_in *in, struct kms_DeriveSharedSecret_out *out)
{
    struct key_ref k = { 0 };
    struct str private_key;
    int rc = kms_request_check(op, &in->GrantTokens, NULL, in->Recipient);
    if (rc == 0)
        rc = kms_key_usable(op, in->KeyId, "KEY_AGREEMENT", &k);
    if (rc == 0)
        rc = kms_current_open(op, &k, &private_key);
    if (rc == 0)
        rc = pair_derive(op->arena, private_key, in->PublicKey, &out->SharedSecret);
    if (rc == E_INVALID)
        return aws_fail(op, KMS_ValidationException, "%s", "");
    out->KeyId = k.arn;
    out->KeyAgreementAlgorithm = in->KeyAgreementAlgorithm;
    out->KeyOrigin = opt_str(k.rec.Origin, STR("AWS_KMS"));
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

/* ---- data key pairs ---- */

int kms_GenerateDataKeyPair(struct op *op, const struct kms_GenerateDataKeyPair_in *in, struct kms_GenerateDataKeyPair_out *out)
{
    struct key_ref k = { 0 };
    const struct key_spec *spec = spec_find(in->KeyPairSpec);
    if (!spec)
        return aws_unsupported(op, str_printf(op->arena, "KeyPairSpec %.*s", STR_ARG(in->KeyPairSpec)).p);
    int rc = kms_request_check(op, &in->GrantTokens, &in->EncryptionContext, in->Recipient);
    if (rc == 0)
        rc = kms_key_usable(op, in->KeyId, "ENCRYPT_DECRYPT", &k);
    if (rc == 0)
        rc = kms_algorithm_check(op, &k, SYMMETRIC);
    if (rc == 0)
        rc = kms_dry_run(op, in->DryRun);
    if (rc == 0)
        rc = maker_pair(op, spec, &out->PrivateKeyPlaintext, &out->PublicKey);
    if (rc == 0)
        rc = kms_encrypt(op, &k, SYMMETRIC, &in->EncryptionContext, out->PrivateKeyPlaintext, &out->PrivateKeyCiphertextBlob, &out->KeyMaterialId);
    out->KeyId = k.arn;
    out->KeyPairSpec = in->KeyPairSpec;
    return rc;
}

int kms_GenerateDataKeyPairWithoutPlaintext(struct op *op, const struct kms_GenerateDataKeyPairWithoutPlaintext_in *in,
                                            struct kms_GenerateDataKeyPairWithoutPlaintext_out *out)
{
    struct kms_GenerateDataKeyPair_in same = {
        .KeyId = in->KeyId, .EncryptionContext = in->EncryptionContext, .KeyPairSpec = in->KeyPairSpec, .GrantTokens = in->GrantTokens,
        .DryRun = in->DryRun,
    };
    struct kms_GenerateDataKeyPair_out whole = { 0 };
    int rc = kms_GenerateDataKeyPair(op, &same, &whole);
    *out = (struct kms_GenerateDataKeyPairWithoutPlaintext_out){
        .PrivateKeyCiphertextBlob = whole.PrivateKeyCiphertextBlob, .PublicKey = whole.PublicKey, .KeyId = whole.KeyId,
        .KeyPairSpec = whole.KeyPairSpec, .KeyMaterialId = whole.KeyMaterialId,
    };
    return rc;
}
