/* One write to one item: load, judge the condition, change. */
#include "base/arena.h"
#include "services/dynamodb/request.h"

int write_check_size(struct op *op, const struct attr_map *item, const char *message)
{
    if (value_map_size(item) > ITEM_BYTES_MAX)
        return invalid(op, "%s", message);
    if (value_map_nesting(item) > VALUE_NESTING_MAX)
        return invalid(op, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit");
    for (uint32_t i = 0; i < item->n; i++)
        if (item->v[i].name.n == 0)
            return invalid(op, "One or more parameter values were invalid: An attribute name must not be empty");
    return 0;
}

static int check_update(struct op *op, const struct write *w)
{
    for (uint32_t i = 0; i < w->update.n; i++) {
        struct str name = w->update.v[i].path.v[0].name;
        if (key_schema_has(&w->table.schema, name))
            return invalid(op, "One or more parameter values were invalid: Cannot update attribute %.*s. This attribute is part of the key",
                           STR_ARG(name));
    }
    return 0;
}

int write_check(struct op *op, struct write *w)
{
    w->cost.units = arena_many(op->arena, double, w->table.n_indexes + 1);
    if (w->kind == WRITE_PUT)
        return item_check_put(op, &w->table, &w->attrs);
    int rc = item_check_key(op, &w->table.schema, &w->attrs);
    return rc == 0 && w->kind == WRITE_UPDATE ? check_update(op, w) : rc;
}

static int condition_failed(struct op *op, const struct write *w)
{
    struct dynamodb_ConditionalCheckFailedException *detail = arena_one(op->arena, struct dynamodb_ConditionalCheckFailedException);
    if (w->old_on_failure && w->had_old)
        detail->Item = w->old_json;
    condition_tell(op, &w->table);
    return aws_fail_with(op, DYNAMODB_ConditionalCheckFailedException, detail, "The conditional request failed");
}

/* The item as it will be, in w->neu. */
static int compute_update(struct op *op, struct write *w)
{
    struct str error;
    w->neu = attr_map_copy(op->arena, w->had_old ? &w->old : &w->attrs);
    if (update_apply(op->arena, &w->update, &w->neu, &error) < 0)
        return invalid(op, "%.*s", STR_ARG(error));
    int rc = write_check_size(op, &w->neu, "Item size to update has exceeded the maximum allowed size");
    return rc < 0 ? rc : item_check_index_keys(op, &w->table, &w->neu);
}

static double units_of(size_t before, size_t after) { return capacity_write_units(before > after ? before : after); }

int write_run(struct op *op, struct write *w)
{
    struct key k;
    struct stored old = { 0 };
    bool plain = table_is_plain(&w->table);

    item_key(op, &k, &w->table, &w->attrs);
    if (plain && w->kind == WRITE_PUT && !w->condition && !w->tells_old)
        return item_put_unseen(op, &w->table, &k, &w->attrs);
    int rc = item_load(op, &w->table, &k, &old);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    w->had_old = rc == 0;
    w->old_json = old.json;
    bool parse = w->had_old && (w->condition || w->kind == WRITE_UPDATE || !plain);
    rc = parse ? item_parse(op, &old, &w->old) : 0;
    if (rc < 0)
        return rc;
    w->units = units_of(old.size, 0);
    if (w->condition && !expr_true(op->arena, w->condition, &w->old))
        return condition_failed(op, w);
    if (w->kind == WRITE_CHECK)
        return 0;
    if (w->kind == WRITE_DELETE) {
        if (!w->had_old)
            return 0;
        return plain ? item_delete_plain(op, &w->table, &k, &old) : item_change(op, &w->table, &w->old, NULL, &w->cost);
    }
    if (w->kind == WRITE_PUT)
        w->neu = w->attrs;
    else
        rc = compute_update(op, w);
    if (rc < 0)
        return rc;
    w->units = units_of(old.size, value_map_size(&w->neu));
    if (plain)
        return item_put_plain(op, &w->table, &k, w->had_old ? &old : NULL, &w->neu);
    return item_change(op, &w->table, w->had_old ? &w->old : NULL, &w->neu, &w->cost);
}
