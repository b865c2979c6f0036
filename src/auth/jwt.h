/* JSON Web Tokens (RFC 7519) as identity providers sign them (RFC 7515), and their keys (RFC 7517).
 *
 * Only signatures of public keys count: RS256/384/512 and ES256/384/512, as STS takes them. The token's `alg` must be one of the key's own kind, so
 * neither `none` nor an HMAC "signed" with a public key passes. Nothing here looks at a claim but to return it. */
#ifndef STRATA_AUTH_JWT_H
#define STRATA_AUTH_JWT_H

#include "base/str.h"

struct cJSON;

struct jwt {
    struct str signing_input, signature; /* what was signed; the signature's bytes */
    struct str alg, kid;                 /* kid: absent when the header has none */
    struct cJSON *claims;                /* an object; lives as long as the arena */
};

/* Three parts, header and claims JSON objects, an alg. E_INVALID. */
int jwt_read(struct arena *a, struct str token, struct jwt *ret);
/* By the key of the set (a JWK set's JSON) with the token's kid. 0; E_NOT_FOUND no such key of that kind; E_DENIED the signature is another's;
 * E_UNSUPPORTED its alg; E_INVALID the set does not parse. */
int jwt_verify(struct arena *a, const struct jwt *t, struct str jwks);

struct str jwt_text(const struct jwt *t, const char *claim);                /* a string claim; absent when missing or of another type */
bool jwt_seconds(const struct jwt *t, const char *claim, int64_t *ret);     /* a NumericDate */
struct str_list jwt_texts(struct arena *a, const struct jwt *t, const char *claim); /* a string, or an array of strings */

#endif
