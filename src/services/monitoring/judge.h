/* Whether an alarm's data crosses its threshold, and which state that makes. Pure.
 *
 * Missing data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html. More periods are looked at than are evaluated;
 * only where they hold too few data points is what is missing treated as the alarm says. */
#ifndef STRATA_SERVICES_MONITORING_JUDGE_H
#define STRATA_SERVICES_MONITORING_JUDGE_H

#include "base/str.h"

enum { JUDGE_MORE = 2 }; /* periods that are looked at beyond EvaluationPeriods; AWS says that it varies */

struct judge_point {
    bool there;
    double value, samples;
};

struct judge_rule {
    struct str comparison, missing; /* ComparisonOperator, TreatMissingData */
    double threshold;
    int64_t periods, enough; /* EvaluationPeriods, DatapointsToAlarm */
    double samples_min;      /* a point of fewer decides nothing (EvaluateLowSampleCountPercentile=ignore); 0: any does */
};

struct judgement {
    enum { JUDGED_KEEP, JUDGED_OK, JUDGED_ALARM, JUDGED_INSUFFICIENT } state;
    uint32_t n, breaching, missing; /* newest points that counted, at most EvaluationPeriods; those beyond the threshold; how many were too few */
    bool filled;                    /* what was missing counted as breaching, or not breaching */
};

bool judge_breaches(const struct judge_rule *r, double value);
const char *judge_words(const struct judge_rule *r); /* "greater than" */
/* points: EvaluationPeriods + JUDGE_MORE of them, newest first. */
struct judgement judge(const struct judge_rule *r, const struct judge_point *points);

#endif
