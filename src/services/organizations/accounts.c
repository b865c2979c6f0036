/* Accounts of an organization: what they are, how they leave. */
#include "services/organizations/organizations.h"

static void account_out(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n, struct organizations_Account *ret)
{
    *ret = (struct organizations_Account){ .Id = n->Id, .Arn = org_node_arn(op, o, n), .Email = n->Email, .Name = n->Name, .Status = n->Status, .State = n->Status,
                                           .JoinedMethod = n->Joined, .JoinedTimestamp = n->JoinedMs };
    str_list_add(op->arena, &ret->Paths, org_node_path(op, o, n));
}

int org_account_get(struct op *op, struct str id, struct organizations_rec_Organization *ret_o, struct organizations_rec_Node *ret)
{
    int rc = org_own(op, true, ret_o);
    if (rc == 0)
        rc = org_node_get(op, ret_o, id, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, ORGANIZATIONS_AccountNotFoundException, "You specified an account that doesn't exist.") : rc;
}

int organizations_DescribeAccount(struct op *op, const struct organizations_DescribeAccount_in *in, struct organizations_DescribeAccount_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n;
    int rc = org_account_get(op, in->AccountId, &o, &n);
    if (rc)
        return rc;
    out->Account = arena_one(op->arena, struct organizations_Account);
    account_out(op, &o, &n, out->Account);
    return 0;
}

static int list(struct op *op, struct str parent, struct str token, struct opt_i64 max_results, struct organizations_Accounts *ret, struct str *ret_token)
{
    struct org_listing l;
    int rc = org_listing_begin(op, parent, STR("ACCOUNT"), token, max_results, &l);
    if (rc)
        return rc;
    ret->set = true;
    for (const struct organizations_rec_Node *n; (n = org_listing_next(&l));)
        account_out(op, &l.o, n, list_push(op->arena, ret));
    *ret_token = org_pager_token(&l.page);
    return 0;
}

int organizations_ListAccounts(struct op *op, const struct organizations_ListAccounts_in *in, struct organizations_ListAccounts_out *out)
{
    return list(op, STR_NONE, in->NextToken, in->MaxResults, &out->Accounts, &out->NextToken);
}

int organizations_ListAccountsForParent(struct op *op, const struct organizations_ListAccountsForParent_in *in,
                                        struct organizations_ListAccountsForParent_out *out)
{
    return list(op, in->ParentId, in->NextToken, in->MaxResults, &out->Accounts, &out->NextToken);
}

/* The account goes on by itself, with all that is in it; one that was closed stays closed. */
static int leave(struct op *op, const struct organizations_rec_Organization *o, struct str account)
{
    static const struct organizations_rec_Member closed = { .Closed = SOME_BOOL(true) };
    struct organizations_rec_Node n;
    if (str_eq(account, o->Management))
        return aws_fail(op, ORGANIZATIONS_MasterCannotLeaveOrganizationException, "You can't remove a management account from an organization.");
    int rc = org_node_get(op, o, account, &n);
    if (rc == 0)
        rc = org_node_delete(op, o, account);
    return rc ? rc : org_member_put(op, account, str_is(n.Status, "SUSPENDED") ? &closed : NULL);
}

int organizations_RemoveAccountFromOrganization(struct op *op, const struct organizations_RemoveAccountFromOrganization_in *in,
                                                struct organizations_RemoveAccountFromOrganization_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n;
    int rc = org_account_get(op, in->AccountId, &o, &n);
    return rc ? rc : leave(op, &o, n.Id);
}

int organizations_LeaveOrganization(struct op *op, const struct organizations_LeaveOrganization_in *in, struct organizations_LeaveOrganization_out *out)
{
    struct organizations_rec_Organization o;
    int rc = org_own(op, false, &o);
    return rc ? rc : leave(op, &o, op->account);
}

int organizations_CloseAccount(struct op *op, const struct organizations_CloseAccount_in *in, struct organizations_CloseAccount_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n;
    int rc = org_account_get(op, in->AccountId, &o, &n);
    if (rc)
        return rc;
    if (str_eq(n.Id, o.Management))
        return org_constraint(op, "CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account.");
    if (!str_is(n.Status, "ACTIVE"))
        return aws_fail(op, ORGANIZATIONS_AccountAlreadyClosedException, "You attempted to close an account that is already closed.");
    n.Status = STR("SUSPENDED");
    return org_node_put(op, &o, &n);
}
