#include "auth/auth.h"
#include "services/s3/lock.h"
#include "services/s3/notify.h"

int s3_authorize_DeleteObject(struct op *op, const struct s3_DeleteObject_in *in, struct authz *a)
{
    authz_add(a, in->VersionId.p ? "s3:DeleteObjectVersion" : "s3:DeleteObject", s3_arn_object(op, in->Bucket, in->Key));
    return 0;
}

/* Each key is asked for by itself, in the handler: one that is refused is an entry of Errors. */
int s3_authorize_DeleteObjects(struct op *op, const struct s3_DeleteObjects_in *in, struct authz *a)
{
    return 0;
}

int s3_object_remove(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str version_id, bool bypass, struct s3_removal *ret)
{
    struct s3_rec_Object o = { 0 };
    int rc = 0;
    *ret = (struct s3_removal){ .named = version_id.p };
    if (version_id.p || !b->Versioning.p) {
        rc = s3_object_find(op, b->Name, key, version_id, &o);
        if (rc == E_NOT_FOUND) { /* gone already is fine */
            ret->version_id = version_id;
            return 0;
        }
        ret->marker = rc == 0 && opt_bool(o.DeleteMarker, false);
        ret->version_id = version_id;
        if (!rc)
            rc = s3_lock_yields(op, b, key, &o, bypass);
        return rc ? rc : s3_object_drop(op, b, key, &o);
    }
    o = (struct s3_rec_Object){ .DeleteMarker = SOME_BOOL(true), .ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000), .Size = SOME_I64(0) };
    rc = s3_object_add(op, b, key, &o);
    ret->marker = true;
    ret->version_id = o.VersionId;
    return rc;
}

int s3_DeleteObject(struct op *op, const struct s3_DeleteObject_in *in, struct s3_DeleteObject_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_removal done;
    if (in->IfMatchLastModifiedTime.set || in->IfMatchSize.set) /* of directory buckets */
        return S3_FAIL(op, NotImplemented,
                       (.Header = in->IfMatchSize.set ? STR("x-amz-if-match-size") : STR("x-amz-if-match-last-modified-time")),
                       "A header you provided implies functionality that is not implemented");
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_bypass_check(op, &b, in->BypassGovernanceRetention);
    if (!rc)
        rc = s3_delete_condition(op, in->Bucket, in->Key, in->IfMatch);
    if (!rc)
        rc = s3_version_check(op, &b, in->VersionId);
    if (!rc)
        rc = s3_object_remove(op, &b, in->Key, in->VersionId, opt_bool(in->BypassGovernanceRetention, false), &done);
    if (!rc)
        rc = s3_notify_removal(op, &b, "ObjectRemoved", in->Key, &done);
    if (rc)
        return rc;
    if (done.marker)
        out->DeleteMarker = SOME_BOOL(true);
    out->VersionId = done.version_id;
    return 0;
}

/* One key of DeleteObjects; what refuses it is put among the errors, and E_AWS. */
static int remove_listed(struct op *op, const struct s3_rec_Bucket *b, const struct s3_ObjectIdentifier *o, bool bypass, struct s3_removal *ret,
                         struct s3_Errors *errors)
{
    int rc = s3_may(op, b, o->VersionId.p ? "s3:DeleteObjectVersion" : "s3:DeleteObject", o->Key);
    if (!rc && o->VersionId.p && !b->Versioning.p && !str_is(o->VersionId, "null"))
        rc = aws_fail(op, S3_NoSuchVersion, "The specified version does not exist.");
    if (!rc)
        rc = s3_delete_condition(op, b->Name, o->Key, o->ETag);
    if (!rc)
        rc = s3_object_remove(op, b, o->Key, o->VersionId, bypass, ret);
    if (!rc)
        rc = s3_notify_removal(op, b, "ObjectRemoved", o->Key, ret);
    if (rc != E_AWS)
        return rc;
    bool denied = op->fail.error->status == 403;
    struct s3_Error *e = list_push(op->arena, errors);
    *e = (struct s3_Error){ .Key = o->Key, .VersionId = o->VersionId, .Code = denied ? STR("AccessDenied") : str_c(op->fail.error->code),
                            .Message = op->fail.message };
    op->fail = (struct op_failure){ 0 };
    return rc;
}

int s3_DeleteObjects(struct op *op, const struct s3_DeleteObjects_in *in, struct s3_DeleteObjects_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_request_body_check(op);
    if (!rc)
        rc = s3_bypass_check(op, &b, in->BypassGovernanceRetention);
    if (rc)
        return rc;
    if (!in->Delete || in->Delete->Objects.n == 0 || in->Delete->Objects.n > S3_LIST_MAX)
        return s3_malformed(op);
    for list_each(o, &in->Delete->Objects) {
        struct s3_removal done;
        rc = remove_listed(op, &b, o, opt_bool(in->BypassGovernanceRetention, false), &done, &out->Errors);
        if (rc && rc != E_AWS)
            return rc;
        if (rc || opt_bool(in->Delete->Quiet, false))
            continue;
        struct s3_DeletedObject *d = list_push(op->arena, &out->Deleted);
        d->Key = o->Key;
        d->VersionId = o->VersionId;
        if (done.marker) {
            d->DeleteMarker = SOME_BOOL(true);
            d->DeleteMarkerVersionId = done.version_id;
        }
    }
    return 0;
}
