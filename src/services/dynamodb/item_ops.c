/* GetItem, PutItem, DeleteItem, UpdateItem. */
#include "base/arena.h"
#include "services/dynamodb/request.h"

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
        rc = table_open(op, in->TableName, t);
    if (rc == 0)
        rc = item_check_key(op, &t->schema, &key);
    if (rc < 0)
        return rc;
    item_key(op, &k, t, &key);
    rc = item_load(op, &k, &s);
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
    out->ConsumedCapacity = usage_one(op, u, in->ReturnConsumedCapacity);
    return 0;
}

/* ---- writes ---- */

static struct dynamodb_ConsumedCapacity *write_capacity(struct op *op, const struct write *w, struct str mode)
{
    struct usage_list usage = { 0 };
    struct usage *u = usage_of(op, &usage, &w->table);
    usage_write(u, w, 1);
    return usage_one(op, u, mode);
}

static bool all_old(struct str return_values) { return str_is(return_values, "ALL_OLD"); }

int dynamodb_PutItem(struct op *op, const struct dynamodb_PutItem_in *in, struct dynamodb_PutItem_out *out)
{
    struct expr_params p = { .names = &in->ExpressionAttributeNames, .values = in->ExpressionAttributeValues };
    struct expr_env env;
    struct write *w = arena_one(op->arena, struct write);

    w->kind = WRITE_PUT;
    w->old_on_failure = all_old(in->ReturnValuesOnConditionCheckFailure);
    params_add(&p, "ConditionExpression", in->ConditionExpression);
    params_legacy(&p, "ConditionalOperator", in->ConditionalOperator.p != NULL);
    params_legacy(&p, "Expected", in->Expected.set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = request_map(op, in->Item, &w->attrs);
    if (rc == 0)
        rc = write_check_size(op, &w->attrs, "Item size has exceeded the maximum allowed size");
    if (rc == 0 && in->ReturnValues.p && !all_old(in->ReturnValues) && !str_is(in->ReturnValues, "NONE"))
        rc = invalid(op, "ReturnValues can only be ALL_OLD or NONE");
    if (rc == 0)
        rc = params_condition(op, &env, "ConditionExpression", in->ConditionExpression, &w->condition);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = legacy_expected(op, &in->Expected, in->ConditionalOperator, &w->condition);
    if (rc == 0)
        rc = table_open(op, in->TableName, &w->table);
    if (rc == 0)
        rc = write_check(op, w);
    if (rc == 0)
        rc = write_run(op, w);
    if (rc < 0)
        return rc;
    if (all_old(in->ReturnValues) && w->had_old)
        out->Attributes = w->old_json;
    out->ConsumedCapacity = write_capacity(op, w, in->ReturnConsumedCapacity);
    out->ItemCollectionMetrics = collection_metrics(op, &w->table, &w->attrs, in->ReturnItemCollectionMetrics);
    return 0;
}

int dynamodb_DeleteItem(struct op *op, const struct dynamodb_DeleteItem_in *in, struct dynamodb_DeleteItem_out *out)
{
    struct expr_params p = { .names = &in->ExpressionAttributeNames, .values = in->ExpressionAttributeValues };
    struct expr_env env;
    struct write *w = arena_one(op->arena, struct write);

    w->kind = WRITE_DELETE;
    w->old_on_failure = all_old(in->ReturnValuesOnConditionCheckFailure);
    params_add(&p, "ConditionExpression", in->ConditionExpression);
    params_legacy(&p, "ConditionalOperator", in->ConditionalOperator.p != NULL);
    params_legacy(&p, "Expected", in->Expected.set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = request_map(op, in->Key, &w->attrs);
    if (rc == 0 && in->ReturnValues.p && !all_old(in->ReturnValues) && !str_is(in->ReturnValues, "NONE"))
        rc = invalid(op, "ReturnValues can only be ALL_OLD or NONE");
    if (rc == 0)
        rc = params_condition(op, &env, "ConditionExpression", in->ConditionExpression, &w->condition);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = legacy_expected(op, &in->Expected, in->ConditionalOperator, &w->condition);
    if (rc == 0)
        rc = table_open(op, in->TableName, &w->table);
    if (rc == 0)
        rc = write_check(op, w);
    if (rc == 0)
        rc = write_run(op, w);
    if (rc < 0)
        return rc;
    if (all_old(in->ReturnValues) && w->had_old)
        out->Attributes = w->old_json;
    out->ConsumedCapacity = write_capacity(op, w, in->ReturnConsumedCapacity);
    out->ItemCollectionMetrics = collection_metrics(op, &w->table, &w->attrs, in->ReturnItemCollectionMetrics);
    return 0;
}

/* ---- UpdateItem ---- */

static int read_update(struct op *op, const struct dynamodb_UpdateItem_in *in, struct write *w)
{
    struct expr_params p = { .names = &in->ExpressionAttributeNames, .values = in->ExpressionAttributeValues };
    struct expr_env env;
    params_add(&p, "UpdateExpression", in->UpdateExpression);
    params_add(&p, "ConditionExpression", in->ConditionExpression);
    params_legacy(&p, "AttributeUpdates", in->AttributeUpdates.set);
    params_legacy(&p, "ConditionalOperator", in->ConditionalOperator.p != NULL);
    params_legacy(&p, "Expected", in->Expected.set);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = request_map(op, in->Key, &w->attrs);
    if (rc == 0)
        rc = params_update(op, &env, in->UpdateExpression, &w->update);
    if (rc == 0)
        rc = params_condition(op, &env, "ConditionExpression", in->ConditionExpression, &w->condition);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = legacy_updates(op, &in->AttributeUpdates, &w->update);
    return rc < 0 ? rc : legacy_expected(op, &in->Expected, in->ConditionalOperator, &w->condition);
}

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
    struct write *w = arena_one(op->arena, struct write);

    w->kind = WRITE_UPDATE;
    w->old_on_failure = all_old(in->ReturnValuesOnConditionCheckFailure);
    int rc = read_update(op, in, w);
    if (rc == 0)
        rc = table_open(op, in->TableName, &w->table);
    if (rc == 0)
        rc = write_check(op, w);
    if (rc == 0)
        rc = write_run(op, w);
    if (rc < 0)
        return rc;
    out->Attributes = update_answer(op, w, in->ReturnValues);
    out->ConsumedCapacity = write_capacity(op, w, in->ReturnConsumedCapacity);
    out->ItemCollectionMetrics = collection_metrics(op, &w->table, &w->attrs, in->ReturnItemCollectionMetrics);
    return 0;
}
