/* From a rule to its targets: one outbox record a target, so that a target that fails holds nobody up. A call that fails is tried again with
 * growing pauses within the target's retry policy, then goes to its dead-letter queue. */
#include <string.h>

#include <cjson/cJSON.h>

#include "auth/assume.h"
#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/retry.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "events.h"
#include "gen/lambda.h"
#include "gen/sqs.h"
#include "wire/wire.h"

enum { INPUT_BYTES_MAX = 2 * 1024 * 1024 };

int rule_deliver(struct op *op, const struct events_rec_Rule *r, struct str event, bool forwarded)
{
    for (uint32_t i = 0; i < r->Targets.n; i++) {
        struct events_rec_Delivery d = { .RuleName = r->Name, .TargetId = r->Targets.v[i].Id, .Event = event, .AcceptedMs = SOME_I64(op_now_ms(op)),
                                         .EventBusName = r->EventBusName, .Forwarded = SOME_BOOL(forwarded) };
        struct str bytes;
        int rc = wire_record_encode(op->arena, &events_rec_Delivery_shape, &d, &bytes);
        if (!rc)
            rc = op_outbox(op, "events.deliver", bytes);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- what the target gets ---- */

/* $.detail.a[0].b; NULL when there is nothing. */
static const cJSON *at_path(const cJSON *tree, struct str path)
{
    if (!str_starts(path, STR("$")))
        return NULL;
    struct str rest = str_sub(path, 1, path.n);
    while (tree && rest.n) {
        size_t n = 1;
        while (n < rest.n && rest.p[n] != '.' && rest.p[n] != '[')
            n++;
        struct str step = str_sub(rest, 1, n - 1);
        char name[256];
        int64_t index;
        if (rest.p[0] == '[') {
            if (!str_ends(step, STR("]")) || str_to_i64(str_sub(step, 0, step.n - 1), &index) || index < 0 || index > 100000)
                return NULL;
            tree = cJSON_GetArrayItem(tree, (int)index);
        } else {
            if (rest.p[0] != '.' || step.n >= sizeof name)
                return NULL;
            memcpy(name, step.p, step.n);
            name[step.n] = 0;
            tree = cJSON_GetObjectItemCaseSensitive(tree, name);
        }
        rest = str_sub(rest, n, rest.n);
    }
    return tree;
}

static struct str print(struct op *op, const cJSON *value)
{
    char *text = cJSON_PrintUnformatted(value);
    struct str s = str_dup(op->arena, str_c(text ? text : "null"));
    cJSON_free(text);
    return s;
}

/* What a template is filled with. */
struct filling {
    const struct events_Target *target;
    struct str event_text, rule; /* rule: its ARN */
    const cJSON *event;
    int64_t ingested_ms;
    size_t taken; /* of values, whatever became of them */
};

/* <aws.events.event>: the event without its detail. */
static struct str without_detail(struct op *op, const cJSON *event)
{
    cJSON *copy = cJSON_Duplicate(event, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "detail");
    cJSON *type = cJSON_DetachItemFromObjectCaseSensitive(copy, "detail-type");
    if (type)
        cJSON_AddItemToObject(copy, "detailType", type);
    struct str text = print(op, copy);
    cJSON_Delete(copy);
    return text;
}

/* A name that EventBridge defines itself: bare text, or JSON. False: it is none. */
static bool predefined(struct op *op, const struct filling *f, struct str name, struct str *ret_text, bool *ret_json)
{
    struct str before, rule_name = f->rule;
    *ret_json = false;
    if (!str_starts(name, STR("aws.events.")))
        return false;
    while (str_cut(rule_name, '/', &before, &rule_name) && str_contains(rule_name, STR("/")))
        ;
    if (str_is(name, "aws.events.rule-arn"))
        *ret_text = f->rule;
    else if (str_is(name, "aws.events.rule-name"))
        *ret_text = rule_name;
    else if (str_is(name, "aws.events.event.ingestion-time"))
        *ret_text = time_iso8601(op->arena, f->ingested_ms);
    else if ((*ret_json = str_is(name, "aws.events.event")))
        *ret_text = without_detail(op, f->event);
    else if ((*ret_json = str_is(name, "aws.events.event.json")))
        *ret_text = f->event_text;
    else
        return false;
    return true;
}

/* One <name> of a template: within quotes a string is put in bare and JSON without its quotes, elsewhere both as JSON. */
static void substitute(struct op *op, struct buf *b, struct filling *f, struct str name, bool quoted)
{
    struct str text = STR("");
    bool json = false;
    if (!predefined(op, f, name, &text, &json)) {
        struct str path = str_map_get(&f->target->InputTransformer->InputPathsMap, name);
        const cJSON *v = path.p ? at_path(f->event, path) : NULL;
        json = v && !cJSON_IsString(v);
        text = json ? print(op, v) : v ? str_dup(op->arena, str_c(v->valuestring)) : STR("");
    }
    f->taken += text.n;
    if (f->taken > INPUT_BYTES_MAX) {
        b->over = true;
        return;
    }
    if (json) {
        if (quoted) /* what is quoted within is no better off than the rest */
            text = str_replace(op->arena, str_replace(op->arena, text, STR("\\\""), STR("")), STR("\""), STR(""));
        buf_str(b, text);
    } else if (quoted) {
        struct buf escaped; /* but without its quotes */
        buf_init(&escaped, op->arena, INPUT_BYTES_MAX);
        buf_json_string(&escaped, text);
        buf_put(b, escaped.p + 1, escaped.n - 2);
    } else {
        buf_json_string(b, text);
    }
}

static struct str transform(struct op *op, struct filling *f)
{
    struct buf b;
    struct str template = f->target->InputTransformer->InputTemplate;
    bool quoted = false;
    buf_init(&b, op->arena, INPUT_BYTES_MAX);
    for (size_t i = 0; i < template.n && buf_ok(&b); i++) {
        char c = template.p[i];
        if (c == '"' && (i == 0 || template.p[i - 1] != '\\'))
            quoted = !quoted;
        const char *end = c == '<' ? memchr(template.p + i, '>', template.n - i) : NULL;
        if (!end) {
            buf_byte(&b, c);
            continue;
        }
        size_t n = (size_t)(end - template.p) - i - 1;
        substitute(op, &b, f, str_sub(template, i + 1, n), quoted);
        i += n + 1;
    }
    return buf_done(&b);
}

/* Absent: it would be too large. */
static struct str input_of(struct op *op, const struct events_Target *t, const struct events_rec_Delivery *d, struct str rule)
{
    if (t->Input.p)
        return t->Input;
    if (!t->InputPath.p && !t->InputTransformer)
        return d->Event;
    cJSON *event = cJSON_ParseWithLength(d->Event.p, d->Event.n);
    struct str input;
    if (t->InputTransformer) {
        struct filling f = { .target = t, .event_text = d->Event, .rule = rule, .event = event, .ingested_ms = d->AcceptedMs.v };
        input = transform(op, &f);
    } else {
        const cJSON *v = at_path(event, t->InputPath);
        input = v ? print(op, v) : STR("null");
    }
    cJSON_Delete(event);
    return input;
}

/* ---- the call ---- */

/* In the name of events.amazonaws.com, so that the target's own policy decides; with a role of the target, as that role. */
static int caller(struct op *op, const struct events_Target *t, struct str rule, struct principal *ret)
{
    *ret = principal_service(op, "events.amazonaws.com", rule);
    return t->RoleArn.n ? auth_role_principal(op, t->RoleArn, random_uuid(op->arena), "events.amazonaws.com", rule, ret) : 0;
}

/* To another bus: who must be allowed to put events there. The event stays as it is, and goes no further than that bus. */
static int forward(struct op *op, struct str target, const struct principal *who, struct str event, struct op_failure *why)
{
    const struct principal *own = op->caller;
    const struct str account = op->account;
    struct authz a = { .op = op };
    struct bus_ref bus = bus_ref(op, target);
    struct authz_item *item = authz_add(&a, "events:PutEvents", target);
    int rc = events_resource_policy(op, target, &item->resource_policy, &item->account);
    cJSON *tree = cJSON_ParseWithLength(event.p, event.n);
    authz_context(&a, item, "events:source", str_dup(op->arena, str_c(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "source")))));
    authz_context(&a, item, "events:detail-type", str_dup(op->arena, str_c(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "detail-type")))));
    cJSON_Delete(tree);
    op->caller = who;
    op->account = bus.account;
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = auth_authorize(op, &a);
    op->caller = own;
    op->account = account;
    if (rc == E_AWS) {
        *why = op->fail;
        op->fail = (struct op_failure){ 0 };
    }
    return rc ? rc : bus_match(op, &bus, event, true);
}

static int call_target(struct op *op, const struct events_Target *t, struct str input, struct str rule, struct op_failure *why)
{
    struct arn arn;
    struct principal who;
    struct log_target log = { .who = &who };
    struct str before;
    if (arn_parse(t->Arn, &arn))
        return E_INVALID;
    int rc = caller(op, t, rule, &who);
    if (rc)
        return rc;
    if (str_is(arn.service, "lambda")) {
        struct lambda_Invoke_in in = { .FunctionName = t->Arn, .InvocationType = STR("Event"), .Payload = input };
        struct lambda_Invoke_out out = { 0 };
        return cloud_call_in(op, arn.account, arn.region, "lambda", "Invoke", &who, &in, &out, why);
    }
    if (str_is(arn.service, "events"))
        return forward(op, t->Arn, &who, input, why);
    if (target_is_log_group(t, &log.group)) {
        str_cut_last(rule, '/', &before, &log.stream);
        return log_target_put(op, t, &log, input, why);
    }
    struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &arn), .MessageBody = input };
    struct sqs_SendMessage_out out = { 0 };
    if (t->SqsParameters)
        in.MessageGroupId = t->SqsParameters->MessageGroupId;
    return cloud_call_in(op, arn.account, arn.region, "sqs", "SendMessage", &who, &in, &out, why);
}

/* How a dead letter says what went wrong. */
static struct str error_code(const struct op_failure *why)
{
    if (!why->error)
        return STR("SDK_CLIENT_ERROR");
    return why->error->status == 403 ? STR("NO_PERMISSIONS") : why->error->status == 404 ? STR("NO_RESOURCE") : STR("THIRD_PARTY_ERROR");
}

static void attribute(struct op *op, struct sqs_SendMessage_in *in, const char *name, struct str value)
{
    if (!value.n)
        return;
    __typeof__(in->MessageAttributes.v) a = list_push(op->arena, &in->MessageAttributes);
    a->key = str_c(name);
    a->value.DataType = STR("String");
    a->value.StringValue = value;
}

/* https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html; exhausted: which limit was reached, or absent. */
static int give_up(struct op *op, const struct events_Target *t, struct str event, struct str rule, const struct op_failure *why, struct str exhausted,
                   int64_t attempts)
{
    struct str reason = why->message;
    struct arn arn;
    if (!t->DeadLetterConfig || arn_parse(t->DeadLetterConfig->Arn, &arn)) {
        log_warn("rule %.*s gave up on target %.*s: %.*s", STR_ARG(rule), STR_ARG(t->Arn), STR_ARG(reason));
        return 0;
    }
    struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &arn), .MessageBody = event };
    struct sqs_SendMessage_out out = { 0 };
    struct principal who = principal_service(op, "events.amazonaws.com", rule);
    attribute(op, &in, "RULE_ARN", rule);
    attribute(op, &in, "TARGET_ARN", t->Arn);
    attribute(op, &in, "ERROR_CODE", error_code(why));
    attribute(op, &in, "ERROR_MESSAGE", reason);
    attribute(op, &in, "EXHAUSTED_RETRY_CONDITION", exhausted);
    if (exhausted.n)
        attribute(op, &in, "RETRY_ATTEMPTS", str_printf(op->arena, "%lld", (long long)attempts));
    int rc = cloud_call_in(op, arn.account, arn.region, "sqs", "SendMessage", &who, &in, &out, NULL);
    return rc == E_AWS ? 0 : rc;
}

int events_job_deliver(struct op *op, struct str payload)
{
    struct events_rec_Delivery d = { 0 };
    struct events_rec_Rule r = { 0 };
    const struct events_Target *t = NULL;
    if (wire_record_decode(op->arena, &events_rec_Delivery_shape, str_dup(op->arena, payload), &d))
        return E_CORRUPT;
    int rc = rule_get(op, d.EventBusName, d.RuleName, &r);
    for (uint32_t i = 0; rc == 0 && i < r.Targets.n; i++)
        if (str_eq(r.Targets.v[i].Id, d.TargetId))
            t = &r.Targets.v[i];
    if (rc == E_AWS || (rc == 0 && !t)) /* the rule or its target has gone */
        return 0;
    if (rc)
        return rc;
    if (opt_bool(d.Forwarded, false) && target_is_bus(t))
        return 0;
    struct str rule = rule_arn(op, r.EventBusName, r.Name);
    struct op_failure why = { 0 };
    struct str input = input_of(op, t, &d, rule);
    if (!input.p) {
        why.message = STR("The input that the transformer makes is too large");
        return give_up(op, t, d.Event, rule, &why, STR_NONE, 0);
    }
    rc = call_target(op, t, input, rule, &why);
    if (rc != E_AWS && rc != E_NOT_FOUND)
        return rc;
    struct retry again = { .attempts = opt_i64(d.Attempts, 0) + 1, .age_ms = op_now_ms(op) - d.AcceptedMs.v };
    if (t->RetryPolicy) {
        again.attempts_max = t->RetryPolicy->MaximumRetryAttempts;
        again.age_max_s = t->RetryPolicy->MaximumEventAgeInSeconds;
    }
    int64_t pause_ms = retry_pause_ms(&again);
    bool final = why.error && why.error->status != 400 && why.error->status < 500 && why.error->status != 429; /* denied, not found: no retry helps */
    if (final || pause_ms < 0)
        return give_up(op, t, d.Event, rule, &why,
                       final ? STR_NONE : pause_ms == RETRY_ATTEMPTS_OVER ? STR("MaximumRetryAttempts") : STR("MaximumEventAgeInSeconds"), again.attempts - 1);
    struct str bytes;
    d.Attempts = SOME_I64(again.attempts);
    rc = wire_record_encode(op->arena, &events_rec_Delivery_shape, &d, &bytes);
    return rc ? rc : op_timer_set(op, "events.deliver", random_uuid(op->arena), op_now_ms(op) + pause_ms, bytes);
}
