/* Envelope encryption: what other services keep sealed under a data key, which KMS keeps sealed under a key of the customer.
 *
 * Whoever reads or writes asks KMS for the data key, through cloud_call: so the key's policy, grants, kms:ViaService and kms:EncryptionContext:* decide
 * about him, and a key that is disabled closes everything under it. A data key is in memory for as long as its service reuses one (`reuse_ms`), for the
 * principal who asked and only while the policy epoch stands: a change of any policy, grant or key state makes everybody ask again.
 *
 * Without a key_id the data key is the AWS-owned one: derived from the root key (cloud/root_key.h), no KMS, no policy, never refused. */
#ifndef STRATA_CLOUD_ENVELOPE_H
#define STRATA_CLOUD_ENVELOPE_H

#include "aws/op.h"
#include "base/seal.h"

struct envelope {
    struct str account, region; /* of the key, where its name does not say; absent: op's */
    struct str key_id;          /* any name of a KMS key; absent: the AWS-owned one */
    struct str_map context;     /* the encryption context that AWS has for this */
    const struct principal *as; /* who asks KMS; NULL: op's caller */
    int64_t reuse_ms;           /* of the clock; 0: KMS is asked each time */
    bool verifies;              /* a new data key is opened once, too: whoever seals needs kms:Decrypt (SQS) */
    bool encrypts;              /* data keys come from here and are wrapped with kms:Encrypt, not made with kms:GenerateDataKey (Lambda) */
};

struct data_key {
    uint8_t key[SEAL_KEY_BYTES];
    struct str wrapped;         /* as KMS sealed it; "" for an AWS-owned key */
    struct str arn;             /* of the KMS key; absent for an AWS-owned one, and for one that was opened */
};

/* A data key to seal with, and one to open what was sealed with it. In op's arena, erased with it. E_AWS: KMS refused, ret_failure says how; the service
 * words it. */
int envelope_key_new(struct op *op, const struct envelope *e, const struct data_key **ret, struct op_failure *ret_failure);
int envelope_key_open(struct op *op, const struct envelope *e, struct str wrapped, const struct data_key **ret, struct op_failure *ret_failure);

/* A data key wrapped once more, by another key of KMS (kms:Encrypt). */
int envelope_key_wrap(struct op *op, const struct envelope *e, const uint8_t key[SEAL_KEY_BYTES], struct str *ret_wrapped, struct op_failure *ret_failure);

/* A text that carries its wrapped data key: sealed under key, opened through KMS. aad: where it belongs. E_CORRUPT: it is not what was sealed. */
struct str envelope_seal_with(struct op *op, const struct data_key *key, struct str aad, struct str plain);
int envelope_seal(struct op *op, const struct envelope *e, struct str aad, struct str plain, struct str *ret, struct op_failure *ret_failure);
int envelope_open(struct op *op, const struct envelope *e, struct str aad, struct str sealed, struct str *ret, struct op_failure *ret_failure);

/* What KMS refused, as "DisabledException"; the code that most services put behind one of their own. */
struct str envelope_refusal(const struct op_failure *failure);

struct envelopes; /* the data keys in memory: cloud->envelopes */
struct envelopes *envelopes_new(void);
void envelopes_free(struct envelopes *e); /* erases them; NULL-safe */

#endif
