/* S3's older presigned form (signature version 2, HMAC-SHA1): accepted in queries only, as S3 does in us-east-1. */
#include "auth/verify.h"

#include <stdlib.h>


#include "auth/failure.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"

/* Query parameters that are part of what is signed; sorted. */
static const char *const subresources[] = {
    "accelerate", "acl", "analytics", "cors", "delete", "encryption", "inventory", "legal-hold", "lifecycle", "location", "logging", "metrics",
    "notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
    "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type",
    "response-expires", "restore", "retention", "select", "select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
    "versions", "website",
};

static bool is_subresource(struct str name)
{
    for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++)
        if (str_is(name, subresources[i]))
            return true;
    return false;
}

static int by_key(const void *x, const void *y) { return str_cmp(((const struct str_pair *)x)->key, ((const struct str_pair *)y)->key); }

/* x-amz-* parameters stand in for headers; the rest of what counts goes behind the resource. */
static void read_query(struct arena *a, struct str query, struct str_map *amz, struct str_map *sub)
{
    struct str rest = query, one;
    bool more = query.n > 0;
    while (more) {
        struct str key, value, decoded = STR_NONE;
        more = str_cut(rest, '&', &one, &rest);
        str_cut(one, '=', &key, &value);
        if (value.p && uri_decode(a, value, true, &decoded))
            decoded = value;
        if (str_starts(str_lower(a, key), STR("x-amz-")))
            *list_push(a, amz) = (struct str_pair){ str_lower(a, key), opt_str(decoded, STR("")) };
        else if (is_subresource(key))
            *list_push(a, sub) = (struct str_pair){ key, decoded };
    }
}

static void put_resource(struct buf *b, const struct exchange *x, const struct str_map *sub)
{
    struct str bucket, domain;
    /* bucket.s3.<region>.<anything>: the bucket belongs to the path that was signed */
    if (str_cut(x->host, '.', &bucket, &domain) && (str_starts(domain, STR("s3.")) || str_starts(domain, STR("s3-")))) {
        buf_byte(b, '/');
        buf_str(b, bucket);
    }
    buf_str(b, x->target);
    for (uint32_t i = 0; i < sub->n; i++) {
        buf_byte(b, i ? '&' : '?');
        buf_str(b, sub->v[i].key);
        if (sub->v[i].value.p) {
            buf_byte(b, '=');
            buf_str(b, sub->v[i].value);
        }
    }
}

static struct str string_to_sign(struct arena *a, const struct exchange *x, const struct sigv4 *s)
{
    struct str_map amz = { 0 }, sub = { 0 };
    struct buf b;
    read_query(a, x->query, &amz, &sub);
    for (uint32_t i = 0; i < x->headers.n; i++) {
        struct str name = str_lower(a, x->headers.v[i].name);
        if (str_starts(name, STR("x-amz-")))
            *list_push(a, &amz) = (struct str_pair){ name, str_trim(x->headers.v[i].value) };
    }
    if (amz.n > 1)
        qsort(amz.v, amz.n, sizeof *amz.v, by_key);
    if (sub.n > 1)
        qsort(sub.v, sub.n, sizeof *sub.v, by_key);
    struct str md5 = exchange_header(x, "content-md5"), type = exchange_header(x, "content-type");
    buf_init(&b, a, 4 * LIMIT_HEADER_BYTES);
    buf_printf(&b, "%.*s\n%.*s\n%.*s\n%lld\n", STR_ARG(x->method), STR_ARG(md5), STR_ARG(type), (long long)s->expires_s);
    for list_each(h, &amz)
        buf_printf(&b, "%.*s:%.*s\n", STR_ARG(h->key), STR_ARG(h->value));
    put_resource(&b, x, &sub);
    return opt_str(buf_done(&b), STR(""));
}

int sigv2_verify(struct op *op, const struct exchange *x, const struct sigv4 *s, struct str secret, int64_t real_ms)
{
    struct arena *a = op->arena;
    uint8_t mac[20];
    if (op->row && op->row->service && !str_is(s->service, op->row->service->signing_name))
        return refuse(op, REFUSE_MECHANISM, "Signature version 2 is for S3 alone.");
    if (real_ms > s->expires_s * 1000) {
        struct s3_error_detail d = { .Expires = time_iso8601(a, s->expires_s * 1000), .ServerTime = time_iso8601(a, real_ms - real_ms % 1000) };
        return refuse_with(op, REFUSE_PRESIGN_EXPIRED, &d, "Request has expired");
    }
    struct str to_sign = string_to_sign(a, x, s);
    hmac_sha1(secret.p, secret.n, to_sign.p, to_sign.n, mac);
    if (str_eq_consttime(base64_encode(a, mac, sizeof mac), s->signature))
        return 0;
    struct s3_error_detail d = { .AWSAccessKeyId = s->access_key_id, .StringToSign = to_sign, .SignatureProvided = s->signature };
    return refuse_with(op, REFUSE_SIGNATURE, &d,
                       "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
}
