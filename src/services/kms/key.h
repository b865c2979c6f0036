/* Keys: found by id, ARN or alias; their states; their material.
 *
 * States: Enabled <-> Disabled (state.c); either -> PendingDeletion (ScheduleKeyDeletion) -> Disabled (CancelKeyDeletion) or gone (the timer kms.delete).
 * A primary key with replicas waits as PendingReplicaDeletion for the last of them. Origin EXTERNAL: PendingImport while any of its materials is
 * missing (import.c).
 * A symmetric key has one material or, rotated, several: the current one encrypts, each decrypts what names it. Material is sealed under the root key of
 * the data directory (cloud/root_key.h), opened for one operation, and erased with its arena. A pair's material is its private key.
 * A multi-Region key (id mrk-...) is one record a region: related keys share id, material, rotation and who is primary; region.c keeps them so.
 * AWS-managed keys (alias/aws/SERVICE) come into being when a writing operation first asks for them. */
#ifndef STRATA_KMS_KEY_H
#define STRATA_KMS_KEY_H

#include "base/seal.h"
#include "gen/kms.h"
#include "services/kms/spec.h"

#define KMS_DAY_MS (24LL * 3600 * 1000)

struct key_ref {
    struct kms_rec_Key rec;
    const struct key_spec *spec;
    struct str arn, account, region;
    struct str alias; /* how it was asked for; absent: by id or ARN */
};

/* E_NOT_FOUND: none such; *ret->arn is then what was asked for, as an ARN where it makes one. with_alias: alias names are taken, too. */
int kms_key_look(struct op *op, struct str id, bool with_alias, struct key_ref *ret);
/* The same, answering NotFoundException as AWS words it. */
int kms_key_find(struct op *op, struct str id, bool with_alias, struct key_ref *ret);
/* The same, and the key can be used for usage: DisabledException, KMSInvalidStateException, InvalidKeyUsageException. */
int kms_key_usable(struct op *op, struct str id, const char *usage, struct key_ref *ret);
int kms_key_by_id(struct op *op, struct str account, struct str region, struct str id, struct key_ref *ret); /* E_NOT_FOUND */
int kms_key_by_arn(struct op *op, struct str arn, struct key_ref *ret); /* of any region: for jobs. E_NOT_FOUND */
int kms_check_state(struct op *op, const struct key_ref *k);   /* Enabled */
int kms_check_pending(struct op *op, const struct key_ref *k); /* not to be deleted */
int kms_check_origin(struct op *op, const struct key_ref *k, const char *origin); /* UnsupportedOperationException */
int kms_check_usage(struct op *op, const struct key_ref *k, const char *usage);
int kms_key_put(struct op *op, const struct key_ref *k);
/* The same after a change of what the key may be used for: whatever was decided or unwrapped before is forgotten (auth_epoch_bump). */
int kms_key_change(struct op *op, const struct key_ref *k);
int kms_key_erase(struct op *op, const struct key_ref *k);     /* with its aliases and grants */
void kms_key_range(struct op *op, struct key *ret_from, struct key *ret_to);
bool kms_is_external(const struct key_ref *k);

/* A new, enabled key without material and policy; rec's Spec and Usage are set. Not stored. */
void kms_key_make(struct op *op, struct key_ref *k, bool multi_region);

/* ---- material ---- */
size_t kms_material_bytes(const struct key_spec *spec); /* of a symmetric or HMAC key */
/* Seals bytes as the key's newest material. */
struct kms_rec_Material *kms_material_add(struct op *op, struct key_ref *k, struct str bytes);
void kms_material_random(struct op *op, struct key_ref *k); /* symmetric and HMAC keys */
struct str kms_material_id(struct op *op, struct str key_id, struct str bytes);
struct str kms_material_seal(struct op *op, struct str key_id, struct str bytes);
/* E_INVALID: there is none of that index; E_CORRUPT: another root key. */
int kms_material_open(struct op *op, const struct key_ref *k, uint32_t index, struct str *ret);
uint32_t kms_material_current(const struct key_ref *k); /* its index; Materials.n when there is none */

struct str kms_key_arn(struct op *op, struct str region, struct str account, struct str id);
struct str kms_alias_arn(struct op *op, struct str account, struct str name);
struct kms_KeyMetadata *kms_describe(struct op *op, const struct key_ref *k);

/* ---- aliases ---- */
int kms_alias_get(struct op *op, struct str account, struct str name, struct kms_rec_Alias *ret); /* E_NOT_FOUND */
int kms_alias_put(struct op *op, const struct kms_rec_Alias *alias);
int kms_aliases_erase(struct op *op, const struct key_ref *k);

/* ---- AWS-managed keys (managed.c) ---- */
bool kms_is_managed_alias(struct str alias);                    /* one that AWS has */
struct str kms_managed_policy(struct op *op, struct str alias);
int kms_managed_make(struct op *op, struct str alias, struct key_ref *ret); /* in a writing transaction */

/* ---- policies, tags ---- */
struct str kms_default_policy(struct op *op);
int kms_policy_check(struct op *op, struct str text, bool bypass_lockout_check);
int kms_tags_check(struct op *op, const struct str_map *tags); /* TagException */

/* ---- multi-Region keys (region.c) ---- */
bool kms_is_primary(const struct key_ref *k); /* also of every key of one Region */
int kms_check_primary(struct op *op, const struct key_ref *k); /* UnsupportedOperationException */
/* Runs fn on every related key of another Region. */
int kms_related_each(struct op *op, const struct key_ref *k, int (*fn)(struct op *op, struct key_ref *other, void *ctx), void *ctx);
int kms_share(struct op *op, const struct key_ref *k); /* gives k's shared properties to its related keys */
int kms_replica_gone(struct op *op, const struct key_ref *k); /* a replica was erased: its primary may wait for that */
void kms_describe_regions(struct op *op, const struct key_ref *k, struct kms_KeyMetadata *m);

/* ---- imported material (import.c) ---- */
bool kms_is_whole(const struct key_ref *k); /* no material is missing */

/* ---- deletion and rotation (state.c, rotate.c) ---- */
int kms_deletion_begin(struct op *op, struct key_ref *k, int64_t days); /* sets state, date and timer; not stored */
int kms_rotation_schedule(struct op *op, const struct key_ref *k); /* sets or cancels its timer */
int64_t kms_rotation_next_ms(const struct key_ref *k);

/* ---- ciphertexts (cipher.c: no store) ---- */
struct cipher_head {
    struct str account, key_id;
    uint32_t material;
};
struct str cipher_write(struct arena *a, const struct cipher_head *h, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context,
                        struct str plain);
int cipher_head_read(struct str blob, struct cipher_head *ret);  /* E_INVALID; points into blob */
int cipher_open(struct arena *a, struct str blob, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context, struct str *ret);

#endif
