/* What AWS's services publish of themselves in CloudWatch (AWS/SQS, AWS/Lambda, ...): counted in memory, by minutes of the clock, without a write or a look
 * at the store. The room of monitoring takes the sums each minute and makes data of them.
 *
 * A family is what is counted of one kind of resource together; a note its sums of one resource and minute. Any thread counts, under a lock a
 * (account, region) that is held for some hundred instructions. A crash loses what was not yet taken: a minute. */
#ifndef STRATA_CLOUD_TELEMETRY_H
#define STRATA_CLOUD_TELEMETRY_H

#include "aws/op.h"

enum { TELEMETRY_METRICS_MAX = 5, TELEMETRY_DIMENSIONS_MAX = 2, TELEMETRY_SPREAD = 256 };

struct telemetry_metric {
    const char *name, *unit;
    const char *also; /* each value counts as 1 of this metric, too, in Count; or NULL */
    bool spread;      /* percentiles are asked of it: to within 6 % */
};

struct telemetry_family {
    const char *space;
    const char *dimensions[TELEMETRY_DIMENSIONS_MAX]; /* their names */
    unsigned least; /* published by the first `least` of the dimensions, and by each more that was given */
    struct telemetry_metric metrics[TELEMETRY_METRICS_MAX];
};

struct telemetry_value {
    unsigned metric; /* of the family */
    double value;
};

/* Once op is through: not when it fails, nor twice when it runs twice. dimensions: their values; absent ones are not given. v may go. */
void telemetry_count(struct op *op, const struct telemetry_family *f, const struct str dimensions[TELEMETRY_DIMENSIONS_MAX], const struct telemetry_value *v, size_t n);
/* At once, at this time of the clock. */
void telemetry_add(struct cloud *cloud, struct str account, struct str region, int64_t now_ms, const struct telemetry_family *f,
                   const struct str dimensions[TELEMETRY_DIMENSIONS_MAX], const struct telemetry_value *v, size_t n);

/* ---- for the room of monitoring ---- */

struct telemetry_sum {
    double count, sum, min, max;
    uint32_t *spread; /* [TELEMETRY_SPREAD], or NULL: how many values lie about telemetry_spread_value(i) */
};
struct telemetry_note {
    struct telemetry_note *next;
    const struct telemetry_family *family;
    struct str dimensions[TELEMETRY_DIMENSIONS_MAX];
    int64_t minute_ms;
    struct telemetry_sum sums[TELEMETRY_METRICS_MAX];
};
double telemetry_spread_value(unsigned i);

/* Who is asked each minute for what is there, rather than counted: in the writer, for op's account and region. It adds by telemetry_add, to the minute that
 * began at minute_ms; *ret_more: it is to be asked again. */
typedef int telemetry_source(struct op *op, int64_t minute_ms, bool *ret_more);

struct telemetry *telemetry_new(void);
void telemetry_free(struct telemetry *t); /* NULL-safe */
void telemetry_source_add(struct cloud *cloud, telemetry_source *source); /* when services start */
/* first: something was counted, the first since the last telemetry_take; from any thread, holding no lock. <0: it is called again with the next. */
void telemetry_listen(struct cloud *cloud, int (*first)(struct cloud *cloud, struct str account, struct str region));
/* In the writer: asks the sources, and each for every note of op's account and region. They go with op's commit; until then they are given again. */
int telemetry_take(struct op *op, int64_t minute_ms, int (*each)(struct op *op, const struct telemetry_note *n), bool *ret_more);

#endif
