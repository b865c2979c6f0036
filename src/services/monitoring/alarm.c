#include "services/monitoring/alarm.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/tags.h"

enum { ALARMS_AT_ONCE = 100, ACTIONS_MAX = 5, TAGS_MAX = 50, PERIODS_SECONDS_MAX = 86400, PERIODS_SECONDS_LONG_MAX = 604800 };

static void alarm_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &monitoring_kind_alarm);
    key_str(k, name);
}

int alarm_get(struct op *op, struct str name, struct monitoring_rec_Alarm *ret)
{
    struct key k;

    *ret = (struct monitoring_rec_Alarm){ 0 };
    alarm_key(op, &k, name);
    return op_rec_get(op, &k, &monitoring_rec_Alarm_shape, ret);
}

int alarm_put(struct op *op, struct str name, const struct monitoring_rec_Alarm *r)
{
    struct key k;

    alarm_key(op, &k, name);
    return op_rec_put(op, &k, &monitoring_rec_Alarm_shape, r);
}

static int invalid(struct op *op, const char *message)
{
    return aws_fail(op, MONITORING_ValidationError, "%s", message);
}

static int check_period(struct op *op, int64_t period_s, int64_t periods)
{
    if (period_s != 10 && period_s != 20 && period_s != 30 && period_s % 60)
        return invalid(op, "Period must be 10, 20, 30 or a multiple of 60");
    if (periods > (period_s >= 3600 ? PERIODS_SECONDS_LONG_MAX : PERIODS_SECONDS_MAX) / period_s)
        return invalid(op, "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).");
    return 0;
}

static int check_unsupported(struct op *op, const struct monitoring_PutMetricAlarm_in *in)
{
    const char *what = in->EvaluationCriteria ? "EvaluationCriteria" : in->EvaluationWindow ? "EvaluationWindow" : in->WarmUpConfiguration ? "WarmUpConfiguration"
                       : in->EvaluationInterval.set ? "EvaluationInterval" : in->ActionConfiguration ? "ActionConfiguration"
                       : in->ThresholdMetricId.p ? "ThresholdMetricId" : NULL;
    return what ? aws_unsupported(op, what) : 0;
}

static int check_metric_alarm(struct op *op, const struct monitoring_PutMetricAlarm_in *in)
{
    int rc = check_unsupported(op, in);
    if (rc)
        return rc;
    if (!in->EvaluationPeriods.set)
        return invalid(op, "The parameter EvaluationPeriods is required.");
    if (!str_set(in->ComparisonOperator))
        return invalid(op, "The parameter ComparisonOperator is required.");
    if (in->AlarmActions.n > ACTIONS_MAX || in->OKActions.n > ACTIONS_MAX || in->InsufficientDataActions.n > ACTIONS_MAX)
        return invalid(op, "The collection of actions must not have a size greater than 5.");
    if (in->DatapointsToAlarm.set && in->DatapointsToAlarm.v > in->EvaluationPeriods.v)
        return invalid(op, "The number of datapoints to alarm must be less than or equal to the number of evaluation periods.");
    if (in->Metrics.n) {
        if (str_set(in->MetricName) || str_set(in->Namespace) || in->Dimensions.n || in->Period.set || str_set(in->Unit) || str_set(in->Statistic) ||
            str_set(in->ExtendedStatistic))
            return invalid(op, "Metrics list cannot be used together with MetricName, Namespace, Dimensions, Period, Unit, Statistic and ExtendedStatistic.");
        const struct monitoring_MetricStat *s = in->Metrics.v->MetricStat;
        return in->Metrics.n == 1 && s ? check_period(op, s->Period.v, in->EvaluationPeriods.v) : 0;
    }
    if (!str_set(in->MetricName) || !str_set(in->Namespace))
        return invalid(op, "Either Metrics or MetricName and Namespace must be specified.");
    if (str_set(in->Statistic) == str_set(in->ExtendedStatistic))
        return invalid(op, "Exactly one of Statistic and ExtendedStatistic must be specified");
    if (!in->Period.set)
        return invalid(op, "The parameter Period is required.");
    if ((rc = check_period(op, in->Period.v, in->EvaluationPeriods.v)))
        return rc;
    if (!in->Threshold.set)
        return invalid(op, "Either Threshold or ThresholdMetricId must be specified.");
    if (str_set(in->TreatMissingData) && !str_is(in->TreatMissingData, "breaching") && !str_is(in->TreatMissingData, "notBreaching") &&
        !str_is(in->TreatMissingData, "ignore") && !str_is(in->TreatMissingData, "missing"))
        return invalid(op, "The value for parameter TreatMissingData is not supported.");
    return 0;
}

static int read_tags(struct op *op, const struct monitoring_TagList *tags, struct str_map *ret)
{
    tags_read(op, &monitoring_TagList_shape, tags, ret);
    const char *wrong = tags_check(ret, &tag_rules_usual);
    return wrong ? aws_fail(op, MONITORING_InvalidParameterValueException, "%s", wrong) : 0;
}

static int tell_change(struct op *op, struct str name, bool composite, const char *what)
{
    return alarm_history(op, name, composite, "ConfigurationUpdate", str_printf(op->arena, "Alarm \"%.*s\" %s", STR_ARG(name), what), STR_NONE);
}

static const char first_reason[] = "Unchecked: Initial alarm creation";

int monitoring_PutMetricAlarm(struct op *op, const struct monitoring_PutMetricAlarm_in *in, struct monitoring_PutMetricAlarm_out *out)
{
    struct monitoring_rec_Alarm old;
    int rc = alarm_get(op, in->AlarmName, &old);
    bool fresh = rc == E_NOT_FOUND;

    if ((rc && !fresh) || (rc = check_metric_alarm(op, in)))
        return rc;
    if (!fresh && old.Composite)
        return invalid(op, "An alarm of another type with this name exists.");
    struct monitoring_MetricAlarm was = fresh || !old.Metric ? (struct monitoring_MetricAlarm){ 0 } : *old.Metric;
    struct monitoring_MetricAlarm m = {
        .AlarmName = in->AlarmName, .AlarmArn = arn_make(op, "cloudwatch", "alarm:%.*s", STR_ARG(in->AlarmName)), .AlarmDescription = in->AlarmDescription,
        .AlarmConfigurationUpdatedTimestamp = SOME_I64(op_now_ms(op)), .ActionsEnabled = SOME_BOOL(opt_bool(in->ActionsEnabled, true)),
        .OKActions = in->OKActions, .AlarmActions = in->AlarmActions, .InsufficientDataActions = in->InsufficientDataActions,
        .StateValue = opt_str(was.StateValue, STR("INSUFFICIENT_DATA")), .StateReason = opt_str(was.StateReason, str_c(first_reason)),
        .StateReasonData = was.StateReasonData, .StateUpdatedTimestamp = SOME_I64(opt_i64(was.StateUpdatedTimestamp, op_now_ms(op))),
        .StateTransitionedTimestamp = SOME_I64(opt_i64(was.StateTransitionedTimestamp, op_now_ms(op))),
        .MetricName = in->MetricName, .Namespace = in->Namespace, .Statistic = in->Statistic, .ExtendedStatistic = in->ExtendedStatistic,
        .Dimensions = in->Dimensions, .Period = in->Period, .Unit = in->Unit, .EvaluationPeriods = in->EvaluationPeriods,
        .DatapointsToAlarm = in->DatapointsToAlarm, .Threshold = in->Threshold, .ComparisonOperator = in->ComparisonOperator,
        .TreatMissingData = in->TreatMissingData, .EvaluateLowSampleCountPercentile = in->EvaluateLowSampleCountPercentile, .Metrics = in->Metrics,
    };
    m.OKActions.set = m.AlarmActions.set = m.InsufficientDataActions.set = true;
    if (!in->Metrics.n)
        m.Dimensions.set = true;
    struct monitoring_rec_Alarm r = { .Metric = &m, .Tags = old.Tags, .Runs = SOME_BOOL(true) };
    if (fresh && (rc = read_tags(op, &in->Tags, &r.Tags))) /* tags of an alarm that stands change by TagResource only */
        return rc;
    if ((rc = tell_change(op, in->AlarmName, false, fresh ? "created" : "updated")) || (rc = alarm_arm(op, &m)) || (rc = published_arm(op)))
        return rc;
    return alarm_put(op, in->AlarmName, &r);
}

int monitoring_PutCompositeAlarm(struct op *op, const struct monitoring_PutCompositeAlarm_in *in, struct monitoring_PutCompositeAlarm_out *out)
{
    struct monitoring_rec_Alarm old;
    int rc = alarm_get(op, in->AlarmName, &old);
    bool fresh = rc == E_NOT_FOUND;

    if (rc && !fresh)
        return rc;
    if (!fresh && old.Metric)
        return invalid(op, "An alarm of another type with this name exists.");
    if (in->ActionsSuppressor.p || in->ActionConfiguration)
        return aws_unsupported(op, in->ActionsSuppressor.p ? "ActionsSuppressor" : "ActionConfiguration");
    if ((rc = rule_check(op, in->AlarmRule)))
        return rc == E_INVALID ? invalid(op, "The parameter AlarmRule is not a rule of alarms' states.") : rc;
    struct monitoring_CompositeAlarm was = fresh || !old.Composite ? (struct monitoring_CompositeAlarm){ 0 } : *old.Composite;
    struct monitoring_CompositeAlarm c = {
        .AlarmName = in->AlarmName, .AlarmArn = arn_make(op, "cloudwatch", "alarm:%.*s", STR_ARG(in->AlarmName)), .AlarmDescription = in->AlarmDescription,
        .AlarmConfigurationUpdatedTimestamp = SOME_I64(op_now_ms(op)), .ActionsEnabled = SOME_BOOL(opt_bool(in->ActionsEnabled, true)),
        .OKActions = in->OKActions, .AlarmActions = in->AlarmActions, .InsufficientDataActions = in->InsufficientDataActions, .AlarmRule = in->AlarmRule,
        .StateValue = opt_str(was.StateValue, STR("INSUFFICIENT_DATA")), .StateReason = opt_str(was.StateReason, str_c(first_reason)),
        .StateReasonData = was.StateReasonData, .StateUpdatedTimestamp = SOME_I64(opt_i64(was.StateUpdatedTimestamp, op_now_ms(op))),
        .StateTransitionedTimestamp = SOME_I64(opt_i64(was.StateTransitionedTimestamp, op_now_ms(op))),
    };
    c.OKActions.set = c.AlarmActions.set = c.InsufficientDataActions.set = true;
    struct monitoring_rec_Alarm r = { .Composite = &c, .Tags = old.Tags };
    if (fresh && (rc = read_tags(op, &in->Tags, &r.Tags)))
        return rc;
    if ((rc = tell_change(op, in->AlarmName, true, fresh ? "created" : "updated")) || (rc = op_outbox(op, "monitoring.compose", in->AlarmName)))
        return rc;
    return alarm_put(op, in->AlarmName, &r);
}

int monitoring_DeleteAlarms(struct op *op, const struct monitoring_DeleteAlarms_in *in, struct monitoring_DeleteAlarms_out *out)
{
    if (in->AlarmNames.n > ALARMS_AT_ONCE)
        return invalid(op, "The collection AlarmNames must not have a size greater than 100.");
    for (uint32_t i = 0; i < in->AlarmNames.n; i++) {
        struct monitoring_rec_Alarm r;
        struct key k;
        int rc = alarm_get(op, in->AlarmNames.v[i], &r);
        if (rc == E_NOT_FOUND)
            continue;
        alarm_key(op, &k, in->AlarmNames.v[i]);
        if (rc || (rc = op_rec_delete(op, &k)) || (rc = op_timer_cancel(op, "monitoring.evaluate", in->AlarmNames.v[i])) ||
            (rc = tell_change(op, in->AlarmNames.v[i], r.Composite != NULL, "deleted")))
            return rc;
    }
    return 0;
}

static int not_found(struct op *op, int rc)
{
    return rc == E_NOT_FOUND ? aws_fail(op, MONITORING_ResourceNotFound, "%s", "") : rc; /* AWS has no words for it */
}

int monitoring_SetAlarmState(struct op *op, const struct monitoring_SetAlarmState_in *in, struct monitoring_SetAlarmState_out *out)
{
    struct monitoring_rec_Alarm r;
    int rc = alarm_get(op, in->AlarmName, &r);

    struct alarm_state to = { in->StateValue, in->StateReason, in->StateReasonData, 0 };
    return rc ? not_found(op, rc) : alarm_move(op, &r, &to);
}

static int enable(struct op *op, const struct str_list *names, bool on)
{
    for (uint32_t i = 0; i < names->n; i++) {
        struct monitoring_rec_Alarm r;
        int rc = alarm_get(op, names->v[i], &r);
        if (rc == E_NOT_FOUND) /* AWS passes over names that are not there */
            continue;
        if (rc)
            return rc;
        if (r.Metric)
            r.Metric->ActionsEnabled = SOME_BOOL(on);
        if (r.Composite)
            r.Composite->ActionsEnabled = SOME_BOOL(on);
        if ((rc = alarm_put(op, names->v[i], &r)))
            return rc;
    }
    return 0;
}

int monitoring_EnableAlarmActions(struct op *op, const struct monitoring_EnableAlarmActions_in *in, struct monitoring_EnableAlarmActions_out *out)
{
    return enable(op, &in->AlarmNames, true);
}

int monitoring_DisableAlarmActions(struct op *op, const struct monitoring_DisableAlarmActions_in *in, struct monitoring_DisableAlarmActions_out *out)
{
    return enable(op, &in->AlarmNames, false);
}

/* ---- tags, by the alarm's ARN ---- */

static int tagged(struct op *op, struct str text, struct str *ret_name, struct monitoring_rec_Alarm *ret)
{
    struct arn arn;

    if (arn_parse(text, &arn) || !str_is(arn.service, "cloudwatch"))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "Invalid resource ARN: %.*s", STR_ARG(text));
    if (!str_starts(arn.resource, STR("alarm:")))
        return aws_fail(op, MONITORING_ResourceNotFoundException, "The resource %.*s does not exist.", STR_ARG(text));
    *ret_name = str_dup(op->arena, str_sub(arn.resource, 6, arn.resource.n));
    int rc = alarm_get(op, *ret_name, ret);
    return rc == E_NOT_FOUND && op->row->txn == OP_RW ? aws_fail(op, MONITORING_ResourceNotFoundException, "The resource %.*s does not exist.", STR_ARG(text)) : rc;
}

int monitoring_TagResource(struct op *op, const struct monitoring_TagResource_in *in, struct monitoring_TagResource_out *out)
{
    struct monitoring_rec_Alarm r;
    struct str_map tags = { 0 };
    struct str name;
    int rc = tagged(op, in->ResourceARN, &name, &r);

    if (rc || (rc = read_tags(op, &in->Tags, &tags)))
        return rc;
    tags_merge(op, &r.Tags, &tags);
    if (r.Tags.n > TAGS_MAX)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "A resource can't have more than %d tags.", TAGS_MAX);
    return alarm_put(op, name, &r);
}

int monitoring_UntagResource(struct op *op, const struct monitoring_UntagResource_in *in, struct monitoring_UntagResource_out *out)
{
    struct monitoring_rec_Alarm r;
    struct str name;
    int rc = tagged(op, in->ResourceARN, &name, &r);

    if (rc)
        return rc;
    tags_remove(&r.Tags, &in->TagKeys);
    return alarm_put(op, name, &r);
}

int monitoring_ListTagsForResource(struct op *op, const struct monitoring_ListTagsForResource_in *in, struct monitoring_ListTagsForResource_out *out)
{
    struct monitoring_rec_Alarm r;
    struct str name;
    int rc = tagged(op, in->ResourceARN, &name, &r);

    if (rc && rc != E_NOT_FOUND) /* an alarm that is gone has none */
        return rc;
    tags_write(op, &monitoring_TagList_shape, &r.Tags, &out->Tags);
    out->Tags.set = true;
    return 0;
}

/* ---- what the .ops rows name ---- */

struct str monitoring_arn_alarm(struct op *op, struct str name)
{
    return arn_make(op, "cloudwatch", "alarm:%.*s", STR_ARG(name));
}

struct str monitoring_arn_alarms(struct op *op)
{
    return monitoring_arn_alarm(op, STR("*"));
}

struct str monitoring_arn_alarm_or_all(struct op *op, struct str name)
{
    return monitoring_arn_alarm(op, opt_str(name, STR("*")));
}

struct str monitoring_arn_arn(struct op *op, struct str arn)
{
    return arn;
}

static void add_alarms(struct op *op, const char *action, const struct str_list *names, struct authz *a)
{
    for (uint32_t i = 0; i < names->n; i++)
        authz_add(a, action, monitoring_arn_alarm(op, names->v[i]));
}

int monitoring_authorize_DeleteAlarms(struct op *op, const struct monitoring_DeleteAlarms_in *in, struct authz *a)
{
    add_alarms(op, "cloudwatch:DeleteAlarms", &in->AlarmNames, a);
    return 0;
}

int monitoring_authorize_EnableAlarmActions(struct op *op, const struct monitoring_EnableAlarmActions_in *in, struct authz *a)
{
    add_alarms(op, "cloudwatch:EnableAlarmActions", &in->AlarmNames, a);
    return 0;
}

int monitoring_authorize_DisableAlarmActions(struct op *op, const struct monitoring_DisableAlarmActions_in *in, struct authz *a)
{
    add_alarms(op, "cloudwatch:DisableAlarmActions", &in->AlarmNames, a);
    return 0;
}
