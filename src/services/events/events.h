/* What the files of the events room share. rule.c and target.c keep records; put.c takes events and finds the rules they match; deliver.c brings
 * them to targets; aws/pattern.h is the matching. Only the default bus stands. */
#ifndef STRATA_SERVICES_EVENTS_H
#define STRATA_SERVICES_EVENTS_H

#include "aws/error.h"
#include "gen/events.h"

int bus_check(struct op *op, struct str name); /* E_AWS unless it is the default bus (absent, its name or its ARN) */
int rule_get(struct op *op, struct str bus, struct str name, struct events_rec_Rule *ret); /* E_AWS ResourceNotFoundException */
int rule_put(struct op *op, const struct events_rec_Rule *r);
int rule_arm(struct op *op, struct events_rec_Rule *r, int64_t after_ms); /* the timer of a schedule; saves the record */
struct str rule_arn(struct op *op, struct str name);
void rule_prefix(struct op *op, struct key *ret_from, struct key *ret_to);
/* An event for every target of a rule: queued in the outbox, delivered after the commit. */
int rule_deliver(struct op *op, const struct events_rec_Rule *r, struct str event);

#endif
