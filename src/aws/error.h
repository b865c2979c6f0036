/* AWS's errors, and how a handler answers with one:   return aws_fail(op, SQS_QueueDoesNotExist, "The specified queue does not exist.");
 * Identifiers are generated for every error shape of the listed operations and every `error` row of a .ops file: SERVICE_ShapeName. */
#ifndef STRATA_AWS_ERROR_H
#define STRATA_AWS_ERROR_H

#include "aws/op.h"

/* Sets op->fail and returns E_AWS. */
int aws_fail(struct op *op, const struct aws_error *error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with the error's own members: detail points to the generated struct of its shape. */
int aws_fail_with(struct op *op, const struct aws_error *error, const void *detail, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Errors that no service's model holds; the encoder words codes for the protocol (AccessDenied / AccessDeniedException). */
extern const struct aws_error AWS_AccessDenied_, AWS_ValidationError_, AWS_SerializationException_, AWS_UnknownOperation_,
    AWS_NotImplemented_, AWS_InternalFailure_, AWS_Throttling_, AWS_ServiceUnavailable_, AWS_MissingAuthenticationToken_,
    AWS_InvalidClientTokenId_, AWS_SignatureDoesNotMatch_, AWS_RequestExpired_, AWS_RequestTimeTooSkewed_, AWS_ExpiredToken_,
    AWS_IncompleteSignature_, AWS_EntityTooLarge_, AWS_MissingParameter_, AWS_InvalidAction_, AWS_MalformedXML_, AWS_IncompleteBody_,
    AWS_ContentSHA256Mismatch_, AWS_MethodNotAllowed_;
#define AWS_AccessDenied (&AWS_AccessDenied_)
#define AWS_ValidationError (&AWS_ValidationError_)
#define AWS_SerializationException (&AWS_SerializationException_)
#define AWS_UnknownOperation (&AWS_UnknownOperation_)
#define AWS_NotImplemented (&AWS_NotImplemented_)
#define AWS_InternalFailure (&AWS_InternalFailure_)
#define AWS_Throttling (&AWS_Throttling_)
#define AWS_ServiceUnavailable (&AWS_ServiceUnavailable_)
#define AWS_MissingAuthenticationToken (&AWS_MissingAuthenticationToken_)
#define AWS_InvalidClientTokenId (&AWS_InvalidClientTokenId_)
#define AWS_SignatureDoesNotMatch (&AWS_SignatureDoesNotMatch_)
#define AWS_RequestExpired (&AWS_RequestExpired_)
#define AWS_RequestTimeTooSkewed (&AWS_RequestTimeTooSkewed_)
#define AWS_ExpiredToken (&AWS_ExpiredToken_)
#define AWS_IncompleteSignature (&AWS_IncompleteSignature_)
#define AWS_EntityTooLarge (&AWS_EntityTooLarge_)
#define AWS_MissingParameter (&AWS_MissingParameter_)
#define AWS_InvalidAction (&AWS_InvalidAction_)
#define AWS_MalformedXML (&AWS_MalformedXML_)
#define AWS_IncompleteBody (&AWS_IncompleteBody_)
#define AWS_ContentSHA256Mismatch (&AWS_ContentSHA256Mismatch_)
#define AWS_MethodNotAllowed (&AWS_MethodNotAllowed_)

/* The constraints of the operation's model: 0, or E_AWS with the service's validation error. For those that bring an operation its input. */
int aws_validate(struct op *op, const void *in);

/* `return aws_unsupported(op, "StreamSpecification");`: a parameter that strata knows and does not implement. A 400/501 that names it. */
int aws_unsupported(struct op *op, const char *what);

#endif
