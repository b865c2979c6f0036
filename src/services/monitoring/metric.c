#include "services/monitoring/metric.h"

#include <math.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "aws/error.h"
#include "aws/page.h"
#include "base/buf.h"

enum { LIST_PAGE = 500, DATUM_MAX = 1000, DATUM_VALUES_MAX = 150, DIMENSIONS_MAX = 30, RECENT_MS = 3 * 60 * 60 * 1000 };
#define PAST_MAX_MS (14LL * 24 * 60 * 60 * 1000)
#define FUTURE_MAX_MS (2LL * 60 * 60 * 1000)

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct monitoring_Dimension *)a)->Name, ((const struct monitoring_Dimension *)b)->Name);
}

struct str dimensions_key(struct op *op, const struct monitoring_Dimensions *d)
{
    struct monitoring_Dimension *v = arena_many(op->arena, struct monitoring_Dimension, d->n + 1);
    struct buf b;

    for (uint32_t i = 0; i < d->n; i++)
        v[i] = d->v[i];
    if (d->n)
        qsort(v, d->n, sizeof *v, by_name);
    buf_init(&b, op->arena, LIMIT_KEY_BYTES * 8);
    for (uint32_t i = 0; i < d->n; i++)
        buf_printf(&b, "%.*s\x1d%.*s\x1e", STR_ARG(v[i].Name), STR_ARG(v[i].Value));
    return buf_done(&b);
}

static void metric_key(struct op *op, struct key *k, const struct record_kind *kind, struct str space, struct str name, struct str dimensions)
{
    op_key(op, k, kind);
    key_str(k, space);
    key_str(k, name);
    key_str(k, dimensions);
}

void data_key(struct op *op, struct key *k, struct str space, struct str name, struct str dimensions)
{
    metric_key(op, k, &monitoring_kind_data, space, name, dimensions);
}

static int check_datum(struct op *op, const struct monitoring_MetricDatum *d, uint32_t i, int64_t ms)
{
    if (d->Dimensions.n > DIMENSIONS_MAX)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The collection MetricData.member.%u.Dimensions must not have a size greater than %d.",
                        i + 1, DIMENSIONS_MAX);
    if (d->Values.n > DATUM_VALUES_MAX)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The collection MetricData.member.%u.Values must not have a size greater than %d.",
                        i + 1, DATUM_VALUES_MAX);
    if (d->Value.set && (d->StatisticValues || d->Values.n)) /* these two may come together */
        return aws_fail(op, MONITORING_InvalidParameterCombinationException, "The parameters MetricData.member.%u.Value and MetricData.member.%u.%s are mutually "
                        "exclusive and you have specified both.", i + 1, i + 1, d->StatisticValues ? "StatisticValues" : "Values");
    if (!d->Value.set && !d->StatisticValues && !d->Values.n)
        return aws_fail(op, MONITORING_MissingRequiredParameterException, "At least one of the parameters must be specified.");
    if (d->Counts.n && d->Counts.n != d->Values.n)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The parameters MetricData.member.%u.Values and MetricData.member.%u.Counts must be of "
                                                                       "the same size.", i + 1, i + 1);
    if ((d->Value.set && !isfinite(d->Value.v)))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The value %s for parameter MetricData.member.%u.Value is invalid.",
                        isnan(d->Value.v) ? "NaN" : "Infinity", i + 1);
    if (ms < op_now_ms(op) - PAST_MAX_MS || ms > op_now_ms(op) + FUTURE_MAX_MS)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The parameter MetricData.member.%u.Timestamp must specify a time no more than two "
                                                                       "weeks in the past and no more than two hours in the future.", i + 1);
    if (d->StorageResolution.set && d->StorageResolution.v != 1 && d->StorageResolution.v != 60)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The value for parameter MetricData.member.%u.StorageResolution must be 1 or 60.",
                        i + 1);
    return 0;
}

int metric_put(struct op *op, const struct monitoring_Metric *m, struct str unit, int64_t ms, int64_t width_ms, const struct monitoring_rec_Bucket *add)
{
    struct str dimensions = dimensions_key(op, &m->Dimensions);
    struct monitoring_rec_Bucket b = { 0 };
    struct monitoring_rec_Known known = { 0 };
    struct key k;
    int rc;

    data_key(op, &k, m->Namespace, m->MetricName, dimensions);
    key_i64(&k, ms / width_ms * width_ms);
    key_str(&k, unit);
    rc = op_rec_get(op, &k, &monitoring_rec_Bucket_shape, &b);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    bucket_merge(op->arena, &b, add);
    if ((rc = op_rec_put(op, &k, &monitoring_rec_Bucket_shape, &b)))
        return rc;
    metric_key(op, &k, &monitoring_kind_metric, m->Namespace, m->MetricName, dimensions);
    rc = op_rec_get(op, &k, &monitoring_rec_Known_shape, &known);
    if (rc == 0 && known.LastMs.v >= ms - 60 * 1000) /* fresh enough for RecentlyActive */
        return 0;
    known = (struct monitoring_rec_Known){ .Metric = (struct monitoring_Metric *)m, .LastMs = SOME_I64(ms) };
    return op_rec_put(op, &k, &monitoring_rec_Known_shape, &known);
}

static int put_datum(struct op *op, struct str space, const struct monitoring_MetricDatum *d, int64_t ms)
{
    struct monitoring_Metric m = { .Namespace = space, .MetricName = d->MetricName, .Dimensions = d->Dimensions };
    struct monitoring_rec_Bucket b = { 0 };
    if (d->Value.set)
        bucket_add(op->arena, &b, d->Value.v, 1);
    if (d->StatisticValues)
        bucket_add_set(&b, d->StatisticValues->SampleCount.v, d->StatisticValues->Sum.v, d->StatisticValues->Minimum.v, d->StatisticValues->Maximum.v);
    for (uint32_t i = 0; i < d->Values.n; i++)
        bucket_add(op->arena, &b, d->Values.v[i].v, d->Counts.n ? d->Counts.v[i].v : 1);
    return metric_put(op, &m, opt_str(d->Unit, STR("None")), ms, opt_i64(d->StorageResolution, 60) * 1000, &b);
}

/* There is no resource whose policy could let CloudWatch Logs in, which puts what metric filters make. */
int monitoring_authorize_PutMetricData(struct op *op, const struct monitoring_PutMetricData_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "cloudwatch:PutMetricData", STR("*"));
    authz_context(a, item, "cloudwatch:namespace", in->Namespace);
    if (op->caller->kind == PRINCIPAL_SERVICE)
        item->resource_policy = STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"logs.amazonaws.com\"},"
                                    "\"Action\":\"cloudwatch:PutMetricData\",\"Resource\":\"*\"}]}");
    return 0;
}

int monitoring_PutMetricData(struct op *op, const struct monitoring_PutMetricData_in *in, struct monitoring_PutMetricData_out *out)
{
    if (in->EntityMetricData.n)
        return aws_unsupported(op, "EntityMetricData");
    if (!in->MetricData.n)
        return aws_fail(op, MONITORING_MissingRequiredParameterException, "The parameter MetricData is required.");
    if (in->MetricData.n > DATUM_MAX)
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The collection MetricData must not have a size greater than %d.", DATUM_MAX);
    if (str_starts(in->Namespace, STR("AWS/")))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The value AWS/ for parameter Namespace is invalid.");
    for (uint32_t i = 0; i < in->MetricData.n; i++) {
        const struct monitoring_MetricDatum *d = &in->MetricData.v[i];
        int64_t ms = opt_i64(d->Timestamp, op_now_ms(op));
        int rc = check_datum(op, d, i, ms);
        if (rc || (rc = put_datum(op, in->Namespace, d, ms)))
            return rc;
    }
    return 0;
}

static int64_t period_start(const struct metric_query *q, int64_t ms)
{
    return (ms - q->phase_ms) / q->period_ms * q->period_ms + q->phase_ms;
}

/* The one that begins then, and is of that unit where they are told apart: among the last, or new. */
static struct point *point_of(struct op *op, const struct metric_query *q, struct points *points, int64_t start_ms, struct str unit)
{
    for (uint32_t i = points->n; i-- > 0 && points->v[i].start_ms == start_ms;)
        if (!q->by_unit || str_eq(points->v[i].unit, unit))
            return &points->v[i];
    struct point *p = list_push(op->arena, points);
    p->start_ms = start_ms;
    p->unit = str_dup(op->arena, unit);
    return p;
}

int read_points(struct op *op, const struct metric_query *q, struct points *ret)
{
    struct key prefix, from, to;
    struct str key, value, u;
    int rc = 0;

    data_key(op, &prefix, q->space, q->name, dimensions_key(op, q->dimensions));
    from = prefix;
    key_i64(&from, period_start(q, q->from_ms));
    to = prefix;
    key_i64(&to, q->to_ms);
    struct op brief = *op; /* what is read of months of minutes does not stay */
    brief.arena = arena_new();
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct monitoring_rec_Bucket b = { 0 };
        struct key_reader r;
        int64_t ms;
        arena_clear(brief.arena);
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &ms)) || (rc = key_read_str(&r, brief.arena, &u)) ||
            (rc = op_rec_decode(&brief, value, &monitoring_rec_Bucket_shape, &b)))
            break;
        if (str_set(q->unit) && !str_eq(q->unit, u))
            continue;
        bucket_merge(op->arena, &point_of(op, q, ret, period_start(q, ms), u)->bucket, &b);
    }
    arena_free(brief.arena);
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

static bool has_dimensions(const struct monitoring_Metric *m, const struct monitoring_DimensionFilters *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        bool found = false;
        for (uint32_t j = 0; j < m->Dimensions.n; j++)
            found = found || (str_eq(m->Dimensions.v[j].Name, f->v[i].Name) && (!str_set(f->v[i].Value) || str_eq(m->Dimensions.v[j].Value, f->v[i].Value)));
        if (!found)
            return false;
    }
    return true;
}

int monitoring_ListMetrics(struct op *op, const struct monitoring_ListMetrics_in *in, struct monitoring_ListMetrics_out *out)
{
    struct key prefix, from, to;
    struct str key, value, start = STR_NONE;
    int rc = 0;

    if (str_set(in->NextToken) && page_key(op, in->NextToken, &start))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "Invalid nextToken");
    op_key(op, &prefix, &monitoring_kind_metric);
    if (str_set(in->Namespace)) {
        key_str(&prefix, in->Namespace);
        if (str_set(in->MetricName))
            key_str(&prefix, in->MetricName);
    }
    from = prefix;
    if (str_set(start))
        key_raw(&from, start);
    key_after_prefix(&prefix, &to);
    out->Metrics.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct monitoring_rec_Known m = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &monitoring_rec_Known_shape, &m)))
            break;
        if (!m.Metric || (str_set(in->MetricName) && !str_eq(m.Metric->MetricName, in->MetricName)) || !has_dimensions(m.Metric, &in->Dimensions) ||
            (str_set(in->RecentlyActive) && m.LastMs.v < op_now_ms(op) - RECENT_MS))
            continue;
        if (out->Metrics.n == LIST_PAGE) {
            out->NextToken = page_token(op, str_sub(key, prefix.n, key.n));
            break;
        }
        m.Metric->Dimensions.set = true;
        *list_push(op->arena, &out->Metrics) = *m.Metric;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
