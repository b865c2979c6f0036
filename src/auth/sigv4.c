/* Reading what a request claims: the Authorization header, or the X-Amz-* parameters of a presigned URL. */
#include "auth/auth.h"

#include "auth/failure.h"
#include "auth/sign.h"
#include "auth/verify.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"

enum { PRESIGN_EXPIRES_S_MAX = 604800, REGION_CHARS_MAX = 32 };

#define EXPIRES_V2_MAX INT64_C(100000000000)

static const char mechanism_unsupported[] =
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";

/* The value of a query parameter, decoded; absent when missing. */
static struct str query_get(struct arena *a, struct str query, const char *name)
{
    struct str rest = query, one;
    bool more = query.n > 0;
    while (more) {
        more = str_cut(rest, '&', &one, &rest);
        struct str key, value, decoded;
        str_cut(one, '=', &key, &value);
        if (uri_decode(a, key, true, &decoded) == 0 && str_is(decoded, name))
            return uri_decode(a, value.p ? value : STR(""), true, &decoded) == 0 ? decoded : STR("");
    }
    return STR_NONE;
}

/* Regions become parts of ARNs, host names and keys, so nothing but a region's letters may pass. */
static int check_region(struct op *op, const struct sigv4 *s, enum refusal why)
{
    bool ok = s->region.n > 0 && s->region.n <= REGION_CHARS_MAX;
    for (size_t i = 0; ok && i < s->region.n; i++) {
        char c = s->region.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    if (ok)
        return 0;
    if (refusal_is_s3(op))
        return refuse(op, why, "The authorization header is malformed; the region '%.*s' is wrong; expecting 'us-east-1'",
                      STR_ARG(str_sub(s->region, 0, REGION_CHARS_MAX)));
    return refuse(op, REFUSE_SIGNATURE, "Credential should be scoped to a valid region. ");
}

/* "AKID/20150830/us-east-1/service/aws4_request"; the key id itself may hold slashes. */
static int parse_credential(struct op *op, struct str credential, struct sigv4 *s, enum refusal why)
{
    struct str rest = credential, terminator = STR_NONE;
    bool whole = str_cut_last(rest, '/', &rest, &terminator) && str_cut_last(rest, '/', &rest, &s->service) &&
                 str_cut_last(rest, '/', &rest, &s->region) && str_cut_last(rest, '/', &s->access_key_id, &s->date) && s->access_key_id.n > 0;
    if (!whole) {
        if (refusal_is_s3(op))
            return s->presigned ? refuse(op, why,
                                         "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                                         "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
                                : refuse(op, why,
                                         "The authorization header is malformed; the Credential is mal-formed; expecting "
                                         "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
        return refuse(op, why, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.*s'",
                      STR_ARG(credential));
    }
    if (!str_is(terminator, "aws4_request")) {
        if (refusal_is_s3(op))
            return refuse(op, why, "The authorization header is malformed; incorrect terminal \"%.*s\". This endpoint belongs to \"aws4_request\".",
                          STR_ARG(terminator));
        return refuse(op, REFUSE_SIGNATURE, "Credential should be scoped with a valid terminator: 'aws4_request', not '%.*s'.", STR_ARG(terminator));
    }
    return check_region(op, s, why);
}

int sigv4_credential(struct op *op, struct str credential, struct sigv4 *s)
{
    return parse_credential(op, credential, s, REFUSE_QUERY_PARAMETERS);
}

static void read_payload(struct sigv4 *s, struct str hash)
{
    s->payload_hash = hash;
    if (str_is(hash, "UNSIGNED-PAYLOAD"))
        s->payload = PAYLOAD_UNSIGNED;
    else if (str_is(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))
        s->payload = PAYLOAD_CHUNKED_SIGNED;
    else if (str_is(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"))
        s->payload = PAYLOAD_CHUNKED_SIGNED, s->trailer = true;
    else if (str_is(hash, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"))
        s->payload = PAYLOAD_CHUNKED_UNSIGNED, s->trailer = true;
    else
        s->payload = PAYLOAD_SIGNED;
}

/* A Date header serves where X-Amz-Date is missing; either form becomes 20150830T123600Z, which is what was signed. */
static struct str header_date(struct op *op, const struct exchange *x)
{
    struct str date = exchange_header(x, "x-amz-date");
    int64_t ms;
    if (!date.p)
        date = exchange_header(x, "date");
    if (date.p && time_parse_amz(date, &ms) < 0 && time_parse_http(date, &ms) == 0)
        return time_amz(op->arena, ms);
    return date;
}

static void missing_words(struct buf *b, const struct sigv4 *s, struct str credential)
{
    if (!credential.p)
        buf_c(b, "Authorization header requires 'Credential' parameter. ");
    if (!s->signature.p)
        buf_c(b, "Authorization header requires 'Signature' parameter. ");
    if (!s->signed_headers.p)
        buf_c(b, "Authorization header requires 'SignedHeaders' parameter. ");
    if (!s->amz_date.p)
        buf_c(b, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
}

static int incomplete(struct op *op, const struct sigv4 *s, struct str credential, struct str header)
{
    if (refusal_is_s3(op)) {
        if (!s->amz_date.p)
            return refuse(op, REFUSE_ACCESS, "AWS authentication requires a valid Date or x-amz-date header");
        return refuse(op, REFUSE_INCOMPLETE, "The authorization header is malformed; the authorization component \"%s\" is malformed.",
                      !credential.p ? "Credential" : !s->signature.p ? "Signature" : "SignedHeaders");
    }
    struct buf b;
    uint8_t hash[32];
    buf_init(&b, op->arena, LIMIT_HEADER_BYTES);
    missing_words(&b, s, credential);
    digest_sha256(header.p, header.n, hash);
    buf_c(&b, "(Hashed with SHA-256 and encoded with Base64) Authorization=");
    buf_str(&b, base64_encode(op->arena, hash, sizeof hash));
    struct str words = buf_done(&b);
    return refuse(op, REFUSE_INCOMPLETE, "%.*s", STR_ARG(words));
}

static int parse_header(struct op *op, const struct exchange *x, struct str header, struct sigv4 *s)
{
    struct str scheme, rest, one, credential = STR_NONE;
    str_cut(str_trim(header), ' ', &scheme, &rest);
    if (!str_is(scheme, "AWS4-HMAC-SHA256")) {
        if (refusal_is_s3(op))
            return str_is(scheme, "AWS") || str_starts(scheme, STR("AWS4-")) ? refuse(op, REFUSE_MECHANISM, "%s", mechanism_unsupported)
                                                                             : refuse(op, REFUSE_MECHANISM, "Unsupported Authorization Type");
        return refuse(op, REFUSE_MECHANISM, "Unsupported AWS 'algorithm': '%.*s'.", STR_ARG(str_sub(scheme, 0, 64)));
    }
    s->present = true;
    bool more = rest.p != NULL;
    while (more) {
        more = str_cut(rest, ',', &one, &rest);
        struct str key, value;
        str_cut(str_trim(one), '=', &key, &value);
        if (str_is(key, "Credential"))
            credential = value;
        else if (str_is(key, "SignedHeaders"))
            s->signed_headers = value;
        else if (str_is(key, "Signature"))
            s->signature = value;
    }
    s->amz_date = header_date(op, x);
    s->session_token = exchange_header(x, "x-amz-security-token");
    if (!credential.p || !s->signature.p || !s->signed_headers.p || !s->amz_date.p)
        return incomplete(op, s, credential, header);
    struct str hash = exchange_header(x, "x-amz-content-sha256");
    if (hash.p)
        read_payload(s, hash);
    return parse_credential(op, credential, s, REFUSE_INCOMPLETE);
}

static int parse_expires(struct op *op, struct str text, struct sigv4 *s)
{
    if (str_to_i64(text, &s->expires_s) < 0)
        return refuse(op, REFUSE_QUERY_PARAMETERS, "X-Amz-Expires should be a number");
    if (s->expires_s < 0)
        return refuse(op, REFUSE_QUERY_PARAMETERS, "X-Amz-Expires must be non-negative");
    if (s->expires_s > PRESIGN_EXPIRES_S_MAX)
        return refuse(op, REFUSE_QUERY_PARAMETERS,
                      "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds",
                      PRESIGN_EXPIRES_S_MAX);
    return 0;
}

static int parse_query(struct op *op, const struct exchange *x, struct sigv4 *s)
{
    struct arena *a = op->arena;
    s->present = s->presigned = true;
    struct str algorithm = query_get(a, x->query, "X-Amz-Algorithm"), credential = query_get(a, x->query, "X-Amz-Credential");
    struct str expires = query_get(a, x->query, "X-Amz-Expires");
    int64_t ms;
    s->signature = query_get(a, x->query, "X-Amz-Signature");
    s->amz_date = query_get(a, x->query, "X-Amz-Date");
    s->signed_headers = query_get(a, x->query, "X-Amz-SignedHeaders");
    s->session_token = query_get(a, x->query, "X-Amz-Security-Token");
    if (!algorithm.p || !credential.p || !s->signature.p || !s->amz_date.p || !s->signed_headers.p || (refusal_is_s3(op) && !expires.p))
        return refuse(op, REFUSE_QUERY_PARAMETERS,
                      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
                      "X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    if (!str_is(algorithm, "AWS4-HMAC-SHA256"))
        return refusal_is_s3(op) ? refuse(op, REFUSE_QUERY_PARAMETERS, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
                                 : refuse(op, REFUSE_QUERY_PARAMETERS, "Unsupported AWS 'algorithm': '%.*s'.", STR_ARG(str_sub(algorithm, 0, 64)));
    if (time_parse_amz(s->amz_date, &ms) < 0)
        return refuse(op, REFUSE_QUERY_PARAMETERS, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    s->expires_s = 900; /* where the parameter may be left out, the usual 15 minutes hold */
    if (expires.p && parse_expires(op, expires, s) < 0)
        return E_AWS;
    struct str hash = exchange_header(x, "x-amz-content-sha256");
    if (!hash.p)
        hash = query_get(a, x->query, "X-Amz-Content-Sha256");
    if (hash.p)
        read_payload(s, hash);
    return parse_credential(op, credential, s, REFUSE_QUERY_PARAMETERS);
}

/* S3's older presigned form, which boto3 still makes by default: AWSAccessKeyId, Signature, Expires (seconds since 1970). */
static int parse_query_v2(struct op *op, const struct exchange *x, struct sigv4 *s)
{
    struct str expires = query_get(op->arena, x->query, "Expires");
    *s = (struct sigv4){ .present = true, .presigned = true, .v2 = true, .service = STR("s3"), .region = STR("us-east-1"), .payload = PAYLOAD_UNSIGNED };
    s->access_key_id = query_get(op->arena, x->query, "AWSAccessKeyId");
    s->signature = query_get(op->arena, x->query, "Signature");
    s->session_token = query_get(op->arena, x->query, "x-amz-security-token");
    if (!s->access_key_id.n || !s->signature.n || !expires.p)
        return refuse(op, REFUSE_ACCESS, "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
    if (str_to_i64(expires, &s->expires_s) || s->expires_s < 0 || s->expires_s > EXPIRES_V2_MAX)
        return refuse(op, REFUSE_ACCESS, "Invalid date (should be seconds since epoch): %.*s", STR_ARG(str_sub(expires, 0, 32)));
    return 0;
}

int sigv4_parse(struct op *op, const struct exchange *x, struct sigv4 *ret)
{
    *ret = (struct sigv4){ 0 };
    struct str header = exchange_header(x, "authorization");
    if (header.p)
        return parse_header(op, x, header, ret);
    if (!x->query.p)
        return 0;
    if (str_contains(x->query, STR("X-Amz-")) &&
        (query_get(op->arena, x->query, "X-Amz-Algorithm").p || query_get(op->arena, x->query, "X-Amz-Signature").p))
        return parse_query(op, x, ret);
    if (str_contains(x->query, STR("AWSAccessKeyId=")) && str_contains(x->query, STR("Signature=")))
        return parse_query_v2(op, x, ret);
    return 0;
}
