/* Alarms: kept, described and set by hand. Nothing evaluates them yet. Metric and composite alarms share their names. */
#ifndef STRATA_SERVICES_MONITORING_ALARM_H
#define STRATA_SERVICES_MONITORING_ALARM_H

#include "aws/op.h"
#include "gen/monitoring.h"

int alarm_get(struct op *op, struct str name, struct monitoring_rec_Alarm *ret); /* E_NOT_FOUND */
int alarm_put(struct op *op, struct str name, const struct monitoring_rec_Alarm *r);
int alarm_history(struct op *op, struct str name, bool composite, const char *type, const char *summary);

#endif
