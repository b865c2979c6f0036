/* FIFO queues: groups keep the order of their messages, and a group whose first message is in flight is locked. One that comes back while a later one is
 * still in flight can be received again, up to that one.
 *
 *   gline (id, group, seq)      a group's messages in order; a message stays in it until it is removed
 *   group (id, group)           Group record: how many are in flight, and where the group stands in the ready line (0: nowhere)
 *   ready (id, FRESH, position) -> group: groups of which messages can be received
 *   dedup (id, scope, dedup id) Dedup record; dedupt (id, sent_ms, scope, dedup id) finds those whose five minutes are over
 *
 * A group is in the ready line exactly when it has messages and the first is not in flight. */
#include "aws/error.h"
#include "base/code.h"
#include "services/sqs/queue.h"

enum { DEDUP_CLEAN_MAX = 20 };

static void group_key(struct op *op, struct key *k, const struct record_kind *kind, const struct queue *q, struct str group)
{
    queue_key(op, k, kind, q->rec.Id.v);
    key_str(k, group);
}

static int group_get(struct op *op, const struct queue *q, struct str group, struct sqs_rec_Group *ret)
{
    struct key k;

    *ret = (struct sqs_rec_Group){ 0 };
    group_key(op, &k, &sqs_kind_group, q, group);
    int rc = op_rec_get(op, &k, &sqs_rec_Group_shape, ret);
    return rc == E_NOT_FOUND ? 0 : rc;
}

static int group_put(struct op *op, const struct queue *q, struct str group, const struct sqs_rec_Group *g)
{
    struct key k;

    group_key(op, &k, &sqs_kind_group, q, group);
    return op_rec_put(op, &k, &sqs_rec_Group_shape, g);
}

/* The group's first message with seq > after. */
static int first_of(struct op *op, const struct queue *q, struct str group, int64_t after, int64_t *ret_seq)
{
    struct key from, to, prefix;
    struct str key, value;
    struct key_reader r;
    bool found;

    group_key(op, &prefix, &sqs_kind_gline, q, group);
    from = prefix;
    key_i64(&from, after + 1);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    if ((found = scan_next(s, &key, &value))) {
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        found = key_read_i64(&r, ret_seq) == 0;
    }
    int rc = scan_end(s);
    return rc ? rc : found ? 0 : E_NOT_FOUND;
}

int fifo_head(struct op *op, const struct queue *q, struct str group, int64_t *ret_seq) { return first_of(op, q, group, 0, ret_seq); }

static int is_in_flight(struct op *op, const struct queue *q, int64_t seq, bool *ret)
{
    struct sqs_rec_State state = { 0 };
    int rc = line_state(op, q, seq, &state);
    *ret = rc == 0 && opt_bool(state.InFlight, false);
    return rc == E_NOT_FOUND ? 0 : rc; /* it has just come */
}

/* Restores the invariant after g changed: in the line, out of it, or forgotten. */
static int group_place(struct op *op, struct queue *q, struct str group, struct sqs_rec_Group *g)
{
    struct key k;
    int64_t seq;
    int rc = first_of(op, q, group, g->HeadFrom.v, &seq);

    if (rc == E_NOT_FOUND) {
        if (g->Position.v && (rc = line_ready_delete(op, q, LANE_FRESH, g->Position.v)))
            return rc;
        group_key(op, &k, &sqs_kind_group, q, group);
        return txn_delete(op->txn, key_view(&k));
    }
    if (rc)
        return rc;
    g->HeadFrom = SOME_I64(seq - 1);
    bool locked = false;
    if (g->InFlight.v && (rc = is_in_flight(op, q, seq, &locked)))
        return rc;
    if (locked && g->Position.v) {
        if ((rc = line_ready_delete(op, q, LANE_FRESH, g->Position.v)))
            return rc;
        g->Position = SOME_I64(0);
    }
    if (!locked && !g->Position.v) {
        g->Position = SOME_I64(q->live.Next.v++);
        op_wake(op, queue_wake_key(op, q));
        if ((rc = line_ready_put(op, q, LANE_FRESH, g->Position.v, group)))
            return rc;
    }
    return group_put(op, q, group, g);
}

int fifo_ready(struct op *op, struct queue *q, struct str group, int64_t seq)
{
    struct sqs_rec_Group g;
    struct key k;
    int rc = group_get(op, q, group, &g);

    group_key(op, &k, &sqs_kind_gline, q, group);
    key_i64(&k, seq);
    if (rc || (rc = txn_put(op->txn, key_view(&k), STR(""))))
        return rc;
    if (seq <= opt_i64(g.HeadFrom, 0)) /* it was delayed, and later ones were not */
        g.HeadFrom = SOME_I64(seq - 1);
    return group_place(op, q, group, &g);
}

/* The next group of the ready line, taken out of it. */
static int next_group(struct op *op, struct queue *q)
{
    struct key from, to, prefix;
    struct sqs_rec_Group g;
    struct key_reader r;
    struct str key, value;
    int64_t position = 0;

    queue_key(op, &prefix, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&prefix, LANE_FRESH);
    from = prefix;
    key_i64(&from, q->live.FreshFrom.v);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool found = scan_next(s, &key, &value);
    if (found) {
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        found = key_read_i64(&r, &position) == 0;
        q->group = str_dup(op->arena, value);
        q->group_after = 0;
    }
    int rc = scan_end(s);
    if (rc || !found || (q->stop_at && position >= q->stop_at)) {
        q->group = STR_NONE;
        return rc ? rc : E_NOT_FOUND;
    }
    q->live.FreshFrom = SOME_I64(position + 1);
    if ((rc = line_ready_delete(op, q, LANE_FRESH, position)) || (rc = group_get(op, q, q->group, &g)))
        return rc;
    g.Position = SOME_I64(0);
    q->group_after = g.HeadFrom.v;
    q->group_broken = g.InFlight.v > 0;
    return group_put(op, q, q->group, &g);
}

int fifo_done(struct op *op, struct queue *q)
{
    struct sqs_rec_Group g;
    int rc;

    if (!str_set(q->group))
        return 0;
    if ((rc = group_get(op, q, q->group, &g)) == 0)
        rc = group_place(op, q, q->group, &g);
    q->group = STR_NONE;
    return rc;
}

int fifo_next(struct op *op, struct queue *q, int64_t *ret_seq)
{
    for (;;) {
        int rc;
        if (str_set(q->group)) {
            bool behind = false;
            rc = first_of(op, q, q->group, q->group_after, ret_seq);
            if (rc == 0 && q->group_broken && (rc = is_in_flight(op, q, *ret_seq, &behind)))
                return rc;
            if (rc == 0 && behind)
                rc = E_NOT_FOUND; /* the rest of the group waits for that one */
            if (rc == 0)
                q->group_after = *ret_seq;
            if (rc != E_NOT_FOUND)
                return rc;
            if ((rc = fifo_done(op, q)))
                return rc;
        }
        if ((rc = next_group(op, q)))
            return rc;
    }
}

int fifo_take(struct op *op, struct queue *q, struct str group)
{
    struct sqs_rec_Group g;
    int rc = group_get(op, q, group, &g);

    if (rc)
        return rc;
    g.InFlight = SOME_I64(g.InFlight.v + 1);
    return group_put(op, q, group, &g);
}

int fifo_settle(struct op *op, struct queue *q, struct str group, int64_t seq, bool removed, bool was_in_flight)
{
    struct sqs_rec_Group g;
    struct key k;
    int rc = group_get(op, q, group, &g);

    if (rc)
        return rc;
    if (was_in_flight && g.InFlight.v > 0)
        g.InFlight.v--;
    if (removed) {
        group_key(op, &k, &sqs_kind_gline, q, group);
        key_i64(&k, seq);
        if ((rc = txn_delete(op->txn, key_view(&k))))
            return rc;
    }
    if (str_set(q->group) && str_eq(group, q->group)) /* being received from: fifo_done places it */
        return group_put(op, q, group, &g);
    return group_place(op, q, group, &g);
}

/* ---- deduplication ---- */

static bool is_token(struct str s)
{
    if (!s.n || s.n > 128)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return true;
}

bool fifo_dedups_content(const struct queue *q)
{
    return str_is(str_map_get(&q->rec.Attributes, STR("ContentBasedDeduplication")), "true");
}

int fifo_no_dedup_id(struct op *op)
{
    return aws_fail(op, SQS_InvalidParameterValueException, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                                                            "explicitly");
}

int fifo_check(struct op *op, const struct queue *q, const struct message_input *in, struct str *ret_dedup_id)
{
    static const char chars[] = "can only include alphanumeric and punctuation characters. 1 to 128 in length.";
    uint8_t d[32];

    if (str_set(in->group_id) && !is_token(in->group_id))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter MessageGroupId is invalid. Reason: MessageGroupId %s",
                        STR_ARG(in->group_id), chars);
    if (str_set(in->dedup_id) && !q->fifo)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter MessageDeduplicationId is invalid. Reason: The request includes a "
                                                       "parameter that is not valid for this queue type.", STR_ARG(in->dedup_id));
    if (str_set(in->dedup_id) && !is_token(in->dedup_id))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId %s",
                        STR_ARG(in->dedup_id), chars);
    *ret_dedup_id = in->dedup_id;
    if (!q->fifo)
        return 0;
    if (!str_set(in->group_id))
        return sqs_missing(op, "MessageGroupId");
    if (in->delay_s.set && in->delay_s.v > 0)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter DelaySeconds is invalid. Reason: The request include parameter that is "
                                                       "not valid for this queue type.", (long long)in->delay_s.v);
    if (str_set(in->dedup_id))
        return 0;
    if (!fifo_dedups_content(q))
        return fifo_no_dedup_id(op);
    digest_sha256(in->body.p, in->body.n, d);
    *ret_dedup_id = hex_encode(op->arena, d, sizeof d);
    return 0;
}

static void dedup_key(struct op *op, struct key *k, const struct queue *q, struct str group, struct str dedup_id)
{
    bool by_group = str_is(str_map_get(&q->rec.Attributes, STR("DeduplicationScope")), "messageGroup");

    queue_key(op, k, &sqs_kind_dedup, q->rec.Id.v);
    key_str(k, by_group ? group : STR(""));
    key_str(k, dedup_id);
}

int fifo_dedup_find(struct op *op, struct queue *q, struct str group, struct str dedup_id, struct sqs_rec_Dedup *ret)
{
    struct key k;

    *ret = (struct sqs_rec_Dedup){ 0 };
    dedup_key(op, &k, q, group, dedup_id);
    int rc = op_rec_get(op, &k, &sqs_rec_Dedup_shape, ret);
    return rc == 0 && ret->SentMs.v + SQS_DEDUP_MS <= op_now_ms(op) ? E_NOT_FOUND : rc;
}

/* Every send cleans a few whose time is over, so their number stays that of five minutes' sends. */
static int dedup_clean(struct op *op, struct queue *q)
{
    struct str_list doomed = { 0 };
    struct key from, to, prefix;
    struct str key, value;

    queue_key(op, &prefix, &sqs_kind_dedupt, q->rec.Id.v);
    from = prefix;
    key_i64(&from, q->live.DedupFrom.v);
    to = prefix;
    key_i64(&to, op_now_ms(op) - SQS_DEDUP_MS + 1);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (doomed.n < 2 * DEDUP_CLEAN_MAX && scan_next(s, &key, &value)) {
        struct key_reader r;
        int64_t ms;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_i64(&r, &ms) == 0)
            q->live.DedupFrom = SOME_I64(ms);
        str_list_add(op->arena, &doomed, str_dup(op->arena, key));
        str_list_add(op->arena, &doomed, str_dup(op->arena, value));
    }
    int rc = scan_end(s);
    for (uint32_t i = 0; rc == 0 && i + 1 < doomed.n; i += 2) {
        struct sqs_rec_Dedup d = { 0 };
        struct str stored;
        rc = txn_delete(op->txn, doomed.v[i]);
        /* sent again after five minutes, it has a younger record: keep that */
        if (rc == 0 && txn_get(op->txn, doomed.v[i + 1], &stored) == 0 &&
            op_rec_decode(op, str_dup(op->arena, stored), &sqs_rec_Dedup_shape, &d) == 0 && d.SentMs.v + SQS_DEDUP_MS <= op_now_ms(op))
            rc = txn_delete(op->txn, doomed.v[i + 1]);
    }
    return rc;
}

int fifo_dedup_put(struct op *op, struct queue *q, struct str group, struct str dedup_id, const struct sqs_rec_Dedup *d)
{
    struct key k, t;
    int rc = dedup_clean(op, q);

    if (rc)
        return rc;
    dedup_key(op, &k, q, group, dedup_id);
    queue_key(op, &t, &sqs_kind_dedupt, q->rec.Id.v);
    key_i64(&t, d->SentMs.v);
    key_raw(&t, key_view(&k));
    if ((rc = txn_put(op->txn, key_view(&t), key_view(&k))))
        return rc;
    return op_rec_put(op, &k, &sqs_rec_Dedup_shape, d);
}
