/* Multipart uploads: records of the upload and its parts. complete.c joins them. */
#include "base/code.h"
#include "services/s3/acl.h"
#include "services/s3/lock.h"
#include "services/s3/multipart.h"
#include "services/s3/seal.h"

void s3_key_upload(struct op *op, struct key *k, struct str bucket, struct str key, struct str id)
{
    op_key(op, k, &s3_kind_upload);
    key_str(k, bucket);
    key_str(k, key);
    key_str(k, id);
}

void s3_key_parts(struct op *op, struct key *k, struct str upload_id)
{
    op_key(op, k, &s3_kind_part);
    key_str(k, upload_id);
}

int s3_upload_get(struct op *op, struct str bucket, struct str key, struct str id, struct s3_rec_Upload *ret)
{
    struct key k;
    s3_key_upload(op, &k, bucket, key, id);
    int rc = op_rec_get(op, &k, &s3_rec_Upload_shape, ret);
    if (rc != E_NOT_FOUND)
        return rc;
    return S3_FAIL(op, NoSuchUpload, (.UploadId = id),
                   "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.");
}

int s3_upload_drop(struct op *op, struct str bucket, struct str key, struct str id)
{
    struct key k, from, to;
    s3_key_upload(op, &k, bucket, key, id);
    int rc = op_rec_delete(op, &k);
    s3_key_parts(op, &from, id);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str store_key, value;
    scan_brief(s);
    while (rc == 0 && scan_next(s, &store_key, &value)) {
        struct s3_rec_Part p = { 0 };
        rc = op_rec_decode(op, value, &s3_rec_Part_shape, &p);
        if (rc == 0 && p.BlobId.p)
            rc = op_blob_drop(op, p.BlobId);
        if (rc == 0)
            rc = txn_delete(op->txn, str_dup(op->arena, store_key));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* An id whose bytes grow with time: the uploads of a key are listed in the order in which they began. */
static struct str new_id(struct op *op)
{
    struct str salt = random_alnum(op->arena, 84, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._");
    return str_printf(op->arena, "%012llx%.*s", (unsigned long long)op_now_ms(op), STR_ARG(salt));
}

struct s3_Initiator *s3_initiator(struct op *op, const struct s3_Owner *owner, const struct s3_rec_Upload *u)
{
    struct s3_Initiator *i = arena_one(op->arena, struct s3_Initiator);
    i->ID = opt_str(u->InitiatorArn, owner->ID);
    i->DisplayName = u->InitiatorName;
    return i;
}

static int check_checksum(struct op *op, struct str algorithm, struct str type)
{
    if (type.p && !algorithm.p)
        return aws_fail(op, S3_InvalidRequest, "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
    bool sha = str_is(algorithm, "SHA1") || str_is(algorithm, "SHA256"), crc64 = str_is(algorithm, "CRC64NVME");
    if ((sha && str_is(type, "FULL_OBJECT")) || (crc64 && str_is(type, "COMPOSITE")))
        return aws_fail(op, S3_InvalidRequest, "The %.*s checksum type cannot be used with the %.*s checksum algorithm.", STR_ARG(type),
                        STR_ARG(str_lower(op->arena, algorithm)));
    return 0;
}

static void told_of_abort(const struct s3_rec_Bucket *b, const struct s3_rec_Upload *u, struct opt_i64 *ret_date, struct str *ret_rule)
{
    int64_t due = s3_abort_due(b, u, ret_rule);
    if (due != INT64_MAX)
        *ret_date = SOME_I64(due);
}

int s3_CreateMultipartUpload(struct op *op, const struct s3_CreateMultipartUpload_in *in, struct s3_CreateMultipartUpload_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object *o = arena_one(op->arena, struct s3_rec_Object);
    struct s3_acl_ask acl = S3_ACL_ASK(in);
    struct s3_lock_ask lock = S3_LOCK_ASK(in);
    if (in->SSECustomerAlgorithm.p)
        return aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)");
    int rc = s3_key_check(op, in->Key);
    if (!rc)
        rc = check_checksum(op, in->ChecksumAlgorithm, in->ChecksumType);
    if (!rc)
        rc = s3_storage_class_check(op, in->StorageClass);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_acl_of_write(op, &b, in->Key, &acl, o);
    if (!rc)
        rc = s3_lock_of_write(op, &b, in->Key, &lock, o);
    if (!rc)
        rc = s3_encryption(op, &b, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSEKMSEncryptionContext, in->BucketKeyEnabled, o);
    if (!rc && in->Tagging.p)
        rc = s3_tags_header(op, in->Tagging, &o->Tags);
    if (!rc)
        rc = s3_may_tag(op, &b, in->Key, &o->Tags);
    if (rc)
        return rc;
    o->ContentType = opt_str(in->ContentType, STR("binary/octet-stream"));
    o->CacheControl = in->CacheControl;
    o->ContentDisposition = in->ContentDisposition;
    o->ContentEncoding = in->ContentEncoding;
    o->ContentLanguage = in->ContentLanguage;
    o->Expires = in->Expires;
    o->WebsiteRedirectLocation = in->WebsiteRedirectLocation;
    o->StorageClass = opt_str(in->StorageClass, STR("STANDARD"));
    o->Metadata = in->Metadata;
    bool crc64 = !in->ChecksumAlgorithm.p || str_is(in->ChecksumAlgorithm, "CRC64NVME");
    struct s3_rec_Upload u = { .Key = in->Key, .UploadId = new_id(op), .ChecksumAsked = SOME_BOOL(in->ChecksumAlgorithm.p),
                               .InitiatorName = opt_str(op->caller->name, op->caller->account),
                               .InitiatorArn = op->caller->kind == PRINCIPAL_ROOT ? STR_NONE : op->caller->arn,
                               .InitiatedMs = SOME_I64(op_now_ms(op) / 1000 * 1000), .Object = o,
                               .ChecksumName = opt_str(in->ChecksumAlgorithm, STR("CRC64NVME")),
                               .ChecksumType = opt_str(in->ChecksumType, crc64 ? STR("FULL_OBJECT") : STR("COMPOSITE")) };
    rc = s3_upload_key_new(op, &b, &u);
    if (!rc)
        rc = s3_object_seq(op, in->Bucket, in->Key, &u.Seen.v);
    u.Seen.set = true;
    if (rc)
        return rc;
    struct key k;
    s3_key_upload(op, &k, in->Bucket, in->Key, u.UploadId);
    out->Bucket = in->Bucket;
    out->Key = in->Key;
    out->UploadId = u.UploadId;
    told_of_abort(&b, &u, &out->AbortDate, &out->AbortRuleId);
    out->ServerSideEncryption = o->Encryption;
    out->SSEKMSKeyId = o->KmsKeyId;
    out->BucketKeyEnabled = o->BucketKey;
    out->ChecksumAlgorithm = in->ChecksumAlgorithm;
    out->ChecksumType = in->ChecksumAlgorithm.p ? u.ChecksumType : STR_NONE;
    return op_rec_put(op, &k, &s3_rec_Upload_shape, &u);
}

int s3_part_number_check(struct op *op, int64_t number)
{
    if (number >= 1 && number <= S3_PART_MAX)
        return 0;
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("partNumber"), .ArgumentValue = str_printf(op->arena, "%lld", (long long)number)),
                   "Part number must be an integer between 1 and 10000, inclusive");
}

int s3_part_put(struct op *op, struct str upload_id, int64_t number, const struct data_key *data_key, const struct blob *body, struct s3_rec_Part *part)
{
    struct s3_rec_Part old = { 0 };
    struct key k;
    part->Number = SOME_I64(number);
    part->Size = SOME_I64(body->bytes);
    part->ETag = hex_encode(op->arena, body->md5, 16);
    part->ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000);
    s3_part_seal(op, data_key, body, part);
    s3_key_parts(op, &k, upload_id);
    key_i64(&k, number);
    int rc = op_rec_get(op, &k, &s3_rec_Part_shape, &old);
    if (rc == 0 && old.BlobId.p)
        rc = op_blob_drop(op, old.BlobId);
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = part->BlobId.p ? op_blob_keep(op, part->BlobId) : 0;
    return rc ? rc : op_rec_put(op, &k, &s3_rec_Part_shape, part);
}

int s3_UploadPart(struct op *op, const struct s3_UploadPart_in *in, struct s3_UploadPart_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    struct s3_rec_Part part = { 0 };
    const struct data_key *data_key;
    int64_t number = opt_i64(in->PartNumber, 0);
    int rc = s3_part_number_check(op, number);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &u);
    struct s3_checksums sums = { .content_md5 = in->ContentMD5, .algorithm = in->ChecksumAlgorithm, .crc32 = in->ChecksumCRC32,
                                 .crc32c = in->ChecksumCRC32C, .crc64nvme = in->ChecksumCRC64NVME, .sha1 = in->ChecksumSHA1,
                                 .sha256 = in->ChecksumSHA256 };
    if (!rc)
        rc = s3_checksums_check(op, &sums, in->Body, &part.ChecksumName, &part.Checksum);
    if (!rc)
        rc = s3_upload_key_open(op, &b, &u, &data_key);
    if (rc)
        return rc;
    rc = s3_part_put(op, in->UploadId, number, data_key, in->Body, &part);
    if (rc)
        return rc;
    out->ETag = s3_quoted(op, part.ETag);
    out->ServerSideEncryption = u.Object->Encryption;
    out->SSEKMSKeyId = u.Object->KmsKeyId;
    S3_CHECKSUM_SET(out, part.ChecksumName, part.Checksum);
    return 0;
}

int s3_AbortMultipartUpload(struct op *op, const struct s3_AbortMultipartUpload_in *in, struct s3_AbortMultipartUpload_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &u);
    return rc ? rc : s3_upload_drop(op, in->Bucket, in->Key, in->UploadId);
}

int s3_ListParts(struct op *op, const struct s3_ListParts_in *in, struct s3_ListParts_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &u);
    if (rc)
        return rc;
    int64_t max = opt_i64(in->MaxParts, S3_LIST_MAX), last = 0;
    if (max > S3_LIST_MAX)
        max = S3_LIST_MAX;
    struct key from, to;
    s3_key_parts(op, &to, in->UploadId);
    from = to;
    key_after_prefix(&from, &to);
    key_i64(&from, opt_i64(in->PartNumberMarker, 0) + 1);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str store_key, value;
    bool truncated = false;
    out->Parts.set = true;
    while (rc == 0 && scan_next(s, &store_key, &value)) {
        if ((int64_t)out->Parts.n == max) {
            truncated = true;
            break;
        }
        struct s3_rec_Part p = { 0 };
        rc = op_rec_decode(op, value, &s3_rec_Part_shape, &p);
        struct s3_Part *shown = list_push(op->arena, &out->Parts);
        *shown = (struct s3_Part){ .PartNumber = p.Number, .ETag = s3_quoted(op, p.ETag), .Size = p.Size, .LastModified = p.ModifiedMs };
        if (opt_bool(u.ChecksumAsked, false))
            S3_CHECKSUM_SET(shown, p.ChecksumName, p.Checksum);
        last = opt_i64(p.Number, 0);
    }
    int failed = scan_end(s);
    out->Bucket = in->Bucket;
    out->Key = in->Key;
    out->UploadId = in->UploadId;
    out->PartNumberMarker = SOME_I64(opt_i64(in->PartNumberMarker, 0));
    out->NextPartNumberMarker = SOME_I64(last);
    out->MaxParts = SOME_I64(max);
    out->IsTruncated = SOME_BOOL(truncated);
    told_of_abort(&b, &u, &out->AbortDate, &out->AbortRuleId);
    out->StorageClass = u.Object->StorageClass;
    out->Owner = s3_owner(op, b.Account);
    out->Initiator = s3_initiator(op, out->Owner, &u);
    if (opt_bool(u.ChecksumAsked, false)) {
        out->ChecksumAlgorithm = u.ChecksumName;
        out->ChecksumType = u.ChecksumType;
    }
    return rc ? rc : failed;
}
