/* TransactGetItems and TransactWriteItems. The writer runs one operation at a time, so a transaction is atomic and isolated as it is;
 * what is left is to find out what every item says before anything is answered, and repetitions by the client's token. */
#include "base/arena.h"
#include "base/code.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"

enum { TRANSACT_ITEMS_MAX = 100, TRANSACT_BYTES_MAX = 4 * 1024 * 1024, TOKEN_LIFE_MS = 10 * 60 * 1000, TRANSACT_FACTOR = 2 };

static void describe_usage(struct op *op, struct usage_list *usage, struct str mode, struct dynamodb_ConsumedCapacityMultiple *ret)
{
    for (uint32_t i = 0; i < usage->n; i++) {
        usage_tell(op, &usage->v[i]);
        if (!capacity_wanted(mode))
            continue;
        usage->v[i].transact = true;
        usage_describe(op, &usage->v[i], mode, list_push(op->arena, ret));
    }
}

/* ---- reading ---- */

static int get_one(struct op *op, const struct dynamodb_Get *in, struct usage_list *usage, struct str_list *seen, struct str *ret)
{
    struct expr_params p = { .names = &in->ExpressionAttributeNames };
    struct table *t = arena_one(op->arena, struct table);
    struct key *k = arena_one(op->arena, struct key);
    struct path_list paths = { 0 };
    struct stored s = { 0 };
    struct attr_map key, item;
    struct expr_env env;

    params_add(&p, "ProjectionExpression", in->ProjectionExpression);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = params_projection(op, &env, in->ProjectionExpression, &paths);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = request_map(op, in->Key, &key);
    if (rc == 0)
        rc = table_open_items(op, in->TableName, t);
    if (rc == 0)
        rc = item_check_key(op, &t->schema, &key);
    if (rc < 0)
        return rc;
    item_key(op, k, t, &key);
    if (str_list_has(seen, key_view(k)))
        return invalid(op, "Transaction request cannot include multiple operations on one item");
    str_list_add(op->arena, seen, key_view(k));
    rc = item_load(op, t, k, &s);
    if (rc == 0)
        *ret = s.json;
    if (rc == 0 && paths.n > 0) {
        rc = item_parse(op, &s, &item);
        struct attr_map part = path_project(op->arena, &item, &paths);
        *ret = value_map_json(op->arena, &part);
    }
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    usage_of(op, usage, t)->read += TRANSACT_FACTOR * capacity_read_units(s.size, true);
    return 0;
}

int dynamodb_TransactGetItems(struct op *op, const struct dynamodb_TransactGetItems_in *in, struct dynamodb_TransactGetItems_out *out)
{
    struct usage_list usage = { 0 };
    struct str_list seen = { 0 };
    size_t bytes = 0;
    int rc = 0;

    out->Responses.set = true;
    for (uint32_t i = 0; i < in->TransactItems.n && rc == 0; i++) {
        if (!in->TransactItems.v[i].Get)
            return invalid(op, "TransactItems can only contain Get");
        struct dynamodb_ItemResponse *r = list_push(op->arena, &out->Responses);
        rc = get_one(op, in->TransactItems.v[i].Get, &usage, &seen, &r->Item);
        bytes += r->Item.n;
    }
    if (rc == 0 && bytes > TRANSACT_BYTES_MAX)
        return invalid(op, "Collective item sizes in the transaction cannot exceed 4MB");
    if (rc == 0)
        describe_usage(op, &usage, in->ReturnConsumedCapacity, &out->ConsumedCapacity);
    return rc;
}

/* ---- writing: what each item asks ---- */

struct request {
    enum write_kind kind;
    struct str table, attrs, condition, update, values, on_failure;
    const struct str_map *names;
};

#define REQUEST(kind_, x, attrs_, update_)                                                                              \
    (struct request){ kind_, (x)->TableName, attrs_, (x)->ConditionExpression, update_, (x)->ExpressionAttributeValues,    \
                      (x)->ReturnValuesOnConditionCheckFailure, &(x)->ExpressionAttributeNames }

static int read_request(struct op *op, const struct dynamodb_TransactWriteItem *in, struct request *ret)
{
    if (!!in->ConditionCheck + !!in->Put + !!in->Delete + !!in->Update != 1)
        return invalid(op, "TransactItems can only contain one of Check, Put, Update or Delete");
    if (in->Put)
        *ret = REQUEST(WRITE_PUT, in->Put, in->Put->Item, STR_NONE);
    else if (in->Delete)
        *ret = REQUEST(WRITE_DELETE, in->Delete, in->Delete->Key, STR_NONE);
    else if (in->Update)
        *ret = REQUEST(WRITE_UPDATE, in->Update, in->Update->Key, in->Update->UpdateExpression);
    else
        *ret = REQUEST(WRITE_CHECK, in->ConditionCheck, in->ConditionCheck->Key, STR_NONE);
    return 0;
}

/* What is wrong here refuses the whole request, whatever the items are. */
static int prepare(struct op *op, const struct request *r, struct write *w)
{
    struct expr_params p = { .names = r->names, .values = r->values };
    struct expr_env env;
    w->kind = r->kind;
    w->old_on_failure = str_is(r->on_failure, "ALL_OLD");
    if (r->kind == WRITE_UPDATE)
        params_add(&p, "UpdateExpression", r->update);
    params_add(&p, "ConditionExpression", r->condition);
    int rc = params_begin(op, &p, &env);
    if (rc == 0)
        rc = request_map(op, r->attrs, &w->attrs);
    if (rc == 0)
        rc = params_update(op, &env, r->update, &w->update);
    if (rc == 0)
        rc = params_condition(op, &env, "ConditionExpression", r->condition, &w->condition);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = table_open_items(op, r->table, &w->table);
    if (rc == 0)
        w->cost.units = arena_many(op->arena, double, w->table.n_indexes + 1);
    return rc;
}

/* ---- reasons ---- */

static void reason(struct op *op, struct dynamodb_CancellationReason *r)
{
    const struct aws_error *e = op->fail.error;
    if (e == DYNAMODB_ConditionalCheckFailedException) {
        const struct dynamodb_ConditionalCheckFailedException *detail = op->fail.detail;
        r->Code = STR("ConditionalCheckFailed");
        r->Item = detail ? detail->Item : STR_NONE;
    } else {
        r->Code = STR("ValidationError");
    }
    r->Message = op->fail.message;
}

static int cancelled(struct op *op, struct dynamodb_TransactionCanceledException *detail)
{
    struct buf b;
    buf_init(&b, op->arena, 1 << 16);
    for (uint32_t i = 0; i < detail->CancellationReasons.n; i++)
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(detail->CancellationReasons.v[i].Code));
    return aws_fail_with(op, DYNAMODB_TransactionCanceledException, detail,
                         "Transaction cancelled, please refer cancellation reasons for specific reasons [%.*s]", STR_ARG(buf_done(&b)));
}

static int run_all(struct op *op, struct write *writes, uint32_t n)
{
    struct dynamodb_TransactionCanceledException *detail = arena_one(op->arena, struct dynamodb_TransactionCanceledException);
    bool failed = false;
    for (uint32_t i = 0; i < n; i++) {
        struct dynamodb_CancellationReason *r = list_push(op->arena, &detail->CancellationReasons);
        struct write *w = &writes[i];
        int rc = write_check(op, w);
        if (rc == 0 && w->kind == WRITE_PUT)
            rc = write_check_size(op, &w->attrs, "Item size has exceeded the maximum allowed size");
        if (rc == 0)
            rc = write_run(op, w);
        if (rc < 0 && rc != E_AWS)
            return rc;
        r->Code = STR("None");
        if (rc == 0)
            continue;
        failed = true;
        reason(op, r);
        op->fail = (struct op_failure){ 0 };
    }
    return failed ? cancelled(op, detail) : 0;
}

/* ---- the client's token ---- */

static struct str digest_of(struct op *op, const struct request *requests, uint32_t n)
{
    struct key *k = arena_one(op->arena, struct key);
    uint8_t out[32];
    struct buf b;
    buf_init(&b, op->arena, 2 * LIMIT_BODY_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        const struct request *r = &requests[i];
        const struct str parts[] = { r->table, r->attrs, r->condition, r->update, r->values, r->on_failure };
        buf_printf(&b, "%d;", (int)r->kind);
        for (size_t x = 0; x < sizeof parts / sizeof *parts; x++) {
            buf_printf(&b, "%zu:", parts[x].n);
            buf_str(&b, parts[x]);
        }
        for (uint32_t x = 0; x < r->names->n; x++) {
            key_init(k);
            key_str(k, r->names->v[x].key);
            buf_str(&b, key_view(k));
            buf_str(&b, r->names->v[x].value);
        }
    }
    digest_sha256(b.p, b.n, out);
    return hex_encode(op->arena, out, sizeof out);
}

static void token_key(struct op *op, struct key *k, struct str token)
{
    op_key(op, k, &dynamodb_kind_token);
    key_str(k, token);
}

/* 0: a new transaction; E_EXISTS: done before. */
static int check_token(struct op *op, struct str token, const struct request *requests, uint32_t n)
{
    struct dynamodb_rec_Token rec = { 0 };
    struct key k;
    if (!token.p)
        return 0;
    struct str digest = digest_of(op, requests, n);
    token_key(op, &k, token);
    int rc = op_rec_get(op, &k, &dynamodb_rec_Token_shape, &rec);
    if (rc == E_NOT_FOUND) {
        rec.Digest = digest;
        rc = op_rec_put(op, &k, &dynamodb_rec_Token_shape, &rec);
        return rc < 0 ? rc : op_timer_set(op, "dynamodb.token", token, op_now_ms(op) + TOKEN_LIFE_MS, token);
    }
    if (rc < 0)
        return rc;
    if (!str_eq(rec.Digest, digest))
        return aws_fail(op, DYNAMODB_IdempotentParameterMismatchException,
                        "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was "
                        "already used.");
    return E_EXISTS;
}

int dynamodb_job_token(struct op *op, struct str token)
{
    struct key k;
    token_key(op, &k, token);
    return op_rec_delete(op, &k);
}

/* ---- the operation ---- */

static int check_distinct(struct op *op, const struct write *writes, uint32_t n)
{
    struct str_list seen = { 0 };
    struct key *k = arena_one(op->arena, struct key);
    for (uint32_t i = 0; i < n; i++) {
        const struct key_schema *s = &writes[i].table.schema;
        const struct value *hash = attr_get(&writes[i].attrs, s->hash.name);
        const struct value *range = s->range.name.p ? attr_get(&writes[i].attrs, s->range.name) : NULL;
        if (!hash || hash->type != s->hash.type || (s->range.name.p && (!range || range->type != s->range.type)))
            continue; /* the item's own error will say it */
        item_key(op, k, &writes[i].table, &writes[i].attrs);
        if (str_list_has(&seen, key_view(k)))
            return invalid(op, "Transaction request cannot include multiple operations on one item");
        str_list_add(op->arena, &seen, str_dup(op->arena, key_view(k)));
    }
    return 0;
}

static void account(struct op *op, const struct write *writes, uint32_t n, bool repeated, const struct dynamodb_TransactWriteItems_in *in,
                    struct dynamodb_TransactWriteItems_out *out)
{
    struct usage_list usage = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        struct usage *u = usage_of(op, &usage, &writes[i].table);
        if (repeated)
            u->read += TRANSACT_FACTOR;
        else
            usage_write(u, &writes[i], TRANSACT_FACTOR);
    }
    describe_usage(op, &usage, in->ReturnConsumedCapacity, &out->ConsumedCapacity);
}

int dynamodb_TransactWriteItems(struct op *op, const struct dynamodb_TransactWriteItems_in *in, struct dynamodb_TransactWriteItems_out *out)
{
    uint32_t n = in->TransactItems.n;
    size_t bytes = 0;
    struct request *requests = arena_many(op->arena, struct request, n + 1);
    struct write *writes = arena_many(op->arena, struct write, n + 1);
    int rc = 0;

    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = read_request(op, &in->TransactItems.v[i], &requests[i]);
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        rc = prepare(op, &requests[i], &writes[i]);
        writes[i].tells_old = capacity_wanted(in->ReturnConsumedCapacity);
        bytes += value_map_size(&writes[i].attrs);
    }
    if (rc == 0 && bytes > TRANSACT_BYTES_MAX)
        rc = invalid(op, "Collective item sizes in the transaction cannot exceed 4MB");
    if (rc == 0)
        rc = check_distinct(op, writes, n);
    if (rc == 0)
        rc = check_token(op, in->ClientRequestToken, requests, n);
    bool repeated = rc == E_EXISTS;
    if (rc == 0)
        rc = run_all(op, writes, n);
    if (rc < 0 && !repeated)
        return rc;
    account(op, writes, n, repeated, in, out);
    return 0;
}
