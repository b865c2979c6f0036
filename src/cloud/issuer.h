/* Is a token signed by the identity provider that it names? The provider's keys are fetched from it when a token of it first comes, kept in memory, fetched
 * again when they are old or a token names one that is not among them.
 *
 * For each issuer: nothing -> ASKED -> HERE or FAILED; HERE and FAILED -> ASKED again when asked for something newer than they are. */
#ifndef STRATA_CLOUD_ISSUER_H
#define STRATA_CLOUD_ISSUER_H

#include "auth/jwt.h"
#include "aws/op.h"

/* By a key of the local issuer (auth/local_issuer.h), which may sign in anybody's name, or of the issuer at https://<url>, whose certificate must be good
 * by the system's authorities or hang on one of the thumbprints (http/fetch.h; NULL: none). 0; E_PARKED (op_park's: the handler returns it and runs again);
 * E_DENIED the signature is another's; E_UNSUPPORTED the token's alg; E_IO or E_NOT_FOUND: the issuer cannot be reached, or publishes no such key. */
int issuer_verify(struct op *op, const struct jwt *token, struct str url, const struct str_list *thumbprints);

/* The cloud's own. */
struct issuers *issuers_new(struct cloud *cloud);
void issuers_stop(struct issuers *k); /* nothing is fetched any more; who waits is woken; NULL-safe, as is: */
void issuers_free(struct issuers *k);

#endif
