/* Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateRandom, and what all cryptographic operations share. */
#include "services/kms/crypto.h"

#include "aws/error.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/kms/grant.h"
#include "services/kms/pair.h"

enum { CONTEXT_BYTES_MAX = 8192 };
#define SYMMETRIC STR("SYMMETRIC_DEFAULT")

/* ---- shared ---- */

int kms_request_check(struct op *op, const struct str_list *tokens, const struct str_map *context, const struct kms_RecipientInfo *recipient)
{
    size_t bytes = 0;
    if (recipient)
        return aws_unsupported(op, "Recipient");
    for (uint32_t i = 0; context && i < context->n; i++)
        bytes += context->v[i].key.n + context->v[i].value.n;
    if (bytes > CONTEXT_BYTES_MAX)
        return aws_fail(op, KMS_ValidationException, "EncryptionContext exceeds %d bytes", CONTEXT_BYTES_MAX);
    return tokens ? kms_tokens_check(op, tokens) : 0;
}

int kms_dry_run(struct op *op, struct opt_bool asked)
{
    if (!opt_bool(asked, false))
        return 0;
    return aws_fail(op, KMS_DryRunOperationException, "The request would have succeeded, but the DryRun option is set.");
}

int kms_algorithm_check(struct op *op, const struct key_ref *k, struct str algorithm)
{
    if (spec_has_algorithm(k->spec, k->rec.Usage, algorithm))
        return 0;
    return aws_fail(op, KMS_InvalidKeyUsageException, "Algorithm %.*s is incompatible with key spec %.*s.", STR_ARG(algorithm), STR_ARG(k->rec.Spec));
}

int kms_current_open(struct op *op, const struct key_ref *k, struct str *ret) { return kms_material_open(op, k, kms_material_current(k), ret); }

static int encrypt_with_pair(struct op *op, const struct key_ref *k, struct str algorithm, const struct str_map *context, struct str plain,
                             struct str *ret)
{
    size_t max = pair_plain_bytes_max(k->spec, algorithm);
    if (context->n > 0)
        return aws_fail(op, KMS_ValidationException, "EncryptionContext is not supported with the algorithm %.*s.", STR_ARG(algorithm));
    if (plain.n > max)
        return aws_fail(op, KMS_ValidationException, "Algorithm %.*s and key spec %.*s cannot encrypt data larger than %zu bytes.", STR_ARG(algorithm),
                        STR_ARG(k->rec.Spec), max);
    return pair_encrypt(op->arena, k->rec.PublicKey, algorithm, plain, ret);
}

int kms_encrypt(struct op *op, const struct key_ref *k, struct str algorithm, const struct str_map *context, struct str plain, struct str *ret,
                struct str *ret_material)
{
    struct str material;
    if (spec_is_pair(k->spec))
        return encrypt_with_pair(op, k, algorithm, context, plain, ret);
    struct cipher_head h = { k->account, k->rec.Id, kms_material_current(k) };
    int rc = kms_material_open(op, k, h.material, &material);
    if (rc < 0)
        return rc;
    *ret = cipher_write(op->arena, &h, (const uint8_t *)material.p, context, plain);
    if (ret_material)
        *ret_material = k->rec.Materials.v[h.material].Id;
    return ret->p ? 0 : E_LIMIT;
}

static int find_encrypting(struct op *op, struct str id, struct str algorithm, struct key_ref *k)
{
    int rc = kms_key_usable(op, id, "ENCRYPT_DECRYPT", k);
    return rc < 0 ? rc : kms_algorithm_check(op, k, algorithm);
}

/* ---- decrypting ---- */

struct opening {
    struct str blob, key_id, algorithm; /* key_id: what the client says which key it is; absent: not said */
    const struct str_map *context;
    bool ignore_blob;                   /* a dry run of the permission alone */
};

static int bad_ciphertext(struct op *op) { return aws_fail(op, KMS_InvalidCiphertextException, "%s", ""); }

static int decrypt_with_pair(struct op *op, const struct opening *o, struct key_ref *k, struct str *ret)
{
    struct str material;
    if (!o->key_id.p)
        return aws_fail(op, KMS_ValidationException, "KeyId is required when EncryptionAlgorithm is %.*s.", STR_ARG(o->algorithm));
    int rc = find_encrypting(op, o->key_id, o->algorithm, k);
    if (rc == 0)
        rc = kms_current_open(op, k, &material);
    if (rc < 0)
        return rc;
    rc = pair_decrypt(op->arena, material, o->algorithm, o->blob, ret);
    return rc == E_INVALID ? bad_ciphertext(op) : rc;
}

static int find_by_blob(struct op *op, const struct opening *o, struct key_ref *k, uint32_t *ret_material)
{
    struct cipher_head h;
    struct key_ref said;
    if (cipher_head_read(o->blob, &h) < 0)
        return bad_ciphertext(op);
    int rc = o->key_id.p ? kms_key_find(op, o->key_id, true, &said) : 0;
    if (rc < 0)
        return rc;
    rc = kms_key_by_id(op, h.account, op->region, h.key_id, k);
    if (o->key_id.p && (rc == E_NOT_FOUND || (rc == 0 && !str_eq(said.arn, k->arn))))
        return aws_fail(op, KMS_IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.");
    if (rc == E_NOT_FOUND)
        return aws_fail(op, AWS_AccessDenied, "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or "
                                              "you are not allowed to access.");
    *ret_material = h.material;
    return rc;
}

/* ret_material: the id of the material, absent for pairs. */
static int decrypt(struct op *op, const struct opening *o, struct key_ref *k, struct str *ret, struct str *ret_material)
{
    uint32_t index = 0;
    struct str material;
    *ret_material = STR_NONE;
    if (o->ignore_blob)
        return find_encrypting(op, o->key_id, o->algorithm, k);
    if (!o->blob.p)
        return aws_fail(op, KMS_ValidationException,
                        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null");
    if (!str_eq(o->algorithm, SYMMETRIC))
        return decrypt_with_pair(op, o, k, ret);
    int rc = find_by_blob(op, o, k, &index);
    if (rc == 0)
        rc = kms_check_state(op, k);
    if (rc == 0)
        rc = kms_material_open(op, k, index, &material);
    if (rc == E_INVALID || (rc == 0 && cipher_open(op->arena, o->blob, (const uint8_t *)material.p, o->context, ret) < 0))
        return bad_ciphertext(op);
    if (rc == 0)
        *ret_material = k->rec.Materials.v[index].Id;
    return rc;
}

static int read_modifiers(struct op *op, const struct str_list *modifiers, struct opt_bool dry, struct opening *o)
{
    o->ignore_blob = str_list_has(modifiers, STR("IGNORE_CIPHERTEXT"));
    if (modifiers->n > 0 && !opt_bool(dry, false))
        return aws_fail(op, KMS_ValidationException, "DryRunModifiers can be specified only when DryRun is true.");
    if (o->ignore_blob && !o->key_id.p)
        return aws_fail(op, KMS_ValidationException, "A key must be specified when DryRunModifiers is IGNORE_CIPHERTEXT.");
    return 0;
}

/* ---- the operations ---- */

int kms_Encrypt(struct op *op, const struct kms_Encrypt_in *in, struct kms_Encrypt_out *out)
{
    struct key_ref k = { 0 };
    struct str algorithm = opt_str(in->EncryptionAlgorithm, SYMMETRIC);
    int rc = kms_request_check(op, &in->GrantTokens, &in->EncryptionContext, NULL);
    if (rc == 0)
        rc = find_encrypting(op, in->KeyId, algorithm, &k);
    if (rc == 0)
        rc = kms_encrypt(op, &k, algorithm, &in->EncryptionContext, in->Plaintext, &out->CiphertextBlob, NULL);
    out->KeyId = k.arn;
    out->EncryptionAlgorithm = algorithm;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

int kms_Decrypt(struct op *op, const struct kms_Decrypt_in *in, struct kms_Decrypt_out *out)
{
    struct key_ref k = { 0 };
    struct opening o = { in->CiphertextBlob, in->KeyId, opt_str(in->EncryptionAlgorithm, SYMMETRIC), &in->EncryptionContext, false };
    int rc = kms_request_check(op, &in->GrantTokens, &in->EncryptionContext, in->Recipient);
    if (rc == 0)
        rc = read_modifiers(op, &in->DryRunModifiers, in->DryRun, &o);
    if (rc == 0)
        rc = decrypt(op, &o, &k, &out->Plaintext, &out->KeyMaterialId);
    out->KeyId = k.arn;
    out->EncryptionAlgorithm = o.algorithm;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

int kms_ReEncrypt(struct op *op, const struct kms_ReEncrypt_in *in, struct kms_ReEncrypt_out *out)
{
    struct key_ref from = { 0 }, to = { 0 };
    struct str plain = STR(""), algorithm = opt_str(in->DestinationEncryptionAlgorithm, SYMMETRIC);
    struct opening o = { in->CiphertextBlob, in->SourceKeyId, opt_str(in->SourceEncryptionAlgorithm, SYMMETRIC), &in->SourceEncryptionContext, false };
    int rc = kms_request_check(op, &in->GrantTokens, &in->SourceEncryptionContext, NULL);
    if (rc == 0)
        rc = kms_request_check(op, NULL, &in->DestinationEncryptionContext, NULL);
    if (rc == 0)
        rc = read_modifiers(op, &in->DryRunModifiers, in->DryRun, &o);
    if (rc == 0)
        rc = decrypt(op, &o, &from, &plain, &out->SourceKeyMaterialId);
    if (rc == 0)
        rc = find_encrypting(op, in->DestinationKeyId, algorithm, &to);
    if (rc == 0)
        rc = kms_encrypt(op, &to, algorithm, &in->DestinationEncryptionContext, plain, &out->CiphertextBlob, &out->DestinationKeyMaterialId);
    out->SourceKeyId = from.arn;
    out->KeyId = to.arn;
    out->SourceEncryptionAlgorithm = o.algorithm;
    out->DestinationEncryptionAlgorithm = algorithm;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

/* ---- data keys ---- */

static int random_text(struct op *op, size_t n, struct str *ret)
{
    char *bytes = arena_alloc(op->arena, n);
    random_bytes(bytes, n);
    *ret = (struct str){ bytes, n };
    seal_erase_later(op->arena, *ret);
    return 0;
}

int kms_GenerateDataKey(struct op *op, const struct kms_GenerateDataKey_in *in, struct kms_GenerateDataKey_out *out)
{
    struct key_ref k = { 0 };
    if (in->KeySpec.p ? in->NumberOfBytes.set : !in->NumberOfBytes.set)
        return aws_fail(op, KMS_ValidationException, "Please specify either number of bytes or key spec.");
    size_t n = in->KeySpec.p ? (str_is(in->KeySpec, "AES_128") ? 16 : 32) : (size_t)in->NumberOfBytes.v;
    int rc = kms_request_check(op, &in->GrantTokens, &in->EncryptionContext, in->Recipient);
    if (rc == 0)
        rc = find_encrypting(op, in->KeyId, SYMMETRIC, &k);
    if (rc == 0)
        rc = random_text(op, n, &out->Plaintext);
    if (rc == 0)
        rc = kms_encrypt(op, &k, SYMMETRIC, &in->EncryptionContext, out->Plaintext, &out->CiphertextBlob, &out->KeyMaterialId);
    out->KeyId = k.arn;
    return rc < 0 ? rc : kms_dry_run(op, in->DryRun);
}

int kms_GenerateDataKeyWithoutPlaintext(struct op *op, const struct kms_GenerateDataKeyWithoutPlaintext_in *in,
                                        struct kms_GenerateDataKeyWithoutPlaintext_out *out)
{
    struct kms_GenerateDataKey_in same = {
        .KeyId = in->KeyId, .EncryptionContext = in->EncryptionContext, .KeySpec = in->KeySpec, .NumberOfBytes = in->NumberOfBytes,
        .GrantTokens = in->GrantTokens, .DryRun = in->DryRun,
    };
    struct kms_GenerateDataKey_out whole = { 0 };
    int rc = kms_GenerateDataKey(op, &same, &whole);
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
    if (!in->NumberOfBytes.set)
        return aws_fail(op, KMS_ValidationException, "NumberOfBytes is required.");
    return random_text(op, (size_t)in->NumberOfBytes.v, &out->Plaintext);
}
