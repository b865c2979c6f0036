/* What the files of the scheduler room share. schedule.c and group.c keep records; fire.c runs what is due. */
#ifndef STRATA_SERVICES_SCHEDULER_H
#define STRATA_SERVICES_SCHEDULER_H

#include "aws/error.h"
#include "gen/scheduler.h"

void schedule_key(struct op *op, struct key *k, struct str group, struct str name); /* name absent: the prefix of a group's */
int group_get(struct op *op, struct str name, struct scheduler_rec_Group *ret);     /* E_AWS; `default` is always there */
/* Sets the timer of the next occurrence later than after_ms, or cancels it; saves the record, or removes it when it is over and says DELETE. */
int schedule_arm(struct op *op, struct scheduler_rec_Schedule *s, int64_t after_ms);
struct str schedule_timer_id(struct op *op, const struct scheduler_rec_Schedule *s);
struct str scheduler_arn_schedule(struct op *op, struct str GroupName, struct str Name);

#endif
