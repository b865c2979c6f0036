/* The keys of identity providers: fetched from the issuer when a token of it first comes, kept in memory, fetched again when they are old or a
 * token names one that is not among them.
 *
 * For each issuer: nothing -> ASKED -> HERE or FAILED; HERE and FAILED -> ASKED again when asked for something newer than they are. */
#ifndef STRATA_STS_ISSUER_KEYS_H
#define STRATA_STS_ISSUER_KEYS_H

#include "aws/op.h"
#include "gen/iam.h"

int sts_start(struct cloud *cloud);
void sts_stop(struct cloud *cloud);
void sts_free(struct cloud *cloud);

/* The provider's JWK set, in op's arena, fetched at most max_age_ms ago. May answer op_park's result, which the handler returns: it then runs again.
 * E_IO: the issuer could not be reached, or what it published is no key set. */
int issuer_keys(struct op *op, const struct iam_rec_Provider *provider, int64_t max_age_ms, struct str *ret_jwks);

#endif
