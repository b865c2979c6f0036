/* The organization itself, its root, and the services that may act in it. */
#include "services/organizations/organizations.h"

#include "aws/id.h"

enum { SERVICES_MAX = 1000 };

static void out_organization(struct op *op, const struct organizations_rec_Organization *o, struct organizations_Organization **ret)
{
    struct organizations_Organization *out = arena_one(op->arena, struct organizations_Organization);
    struct organizations_rec_Node management;
    out->Id = o->Id;
    out->Arn = str_printf(op->arena, "arn:%.*s:organizations::%.*s:organization/%.*s", STR_ARG(op->partition), STR_ARG(o->Management), STR_ARG(o->Id));
    out->FeatureSet = o->FeatureSet;
    out->MasterAccountId = o->Management;
    if (org_node_get(op, o, o->Management, &management) == 0) {
        out->MasterAccountArn = org_node_arn(op, o, &management);
        out->MasterAccountEmail = management.Email;
    }
    out->AvailablePolicyTypes.set = true;
    if (str_is(o->FeatureSet, "ALL"))
        *list_push(op->arena, &out->AvailablePolicyTypes) = (struct organizations_PolicyTypeSummary){ STR("SERVICE_CONTROL_POLICY"), STR("ENABLED") };
    *ret = out;
}

int organizations_CreateOrganization(struct op *op, const struct organizations_CreateOrganization_in *in, struct organizations_CreateOrganization_out *out)
{
    struct organizations_rec_Member m;
    int rc = organization_member(op, op->account, &m);
    if (rc == 0)
        return aws_fail(op, ORGANIZATIONS_AlreadyInOrganizationException, "The AWS account is already a member of an organization.");
    if (rc != E_NOT_FOUND)
        return rc;
    struct organizations_rec_Organization o = { .Id = str_cat(op->arena, STR("o-"), id_alnum(op, 10)), .Management = op->account,
                                                .FeatureSet = opt_str(in->FeatureSet, STR("ALL")),
                                                .RootId = str_cat(op->arena, STR("r-"), id_alnum(op, 4)) };
    struct organizations_rec_Node root = { .Id = o.RootId, .Kind = STR("ROOT"), .Name = STR("Root") };
    struct organizations_rec_Node management = { .Id = op->account, .Parent = o.RootId, .Kind = STR("ACCOUNT"), .Name = STR("management"),
                                                 .Email = str_cat(op->arena, op->account, STR("@example.com")), .Status = STR("ACTIVE"), .Joined = STR("INVITED"),
                                                 .JoinedMs = SOME_I64(op_now_ms(op)) };
    m = (struct organizations_rec_Member){ .Organization = o.Id, .Management = op->account };
    rc = org_put(op, &o);
    if (rc == 0)
        rc = org_node_add(op, &o, &root);
    if (rc == 0)
        rc = org_node_add(op, &o, &management);
    if (rc == 0)
        rc = org_member_put(op, op->account, &m);
    if (rc == 0)
        out_organization(op, &o, &out->Organization);
    return rc;
}

int organizations_DescribeOrganization(struct op *op, const struct organizations_DescribeOrganization_in *in,
                                       struct organizations_DescribeOrganization_out *out)
{
    struct organizations_rec_Organization o;
    int rc = org_own(op, false, &o);
    if (rc == 0)
        out_organization(op, &o, &out->Organization);
    return rc;
}

/* Everything of it, by kind. */
static int delete_all(struct op *op, const struct record_kind *kind, struct str organization)
{
    struct key prefix, to, k;
    struct str key, value;
    int rc = 0;
    organization_key(op, &prefix, kind, organization, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    scan_brief(s);
    while (rc == 0 && scan_next(s, &key, &value)) {
        key_init(&k);
        key_raw(&k, key);
        rc = op_rec_delete(op, &k);
    }
    int end = scan_end(s);
    return rc ? rc : end;
}

int organizations_DeleteOrganization(struct op *op, const struct organizations_DeleteOrganization_in *in, struct organizations_DeleteOrganization_out *out)
{
    static const struct record_kind *const kinds[] = { &organizations_kind_node, &organizations_kind_policy, &organizations_kind_creation,
                                                       &organizations_kind_organization };
    struct organizations_rec_Organization o;
    struct org_nodes nodes = { 0 };
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    for list_each(n, &nodes)
        if (rc == 0 && !org_node_is(n, "ROOT") && !str_eq(n->Id, o.Management))
            return aws_fail(op, ORGANIZATIONS_OrganizationNotEmptyException,
                            "To delete an organization, you must first remove all member accounts and organizational units.");
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof *kinds; i++)
        rc = delete_all(op, kinds[i], o.Id);
    return rc ? rc : org_member_put(op, o.Management, NULL);
}

int organizations_ListRoots(struct op *op, const struct organizations_ListRoots_in *in, struct organizations_ListRoots_out *out)
{
    struct organizations_rec_Organization o;
    struct org_pager page;
    int rc = org_page(op, in->NextToken, in->MaxResults, &o, &page);
    if (rc)
        return rc;
    out->Roots.set = true;
    if (org_pager_takes(&page))
        org_root_out(op, &o, list_push(op->arena, &out->Roots));
    out->NextToken = org_pager_token(&page);
    return 0;
}

void org_root_out(struct op *op, const struct organizations_rec_Organization *o, struct organizations_Root *ret)
{
    struct organizations_rec_Node root = { .Id = o->RootId };
    *ret = (struct organizations_Root){ .Id = o->RootId, .Arn = org_node_arn(op, o, &root), .Name = STR("Root"), .PolicyTypes.set = true };
    for list_each(type, &o->PolicyTypes)
        *list_push(op->arena, &ret->PolicyTypes) = (struct organizations_PolicyTypeSummary){ *type, STR("ENABLED") };
}

/* ---- services ---- */

static bool is_service(struct str principal) { return str_ends(principal, STR(".amazonaws.com")); }

static int services(struct op *op, struct str principal, struct organizations_rec_Organization *ret)
{
    int rc = org_own(op, true, ret);
    if (rc == 0 && !is_service(principal))
        rc = org_invalid(op, "UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.");
    if (rc == 0 && !str_is(ret->FeatureSet, "ALL"))
        rc = org_constraint(op, "ALL_FEATURES_REQUIRED", "To use this feature, your organization must have all features enabled.");
    return rc;
}

static void drop_service(struct organizations_rec_Organization *o, struct str principal)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < o->Services.n; i++)
        if (!str_eq(o->Services.v[i].ServicePrincipal, principal))
            o->Services.v[kept++] = o->Services.v[i];
    o->Services.n = kept;
}

int organizations_EnableAWSServiceAccess(struct op *op, const struct organizations_EnableAWSServiceAccess_in *in,
                                         struct organizations_EnableAWSServiceAccess_out *out)
{
    struct organizations_rec_Organization o;
    int rc = services(op, in->ServicePrincipal, &o);
    if (rc)
        return rc;
    for list_each(s, &o.Services)
        if (str_eq(s->ServicePrincipal, in->ServicePrincipal))
            return 0;
    if (o.Services.n >= SERVICES_MAX)
        return E_LIMIT;
    *list_push(op->arena, &o.Services) = (struct organizations_rec_ServiceAccess){ in->ServicePrincipal, SOME_I64(op_now_ms(op)) };
    return org_put(op, &o);
}

int organizations_DisableAWSServiceAccess(struct op *op, const struct organizations_DisableAWSServiceAccess_in *in,
                                          struct organizations_DisableAWSServiceAccess_out *out)
{
    struct organizations_rec_Organization o;
    int rc = services(op, in->ServicePrincipal, &o);
    if (rc)
        return rc;
    drop_service(&o, in->ServicePrincipal);
    return org_put(op, &o);
}

int organizations_ListAWSServiceAccessForOrganization(struct op *op, const struct organizations_ListAWSServiceAccessForOrganization_in *in,
                                                      struct organizations_ListAWSServiceAccessForOrganization_out *out)
{
    struct organizations_rec_Organization o;
    struct org_pager page;
    int rc = org_page(op, in->NextToken, in->MaxResults, &o, &page);
    if (rc)
        return rc;
    out->EnabledServicePrincipals.set = true;
    for list_each(s, &o.Services)
        if (org_pager_takes(&page))
            *list_push(op->arena, &out->EnabledServicePrincipals) = (struct organizations_EnabledServicePrincipal){ s->ServicePrincipal, s->EnabledMs };
    out->NextToken = org_pager_token(&page);
    return 0;
}
