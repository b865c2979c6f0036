/* CreateAccount: asked for here, done by a job right behind the commit. The new account has the role by which its management account reaches it. */
#include "services/organizations/organizations.h"

#include "aws/id.h"
#include "cloud/call.h"
#include "gen/iam.h"

enum { ACCOUNTS_MAX = 1000 };

static const char role_default[] = "OrganizationAccountAccessRole";

static int creation_put(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Creation *c)
{
    struct key k;
    organization_key(op, &k, &organizations_kind_creation, o->Id, c->Id);
    return op_rec_put(op, &k, &organizations_rec_Creation_shape, c);
}

static void out_creation(const struct organizations_rec_Creation *c, struct organizations_CreateAccountStatus *ret)
{
    *ret = (struct organizations_CreateAccountStatus){ .Id = c->Id, .AccountName = c->AccountName, .State = c->State, .RequestedTimestamp = c->RequestedMs,
                                                       .CompletedTimestamp = c->CompletedMs, .AccountId = c->AccountId, .FailureReason = c->FailureReason };
}

static int64_t accounts_in(const struct org_nodes *nodes)
{
    int64_t n = 0;
    for list_each(node, nodes)
        n += org_node_is(node, "ACCOUNT");
    return n;
}

int organizations_CreateAccount(struct op *op, const struct organizations_CreateAccount_in *in, struct organizations_CreateAccount_out *out)
{
    struct organizations_rec_Organization o;
    struct org_nodes nodes = { 0 };
    struct organizations_rec_Creation c = { .AccountName = in->AccountName, .Email = in->Email, .RoleName = opt_str(in->RoleName, str_c(role_default)),
                                            .State = STR("IN_PROGRESS"), .RequestedMs = SOME_I64(op_now_ms(op)) };
    int rc = org_own(op, true, &o);
    if (rc == 0 && str_is(in->IamUserAccessToBilling, "DENY")) /* there is no bill that anybody could be kept from */
        rc = aws_unsupported(op, "IamUserAccessToBilling DENY");
    if (rc == 0)
        rc = org_tags_take(op, &in->Tags, &c.Tags);
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    if (rc == 0 && accounts_in(&nodes) >= ACCOUNTS_MAX)
        rc = org_constraint(op, "ACCOUNT_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of AWS accounts.");
    if (rc)
        return rc;
    c.Id = str_cat(op->arena, STR("car-"), id_alnum(op, 32));
    out->CreateAccountStatus = arena_one(op->arena, struct organizations_CreateAccountStatus);
    out_creation(&c, out->CreateAccountStatus);
    rc = creation_put(op, &o, &c);
    return rc ? rc : op_outbox(op, "organizations.create_account", c.Id);
}

/* ---- the job ---- */

static bool email_is_taken(const struct org_nodes *nodes, struct str email)
{
    for list_each(n, nodes)
        if (n->Email.p && str_eq_nocase(n->Email, email))
            return true;
    return false;
}

/* Twelve digits that no account of an organization has; not 000000000000, which is the first one here. */
static int new_id(struct op *op, struct str *ret)
{
    struct organizations_rec_Member m;
    int rc;
    do
        *ret = str_cat(op->arena, random_alnum(op->arena, 1, "123456789"), random_alnum(op->arena, 11, "0123456789"));
    while ((rc = organization_member(op, *ret, &m)) == 0 || opt_bool(m.Closed, false));
    return rc == E_NOT_FOUND ? 0 : rc;
}

static int make_role(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Creation *c)
{
    const struct str trust = str_printf(op->arena, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:%.*s:iam::%.*s:root\"},"
                                                   "\"Action\":\"sts:AssumeRole\"}]}",
                                        STR_ARG(op->partition), STR_ARG(o->Management));
    const struct principal root = { .kind = PRINCIPAL_ROOT, .account = c->AccountId, .user_id = c->AccountId, .name = STR("root"),
                                    .arn = str_printf(op->arena, "arn:%.*s:iam::%.*s:root", STR_ARG(op->partition), STR_ARG(c->AccountId)) };
    const struct iam_CreateRole_in role = { .RoleName = c->RoleName, .AssumeRolePolicyDocument = trust };
    const struct iam_AttachRolePolicy_in attach = { .RoleName = c->RoleName, .PolicyArn = str_printf(op->arena, "arn:%.*s:iam::aws:policy/AdministratorAccess", STR_ARG(op->partition)) };
    struct iam_CreateRole_out made = { 0 };
    struct iam_AttachRolePolicy_out attached = { 0 };
    int rc = cloud_call_in(op, c->AccountId, op->region, "iam", "CreateRole", &root, &role, &made, NULL);
    return rc ? rc : cloud_call_in(op, c->AccountId, op->region, "iam", "AttachRolePolicy", &root, &attach, &attached, NULL);
}

static int make_account(struct op *op, const struct organizations_rec_Organization *o, struct organizations_rec_Creation *c)
{
    int rc = new_id(op, &c->AccountId);
    if (rc == 0)
        rc = make_role(op, o, c); /* before the account is bound by anything */
    if (rc)
        return rc;
    struct organizations_rec_Node n = { .Id = c->AccountId, .Parent = o->RootId, .Kind = STR("ACCOUNT"), .Name = c->AccountName, .Tags = c->Tags, .Email = c->Email,
                                        .Status = STR("ACTIVE"), .Joined = STR("CREATED"), .JoinedMs = SOME_I64(op_now_ms(op)) };
    const struct organizations_rec_Member m = { .Organization = o->Id, .Management = o->Management };
    rc = org_node_add(op, o, &n);
    return rc ? rc : org_member_put(op, n.Id, &m);
}

/* An organization or a request that is gone by now: there is nobody to tell. */
int organizations_job_create_account(struct op *op, struct str payload)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Creation c;
    struct org_nodes nodes = { 0 };
    struct key k;
    int rc = org_own(op, true, &o);
    if (rc == 0) {
        organization_key(op, &k, &organizations_kind_creation, o.Id, payload);
        rc = op_rec_get(op, &k, &organizations_rec_Creation_shape, &c);
    }
    if (rc == E_AWS || rc == E_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = org_nodes_all(op, &o, &nodes);
    if (rc)
        return rc;
    c.CompletedMs = SOME_I64(op_now_ms(op));
    bool taken = email_is_taken(&nodes, c.Email);
    if (taken || accounts_in(&nodes) >= ACCOUNTS_MAX) { /* more may have been asked for at once than there is room for */
        c.State = STR("FAILED");
        c.FailureReason = taken ? STR("EMAIL_ALREADY_EXISTS") : STR("ACCOUNT_LIMIT_EXCEEDED");
    } else {
        c.State = STR("SUCCEEDED");
        rc = make_account(op, &o, &c);
    }
    return rc ? rc : creation_put(op, &o, &c);
}

/* ---- its state ---- */

int organizations_DescribeCreateAccountStatus(struct op *op, const struct organizations_DescribeCreateAccountStatus_in *in,
                                              struct organizations_DescribeCreateAccountStatus_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Creation c;
    struct key k;
    int rc = org_own(op, true, &o);
    if (rc)
        return rc;
    organization_key(op, &k, &organizations_kind_creation, o.Id, in->CreateAccountRequestId);
    rc = op_rec_get(op, &k, &organizations_rec_Creation_shape, &c);
    if (rc)
        return rc == E_NOT_FOUND ? aws_fail(op, ORGANIZATIONS_CreateAccountStatusNotFoundException, "You specified a create account request that doesn't exist.") : rc;
    out->CreateAccountStatus = arena_one(op->arena, struct organizations_CreateAccountStatus);
    out_creation(&c, out->CreateAccountStatus);
    return 0;
}

int organizations_ListCreateAccountStatus(struct op *op, const struct organizations_ListCreateAccountStatus_in *in,
                                          struct organizations_ListCreateAccountStatus_out *out)
{
    struct organizations_rec_Organization o;
    struct org_pager page;
    struct key prefix, to;
    struct str key, value;
    int rc = org_page(op, in->NextToken, in->MaxResults, &o, &page);
    if (rc)
        return rc;
    organization_key(op, &prefix, &organizations_kind_creation, o.Id, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    out->CreateAccountStatuses.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct organizations_rec_Creation c;
        rc = op_rec_decode(op, str_dup(op->arena, value), &organizations_rec_Creation_shape, &c);
        if (rc == 0 && (!in->States.n || str_list_has(&in->States, c.State)) && org_pager_takes(&page))
            out_creation(&c, list_push(op->arena, &out->CreateAccountStatuses));
    }
    int end = scan_end(s);
    out->NextToken = org_pager_token(&page);
    return rc ? rc : end;
}
