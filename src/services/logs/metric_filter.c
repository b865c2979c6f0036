/* Metric filters. What they make of the events of a PutLogEvents is put into CloudWatch with them, at the events' times; events of a minute go together.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html */
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/monitoring.h"
#include "services/logs/filter.h"
#include "services/logs/logs.h"

static void filter_key(struct op *op, struct key *k, struct str group, struct str name)
{
    op_key(op, k, &logs_kind_filter);
    key_str(k, group);
    key_str(k, name);
}

static int count(struct op *op, const struct logs_rec_Group *g, int64_t change)
{
    struct logs_rec_Live live;
    int rc = group_live(op, g->Id.v, &live);

    if (rc)
        return rc;
    live.MetricFilters = SOME_I64(live.MetricFilters.v + change);
    return group_live_put(op, g->Id.v, &live);
}

int logs_PutMetricFilter(struct op *op, const struct logs_PutMetricFilter_in *in, struct logs_PutMetricFilter_out *out)
{
    struct logs_MetricFilter m = {
        .filterName = in->filterName, .filterPattern = in->filterPattern, .metricTransformations = in->metricTransformations,
        .creationTime = SOME_I64(op_now_ms(op)), .logGroupName = in->logGroupName, .applyOnTransformedLogs = in->applyOnTransformedLogs,
        .fieldSelectionCriteria = in->fieldSelectionCriteria, .emitSystemFieldDimensions = in->emitSystemFieldDimensions,
    };
    struct logs_rec_Filter r = { .Filter = &m };
    struct logs_rec_Group g;
    struct filter *f;
    struct key k;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc)
        return rc;
    if (filter_compile(op->arena, in->filterPattern, &f))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid filter pattern");
    for list_each(t, &in->metricTransformations)
        if (str_starts(t->metricNamespace, STR("AWS/")))
            return aws_fail(op, LOGS_InvalidParameterException, "Invalid metric transformation: namespaces that begin with AWS/ are reserved.");
    filter_key(op, &k, g.Name, in->filterName);
    if (!op_rec_has(op, &k) && (rc = count(op, &g, 1)))
        return rc;
    return op_rec_put(op, &k, &logs_rec_Filter_shape, &r);
}

int logs_DeleteMetricFilter(struct op *op, const struct logs_DeleteMetricFilter_in *in, struct logs_DeleteMetricFilter_out *out)
{
    struct logs_rec_Group g;
    struct key k;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc)
        return rc;
    filter_key(op, &k, g.Name, in->filterName);
    if (!op_rec_has(op, &k))
        return aws_fail(op, LOGS_ResourceNotFoundException, "The specified metric filter does not exist.");
    rc = count(op, &g, -1);
    return rc ? rc : op_rec_delete(op, &k);
}

static bool wanted(const struct logs_DescribeMetricFilters_in *in, const struct logs_MetricFilter *m)
{
    if (str_set(in->filterNamePrefix) && !str_starts(m->filterName, in->filterNamePrefix))
        return false;
    if (!str_set(in->metricName))
        return true;
    for (uint32_t i = 0; i < m->metricTransformations.n; i++)
        if (str_eq(m->metricTransformations.v[i].metricName, in->metricName) &&
            str_eq(m->metricTransformations.v[i].metricNamespace, in->metricNamespace))
            return true;
    return false;
}

int logs_DescribeMetricFilters(struct op *op, const struct logs_DescribeMetricFilters_in *in, struct logs_DescribeMetricFilters_out *out)
{
    struct logs_rec_Group g;
    struct key prefix, from, to;
    struct str key, value, start;
    int64_t max;
    int rc = logs_page_limit(op, in->limit, LOGS_PAGE_MAX, &max);

    if (rc || (rc = logs_page_from(op, in->nextToken, &start)))
        return rc;
    if (str_set(in->metricName) != str_set(in->metricNamespace))
        return aws_fail(op, LOGS_InvalidParameterException, "metricName and metricNamespace must be given together.");
    if (str_set(in->logGroupName) && (rc = group_find(op, in->logGroupName, &g)))
        return rc;
    op_key(op, &prefix, &logs_kind_filter);
    if (str_set(in->logGroupName))
        key_str(&prefix, in->logGroupName);
    from = prefix;
    if (str_set(start))
        key_raw(&from, start);
    key_after_prefix(&prefix, &to);
    out->metricFilters.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct logs_rec_Filter r = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Filter_shape, &r)))
            break;
        if (!r.Filter || !wanted(in, r.Filter))
            continue;
        if ((int64_t)out->metricFilters.n == max) {
            out->nextToken = page_token(op, str_sub(key, prefix.n, key.n));
            break;
        }
        *list_push(op->arena, &out->metricFilters) = *r.Filter;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

int logs_TestMetricFilter(struct op *op, const struct logs_TestMetricFilter_in *in, struct logs_TestMetricFilter_out *out)
{
    struct filter *f;

    if (filter_compile(op->arena, in->filterPattern, &f))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid filter pattern");
    out->matches.set = true;
    for (uint32_t i = 0; i < in->logEventMessages.n; i++) {
        struct str_map values = { .set = true };
        if (!filter_match(f, op->arena, in->logEventMessages.v[i], &values))
            continue;
        struct logs_MetricFilterMatchRecord *m = list_push(op->arena, &out->matches);
        m->eventNumber = SOME_I64(i + 1);
        m->eventMessage = in->logEventMessages.v[i];
        m->extractedValues = values;
    }
    return 0;
}

/* ---- metrics of events ---- */

enum { DATA_MAX = 1000, DATUM_VALUES_MAX = 150, MINUTE_MS = 60 * 1000 };

/* What a value or a dimension names: a field of the pattern, a selector of JSON, which need not stand in the pattern, or itself. Absent: not there. */
static struct str pick(struct op *op, struct str name, struct str message, const struct str_map *values)
{
    struct str found = str_map_get(values, name);
    struct str_map own = { 0 };
    struct filter *f;
    if (!str_starts(name, STR("$")))
        return name;
    if (found.p || !str_starts(name, STR("$.")) || filter_compile(op->arena, str_printf(op->arena, "{ %.*s EXISTS }", STR_ARG(name)), &f))
        return found;
    filter_match(f, op->arena, message, &own);
    return str_map_get(&own, name);
}

struct making {
    const struct logs_MetricTransformation *what;
    struct monitoring_PutMetricData_in put;
    struct principal who;
};

static int send(struct op *op, struct making *m)
{
    struct monitoring_PutMetricData_out done = { 0 };
    struct op_failure why = { 0 };
    int rc = m->put.MetricData.n ? cloud_call(op, "monitoring", "PutMetricData", &m->who, &m->put, &done, &why) : 0;
    m->put.MetricData.n = 0;
    if (rc != E_AWS)
        return rc;
    log_warn("a metric filter made data for %.*s that CloudWatch refused: %.*s", STR_ARG(m->what->metricName), STR_ARG(why.message));
    return 0;
}

static int add(struct op *op, struct making *m, int64_t ms, double value, const struct monitoring_Dimensions *dimensions)
{
    struct monitoring_MetricDatum *d = m->put.MetricData.n ? &m->put.MetricData.v[m->put.MetricData.n - 1] : NULL;
    if (!d || dimensions->n || d->Values.n == DATUM_VALUES_MAX || d->Timestamp.v / MINUTE_MS != ms / MINUTE_MS) {
        int rc = m->put.MetricData.n == DATA_MAX ? send(op, m) : 0;
        if (rc)
            return rc;
        d = list_push(op->arena, &m->put.MetricData);
        *d = (struct monitoring_MetricDatum){ .MetricName = m->what->metricName, .Dimensions = *dimensions, .Timestamp = SOME_I64(ms),
                                              .Unit = opt_str(m->what->unit, STR("None")) };
    }
    *list_push(op->arena, &d->Values) = SOME_F64(value);
    return 0;
}

/* False: a dimension's field is not in the event, which counts for nothing then. */
static bool dimensions_of(struct op *op, const struct logs_MetricTransformation *t, struct str message, const struct str_map *values, struct monitoring_Dimensions *ret)
{
    for list_each(pair, &t->dimensions) {
        struct str value = pick(op, pair->value, message, values);
        if (!value.n)
            return false;
        *list_push(op->arena, ret) = (struct monitoring_Dimension){ .Name = pair->key, .Value = value };
    }
    return true;
}

static int make(struct op *op, const struct filter *f, struct making *m, const struct logs_InputLogEvents *events)
{
    bool matched = false;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < events->n; i++) {
        const struct logs_InputLogEvent *e = &events->v[i];
        struct monitoring_Dimensions dimensions = { 0 };
        struct str_map values = { 0 };
        double value;
        if (!filter_match(f, op->arena, e->message, &values))
            continue;
        matched = true;
        struct str text = pick(op, m->what->metricValue, e->message, &values);
        if (text.p && str_to_f64(text, &value) == 0 && dimensions_of(op, m->what, e->message, &values, &dimensions))
            rc = add(op, m, e->timestamp.v, value, &dimensions);
    }
    if (rc == 0 && !matched && m->what->defaultValue.set && !m->what->dimensions.n)
        rc = add(op, m, op_now_ms(op), m->what->defaultValue.v, &(struct monitoring_Dimensions){ 0 });
    return rc ? rc : send(op, m);
}

int metrics_put(struct op *op, const struct logs_rec_Group *g, const struct logs_InputLogEvents *events)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    op_key(op, &from, &logs_kind_filter);
    key_str(&from, g->Name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_rec_Filter r = { 0 };
        struct filter *f;
        rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Filter_shape, &r);
        if (rc || !r.Filter || filter_compile(op->arena, r.Filter->filterPattern, &f))
            continue;
        for list_each(t, &r.Filter->metricTransformations) {
            struct making m = { .what = t, .put = { .Namespace = t->metricNamespace }, .who = principal_service(op, "logs.amazonaws.com", arn_make(op, "logs", "log-group:%.*s:*", STR_ARG(g->Name))) };
            if (rc == 0)
                rc = make(op, f, &m, events);
        }
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
