#include "auth/auth.h"
#include "base/code.h"
#include "services/s3/acl.h"
#include "services/s3/copy.h"
#include "services/s3/lock.h"
#include "services/s3/notify.h"
#include "services/s3/seal.h"

/* "/bucket/key?versionId=x", percent-encoded, the first slash optional. */
int s3_source_parse(struct op *op, struct str text, struct s3_source *ret)
{
    struct str path, query;
    str_cut(text, '?', &path, &query);
    if (str_starts(path, STR("/")))
        path = str_sub(path, 1, path.n);
    if (str_starts(path, STR("arn:")))
        return aws_unsupported(op, "x-amz-copy-source with an access point ARN");
    ret->version_id = str_starts(query, STR("versionId=")) ? str_sub(query, 10, query.n) : STR_NONE;
    if (uri_decode(op->arena, path, false, &path) || !str_cut(path, '/', &ret->bucket, &ret->key) || !ret->bucket.n || !ret->key.n)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-copy-source"), .ArgumentValue = text), "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    return 0;
}

int s3_authorize_CopyObject(struct op *op, const struct s3_CopyObject_in *in, struct authz *a)
{
    struct s3_source s;
    struct s3_acl_ask acl = S3_ACL_ASK(in);
    struct s3_lock_ask lock = S3_LOCK_ASK(in);
    int rc = s3_source_parse(op, in->CopySource, &s);
    if (rc)
        return rc;
    s3_ask_object(op, a, s.version_id.p ? "s3:GetObjectVersion" : "s3:GetObject", s.bucket, s.key, s.version_id);
    struct authz_item *put = authz_add(a, "s3:PutObject", s3_arn_object(op, in->Bucket, in->Key));
    s3_acl_context(a, put, &acl);
    s3_lock_context(a, put, &lock);
    authz_context(a, put, "s3:x-amz-copy-source", in->CopySource);
    authz_context(a, put, "s3:x-amz-metadata-directive", in->MetadataDirective);
    authz_context(a, put, "s3:x-amz-server-side-encryption", in->ServerSideEncryption);
    authz_context(a, put, "s3:x-amz-server-side-encryption-aws-kms-key-id", in->SSEKMSKeyId);
    authz_context(a, put, "s3:x-amz-storage-class", in->StorageClass);
    s3_ask_header_tags(a, put, in->Tagging);
    return 0;
}

static int source_conditions(struct op *op, const struct s3_source_conditions *c, const struct s3_rec_Object *o)
{
    const struct {
        const char *name;
        bool failed;
    } all[] = {
        { "x-amz-copy-source-If-Match", c->match.p && !str_eq(s3_unquoted(c->match), o->ETag) },
        { "x-amz-copy-source-If-Unmodified-Since",
          !c->match.p && c->unmodified_since.set && o->ModifiedMs.v > c->unmodified_since.v },
        { "x-amz-copy-source-If-None-Match", c->none_match.p && str_eq(s3_unquoted(c->none_match), o->ETag) },
        { "x-amz-copy-source-If-Modified-Since",
          !c->none_match.p && c->modified_since.set && c->modified_since.v <= op_now_ms(op) && o->ModifiedMs.v <= c->modified_since.v },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].failed)
            return s3_condition_failed(op, all[i].name);
    return 0;
}

int s3_source_find(struct op *op, const struct s3_source *s, struct str expected_owner, const struct s3_source_conditions *c,
                   struct s3_rec_Bucket *ret_bucket, struct s3_rec_Object *ret)
{
    int rc = s3_bucket_get(op, s->bucket, expected_owner, ret_bucket);
    if (rc)
        return rc;
    rc = s3_object_find(op, s->bucket, s->key, s->version_id, ret);
    if (rc == 0 && opt_bool(ret->DeleteMarker, false) && s->version_id.p)
        return aws_fail(op, S3_InvalidRequest, "The source of a copy request may not specifically refer to a delete marker by version id.");
    if (rc == E_NOT_FOUND || (rc == 0 && opt_bool(ret->DeleteMarker, false)))
        return s3_object_missing_to_reader(op, ret_bucket, s->key, s->version_id);
    return rc ? rc : source_conditions(op, c, ret);
}

static int check(struct op *op, const struct s3_CopyObject_in *in)
{
    if (in->SSECustomerAlgorithm.p || in->CopySourceSSECustomerAlgorithm.p)
        return aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)");
    if (in->ObjectLockMode.p || in->ObjectLockLegalHoldStatus.p || in->ObjectLockRetainUntilDate.set)
        return aws_fail(op, S3_InvalidArgument, "Bucket is missing Object Lock Configuration");
    int rc = s3_key_check(op, in->Key);
    return rc ? rc : s3_storage_class_check(op, in->StorageClass);
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

/* Neither the source's ACL nor its lock is copied. */
static int protect(struct op *op, const struct s3_CopyObject_in *in, const struct s3_rec_Bucket *to, struct s3_rec_Object *o)
{
    struct s3_acl_ask acl = S3_ACL_ASK(in);
    struct s3_lock_ask lock = S3_LOCK_ASK(in);
    o->LockMode = o->LegalHold = STR_NONE;
    o->LockUntilMs = (struct opt_i64){ 0 };
    int rc = s3_acl_of_write(op, to, in->Key, &acl, o);
    if (!rc)
        rc = s3_lock_of_write(op, to, in->Key, &lock, o);
    s3_lock_by_default(to, o);
    return rc;
}

int s3_CopyObject(struct op *op, const struct s3_CopyObject_in *in, struct s3_CopyObject_out *out)
{
    struct s3_source source;
    struct s3_source_conditions conditions = { in->CopySourceIfMatch, in->CopySourceIfNoneMatch, in->CopySourceIfModifiedSince,
                                               in->CopySourceIfUnmodifiedSince };
    struct s3_rec_Bucket from = { 0 }, to = { 0 };
    struct s3_rec_Object o = { 0 };
    struct blob body = { 0 };
    int rc = s3_source_parse(op, in->CopySource, &source);
    if (!rc)
        rc = check(op, in);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &to);
    if (!rc)
        rc = s3_source_find(op, &source, in->ExpectedSourceBucketOwner, &conditions, &from, &o);
    if (!rc)
        rc = s3_write_conditions(op, in->Bucket, in->Key, in->IfMatch, in->IfNoneMatch);
    if (rc)
        return rc;
    bool replaces = str_is(in->MetadataDirective, "REPLACE");
    bool itself = str_eq(source.bucket, in->Bucket) && str_eq(source.key, in->Key) && !source.version_id.p;
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
    o.Parts.n = o.PartChecksums.n = 0;
    rc = protect(op, in, &to, &o);
    if (!rc && str_is(in->TaggingDirective, "REPLACE")) {
        o.Tags = (struct str_map){ 0 };
        rc = in->Tagging.p ? s3_tags_header(op, in->Tagging, &o.Tags) : 0;
    }
    if (!rc)
        rc = s3_may_tag(op, &to, in->Key, &o.Tags);
    if (!rc)
        rc = s3_body_open(op, &from, source.key, &o, &body);
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
    if (!rc)
        rc = s3_notify(op, &to, "ObjectCreated:Copy", in->Key, &o);
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
