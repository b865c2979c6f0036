/* CompleteMultipartUpload. Joining gigabytes takes long (work.h): the joined body becomes a file, then a write checks that the upload is still there and
 * commits the object. */
#include <string.h>

#include "base/code.h"
#include "services/s3/lock.h"
#include "services/s3/multipart.h"
#include "services/s3/notify.h"
#include "services/s3/seal.h"
#include "services/s3/work.h"

/* Between the two runs of the handler; lives in the parked operation's arena. */
struct completion {
    struct s3_work work; /* first */
    const struct s3_CompleteMultipartUpload_in *in;
    struct s3_rec_Bucket bucket;
    struct s3_rec_Upload upload;
    const struct s3_rec_Part *parts;
    const struct data_key *key; /* of the upload: whoever completes it asked KMS for it */
    struct s3_rec_Object object;
    bool versioned;
    struct str expiry;    /* x-amz-expiration */
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

static struct str decimal(struct op *op, int64_t n) { return str_printf(op->arena, "%lld", (long long)n); }

/* The listed parts, checked as S3 does: there, same ETag, ascending, none but the last below 5 MB. */
static int collect(struct op *op, const struct s3_CompleteMultipartUpload_in *in, struct s3_rec_Part **ret)
{
    const struct s3_CompletedPartList *list = in->MultipartUpload ? &in->MultipartUpload->Parts : NULL;
    if (!list || list->n > S3_PART_MAX)
        return s3_malformed(op);
    if (list->n == 0)
        return aws_fail(op, S3_InvalidRequest, "You must specify at least one part");
    struct s3_rec_Part *parts = arena_many(op->arena, struct s3_rec_Part, list->n);
    for (uint32_t i = 1; i < list->n; i++)
        if (opt_i64(list->v[i].PartNumber, 0) <= opt_i64(list->v[i - 1].PartNumber, 0))
            return S3_FAIL(op, InvalidPartOrder, (.UploadId = in->UploadId),
                           "The list of parts was not in ascending order. Parts must be ordered by part number.");
    for (uint32_t i = 0; i < list->n; i++) {
        int rc = get_part(op, in->UploadId, opt_i64(list->v[i].PartNumber, 0), &parts[i]);
        if (rc && rc != E_NOT_FOUND)
            return rc;
        if (rc || !str_eq(parts[i].ETag, s3_unquoted(list->v[i].ETag)) || !same_checksum(&list->v[i], &parts[i]))
            return S3_FAIL(op, InvalidPart, (.UploadId = in->UploadId, .PartNumber = decimal(op, list->v[i].PartNumber.v),
                                             .ETag = s3_unquoted(list->v[i].ETag)),
                           "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag "
                           "may not match the part's entity tag.");
        if (i + 1 < list->n && parts[i].Size.v < S3_PART_BYTES_MIN)
            return S3_FAIL(op, EntityTooSmall, (.ProposedSize = decimal(op, parts[i].Size.v), .MinSizeAllowed = decimal(op, S3_PART_BYTES_MIN),
                                                .PartNumber = decimal(op, list->v[i].PartNumber.v), .ETag = parts[i].ETag),
                           "Your proposed upload is smaller than the minimum allowed size");
    }
    *ret = parts;
    return 0;
}

static int append(struct op *op, struct completion *c, struct blob_writer *w, const struct s3_rec_Part *p)
{
    struct blob body;
    int rc = s3_part_open(op, c->key, p, &body);
    return rc < 0 ? rc : s3_work_copy(op, &c->work, w, &body);
}

/* A conditional write loses against one that came while the upload was under way, whatever it wrote. */
static int check_conflict(struct op *op, const struct s3_CompleteMultipartUpload_in *in, const struct s3_rec_Upload *u)
{
    int64_t seq;
    int rc = s3_write_conditions(op, in->Bucket, in->Key, in->IfMatch, in->IfNoneMatch);
    if (rc || (!in->IfMatch.p && !in->IfNoneMatch.p) || !u->Seen.set)
        return rc;
    rc = s3_object_seq(op, in->Bucket, in->Key, &seq);
    if (rc || seq == u->Seen.v)
        return rc;
    return S3_FAIL(op, ConditionalRequestConflict, (.Condition = in->IfMatch.p ? STR("If-Match") : STR("If-None-Match"), .Key = in->Key),
                   "The conditional request cannot succeed due to a conflicting operation against this resource.");
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
static int assemble(struct op *op, struct s3_work *work)
{
    struct completion *c = (struct completion *)work;
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
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct str raw;
        rc = hex_decode(op->arena, parts[i].ETag, &raw);
        if (rc == 0)
            memcpy(md5s + 16 * i, raw.p, 16);
        if (rc == 0)
            rc = append(op, c, w, &parts[i]);
        *list_push(op->arena, &o->Parts) = parts[i].Size;
        if (str_is(u->ChecksumType, "COMPOSITE"))
            str_list_add(op->arena, &o->PartChecksums, parts[i].Checksum);
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
    work->blob_id = body.id;
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
static int commit(struct op *op, struct s3_work *work)
{
    struct completion *c = (struct completion *)work;
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    int rc = s3_bucket_get(op, c->in->Bucket, c->in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, c->in->Bucket, c->in->Key, c->in->UploadId, &u);
    if (!rc)
        rc = check_conflict(op, c->in, &u);
    if (!rc)
        rc = s3_upload_drop(op, c->in->Bucket, c->in->Key, c->in->UploadId);
    if (!rc) {
        struct s3_rec_Object o = c->object;
        o.ModifiedMs = SOME_I64(op_now_ms(op) / 1000 * 1000);
        s3_lock_by_default(&b, &o);
        rc = s3_object_add(op, &b, c->in->Key, &o);
        if (!rc)
            rc = s3_notify(op, &b, "ObjectCreated:CompleteMultipartUpload", c->in->Key, &o);
        c->object.VersionId = str_dup(work->arena, o.VersionId);
        c->expiry = str_dup(work->arena, s3_expiry(op, &b, c->in->Key, &o));
        c->versioned = str_is(b.Versioning, "Enabled");
    }
    return rc;
}

static void answer(struct op *op, const struct completion *c, struct s3_CompleteMultipartUpload_out *out)
{
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
}

int s3_CompleteMultipartUpload(struct op *op, const struct s3_CompleteMultipartUpload_in *in, struct s3_CompleteMultipartUpload_out *out)
{
    struct completion *c = op->state;
    int rc = c ? s3_work_end(op, &c->work) : 0;
    if (c && !rc)
        answer(op, c, out);
    if (c)
        return rc;
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload u = { 0 };
    struct s3_rec_Part *parts = NULL;
    rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_upload_get(op, in->Bucket, in->Key, in->UploadId, &u);
    if (!rc)
        rc = check_conflict(op, in, &u);
    if (!rc)
        rc = collect(op, in, &parts);
    if (rc)
        return rc;
    c = arena_one(op->arena, struct completion);
    *c = (struct completion){ .work = { .make = assemble, .commit = commit }, .in = in, .bucket = b, .upload = u, .parts = parts };
    rc = s3_upload_key_open(op, &b, &u, &c->key);
    if (rc)
        return rc;
    op->state = c;
    return s3_work_begin(op, &c->work);
}
