/* The RSA pair that signs the digests of a Region: made when first needed, sealed under the root key; it is of the data directory, not of an account. */
#ifndef STRATA_CLOUDTRAIL_SIGNER_H
#define STRATA_CLOUDTRAIL_SIGNER_H

#include "aws/op.h"

struct signer {
    struct str private_key;  /* PKCS#8 DER; erased with op's arena */
    struct str fingerprint;  /* MD5 of the public key, hex */
};

int signer_get(struct op *op, struct signer *ret); /* of op's Region. E_NOT_FOUND: there is none, or it is a year old */
int signer_make(struct op *op);                    /* in the writer; some 100 ms */
int signer_sign(struct op *op, const struct signer *s, struct str text, struct str *ret_hex); /* SHA256withRSA (PKCS #1 v1.5) */

#endif
