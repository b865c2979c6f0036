/* Metric filters: kept and described; PutLogEvents makes no metrics of them yet. */
#include "aws/error.h"
#include "aws/page.h"
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
