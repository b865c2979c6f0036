/* The notification configuration of a bucket: what AWS refuses in one, and the destinations, which are asked before it is kept. */
#include <string.h>

#include "aws/arn.h"
#include "aws/id.h"
#include "base/code.h"
#include "cloud/call.h"
#include "gen/sqs.h"
#include "services/s3/notify.h"

/* A queue's and a function's configuration, as one. */
struct target {
    const char *element; /* what AWS calls the ARN's argument */
    const char *service;
    struct str *id, arn;
    const struct str_list *events;
    struct s3_NotificationConfigurationFilter *filter;
};
struct targets {
    struct target *v;
    uint32_t n, cap;
    bool set;
};

static void collect(struct op *op, struct s3_NotificationConfiguration *c, struct targets *ret)
{
    for list_each(q, &c->QueueConfigurations)
        *list_push(op->arena, ret) = (struct target){ "Queue", "sqs", &q->Id, q->QueueArn, &q->Events, q->Filter };
    for list_each(f, &c->LambdaFunctionConfigurations)
        *list_push(op->arena, ret) = (struct target){ "CloudFunction", "lambda", &f->Id, f->LambdaFunctionArn, &f->Events, f->Filter };
}

static int not_an_arn(struct op *op, const char *element, struct str text)
{
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = str_c(element), .ArgumentValue = text), "The ARN could not be parsed");
}

static bool is_event(struct str name)
{
    for (const char *const *e = s3_Event_shape.enums; *e; e++)
        if (str_is(name, *e))
            return true;
    return false;
}

/* Every event goes by all of them, and each is compared with all before it. */
enum { CONFIGURATIONS_MAX = 100, EVENTS_MAX = 32 /* there are fewer names */, ID_CHARACTERS_MAX = 255, FILTER_CHARACTERS_MAX = 1024 };

/* Names in any case are taken, and shown as "Prefix" and "Suffix"; each once. */
static int check_filter(struct op *op, struct s3_NotificationConfigurationFilter *f)
{
    bool prefix = false, suffix = false;
    for (uint32_t i = 0; f && f->Key && i < f->Key->FilterRules.n; i++) {
        struct s3_FilterRule *r = &f->Key->FilterRules.v[i];
        bool is_prefix = str_eq_nocase(r->Name, STR("prefix"));
        if (!is_prefix && !str_eq_nocase(r->Name, STR("suffix")))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("FilterRule.Name"), .ArgumentValue = r->Name),
                           "filter rule name must be either prefix or suffix");
        if (is_prefix ? prefix : suffix)
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("FilterRule.Name"), .ArgumentValue = r->Name),
                           "Cannot specify more than one %s rule in a filter.", is_prefix ? "prefix" : "suffix");
        *(is_prefix ? &prefix : &suffix) = true;
        r->Name = is_prefix ? STR("Prefix") : STR("Suffix");
        r->Value = opt_str(r->Value, STR(""));
        if (str_characters(r->Value) > FILTER_CHARACTERS_MAX)
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("FilterRule.Value"), .ArgumentValue = r->Value), "Size of filter rule value cannot exceed 1024 bytes in UTF-8");
    }
    return 0;
}

static struct str rule_of(const struct target *t, const char *name)
{
    for (uint32_t i = 0; t->filter && t->filter->Key && i < t->filter->Key->FilterRules.n; i++)
        if (str_is(t->filter->Key->FilterRules.v[i].Name, name))
            return t->filter->Key->FilterRules.v[i].Value;
    return STR("");
}

static bool share_event(const struct target *a, const struct target *b)
{
    for list_each(x, a->events)
        for list_each(y, b->events)
            if (s3_event_covers(*x, str_sub(*y, 3, y->n)) || s3_event_covers(*y, str_sub(*x, 3, x->n)))
                return true;
    return false;
}

/* An object may concern one configuration an event. */
static bool overlap(const struct target *a, const struct target *b)
{
    struct str p = rule_of(a, "Prefix"), q = rule_of(b, "Prefix"), s = rule_of(a, "Suffix"), t = rule_of(b, "Suffix");
    return share_event(a, b) && (str_starts(p, q) || str_starts(q, p)) && (str_ends(s, t) || str_ends(t, s));
}

static int check(struct op *op, const struct s3_rec_Bucket *b, const struct targets *all)
{
    struct arn arn;
    if (all->n > CONFIGURATIONS_MAX)
        return aws_fail(op, S3_InvalidArgument, "A bucket can have up to %d notification configurations", CONFIGURATIONS_MAX);
    for list_each(t, all)
        if (arn_parse(t->arn, &arn) || !str_is(arn.service, t->service))
            return not_an_arn(op, t->element, t->arn);
    for list_each(t, all) {
        int rc = check_filter(op, t->filter);
        if (rc)
            return rc;
        if (t->events->n == 0 || t->events->n > EVENTS_MAX || str_characters(*t->id) > ID_CHARACTERS_MAX)
            return s3_malformed(op);
        for list_each(e, t->events)
            if (!is_event(*e))
                return s3_malformed(op);
        arn_parse(t->arn, &arn);
        if (!str_eq(arn.region, b->Region))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = t->arn, .ArgumentValue = STR("null")),
                           "The notification destination service region is not valid for the bucket location constraint");
        for (const struct target *before = all->v; before < t; before++)
            if (overlap(before, t))
                return aws_fail(op, S3_InvalidArgument, "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
                                                        "prefixes are overlapping for the same event type.");
        if (!t->id->n)
            *t->id = id_uuid(op);
    }
    return 0;
}

/* A queue that is not there has no policy either: SQS says but that S3 may not. Its account knows better. */
static bool queue_exists(struct op *op, struct str arn_text)
{
    struct arn arn;
    arn_parse(arn_text, &arn);
    if (!str_eq(arn.account, op->account)) /* whether a stranger's queue is there is not told */
        return true;
    struct principal owner = { .kind = PRINCIPAL_ROOT, .account = arn.account, .user_id = arn.account,
                               .arn = str_cat(op->arena, STR("arn:"), arn.partition, STR(":iam::"), arn.account, STR(":root")) };
    struct sqs_GetQueueUrl_in in = { .QueueName = arn.resource };
    struct sqs_GetQueueUrl_out out = { 0 };
    return cloud_call_in(op, arn.account, arn.region, "sqs", "GetQueueUrl", &owner, &in, &out, NULL) == 0;
}

/* Queues get a test message, functions are asked whether they would run; what refuses is named. */
static int try_out(struct op *op, const struct s3_rec_Bucket *b, const struct targets *all)
{
    struct s3_InvalidArgument d = { 0 };
    struct {
        struct str *name, *value;
    } slots[] = { { &d.ArgumentName1, &d.ArgumentValue1 }, { &d.ArgumentName2, &d.ArgumentValue2 }, { &d.ArgumentName3, &d.ArgumentValue3 } };
    struct str message = str_printf(op->arena, "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Time\":\"%.*s\",\"Bucket\":\"%.*s\",\"RequestId\":"
                                               "\"%.*s\",\"HostId\":\"%.*s\"}",
                                    STR_ARG(time_iso8601_ms(op->arena, op_now_ms(op))), STR_ARG(b->Name), STR_ARG(op->request_id),
                                    STR_ARG(op->request_id));
    size_t failed = 0;
    for list_each(t, all) {
        struct op_failure why = { 0 };
        bool queue = str_is(str_c(t->service), "sqs");
        int rc = s3_notice_send(op, b->Account, b->Name, t->arn, queue ? message : STR_NONE, &why);
        if (rc && rc != E_AWS)
            return rc;
        if (!rc || failed == sizeof slots / sizeof *slots)
            continue;
        *slots[failed].name = queue ? t->arn : str_cat(op->arena, t->arn, STR(", null"));
        *slots[failed++].value = !queue ? str_printf(op->arena, "Not authorized to invoke function [%.*s]", STR_ARG(t->arn))
                                 : why.error && why.error->status == 403 && queue_exists(op, t->arn)
                                     ? STR("Permissions on the destination queue do not allow S3 to publish notifications from this bucket")
                                     : STR("The destination queue does not exist");
    }
    return failed ? aws_fail_with(op, S3_InvalidArgument, arena_dup(op->arena, &d, sizeof d), "Unable to validate the following destination configurations")
                  : 0;
}

int s3_PutBucketNotificationConfiguration(struct op *op, const struct s3_PutBucketNotificationConfiguration_in *in,
                                          struct s3_PutBucketNotificationConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct targets all = { 0 };
    struct arn arn;
    struct s3_NotificationConfiguration *c = in->NotificationConfiguration;
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc && !c)
        rc = s3_malformed(op);
    if (rc)
        return rc;
    if (c->TopicConfigurations.n) {
        struct str topic = c->TopicConfigurations.v[0].TopicArn;
        return arn_parse(topic, &arn) ? not_an_arn(op, "Topic", topic) : aws_unsupported(op, "TopicConfigurations (SNS)");
    }
    collect(op, c, &all);
    rc = check(op, &b, &all);
    if (!rc && !opt_bool(in->SkipDestinationValidation, false))
        rc = try_out(op, &b, &all);
    b.Notification = c;
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetBucketNotificationConfiguration(struct op *op, const struct s3_GetBucketNotificationConfiguration_in *in,
                                          struct s3_GetBucketNotificationConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc && b.Notification) {
        out->QueueConfigurations = b.Notification->QueueConfigurations;
        out->LambdaFunctionConfigurations = b.Notification->LambdaFunctionConfigurations;
        out->EventBridgeConfiguration = b.Notification->EventBridgeConfiguration;
    }
    return rc;
}
