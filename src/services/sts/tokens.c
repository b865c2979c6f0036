/* GetSessionToken, GetFederationToken, GetAccessKeyInfo, DecodeAuthorizationMessage. */
#include "services/sts/common.h"

#include "auth/auth.h"
#include "auth/message.h"
#include "aws/error.h"

enum { DURATION_S = 43200, ROOT_DURATION_S_MAX = 3600 };

static int long_term_only(struct op *op, const char *operation)
{
    const struct principal *p = op->caller;
    if ((p->kind == PRINCIPAL_USER || p->kind == PRINCIPAL_ROOT) && !str_starts(opt_str(p->access_key_id, STR("")), STR("ASIA")))
        return 0;
    return aws_fail(op, STS_AccessDenied, "Cannot call %s with session credentials", operation);
}

static int64_t duration(struct op *op, struct opt_i64 asked)
{
    int64_t s = opt_i64(asked, DURATION_S);
    return op->caller->kind == PRINCIPAL_ROOT && s > ROOT_DURATION_S_MAX ? ROOT_DURATION_S_MAX : s;
}

static int store(struct op *op, struct iam_rec_Session *s, int64_t duration_s, struct sts_Credentials **ret)
{
    int rc = auth_store_session(op, s, duration_s);
    struct session_credentials c = { .access_key_id = s->AccessKeyId, .secret = s->Secret, .session_token = s->Token, .expires_ms = s->ExpiresMs.v };
    if (rc == 0)
        sts_credentials_out(op, &c, ret);
    return rc;
}

int sts_GetSessionToken(struct op *op, const struct sts_GetSessionToken_in *in, struct sts_GetSessionToken_out *out)
{
    bool user = op->caller->kind == PRINCIPAL_USER;
    struct iam_rec_Session s = { .Kind = user ? STR("user") : STR("root"), .Account = op->caller->account, .Name = user ? op->caller->name : STR(""),
                                 .PrincipalId = op->caller->user_id };
    bool mfa;
    int rc = long_term_only(op, "GetSessionToken");
    if (rc == 0)
        rc = sts_use_mfa(op, in->SerialNumber, in->TokenCode, &mfa);
    s.Mfa = SOME_BOOL(rc == 0 && mfa);
    return rc ? rc : store(op, &s, duration(op, in->DurationSeconds), &out->Credentials);
}

static struct str federated_arn(struct op *op, struct str name)
{
    return str_printf(op->arena, "arn:%.*s:sts::%.*s:federated-user/%.*s", STR_ARG(op->partition), STR_ARG(op->caller->account), STR_ARG(name));
}

int sts_authorize_GetFederationToken(struct op *op, const struct sts_GetFederationToken_in *in, struct authz *a)
{
    authz_add(a, "sts:GetFederationToken", federated_arn(op, in->Name));
    return 0;
}

int sts_GetFederationToken(struct op *op, const struct sts_GetFederationToken_in *in, struct sts_GetFederationToken_out *out)
{
    bool user = op->caller->kind == PRINCIPAL_USER;
    struct iam_rec_Session s = { .Kind = STR("federated"), .Account = op->caller->account, .Name = user ? op->caller->name : STR(""),
                                 .SessionName = in->Name };
    s.PrincipalId = str_printf(op->arena, "%.*s:%.*s", STR_ARG(s.Account), STR_ARG(in->Name));
    int rc = long_term_only(op, "GetFederationToken");
    if (rc == 0)
        rc = sts_session_policies(op, in->Policy, &in->PolicyArns, &s.Policies, &s.PolicyArns, &out->PackedPolicySize);
    if (rc == 0)
        rc = sts_tags_in(op, &in->Tags, &s.Tags);
    if (rc == 0)
        rc = store(op, &s, duration(op, in->DurationSeconds), &out->Credentials);
    if (rc)
        return rc;
    out->FederatedUser = arena_one(op->arena, struct sts_FederatedUser);
    out->FederatedUser->Arn = federated_arn(op, in->Name);
    out->FederatedUser->FederatedUserId = s.PrincipalId;
    return 0;
}

int sts_GetAccessKeyInfo(struct op *op, const struct sts_GetAccessKeyInfo_in *in, struct sts_GetAccessKeyInfo_out *out)
{
    struct credential c;
    int rc = directory_credential(op, in->AccessKeyId, op->test_keys, &c);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, STS_ValidationError, "Invalid type for parameter AccessKeyId: %.*s is no access key of this cloud", STR_ARG(in->AccessKeyId));
    out->Account = c.principal.account;
    return rc;
}

int sts_DecodeAuthorizationMessage(struct op *op, const struct sts_DecodeAuthorizationMessage_in *in, struct sts_DecodeAuthorizationMessage_out *out)
{
    if (message_decode(op, in->EncodedMessage, &out->DecodedMessage))
        return aws_fail(op, STS_InvalidAuthorizationMessageException, "Message is not valid");
    return 0;
}
