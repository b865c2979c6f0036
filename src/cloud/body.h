/* Request bodies: streamed ones go to a blob while they arrive, aws-chunked ones lose their framing. */
#ifndef STRATA_CLOUD_BODY_H
#define STRATA_CLOUD_BODY_H

#include "auth/auth.h"

struct body;

/* Opens a blob for x's body and fills the sink for http. */
int body_receive(struct op *op, struct exchange *x, const struct sigv4 *sig, struct body **ret, struct body_sink *ret_sink);
/* The body is complete: checks its hash and length, adds trailers to x->headers, and hands the blob over. E_AWS with op->fail. */
int body_finish(struct op *op, struct exchange *x, struct body *b, struct blob **ret);
/* The request has ended: a body that no record names is removed. NULL-safe. */
void body_settle(struct body *b, bool kept);
/* Decodes a whole aws-chunked body in place; trailers become headers. E_AWS. */
int body_unwrap(struct op *op, struct exchange *x, const struct sigv4 *sig);

#endif
