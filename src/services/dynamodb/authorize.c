/* Which actions on which tables an item operation needs, with the condition keys of fine-grained access control.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 * The keys are found only when a policy asks for one. What is malformed adds nothing here: the operation itself refuses it. Keys that a policy may rest on are
 * always there: Select and ReturnValues have their defaults filled in. */
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/partiql.h"
#include "services/dynamodb/read.h"

struct str dynamodb_arn_table(struct op *op, struct str TableName) { return table_arn(op, TableName); }

/* One action on one table, while its condition keys are gathered. */
struct ask {
    struct op *op;
    struct str table;
    void (*note)(struct ask *k, const void *in); /* gathers them */
    const void *in;
    struct str_list leading;      /* partition keys */
    struct str_list attributes;   /* top-level attributes that are named */
    struct str select, return_values, full_scan;
};

static int add_keys(struct authz *a, struct authz_item *item, const void *arg)
{
    struct ask k = *(const struct ask *)arg;
    k.note(&k, k.in);
    a->op->fail = (struct op_failure){ 0 };
    authz_context_list(a, item, "dynamodb:LeadingKeys", &k.leading);
    authz_context_list(a, item, "dynamodb:Attributes", &k.attributes);
    authz_context(a, item, "dynamodb:Select", k.select);
    authz_context(a, item, "dynamodb:ReturnValues", k.return_values);
    authz_context(a, item, "dynamodb:FullTableScan", k.full_scan);
    if (str_starts(str_c(a->op->row->name), STR("Transact")))
        authz_context(a, item, "dynamodb:EnclosingOperation", str_c(a->op->row->name));
    return 0;
}

static void ask(struct authz *a, const char *action, struct str table, struct str arn, void (*note)(struct ask *k, const void *in), const void *in)
{
    struct ask k = { .op = a->op, .table = table, .note = note, .in = in };
    authz_late(a, authz_add(a, action, arn), add_keys, arena_dup(a->op->arena, &k, sizeof k));
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
    if (table_open(k->op, k->table, &t) < 0)
        return;
    const struct value *hash = attr_get(&attrs, t.schema.hash.name);
    if (hash && hash->type <= VALUE_B)
        str_list_add(k->op->arena, &k->leading, hash->type == VALUE_B ? base64_encode(k->op->arena, hash->s.p, hash->s.n) : hash->s);
}

/* ---- one item ---- */

static void note_get(struct ask *k, const void *arg)
{
    const struct dynamodb_GetItem_in *in = arg;
    note_attrs(k, in->Key);
    note_projection(k, env_of(k, &in->ExpressionAttributeNames, STR_NONE), in->ProjectionExpression, &in->AttributesToGet);
}

int dynamodb_authorize_GetItem(struct op *op, const struct dynamodb_GetItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:GetItem", in->TableName, table_arn(op, in->TableName), note_get, in);
    return 0;
}

static void note_expected(struct ask *k, const struct dynamodb_ExpectedAttributeMap *expected)
{
    for list_each(e, expected)
        note_name(k, e->key);
}

/* What all writes have: in is one of their inputs, attrs its Key or Item. */
#define NOTE_WRITE(k, in, attrs, update, returns)                                                                              \
    do {                                                                                                                       \
        struct expr_env *env = env_of(k, &(in)->ExpressionAttributeNames, (in)->ExpressionAttributeValues);                     \
        note_attrs(k, attrs);                                                                                                  \
        note_condition(k, env, (in)->ConditionExpression);                                                                     \
        note_update(k, env, update);                                                                                           \
        (k)->return_values = opt_str(returns, STR("NONE"));                                                                    \
    } while (0)

static void note_put(struct ask *k, const void *arg)
{
    const struct dynamodb_PutItem_in *in = arg;
    NOTE_WRITE(k, in, in->Item, STR_NONE, in->ReturnValues);
    note_expected(k, &in->Expected);
}

static void note_update_item(struct ask *k, const void *arg)
{
    const struct dynamodb_UpdateItem_in *in = arg;
    NOTE_WRITE(k, in, in->Key, in->UpdateExpression, in->ReturnValues);
    note_expected(k, &in->Expected);
    for list_each(u, &in->AttributeUpdates)
        note_name(k, u->key);
}

static void note_delete(struct ask *k, const void *arg)
{
    const struct dynamodb_DeleteItem_in *in = arg;
    NOTE_WRITE(k, in, in->Key, STR_NONE, in->ReturnValues);
    note_expected(k, &in->Expected);
}

int dynamodb_authorize_PutItem(struct op *op, const struct dynamodb_PutItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:PutItem", in->TableName, table_arn(op, in->TableName), note_put, in);
    return 0;
}

int dynamodb_authorize_UpdateItem(struct op *op, const struct dynamodb_UpdateItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:UpdateItem", in->TableName, table_arn(op, in->TableName), note_update_item, in);
    return 0;
}

int dynamodb_authorize_DeleteItem(struct op *op, const struct dynamodb_DeleteItem_in *in, struct authz *a)
{
    ask(a, "dynamodb:DeleteItem", in->TableName, table_arn(op, in->TableName), note_delete, in);
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

static void note_query(struct ask *k, const void *arg)
{
    const struct dynamodb_Query_in *in = arg;
    struct expr_env *env = env_of(k, &in->ExpressionAttributeNames, in->ExpressionAttributeValues);
    struct expr *keys = note_condition(k, env, in->KeyConditionExpression);
    if (!keys && in->KeyConditions.set && legacy_key_conditions(k->op, &in->KeyConditions, &keys) == 0 && keys)
        note_expr(k, keys);
    if (keys)
        note_leading(k, keys, in->IndexName);
    note_condition(k, env, in->FilterExpression);
    note_filter(k, &in->QueryFilter);
    note_select(k, in->Select, in->IndexName, in->ProjectionExpression, &in->AttributesToGet);
    note_projection(k, env, in->ProjectionExpression, &in->AttributesToGet);
}

static void note_scan(struct ask *k, const void *arg)
{
    const struct dynamodb_Scan_in *in = arg;
    struct expr_env *env = env_of(k, &in->ExpressionAttributeNames, in->ExpressionAttributeValues);
    note_condition(k, env, in->FilterExpression);
    note_filter(k, &in->ScanFilter);
    note_select(k, in->Select, in->IndexName, in->ProjectionExpression, &in->AttributesToGet);
    note_projection(k, env, in->ProjectionExpression, &in->AttributesToGet);
}

int dynamodb_authorize_Query(struct op *op, const struct dynamodb_Query_in *in, struct authz *a)
{
    ask(a, "dynamodb:Query", in->TableName, read_arn(op, in->TableName, in->IndexName), note_query, in);
    return 0;
}

int dynamodb_authorize_Scan(struct op *op, const struct dynamodb_Scan_in *in, struct authz *a)
{
    ask(a, "dynamodb:Scan", in->TableName, read_arn(op, in->TableName, in->IndexName), note_scan, in);
    return 0;
}

/* ---- batches and transactions ---- */

static void note_gets(struct ask *k, const void *arg)
{
    const struct dynamodb_KeysAndAttributes *in = arg;
    for list_each(key, &in->Keys)
        note_attrs(k, *key);
    note_projection(k, env_of(k, &in->ExpressionAttributeNames, STR_NONE), in->ProjectionExpression, &in->AttributesToGet);
}

static void note_writes(struct ask *k, const void *arg)
{
    const struct dynamodb_WriteRequests *in = arg;
    for list_each(w, in)
        note_attrs(k, w->PutRequest ? w->PutRequest->Item : w->DeleteRequest ? w->DeleteRequest->Key : STR_NONE);
}

int dynamodb_authorize_BatchGetItem(struct op *op, const struct dynamodb_BatchGetItem_in *in, struct authz *a)
{
    for list_each(t, &in->RequestItems)
        ask(a, "dynamodb:BatchGetItem", t->key, table_arn(op, t->key), note_gets, &t->value);
    return 0;
}

int dynamodb_authorize_BatchWriteItem(struct op *op, const struct dynamodb_BatchWriteItem_in *in, struct authz *a)
{
    for list_each(t, &in->RequestItems)
        ask(a, "dynamodb:BatchWriteItem", t->key, table_arn(op, t->key), note_writes, &t->value);
    return 0;
}

static void note_transact_get(struct ask *k, const void *arg)
{
    const struct dynamodb_Get *in = arg;
    note_attrs(k, in->Key);
    note_projection(k, env_of(k, &in->ExpressionAttributeNames, STR_NONE), in->ProjectionExpression, NULL);
}

int dynamodb_authorize_TransactGetItems(struct op *op, const struct dynamodb_TransactGetItems_in *in, struct authz *a)
{
    for list_each(t, &in->TransactItems)
        if (t->Get)
            ask(a, "dynamodb:GetItem", t->Get->TableName, table_arn(op, t->Get->TableName), note_transact_get, t->Get);
    return 0;
}

static void note_transact_put(struct ask *k, const void *arg)
{
    const struct dynamodb_Put *in = arg;
    NOTE_WRITE(k, in, in->Item, STR_NONE, STR_NONE);
}

static void note_transact_update(struct ask *k, const void *arg)
{
    const struct dynamodb_Update *in = arg;
    NOTE_WRITE(k, in, in->Key, in->UpdateExpression, STR_NONE);
}

static void note_transact_delete(struct ask *k, const void *arg)
{
    const struct dynamodb_Delete *in = arg;
    NOTE_WRITE(k, in, in->Key, STR_NONE, STR_NONE);
}

static void note_transact_check(struct ask *k, const void *arg)
{
    const struct dynamodb_ConditionCheck *in = arg;
    NOTE_WRITE(k, in, in->Key, STR_NONE, STR_NONE);
}

int dynamodb_authorize_TransactWriteItems(struct op *op, const struct dynamodb_TransactWriteItems_in *in, struct authz *a)
{
    for list_each(t, &in->TransactItems) {
        if (t->Put)
            ask(a, "dynamodb:PutItem", t->Put->TableName, table_arn(op, t->Put->TableName), note_transact_put, t->Put);
        if (t->Update)
            ask(a, "dynamodb:UpdateItem", t->Update->TableName, table_arn(op, t->Update->TableName), note_transact_update, t->Update);
        if (t->Delete)
            ask(a, "dynamodb:DeleteItem", t->Delete->TableName, table_arn(op, t->Delete->TableName), note_transact_delete, t->Delete);
        if (t->ConditionCheck)
            ask(a, "dynamodb:ConditionCheckItem", t->ConditionCheck->TableName, table_arn(op, t->ConditionCheck->TableName), note_transact_check, t->ConditionCheck);
    }
    return 0;
}

/* ---- PartiQL ---- */

static void note_node(struct ask *k, const struct ql_node *n)
{
    for list_each(o, &n->operands)
        if (o->kind != QL_VALUE)
            note_name(k, o->path.v[0].name);
    for (uint32_t i = 0; i < n->args.n; i++)
        note_node(k, n->args.v[i]);
}

static void note_statement(struct ask *k, const void *arg)
{
    const struct ql_statement *s = arg;
    struct table t;
    struct value v;
    struct value_error e;
    note_attrs(k, s->item);
    note_paths(k, &s->paths);
    for list_each(c, &s->changes)
        note_name(k, c->path.v[0].name);
    if (s->where)
        note_node(k, s->where);
    if (table_open(k->op, k->table, &t) < 0)
        return;
    struct table_index *x = s->index.p ? table_index(&t, s->index) : NULL;
    struct str hash = ql_equality(s, x ? x->schema.hash.name : t.schema.hash.name);
    if (s->kind == QL_SELECT)
        k->full_scan = hash.p ? STR("false") : STR("true");
    if (hash.p && value_parse(k->op->arena, hash, &v, &e) == 0 && v.type <= VALUE_B)
        str_list_add(k->op->arena, &k->leading, v.type == VALUE_B ? base64_encode(k->op->arena, v.s.p, v.s.n) : v.s);
}

static void ask_statement(struct op *op, struct authz *a, struct str text, const struct str_list *parameters)
{
    static const char *const actions[] = { [QL_SELECT] = "dynamodb:PartiQLSelect", [QL_INSERT] = "dynamodb:PartiQLInsert",
        [QL_UPDATE] = "dynamodb:PartiQLUpdate", [QL_DELETE] = "dynamodb:PartiQLDelete", [QL_EXISTS] = "dynamodb:ConditionCheckItem" };
    struct ql_statement *s = arena_one(op->arena, struct ql_statement);
    struct str error;
    if (ql_parse(op->arena, text, parameters, s, &error) == 0)
        ask(a, actions[s->kind], s->table, read_arn(op, s->table, s->index), note_statement, s);
}

int dynamodb_authorize_ExecuteStatement(struct op *op, const struct dynamodb_ExecuteStatement_in *in, struct authz *a)
{
    ask_statement(op, a, in->Statement, &in->Parameters);
    return 0;
}

int dynamodb_authorize_BatchExecuteStatement(struct op *op, const struct dynamodb_BatchExecuteStatement_in *in, struct authz *a)
{
    for list_each(m, &in->Statements)
        ask_statement(op, a, m->Statement, &m->Parameters);
    return 0;
}

int dynamodb_authorize_ExecuteTransaction(struct op *op, const struct dynamodb_ExecuteTransaction_in *in, struct authz *a)
{
    for list_each(m, &in->TransactStatements)
        ask_statement(op, a, m->Statement, &m->Parameters);
    return 0;
}
