/* Alarms: kept, described, set by hand and evaluated on the clock. Metric and composite alarms share their names.
 *
 * A metric alarm has a timer, `monitoring.evaluate`, and runs each minute (each ten seconds where its period is shorter than a minute); composite alarms are
 * looked at when an alarm that they name moved. Whatever moves an alarm, its record, its history, the event for the default bus and its actions are one
 * transaction: event and actions are outbox records. */
#ifndef STRATA_SERVICES_MONITORING_ALARM_H
#define STRATA_SERVICES_MONITORING_ALARM_H

#include "aws/op.h"
#include "gen/monitoring.h"

int alarm_get(struct op *op, struct str name, struct monitoring_rec_Alarm *ret); /* E_NOT_FOUND */
int alarm_put(struct op *op, struct str name, const struct monitoring_rec_Alarm *r);

/* ---- state.c ---- */

struct alarm_state {
    struct str value, reason, data; /* data: JSON, or absent */
    int64_t chain;                  /* how many moves of other alarms led to it */
};
/* What both kinds have: points into the record. */
struct alarm_view {
    bool composite;
    struct str name, arn, description;
    struct str *value, *reason, *data;
    struct opt_i64 *updated_ms, *moved_ms;
    bool actions_enabled;
    const struct str_list *actions; /* of the state that it is in */
};
struct alarm_view alarm_view(struct monitoring_rec_Alarm *r);
/* Into that state: puts the record. Nothing but reason and data changes when it is in it. */
int alarm_move(struct op *op, struct monitoring_rec_Alarm *r, const struct alarm_state *to);
int alarm_history(struct op *op, struct str name, bool composite, const char *type, struct str summary, struct str data); /* data may be absent */
struct str alarm_time(struct op *op, int64_t ms); /* 2019-10-02T17:04:40.985+0000 */

/* ---- evaluate.c ---- */

/* The metric that a metric alarm watches; NULL: an expression, which strata does not evaluate. */
const struct monitoring_MetricStat *alarm_metric(struct op *op, const struct monitoring_MetricAlarm *m);
int alarm_arm(struct op *op, const struct monitoring_MetricAlarm *m);
int alarms_start(struct cloud *cloud); /* those that a program kept which did not run them run from now on */

/* ---- published.c ---- */

int published_arm(struct op *op); /* the job that writes each minute what services counted */

/* ---- composite.c ---- */

/* Whether the text is a rule: E_INVALID. */
int rule_check(struct op *op, struct str rule);

#endif
