/* Saved queries of Logs Insights: kept and described; there is nothing here that runs one. */
#include "aws/error.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "base/code.h"
#include "services/logs/logs.h"

enum { QUERIES_MAX = 1000 };

static void query_key(struct op *op, struct key *k, struct str id)
{
    op_key(op, k, &logs_kind_query);
    key_str(k, id);
}

/* The same token makes the same query: a request that is sent again makes no second one. */
static struct str new_id(struct op *op, struct str token)
{
    uint8_t hash[32];
    if (!token.p)
        return random_uuid(op->arena);
    digest_sha256(token.p, token.n, hash);
    struct str x = hex_encode(op->arena, hash, 16);
    return str_printf(op->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", x.p, x.p + 8, x.p + 12, x.p + 16, x.p + 20);
}

static int check_room(struct op *op)
{
    struct key from, to;
    struct str key, value;
    int64_t n = 0;
    op_key(op, &from, &logs_kind_query);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (n < QUERIES_MAX && scan_next(s, &key, &value))
        n++;
    int rc = scan_end(s);
    return rc || n < QUERIES_MAX ? rc : aws_fail(op, LOGS_LimitExceededException, "Resource limit exceeded.");
}

static int not_found(struct op *op)
{
    return aws_fail(op, LOGS_ResourceNotFoundException, "The specified query definition does not exist.");
}

int logs_PutQueryDefinition(struct op *op, const struct logs_PutQueryDefinition_in *in, struct logs_PutQueryDefinition_out *out)
{
    struct logs_QueryDefinition q = { .queryLanguage = STR("CWLI"), .lastModified = SOME_I64(op_now_ms(op)) };
    struct key k;
    overlay(op->row->in, in, &logs_QueryDefinition_shape, &q);
    if (!str_set(q.queryDefinitionId))
        q.queryDefinitionId = new_id(op, in->clientToken);
    out->queryDefinitionId = q.queryDefinitionId;
    query_key(op, &k, q.queryDefinitionId);
    bool there = op_rec_has(op, &k);
    if (str_set(in->queryDefinitionId) && !there)
        return not_found(op);
    if (!str_set(in->queryDefinitionId) && there)
        return 0;
    if (q.parameters.n && !str_is(q.queryLanguage, "CWLI"))
        return aws_fail(op, LOGS_InvalidParameterException, "Query parameters are supported only for queries in Logs Insights QL.");
    int rc = there ? 0 : check_room(op);
    return rc ? rc : op_rec_put(op, &k, &logs_QueryDefinition_shape, &q);
}

int logs_DeleteQueryDefinition(struct op *op, const struct logs_DeleteQueryDefinition_in *in, struct logs_DeleteQueryDefinition_out *out)
{
    struct key k;
    query_key(op, &k, in->queryDefinitionId);
    if (!op_rec_has(op, &k))
        return not_found(op);
    out->success = SOME_BOOL(true);
    return op_rec_delete(op, &k);
}

int logs_DescribeQueryDefinitions(struct op *op, const struct logs_DescribeQueryDefinitions_in *in, struct logs_DescribeQueryDefinitions_out *out)
{
    struct key prefix, from, to;
    struct str key, value, start;
    int64_t max = opt_i64(in->maxResults, QUERIES_MAX);
    int rc = logs_page_from(op, in->nextToken, &start);
    if (rc)
        return rc;
    op_key(op, &prefix, &logs_kind_query);
    from = prefix;
    if (str_set(start))
        key_raw(&from, start);
    key_after_prefix(&prefix, &to);
    out->queryDefinitions.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_QueryDefinition q = { 0 };
        rc = op_rec_decode(op, str_dup(op->arena, value), &logs_QueryDefinition_shape, &q);
        if (rc || !str_starts(q.name, in->queryDefinitionNamePrefix) || (str_set(in->queryLanguage) && !str_eq(in->queryLanguage, q.queryLanguage)))
            continue;
        if ((int64_t)out->queryDefinitions.n == max) {
            out->nextToken = page_token(op, str_sub(key, prefix.n, key.n));
            break;
        }
        *list_push(op->arena, &out->queryDefinitions) = q;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
