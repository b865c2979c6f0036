/* Key pairs of the asymmetric specs. Private keys are PKCS#8, public keys SubjectPublicKeyInfo, both DER: AWS's forms. Pure functions over OpenSSL:
 * no store. What comes out of a private key is erased with its arena. */
#ifndef STRATA_KMS_PAIR_H
#define STRATA_KMS_PAIR_H

#include "base/arena.h"
#include "services/kms/spec.h"

/* keep_on is asked now and then, since an RSA pair takes up to seconds to find; NULL: always. E_CLOSED when it says no. */
int pair_make(struct arena *a, const struct key_spec *spec, bool (*keep_on)(void *ctx), void *ctx, struct str *ret_private, struct str *ret_public);
/* A private key that came from outside: of this spec (else E_INVALID), written anew as OpenSSL writes it. */
int pair_accept(struct arena *a, const struct key_spec *spec, struct str private_key, struct str *ret_private, struct str *ret_public);

size_t pair_bytes(struct str private_key); /* of its signatures and ciphertexts; 0: not a key */

/* ---- signatures ---- */
size_t pair_digest_bytes(struct str algorithm); /* of a message of type DIGEST; 0: the algorithm takes whole messages alone */
int pair_sign(struct arena *a, struct str private_key, struct str algorithm, struct str message, bool is_digest, struct str *ret);
int pair_verify(struct str public_key, struct str algorithm, struct str message, bool is_digest, struct str signature); /* E_INVALID: not signed by it */

/* ---- RSAES_OAEP_* ---- */
size_t pair_plain_bytes_max(const struct key_spec *spec, struct str algorithm);
int pair_encrypt(struct arena *a, struct str public_key, struct str algorithm, struct str plain, struct str *ret);
int pair_decrypt(struct arena *a, struct str private_key, struct str algorithm, struct str sealed, struct str *ret); /* E_INVALID */

/* ---- ECDH: the shared secret, raw. E_INVALID: not a public key of the same curve. ---- */
int pair_derive(struct arena *a, struct str private_key, struct str peer_public_key, struct str *ret);

#endif
