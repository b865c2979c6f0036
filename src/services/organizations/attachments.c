/* Which policy hangs on which node, and whether its type counts. */
#include "services/organizations/organizations.h"

enum { ATTACHED_MAX = 5 /* of a type, on a node */ };

/* ---- types ---- */

static int type_of_root(struct op *op, struct str root, struct str type, struct organizations_rec_Organization *ret)
{
    int rc = org_own(op, true, ret);
    if (rc == 0 && !str_eq(root, ret->RootId))
        rc = aws_fail(op, ORGANIZATIONS_RootNotFoundException, "You specified a root that doesn't exist.");
    if (rc == 0)
        rc = org_policy_type_check(op, type);
    if (rc == 0 && !str_is(ret->FeatureSet, "ALL"))
        rc = aws_fail(op, ORGANIZATIONS_PolicyTypeNotAvailableForOrganizationException,
                      "You can't use the specified policy type with the feature set currently enabled for this organization.");
    return rc;
}

static void drop(struct str_list *l, struct str s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (!str_eq(l->v[i], s))
            l->v[kept++] = l->v[i];
    l->n = kept;
}

static bool is_of_type(struct op *op, const struct organizations_rec_Organization *o, struct str id, struct str type)
{
    struct organizations_rec_Policy p;
    return org_policy_get(op, o, id, &p) == 0 && str_eq(p.Type, type);
}

static struct organizations_Root *root_new(struct op *op, const struct organizations_rec_Organization *o)
{
    struct organizations_Root *root = arena_one(op->arena, struct organizations_Root);
    org_root_out(op, o, root);
    return root;
}

int organizations_EnablePolicyType(struct op *op, const struct organizations_EnablePolicyType_in *in, struct organizations_EnablePolicyType_out *out)
{
    struct organizations_rec_Organization o;
    struct org_nodes nodes = { 0 };
    int rc = type_of_root(op, in->RootId, in->PolicyType, &o);
    if (rc == 0 && str_list_has(&o.PolicyTypes, in->PolicyType))
        rc = aws_fail(op, ORGANIZATIONS_PolicyTypeAlreadyEnabledException, "The specified policy type is already enabled.");
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    for (uint32_t i = 0; rc == 0 && i < nodes.n; i++) {
        str_list_add(op->arena, &nodes.v[i].Policies, org_policy_default(in->PolicyType)->Id);
        rc = org_node_put(op, &o, &nodes.v[i]);
    }
    if (rc)
        return rc;
    str_list_add(op->arena, &o.PolicyTypes, in->PolicyType);
    out->Root = root_new(op, &o);
    return org_put(op, &o);
}

/* Everything of that type is taken off. */
int organizations_DisablePolicyType(struct op *op, const struct organizations_DisablePolicyType_in *in, struct organizations_DisablePolicyType_out *out)
{
    struct organizations_rec_Organization o;
    struct org_nodes nodes = { 0 };
    int rc = type_of_root(op, in->RootId, in->PolicyType, &o);
    if (rc == 0 && !str_list_has(&o.PolicyTypes, in->PolicyType))
        rc = aws_fail(op, ORGANIZATIONS_PolicyTypeNotEnabledException, "This operation can be performed only for enabled policy types.");
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    for (uint32_t i = 0; rc == 0 && i < nodes.n; i++) {
        struct str_list before = nodes.v[i].Policies;
        nodes.v[i].Policies = (struct str_list){ 0 };
        for list_each(id, &before)
            if (!is_of_type(op, &o, *id, in->PolicyType))
                str_list_add(op->arena, &nodes.v[i].Policies, *id);
        rc = org_node_put(op, &o, &nodes.v[i]);
    }
    if (rc)
        return rc;
    drop(&o.PolicyTypes, in->PolicyType);
    out->Root = root_new(op, &o);
    return org_put(op, &o);
}

/* ---- attachments ---- */

struct pair {
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy policy;
    struct organizations_rec_Node node;
    uint32_t of_type; /* how many of the policy's type hang on the node */
    bool attached;
};

static int no_target(struct op *op) { return aws_fail(op, ORGANIZATIONS_TargetNotFoundException, "You specified a target that doesn't exist."); }

static int find(struct op *op, struct str policy, struct str target, struct pair *t)
{
    *t = (struct pair){ 0 };
    int rc = org_own(op, true, &t->o);
    if (rc == 0)
        rc = org_policy_get(op, &t->o, policy, &t->policy);
    if (rc == E_NOT_FOUND)
        return org_policy_no_such(op);
    if (rc == 0)
        rc = org_node_get(op, &t->o, target, &t->node);
    if (rc == E_NOT_FOUND)
        return no_target(op);
    if (rc == 0 && !str_list_has(&t->o.PolicyTypes, t->policy.Type))
        rc = aws_fail(op, ORGANIZATIONS_PolicyTypeNotEnabledException, "This operation can be performed only for enabled policy types.");
    for list_each(id, &t->node.Policies)
        t->of_type += is_of_type(op, &t->o, *id, t->policy.Type);
    t->attached = str_list_has(&t->node.Policies, t->policy.Id);
    return rc;
}

int organizations_AttachPolicy(struct op *op, const struct organizations_AttachPolicy_in *in, struct organizations_AttachPolicy_out *out)
{
    struct pair t;
    int rc = find(op, in->PolicyId, in->TargetId, &t);
    if (rc)
        return rc;
    if (t.attached)
        return aws_fail(op, ORGANIZATIONS_DuplicatePolicyAttachmentException, "The selected policy is already attached to the specified target.");
    if (t.of_type >= ATTACHED_MAX)
        return org_constraint(op, "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies of the specified type to the target.");
    str_list_add(op->arena, &t.node.Policies, t.policy.Id);
    return org_node_put(op, &t.o, &t.node);
}

int organizations_DetachPolicy(struct op *op, const struct organizations_DetachPolicy_in *in, struct organizations_DetachPolicy_out *out)
{
    struct pair t;
    int rc = find(op, in->PolicyId, in->TargetId, &t);
    if (rc)
        return rc;
    if (!t.attached)
        return aws_fail(op, ORGANIZATIONS_PolicyNotAttachedException, "The policy isn't attached to the specified target.");
    if (str_is(t.policy.Id, "p-RCPFullAWSAccess"))
        return org_invalid(op, "NON_DETACHABLE_POLICY", "You can't detach the RCPFullAWSAccess policy.");
    if (t.of_type == 1)
        return org_constraint(op, "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You cannot remove the last policy attached to the specified target. You should have at least one attached.");
    drop(&t.node.Policies, t.policy.Id);
    return org_node_put(op, &t.o, &t.node);
}

int organizations_ListPoliciesForTarget(struct op *op, const struct organizations_ListPoliciesForTarget_in *in,
                                        struct organizations_ListPoliciesForTarget_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n;
    struct org_pager page;
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_node_get(op, &o, in->TargetId, &n);
    if (rc == E_NOT_FOUND)
        return no_target(op);
    if (rc == 0)
        rc = org_policy_type_check(op, in->Filter);
    if (rc == 0)
        rc = org_pager_begin(op, in->NextToken, in->MaxResults, &page);
    if (rc)
        return rc;
    out->Policies.set = true;
    for list_each(id, &n.Policies) {
        struct organizations_rec_Policy p;
        if (org_policy_get(op, &o, *id, &p) == 0 && str_eq(p.Type, in->Filter) && org_pager_takes(&page))
            org_policy_out(op, &o, &p, list_push(op->arena, &out->Policies));
    }
    out->NextToken = org_pager_token(&page);
    return 0;
}

int organizations_ListTargetsForPolicy(struct op *op, const struct organizations_ListTargetsForPolicy_in *in,
                                       struct organizations_ListTargetsForPolicy_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    struct org_nodes nodes = { 0 };
    struct org_pager page;
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_policy_get(op, &o, in->PolicyId, &p);
    if (rc == E_NOT_FOUND)
        return org_policy_no_such(op);
    if (rc == 0)
        rc = org_pager_begin(op, in->NextToken, in->MaxResults, &page);
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    if (rc)
        return rc;
    out->Targets.set = true;
    for list_each(n, &nodes)
        if (str_list_has(&n->Policies, p.Id) && org_pager_takes(&page))
            *list_push(op->arena, &out->Targets) = (struct organizations_PolicyTargetSummary){ .TargetId = n->Id, .Arn = org_node_arn(op, &o, n), .Name = n->Name, .Type = n->Kind };
    out->NextToken = org_pager_token(&page);
    return 0;
}
