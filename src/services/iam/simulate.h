/* The policies that a simulation is about. */
#ifndef STRATA_IAM_SIMULATE_H
#define STRATA_IAM_SIMULATE_H

#include "auth/evaluate.h"
#include "services/iam/common.h"

struct sim_policy {
    struct str id;       /* what a matched statement is told to be of: a managed policy's name, user_NAME_POLICY, PolicyInputList.1 */
    struct str document; /* its text; of AWS's own, the ARN */
    struct str arn;      /* a managed policy's, else absent */
    const struct policy *policy;
};

struct sim_policies {
    struct sim_policy *v;
    uint32_t n, cap;
    bool set;
};

struct sim_principal {
    struct principal principal;
    bool is_group;
    struct sim_policies policies; /* inline, attached, of groups */
    struct sim_policy boundary;
    bool has_boundary;
};

/* The user, group or role of an ARN, as who calls: InvalidInput for any other ARN. It need not exist. */
int sim_caller(struct op *op, struct str arn, struct sim_principal *ret);
/* What binds it, but what is excluded. NoSuchEntity. */
int sim_load(struct op *op, struct str arn, const struct iam_PolicyExclusionsListType *excluded, struct sim_principal *ret);
/* Documents that come along, called NAME.1, NAME.2, ...: InvalidInput for one that is malformed. */
int sim_given(struct op *op, const struct str_list *documents, const char *name, struct sim_policies *into);

#endif
