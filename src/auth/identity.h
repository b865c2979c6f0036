/* Who stands behind an access key, and what binds him, read and parsed once for each policy epoch (auth_epoch). */
#ifndef STRATA_AUTH_IDENTITY_H
#define STRATA_AUTH_IDENTITY_H

#include "auth/directory.h"
#include "auth/evaluate.h"

struct identity {
    struct credential credential;
    struct eval_policies policies; /* but for a resource's */
    bool service_linked;           /* a role that no organization binds */
    struct str_map tags;           /* of aws:PrincipalTag */
    struct str_map claims;         /* condition keys of an identity provider, whole */
};

/* Errors as directory_credential. *ret lives as long as op->arena and may be others' too. An expired session is found. */
int identity_of_key(struct op *op, struct str access_key_id, bool test_keys, const struct identity **ret);
/* For a principal that has no key of his own, or is held to a session policy of the moment: sets policies and tags. */
int identity_bind(struct op *op, const struct principal *p, struct identity *ret);

#endif
