#include <string.h>

#include "auth/auth.h"
#include "base/code.h"
#include "services/s3/acl.h"
#include "services/s3/lock.h"
#include "services/s3/notify.h"
#include "services/s3/seal.h"

int s3_authorize_GetObject(struct op *op, const struct s3_GetObject_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersion" : "s3:GetObject", in->Bucket, in->Key, in->VersionId);
    return 0;
}

int s3_authorize_HeadObject(struct op *op, const struct s3_HeadObject_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersion" : "s3:GetObject", in->Bucket, in->Key, in->VersionId);
    return 0;
}

static struct str decimal(struct op *op, int64_t n) { return str_printf(op->arena, "%lld", (long long)n); }

static int check_put(struct op *op, const struct s3_PutObject_in *in)
{
    int rc = s3_key_check(op, in->Key);
    if (rc)
        return rc;
    if (in->SSECustomerAlgorithm.p || in->SSECustomerKey.p)
        return aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)");
    if (in->WriteOffsetBytes.set)
        return aws_unsupported(op, "x-amz-write-offset-bytes");
    size_t metadata_bytes = 0;
    for (uint32_t i = 0; i < in->Metadata.n; i++)
        metadata_bytes += in->Metadata.v[i].key.n + in->Metadata.v[i].value.n;
    if (metadata_bytes > S3_METADATA_BYTES_MAX)
        return S3_FAIL(op, MetadataTooLarge, (.Size = decimal(op, (int64_t)metadata_bytes), .MaxSizeAllowed = decimal(op, S3_METADATA_BYTES_MAX)),
                       "Your metadata headers exceed the maximum allowed metadata size");
    return s3_storage_class_check(op, in->StorageClass);
}

static void fill(struct op *op, const struct s3_PutObject_in *in, struct s3_rec_Object *o)
{
    const struct blob *body = in->Body;
    o->ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000); /* S3 keeps whole seconds */
    o->Size = SOME_I64(body->bytes);
    o->ETag = hex_encode(op->arena, body->md5, 16);
    o->ContentType = opt_str(in->ContentType, STR("binary/octet-stream"));
    o->CacheControl = in->CacheControl;
    o->ContentDisposition = in->ContentDisposition;
    o->ContentEncoding = in->ContentEncoding;
    o->ContentLanguage = in->ContentLanguage;
    o->Expires = in->Expires;
    o->WebsiteRedirectLocation = in->WebsiteRedirectLocation;
    o->StorageClass = opt_str(in->StorageClass, STR("STANDARD"));
    o->Metadata = in->Metadata;
}

/* aws-chunked is the framing of the request, not the object's encoding. */
static struct str real_encoding(struct str e)
{
    if (str_is(e, "aws-chunked"))
        return STR_NONE;
    if (str_starts(e, STR("aws-chunked,")))
        return str_trim(str_sub(e, 12, e.n));
    return e;
}

int s3_PutObject(struct op *op, const struct s3_PutObject_in *in, struct s3_PutObject_out *out)
{
    static struct blob empty;
    struct s3_PutObject_in full = *in;
    if (!full.Body) { /* a call from inside without a body */
        digest_md5("", 0, empty.md5);
        full.Body = &empty;
    }
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    struct s3_acl_ask acl = S3_ACL_ASK(in);
    struct s3_lock_ask lock = S3_LOCK_ASK(in);
    struct s3_checksums sums = {
        .content_md5 = in->ContentMD5, .algorithm = in->ChecksumAlgorithm, .crc32 = in->ChecksumCRC32, .crc32c = in->ChecksumCRC32C,
        .crc64nvme = in->ChecksumCRC64NVME, .sha1 = in->ChecksumSHA1, .sha256 = in->ChecksumSHA256,
    };
    int rc = check_put(op, in);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_acl_of_write(op, &b, in->Key, &acl, &o);
    if (!rc)
        rc = s3_lock_of_write(op, &b, in->Key, &lock, &o);
    if (!rc)
        rc = s3_write_conditions(op, in->Bucket, in->Key, in->IfMatch, in->IfNoneMatch);
    if (!rc)
        rc = s3_encryption(op, &b, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSEKMSEncryptionContext, in->BucketKeyEnabled, &o);
    if (!rc)
        rc = s3_checksums_check(op, &sums, full.Body, &o.ChecksumName, &o.Checksum);
    if (!rc && in->Tagging.p)
        rc = s3_tags_header(op, in->Tagging, &o.Tags);
    if (!rc)
        rc = s3_may_tag(op, &b, in->Key, &o.Tags);
    if (rc)
        return rc;
    full.ContentEncoding = real_encoding(in->ContentEncoding);
    fill(op, &full, &o);
    s3_lock_by_default(&b, &o);
    o.ChecksumType = STR("FULL_OBJECT");
    rc = s3_body_seal(op, &b, in->Key, full.Body, &o);
    if (!rc)
        rc = s3_object_add(op, &b, in->Key, &o);
    if (!rc)
        rc = s3_notify(op, &b, "ObjectCreated:Put", in->Key, &o);
    if (rc)
        return rc;
    out->ETag = s3_quoted(op, o.ETag);
    out->ServerSideEncryption = o.Encryption;
    out->SSEKMSKeyId = o.KmsKeyId;
    out->BucketKeyEnabled = o.BucketKey;
    out->Expiration = s3_expiry(op, &b, in->Key, &o);
    out->VersionId = str_is(b.Versioning, "Enabled") ? o.VersionId : STR_NONE;
    out->ChecksumType = o.ChecksumType;
    S3_CHECKSUM_SET(out, o.ChecksumName, o.Checksum);
    return 0;
}

/* ---- reading ---- */

struct range {
    bool set;
    int64_t first, count;
};

/* One bytes= range (RFC 9110). A malformed one is ignored, as S3 does; one that lies behind the end is 416. */
static int parse_range(struct op *op, struct str text, int64_t size, struct range *ret)
{
    struct str first, last;
    int64_t a, z;
    *ret = (struct range){ .count = size };
    if (!str_starts(text, STR("bytes=")) || str_contains(text, STR(",")) || !str_cut(str_sub(text, 6, text.n), '-', &first, &last))
        return 0;
    if (first.n == 0) { /* the last n bytes */
        if (str_to_i64(last, &z) || z < 0)
            return 0;
        if (z == 0 || size == 0)
            return S3_FAIL(op, InvalidRange, (.ActualObjectSize = decimal(op, size), .RangeRequested = text), "The requested range is not satisfiable");
        a = z > size ? 0 : size - z;
        z = size - 1;
    } else {
        if (str_to_i64(first, &a) || a < 0)
            return 0;
        if (last.n == 0)
            z = size - 1;
        else if (str_to_i64(last, &z) || z < a)
            return 0;
        if (a >= size)
            return S3_FAIL(op, InvalidRange, (.ActualObjectSize = decimal(op, size), .RangeRequested = text), "The requested range is not satisfiable");
        if (z >= size)
            z = size - 1;
    }
    *ret = (struct range){ true, a, z - a + 1 };
    return 0;
}

/* The nth part of a multipart upload, as a range. */
static int part_range(struct op *op, const struct s3_rec_Object *o, int64_t number, struct range *ret)
{
    if (o->Parts.n == 0 && number == 1) {
        *ret = (struct range){ true, 0, o->Size.v };
        return 0;
    }
    if (number < 1 || number > (int64_t)o->Parts.n)
        return S3_FAIL(op, InvalidPartNumber, (.PartNumberRequested = decimal(op, number), .ActualPartCount = decimal(op, o->Parts.n ? o->Parts.n : 1)),
                       "The requested partnumber is not satisfiable");
    *ret = (struct range){ true, 0, 0 };
    for (int64_t i = 0; i < number; i++) {
        ret->first += ret->count;
        ret->count = o->Parts.v[i].v;
    }
    return 0;
}

static bool etag_listed(struct str list, struct str etag)
{
    for (struct str one, rest = list; rest.n;) {
        str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        if (one.n >= 2 && one.p[0] == '"')
            one = str_sub(one, 1, one.n - 2);
        if (str_is(one, "*") || str_eq(one, etag))
            return true;
    }
    return false;
}

/* RFC 9110's order: If-Match beats If-Unmodified-Since, If-None-Match beats If-Modified-Since. */
static int read_conditions(struct op *op, const struct s3_rec_Object *o, const struct s3_GetObject_in *in)
{
    if (in->IfMatch.p ? !etag_listed(in->IfMatch, o->ETag) : in->IfUnmodifiedSince.set && o->ModifiedMs.v > in->IfUnmodifiedSince.v)
        return s3_condition_failed(op, in->IfMatch.p ? "If-Match" : "If-Unmodified-Since");
    if (in->IfNoneMatch.p ? etag_listed(in->IfNoneMatch, o->ETag) : in->IfModifiedSince.set && o->ModifiedMs.v <= in->IfModifiedSince.v)
        return aws_fail(op, S3_NotModified, "Not Modified");
    return 0;
}

static void reply_header(struct op *op, const char *name, struct str value)
{
    struct header *h = list_push(op->arena, &op->reply_headers);
    h->name = str_c(name);
    h->value = value;
}

int s3_object_readable(struct op *op, const struct s3_GetObject_in *in, struct s3_rec_Bucket *ret_bucket, struct s3_rec_Object *ret)
{
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, ret_bucket);
    if (rc)
        return rc;
    rc = s3_version_check(op, ret_bucket, in->VersionId);
    if (!rc)
        rc = s3_object_find(op, in->Bucket, in->Key, in->VersionId, ret);
    if (rc == E_NOT_FOUND)
        return s3_object_missing_to_reader(op, ret_bucket, in->Key, in->VersionId);
    if (rc)
        return rc;
    if (!opt_bool(ret->DeleteMarker, false))
        return in->SSECustomerAlgorithm.p ? aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)") : 0;
    reply_header(op, "x-amz-delete-marker", STR("true"));
    reply_header(op, "x-amz-version-id", ret->VersionId);
    if (in->VersionId.p) {
        reply_header(op, "Allow", STR("DELETE"));
        return s3_marker_refuses(op);
    }
    return s3_object_missing(op, in->Key, STR_NONE);
}

static int describe(struct op *op, const struct s3_GetObject_in *in, const struct s3_rec_Bucket *b, const struct s3_rec_Object *o,
                    struct s3_GetObject_out *out)
{
    struct s3_lock_ask lock;
    int rc = s3_lock_shown(op, b, in->Key, o, &lock);
    out->ObjectLockMode = lock.mode;
    out->ObjectLockRetainUntilDate = lock.until_ms;
    out->ObjectLockLegalHoldStatus = lock.hold;
    out->AcceptRanges = STR("bytes");
    out->LastModified = o->ModifiedMs;
    out->ETag = s3_quoted(op, o->ETag);
    out->VersionId = s3_version_shown(b, o->VersionId);
    out->CacheControl = opt_str(in->ResponseCacheControl, o->CacheControl);
    out->ContentDisposition = opt_str(in->ResponseContentDisposition, o->ContentDisposition);
    out->ContentEncoding = opt_str(in->ResponseContentEncoding, o->ContentEncoding);
    out->ContentLanguage = opt_str(in->ResponseContentLanguage, o->ContentLanguage);
    out->ContentType = opt_str(in->ResponseContentType, o->ContentType);
    if (in->ResponseExpires.set)
        out->Expires = time_http(op->arena, in->ResponseExpires.v);
    else
        out->Expires = o->Expires;
    out->WebsiteRedirectLocation = o->WebsiteRedirectLocation;
    out->Metadata = o->Metadata;
    out->ServerSideEncryption = o->Encryption;
    out->SSEKMSKeyId = o->KmsKeyId;
    out->BucketKeyEnabled = o->BucketKey;
    if (!str_is(o->StorageClass, "STANDARD"))
        out->StorageClass = o->StorageClass;
    if (!in->VersionId.p)
        out->Expiration = s3_expiry(op, b, in->Key, o);
    if (o->Tags.n)
        out->TagCount = SOME_I64(o->Tags.n);
    if (in->PartNumber.set && o->Parts.n)
        out->PartsCount = SOME_I64(o->Parts.n);
    return rc;
}

static int read_object(struct op *op, const struct s3_GetObject_in *in, bool with_body, struct s3_GetObject_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    struct range range = { 0 };
    if (in->VersionId.p && !in->VersionId.n)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("versionId"), .ArgumentValue = STR("")), "Version id cannot be the empty string");
    if (in->PartNumber.set && in->Range.p)
        return aws_fail(op, S3_InvalidRequest, "Cannot specify both Range header and partNumber query parameter");
    int rc = s3_object_readable(op, in, &b, &o);
    if (!rc)
        rc = read_conditions(op, &o, in);
    if (!rc)
        rc = in->PartNumber.set ? part_range(op, &o, in->PartNumber.v, &range) : parse_range(op, in->Range, o.Size.v, &range);
    if (rc) {
        if (rc == E_AWS && op->fail.error == S3_NotModified) {
            reply_header(op, "ETag", s3_quoted(op, o.ETag));
            reply_header(op, "Last-Modified", time_http(op->arena, o.ModifiedMs.v));
        }
        return rc;
    }
    rc = describe(op, in, &b, &o, out);
    out->ContentLength = SOME_I64(range.count);
    if (range.set) {
        op->reply_status = 206;
        out->ContentRange = str_printf(op->arena, "bytes %lld-%lld/%lld", (long long)range.first, (long long)(range.first + range.count - 1),
                                       (long long)o.Size.v);
    } else if (str_is(in->ChecksumMode, "ENABLED")) {
        S3_CHECKSUM_SET(out, o.ChecksumName, o.Checksum);
        out->ChecksumType = o.ChecksumType;
    }
    if (rc || !with_body)
        return rc;
    out->Body = arena_one(op->arena, struct blob);
    rc = s3_body_open(op, &b, in->Key, &o, out->Body);
    out->Body->bytes = range.count;
    out->Body->offset = range.first;
    return rc;
}

int s3_GetObject(struct op *op, const struct s3_GetObject_in *in, struct s3_GetObject_out *out)
{
    return read_object(op, in, true, out);
}

int s3_HeadObject(struct op *op, const struct s3_HeadObject_in *in, struct s3_HeadObject_out *out)
{
    struct s3_GetObject_in get = {
        .Bucket = in->Bucket, .Key = in->Key, .VersionId = in->VersionId, .IfMatch = in->IfMatch, .IfNoneMatch = in->IfNoneMatch,
        .IfModifiedSince = in->IfModifiedSince, .IfUnmodifiedSince = in->IfUnmodifiedSince, .Range = in->Range,
        .ResponseCacheControl = in->ResponseCacheControl, .ResponseContentDisposition = in->ResponseContentDisposition,
        .ResponseContentEncoding = in->ResponseContentEncoding, .ResponseContentLanguage = in->ResponseContentLanguage,
        .ResponseContentType = in->ResponseContentType, .ResponseExpires = in->ResponseExpires, .PartNumber = in->PartNumber,
        .ExpectedBucketOwner = in->ExpectedBucketOwner, .ChecksumMode = in->ChecksumMode, .SSECustomerAlgorithm = in->SSECustomerAlgorithm,
    };
    struct s3_GetObject_out o = { 0 };
    int rc = read_object(op, &get, false, &o);
    if (rc == E_AWS && (op->fail.error == S3_NoSuchKey || op->fail.error == S3_NoSuchBucket)) /* a HEAD has no body to say more */
        return aws_fail(op, S3_NotFound, "Not Found");
    if (rc)
        return rc;
    out->AcceptRanges = o.AcceptRanges;
    out->LastModified = o.LastModified;
    out->ContentLength = o.ContentLength;
    out->ETag = o.ETag;
    out->VersionId = o.VersionId;
    out->CacheControl = o.CacheControl;
    out->ContentDisposition = o.ContentDisposition;
    out->ContentEncoding = o.ContentEncoding;
    out->ContentLanguage = o.ContentLanguage;
    out->ContentType = o.ContentType;
    out->ContentRange = o.ContentRange;
    out->Expires = o.Expires;
    out->WebsiteRedirectLocation = o.WebsiteRedirectLocation;
    out->ServerSideEncryption = o.ServerSideEncryption;
    out->Metadata = o.Metadata;
    out->SSEKMSKeyId = o.SSEKMSKeyId;
    out->BucketKeyEnabled = o.BucketKeyEnabled;
    out->StorageClass = o.StorageClass;
    out->PartsCount = o.PartsCount;
    out->TagCount = o.TagCount;
    out->Expiration = o.Expiration;
    out->ObjectLockMode = o.ObjectLockMode;
    out->ObjectLockRetainUntilDate = o.ObjectLockRetainUntilDate;
    out->ObjectLockLegalHoldStatus = o.ObjectLockLegalHoldStatus;
    out->ChecksumType = o.ChecksumType;
    out->ChecksumCRC32 = o.ChecksumCRC32;
    out->ChecksumCRC32C = o.ChecksumCRC32C;
    out->ChecksumCRC64NVME = o.ChecksumCRC64NVME;
    out->ChecksumSHA1 = o.ChecksumSHA1;
    out->ChecksumSHA256 = o.ChecksumSHA256;
    return 0;
}
