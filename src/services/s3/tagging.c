#include "aws/tags.h"
#include "services/s3/notify.h"

static int find(struct op *op, struct str bucket, struct str owner, struct str key, struct str version_id, struct s3_rec_Bucket *ret_bucket,
                struct s3_rec_Object *ret)
{
    int rc = s3_bucket_get(op, bucket, owner, ret_bucket);
    if (rc)
        return rc;
    rc = s3_object_find(op, bucket, key, version_id, ret);
    if (rc == E_NOT_FOUND)
        return s3_object_missing(op, key, version_id);
    if (rc == 0 && opt_bool(ret->DeleteMarker, false))
        return s3_marker_refuses(op);
    return rc;
}

int s3_GetObjectTagging(struct op *op, const struct s3_GetObjectTagging_in *in, struct s3_GetObjectTagging_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
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
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
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
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    o.Tags = (struct str_map){ 0 };
    out->VersionId = s3_version_shown(&b, o.VersionId);
    op->reply_status = 204;
    rc = s3_object_save(op, in->Bucket, in->Key, &o);
    return rc ? rc : s3_notify(op, &b, "ObjectTagging:Delete", in->Key, &o);
}
