/* strata check: a metric that has data is known; a metric alarm has its timer. */
#include "aws/check.h"
#include "services/monitoring/alarm.h"

void monitoring_check_data(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str part;
    struct key k;
    op_key(op, &k, &monitoring_kind_metric);
    for (int i = 0; i < 3; i++) { /* namespace, name, dimensions */
        if (key_read_str(&r, op->arena, &part)) {
            check_fault(op, c, "its key is malformed");
            return;
        }
        key_str(&k, part);
    }
    check_there(op, c, &k, "its metric");
}

void monitoring_check_alarm(struct op *op, struct check *c)
{
    const struct monitoring_rec_Alarm *r = c->rec;
    if (!r->Metric && !r->Composite)
        check_fault(op, c, "it is of neither kind");
    if (r->Metric && opt_bool(r->Runs, false) && alarm_metric(op, r->Metric))
        check_timer(op, c, "monitoring.evaluate", r->Metric->AlarmName, -1);
}
