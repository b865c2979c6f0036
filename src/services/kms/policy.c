/* Key policies: decisive, one a key, named "default", given back as they were sent. Tags. */
#include "auth/policy.h"

#include "auth/evaluate.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/kms/key.h"

enum { TAGS_PAGE_DEFAULT = 50, POLICY_BYTES_MAX = 32768 };

struct str kms_default_policy(struct op *op)
{
    return str_printf(op->arena,
                      "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n"
                      "    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
                      "      \"AWS\" : \"arn:%.*s:iam::%.*s:root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}",
                      STR_ARG(op->partition), STR_ARG(op->account));
}

int kms_resource_policy(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account)
{
    struct key_ref k;
    int rc = kms_key_look(op, arn, false, &k);
    *ret_policy = rc == 0 ? k.rec.Policy : STR_NONE;
    return rc == E_NOT_FOUND ? 0 : rc;
}

static bool allows_change(const struct statement *s)
{
    bool named = s->not_action;
    for (uint32_t i = 0; i < s->actions.n; i++)
        if (glob_match(s->actions.v[i], STR("kms:PutKeyPolicy"), true))
            named = !s->not_action;
    return named && !s->deny;
}

/* Somebody of this account may still change the policy: the account itself, or whoever calls. */
static bool keeps_a_way(struct op *op, const struct policy *p)
{
    struct str colons = str_printf(op->arena, "::%.*s:", STR_ARG(op->account));
    for (uint32_t i = 0; i < p->statements.n; i++) {
        const struct statement *s = &p->statements.v[i];
        for (uint32_t n = 0; n < s->principals.n && allows_change(s); n++) {
            struct str who = s->principals.v[n].value;
            if (str_is(who, "*") || str_eq(who, op->account) || str_contains(who, colons))
                return true;
        }
        if (s->not_principal && allows_change(s))
            return true;
    }
    return false;
}

int kms_policy_check(struct op *op, struct str text, bool bypass_lockout_check)
{
    struct policy *parsed;
    struct str why = STR_NONE;
    if (text.n > POLICY_BYTES_MAX)
        return aws_fail(op, KMS_LimitExceededException, "The key policy exceeds %d bytes", POLICY_BYTES_MAX);
    if (policy_parse(op->arena, text, POLICY_RESOURCE, &parsed, &why) < 0)
        return aws_fail(op, KMS_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
    if (!bypass_lockout_check && !keeps_a_way(op, parsed))
        return aws_fail(op, KMS_MalformedPolicyDocumentException,
                        "The new key policy will not allow you to update the key policy in the future.");
    return 0;
}

static int check_policy_name(struct op *op, struct str name)
{
    if (name.p && !str_is(name, "default"))
        return aws_fail(op, KMS_NotFoundException, "No such policy exists");
    return 0;
}

int kms_GetKeyPolicy(struct op *op, const struct kms_GetKeyPolicy_in *in, struct kms_GetKeyPolicy_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = check_policy_name(op, in->PolicyName);
    if (rc < 0)
        return rc;
    out->Policy = k.rec.Policy;
    out->PolicyName = STR("default");
    return 0;
}

int kms_PutKeyPolicy(struct op *op, const struct kms_PutKeyPolicy_in *in, struct kms_PutKeyPolicy_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = check_policy_name(op, in->PolicyName);
    if (rc == 0)
        rc = kms_check_pending(op, &k);
    if (rc == 0)
        rc = kms_policy_check(op, in->Policy, opt_bool(in->BypassPolicyLockoutSafetyCheck, false));
    if (rc < 0)
        return rc;
    k.rec.Policy = in->Policy;
    rc = kms_key_put(op, &k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int kms_ListKeyPolicies(struct op *op, const struct kms_ListKeyPolicies_in *in, struct kms_ListKeyPolicies_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0 && in->Marker.p)
        return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
    if (rc < 0)
        return rc;
    str_list_add(op->arena, &out->PolicyNames, STR("default"));
    out->Truncated = SOME_BOOL(false);
    return 0;
}

/* ---- tags ---- */

int kms_tags_check(struct op *op, const struct str_map *tags)
{
    if (tags->n > tag_rules_usual.count_max)
        return aws_fail(op, KMS_TagException, "Too many tags");
    for (uint32_t i = 0; i < tags->n; i++) {
        if (str_eq_nocase(str_sub(tags->v[i].key, 0, 4), STR("aws:")))
            return aws_fail(op, KMS_TagException, "Tags beginning with aws: are reserved");
        for (uint32_t n = 0; n < i; n++)
            if (str_eq(tags->v[n].key, tags->v[i].key))
                return aws_fail(op, KMS_TagException, "Duplicate tag keys");
    }
    return 0;
}

static int find_to_tag(struct op *op, struct str id, struct key_ref *k)
{
    int rc = kms_key_find(op, id, false, k);
    return rc < 0 ? rc : kms_check_pending(op, k);
}

int kms_TagResource(struct op *op, const struct kms_TagResource_in *in, struct kms_TagResource_out *out)
{
    struct key_ref k;
    struct str_map tags;
    int rc = find_to_tag(op, in->KeyId, &k);
    if (rc < 0)
        return rc;
    tags_read(op, &kms_TagList_shape, &in->Tags, &tags);
    rc = kms_tags_check(op, &tags);
    if (rc < 0)
        return rc;
    tags_merge(op, &k.rec.Tags, &tags);
    rc = kms_tags_check(op, &k.rec.Tags);
    return rc < 0 ? rc : kms_key_put(op, &k);
}

int kms_UntagResource(struct op *op, const struct kms_UntagResource_in *in, struct kms_UntagResource_out *out)
{
    struct key_ref k;
    int rc = find_to_tag(op, in->KeyId, &k);
    if (rc < 0)
        return rc;
    tags_remove(&k.rec.Tags, &in->TagKeys);
    return kms_key_put(op, &k);
}

int kms_ListResourceTags(struct op *op, const struct kms_ListResourceTags_in *in, struct kms_ListResourceTags_out *out)
{
    struct key_ref k;
    struct str_map page = { 0 };
    struct str from = STR_NONE;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc < 0)
        return rc;
    if (in->Marker.p && page_key(op, in->Marker, &from) < 0)
        return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
    str_map_sort(&k.rec.Tags);
    out->Truncated = SOME_BOOL(false);
    for (uint32_t i = 0; i < k.rec.Tags.n; i++) {
        if (from.p && str_cmp(k.rec.Tags.v[i].key, from) < 0)
            continue;
        if (page.n == opt_i64(in->Limit, TAGS_PAGE_DEFAULT)) {
            out->NextMarker = page_token(op, k.rec.Tags.v[i].key);
            out->Truncated = SOME_BOOL(true);
            break;
        }
        *list_push(op->arena, &page) = k.rec.Tags.v[i];
    }
    tags_write(op, &kms_TagList_shape, &page, &out->Tags);
    out->Tags.set = true;
    return 0;
}
