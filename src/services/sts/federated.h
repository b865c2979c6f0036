/* Sessions of roles for those whom an identity provider vouches for (AssumeRoleWithWebIdentity, AssumeRoleWithSAML): the provider's word was checked before;
 * here the role's trust policy decides about it. */
#ifndef STRATA_STS_FEDERATED_H
#define STRATA_STS_FEDERATED_H

#include "services/sts/common.h"

struct claim {
    const char *key; /* of conditions, whole: accounts.google.com:sub, saml:iss */
    struct str_list values;
};

struct federated {
    const char *action;              /* sts:AssumeRoleWithSAML */
    struct str account;              /* of the role and the provider */
    struct str provider_arn, subject;
    struct {
        struct claim *v;
        uint32_t n, cap;
        bool set;
    } claims;
    struct session_request session;
    int64_t asked_s;                 /* DurationSeconds: the role's limit is about it, though the provider may have it shortened */
    struct str policy;               /* session policies, as they were given */
    const struct sts_policyDescriptorListType *policy_arns;
};

void federated_claim(struct op *op, struct federated *f, const char *key, struct str value); /* nothing for an absent one */
void federated_claims(struct op *op, struct federated *f, const char *key, const struct str_list *values);
/* The claim stands in the session, too: policies may ask for it as long as that lasts. */
void federated_keep(struct op *op, struct federated *f, const char *key, struct str value);

/* The account of the role and the provider; ValidationError when it is no ARN. */
int federated_role(struct op *op, struct federated *f, struct str role_arn);
int federated_denied(struct op *op, const struct federated *f); /* AccessDenied in AWS's words */
/* The role, the trust policy's decision, the session. */
int federated_assume(struct op *op, struct federated *f, struct session_credentials *ret, struct opt_i64 *ret_packed);
struct sts_AssumedRoleUser *federated_user(struct op *op, const struct session_credentials *c);

#endif
