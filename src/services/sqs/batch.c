#include "services/sqs/batch.h"

#include "aws/error.h"

static bool id_valid(struct str id)
{
    if (!id.n || id.n > 80)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

int batch_check_ids(struct op *op, const char *entry, const struct str *ids, uint32_t n)
{
    if (!n)
        return aws_fail(op, SQS_EmptyBatchRequest, "There should be at least one %s in the request.", entry);
    if (n > SQS_BATCH_MAX)
        return aws_fail(op, SQS_TooManyEntriesInBatchRequest, "Maximum number of entries per request are %d. You have sent %u.", SQS_BATCH_MAX, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!id_valid(ids[i]))
            return aws_fail(op, SQS_InvalidBatchEntryId, "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at "
                                                         "most 80 letters long.");
        for (uint32_t j = 0; j < i; j++)
            if (str_eq(ids[i], ids[j]))
                return aws_fail(op, SQS_BatchEntryIdsNotDistinct, "Id %.*s repeated.", STR_ARG(ids[i]));
    }
    return 0;
}

void batch_failed(struct op *op, struct str id, struct sqs_BatchResultErrorEntryList *failed)
{
    struct sqs_BatchResultErrorEntry *e = list_push(op->arena, failed);
    const struct aws_error *error = op->fail.error;

    e->Id = id;
    e->Code = str_c(error->query_code ? error->query_code : error->code);
    e->Message = op->fail.message;
    e->SenderFault = SOME_BOOL(error->sender_fault);
    op->fail = (struct op_failure){ 0 };
}
