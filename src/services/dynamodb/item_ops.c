/* GetItem, PutItem, DeleteItem, UpdateItem. */
#include "base/arena.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"

/* ---- GetItem ---- */

static int get_paths(struct op *op, const struct dynamodb_GetItem_in *in, struct path_list *ret)
{
    struct expr_params p = { .names = &in->ExpressionAttributeNames };
    struct expr_env env;
    params_add(&p, "ProjectionExpression", in->ProjectionExpression);
    params_legacy(&p, "AttributesToGet", in->AttributesToGet.set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = params_projection(op, &env, in->ProjectionExpression, ret);
    if (rc == 0)
        rc = params_end(op, &env);
    return rc < 0 ? rc : legacy_attributes(op, &in->AttributesToGet, ret);
}

int dynamodb_GetItem(struct op *op, const struct dynamodb_GetItem_in *in, struct dynamodb_GetItem_out *out)
{
    struct path_list paths = { 0 };
    struct attr_map key, item;
    struct table *t = arena_one(op->arena, struct table);
    struct stored s = { 0 };
    struct usage_list usage = { 0 };
    struct key k;

    int rc = get_paths(op, in, &paths);
    if (rc == 0)
        rc = request_map(op, in->Key, &key);
    if (rc == 0)
        rc = table_open_items(op, in->TableName, t);
    if (rc == 0)
        rc = item_check_key(op, &t->schema, &key);
    if (rc < 0)
        return rc;
    item_key(op, &k, t, &key);
    rc = item_load(op, t, &k, &s);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    if (rc == 0)
        out->Item = s.json;
    if (rc == 0 && paths.n > 0) {
        rc = item_parse(op, &s, &item);
        if (rc < 0)
            return rc;
        struct attr_map part = path_project(op->arena, &item, &paths);
        out->Item = value_map_json(op->arena, &part);
    }
    struct usage *u = usage_of(op, &usage, t);
    u->read = capacity_read_units(s.size, opt_bool(in->ConsistentRead, false));
    usage_tell(op, u);
    out->ConsumedCapacity = usage_one(op, u, in->ReturnConsumedCapacity);
    return 0;
}

/* ---- writes ---- */

/* What PutItem, DeleteItem and UpdateItem ask alike. */
struct asks {
    struct str table, attrs; /* the item, or its key */
    const struct str_map *names;
    struct str values, condition, conditional_operator, return_values, on_failure, capacity, metrics;
    const struct dynamodb_ExpectedAttributeMap *expected;
    const struct dynamodb_UpdateItem_in *update; /* UpdateItem's own, or NULL */
};
#define ASKS(in, attrs_)                                                                                                 \
    .table = (in)->TableName, .attrs = (attrs_), .names = &(in)->ExpressionAttributeNames,                               \
    .values = (in)->ExpressionAttributeValues, .condition = (in)->ConditionExpression,                                   \
    .conditional_operator = (in)->ConditionalOperator, .return_values = (in)->ReturnValues,                              \
    .on_failure = (in)->ReturnValuesOnConditionCheckFailure, .capacity = (in)->ReturnConsumedCapacity,                   \
    .metrics = (in)->ReturnItemCollectionMetrics, .expected = &(in)->Expected

static bool all_old(struct str return_values) { return str_is(return_values, "ALL_OLD"); }

static int read_attrs(struct op *op, const struct asks *a, struct write *w)
{
    int rc = request_map(op, a->attrs, &w->attrs);
    if (rc == 0 && w->kind == WRITE_PUT)
        rc = write_check_size(op, &w->attrs, "Item size has exceeded the maximum allowed size");
    if (rc == 0 && !a->update && a->return_values.p && !all_old(a->return_values) && !str_is(a->return_values, "NONE"))
        rc = invalid(op, "ReturnValues can only be ALL_OLD or NONE");
    return rc;
}

static int read_write(struct op *op, const struct asks *a, struct write *w)
{
    struct expr_params p = { .names = a->names, .values = a->values };
    struct expr_env env;
    w->old_on_failure = all_old(a->on_failure);
    w->tells_old = all_old(a->return_values) || capacity_wanted(a->capacity);
    if (a->update)
        params_add(&p, "UpdateExpression", a->update->UpdateExpression);
    params_add(&p, "ConditionExpression", a->condition);
    if (a->update)
        params_legacy(&p, "AttributeUpdates", a->update->AttributeUpdates.set);
    params_legacy(&p, "ConditionalOperator", a->conditional_operator.p != NULL);
    params_legacy(&p, "Expected", a->expected->set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = read_attrs(op, a, w);
    if (rc == 0 && a->update)
        rc = params_update(op, &env, a->update->UpdateExpression, &w->update);
    if (rc == 0)
        rc = params_condition(op, &env, "ConditionExpression", a->condition, &w->condition);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0 && a->update)
        rc = legacy_updates(op, &a->update->AttributeUpdates, &w->update);
    return rc < 0 ? rc : legacy_expected(op, a->expected, a->conditional_operator, &w->condition);
}

static int write_item(struct op *op, const struct asks *a, struct write *w, struct dynamodb_ConsumedCapacity **ret_capacity,
                      struct dynamodb_ItemCollectionMetrics **ret_metrics)
{
    struct usage_list usage = { 0 };
    int rc = read_write(op, a, w);
    if (rc == 0)
        rc = table_open_items(op, a->table, &w->table);
    if (rc == 0)
        rc = write_check(op, w);
    if (rc == 0)
        rc = write_run(op, w);
    if (rc < 0)
        return rc;
    struct usage *u = usage_of(op, &usage, &w->table);
    usage_write(u, w, 1);
    usage_tell(op, u);
    *ret_capacity = usage_one(op, u, a->capacity);
    *ret_metrics = collection_metrics(op, &w->table, &w->attrs, a->metrics);
    return 0;
}

int dynamodb_PutItem(struct op *op, const struct dynamodb_PutItem_in *in, struct dynamodb_PutItem_out *out)
{
    struct asks a = { ASKS(in, in->Item) };
    struct write *w = arena_one(op->arena, struct write);
    w->kind = WRITE_PUT;
    int rc = write_item(op, &a, w, &out->ConsumedCapacity, &out->ItemCollectionMetrics);
    if (rc == 0 && all_old(in->ReturnValues) && w->had_old)
        out->Attributes = w->old_json;
    return rc;
}

int dynamodb_DeleteItem(struct op *op, const struct dynamodb_DeleteItem_in *in, struct dynamodb_DeleteItem_out *out)
{
    struct asks a = { ASKS(in, in->Key) };
    struct write *w = arena_one(op->arena, struct write);
    w->kind = WRITE_DELETE;
    int rc = write_item(op, &a, w, &out->ConsumedCapacity, &out->ItemCollectionMetrics);
    if (rc == 0 && all_old(in->ReturnValues) && w->had_old)
        out->Attributes = w->old_json;
    return rc;
}

/* ---- what UpdateItem answers ---- */

static struct str updated_parts(struct op *op, const struct write *w, const struct attr_map *item)
{
    struct path_list paths = { 0 };
    for (uint32_t i = 0; i < w->update.n; i++)
        *list_push(op->arena, &paths) = w->update.v[i].path;
    struct attr_map part = path_project(op->arena, item, &paths);
    return part.n ? value_map_json(op->arena, &part) : STR_NONE;
}

static struct str update_answer(struct op *op, const struct write *w, struct str return_values)
{
    if (str_is(return_values, "ALL_OLD"))
        return w->had_old ? w->old_json : STR_NONE;
    if (str_is(return_values, "ALL_NEW"))
        return value_map_json(op->arena, &w->neu);
    if (str_is(return_values, "UPDATED_OLD"))
        return w->had_old ? updated_parts(op, w, &w->old) : STR_NONE;
    if (str_is(return_values, "UPDATED_NEW"))
        return updated_parts(op, w, &w->neu);
    return STR_NONE;
}

int dynamodb_UpdateItem(struct op *op, const struct dynamodb_UpdateItem_in *in, struct dynamodb_UpdateItem_out *out)
{
    struct asks a = { ASKS(in, in->Key), .update = in };
    struct write *w = arena_one(op->arena, struct write);
    w->kind = WRITE_UPDATE;
    int rc = write_item(op, &a, w, &out->ConsumedCapacity, &out->ItemCollectionMetrics);
    if (rc == 0)
        out->Attributes = update_answer(op, w, in->ReturnValues);
    return rc;
}
