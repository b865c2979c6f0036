/* Tags, TTL, continuous backups, limits, endpoints. */
#include "aws/id.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"

#define BAD "One or more parameter values were invalid: "

/* ---- tags ---- */

static int open_resource(struct op *op, struct str arn, struct table *t, struct dynamodb_rec_Extra *x)
{
    if (!str_starts(arn, STR("arn:")))
        return invalid(op, "Invalid TableArn: Invalid ResourceArn provided as input %.*s", STR_ARG(arn));
    int rc = table_open(op, arn, t);
    if (rc == E_AWS && op->fail.error == DYNAMODB_ResourceNotFoundException)
        return aws_fail(op, DYNAMODB_ResourceNotFoundException, "Requested resource not found: ResourcArn: %.*s not found", STR_ARG(arn));
    return rc < 0 ? rc : extra_get(op, t->rec->TableId, x);
}

int dynamodb_TagResource(struct op *op, const struct dynamodb_TagResource_in *in, struct dynamodb_TagResource_out *out)
{
    struct dynamodb_rec_Extra x;
    struct str_map tags = { 0 };
    struct table t;
    int rc = open_resource(op, in->ResourceArn, &t, &x);
    if (rc < 0)
        return rc;
    tags_read(op, &dynamodb_TagList_shape, &in->Tags, &tags);
    const char *wrong = tags_check(&tags, &tag_rules_usual);
    if (!wrong) {
        tags_merge(op, &x.Tags, &tags);
        wrong = tags_check(&x.Tags, &tag_rules_usual);
    }
    if (wrong)
        return invalid(op, BAD "%s", wrong);
    return extra_put(op, t.rec->TableId, &x);
}

int dynamodb_UntagResource(struct op *op, const struct dynamodb_UntagResource_in *in, struct dynamodb_UntagResource_out *out)
{
    struct dynamodb_rec_Extra x;
    struct table t;
    int rc = open_resource(op, in->ResourceArn, &t, &x);
    if (rc < 0)
        return rc;
    tags_remove(&x.Tags, &in->TagKeys);
    return extra_put(op, t.rec->TableId, &x);
}

int dynamodb_ListTagsOfResource(struct op *op, const struct dynamodb_ListTagsOfResource_in *in, struct dynamodb_ListTagsOfResource_out *out)
{
    enum { TAGS_A_PAGE = 10 };
    struct dynamodb_rec_Extra x;
    struct str_map page = { 0 };
    struct str from = STR_NONE;
    struct table t;
    int rc = open_resource(op, in->ResourceArn, &t, &x);
    if (rc < 0)
        return rc;
    if (in->NextToken.p && page_key(op, in->NextToken, &from) < 0)
        return invalid(op, "Invalid NextToken");
    str_map_sort(&x.Tags);
    for (uint32_t i = 0; i < x.Tags.n; i++) {
        if (from.p && str_cmp(x.Tags.v[i].key, from) < 0)
            continue;
        if (page.n == TAGS_A_PAGE) {
            out->NextToken = page_token(op, x.Tags.v[i].key);
            break;
        }
        str_map_put(op->arena, &page, x.Tags.v[i].key, x.Tags.v[i].value);
    }
    tags_write(op, &dynamodb_TagList_shape, &page, &out->Tags);
    out->Tags.set = true;
    return 0;
}

/* ---- TTL ---- */

int ttl_stop(struct op *op, const struct table *t)
{
    struct key k;
    if (!t->rec->TtlGeneration.p)
        return 0;
    op_key(op, &k, &dynamodb_kind_ttlnext);
    key_str(&k, t->rec->TtlGeneration);
    int rc = txn_delete(op->txn, key_view(&k));
    if (rc == 0)
        rc = op_timer_cancel(op, "dynamodb.ttl", t->rec->TtlGeneration);
    if (rc == E_NOT_FOUND)
        rc = 0;
    return rc < 0 ? rc : job_clear(op, &dynamodb_kind_ttl, t->rec->TtlGeneration);
}

int dynamodb_UpdateTimeToLive(struct op *op, const struct dynamodb_UpdateTimeToLive_in *in, struct dynamodb_UpdateTimeToLive_out *out)
{
    struct table t;
    bool enable = opt_bool(in->TimeToLiveSpecification->Enabled, false);
    struct str name = in->TimeToLiveSpecification->AttributeName;
    int rc = table_open_admin(op, in->TableName, &t);
    if (rc < 0)
        return rc;
    bool enabled = t.rec->TtlGeneration.p != NULL;
    if (enable && enabled)
        return invalid(op, "TimeToLive is already enabled");
    if (!enable && !enabled)
        return invalid(op, "TimeToLive is already disabled");
    if (!enable && !str_eq(name, t.rec->TtlAttribute))
        return invalid(op, "TimeToLive is active on a different AttributeName: current AttributeName is %.*s", STR_ARG(t.rec->TtlAttribute));
    if (enable && key_schema_has(&t.schema, name) && name.n == 0)
        return invalid(op, "TimeToLive attribute name must not be empty");
    rc = table_unlock(op, &t);
    if (rc == 0)
        rc = ttl_stop(op, &t);
    t.rec->TtlAttribute = enable ? name : STR_NONE;
    t.rec->TtlGeneration = enable ? id_uuid(op) : STR_NONE;
    if (rc == 0)
        rc = table_save(op, t.rec);
    if (rc == 0 && enable)
        rc = job_fill(op, t.rec->TableName, t.rec->TtlGeneration);
    out->TimeToLiveSpecification = in->TimeToLiveSpecification;
    return rc;
}

int dynamodb_DescribeTimeToLive(struct op *op, const struct dynamodb_DescribeTimeToLive_in *in, struct dynamodb_DescribeTimeToLive_out *out)
{
    struct table t;
    int rc = table_open_admin(op, in->TableName, &t);
    if (rc < 0)
        return rc;
    out->TimeToLiveDescription = arena_one(op->arena, struct dynamodb_TimeToLiveDescription);
    out->TimeToLiveDescription->TimeToLiveStatus = t.rec->TtlGeneration.p ? STR("ENABLED") : STR("DISABLED");
    out->TimeToLiveDescription->AttributeName = t.rec->TtlAttribute;
    return 0;
}

/* ---- continuous backups ---- */

enum { RECOVERY_DAYS_MAX = 35, DAY_MS = 24 * 3600 * 1000, RECOVERY_LAG_MS = 5 * 60 * 1000 };

static int open_backups(struct op *op, struct str name, struct table *t, struct dynamodb_rec_Extra *x)
{
    int rc = table_open(op, name, t);
    if (rc == E_AWS && op->fail.error == DYNAMODB_ResourceNotFoundException)
        return aws_fail(op, DYNAMODB_TableNotFoundException, "Table not found: %.*s", STR_ARG(table_name(name)));
    return rc < 0 ? rc : extra_get(op, t->rec->TableId, x);
}

static struct dynamodb_ContinuousBackupsDescription *describe_backups(struct op *op, const struct dynamodb_rec_Extra *x)
{
    struct dynamodb_ContinuousBackupsDescription *d = arena_one(op->arena, struct dynamodb_ContinuousBackupsDescription);
    struct dynamodb_PointInTimeRecoveryDescription *p = arena_one(op->arena, struct dynamodb_PointInTimeRecoveryDescription);
    d->ContinuousBackupsStatus = STR("ENABLED");
    d->PointInTimeRecoveryDescription = p;
    p->PointInTimeRecoveryStatus = STR("DISABLED");
    if (!opt_bool(x->RecoveryEnabled, false))
        return d;
    int64_t days = opt_i64(x->RecoveryDays, RECOVERY_DAYS_MAX), now = op_now_ms(op);
    int64_t since = opt_i64(x->RecoverySinceMs, now), oldest = now - days * DAY_MS;
    p->PointInTimeRecoveryStatus = STR("ENABLED");
    p->RecoveryPeriodInDays = SOME_I64(days);
    p->EarliestRestorableDateTime = SOME_I64(since > oldest ? since : oldest);
    p->LatestRestorableDateTime = SOME_I64(now - RECOVERY_LAG_MS > since ? now - RECOVERY_LAG_MS : since);
    return d;
}

int dynamodb_DescribeContinuousBackups(struct op *op, const struct dynamodb_DescribeContinuousBackups_in *in,
                                       struct dynamodb_DescribeContinuousBackups_out *out)
{
    struct dynamodb_rec_Extra x;
    struct table t;
    int rc = open_backups(op, in->TableName, &t, &x);
    if (rc == 0)
        out->ContinuousBackupsDescription = describe_backups(op, &x);
    return rc;
}

int dynamodb_UpdateContinuousBackups(struct op *op, const struct dynamodb_UpdateContinuousBackups_in *in,
                                     struct dynamodb_UpdateContinuousBackups_out *out)
{
    struct dynamodb_rec_Extra x;
    struct table t;
    bool enable = opt_bool(in->PointInTimeRecoverySpecification->PointInTimeRecoveryEnabled, false);
    struct opt_i64 days = in->PointInTimeRecoverySpecification->RecoveryPeriodInDays;
    int rc = open_backups(op, in->TableName, &t, &x);
    if (rc < 0)
        return rc;
    if (!enable && days.set)
        return invalid(op, BAD "RecoveryPeriodInDays can only be specified when PointInTimeRecoveryEnabled is true");
    if (enable && !opt_bool(x.RecoveryEnabled, false))
        x.RecoverySinceMs = SOME_I64(op_now_ms(op));
    x.RecoveryEnabled = SOME_BOOL(enable);
    x.RecoveryDays = enable ? SOME_I64(opt_i64(days, RECOVERY_DAYS_MAX)) : (struct opt_i64){ 0 };
    rc = extra_put(op, t.rec->TableId, &x);
    out->ContinuousBackupsDescription = describe_backups(op, &x);
    return rc;
}

/* ---- the account ---- */

int dynamodb_DescribeLimits(struct op *op, const struct dynamodb_DescribeLimits_in *in, struct dynamodb_DescribeLimits_out *out)
{
    out->AccountMaxReadCapacityUnits = SOME_I64(80000);
    out->AccountMaxWriteCapacityUnits = SOME_I64(80000);
    out->TableMaxReadCapacityUnits = SOME_I64(40000);
    out->TableMaxWriteCapacityUnits = SOME_I64(40000);
    return 0;
}

int dynamodb_DescribeEndpoints(struct op *op, const struct dynamodb_DescribeEndpoints_in *in, struct dynamodb_DescribeEndpoints_out *out)
{
    struct dynamodb_Endpoint *e = list_push(op->arena, &out->Endpoints);
    e->Address = str_printf(op->arena, "dynamodb.%.*s.amazonaws.com", STR_ARG(op->region));
    e->CachePeriodInMinutes = SOME_I64(1440);
    return 0;
}
