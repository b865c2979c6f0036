#include "services/s3/seal.h"

#include <string.h>

enum { BUCKET_KEY_MS = 5 * 60 * 1000 };

static struct envelope envelope_of(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o)
{
    struct envelope e = { .account = b->Account, .region = b->Region };
    bool bucket_key = opt_bool(o->BucketKey, false);
    if (!str_is(o->Encryption, "aws:kms"))
        return e;
    e.key_id = opt_str(o->KmsKeyId, STR("alias/aws/s3"));
    e.reuse_ms = bucket_key ? BUCKET_KEY_MS : 0;
    for list_each(c, &o->Context)
        str_map_put(op->arena, &e.context, c->key, c->value);
    str_map_put(op->arena, &e.context, STR("aws:s3:arn"), bucket_key ? s3_arn_bucket(op, b->Name) : s3_arn_object(op, b->Name, key));
    return e;
}

/* S3 says what KMS says, with KMS. before its code; who may not is told so as by S3 itself. */
static int refused(struct op *op, int rc, const struct op_failure *failure)
{
    if (rc != E_AWS)
        return rc;
    struct str code = envelope_refusal(failure);
    if (str_is(code, "AccessDeniedException"))
        return aws_fail(op, AWS_AccessDenied, "%.*s", STR_ARG(failure->message));
    struct aws_error *e = arena_one(op->arena, struct aws_error);
    *e = (struct aws_error){ .status = 400, .sender_fault = true };
    e->name = e->code = str_printf(op->arena, "KMS.%.*s", STR_ARG(code)).p;
    return aws_fail(op, e, "%.*s", STR_ARG(failure->message));
}

static struct str secret_of(const struct blob *body) { return (struct str){ (const char *)body->key, sizeof body->key }; }

void s3_body_seal_with(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct data_key *k, const struct blob *body,
                       struct s3_rec_Object *o)
{
    struct str aad = s3_arn_object(op, b->Name, key);
    o->KmsKeyId = opt_str(k->arn, o->KmsKeyId);
    o->BlobId = body->id;
    o->Data = o->BodyKey = STR_NONE;
    o->Sealed = SOME_BOOL(!body->id.p || body->sealed);
    if (!body->id.p)
        o->Data = envelope_seal_with(op, k, aad, opt_str(body->data, STR("")));
    else if (body->sealed)
        o->BodyKey = envelope_seal_with(op, k, aad, secret_of(body));
}

int s3_body_seal(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct blob *body, struct s3_rec_Object *o)
{
    const struct data_key *k;
    struct op_failure failure;
    struct envelope e = envelope_of(op, b, key, o);
    int rc = envelope_key_new(op, &e, &k, &failure);
    if (rc == 0)
        s3_body_seal_with(op, b, key, k, body, o);
    return refused(op, rc, &failure);
}

/* A file's key, or a small body, as it was before it was sealed. */
static int fill(struct str plain, struct str blob_id, struct blob *ret)
{
    ret->id = blob_id;
    if (!blob_id.p) {
        ret->data = plain;
        return 0;
    }
    if (plain.n != sizeof ret->key)
        return E_CORRUPT;
    memcpy(ret->key, plain.p, sizeof ret->key);
    ret->sealed = true;
    return 0;
}

int s3_body_open(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, struct blob *ret)
{
    struct op_failure failure;
    struct str plain;
    *ret = (struct blob){ .bytes = o->Size.v, .data = o->Data, .id = o->BlobId };
    if (!opt_bool(o->Sealed, false))
        return 0;
    struct envelope e = envelope_of(op, b, key, o);
    int rc = envelope_open(op, &e, s3_arn_object(op, b->Name, key), o->BlobId.p ? o->BodyKey : o->Data, &plain, &failure);
    return rc < 0 ? refused(op, rc, &failure) : fill(plain, o->BlobId, ret);
}

/* ---- multipart uploads ---- */

int s3_upload_key_new(struct op *op, const struct s3_rec_Bucket *b, struct s3_rec_Upload *u)
{
    const struct data_key *k;
    struct op_failure failure;
    struct envelope e = envelope_of(op, b, u->Key, u->Object);
    int rc = envelope_key_new(op, &e, &k, &failure);
    if (rc < 0)
        return refused(op, rc, &failure);
    u->DataKey = k->wrapped;
    u->Object->KmsKeyId = opt_str(k->arn, u->Object->KmsKeyId);
    return 0;
}

int s3_upload_key_open(struct op *op, const struct s3_rec_Bucket *b, const struct s3_rec_Upload *u, const struct data_key **ret)
{
    struct op_failure failure;
    struct envelope e = envelope_of(op, b, u->Key, u->Object);
    return refused(op, envelope_key_open(op, &e, u->DataKey, ret, &failure), &failure);
}

void s3_part_seal(struct op *op, const struct data_key *k, const struct blob *body, struct s3_rec_Part *p)
{
    p->BlobId = body->id;
    p->Sealed = SOME_BOOL(!body->id.p || body->sealed);
    if (!body->id.p)
        p->Data = seal_wide(op->arena, k->key, p->ETag, opt_str(body->data, STR("")));
    else if (body->sealed)
        p->BodyKey = seal_wide(op->arena, k->key, p->ETag, secret_of(body));
}

int s3_part_open(struct op *op, const struct data_key *k, const struct s3_rec_Part *p, struct blob *ret)
{
    struct str plain;
    *ret = (struct blob){ .bytes = p->Size.v, .data = p->Data, .id = p->BlobId };
    if (!opt_bool(p->Sealed, false))
        return 0;
    if (seal_wide_open(op->arena, k->key, p->ETag, p->BlobId.p ? p->BodyKey : p->Data, &plain) < 0)
        return E_CORRUPT;
    return fill(plain, p->BlobId, ret);
}
