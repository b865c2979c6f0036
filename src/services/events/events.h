/* What the files of the events room share. bus.c, rule.c, target.c and tags.c keep records; put.c takes events and finds the rules they match; deliver.c
 * brings them to targets, log_target.c to log groups; aws/pattern.h is the matching. A bus is named by its name alone; an absent name is the default bus. */
#ifndef STRATA_SERVICES_EVENTS_H
#define STRATA_SERVICES_EVENTS_H

#include "aws/error.h"
#include "gen/events.h"

/* A name or an ARN of a bus, which may be another account's or region's. */
struct bus_ref {
    struct str name, account, region;
};
struct bus_ref bus_ref(struct op *op, struct str text);
bool bus_is_default(struct str name);
int bus_get(struct op *op, struct str text, struct events_rec_Bus *ret); /* of this account and region. E_AWS ResourceNotFoundException */
int bus_put(struct op *op, struct events_rec_Bus *b);
int rule_get(struct op *op, struct str bus_text, struct str name, struct events_rec_Rule *ret); /* E_AWS ResourceNotFoundException */
int rule_put(struct op *op, const struct events_rec_Rule *r);
int rule_arm(struct op *op, struct events_rec_Rule *r, int64_t after_ms); /* the timer of a schedule; saves the record */
struct str rule_arn(struct op *op, struct str bus, struct str name);
void rule_prefix(struct op *op, struct str bus, struct key *ret_from, struct key *ret_to); /* of a bus's rules */
/* One more of the records from `from` to `to`? E_AWS LimitExceededException. */
int events_room_for(struct op *op, const struct key *from, const struct key *to, uint32_t max);
bool target_is_bus(const struct events_Target *t);
/* log_target.c: log groups, which are of the rule's own account and region. */
bool target_is_log_group(const struct events_Target *t, struct str *ret_name);
struct log_target {
    struct str group, stream; /* the stream is made when the first event comes */
    const struct principal *who;
};
int log_target_put(struct op *op, const struct events_Target *t, const struct log_target *to, struct str input, struct op_failure *why);
/* Gives an event to every rule of a bus that it matches. forwarded: it came from another bus. */
int bus_match(struct op *op, const struct bus_ref *bus, struct str event, bool forwarded);
/* An event for every target of a rule: queued in the outbox, delivered after the commit. */
int rule_deliver(struct op *op, const struct events_rec_Rule *r, struct str event, bool forwarded);

#endif
