/* CompleteMultipartUpload. Joining gigabytes takes long, so it happens on a snapshot, in the background: the joined body becomes a file, then a write
 * operation (cloud_run) checks that the upload is still there and commits the object, and the request, parked meanwhile, answers. */
#include <string.h>
#include <unistd.h>

#include "base/code.h"
#include "cloud/background.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/s3/multipart.h"
#include "services/s3/seal.h"

enum { COPY_BYTES = 256 * 1024, WAIT_MS = 24 * 3600 * 1000 }; /* the write always answers: the wait is never cut short */

/* Between the two runs of the handler; lives in the parked operation's arena. */
struct completion {
    const struct s3_CompleteMultipartUpload_in *in;
    struct str account, region, wake_key;
    struct s3_rec_Bucket bucket;
    struct s3_rec_Upload upload;
    const struct s3_rec_Part *parts;
    const struct data_key *key; /* of the upload: whoever completes it asked KMS for it */
    const atomic_bool *stop;
    struct s3_rec_Object object;
    struct arena *arena;  /* the parked operation's: the writer puts what it learns here */
    struct str error_message;
    const struct aws_error *error;
    bool versioned;
    struct str expiry;    /* x-amz-expiration */
    _Atomic bool done;
    int rc;
};

static int get_part(struct op *op, struct str upload_id, int64_t number, struct s3_rec_Part *ret)
{
    struct key k;
    s3_key_parts(op, &k, upload_id);
    key_i64(&k, number);
    return op_rec_get(op, &k, &s3_rec_Part_shape, ret);
}

/* What the client says of a part's checksum is what UploadPart found, or it is not that part. */
static bool same_checksum(const struct s3_CompletedPart *said, const struct s3_rec_Part *p)
{
    const struct {
        const char *name;
        struct str value;
    } all[] = { { "CRC32", said->ChecksumCRC32 }, { "CRC32C", said->ChecksumCRC32C }, { "CRC64NVME", said->ChecksumCRC64NVME },
                { "SHA1", said->ChecksumSHA1 }, { "SHA256", said->ChecksumSHA256 } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value.p && str_is(p->ChecksumName, all[i].name) && !str_eq(all[i].value, p->Checksum))
            return false;
    return true;
}

/* The listed parts, checked as S3 does: there, same ETag, ascending, none but the last below 5 MB. */
static int collect(struct op *op, const struct s3_CompleteMultipartUpload_in *in, struct s3_rec_Part **ret)
{
    const struct s3_CompletedPartList *list = in->MultipartUpload ? &in->MultipartUpload->Parts : NULL;
    if (!list || list->n == 0 || list->n > S3_PART_MAX)
        return s3_malformed(op);
    struct s3_rec_Part *parts = arena_many(op->arena, struct s3_rec_Part, list->n);
    for (uint32_t i = 1; i < list->n; i++)
        if (opt_i64(list->v[i].PartNumber, 0) <= opt_i64(list->v[i - 1].PartNumber, 0))
            return aws_fail(op, S3_InvalidPartOrder, "The list of parts was not in ascending order. The parts list must be specified in order by part "
                                                     "number.");
    for (uint32_t i = 0; i < list->n; i++) {
        int rc = get_part(op, in->UploadId, opt_i64(list->v[i].PartNumber, 0), &parts[i]);
        if (rc && rc != E_NOT_FOUND)
            return rc;
        if (rc || !str_eq(parts[i].ETag, s3_unquoted(list->v[i].ETag)) || !same_checksum(&list->v[i], &parts[i]))
            return aws_fail(op, S3_InvalidPart, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
                                                "specified entity tag may not match the part's entity tag.");
        if (i + 1 < list->n && parts[i].Size.v < S3_PART_BYTES_MIN)
            return aws_fail(op, S3_EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size");
    }
    *ret = parts;
    return 0;
}

static int append_file(struct op *op, const struct completion *c, struct blob_writer *w, const struct blob *body, char *chunk)
{
    struct blob_reader *r;
    int rc = blob_reader_open(op_blobs(op), body, &r);
    if (rc < 0)
        return rc;
    int64_t n = 0;
    while (rc == 0 && (n = blob_reader_read(r, chunk, COPY_BYTES)) > 0)
        rc = atomic_load(c->stop) ? E_CLOSED : blob_write(w, chunk, (size_t)n);
    blob_reader_close(r);
    return rc < 0 ? rc : (int)n;
}

static int append(struct op *op, const struct completion *c, struct blob_writer *w, const struct s3_rec_Part *p, char *chunk)
{
    struct blob body;
    int rc = s3_part_open(op, c->key, p, &body);
    if (rc < 0)
        return rc;
    return body.id.p ? append_file(op, c, w, &body, chunk) : blob_write(w, body.data.p, body.data.n);
}

/* The digest of the parts' digests: S3's COMPOSITE checksum. */
static int composite(struct op *op, const struct s3_rec_Part *parts, uint32_t n, struct s3_rec_Object *o)
{
    struct blob_writer *w;
    int rc = blob_begin(op_blobs(op), s3_digest_of(o->ChecksumName), false, &w);
    if (rc)
        return rc;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct str raw = STR("");
        if (!str_eq(parts[i].ChecksumName, o->ChecksumName) || base64_decode(op->arena, parts[i].Checksum, &raw)) {
            blob_abort(w);
            return aws_fail(op, S3_InvalidRequest, "The upload was created using a %.*s checksum. The complete request must include the checksum for "
                                                   "each part.", STR_ARG(o->ChecksumName));
        }
        rc = blob_write(w, raw.p, raw.n);
    }
    struct blob digests = { 0 };
    if (rc)
        blob_abort(w);
    else
        rc = blob_finish(w, op->arena, &digests);
    if (rc)
        return rc;
    if (digests.id.p)
        blob_remove(op_blobs(op), digests.id);
    struct str name, value;
    struct s3_checksums ask = { .algorithm = o->ChecksumName };
    rc = s3_checksums_check(op, &ask, &digests, &name, &value);
    o->Checksum = str_printf(op->arena, "%.*s-%u", STR_ARG(value), n);
    return rc;
}

/* The checksum that the client gives for the whole, of the upload's algorithm. */
static void said_of_whole(const struct s3_CompleteMultipartUpload_in *in, struct str name, struct s3_checksums *ret)
{
    if (str_is(name, "CRC32"))
        ret->crc32 = in->ChecksumCRC32;
    else if (str_is(name, "CRC32C"))
        ret->crc32c = in->ChecksumCRC32C;
    else if (str_is(name, "CRC64NVME"))
        ret->crc64nvme = in->ChecksumCRC64NVME;
}

/* Joins the parts into one body and fills c->object. */
static int assemble(struct op *op, struct completion *c)
{
    const struct s3_rec_Upload *u = &c->upload;
    const struct s3_rec_Part *parts = c->parts;
    uint32_t n = c->in->MultipartUpload->Parts.n;
    struct s3_rec_Object *o = &c->object;
    *o = *u->Object;
    o->ChecksumName = u->ChecksumName;
    o->ChecksumType = u->ChecksumType;
    struct blob_writer *w;
    struct blob body = { 0 };
    int rc = blob_begin(op_blobs(op), BLOB_MD5 | BLOB_CRC64NVME | s3_digest_of(u->ChecksumName), true, &w);
    if (rc)
        return rc;
    uint8_t *md5s = arena_alloc(op->arena, 16 * (size_t)n), md5[16];
    char *chunk = arena_alloc(op->arena, COPY_BYTES);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct str raw;
        rc = hex_decode(op->arena, parts[i].ETag, &raw);
        if (rc == 0)
            memcpy(md5s + 16 * i, raw.p, 16);
        if (rc == 0)
            rc = append(op, c, w, &parts[i], chunk);
        *list_push(op->arena, &o->Parts) = parts[i].Size;
    }
    if (rc) {
        blob_abort(w);
        return rc;
    }
    rc = blob_finish(w, op->arena, &body);
    if (rc)
        return rc;
    digest_md5(md5s, 16 * (size_t)n, md5);
    o->ETag = str_printf(op->arena, "%.*s-%u", STR_ARG(hex_encode(op->arena, md5, 16)), n);
    o->Size = SOME_I64(body.bytes);
    s3_body_seal_with(op, &c->bucket, c->in->Key, c->key, &body, o);
    struct s3_checksums whole = { .algorithm = u->ChecksumName };
    if (c->in->MpuObjectSize.set && c->in->MpuObjectSize.v != body.bytes)
        return aws_fail(op, S3_InvalidRequest, "The provided 'x-amz-mp-object-size' header does not match what was computed.");
    said_of_whole(c->in, u->ChecksumName, &whole);
    if (str_is(u->ChecksumType, "COMPOSITE"))
        return composite(op, parts, n, o);
    return s3_checksums_check(op, &whole, &body, &o->ChecksumName, &o->Checksum);
}

/* In the writer: the upload must still be there. */
static int commit(struct op *op, void *ctx)
{
    struct completion *c = ctx;
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    if (c->object.BlobId.p)
        op_blob_made(op, c->object.BlobId);
    int rc = s3_bucket_get(op, c->in->Bucket, c->in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, c->in->Bucket, c->in->Key, c->in->UploadId, &u);
    if (!rc)
        rc = s3_write_conditions(op, c->in->Bucket, c->in->Key, c->in->IfMatch, c->in->IfNoneMatch);
    if (!rc)
        rc = s3_upload_drop(op, c->in->Bucket, c->in->Key, c->in->UploadId);
    if (!rc) {
        struct s3_rec_Object o = c->object;
        o.ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000);
        rc = s3_object_add(op, &b, c->in->Key, &o);
        c->object.VersionId = str_dup(c->arena, o.VersionId);
        c->expiry = str_dup(c->arena, s3_expiry(op, &b, c->in->Key, &o));
        c->versioned = str_is(b.Versioning, "Enabled");
    }
    if (rc == E_AWS) {
        c->error = op->fail.error;
        c->error_message = str_dup(c->arena, op->fail.message);
    }
    return rc;
}

/* The request answers now; in the writer, or before it came so far. */
static void committed(struct cloud *cloud, void *ctx, int rc)
{
    struct completion *c = ctx;
    c->rc = rc;
    char key[64]; /* once done is set, c may be gone */
    struct str wake = { key, c->wake_key.n < sizeof key ? c->wake_key.n : sizeof key };
    memcpy(key, c->wake_key.p, wake.n);
    c->done = true;
    cloud_wake(cloud, wake);
}

static int join_parts(struct op *op, void *ctx)
{
    struct completion *c = ctx;
    struct op own = *op;
    own.arena = c->arena; /* what it makes outlives it */
    int rc = assemble(&own, c);
    if (rc == E_AWS) {
        c->error = own.fail.error;
        c->error_message = own.fail.message;
    }
    return rc;
}

static void in_background(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    struct completion *c = ctx;
    c->stop = stop;
    int rc = cloud_read(cloud, c->account, c->region, join_parts, c);
    if (!rc)
        rc = cloud_run(cloud, c->account, c->region, commit, committed, c);
    if (!rc)
        return;
    if (c->object.BlobId.p)
        blob_remove(cloud->blobs, c->object.BlobId);
    committed(cloud, c, rc);
}

static int answer(struct op *op, const struct completion *c, struct s3_CompleteMultipartUpload_out *out)
{
    if (c->rc == E_AWS)
        return aws_fail(op, c->error, "%.*s", STR_ARG(c->error_message));
    if (c->rc)
        return c->rc;
    const struct s3_rec_Object *o = &c->object;
    out->Bucket = c->in->Bucket;
    out->Key = c->in->Key;
    out->ETag = s3_quoted(op, o->ETag);
    out->Location = str_printf(op->arena, "https://%.*s.s3.%.*s.amazonaws.com/%.*s", STR_ARG(c->in->Bucket), STR_ARG(op->region),
                               STR_ARG(uri_encode(op->arena, c->in->Key, true)));
    out->ServerSideEncryption = o->Encryption;
    out->SSEKMSKeyId = o->KmsKeyId;
    out->BucketKeyEnabled = o->BucketKey;
    out->ChecksumType = o->ChecksumType;
    out->Expiration = c->expiry;
    out->VersionId = c->versioned ? o->VersionId : STR_NONE;
    S3_CHECKSUM_SET(out, o->ChecksumName, o->Checksum);
    return 0;
}

int s3_CompleteMultipartUpload(struct op *op, const struct s3_CompleteMultipartUpload_in *in, struct s3_CompleteMultipartUpload_out *out)
{
    struct completion *c = op->state;
    if (c)
        return c->done ? answer(op, c, out) : op_park(op, c->wake_key, WAIT_MS);
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    struct s3_rec_Part *parts = NULL;
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &u);
    if (!rc)
        rc = s3_write_conditions(op, in->Bucket, in->Key, in->IfMatch, in->IfNoneMatch);
    if (!rc)
        rc = collect(op, in, &parts);
    if (rc)
        return rc;
    c = arena_one(op->arena, struct completion);
    *c = (struct completion){ .in = in, .account = op->account, .region = op->region, .bucket = b, .upload = u, .parts = parts, .arena = op->arena,
                              .wake_key = str_printf(op->arena, "s3/complete/%.*s", STR_ARG(op->request_id)) };
    rc = s3_upload_key_open(op, &b, &u, &c->key);
    if (rc)
        return rc;
    op->state = c;
    rc = background_run(op->cloud->background, in_background, c); /* from here on the arena is its, until it wakes us */
    return rc ? rc : op_park(op, c->wake_key, WAIT_MS);
}
