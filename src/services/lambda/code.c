/* Code and layers: zips that are checked when they come, and kept as bodies. tree.c unpacks them. */
#include "base/code.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "gen/s3.h"
#include "services/lambda/lambda.h"
#include "services/lambda/zip.h"

static int from_s3(struct op *op, struct str bucket, struct str key, struct str version, struct str *ret_zip)
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
    return blob_read(op_blobs(op), op->arena, out.Body, LAMBDA_UNZIPPED_BYTES_MAX, ret_zip);
}

int lambda_code_take(struct op *op, struct str zip, struct str bucket, struct str object_key, struct str version, struct lambda_code *ret)
{
    int rc = 0;
    if (!zip.p && bucket.p && object_key.p)
        rc = from_s3(op, bucket, object_key, version, &zip);
    else if (!zip.p)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Please provide a source for function code.");
    else if (zip.n > LAMBDA_ZIP_BYTES_MAX)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Request must be smaller than %d bytes for the CreateFunction operation",
                      LAMBDA_ZIP_BYTES_MAX);
    if (rc)
        return rc;
    *ret = (struct lambda_code){ .bytes = (int64_t)zip.n };
    rc = zip_measure(zip, &ret->unzipped_bytes);
    if (rc == E_LIMIT)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unzipped size must be smaller than %d bytes", LAMBDA_UNZIPPED_BYTES_MAX);
    if (rc)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Could not unzip uploaded file. Please check your file, then try to upload again.");
    struct blob_writer *w;
    struct blob b = { 0 };
    rc = blob_begin(op_blobs(op), BLOB_SHA256, false, &w);
    if (rc)
        return rc;
    rc = blob_write(w, zip.p, zip.n);
    if (rc) {
        blob_abort(w);
        return rc;
    }
    rc = blob_finish(w, op->arena, &b);
    if (rc)
        return rc;
    ret->sha256 = base64_encode(op->arena, b.sha256, 32);
    ret->key = hex_encode(op->arena, b.sha256, 32);
    ret->blob_id = b.id;
    ret->data = b.id.p ? STR_NONE : b.data;
    if (!b.id.p)
        return 0;
    op_blob_made(op, b.id);
    return op_blob_keep(op, b.id);
}

int lambda_code_drop(struct op *op, struct str blob_id)
{
    return blob_id.p ? op_blob_drop(op, blob_id) : 0;
}
