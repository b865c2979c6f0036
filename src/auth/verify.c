#include "auth/verify.h"

#include <string.h>

#include <openssl/crypto.h>

#include "auth/failure.h"
#include "auth/sign.h"
#include "base/code.h"

enum { SKEW_MS = 15 * 60 * 1000 };

static const char mismatch[] = "The request signature we calculated does not match the signature you provided. Check your ";

static bool s3_rules(const struct sigv4 *s) { return str_is(s->service, "s3"); }

static struct str hash_of(struct arena *a, struct str s)
{
    uint8_t hash[32];
    digest_sha256(s.p, s.n, hash);
    return hex_encode(a, hash, sizeof hash);
}

static int check_scope(struct op *op, const struct sigv4 *s)
{
    const char *expected = op->row && op->row->service ? op->row->service->signing_name : NULL;
    if (expected && !str_is(s->service, expected)) {
        if (refusal_is_s3(op))
            return refuse(op, s->presigned ? REFUSE_QUERY_PARAMETERS : REFUSE_INCOMPLETE,
                          "The authorization header is malformed; incorrect service \"%.*s\". This endpoint belongs to \"%s\".", STR_ARG(s->service),
                          expected);
        return refuse(op, REFUSE_SIGNATURE, "Credential should be scoped to correct service: '%s'. ", expected);
    }
    if (!str_eq(s->date, str_sub(s->amz_date, 0, 8))) {
        if (refusal_is_s3(op))
            return refuse(op, s->presigned ? REFUSE_QUERY_PARAMETERS : REFUSE_INCOMPLETE,
                          "The authorization header is malformed; Invalid credential date \"%.*s\". This date is not the same as X-Amz-Date: \"%.*s\".",
                          STR_ARG(s->date), STR_ARG(str_sub(s->amz_date, 0, 8)));
        return refuse(op, REFUSE_SIGNATURE,
                      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%.*s' != '%.*s', from '%.*s'.",
                      STR_ARG(s->date), STR_ARG(str_sub(s->amz_date, 0, 8)), STR_ARG(s->amz_date));
    }
    return 0;
}

static int refuse_skew(struct op *op, const struct sigv4 *s, int64_t signed_ms, int64_t real_ms)
{
    struct arena *a = op->arena;
    struct s3_error_detail d = { .RequestTime = s->amz_date, .ServerTime = time_iso8601(a, real_ms - real_ms % 1000),
                                 .MaxAllowedSkewMilliseconds = STR("900000") };
    struct str now = time_amz(a, real_ms);
    if (refusal_is_s3(op))
        return refuse_with(op, REFUSE_SKEW, &d, "The difference between the request time and the current time is too large.");
    if (signed_ms < real_ms)
        return refuse(op, REFUSE_SKEW, "Signature expired: %.*s is now earlier than %.*s (%.*s - 15 min.)", STR_ARG(s->amz_date),
                      STR_ARG(time_amz(a, real_ms - SKEW_MS)), STR_ARG(now));
    return refuse(op, REFUSE_SKEW, "Signature not yet current: %.*s is still later than %.*s (%.*s + 15 min.)", STR_ARG(s->amz_date),
                  STR_ARG(time_amz(a, real_ms + SKEW_MS)), STR_ARG(now));
}

static int check_time(struct op *op, const struct sigv4 *s, int64_t real_ms)
{
    struct arena *a = op->arena;
    int64_t signed_ms;
    if (time_parse_amz(s->amz_date, &signed_ms) < 0) {
        if (refusal_is_s3(op))
            return refuse(op, REFUSE_ACCESS, "AWS authentication requires a valid Date or x-amz-date header");
        return refuse(op, REFUSE_INCOMPLETE, "Date must be in ISO-8601 'basic format'. Got '%.*s'. See http://en.wikipedia.org/wiki/ISO_8601",
                      STR_ARG(s->amz_date));
    }
    if (signed_ms > real_ms + SKEW_MS)
        return s->presigned && refusal_is_s3(op) ? refuse(op, REFUSE_ACCESS, "Request is not valid yet") : refuse_skew(op, s, signed_ms, real_ms);
    if (!s->presigned)
        return signed_ms < real_ms - SKEW_MS ? refuse_skew(op, s, signed_ms, real_ms) : 0;
    int64_t until_ms = signed_ms + s->expires_s * 1000;
    if (real_ms <= until_ms)
        return 0;
    struct s3_error_detail d = { .XAmzExpires = str_printf(a, "%lld", (long long)s->expires_s), .Expires = time_iso8601(a, until_ms),
                                 .ServerTime = time_iso8601(a, real_ms - real_ms % 1000) };
    if (refusal_is_s3(op))
        return refuse_with(op, REFUSE_PRESIGN_EXPIRED, &d, "Request has expired");
    return refuse(op, REFUSE_PRESIGN_EXPIRED, "Signature expired: %.*s is now earlier than %.*s (%.*s - %lld min.)", STR_ARG(s->amz_date),
                  STR_ARG(time_amz(a, real_ms - s->expires_s * 1000)), STR_ARG(time_amz(a, real_ms)), (long long)(s->expires_s / 60));
}

static bool is_signed(const struct sigv4 *s, struct str name)
{
    struct str rest = s->signed_headers, one;
    for (bool more = true; more;) {
        more = str_cut(rest, ';', &one, &rest);
        if (str_eq_nocase(one, name))
            return true;
    }
    return false;
}

/* Host must be signed always; S3 asks for every x-amz-* header, so that nobody adds one to a request on its way. */
static int check_signed_headers(struct op *op, const struct exchange *x, const struct sigv4 *s)
{
    if (!is_signed(s, STR("host"))) {
        struct s3_error_detail d = { .HeadersNotSigned = STR("host") };
        return refusal_is_s3(op) ? refuse_with(op, REFUSE_HEADERS_UNSIGNED, &d, "There were headers present in the request which were not signed")
                                 : refuse(op, REFUSE_HEADERS_UNSIGNED,
                                          "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    for (uint32_t i = 0; s3_rules(s) && i < x->headers.n; i++) {
        struct str name = str_lower(op->arena, x->headers.v[i].name);
        if (!str_starts(name, STR("x-amz-")) || str_is(name, "x-amz-content-sha256") || is_signed(s, name))
            continue;
        struct s3_error_detail d = { .HeadersNotSigned = name };
        return refuse_with(op, REFUSE_HEADERS_UNSIGNED, &d, "There were headers present in the request which were not signed");
    }
    return 0;
}

/* What stands in the last line of the canonical request. */
static int payload_line(struct op *op, const struct exchange *x, const struct sigv4 *s, bool body_is_whole, struct str *ret)
{
    struct str body = x->body.p ? x->body : STR("");
    if (s3_rules(s)) {
        if (!s->payload_hash.p && !s->presigned)
            return refuse(op, REFUSE_NO_CONTENT_HASH, "Missing required header for this request: x-amz-content-sha256");
        *ret = s->payload_hash.p ? s->payload_hash : STR("UNSIGNED-PAYLOAD");
    } else {
        /* Others hash what they got: what the header claims does not count. A body that streams is compared later. */
        *ret = body_is_whole || !s->payload_hash.p ? hash_of(op->arena, body) : s->payload_hash;
        return 0;
    }
    if (s->payload != PAYLOAD_SIGNED || !s->payload_hash.p || !body_is_whole)
        return 0;
    struct str computed = hash_of(op->arena, body);
    if (str_eq_nocase(computed, s->payload_hash))
        return 0;
    struct s3_error_detail d = { .ClientComputedContentSHA256 = s->payload_hash, .S3ComputedContentSHA256 = computed };
    return refuse_with(op, REFUSE_CONTENT_HASH, &d, "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static struct str spaced_hex(struct arena *a, struct str s)
{
    static const char digits[] = "0123456789abcdef";
    if (s.n == 0)
        return STR("");
    char *out = arena_alloc(a, s.n * 3);
    for (size_t i = 0; i < s.n; i++) {
        out[3 * i] = digits[(uint8_t)s.p[i] >> 4];
        out[3 * i + 1] = digits[s.p[i] & 15];
        out[3 * i + 2] = ' ';
    }
    return (struct str){ out, s.n * 3 - 1 };
}

static int refuse_signature(struct op *op, const struct sigv4 *s, struct str canonical, struct str to_sign)
{
    struct arena *a = op->arena;
    if (refusal_is_s3(op)) {
        struct s3_error_detail d = {
            .AWSAccessKeyId = s->access_key_id, .StringToSign = to_sign, .SignatureProvided = s->signature,
            .StringToSignBytes = spaced_hex(a, to_sign), .CanonicalRequest = canonical, .CanonicalRequestBytes = spaced_hex(a, canonical),
        };
        return refuse_with(op, REFUSE_SIGNATURE, &d, "%skey and signing method.", mismatch);
    }
    return refuse(op, REFUSE_SIGNATURE,
                  "%sAWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"
                  "The Canonical String for this request should have been\n'%.*s'\n\nThe String-to-Sign should have been\n'%.*s'\n",
                  mismatch, STR_ARG(canonical), STR_ARG(to_sign));
}

int sigv4_verify(struct op *op, const struct exchange *x, struct sigv4 *s, struct str secret, struct key_cache *keys, bool body_is_whole,
                 int64_t real_ms)
{
    struct arena *a = op->arena;
    struct sign_request r = { .method = x->method, .target = x->target, .query = x->query, .headers = &x->headers, .host = x->host,
                              .signed_headers = s->signed_headers };
    int rc = check_scope(op, s);
    if (!rc)
        rc = check_time(op, s, real_ms);
    if (!rc)
        rc = check_signed_headers(op, x, s);
    if (!rc)
        rc = payload_line(op, x, s, body_is_whole, &r.payload_hash);
    if (rc)
        return rc;
    /* SDKs differ in how they write the path; each form names the same resource. The first is what AWS documents. */
    static const enum sign_path forms[2][2] = { { SIGN_PATH_NORMAL, SIGN_PATH_PLAIN }, { SIGN_PATH_S3, SIGN_PATH_AS_SENT } };
    struct str scope = sign_scope(a, s->date, s->region, s->service), first = STR_NONE, first_to_sign = STR_NONE;
    sign_key(keys, secret, s->date, s->region, s->service, s->signing_key);
    for (int i = 0; i < 2; i++) {
        r.path = forms[s3_rules(s)][i];
        struct str canonical = sign_canonical_request(a, &r);
        if (i == 1 && str_eq(canonical, first))
            break;
        struct str to_sign = sign_string_to_sign(a, s->amz_date, scope, canonical);
        if (str_eq_consttime(sign_signature(a, s->signing_key, to_sign), s->signature))
            return 0;
        if (i == 0)
            first = canonical, first_to_sign = to_sign;
    }
    OPENSSL_cleanse(s->signing_key, sizeof s->signing_key);
    return refuse_signature(op, s, first, first_to_sign);
}

int form_verify(struct op *op, struct sigv4 *s, struct str policy, struct str secret, struct key_cache *keys)
{
    struct arena *a = op->arena;
    struct str expected;
    uint8_t mac[20];
    int rc = s->v2 ? 0 : check_scope(op, s);
    if (rc)
        return rc;
    if (s->v2) {
        hmac_sha1(secret.p, secret.n, policy.p, policy.n, mac);
        expected = base64_encode(a, mac, sizeof mac);
    } else {
        sign_key(keys, secret, s->date, s->region, s->service, s->signing_key);
        expected = sign_signature(a, s->signing_key, policy);
        OPENSSL_cleanse(s->signing_key, sizeof s->signing_key);
    }
    if (str_eq_consttime(expected, s->signature))
        return 0;
    struct s3_error_detail d = { .AWSAccessKeyId = s->access_key_id, .StringToSign = policy, .SignatureProvided = s->signature,
                                 .StringToSignBytes = spaced_hex(a, policy) };
    return refuse_with(op, REFUSE_SIGNATURE, &d, "%skey and signing method.", mismatch);
}
