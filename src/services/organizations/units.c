/* Organizational units. */
#include "services/organizations/organizations.h"

#include "aws/id.h"

enum { DEPTH_MAX = 5, UNITS_MAX = 2000 };

static int no_unit(struct op *op) { return aws_fail(op, ORGANIZATIONS_OrganizationalUnitNotFoundException, "You specified an organizational unit that doesn't exist."); }

struct unit {
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n;
};

static int unit_get(struct op *op, struct str id, struct unit *ret)
{
    int rc = org_own(op, true, &ret->o);
    if (rc == 0)
        rc = org_node_get(op, &ret->o, id, &ret->n);
    return rc == E_NOT_FOUND ? no_unit(op) : rc;
}

static void unit_out(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n, struct organizations_OrganizationalUnit *ret)
{
    *ret = (struct organizations_OrganizationalUnit){ .Id = n->Id, .Arn = org_node_arn(op, o, n), .Name = n->Name, .Path = org_node_path(op, o, n) };
}

static struct organizations_OrganizationalUnit *unit_new(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n)
{
    struct organizations_OrganizationalUnit *out = arena_one(op->arena, struct organizations_OrganizationalUnit);
    unit_out(op, o, n, out);
    return out;
}

/* No two of a parent have the same name. */
static int check_name(struct op *op, const struct org_nodes *nodes, struct str parent, struct str name)
{
    for list_each(n, nodes)
        if (org_node_is(n, "ORGANIZATIONAL_UNIT") && str_eq(n->Parent, parent) && str_eq(n->Name, name))
            return aws_fail(op, ORGANIZATIONS_DuplicateOrganizationalUnitException, "An OU with the same name already exists.");
    return 0;
}

static int check_place(struct op *op, const struct organizations_rec_Organization *o, const struct org_nodes *nodes, struct str parent)
{
    struct organizations_rec_Node at;
    unsigned depth = 1, units = 0;
    for (struct str id = parent; org_node_get(op, o, id, &at) == 0 && at.Parent.p; id = at.Parent)
        depth++;
    for list_each(n, nodes)
        units += org_node_is(n, "ORGANIZATIONAL_UNIT");
    if (depth > DEPTH_MAX)
        return org_constraint(op, "OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the allowed depth of organizational units.");
    return units < UNITS_MAX ? 0 : org_constraint(op, "OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of organizational units.");
}

int organizations_CreateOrganizationalUnit(struct op *op, const struct organizations_CreateOrganizationalUnit_in *in,
                                           struct organizations_CreateOrganizationalUnit_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n = { .Parent = in->ParentId, .Kind = STR("ORGANIZATIONAL_UNIT"), .Name = in->Name };
    struct org_nodes nodes = { 0 };
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_parent_check(op, &o, in->ParentId);
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    if (rc == 0)
        rc = check_name(op, &nodes, in->ParentId, in->Name);
    if (rc == 0)
        rc = check_place(op, &o, &nodes, in->ParentId);
    if (rc == 0)
        rc = org_tags_take(op, &in->Tags, &n.Tags);
    if (rc)
        return rc;
    n.Id = str_cat(op->arena, STR("ou-"), str_sub(o.RootId, 2, o.RootId.n), STR("-"), id_alnum(op, 8));
    out->OrganizationalUnit = unit_new(op, &o, &n);
    return org_node_add(op, &o, &n);
}

int organizations_DescribeOrganizationalUnit(struct op *op, const struct organizations_DescribeOrganizationalUnit_in *in,
                                             struct organizations_DescribeOrganizationalUnit_out *out)
{
    struct unit u;
    int rc = unit_get(op, in->OrganizationalUnitId, &u);
    if (rc == 0)
        out->OrganizationalUnit = unit_new(op, &u.o, &u.n);
    return rc;
}

int organizations_UpdateOrganizationalUnit(struct op *op, const struct organizations_UpdateOrganizationalUnit_in *in,
                                           struct organizations_UpdateOrganizationalUnit_out *out)
{
    struct unit u;
    struct org_nodes nodes = { 0 };
    int rc = unit_get(op, in->OrganizationalUnitId, &u);
    bool renamed = rc == 0 && in->Name.p && !str_eq(in->Name, u.n.Name);
    if (renamed)
        rc = org_nodes_all(op, &u.o, &nodes);
    if (rc == 0 && renamed)
        rc = check_name(op, &nodes, u.n.Parent, in->Name);
    if (rc)
        return rc;
    u.n.Name = opt_str(in->Name, u.n.Name);
    out->OrganizationalUnit = unit_new(op, &u.o, &u.n);
    return org_node_put(op, &u.o, &u.n);
}

int organizations_DeleteOrganizationalUnit(struct op *op, const struct organizations_DeleteOrganizationalUnit_in *in,
                                           struct organizations_DeleteOrganizationalUnit_out *out)
{
    struct unit u;
    struct org_nodes nodes = { 0 };
    int rc = unit_get(op, in->OrganizationalUnitId, &u);
    if (rc == 0)
        rc = org_nodes_all(op, &u.o, &nodes);
    for list_each(child, &nodes)
        if (rc == 0 && str_eq(child->Parent, u.n.Id))
            return aws_fail(op, ORGANIZATIONS_OrganizationalUnitNotEmptyException,
                            "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.");
    return rc ? rc : org_node_delete(op, &u.o, u.n.Id);
}

int organizations_ListOrganizationalUnitsForParent(struct op *op, const struct organizations_ListOrganizationalUnitsForParent_in *in,
                                                   struct organizations_ListOrganizationalUnitsForParent_out *out)
{
    struct org_listing l;
    int rc = org_listing_begin(op, in->ParentId, STR("ORGANIZATIONAL_UNIT"), in->NextToken, in->MaxResults, &l);
    if (rc)
        return rc;
    out->OrganizationalUnits.set = true;
    for (const struct organizations_rec_Node *n; (n = org_listing_next(&l));)
        unit_out(op, &l.o, n, list_push(op->arena, &out->OrganizationalUnits));
    out->NextToken = org_pager_token(&l.page);
    return 0;
}
