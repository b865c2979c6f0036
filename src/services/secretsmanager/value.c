/* Values at rest: sealed (AES-256-GCM) under a data key of the secret's KMS key, which the store keeps as KMS sealed it. The caller asks KMS, so the
 * key's policy decides about him, too; the encryption context is AWS's (SecretARN, SecretVersionId). */
#include "base/arena.h"
#include "base/seal.h"
#include "cloud/call.h"
#include "gen/kms.h"
#include "services/secretsmanager/secret.h"

#define DEFAULT_KEY STR("alias/aws/secretsmanager")

static void value_key(struct op *op, struct key *k, const struct secret *s, struct str version_id)
{
    op_key_in(op, k, s->account, s->region, &secretsmanager_kind_value);
    key_str(k, s->rec.Name);
    key_str(k, s->rec.Suffix);
    key_str(k, version_id);
}

bool value_eq(const struct secret_value *a, const struct secret_value *b)
{
    if (str_set(a->string) != str_set(b->string))
        return false;
    return str_set(a->string) ? str_eq_consttime(a->string, b->string) : str_eq_consttime(a->binary, b->binary);
}

static void context_of(struct op *op, const struct secret *s, struct str version_id, struct str_map *ret)
{
    *ret = (struct str_map){ 0 };
    str_map_put(op->arena, ret, STR("SecretARN"), s->arn);
    str_map_put(op->arena, ret, STR("SecretVersionId"), version_id);
}

/* KMS's refusal in the words of this service; AWS passes AccessDenied on as KMS says it. */
static int refused(struct op *op, int rc, const struct op_failure *failure, const struct aws_error *error)
{
    if (rc != E_AWS)
        return rc;
    if (str_starts(str_c(failure->error->code), STR("AccessDenied")))
        return aws_fail(op, AWS_AccessDenied, "Access to KMS is not allowed");
    return aws_fail(op, error, "Secrets Manager can't %s: %.*s",
                    error == SECRETSMANAGER_EncryptionFailure ? "encrypt the protected secret text using the provided KMS key"
                                                              : "decrypt the protected secret text using the provided KMS key",
                    STR_ARG(failure->message));
}

int value_put(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, const struct secret_value *value)
{
    struct kms_GenerateDataKey_in in = { .KeyId = opt_str(v->KmsKeyId, DEFAULT_KEY), .KeySpec = STR("AES_256") };
    struct kms_GenerateDataKey_out made = { 0 };
    struct op_failure failure;
    struct key k;
    bool is_binary = str_set(value->binary);
    context_of(op, s, v->Id, &in.EncryptionContext);
    int rc = cloud_call_in(op, s->account, s->region, "kms", "GenerateDataKey", op->caller, &in, &made, &failure);
    if (rc < 0)
        return refused(op, rc, &failure, SECRETSMANAGER_EncryptionFailure);
    struct secretsmanager_rec_Value rec = {
        .IsBinary = SOME_BOOL(is_binary),
        .DataKey = made.CiphertextBlob,
        .Sealed = seal(op->arena, (const uint8_t *)made.Plaintext.p, s->arn, is_binary ? value->binary : value->string),
    };
    value_key(op, &k, s, v->Id);
    return op_rec_put(op, &k, &secretsmanager_rec_Value_shape, &rec);
}

int value_get(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, struct secret_value *ret)
{
    struct secretsmanager_rec_Value rec = { 0 };
    struct kms_Decrypt_in in = { 0 };
    struct kms_Decrypt_out opened = { 0 };
    struct op_failure failure;
    struct key k;
    value_key(op, &k, s, v->Id);
    int rc = op_rec_get(op, &k, &secretsmanager_rec_Value_shape, &rec);
    if (rc < 0)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    in.CiphertextBlob = rec.DataKey;
    context_of(op, s, v->Id, &in.EncryptionContext);
    rc = cloud_call_in(op, s->account, s->region, "kms", "Decrypt", op->caller, &in, &opened, &failure);
    if (rc < 0)
        return refused(op, rc, &failure, SECRETSMANAGER_DecryptionFailure);
    *ret = (struct secret_value){ 0 };
    if (opened.Plaintext.n != SEAL_KEY_BYTES)
        return E_CORRUPT;
    struct str *plain = opt_bool(rec.IsBinary, false) ? &ret->binary : &ret->string;
    return seal_open(op->arena, (const uint8_t *)opened.Plaintext.p, s->arn, rec.Sealed, plain) < 0 ? E_CORRUPT : 0;
}

int value_erase(struct op *op, const struct secret *s, struct str version_id)
{
    struct key k;
    value_key(op, &k, s, version_id);
    return op_rec_delete(op, &k);
}
