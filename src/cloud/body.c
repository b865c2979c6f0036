#include "cloud/body.h"

#include "aws/error.h"
#include "base/buf.h"
#include "base/code.h"
#include "cloud/cloud.h"

struct body {
    struct blobs *blobs;
    struct blob_writer *writer; /* NULL once finished or aborted */
    struct chunked *chunked;    /* NULL: plain */
    const struct sigv4 *sig;
    struct blob blob;
    int64_t bytes;
    int failed;                 /* the first error while receiving */
    bool finished;
};

static int to_blob(void *ctx, const char *p, size_t n)
{
    struct body *b = ctx;
    b->bytes += (int64_t)n;
    if (b->bytes > LIMIT_OBJECT_BYTES)
        return E_LIMIT;
    return blob_write(b->writer, p, n);
}

/* http's sink: an error is kept for the answer and the rest of the body is passed over. */
static int receive(void *ctx, const char *p, size_t n)
{
    struct body *b = ctx;
    if (!b->failed)
        b->failed = b->chunked ? chunked_write(b->chunked, p, n) : to_blob(b, p, n);
    return 0;
}

static const struct {
    const char *suffix;
    unsigned digest;
} checksums[] = {
    { "crc32", BLOB_CRC32 }, { "crc32c", BLOB_CRC32C }, { "crc64nvme", BLOB_CRC64NVME }, { "sha1", BLOB_SHA1 }, { "sha256", BLOB_SHA256 },
};

/* MD5 for the ETag, CRC64NVME because S3 keeps it by default, and whatever checksum the client names. */
static unsigned digests_for(struct op *op, const struct exchange *x, const struct sigv4 *sig)
{
    unsigned digests = BLOB_MD5 | BLOB_CRC64NVME | (sig->payload == PAYLOAD_SIGNED ? BLOB_SHA256 : 0);
    struct str trailer = exchange_header(x, "x-amz-trailer"), algorithm = exchange_header(x, "x-amz-sdk-checksum-algorithm");
    for (size_t i = 0; i < sizeof checksums / sizeof *checksums; i++) {
        struct str name = str_printf(op->arena, "x-amz-checksum-%s", checksums[i].suffix);
        if (exchange_header(x, name.p).p || str_eq_nocase(trailer, name) || str_eq_nocase(algorithm, str_c(checksums[i].suffix)))
            digests |= checksums[i].digest;
    }
    return digests;
}

int body_receive(struct op *op, struct exchange *x, const struct sigv4 *sig, struct body **ret, struct body_sink *ret_sink)
{
    if (x->content_length > LIMIT_OBJECT_BYTES + LIMIT_OBJECT_BYTES / 64) /* chunk framing takes a little */
        return aws_fail(op, AWS_EntityTooLarge, "Your proposed upload exceeds the maximum allowed size");
    struct body *b = arena_one(op->arena, struct body);
    b->blobs = op_blobs(op);
    b->sig = sig;
    int rc = blob_begin(b->blobs, digests_for(op, x, sig), true, &b->writer);
    if (rc)
        return rc;
    if (sig->payload >= PAYLOAD_CHUNKED_SIGNED)
        b->chunked = chunked_new(op->arena, sig, (struct body_sink){ to_blob, b });
    *ret = b;
    *ret_sink = (struct body_sink){ receive, b };
    return 0;
}

static void add_trailers(struct op *op, struct exchange *x, const struct header_list *trailers)
{
    for (uint32_t i = 0; i < trailers->n; i++)
        *list_push(op->arena, &x->headers) = trailers->v[i];
}

static int word(struct op *op, int rc)
{
    switch (rc) {
    case E_DENIED:
        return aws_fail(op, AWS_SignatureDoesNotMatch,
                        "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
    case E_INVALID:
        return aws_fail(op, AWS_IncompleteBody, "The request body terminated unexpectedly");
    case E_LIMIT:
        return aws_fail(op, AWS_EntityTooLarge, "Your proposed upload exceeds the maximum allowed size");
    default:
        return rc;
    }
}

static int check_length(struct op *op, const struct exchange *x, int64_t bytes)
{
    struct str declared = exchange_header(x, "x-amz-decoded-content-length");
    int64_t expected;
    if (declared.p && (str_to_i64(declared, &expected) || expected != bytes))
        return aws_fail(op, AWS_IncompleteBody, "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header");
    return 0;
}

int body_finish(struct op *op, struct exchange *x, struct body *b, struct blob **ret)
{
    int rc = b->failed;
    if (x->body_failed)
        rc = E_INVALID;
    struct header_list trailers = { 0 };
    if (!rc && b->chunked)
        rc = chunked_finish(b->chunked, &trailers);
    if (rc)
        return word(op, rc);
    add_trailers(op, x, &trailers);
    if (b->chunked)
        rc = check_length(op, x, b->bytes);
    if (rc)
        return rc;
    rc = blob_finish(b->writer, op->arena, &b->blob);
    b->writer = NULL;
    if (rc)
        return rc;
    b->finished = true;
    if (b->sig->payload == PAYLOAD_SIGNED && b->sig->payload_hash.p &&
        !str_eq(hex_encode(op->arena, b->blob.sha256, 32), str_lower(op->arena, b->sig->payload_hash)))
        return aws_fail(op, AWS_ContentSHA256Mismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.");
    *ret = &b->blob;
    return 0;
}

void body_settle(struct body *b, bool kept)
{
    if (!b)
        return;
    if (b->writer) {
        blob_abort(b->writer);
        b->writer = NULL;
    } else if (b->finished && !kept && b->blob.id.p) {
        blob_remove(b->blobs, b->blob.id);
    }
    b->finished = false;
}

static int to_buf(void *ctx, const char *p, size_t n)
{
    buf_put(ctx, p, n);
    return buf_ok(ctx) ? 0 : E_LIMIT;
}

int body_unwrap(struct op *op, struct exchange *x, const struct sigv4 *sig)
{
    struct buf plain;
    buf_init(&plain, op->arena, LIMIT_BODY_BYTES);
    struct chunked *c = chunked_new(op->arena, sig, (struct body_sink){ to_buf, &plain });
    struct header_list trailers = { 0 };
    int rc = chunked_write(c, x->body.p, x->body.n);
    if (!rc)
        rc = chunked_finish(c, &trailers);
    if (rc)
        return word(op, rc);
    x->body = buf_done(&plain);
    add_trailers(op, x, &trailers);
    return check_length(op, x, (int64_t)x->body.n);
}
