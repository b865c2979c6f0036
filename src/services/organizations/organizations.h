/* What the operations of Organizations share: whose organization it is, its tree, its policies, pages.
 *
 * A tree is read by its nodes: from one up by Parent, down by a walk over all nodes of the organization. No index beside them: an organization has some
 * thousands of nodes at most, and what is asked by every request (auth/organization.h) goes upwards. */
#ifndef STRATA_ORGANIZATIONS_H
#define STRATA_ORGANIZATIONS_H

#include "auth/auth.h"
#include "auth/organization.h"
#include "aws/error.h"
#include "aws/op.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/code.h"
#include "gen/organizations.h"

/* The caller's organization. AWSOrganizationsNotInUseException; AccessDeniedException unless the caller's is the management account, where managing. */
int org_own(struct op *op, bool managing, struct organizations_rec_Organization *ret);
int org_put(struct op *op, const struct organizations_rec_Organization *o); /* raises the policy epoch, as those below do */

/* E_NOT_FOUND. id: of a root, a unit or an account. */
int org_node_get(struct op *op, const struct organizations_rec_Organization *o, struct str id, struct organizations_rec_Node *ret);
int org_node_put(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n);
int org_node_delete(struct op *op, const struct organizations_rec_Organization *o, struct str id);
/* Every node of the organization, in the arena. */
struct org_nodes {
    struct organizations_rec_Node *v;
    uint32_t n, cap;
    bool set;
};
int org_nodes_all(struct op *op, const struct organizations_rec_Organization *o, struct org_nodes *ret);
bool org_node_is(const struct organizations_rec_Node *n, const char *kind);
struct str org_node_arn(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n);
struct str org_node_path(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n); /* o-.../r-.../.../, with itself */

/* A policy of the organization, or one of AWS's own (which no record holds). E_NOT_FOUND. */
int org_policy_get(struct op *op, const struct organizations_rec_Organization *o, struct str id, struct organizations_rec_Policy *ret);
int org_policy_put(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p);
bool org_policy_is_aws(const struct organizations_rec_Policy *p);
int org_policy_no_such(struct op *op); /* PolicyNotFoundException */
struct str org_policy_arn(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p);
struct org_policies {
    struct organizations_rec_Policy *v;
    uint32_t n, cap;
    bool set;
};
/* Of a type that strata has; else it is refused by name. */
int org_policy_type_check(struct op *op, struct str type);
const struct organizations_rec_Policy *org_policy_default(struct str type); /* what is attached everywhere when the type is enabled */

void org_policy_out(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p, struct organizations_PolicySummary *ret);

void org_root_out(struct op *op, const struct organizations_rec_Organization *o, struct organizations_Root *ret);
/* An account of the caller's organization, which manages it: AccountNotFoundException. */
int org_account_get(struct op *op, struct str id, struct organizations_rec_Organization *ret_o, struct organizations_rec_Node *ret);
int org_parent_check(struct op *op, const struct organizations_rec_Organization *o, struct str id); /* ParentNotFoundException */
int org_member_put(struct op *op, struct str account, const struct organizations_rec_Member *m); /* NULL: in none from now on */
int org_node_add(struct op *op, const struct organizations_rec_Organization *o, struct organizations_rec_Node *n); /* with the default policies */

int org_tags_take(struct op *op, const struct organizations_Tags *tags, struct str_map *into); /* merged; checked */

/* InvalidInputException and ConstraintViolationException, with AWS's reason. */
int org_invalid(struct op *op, const char *reason, const char *words);
int org_constraint(struct op *op, const char *reason, const char *words);

/* ---- pages over what stands in memory: for each element of the list, in order, org_pager_takes says whether it belongs into this answer ---- */
struct org_pager {
    struct op *op;
    int64_t at, from, to;
    bool more;
};
int org_pager_begin(struct op *op, struct str token, struct opt_i64 max_results, struct org_pager *ret);
bool org_pager_takes(struct org_pager *p);
struct str org_pager_token(struct org_pager *p); /* absent: that was all */
/* The organization that the caller manages, and a page of something of it. */
int org_page(struct op *op, struct str token, struct opt_i64 max_results, struct organizations_rec_Organization *ret_o, struct org_pager *ret);

/* A page of the nodes of one kind, below one parent (absent: anywhere). ParentNotFoundException. */
struct org_listing {
    struct organizations_rec_Organization o;
    struct org_nodes nodes;
    struct org_pager page;
    struct str parent, kind;
    uint32_t next;
};
int org_listing_begin(struct op *op, struct str parent, struct str kind, struct str token, struct opt_i64 max_results, struct org_listing *ret);
const struct organizations_rec_Node *org_listing_next(struct org_listing *l); /* NULL: that was all; then org_pager_token(&l->page) */

#endif
