#include "auth/directory.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "base/code.h"
#include "base/limits.h"

static const char alphabet_id[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char alphabet_secret[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { SESSION_KEPT_AFTER_EXPIRY_MS = 24 * 3600 * 1000 }; /* so that ExpiredToken is the answer for a day, not an unknown key */

void directory_key(struct op *op, struct key *k, struct str account, const struct record_kind *kind, struct str name)
{
    op_key_in(op, k, account, STR(""), kind);
    if (name.p)
        key_str(k, str_lower(op->arena, name));
}

static int get(struct op *op, struct str account, const struct record_kind *kind, struct str name, void *ret)
{
    struct key k;
    directory_key(op, &k, account, kind, opt_str(name, STR("")));
    return op_rec_get(op, &k, kind->shape, ret);
}

static int put(struct op *op, const struct record_kind *kind, struct str name, const void *rec)
{
    struct key k;
    directory_key(op, &k, op->account, kind, name);
    int rc = op_rec_put(op, &k, kind->shape, rec);
    return rc ? rc : auth_epoch_bump(op);
}

int directory_user(struct op *op, struct str account, struct str name, struct iam_rec_User *ret)
{
    return get(op, account, &iam_kind_user, name, ret);
}

int directory_group(struct op *op, struct str account, struct str name, struct iam_rec_Group *ret)
{
    return get(op, account, &iam_kind_group, name, ret);
}

int directory_role(struct op *op, struct str account, struct str name, struct iam_rec_Role *ret)
{
    return get(op, account, &iam_kind_role, name, ret);
}

int directory_policy(struct op *op, struct str account, struct str name, struct iam_rec_Policy *ret)
{
    return get(op, account, &iam_kind_policy, name, ret);
}

int directory_mfa(struct op *op, struct str account, struct str serial, struct iam_rec_Mfa *ret)
{
    return get(op, account, &iam_kind_mfa, serial, ret);
}

int directory_mfa_put(struct op *op, const struct iam_rec_Mfa *r)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_mfa, r->Serial);
    return op_rec_put(op, &k, &iam_rec_Mfa_shape, r);
}

int directory_user_put(struct op *op, const struct iam_rec_User *r) { return put(op, &iam_kind_user, r->Name, r); }
int directory_group_put(struct op *op, const struct iam_rec_Group *r) { return put(op, &iam_kind_group, r->Name, r); }
int directory_role_put(struct op *op, const struct iam_rec_Role *r) { return put(op, &iam_kind_role, r->Name, r); }
int directory_policy_put(struct op *op, const struct iam_rec_Policy *r) { return put(op, &iam_kind_policy, r->Name, r); }

int directory_delete(struct op *op, const struct record_kind *kind, struct str name)
{
    struct key k;
    directory_key(op, &k, op->account, kind, name);
    int rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

struct str directory_arn(struct op *op, struct str account, const char *type, struct str path, struct str name)
{
    return str_printf(op->arena, "arn:%.*s:iam::%.*s:%s%.*s%.*s", STR_ARG(op->partition), STR_ARG(account), type, STR_ARG(path.p ? path : STR("/")),
                      STR_ARG(name));
}

int directory_role_by_arn(struct op *op, struct str arn, struct iam_rec_Role *ret)
{
    struct arn parts;
    struct str path, name;
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, STR("role/")))
        return E_INVALID;
    if (!str_cut_last(parts.resource, '/', &path, &name))
        return E_INVALID;
    struct iam_rec_Role role;
    int rc = directory_role(op, parts.account, name, &role);
    if (rc)
        return rc;
    if (!str_eq(directory_arn(op, parts.account, "role", role.Path, role.Name), arn))
        return E_NOT_FOUND;
    *ret = role;
    return 0;
}

int directory_saml_provider(struct op *op, struct str account, struct str arn, struct iam_rec_SamlProvider *ret)
{
    static const struct str begin = { "saml-provider/", 14 };
    struct arn parts;
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, begin))
        return E_INVALID;
    if (!str_eq(parts.account, account))
        return E_NOT_FOUND;
    return get(op, account, &iam_kind_saml, str_sub(parts.resource, begin.n, parts.resource.n), ret);
}

/* ---- keys and sessions: the id alone names the account ---- */

static void key_of(struct op *op, struct key *k, const struct record_kind *kind, struct str access_key_id)
{
    op_key(op, k, kind);
    key_str(k, access_key_id);
}

int directory_key_get(struct op *op, struct str access_key_id, struct iam_rec_AccessKey *ret)
{
    struct key k;
    key_of(op, &k, &iam_kind_key, access_key_id);
    return op_rec_get(op, &k, &iam_rec_AccessKey_shape, ret);
}

/* Beside the key itself, an index by account and user for ListAccessKeys. */
static void index_of(struct op *op, struct key *k, const struct iam_rec_AccessKey *key)
{
    directory_key(op, k, key->Account, &iam_kind_userkey, opt_str(key->UserName, STR("")));
    key_str(k, key->AccessKeyId);
}

int directory_key_put(struct op *op, const struct iam_rec_AccessKey *key)
{
    struct key k;
    index_of(op, &k, key);
    int rc = txn_put(op->txn, key_view(&k), STR(""));
    key_of(op, &k, &iam_kind_key, key->AccessKeyId);
    if (rc == 0)
        rc = op_rec_put(op, &k, &iam_rec_AccessKey_shape, key);
    return rc ? rc : auth_epoch_bump(op);
}

int directory_key_delete(struct op *op, struct str access_key_id)
{
    struct iam_rec_AccessKey key;
    struct key k;
    int rc = directory_key_get(op, access_key_id, &key);
    if (rc)
        return rc;
    index_of(op, &k, &key);
    rc = op_rec_delete(op, &k);
    key_of(op, &k, &iam_kind_key, access_key_id);
    if (rc == 0)
        rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

int directory_root_key(struct op *op, struct str account, struct iam_rec_AccessKey *ret)
{
    struct iam_rec_AccessKey key = { .Account = account };
    struct key prefix, after;
    struct str at, value;
    directory_key(op, &prefix, account, &iam_kind_userkey, STR(""));
    key_after_prefix(&prefix, &after);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&after), false);
    bool any = scan_next(s, &at, &value);
    struct key_reader r;
    if (any) {
        key_read_init(&r, str_dup(op->arena, str_sub(at, prefix.n, at.n)));
        key_read_str(&r, op->arena, &key.AccessKeyId);
    }
    int rc = scan_end(s);
    if (rc)
        return rc;
    if (any)
        return directory_key_get(op, key.AccessKeyId, ret);
    struct str id = random_alnum(op->arena, 16, alphabet_id);
    key.AccessKeyId = str_printf(op->arena, "AKIA%.*s", STR_ARG(id));
    key.Secret = random_alnum(op->arena, 40, alphabet_secret);
    key.Status = STR("Active");
    key.CreatedMs = SOME_I64(op_now_ms(op));
    rc = directory_key_put(op, &key);
    if (rc == 0)
        *ret = key;
    return rc;
}

int directory_session_get(struct op *op, struct str access_key_id, struct iam_rec_Session *ret)
{
    struct key k;
    key_of(op, &k, &iam_kind_session, access_key_id);
    return op_rec_get(op, &k, &iam_rec_Session_shape, ret);
}

int directory_session_put(struct op *op, const struct iam_rec_Session *s)
{
    struct key k;
    key_of(op, &k, &iam_kind_session, s->AccessKeyId);
    int rc = op_rec_put(op, &k, &iam_rec_Session_shape, s);
    if (rc || !op->cloud)
        return rc;
    return op_timer_set(op, "sts.session_expired", s->AccessKeyId, s->ExpiresMs.v + SESSION_KEPT_AFTER_EXPIRY_MS, s->AccessKeyId);
}

int directory_session_delete(struct op *op, struct str access_key_id)
{
    struct key k;
    key_of(op, &k, &iam_kind_session, access_key_id);
    return op_rec_delete(op, &k);
}

/* ---- who is it ---- */

static void be_root(struct op *op, struct str account, struct principal *p)
{
    p->kind = PRINCIPAL_ROOT;
    p->account = account;
    p->arn = str_cat(op->arena, STR("arn:"), op->partition, STR(":iam::"), account, STR(":root"));
    p->user_id = account;
    p->name = STR("root");
}

static int be_user(struct op *op, struct str account, struct str name, struct principal *p)
{
    struct iam_rec_User user;
    int rc = directory_user(op, account, name, &user);
    if (rc)
        return rc;
    p->kind = PRINCIPAL_USER;
    p->account = account;
    p->arn = directory_arn(op, account, "user", user.Path, user.Name);
    p->user_id = user.Id;
    p->name = user.Name;
    return 0;
}

static int be_session(struct op *op, const struct iam_rec_Session *s, struct principal *p)
{
    struct iam_rec_Role role;
    int rc = 0;
    if (str_is(s->Kind, "root")) {
        be_root(op, s->Account, p);
    } else if (str_is(s->Kind, "user")) {
        rc = be_user(op, s->Account, s->Name, p);
    } else if (str_is(s->Kind, "federated")) {
        p->kind = PRINCIPAL_FEDERATED;
        p->arn = str_printf(op->arena, "arn:%.*s:sts::%.*s:federated-user/%.*s", STR_ARG(op->partition), STR_ARG(s->Account), STR_ARG(s->SessionName));
        p->name = s->SessionName;
        p->user_id = s->PrincipalId;
    } else {
        rc = directory_role(op, s->Account, s->Name, &role);
        /* A role deleted and made anew under the same name is another one: its old sessions are dead. */
        if (rc == 0 && !str_starts(s->PrincipalId, role.Id))
            rc = E_NOT_FOUND;
        p->kind = PRINCIPAL_ROLE;
        p->arn = str_printf(op->arena, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s", STR_ARG(op->partition), STR_ARG(s->Account), STR_ARG(s->Name),
                            STR_ARG(s->SessionName));
        p->name = s->Name;
        p->role_arn = s->RoleArn;
        p->user_id = s->PrincipalId;
    }
    p->account = s->Account;
    p->session_issued_ms = s->IssuedMs.v;
    p->source_identity = s->SourceIdentity;
    p->mfa = opt_bool(s->Mfa, false);
    return rc;
}

static bool is_account_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 12;
}

bool directory_is_test_key(struct str access_key_id) { return str_is(access_key_id, "test") || is_account_id(access_key_id); }

int directory_credential(struct op *op, struct str access_key_id, bool test_keys, struct credential *ret)
{
    struct iam_rec_AccessKey key;
    struct iam_rec_Session session;
    struct credential c = { .principal.access_key_id = access_key_id };
    int rc = E_NOT_FOUND;
    if (access_key_id.n > 128)
        return rc;
    if (test_keys && directory_is_test_key(access_key_id)) {
        be_root(op, access_key_id.n == 12 ? access_key_id : STR("000000000000"), &c.principal);
        c.secret = STR("test");
        c.any_token = true;
        rc = 0;
    } else if (str_starts(access_key_id, STR("ASIA"))) {
        rc = directory_session_get(op, access_key_id, &session);
        if (rc)
            return rc;
        c.secret = session.Secret;
        c.session_token = session.Token;
        c.expires_ms = session.ExpiresMs.v;
        rc = be_session(op, &session, &c.principal);
    } else {
        rc = directory_key_get(op, access_key_id, &key);
        if (rc)
            return rc;
        c.secret = key.Secret;
        c.inactive = !str_is(key.Status, "Active");
        if (key.UserName.n)
            rc = be_user(op, key.Account, key.UserName, &c.principal);
        else
            be_root(op, key.Account, &c.principal);
    }
    if (rc == 0)
        *ret = c;
    return rc;
}
