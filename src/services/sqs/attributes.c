/* Queue attributes: what they may be, their defaults, and what GetQueueAttributes shows. They are kept as they were sent. */
#include <string.h>

#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/error.h"
#include "services/sqs/queue.h"

const char *const attribute_names[] = {
    "Policy", "VisibilityTimeout", "MaximumMessageSize", "MessageRetentionPeriod", "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible", "CreatedTimestamp", "LastModifiedTimestamp", "QueueArn", "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds", "DeduplicationScope", "FifoThroughputLimit", "RedriveAllowPolicy", "SqsManagedSseEnabled", NULL,
};

static const struct number_attribute {
    const char *name;
    int64_t min, max, otherwise;
} numbers[] = {
    { "VisibilityTimeout", 0, SQS_VISIBILITY_SECONDS_MAX, 30 },
    { "MaximumMessageSize", 1024, SQS_MESSAGE_BYTES_MAX, SQS_MESSAGE_BYTES_MAX },
    { "MessageRetentionPeriod", 60, 1209600, 345600 },
    { "DelaySeconds", 0, SQS_DELAY_SECONDS_MAX, 0 },
    { "ReceiveMessageWaitTimeSeconds", 0, SQS_WAIT_SECONDS_MAX, 0 },
    { "KmsDataKeyReusePeriodSeconds", 60, 86400, 300 },
};

bool attribute_known(struct str name)
{
    for (size_t i = 0; attribute_names[i]; i++)
        if (str_is(name, attribute_names[i]))
            return true;
    return false;
}

static const struct number_attribute *find_number(struct str name)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_is(name, numbers[i].name))
            return &numbers[i];
    return NULL;
}

static struct str stored(const struct queue *q, const char *name)
{
    return str_map_get(&q->rec.Attributes, str_c(name));
}

int64_t queue_number(const struct queue *q, const char *attribute)
{
    const struct number_attribute *a = find_number(str_c(attribute));
    struct str s = stored(q, attribute);
    int64_t v;

    return str_set(s) && str_to_i64(s, &v) == 0 ? v : a->otherwise;
}

static cJSON *parse_object(struct str s)
{
    cJSON *j = cJSON_ParseWithLength(s.p, s.n);
    if (j && !cJSON_IsObject(j)) {
        cJSON_Delete(j);
        return NULL;
    }
    return j;
}

/* maxReceiveCount comes as a number or as digits in a string. */
static int read_redrive(struct op *op, struct str text, struct redrive *ret)
{
    *ret = (struct redrive){ 0 };
    cJSON *j = parse_object(text);
    if (!j)
        return E_INVALID;
    const cJSON *target = cJSON_GetObjectItemCaseSensitive(j, "deadLetterTargetArn");
    const cJSON *max = cJSON_GetObjectItemCaseSensitive(j, "maxReceiveCount");
    if (cJSON_IsString(target)) {
        ret->target_arn = str_dup(op->arena, str_c(target->valuestring));
        ret->set = true;
    }
    if (cJSON_IsNumber(max))
        ret->receives_max = (int64_t)max->valuedouble;
    else if (!cJSON_IsString(max) || str_to_i64(str_c(max->valuestring), &ret->receives_max))
        ret->receives_max = max ? 0 : -1;
    cJSON_Delete(j);
    return 0;
}

struct redrive queue_redrive(struct op *op, const struct queue *q)
{
    struct redrive r = { 0 };
    struct str text = stored(q, "RedrivePolicy");

    if (text.n && read_redrive(op, text, &r))
        r.set = false;
    return r;
}

static int bad_value(struct op *op, struct str name)
{
    return aws_fail(op, SQS_InvalidAttributeValue, "Invalid value for the parameter %.*s.", STR_ARG(name));
}

static int bad_redrive(struct op *op, const char *name, struct str value, const char *reason)
{
    return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter %s is invalid. Reason: %s", STR_ARG(value), name, reason);
}

/* The dead-letter queue's own RedriveAllowPolicy may refuse this source. */
static bool target_allows(struct op *op, const struct queue *source, const struct queue *target)
{
    struct str text = stored(target, "RedriveAllowPolicy"), me = queue_arn(op, source);
    bool allows = true;

    cJSON *j = text.n ? parse_object(text) : NULL;
    const cJSON *permission = cJSON_GetObjectItemCaseSensitive(j, "redrivePermission");
    if (cJSON_IsString(permission) && strcmp(permission->valuestring, "denyAll") == 0)
        allows = false;
    if (cJSON_IsString(permission) && strcmp(permission->valuestring, "byQueue") == 0) {
        const cJSON *arn;
        allows = false;
        cJSON_ArrayForEach(arn, cJSON_GetObjectItemCaseSensitive(j, "sourceQueueArns"))
            allows = allows || (cJSON_IsString(arn) && str_is(me, arn->valuestring));
    }
    cJSON_Delete(j);
    return allows;
}

static int check_redrive(struct op *op, const struct queue *q, struct str value, struct redrive *ret)
{
    static const char *const name = "RedrivePolicy";
    struct queue target;

    if (read_redrive(op, value, ret))
        return bad_redrive(op, name, value, "Redrive policy is not a valid JSON map.");
    if (!ret->set)
        return bad_redrive(op, name, value, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
    if (ret->receives_max == -1)
        return bad_redrive(op, name, value, "Redrive policy does not contain mandatory attribute: maxReceiveCount.");
    if (ret->receives_max < 1 || ret->receives_max > 1000)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: "
                        "%lld, valid values are from 1 to 1000 both inclusive.", STR_ARG(value), (long long)ret->receives_max);
    int rc = queue_get_arn(op, ret->target_arn, &target);
    if (rc == E_NOT_FOUND)
        return bad_redrive(op, name, value, "Dead letter target does not exist.");
    if (rc)
        return rc;
    if (target.fifo != q->fifo)
        return bad_redrive(op, name, value, "Dead-letter queue must be same type of queue as the source.");
    if (!target_allows(op, q, &target))
        return bad_redrive(op, name, value, "Dead letter target's redrive allow policy does not permit this source queue.");
    return 0;
}

static int check_redrive_allow(struct op *op, struct str value)
{
    cJSON *j = parse_object(value);
    const cJSON *permission = cJSON_GetObjectItemCaseSensitive(j, "redrivePermission");
    const cJSON *arns = cJSON_GetObjectItemCaseSensitive(j, "sourceQueueArns");
    const char *p = cJSON_IsString(permission) ? permission->valuestring : "", *wrong = NULL;

    if (!j)
        wrong = "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.";
    else if (strcmp(p, "allowAll") && strcmp(p, "denyAll") && strcmp(p, "byQueue"))
        wrong = "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.";
    else if (strcmp(p, "byQueue") == 0 && (cJSON_GetArraySize(arns) < 1 || cJSON_GetArraySize(arns) > 10))
        wrong = "Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must specify from 1 to 10 "
                "sourceQueueArns values.";
    else if (strcmp(p, "byQueue") && arns)
        wrong = "Amazon SQS can't create the redrive allow policy. When you specify the allowAll or denyAll permission type, you can't specify any "
                "sourceQueueArns values.";
    cJSON_Delete(j);
    return wrong ? bad_redrive(op, "RedriveAllowPolicy", value, wrong) : 0;
}

static bool policy_valid(struct str value)
{
    cJSON *j = parse_object(value);
    bool good = j && cJSON_GetObjectItemCaseSensitive(j, "Statement");
    cJSON_Delete(j);
    return good;
}

static bool is_bool(struct str s)
{
    return str_eq_nocase(s, STR("true")) || str_eq_nocase(s, STR("false"));
}

struct str attribute_settled(struct op *op, struct str name, struct str value)
{
    bool boolean = str_is(name, "FifoQueue") || str_is(name, "ContentBasedDeduplication") || str_is(name, "SqsManagedSseEnabled");
    return boolean ? str_lower(op->arena, value) : value;
}

static int check_fifo(struct op *op, const struct queue *q, struct str name, struct str value, bool create)
{
    bool throughput = str_is(name, "DeduplicationScope") || str_is(name, "FifoThroughputLimit");
    if (!q->fifo && throughput)
        return aws_fail(op, SQS_InvalidAttributeName, "You can specify the %.*s only when FifoQueue is set to true.", STR_ARG(name));
    if (!q->fifo)
        return aws_fail(op, SQS_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(name));
    if (str_is(name, "FifoQueue") && !create && !str_eq_nocase(value, STR("true")))
        return aws_fail(op, SQS_InvalidAttributeValue, "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.");
    bool good = str_is(name, "FifoQueue")               ? str_eq_nocase(value, STR("true"))
              : str_is(name, "DeduplicationScope")      ? str_is(value, "messageGroup") || str_is(value, "queue")
              : str_is(name, "FifoThroughputLimit")     ? str_is(value, "perQueue") || str_is(value, "perMessageGroupId")
                                                        : is_bool(value);
    return good ? 0 : bad_value(op, name);
}

static int check_one(struct op *op, const struct queue *q, struct str name, struct str value, bool create)
{
    const struct number_attribute *n = find_number(name);
    struct redrive r;
    int64_t v;

    if (n)
        return str_to_i64(value, &v) || v < n->min || v > n->max ? bad_value(op, name) : 0;
    if (str_is(name, "Policy"))
        return value.n && !policy_valid(value) ? bad_value(op, name) : 0;
    if (str_is(name, "RedrivePolicy"))
        return value.n ? check_redrive(op, q, value, &r) : 0;
    if (str_is(name, "RedriveAllowPolicy"))
        return value.n ? check_redrive_allow(op, value) : 0;
    if (str_is(name, "KmsMasterKeyId"))
        return 0;
    if (str_is(name, "SqsManagedSseEnabled"))
        return is_bool(value) ? 0 : bad_value(op, name);
    if (str_is(name, "FifoQueue") || str_is(name, "ContentBasedDeduplication") || str_is(name, "DeduplicationScope") ||
        str_is(name, "FifoThroughputLimit"))
        return check_fifo(op, q, name, value, create);
    return aws_fail(op, SQS_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(name));
}

/* The index by which ListDeadLetterSourceQueues finds the sources of a queue. */
static int index_source(struct op *op, const struct queue *q, struct str redrive_policy, bool add)
{
    struct redrive r;
    struct arn arn;
    struct key k;

    if (!redrive_policy.n || read_redrive(op, redrive_policy, &r) || !r.set || arn_parse(r.target_arn, &arn))
        return 0;
    op_key(op, &k, &sqs_kind_source);
    key_str(&k, arn.resource);
    key_str(&k, q->name);
    return add ? txn_put(op->txn, key_view(&k), STR("")) : txn_delete(op->txn, key_view(&k));
}

static int apply_one(struct op *op, struct queue *q, struct str name, struct str value)
{
    struct str_map *m = &q->rec.Attributes;
    int rc;

    if (str_is(name, "RedrivePolicy") && ((rc = index_source(op, q, str_map_get(m, name), false)) || (rc = index_source(op, q, value, true))))
        return rc;
    if (str_is(name, "Policy") && (rc = auth_epoch_bump(op)))
        return rc;
    if (str_is(name, "KmsMasterKeyId") && value.n)
        str_map_put(op->arena, m, STR("SqsManagedSseEnabled"), STR("false"));
    if (str_is(name, "SqsManagedSseEnabled") && str_is(value, "true"))
        str_map_remove(m, STR("KmsMasterKeyId"));
    if (value.n)
        str_map_put(op->arena, m, name, value);
    else
        str_map_remove(m, name);
    return 0;
}

int attributes_apply(struct op *op, struct queue *q, const struct str_map *given, bool create)
{
    if (str_map_get(given, STR("KmsMasterKeyId")).n && str_is(str_map_get(given, STR("SqsManagedSseEnabled")), "true"))
        return aws_fail(op, SQS_InvalidAttributeValue, "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or "
                                                       "SQS SSE.");
    for (uint32_t i = 0; i < given->n; i++) {
        int rc = check_one(op, q, given->v[i].key, given->v[i].value, create);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < given->n; i++) {
        int rc = apply_one(op, q, given->v[i].key, attribute_settled(op, given->v[i].key, given->v[i].value));
        if (rc)
            return rc;
    }
    return 0;
}

static int64_t at_least_none(int64_t n) { return n > 0 ? n : 0; }

struct queue_counts queue_counts(struct op *op, const struct queue *q)
{
    int64_t delayed = 0, in_flight = line_due_count(op, q, &delayed); /* whose time has come, and nobody moved them yet */
    return (struct queue_counts){ at_least_none(q->live.Ready.v + in_flight + delayed), at_least_none(q->live.InFlight.v - in_flight),
                                  at_least_none(q->live.Delayed.v - delayed) };
}

static struct str count_of(struct op *op, const struct queue *q, struct str name)
{
    struct queue_counts n = queue_counts(op, q);
    return str_printf(op->arena, "%lld", (long long)(str_is(name, "ApproximateNumberOfMessages") ? n.ready
                                                     : str_is(name, "ApproximateNumberOfMessagesNotVisible") ? n.in_flight : n.delayed));
}

struct str attribute_value(struct op *op, const struct queue *q, struct str name)
{
    const struct number_attribute *n = find_number(name);

    if (str_is(name, "KmsDataKeyReusePeriodSeconds") && !stored(q, "KmsMasterKeyId").n)
        return STR_NONE;
    if (n)
        return str_printf(op->arena, "%lld", (long long)queue_number(q, n->name));
    if (str_starts(name, STR("ApproximateNumberOf")))
        return count_of(op, q, name);
    if (str_is(name, "CreatedTimestamp"))
        return str_printf(op->arena, "%lld", (long long)(q->rec.CreatedMs.v / 1000));
    if (str_is(name, "LastModifiedTimestamp"))
        return str_printf(op->arena, "%lld", (long long)(q->rec.ModifiedMs.v / 1000));
    if (str_is(name, "QueueArn"))
        return queue_arn(op, q);
    struct str s = str_map_get(&q->rec.Attributes, name);
    if (!str_set(s) && str_is(name, "SqsManagedSseEnabled"))
        return STR("true");
    if (!str_set(s) && q->fifo) {
        if (str_is(name, "FifoQueue"))
            return STR("true");
        if (str_is(name, "ContentBasedDeduplication"))
            return STR("false");
        if (str_is(name, "DeduplicationScope"))
            return STR("queue");
        if (str_is(name, "FifoThroughputLimit"))
            return STR("perQueue");
    }
    return s;
}
