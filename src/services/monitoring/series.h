/* The arithmetic of metrics: buckets, their merging and their statistics. Pure. */
#ifndef STRATA_SERVICES_MONITORING_SERIES_H
#define STRATA_SERVICES_MONITORING_SERIES_H

#include "base/list.h"
#include "gen/monitoring.h"

enum { BUCKET_VALUES_MAX = 1000 }; /* distinct values kept for percentiles; count, sum and extremes are always exact */

void bucket_add(struct arena *a, struct monitoring_rec_Bucket *b, double value, double count);
void bucket_remember(struct arena *a, struct monitoring_rec_Bucket *b, double value, double count); /* for percentiles alone */
void bucket_add_set(struct monitoring_rec_Bucket *b, double count, double sum, double min, double max);
void bucket_merge(struct arena *a, struct monitoring_rec_Bucket *into, const struct monitoring_rec_Bucket *b);

/* SampleCount, Average, Sum, Minimum, Maximum, p0..p100 (p99.9). False: no such statistic. */
bool statistic_known(struct str name);
double bucket_statistic(struct arena *a, const struct monitoring_rec_Bucket *b, struct str name);

#endif
