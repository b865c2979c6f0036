#include "gen/sts.h"

int sts_GetCallerIdentity(struct op *op, const struct sts_GetCallerIdentity_in *in, struct sts_GetCallerIdentity_out *out)
{
    out->Account = op->caller->account;
    out->Arn = op->caller->arn;
    out->UserId = op->caller->user_id;
    return 0;
}
