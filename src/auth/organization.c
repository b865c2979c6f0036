#include "auth/organization.h"

#include "auth/policy.h"
#include "auth/state.h"

enum { DEPTH_MAX = 8 }; /* the root, five levels of units, the account */

const char *const organization_policy_type[] = { "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY" };

/* https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_create.html and ..._rcps_create.html */
#define TEXT(literal) { "" literal, sizeof(literal) - 1 }
static const struct organizations_rec_Policy aws_policies[] = {
    { .Id = TEXT("p-FullAWSAccess"), .Type = TEXT("SERVICE_CONTROL_POLICY"), .Name = TEXT("FullAWSAccess"),
      .Description = TEXT("Allows access to every operation"),
      .Content = TEXT("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}") },
    { .Id = TEXT("p-RCPFullAWSAccess"), .Type = TEXT("RESOURCE_CONTROL_POLICY"), .Name = TEXT("RCPFullAWSAccess"),
      .Description = TEXT("Allows access to every resource"),
      .Content = TEXT("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}") },
};

const struct organizations_rec_Policy *organization_aws_policy(struct str id)
{
    for (size_t i = 0; i < sizeof aws_policies / sizeof *aws_policies; i++)
        if (str_eq(id, aws_policies[i].Id))
            return &aws_policies[i];
    return NULL;
}

void organization_key(struct op *op, struct key *k, const struct record_kind *kind, struct str organization, struct str id)
{
    op_key(op, k, kind);
    key_str(k, organization);
    if (id.p)
        key_str(k, id);
}

int organization_member(struct op *op, struct str account, struct organizations_rec_Member *ret)
{
    struct key k;
    *ret = (struct organizations_rec_Member){ 0 };
    organization_key(op, &k, &organizations_kind_member, account, STR_NONE);
    int rc = op_rec_get(op, &k, &organizations_rec_Member_shape, ret);
    return rc == 0 && !ret->Organization.p ? E_NOT_FOUND : rc;
}

struct str organization_of(struct op *op, struct str account)
{
    struct organizations_rec_Member m;
    return organization_member(op, account, &m) == 0 ? m.Organization : STR_NONE;
}

bool organization_binds(struct op *op, struct str account)
{
    struct organizations_rec_Member m;
    int rc = organization_member(op, account, &m);
    return rc == E_NOT_FOUND ? opt_bool(m.Closed, false) : rc || !str_eq(m.Management, account);
}

/* The account's node, and those above it. */
static int chain(struct op *op, struct str organization, struct str account, struct organizations_rec_Node ret[DEPTH_MAX], unsigned *ret_n)
{
    struct str id = account;
    unsigned n = 0;
    while (id.p) {
        struct key k;
        organization_key(op, &k, &organizations_kind_node, organization, id);
        int rc = n < DEPTH_MAX ? op_rec_get(op, &k, &organizations_rec_Node_shape, &ret[n]) : E_CORRUPT;
        if (rc)
            return rc == E_NOT_FOUND ? E_CORRUPT : rc;
        id = ret[n++].Parent;
    }
    *ret_n = n;
    return 0;
}

int organization_path(struct op *op, struct str organization, struct str account, struct str *ret)
{
    struct organizations_rec_Node nodes[DEPTH_MAX];
    unsigned n;
    int rc = chain(op, organization, account, nodes, &n);
    if (rc)
        return rc;
    struct str path = str_cat(op->arena, organization, STR("/"));
    while (n-- > 1)
        path = str_cat(op->arena, path, nodes[n].Id, STR("/"));
    *ret = path;
    return 0;
}

/* Of one node, those of that type. */
static int add_level(struct op *op, struct str organization, const struct organizations_rec_Node *node, const char *type, struct policy_levels *ret)
{
    struct policy_set *level = list_push(op->arena, ret);
    for list_each(id, &node->Policies) {
        const struct organizations_rec_Policy *aws = organization_aws_policy(*id);
        struct organizations_rec_Policy own;
        struct key k;
        organization_key(op, &k, &organizations_kind_policy, organization, *id);
        int rc = aws ? 0 : op_rec_get(op, &k, &organizations_rec_Policy_shape, &own);
        if (rc)
            return rc == E_NOT_FOUND ? E_CORRUPT : rc;
        if (str_is(aws ? aws->Type : own.Type, type))
            *list_push(op->arena, level) = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, aws ? aws->Content : own.Content);
    }
    return 0;
}

static void close_account(struct op *op, struct policy_levels *ret)
{
    struct policy_set *closed = list_push(op->arena, ret);
    *list_push(op->arena, closed) = NULL; /* a policy that cannot be read denies */
}

int organization_bind(struct op *op, struct str account, enum organization_policies which, struct policy_levels *ret)
{
    struct organizations_rec_Member m;
    struct organizations_rec_Organization o;
    struct organizations_rec_Node nodes[DEPTH_MAX];
    struct key k;
    unsigned n;
    int rc = organization_member(op, account, &m);
    if (rc == E_NOT_FOUND && which == ORGANIZATION_SERVICE_CONTROL && opt_bool(m.Closed, false))
        close_account(op, ret);
    if (rc || str_eq(m.Management, account))
        return rc == E_NOT_FOUND ? 0 : rc;
    organization_key(op, &k, &organizations_kind_organization, m.Organization, STR_NONE);
    rc = op_rec_get(op, &k, &organizations_rec_Organization_shape, &o);
    if (rc == 0)
        rc = chain(op, m.Organization, account, nodes, &n);
    if (rc)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    if (which == ORGANIZATION_SERVICE_CONTROL && str_is(nodes[0].Status, "SUSPENDED"))
        close_account(op, ret);
    if (!str_list_has(&o.PolicyTypes, str_c(organization_policy_type[which])))
        return 0;
    while (rc == 0 && n-- > 0)
        rc = add_level(op, m.Organization, &nodes[n], organization_policy_type[which], ret);
    return rc;
}
