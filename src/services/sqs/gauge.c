/* AWS/SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html. What is done is counted; how much
 * waits is asked each minute, of queues that hold messages or changed within six hours. */
#include "cloud/cloud.h"
#include "cloud/telemetry.h"
#include "services/sqs/queue.h"

#define ACTIVE_MS (6 * 60 * 60 * 1000LL)

static const struct telemetry_family done = {
    .space = "AWS/SQS", .dimensions = { "QueueName" }, .least = 1,
    .metrics = { [TELL_SENT] = { "SentMessageSize", "Bytes", .also = "NumberOfMessagesSent" }, [TELL_RECEIVED] = { "NumberOfMessagesReceived", "Count" },
                 [TELL_DELETED] = { "NumberOfMessagesDeleted", "Count" }, [TELL_EMPTY] = { "NumberOfEmptyReceives", "Count" } },
};

static const struct telemetry_family waiting = {
    .space = "AWS/SQS", .dimensions = { "QueueName" }, .least = 1,
    .metrics = { { "ApproximateNumberOfMessagesVisible", "Count" }, { "ApproximateNumberOfMessagesNotVisible", "Count" },
                 { "ApproximateNumberOfMessagesDelayed", "Count" }, { "ApproximateAgeOfOldestMessage", "Seconds" } },
};

void queue_tell(struct op *op, const struct queue *q, int what, double value)
{
    telemetry_count(op, &done, (struct str[]){ q->name, STR_NONE }, &(struct telemetry_value){ (unsigned)what, value }, 1);
}

/* The first key behind (kind, the queue, part, cursor): its part behind the cursor's place, and its value. E_NOT_FOUND. */
static int first(struct op *op, const struct record_kind *kind, const struct queue *q, const int64_t *part, int64_t cursor, struct key_reader *ret, struct str *ret_value)
{
    struct key prefix, from, to;
    struct str key, value;
    queue_key(op, &prefix, kind, q->rec.Id.v);
    if (part)
        key_i64(&prefix, *part);
    from = prefix;
    key_i64(&from, cursor);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool there = scan_next(s, &key, &value);
    if (there) {
        key_read_init(ret, str_dup(op->arena, str_sub(key, prefix.n, key.n)));
        *ret_value = str_dup(op->arena, value);
    }
    int rc = scan_end(s);
    return rc ? rc : there ? 0 : E_NOT_FOUND;
}

static int sent_before(struct op *op, const struct queue *q, int64_t seq, int64_t *ms)
{
    struct sqs_rec_Message m;
    int rc = line_message(op, q, seq, &m);
    if (rc == 0 && m.SentMs.v < *ms)
        *ms = m.SentMs.v;
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* The first message of the runs from the cursor on, as far as they were not emptied by retention. */
static int first_fresh(struct op *op, const struct queue *q, int64_t *ret_seq)
{
    int64_t lane = LANE_FRESH, from = q->live.FreshFrom.v;
    struct key_reader key;
    struct str value;
    if (from >= q->live.HeadTo.v && (!q->live.RunFrom.set || from < q->live.RunFrom.v)) {
        int rc = first(op, &sqs_kind_ready, q, &lane, from, &key, &value);
        if (rc && (rc != E_NOT_FOUND || !q->live.RunFrom.set))
            return rc;
        if (rc == E_NOT_FOUND)
            from = q->live.RunFrom.v;
        else if (key_read_i64(&key, &from))
            return E_CORRUPT;
    }
    int rc = first(op, &sqs_kind_msg, q, NULL, from, &key, &value);
    return rc ? rc : key_read_i64(&key, ret_seq) ? E_CORRUPT : 0;
}

static int first_group(struct op *op, const struct queue *q, int64_t *ret_seq)
{
    int64_t lane = LANE_FRESH;
    struct key_reader key;
    struct str group;
    int rc = first(op, &sqs_kind_ready, q, &lane, 0, &key, &group);
    return rc ? rc : fifo_head(op, q, group, ret_seq);
}

static int first_back(struct op *op, const struct queue *q, int64_t *ret_seq)
{
    int64_t lane = LANE_BACK;
    struct key_reader key;
    struct str value;
    int rc = first(op, &sqs_kind_ready, q, &lane, q->live.BackFrom.v, &key, &value);
    return rc ? rc : line_ready_value(value, ret_seq);
}

static int first_in_flight(struct op *op, const struct queue *q, int64_t *ret_seq)
{
    struct key_reader key;
    struct str value;
    int64_t due_ms;
    int rc = first(op, &sqs_kind_due, q, NULL, q->live.DueFrom.v, &key, &value);
    return rc ? rc : key_read_i64(&key, &due_ms) || key_read_i64(&key, ret_seq) ? E_CORRUPT : 0;
}

/* When the oldest was sent, of those that come next and the one in flight that returns first: about. Now, where there is none. */
static int oldest(struct op *op, const struct queue *q, int64_t *ret_ms)
{
    int (*const firsts[])(struct op *, const struct queue *, int64_t *) = { q->fifo ? first_group : first_fresh, q->fifo ? NULL : first_back, first_in_flight };
    *ret_ms = op_now_ms(op);
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        int64_t seq;
        int rc = firsts[i] ? firsts[i](op, q, &seq) : E_NOT_FOUND;
        if (rc == 0)
            rc = sent_before(op, q, seq, ret_ms);
        if (rc && rc != E_NOT_FOUND)
            return rc;
    }
    return 0;
}

static bool is_active(const struct queue *q, int64_t since_ms)
{
    return opt_i64(q->live.ActiveMs, 0) >= since_ms || opt_i64(q->rec.ModifiedMs, 0) >= since_ms || opt_i64(q->rec.PurgedMs, 0) >= since_ms;
}

static int ask(struct op *op, struct queue *q, int64_t minute_ms, bool *ret_more)
{
    int64_t oldest_ms;
    int rc = queue_live(op, q);
    struct queue_counts n = queue_counts(op, q);
    if (rc || (!n.ready && !n.in_flight && !n.delayed && !is_active(q, op_now_ms(op) - ACTIVE_MS)) || (rc = oldest(op, q, &oldest_ms)))
        return rc;
    *ret_more = true;
    struct telemetry_value v[] = { { 0, (double)n.ready }, { 1, (double)n.in_flight }, { 2, (double)n.delayed },
                                   { 3, (double)((op_now_ms(op) - oldest_ms) / 1000) } };
    telemetry_add(op->cloud, op->account, op->region, minute_ms, &waiting, (struct str[]){ q->name, STR_NONE }, v, sizeof v / sizeof *v);
    return 0;
}

static int sample(struct op *op, int64_t minute_ms, bool *ret_more)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    op_key(op, &from, &sqs_kind_queue);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct queue q = { .account = op->account, .region = op->region };
        rc = op_rec_decode(op, str_dup(op->arena, value), &sqs_rec_Queue_shape, &q.rec);
        q.name = q.rec.Name;
        q.fifo = str_ends(q.name, STR(".fifo"));
        if (rc == 0)
            rc = ask(op, &q, minute_ms, ret_more);
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

int sqs_start(struct cloud *cloud)
{
    telemetry_source_add(cloud, sample);
    return 0;
}
