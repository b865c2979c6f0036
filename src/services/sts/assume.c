/* AssumeRole: the role's trust policy decides, as the resource policy of sts:AssumeRole on the role. */
#include "gen/sts.h"

#include "auth/assume.h"
#include "auth/auth.h"
#include "auth/policy.h"
#include "aws/error.h"
#include "base/limits.h"
#include "services/sts/common.h"

enum { DURATION_S = 3600, CHAINED_S_MAX = 3600, PACKED_BYTES = 2048 };

/* A role that is not there is answered as one that may not be assumed: names of roles are not to be found out this way. */
static const char trusts_nobody[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";

static void add_tags(struct op *op, const struct sts_tagListType *tags, struct authz *a, struct authz_item *item)
{
    struct str_list keys = { 0 };
    for list_each(t, tags) {
        authz_context_named(a, item, "aws:RequestTag/", t->Key, t->Value);
        str_list_add(op->arena, &keys, t->Key);
    }
    authz_context_list(a, item, "aws:TagKeys", &keys);
}

static void add_item(struct op *op, const struct sts_AssumeRole_in *in, const char *action, struct str trust, bool mfa, struct authz *a)
{
    struct authz_item *item = authz_add(a, action, in->RoleArn);
    item->resource_policy = trust;
    item->resource_policy_decides = true;
    authz_context(a, item, "sts:ExternalId", in->ExternalId);
    authz_context(a, item, "sts:RoleSessionName", in->RoleSessionName);
    authz_context(a, item, "sts:SourceIdentity", in->SourceIdentity);
    if (mfa) { /* else the caller's own session says it */
        authz_context(a, item, "aws:MultiFactorAuthPresent", STR("true"));
        authz_context(a, item, "aws:MultiFactorAuthAge", STR("0"));
    }
    authz_context_list(a, item, "sts:TransitiveTagKeys", &in->TransitiveTagKeys);
    add_tags(op, &in->Tags, a, item);
}

int sts_authorize_AssumeRole(struct op *op, const struct sts_AssumeRole_in *in, struct authz *a)
{
    struct iam_rec_Role role;
    bool mfa;
    if (op->caller->kind == PRINCIPAL_ROOT)
        return aws_fail(op, STS_AccessDenied, "Roles may not be assumed by root accounts.");
    int rc = sts_check_mfa(op, in->SerialNumber, in->TokenCode, &mfa);
    if (rc)
        return rc;
    rc = directory_role_by_arn(op, in->RoleArn, &role);
    if (rc == E_INVALID)
        return aws_fail(op, STS_ValidationError, "%.*s is invalid", STR_ARG(in->RoleArn));
    if (rc && rc != E_NOT_FOUND)
        return rc;
    struct str trust = rc ? str_c(trusts_nobody) : role.Trust;
    add_item(op, in, "sts:AssumeRole", trust, mfa, a);
    if (in->Tags.n)
        add_item(op, in, "sts:TagSession", trust, mfa, a);
    if (in->SourceIdentity.p)
        add_item(op, in, "sts:SetSourceIdentity", trust, mfa, a);
    return 0;
}

static int check_duration(struct op *op, const struct iam_rec_Role *role, int64_t duration_s)
{
    if (op->caller->kind == PRINCIPAL_ROLE && duration_s > CHAINED_S_MAX)
        return aws_fail(op, STS_ValidationError, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining");
    if (duration_s > opt_i64(role->MaxSessionS, DURATION_S))
        return aws_fail(op, STS_ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return 0;
}

int sts_session_policies(struct op *op, struct str policy, const struct sts_policyDescriptorListType *arns, struct str_list *ret_policies,
                         struct str_list *ret_arns, struct opt_i64 *ret_packed)
{
    struct policy *parsed;
    struct str why, document;
    size_t bytes = policy.n;
    if (policy.p) {
        if (policy_parse(op->arena, policy, POLICY_IDENTITY, &parsed, &why))
            return aws_fail(op, STS_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
        str_list_add(op->arena, ret_policies, policy);
    }
    for list_each(p, arns) {
        if (directory_policy_document(op, p->arn, &document))
            return aws_fail(op, STS_ValidationError, "Policy %.*s does not exist or is not attachable.", STR_ARG(p->arn));
        str_list_add(op->arena, ret_arns, p->arn);
        bytes += p->arn.n;
    }
    if (bytes)
        *ret_packed = SOME_I64((int64_t)(bytes * 100 / PACKED_BYTES) + 1);
    return bytes <= PACKED_BYTES ? 0
                                 : aws_fail(op, STS_PackedPolicyTooLargeException, "Packed policy consumes %zu%% of allotted space, please use smaller policy.",
                                            bytes * 100 / PACKED_BYTES);
}

void sts_credentials_out(struct op *op, const struct session_credentials *c, struct sts_Credentials **ret)
{
    *ret = arena_one(op->arena, struct sts_Credentials);
    **ret = (struct sts_Credentials){ .AccessKeyId = c->access_key_id, .SecretAccessKey = c->secret, .SessionToken = c->session_token,
                                      .Expiration = SOME_I64(c->expires_ms) };
}

int sts_tags_in(struct op *op, const struct sts_tagListType *tags, struct str_map *into)
{
    for list_each(t, tags) {
        for (const struct sts_Tag *before = tags->v; before < t; before++)
            if (str_eq_nocase(before->Key, t->Key))
                return aws_fail(op, STS_ValidationError, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        str_map_put(op->arena, into, t->Key, opt_str(t->Value, STR("")));
    }
    return 0;
}

/* What a chained session hands on: its transitive tags, which may not be set anew, and its source identity. */
static int inherit(struct op *op, struct session_request *r)
{
    struct iam_rec_Session caller;
    if (op->caller->kind != PRINCIPAL_ROLE || !op->caller->access_key_id.p || directory_session_get(op, op->caller->access_key_id, &caller))
        return 0;
    for list_each(key, &caller.TransitiveKeys) {
        if (str_map_get(&r->tags, *key).p)
            return aws_fail(op, STS_ValidationError, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
                                                     "from the calling session.");
        str_map_put(op->arena, &r->tags, *key, str_map_get(&caller.Tags, *key));
        str_list_add(op->arena, &r->transitive_keys, *key);
    }
    if (caller.SourceIdentity.p)
        r->source_identity = caller.SourceIdentity;
    return 0;
}

int sts_AssumeRole(struct op *op, const struct sts_AssumeRole_in *in, struct sts_AssumeRole_out *out)
{
    struct iam_rec_Role role;
    struct session_credentials c;
    bool mfa; /* the trust policy looked at it; the session itself does not carry it */
    struct session_request r = { .role_arn = in->RoleArn, .session_name = in->RoleSessionName, .duration_s = opt_i64(in->DurationSeconds, DURATION_S),
                                 .source_identity = in->SourceIdentity };
    if (in->ProvidedContexts.n)
        return aws_unsupported(op, "ProvidedContexts");
    int rc = sts_use_mfa(op, in->SerialNumber, in->TokenCode, &mfa);
    if (rc == 0)
        rc = directory_role_by_arn(op, in->RoleArn, &role);
    if (rc == 0)
        rc = check_duration(op, &role, r.duration_s);
    if (rc == 0)
        rc = sts_session_policies(op, in->Policy, &in->PolicyArns, &r.policies, &r.policy_arns, &out->PackedPolicySize);
    if (rc == 0)
        rc = sts_tags_in(op, &in->Tags, &r.tags);
    for list_each(key, &in->TransitiveTagKeys) {
        if (rc == 0 && !str_map_get(&r.tags, *key).p)
            return aws_fail(op, STS_ValidationError, "The specified transitive tag key must be included in the requested tags.");
        str_list_add(op->arena, &r.transitive_keys, *key);
    }
    if (rc == 0)
        rc = inherit(op, &r);
    if (rc == 0)
        rc = auth_make_session(op, &role, &r, &c);
    if (rc)
        return rc;
    sts_credentials_out(op, &c, &out->Credentials);
    out->AssumedRoleUser = arena_one(op->arena, struct sts_AssumedRoleUser);
    out->AssumedRoleUser->AssumedRoleId = c.principal.user_id;
    out->AssumedRoleUser->Arn = c.principal.arn;
    out->SourceIdentity = r.source_identity;
    return 0;
}
