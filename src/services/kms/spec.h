/* Key specs: what AWS calls the kinds of keys, what each may be used for, and by which algorithms. Data, no store.
 *
 * Not here, and refused by name: ML-DSA and ML-KEM (OpenSSL 3.0 has neither), SM2 (AWS has it in China alone), and Ed25519ph, the second algorithm of
 * ECC_NIST_EDWARDS25519 (OpenSSL has it from 3.2 on). */
#ifndef STRATA_KMS_SPEC_H
#define STRATA_KMS_SPEC_H

#include "base/str.h"

enum spec_family { SPEC_SYMMETRIC, SPEC_HMAC, SPEC_RSA, SPEC_EC, SPEC_ED25519 };

enum { SPEC_USES_MAX = 2, SPEC_ALGORITHMS_MAX = 7 };

struct key_spec {
    const char *name;
    enum spec_family family;
    int bits;          /* of the key; of an RSA key's modulus */
    const char *curve; /* OpenSSL's name of an elliptic curve */
    struct {
        const char *usage;                           /* ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT */
        const char *algorithms[SPEC_ALGORITHMS_MAX]; /* in AWS's order; NULL behind the last */
    } uses[SPEC_USES_MAX];
};

const struct key_spec *spec_find(struct str name); /* NULL: none that strata has */
/* NULL: not for that usage. */
const char *const *spec_algorithms(const struct key_spec *s, struct str usage);
bool spec_has_algorithm(const struct key_spec *s, struct str usage, struct str algorithm);
static inline bool spec_is_pair(const struct key_spec *s) { return s->family >= SPEC_RSA; }

#endif
