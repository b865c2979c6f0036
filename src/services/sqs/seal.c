/* Bodies at rest. A message stays sealed as it was sent, also when its queue is configured anew or it is moved to a dead-letter queue. */
#include "aws/error.h"
#include "cloud/envelope.h"
#include "services/sqs/queue.h"

static struct envelope envelope_of(struct op *op, const struct queue *q, struct str arn)
{
    struct envelope e = {
        .account = q->account, .key_id = str_map_get(&q->rec.Attributes, STR("KmsMasterKeyId")), .verifies = true,
        .reuse_ms = 1000 * queue_number(q, "KmsDataKeyReusePeriodSeconds"),
    };
    str_map_put(op->arena, &e.context, STR("aws:sqs:arn"), arn);
    return e;
}

static int refused(struct op *op, int rc, const struct op_failure *failure)
{
    static const struct {
        const char *kms;
        const struct aws_error *error;
    } known[] = { { "AccessDeniedException", SQS_KmsAccessDenied }, { "DisabledException", SQS_KmsDisabled },
                  { "KMSInvalidStateException", SQS_KmsInvalidState }, { "NotFoundException", SQS_KmsNotFound },
                  { "InvalidKeyUsageException", SQS_KmsInvalidKeyUsage } };
    if (rc != E_AWS)
        return rc;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(envelope_refusal(failure), known[i].kms))
            return aws_fail(op, known[i].error, "%.*s", STR_ARG(failure->message));
    return aws_fail(op, failure->error, "%.*s", STR_ARG(failure->message));
}

int message_seal(struct op *op, const struct queue *q, struct sqs_rec_Message *m)
{
    struct op_failure failure;
    m->SealedIn = queue_arn(op, q);
    struct envelope e = envelope_of(op, q, m->SealedIn);
    if (!e.key_id.n && str_is(str_map_get(&q->rec.Attributes, STR("SqsManagedSseEnabled")), "false"))
        return 0;
    int rc = envelope_seal(op, &e, m->BodyMd5, m->Body, &m->Sealed, &failure);
    m->Body = STR_NONE;
    return refused(op, rc, &failure);
}

int message_open(struct op *op, const struct queue *q, struct sqs_rec_Message *m)
{
    struct op_failure failure;
    if (!m->Sealed.p)
        return 0;
    struct envelope e = envelope_of(op, q, m->SealedIn);
    int rc = envelope_open(op, &e, m->BodyMd5, m->Sealed, &m->Body, &failure);
    return refused(op, rc, &failure);
}
