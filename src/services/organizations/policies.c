/* Policies: what they say, and which types the organization uses. */
#include "services/organizations/organizations.h"

#include "auth/policy.h"
#include "aws/id.h"

enum { CONTENT_BYTES_MAX = 5120, POLICIES_MAX = 1000 };

int org_policy_no_such(struct op *op) { return aws_fail(op, ORGANIZATIONS_PolicyNotFoundException, "You specified a policy that doesn't exist."); }

static int policy_find(struct op *op, struct str id, struct organizations_rec_Organization *ret_o, struct organizations_rec_Policy *ret)
{
    int rc = org_own(op, true, ret_o);
    if (rc == 0)
        rc = org_policy_get(op, ret_o, id, ret);
    return rc == E_NOT_FOUND ? org_policy_no_such(op) : rc;
}

bool org_policy_is_aws(const struct organizations_rec_Policy *p) { return organization_aws_policy(p->Id) != NULL; }

int org_policy_get(struct op *op, const struct organizations_rec_Organization *o, struct str id, struct organizations_rec_Policy *ret)
{
    const struct organizations_rec_Policy *aws = organization_aws_policy(id);
    struct key k;
    if (aws) {
        *ret = *aws;
        return 0;
    }
    organization_key(op, &k, &organizations_kind_policy, o->Id, id);
    return op_rec_get(op, &k, &organizations_rec_Policy_shape, ret);
}

int org_policy_put(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p)
{
    struct key k;
    organization_key(op, &k, &organizations_kind_policy, o->Id, p->Id);
    int rc = op_rec_put(op, &k, &organizations_rec_Policy_shape, p);
    return rc ? rc : auth_epoch_bump(op);
}

const struct organizations_rec_Policy *org_policy_default(struct str type)
{
    return organization_aws_policy(str_is(type, "SERVICE_CONTROL_POLICY") ? STR("p-FullAWSAccess") : STR("p-RCPFullAWSAccess"));
}

int org_policy_type_check(struct op *op, struct str type)
{
    for (int i = 0; i <= ORGANIZATION_RESOURCE_CONTROL; i++)
        if (str_is(type, organization_policy_type[i]))
            return 0;
    return aws_unsupported(op, type.p);
}

/* ---- what a policy may say ---- */

static bool is_everybody(const struct statement *s)
{
    for list_each(p, &s->principals)
        if (!str_is(p->type, "AWS") || !str_is(p->value, "*"))
            return false;
    return !s->not_principal;
}

/* A resource control policy only denies, everybody, and names actions of services. */
static bool is_resource_control(const struct policy *p)
{
    for list_each(s, &p->statements)
        if (!s->deny || s->not_action || !is_everybody(s) || str_list_has(&s->actions, STR("*")))
            return false;
    return true;
}

static int check_content(struct op *op, struct str type, struct str content)
{
    struct policy *parsed;
    struct str why;
    bool scp = str_is(type, "SERVICE_CONTROL_POLICY");
    if (content.n > CONTENT_BYTES_MAX)
        return org_constraint(op, "POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the allowed size of policy content.");
    int rc = policy_parse(op->arena, content, scp ? POLICY_IDENTITY : POLICY_RESOURCE, &parsed, &why);
    if (rc || (!scp && !is_resource_control(parsed)))
        return aws_fail(op, ORGANIZATIONS_MalformedPolicyDocumentException, "The provided policy document does not meet the requirements of the specified policy type.");
    return 0;
}

/* Every policy of the organization's own, and then AWS's. */
static int all(struct op *op, const struct organizations_rec_Organization *o, struct org_policies *ret)
{
    struct key prefix, to;
    struct str key, value;
    int rc = 0;
    organization_key(op, &prefix, &organizations_kind_policy, o->Id, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value))
        rc = op_rec_decode(op, str_dup(op->arena, value), &organizations_rec_Policy_shape, list_push(op->arena, ret));
    int end = scan_end(s);
    for (int i = 0; i <= ORGANIZATION_RESOURCE_CONTROL; i++)
        *list_push(op->arena, ret) = *org_policy_default(str_c(organization_policy_type[i]));
    return rc ? rc : end;
}

static int check_name(struct op *op, const struct organizations_rec_Organization *o, struct str type, struct str name, uint32_t *ret_n)
{
    struct org_policies policies = { 0 };
    int rc = all(op, o, &policies);
    for list_each(p, &policies)
        if (rc == 0 && str_eq(p->Type, type) && str_eq(p->Name, name))
            return aws_fail(op, ORGANIZATIONS_DuplicatePolicyException, "A policy with the same name already exists.");
    *ret_n = policies.n;
    return rc;
}

/* ---- operations ---- */

void org_policy_out(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p, struct organizations_PolicySummary *ret)
{
    *ret = (struct organizations_PolicySummary){ .Id = p->Id, .Arn = org_policy_arn(op, o, p), .Name = p->Name, .Description = opt_str(p->Description, STR("")),
                                                 .Type = p->Type, .AwsManaged = SOME_BOOL(org_policy_is_aws(p)) };
}

static struct organizations_Policy *whole(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p)
{
    struct organizations_Policy *out = arena_one(op->arena, struct organizations_Policy);
    out->PolicySummary = arena_one(op->arena, struct organizations_PolicySummary);
    org_policy_out(op, o, p, out->PolicySummary);
    out->Content = p->Content;
    return out;
}

int organizations_CreatePolicy(struct op *op, const struct organizations_CreatePolicy_in *in, struct organizations_CreatePolicy_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p = { .Type = in->Type, .Name = in->Name, .Description = in->Description, .Content = in->Content };
    uint32_t n;
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_policy_type_check(op, in->Type);
    if (rc == 0 && !str_is(o.FeatureSet, "ALL"))
        rc = aws_fail(op, ORGANIZATIONS_PolicyTypeNotAvailableForOrganizationException, "You can't use the specified policy type with the feature set currently enabled for this organization.");
    if (rc == 0)
        rc = check_name(op, &o, in->Type, in->Name, &n);
    if (rc == 0)
        rc = check_content(op, in->Type, in->Content);
    if (rc == 0)
        rc = org_tags_take(op, &in->Tags, &p.Tags);
    if (rc == 0 && n >= POLICIES_MAX)
        rc = org_constraint(op, "POLICY_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of policies.");
    if (rc)
        return rc;
    p.Id = str_cat(op->arena, STR("p-"), id_alnum(op, 8));
    out->Policy = whole(op, &o, &p);
    return org_policy_put(op, &o, &p);
}

int organizations_DescribePolicy(struct op *op, const struct organizations_DescribePolicy_in *in, struct organizations_DescribePolicy_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    int rc = policy_find(op, in->PolicyId, &o, &p);
    if (rc == 0)
        out->Policy = whole(op, &o, &p);
    return rc;
}

int organizations_UpdatePolicy(struct op *op, const struct organizations_UpdatePolicy_in *in, struct organizations_UpdatePolicy_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    uint32_t n;
    int rc = policy_find(op, in->PolicyId, &o, &p);
    if (rc == 0 && org_policy_is_aws(&p))
        rc = org_invalid(op, "IMMUTABLE_POLICY", "You can't modify an AWS managed policy.");
    if (rc == 0 && in->Name.p && !str_eq(in->Name, p.Name))
        rc = check_name(op, &o, p.Type, in->Name, &n);
    if (rc == 0 && in->Content.p)
        rc = check_content(op, p.Type, in->Content);
    if (rc)
        return rc;
    p.Name = opt_str(in->Name, p.Name);
    p.Description = opt_str(in->Description, p.Description);
    p.Content = opt_str(in->Content, p.Content);
    out->Policy = whole(op, &o, &p);
    return org_policy_put(op, &o, &p);
}

int organizations_DeletePolicy(struct op *op, const struct organizations_DeletePolicy_in *in, struct organizations_DeletePolicy_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    struct org_nodes nodes = { 0 };
    struct key k;
    int rc = policy_find(op, in->PolicyId, &o, &p);
    if (rc == 0 && org_policy_is_aws(&p))
        rc = org_invalid(op, "IMMUTABLE_POLICY", "You can't delete an AWS managed policy.");
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    for list_each(node, &nodes)
        if (rc == 0 && str_list_has(&node->Policies, p.Id))
            return aws_fail(op, ORGANIZATIONS_PolicyInUseException,
                            "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.");
    if (rc)
        return rc;
    organization_key(op, &k, &organizations_kind_policy, o.Id, p.Id);
    return op_rec_delete(op, &k);
}

int organizations_ListPolicies(struct op *op, const struct organizations_ListPolicies_in *in, struct organizations_ListPolicies_out *out)
{
    struct organizations_rec_Organization o;
    struct org_policies policies = { 0 };
    struct org_pager page;
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_policy_type_check(op, in->Filter);
    if (rc == 0)
        rc = org_pager_begin(op, in->NextToken, in->MaxResults, &page);
    if (rc == 0)
        rc = all(op, &o, &policies);
    if (rc)
        return rc;
    out->Policies.set = true;
    for list_each(p, &policies)
        if (str_eq(p->Type, in->Filter) && org_pager_takes(&page))
            org_policy_out(op, &o, p, list_push(op->arena, &out->Policies));
    out->NextToken = org_pager_token(&page);
    return 0;
}
