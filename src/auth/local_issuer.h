/* A small issuer of tokens for a laptop and CI: `strata oidc issue` signs what a workflow would bring from GitHub or any other provider.
 *
 * Its key lies in the data directory (oidc.key, RSA as providers have, mode 0600), so whoever can read that directory can have a token for any provider that
 * is registered in this strata, and nobody else can. It stands for the provider's own keys in this strata alone. */
#ifndef STRATA_AUTH_LOCAL_ISSUER_H
#define STRATA_AUTH_LOCAL_ISSUER_H

#include "base/str.h"

/* Signs claims (a JSON object), making the key first where there is none. E_IO, E_DENIED, E_CORRUPT. */
int local_issuer_sign(struct arena *a, const char *data_dir, struct str claims, struct str *ret_token);
/* Its public key as a JWK set. E_NOT_FOUND: nothing was ever signed here. */
int local_issuer_jwks(struct arena *a, const char *data_dir, struct str *ret_jwks);

#endif
