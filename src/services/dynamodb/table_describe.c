/* What DescribeTable, and every operation that changes a table, says about it. */
#include "base/arena.h"
#include "services/dynamodb/backup.h"
#include "services/dynamodb/stream.h"

/* On-demand tables answer these for a table that was never warmed: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html */
enum { WARM_READ_DEFAULT = 12000, WARM_WRITE_DEFAULT = 4000 };

static bool on_demand(const struct dynamodb_rec_Table *rec) { return str_is(rec->BillingMode, "PAY_PER_REQUEST"); }

static struct dynamodb_ProvisionedThroughputDescription *throughput(struct op *op, struct opt_i64 read, struct opt_i64 write,
                                                                    struct opt_i64 increase, struct opt_i64 decrease, int64_t decreases)
{
    struct dynamodb_ProvisionedThroughputDescription *d = arena_one(op->arena, struct dynamodb_ProvisionedThroughputDescription);
    d->ReadCapacityUnits = SOME_I64(opt_i64(read, 0));
    d->WriteCapacityUnits = SOME_I64(opt_i64(write, 0));
    d->NumberOfDecreasesToday = SOME_I64(decreases);
    d->LastIncreaseDateTime = increase;
    d->LastDecreaseDateTime = decrease;
    return d;
}

static int describe_index(struct op *op, const struct table *t, const struct table_index *x, struct dynamodb_TableDescription *d)
{
    struct stats s;
    struct str arn = str_printf(op->arena, "%.*s/index/%.*s", STR_ARG(t->arn), STR_ARG(x->rec->Name));
    int rc = stats_get(op, x->rec->Id, &s);
    if (rc < 0)
        return rc;
    if (opt_bool(x->rec->Local, false)) {
        struct dynamodb_LocalSecondaryIndexDescription *l = list_push(op->arena, &d->LocalSecondaryIndexes);
        *l = (struct dynamodb_LocalSecondaryIndexDescription){ .IndexName = x->rec->Name, .KeySchema = x->rec->KeySchema,
            .Projection = x->rec->Projection, .IndexArn = arn, .ItemCount = SOME_I64(s.items), .IndexSizeBytes = SOME_I64(s.bytes) };
        return 0;
    }
    struct dynamodb_GlobalSecondaryIndexDescription *g = list_push(op->arena, &d->GlobalSecondaryIndexes);
    *g = (struct dynamodb_GlobalSecondaryIndexDescription){ .IndexName = x->rec->Name, .KeySchema = x->rec->KeySchema,
        .Projection = x->rec->Projection, .IndexArn = arn, .ItemCount = SOME_I64(s.items), .IndexSizeBytes = SOME_I64(s.bytes),
        .IndexStatus = opt_str(x->rec->Status, STR("ACTIVE")), .OnDemandThroughput = x->rec->OnDemand };
    if (str_is(x->rec->Status, "CREATING"))
        g->Backfilling = SOME_BOOL(true);
    g->ProvisionedThroughput = throughput(op, x->rec->ReadCapacity, x->rec->WriteCapacity, x->rec->LastIncreaseMs, x->rec->LastDecreaseMs, 0);
    struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription *w =
        arena_one(op->arena, struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription);
    bool od = on_demand(t->rec);
    w->ReadUnitsPerSecond = SOME_I64(opt_i64(x->rec->Warm ? x->rec->Warm->ReadUnitsPerSecond : (struct opt_i64){ 0 },
                                             od ? WARM_READ_DEFAULT : opt_i64(x->rec->ReadCapacity, 0)));
    w->WriteUnitsPerSecond = SOME_I64(opt_i64(x->rec->Warm ? x->rec->Warm->WriteUnitsPerSecond : (struct opt_i64){ 0 },
                                              od ? WARM_WRITE_DEFAULT : opt_i64(x->rec->WriteCapacity, 0)));
    w->Status = STR("ACTIVE");
    g->WarmThroughput = w;
    return 0;
}

static void describe_modes(struct op *op, const struct dynamodb_rec_Table *rec, struct dynamodb_TableDescription *d)
{
    if (rec->BillingMode.p) {
        d->BillingModeSummary = arena_one(op->arena, struct dynamodb_BillingModeSummary);
        d->BillingModeSummary->BillingMode = rec->BillingMode;
        d->BillingModeSummary->LastUpdateToPayPerRequestDateTime = rec->OnDemandSinceMs;
    }
    if (rec->TableClass.p) {
        d->TableClassSummary = arena_one(op->arena, struct dynamodb_TableClassSummary);
        d->TableClassSummary->TableClass = rec->TableClass;
        d->TableClassSummary->LastUpdateDateTime = rec->TableClassMs;
    }
    if (rec->SseType.p) {
        d->SSEDescription = arena_one(op->arena, struct dynamodb_SSEDescription);
        d->SSEDescription->Status = rec->Unsealed.n ? STR("UPDATING") : STR("ENABLED");
        d->SSEDescription->SSEType = rec->SseType;
        d->SSEDescription->KMSMasterKeyArn = rec->SseKeyArn;
    }
    d->OnDemandThroughput = rec->OnDemand;
    d->WarmThroughput = arena_one(op->arena, struct dynamodb_TableWarmThroughputDescription);
    d->WarmThroughput->Status = STR("ACTIVE");
    struct opt_i64 none = { 0 };
    bool od = on_demand(rec);
    d->WarmThroughput->ReadUnitsPerSecond = SOME_I64(opt_i64(rec->Warm ? rec->Warm->ReadUnitsPerSecond : none,
                                                             od ? WARM_READ_DEFAULT : opt_i64(rec->ReadCapacity, 0)));
    d->WarmThroughput->WriteUnitsPerSecond = SOME_I64(opt_i64(rec->Warm ? rec->Warm->WriteUnitsPerSecond : none,
                                                              od ? WARM_WRITE_DEFAULT : opt_i64(rec->WriteCapacity, 0)));
}

static void describe_stream(struct op *op, const struct dynamodb_rec_Table *rec, struct dynamodb_TableDescription *d)
{
    if (!rec->StreamLabel.p)
        return;
    d->LatestStreamLabel = rec->StreamLabel;
    d->LatestStreamArn = stream_arn(op, rec->TableName, rec->StreamLabel);
    if (!rec->StreamId.p)
        return;
    d->StreamSpecification = arena_one(op->arena, struct dynamodb_StreamSpecification);
    *d->StreamSpecification = (struct dynamodb_StreamSpecification){ .StreamEnabled = SOME_BOOL(true), .StreamViewType = rec->StreamView };
}

/* What is being made or removed has no warm throughput but what was asked for, which is not there yet. */
static void unwarmed(const struct table *t, struct dynamodb_TableDescription *d)
{
    if (t->rec->Warm)
        d->WarmThroughput->Status = STR("UPDATING");
    else
        d->WarmThroughput = NULL;
    for list_each(g, &d->GlobalSecondaryIndexes)
        g->WarmThroughput = NULL;
}

int table_describe(struct op *op, const struct table *t, const char *status, struct dynamodb_TableDescription **ret)
{
    const struct dynamodb_rec_Table *rec = t->rec;
    struct dynamodb_TableDescription *d = arena_one(op->arena, struct dynamodb_TableDescription);
    struct stats s;
    int rc = stats_tell(op, rec->TableId, &s);

    d->TableName = rec->TableName;
    d->TableId = rec->TableId;
    d->TableArn = t->arn;
    d->TableStatus = status ? str_c(status) : opt_bool(rec->Restoring, false) ? STR("CREATING") : STR("ACTIVE");
    d->RestoreSummary = restore_summary(op, rec);
    d->CreationDateTime = rec->CreatedMs;
    d->AttributeDefinitions = rec->AttributeDefinitions;
    d->KeySchema = rec->KeySchema;
    d->ItemCount = SOME_I64(s.items);
    d->TableSizeBytes = SOME_I64(s.bytes);
    d->DeletionProtectionEnabled = SOME_BOOL(opt_bool(rec->DeletionProtected, false));
    d->ProvisionedThroughput = throughput(op, rec->ReadCapacity, rec->WriteCapacity, rec->LastIncreaseMs, rec->LastDecreaseMs,
                                          opt_i64(rec->DecreasesToday, 0));
    describe_modes(op, rec, d);
    describe_stream(op, rec, d);
    for (uint32_t i = 0; i < t->n_indexes && rc == 0; i++)
        rc = describe_index(op, t, &t->indexes[i], d);
    if (!str_is(d->TableStatus, "ACTIVE") && !str_is(d->TableStatus, "UPDATING"))
        unwarmed(t, d);
    *ret = d;
    return rc;
}
