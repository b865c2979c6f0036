/* UploadPartCopy: a range of an object becomes a part. It is read and digested, which takes long for gigabytes (work.h). */
#include "auth/auth.h"
#include "base/code.h"
#include "base/limits.h"
#include "services/s3/copy.h"
#include "services/s3/multipart.h"
#include "services/s3/seal.h"
#include "services/s3/work.h"

/* Between the two runs of the handler. */
struct part_copy {
    struct s3_work work; /* first */
    const struct s3_UploadPartCopy_in *in;
    struct blob source, body;
    const struct data_key *key; /* of the upload */
    struct s3_rec_Upload upload;
    struct s3_rec_Part part;
    struct str source_version_id;
};

int s3_authorize_UploadPartCopy(struct op *op, const struct s3_UploadPartCopy_in *in, struct authz *a)
{
    struct s3_source s;
    int rc = s3_source_parse(op, in->CopySource, &s);
    if (rc)
        return rc;
    s3_ask_object(op, a, s.version_id.p ? "s3:GetObjectVersion" : "s3:GetObject", s.bucket, s.key, s.version_id);
    authz_context(a, authz_add(a, "s3:PutObject", s3_arn_object(op, in->Bucket, in->Key)), "s3:x-amz-copy-source", in->CopySource);
    return 0;
}

/* bytes=first-last, both there. */
static int apply_range(struct op *op, struct str text, int64_t size, struct blob *body)
{
    struct str first, last;
    int64_t from, to;
    if (!text.p)
        return 0;
    if (!str_starts(text, STR("bytes=")) || !str_cut(str_sub(text, 6, text.n), '-', &first, &last) || str_to_i64(first, &from) || str_to_i64(last, &to) ||
        from < 0 || to < from)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-copy-source-range"), .ArgumentValue = text),
                       "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the "
                       "first and last bytes to copy");
    if (from >= size)
        return aws_fail(op, S3_InvalidRequest, "The specified copy range is invalid for the source object size");
    if (to >= size)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-copy-source-range"), .ArgumentValue = text),
                       "Range specified is not valid for source object of size: %lld", (long long)size);
    body->offset = from;
    body->bytes = to - from + 1;
    return 0;
}

static int make(struct op *op, struct s3_work *work)
{
    struct part_copy *c = (struct part_copy *)work;
    struct blob_writer *w;
    struct s3_checksums ask = { .algorithm = c->upload.ChecksumName };
    int rc = blob_begin(op_blobs(op), BLOB_MD5 | s3_digest_of(c->upload.ChecksumName), true, &w);
    if (rc)
        return rc;
    rc = s3_work_copy(op, work, w, &c->source);
    if (rc) {
        blob_abort(w);
        return rc;
    }
    rc = blob_finish(w, op->arena, &c->body);
    work->blob_id = c->body.id;
    return rc ? rc : s3_checksums_check(op, &ask, &c->body, &c->part.ChecksumName, &c->part.Checksum);
}

/* In the writer: the upload must still be there. */
static int commit(struct op *op, struct s3_work *work)
{
    struct part_copy *c = (struct part_copy *)work;
    struct s3_rec_Upload u = { 0 };
    struct s3_rec_Part part = c->part;
    int rc = s3_upload_get(op, c->in->Bucket, c->in->Key, c->in->UploadId, &u);
    if (!rc)
        rc = s3_part_put(op, c->in->UploadId, c->in->PartNumber.v, c->key, &c->body, &part);
    c->part.ModifiedMs = part.ModifiedMs;
    return rc;
}

static void answer(struct op *op, const struct part_copy *c, struct s3_UploadPartCopy_out *out)
{
    struct s3_CopyPartResult *r = out->CopyPartResult = arena_one(op->arena, struct s3_CopyPartResult);
    r->ETag = s3_quoted(op, hex_encode(op->arena, c->body.md5, 16));
    r->LastModified = c->part.ModifiedMs;
    if (opt_bool(c->upload.ChecksumAsked, false))
        S3_CHECKSUM_SET(r, c->part.ChecksumName, c->part.Checksum);
    out->CopySourceVersionId = c->source_version_id;
    out->ServerSideEncryption = c->upload.Object->Encryption;
    out->SSEKMSKeyId = c->upload.Object->KmsKeyId;
    out->BucketKeyEnabled = c->upload.Object->BucketKey;
}

static int begin(struct op *op, const struct s3_UploadPartCopy_in *in, struct part_copy *c)
{
    struct s3_source source;
    struct s3_source_conditions conditions = { in->CopySourceIfMatch, in->CopySourceIfNoneMatch, in->CopySourceIfModifiedSince,
                                               in->CopySourceIfUnmodifiedSince };
    struct s3_rec_Bucket from = { 0 }, to = { 0 };
    struct s3_rec_Object o = { 0 };
    if (in->SSECustomerAlgorithm.p || in->CopySourceSSECustomerAlgorithm.p)
        return aws_unsupported(op, "x-amz-server-side-encryption-customer-* (SSE-C)");
    int rc = s3_part_number_check(op, opt_i64(in->PartNumber, 0));
    if (!rc)
        rc = s3_source_parse(op, in->CopySource, &source);
    if (!rc)
        rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &to);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &c->upload);
    if (!rc)
        rc = s3_source_find(op, &source, in->ExpectedSourceBucketOwner, &conditions, &from, &o);
    if (!rc)
        rc = s3_body_open(op, &from, source.key, &o, &c->source);
    if (!rc)
        rc = apply_range(op, in->CopySourceRange, o.Size.v, &c->source);
    if (!rc && c->source.bytes > LIMIT_OBJECT_BYTES)
        rc = aws_fail(op, S3_InvalidRequest, "The specified copy source is larger than the maximum allowable size for a copy source: %lld", LIMIT_OBJECT_BYTES);
    c->source_version_id = s3_version_shown(&from, o.VersionId);
    return rc ? rc : s3_upload_key_open(op, &to, &c->upload, &c->key);
}

int s3_UploadPartCopy(struct op *op, const struct s3_UploadPartCopy_in *in, struct s3_UploadPartCopy_out *out)
{
    struct part_copy *c = op->state;
    int rc = 0;
    if (c) {
        rc = s3_work_end(op, &c->work);
        if (!rc)
            answer(op, c, out);
        return rc;
    }
    c = arena_one(op->arena, struct part_copy);
    *c = (struct part_copy){ .work = { .make = make, .commit = commit }, .in = in };
    rc = begin(op, in, c);
    if (rc)
        return rc;
    op->state = c;
    return s3_work_begin(op, &c->work);
}
