/* Object lock: retention and legal holds of versions, and a bucket's default retention. A version that is held is neither removed nor let go early:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html */
#ifndef STRATA_SERVICES_S3_LOCK_H
#define STRATA_SERVICES_S3_LOCK_H

#include "auth/auth.h"
#include "services/s3/s3.h"

struct s3_lock_ask { /* x-amz-object-lock-*; each may be absent */
    struct str mode, hold;
    struct opt_i64 until_ms;
};
#define S3_LOCK_ASK(in) { (in)->ObjectLockMode, (in)->ObjectLockLegalHoldStatus, (in)->ObjectLockRetainUntilDate }

/* Condition keys of what is asked for. */
void s3_lock_context(struct authz *a, struct authz_item *item, const struct s3_lock_ask *ask);
/* What the headers of a write ask for, if the bucket and the caller's permissions allow it, into o. E_AWS. */
int s3_lock_of_write(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_lock_ask *ask, struct s3_rec_Object *o);
/* An object that comes to be at o->ModifiedMs without a retention of its own has the bucket's. */
void s3_lock_by_default(const struct s3_rec_Bucket *b, struct s3_rec_Object *o);

bool s3_locked(struct op *op, const struct s3_rec_Object *o);
/* May a version be removed for good? bypass: the client's header, which governance yields to, if he may. E_AWS AccessDenied. */
int s3_lock_yields(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, bool bypass);
/* The header has no meaning but where there are locks. E_AWS. */
int s3_bypass_check(struct op *op, const struct s3_rec_Bucket *b, struct opt_bool bypass);

/* What a reader is told of a lock, who may know: the rest of ask stays absent. */
int s3_lock_shown(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, struct s3_lock_ask *ret);

#endif
