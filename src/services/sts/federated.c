#include "services/sts/federated.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/tags.h"

enum { DURATION_S = 3600 };

void federated_claims(struct op *op, struct federated *f, const char *key, const struct str_list *values)
{
    *list_push(op->arena, &f->claims) = (struct claim){ key, *values };
}

void federated_claim(struct op *op, struct federated *f, const char *key, struct str value)
{
    struct str_list one = { 0 };
    if (!value.p)
        return;
    str_list_add(op->arena, &one, value);
    federated_claims(op, f, key, &one);
}

void federated_keep(struct op *op, struct federated *f, const char *key, struct str value)
{
    federated_claim(op, f, key, value);
    if (value.p)
        str_map_put(op->arena, &f->session.claims, str_c(key), value);
}

int federated_role(struct op *op, struct federated *f, struct str role_arn)
{
    struct arn arn;
    if (arn_parse(role_arn, &arn))
        return aws_fail(op, STS_ValidationError, "%.*s is invalid", STR_ARG(role_arn));
    f->session.role_arn = role_arn;
    f->account = arn.account;
    return 0;
}

int federated_denied(struct op *op, const struct federated *f) { return aws_fail(op, STS_AccessDenied, "Not authorized to perform %s", f->action); }

static void add_item(struct op *op, const struct federated *f, struct authz *a, const char *action, struct str trust)
{
    struct authz_item *item = authz_add(a, action, f->session.role_arn);
    struct str_list keys = { 0 };
    item->resource_policy = trust;
    item->resource_policy_decides = true;
    for list_each(c, &f->claims)
        authz_context_list(a, item, c->key, &c->values);
    authz_context(a, item, "sts:RoleSessionName", f->session.session_name);
    authz_context(a, item, "sts:SourceIdentity", f->session.source_identity);
    authz_context_list(a, item, "sts:TransitiveTagKeys", &f->session.transitive_keys);
    for list_each(t, &f->session.tags) {
        authz_context_named(a, item, "aws:RequestTag/", t->key, t->value);
        str_list_add(op->arena, &keys, t->key);
    }
    authz_context_list(a, item, "aws:TagKeys", &keys);
}

static int check_trust(struct op *op, const struct federated *f, struct str trust)
{
    struct principal *vouched = arena_one(op->arena, struct principal);
    *vouched = (struct principal){ .kind = PRINCIPAL_VOUCHED, .account = f->account, .arn = f->provider_arn, .name = f->subject };
    const struct principal *caller = op->caller;
    struct authz a = { .op = op };
    add_item(op, f, &a, f->action, trust);
    if (f->session.tags.n)
        add_item(op, f, &a, "sts:TagSession", trust);
    if (f->session.source_identity.p)
        add_item(op, f, &a, "sts:SetSourceIdentity", trust);
    op->caller = vouched;
    int rc = auth_authorize(op, &a);
    op->caller = caller;
    return rc == E_AWS ? federated_denied(op, f) : rc;
}

int federated_assume(struct op *op, struct federated *f, struct session_credentials *ret, struct opt_i64 *ret_packed)
{
    struct iam_rec_Role role;
    federated_keep(op, f, "aws:FederatedProvider", f->provider_arn);
    int rc = directory_role_by_arn(op, f->session.role_arn, &role);
    if (rc)
        return rc == E_NOT_FOUND || rc == E_INVALID ? federated_denied(op, f) : rc;
    const char *why = tags_check(&f->session.tags, &tag_rules_usual);
    if (why)
        return aws_fail(op, STS_ValidationError, "%s", why);
    rc = check_trust(op, f, role.Trust);
    if (rc == 0 && f->asked_s > opt_i64(role.MaxSessionS, DURATION_S))
        rc = aws_fail(op, STS_ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    if (rc == 0)
        rc = sts_session_policies(op, f->policy, f->policy_arns, &f->session.policies, &f->session.policy_arns, ret_packed);
    return rc ? rc : auth_make_session(op, &role, &f->session, ret);
}

struct sts_AssumedRoleUser *federated_user(struct op *op, const struct session_credentials *c)
{
    struct sts_AssumedRoleUser *user = arena_one(op->arena, struct sts_AssumedRoleUser);
    user->AssumedRoleId = c->principal.user_id;
    user->Arn = c->principal.arn;
    return user;
}
