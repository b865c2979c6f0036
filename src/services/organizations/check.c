/* strata check: the tree hangs together, its accounts know where they are, and what is attached is there. */
#include "aws/check.h"
#include "services/organizations/organizations.h"

static bool is_there(struct op *op, struct check *c, const struct record_kind *kind, struct str organization, struct str id, const char *what)
{
    struct key k;
    organization_key(op, &k, kind, organization, id);
    return check_there(op, c, &k, what);
}

void organizations_check_organization(struct op *op, struct check *c)
{
    const struct organizations_rec_Organization *o = c->rec;
    is_there(op, c, &organizations_kind_node, o->Id, o->RootId, "its root");
    is_there(op, c, &organizations_kind_node, o->Id, o->Management, "its management account");
    is_there(op, c, &organizations_kind_member, o->Management, STR_NONE, "what its management account knows of it");
}

void organizations_check_member(struct op *op, struct check *c)
{
    const struct organizations_rec_Member *m = c->rec;
    struct key_reader r = c->at;
    struct str account;
    if (key_read_str(&r, op->arena, &account)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    if (!m->Organization.p && opt_bool(m->Closed, false))
        return;
    is_there(op, c, &organizations_kind_organization, opt_str(m->Organization, STR("")), STR_NONE, "its organization");
    is_there(op, c, &organizations_kind_node, opt_str(m->Organization, STR("")), account, "its place in the organization");
}

void organizations_check_node(struct op *op, struct check *c)
{
    const struct organizations_rec_Node *n = c->rec;
    struct key_reader r = c->at;
    struct str organization;
    if (key_read_str(&r, op->arena, &organization)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    is_there(op, c, &organizations_kind_organization, organization, STR_NONE, "its organization");
    if (n->Parent.p)
        is_there(op, c, &organizations_kind_node, organization, n->Parent, "its parent");
    else if (!org_node_is(n, "ROOT"))
        check_fault(op, c, "it has no parent");
    if (org_node_is(n, "ACCOUNT"))
        is_there(op, c, &organizations_kind_member, n->Id, STR_NONE, "what the account knows of it");
    for list_each(id, &n->Policies)
        if (!organization_aws_policy(*id))
            is_there(op, c, &organizations_kind_policy, organization, *id, "a policy that is attached to it");
}
