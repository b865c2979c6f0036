/* Which actions on which tables an item operation needs, with the condition keys of fine-grained access control.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 * Root is asked nothing about condition keys, so the work of finding them is spared for it. */
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/read.h"

struct str dynamodb_arn_table(struct op *op, struct str TableName) { return table_arn(op, TableName); }

static bool wants_keys(const struct op *op) { return op->caller && op->caller->kind != PRINCIPAL_ROOT; }

/* Values of a multi-valued condition key are joined by US (0x1f): auth/auth.h. */
static struct str join(struct op *op, struct str all, struct str more)
{
    return all.p ? str_printf(op->arena, "%.*s\x1f%.*s", STR_ARG(all), STR_ARG(more)) : more;
}

/* all with the partition key of attrs. What is malformed adds nothing: the operation refuses it later. */
static struct str add_leading(struct op *op, struct str all, struct str table, struct str attrs_json)
{
    struct attr_map attrs;
    struct value_error e;
    struct table t;
    if (!wants_keys(op) || value_parse_map(op->arena, attrs_json, &attrs, &e) < 0)
        return all;
    if (table_open(op, table, &t) < 0) {
        op->fail = (struct op_failure){ 0 };
        return all;
    }
    const struct value *hash = attr_get(&attrs, t.schema.hash.name);
    if (!hash || hash->type > VALUE_B)
        return all;
    return join(op, all, hash->type == VALUE_B ? base64_encode(op->arena, hash->s.p, hash->s.n) : hash->s);
}

static struct authz_item *ask(struct authz *a, const char *action, struct str arn, struct str leading, struct str return_values)
{
    struct authz_item *item = authz_add(a, action, arn);
    authz_context(a, item, "dynamodb:LeadingKeys", leading);
    authz_context(a, item, "dynamodb:ReturnValues", return_values);
    return item;
}

int dynamodb_authorize_GetItem(struct op *op, const struct dynamodb_GetItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:GetItem", table_arn(op, in->TableName), add_leading(op, STR_NONE, in->TableName, in->Key), STR_NONE);
    return 0;
}

int dynamodb_authorize_PutItem(struct op *op, const struct dynamodb_PutItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:PutItem", table_arn(op, in->TableName), add_leading(op, STR_NONE, in->TableName, in->Item), in->ReturnValues);
    return 0;
}

int dynamodb_authorize_UpdateItem(struct op *op, const struct dynamodb_UpdateItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:UpdateItem", table_arn(op, in->TableName), add_leading(op, STR_NONE, in->TableName, in->Key), in->ReturnValues);
    return 0;
}

int dynamodb_authorize_DeleteItem(struct op *op, const struct dynamodb_DeleteItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:DeleteItem", table_arn(op, in->TableName), add_leading(op, STR_NONE, in->TableName, in->Key), in->ReturnValues);
    return 0;
}

/* ---- Query and Scan ---- */

static struct str read_arn(struct op *op, struct str table, struct str index)
{
    struct str arn = table_arn(op, table);
    return index.p ? str_printf(op->arena, "%.*s/index/%.*s", STR_ARG(arn), STR_ARG(index)) : arn;
}

/* The value that the condition gives the partition key. */
static struct str leading_of(struct op *op, const struct expr *e, struct str hash_name)
{
    struct key_conditions c;
    struct str found = STR_NONE;
    if (key_conditions_read(op, e, &c) < 0)
        return STR_NONE;
    for (unsigned i = 0; i < c.n; i++)
        if (str_eq(c.v[i].name, hash_name) && c.v[i].kind == RANGE_EQ && c.v[i].low->type <= VALUE_B)
            found = c.v[i].low->type == VALUE_B ? base64_encode(op->arena, c.v[i].low->s.p, c.v[i].low->s.n) : c.v[i].low->s;
    return found;
}

static struct str query_leading(struct op *op, const struct dynamodb_Query_in *in)
{
    struct attr_map values;
    struct value_error error;
    struct expr_env env;
    struct expr *e = NULL;
    struct table t;
    struct str found = STR_NONE;
    if (!wants_keys(op) || value_parse_map(op->arena, in->ExpressionAttributeValues, &values, &error) < 0)
        return STR_NONE;
    expr_env_init(&env, op->arena, &in->ExpressionAttributeNames, &values);
    int rc = table_open(op, in->TableName, &t);
    if (rc == 0 && in->KeyConditionExpression.p)
        rc = expr_parse_condition(&env, "KeyConditionExpression", in->KeyConditionExpression, &e);
    else if (rc == 0 && in->KeyConditions.set)
        rc = legacy_key_conditions(op, &in->KeyConditions, &e);
    struct table_index *x = rc == 0 && in->IndexName.p ? table_index(&t, in->IndexName) : NULL;
    if (rc == 0 && e)
        found = leading_of(op, e, x ? x->schema.hash.name : t.schema.hash.name);
    op->fail = (struct op_failure){ 0 };
    return found;
}

int dynamodb_authorize_Query(struct op *op, const struct dynamodb_Query_in *in, struct authz *a)
{
    struct authz_item *item =
        ask(a, "dynamodb:Query", read_arn(op, in->TableName, in->IndexName), query_leading(op, in), STR_NONE);
    authz_context(a, item, "dynamodb:Select", in->Select);
    return 0;
}

int dynamodb_authorize_Scan(struct op *op, const struct dynamodb_Scan_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "dynamodb:Scan", read_arn(op, in->TableName, in->IndexName));
    authz_context(a, item, "dynamodb:Select", in->Select);
    return 0;
}

/* ---- batches and transactions ---- */

int dynamodb_authorize_BatchGetItem(struct op *op, const struct dynamodb_BatchGetItem_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->RequestItems.n; i++) {
        const struct dynamodb_BatchGetRequestMap_entry *e = &in->RequestItems.v[i];
        struct str leading = STR_NONE;
        for (uint32_t k = 0; k < e->value.Keys.n; k++)
            leading = add_leading(op, leading, e->key, e->value.Keys.v[k]);
        ask(a, "dynamodb:BatchGetItem", table_arn(op, e->key), leading, STR_NONE);
    }
    return 0;
}

int dynamodb_authorize_BatchWriteItem(struct op *op, const struct dynamodb_BatchWriteItem_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->RequestItems.n; i++) {
        const struct dynamodb_BatchWriteItemRequestMap_entry *e = &in->RequestItems.v[i];
        struct str leading = STR_NONE;
        for (uint32_t k = 0; k < e->value.n; k++) {
            const struct dynamodb_WriteRequest *w = &e->value.v[k];
            struct str attrs = w->PutRequest ? w->PutRequest->Item : w->DeleteRequest ? w->DeleteRequest->Key : STR_NONE;
            leading = add_leading(op, leading, e->key, attrs);
        }
        ask(a, "dynamodb:BatchWriteItem", table_arn(op, e->key), leading, STR_NONE);
    }
    return 0;
}

int dynamodb_authorize_TransactGetItems(struct op *op, const struct dynamodb_TransactGetItems_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->TransactItems.n; i++) {
        const struct dynamodb_Get *g = in->TransactItems.v[i].Get;
        if (g)
            ask(a, "dynamodb:GetItem", table_arn(op, g->TableName), add_leading(op, STR_NONE, g->TableName, g->Key), STR_NONE);
    }
    return 0;
}

int dynamodb_authorize_TransactWriteItems(struct op *op, const struct dynamodb_TransactWriteItems_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->TransactItems.n; i++) {
        const struct dynamodb_TransactWriteItem *t = &in->TransactItems.v[i];
        if (t->Put)
            ask(a, "dynamodb:PutItem", table_arn(op, t->Put->TableName), add_leading(op, STR_NONE, t->Put->TableName, t->Put->Item), STR_NONE);
        if (t->Update)
            ask(a, "dynamodb:UpdateItem", table_arn(op, t->Update->TableName), add_leading(op, STR_NONE, t->Update->TableName, t->Update->Key),
                STR_NONE);
        if (t->Delete)
            ask(a, "dynamodb:DeleteItem", table_arn(op, t->Delete->TableName), add_leading(op, STR_NONE, t->Delete->TableName, t->Delete->Key),
                STR_NONE);
        if (t->ConditionCheck)
            ask(a, "dynamodb:ConditionCheckItem", table_arn(op, t->ConditionCheck->TableName),
                add_leading(op, STR_NONE, t->ConditionCheck->TableName, t->ConditionCheck->Key), STR_NONE);
    }
    return 0;
}
