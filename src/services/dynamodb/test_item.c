/* The handlers over a store that fails: whichever store call fails, the items, their index and the counters say the same afterwards. */
#include "base/test.h"

#include "base/arena.h"
#include "cloud/cloud.h"
#include "cloud/telemetry.h"
#include "services/dynamodb/item.h"

static struct store *under, *store;
static struct cloud cloud;

static void make_op(struct op *op, struct arena *a, struct txn *t)
{
    static const struct principal root = { .kind = PRINCIPAL_ROOT };
    *op = (struct op){ .cloud = &cloud, .arena = a, .txn = t, .partition = STR("aws"), .account = STR("000000000000"), .region = STR("us-east-1"),
        .now_ms = 1700000000000, .caller = &root };
}

struct census {
    uint32_t items, entries;
    struct stats table, index;
};

static uint32_t count(struct op *op, struct str container)
{
    struct key from, to;
    struct str key, value;
    uint32_t n = 0;
    container_key(op, &from, container);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value))
        n++;
    assert_int_equal(scan_end(s), 0);
    return n;
}

static struct census take_census(void)
{
    struct arena *a = arena_new();
    struct txn *t = store_read(store);
    struct census c = { 0 };
    struct table table;
    struct op op;
    make_op(&op, a, t);
    assert_int_equal(table_open(&op, STR("faulty"), &table), 0);
    c.items = count(&op, table.rec->TableId);
    c.entries = count(&op, table.indexes[0].rec->Id);
    assert_int_equal(stats_get(&op, table.rec->TableId, &c.table), 0);
    assert_int_equal(stats_get(&op, table.indexes[0].rec->Id, &c.index), 0);
    assert_int_equal(c.table.items, c.items);
    assert_int_equal(c.index.items, c.entries);
    txn_end(t);
    arena_free(a);
    return c;
}

/* As the writer runs it: under a savepoint that is rolled back when the handler fails. */
static int run(int (*handler)(struct op *op))
{
    struct arena *a = arena_new();
    struct txn *t = store_write(store);
    struct op op;
    make_op(&op, a, t);
    txn_save(t);
    int rc = handler(&op);
    if (rc == 0)
        txn_save_release(t);
    else
        txn_save_rollback(t);
    int committed = txn_commit(t);
    arena_free(a);
    return rc ? rc : committed;
}

static int create(struct op *op)
{
    struct dynamodb_AttributeDefinition defined[] = { { STR("id"), STR("S") }, { STR("owner"), STR("S") } };
    struct dynamodb_KeySchemaElement id = { STR("id"), STR("HASH") }, owner = { STR("owner"), STR("HASH") };
    struct dynamodb_Projection all = { .ProjectionType = STR("ALL") };
    struct dynamodb_GlobalSecondaryIndex index = { .IndexName = STR("by-owner"), .KeySchema = { &owner, 1, 1, true }, .Projection = &all };
    struct dynamodb_CreateTable_in in = { .TableName = STR("faulty"), .BillingMode = STR("PAY_PER_REQUEST"), .KeySchema = { &id, 1, 1, true },
        .AttributeDefinitions = { defined, 2, 2, true }, .GlobalSecondaryIndexes = { &index, 1, 1, true } };
    struct dynamodb_CreateTable_out out = { 0 };
    return dynamodb_CreateTable(op, &in, &out);
}

static int put(struct op *op)
{
    struct dynamodb_PutItem_in in = { .TableName = STR("faulty"), .Item = STR("{\"id\":{\"S\":\"1\"},\"owner\":{\"S\":\"ann\"}}") };
    struct dynamodb_PutItem_out out = { 0 };
    return dynamodb_PutItem(op, &in, &out);
}

static int update(struct op *op)
{
    struct dynamodb_UpdateItem_in in = { .TableName = STR("faulty"), .Key = STR("{\"id\":{\"S\":\"1\"}}"),
        .UpdateExpression = STR("SET owner1 = :o REMOVE zz"), .ExpressionAttributeValues = STR("{\":o\":{\"S\":\"bob\"}}") };
    struct dynamodb_UpdateItem_out out = { 0 };
    return dynamodb_UpdateItem(op, &in, &out);
}

static int move(struct op *op)
{
    struct str_pair name = { STR("#o"), STR("owner") };
    struct dynamodb_Put put_new = { .TableName = STR("faulty"), .Item = STR("{\"id\":{\"S\":\"2\"},\"owner\":{\"S\":\"cat\"}}") };
    struct dynamodb_Update moved = { .TableName = STR("faulty"), .Key = STR("{\"id\":{\"S\":\"1\"}}"), .UpdateExpression = STR("SET #o = :o"),
        .ExpressionAttributeNames = { &name, 1, 1, true }, .ExpressionAttributeValues = STR("{\":o\":{\"S\":\"bob\"}}") };
    struct dynamodb_TransactWriteItem items[] = { { .Put = &put_new }, { .Update = &moved } };
    struct dynamodb_TransactWriteItems_in in = { .TransactItems = { items, 2, 2, true } };
    struct dynamodb_TransactWriteItems_out out = { 0 };
    return dynamodb_TransactWriteItems(op, &in, &out);
}

static int refused_transaction(struct op *op)
{
    struct dynamodb_Put put_new = { .TableName = STR("faulty"), .Item = STR("{\"id\":{\"S\":\"3\"},\"owner\":{\"S\":\"dan\"}}") };
    struct dynamodb_Delete gone = { .TableName = STR("faulty"), .Key = STR("{\"id\":{\"S\":\"1\"}}"),
        .ConditionExpression = STR("attribute_not_exists(id)") };
    struct dynamodb_TransactWriteItem items[] = { { .Put = &put_new }, { .Delete = &gone } };
    struct dynamodb_TransactWriteItems_in in = { .TransactItems = { items, 2, 2, true } };
    struct dynamodb_TransactWriteItems_out out = { 0 };
    int rc = dynamodb_TransactWriteItems(op, &in, &out);
    if (rc == E_AWS)
        assert_ptr_equal(op->fail.error, DYNAMODB_TransactionCanceledException);
    return rc;
}

static int delete_both(struct op *op)
{
    struct dynamodb_DeleteRequest one = { STR("{\"id\":{\"S\":\"1\"}}") }, two = { STR("{\"id\":{\"S\":\"2\"}}") };
    struct dynamodb_WriteRequest requests[] = { { .DeleteRequest = &one }, { .DeleteRequest = &two } };
    struct dynamodb_BatchWriteItemRequestMap_entry entry = { STR("faulty"), { requests, 2, 2, true } };
    struct dynamodb_BatchWriteItem_in in = { .RequestItems = { &entry, 1, 1, true } };
    struct dynamodb_BatchWriteItem_out out = { 0 };
    return dynamodb_BatchWriteItem(op, &in, &out);
}

/* Runs handler with its n-th store call failing, n = 1, 2, ..., until none fails. */
static void run_through_faults(int (*handler)(struct op *op), uint32_t items, uint32_t entries)
{
    struct census before = take_census();
    for (uint64_t n = 1;; n++) {
        store_fault_arm(store, n, E_IO);
        int rc = run(handler);
        uint64_t calls = store_fault_arm(store, 0, 0);
        if (calls < n) {
            assert_int_equal(rc, 0);
            assert_true(n > 5); /* there was something to fail */
            break;
        }
        assert_int_equal(rc, E_IO);
        struct census now = take_census();
        assert_memory_equal(&now, &before, sizeof now);
        assert_true(n < 1000);
    }
    struct census after = take_census();
    assert_int_equal(after.items, items);
    assert_int_equal(after.entries, entries);
}

TEST(a_failing_store_leaves_items_indexes_and_counters_in_step)
{
    cloud.telemetry = telemetry_new();
    assert_int_equal(store_open_mem(&under), 0);
    assert_int_equal(store_open_fault(under, &store), 0);
    assert_int_equal(run(create), 0);
    run_through_faults(put, 1, 1);
    run_through_faults(update, 1, 1);
    run_through_faults(move, 2, 2);
    struct census before = take_census();
    assert_int_equal(run(refused_transaction), E_AWS);
    struct census after = take_census();
    assert_memory_equal(&before, &after, sizeof after);
    run_through_faults(delete_both, 0, 0);
    store_close(store);
    telemetry_free(cloud.telemetry);
}
