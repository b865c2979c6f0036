/* Query and Scan. */
#include "base/arena.h"
#include "services/dynamodb/read.h"

static int query_expressions(struct op *op, const struct dynamodb_Query_in *in, struct page *p, struct expr **ret_keys)
{
    struct expr_params x = { .names = &in->ExpressionAttributeNames, .values = in->ExpressionAttributeValues };
    struct expr_env env;
    params_add(&x, "ProjectionExpression", in->ProjectionExpression);
    params_add(&x, "FilterExpression", in->FilterExpression);
    params_add(&x, "KeyConditionExpression", in->KeyConditionExpression);
    params_legacy(&x, "AttributesToGet", in->AttributesToGet.set);
    params_legacy(&x, "QueryFilter", in->QueryFilter.set);
    params_legacy(&x, "ConditionalOperator", in->ConditionalOperator.p != NULL);
    params_legacy(&x, "KeyConditions", in->KeyConditions.set);
    int rc = params_begin(op, &x, &env);
    if (rc == 0 && !in->KeyConditionExpression.p && !in->KeyConditions.set)
        rc = invalid(op, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
    if (rc == 0)
        rc = params_condition(op, &env, "KeyConditionExpression", in->KeyConditionExpression, ret_keys);
    if (rc == 0)
        rc = params_condition(op, &env, "FilterExpression", in->FilterExpression, &p->filter);
    if (rc == 0)
        rc = params_projection(op, &env, in->ProjectionExpression, &p->paths);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0 && in->KeyConditions.set)
        rc = legacy_key_conditions(op, &in->KeyConditions, ret_keys);
    if (rc == 0)
        rc = legacy_filter(op, &in->QueryFilter, in->ConditionalOperator, &p->filter);
    return rc < 0 ? rc : legacy_attributes(op, &in->AttributesToGet, &p->paths);
}

static int check_filter(struct op *op, const struct page *p, bool legacy)
{
    struct str name = p->filter ? expr_uses_key(p->filter, p->schema) : STR_NONE;
    if (!name.p)
        return 0;
    return invalid(op, "%s can only contain non-primary key attributes: Primary key attribute: %.*s", legacy ? "QueryFilter" : "Filter Expression",
                   STR_ARG(name));
}

int dynamodb_Query(struct op *op, const struct dynamodb_Query_in *in, struct dynamodb_Query_out *out)
{
    struct page *p = arena_one(op->arena, struct page);
    struct page_params params = { .table = in->TableName, .index = in->IndexName, .select = in->Select, .start_key = in->ExclusiveStartKey,
        .attributes = &in->AttributesToGet, .limit = in->Limit, .consistent = in->ConsistentRead };
    struct key_conditions conditions;
    const struct value *hash;
    struct expr *keys = NULL;

    p->reverse = !opt_bool(in->ScanIndexForward, true);
    int rc = query_expressions(op, in, p, &keys);
    if (rc == 0)
        rc = key_conditions_read(op, keys, &conditions);
    if (rc == 0)
        rc = page_open(op, &params, in->ProjectionExpression, p);
    if (rc == 0)
        rc = key_conditions_apply(op, &conditions, p, &hash);
    if (rc == 0)
        rc = check_filter(op, p, in->QueryFilter.set);
    if (rc == 0)
        rc = page_start(op, &params, hash, p);
    if (rc == 0)
        rc = page_read(op, p);
    if (rc < 0)
        return rc;
    out->Items = p->items;
    out->Count = SOME_I64(p->count);
    out->ScannedCount = SOME_I64(p->scanned);
    out->LastEvaluatedKey = p->last_key;
    out->ConsumedCapacity = page_capacity(op, p, in->ReturnConsumedCapacity);
    return 0;
}

/* ---- Scan ---- */

static int scan_expressions(struct op *op, const struct dynamodb_Scan_in *in, struct page *p)
{
    struct expr_params x = { .names = &in->ExpressionAttributeNames, .values = in->ExpressionAttributeValues };
    struct expr_env env;
    params_add(&x, "ProjectionExpression", in->ProjectionExpression);
    params_add(&x, "FilterExpression", in->FilterExpression);
    params_legacy(&x, "AttributesToGet", in->AttributesToGet.set);
    params_legacy(&x, "ScanFilter", in->ScanFilter.set);
    params_legacy(&x, "ConditionalOperator", in->ConditionalOperator.p != NULL);
    int rc = params_begin(op, &x, &env);
    if (rc == 0)
        rc = params_condition(op, &env, "FilterExpression", in->FilterExpression, &p->filter);
    if (rc == 0)
        rc = params_projection(op, &env, in->ProjectionExpression, &p->paths);
    if (rc == 0)
        rc = params_end(op, &env);
    if (rc == 0)
        rc = legacy_filter(op, &in->ScanFilter, in->ConditionalOperator, &p->filter);
    return rc < 0 ? rc : legacy_attributes(op, &in->AttributesToGet, &p->paths);
}

static int check_segments(struct op *op, const struct dynamodb_Scan_in *in)
{
    if (in->Segment.set && !in->TotalSegments.set)
        return invalid(op, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present");
    if (!in->Segment.set && in->TotalSegments.set)
        return invalid(op, "The Segment parameter is required but was not present in the request when parameter TotalSegments is present");
    if (in->Segment.set && in->Segment.v >= in->TotalSegments.v)
        return invalid(op, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %lld is not less than "
                           "TotalSegments: %lld", (long long)in->Segment.v, (long long)in->TotalSegments.v);
    return 0;
}

static void add_hash(struct key *k, uint64_t hash)
{
    uint8_t b[SEGMENT_HASH_BYTES];
    for (int i = 0; i < SEGMENT_HASH_BYTES; i++)
        b[i] = (uint8_t)(hash >> (24 - 8 * i));
    key_raw(k, (struct str){ (const char *)b, sizeof b });
}

static void scan_range(struct op *op, const struct dynamodb_Scan_in *in, struct page *p)
{
    uint64_t all = 1ull << 32, total = (uint64_t)opt_i64(in->TotalSegments, 1), segment = (uint64_t)opt_i64(in->Segment, 0);
    struct key *whole = arena_one(op->arena, struct key);
    uint64_t first = all * segment / total, behind = all * (segment + 1) / total;
    container_key(op, whole, p->container);
    p->from = *whole;
    if (first > 0)
        add_hash(&p->from, first);
    p->to = *whole;
    if (behind < all)
        add_hash(&p->to, behind);
    else
        key_after_prefix(whole, &p->to);
}

int dynamodb_Scan(struct op *op, const struct dynamodb_Scan_in *in, struct dynamodb_Scan_out *out)
{
    struct page *p = arena_one(op->arena, struct page);
    struct page_params params = { .table = in->TableName, .index = in->IndexName, .select = in->Select, .start_key = in->ExclusiveStartKey,
        .attributes = &in->AttributesToGet, .limit = in->Limit, .consistent = in->ConsistentRead };

    int rc = scan_expressions(op, in, p);
    if (rc == 0)
        rc = check_segments(op, in);
    if (rc == 0)
        rc = page_open(op, &params, in->ProjectionExpression, p);
    if (rc < 0)
        return rc;
    scan_range(op, in, p);
    rc = page_start(op, &params, NULL, p);
    if (rc == 0)
        rc = page_read(op, p);
    if (rc < 0)
        return rc;
    out->Items = p->items;
    out->Count = SOME_I64(p->count);
    out->ScannedCount = SOME_I64(p->scanned);
    out->LastEvaluatedKey = p->last_key;
    out->ConsumedCapacity = page_capacity(op, p, in->ReturnConsumedCapacity);
    return 0;
}
