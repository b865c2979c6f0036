/* Resource policies: which services may write into the account's groups, or into one.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html */
#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "auth/policy.h"
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "base/code.h"
#include "services/logs/logs.h"

enum { ACCOUNT_POLICIES_MAX = 10 };

/* Under (group, name): the account's with an empty group; a group's with an empty name, for it has one. */
static void policy_key(struct op *op, struct key *k, struct str group, struct str name)
{
    op_key(op, k, &logs_kind_policy);
    key_str(k, group);
    key_str(k, name);
}

/* The group of an ARN: absent where there is none, or it is no group's. */
static struct str group_of(struct str text)
{
    struct arn arn;
    struct str kind, rest, name, tail;
    if (arn_parse(text, &arn) || !str_is(arn.service, "logs") || !str_cut(arn.resource, ':', &kind, &rest) || !str_is(kind, "log-group"))
        return STR_NONE;
    str_cut(rest, ':', &name, &tail);
    return name.n ? name : STR_NONE;
}

/* What a request names: a group, or (*ret "") the account. */
static int scope_of(struct op *op, struct str resource_arn, struct str *ret)
{
    struct logs_rec_Group g;
    *ret = STR("");
    if (!resource_arn.p)
        return 0;
    *ret = group_of(resource_arn);
    return ret->p ? group_find(op, *ret, &g) : aws_fail(op, LOGS_InvalidParameterException, "Invalid resourceArn: %.*s", STR_ARG(resource_arn));
}

static int each(struct op *op, struct str group, int (*fn)(struct op *op, void *ctx, struct logs_ResourcePolicy *p), void *ctx)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    op_key(op, &from, &logs_kind_policy);
    key_str(&from, group);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_ResourcePolicy p;
        rc = op_rec_decode(op, value, &logs_ResourcePolicy_shape, &p);
        if (rc == 0)
            rc = fn(op, ctx, &p);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static int count(struct op *op, void *ctx, struct logs_ResourcePolicy *p)
{
    ++*(int *)ctx;
    return 0;
}

/* ---- the operations ---- */

/* A group's policy is changed by who knows its revision. */
static int check_revision(struct op *op, const struct logs_ResourcePolicy *there, struct str expected)
{
    if (str_eq(opt_str(there->revisionId, STR("")), opt_str(expected, STR(""))))
        return 0;
    return aws_fail(op, LOGS_InvalidParameterException, "The expected revision ID does not match the current revision ID of the resource policy.");
}

int logs_PutResourcePolicy(struct op *op, const struct logs_PutResourcePolicy_in *in, struct logs_PutResourcePolicy_out *out)
{
    struct logs_ResourcePolicy there = { 0 }, *p = arena_one(op->arena, struct logs_ResourcePolicy);
    struct policy *parsed;
    struct str group, why;
    struct key k;
    int n = 0, rc = scope_of(op, in->resourceArn, &group);
    if (rc)
        return rc;
    if (!group.n && !in->policyName.n)
        return aws_fail(op, LOGS_InvalidParameterException, "Policy name cannot be empty.");
    if (!in->policyDocument.p || policy_parse(op->arena, in->policyDocument, POLICY_RESOURCE, &parsed, &why))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid policy document. Please check policy syntax and ensure that PrincipalConfig's are valid.");
    policy_key(op, &k, group, group.n ? STR("") : in->policyName);
    rc = op_rec_get(op, &k, &logs_ResourcePolicy_shape, &there);
    bool new = rc == E_NOT_FOUND;
    if (rc && !new)
        return rc;
    rc = group.n ? check_revision(op, &there, in->expectedRevisionId) : new ? each(op, group, count, &n) : 0;
    if (!rc && n >= ACCOUNT_POLICIES_MAX)
        rc = aws_fail(op, LOGS_LimitExceededException, "Resource limit exceeded.");
    if (rc)
        return rc;
    *p = (struct logs_ResourcePolicy){ .policyName = in->policyName, .policyDocument = in->policyDocument, .lastUpdatedTime = SOME_I64(op_now_ms(op)) };
    if (group.n) {
        p->policyScope = STR("RESOURCE");
        p->resourceArn = in->resourceArn;
        p->revisionId = random_uuid(op->arena);
    }
    out->resourcePolicy = p;
    out->revisionId = p->revisionId;
    rc = op_rec_put(op, &k, &logs_ResourcePolicy_shape, p);
    return rc ? rc : auth_epoch_bump(op);
}

int logs_DeleteResourcePolicy(struct op *op, const struct logs_DeleteResourcePolicy_in *in, struct logs_DeleteResourcePolicy_out *out)
{
    struct logs_ResourcePolicy there = { 0 };
    struct str group;
    struct key k;
    int rc = scope_of(op, in->resourceArn, &group);
    if (rc)
        return rc;
    policy_key(op, &k, group, group.n ? STR("") : opt_str(in->policyName, STR("")));
    rc = op_rec_get(op, &k, &logs_ResourcePolicy_shape, &there);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LOGS_ResourceNotFoundException, "Policy with name [%.*s] does not exist", STR_ARG(opt_str(in->policyName, STR(""))));
    if (!rc && group.n)
        rc = check_revision(op, &there, in->expectedRevisionId);
    if (!rc)
        rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

int resource_policy_drop(struct op *op, struct str group)
{
    struct key k;
    policy_key(op, &k, group, STR(""));
    if (!op_rec_has(op, &k))
        return 0;
    int rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

struct listing {
    struct logs_DescribeResourcePolicies_out *out;
    struct str from; /* a name */
    int64_t max;
    struct str next;
};

static int list(struct op *op, void *ctx, struct logs_ResourcePolicy *p)
{
    struct listing *l = ctx;
    if (str_cmp(p->policyName, l->from) < 0 || l->next.p)
        return 0;
    if ((int64_t)l->out->resourcePolicies.n == l->max)
        l->next = p->policyName;
    else
        *list_push(op->arena, &l->out->resourcePolicies) = *p;
    return 0;
}

int logs_DescribeResourcePolicies(struct op *op, const struct logs_DescribeResourcePolicies_in *in, struct logs_DescribeResourcePolicies_out *out)
{
    struct listing l = { .out = out };
    struct str group;
    int rc = scope_of(op, in->resourceArn, &group);
    if (!rc && str_is(in->policyScope, "RESOURCE") != (group.n > 0))
        rc = aws_fail(op, LOGS_InvalidParameterException, "policyScope RESOURCE and resourceArn must be given together.");
    if (!rc)
        rc = logs_page_limit(op, in->limit, LOGS_PAGE_MAX, &l.max);
    if (!rc)
        rc = logs_page_from(op, in->nextToken, &l.from);
    l.from = opt_str(l.from, STR(""));
    out->resourcePolicies.set = true;
    if (!rc)
        rc = each(op, group, list, &l);
    out->nextToken = page_token(op, l.next);
    return rc;
}

/* ---- what they say ---- */

static int gather(struct op *op, void *ctx, struct logs_ResourcePolicy *p)
{
    cJSON *all = ctx, *tree = cJSON_ParseWithLength(p->policyDocument.p, p->policyDocument.n);
    cJSON *statements = cJSON_DetachItemFromObjectCaseSensitive(tree, "Statement");
    while (cJSON_IsArray(statements) && statements->child)
        cJSON_AddItemToArray(all, cJSON_DetachItemFromArray(statements, 0));
    if (cJSON_IsObject(statements))
        cJSON_AddItemToArray(all, statements);
    else
        cJSON_Delete(statements);
    cJSON_Delete(tree);
    return 0;
}

/* They speak of services alone: nobody else's request pays for them. All that there are, as one. */
int logs_resource_policy(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account)
{
    struct str group = group_of(arn);
    *ret_policy = STR_NONE;
    if (op->caller->kind != PRINCIPAL_SERVICE || !group.p)
        return 0;
    cJSON *policy = cJSON_CreateObject(), *statements = cJSON_AddArrayToObject(policy, "Statement");
    cJSON_AddStringToObject(policy, "Version", "2012-10-17");
    int rc = each(op, STR(""), gather, statements);
    if (rc == 0)
        rc = each(op, group, gather, statements);
    char *text = rc == 0 && statements->child ? cJSON_PrintUnformatted(policy) : NULL;
    *ret_policy = str_dup(op->arena, str_c(text));
    cJSON_free(text);
    cJSON_Delete(policy);
    return rc;
}
