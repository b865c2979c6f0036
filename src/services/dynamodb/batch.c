/* BatchGetItem and BatchWriteItem. */
#include "base/arena.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"

enum { BATCH_KEYS_MAX = 100, BATCH_WRITES_MAX = 25, BATCH_ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

/* One operation must not name an item twice. */
struct seen {
    struct str_list keys;
};

static bool see(struct op *op, struct seen *s, const struct key *k)
{
    if (str_list_has(&s->keys, key_view(k)))
        return false;
    str_list_add(op->arena, &s->keys, str_dup(op->arena, key_view(k)));
    return true;
}

/* ---- BatchGetItem ---- */

struct get {
    struct table *table;
    struct key *key;
    struct str raw;
};

struct get_table {
    struct table table;
    struct path_list paths;
    struct get *gets;
    uint32_t n;
    bool consistent;
};

static int read_get_table(struct op *op, const struct dynamodb_BatchGetRequestMap_entry *e, struct get_table *g)
{
    const struct dynamodb_KeysAndAttributes *in = &e->value;
    struct expr_params p = { .names = &in->ExpressionAttributeNames };
    struct expr_env env;
    struct seen seen = { 0 };
    params_add(&p, "ProjectionExpression", in->ProjectionExpression);
    params_legacy(&p, "AttributesToGet", in->AttributesToGet.set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = params_projection(op, &env, in->ProjectionExpression, &g->paths);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = legacy_attributes(op, &in->AttributesToGet, &g->paths);
    if (rc == 0)
        rc = table_open_items(op, e->key, &g->table);
    g->consistent = opt_bool(in->ConsistentRead, false);
    g->gets = arena_many(op->arena, struct get, in->Keys.n + 1);
    for (uint32_t i = 0; i < in->Keys.n && rc == 0; i++) {
        struct attr_map key;
        struct get *x = &g->gets[g->n++];
        *x = (struct get){ .key = arena_one(op->arena, struct key), .raw = in->Keys.v[i] };
        rc = request_map(op, in->Keys.v[i], &key);
        if (rc == 0)
            rc = item_check_key(op, &g->table.schema, &key);
        if (rc < 0)
            break;
        item_key(op, x->key, &g->table, &key);
        if (!see(op, &seen, x->key))
            rc = invalid(op, "Provided list of item keys contains duplicates");
    }
    return rc;
}

static int get_one(struct op *op, const struct get_table *g, const struct get *x, struct usage *u, struct str_list *items, size_t *bytes)
{
    struct stored s = { 0 };
    struct attr_map item;
    int rc = item_load(op, &g->table, x->key, &s);
    u->read += capacity_read_units(s.size, g->consistent);
    if (rc == E_NOT_FOUND)
        return 0;
    if (rc == 0 && g->paths.n > 0) {
        rc = item_parse(op, &s, &item);
        if (rc == 0) {
            struct attr_map part = path_project(op->arena, &item, &g->paths);
            s.json = value_map_json(op->arena, &part);
        }
    }
    if (rc < 0)
        return rc;
    *bytes += s.size;
    str_list_add(op->arena, items, s.json);
    return 0;
}

static int get_table(struct op *op, const struct dynamodb_BatchGetRequestMap_entry *e, const struct get_table *g, struct usage_list *usage,
                     size_t *bytes, struct dynamodb_BatchGetItem_out *out)
{
    struct dynamodb_BatchGetResponseMap_entry *answer = list_push(op->arena, &out->Responses);
    struct dynamodb_BatchGetRequestMap_entry *rest = NULL;
    struct usage *u = usage_of(op, usage, &g->table);
    int rc = 0;
    answer->key = e->key;
    answer->value.set = true;
    for (uint32_t i = 0; i < g->n && rc == 0; i++) {
        if (*bytes < BATCH_ANSWER_BYTES_MAX) {
            rc = get_one(op, g, &g->gets[i], u, &answer->value, bytes);
            continue;
        }
        if (!rest) {
            rest = list_push(op->arena, &out->UnprocessedKeys);
            *rest = *e;
            rest->value.Keys = (struct str_list){ 0 };
        }
        str_list_add(op->arena, &rest->value.Keys, g->gets[i].raw);
    }
    return rc;
}

static void describe_usage(struct op *op, const struct usage_list *usage, struct str mode, struct dynamodb_ConsumedCapacityMultiple *ret)
{
    for (uint32_t i = 0; i < usage->n; i++) {
        usage_tell(op, &usage->v[i]);
        if (capacity_wanted(mode))
            usage_describe(op, &usage->v[i], mode, list_push(op->arena, ret));
    }
}

int dynamodb_BatchGetItem(struct op *op, const struct dynamodb_BatchGetItem_in *in, struct dynamodb_BatchGetItem_out *out)
{
    struct get_table *tables = arena_many(op->arena, struct get_table, in->RequestItems.n + 1);
    struct usage_list usage = { 0 };
    size_t keys = 0, bytes = 0;
    int rc = 0;

    for (uint32_t i = 0; i < in->RequestItems.n; i++)
        keys += in->RequestItems.v[i].value.Keys.n;
    if (keys > BATCH_KEYS_MAX)
        return invalid(op, "Too many items requested for the BatchGetItem call");
    for (uint32_t i = 0; i < in->RequestItems.n && rc == 0; i++)
        rc = read_get_table(op, &in->RequestItems.v[i], &tables[i]);
    out->Responses.set = true;
    out->UnprocessedKeys.set = true;
    for (uint32_t i = 0; i < in->RequestItems.n && rc == 0; i++)
        rc = get_table(op, &in->RequestItems.v[i], &tables[i], &usage, &bytes, out);
    if (rc == 0)
        describe_usage(op, &usage, in->ReturnConsumedCapacity, &out->ConsumedCapacity);
    return rc;
}

/* ---- BatchWriteItem ---- */

static int read_write(struct op *op, const struct table *t, const struct dynamodb_WriteRequest *in, struct seen *seen, struct write *w)
{
    struct key *k = arena_one(op->arena, struct key);
    if (!in->PutRequest == !in->DeleteRequest)
        return invalid(op, in->PutRequest ? "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
                                          : "The batch write request must contain exactly one of PutRequest and DeleteRequest");
    w->kind = in->PutRequest ? WRITE_PUT : WRITE_DELETE;
    w->table = *t;
    int rc = request_map(op, in->PutRequest ? in->PutRequest->Item : in->DeleteRequest->Key, &w->attrs);
    if (rc == 0 && in->PutRequest)
        rc = write_check_size(op, &w->attrs, "Item size has exceeded the maximum allowed size");
    if (rc == 0 && in->PutRequest && !item_has_key(&t->schema, &w->attrs))
        rc = invalid(op, "The provided key element does not match the schema");
    if (rc == 0)
        rc = write_check(op, w);
    if (rc < 0)
        return rc;
    item_key(op, k, t, &w->attrs);
    return see(op, seen, k) ? 0 : invalid(op, "Provided list of item keys contains duplicates");
}

static int run_write(struct op *op, struct write *w, struct usage_list *usage, const struct dynamodb_BatchWriteItem_in *in,
                     struct dynamodb_BatchWriteItem_out *out)
{
    w->tells_old = capacity_wanted(in->ReturnConsumedCapacity);
    int rc = write_run(op, w);
    if (rc < 0)
        return rc;
    usage_write(usage_of(op, usage, &w->table), w, 1);
    struct dynamodb_ItemCollectionMetrics *m = collection_metrics(op, &w->table, &w->attrs, in->ReturnItemCollectionMetrics);
    if (!m)
        return 0;
    struct dynamodb_ItemCollectionMetricsPerTable_entry *e = NULL;
    for (uint32_t i = 0; i < out->ItemCollectionMetrics.n; i++)
        if (str_eq(out->ItemCollectionMetrics.v[i].key, w->table.rec->TableName))
            e = &out->ItemCollectionMetrics.v[i];
    if (!e) {
        e = list_push(op->arena, &out->ItemCollectionMetrics);
        e->key = w->table.rec->TableName;
    }
    *list_push(op->arena, &e->value) = *m;
    return 0;
}

int dynamodb_BatchWriteItem(struct op *op, const struct dynamodb_BatchWriteItem_in *in, struct dynamodb_BatchWriteItem_out *out)
{
    struct write *writes = arena_many(op->arena, struct write, BATCH_WRITES_MAX);
    struct usage_list usage = { 0 };
    uint32_t n = 0;
    int rc = 0;

    for (uint32_t i = 0; i < in->RequestItems.n; i++) {
        if (in->RequestItems.v[i].value.n == 0)
            return invalid(op, "The batch write request list for a table cannot be null or empty: %.*s", STR_ARG(in->RequestItems.v[i].key));
        n += in->RequestItems.v[i].value.n;
    }
    if (n > BATCH_WRITES_MAX)
        return invalid(op, "Too many items requested for the BatchWriteItem call");
    n = 0;
    for (uint32_t i = 0; i < in->RequestItems.n && rc == 0; i++) {
        const struct dynamodb_WriteRequests *requests = &in->RequestItems.v[i].value;
        struct seen seen = { 0 };
        struct table t;
        rc = table_open_items(op, in->RequestItems.v[i].key, &t);
        for (uint32_t k = 0; k < requests->n && rc == 0; k++)
            rc = read_write(op, &t, &requests->v[k], &seen, &writes[n++]);
    }
    out->UnprocessedItems.set = true;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = run_write(op, &writes[i], &usage, in, out);
    if (rc == 0)
        describe_usage(op, &usage, in->ReturnConsumedCapacity, &out->ConsumedCapacity);
    return rc;
}
