/* Log groups as targets: an event is a log event, in the rule's stream.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions */
#include <cjson/cJSON.h>

#include "aws/arn.h"
#include "base/code.h"
#include "cloud/call.h"
#include "events.h"
#include "gen/logs.h"

bool target_is_log_group(const struct events_Target *t, struct str *ret_name)
{
    struct arn arn;
    struct str kind, rest;
    if (arn_parse(t->Arn, &arn) || !str_is(arn.service, "logs") || !str_cut(arn.resource, ':', &kind, &rest) || !str_is(kind, "log-group"))
        return false;
    *ret_name = str_ends(rest, STR(":*")) ? str_sub(rest, 0, rest.n - 2) : rest;
    return true;
}

/* What a transformer makes for a log group is {"timestamp": <milliseconds or ISO 8601>, "message": <text>}. False: it is not. */
static bool read_template(struct op *op, struct str text, struct logs_InputLogEvent *ret)
{
    cJSON *tree = cJSON_ParseWithLength(text.p, text.n);
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(tree, "timestamp"), *message = cJSON_GetObjectItemCaseSensitive(tree, "message");
    int64_t ms = cJSON_IsNumber(time) && time->valuedouble >= 0 && time->valuedouble < 1e15 ? (int64_t)time->valuedouble : -1;
    if (cJSON_IsString(time) && time_parse_iso8601(str_c(time->valuestring), &ms))
        ms = -1;
    if (cJSON_IsString(message))
        ret->message = str_dup(op->arena, str_c(message->valuestring));
    ret->timestamp = SOME_I64(ms);
    cJSON_Delete(tree);
    return ms >= 0 && ret->message.n;
}

int log_target_put(struct op *op, const struct events_Target *t, const struct log_target *to, struct str input, struct op_failure *why)
{
    struct logs_CreateLogStream_in make = { .logGroupName = to->group, .logStreamName = to->stream };
    struct logs_CreateLogStream_out made = { 0 };
    struct logs_PutLogEvents_in put = { .logGroupName = to->group, .logStreamName = to->stream };
    struct logs_PutLogEvents_out done = { 0 };
    struct logs_InputLogEvent e = { .timestamp = SOME_I64(op_now_ms(op)), .message = input };
    if (t->InputTransformer && !read_template(op, input, &e)) {
        *why = (struct op_failure){ .error = EVENTS_ValidationException, .message = STR("The input of a log group must have a timestamp and a message") };
        return E_AWS;
    }
    *list_push(op->arena, &put.logEvents) = e;
    int rc = cloud_call(op, "logs", "PutLogEvents", to->who, &put, &done, why);
    if (rc != E_AWS || why->error != LOGS_ResourceNotFoundException)
        return rc;
    rc = cloud_call(op, "logs", "CreateLogStream", to->who, &make, &made, why);
    return rc ? rc : cloud_call(op, "logs", "PutLogEvents", to->who, &put, &done, why);
}
