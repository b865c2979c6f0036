#include "auth/assume.h"

#include "auth/auth.h"
#include "auth/evaluate.h"
#include "auth/failure.h"
#include "auth/state.h"
#include "base/code.h"

static const char id_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char secret_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
enum { TOKEN_BYTES = 192 };

int auth_store_session(struct op *op, struct iam_rec_Session *s, int64_t duration_s)
{
    uint8_t token[TOKEN_BYTES];
    random_bytes(token, sizeof token);
    struct str id = random_alnum(op->arena, 16, id_chars), text = base64_encode(op->arena, token, sizeof token);
    s->AccessKeyId = str_printf(op->arena, "ASIA%.*s", STR_ARG(id));
    s->Secret = random_alnum(op->arena, 40, secret_chars);
    s->Token = str_printf(op->arena, "IQoJb3JpZ2luX2Vj%.*s", STR_ARG(text));
    s->IssuedMs = SOME_I64(op_now_ms(op));
    s->ExpiresMs = SOME_I64((op_now_ms(op) / 1000 + duration_s) * 1000);
    return directory_session_put(op, s);
}

static void fill(struct op *op, const struct iam_rec_Role *role, struct str account, struct str session_name, struct principal *p)
{
    *p = (struct principal){
        .kind = PRINCIPAL_ROLE,
        .account = account,
        .arn = str_printf(op->arena, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s", STR_ARG(op->partition), STR_ARG(account), STR_ARG(role->Name),
                          STR_ARG(session_name)),
        .user_id = str_printf(op->arena, "%.*s:%.*s", STR_ARG(role->Id), STR_ARG(session_name)),
        .name = role->Name,
        .role_arn = directory_arn(op, account, "role", role->Path, role->Name),
        .session_issued_ms = op_now_ms(op),
    };
}

static struct str account_in(struct str role_arn)
{
    struct str rest = role_arn, account = STR("");
    for (int i = 0; i < 5; i++)
        str_cut(rest, ':', &account, &rest);
    return account;
}

int auth_make_session(struct op *op, const struct iam_rec_Role *role, const struct session_request *r, struct session_credentials *ret)
{
    struct principal p;
    fill(op, role, account_in(r->role_arn), r->session_name, &p);
    struct iam_rec_Session s = {
        .Kind = STR("role"), .Account = p.account, .Name = role->Name, .SessionName = r->session_name, .RoleArn = p.role_arn, .PrincipalId = p.user_id,
        .Policies = r->policies, .PolicyArns = r->policy_arns, .Tags = r->tags, .TransitiveKeys = r->transitive_keys,
        .SourceIdentity = r->source_identity, .Claims = r->claims,
    };
    int rc = auth_store_session(op, &s, r->duration_s);
    if (rc)
        return rc;
    p.access_key_id = s.AccessKeyId;
    *ret = (struct session_credentials){ .access_key_id = s.AccessKeyId, .secret = s.Secret, .session_token = s.Token,
                                         .expires_ms = s.ExpiresMs.v, .principal = p };
    return 0;
}

static int trusted(struct op *op, struct str role_arn, const char *service_principal, struct str source_arn,
                   struct iam_rec_Role *ret)
{
    int rc = directory_role_by_arn(op, role_arn, ret);
    if (rc)
        return rc == E_INVALID ? E_NOT_FOUND : rc;
    struct principal *service = arena_one(op->arena, struct principal);
    *service = (struct principal){ .kind = PRINCIPAL_SERVICE, .arn = str_c(service_principal), .name = str_c(service_principal) };
    struct eval_request r = { .arena = op->arena, .principal = service, .action = STR("sts:AssumeRole"), .resource = role_arn };
    *list_push(op->arena, &r.context) = (struct str_pair){ STR("aws:SourceAccount"), op->account };
    if (source_arn.p)
        *list_push(op->arena, &r.context) = (struct str_pair){ STR("aws:SourceArn"), source_arn };
    struct eval_policies policies = { .has_resource = true };
    policies.resource = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, ret->Trust);
    struct authz_item *item = arena_one(op->arena, struct authz_item);
    item->action = r.action;
    item->resource = role_arn;
    if (auth_settle(op, item, service, evaluate(&r, &policies).allowed))
        return 0;
    return refuse(op, REFUSE_ACCESS, "%s is not authorized to perform: sts:AssumeRole on resource: %.*s", service_principal, STR_ARG(role_arn));
}

int auth_check_trust(struct op *op, struct str role_arn, const char *service_principal, struct str source_arn)
{
    struct iam_rec_Role role;
    return trusted(op, role_arn, service_principal, source_arn, &role);
}

int auth_role_principal(struct op *op, struct str role_arn, struct str session_name, const char *service_principal, struct str source_arn,
                        struct principal *ret)
{
    struct iam_rec_Role role;
    int rc = trusted(op, role_arn, service_principal, source_arn, &role);
    if (rc == 0)
        fill(op, &role, account_in(role_arn), session_name, ret);
    return rc;
}

int auth_assume_role(struct op *op, struct str role_arn, struct str session_name, const char *service_principal, struct str source_arn,
                     int64_t duration_s, struct session_credentials *ret)
{
    struct iam_rec_Role role;
    int rc = trusted(op, role_arn, service_principal, source_arn, &role);
    struct session_request r = { .role_arn = role_arn, .session_name = session_name, .duration_s = duration_s };
    return rc ? rc : auth_make_session(op, &role, &r, ret);
}
