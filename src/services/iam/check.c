/* strata check: the lists in users, groups, roles and profiles, and the indexes beside them, say the same. */
#include "aws/check.h"
#include "services/iam/common.h"

/* An index's entry: (kind, first), behind it the elements that are set. */
static void check_entry(struct op *op, struct check *c, const struct key *begin, struct str second, struct str third, const char *what)
{
    struct key k = *begin;
    key_str(&k, second);
    if (third.p)
        key_str(&k, third);
    check_there(op, c, &k, what);
}

static void check_uses(struct op *op, struct check *c, const char *kind, struct str name, const struct str_list *attached, struct str boundary)
{
    struct key k;
    for list_each(arn, attached) {
        op_key(op, &k, &iam_kind_attached);
        key_str(&k, *arn);
        check_entry(op, c, &k, str_c(kind), name, "its entry among those that an attached policy knows");
    }
    if (!boundary.p)
        return;
    op_key(op, &k, &iam_kind_bounded);
    key_str(&k, boundary);
    check_entry(op, c, &k, str_c(kind), name, "its entry among those that its boundary knows");
}

void iam_check_user(struct op *op, struct check *c)
{
    const struct iam_rec_User *u = c->rec;
    struct iam_rec_Group group;
    struct key k;
    check_uses(op, c, "user", u->Name, &u->Attached, u->Boundary);
    for list_each(name, &u->Groups) {
        directory_key(op, &k, op->account, &iam_kind_member, *name);
        check_entry(op, c, &k, u->Name, STR_NONE, "its entry among the members of a group");
        if (directory_group(op, op->account, *name, &group))
            check_fault(op, c, "its group %.*s is not there", STR_ARG(*name));
    }
    for list_each(serial, &u->MfaDevices) {
        struct iam_rec_Mfa device;
        if (directory_mfa(op, op->account, *serial, &device) || !str_eq(device.UserName, u->Name))
            check_fault(op, c, "its MFA device %.*s is not there, or another user's", STR_ARG(*serial));
    }
}

void iam_check_mfa(struct op *op, struct check *c)
{
    const struct iam_rec_Mfa *device = c->rec;
    struct iam_rec_User user;
    if (device->UserName.p && (directory_user(op, op->account, device->UserName, &user) || !str_list_has(&user.MfaDevices, device->Serial)))
        check_fault(op, c, "its user %.*s is not there, or does not have it", STR_ARG(device->UserName));
}

void iam_check_group(struct op *op, struct check *c)
{
    const struct iam_rec_Group *g = c->rec;
    check_uses(op, c, "group", g->Name, &g->Attached, STR_NONE);
}

void iam_check_role(struct op *op, struct check *c)
{
    const struct iam_rec_Role *r = c->rec;
    check_uses(op, c, "role", r->Name, &r->Attached, r->Boundary);
}

void iam_check_policy(struct op *op, struct check *c)
{
    const struct iam_rec_Policy *p = c->rec;
    for list_each(v, &p->Versions)
        if (str_eq(v->Id, p->DefaultId))
            return;
    check_fault(op, c, "its default version %.*s is not there", STR_ARG(p->DefaultId));
}

void iam_check_profile(struct op *op, struct check *c)
{
    const struct iam_rec_InstanceProfile *p = c->rec;
    struct iam_rec_Role role;
    struct key k;
    if (!p->RoleName.p)
        return;
    if (directory_role(op, op->account, p->RoleName, &role))
        check_fault(op, c, "its role %.*s is not there", STR_ARG(p->RoleName));
    op_key(op, &k, &iam_kind_inprofile);
    key_str(&k, p->RoleName);
    check_entry(op, c, &k, p->Name, STR_NONE, "its entry among the profiles of its role");
}

void iam_check_key(struct op *op, struct check *c)
{
    const struct iam_rec_AccessKey *key = c->rec;
    struct iam_rec_User user;
    struct key k;
    directory_key(op, &k, key->Account, &iam_kind_userkey, opt_str(key->UserName, STR("")));
    check_entry(op, c, &k, key->AccessKeyId, STR_NONE, "its entry among its user's keys");
    if (key->UserName.n && directory_user(op, key->Account, key->UserName, &user))
        check_fault(op, c, "its user %.*s is not there", STR_ARG(key->UserName));
}

/* ---- the indexes: two or three elements ---- */

static bool elements(struct op *op, struct check *c, struct str *ret_first, struct str *ret_second, struct str *ret_third)
{
    struct key_reader r = c->at;
    if (key_read_str(&r, op->arena, ret_first) == 0 && key_read_str(&r, op->arena, ret_second) == 0 &&
        (!ret_third || key_read_str(&r, op->arena, ret_third) == 0))
        return true;
    check_fault(op, c, "its key is malformed");
    return false;
}

void iam_check_userkey(struct op *op, struct check *c)
{
    struct iam_rec_AccessKey key;
    struct str user, id;
    if (elements(op, c, &user, &id, NULL) && (directory_key_get(op, id, &key) || !str_eq_nocase(opt_str(key.UserName, STR("")), user)))
        check_fault(op, c, "its key is not there, or another user's");
}

void iam_check_member(struct op *op, struct check *c)
{
    struct iam_rec_User user;
    struct str group, name;
    bool listed = false;
    if (!elements(op, c, &group, &name, NULL))
        return;
    if (directory_user(op, op->account, name, &user) == 0)
        for list_each(g, &user.Groups)
            listed = listed || str_eq_nocase(*g, group);
    if (!listed)
        check_fault(op, c, "the user is not there, or not in this group");
}

/* Who uses a policy, and how. */
static void check_use(struct op *op, struct check *c, bool boundary)
{
    struct str arn, kind, name, document, bounded_by = STR_NONE;
    struct iam_holder h = { 0 };
    if (!elements(op, c, &arn, &kind, &name))
        return;
    for (enum iam_kind k = IAM_USER; k <= IAM_ROLE; k++)
        if (str_is(kind, iam_kind_name[k]) && iam_holder_get(op, k, name, &h) == 0)
            bounded_by = k == IAM_USER ? h.user.Boundary : k == IAM_ROLE ? h.role.Boundary : STR_NONE;
    op->fail = (struct op_failure){ 0 };
    if (boundary ? !str_eq(bounded_by, arn) : !h.attached || !str_list_has(h.attached, arn))
        check_fault(op, c, "its holder is not there, or does not have this policy");
    if (directory_policy_document(op, arn, &document))
        check_fault(op, c, "its policy is not there");
}

void iam_check_attached(struct op *op, struct check *c)
{
    check_use(op, c, false);
}

void iam_check_bounded(struct op *op, struct check *c)
{
    check_use(op, c, true);
}

void iam_check_inprofile(struct op *op, struct check *c)
{
    struct iam_rec_InstanceProfile p = { 0 };
    struct str role, profile;
    struct key k;
    if (!elements(op, c, &role, &profile, NULL))
        return;
    directory_key(op, &k, op->account, &iam_kind_profile, profile);
    if (op_rec_get(op, &k, &iam_rec_InstanceProfile_shape, &p) || !str_eq_nocase(p.RoleName, role))
        check_fault(op, c, "its profile is not there, or holds another role");
}

/* ---- the alias of an account: its record, and who has it in the whole world ---- */

void iam_check_account(struct op *op, struct check *c)
{
    const struct iam_rec_Account *account = c->rec;
    struct str owner;
    struct key k;
    op_key(op, &k, &iam_kind_alias);
    key_str(&k, account->Alias);
    if (account->Alias.p && (txn_get(op->txn, key_view(&k), &owner) < 0 || !str_eq(owner, op->account)))
        check_fault(op, c, "its alias %.*s is not its own", STR_ARG(account->Alias));
}

void iam_check_alias(struct op *op, struct check *c)
{
    struct iam_rec_Account account = { 0 };
    struct key_reader r = c->at;
    struct str alias;
    struct key k;
    op_key_in(op, &k, c->value, STR(""), &iam_kind_account);
    if (key_read_str(&r, op->arena, &alias) || op_rec_get(op, &k, &iam_rec_Account_shape, &account) || !str_eq(account.Alias, alias))
        check_fault(op, c, "the account that it names has another one");
}
