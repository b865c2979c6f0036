/* What services counted of themselves (cloud/telemetry.h) becomes data, each minute of the clock. A job of each account and Region, which is there while
 * something is counted or to be asked. */
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "cloud/telemetry.h"
#include "services/monitoring/alarm.h"
#include "services/monitoring/metric.h"

enum { MINUTE_MS = 60 * 1000 };

static int64_t minute_of(int64_t ms) { return ms / MINUTE_MS * MINUTE_MS; }

int published_arm(struct op *op)
{
    return op_timer_arm(op, "monitoring.minute", STR(""), minute_of(op_now_ms(op)) + MINUTE_MS, STR(""));
}

static int arm(struct op *op, void *ctx) { return published_arm(op); }

static int counted(struct cloud *cloud, struct str account, struct str region) { return cloud_run(cloud, account, region, arm, NULL, NULL); }

int monitoring_start(struct cloud *cloud)
{
    if (!cloud->config.jobs_by_hand)
        telemetry_listen(cloud, counted);
    return alarms_start(cloud);
}

static struct monitoring_rec_Bucket bucket_of(struct op *op, const struct telemetry_sum *s)
{
    struct monitoring_rec_Bucket b = { 0 };
    bucket_add_set(&b, s->count, s->sum, s->min, s->max);
    for (unsigned i = 0; s->spread && i < TELEMETRY_SPREAD; i++) {
        if (!s->spread[i])
            continue;
        double value = telemetry_spread_value(i);
        bucket_remember(op->arena, &b, value < s->min ? s->min : value > s->max ? s->max : value, s->spread[i]);
    }
    return b;
}

static int put_sum(struct op *op, const struct telemetry_note *n, const struct telemetry_metric *m, const struct telemetry_sum *s)
{
    struct monitoring_Metric metric = { .Namespace = str_c(n->family->space), .MetricName = str_c(m->name) };
    struct monitoring_rec_Bucket b = bucket_of(op, s), one = { 0 };
    bucket_add_set(&one, s->count, s->count, 1, 1);
    for (unsigned i = 0; i <= TELEMETRY_DIMENSIONS_MAX; i++) {
        if (i && !n->dimensions[i - 1].p)
            break;
        if (i)
            *list_push(op->arena, &metric.Dimensions) = (struct monitoring_Dimension){ .Name = str_c(n->family->dimensions[i - 1]), .Value = n->dimensions[i - 1] };
        if (i < n->family->least)
            continue;
        metric.MetricName = str_c(m->name);
        int rc = metric_put(op, &metric, str_c(m->unit), n->minute_ms, MINUTE_MS, &b);
        metric.MetricName = str_c(m->also);
        if (rc || (m->also && (rc = metric_put(op, &metric, STR("Count"), n->minute_ms, MINUTE_MS, &one))))
            return rc;
    }
    return 0;
}

static int put_note(struct op *op, const struct telemetry_note *n)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < TELEMETRY_METRICS_MAX; i++)
        if (n->sums[i].count > 0)
            rc = put_sum(op, n, &n->family->metrics[i], &n->sums[i]);
    return rc;
}

int monitoring_job_minute(struct op *op, struct str payload)
{
    bool more;
    int rc = telemetry_take(op, minute_of(op_now_ms(op)) - MINUTE_MS, put_note, &more);
    return rc || !more ? rc : published_arm(op);
}
