/* What refuses a caller, as each protocol words it: query services, json services, rest-json services and S3 answer with other codes and
 * statuses for the same thing. Internal to auth. */
#ifndef STRATA_AUTH_FAILURE_H
#define STRATA_AUTH_FAILURE_H

#include "aws/op.h"

enum refusal {
    REFUSE_MISSING_TOKEN,   /* unsigned */
    REFUSE_INCOMPLETE,      /* Authorization lacks something or is malformed */
    REFUSE_UNKNOWN_KEY,
    REFUSE_INVALID_TOKEN,   /* session token is not the one of the key */
    REFUSE_EXPIRED_TOKEN,
    REFUSE_SIGNATURE,
    REFUSE_SKEW,            /* signed too long ago, or in the future */
    REFUSE_PRESIGN_EXPIRED,
    REFUSE_QUERY_PARAMETERS,/* presigned parameters malformed */
    REFUSE_MECHANISM,       /* not AWS4-HMAC-SHA256 */
    REFUSE_CONTENT_HASH,    /* the body is not what x-amz-content-sha256 says */
    REFUSE_NO_CONTENT_HASH,
    REFUSE_HEADERS_UNSIGNED,
    REFUSE_ACCESS,          /* authorization */
    REFUSE_COUNT,
};

/* Members beyond the message that S3 puts into its XML; absent ones are left out. */
struct s3_error_detail {
    struct str AWSAccessKeyId, StringToSign, SignatureProvided, StringToSignBytes, CanonicalRequest, CanonicalRequestBytes, RequestTime, ServerTime,
        MaxAllowedSkewMilliseconds, XAmzExpires, Expires, Token0, HeadersNotSigned, ClientComputedContentSHA256, S3ComputedContentSHA256, Region;
};

bool refusal_is_s3(const struct op *op);   /* speaks as S3 does */
bool refusal_is_json(const struct op *op); /* json, rest-json, cbor */

/* Sets op->fail; returns E_AWS. */
int refuse(struct op *op, enum refusal why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* detail is copied into the arena; only S3 shows it. */
int refuse_with(struct op *op, enum refusal why, const struct s3_error_detail *detail, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
