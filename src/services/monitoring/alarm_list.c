/* Describing alarms and their history. */
#include "aws/error.h"
#include "aws/page.h"
#include "services/monitoring/alarm.h"
#include "services/monitoring/metric.h"

enum { PAGE_MAX = 100 };

static int page(struct op *op, struct opt_i64 max_records, struct str token, int64_t *ret_max, struct str *ret_start)
{
    *ret_start = STR_NONE;
    *ret_max = opt_i64(max_records, 50);
    if (*ret_max < 1 || *ret_max > PAGE_MAX)
        return aws_fail(op, MONITORING_ValidationError, "The parameter MaxRecords must be between 1 and 100.");
    if (str_set(token) && page_key(op, token, ret_start))
        return aws_fail(op, MONITORING_InvalidNextToken, "Invalid next token");
    return 0;
}

static bool starts_any(const struct str_list *l, struct str prefix)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_starts(l->v[i], prefix))
            return true;
    return false;
}

static bool wanted(const struct monitoring_DescribeAlarms_in *in, struct str name, const struct monitoring_rec_Alarm *r)
{
    bool metric = r->Metric != NULL;
    struct str state = metric ? r->Metric->StateValue : r->Composite->StateValue;
    const struct str_list *actions[] = {
        metric ? &r->Metric->AlarmActions : &r->Composite->AlarmActions,
        metric ? &r->Metric->OKActions : &r->Composite->OKActions,
        metric ? &r->Metric->InsufficientDataActions : &r->Composite->InsufficientDataActions,
    };

    /* without AlarmTypes only metric alarms are shown */
    if (in->AlarmTypes.n ? !str_list_has(&in->AlarmTypes, metric ? STR("MetricAlarm") : STR("CompositeAlarm")) : !metric)
        return false;
    if ((in->AlarmNames.n && !str_list_has(&in->AlarmNames, name)) || (str_set(in->AlarmNamePrefix) && !str_starts(name, in->AlarmNamePrefix)))
        return false;
    if (str_set(in->StateValue) && !str_eq(state, in->StateValue))
        return false;
    return !str_set(in->ActionPrefix) || starts_any(actions[0], in->ActionPrefix) || starts_any(actions[1], in->ActionPrefix) ||
           starts_any(actions[2], in->ActionPrefix);
}

static void show(struct op *op, const struct monitoring_rec_Alarm *r, struct monitoring_DescribeAlarms_out *out)
{
    if (r->Metric)
        *list_push(op->arena, &out->MetricAlarms) = *r->Metric;
    else
        *list_push(op->arena, &out->CompositeAlarms) = *r->Composite;
}

static int by_names(struct op *op, const struct monitoring_DescribeAlarms_in *in, struct monitoring_DescribeAlarms_out *out)
{
    for (uint32_t i = 0; i < in->AlarmNames.n; i++) {
        struct monitoring_rec_Alarm r;
        int rc = alarm_get(op, in->AlarmNames.v[i], &r);
        if (rc && rc != E_NOT_FOUND)
            return rc;
        if (rc == 0 && (r.Metric || r.Composite) && wanted(in, in->AlarmNames.v[i], &r))
            show(op, &r, out);
    }
    return 0;
}

int monitoring_DescribeAlarms(struct op *op, const struct monitoring_DescribeAlarms_in *in, struct monitoring_DescribeAlarms_out *out)
{
    struct key prefix, from, to;
    struct str key, value, start;
    int64_t max, n = 0;
    int rc = page(op, in->MaxRecords, in->NextToken, &max, &start);

    if (rc)
        return rc;
    if (str_set(in->ChildrenOfAlarmName))
        return aws_unsupported(op, "ChildrenOfAlarmName");
    if (str_set(in->ParentsOfAlarmName))
        return aws_unsupported(op, "ParentsOfAlarmName");
    if (in->AlarmNames.n && str_set(in->AlarmNamePrefix))
        return aws_fail(op, MONITORING_ValidationError, "AlarmNamePrefix and AlarmNames are mutually exclusive.");
    out->MetricAlarms.set = out->CompositeAlarms.set = true;
    if (in->AlarmNames.n)
        return by_names(op, in, out);
    op_key(op, &prefix, &monitoring_kind_alarm);
    from = prefix;
    key_str(&from, str_set(start) ? start : opt_str(in->AlarmNamePrefix, STR("")));
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct monitoring_rec_Alarm r = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &monitoring_rec_Alarm_shape, &r)))
            break;
        struct str name = r.Metric ? r.Metric->AlarmName : r.Composite ? r.Composite->AlarmName : STR("");
        if (str_set(in->AlarmNamePrefix) && !str_starts(name, in->AlarmNamePrefix))
            break;
        if (!name.n || !wanted(in, name, &r))
            continue;
        if (n++ == max) {
            out->NextToken = page_token(op, name);
            break;
        }
        show(op, &r, out);
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

static bool of_metric(struct op *op, const struct monitoring_DescribeAlarmsForMetric_in *in, const struct monitoring_MetricAlarm *m)
{
    return str_eq(m->MetricName, in->MetricName) && str_eq(m->Namespace, in->Namespace) &&
           str_eq(dimensions_key(op, &m->Dimensions), dimensions_key(op, &in->Dimensions)) &&
           (!str_set(in->Statistic) || str_eq(m->Statistic, in->Statistic)) &&
           (!str_set(in->ExtendedStatistic) || str_eq(m->ExtendedStatistic, in->ExtendedStatistic)) &&
           (!in->Period.set || m->Period.v == in->Period.v) && (!str_set(in->Unit) || str_eq(m->Unit, in->Unit));
}

int monitoring_DescribeAlarmsForMetric(struct op *op, const struct monitoring_DescribeAlarmsForMetric_in *in,
                                       struct monitoring_DescribeAlarmsForMetric_out *out)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;

    out->MetricAlarms.set = true;
    op_key(op, &from, &monitoring_kind_alarm);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct monitoring_rec_Alarm r = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &monitoring_rec_Alarm_shape, &r)))
            break;
        if (r.Metric && of_metric(op, in, r.Metric))
            *list_push(op->arena, &out->MetricAlarms) = *r.Metric;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

int monitoring_DescribeAlarmHistory(struct op *op, const struct monitoring_DescribeAlarmHistory_in *in, struct monitoring_DescribeAlarmHistory_out *out)
{
    struct key prefix, from, to;
    struct str key, value, start;
    int64_t max;
    int rc = page(op, in->MaxRecords, in->NextToken, &max, &start);

    if (rc)
        return rc;
    if (str_is(in->ScanBy, "TimestampAscending"))
        return aws_unsupported(op, "ScanBy=TimestampAscending");
    op_key(op, &prefix, &monitoring_kind_history);
    if (str_set(in->AlarmName))
        key_str(&prefix, in->AlarmName);
    from = prefix;
    if (str_set(start))
        key_raw(&from, start);
    key_after_prefix(&prefix, &to);
    out->AlarmHistoryItems.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct monitoring_rec_History r = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &monitoring_rec_History_shape, &r)))
            break;
        if (!r.Item || (str_set(in->HistoryItemType) && !str_eq(r.Item->HistoryItemType, in->HistoryItemType)) ||
            (in->AlarmTypes.n && !str_list_has(&in->AlarmTypes, r.Item->AlarmType)) || (in->StartDate.set && r.Item->Timestamp.v < in->StartDate.v) ||
            (in->EndDate.set && r.Item->Timestamp.v > in->EndDate.v))
            continue;
        if ((int64_t)out->AlarmHistoryItems.n == max) {
            out->NextToken = page_token(op, str_sub(key, prefix.n, key.n));
            break;
        }
        *list_push(op->arena, &out->AlarmHistoryItems) = *r.Item;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
