/* Subscription filters: what matches goes to a Lambda function as it comes. PutLogEvents leaves a record a filter and batch, which names the batch's
 * events and not their text; a job reads them, as sealed as they lie, and invokes the function as logs.amazonaws.com. */
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "aws/retry.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/lambda.h"
#include "services/logs/filter.h"
#include "services/logs/logs.h"
#include "wire/wire.h"

enum { FILTERS_MAX = 2, PAYLOAD_BYTES_MAX = 1024 * 1024, DATA_BYTES_MAX = 16 * 1024 * 1024 };
#define FUNCTION_GROUPS STR("/aws/lambda/")

static void subscription_key(struct op *op, struct key *k, struct str group, struct str name)
{
    op_key(op, k, &logs_kind_subscription);
    key_str(k, group);
    if (str_set(name))
        key_str(k, name);
}

static int count(struct op *op, const struct logs_rec_Group *g, int64_t change)
{
    struct logs_rec_Live live;
    int rc = group_live(op, g->Id.v, &live);
    if (rc)
        return rc;
    live.Subscriptions = SOME_I64(live.Subscriptions.v + change);
    if (live.Subscriptions.v > FILTERS_MAX)
        return aws_fail(op, LOGS_LimitExceededException, "Resource limit exceeded.");
    return group_live_put(op, g->Id.v, &live);
}

/* ---- the call ---- */

/* Functions know CloudWatch Logs by two names. */
static int invoke(struct op *op, struct str group, struct str function, struct str type, struct str payload, struct op_failure *why)
{
    struct lambda_Invoke_in in = { .FunctionName = function, .InvocationType = type, .Payload = payload };
    struct str names[] = { STR("logs.amazonaws.com"), str_printf(op->arena, "logs.%.*s.amazonaws.com", STR_ARG(op->region)) };
    int rc = E_AWS;
    for (size_t i = 0; i < 2 && rc == E_AWS; i++) {
        struct lambda_Invoke_out out = { 0 };
        struct principal who = principal_service(op, names[i].p, arn_make(op, "logs", "log-group:%.*s:*", STR_ARG(group)));
        rc = cloud_call(op, "lambda", "Invoke", &who, &in, &out, why);
        if (rc == E_AWS && why->error && why->error->status != 403)
            break;
    }
    return rc;
}

/* ---- operations ---- */

static int check_destination(struct op *op, const struct logs_PutSubscriptionFilter_in *in)
{
    struct arn arn;
    if (arn_parse(in->destinationArn, &arn))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid destinationArn");
    bool lambda = str_is(arn.service, "lambda");
    if ((str_is(arn.service, "kinesis") || str_is(arn.service, "firehose")) && !in->roleArn.n)
        return aws_fail(op, LOGS_InvalidParameterException, "destinationArn for vendor %.*s cannot be used without roleArn", STR_ARG(arn.service));
    if (!lambda)
        return aws_unsupported(op, "a destinationArn other than a Lambda function's");
    if (in->roleArn.n)
        return aws_fail(op, LOGS_InvalidParameterException, "destinationArn for vendor lambda cannot be used with roleArn");
    if (!str_eq(arn.account, op->account) || !str_eq(arn.region, op->region))
        return aws_fail(op, LOGS_AccessDeniedException, "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create "
                                                       "cross account lambda triggers.");
    struct str own = str_printf(op->arena, "function:%.*s", STR_ARG(str_sub(in->logGroupName, FUNCTION_GROUPS.n, in->logGroupName.n)));
    if (str_starts(in->logGroupName, FUNCTION_GROUPS) && (str_eq(arn.resource, own) || str_starts(arn.resource, str_printf(op->arena, "%.*s:", STR_ARG(own)))))
        return aws_fail(op, LOGS_InvalidParameterException, "The log group provided is reserved for the function logs of the destination function.");
    return 0;
}

static int check(struct op *op, const struct logs_PutSubscriptionFilter_in *in, struct logs_rec_Group *ret_group)
{
    struct filter *f;
    struct op_failure why = { 0 };
    if (opt_bool(in->applyOnTransformedLogs, false))
        return aws_unsupported(op, "applyOnTransformedLogs");
    if (in->fieldSelectionCriteria.n || in->emitSystemFields.n)
        return aws_unsupported(op, "fieldSelectionCriteria or emitSystemFields");
    int rc = check_destination(op, in);
    if (!rc)
        rc = group_find(op, in->logGroupName, ret_group);
    if (rc)
        return rc;
    if (filter_compile(op->arena, in->filterPattern, &f))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid filter pattern");
    rc = invoke(op, ret_group->Name, in->destinationArn, STR("DryRun"), STR("{}"), &why);
    if (rc == E_AWS)
        return aws_fail(op, LOGS_InvalidParameterException, "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to "
                                                            "execute your function.");
    return rc;
}

int logs_PutSubscriptionFilter(struct op *op, const struct logs_PutSubscriptionFilter_in *in, struct logs_PutSubscriptionFilter_out *out)
{
    struct logs_SubscriptionFilter f = {
        .filterName = in->filterName, .logGroupName = in->logGroupName, .filterPattern = opt_str(in->filterPattern, STR("")),
        .destinationArn = in->destinationArn, .distribution = opt_str(in->distribution, STR("ByLogStream")), .applyOnTransformedLogs = SOME_BOOL(false),
        .creationTime = SOME_I64(op_now_ms(op)),
    };
    struct logs_rec_Subscription r = { .Filter = &f };
    struct logs_rec_Group g;
    struct key k;
    int rc = check(op, in, &g);
    if (rc)
        return rc;
    subscription_key(op, &k, g.Name, in->filterName);
    if (!op_rec_has(op, &k) && (rc = count(op, &g, 1)))
        return rc;
    return op_rec_put(op, &k, &logs_rec_Subscription_shape, &r);
}

int logs_DeleteSubscriptionFilter(struct op *op, const struct logs_DeleteSubscriptionFilter_in *in, struct logs_DeleteSubscriptionFilter_out *out)
{
    struct logs_rec_Group g;
    struct key k;
    int rc = group_find(op, in->logGroupName, &g);
    if (rc)
        return rc;
    subscription_key(op, &k, g.Name, in->filterName);
    if (!op_rec_has(op, &k))
        return aws_fail(op, LOGS_ResourceNotFoundException, "The specified subscription filter does not exist.");
    rc = count(op, &g, -1);
    return rc ? rc : op_rec_delete(op, &k);
}

/* At most two: one page. */
int logs_DescribeSubscriptionFilters(struct op *op, const struct logs_DescribeSubscriptionFilters_in *in, struct logs_DescribeSubscriptionFilters_out *out)
{
    struct logs_rec_Group g;
    struct key from, to;
    struct str key, value, start;
    int rc = group_find(op, in->logGroupName, &g);
    if (rc || (rc = logs_page_from(op, in->nextToken, &start)))
        return rc;
    subscription_key(op, &from, g.Name, STR_NONE);
    key_after_prefix(&from, &to);
    size_t prefix = from.n;
    if (str_set(start))
        key_raw(&from, start);
    out->subscriptionFilters.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_rec_Subscription r = { 0 };
        rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Subscription_shape, &r);
        if (rc || !r.Filter || !str_starts(r.Filter->filterName, in->filterNamePrefix))
            continue;
        if ((int64_t)out->subscriptionFilters.n == opt_i64(in->limit, LOGS_PAGE_MAX)) {
            out->nextToken = page_token(op, str_sub(key, prefix, key.n));
            break;
        }
        *list_push(op->arena, &out->subscriptionFilters) = *r.Filter;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

/* ---- events on their way ---- */

int subscriptions_put(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Stream *s, const struct logs_batch *batch)
{
    struct key from, to;
    struct str key, value, bytes;
    int rc = 0;
    subscription_key(op, &from, g->Name, STR_NONE);
    key_after_prefix(&from, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(scan, &key, &value)) {
        struct logs_rec_Subscription r = { 0 };
        rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Subscription_shape, &r);
        struct logs_rec_Delivery d = { .Group = g->Name, .GroupId = g->Id, .Stream = s->Name, .StreamId = s->Id, .FirstMs = SOME_I64(batch->first_ms),
                                       .LastMs = SOME_I64(batch->last_ms), .After = SOME_I64(batch->after), .Last = s->Next,
                                       .AcceptedMs = SOME_I64(op_now_ms(op)) };
        if (rc || !r.Filter)
            continue;
        d.Filter = r.Filter->filterName;
        rc = wire_record_encode(op->arena, &logs_rec_Delivery_shape, &d, &bytes);
        if (rc == 0)
            rc = op_outbox(op, "logs.subscription", bytes);
    }
    int scan_rc = scan_end(scan);
    return rc ? rc : scan_rc;
}

/* The batch's events that the filter wants. */
static int read_batch(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Delivery *d, const struct filter *f, struct logs_FilteredLogEvents *ret)
{
    struct seals seals = { .group = g };
    struct key prefix, from, to;
    struct str key, value;
    int rc = 0;
    logs_key(op, &prefix, &logs_kind_event, d->GroupId.v);
    key_i64(&prefix, d->StreamId.v);
    from = to = prefix;
    key_i64(&from, d->FirstMs.v);
    key_i64(&to, d->LastMs.v + 1);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_rec_Event e = { 0 };
        struct key_reader r;
        int64_t ms, number;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &ms)) || (rc = key_read_i64(&r, &number)) || number <= d->After.v || number > d->Last.v)
            continue;
        rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Event_shape, &e);
        if (rc == 0)
            rc = event_open(op, &seals, key, &e);
        if (rc == 0 && filter_match(f, op->arena, e.Message, NULL))
            *list_push(op->arena, ret) = (struct logs_FilteredLogEvent){ .eventId = event_id(op, ms, d->StreamId.v, number), .timestamp = SOME_I64(ms),
                                                                         .message = e.Message };
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

/* {"awslogs":{"data":"..."}}: what is said of the events, gzipped and in base64. */
static struct str payload_of(struct op *op, const struct logs_rec_Delivery *d, const struct logs_FilteredLogEvent *v, uint32_t n)
{
    struct buf b;
    buf_init(&b, op->arena, DATA_BYTES_MAX);
    buf_c(&b, "{\"messageType\":\"DATA_MESSAGE\",\"owner\":");
    buf_json_string(&b, op->account);
    buf_c(&b, ",\"logGroup\":");
    buf_json_string(&b, d->Group);
    buf_c(&b, ",\"logStream\":");
    buf_json_string(&b, d->Stream);
    buf_c(&b, ",\"subscriptionFilters\":[");
    buf_json_string(&b, d->Filter);
    buf_c(&b, "],\"logEvents\":[");
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&b, "%s{\"id\":\"%.*s\",\"timestamp\":%lld,\"message\":", i ? "," : "", STR_ARG(v[i].eventId), (long long)v[i].timestamp.v);
        buf_json_string(&b, v[i].message);
        buf_byte(&b, '}');
    }
    buf_c(&b, "]}");
    struct str packed = gzip_encode(op->arena, buf_done(&b));
    return str_printf(op->arena, "{\"awslogs\":{\"data\":\"%.*s\"}}", STR_ARG(base64_encode(op->arena, packed.p, packed.n)));
}

/* In one invocation, or where that is too large in two halves; an event that is too large by itself does not hold up the others. */
static int send(struct op *op, const struct logs_rec_Delivery *d, struct str function, const struct logs_FilteredLogEvent *v, uint32_t n, struct op_failure *why)
{
    struct str payload = payload_of(op, d, v, n);
    if (payload.n <= PAYLOAD_BYTES_MAX)
        return invoke(op, d->Group, function, STR("Event"), payload, why);
    if (n == 1) {
        log_warn("subscription filter %.*s of %.*s left out an event: it is too large for a function", STR_ARG(d->Filter), STR_ARG(d->Group));
        return 0;
    }
    int rc = send(op, d, function, v, n / 2, why);
    return rc ? rc : send(op, d, function, v + n / 2, n - n / 2, why);
}

/* Tried again for a day, unless no trying helps. */
static int again(struct op *op, struct logs_rec_Delivery *d, const struct op_failure *why)
{
    struct retry r = { .attempts = opt_i64(d->Attempts, 0) + 1, .age_ms = op_now_ms(op) - d->AcceptedMs.v };
    int64_t pause_ms = retry_pause_ms(&r);
    struct str bytes;
    bool final = why->error && (why->error->status == 403 || why->error->status == 404 || why->error->status == 413);
    if (final || pause_ms < 0) {
        log_warn("subscription filter %.*s of %.*s gave up on a batch of events: %.*s", STR_ARG(d->Filter), STR_ARG(d->Group), STR_ARG(why->message));
        return 0;
    }
    d->Attempts = SOME_I64(r.attempts);
    int rc = wire_record_encode(op->arena, &logs_rec_Delivery_shape, d, &bytes);
    return rc ? rc : op_timer_set(op, "logs.subscription", random_uuid(op->arena), op_now_ms(op) + pause_ms, bytes);
}

int logs_job_subscription(struct op *op, struct str payload)
{
    struct logs_rec_Delivery d = { 0 };
    struct logs_rec_Subscription r = { 0 };
    struct logs_rec_Group g;
    struct logs_FilteredLogEvents events = { 0 };
    struct op_failure why = { 0 };
    struct filter *f;
    struct key k;
    if (wire_record_decode(op->arena, &logs_rec_Delivery_shape, str_dup(op->arena, payload), &d))
        return E_CORRUPT;
    subscription_key(op, &k, d.Group, d.Filter);
    int rc = op_rec_get(op, &k, &logs_rec_Subscription_shape, &r);
    if (rc == 0)
        rc = group_find(op, d.Group, &g);
    if (rc == E_NOT_FOUND || rc == E_AWS || (rc == 0 && g.Id.v != d.GroupId.v)) /* the filter or its group went meanwhile */
        return 0;
    if (rc)
        return rc;
    if (!r.Filter || filter_compile(op->arena, r.Filter->filterPattern, &f))
        return E_CORRUPT;
    rc = read_batch(op, &g, &d, f, &events);
    if (rc == E_AWS) /* the key is disabled */
        return again(op, &d, &op->fail);
    if (rc == 0 && events.n)
        rc = send(op, &d, r.Filter->destinationArn, events.v, events.n, &why);
    return rc == E_AWS ? again(op, &d, &why) : rc;
}
