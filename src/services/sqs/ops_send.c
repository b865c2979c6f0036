#include "aws/error.h"
#include "base/code.h"
#include "services/sqs/batch.h"

static int64_t delay_ms(const struct queue *q, struct opt_i64 given)
{
    return 1000 * opt_i64(q->fifo ? (struct opt_i64){ 0 } : given, queue_number(q, "DelaySeconds"));
}

static struct str sequence_number(struct op *op, int64_t seq)
{
    return str_printf(op->arena, "188%017lld", (long long)seq);
}

static struct str sender_id(const struct op *op)
{
    const struct principal *p = op->caller;
    return !p ? STR("") : str_set(p->user_id) ? p->user_id : str_set(p->name) ? p->name : opt_str(p->account, STR("anonymous"));
}

/* What X-Ray says of a request goes with its message: SDKs inside functions send it. */
static struct str trace_of(const struct exchange *x)
{
    enum { TRACE_BYTES_MAX = 1024 };
    struct str trace = exchange_header(x, "x-amzn-trace-id");
    return trace.n <= TRACE_BYTES_MAX && message_text_valid(trace) ? trace : STR_NONE;
}

/* Checks one message and puts it into the line; the answer's members come in the form of a batch entry. */
static int send_one(struct op *op, struct queue *q, const struct message_input *in, struct sqs_SendMessageBatchResultEntry *ret)
{
    struct sqs_rec_Message m = { 0 };
    struct sqs_rec_Dedup dedup;
    int64_t bytes, seq;
    struct str dedup_id;
    int rc;

    if ((rc = message_check(op, q, in, &bytes)) || (rc = fifo_check(op, q, in, &dedup_id)))
        return rc;
    *ret = (struct sqs_SendMessageBatchResultEntry){
        .MD5OfMessageBody = md5_hex(op->arena, in->body),
        .MD5OfMessageAttributes = md5_of_attributes(op->arena, in->attributes),
        .MD5OfMessageSystemAttributes = md5_of_system_attributes(op->arena, in->system),
    };
    if (q->fifo) {
        rc = fifo_dedup_find(op, q, in->group_id, dedup_id, &dedup);
        if (rc == 0) { /* sent within five minutes: accepted, not delivered again */
            ret->MessageId = dedup.MessageId;
            ret->SequenceNumber = dedup.Sequence;
            return 0;
        }
        if (rc != E_NOT_FOUND)
            return rc;
        ret->SequenceNumber = sequence_number(op, q->live.Next.v);
    }
    ret->MessageId = random_uuid(op->arena);
    m.MessageId = ret->MessageId;
    m.Body = in->body;
    m.BodyMd5 = ret->MD5OfMessageBody;
    if (in->attributes)
        m.Attributes = *in->attributes;
    if (in->system && in->system->n)
        m.TraceHeader = in->system->v[0].value.StringValue;
    else if (op->http)
        m.TraceHeader = trace_of(op->http);
    m.SenderId = sender_id(op);
    m.SentMs = SOME_I64(op_now_ms(op));
    m.GroupId = in->group_id;
    m.DedupId = dedup_id;
    m.Sequence = ret->SequenceNumber;
    if ((rc = message_seal(op, q, &m)) || (rc = line_put(op, q, &m, delay_ms(q, in->delay_s), &seq)))
        return rc;
    queue_tell(op, q, TELL_SENT, (double)bytes);
    if (!q->fifo)
        return 0;
    dedup = (struct sqs_rec_Dedup){ .SentMs = m.SentMs, .MessageId = m.MessageId, .Sequence = m.Sequence };
    return fifo_dedup_put(op, q, in->group_id, dedup_id, &dedup);
}

int sqs_SendMessage(struct op *op, const struct sqs_SendMessage_in *in, struct sqs_SendMessage_out *out)
{
    struct message_input m = { in->MessageBody, in->MessageGroupId, in->MessageDeduplicationId, in->DelaySeconds, &in->MessageAttributes,
                               &in->MessageSystemAttributes };
    struct sqs_SendMessageBatchResultEntry e;
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)) || (rc = send_one(op, &q, &m, &e)) || (rc = queue_live_put(op, &q)))
        return rc;
    out->MessageId = e.MessageId;
    out->MD5OfMessageBody = e.MD5OfMessageBody;
    out->MD5OfMessageAttributes = e.MD5OfMessageAttributes;
    out->MD5OfMessageSystemAttributes = e.MD5OfMessageSystemAttributes;
    out->SequenceNumber = e.SequenceNumber;
    return 0;
}

static int64_t entry_bytes(const struct sqs_SendMessageBatchRequestEntry *e)
{
    size_t n = e->MessageBody.n;

    for (uint32_t i = 0; i < e->MessageAttributes.n; i++) {
        const struct sqs_MessageAttributeValue *v = &e->MessageAttributes.v[i].value;
        n += e->MessageAttributes.v[i].key.n + v->DataType.n + v->StringValue.n + v->BinaryValue.n;
    }
    return (int64_t)n;
}

/* What a FIFO queue needs of each entry: one that lacks it fails the whole batch. */
static int check_groups(struct op *op, const struct queue *q, const struct sqs_SendMessageBatch_in *in)
{
    for (uint32_t i = 0; q->fifo && i < in->Entries.n; i++) {
        if (!str_set(in->Entries.v[i].MessageGroupId))
            return aws_fail(op, SQS_InvalidParameterValueException, "The request must contain the parameter MessageGroupId.");
        if (!str_set(in->Entries.v[i].MessageDeduplicationId) && !fifo_dedups_content(q))
            return fifo_no_dedup_id(op);
    }
    return 0;
}

int sqs_SendMessageBatch(struct op *op, const struct sqs_SendMessageBatch_in *in, struct sqs_SendMessageBatch_out *out)
{
    struct str *ids = arena_many(op->arena, struct str, in->Entries.n + 1);
    struct queue q;
    int64_t bytes = 0;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)))
        return rc;
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        ids[i] = in->Entries.v[i].Id;
        bytes += entry_bytes(&in->Entries.v[i]);
    }
    if ((rc = batch_check_ids(op, "SendMessageBatchRequestEntry", ids, in->Entries.n)))
        return rc;
    if (bytes > SQS_MESSAGE_BYTES_MAX)
        return aws_fail(op, SQS_BatchRequestTooLong, "Batch requests cannot be longer than %d bytes. You have sent %lld bytes.", SQS_MESSAGE_BYTES_MAX,
                        (long long)bytes);
    if ((rc = check_groups(op, &q, in)))
        return rc;
    out->Successful.set = true;
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        const struct sqs_SendMessageBatchRequestEntry *e = &in->Entries.v[i];
        struct message_input m = { e->MessageBody, e->MessageGroupId, e->MessageDeduplicationId, e->DelaySeconds, &e->MessageAttributes,
                                   &e->MessageSystemAttributes };
        struct sqs_SendMessageBatchResultEntry r;
        rc = send_one(op, &q, &m, &r);
        if (rc == E_AWS) {
            batch_failed(op, e->Id, &out->Failed);
            continue;
        }
        if (rc)
            return rc;
        r.Id = e->Id;
        *list_push(op->arena, &out->Successful) = r;
    }
    return queue_live_put(op, &q);
}
