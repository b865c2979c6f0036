/* Page tokens: opaque to clients, bound to what was asked. A token carries the key to go on from, sealed with a checksum of the
 * operation and account, so that a token of another call, or a made-up one, is refused. */
#ifndef STRATA_AWS_PAGE_H
#define STRATA_AWS_PAGE_H

#include "aws/op.h"

struct str page_token(struct op *op, struct str next_key);                  /* absent for an absent key */
int page_key(struct op *op, struct str token, struct str *ret_key);          /* E_INVALID: the service words the error */

#endif
