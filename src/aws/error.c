#include "aws/error.h"

#include "wire/wire.h"

#define COMMON(name_, code_, status_, sender_)                                                                           \
    const struct aws_error AWS_##name_##_ = { .name = #name_, .code = code_, .status = status_, .sender_fault = sender_ }

COMMON(AccessDenied, "AccessDenied", 403, true);
COMMON(ValidationError, "ValidationError", 400, true);
COMMON(SerializationException, "SerializationException", 400, true);
COMMON(UnknownOperation, "UnknownOperationException", 400, true);
COMMON(NotImplemented, "NotImplemented", 501, false);
COMMON(InternalFailure, "InternalFailure", 500, false);
COMMON(Throttling, "ThrottlingException", 400, true);
COMMON(ServiceUnavailable, "ServiceUnavailable", 503, false);
COMMON(MissingAuthenticationToken, "MissingAuthenticationToken", 403, true);
COMMON(InvalidClientTokenId, "InvalidClientTokenId", 403, true);
COMMON(SignatureDoesNotMatch, "SignatureDoesNotMatch", 403, true);
COMMON(RequestExpired, "RequestExpired", 400, true);
COMMON(RequestTimeTooSkewed, "RequestTimeTooSkewed", 403, true);
COMMON(ExpiredToken, "ExpiredToken", 403, true);
COMMON(IncompleteSignature, "IncompleteSignature", 400, true);
COMMON(EntityTooLarge, "EntityTooLarge", 400, true);
COMMON(MissingParameter, "MissingParameter", 400, true);
COMMON(MethodNotAllowed, "MethodNotAllowed", 405, true);
COMMON(InvalidAction, "InvalidAction", 400, true);
COMMON(MalformedXML, "MalformedXML", 400, true);
COMMON(IncompleteBody, "IncompleteBody", 400, true);
COMMON(ContentSHA256Mismatch, "XAmzContentSHA256Mismatch", 400, true);

static void fail_with(struct op *op, const struct aws_error *error, const void *detail, const char *fmt, va_list ap)
{
    op->fail.error = error;
    op->fail.detail = detail;
    op->fail.message = str_vprintf(op->arena, fmt, ap);
}

int aws_fail(struct op *op, const struct aws_error *error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_with(op, error, NULL, fmt, ap);
    va_end(ap);
    return E_AWS;
}

int aws_fail_with(struct op *op, const struct aws_error *error, const void *detail, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_with(op, error, detail, fmt, ap);
    va_end(ap);
    return E_AWS;
}

int aws_unsupported(struct op *op, const char *what)
{
    return aws_fail(op, AWS_NotImplemented, "strata does not support %s of %s:%s", what, op->row ? op->row->service->name : "this service",
                    op->row ? op->row->name : "this operation");
}

int aws_validate(struct op *op, const void *in)
{
    const struct service_row *s = op->row->service;
    struct str why;
    if (!op->row->in || !s->validates || wire_validate(op->arena, op->row->in, in, &why) == 0)
        return 0;
    return aws_fail(op, s->validation_error ? s->validation_error : AWS_ValidationError, "%.*s", STR_ARG(why));
}
