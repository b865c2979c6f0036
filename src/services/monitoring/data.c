/* GetMetricStatistics and GetMetricData. */
#include "aws/error.h"
#include "aws/page.h"
#include "services/monitoring/metric.h"

enum { STATISTICS_POINTS_MAX = 1440, QUERIES_MAX = 500, DATAPOINTS_MAX = 100800 };

static bool period_valid(int64_t period_s)
{
    return period_s == 1 || period_s == 5 || period_s == 10 || period_s == 20 || period_s == 30 || (period_s > 0 && period_s % 60 == 0);
}

static int check_statistics(struct op *op, const struct monitoring_GetMetricStatistics_in *in)
{
    if (!in->Statistics.n && !in->ExtendedStatistics.n)
        return aws_fail(op, MONITORING_InvalidParameterCombinationException, "Must specify either Statistics or ExtendedStatistics");
    if (in->Statistics.n && in->ExtendedStatistics.n)
        return aws_fail(op, MONITORING_InvalidParameterCombinationException, "Cannot specify both Statistics and ExtendedStatistics");
    for (uint32_t i = 0; i < in->ExtendedStatistics.n; i++)
        if (!statistic_known(in->ExtendedStatistics.v[i]))
            return aws_fail(op, MONITORING_InvalidParameterValueException, "The value %.*s for parameter ExtendedStatistics is not supported.",
                            STR_ARG(in->ExtendedStatistics.v[i]));
    if (in->StartTime.v >= in->EndTime.v)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The parameter StartTime must be less than the parameter EndTime.");
    if (!period_valid(in->Period.v))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.");
    int64_t points = (in->EndTime.v - in->StartTime.v) / (in->Period.v * 1000);
    if (points > STATISTICS_POINTS_MAX)
        return aws_fail(op, MONITORING_InvalidParameterCombinationException, "You have requested up to %lld datapoints, which exceeds the limit of 1440. You "
                        "may reduce the datapoints requested by increasing Period, or decreasing the time range.", (long long)points);
    return 0;
}

int monitoring_GetMetricStatistics(struct op *op, const struct monitoring_GetMetricStatistics_in *in, struct monitoring_GetMetricStatistics_out *out)
{
    struct points points = { 0 };
    struct metric_query q = { .space = in->Namespace, .name = in->MetricName, .unit = in->Unit, .dimensions = &in->Dimensions, .from_ms = in->StartTime.v,
                              .to_ms = in->EndTime.v, .period_ms = in->Period.v * 1000, .by_unit = true };
    int rc = check_statistics(op, in);

    if (rc || (rc = read_points(op, &q, &points)))
        return rc;
    out->Label = in->MetricName;
    out->Datapoints.set = true;
    for (uint32_t i = 0; i < points.n; i++) {
        struct monitoring_Datapoint *d = list_push(op->arena, &out->Datapoints);
        const struct monitoring_rec_Bucket *b = &points.v[i].bucket;
        d->Timestamp = SOME_I64(points.v[i].start_ms);
        d->Unit = points.v[i].unit;
        for (uint32_t j = 0; j < in->Statistics.n; j++) {
            struct str s = in->Statistics.v[j];
            struct opt_f64 v = SOME_F64(bucket_statistic(op->arena, b, s));
            *(str_is(s, "SampleCount") ? &d->SampleCount : str_is(s, "Average") ? &d->Average : str_is(s, "Sum") ? &d->Sum
              : str_is(s, "Minimum") ? &d->Minimum : &d->Maximum) = v;
        }
        for (uint32_t j = 0; j < in->ExtendedStatistics.n; j++) {
            __typeof__(d->ExtendedStatistics.v) e = list_push(op->arena, &d->ExtendedStatistics);
            e->key = in->ExtendedStatistics.v[j];
            e->value = SOME_F64(bucket_statistic(op->arena, b, e->key));
        }
    }
    return 0;
}

/* The metric's name, and what tells it from the other queries: their statistics, their periods. */
static struct str label_of(struct op *op, const struct monitoring_MetricDataQueries *all, const struct monitoring_MetricStat *m)
{
    struct str label = m->Metric->MetricName;
    bool stats = false, periods = false;
    for list_each(q, all) {
        stats = stats || (q->MetricStat && !str_eq(q->MetricStat->Stat, m->Stat));
        periods = periods || (q->MetricStat && q->MetricStat->Period.v != m->Period.v);
    }
    if (stats)
        label = str_printf(op->arena, "%.*s %.*s", STR_ARG(label), STR_ARG(m->Stat));
    return periods ? str_printf(op->arena, "%.*s %lld", STR_ARG(label), (long long)m->Period.v) : label;
}

/* The page: points that went before it, and how many it may still have. Counted over the queries in their order. */
struct page {
    int64_t skip, room, given;
    bool more;
};

static int query_one(struct op *op, const struct monitoring_GetMetricData_in *in, const struct monitoring_MetricDataQuery *q, struct page *page,
                     struct monitoring_GetMetricData_out *out)
{
    const struct monitoring_MetricStat *m = q->MetricStat;
    struct points points = { 0 };

    if (!m || !m->Metric)
        return aws_fail(op, MONITORING_ValidationError, "The parameter MetricDataQueries requires one of MetricStat and Expression for Id %.*s.", STR_ARG(q->Id));
    if (!statistic_known(m->Stat))
        return aws_fail(op, MONITORING_ValidationError, "The value %.*s for parameter MetricDataQueries.member.MetricStat.Stat is not supported.",
                        STR_ARG(m->Stat));
    if (!period_valid(m->Period.v))
        return aws_fail(op, MONITORING_ValidationError, "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.");
    struct metric_query of = { .space = m->Metric->Namespace, .name = m->Metric->MetricName, .unit = m->Unit, .dimensions = &m->Metric->Dimensions,
                               .from_ms = in->StartTime.v, .to_ms = in->EndTime.v, .period_ms = m->Period.v * 1000 };
    int rc = read_points(op, &of, &points);
    if (rc || !opt_bool(q->ReturnData, true))
        return rc;
    struct monitoring_MetricDataResult *r = list_push(op->arena, &out->MetricDataResults);
    r->Id = q->Id;
    r->Label = opt_str(q->Label, label_of(op, &in->MetricDataQueries, m));
    r->Timestamps.set = r->Values.set = true;
    bool up = str_is(in->ScanBy, "TimestampAscending"), cut = false;
    for (uint32_t i = 0; i < points.n && !cut; i++) {
        const struct point *p = &points.v[up ? i : points.n - 1 - i];
        if (page->skip && page->skip--)
            continue;
        if ((cut = page->room == 0))
            break;
        page->room--;
        page->given++;
        *list_push(op->arena, &r->Timestamps) = SOME_I64(p->start_ms);
        *list_push(op->arena, &r->Values) = SOME_F64(bucket_statistic(op->arena, &p->bucket, m->Stat));
    }
    page->more |= cut;
    r->StatusCode = cut ? STR("PartialData") : STR("Complete");
    return 0;
}

int monitoring_GetMetricData(struct op *op, const struct monitoring_GetMetricData_in *in, struct monitoring_GetMetricData_out *out)
{
    if (in->StartTime.v >= in->EndTime.v)
        return aws_fail(op, MONITORING_ValidationError, "The parameter StartTime must be less than the parameter EndTime.");
    if (in->MetricDataQueries.n > QUERIES_MAX)
        return aws_fail(op, MONITORING_ValidationError, "The collection MetricDataQueries must not have a size greater than %d.", QUERIES_MAX);
    struct page page = { .room = opt_i64(in->MaxDatapoints, DATAPOINTS_MAX) };
    struct str done;
    if (page.room < 1 || page.room > DATAPOINTS_MAX)
        return aws_fail(op, MONITORING_ValidationError, "The parameter MaxDatapoints must be between 1 and %d.", DATAPOINTS_MAX);
    if (in->NextToken.p && (page_key(op, in->NextToken, &done) || str_to_i64(done, &page.skip)))
        return aws_fail(op, MONITORING_InvalidNextToken, "Invalid next token");
    int64_t before = page.skip;
    out->MetricDataResults.set = out->Messages.set = true;
    for (uint32_t i = 0; i < in->MetricDataQueries.n; i++) {
        const struct monitoring_MetricDataQuery *q = &in->MetricDataQueries.v[i];
        for (uint32_t j = 0; j < i; j++)
            if (str_eq(q->Id, in->MetricDataQueries.v[j].Id))
                return aws_fail(op, MONITORING_ValidationError, "The values for parameter id in MetricDataQueries are not unique.");
        if (str_set(q->Expression))
            return aws_unsupported(op, "MetricDataQueries.Expression");
        int rc = query_one(op, in, q, &page, out);
        if (rc)
            return rc;
    }
    if (page.more)
        out->NextToken = page_token(op, str_printf(op->arena, "%lld", (long long)(before + page.given)));
    return 0;
}
