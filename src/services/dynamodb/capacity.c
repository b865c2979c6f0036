/* Capacity units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html */
#include "base/arena.h"
#include "cloud/telemetry.h"
#include "services/dynamodb/request.h"

double capacity_read_units(size_t bytes, bool consistent)
{
    double units = bytes <= 4096 ? 1 : (double)((bytes + 4095) / 4096);
    return consistent ? units : units / 2;
}

double capacity_write_units(size_t bytes) { return bytes <= 1024 ? 1 : (double)((bytes + 1023) / 1024); }

bool capacity_wanted(struct str mode) { return str_is(mode, "TOTAL") || str_is(mode, "INDEXES"); }

struct usage *usage_of(struct op *op, struct usage_list *l, const struct table *t)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].table->rec->TableName, t->rec->TableName))
            return &l->v[i];
    struct usage *u = list_push(op->arena, l);
    u->table = t;
    u->index_read = arena_many(op->arena, double, t->n_indexes + 1);
    u->index_write = arena_many(op->arena, double, t->n_indexes + 1);
    return u;
}

void usage_write(struct usage *u, const struct write *w, double factor)
{
    u->write += w->units * factor;
    for (uint32_t i = 0; i < u->table->n_indexes; i++)
        u->index_write[i] += w->cost.units[i] * factor;
}

/* https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html */
enum { CONSUMED_READ, CONSUMED_WRITE, CONDITIONS_FAILED };
#define CONSUMED [CONSUMED_READ] = { "ConsumedReadCapacityUnits", "Count" }, [CONSUMED_WRITE] = { "ConsumedWriteCapacityUnits", "Count" }
static const struct telemetry_family of_table = {
    .space = "AWS/DynamoDB", .dimensions = { "TableName" }, .least = 1,
    .metrics = { CONSUMED, [CONDITIONS_FAILED] = { "ConditionalCheckFailedRequests", "Count" } },
};
static const struct telemetry_family of_index = {
    .space = "AWS/DynamoDB", .dimensions = { "TableName", "GlobalSecondaryIndexName" }, .least = 2, .metrics = { CONSUMED },
};

static void tell(struct op *op, const struct telemetry_family *f, struct str table, struct str index, double read, double write)
{
    struct telemetry_value v[2];
    size_t n = 0;
    if (read > 0)
        v[n++] = (struct telemetry_value){ CONSUMED_READ, read };
    if (write > 0)
        v[n++] = (struct telemetry_value){ CONSUMED_WRITE, write };
    if (n)
        telemetry_count(op, f, (struct str[]){ table, index }, v, n);
}

void usage_tell(struct op *op, const struct usage *u)
{
    struct str table = u->table->rec->TableName;
    double read = u->read, write = u->write;
    for (uint32_t i = 0; i < u->table->n_indexes; i++) {
        const struct dynamodb_rec_Index *x = u->table->indexes[i].rec;
        if (opt_bool(x->Local, false)) { /* part of the table */
            read += u->index_read[i];
            write += u->index_write[i];
        } else {
            tell(op, &of_index, table, x->Name, u->index_read[i], u->index_write[i]);
        }
    }
    tell(op, &of_table, table, STR_NONE, read, write);
}

void condition_tell(struct op *op, const struct table *t)
{
    telemetry_add(op->cloud, op->account, op->region, op_now_ms(op), &of_table, (struct str[]){ t->rec->TableName, STR_NONE },
                  &(struct telemetry_value){ CONDITIONS_FAILED, 1 }, 1);
}

static struct dynamodb_Capacity capacity(const struct usage *u, double read, double write)
{
    struct dynamodb_Capacity c = { .CapacityUnits = SOME_F64(read + write) };
    if (u->transact && read > 0)
        c.ReadCapacityUnits = SOME_F64(read);
    if (u->transact && write > 0)
        c.WriteCapacityUnits = SOME_F64(write);
    return c;
}

void usage_describe(struct op *op, const struct usage *u, struct str mode, struct dynamodb_ConsumedCapacity *ret)
{
    double read = u->read, write = u->write;
    for (uint32_t i = 0; i < u->table->n_indexes; i++) {
        read += u->index_read[i];
        write += u->index_write[i];
    }
    struct dynamodb_Capacity total = capacity(u, read, write);
    *ret = (struct dynamodb_ConsumedCapacity){ .TableName = u->table->rec->TableName, .CapacityUnits = total.CapacityUnits,
        .ReadCapacityUnits = total.ReadCapacityUnits, .WriteCapacityUnits = total.WriteCapacityUnits };
    if (!str_is(mode, "INDEXES"))
        return;
    ret->Table = arena_one(op->arena, struct dynamodb_Capacity);
    *ret->Table = capacity(u, u->read, u->write);
    for (uint32_t i = 0; i < u->table->n_indexes; i++) {
        const struct table_index *x = &u->table->indexes[i];
        if (u->index_read[i] + u->index_write[i] == 0)
            continue;
        struct dynamodb_SecondaryIndexesCapacityMap_entry *e =
            list_push(op->arena, opt_bool(x->rec->Local, false) ? &ret->LocalSecondaryIndexes : &ret->GlobalSecondaryIndexes);
        e->key = x->rec->Name;
        e->value = capacity(u, u->index_read[i], u->index_write[i]);
    }
}

struct dynamodb_ConsumedCapacity *usage_one(struct op *op, const struct usage *u, struct str mode)
{
    if (!capacity_wanted(mode))
        return NULL;
    struct dynamodb_ConsumedCapacity *c = arena_one(op->arena, struct dynamodb_ConsumedCapacity);
    usage_describe(op, u, mode, c);
    return c;
}

struct dynamodb_ItemCollectionMetrics *collection_metrics(struct op *op, const struct table *t, const struct attr_map *attrs, struct str mode)
{
    bool local = false;
    for (uint32_t i = 0; i < t->n_indexes; i++)
        local = local || opt_bool(t->indexes[i].rec->Local, false);
    if (!local || !str_is(mode, "SIZE"))
        return NULL;
    struct dynamodb_ItemCollectionMetrics *m = arena_one(op->arena, struct dynamodb_ItemCollectionMetrics);
    struct attr_map key = { .set = true };
    attr_put(op->arena, &key, t->schema.hash.name, attr_get(attrs, t->schema.hash.name));
    m->ItemCollectionKey = value_map_json(op->arena, &key);
    *list_push(op->arena, &m->SizeEstimateRangeGB) = SOME_F64(0);
    *list_push(op->arena, &m->SizeEstimateRangeGB) = SOME_F64(1);
    return m;
}
