/* Events of objects, to queues, functions and EventBridge, as the bucket's notification configuration has it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
#ifndef STRATA_SERVICES_S3_NOTIFY_H
#define STRATA_SERVICES_S3_NOTIFY_H

#include "services/s3/s3.h"

/* In the transaction of what happened: event is "ObjectCreated:Put". Of o VersionId and Seq may be absent, and ETag and Size where the event has none. */
int s3_notify(struct op *op, const struct s3_rec_Bucket *b, const char *event, struct str key, const struct s3_rec_Object *o);
/* What s3_object_remove did; prefix "ObjectRemoved" or "LifecycleExpiration". */
int s3_notify_removal(struct op *op, const struct s3_rec_Bucket *b, const char *prefix, struct str key, const struct s3_removal *done);

struct str s3_sequencer(struct op *op, const struct s3_rec_Object *o);
/* Sends body to a queue or a function as S3. E_AWS: ret_why. */
int s3_notice_send(struct op *op, struct str owner, struct str bucket, struct str to_arn, struct str body, struct op_failure *ret_why);
/* Whether events named by the client ("s3:ObjectCreated:*") cover one. */
bool s3_event_covers(struct str pattern, struct str event);

#endif
