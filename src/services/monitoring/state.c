/* How an alarm gets into another state, and what comes of it: history, the event for the bus, actions. */
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/retry.h"
#include "base/buf.h"
#include "base/code.h"
#include "cloud/call.h"
#include "gen/events.h"
#include "gen/lambda.h"
#include "services/monitoring/alarm.h"
#include "wire/wire.h"

enum { TEXT_BYTES_MAX = 512 * 1024, FORGET_AT_ONCE = 10 };
#define HISTORY_MS (30LL * 24 * 60 * 60 * 1000)

struct alarm_view alarm_view(struct monitoring_rec_Alarm *r)
{
#define VIEW(a, is_composite)                                                                                                                         \
    (struct alarm_view){ .composite = (is_composite), .name = (a)->AlarmName, .arn = (a)->AlarmArn, .description = (a)->AlarmDescription,              \
                         .value = &(a)->StateValue, .reason = &(a)->StateReason, .data = &(a)->StateReasonData, .updated_ms = &(a)->StateUpdatedTimestamp, \
                         .moved_ms = &(a)->StateTransitionedTimestamp, .actions_enabled = opt_bool((a)->ActionsEnabled, true),                         \
                         .actions = str_is((a)->StateValue, "ALARM") ? &(a)->AlarmActions : str_is((a)->StateValue, "OK") ? &(a)->OKActions : &(a)->InsufficientDataActions }
    return r->Metric ? VIEW(r->Metric, false) : VIEW(r->Composite, true);
#undef VIEW
}

struct str alarm_time(struct op *op, int64_t ms)
{
    struct str t = time_iso8601_ms(op->arena, ms);
    return str_printf(op->arena, "%.*s+0000", (int)t.n - 1, t.p);
}

/* ---- history ---- */

static void history_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &monitoring_kind_history);
    key_str(k, name);
}

/* What is older than 30 days goes, a few items at a time. */
static int history_forget(struct op *op, struct str name)
{
    struct key from, to;
    struct str key, value;
    struct str_list old = { 0 };
    history_key(op, &from, name);
    key_after_prefix(&from, &to);
    key_i64_desc(&from, op_now_ms(op) - HISTORY_MS);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (old.n < FORGET_AT_ONCE && scan_next(s, &key, &value))
        str_list_add(op->arena, &old, str_dup(op->arena, key));
    int rc = scan_end(s);
    for (uint32_t i = 0; rc == 0 && i < old.n; i++)
        rc = txn_delete(op->txn, old.v[i]);
    return rc;
}

int alarm_history(struct op *op, struct str name, bool composite, const char *type, struct str summary, struct str data)
{
    struct monitoring_AlarmHistoryItem item = {
        .AlarmName = name, .AlarmType = composite ? STR("CompositeAlarm") : STR("MetricAlarm"), .Timestamp = SOME_I64(op_now_ms(op)),
        .HistoryItemType = str_c(type), .HistorySummary = summary, .HistoryData = data,
    };
    struct monitoring_rec_History r = { .Item = &item };
    struct key k;
    int rc = history_forget(op, name);

    history_key(op, &k, name);
    key_i64_desc(&k, op_now_ms(op));
    key_str(&k, random_hex(op->arena, 16));
    return rc ? rc : op_rec_put(op, &k, &monitoring_rec_History_shape, &r);
}

/* ---- what is told of a state ---- */

static void member(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "\"%s\":", name);
    buf_json_string(b, value);
}

static void write_kept(struct op *op, struct buf *b, const char *name, const struct alarm_state *s)
{
    struct str why;
    buf_printf(b, "\"%s\":{", name);
    member(b, "stateValue", s->value);
    buf_c(b, ",");
    member(b, "stateReason", s->reason);
    if (s->data.n) {
        buf_c(b, ",\"stateReasonData\":");
        if (wire_json_check(op->arena, s->data, &why) == 0)
            buf_str(b, s->data);
        else
            buf_json_string(b, s->data);
    }
    buf_byte(b, '}');
}

static void write_told(struct op *op, struct buf *b, const char *name, const struct alarm_state *s, int64_t ms)
{
    buf_printf(b, ",\"%s\":{", name);
    member(b, "value", s->value);
    buf_c(b, ",");
    member(b, "reason", s->reason);
    if (s->data.n) {
        buf_c(b, ",");
        member(b, "reasonData", s->data);
    }
    buf_c(b, ",");
    member(b, "timestamp", alarm_time(op, ms));
    buf_byte(b, '}');
}

static void write_metric(struct buf *b, const struct monitoring_MetricStat *s)
{
    buf_c(b, "\"metricStat\":{\"metric\":{");
    member(b, "namespace", s->Metric->Namespace);
    buf_c(b, ",");
    member(b, "name", s->Metric->MetricName);
    buf_c(b, ",\"dimensions\":{");
    for list_each(d, &s->Metric->Dimensions) {
        buf_c(b, d == s->Metric->Dimensions.v ? "" : ",");
        buf_json_string(b, d->Name);
        buf_byte(b, ':');
        buf_json_string(b, d->Value);
    }
    buf_printf(b, "}},\"period\":%lld,", (long long)s->Period.v);
    member(b, "stat", s->Stat);
    if (s->Unit.p) {
        buf_c(b, ",");
        member(b, "unit", s->Unit);
    }
    buf_c(b, "},");
}

static void write_query(struct buf *b, const struct monitoring_MetricDataQuery *q)
{
    buf_byte(b, '{');
    member(b, "id", q->Id);
    buf_c(b, ",");
    if (q->MetricStat && q->MetricStat->Metric)
        write_metric(b, q->MetricStat);
    if (q->Expression.p) {
        member(b, "expression", q->Expression);
        buf_c(b, ",");
    }
    if (q->Label.p) {
        member(b, "label", q->Label);
        buf_c(b, ",");
    }
    buf_printf(b, "\"returnData\":%s}", opt_bool(q->ReturnData, true) ? "true" : "false");
}

static void write_configuration(struct op *op, struct buf *b, const struct monitoring_rec_Alarm *r, struct str description)
{
    buf_c(b, ",\"configuration\":{");
    if (description.p) {
        member(b, "description", description);
        buf_c(b, ",");
    }
    if (r->Composite) {
        member(b, "alarmRule", r->Composite->AlarmRule);
        buf_byte(b, '}');
        return;
    }
    buf_c(b, "\"metrics\":[");
    struct monitoring_MetricDataQuery one = { .Id = random_uuid(op->arena), .MetricStat = (struct monitoring_MetricStat *)alarm_metric(op, r->Metric) };
    for list_each(q, &r->Metric->Metrics) {
        buf_c(b, q == r->Metric->Metrics.v ? "" : ",");
        write_query(b, q);
    }
    if (!r->Metric->Metrics.n)
        write_query(b, &one);
    buf_c(b, "]}");
}

/* {"alarmName":..,"state":{..},"previousState":{..},"configuration":{..}}: the event's detail, and a function's alarmData. */
static struct str detail(struct op *op, const struct monitoring_rec_Alarm *r, const struct alarm_view *v, const struct alarm_state *from, int64_t from_ms)
{
    struct alarm_state to = { *v->value, *v->reason, *v->data, 0 };
    struct buf b;
    buf_init(&b, op->arena, TEXT_BYTES_MAX);
    buf_byte(&b, '{');
    member(&b, "alarmName", v->name);
    write_told(op, &b, "state", &to, op_now_ms(op));
    write_told(op, &b, "previousState", from, from_ms);
    write_configuration(op, &b, r, v->description);
    buf_byte(&b, '}');
    return buf_done(&b);
}

static int tell_bus(struct op *op, const struct alarm_view *v, struct str text)
{
    struct events_PutEvents_in put = { 0 };
    struct events_PutEventsRequestEntry *e = list_push(op->arena, &put.Entries);
    struct str payload;
    e->Source = STR("aws.cloudwatch");
    e->DetailType = STR("CloudWatch Alarm State Change");
    e->Time = SOME_I64(op_now_ms(op));
    str_list_add(op->arena, &e->Resources, v->arn);
    e->Detail = text;
    int rc = wire_record_encode(op->arena, &events_PutEventsRequest_shape, &put, &payload);
    return rc ? rc : op_outbox(op, "events.put", payload);
}

/* ---- actions ---- */

static int act(struct op *op, const struct alarm_view *v, struct str text)
{
    struct str bytes;
    struct monitoring_rec_Firing f = { .AlarmName = v->name, .AlarmArn = v->arn, .Composite = SOME_BOOL(v->composite), .MovedMs = SOME_I64(op_now_ms(op)) };
    f.Event = str_printf(op->arena, "{\"source\":\"aws.cloudwatch\",\"alarmArn\":\"%.*s\",\"accountId\":\"%.*s\",\"time\":\"%.*s\",\"region\":\"%.*s\",\"alarmData\":%.*s}",
                         STR_ARG(v->arn), STR_ARG(op->account), STR_ARG(alarm_time(op, op_now_ms(op))), STR_ARG(op->region), STR_ARG(text));
    for list_each(action, v->actions) {
        f.ActionArn = *action;
        int rc = wire_record_encode(op->arena, &monitoring_rec_Firing_shape, &f, &bytes);
        if (rc || (rc = op_outbox(op, "monitoring.action", bytes)))
            return rc;
    }
    return 0;
}

/* Who may be called: functions. SNS does not exist here, so a topic is never there. Absent: the action ran. */
static int run_action(struct op *op, const struct monitoring_rec_Firing *f, struct str *ret_refusal, bool *ret_final)
{
    struct op_failure why = { 0 };
    struct arn to;
    *ret_refusal = STR_NONE;
    *ret_final = true;
    if (arn_parse(f->ActionArn, &to) || !str_is(to.service, "lambda")) {
        *ret_refusal = arn_parse(f->ActionArn, &to) || !str_is(to.service, "sns")
                           ? str_printf(op->arena, "strata runs no actions of %.*s", STR_ARG(opt_str(to.service, STR("that kind")))) : STR("Topic does not exist");
        return 0;
    }
    struct principal who = principal_service(op, "lambda.alarms.cloudwatch.amazonaws.com", f->AlarmArn);
    struct lambda_Invoke_in in = { .FunctionName = f->ActionArn, .InvocationType = STR("Event"), .Payload = f->Event };
    struct lambda_Invoke_out out = { 0 };
    int rc = cloud_call_in(op, to.account, to.region, "lambda", "Invoke", &who, &in, &out, &why);
    if (rc != E_AWS)
        return rc;
    *ret_refusal = why.message;
    *ret_final = why.error && why.error->status < 500 && why.error->status != 429; /* denied, not there: no retry helps */
    return 0;
}

static int tell_action(struct op *op, const struct monitoring_rec_Firing *f, struct str refusal)
{
    struct buf b;
    buf_init(&b, op->arena, TEXT_BYTES_MAX);
    buf_printf(&b, "{\"actionState\":\"%s\",\"stateUpdateTimestamp\":%lld,", refusal.p ? "Failed" : "Succeeded", (long long)f->MovedMs.v);
    member(&b, "notificationResource", f->ActionArn);
    if (refusal.p) {
        buf_c(&b, ",");
        member(&b, "error", refusal);
    }
    buf_byte(&b, '}');
    struct str summary = refusal.p ? str_printf(op->arena, "Failed to execute action %.*s. Received error: \"%.*s\"", STR_ARG(f->ActionArn), STR_ARG(refusal))
                                   : str_printf(op->arena, "Successfully executed action %.*s", STR_ARG(f->ActionArn));
    return alarm_history(op, f->AlarmName, opt_bool(f->Composite, false), "Action", str_sub(summary, 0, 255), buf_done(&b));
}

int monitoring_job_action(struct op *op, struct str payload)
{
    struct monitoring_rec_Firing f = { 0 };
    struct str refusal, bytes;
    bool final;
    if (wire_record_decode(op->arena, &monitoring_rec_Firing_shape, str_dup(op->arena, payload), &f))
        return E_CORRUPT;
    int rc = run_action(op, &f, &refusal, &final);
    if (rc)
        return rc;
    struct retry again = { .attempts = opt_i64(f.Attempts, 0) + 1, .age_ms = op_now_ms(op) - f.MovedMs.v };
    int64_t pause_ms = refusal.p && !final ? retry_pause_ms(&again) : -1;
    if (pause_ms < 0)
        return tell_action(op, &f, refusal);
    f.Attempts = SOME_I64(again.attempts);
    rc = wire_record_encode(op->arena, &monitoring_rec_Firing_shape, &f, &bytes);
    return rc ? rc : op_timer_set(op, "monitoring.action", random_uuid(op->arena), op_now_ms(op) + pause_ms, bytes);
}

/* ---- moving ---- */

int alarm_move(struct op *op, struct monitoring_rec_Alarm *r, const struct alarm_state *to)
{
    struct alarm_view v = alarm_view(r);
    struct alarm_state from = { *v.value, *v.reason, *v.data, 0 };
    int64_t from_ms = v.updated_ms->v;
    *v.value = to->value;
    *v.reason = to->reason;
    *v.data = to->data;
    *v.updated_ms = SOME_I64(op_now_ms(op));
    if (str_eq(from.value, to->value))
        return alarm_put(op, v.name, r);
    *v.moved_ms = *v.updated_ms;
    v = alarm_view(r);
    struct buf b;
    struct str bytes;
    buf_init(&b, op->arena, TEXT_BYTES_MAX);
    buf_c(&b, "{\"version\":\"1.0\",");
    write_kept(op, &b, "oldState", &from);
    buf_c(&b, ",");
    write_kept(op, &b, "newState", to);
    buf_byte(&b, '}');
    struct str text = detail(op, r, &v, &from, from_ms);
    int rc = text.p ? alarm_put(op, v.name, r) : E_LIMIT;
    if (!rc)
        rc = alarm_history(op, v.name, v.composite, "StateUpdate", str_printf(op->arena, "Alarm updated from %.*s to %.*s", STR_ARG(from.value), STR_ARG(to->value)),
                           buf_done(&b));
    if (!rc)
        rc = tell_bus(op, &v, text);
    if (!rc && v.actions_enabled)
        rc = act(op, &v, text);
    struct monitoring_rec_Moved moved = { .AlarmName = v.name, .Chain = SOME_I64(to->chain) };
    if (!rc)
        rc = wire_record_encode(op->arena, &monitoring_rec_Moved_shape, &moved, &bytes);
    return rc ? rc : op_outbox(op, "monitoring.moved", bytes);
}
