/* Grants: permissions on one key for one principal, beside its policy. They count at once; a grant token is only a name of its grant.
 *
 * Kept by (key's account, Region, key id, grant id), and found by retiring principal through an index. */
#ifndef STRATA_KMS_GRANT_H
#define STRATA_KMS_GRANT_H

#include "services/kms/key.h"

int kms_grant_get(struct op *op, const struct key_ref *k, struct str id, struct kms_rec_Grant *ret); /* E_NOT_FOUND */
int kms_grant_put(struct op *op, const struct key_ref *k, const struct kms_rec_Grant *g);
int kms_grant_drop(struct op *op, const struct key_ref *k, const struct kms_rec_Grant *g);
int kms_grants_erase(struct op *op, const struct key_ref *k); /* all of a key */
void kms_retirable_key(struct op *op, struct key *k, struct str region, struct str principal); /* the beginning of a principal's part of the index */

struct grants {
    struct kms_rec_Grant *v;
    uint32_t n, cap;
    bool set;
};
/* A key's grants that wanted accepts (NULL: all), in the order of their ids, from `from_id` on. */
int kms_grants_gather(struct op *op, const struct key_ref *k, struct str from_id, uint32_t max,
                      bool (*wanted)(const struct kms_rec_Grant *g, const void *ctx), const void *ctx, struct grants *ret);
/* In grants the keys of an encryption context are compared without case. */
bool kms_context_includes(const struct str_map *context, const struct str_map *wanted);

/* May op's caller do this by a grant? operation: GrantOperation's name. context: the encryption context; NULL: the operation knows none. */
int kms_granted(struct op *op, const struct key_ref *k, const char *operation, const struct str_map *context, bool *ret);
/* May he make this grant by one that he has? It must be within his own. */
int kms_granted_child(struct op *op, const struct key_ref *k, const struct kms_CreateGrant_in *child, bool *ret);
/* May he retire it: as its retiring principal, or as a grantee whose grant allows it? */
bool kms_may_retire(const struct principal *p, const struct kms_rec_Grant *g);

/* ---- tokens: no two alike, all of a grant's as good as one another ---- */
struct str kms_token_write(struct op *op, const struct key_ref *k, struct str id);
/* InvalidGrantTokenException. Of *k, account, region and rec.Id are filled. */
int kms_token_read(struct op *op, struct str token, struct key_ref *k, struct str *ret_id);
/* InvalidGrantTokenException unless all of them are strata's. */
int kms_tokens_check(struct op *op, const struct str_list *tokens);
/* The grant that RetireGrant names, and its key. E_AWS */
int kms_grant_named(struct op *op, const struct kms_RetireGrant_in *in, struct key_ref *k, struct kms_rec_Grant *ret);

#endif
