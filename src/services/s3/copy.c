#include "auth/auth.h"
#include "base/code.h"
#include "services/s3/seal.h"

/* "/bucket/key?versionId=x", percent-encoded, the first slash optional. */
static int parse_source(struct op *op, struct str text, struct str *ret_bucket, struct str *ret_key, struct str *ret_version)
{
    struct str path, query;
    str_cut(text, '?', &path, &query);
    if (str_starts(path, STR("/")))
        path = str_sub(path, 1, path.n);
    if (str_starts(path, STR("arn:")))
        return aws_unsupported(op, "x-amz-copy-source with an access point ARN");
    *ret_version = str_starts(query, STR("versionId=")) ? str_sub(query, 10, query.n) : STR_NONE;
    if (uri_decode(op->arena, path, false, &path) || !str_cut(path, '/', ret_bucket, ret_key) || !ret_bucket->n || !ret_key->n)
        return aws_fail(op, S3_InvalidArgument, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    return 0;
}

int s3_authorize_CopyObject(struct op *op, const struct s3_CopyObject_in *in, struct authz *a)
{
    struct str bucket, key, version;
    int rc = parse_source(op, in->CopySource, &bucket, &key, &version);
    if (rc)
        return rc;
    authz_add(a, version.p ? "s3:GetObjectVersion" : "s3:GetObject", s3_arn_object(op, bucket, key));
    authz_add(a, "s3:PutObject", s3_arn_object(op, in->Bucket, in->Key));
    return 0;
}

static int source_conditions(struct op *op, const struct s3_CopyObject_in *in, const struct s3_rec_Object *o)
{
    bool held = !(in->CopySourceIfMatch.p && !str_eq(s3_unquoted(in->CopySourceIfMatch), o->ETag)) &&
                !(in->CopySourceIfNoneMatch.p && str_eq(s3_unquoted(in->CopySourceIfNoneMatch), o->ETag)) &&
                !(in->CopySourceIfModifiedSince.set && o->ModifiedMs.v <= in->CopySourceIfModifiedSince.v) &&
                !(in->CopySourceIfUnmodifiedSince.set && o->ModifiedMs.v > in->CopySourceIfUnmodifiedSince.v);
    return held ? 0 : aws_fail(op, S3_PreconditionFailed, "At least one of the pre-conditions you specified did not hold");
}

static int check(struct op *op, const struct s3_CopyObject_in *in)
{
    if (in->SSECustomerAlgorithm.p || in->CopySourceSSECustomerAlgorithm.p)
        return aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)");
    if (in->ObjectLockMode.p || in->ObjectLockLegalHoldStatus.p || in->ObjectLockRetainUntilDate.set)
        return aws_fail(op, S3_InvalidArgument, "Bucket is missing Object Lock Configuration");
    if (in->Key.n > S3_KEY_BYTES_MAX)
        return aws_fail(op, S3_KeyTooLongError, "Your key is too long");
    return s3_storage_class_check(op, in->StorageClass);
}

static void replace_metadata(const struct s3_CopyObject_in *in, struct s3_rec_Object *o)
{
    o->ContentType = opt_str(in->ContentType, STR("binary/octet-stream"));
    o->CacheControl = in->CacheControl;
    o->ContentDisposition = in->ContentDisposition;
    o->ContentEncoding = in->ContentEncoding;
    o->ContentLanguage = in->ContentLanguage;
    o->Expires = in->Expires;
    o->Metadata = in->Metadata;
}

int s3_CopyObject(struct op *op, const struct s3_CopyObject_in *in, struct s3_CopyObject_out *out)
{
    struct str source_bucket, source_key, source_version;
    struct s3_rec_Bucket from = { 0 }, to = { 0 };
    struct s3_rec_Object o = { 0 };
    struct blob body = { 0 };
    int rc = parse_source(op, in->CopySource, &source_bucket, &source_key, &source_version);
    if (!rc)
        rc = check(op, in);
    if (!rc)
        rc = s3_bucket_get(op, source_bucket, in->ExpectedSourceBucketOwner, &from);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &to);
    if (rc)
        return rc;
    rc = s3_object_find(op, source_bucket, source_key, source_version, &o);
    if (rc == E_NOT_FOUND || (rc == 0 && opt_bool(o.DeleteMarker, false)))
        return s3_object_missing_to_reader(op, &from, source_key, source_version);
    if (!rc)
        rc = source_conditions(op, in, &o);
    if (!rc)
        rc = s3_write_conditions(op, in->Bucket, in->Key, in->IfMatch, in->IfNoneMatch);
    if (rc)
        return rc;
    bool replaces = str_is(in->MetadataDirective, "REPLACE");
    bool itself = str_eq(source_bucket, in->Bucket) && str_eq(source_key, in->Key) && !source_version.p;
    if (itself && !replaces && !in->StorageClass.p && !in->ServerSideEncryption.p && !in->WebsiteRedirectLocation.p)
        return aws_fail(op, S3_InvalidRequest,
                        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
                        "storage class, website redirect location or encryption attributes.");
    out->CopySourceVersionId = s3_version_shown(&from, o.VersionId);
    if (replaces)
        replace_metadata(in, &o);
    o.WebsiteRedirectLocation = in->WebsiteRedirectLocation;
    o.StorageClass = opt_str(in->StorageClass, STR("STANDARD"));
    o.ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000);
    o.Parts.n = 0;
    if (str_is(in->TaggingDirective, "REPLACE")) {
        o.Tags = (struct str_map){ 0 };
        rc = in->Tagging.p ? s3_tags_header(op, in->Tagging, &o.Tags) : 0;
    }
    if (!rc)
        rc = s3_body_open(op, &from, source_key, &o, &body);
    if (!rc)
        rc = s3_encryption(op, &to, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSEKMSEncryptionContext, in->BucketKeyEnabled, &o);
    if (!rc && body.id.p) { /* bodies never change: another name for the same file */
        rc = blob_link(op_blobs(op), op->arena, body.id, &body.id);
        if (!rc)
            op_blob_made(op, body.id);
    }
    if (!rc)
        rc = s3_body_seal(op, &to, in->Key, &body, &o);
    if (!rc)
        rc = s3_object_add(op, &to, in->Key, &o);
    if (rc)
        return rc;
    out->VersionId = str_is(to.Versioning, "Enabled") ? o.VersionId : STR_NONE;
    out->ServerSideEncryption = o.Encryption;
    out->SSEKMSKeyId = o.KmsKeyId;
    out->BucketKeyEnabled = o.BucketKey;
    out->Expiration = s3_expiry(op, &to, in->Key, &o);
    out->CopyObjectResult = arena_one(op->arena, struct s3_CopyObjectResult);
    out->CopyObjectResult->ETag = s3_quoted(op, o.ETag);
    out->CopyObjectResult->LastModified = o.ModifiedMs;
    out->CopyObjectResult->ChecksumType = o.ChecksumType;
    S3_CHECKSUM_SET(out->CopyObjectResult, o.ChecksumName, o.Checksum);
    return 0;
}
