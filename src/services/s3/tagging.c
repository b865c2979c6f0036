#include "auth/auth.h"
#include "aws/tags.h"
#include "services/s3/notify.h"

/* ---- what policies may ask of tags ---- */

struct asked_object {
    struct str bucket, key, version_id;
};

static int late_existing_tags(struct authz *a, struct authz_item *item, const void *arg)
{
    const struct asked_object *k = arg;
    struct s3_rec_Object o = { 0 };
    int rc = s3_object_find(a->op, k->bucket, k->key, k->version_id, &o);
    for list_each(t, &o.Tags)
        authz_context_named(a, item, "s3:ExistingObjectTag/", t->key, t->value);
    return rc == E_NOT_FOUND || rc == E_AWS ? 0 : rc;
}

struct authz_item *s3_ask_object(struct op *op, struct authz *a, const char *action, struct str bucket, struct str key, struct str version_id)
{
    struct authz_item *item = authz_add(a, action, s3_arn_object(op, bucket, key));
    const struct asked_object k = { bucket, key, version_id };
    authz_late(a, item, late_existing_tags, arena_dup(op->arena, &k, sizeof k));
    return item;
}

static void ask_tags(struct authz *a, struct authz_item *item, const struct str_map *tags)
{
    struct str_list keys = { 0 };
    for list_each(t, tags) {
        authz_context_named(a, item, "s3:RequestObjectTag/", t->key, t->value);
        str_list_add(a->op->arena, &keys, t->key);
    }
    authz_context_list(a, item, "s3:RequestObjectTagKeys", &keys);
}

int s3_may_tag(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct str_map *tags)
{
    struct authz a = { .op = op };
    if (tags->n == 0)
        return 0;
    struct authz_item *item = authz_add(&a, "s3:PutObjectTagging", s3_arn_object(op, b->Name, key));
    ask_tags(&a, item, tags);
    item->account = b->Account;
    int rc = s3_policy_in_force(op, b, key, &item->resource_policy);
    return rc ? rc : auth_authorize(op, &a);
}

/* A header that is malformed has no tags: the operation says so. */
void s3_ask_header_tags(struct authz *a, struct authz_item *item, struct str header)
{
    struct str_map tags = { 0 };
    struct op_failure before = a->op->fail;
    if (header.p && s3_tags_header(a->op, header, &tags) == 0)
        ask_tags(a, item, &tags);
    a->op->fail = before;
}

int s3_late_header_tags(struct authz *a, struct authz_item *item, const void *arg)
{
    s3_ask_header_tags(a, item, a->op->http ? exchange_header(a->op->http, "x-amz-tagging") : STR_NONE);
    return 0;
}

int s3_authorize_GetObjectTagging(struct op *op, const struct s3_GetObjectTagging_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersionTagging" : "s3:GetObjectTagging", in->Bucket, in->Key, in->VersionId);
    return 0;
}

int s3_authorize_DeleteObjectTagging(struct op *op, const struct s3_DeleteObjectTagging_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:DeleteObjectVersionTagging" : "s3:DeleteObjectTagging", in->Bucket, in->Key, in->VersionId);
    return 0;
}

int s3_authorize_PutObjectTagging(struct op *op, const struct s3_PutObjectTagging_in *in, struct authz *a)
{
    const char *action = in->VersionId.p ? "s3:PutObjectVersionTagging" : "s3:PutObjectTagging";
    struct authz_item *item = s3_ask_object(op, a, action, in->Bucket, in->Key, in->VersionId);
    struct str_map tags = { 0 };
    if (in->Tagging)
        tags_read(op, &s3_TagSet_shape, &in->Tagging->TagSet, &tags);
    ask_tags(a, item, &tags);
    return 0;
}

/* ---- operations ---- */

int s3_GetObjectTagging(struct op *op, const struct s3_GetObjectTagging_in *in, struct s3_GetObjectTagging_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = s3_version_find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    tags_write(op, &s3_TagSet_shape, &o.Tags, &out->TagSet);
    out->VersionId = s3_version_shown(&b, o.VersionId);
    return 0;
}

int s3_PutObjectTagging(struct op *op, const struct s3_PutObjectTagging_in *in, struct s3_PutObjectTagging_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = s3_version_find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    if (!in->Tagging)
        return s3_malformed(op);
    rc = s3_tags_read(op, &in->Tagging->TagSet, false, &o.Tags);
    out->VersionId = s3_version_shown(&b, o.VersionId);
    if (!rc)
        rc = s3_object_save(op, in->Bucket, in->Key, &o);
    return rc ? rc : s3_notify(op, &b, "ObjectTagging:Put", in->Key, &o);
}

int s3_DeleteObjectTagging(struct op *op, const struct s3_DeleteObjectTagging_in *in, struct s3_DeleteObjectTagging_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = s3_version_find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    o.Tags = (struct str_map){ 0 };
    out->VersionId = s3_version_shown(&b, o.VersionId);
    op->reply_status = 204;
    rc = s3_object_save(op, in->Bucket, in->Key, &o);
    return rc ? rc : s3_notify(op, &b, "ObjectTagging:Delete", in->Key, &o);
}
