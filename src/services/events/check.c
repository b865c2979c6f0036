/* strata check: a rule with a schedule has its timer, one of another bus its bus. */
#include "aws/check.h"
#include "services/events/events.h"

void events_check_rule(struct op *op, struct check *c)
{
    const struct events_rec_Rule *r = c->rec;
    if (r->DueMs.set && !str_is(r->State, "DISABLED"))
        check_timer(op, c, "events.schedule", r->Name, r->DueMs.v);
    if (r->EventBusName.p) {
        struct key k;
        op_key(op, &k, &events_kind_bus);
        key_str(&k, r->EventBusName);
        check_there(op, c, &k, "its bus");
    }
}
