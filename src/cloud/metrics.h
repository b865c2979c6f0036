/* What was asked and how long it took, counted in memory since the start: GET /_strata/metrics (cloud/admin.h) shows it in Prometheus' text form.
 *
 * One counter set an operation. Any thread counts, without locks; what is shown is each number as it stood when it was read. */
#ifndef STRATA_CLOUD_METRICS_H
#define STRATA_CLOUD_METRICS_H

#include "base/buf.h"
#include "wire/service.h"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m); /* NULL-safe */

/* A request ended with an HTTP status, us after it began: the wait of a parked one is part of it. NULL row: no operation was known. */
void metrics_count(struct metrics *m, const struct op_row *row, int status, int64_t us);
uint64_t metrics_total(const struct metrics *m); /* requests */
/* strata_requests_total{service,operation,code}, strata_request_seconds_{bucket,sum,count}{service,operation}: those that were asked. */
void metrics_write(const struct metrics *m, struct buf *b);

#endif
