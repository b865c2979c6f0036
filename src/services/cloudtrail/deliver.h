/* What goes to buckets, log groups and the event bus. */
#ifndef STRATA_CLOUDTRAIL_DELIVER_H
#define STRATA_CLOUDTRAIL_DELIVER_H

#include "services/cloudtrail/audit.h"

#define DELIVER_MS (5 * 60 * 1000LL)
#define DIGEST_MS (3600 * 1000LL)

/* "us-east-1/name": a trail's timers. */
struct str trail_id(struct op *op, struct str home, struct str name);
int trail_of_id(struct op *op, struct str id, struct cloudtrail_rec_Trail *ret, struct str *ret_home, struct str *ret_name); /* E_NOT_FOUND */
void pending_prefix(const struct op *op, struct key *k, struct str home, struct str name); /* events of op's Region that wait for the trail */
int64_t deliver_due_ms(const struct op *op); /* the next five minutes of the clock */

void file_prefix(const struct op *op, struct key *k, struct str home, struct str name);    /* log files for the next digest */

int digest_arm(struct op *op, const struct cloudtrail_rec_Trail *t); /* if the trail has digests; a timer that stands is left as it is */

/* An object of the trail, gzipped, as CloudTrail. E_AWS: refused, *ret_error has the code. */
int trail_upload(struct op *op, const struct cloudtrail_rec_Trail *t, struct str key, struct str text, const struct str_map *metadata, struct str *ret_error);

/* To the default event bus. */
int event_announce(struct op *op, const struct event *e);

#endif
