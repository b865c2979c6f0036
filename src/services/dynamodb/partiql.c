/* ExecuteStatement, BatchExecuteStatement, ExecuteTransaction. */
#include "services/dynamodb/partiql.h"

#include "aws/page.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/read.h"

/* ---- the text of expressions ---- */

struct emit {
    struct arena *a;
    struct str_map names; /* #n0 -> name */
    struct buf values;    /* ":v0":{...},... */
    unsigned n_values;
};

static void emit_init(struct emit *e, struct arena *a)
{
    *e = (struct emit){ .a = a };
    buf_init(&e->values, a, LIMIT_BODY_BYTES);
}

static struct str emit_values(struct emit *e)
{
    struct str inner = buf_done(&e->values);
    return e->n_values ? str_cat(e->a, STR("{"), inner, STR("}")) : STR_NONE;
}

static void put_name(struct emit *e, struct buf *b, struct str name)
{
    for (uint32_t i = 0; i < e->names.n; i++)
        if (str_eq(e->names.v[i].value, name)) {
            buf_str(b, e->names.v[i].key);
            return;
        }
    struct str placeholder = str_printf(e->a, "#n%u", e->names.n);
    str_map_put(e->a, &e->names, placeholder, name);
    buf_str(b, placeholder);
}

static void put_path(struct emit *e, struct buf *b, const struct path *path)
{
    for (uint32_t i = 0; i < path->n; i++) {
        if (!path->v[i].name.p) {
            buf_printf(b, "[%u]", path->v[i].index);
            continue;
        }
        if (i)
            buf_byte(b, '.');
        put_name(e, b, path->v[i].name);
    }
}

static void put_operand(struct emit *e, struct buf *b, const struct ql_operand *o)
{
    if (o->kind == QL_VALUE) {
        buf_printf(b, ":v%u", e->n_values);
        buf_printf(&e->values, "%s\":v%u\":%.*s", e->n_values ? "," : "", e->n_values, STR_ARG(o->json));
        e->n_values++;
        return;
    }
    buf_c(b, o->kind == QL_SIZE ? "size(" : "");
    put_path(e, b, &o->path);
    buf_c(b, o->kind == QL_SIZE ? ")" : "");
}

static void put_operands(struct emit *e, struct buf *b, const struct ql_operand *v, uint32_t n, const char *between)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_c(b, i ? between : "");
        put_operand(e, b, &v[i]);
    }
}

static void put_nodes(struct emit *e, struct buf *b, const struct ql_nodes *l, bool or);

static void put_node(struct emit *e, struct buf *b, const struct ql_node *n)
{
    const struct ql_operands *o = &n->operands;
    switch (n->kind) {
    case QL_AND:
    case QL_OR:
        put_nodes(e, b, &n->args, n->kind == QL_OR);
        return;
    case QL_NOT:
        buf_c(b, "NOT (");
        put_node(e, b, n->args.v[0]);
        buf_byte(b, ')');
        return;
    case QL_COMPARE:
        put_operand(e, b, &o->v[0]);
        buf_printf(b, " %s ", n->word);
        put_operand(e, b, &o->v[1]);
        return;
    case QL_BETWEEN:
        put_operand(e, b, &o->v[0]);
        buf_c(b, " BETWEEN ");
        put_operands(e, b, o->v + 1, 2, " AND ");
        return;
    case QL_IN:
        put_operand(e, b, &o->v[0]);
        buf_c(b, " IN (");
        put_operands(e, b, o->v + 1, o->n - 1, ", ");
        buf_byte(b, ')');
        return;
    case QL_CALL:
        buf_printf(b, "%s(", n->word);
        put_operands(e, b, o->v, o->n, ", ");
        buf_byte(b, ')');
        return;
    }
}

static void put_nodes(struct emit *e, struct buf *b, const struct ql_nodes *l, bool or)
{
    for (uint32_t i = 0; i < l->n; i++) {
        bool apart = l->n > 1 && !or && l->v[i]->kind == QL_OR;
        buf_c(b, i == 0 ? "" : or ? " OR " : " AND ");
        buf_c(b, apart ? "(" : "");
        put_node(e, b, l->v[i]);
        buf_c(b, apart ? ")" : "");
    }
}

static void text_init(struct buf *b, struct emit *e) { buf_init(b, e->a, LIMIT_BODY_BYTES); }

static struct str text_done(struct buf *b) { return b->n ? buf_done(b) : STR_NONE; }

/* ---- what a WHERE asks of the key ---- */

static struct ql_nodes conjuncts(struct arena *a, struct ql_node *where)
{
    struct ql_nodes l = { 0 };
    if (where && where->kind == QL_AND)
        return where->args;
    if (where)
        *list_push(a, &l) = where;
    return l;
}

static bool is_attribute(const struct ql_operand *o, struct str name) { return o->kind == QL_PATH && o->path.n == 1 && str_eq(o->path.v[0].name, name); }

/* name = value, or the other way round. */
static const struct ql_operand *equal_value(const struct ql_node *n, struct str name)
{
    if (n->kind != QL_COMPARE || !str_is(str_c(n->word), "="))
        return NULL;
    for (int i = 0; i < 2; i++)
        if (is_attribute(&n->operands.v[i], name) && n->operands.v[1 - i].kind == QL_VALUE)
            return &n->operands.v[1 - i];
    return NULL;
}

struct str ql_equality(const struct ql_statement *s, struct str name)
{
    const struct ql_node *w = s->where;
    uint32_t n = !w ? 0 : w->kind == QL_AND ? w->args.n : 1, found = 0;
    struct str json = STR_NONE;
    for (uint32_t i = 0; i < n; i++) {
        const struct ql_operand *o = equal_value(w->kind == QL_AND ? w->args.v[i] : w, name);
        found += o != NULL;
        json = o ? o->json : json;
    }
    return found == 1 ? json : STR_NONE;
}

/* Splits a WHERE into the key of one item and what else it asks; false: it does not name the whole key. */
static bool take_key(struct op *op, const struct ql_statement *s, const struct key_schema *schema, struct str *ret_key, struct ql_nodes *ret_rest)
{
    struct ql_nodes all = conjuncts(op->arena, s->where);
    const struct str names[2] = { schema->hash.name, schema->range.name };
    struct buf b;
    *ret_rest = (struct ql_nodes){ 0 };
    buf_init(&b, op->arena, LIMIT_BODY_BYTES);
    for (int i = 0; i < 2 && names[i].p; i++) {
        struct str json = ql_equality(s, names[i]);
        if (!json.p)
            return false;
        buf_c(&b, i ? "," : "{");
        buf_json_string(&b, names[i]);
        buf_byte(&b, ':');
        buf_str(&b, json);
    }
    buf_byte(&b, '}');
    for (uint32_t i = 0; i < all.n; i++)
        if (!equal_value(all.v[i], names[0]) && !(names[1].p && equal_value(all.v[i], names[1])))
            *list_push(op->arena, ret_rest) = all.v[i];
    *ret_key = buf_done(&b);
    return ret_key->p != NULL;
}

static bool mentions(const struct ql_node *n, const struct key_schema *schema)
{
    for (uint32_t i = 0; i < n->operands.n; i++) {
        const struct path *path = &n->operands.v[i].path;
        if (n->operands.v[i].kind != QL_VALUE && key_schema_has(schema, path->v[0].name))
            return true;
    }
    for (uint32_t i = 0; i < n->args.n; i++)
        if (mentions(n->args.v[i], schema))
            return true;
    return false;
}

/* Whether a Query takes it as its condition on the sort key. */
static bool is_range(const struct ql_node *n, struct str name)
{
    bool values = n->operands.n > 0 && name.p && is_attribute(&n->operands.v[0], name);
    for (uint32_t i = 1; i < n->operands.n; i++)
        values = values && n->operands.v[i].kind == QL_VALUE;
    return values && ((n->kind == QL_COMPARE && !str_is(str_c(n->word), "<>")) || n->kind == QL_BETWEEN ||
                      (n->kind == QL_CALL && str_is(str_c(n->word), "begins_with")));
}

/* ---- answers and errors ---- */

/* Expressions were made here: what is wrong with one is the statement's. */
static int reword(struct op *op, int rc)
{
    static const char *const prefixes[] = { "Invalid FilterExpression: ", "Invalid ConditionExpression: ", "Invalid UpdateExpression: ",
                                            "Invalid KeyConditionExpression: ", "Invalid ProjectionExpression: ",
                                            "ExpressionAttributeValues contains invalid value: " };
    for (size_t i = 0; rc == E_AWS && i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(op->fail.message, str_c(prefixes[i])))
            op->fail.message = str_sub(op->fail.message, str_c(prefixes[i]).n, op->fail.message.n);
    return rc;
}

static bool is_nested(const struct ql_statement *s)
{
    for (uint32_t i = 0; i < s->paths.n; i++)
        if (s->paths.v[i].n > 1)
            return true;
    return false;
}

/* What a SELECT reads: the top-level attributes that it names, each once; absent: all. */
static struct str projection(struct emit *e, const struct ql_statement *s)
{
    struct buf b;
    text_init(&b, e);
    for (uint32_t i = 0; i < s->paths.n; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i; k++)
            seen = seen || str_eq(s->paths.v[k].v[0].name, s->paths.v[i].v[0].name);
        if (seen)
            continue;
        buf_c(&b, b.n ? ", " : "");
        put_name(e, &b, s->paths.v[i].v[0].name);
    }
    return text_done(&b);
}

/* a.b becomes an attribute b, a[0] one named by its place in the SELECT. */
static int flatten(struct op *op, const struct ql_statement *s, struct str *item)
{
    struct attr_map whole, flat = { .set = true };
    if (!item->p || !is_nested(s))
        return 0;
    int rc = request_map(op, *item, &whole);
    for (uint32_t i = 0; i < s->paths.n && rc == 0; i++) {
        const struct path *path = &s->paths.v[i];
        const struct value *v = path_get(&whole, path);
        struct str name = path->v[path->n - 1].name;
        if (v)
            attr_put(op->arena, &flat, name.p ? name : str_printf(op->arena, "_%u", i + 1), v);
    }
    *item = value_map_json(op->arena, &flat);
    return rc;
}

static int parse(struct op *op, struct str text, const struct str_list *parameters, struct ql_statement *ret)
{
    struct str error;
    return ql_parse(op->arena, text, parameters, ret, &error) < 0 ? invalid(op, "%.*s", STR_ARG(error)) : 0;
}

/* ---- SELECT ---- */

struct select {
    struct table table;
    const struct key_schema *schema;
    bool query;
    struct str keys, filter, projection, values;
    struct emit emit;
};

static int check_order(struct op *op, const struct ql_statement *s, const struct select *x)
{
    if (s->order.n == 0)
        return 0;
    if (!s->where)
        return invalid(op, "Must have WHERE clause in the statement when using ORDER BY clause.");
    for list_each(o, &s->order)
        if (!key_schema_has(x->schema, o->name))
            return invalid(op, "Variable reference %.*s in ORDER BY clause must be part of the primary key", STR_ARG(o->name));
    if (!x->query)
        return invalid(op, "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.");
    return 0;
}

/* A Query when one partition is asked for and nothing of the key is left to a filter; else a Scan. */
static int plan_select(struct op *op, const struct ql_statement *s, struct select *x)
{
    struct ql_nodes all = conjuncts(op->arena, s->where), keys = { 0 }, rest = { 0 };
    struct buf b;
    int rc = table_open(op, s->table, &x->table);
    if (rc < 0)
        return rc;
    struct table_index *index = s->index.p ? table_index(&x->table, s->index) : NULL;
    x->schema = index ? &index->schema : &x->table.schema;
    x->query = ql_equality(s, x->schema->hash.name).p != NULL;
    for (uint32_t i = 0; i < all.n; i++) {
        bool hash = equal_value(all.v[i], x->schema->hash.name);
        bool range = !hash && keys.n < 2 && is_range(all.v[i], x->schema->range.name);
        for (uint32_t k = 0; range && k < keys.n; k++)
            range = !is_range(keys.v[k], x->schema->range.name);
        *list_push(op->arena, x->query && (hash || range) ? &keys : &rest) = all.v[i];
    }
    for (uint32_t i = 0; i < rest.n; i++)
        x->query = x->query && !mentions(rest.v[i], x->schema);
    emit_init(&x->emit, op->arena);
    x->projection = projection(&x->emit, s);
    text_init(&b, &x->emit);
    put_nodes(&x->emit, &b, &keys, false);
    x->keys = x->query ? text_done(&b) : STR_NONE;
    if (!x->query) { /* all of it is the filter */
        emit_init(&x->emit, op->arena);
        x->projection = projection(&x->emit, s);
        rest = all;
    }
    text_init(&b, &x->emit);
    put_nodes(&x->emit, &b, &rest, false);
    x->filter = text_done(&b);
    x->values = emit_values(&x->emit);
    return check_order(op, s, x);
}

/* A token holds which statement it belongs to, and the last key. */
static struct str digest_of(struct op *op, struct str statement)
{
    uint8_t digest[32];
    digest_sha256(statement.p, statement.n, digest);
    return hex_encode(op->arena, digest, 8);
}

static int read_token(struct op *op, const struct dynamodb_ExecuteStatement_in *in, struct str *ret_key)
{
    struct str text, digest = digest_of(op, in->Statement);
    *ret_key = STR_NONE;
    if (!in->NextToken.p)
        return 0;
    if (page_key(op, in->NextToken, &text) < 0)
        return invalid(op, "Invalid NextToken");
    if (!str_starts(text, digest))
        return invalid(op, "NextToken does not match request");
    *ret_key = str_dup(op->arena, str_sub(text, digest.n, text.n));
    return 0;
}

#define READ(T, in, s, x, start)                                                                                                                      \
    (struct T) { .TableName = (s)->table, .IndexName = (s)->index, .FilterExpression = (x)->filter, .ProjectionExpression = (x)->projection,              \
                 .ExpressionAttributeNames = (x)->emit.names, .ExpressionAttributeValues = (x)->values, .Limit = (in)->Limit,                             \
                 .ConsistentRead = (in)->ConsistentRead, .ExclusiveStartKey = (start), .ReturnConsumedCapacity = (in)->ReturnConsumedCapacity }

static int run_select(struct op *op, const struct dynamodb_ExecuteStatement_in *in, const struct ql_statement *s, struct dynamodb_ExecuteStatement_out *out)
{
    struct select *x = arena_one(op->arena, struct select);
    struct dynamodb_Query_out found = { 0 };
    struct dynamodb_Scan_out scanned = { 0 };
    struct str start;
    int rc = plan_select(op, s, x);
    if (rc == 0)
        rc = read_token(op, in, &start);
    if (rc < 0)
        return rc;
    if (x->query) {
        struct dynamodb_Query_in query = READ(dynamodb_Query_in, in, s, x, start);
        query.KeyConditionExpression = x->keys;
        query.ScanIndexForward = SOME_BOOL(!(s->order.n && s->order.v[s->order.n - 1].descending));
        rc = reword(op, dynamodb_Query(op, &query, &found));
    } else {
        struct dynamodb_Scan_in scan = READ(dynamodb_Scan_in, in, s, x, start);
        rc = reword(op, dynamodb_Scan(op, &scan, &scanned));
        found = (struct dynamodb_Query_out){ .Items = scanned.Items, .LastEvaluatedKey = scanned.LastEvaluatedKey, .ConsumedCapacity = scanned.ConsumedCapacity };
    }
    for (uint32_t i = 0; i < found.Items.n && rc == 0; i++)
        rc = flatten(op, s, &found.Items.v[i]);
    out->Items = found.Items;
    out->Items.set = true;
    out->ConsumedCapacity = found.ConsumedCapacity;
    out->LastEvaluatedKey = found.LastEvaluatedKey;
    if (rc == 0 && found.LastEvaluatedKey.p)
        out->NextToken = page_token(op, str_cat(op->arena, digest_of(op, in->Statement), found.LastEvaluatedKey));
    return rc;
}

/* One item by its whole key, as batches and transactions read. */
struct get {
    struct str key, projection;
    struct emit emit;
};

static int plan_get(struct op *op, const struct ql_statement *s, const char *operation, struct get *ret)
{
    struct ql_nodes rest;
    struct table t;
    int rc = table_open(op, s->table, &t);
    if (rc < 0)
        return rc;
    if (s->index.p || !take_key(op, s, &t.schema, &ret->key, &rest) || rest.n)
        return invalid(op, "Select statements within %s must specify the primary key in the where clause.", operation);
    emit_init(&ret->emit, op->arena);
    ret->projection = projection(&ret->emit, s);
    return 0;
}

/* ---- writes ---- */

struct change {
    struct str key, condition, update, values;
    struct emit emit;
};

static void put_change(struct emit *e, struct buf *b, const struct ql_change *c)
{
    put_path(e, b, &c->path);
    if (c->verb == UPDATE_REMOVE)
        return;
    buf_c(b, c->verb == UPDATE_SET ? " = " : " ");
    if (c->function)
        buf_printf(b, "%s(", c->function);
    put_operand(e, b, &c->first);
    if (c->function || c->sign) {
        buf_c(b, c->function ? ", " : c->sign == '+' ? " + " : " - ");
        put_operand(e, b, &c->second);
    }
    buf_c(b, c->function ? ")" : "");
}

static struct str update_text(struct emit *e, const struct ql_statement *s)
{
    static const char *const words[] = { [UPDATE_SET] = "SET ", [UPDATE_REMOVE] = "REMOVE ", [UPDATE_ADD] = "ADD ", [UPDATE_DELETE] = "DELETE " };
    struct buf b;
    text_init(&b, e);
    for (enum update_verb verb = UPDATE_SET; verb <= UPDATE_DELETE; verb++) {
        bool first = true;
        for list_each(c, &s->changes) {
            if (c->verb != verb)
                continue;
            buf_c(&b, !first ? ", " : b.n ? " " : "");
            buf_c(&b, first ? words[verb] : "");
            put_change(e, &b, c);
            first = false;
        }
    }
    return text_done(&b);
}

/* An UPDATE wants its item to be there; a DELETE asks its condition of an item that is; an INSERT wants none; EXISTS asks what it says. */
static struct str condition_text(struct emit *e, const struct ql_statement *s, struct str key_name, const struct ql_nodes *rest)
{
    struct buf b;
    text_init(&b, e);
    if (s->kind == QL_DELETE && rest->n == 0)
        return STR_NONE;
    if (s->kind != QL_EXISTS) {
        buf_c(&b, s->kind == QL_UPDATE ? "attribute_exists(" : "attribute_not_exists(");
        put_name(e, &b, key_name);
        buf_byte(&b, ')');
    }
    if (rest->n == 0)
        return text_done(&b);
    bool apart = s->kind != QL_EXISTS;
    buf_c(&b, s->kind == QL_UPDATE ? " AND (" : apart ? " OR (" : "");
    put_nodes(e, &b, rest, false);
    buf_c(&b, apart ? ")" : "");
    return text_done(&b);
}

static int plan_change(struct op *op, const struct ql_statement *s, struct change *ret)
{
    struct ql_nodes rest = { 0 };
    struct table t;
    int rc = table_open(op, s->table, &t);
    if (rc < 0)
        return rc;
    if (s->index.p)
        return invalid(op, "Operations on indices are not supported in transactions");
    bool whole = s->kind == QL_INSERT || take_key(op, s, &t.schema, &ret->key, &rest);
    if (s->kind == QL_EXISTS && (!whole || rest.n == 0))
        return invalid(op, "EXISTS() must contain a single item read with additional condition");
    if (!whole)
        return invalid(op, "Where clause does not contain a mandatory equality on all key attributes");
    emit_init(&ret->emit, op->arena);
    ret->condition = condition_text(&ret->emit, s, t.schema.hash.name, &rest);
    ret->update = s->kind == QL_UPDATE ? update_text(&ret->emit, s) : STR_NONE;
    ret->values = emit_values(&ret->emit);
    return 0;
}

static int duplicate(struct op *op, int rc)
{
    if (rc != E_AWS || op->fail.error != DYNAMODB_ConditionalCheckFailedException)
        return rc;
    return aws_fail(op, DYNAMODB_DuplicateItemException, "Duplicate primary key exists in table");
}

static struct str returned(enum ql_returning r)
{
    static const char *const words[] = { NULL, "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW" };
    return str_c(words[r]);
}

#define WRITE(T, s, x, on_failure, capacity)                                                                                                          \
    (struct T) { .TableName = (s)->table, .ConditionExpression = (x)->condition, .ExpressionAttributeNames = (x)->emit.names,                             \
                 .ExpressionAttributeValues = (x)->values, .ReturnValues = returned((s)->returning),                                                     \
                 .ReturnValuesOnConditionCheckFailure = (on_failure), .ReturnConsumedCapacity = (capacity) }

/* ret_item: what RETURNING asks for; absent when there is none. */
static int run_change(struct op *op, const struct ql_statement *s, struct str on_failure, struct str capacity, struct str *ret_item,
                      struct dynamodb_ConsumedCapacity **ret_capacity)
{
    struct change *x = arena_one(op->arena, struct change);
    int rc = plan_change(op, s, x);
    if (rc < 0)
        return rc;
    if (s->kind == QL_INSERT) {
        struct dynamodb_PutItem_in in = WRITE(dynamodb_PutItem_in, s, x, on_failure, capacity);
        struct dynamodb_PutItem_out out = { 0 };
        in.Item = s->item;
        rc = duplicate(op, dynamodb_PutItem(op, &in, &out));
        *ret_capacity = out.ConsumedCapacity;
    } else if (s->kind == QL_UPDATE) {
        struct dynamodb_UpdateItem_in in = WRITE(dynamodb_UpdateItem_in, s, x, on_failure, capacity);
        struct dynamodb_UpdateItem_out out = { 0 };
        in.Key = x->key;
        in.UpdateExpression = x->update;
        rc = dynamodb_UpdateItem(op, &in, &out);
        *ret_item = out.Attributes;
        *ret_capacity = out.ConsumedCapacity;
    } else {
        struct dynamodb_DeleteItem_in in = WRITE(dynamodb_DeleteItem_in, s, x, on_failure, capacity);
        struct dynamodb_DeleteItem_out out = { 0 };
        in.Key = x->key;
        rc = dynamodb_DeleteItem(op, &in, &out);
        *ret_item = out.Attributes;
        *ret_capacity = out.ConsumedCapacity;
    }
    return reword(op, rc);
}

/* ---- the operations ---- */

int dynamodb_ExecuteStatement(struct op *op, const struct dynamodb_ExecuteStatement_in *in, struct dynamodb_ExecuteStatement_out *out)
{
    struct ql_statement s;
    struct str item = STR_NONE;
    int rc = parse(op, in->Statement, &in->Parameters, &s);
    if (rc < 0)
        return rc;
    if (s.kind == QL_EXISTS)
        return invalid(op, "EXISTS can only be used in ExecuteTransaction write requests.");
    if (s.kind == QL_SELECT)
        return run_select(op, in, &s, out);
    out->Items.set = true;
    rc = run_change(op, &s, in->ReturnValuesOnConditionCheckFailure, in->ReturnConsumedCapacity, &item, &out->ConsumedCapacity);
    if (rc == 0 && item.p && s.returning)
        str_list_add(op->arena, &out->Items, item);
    return rc;
}

static int run_member(struct op *op, const struct dynamodb_BatchStatementRequest *in, const struct ql_statement *s, struct str capacity,
                      struct str *ret_item, struct dynamodb_ConsumedCapacity **ret_capacity)
{
    if (s->kind == QL_EXISTS)
        return invalid(op, "EXISTS can only be used in ExecuteTransaction write requests.");
    if (s->kind != QL_SELECT)
        return run_change(op, s, in->ReturnValuesOnConditionCheckFailure, capacity, ret_item, ret_capacity);
    struct get *g = arena_one(op->arena, struct get);
    struct dynamodb_GetItem_out out = { 0 };
    int rc = plan_get(op, s, "BatchExecuteStatement", g);
    if (rc < 0)
        return rc;
    struct dynamodb_GetItem_in get = { .TableName = s->table, .Key = g->key, .ProjectionExpression = g->projection,
        .ExpressionAttributeNames = g->emit.names, .ConsistentRead = in->ConsistentRead, .ReturnConsumedCapacity = capacity };
    rc = reword(op, dynamodb_GetItem(op, &get, &out));
    *ret_item = out.Item;
    *ret_capacity = out.ConsumedCapacity;
    return rc < 0 ? rc : flatten(op, s, ret_item);
}

static void tell_error(struct op *op, struct dynamodb_BatchStatementResponse *r)
{
    static const char *const codes[][2] = { { "ValidationException", "ValidationError" }, { "ConditionalCheckFailedException", "ConditionalCheckFailed" },
        { "ResourceNotFoundException", "ResourceNotFound" }, { "DuplicateItemException", "DuplicateItem" }, { "AccessDenied", "AccessDenied" } };
    const struct dynamodb_ConditionalCheckFailedException *detail = op->fail.detail;
    r->Error = arena_one(op->arena, struct dynamodb_BatchStatementError);
    r->Error->Code = STR("InternalServerError");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (str_is(str_c(op->fail.error->name), codes[i][0]))
            r->Error->Code = str_c(codes[i][1]);
    r->Error->Message = op->fail.message;
    if (op->fail.error == DYNAMODB_ConditionalCheckFailedException && detail)
        r->Error->Item = detail->Item;
    op->fail = (struct op_failure){ 0 };
}

int dynamodb_BatchExecuteStatement(struct op *op, const struct dynamodb_BatchExecuteStatement_in *in, struct dynamodb_BatchExecuteStatement_out *out)
{
    unsigned reads = 0, writes = 0;
    out->Responses.set = true;
    for list_each(m, &in->Statements) {
        struct ql_statement s;
        struct str error;
        if (ql_parse(op->arena, m->Statement, &m->Parameters, &s, &error) == 0)
            *(s.kind == QL_SELECT ? &reads : &writes) += 1;
    }
    if (reads && writes)
        return invalid(op, "Statements of a batch must be either all reads or all writes");
    for list_each(m, &in->Statements) {
        struct dynamodb_BatchStatementResponse *r = list_push(op->arena, &out->Responses);
        struct dynamodb_ConsumedCapacity *capacity = NULL;
        struct ql_statement s = { 0 };
        txn_save(op->txn);
        int rc = parse(op, m->Statement, &m->Parameters, &s);
        if (rc == 0)
            rc = run_member(op, m, &s, in->ReturnConsumedCapacity, &r->Item, &capacity);
        if (rc == 0)
            txn_save_release(op->txn);
        else
            txn_save_rollback(op->txn);
        if (rc < 0 && rc != E_AWS)
            return rc;
        if (s.table.p)
            r->TableName = table_name(s.table);
        if (rc < 0)
            tell_error(op, r);
        if (capacity)
            *list_push(op->arena, &out->ConsumedCapacity) = *capacity;
    }
    return 0;
}

/* ---- transactions ---- */

static int in_statement(struct op *op, uint32_t i, int rc)
{
    if (rc == E_AWS && op->fail.error == DYNAMODB_ValidationException)
        return invalid(op, "Validation failed in TransactStatements[%u]: %.*s", i, STR_ARG(op->fail.message));
    return rc;
}

static int read_all(struct op *op, const struct dynamodb_ExecuteTransaction_in *in, const struct ql_statement *s, uint32_t n,
                    struct dynamodb_ExecuteTransaction_out *out)
{
    struct dynamodb_TransactGetItems_in gets = { .ReturnConsumedCapacity = in->ReturnConsumedCapacity };
    struct dynamodb_TransactGetItems_out found = { 0 };
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        struct get *g = arena_one(op->arena, struct get);
        struct dynamodb_Get *get = arena_one(op->arena, struct dynamodb_Get);
        rc = in_statement(op, i, plan_get(op, &s[i], "ExecuteTransaction", g));
        *get = (struct dynamodb_Get){ .TableName = s[i].table, .Key = g->key, .ProjectionExpression = g->projection, .ExpressionAttributeNames = g->emit.names };
        list_push(op->arena, &gets.TransactItems)->Get = get;
    }
    if (rc == 0)
        rc = reword(op, dynamodb_TransactGetItems(op, &gets, &found));
    for (uint32_t i = 0; i < found.Responses.n && rc == 0; i++)
        rc = flatten(op, &s[i], &found.Responses.v[i].Item);
    out->Responses = found.Responses;
    out->ConsumedCapacity = found.ConsumedCapacity;
    return rc;
}

#define TRANSACT(T, s, x, statement)                                                                                                                  \
    *(struct T *)arena_dup(op->arena, &(struct T){ .TableName = (s)->table, .ConditionExpression = (x)->condition,                                        \
        .ExpressionAttributeNames = (x)->emit.names, .ExpressionAttributeValues = (x)->values,                                                          \
        .ReturnValuesOnConditionCheckFailure = (statement)->ReturnValuesOnConditionCheckFailure }, sizeof(struct T))

static int plan_write(struct op *op, const struct dynamodb_ParameterizedStatement *in, const struct ql_statement *s, struct dynamodb_TransactWriteItem *ret)
{
    struct change *x = arena_one(op->arena, struct change);
    if (s->returning)
        return invalid(op, "RETURNING is not supported in transactions");
    int rc = plan_change(op, s, x);
    if (rc < 0)
        return rc;
    if (s->kind == QL_INSERT) {
        ret->Put = &TRANSACT(dynamodb_Put, s, x, in);
        ret->Put->Item = s->item;
    } else if (s->kind == QL_UPDATE) {
        ret->Update = &TRANSACT(dynamodb_Update, s, x, in);
        ret->Update->Key = x->key;
        ret->Update->UpdateExpression = x->update;
    } else if (s->kind == QL_DELETE) {
        ret->Delete = &TRANSACT(dynamodb_Delete, s, x, in);
        ret->Delete->Key = x->key;
    } else {
        ret->ConditionCheck = &TRANSACT(dynamodb_ConditionCheck, s, x, in);
        ret->ConditionCheck->Key = x->key;
    }
    return 0;
}

/* An INSERT whose item is there fails with a code of its own. */
static int tell_duplicates(struct op *op, const struct ql_statement *s)
{
    struct dynamodb_TransactionCanceledException *detail =
        arena_dup(op->arena, op->fail.detail, sizeof(struct dynamodb_TransactionCanceledException));
    struct buf b;
    buf_init(&b, op->arena, 1 << 16);
    for (uint32_t i = 0; i < detail->CancellationReasons.n; i++) {
        struct dynamodb_CancellationReason *r = &detail->CancellationReasons.v[i];
        if (s[i].kind == QL_INSERT && str_is(r->Code, "ConditionalCheckFailed")) {
            r->Code = STR("DuplicateItem");
            r->Message = STR("Duplicate primary key exists in table");
        }
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(r->Code));
    }
    return aws_fail_with(op, DYNAMODB_TransactionCanceledException, detail,
                         "Transaction cancelled, please refer cancellation reasons for specific reasons [%.*s]", STR_ARG(buf_done(&b)));
}

static int write_all(struct op *op, const struct dynamodb_ExecuteTransaction_in *in, const struct ql_statement *s, uint32_t n,
                     struct dynamodb_ExecuteTransaction_out *out)
{
    struct dynamodb_TransactWriteItems_in writes = { .ClientRequestToken = in->ClientRequestToken, .ReturnConsumedCapacity = in->ReturnConsumedCapacity };
    struct dynamodb_TransactWriteItems_out done = { 0 };
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        struct dynamodb_TransactWriteItem *w = list_push(op->arena, &writes.TransactItems);
        rc = in_statement(op, i, plan_write(op, &in->TransactStatements.v[i], &s[i], w));
    }
    if (rc == 0)
        rc = reword(op, dynamodb_TransactWriteItems(op, &writes, &done));
    if (rc == E_AWS && op->fail.error == DYNAMODB_TransactionCanceledException)
        return tell_duplicates(op, s);
    for (uint32_t i = 0; i < n; i++)
        list_push(op->arena, &out->Responses);
    out->ConsumedCapacity = done.ConsumedCapacity;
    return rc;
}

int dynamodb_ExecuteTransaction(struct op *op, const struct dynamodb_ExecuteTransaction_in *in, struct dynamodb_ExecuteTransaction_out *out)
{
    uint32_t n = in->TransactStatements.n, reads = 0;
    struct ql_statement *s = arena_many(op->arena, struct ql_statement, n + 1);
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        rc = in_statement(op, i, parse(op, in->TransactStatements.v[i].Statement, &in->TransactStatements.v[i].Parameters, &s[i]));
        reads += rc == 0 && s[i].kind == QL_SELECT;
    }
    if (rc < 0)
        return rc;
    if (reads && reads < n)
        return invalid(op, "Statements of a transaction must be either all reads or all writes");
    return reads ? read_all(op, in, s, n, out) : write_all(op, in, s, n, out);
}
