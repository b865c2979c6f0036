#include "auth/failure.h"

#include "aws/error.h"

enum dialect { DIALECT_QUERY, DIALECT_JSON, DIALECT_REST_JSON, DIALECT_S3, DIALECT_COUNT };

static const struct shape text_shape = { .kind = SHAPE_STRING, .name = "String", .size = sizeof(struct str) };

#define DETAIL(member, wire_name)                                                                                        \
    { .name = #member, .wire = wire_name, .shape = &text_shape, .offset = offsetof(struct s3_error_detail, member) }

static const struct member detail_members[] = {
    DETAIL(AWSAccessKeyId, "AWSAccessKeyId"),
    DETAIL(StringToSign, "StringToSign"),
    DETAIL(SignatureProvided, "SignatureProvided"),
    DETAIL(StringToSignBytes, "StringToSignBytes"),
    DETAIL(CanonicalRequest, "CanonicalRequest"),
    DETAIL(CanonicalRequestBytes, "CanonicalRequestBytes"),
    DETAIL(RequestTime, "RequestTime"),
    DETAIL(XAmzExpires, "X-Amz-Expires"),
    DETAIL(Expires, "Expires"),
    DETAIL(ServerTime, "ServerTime"),
    DETAIL(MaxAllowedSkewMilliseconds, "MaxAllowedSkewMilliseconds"),
    DETAIL(Token0, "Token-0"),
    DETAIL(HeadersNotSigned, "HeadersNotSigned"),
    DETAIL(ClientComputedContentSHA256, "ClientComputedContentSHA256"),
    DETAIL(S3ComputedContentSHA256, "S3ComputedContentSHA256"),
    DETAIL(Region, "Region"),
};

static const struct shape detail_shape = {
    .kind = SHAPE_STRUCT, .name = "S3ErrorDetail", .size = sizeof(struct s3_error_detail),
    .n_members = sizeof detail_members / sizeof *detail_members, .members = detail_members,
};

#define E(code_, status_) { .name = code_, .code = code_, .status = status_, .sender_fault = true }
/* Services with the query protocol's codes behind json (SQS) show clients the old code: query_code. */
#define EQ(code_, query_code_, status_) { .name = code_, .code = code_, .query_code = query_code_, .status = status_, .sender_fault = true }
#define S(code_, status_) { .name = code_, .code = code_, .status = status_, .sender_fault = true, .shape = &detail_shape }

static const struct aws_error errors[REFUSE_COUNT][DIALECT_COUNT] = {
    [REFUSE_MISSING_TOKEN] = { E("MissingAuthenticationToken", 403), EQ("MissingAuthenticationTokenException", "MissingAuthenticationToken", 400),
                               E("MissingAuthenticationTokenException", 403), S("AccessDenied", 403) },
    [REFUSE_INCOMPLETE] = { E("IncompleteSignature", 400), EQ("IncompleteSignatureException", "IncompleteSignature", 400),
                            E("IncompleteSignatureException", 403), S("AuthorizationHeaderMalformed", 400) },
    [REFUSE_UNKNOWN_KEY] = { E("InvalidClientTokenId", 403), EQ("UnrecognizedClientException", "InvalidClientTokenId", 400),
                             E("UnrecognizedClientException", 403), S("InvalidAccessKeyId", 403) },
    [REFUSE_INVALID_TOKEN] = { E("InvalidClientTokenId", 403), EQ("UnrecognizedClientException", "InvalidClientTokenId", 400),
                               E("UnrecognizedClientException", 403), S("InvalidToken", 400) },
    [REFUSE_EXPIRED_TOKEN] = { E("ExpiredToken", 403), EQ("ExpiredTokenException", "ExpiredToken", 400), E("ExpiredTokenException", 403),
                               S("ExpiredToken", 400) },
    [REFUSE_SIGNATURE] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                           E("InvalidSignatureException", 403), S("SignatureDoesNotMatch", 403) },
    [REFUSE_SKEW] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                      E("InvalidSignatureException", 403), S("RequestTimeTooSkewed", 403) },
    [REFUSE_PRESIGN_EXPIRED] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                                 E("InvalidSignatureException", 403), S("AccessDenied", 403) },
    [REFUSE_QUERY_PARAMETERS] = { E("IncompleteSignature", 400), EQ("IncompleteSignatureException", "IncompleteSignature", 400),
                                  E("IncompleteSignatureException", 403), S("AuthorizationQueryParametersError", 400) },
    [REFUSE_MECHANISM] = { E("IncompleteSignature", 400), EQ("IncompleteSignatureException", "IncompleteSignature", 400),
                           E("IncompleteSignatureException", 403), S("InvalidRequest", 400) },
    [REFUSE_CONTENT_HASH] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                              E("InvalidSignatureException", 403), S("XAmzContentSHA256Mismatch", 400) },
    [REFUSE_NO_CONTENT_HASH] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                                 E("InvalidSignatureException", 403), S("InvalidRequest", 400) },
    [REFUSE_HEADERS_UNSIGNED] = { E("SignatureDoesNotMatch", 403), EQ("InvalidSignatureException", "SignatureDoesNotMatch", 400),
                                  E("InvalidSignatureException", 403), S("AccessDenied", 403) },
    [REFUSE_ACCESS] = { E("AccessDenied", 403), EQ("AccessDeniedException", "AccessDenied", 400), E("AccessDeniedException", 403),
                        S("AccessDenied", 403) },
};

static enum dialect dialect_of(const struct op *op)
{
    switch (op->protocol) {
    case PROTO_JSON_1_0:
    case PROTO_JSON_1_1:
    case PROTO_CBOR: return DIALECT_JSON;
    case PROTO_REST_JSON: return DIALECT_REST_JSON;
    case PROTO_REST_XML: return DIALECT_S3;
    case PROTO_NONE: /* a call from inside: what the service itself would say */
        if (op->row && op->row->service && (op->row->service->protocols & (1u << PROTO_REST_XML)))
            return DIALECT_S3;
        break;
    default: break;
    }
    return DIALECT_QUERY;
}

bool refusal_is_s3(const struct op *op) { return dialect_of(op) == DIALECT_S3; }

bool refusal_is_json(const struct op *op)
{
    enum dialect d = dialect_of(op);
    return d == DIALECT_JSON || d == DIALECT_REST_JSON;
}

static int fail(struct op *op, enum refusal why, const struct s3_error_detail *detail, const char *fmt, va_list ap)
{
    enum dialect d = dialect_of(op);
    op->fail.error = &errors[why][d];
    op->fail.message = str_vprintf(op->arena, fmt, ap);
    op->fail.detail = d == DIALECT_S3 && detail ? arena_dup(op->arena, detail, sizeof *detail) : NULL;
    return E_AWS;
}

int refuse(struct op *op, enum refusal why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = fail(op, why, NULL, fmt, ap);
    va_end(ap);
    return rc;
}

int refuse_with(struct op *op, enum refusal why, const struct s3_error_detail *detail, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = fail(op, why, detail, fmt, ap);
    va_end(ap);
    return rc;
}
