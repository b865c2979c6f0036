/* Who used which action on which resource, or was refused it: what IAM's last-accessed data and `strata report access` are made of.
 *
 * Calls that end (cloud/call.h) are counted in memory, a handful of comparisons each; a thread adds the counts to the records of the principals every
 * FLUSH_MS while there are any, and when strata stops. A crash loses what was not yet added. Kept by the id of the principal, so that a new role of an
 * old name begins anew; roles' sessions count as their role, the root is not counted (nothing holds it back), its keys are.
 *
 * Resources that come and go are counted together: the objects of a bucket as all of them, the streams of a log group likewise. */
#ifndef STRATA_IAM_USAGE_H
#define STRATA_IAM_USAGE_H

#include "aws/op.h"
#include "gen/iam.h"

/* What was counted until now becomes records. Not from the writer, which it waits for. */
void iam_usage_flush(struct cloud *cloud);

/* ret is zeroed when nothing is known. */
int iam_usage_get(struct op *op, struct str id, struct iam_rec_Usage *ret);
int iam_usage_forget(struct op *op, struct str id);
int iam_key_use_get(struct op *op, struct str access_key_id, struct iam_rec_KeyUse *ret);
int iam_key_use_forget(struct op *op, struct str access_key_id);
/* The last time that it was used or refused. */
int64_t iam_use_last_ms(const struct iam_rec_Use *u);

#endif
