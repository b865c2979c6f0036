/* Which actions on which tables an item operation needs, with the condition keys of fine-grained access control.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 * Root is asked nothing about condition keys, so the work of finding them is spared for it. What is malformed adds nothing here: the operation
 * itself refuses it. Keys that a policy may rest on are always there: Select and ReturnValues have their defaults filled in. */
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/read.h"

struct str dynamodb_arn_table(struct op *op, struct str TableName) { return table_arn(op, TableName); }

/* One action on one table, while its condition keys are gathered. */
struct ask {
    struct op *op;
    struct str table;
    bool wanted;                  /* whether anybody will look at the keys */
    struct str_list leading;      /* partition keys */
    struct str_list attributes;   /* top-level attributes that are named */
    struct str select, return_values;
};

static struct ask ask_about(struct op *op, struct str table)
{
    return (struct ask){ .op = op, .table = table, .wanted = op->caller && op->caller->kind != PRINCIPAL_ROOT };
}

static void ask_add(const struct ask *k, struct authz *a, const char *action, struct str arn)
{
    struct authz_item *item = authz_add(a, action, arn);
    if (!k->wanted)
        return;
    authz_context_list(a, item, "dynamodb:LeadingKeys", &k->leading);
    authz_context_list(a, item, "dynamodb:Attributes", &k->attributes);
    authz_context(a, item, "dynamodb:Select", k->select);
    authz_context(a, item, "dynamodb:ReturnValues", k->return_values);
}

/* ---- attributes ---- */

/* A name may be noted twice: conditions ask for all or any, not how often. */
static void note_name(struct ask *k, struct str name) { str_list_add(k->op->arena, &k->attributes, name); }

static void note_paths(struct ask *k, const struct path_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        note_name(k, l->v[i].v[0].name);
}

static void note_expr(struct ask *k, const struct expr *e)
{
    if (e->kind == EXPR_PATH)
        note_name(k, e->path.v[0].name);
    for (uint32_t i = 0; i < e->args.n; i++)
        note_expr(k, e->args.v[i]);
}

/* The placeholders of a request, as far as they are sound. */
static struct expr_env *env_of(struct ask *k, const struct str_map *names, struct str values_json)
{
    struct expr_env *env = arena_one(k->op->arena, struct expr_env);
    struct attr_map *values = arena_one(k->op->arena, struct attr_map);
    struct value_error e;
    if (!values_json.p || value_parse_map(k->op->arena, values_json, values, &e) < 0)
        *values = (struct attr_map){ 0 };
    expr_env_init(env, k->op->arena, names, values);
    return env;
}

static struct expr *note_condition(struct ask *k, struct expr_env *env, struct str text)
{
    struct expr *e = NULL;
    if (!text.p || expr_parse_condition(env, "", text, &e) < 0)
        return NULL;
    note_expr(k, e);
    return e;
}

static void note_projection(struct ask *k, struct expr_env *env, struct str text, const struct str_list *attributes)
{
    struct path_list l = { 0 };
    if (text.p && expr_parse_projection(env, text, &l) == 0)
        note_paths(k, &l);
    for (uint32_t i = 0; attributes && i < attributes->n; i++)
        note_name(k, attributes->v[i]);
    if (!k->select.p)
        k->select = text.p || (attributes && attributes->n) ? STR("SPECIFIC_ATTRIBUTES") : STR("ALL_ATTRIBUTES");
}

static void note_update(struct ask *k, struct expr_env *env, struct str text)
{
    struct update u = { 0 };
    if (!text.p || expr_parse_update(env, text, &u) < 0)
        return;
    for (uint32_t i = 0; i < u.n; i++) {
        note_name(k, u.v[i].path.v[0].name);
        if (u.v[i].value)
            note_expr(k, u.v[i].value);
    }
}

/* A key or an item: its attributes, and its partition key. */
static void note_attrs(struct ask *k, struct str json)
{
    struct attr_map attrs;
    struct value_error e;
    struct table t;
    if (!json.p || value_parse_map(k->op->arena, json, &attrs, &e) < 0)
        return;
    for (uint32_t i = 0; i < attrs.n; i++)
        note_name(k, attrs.v[i].name);
    if (table_open(k->op, k->table, &t) < 0) {
        k->op->fail = (struct op_failure){ 0 };
        return;
    }
    const struct value *hash = attr_get(&attrs, t.schema.hash.name);
    if (hash && hash->type <= VALUE_B)
        str_list_add(k->op->arena, &k->leading, hash->type == VALUE_B ? base64_encode(k->op->arena, hash->s.p, hash->s.n) : hash->s);
}

/* ---- one item ---- */

int dynamodb_authorize_GetItem(struct op *op, const struct dynamodb_GetItem_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    if (k.wanted) {
        note_attrs(&k, in->Key);
        note_projection(&k, env_of(&k, &in->ExpressionAttributeNames, STR_NONE), in->ProjectionExpression, &in->AttributesToGet);
    }
    ask_add(&k, a, "dynamodb:GetItem", table_arn(op, in->TableName));
    return 0;
}

static void note_expected(struct ask *k, const struct dynamodb_ExpectedAttributeMap *expected)
{
    for (uint32_t i = 0; i < expected->n; i++)
        note_name(k, expected->v[i].key);
}

/* What all writes have. */
static void note_write(struct ask *k, struct str attrs, const struct str_map *names, struct str values, struct str condition, struct str update,
                       struct str return_values)
{
    if (!k->wanted)
        return;
    struct expr_env *env = env_of(k, names, values);
    note_attrs(k, attrs);
    note_condition(k, env, condition);
    note_update(k, env, update);
    k->return_values = opt_str(return_values, STR("NONE"));
}

int dynamodb_authorize_PutItem(struct op *op, const struct dynamodb_PutItem_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    note_write(&k, in->Item, &in->ExpressionAttributeNames, in->ExpressionAttributeValues, in->ConditionExpression, STR_NONE, in->ReturnValues);
    note_expected(&k, &in->Expected);
    ask_add(&k, a, "dynamodb:PutItem", table_arn(op, in->TableName));
    return 0;
}

int dynamodb_authorize_UpdateItem(struct op *op, const struct dynamodb_UpdateItem_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    note_write(&k, in->Key, &in->ExpressionAttributeNames, in->ExpressionAttributeValues, in->ConditionExpression, in->UpdateExpression,
               in->ReturnValues);
    note_expected(&k, &in->Expected);
    for (uint32_t i = 0; i < in->AttributeUpdates.n; i++)
        note_name(&k, in->AttributeUpdates.v[i].key);
    ask_add(&k, a, "dynamodb:UpdateItem", table_arn(op, in->TableName));
    return 0;
}

int dynamodb_authorize_DeleteItem(struct op *op, const struct dynamodb_DeleteItem_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    note_write(&k, in->Key, &in->ExpressionAttributeNames, in->ExpressionAttributeValues, in->ConditionExpression, STR_NONE, in->ReturnValues);
    note_expected(&k, &in->Expected);
    ask_add(&k, a, "dynamodb:DeleteItem", table_arn(op, in->TableName));
    return 0;
}

/* ---- Query and Scan ---- */

static struct str read_arn(struct op *op, struct str table, struct str index)
{
    struct str arn = table_arn(op, table);
    return index.p ? str_printf(op->arena, "%.*s/index/%.*s", STR_ARG(arn), STR_ARG(index)) : arn;
}

/* The value that the key condition gives the partition key. */
static void note_leading(struct ask *k, const struct expr *e, struct str index)
{
    struct key_conditions c;
    struct table t;
    int rc = table_open(k->op, k->table, &t);
    if (rc == 0)
        rc = key_conditions_read(k->op, e, &c);
    k->op->fail = (struct op_failure){ 0 };
    if (rc < 0)
        return;
    struct table_index *x = index.p ? table_index(&t, index) : NULL;
    struct str hash = x ? x->schema.hash.name : t.schema.hash.name;
    for (unsigned i = 0; i < c.n; i++) {
        const struct value *v = c.v[i].low;
        if (str_eq(c.v[i].name, hash) && c.v[i].kind == RANGE_EQ && v->type <= VALUE_B)
            str_list_add(k->op->arena, &k->leading, v->type == VALUE_B ? base64_encode(k->op->arena, v->s.p, v->s.n) : v->s);
    }
}

static void note_filter(struct ask *k, const struct dynamodb_FilterConditionMap *filter)
{
    for (uint32_t i = 0; i < filter->n; i++)
        note_name(k, filter->v[i].key);
}

static void note_select(struct ask *k, struct str select, struct str index, struct str projection, const struct str_list *attributes)
{
    k->select = select;
    if (!select.p && index.p && !projection.p && !attributes->n)
        k->select = STR("ALL_PROJECTED_ATTRIBUTES");
}

static void note_query(struct ask *k, const struct dynamodb_Query_in *in)
{
    struct expr_env *env = env_of(k, &in->ExpressionAttributeNames, in->ExpressionAttributeValues);
    struct expr *keys = note_condition(k, env, in->KeyConditionExpression);
    if (!keys && in->KeyConditions.set && legacy_key_conditions(k->op, &in->KeyConditions, &keys) == 0 && keys)
        note_expr(k, keys);
    if (keys)
        note_leading(k, keys, in->IndexName);
    k->op->fail = (struct op_failure){ 0 };
    note_condition(k, env, in->FilterExpression);
    note_filter(k, &in->QueryFilter);
    note_select(k, in->Select, in->IndexName, in->ProjectionExpression, &in->AttributesToGet);
    note_projection(k, env, in->ProjectionExpression, &in->AttributesToGet);
}

int dynamodb_authorize_Query(struct op *op, const struct dynamodb_Query_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    if (k.wanted)
        note_query(&k, in);
    ask_add(&k, a, "dynamodb:Query", read_arn(op, in->TableName, in->IndexName));
    return 0;
}

int dynamodb_authorize_Scan(struct op *op, const struct dynamodb_Scan_in *in, struct authz *a)
{
    struct ask k = ask_about(op, in->TableName);
    if (k.wanted) {
        struct expr_env *env = env_of(&k, &in->ExpressionAttributeNames, in->ExpressionAttributeValues);
        note_condition(&k, env, in->FilterExpression);
        note_filter(&k, &in->ScanFilter);
        note_select(&k, in->Select, in->IndexName, in->ProjectionExpression, &in->AttributesToGet);
        note_projection(&k, env, in->ProjectionExpression, &in->AttributesToGet);
    }
    ask_add(&k, a, "dynamodb:Scan", read_arn(op, in->TableName, in->IndexName));
    return 0;
}

/* ---- batches and transactions ---- */

int dynamodb_authorize_BatchGetItem(struct op *op, const struct dynamodb_BatchGetItem_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->RequestItems.n; i++) {
        const struct dynamodb_KeysAndAttributes *v = &in->RequestItems.v[i].value;
        struct ask k = ask_about(op, in->RequestItems.v[i].key);
        for (uint32_t x = 0; x < v->Keys.n && k.wanted; x++)
            note_attrs(&k, v->Keys.v[x]);
        if (k.wanted)
            note_projection(&k, env_of(&k, &v->ExpressionAttributeNames, STR_NONE), v->ProjectionExpression, &v->AttributesToGet);
        ask_add(&k, a, "dynamodb:BatchGetItem", table_arn(op, k.table));
    }
    return 0;
}

int dynamodb_authorize_BatchWriteItem(struct op *op, const struct dynamodb_BatchWriteItem_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->RequestItems.n; i++) {
        const struct dynamodb_WriteRequests *v = &in->RequestItems.v[i].value;
        struct ask k = ask_about(op, in->RequestItems.v[i].key);
        for (uint32_t x = 0; x < v->n && k.wanted; x++)
            note_attrs(&k, v->v[x].PutRequest ? v->v[x].PutRequest->Item : v->v[x].DeleteRequest ? v->v[x].DeleteRequest->Key : STR_NONE);
        ask_add(&k, a, "dynamodb:BatchWriteItem", table_arn(op, k.table));
    }
    return 0;
}

int dynamodb_authorize_TransactGetItems(struct op *op, const struct dynamodb_TransactGetItems_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->TransactItems.n; i++) {
        const struct dynamodb_Get *g = in->TransactItems.v[i].Get;
        if (!g)
            continue;
        struct ask k = ask_about(op, g->TableName);
        if (k.wanted) {
            note_attrs(&k, g->Key);
            note_projection(&k, env_of(&k, &g->ExpressionAttributeNames, STR_NONE), g->ProjectionExpression, NULL);
        }
        ask_add(&k, a, "dynamodb:GetItem", table_arn(op, g->TableName));
    }
    return 0;
}

#define ASK_WRITE(x, attrs, update, action)                                                                              \
    do {                                                                                                                \
        struct ask k = ask_about(op, (x)->TableName);                                                                    \
        note_write(&k, attrs, &(x)->ExpressionAttributeNames, (x)->ExpressionAttributeValues, (x)->ConditionExpression, update, STR_NONE); \
        ask_add(&k, a, action, table_arn(op, (x)->TableName));                                                           \
    } while (0)

int dynamodb_authorize_TransactWriteItems(struct op *op, const struct dynamodb_TransactWriteItems_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->TransactItems.n; i++) {
        const struct dynamodb_TransactWriteItem *t = &in->TransactItems.v[i];
        if (t->Put)
            ASK_WRITE(t->Put, t->Put->Item, STR_NONE, "dynamodb:PutItem");
        if (t->Update)
            ASK_WRITE(t->Update, t->Update->Key, t->Update->UpdateExpression, "dynamodb:UpdateItem");
        if (t->Delete)
            ASK_WRITE(t->Delete, t->Delete->Key, STR_NONE, "dynamodb:DeleteItem");
        if (t->ConditionCheck)
            ASK_WRITE(t->ConditionCheck, t->ConditionCheck->Key, STR_NONE, "dynamodb:ConditionCheckItem");
    }
    return 0;
}
