/* Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateRandom, MACs. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/code.h"
#include "services/kms/key.h"

enum { CONTEXT_BYTES_MAX = 8192, DATA_KEY_BYTES_MAX = 1024 };

static int check_common(struct op *op, struct str algorithm, const struct str_list *grants, const struct kms_RecipientInfo *recipient)
{
    if (recipient)
        return aws_unsupported(op, "Recipient");
    if (grants->n > 0)
        return aws_unsupported(op, "GrantTokens");
    if (algorithm.p && !str_is(algorithm, "SYMMETRIC_DEFAULT"))
        return aws_fail(op, KMS_InvalidKeyUsageException, "Algorithm %.*s is incompatible with key spec SYMMETRIC_DEFAULT.", STR_ARG(algorithm));
    return 0;
}

static int check_context(struct op *op, const struct str_map *context)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < context->n; i++)
        bytes += context->v[i].key.n + context->v[i].value.n;
    return bytes > CONTEXT_BYTES_MAX ? aws_fail(op, KMS_ValidationException, "EncryptionContext exceeds %d bytes", CONTEXT_BYTES_MAX) : 0;
}

static int dry_run(struct op *op, struct opt_bool asked)
{
    if (!opt_bool(asked, false))
        return 0;
    return aws_fail(op, KMS_DryRunOperationException, "The request would have succeeded, but the DryRun option is set.");
}

static int encrypt(struct op *op, const struct key_ref *k, const struct str_map *context, struct str plain, struct str *ret)
{
    struct str material;
    struct cipher_head h = { k->account, k->rec.Id, k->rec.Materials.n - 1 };
    int rc = kms_material_open(op, k, h.material, &material);
    if (rc < 0)
        return rc;
    *ret = cipher_write(op->arena, &h, (const uint8_t *)material.p, context, plain);
    return ret->p ? 0 : E_LIMIT;
}

static int bad_ciphertext(struct op *op) { return aws_fail(op, KMS_InvalidCiphertextException, "%s", ""); }

/* key_id: what the client says which key it is; absent: not said. */
static int decrypt(struct op *op, struct str blob, struct str key_id, const struct str_map *context, struct key_ref *k, uint32_t *ret_material,
                   struct str *ret)
{
    struct cipher_head h;
    struct key_ref said;
    struct str material;
    if (cipher_head_read(blob, &h) < 0)
        return bad_ciphertext(op);
    int rc = key_id.p ? kms_key_find(op, key_id, true, &said) : 0;
    if (rc < 0)
        return rc;
    rc = kms_key_by_id(op, h.account, h.key_id, k);
    if (rc == 0 && key_id.p && !str_eq(said.arn, k->arn))
        return aws_fail(op, KMS_IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.");
    if (rc == E_NOT_FOUND)
        return bad_ciphertext(op);
    if (rc == 0)
        rc = kms_check_state(op, k);
    if (rc < 0)
        return rc;
    if (!str_is(k->rec.Usage, "ENCRYPT_DECRYPT") || h.material >= k->rec.Materials.n)
        return bad_ciphertext(op);
    rc = kms_material_open(op, k, h.material, &material);
    if (rc < 0)
        return rc;
    *ret_material = h.material;
    return cipher_open(op->arena, blob, (const uint8_t *)material.p, context, ret) < 0 ? bad_ciphertext(op) : 0;
}

int kms_Encrypt(struct op *op, const struct kms_Encrypt_in *in, struct kms_Encrypt_out *out)
{
    struct key_ref k = { 0 };
    int rc = check_common(op, in->EncryptionAlgorithm, &in->GrantTokens, NULL);
    if (rc == 0)
        rc = check_context(op, &in->EncryptionContext);
    if (rc == 0)
        rc = kms_key_usable(op, in->KeyId, "ENCRYPT_DECRYPT", &k);
    if (rc == 0)
        rc = dry_run(op, in->DryRun);
    if (rc == 0)
        rc = encrypt(op, &k, &in->EncryptionContext, in->Plaintext, &out->CiphertextBlob);
    out->KeyId = k.arn;
    out->EncryptionAlgorithm = STR("SYMMETRIC_DEFAULT");
    return rc;
}

int kms_Decrypt(struct op *op, const struct kms_Decrypt_in *in, struct kms_Decrypt_out *out)
{
    struct key_ref k = { 0 };
    uint32_t material = 0;
    if (in->DryRunModifiers.n > 0)
        return aws_unsupported(op, "DryRunModifiers");
    int rc = check_common(op, in->EncryptionAlgorithm, &in->GrantTokens, in->Recipient);
    if (rc == 0)
        rc = check_context(op, &in->EncryptionContext);
    if (rc == 0)
        rc = decrypt(op, in->CiphertextBlob, in->KeyId, &in->EncryptionContext, &k, &material, &out->Plaintext);
    if (rc == 0)
        rc = dry_run(op, in->DryRun);
    if (rc < 0)
        return rc;
    out->KeyId = k.arn;
    out->EncryptionAlgorithm = STR("SYMMETRIC_DEFAULT");
    out->KeyMaterialId = k.rec.Materials.v[material].Id;
    return 0;
}

int kms_ReEncrypt(struct op *op, const struct kms_ReEncrypt_in *in, struct kms_ReEncrypt_out *out)
{
    struct key_ref from = { 0 }, to;
    uint32_t material = 0;
    struct str plain;
    if (in->DryRunModifiers.n > 0)
        return aws_unsupported(op, "DryRunModifiers");
    int rc = check_common(op, in->SourceEncryptionAlgorithm, &in->GrantTokens, NULL);
    if (rc == 0)
        rc = check_common(op, in->DestinationEncryptionAlgorithm, &in->GrantTokens, NULL);
    if (rc == 0)
        rc = check_context(op, &in->SourceEncryptionContext);
    if (rc == 0)
        rc = check_context(op, &in->DestinationEncryptionContext);
    if (rc == 0)
        rc = decrypt(op, in->CiphertextBlob, in->SourceKeyId, &in->SourceEncryptionContext, &from, &material, &plain);
    if (rc == 0)
        rc = kms_key_usable(op, in->DestinationKeyId, "ENCRYPT_DECRYPT", &to);
    if (rc == 0)
        rc = dry_run(op, in->DryRun);
    if (rc == 0)
        rc = encrypt(op, &to, &in->DestinationEncryptionContext, plain, &out->CiphertextBlob);
    if (rc < 0)
        return rc;
    out->SourceKeyId = from.arn;
    out->KeyId = to.arn;
    out->SourceEncryptionAlgorithm = out->DestinationEncryptionAlgorithm = STR("SYMMETRIC_DEFAULT");
    out->SourceKeyMaterialId = from.rec.Materials.v[material].Id;
    out->DestinationKeyMaterialId = to.rec.Materials.v[to.rec.Materials.n - 1].Id;
    return 0;
}

/* ---- data keys ---- */

static int data_key(struct op *op, const struct kms_GenerateDataKey_in *in, struct kms_GenerateDataKey_out *out)
{
    struct key_ref k;
    if (in->KeySpec.p ? in->NumberOfBytes.set : !in->NumberOfBytes.set)
        return aws_fail(op, KMS_ValidationException, "Please specify either number of bytes or key spec.");
    size_t n = in->KeySpec.p ? (str_is(in->KeySpec, "AES_128") ? 16 : 32) : (size_t)in->NumberOfBytes.v;
    int rc = check_common(op, STR_NONE, &in->GrantTokens, in->Recipient);
    if (rc == 0)
        rc = check_context(op, &in->EncryptionContext);
    if (rc == 0)
        rc = kms_key_usable(op, in->KeyId, "ENCRYPT_DECRYPT", &k);
    if (rc == 0)
        rc = dry_run(op, in->DryRun);
    if (rc < 0)
        return rc;
    char *bytes = arena_alloc(op->arena, n);
    random_bytes(bytes, n);
    out->Plaintext = (struct str){ bytes, n };
    seal_erase_later(op->arena, out->Plaintext);
    out->KeyId = k.arn;
    out->KeyMaterialId = k.rec.Materials.v[k.rec.Materials.n - 1].Id;
    return encrypt(op, &k, &in->EncryptionContext, out->Plaintext, &out->CiphertextBlob);
}

int kms_GenerateDataKey(struct op *op, const struct kms_GenerateDataKey_in *in, struct kms_GenerateDataKey_out *out) { return data_key(op, in, out); }

int kms_GenerateDataKeyWithoutPlaintext(struct op *op, const struct kms_GenerateDataKeyWithoutPlaintext_in *in,
                                        struct kms_GenerateDataKeyWithoutPlaintext_out *out)
{
    struct kms_GenerateDataKey_in same = {
        .KeyId = in->KeyId, .EncryptionContext = in->EncryptionContext, .KeySpec = in->KeySpec, .NumberOfBytes = in->NumberOfBytes,
        .GrantTokens = in->GrantTokens, .DryRun = in->DryRun,
    };
    struct kms_GenerateDataKey_out whole = { 0 };
    int rc = data_key(op, &same, &whole);
    *out = (struct kms_GenerateDataKeyWithoutPlaintext_out){
        .CiphertextBlob = whole.CiphertextBlob, .KeyId = whole.KeyId, .KeyMaterialId = whole.KeyMaterialId,
    };
    return rc;
}

int kms_GenerateRandom(struct op *op, const struct kms_GenerateRandom_in *in, struct kms_GenerateRandom_out *out)
{
    if (in->CustomKeyStoreId.p)
        return aws_unsupported(op, "CustomKeyStoreId");
    if (in->Recipient)
        return aws_unsupported(op, "Recipient");
    int64_t n = opt_i64(in->NumberOfBytes, 0);
    if (n < 1 || n > DATA_KEY_BYTES_MAX)
        return aws_fail(op, KMS_ValidationException, "NumberOfBytes must be between 1 and %d.", DATA_KEY_BYTES_MAX);
    char *bytes = arena_alloc(op->arena, (size_t)n);
    random_bytes(bytes, (size_t)n);
    out->Plaintext = (struct str){ bytes, (size_t)n };
    seal_erase_later(op->arena, out->Plaintext);
    return 0;
}

/* ---- MACs ---- */

static int mac(struct op *op, struct str key_id, struct str algorithm, struct str message, struct key_ref *k, struct str *ret)
{
    struct str material, bits;
    unsigned n = 0;
    int rc = kms_key_usable(op, key_id, "GENERATE_VERIFY_MAC", k);
    if (rc < 0)
        return rc;
    bits = str_sub(k->rec.Spec, 5, k->rec.Spec.n);
    if (!str_eq(str_sub(algorithm, 9, algorithm.n), bits))
        return aws_fail(op, KMS_InvalidKeyUsageException, "Algorithm %.*s is incompatible with key spec %.*s.", STR_ARG(algorithm), STR_ARG(k->rec.Spec));
    rc = kms_material_open(op, k, k->rec.Materials.n - 1, &material);
    if (rc < 0)
        return rc;
    const EVP_MD *md = str_is(bits, "224") ? EVP_sha224() : str_is(bits, "256") ? EVP_sha256() : str_is(bits, "384") ? EVP_sha384() : EVP_sha512();
    uint8_t *out = arena_alloc(op->arena, EVP_MAX_MD_SIZE);
    if (!HMAC(md, material.p, (int)material.n, (const uint8_t *)message.p, message.n, out, &n))
        return E_IO;
    *ret = (struct str){ (char *)out, n };
    return 0;
}

int kms_GenerateMac(struct op *op, const struct kms_GenerateMac_in *in, struct kms_GenerateMac_out *out)
{
    struct key_ref k = { 0 };
    int rc = check_common(op, STR_NONE, &in->GrantTokens, NULL);
    if (rc == 0)
        rc = mac(op, in->KeyId, in->MacAlgorithm, in->Message, &k, &out->Mac);
    if (rc == 0)
        rc = dry_run(op, in->DryRun);
    out->KeyId = k.arn;
    out->MacAlgorithm = in->MacAlgorithm;
    return rc;
}

int kms_VerifyMac(struct op *op, const struct kms_VerifyMac_in *in, struct kms_VerifyMac_out *out)
{
    struct key_ref k;
    struct str right;
    int rc = check_common(op, STR_NONE, &in->GrantTokens, NULL);
    if (rc == 0)
        rc = mac(op, in->KeyId, in->MacAlgorithm, in->Message, &k, &right);
    if (rc < 0)
        return rc;
    if (!str_eq_consttime(right, in->Mac))
        return aws_fail(op, KMS_KMSInvalidMacException, "%s", "");
    rc = dry_run(op, in->DryRun);
    out->KeyId = k.arn;
    out->MacAlgorithm = in->MacAlgorithm;
    out->MacValid = SOME_BOOL(true);
    return rc;
}
