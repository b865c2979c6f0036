/* Metrics and their data.
 *
 *   metric (namespace, name, dimensions)                     Known record: for ListMetrics
 *   data   (namespace, name, dimensions, start_ms, unit)     Bucket: a minute, or a second when StorageResolution is 1
 * dimensions is one string: name, 1D, value, each closed by 1E, sorted by name, so that their order does not matter. */
#ifndef STRATA_SERVICES_MONITORING_METRIC_H
#define STRATA_SERVICES_MONITORING_METRIC_H

#include "aws/op.h"
#include "services/monitoring/series.h"

struct str dimensions_key(struct op *op, const struct monitoring_Dimensions *d);
void data_key(struct op *op, struct key *k, struct str space, struct str name, struct str dimensions);

/* Adds to the bucket of width_ms that ms lies in. */
int metric_put(struct op *op, const struct monitoring_Metric *m, struct str unit, int64_t ms, int64_t width_ms, const struct monitoring_rec_Bucket *add);

struct point {
    int64_t start_ms;
    struct str unit;
    struct monitoring_rec_Bucket bucket;
};
struct points {
    struct point *v;
    uint32_t n, cap;
    bool set;
};
struct metric_query {
    struct str space, name, unit; /* unit absent: of every unit */
    const struct monitoring_Dimensions *dimensions;
    int64_t from_ms, to_ms, period_ms;
    int64_t phase_ms; /* periods begin so long behind whole multiples of period_ms */
    bool by_unit;     /* a point for each unit, rather than of all together */
};
/* The data of [from_ms, to_ms) summed up by period, oldest first. from_ms is taken back to where its period begins. */
int read_points(struct op *op, const struct metric_query *q, struct points *ret);

#endif
