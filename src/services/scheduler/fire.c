/* What is due: the target is called in the name of the schedule's role; a call that fails is tried again with growing pauses, as the retry policy
 * has it, and then goes to the dead-letter queue. */
#include "scheduler.h"

#include "auth/assume.h"
#include "aws/arn.h"
#include "aws/retry.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/events.h"
#include "gen/lambda.h"
#include "gen/sqs.h"

enum { CATCH_UP_MS = 24 * 3600 * 1000 };

/* One try of one occurrence. */
struct firing {
    struct scheduler_rec_Schedule s;
    struct str arn, execution_id, error_code, error_message;
    int64_t due_ms;
};

/* https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
static struct str payload(struct op *op, const struct firing *f)
{
    struct str text = f->s.Target->Input;
    if (!text.p)
        return str_printf(op->arena,
                          "{\"version\":\"0\",\"id\":\"%.*s\",\"detail-type\":\"Scheduled Event\",\"source\":\"aws.scheduler\",\"account\":\"%.*s\","
                          "\"time\":\"%.*s\",\"region\":\"%.*s\",\"resources\":[\"%.*s\"],\"detail\":\"{}\"}",
                          STR_ARG(f->execution_id), STR_ARG(op->account), STR_ARG(time_iso8601(op->arena, f->due_ms / 1000 * 1000)), STR_ARG(op->region),
                          STR_ARG(f->arn));
    text = str_replace(op->arena, text, STR("<aws.scheduler.schedule-arn>"), f->arn);
    text = str_replace(op->arena, text, STR("<aws.scheduler.scheduled-time>"), time_iso8601(op->arena, f->due_ms / 1000 * 1000));
    text = str_replace(op->arena, text, STR("<aws.scheduler.execution-id>"), f->execution_id);
    return str_replace(op->arena, text, STR("<aws.scheduler.attempt-number>"),
                       str_printf(op->arena, "%lld", (long long)opt_i64(f->s.Attempts, 0) + 1));
}

static int call_target(struct op *op, struct firing *f, const struct principal *who, struct op_failure *why)
{
    const struct scheduler_Target *t = f->s.Target;
    struct arn arn;
    if (arn_parse(t->Arn, &arn))
        return E_INVALID;
    if (str_is(arn.service, "lambda")) {
        struct lambda_Invoke_in in = { .FunctionName = t->Arn, .InvocationType = STR("Event"), .Payload = payload(op, f) };
        struct lambda_Invoke_out out = { 0 };
        return cloud_call_in(op, arn.account, arn.region, "lambda", "Invoke", who, &in, &out, why);
    }
    if (str_is(arn.service, "sqs")) {
        struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &arn), .MessageBody = payload(op, f) };
        struct sqs_SendMessage_out out = { 0 };
        if (t->SqsParameters)
            in.MessageGroupId = t->SqsParameters->MessageGroupId;
        return cloud_call_in(op, arn.account, arn.region, "sqs", "SendMessage", who, &in, &out, why);
    }
    if (str_is(arn.service, "events") && t->EventBridgeParameters) {
        struct events_PutEvents_in in = { 0 };
        struct events_PutEvents_out out = { 0 };
        *list_push(op->arena, &in.Entries) = (struct events_PutEventsRequestEntry){
            .EventBusName = t->Arn, .Source = t->EventBridgeParameters->Source, .DetailType = t->EventBridgeParameters->DetailType, .Detail = payload(op, f),
        };
        int rc = cloud_call_in(op, arn.account, arn.region, "events", "PutEvents", who, &in, &out, why);
        if (rc || opt_i64(out.FailedEntryCount, 0) == 0)
            return rc;
        why->error = EVENTS_ValidationException;
        why->message = out.Entries.v[0].ErrorMessage;
        return E_AWS;
    }
    return E_UNSUPPORTED;
}

static int to_dead_letters(struct op *op, struct firing *f, const struct principal *who)
{
    struct arn arn;
    const struct scheduler_DeadLetterConfig *d = f->s.Target->DeadLetterConfig;
    if (!d || !d->Arn.p || arn_parse(d->Arn, &arn)) {
        log_warn("schedule %.*s gave an occurrence up: %.*s", STR_ARG(f->arn), STR_ARG(f->error_message));
        return 0;
    }
    struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &arn), .MessageBody = payload(op, f) };
    struct sqs_SendMessage_out out = { 0 };
    const struct {
        const char *name;
        struct str value;
    } attributes[] = { { "ERROR_CODE", f->error_code }, { "ERROR_MESSAGE", f->error_message }, { "SCHEDULE_ARN", f->arn },
                       { "TARGET_ARN", f->s.Target->Arn }, { "EXECUTION_ID", f->execution_id } };
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (!attributes[i].value.n)
            continue;
        __typeof__(in.MessageAttributes.v) a = list_push(op->arena, &in.MessageAttributes);
        a->key = str_c(attributes[i].name);
        a->value.DataType = STR("String");
        a->value.StringValue = attributes[i].value;
    }
    int rc = cloud_call_in(op, arn.account, arn.region, "sqs", "SendMessage", who, &in, &out, NULL);
    return rc == E_AWS ? 0 : rc;
}

/* The occurrence failed: once more later, or given up and on to the next. */
static int retry(struct op *op, struct firing *f, const struct principal *who)
{
    struct scheduler_rec_Schedule *s = &f->s;
    const struct scheduler_RetryPolicy *policy = s->Target->RetryPolicy;
    struct retry again = { .attempts = opt_i64(s->Attempts, 0) + 1, .age_ms = op_now_ms(op) - f->due_ms, .attempts_max = policy->MaximumRetryAttempts,
                           .age_max_s = policy->MaximumEventAgeInSeconds };
    int64_t pause_ms = retry_pause_ms(&again);
    if (pause_ms < 0) {
        int rc = to_dead_letters(op, f, who);
        return rc ? rc : schedule_arm(op, s, f->due_ms);
    }
    struct key k;
    struct str id = schedule_timer_id(op, s);
    s->Attempts = SOME_I64(again.attempts);
    schedule_key(op, &k, s->GroupName, s->Name);
    int rc = op_rec_put(op, &k, &scheduler_rec_Schedule_shape, s);
    return rc ? rc : op_timer_set(op, "scheduler.fire", id, op_now_ms(op) + pause_ms, id);
}

int scheduler_job_fire(struct op *op, struct str id)
{
    struct firing f = { .execution_id = random_uuid(op->arena) };
    struct str group, name;
    struct key k;
    str_cut(id, '/', &group, &name);
    schedule_key(op, &k, str_dup(op->arena, group), str_dup(op->arena, name));
    int rc = op_rec_get(op, &k, &scheduler_rec_Schedule_shape, &f.s);
    if (rc == E_NOT_FOUND || (rc == 0 && (!f.s.DueMs.set || str_is(f.s.State, "DISABLED"))))
        return 0;
    if (rc)
        return rc;
    f.due_ms = f.s.DueMs.v;
    f.arn = scheduler_arn_schedule(op, f.s.GroupName, f.s.Name);
    struct principal who = { 0 };
    struct op_failure why = { 0 };
    rc = auth_role_principal(op, f.s.Target->RoleArn, f.execution_id, "scheduler.amazonaws.com", f.arn, &who);
    if (rc == E_AWS || rc == E_NOT_FOUND) {
        f.error_code = STR("AccessDeniedException");
        f.error_message = opt_str(op->fail.message, STR("The role cannot be assumed"));
        return retry(op, &f, &who);
    }
    if (rc)
        return rc;
    rc = call_target(op, &f, &who, &why);
    if (rc == E_AWS || rc == E_UNSUPPORTED || rc == E_INVALID) {
        f.error_code = why.error ? str_c(why.error->name) : STR("UnsupportedTarget");
        f.error_message = opt_str(why.message, STR("strata cannot call this target"));
        return retry(op, &f, &who);
    }
    if (rc)
        return rc;
    /* A clock that was moved far ahead does not bring back more than a day of occurrences. */
    int64_t after_ms = f.due_ms > op_now_ms(op) - CATCH_UP_MS ? f.due_ms : op_now_ms(op) - CATCH_UP_MS;
    return schedule_arm(op, &f.s, after_ms);
}
