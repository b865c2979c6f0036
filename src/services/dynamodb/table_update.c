/* UpdateTable. */
#include "base/arena.h"
#include "services/dynamodb/backup.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"
#include "services/dynamodb/stream.h"
#include "services/dynamodb/table_define.h"

#define BAD "One or more parameter values were invalid: "

static int check_unsupported(struct op *op, const struct dynamodb_UpdateTable_in *in)
{
    if (in->ReplicaUpdates.n)
        return aws_unsupported(op, "ReplicaUpdates");
    if (in->MultiRegionConsistency.p)
        return aws_unsupported(op, "MultiRegionConsistency");
    if (in->GlobalTableWitnessUpdates.n)
        return aws_unsupported(op, "GlobalTableWitnessUpdates");
    if (in->GlobalTableSettingsReplicationMode.p)
        return aws_unsupported(op, "GlobalTableSettingsReplicationMode");
    if (in->DisassociationProtectionEnabled.set)
        return aws_unsupported(op, "DisassociationProtectionEnabled");
    if (in->VectorIndexUpdates.n)
        return aws_unsupported(op, "VectorIndexUpdates");
    if (!in->BillingMode.p && !in->ProvisionedThroughput && !in->GlobalSecondaryIndexUpdates.set && !in->SSESpecification && !in->StreamSpecification && !in->TableClass.p &&
        !in->DeletionProtectionEnabled.set && !in->OnDemandThroughput && !in->WarmThroughput)
        return invalid(op, "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or "
                           "ReplicaUpdates is required");
    return 0;
}

static int same_throughput(struct op *op, const struct dynamodb_rec_Table *rec)
{
    long long r = opt_i64(rec->ReadCapacity, 0), w = opt_i64(rec->WriteCapacity, 0);
    return invalid(op,
                   "The provisioned throughput for the table will not change. The requested value equals the current value. Current "
                   "ReadCapacityUnits provisioned for the table: %lld. Requested ReadCapacityUnits: %lld. Current WriteCapacityUnits provisioned for "
                   "the table: %lld. Requested WriteCapacityUnits: %lld. Refer to the Amazon DynamoDB Developer Guide for current limits and how to "
                   "request higher limits.", r, r, w, w);
}

static int update_mode(struct op *op, const struct dynamodb_UpdateTable_in *in, struct dynamodb_rec_Table *rec)
{
    if (!in->BillingMode.p && !in->ProvisionedThroughput)
        return 0;
    struct str mode = opt_str(in->BillingMode, rec->BillingMode);
    bool was_on_demand = str_is(rec->BillingMode, "PAY_PER_REQUEST");
    int64_t read = opt_i64(rec->ReadCapacity, 0), write = opt_i64(rec->WriteCapacity, 0);
    const struct dynamodb_ProvisionedThroughput *t = in->ProvisionedThroughput;
    if (!t && str_is(mode, "PROVISIONED") && !was_on_demand)
        return 0; /* it is that already */
    if (t && !was_on_demand && !in->GlobalSecondaryIndexUpdates.n && opt_i64(t->ReadCapacityUnits, 0) == read &&
        opt_i64(t->WriteCapacityUnits, 0) == write && !in->BillingMode.p)
        return same_throughput(op, rec);
    int rc = define_throughput(op, rec, mode, t);
    for (uint32_t i = 0; i < rec->Indexes.n && str_is(mode, "PAY_PER_REQUEST"); i++)
        rec->Indexes.v[i].ReadCapacity = rec->Indexes.v[i].WriteCapacity = SOME_I64(0);
    if (rc < 0 || !t)
        return rc;
    if (t->ReadCapacityUnits.v > read || t->WriteCapacityUnits.v > write)
        rec->LastIncreaseMs = SOME_I64(op_now_ms(op));
    if (t->ReadCapacityUnits.v < read || t->WriteCapacityUnits.v < write) {
        rec->LastDecreaseMs = SOME_I64(op_now_ms(op));
        rec->DecreasesToday = SOME_I64(opt_i64(rec->DecreasesToday, 0) + 1);
    }
    return 0;
}

/* ---- global indexes ---- */

static struct dynamodb_rec_Index *find_index(struct dynamodb_rec_Table *rec, struct str name)
{
    for (uint32_t i = 0; i < rec->Indexes.n; i++)
        if (str_eq(rec->Indexes.v[i].Name, name) && !opt_bool(rec->Indexes.v[i].Local, false))
            return &rec->Indexes.v[i];
    return NULL;
}

static int no_index(struct op *op, struct str name)
{
    return aws_fail(op, DYNAMODB_ResourceNotFoundException, "Requested resource not found: Index: %.*s not found", STR_ARG(name));
}

static void merge_definitions(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_AttributeDefinitions *more)
{
    for (uint32_t i = 0; i < more->n; i++) {
        bool known = false;
        for (uint32_t k = 0; k < rec->AttributeDefinitions.n; k++)
            known = known || str_eq(rec->AttributeDefinitions.v[k].AttributeName, more->v[i].AttributeName);
        if (!known)
            *list_push(op->arena, &rec->AttributeDefinitions) = more->v[i];
    }
}

static void prune_definitions(struct dynamodb_rec_Table *rec)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rec->AttributeDefinitions.n; i++)
        if (define_uses(rec, rec->AttributeDefinitions.v[i].AttributeName))
            rec->AttributeDefinitions.v[n++] = rec->AttributeDefinitions.v[i];
    rec->AttributeDefinitions.n = n;
}

static int create_index(struct op *op, const struct dynamodb_UpdateTable_in *in, const struct dynamodb_CreateGlobalSecondaryIndexAction *x,
                        struct dynamodb_rec_Table *rec)
{
    struct index_definition d = { .name = x->IndexName, .schema = &x->KeySchema, .projection = x->Projection, .throughput = x->ProvisionedThroughput,
        .on_demand = x->OnDemandThroughput, .warm = x->WarmThroughput };
    if (find_index(rec, x->IndexName))
        return invalid(op, "Attempting to create an index which already exists");
    merge_definitions(op, rec, &in->AttributeDefinitions);
    int rc = define_index(op, rec, &d, "CREATING");
    if (rc == 0)
        rc = define_check_attributes(op, rec, false);
    if (rc < 0)
        return rc;
    prune_definitions(rec);
    return job_fill(op, rec->TableName, rec->Indexes.v[rec->Indexes.n - 1].Id);
}

static int delete_index(struct op *op, struct str name, struct dynamodb_rec_Table *rec)
{
    struct dynamodb_rec_Index *x = find_index(rec, name);
    if (!x)
        return no_index(op, name);
    int rc = stats_drop(op, x->Id);
    if (rc == 0)
        rc = job_clear(op, &dynamodb_kind_item, x->Id);
    for (; x + 1 < rec->Indexes.v + rec->Indexes.n; x++)
        x[0] = x[1];
    rec->Indexes.n--;
    prune_definitions(rec);
    return rc;
}

static int update_index(struct op *op, const struct dynamodb_UpdateGlobalSecondaryIndexAction *u, struct dynamodb_rec_Table *rec)
{
    struct dynamodb_rec_Index *x = find_index(rec, u->IndexName);
    if (!x)
        return no_index(op, u->IndexName);
    if (u->OnDemandThroughput)
        x->OnDemand = u->OnDemandThroughput;
    if (u->WarmThroughput)
        x->Warm = u->WarmThroughput;
    if (!u->ProvisionedThroughput)
        return 0;
    if (str_is(rec->BillingMode, "PAY_PER_REQUEST"))
        return invalid(op, BAD "ProvisionedThroughput should not be specified for index: %.*s when BillingMode is PAY_PER_REQUEST", STR_ARG(u->IndexName));
    struct opt_i64 r = u->ProvisionedThroughput->ReadCapacityUnits, w = u->ProvisionedThroughput->WriteCapacityUnits;
    if (opt_i64(r, 0) > opt_i64(x->ReadCapacity, 0) || opt_i64(w, 0) > opt_i64(x->WriteCapacity, 0))
        x->LastIncreaseMs = SOME_I64(op_now_ms(op));
    else
        x->LastDecreaseMs = SOME_I64(op_now_ms(op));
    x->ReadCapacity = r;
    x->WriteCapacity = w;
    return 0;
}

static int update_indexes(struct op *op, const struct dynamodb_UpdateTable_in *in, struct dynamodb_rec_Table *rec)
{
    const struct dynamodb_GlobalSecondaryIndexUpdateList *l = &in->GlobalSecondaryIndexUpdates;
    unsigned online = 0;
    int rc = 0;
    for (uint32_t i = 0; i < l->n; i++)
        online += l->v[i].Create || l->v[i].Delete;
    for (uint32_t i = 0; i < rec->Indexes.n && online; i++)
        online += str_is(rec->Indexes.v[i].Status, "CREATING");
    if (online > 1)
        return aws_fail(op, DYNAMODB_LimitExceededException,
                        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table");
    for (uint32_t i = 0; i < l->n && rc == 0; i++) {
        if (!!l->v[i].Create + !!l->v[i].Delete + !!l->v[i].Update != 1)
            return invalid(op, BAD "Only one of Create, Update and Delete may be given in a GlobalSecondaryIndexUpdate");
        if (l->v[i].Create)
            rc = create_index(op, in, l->v[i].Create, rec);
        else if (l->v[i].Delete)
            rc = delete_index(op, l->v[i].Delete->IndexName, rec);
        else
            rc = update_index(op, l->v[i].Update, rec);
    }
    return rc;
}

static struct dynamodb_SSEDescription *encryption_under_way(struct op *op, struct str key_arn)
{
    struct dynamodb_SSEDescription *d = arena_one(op->arena, struct dynamodb_SSEDescription);
    *d = (struct dynamodb_SSEDescription){ .Status = STR("UPDATING"), .SSEType = STR("KMS"), .KMSMasterKeyArn = key_arn };
    return d;
}

int dynamodb_UpdateTable(struct op *op, const struct dynamodb_UpdateTable_in *in, struct dynamodb_UpdateTable_out *out)
{
    struct table t;
    struct str old_key = STR_NONE;
    int rc = check_unsupported(op, in);
    if (rc == 0)
        rc = table_open_admin(op, in->TableName, &t);
    if (rc == 0 && opt_bool(t.rec->Restoring, false))
        return aws_fail(op, DYNAMODB_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being created: %.*s",
                        STR_ARG(t.rec->TableName));
    if (rc == 0 && in->SSESpecification)
        rc = backup_is_running(op, t.rec); /* which copies entries as they lie */
    if (rc > 0)
        return aws_fail(op, DYNAMODB_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being backed up: %.*s",
                        STR_ARG(t.rec->TableName));
    if (rc == 0)
        old_key = t.rec->SseKeyArn;
    if (rc == 0)
        rc = stream_update(op, t.rec, in);
    if (rc == 0)
        rc = update_mode(op, in, t.rec);
    if (rc == 0)
        rc = update_indexes(op, in, t.rec);
    if (rc == 0)
        rc = table_encrypt_anew(op, t.rec, in->SSESpecification);
    if (rc < 0)
        return rc;
    if (in->TableClass.p && !str_eq(in->TableClass, t.rec->TableClass)) {
        t.rec->TableClass = in->TableClass;
        t.rec->TableClassMs = SOME_I64(op_now_ms(op));
    }
    if (in->DeletionProtectionEnabled.set)
        t.rec->DeletionProtected = in->DeletionProtectionEnabled;
    if (in->OnDemandThroughput)
        t.rec->OnDemand = in->OnDemandThroughput;
    if (in->WarmThroughput)
        t.rec->Warm = in->WarmThroughput;
    rc = table_save(op, t.rec);
    if (rc == 0)
        rc = table_open_rec(op, t.rec, &t);
    if (rc < 0)
        return rc;
    t.arn = table_arn(op, t.rec->TableName);
    rc = table_describe(op, &t, in->SSESpecification ? "ACTIVE" : "UPDATING", &out->TableDescription);
    if (rc == 0 && in->SSESpecification)
        out->TableDescription->SSEDescription = encryption_under_way(op, opt_str(old_key, t.rec->SseKeyArn));
    return rc;
}
