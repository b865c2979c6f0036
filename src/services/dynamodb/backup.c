#include "services/dynamodb/backup.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/item.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"
#include "services/dynamodb/table_define.h"
#include "services/dynamodb/walk.h"

#define BAD "One or more parameter values were invalid: "

enum { LIST_MAX = 100 };

struct str dynamodb_arn_backup(struct op *op, struct str BackupArn) { return BackupArn; }

void backup_key(const struct op *op, struct key *k, struct str table_name, struct str id)
{
    op_key(op, k, &dynamodb_kind_tablebackup);
    key_str(k, table_name);
    if (id.p)
        key_str(k, id);
}

static struct str backup_arn(struct op *op, struct str table_name, struct str id)
{
    return str_printf(op->arena, "%.*s/backup/%.*s", STR_ARG(table_arn(op, table_name)), STR_ARG(id));
}

static int load(struct op *op, struct str table_name, struct str id, struct dynamodb_rec_Backup *ret)
{
    struct key k;
    backup_key(op, &k, table_name, id);
    *ret = (struct dynamodb_rec_Backup){ 0 };
    return op_rec_get(op, &k, &dynamodb_rec_Backup_shape, ret);
}

static int save(struct op *op, const struct dynamodb_rec_Backup *b)
{
    struct key k;
    backup_key(op, &k, b->Table->TableName, b->Id);
    return op_rec_put(op, &k, &dynamodb_rec_Backup_shape, b);
}

/* arn:...:table/NAME/backup/ID of this account and region. */
static bool parse_arn(struct op *op, struct str text, struct str *ret_table, struct str *ret_id)
{
    struct arn arn;
    struct str rest, word;
    return arn_parse(text, &arn) == 0 && str_starts(arn.resource, STR("table/")) &&
           str_cut(str_sub(arn.resource, 6, arn.resource.n), '/', ret_table, &rest) && str_cut(rest, '/', &word, ret_id) &&
           str_eq(text, backup_arn(op, *ret_table, *ret_id)); /* IAM was asked about this very text */
}

static int open_backup(struct op *op, struct str arn, struct dynamodb_rec_Backup *ret)
{
    struct str table, id;
    int rc = parse_arn(op, arn, &table, &id) ? load(op, table, id, ret) : E_NOT_FOUND;
    return rc == E_NOT_FOUND ? aws_fail(op, DYNAMODB_BackupNotFoundException, "Backup not found: %.*s", STR_ARG(arn)) : rc;
}

/* The table as it was, with the key that its entries are sealed with. */
static int open_source(struct op *op, const struct dynamodb_rec_Backup *b, struct table *ret)
{
    int rc = table_open_rec(op, b->Table, ret);
    ret->arn = table_arn(op, b->Table->TableName);
    return rc == 0 ? table_unlock(op, ret) : rc;
}

int backup_is_running(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct key from, to;
    struct str key, value;
    int running = 0;
    backup_key(op, &from, rec->TableName, STR_NONE);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct dynamodb_rec_Backup b = { 0 };
        if (op_rec_decode(op, value, &dynamodb_rec_Backup_shape, &b) == 0 && !opt_bool(b.Ready, false) && str_eq(b.Table->TableId, rec->TableId))
            running = 1;
    }
    int rc = scan_end(s);
    return rc < 0 ? rc : running;
}

/* ---- describing ---- */

static struct dynamodb_BackupDetails *details(struct op *op, const struct dynamodb_rec_Backup *b, const char *status)
{
    struct dynamodb_BackupDetails *d = arena_one(op->arena, struct dynamodb_BackupDetails);
    *d = (struct dynamodb_BackupDetails){ .BackupArn = backup_arn(op, b->Table->TableName, b->Id), .BackupName = b->Name, .BackupSizeBytes = b->Bytes, .BackupType = STR("USER"),
        .BackupStatus = status ? str_c(status) : opt_bool(b->Ready, false) ? STR("AVAILABLE") : STR("CREATING"), .BackupCreationDateTime = b->CreatedMs };
    return d;
}

static struct dynamodb_ProvisionedThroughput *throughput(struct op *op, struct opt_i64 read, struct opt_i64 write)
{
    struct dynamodb_ProvisionedThroughput *t = arena_one(op->arena, struct dynamodb_ProvisionedThroughput);
    *t = (struct dynamodb_ProvisionedThroughput){ .ReadCapacityUnits = SOME_I64(opt_i64(read, 0)), .WriteCapacityUnits = SOME_I64(opt_i64(write, 0)) };
    return t;
}

static struct dynamodb_SourceTableDetails *source_details(struct op *op, const struct dynamodb_rec_Backup *b)
{
    const struct dynamodb_rec_Table *t = b->Table;
    struct dynamodb_SourceTableDetails *d = arena_one(op->arena, struct dynamodb_SourceTableDetails);
    *d = (struct dynamodb_SourceTableDetails){ .TableName = t->TableName, .TableId = t->TableId, .TableArn = table_arn(op, t->TableName),
        .TableSizeBytes = b->Bytes, .ItemCount = b->Items, .KeySchema = t->KeySchema, .TableCreationDateTime = t->CreatedMs,
        .ProvisionedThroughput = throughput(op, t->ReadCapacity, t->WriteCapacity), .OnDemandThroughput = t->OnDemand,
        .BillingMode = opt_str(t->BillingMode, STR("PROVISIONED")) };
    return d;
}

static int source_features(struct op *op, const struct dynamodb_rec_Backup *b, struct dynamodb_SourceTableFeatureDetails **ret)
{
    struct dynamodb_SourceTableFeatureDetails *d = arena_one(op->arena, struct dynamodb_SourceTableFeatureDetails);
    struct dynamodb_TableDescription *described;
    struct table t;
    int rc = table_open_rec(op, b->Table, &t);
    t.arn = table_arn(op, b->Table->TableName);
    if (rc == 0)
        rc = table_describe(op, &t, NULL, &described);
    if (rc < 0)
        return rc;
    for list_each(x, &b->Table->Indexes) {
        if (opt_bool(x->Local, false))
            *list_push(op->arena, &d->LocalSecondaryIndexes) =
                (struct dynamodb_LocalSecondaryIndexInfo){ .IndexName = x->Name, .KeySchema = x->KeySchema, .Projection = x->Projection };
        else
            *list_push(op->arena, &d->GlobalSecondaryIndexes) = (struct dynamodb_GlobalSecondaryIndexInfo){ .IndexName = x->Name, .KeySchema = x->KeySchema,
                .Projection = x->Projection, .ProvisionedThroughput = throughput(op, x->ReadCapacity, x->WriteCapacity), .OnDemandThroughput = x->OnDemand };
    }
    d->StreamDescription = described->StreamSpecification;
    d->SSEDescription = described->SSEDescription;
    d->TimeToLiveDescription = arena_one(op->arena, struct dynamodb_TimeToLiveDescription);
    d->TimeToLiveDescription->TimeToLiveStatus = b->Table->TtlGeneration.p ? STR("ENABLED") : STR("DISABLED");
    d->TimeToLiveDescription->AttributeName = b->Table->TtlAttribute;
    *ret = d;
    return 0;
}

static int describe(struct op *op, const struct dynamodb_rec_Backup *b, const char *status, struct dynamodb_BackupDescription **ret)
{
    struct dynamodb_BackupDescription *d = arena_one(op->arena, struct dynamodb_BackupDescription);
    d->BackupDetails = details(op, b, status);
    d->SourceTableDetails = source_details(op, b);
    *ret = d;
    return source_features(op, b, &d->SourceTableFeatureDetails);
}

/* ---- CreateBackup ---- */

int dynamodb_CreateBackup(struct op *op, const struct dynamodb_CreateBackup_in *in, struct dynamodb_CreateBackup_out *out)
{
    struct dynamodb_rec_Backup b = { .Name = in->BackupName, .CreatedMs = SOME_I64(op_now_ms(op)), .Ready = SOME_BOOL(false) };
    struct table t;
    int rc = table_open(op, in->TableName, &t);
    if (rc == E_AWS && op->fail.error == DYNAMODB_ResourceNotFoundException)
        return aws_fail(op, DYNAMODB_TableNotFoundException, "Table not found: %.*s", STR_ARG(table_name(in->TableName)));
    if (rc < 0)
        return rc;
    if (opt_bool(t.rec->Restoring, false))
        return aws_fail(op, DYNAMODB_TableInUseException, "Table is being created: %.*s", STR_ARG(t.rec->TableName));
    b.Container = id_uuid(op);
    b.Id = str_printf(op->arena, "%014lld-%.*s", (long long)b.CreatedMs.v, 8, b.Container.p);
    b.Items = b.Bytes = SOME_I64(0);
    b.Table = t.rec;
    t.rec->GrantId = STR_NONE;
    rc = table_encrypt_grant(op, t.rec, &t.rec->GrantId);
    if (rc == 0)
        rc = save(op, &b);
    if (rc == 0)
        rc = walk_begin(op, "dynamodb.backup", t.rec->TableName, b.Id);
    out->BackupDetails = details(op, &b, NULL);
    return rc;
}

/* What is copied lies under the rest of its old key in the new container. */
static int copy(struct op *op, const struct table *t, const struct dynamodb_rec_Backup *b, struct str key, struct str value)
{
    struct key from, to;
    container_key(op, &from, t->rec->TableId);
    container_key(op, &to, b->Container);
    key_raw(&to, str_sub(key, from.n, key.n));
    return item_copy(op, t, key, value, t, &to);
}

int dynamodb_job_backup(struct op *op, struct str payload)
{
    struct dynamodb_rec_Backup b;
    struct table t;
    struct walk w;
    int rc = walk_read(op, payload, &w);
    if (rc == 0)
        rc = load(op, w.table, w.target, &b);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    rc = open_source(op, &b, &t);
    if (rc == E_AWS)
        return walk_later(op, "dynamodb.backup", w.target, payload);
    if (rc == 0)
        rc = walk_step(op, b.Table->TableId, &w);
    for (uint32_t i = 0; i < w.keys.n && rc == 0; i++) {
        size_t size = 0;
        rc = item_size(w.values.v[i], &size);
        if (rc == 0)
            rc = copy(op, &t, &b, w.keys.v[i], w.values.v[i]);
        b.Items.v++;
        b.Bytes.v += (int64_t)size;
    }
    if (rc < 0)
        return rc;
    b.Ready = SOME_BOOL(!w.next.p);
    rc = save(op, &b);
    return rc == 0 && w.next.p ? walk_on(op, "dynamodb.backup", &w) : rc;
}

/* ---- DescribeBackup, DeleteBackup, ListBackups ---- */

int dynamodb_DescribeBackup(struct op *op, const struct dynamodb_DescribeBackup_in *in, struct dynamodb_DescribeBackup_out *out)
{
    struct dynamodb_rec_Backup b;
    int rc = open_backup(op, in->BackupArn, &b);
    return rc < 0 ? rc : describe(op, &b, NULL, &out->BackupDescription);
}

int dynamodb_DeleteBackup(struct op *op, const struct dynamodb_DeleteBackup_in *in, struct dynamodb_DeleteBackup_out *out)
{
    struct dynamodb_rec_Backup b;
    struct key k;
    int rc = open_backup(op, in->BackupArn, &b);
    if (rc < 0)
        return rc;
    if (!opt_bool(b.Ready, false) || opt_i64(b.Restores, 0))
        return aws_fail(op, DYNAMODB_BackupInUseException, "Backup is in use: %.*s", STR_ARG(in->BackupArn));
    rc = describe(op, &b, "DELETED", &out->BackupDescription);
    backup_key(op, &k, b.Table->TableName, b.Id);
    if (rc == 0)
        rc = op_rec_delete(op, &k);
    if (rc == 0)
        rc = table_encrypt_end(op, b.Table);
    return rc < 0 ? rc : job_clear(op, &dynamodb_kind_item, b.Container);
}

static bool listed(const struct dynamodb_ListBackups_in *in, const struct dynamodb_rec_Backup *b)
{
    if (in->BackupType.p && !str_is(in->BackupType, "USER") && !str_is(in->BackupType, "ALL"))
        return false;
    return b->CreatedMs.v >= opt_i64(in->TimeRangeLowerBound, INT64_MIN) && b->CreatedMs.v < opt_i64(in->TimeRangeUpperBound, INT64_MAX);
}

int dynamodb_ListBackups(struct op *op, const struct dynamodb_ListBackups_in *in, struct dynamodb_ListBackups_out *out)
{
    struct key from, to;
    struct str key, value, table, id;
    int64_t limit = opt_i64(in->Limit, LIST_MAX);
    op_key(op, &from, &dynamodb_kind_tablebackup);
    if (in->TableName.p)
        key_str(&from, table_name(in->TableName));
    key_after_prefix(&from, &to);
    if (in->ExclusiveStartBackupArn.p) {
        struct key last;
        if (!parse_arn(op, in->ExclusiveStartBackupArn, &table, &id) || (in->TableName.p && !str_eq(table, table_name(in->TableName))))
            return invalid(op, "Invalid ExclusiveStartBackupArn");
        backup_key(op, &last, table, id);
        key_after_prefix(&last, &from);
    }
    out->BackupSummaries.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct dynamodb_rec_Backup b = { 0 };
        if (op_rec_decode(op, value, &dynamodb_rec_Backup_shape, &b) < 0 || !listed(in, &b))
            continue;
        if (out->BackupSummaries.n == limit) {
            out->LastEvaluatedBackupArn = out->BackupSummaries.v[limit - 1].BackupArn;
            break;
        }
        const struct dynamodb_BackupDetails *d = details(op, &b, NULL);
        *list_push(op->arena, &out->BackupSummaries) = (struct dynamodb_BackupSummary){ .TableName = b.Table->TableName, .TableId = b.Table->TableId,
            .TableArn = table_arn(op, b.Table->TableName), .BackupArn = d->BackupArn, .BackupName = d->BackupName, .BackupType = d->BackupType,
            .BackupCreationDateTime = d->BackupCreationDateTime, .BackupStatus = d->BackupStatus, .BackupSizeBytes = d->BackupSizeBytes };
    }
    return scan_end(s);
}

/* ---- RestoreTableFromBackup ---- */

int dynamodb_authorize_RestoreTableFromBackup(struct op *op, const struct dynamodb_RestoreTableFromBackup_in *in, struct authz *a)
{
    static const char *const on_table[] = { "dynamodb:RestoreTableFromBackup", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem",
                                            "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem" };
    authz_add(a, "dynamodb:RestoreTableFromBackup", in->BackupArn);
    for (size_t i = 0; i < sizeof on_table / sizeof *on_table; i++)
        authz_add(a, on_table[i], table_arn(op, in->TargetTableName));
    return 0;
}

struct dynamodb_RestoreSummary *restore_summary(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct dynamodb_RestoreSummary *r = arena_one(op->arena, struct dynamodb_RestoreSummary);
    *r = (struct dynamodb_RestoreSummary){ .SourceBackupArn = rec->RestoreBackupArn, .SourceTableArn = rec->RestoreTableArn, .RestoreDateTime = rec->RestoredMs,
        .RestoreInProgress = SOME_BOOL(opt_bool(rec->Restoring, false)) };
    return rec->RestoreBackupArn.p ? r : NULL;
}

/* An override names the indexes that are to come back. */
static bool is_wanted(const struct dynamodb_RestoreTableFromBackup_in *in, const struct dynamodb_rec_Index *x)
{
    bool found = false;
    if (opt_bool(x->Local, false)) {
        for list_each(l, &in->LocalSecondaryIndexOverride)
            found = found || str_eq(l->IndexName, x->Name);
        return found || !in->LocalSecondaryIndexOverride.set;
    }
    for list_each(g, &in->GlobalSecondaryIndexOverride)
        found = found || str_eq(g->IndexName, x->Name);
    return found || !in->GlobalSecondaryIndexOverride.set;
}

static int restore_indexes(struct op *op, const struct dynamodb_RestoreTableFromBackup_in *in, const struct dynamodb_rec_Table *from,
                           struct dynamodb_rec_Table *rec)
{
    uint32_t asked = in->LocalSecondaryIndexOverride.n + in->GlobalSecondaryIndexOverride.n, found = 0;
    rec->Indexes = (__typeof__(rec->Indexes)){ 0 };
    for list_each(x, &from->Indexes) {
        bool overridden = opt_bool(x->Local, false) ? in->LocalSecondaryIndexOverride.set : in->GlobalSecondaryIndexOverride.set;
        if (!is_wanted(in, x))
            continue;
        found += overridden;
        struct dynamodb_rec_Index *n = list_push(op->arena, &rec->Indexes);
        *n = *x;
        n->Id = id_uuid(op);
        n->Status = STR_NONE;
    }
    if (found < asked)
        return invalid(op, BAD "An index that is overridden is not in the backup");
    for list_each(d, &from->AttributeDefinitions)
        if (define_uses(rec, d->AttributeName))
            *list_push(op->arena, &rec->AttributeDefinitions) = *d;
    return 0;
}

static int define_target(struct op *op, const struct dynamodb_RestoreTableFromBackup_in *in, const struct dynamodb_rec_Backup *b, struct dynamodb_rec_Table *rec)
{
    const struct dynamodb_rec_Table *from = b->Table;
    *rec = (struct dynamodb_rec_Table){ .TableName = in->TargetTableName, .TableId = id_uuid(op), .CreatedMs = SOME_I64(op_now_ms(op)),
        .KeySchema = from->KeySchema, .BillingMode = from->BillingMode,
        .OnDemandSinceMs = from->OnDemandSinceMs, .ReadCapacity = from->ReadCapacity, .WriteCapacity = from->WriteCapacity,
        .OnDemand = in->OnDemandThroughputOverride ? in->OnDemandThroughputOverride : from->OnDemand, .DeletionProtected = SOME_BOOL(false),
        .TableClass = from->TableClass, .Restoring = SOME_BOOL(true), .RestoreBackupArn = in->BackupArn, .RestoreTableArn = table_arn(op, from->TableName),
        .RestoredMs = SOME_I64(op_now_ms(op)) };
    struct dynamodb_SSESpecification same = { .Enabled = SOME_BOOL(true), .SSEType = STR("KMS"), .KMSMasterKeyId = from->SseKeyArn };
    int rc = restore_indexes(op, in, from, rec);
    if (rc == 0 && (in->BillingModeOverride.p || in->ProvisionedThroughputOverride))
        rc = define_throughput(op, rec, opt_str(in->BillingModeOverride, rec->BillingMode), in->ProvisionedThroughputOverride);
    if (rc == 0)
        rc = table_encrypt(op, rec, in->SSESpecificationOverride ? in->SSESpecificationOverride : from->SseType.p ? &same : NULL);
    return rc;
}

int dynamodb_RestoreTableFromBackup(struct op *op, const struct dynamodb_RestoreTableFromBackup_in *in, struct dynamodb_RestoreTableFromBackup_out *out)
{
    struct dynamodb_rec_Table *rec = arena_one(op->arena, struct dynamodb_rec_Table);
    struct dynamodb_rec_Backup b;
    struct table t, from;
    struct key k;
    if (in->VectorIndexOverride.n)
        return aws_unsupported(op, "VectorIndexOverride");
    int rc = open_backup(op, in->BackupArn, &b);
    if (rc < 0)
        return rc;
    if (!opt_bool(b.Ready, false))
        return aws_fail(op, DYNAMODB_BackupInUseException, "Backup is being created: %.*s", STR_ARG(in->BackupArn));
    rc = table_open_rec(op, b.Table, &from);
    from.arn = table_arn(op, b.Table->TableName);
    if (rc == 0)
        rc = table_unlock_caller(op, &from); /* who may not use its key may not have it copied */
    if (rc < 0)
        return rc;
    table_key(op, &k, in->TargetTableName);
    if (op_rec_has(op, &k))
        return aws_fail(op, DYNAMODB_TableAlreadyExistsException, "Table already exists: %.*s", STR_ARG(in->TargetTableName));
    rc = define_target(op, in, &b, rec);
    if (rc == 0)
        rc = table_save(op, rec);
    b.Restores = SOME_I64(opt_i64(b.Restores, 0) + 1);
    if (rc == 0)
        rc = save(op, &b);
    if (rc == 0)
        rc = walk_begin(op, "dynamodb.restore", rec->TableName, rec->TableId);
    if (rc == 0)
        rc = table_open_rec(op, rec, &t);
    if (rc < 0)
        return rc;
    t.arn = table_arn(op, rec->TableName);
    return table_describe(op, &t, "CREATING", &out->TableDescription);
}

static int restore_one(struct op *op, const struct table *from, const struct table *to, struct str key, struct str value)
{
    struct stored s;
    struct attr_map item;
    int rc = item_decode(op, from, key, value, &s);
    if (rc == 0)
        rc = item_parse(op, &s, &item);
    return rc < 0 ? rc : item_change(op, to, NULL, &item, NULL);
}

static int restored(struct op *op, struct dynamodb_rec_Table *rec, struct dynamodb_rec_Backup *b)
{
    rec->Restoring = SOME_BOOL(false);
    b->Restores.v--;
    int rc = table_save(op, rec);
    return rc < 0 ? rc : save(op, b);
}

int dynamodb_job_restore(struct op *op, struct str payload)
{
    struct dynamodb_rec_Backup b;
    struct table from, to;
    struct walk w;
    struct str source, id;
    int rc = walk_read(op, payload, &w);
    if (rc == 0)
        rc = table_open(op, w.table, &to);
    if (rc < 0)
        return rc == E_AWS ? 0 : rc;
    if (!parse_arn(op, to.rec->RestoreBackupArn, &source, &id))
        return E_CORRUPT;
    rc = load(op, source, id, &b);
    if (rc == 0)
        rc = open_source(op, &b, &from);
    if (rc == 0)
        rc = table_unlock(op, &to);
    if (rc == E_AWS)
        return walk_later(op, "dynamodb.restore", w.target, payload);
    if (rc == 0)
        rc = walk_step(op, b.Container, &w);
    for (uint32_t i = 0; i < w.keys.n && rc == 0; i++)
        rc = restore_one(op, &from, &to, w.keys.v[i], w.values.v[i]);
    if (rc < 0)
        return rc;
    return w.next.p ? walk_on(op, "dynamodb.restore", &w) : restored(op, to.rec, &b);
}
