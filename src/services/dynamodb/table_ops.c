/* CreateTable, DescribeTable, DeleteTable, ListTables. */
#include "aws/id.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/dynamodb/backup.h"
#include "services/dynamodb/policy.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"
#include "services/dynamodb/stream.h"
#include "services/dynamodb/table_define.h"

#define BAD "One or more parameter values were invalid: "

static int check_name(struct op *op, struct str name)
{
    if (name.n < 3 || name.n > 255)
        return invalid(op, "TableName must be at least 3 characters long and at most 255 characters long");
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-')
            return invalid(op, "1 validation error detected: Value '%.*s' at 'tableName' failed to satisfy constraint: Member must satisfy regular "
                               "expression pattern: [a-zA-Z0-9_.-]+", STR_ARG(name));
    }
    return 0;
}

static int check_unsupported(struct op *op, const struct dynamodb_CreateTable_in *in)
{
    if (in->VectorIndexes.n)
        return aws_unsupported(op, "VectorIndexes");
    if (in->GlobalTableSourceArn.p)
        return aws_unsupported(op, "GlobalTableSourceArn");
    if (in->GlobalTableSettingsReplicationMode.p)
        return aws_unsupported(op, "GlobalTableSettingsReplicationMode");
    return 0;
}

static int define_indexes(struct op *op, const struct dynamodb_CreateTable_in *in, struct dynamodb_rec_Table *rec)
{
    int rc = 0;
    if (in->LocalSecondaryIndexes.set && in->LocalSecondaryIndexes.n == 0)
        return invalid(op, BAD "List of LocalSecondaryIndexes is empty");
    if (in->GlobalSecondaryIndexes.set && in->GlobalSecondaryIndexes.n == 0)
        return invalid(op, BAD "List of GlobalSecondaryIndexes is empty");
    for (uint32_t i = 0; i < in->LocalSecondaryIndexes.n && rc == 0; i++) {
        const struct dynamodb_LocalSecondaryIndex *x = &in->LocalSecondaryIndexes.v[i];
        struct index_definition d = { .name = x->IndexName, .schema = &x->KeySchema, .projection = x->Projection, .local = true };
        rc = define_index(op, rec, &d, NULL);
    }
    for (uint32_t i = 0; i < in->GlobalSecondaryIndexes.n && rc == 0; i++) {
        const struct dynamodb_GlobalSecondaryIndex *x = &in->GlobalSecondaryIndexes.v[i];
        struct index_definition d = { .name = x->IndexName, .schema = &x->KeySchema, .projection = x->Projection,
            .throughput = x->ProvisionedThroughput, .on_demand = x->OnDemandThroughput, .warm = x->WarmThroughput };
        rc = define_index(op, rec, &d, NULL);
    }
    return rc;
}

static int define_table(struct op *op, const struct dynamodb_CreateTable_in *in, struct dynamodb_rec_Table *rec)
{
    rec->TableName = in->TableName;
    rec->KeySchema = in->KeySchema;
    rec->AttributeDefinitions = in->AttributeDefinitions;
    rec->CreatedMs = SOME_I64(op_now_ms(op));
    rec->TableId = id_uuid(op);
    rec->OnDemand = in->OnDemandThroughput;
    rec->Warm = in->WarmThroughput;
    rec->DeletionProtected = SOME_BOOL(opt_bool(in->DeletionProtectionEnabled, false));
    rec->TableClass = in->TableClass;
    int rc = define_check_schema(op, &in->KeySchema);
    if (rc == 0)
        rc = define_throughput(op, rec, in->BillingMode, in->ProvisionedThroughput);
    if (rc == 0)
        rc = define_indexes(op, in, rec);
    if (rc == 0)
        rc = define_check_attributes(op, rec, true);
    return rc;
}

static int store_extra(struct op *op, const struct dynamodb_CreateTable_in *in, const struct dynamodb_rec_Table *rec)
{
    struct dynamodb_rec_Extra x = { 0 };
    tags_read(op, &dynamodb_TagList_shape, &in->Tags, &x.Tags);
    const char *wrong = tags_check(&x.Tags, &tag_rules_usual);
    if (wrong)
        return invalid(op, BAD "%s", wrong);
    if (!in->ResourcePolicy.p)
        return x.Tags.n ? extra_put(op, rec->TableId, &x) : 0;
    struct str revision;
    int rc = policy_put(op, rec->TableName, in->ResourcePolicy, &revision);
    return rc < 0 ? rc : extra_put(op, rec->TableId, &x);
}

int dynamodb_CreateTable(struct op *op, const struct dynamodb_CreateTable_in *in, struct dynamodb_CreateTable_out *out)
{
    struct dynamodb_rec_Table *rec = arena_one(op->arena, struct dynamodb_rec_Table);
    struct table t;
    struct key k;

    int rc = check_name(op, in->TableName);
    if (rc == 0)
        rc = check_unsupported(op, in);
    if (rc == 0)
        rc = define_table(op, in, rec);
    if (rc < 0)
        return rc;
    table_key(op, &k, rec->TableName);
    if (op_rec_has(op, &k))
        return aws_fail(op, DYNAMODB_ResourceInUseException, "Table already exists: %.*s", STR_ARG(rec->TableName));
    rc = table_encrypt(op, rec, in->SSESpecification);
    if (rc == 0)
        rc = stream_create(op, rec, in->StreamSpecification);
    if (rc == 0)
        rc = store_extra(op, in, rec);
    if (rc == 0)
        rc = table_save(op, rec);
    if (rc == 0)
        rc = table_open_rec(op, rec, &t);
    if (rc < 0)
        return rc;
    t.arn = table_arn(op, rec->TableName);
    return table_describe(op, &t, "CREATING", &out->TableDescription);
}

int dynamodb_DescribeTable(struct op *op, const struct dynamodb_DescribeTable_in *in, struct dynamodb_DescribeTable_out *out)
{
    struct table t;
    int rc = table_open_admin(op, in->TableName, &t);
    if (rc == 0)
        rc = table_describe(op, &t, NULL, &out->Table);
    if (rc == 0)
        rc = table_is_locked(op, &t);
    if (rc <= 0)
        return rc;
    out->Table->TableStatus = STR("INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    out->Table->SSEDescription->InaccessibleEncryptionDateTime = SOME_I64(op_now_ms(op));
    return 0;
}

int dynamodb_DeleteTable(struct op *op, const struct dynamodb_DeleteTable_in *in, struct dynamodb_DeleteTable_out *out)
{
    struct table t;
    struct key k;
    int rc = table_open_admin(op, in->TableName, &t);
    if (rc < 0)
        return rc;
    if (opt_bool(t.rec->DeletionProtected, false))
        return invalid(op, "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.");
    if (opt_bool(t.rec->Restoring, false))
        return aws_fail(op, DYNAMODB_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being created: %.*s",
                        STR_ARG(t.rec->TableName));
    rc = backup_is_running(op, t.rec);
    if (rc > 0)
        return aws_fail(op, DYNAMODB_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being backed up: %.*s",
                        STR_ARG(t.rec->TableName));
    if (rc == 0)
        rc = table_describe(op, &t, "DELETING", &out->TableDescription);
    table_key(op, &k, t.rec->TableName);
    if (rc == 0)
        rc = op_rec_delete(op, &k);
    if (rc == 0)
        rc = extra_drop(op, t.rec->TableId);
    if (rc == 0)
        rc = policy_drop(op, t.rec->TableName);
    if (rc == 0)
        rc = stats_drop(op, t.rec->TableId);
    if (rc == 0)
        rc = job_clear(op, &dynamodb_kind_item, t.rec->TableId);
    for (uint32_t i = 0; i < t.n_indexes && rc == 0; i++) {
        rc = stats_drop(op, t.indexes[i].rec->Id);
        if (rc == 0)
            rc = job_clear(op, &dynamodb_kind_item, t.indexes[i].rec->Id);
    }
    if (rc == 0)
        rc = stream_table_gone(op, t.rec);
    if (rc == 0)
        rc = table_encrypt_end(op, t.rec);
    return rc < 0 ? rc : ttl_stop(op, &t);
}

int dynamodb_ListTables(struct op *op, const struct dynamodb_ListTables_in *in, struct dynamodb_ListTables_out *out)
{
    enum { NAMES_MAX = 100 };
    struct key from, to;
    struct str key, value;
    int64_t limit = opt_i64(in->Limit, NAMES_MAX);

    op_key(op, &from, &dynamodb_kind_table);
    key_after_prefix(&from, &to);
    size_t head = from.n;
    if (in->ExclusiveStartTableName.p) {
        struct key last = from;
        key_str(&last, in->ExclusiveStartTableName);
        key_after_prefix(&last, &from);
    }
    out->TableNames.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        struct str name;
        if (out->TableNames.n == limit) {
            out->LastEvaluatedTableName = out->TableNames.v[out->TableNames.n - 1];
            break;
        }
        key_read_init(&r, str_sub(key, head, key.n));
        if (key_read_str(&r, op->arena, &name) == 0)
            str_list_add(op->arena, &out->TableNames, name);
    }
    return scan_end(s);
}
