/* Values at rest: sealed (AES-256-GCM) under a data key of the secret's KMS key, which the store keeps as KMS sealed it. The caller asks KMS, so the
 * key's policy decides about him, too; the encryption context is AWS's (SecretARN, SecretVersionId). */
#include "base/arena.h"
#include "cloud/envelope.h"
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

static struct envelope envelope_of(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v)
{
    struct envelope e = { .account = s->account, .region = s->region, .key_id = opt_str(v->KmsKeyId, DEFAULT_KEY) };
    str_map_put(op->arena, &e.context, STR("SecretARN"), s->arn);
    str_map_put(op->arena, &e.context, STR("SecretVersionId"), v->Id);
    return e;
}

/* KMS's refusal in the words of this service; AWS passes AccessDenied on as KMS says it. */
static int refused(struct op *op, int rc, const struct op_failure *failure, const struct aws_error *error)
{
    if (rc != E_AWS)
        return rc;
    if (str_is(envelope_refusal(failure), "AccessDeniedException"))
        return aws_fail(op, AWS_AccessDenied, "Access to KMS is not allowed");
    return aws_fail(op, error, "Secrets Manager can't %s: %.*s",
                    error == SECRETSMANAGER_EncryptionFailure ? "encrypt the protected secret text using the provided KMS key"
                                                              : "decrypt the protected secret text using the provided KMS key",
                    STR_ARG(failure->message));
}

int value_put(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, const struct secret_value *value)
{
    struct envelope e = envelope_of(op, s, v);
    const struct data_key *made;
    struct op_failure failure;
    struct key k;
    bool is_binary = str_set(value->binary);
    int rc = envelope_key_new(op, &e, &made, &failure);
    if (rc < 0)
        return refused(op, rc, &failure, SECRETSMANAGER_EncryptionFailure);
    struct secretsmanager_rec_Value rec = {
        .IsBinary = SOME_BOOL(is_binary),
        .DataKey = made->wrapped,
        .Sealed = seal(op->arena, made->key, s->arn, is_binary ? value->binary : value->string),
    };
    value_key(op, &k, s, v->Id);
    return op_rec_put(op, &k, &secretsmanager_rec_Value_shape, &rec);
}

int value_get(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, struct secret_value *ret)
{
    struct secretsmanager_rec_Value rec = { 0 };
    struct envelope e = envelope_of(op, s, v);
    const struct data_key *opened;
    struct op_failure failure;
    struct key k;
    value_key(op, &k, s, v->Id);
    int rc = op_rec_get(op, &k, &secretsmanager_rec_Value_shape, &rec);
    if (rc < 0)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    rc = rec.DataKey.n > 0 ? envelope_key_open(op, &e, rec.DataKey, &opened, &failure) : E_CORRUPT;
    if (rc < 0)
        return refused(op, rc, &failure, SECRETSMANAGER_DecryptionFailure);
    *ret = (struct secret_value){ 0 };
    struct str *plain = opt_bool(rec.IsBinary, false) ? &ret->binary : &ret->string;
    return seal_open(op->arena, opened->key, s->arn, rec.Sealed, plain) < 0 ? E_CORRUPT : 0;
}

int value_erase(struct op *op, const struct secret *s, struct str version_id)
{
    struct key k;
    value_key(op, &k, s, version_id);
    return op_rec_delete(op, &k);
}
