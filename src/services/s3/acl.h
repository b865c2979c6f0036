/* ACLs of buckets and objects: what a request asks for, and what they allow. Buckets whose owner is enforced (every new one) have none.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html */
#ifndef STRATA_SERVICES_S3_ACL_H
#define STRATA_SERVICES_S3_ACL_H

#include "auth/auth.h"
#include "services/s3/s3.h"

struct s3_acl_ask { /* each may be absent */
    struct str canned;
    const struct s3_AccessControlPolicy *body;
    struct str full_control, read, read_acp, write, write_acp; /* x-amz-grant-* */
};
#define S3_ACL_ASK(in)                                                                                                   \
    { .canned = (in)->ACL, .full_control = (in)->GrantFullControl, .read = (in)->GrantRead, .read_acp = (in)->GrantReadACP,  \
      .write_acp = (in)->GrantWriteACP }

/* The ACL that is to be kept; NULL: the owner alone (nothing was asked, or what says no more). E_AWS. */
int s3_acl_make(struct op *op, const struct s3_rec_Bucket *b, const struct s3_acl_ask *ask, struct s3_AccessControlPolicy **ret);
/* The same for an object that is written: who gives it an ACL needs s3:PutObjectAcl, too. */
int s3_acl_of_write(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_acl_ask *ask, struct s3_rec_Object *o);

/* Condition keys of what is asked for. */
void s3_acl_context(struct authz *a, struct authz_item *item, const struct s3_acl_ask *ask);
/* Does the bucket's ACL name anybody but its owner? */
bool s3_acl_opens(struct op *op, const struct s3_rec_Bucket *b);

#endif
