/* RSA pairs take up to seconds to find. A thread of their own finds them, one after another, while the operation that wants one is parked: neither the
 * writer nor an HTTP thread waits. */
#ifndef STRATA_KMS_MAKER_H
#define STRATA_KMS_MAKER_H

#include "aws/op.h"
#include "services/kms/spec.h"

/* A new pair of any asymmetric spec. E_PARKED: to be returned; the handler runs again and calls again. At most one call a handler.
 * E_AWS: DependencyTimeoutException, or ThrottlingException's E_BUSY when too many wait. */
int maker_pair(struct op *op, const struct key_spec *spec, struct str *ret_private, struct str *ret_public);

#endif
