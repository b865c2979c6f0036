#include "services/sqs/queue.h"

#include <string.h>

#include "aws/arn.h"
#include "aws/error.h"
#include "base/code.h"
#include "base/exchange.h"
#include "cloud/cloud.h"

int sqs_missing(struct op *op, const char *parameter)
{
    return aws_fail(op, SQS_MissingRequiredParameterException, "The request must contain the parameter %s.", parameter);
}

static bool is_account(struct str s)
{
    if (s.n != 12)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

int queue_parse_url(const struct op *op, struct str url, struct str *ret_account, struct str *ret_name)
{
    struct str path = url, before, after, account;

    if (!str_set(url)) { /* old clients name the queue by the request's path alone */
        if (!op->http)
            return E_INVALID;
        path = op->http->target;
    } else {
        for (size_t i = 0; i + 2 < url.n; i++)
            if (memcmp(url.p + i, "://", 3) == 0) {
                path = str_sub(url, i + 3, url.n);
                if (!str_cut(path, '/', &before, &after))
                    return E_INVALID;
                path = after;
                break;
            }
    }
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    if (!str_cut_last(path, '/', &before, &after)) {
        before = STR_NONE;
        after = path;
    }
    if (!after.n || after.n > 80)
        return E_INVALID;
    *ret_name = after;
    if (!str_cut_last(before, '/', &(struct str){ 0 }, &account) || !str_set(account))
        account = before;
    *ret_account = is_account(account) ? account : op->account;
    return 0;
}

void queue_key(struct op *op, struct key *k, const struct record_kind *kind, int64_t id)
{
    op_key(op, k, kind);
    key_i64(k, id);
}

int queue_get(struct op *op, struct str name, struct queue *ret)
{
    struct key k;

    *ret = (struct queue){ .account = op->account, .region = op->region, .name = name };
    op_key(op, &k, &sqs_kind_queue);
    key_str(&k, name);
    int rc = op_rec_get(op, &k, &sqs_rec_Queue_shape, &ret->rec);
    if (rc)
        return rc;
    ret->fifo = str_ends(name, STR(".fifo"));
    return 0;
}

int queue_get_arn(struct op *op, struct str text, struct queue *ret)
{
    struct arn arn;

    if (arn_parse(text, &arn) || !str_is(arn.service, "sqs") || !str_eq(arn.account, op->account) || !str_eq(arn.region, op->region))
        return E_NOT_FOUND;
    return queue_get(op, arn.resource, ret);
}

int queue_missing(struct op *op)
{
    return aws_fail(op, SQS_QueueDoesNotExist, "The specified queue does not exist%s.", op->protocol == PROTO_QUERY ? " for this wsdl version" : "");
}

int queue_find(struct op *op, struct str url, struct queue *ret)
{
    struct str account, name;

    if (!str_set(url) && (!op->http || op->http->target.n <= 1))
        return sqs_missing(op, "QueueUrl");
    if (queue_parse_url(op, url, &account, &name))
        return aws_fail(op, SQS_InvalidAddress, "The address %.*s is not valid for this endpoint.", STR_ARG(url));
    op->account = str_dup(op->arena, account);
    int rc = queue_get(op, str_dup(op->arena, name), ret);
    if (rc == E_NOT_FOUND)
        return queue_missing(op);
    return rc;
}

int queue_put(struct op *op, const struct queue *q)
{
    struct key k;

    op_key(op, &k, &sqs_kind_queue);
    key_str(&k, q->name);
    return op_rec_put(op, &k, &sqs_rec_Queue_shape, &q->rec);
}

int queue_live(struct op *op, struct queue *q)
{
    struct key k;

    q->live = (struct sqs_rec_Live){ 0 };
    queue_key(op, &k, &sqs_kind_live, q->rec.Id.v);
    int rc = op_rec_get(op, &k, &sqs_rec_Live_shape, &q->live);
    if (rc == E_NOT_FOUND) {
        q->live = (struct sqs_rec_Live){ .Next = SOME_I64(1) };
        return 0;
    }
    return rc;
}

int queue_live_put(struct op *op, const struct queue *q)
{
    struct sqs_rec_Live live = q->live;
    struct key k;

    if (op->row) /* a call, not a timer */
        live.ActiveMs = SOME_I64(op_now_ms(op));
    queue_key(op, &k, &sqs_kind_live, q->rec.Id.v);
    return op_rec_put(op, &k, &sqs_rec_Live_shape, &live);
}

struct str queue_arn(struct op *op, const struct queue *q)
{
    return arn_make(op, "sqs", "%.*s", STR_ARG(q->name));
}

struct str queue_wake_key(struct op *op, const struct queue *q)
{
    return str_printf(op->arena, "sqs/%.*s/%.*s/%.*s", STR_ARG(op->account), STR_ARG(op->region), STR_ARG(q->name));
}

/* The URL carries the host by which the client reached us, so that the client reaches the queue by it, too. */
struct str queue_url(struct op *op, struct str account, struct str name)
{
    const struct exchange *x = NULL;

    for (const struct op *o = op; o && !x; o = o->parent)
        x = o->http;
    if (x && x->host.n && str_contains(x->host, STR(".amazonaws.com")))
        return str_printf(op->arena, "https://sqs.%.*s.amazonaws.com/%.*s/%.*s", STR_ARG(op->region), STR_ARG(account), STR_ARG(name));
    if (x && x->host.n)
        return str_printf(op->arena, "%s://%.*s/%.*s/%.*s", x->tls ? "https" : "http", STR_ARG(x->host), STR_ARG(account), STR_ARG(name));
    struct str base = opt_str(op->cloud->config.public_url, STR("http://127.0.0.1:4566"));
    return str_printf(op->arena, "%.*s/%.*s/%.*s", STR_ARG(base), STR_ARG(account), STR_ARG(name));
}

int queue_discard(struct op *op, struct queue *q)
{
    int64_t old = q->rec.Id.v;
    uint64_t id;

    random_bytes(&id, sizeof id);
    q->rec.Id = SOME_I64((int64_t)(id >> 2));
    return op_outbox(op, "sqs.sweep", str_printf(op->arena, "%lld", (long long)old));
}

/* ---- what the .ops rows name ---- */

struct str sqs_arn_queue(struct op *op, struct str url)
{
    struct str account, name;

    if (queue_parse_url(op, url, &account, &name))
        return STR("*");
    return str_printf(op->arena, "arn:%.*s:sqs:%.*s:%.*s:%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(account), STR_ARG(name));
}

struct str sqs_arn_queue_name(struct op *op, struct str name)
{
    return arn_make(op, "sqs", "%.*s", STR_ARG(name));
}

struct str sqs_arn_queue_of(struct op *op, struct str name, struct str account)
{
    return str_printf(op->arena, "arn:%.*s:sqs:%.*s:%.*s:%.*s", STR_ARG(op->partition), STR_ARG(op->region),
                      STR_ARG(is_account(account) ? account : op->account), STR_ARG(name));
}

struct str sqs_arn_queue_arn(struct op *op, struct str arn)
{
    return opt_str(arn, STR("*"));
}

int sqs_resource_policy(struct op *op, struct str text, struct str *ret_policy, struct str *ret_account)
{
    struct arn arn;
    struct sqs_rec_Queue rec = { 0 };
    struct key k;

    *ret_policy = STR_NONE;
    if (arn_parse(text, &arn))
        return 0;
    op_key_in(op, &k, arn.account, arn.region, &sqs_kind_queue);
    key_str(&k, arn.resource);
    int rc = op_rec_get(op, &k, &sqs_rec_Queue_shape, &rec);
    if (rc == 0)
        *ret_policy = str_map_get(&rec.Attributes, STR("Policy"));
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* Removes what a deleted or purged queue left, some keys at a time so that the writer is never held up. */
int sqs_job_sweep(struct op *op, struct str payload)
{
    static const struct record_kind *const kinds[] = {
        &sqs_kind_msg,   &sqs_kind_ready, &sqs_kind_due,    &sqs_kind_state,   &sqs_kind_group,
        &sqs_kind_gline, &sqs_kind_dedup, &sqs_kind_dedupt, &sqs_kind_attempt, &sqs_kind_live,
    };
    enum { SWEEP_KEYS = 2000 };
    struct str_list doomed = { 0 };
    int64_t id;

    if (str_to_i64(payload, &id))
        return E_INVALID;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && doomed.n < SWEEP_KEYS; i++) {
        struct key from, to;
        struct str key, value;
        queue_key(op, &from, kinds[i], id);
        key_after_prefix(&from, &to);
        struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
        scan_brief(s);
        while (doomed.n < SWEEP_KEYS && scan_next(s, &key, &value))
            str_list_add(op->arena, &doomed, str_dup(op->arena, key));
        int rc = scan_end(s);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < doomed.n; i++) {
        int rc = txn_delete(op->txn, doomed.v[i]);
        if (rc)
            return rc;
    }
    return doomed.n < SWEEP_KEYS ? 0 : op_outbox(op, "sqs.sweep", payload);
}
