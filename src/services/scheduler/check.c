/* strata check: a schedule has its group, and its timer while it has an occurrence to come. */
#include "aws/check.h"
#include "services/scheduler/scheduler.h"

void scheduler_check_schedule(struct op *op, struct check *c)
{
    struct scheduler_rec_Schedule s = *(const struct scheduler_rec_Schedule *)c->rec;
    struct key k;
    schedule_key(op, &k, s.GroupName, s.Name);
    if (!str_eq(key_view(&k), c->key))
        check_fault(op, c, "its name is not that of its key");
    op_key(op, &k, &scheduler_kind_group);
    key_str(&k, s.GroupName);
    if (!str_is(s.GroupName, "default"))
        check_there(op, c, &k, "its group");
    if (s.DueMs.set && !str_is(s.State, "DISABLED"))
        check_timer(op, c, "scheduler.fire", schedule_timer_id(op, &s), s.Attempts.v ? -1 : s.DueMs.v);
}
