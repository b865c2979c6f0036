/* Where an account stands in an organization, and the policies that bind it there. The records are of src/services/organizations. */
#ifndef STRATA_AUTH_ORGANIZATION_H
#define STRATA_AUTH_ORGANIZATION_H

#include "auth/evaluate.h"
#include "gen/organizations.h"

/* E_NOT_FOUND: in none; ret->Closed may be set even then. Cheap: nearly every request asks. */
int organization_member(struct op *op, struct str account, struct organizations_rec_Member *ret);
struct str organization_of(struct op *op, struct str account); /* its id; absent: in none */
void organization_key(struct op *op, struct key *k, const struct record_kind *kind, struct str organization, struct str id); /* id absent: a scan's prefix */

/* "o-.../r-.../ou-.../" of the account's place, as aws:PrincipalOrgPaths has it. */
int organization_path(struct op *op, struct str organization, struct str account, struct str *ret);

enum organization_policies { ORGANIZATION_SERVICE_CONTROL, ORGANIZATION_RESOURCE_CONTROL };
extern const char *const organization_policy_type[]; /* SERVICE_CONTROL_POLICY, ... */

/* The policies over an account, from the root down; none for the management account, or when their type is not enabled. A closed account may do nothing. */
int organization_bind(struct op *op, struct str account, enum organization_policies which, struct policy_levels *ret);
bool organization_binds(struct op *op, struct str account); /* whether there may be any */

/* AWS's own policies that allow everything; NULL. */
const struct organizations_rec_Policy *organization_aws_policy(struct str id);

#endif
