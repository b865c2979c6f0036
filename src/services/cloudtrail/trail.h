/* Trails: how they are found, and what they may deliver to.
 *
 * A trail belongs to the Region that made it, its home; there alone it is changed. One with IsMultiRegionTrail is seen (its shadow) and works in every
 * other Region, too. Its record lies in no account's keys, so that all of them are found at the start. */
#ifndef STRATA_CLOUDTRAIL_TRAIL_H
#define STRATA_CLOUDTRAIL_TRAIL_H

#include "gen/cloudtrail.h"

enum { TRAILS_PER_REGION_MAX = 5, TRAIL_PREFIX_CHARS_MAX = 200 };
#define CLOUDTRAIL_PRINCIPAL "cloudtrail.amazonaws.com"

/* By name (of this Region) or ARN (of any). E_AWS: InvalidTrailNameException, CloudTrailARNInvalidException, TrailNotFoundException. */
int trail_find(struct op *op, struct str name_or_arn, struct cloudtrail_rec_Trail *ret);
/* The same, and this is its home (InvalidHomeRegionException): for whoever changes it. */
int trail_find_own(struct op *op, struct str name_or_arn, struct cloudtrail_rec_Trail *ret);
int trail_look(struct op *op, struct str region, struct str name, struct cloudtrail_rec_Trail *ret); /* E_NOT_FOUND */
int trail_name_check(struct op *op, struct str name); /* E_AWS InvalidTrailNameException */
int trail_put(struct op *op, const struct cloudtrail_rec_Trail *t);
int trail_erase(struct op *op, const struct cloudtrail_rec_Trail *t);
struct str trail_arn(struct op *op, const struct cloudtrail_rec_Trail *t);
void trail_keys(struct op *op, struct key *ret_from, struct key *ret_to); /* the account's, by home Region and name */
bool trail_is_seen(const struct op *op, const struct cloudtrail_rec_Trail *t); /* in this Region: its home, or a shadow */

/* E_NOT_FOUND: it has done nothing here yet. */
int status_put(struct op *op, const struct cloudtrail_rec_Trail *t, const struct cloudtrail_rec_Status *s);
int status_get(struct op *op, const struct cloudtrail_rec_Trail *t, struct cloudtrail_rec_Status *ret);

/* Bucket, key of KMS, log group: there, and open to CloudTrail. KmsKeyId becomes the key's ARN. E_AWS in AWS's words. */
int destination_check(struct op *op, struct cloudtrail_rec_Trail *t);
/* "prefix/AWSLogs/123456789012/": what every object of the trail begins with. */
struct str destination_prefix(struct op *op, const struct cloudtrail_rec_Trail *t);
struct str destination_group(struct op *op, struct str group_arn); /* the log group's name; absent: it is no ARN of one */
struct str destination_stream(struct op *op, const struct cloudtrail_rec_Trail *t);

bool selectors_are_default(const struct cloudtrail_rec_Trail *t);

#endif
