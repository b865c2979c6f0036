/* Alarms on the clock. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html: periods end at the last whole minute (ten seconds
 * where a period is shorter than a minute). A clock that jumped evaluates once, at where it is. */
#include "base/buf.h"
#include "base/code.h"
#include "services/monitoring/alarm.h"
#include "services/monitoring/judge.h"
#include "services/monitoring/metric.h"
#include "wire/codec.h"

enum {
    MINUTE_MS = 60 * 1000, BRIEF_MS = 10 * 1000, HOUR_MS = 60 * 60 * 1000, DAY_MS = 24 * HOUR_MS,
    LAG_MS = 1000, /* behind the end of a minute, whose data comes with it */
    REASON_BYTES_MAX = 1023, REASON_TAIL_BYTES = 160, DATA_BYTES_MAX = 1024 * 1024,
};

const struct monitoring_MetricStat *alarm_metric(struct op *op, const struct monitoring_MetricAlarm *m)
{
    if (m->Metrics.n)
        return m->Metrics.n == 1 && !m->Metrics.v->Expression.p && m->Metrics.v->MetricStat && m->Metrics.v->MetricStat->Metric ? m->Metrics.v->MetricStat : NULL;
    struct monitoring_MetricStat *s = arena_one(op->arena, struct monitoring_MetricStat);
    s->Metric = arena_one(op->arena, struct monitoring_Metric);
    *s->Metric = (struct monitoring_Metric){ .Namespace = m->Namespace, .MetricName = m->MetricName, .Dimensions = m->Dimensions };
    s->Period = m->Period;
    s->Stat = opt_str(m->Statistic, m->ExtendedStatistic);
    s->Unit = m->Unit;
    return s;
}

int alarm_arm(struct op *op, const struct monitoring_MetricAlarm *m)
{
    const struct monitoring_MetricStat *s = alarm_metric(op, m);
    if (!s)
        return op_timer_cancel(op, "monitoring.evaluate", m->AlarmName);
    int64_t period_ms = s->Period.v * 1000;
    int64_t every_ms = period_ms < MINUTE_MS ? BRIEF_MS : period_ms * m->EvaluationPeriods.v > DAY_MS ? HOUR_MS : MINUTE_MS;
    return op_timer_set(op, "monitoring.evaluate", m->AlarmName, op_now_ms(op) / every_ms * every_ms + every_ms + LAG_MS, m->AlarmName);
}

/* What is looked at. */
struct look {
    const struct monitoring_MetricAlarm *alarm;
    const struct monitoring_MetricStat *metric;
    struct judge_rule rule;
    int64_t end_ms, period_ms;
    struct judge_point *points; /* newest first */
};

static double samples_min(const struct monitoring_MetricAlarm *m, struct str stat)
{
    double p;
    if (!str_is(m->EvaluateLowSampleCountPercentile, "ignore") || !str_starts(stat, STR("p")) || str_to_f64(str_sub(stat, 1, stat.n), &p) || p <= 0 || p >= 100)
        return 0;
    return p >= 50 ? 1000 / (100 - p) : 1000 / p;
}

static int look(struct op *op, const struct monitoring_MetricAlarm *m, struct look *ret)
{
    const struct monitoring_MetricStat *s = alarm_metric(op, m);
    int64_t period_ms = s->Period.v * 1000, step_ms = period_ms < MINUTE_MS ? BRIEF_MS : MINUTE_MS, periods = m->EvaluationPeriods.v;
    int64_t end_ms = op_now_ms(op) / step_ms * step_ms;
    struct points points = { 0 };
    *ret = (struct look){
        .alarm = m, .metric = s, .end_ms = end_ms, .period_ms = period_ms,
        .rule = { .comparison = m->ComparisonOperator, .missing = m->TreatMissingData, .threshold = m->Threshold.v, .periods = periods,
                  .enough = opt_i64(m->DatapointsToAlarm, periods), .samples_min = samples_min(m, s->Stat) },
        .points = arena_many(op->arena, struct judge_point, (size_t)(periods + JUDGE_MORE)),
    };
    struct metric_query q = { .space = s->Metric->Namespace, .name = s->Metric->MetricName, .dimensions = &s->Metric->Dimensions, .unit = s->Unit,
                              .from_ms = end_ms - (periods + JUDGE_MORE) * period_ms, .to_ms = end_ms, .period_ms = period_ms, .phase_ms = end_ms % period_ms };
    int rc = read_points(op, &q, &points);
    for list_each(p, &points)
        ret->points[(end_ms - p->start_ms) / period_ms - 1] = (struct judge_point){ true, bucket_statistic(op->arena, &p->bucket, s->Stat), p->bucket.Count.v };
    return rc;
}

static int64_t start_ms(const struct look *l, int64_t i) { return l->end_ms - (i + 1) * l->period_ms; }

/* (02/10/19 16:59:00) */
static struct str short_time(struct op *op, int64_t ms)
{
    struct str t = time_iso8601(op->arena, ms);
    return str_printf(op->arena, "(%.2s/%.2s/%.2s %.8s)", t.p + 8, t.p + 5, t.p + 2, t.p + 11);
}

static const char *many(int64_t n) { return n == 1 ? "" : "s"; }
static const char *were(int64_t n) { return n == 1 ? "was" : "were"; }

/* [99.5 (02/10/19 16:59:00), ..]: the newest n points, or those of them that breach or do not. */
static void write_points(struct op *op, struct buf *b, const struct look *l, uint32_t n, int breaching)
{
    const char *between = "[";
    for (int64_t i = 0; n && i < l->rule.periods + JUDGE_MORE; i++) {
        const struct judge_point *p = &l->points[i];
        if (!p->there)
            continue;
        n--;
        if ((breaching >= 0 && judge_breaches(&l->rule, p->value) != (breaching > 0)) || b->n > REASON_BYTES_MAX - REASON_TAIL_BYTES)
            continue;
        struct str value = text_of_f64(op->arena, p->value), at = short_time(op, start_ms(l, i));
        buf_printf(b, "%s%.*s %.*s", between, STR_ARG(value), STR_ARG(at));
        between = ", ";
    }
    buf_byte(b, ']');
}

static struct str reason(struct op *op, const struct look *l, const struct judgement *j)
{
    struct buf b;
    bool alarm = j->state == JUDGED_ALARM, first = str_is(l->alarm->StateValue, "INSUFFICIENT_DATA");
    uint32_t n = alarm ? j->breaching : j->n - j->breaching;
    long long periods = l->rule.periods, least = alarm ? l->rule.enough : periods - l->rule.enough + 1;
    buf_init(&b, op->arena, 2 * REASON_BYTES_MAX);
    if (j->state == JUDGED_INSUFFICIENT) {
        buf_printf(&b, "Insufficient Data: %lld datapoint%s %s unknown.", periods, many(periods), were(periods));
        return buf_done(&b);
    }
    buf_c(&b, "Threshold Crossed: ");
    if (j->filled) {
        if (j->n)
            buf_printf(&b, "%u datapoint%s %s", j->n, many(j->n), were(j->n));
        else
            buf_c(&b, "no datapoints were");
        buf_printf(&b, " received for %lld period%s and %u missing datapoint%s %s treated as [%s].", periods, many(periods), j->missing, many(j->missing),
                   were(j->missing), str_is(l->rule.missing, "breaching") ? "Breaching" : "NonBreaching");
        return buf_done(&b);
    }
    if (first)
        buf_printf(&b, "%u datapoint%s ", n, many(n));
    else
        buf_printf(&b, "%u out of the last %u datapoints ", n, j->n);
    write_points(op, &b, l, j->n, alarm);
    struct str threshold = text_of_f64(op->arena, l->rule.threshold);
    buf_printf(&b, " %s %s%s the threshold (%.*s)", were(n), alarm ? "" : "not ", judge_words(&l->rule), STR_ARG(threshold));
    if (!first)
        buf_printf(&b, " (minimum %lld datapoint%s for %.*s -> %s transition)", least, many(least), STR_ARG(l->alarm->StateValue), alarm ? "ALARM" : "OK");
    buf_byte(&b, '.');
    return buf_done(&b);
}

static struct str reason_data(struct op *op, const struct look *l, const struct judgement *j)
{
    struct buf b;
    int64_t shown = 0; /* how far back the points lie that counted */
    for (uint32_t n = j->n; n; shown++)
        n -= l->points[shown].there;
    buf_init(&b, op->arena, DATA_BYTES_MAX);
    buf_printf(&b, "{\"version\":\"1.0\",\"queryDate\":\"%s\"", alarm_time(op, op_now_ms(op)).p);
    if (j->n)
        buf_printf(&b, ",\"startDate\":\"%s\"", alarm_time(op, start_ms(l, shown - 1)).p);
    if (l->metric->Unit.p)
        buf_printf(&b, ",\"unit\":\"%.*s\"", STR_ARG(l->metric->Unit));
    buf_printf(&b, ",\"statistic\":\"%.*s\",\"period\":%lld,\"recentDatapoints\":[", STR_ARG(l->metric->Stat), (long long)l->metric->Period.v);
    const char *between = "";
    for (int64_t i = shown - 1; i >= 0; i--) {
        if (!l->points[i].there)
            continue;
        buf_printf(&b, "%s%s", between, text_of_f64(op->arena, l->points[i].value).p);
        between = ",";
    }
    buf_printf(&b, "],\"threshold\":%s,\"evaluatedDatapoints\":[", text_of_f64(op->arena, l->rule.threshold).p);
    for (int64_t i = 0; i < shown || i < l->rule.periods; i++) {
        buf_printf(&b, "%s{\"timestamp\":\"%s\"", i ? "," : "", alarm_time(op, start_ms(l, i)).p);
        if (l->points[i].there)
            buf_printf(&b, ",\"sampleCount\":%s,\"value\":%s", text_of_f64(op->arena, l->points[i].samples).p, text_of_f64(op->arena, l->points[i].value).p);
        buf_byte(&b, '}');
    }
    buf_c(&b, "]}");
    return buf_done(&b);
}

int monitoring_job_evaluate(struct op *op, struct str name)
{
    static const char *const states[] = { [JUDGED_OK] = "OK", [JUDGED_ALARM] = "ALARM", [JUDGED_INSUFFICIENT] = "INSUFFICIENT_DATA" };
    struct monitoring_rec_Alarm r;
    struct look l;
    int rc = alarm_get(op, str_dup(op->arena, name), &r);
    if (rc == E_NOT_FOUND || (rc == 0 && (!r.Metric || !alarm_metric(op, r.Metric))))
        return 0;
    if (rc || (rc = look(op, r.Metric, &l)))
        return rc;
    struct judgement j = judge(&l.rule, l.points);
    if (j.state != JUDGED_KEEP && !str_is(r.Metric->StateValue, states[j.state])) {
        struct alarm_state to = { str_c(states[j.state]), reason(op, &l, &j), reason_data(op, &l, &j), 0 };
        rc = to.reason.p && to.data.p ? alarm_move(op, &r, &to) : E_LIMIT;
    }
    return rc ? rc : alarm_arm(op, r.Metric);
}
