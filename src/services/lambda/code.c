/* Code and layers: zips that are checked when they come, and kept as bodies. tree.c unpacks them.
 *
 * Reading, hashing and syncing a zip takes up to a second, so all but small ones are taken in by a background thread while the operation is parked:
 *   first run: find the source, hand it over, park     later runs: park again, until it is done; then the record is written with what it came to. */
#include "base/code.h"
#include "cloud/background.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "gen/s3.h"
#include "services/lambda/lambda.h"
#include "services/lambda/zip.h"

/* A zip that is taken in: the operation's, in whose arena it and the zip are. */
struct taking {
    struct arena *arena; /* of what the thread makes */
    struct str zip;      /* as sent, or absent: */
    struct blob object;  /* of S3 */
    int rc;
    struct lambda_code code;
    bool used;           /* by a run of the operation, which answers for the file from then on */
    struct blobs *blobs;
};

static int from_s3(struct op *op, struct str bucket, struct str key, struct str version, struct blob *ret)
{
    struct s3_GetObject_in in = { .Bucket = bucket, .Key = key, .VersionId = version };
    struct s3_GetObject_out out = { 0 };
    struct op_failure why;
    int rc = cloud_call(op, "s3", "GetObject", op->caller, &in, &out, &why);
    if (rc == E_AWS)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %.*s",
                        why.error->code, STR_ARG(why.message));
    if (rc)
        return rc;
    if (out.Body->bytes > LAMBDA_UNZIPPED_BYTES_MAX)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unzipped size must be smaller than %d bytes", LAMBDA_UNZIPPED_BYTES_MAX);
    *ret = *out.Body;
    ret->id = str_dup(op->arena, ret->id);
    ret->data = str_dup(op->arena, ret->data);
    return 0;
}

/* E_INVALID, E_LIMIT: of the zip. */
static int keep_zip(struct blobs *blobs, struct arena *a, struct str zip, struct lambda_code *ret)
{
    struct blob_writer *w;
    struct blob b = { 0 };
    *ret = (struct lambda_code){ .bytes = (int64_t)zip.n };
    int rc = zip_measure(zip, &ret->unzipped_bytes);
    if (rc)
        return rc == E_LIMIT ? E_LIMIT : E_INVALID;
    rc = blob_begin(blobs, BLOB_SHA256, false, &w);
    if (rc)
        return rc;
    rc = blob_write(w, zip.p, zip.n);
    if (rc) {
        blob_abort(w);
        return rc;
    }
    rc = blob_finish(w, a, &b);
    if (rc)
        return rc;
    ret->sha256 = base64_encode(a, b.sha256, 32);
    ret->key = hex_encode(a, b.sha256, 32);
    ret->blob_id = b.id;
    ret->data = b.id.p ? STR_NONE : b.data;
    return 0;
}

/* ---- in the background ---- */

static void take_in(struct cloud *cloud, void *ctx)
{
    struct taking *t = ctx;
    struct str zip = t->zip;
    t->rc = zip.p ? 0 : blob_read(t->blobs, t->arena, &t->object, LAMBDA_UNZIPPED_BYTES_MAX, &zip);
    if (t->rc == 0)
        t->rc = keep_zip(t->blobs, t->arena, zip, &t->code);
}

static void release(void *arg)
{
    struct taking *t = arg;
    if (t->rc == 0 && !t->used && t->code.blob_id.p)
        blob_remove(t->blobs, t->code.blob_id);
    arena_free(t->arena);
}

static struct taking *taking_new(struct op *op, struct str zip, const struct blob *object)
{
    struct taking *t = arena_one(op->arena, struct taking);
    *t = (struct taking){ .arena = arena_new(), .zip = zip, .object = *object, .blobs = op_blobs(op) };
    arena_defer(op->arena, release, t);
    return t;
}

/* ---- in the operation ---- */

/* Where the code is: a zip, or an object. */
static int find_source(struct op *op, struct str *zip, struct str bucket, struct str object_key, struct str version, struct blob *ret_object)
{
    int rc = 0;
    if (!zip->p && bucket.p && object_key.p)
        rc = from_s3(op, bucket, object_key, version, ret_object);
    else if (!zip->p)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Please provide a source for function code.");
    else if (zip->n > LAMBDA_ZIP_BYTES_MAX)
        rc = aws_fail(op, LAMBDA_RequestEntityTooLargeException, "Zipped size must be smaller than %d bytes", LAMBDA_ZIP_BYTES_MAX);
    if (rc == 0 && !zip->p && !ret_object->id.p)
        *zip = str_sub(ret_object->data, (size_t)ret_object->offset, (size_t)ret_object->bytes);
    return rc;
}

/* gone: the body that was not there any more when it was read, or absent; what is in its place counts. E_PARKED. */
static int take_from_source(struct op *op, struct str zip, struct str bucket, struct str object_key, struct str version, struct str gone,
                            struct lambda_code *ret, struct taking **ret_taking)
{
    struct blob object = { 0 };
    int rc = find_source(op, &zip, bucket, object_key, version, &object);
    if (rc == 0 && gone.p && str_eq(object.id, gone))
        rc = E_CORRUPT;
    if (rc || (zip.p && zip.n <= BLOB_INLINE_BYTES))
        return rc ? rc : keep_zip(op_blobs(op), op->arena, zip, ret);
    *ret_taking = taking_new(op, zip, &object);
    return background_for(op, take_in, *ret_taking);
}

int lambda_code_take(struct op *op, struct str zip, struct str bucket, struct str object_key, struct str version, struct lambda_code *ret)
{
    struct taking *t = background_ctx(op);
    struct str gone = STR_NONE;
    int rc = t ? background_for(op, take_in, t) : 0;
    if (rc == 0 && t && t->rc == E_NOT_FOUND) {
        gone = t->object.id;
        op->state = t = NULL;
    }
    if (rc == 0 && !t)
        rc = take_from_source(op, zip, bucket, object_key, version, gone, ret, &t);
    if (rc == 0 && t) {
        rc = t->rc;
        *ret = t->code;
        t->used = rc == 0;
    }
    if (rc == E_LIMIT)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unzipped size must be smaller than %d bytes", LAMBDA_UNZIPPED_BYTES_MAX);
    if (rc == E_INVALID)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Could not unzip uploaded file. Please check your file, then try to upload again.");
    if (rc || !ret->blob_id.p)
        return rc;
    op_blob_made(op, ret->blob_id);
    return op_blob_keep(op, ret->blob_id);
}

int lambda_code_drop(struct op *op, struct str blob_id)
{
    return blob_id.p ? op_blob_drop(op, blob_id) : 0;
}
