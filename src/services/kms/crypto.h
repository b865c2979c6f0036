/* What the cryptographic operations share. */
#ifndef STRATA_KMS_CRYPTO_H
#define STRATA_KMS_CRYPTO_H

#include "services/kms/key.h"

/* Grant tokens, the encryption context's size, and that no enclave is the recipient (NULL, NULL, NULL: nothing to check). */
int kms_request_check(struct op *op, const struct str_list *tokens, const struct str_map *context, const struct kms_RecipientInfo *recipient);
/* DryRunOperationException when asked for: the last thing before the work. */
int kms_dry_run(struct op *op, struct opt_bool asked);
/* InvalidKeyUsageException unless algorithm is one of the key's. */
int kms_algorithm_check(struct op *op, const struct key_ref *k, struct str algorithm);
/* By a key that may encrypt. ret_material: the id of the material, absent for pairs; may be NULL. */
int kms_encrypt(struct op *op, const struct key_ref *k, struct str algorithm, const struct str_map *context, struct str plain, struct str *ret,
                struct str *ret_material);
/* The material that a MAC, a signature or a shared secret is made with. */
int kms_current_open(struct op *op, const struct key_ref *k, struct str *ret);

#endif
