#include "services/dynamodb/policy.h"

#include <cjson/cJSON.h>

#include "aws/arn.h"
#include "base/arena.h"
#include "services/dynamodb/request.h"

enum { POLICY_BYTES_MAX = 20 * 1024 };

static void policy_key(struct op *op, struct key *k, struct str table)
{
    op_key(op, k, &dynamodb_kind_policy);
    key_str(k, table);
}

static int policy_get(struct op *op, struct str table, struct dynamodb_rec_Policy *ret)
{
    struct key k;
    policy_key(op, &k, table);
    *ret = (struct dynamodb_rec_Policy){ 0 };
    return op_rec_get(op, &k, &dynamodb_rec_Policy_shape, ret);
}

int policy_put(struct op *op, struct str table, struct str policy, struct str *ret_revision)
{
    struct dynamodb_rec_Policy rec = { .Policy = policy };
    struct key k;
    cJSON *tree = cJSON_ParseWithLength(policy.p, policy.n);
    bool is_object = cJSON_IsObject(tree);
    cJSON_Delete(tree);
    if (!is_object)
        return invalid(op, "The specified resource-based policy document is invalid: Syntax errors in policy.");
    if (policy.n > POLICY_BYTES_MAX)
        return aws_fail(op, DYNAMODB_LimitExceededException, "Resource-based policy document size exceeds the maximum of 20 KB");
    rec.RevisionId = str_printf(op->arena, "%lld", (long long)op_now_ms(op));
    *ret_revision = rec.RevisionId;
    policy_key(op, &k, table);
    int rc = op_rec_put(op, &k, &dynamodb_rec_Policy_shape, &rec);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int policy_drop(struct op *op, struct str table)
{
    struct key k;
    policy_key(op, &k, table);
    if (!op_rec_has(op, &k))
        return 0;
    int rc = op_rec_delete(op, &k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int dynamodb_resource_policy(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account)
{
    struct dynamodb_rec_Policy rec;
    struct arn parts;
    struct key k;
    *ret_policy = STR_NONE;
    if (arn_parse(arn, &parts) < 0 || !str_starts(parts.resource, STR("table/")) || str_contains(parts.resource, STR("/backup/"))) /* those have none */
        return 0;
    op_key_in(op, &k, parts.account, parts.region, &dynamodb_kind_policy);
    key_str(&k, table_name(arn));
    int rc = op_rec_get(op, &k, &dynamodb_rec_Policy_shape, &rec);
    if (rc == 0)
        *ret_policy = rec.Policy;
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* ---- operations ---- */

static int open_resource(struct op *op, struct str arn, struct table *ret)
{
    return str_contains(arn, STR("/stream/")) ? aws_unsupported(op, "ResourceArn of a stream") : table_open_admin(op, arn, ret);
}

static int no_policy(struct op *op, struct str arn)
{
    return aws_fail(op, DYNAMODB_PolicyNotFoundException, "Resource-based policy not found for the provided ResourceArn: %.*s", STR_ARG(arn));
}

static int check_revision(struct op *op, struct str expected, int found, const struct dynamodb_rec_Policy *now, struct str arn)
{
    if (!expected.p)
        return 0;
    if (str_is(expected, "NO_POLICY") ? found == E_NOT_FOUND : found == 0 && str_eq(expected, now->RevisionId))
        return 0;
    return aws_fail(op, DYNAMODB_PolicyNotFoundException,
                    "Resource-based policy not found for the provided ResourceArn: Requested update for policy with revision %.*s, but that is not the "
                    "revision of %.*s", STR_ARG(expected), STR_ARG(arn));
}

/* The table and its policy, which is the expected one; E_NOT_FOUND: it has none, and none was expected. */
static int open_revision(struct op *op, struct str arn, struct str expected, struct table *ret, struct dynamodb_rec_Policy *ret_now)
{
    int rc = open_resource(op, arn, ret);
    if (rc < 0)
        return rc;
    int found = policy_get(op, ret->rec->TableName, ret_now);
    if (found < 0 && found != E_NOT_FOUND)
        return found;
    rc = check_revision(op, expected, found, ret_now, arn);
    return rc < 0 ? rc : found;
}

int dynamodb_GetResourcePolicy(struct op *op, const struct dynamodb_GetResourcePolicy_in *in, struct dynamodb_GetResourcePolicy_out *out)
{
    struct dynamodb_rec_Policy rec;
    struct table t;
    int rc = open_resource(op, in->ResourceArn, &t);
    if (rc < 0)
        return rc;
    rc = policy_get(op, t.rec->TableName, &rec);
    if (rc == E_NOT_FOUND)
        return no_policy(op, in->ResourceArn);
    out->Policy = rec.Policy;
    out->RevisionId = rec.RevisionId;
    return rc;
}

int dynamodb_PutResourcePolicy(struct op *op, const struct dynamodb_PutResourcePolicy_in *in, struct dynamodb_PutResourcePolicy_out *out)
{
    struct dynamodb_rec_Policy now;
    struct table t;
    int rc = open_revision(op, in->ResourceArn, in->ExpectedRevisionId, &t, &now);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    if (rc == 0 && str_eq(now.Policy, in->Policy)) {
        out->RevisionId = now.RevisionId;
        return 0;
    }
    return policy_put(op, t.rec->TableName, in->Policy, &out->RevisionId);
}

int dynamodb_DeleteResourcePolicy(struct op *op, const struct dynamodb_DeleteResourcePolicy_in *in, struct dynamodb_DeleteResourcePolicy_out *out)
{
    struct dynamodb_rec_Policy now;
    struct table t;
    int rc = open_revision(op, in->ResourceArn, in->ExpectedRevisionId, &t, &now);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    out->RevisionId = now.RevisionId;
    return policy_drop(op, t.rec->TableName);
}
