#include <string.h>

#include "aws/error.h"
#include "base/code.h"
#include "services/sqs/batch.h"

/* ---- receipt handles: queue id, sequence, number of the receive, and a checksum over them with the queue's ARN ---- */

enum { RECEIPT_VERSION = 1, RECEIPT_BYTES = 1 + 3 * 8, RECEIPT_SUM = 12 };

static void receipt_sum(struct op *op, const uint8_t *body, uint8_t out[32])
{
    hmac_sha256(op->seal_key.p ? op->seal_key.p : "", op->seal_key.n, body, RECEIPT_BYTES, out);
}

struct str receipt_make(struct op *op, const struct receipt *r)
{
    uint8_t b[RECEIPT_BYTES + RECEIPT_SUM], sum[32];

    b[0] = RECEIPT_VERSION;
    memcpy(b + 1, &r->queue_id, 8);
    memcpy(b + 9, &r->seq, 8);
    memcpy(b + 17, &r->receives, 8);
    receipt_sum(op, b, sum);
    memcpy(b + RECEIPT_BYTES, sum, RECEIPT_SUM);
    return str_cat(op->arena, STR("AQEB"), base64_encode(op->arena, b, sizeof b));
}

int receipt_read(struct op *op, const struct queue *q, struct str handle, struct receipt *ret)
{
    struct str b;
    uint8_t sum[32];

    if (!str_set(handle))
        return sqs_missing(op, "ReceiptHandle");
    if (!str_starts(handle, STR("AQEB")) || base64_decode(op->arena, str_sub(handle, 4, handle.n), &b) || b.n != RECEIPT_BYTES + RECEIPT_SUM)
        goto invalid;
    receipt_sum(op, (const uint8_t *)b.p, sum);
    if (b.p[0] != RECEIPT_VERSION || memcmp(sum, b.p + RECEIPT_BYTES, RECEIPT_SUM))
        goto invalid;
    memcpy(&ret->queue_id, b.p + 1, 8);
    memcpy(&ret->seq, b.p + 9, 8);
    memcpy(&ret->receives, b.p + 17, 8);
    return 0;
invalid:
    return aws_fail(op, SQS_ReceiptHandleIsInvalid, "The input receipt handle \"%.*s\" is not a valid receipt handle.", STR_ARG(handle));
}

/* ---- what of a message is shown ---- */

static const char *const system_names[] = {
    "All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
    "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn", NULL,
};

static int check_system_names(struct op *op, const struct str_list *names, bool old_list)
{
    for (uint32_t i = 0; i < names->n; i++) {
        bool known = old_list && attribute_known(names->v[i]); /* the old parameter shares its type with GetQueueAttributes */
        for (size_t j = 0; system_names[j]; j++)
            known = known || str_is(names->v[i], system_names[j]);
        if (!known)
            return aws_fail(op, SQS_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(names->v[i]));
    }
    return 0;
}

static bool wants(const struct sqs_ReceiveMessage_in *in, const char *name)
{
    const struct str_list *lists[] = { &in->AttributeNames, &in->MessageSystemAttributeNames };

    for (size_t i = 0; i < 2; i++)
        if (str_list_has(lists[i], STR("All")) || str_list_has(lists[i], str_c(name)))
            return true;
    return false;
}

static void show(struct op *op, const struct sqs_ReceiveMessage_in *in, struct sqs_Message *m, const char *name, struct str value)
{
    if (str_set(value) && wants(in, name))
        str_map_put(op->arena, &m->Attributes, str_c(name), value);
}

static struct str number(struct op *op, int64_t n)
{
    return str_printf(op->arena, "%lld", (long long)n);
}

static bool selects(const struct str_list *filters, struct str name)
{
    for (uint32_t i = 0; i < filters->n; i++) {
        struct str f = filters->v[i];
        if (str_is(f, "All") || str_is(f, "*") || str_is(f, ".*") || str_eq(f, name))
            return true;
        if (str_ends(f, STR(".*")) && str_starts(name, str_sub(f, 0, f.n - 2)))
            return true;
    }
    return false;
}

static void describe(struct op *op, const struct queue *q, const struct sqs_ReceiveMessage_in *in, int64_t seq, const struct sqs_rec_Message *m,
                     const struct sqs_rec_State *state, struct sqs_Message *ret)
{
    struct receipt r = { q->rec.Id.v, seq, state->Receives.v };

    ret->MessageId = m->MessageId;
    ret->ReceiptHandle = receipt_make(op, &r);
    ret->MD5OfBody = m->BodyMd5;
    ret->Body = m->Body;
    show(op, in, ret, "SenderId", m->SenderId);
    show(op, in, ret, "SentTimestamp", number(op, m->SentMs.v));
    show(op, in, ret, "ApproximateReceiveCount", number(op, state->Receives.v + m->ReceivedBefore.v));
    show(op, in, ret, "ApproximateFirstReceiveTimestamp", number(op, state->FirstMs.v));
    show(op, in, ret, "SequenceNumber", m->Sequence);
    show(op, in, ret, "MessageDeduplicationId", m->DedupId);
    show(op, in, ret, "MessageGroupId", m->GroupId);
    show(op, in, ret, "AWSTraceHeader", m->TraceHeader);
    show(op, in, ret, "DeadLetterQueueSourceArn", m->DeadLetterOf);
    for (uint32_t i = 0; i < m->Attributes.n; i++)
        if (selects(&in->MessageAttributeNames, m->Attributes.v[i].key))
            *list_push(op->arena, &ret->MessageAttributes) = m->Attributes.v[i];
    ret->MD5OfMessageAttributes = md5_of_attributes(op->arena, &ret->MessageAttributes);
}

/* ---- receiving ---- */

/* Received more often than the redrive policy allows: off to the dead-letter queue, keeping its id and the time it was sent.
 * False in *ret_moved when that queue is gone: then the message is delivered on, as AWS does. */
static int dead_letter(struct op *op, struct queue *q, const struct redrive *redrive, int64_t seq, struct sqs_rec_Message *m,
                       const struct sqs_rec_State *state, bool *ret_moved)
{
    struct queue target;
    int64_t moved_seq;
    int rc = queue_get_arn(op, redrive->target_arn, &target);

    *ret_moved = false;
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    if (str_eq(target.name, q->name))
        return 0;
    if ((rc = line_remove(op, q, seq, m, state)) || (rc = queue_live(op, &target)))
        return rc;
    m->DeadLetterOf = queue_arn(op, q);
    m->ReceivedBefore = SOME_I64(m->ReceivedBefore.v + state->Receives.v);
    *ret_moved = true;
    if ((rc = line_put(op, &target, m, 0, &moved_seq)))
        return rc;
    return queue_live_put(op, &target);
}

static int take_some(struct op *op, struct queue *q, const struct sqs_ReceiveMessage_in *in, int64_t want, struct sqs_ReceiveMessage_out *out)
{
    int64_t visibility_ms = 1000 * opt_i64(in->VisibilityTimeout, queue_number(q, "VisibilityTimeout"));
    struct redrive redrive = queue_redrive(op, q);
    int rc = 0;

    q->stop_at = q->live.Next.v;

    for (int i = 0; i < SQS_RIPEN_MAX && (int64_t)out->Messages.n < want; i++) {
        struct sqs_rec_Message m;
        struct sqs_rec_State state;
        bool moved = false;
        int64_t seq;
        q->wanted = want - out->Messages.n;
        rc = line_next(op, q, &seq, &m, &state);
        if (rc)
            break;
        if (redrive.set && state.Receives.v >= redrive.receives_max && (rc = dead_letter(op, q, &redrive, seq, &m, &state, &moved)))
            return rc;
        if (moved)
            continue;
        if ((rc = message_open(op, q, &m)) || (rc = line_take(op, q, seq, &m, &state, visibility_ms)))
            return rc;
        describe(op, q, in, seq, &m, &state, list_push(op->arena, &out->Messages));
    }
    if (rc && rc != E_NOT_FOUND)
        return rc;
    return fifo_done(op, q);
}

static int check(struct op *op, const struct queue *q, const struct sqs_ReceiveMessage_in *in)
{
    int64_t max = opt_i64(in->MaxNumberOfMessages, 1), wait_s = opt_i64(in->WaitTimeSeconds, 0), visibility_s = opt_i64(in->VisibilityTimeout, 0);
    int rc;

    if (max < 1 || max > SQS_RECEIVE_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and %d, if "
                                                       "provided.", (long long)max, SQS_RECEIVE_MAX);
    if (wait_s < 0 || wait_s > SQS_WAIT_SECONDS_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= %d, if provided.",
                        (long long)wait_s, SQS_WAIT_SECONDS_MAX);
    if (visibility_s < 0 || visibility_s > SQS_VISIBILITY_SECONDS_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= %d, if "
                                                       "provided.", (long long)visibility_s, SQS_VISIBILITY_SECONDS_MAX);
    if (str_set(in->ReceiveRequestAttemptId) && !q->fifo)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter ReceiveRequestAttemptId is invalid. Reason: The request includes a "
                                                       "parameter that is not valid for this queue type.", STR_ARG(in->ReceiveRequestAttemptId));
    rc = check_system_names(op, &in->AttributeNames, true);
    return rc ? rc : check_system_names(op, &in->MessageSystemAttributeNames, false);
}

/* ---- ReceiveRequestAttemptId: the same messages and handles again, while nobody touched them ---- */

static void attempt_key(struct op *op, struct key *k, const struct queue *q, struct str id)
{
    queue_key(op, k, &sqs_kind_attempt, q->rec.Id.v);
    key_str(k, id);
}

static int attempt_put(struct op *op, const struct queue *q, struct str id, const struct sqs_ReceiveMessage_out *out)
{
    struct sqs_rec_Attempt a = { .Ms = SOME_I64(op_now_ms(op)) };
    struct key k;

    if (!str_set(id) || !out->Messages.n)
        return 0;
    for (uint32_t i = 0; i < out->Messages.n; i++)
        str_list_add(op->arena, &a.Receipts, out->Messages.v[i].ReceiptHandle);
    attempt_key(op, &k, q, id);
    return op_rec_put(op, &k, &sqs_rec_Attempt_shape, &a);
}

static int attempt_again(struct op *op, struct queue *q, const struct sqs_ReceiveMessage_in *in, struct sqs_ReceiveMessage_out *out)
{
    struct sqs_rec_Attempt a = { 0 };
    struct key k;
    int rc;

    if (!str_set(in->ReceiveRequestAttemptId))
        return E_NOT_FOUND;
    attempt_key(op, &k, q, in->ReceiveRequestAttemptId);
    if ((rc = op_rec_get(op, &k, &sqs_rec_Attempt_shape, &a)))
        return rc;
    if (a.Ms.v + SQS_DEDUP_MS <= op_now_ms(op))
        return E_NOT_FOUND;
    for (uint32_t i = 0; i < a.Receipts.n; i++) {
        struct sqs_rec_Message m;
        struct sqs_rec_State state;
        struct receipt r;
        if (receipt_read(op, q, a.Receipts.v[i], &r) || line_message(op, q, r.seq, &m) || line_state(op, q, r.seq, &state) ||
            state.Receives.v != r.receives || !opt_bool(state.InFlight, false)) {
            op->fail = (struct op_failure){ 0 };
            out->Messages.n = 0;
            return E_NOT_FOUND;
        }
        if ((rc = line_delay(op, q, r.seq, &state, 1000 * opt_i64(in->VisibilityTimeout, queue_number(q, "VisibilityTimeout")))))
            return rc;
        describe(op, q, in, r.seq, &m, &state, list_push(op->arena, &out->Messages));
    }
    return 0;
}

/* Nothing but the cursor of the due ones has changed. */
static bool line_same(const struct sqs_rec_Live *a, const struct sqs_rec_Live *b)
{
    return a->Next.v == b->Next.v && a->FreshFrom.v == b->FreshFrom.v && a->BackFrom.v == b->BackFrom.v && a->Ready.v == b->Ready.v &&
           a->InFlight.v == b->InFlight.v && a->Delayed.v == b->Delayed.v;
}

int sqs_ReceiveMessage(struct op *op, const struct sqs_ReceiveMessage_in *in, struct sqs_ReceiveMessage_out *out)
{
    enum { CURSOR_IDLE_MS = 60 * 1000 }; /* an empty receive writes nothing, unless its cursor has stood still so long */
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = check(op, &q, in)) || (rc = queue_live(op, &q)))
        return rc;
    struct sqs_rec_Live before = q.live;
    int64_t wait_ms = 1000 * opt_i64(in->WaitTimeSeconds, queue_number(&q, "ReceiveMessageWaitTimeSeconds"));
    if ((rc = line_ripen(op, &q)))
        return rc;
    bool full = q.live.InFlight.v >= SQS_IN_FLIGHT_MAX;
    if (full && !wait_ms)
        return aws_fail(op, SQS_OverLimit, "Too many messages in flight for queue %.*s: at most %d.", STR_ARG(q.name), SQS_IN_FLIGHT_MAX);
    rc = attempt_again(op, &q, in, out);
    if (rc == E_NOT_FOUND)
        rc = full ? 0 : take_some(op, &q, in, opt_i64(in->MaxNumberOfMessages, 1), out);
    if (rc || (rc = attempt_put(op, &q, in->ReceiveRequestAttemptId, out)))
        return rc;
    bool moved = !line_same(&before, &q.live); /* dead letters and expired ones go also when nothing is received */
    bool waits = !out->Messages.n && wait_ms && !op->timed_out;
    if (waits && !moved)
        return op_poll(op, queue_wake_key(op, &q), wait_ms);
    if (!waits)
        queue_tell(op, &q, out->Messages.n ? TELL_RECEIVED : TELL_EMPTY, out->Messages.n ? out->Messages.n : 1);
    if (out->Messages.n || moved || q.live.DueFrom.v - before.DueFrom.v >= CURSOR_IDLE_MS)
        rc = queue_live_put(op, &q);
    if (rc || !waits)
        return rc;
    op_wake(op, queue_wake_key(op, &q)); /* there may be more than one receive goes through */
    return op_poll_keeping(op, queue_wake_key(op, &q), wait_ms);
}

/* ---- deleting ---- */

/* An old handle of a message that was received again since deletes nothing and is no error. */
static int delete_one(struct op *op, struct queue *q, struct str handle)
{
    struct sqs_rec_State state;
    struct sqs_rec_Message m;
    struct receipt r;
    int rc = receipt_read(op, q, handle, &r);

    if (rc)
        return rc;
    if (r.queue_id != q->rec.Id.v) /* purged since, or of another queue */
        return 0;
    rc = line_state(op, q, r.seq, &state);
    if (rc == E_NOT_FOUND || (rc == 0 && state.Receives.v != r.receives))
        return 0;
    if (rc)
        return rc;
    if (q->fifo && (!opt_bool(state.InFlight, false) || state.DueMs.v <= op_now_ms(op)))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
                        STR_ARG(handle));
    m.GroupId = STR_NONE;
    if (q->fifo && (rc = line_message(op, q, r.seq, &m)))
        return rc == E_NOT_FOUND ? 0 : rc;
    queue_tell(op, q, TELL_DELETED, 1);
    return line_remove(op, q, r.seq, &m, &state);
}

int sqs_DeleteMessage(struct op *op, const struct sqs_DeleteMessage_in *in, struct sqs_DeleteMessage_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)) || (rc = delete_one(op, &q, in->ReceiptHandle)))
        return rc;
    return queue_live_put(op, &q);
}

int sqs_DeleteMessageBatch(struct op *op, const struct sqs_DeleteMessageBatch_in *in, struct sqs_DeleteMessageBatch_out *out)
{
    struct str *ids = arena_many(op->arena, struct str, in->Entries.n + 1);
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)))
        return rc;
    for (uint32_t i = 0; i < in->Entries.n; i++)
        ids[i] = in->Entries.v[i].Id;
    if ((rc = batch_check_ids(op, "DeleteMessageBatchRequestEntry", ids, in->Entries.n)))
        return rc;
    out->Successful.set = true;
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        rc = delete_one(op, &q, in->Entries.v[i].ReceiptHandle);
        if (rc == E_AWS)
            batch_failed(op, ids[i], &out->Failed);
        else if (rc)
            return rc;
        else
            list_push(op->arena, &out->Successful)->Id = ids[i];
    }
    return queue_live_put(op, &q);
}

/* ---- visibility ---- */

static int change_one(struct op *op, struct queue *q, struct str handle, struct opt_i64 timeout)
{
    struct sqs_rec_State state = { 0 };
    struct receipt r;
    int rc = receipt_read(op, q, handle, &r);

    if (rc)
        return rc;
    if (!timeout.set)
        return sqs_missing(op, "VisibilityTimeout");
    if (timeout.v < 0 || timeout.v > SQS_VISIBILITY_SECONDS_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer "
                                                       "between 0 and %d.", (long long)timeout.v, SQS_VISIBILITY_SECONDS_MAX);
    rc = r.queue_id == q->rec.Id.v ? line_state(op, q, r.seq, &state) : E_NOT_FOUND;
    /* a standard queue takes the handle of an earlier receipt, too */
    if (rc == E_NOT_FOUND || (rc == 0 && q->fifo && state.Receives.v != r.receives))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
                                                       "available for visibility timeout change.", STR_ARG(handle));
    if (rc)
        return rc;
    if (!opt_bool(state.InFlight, false) || state.DueMs.v <= op_now_ms(op))
        return aws_fail(op, SQS_MessageNotInflight, "The message referred to isn't in flight.");
    if (op_now_ms(op) - state.TakenMs.v + timeout.v * 1000 > SQS_VISIBILITY_SECONDS_MAX * 1000LL)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "
                                                       "message is beyond the limit [%d seconds].", (long long)timeout.v, SQS_VISIBILITY_SECONDS_MAX);
    return line_delay(op, q, r.seq, &state, timeout.v * 1000);
}

int sqs_ChangeMessageVisibility(struct op *op, const struct sqs_ChangeMessageVisibility_in *in, struct sqs_ChangeMessageVisibility_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)) || (rc = change_one(op, &q, in->ReceiptHandle, in->VisibilityTimeout)))
        return rc;
    return queue_live_put(op, &q);
}

int sqs_ChangeMessageVisibilityBatch(struct op *op, const struct sqs_ChangeMessageVisibilityBatch_in *in,
                                     struct sqs_ChangeMessageVisibilityBatch_out *out)
{
    struct str *ids = arena_many(op->arena, struct str, in->Entries.n + 1);
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)))
        return rc;
    for (uint32_t i = 0; i < in->Entries.n; i++)
        ids[i] = in->Entries.v[i].Id;
    if ((rc = batch_check_ids(op, "ChangeMessageVisibilityBatchRequestEntry", ids, in->Entries.n)))
        return rc;
    out->Successful.set = true;
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        rc = change_one(op, &q, in->Entries.v[i].ReceiptHandle, in->Entries.v[i].VisibilityTimeout);
        if (rc == E_AWS)
            batch_failed(op, ids[i], &out->Failed);
        else if (rc)
            return rc;
        else
            list_push(op->arena, &out->Successful)->Id = ids[i];
    }
    return queue_live_put(op, &q);
}
