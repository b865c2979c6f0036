/* Keys: found by id, ARN or alias; their states; their material.
 *
 * States: Enabled <-> Disabled (state.c); either -> PendingDeletion (ScheduleKeyDeletion) -> Disabled (CancelKeyDeletion) or gone (the timer kms.delete).
 * A key has one material or, rotated, several: the last one encrypts, each decrypts what names it. Material is sealed under the root key of the data
 * directory (cloud/root_key.h), opened for one operation, and erased with its arena.
 * AWS-managed keys (alias/aws/SERVICE) come into being when a writing operation first asks for them. */
#ifndef STRATA_KMS_KEY_H
#define STRATA_KMS_KEY_H

#include "base/seal.h"
#include "gen/kms.h"

#define KMS_DAY_MS (24LL * 3600 * 1000)

struct key_ref {
    struct kms_rec_Key rec;
    struct str arn, account;
    struct str alias; /* how it was asked for; absent: by id or ARN */
};

/* E_NOT_FOUND: none such; *ret->arn is then what was asked for, as an ARN where it makes one. with_alias: alias names are taken, too. */
int kms_key_look(struct op *op, struct str id, bool with_alias, struct key_ref *ret);
/* The same, answering NotFoundException as AWS words it. */
int kms_key_find(struct op *op, struct str id, bool with_alias, struct key_ref *ret);
/* The same, and the key can be used for usage: DisabledException, KMSInvalidStateException, InvalidKeyUsageException. */
int kms_key_usable(struct op *op, struct str id, const char *usage, struct key_ref *ret);
int kms_key_by_id(struct op *op, struct str account, struct str id, struct key_ref *ret); /* E_NOT_FOUND */
int kms_check_state(struct op *op, const struct key_ref *k);   /* Enabled */
int kms_check_pending(struct op *op, const struct key_ref *k); /* not PendingDeletion */
int kms_key_put(struct op *op, const struct key_ref *k);
int kms_key_erase(struct op *op, const struct key_ref *k);     /* with its aliases */
void kms_key_range(struct op *op, struct key *ret_from, struct key *ret_to);

/* A new, enabled key without a policy; rec's Spec and Usage are set. Not stored. */
void kms_key_make(struct op *op, struct key_ref *k);
void kms_material_add(struct op *op, struct key_ref *k);
int kms_material_open(struct op *op, const struct key_ref *k, uint32_t index, struct str *ret); /* E_CORRUPT: another root key */

struct str kms_key_arn(struct op *op, struct str account, struct str id);
struct str kms_alias_arn(struct op *op, struct str account, struct str name);

/* ---- aliases ---- */
int kms_alias_get(struct op *op, struct str account, struct str name, struct kms_rec_Alias *ret); /* E_NOT_FOUND */
int kms_alias_put(struct op *op, const struct kms_rec_Alias *alias);
int kms_aliases_erase(struct op *op, struct str account, struct str key_id);

/* ---- AWS-managed keys ---- */
bool kms_is_managed_alias(struct str alias);                    /* one that AWS has */
struct str kms_managed_policy(struct op *op, struct str alias);
int kms_managed_make(struct op *op, struct str alias, struct key_ref *ret); /* in a writing transaction */

/* ---- policies ---- */
struct str kms_default_policy(struct op *op);
int kms_policy_check(struct op *op, struct str text, bool bypass_lockout_check);

/* ---- ciphertexts (cipher.c: no store) ---- */
struct cipher_head {
    struct str account, key_id;
    uint32_t material;
};
struct str cipher_write(struct arena *a, const struct cipher_head *h, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context,
                        struct str plain);
int cipher_head_read(struct str blob, struct cipher_head *ret);  /* E_INVALID; points into blob */
int cipher_open(struct arena *a, struct str blob, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context, struct str *ret);

int kms_rotation_schedule(struct op *op, const struct key_ref *k); /* sets or cancels its timer */
int64_t kms_rotation_next_ms(const struct key_ref *k);

#endif
