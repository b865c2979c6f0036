#ifndef STRATA_STS_COMMON_H
#define STRATA_STS_COMMON_H

#include "auth/assume.h"
#include "gen/sts.h"

/* Checks session policies; ret_packed: how full they are, in per cent, as AWS tells it. */
int sts_session_policies(struct op *op, struct str policy, const struct sts_policyDescriptorListType *arns, struct str_list *ret_policies,
                         struct str_list *ret_arns, struct opt_i64 *ret_packed);
/* SerialNumber and TokenCode: a device of the caller vouches for him (ret_present), or he gave neither, or AccessDenied. A code that is used counts
 * no more. */
int sts_check_mfa(struct op *op, struct str serial, struct str code, bool *ret_present);
int sts_use_mfa(struct op *op, struct str serial, struct str code, bool *ret_present);
int sts_tags_in(struct op *op, const struct sts_tagListType *tags, struct str_map *into);
void sts_credentials_out(struct op *op, const struct session_credentials *c, struct sts_Credentials **ret);

#endif
