/* The states of a message, and the one function for each arrow:
 *
 *      line_put ----------------------------> ready (lane FRESH, position = seq, in a run)
 *      line_put with a delay ---> due --+
 *                                       +--- line_ripen ---> ready (lane BACK, a new position)
 *      ready --- line_next, line_take ---> in flight (due) --+
 *      in flight --- line_delay ---> in flight with another deadline, or at once ready
 *      any --- line_remove ---> gone
 *
 * In FIFO queues the ready line holds groups (fifo.c) instead of messages. */
#include <string.h>

#include "aws/error.h"
#include "services/sqs/queue.h"

enum { EXPIRE_SLACK_MS = 1000, EXPIRE_MAX = 500 };

static void add(struct opt_i64 *counter, int64_t n)
{
    counter->set = true;
    counter->v += n;
    if (counter->v < 0)
        counter->v = 0;
}

static void message_key(struct op *op, struct key *k, const struct record_kind *kind, const struct queue *q, int64_t seq)
{
    queue_key(op, k, kind, q->rec.Id.v);
    key_i64(k, seq);
}

static void due_key(struct op *op, struct key *k, const struct queue *q, int64_t due_ms, int64_t seq)
{
    queue_key(op, k, &sqs_kind_due, q->rec.Id.v);
    key_i64(k, due_ms);
    key_i64(k, seq);
}

static struct str seq_value(struct op *op, int64_t seq)
{
    return (struct str){ arena_dup(op->arena, &seq, sizeof seq), sizeof seq };
}

int line_ready_put(struct op *op, const struct queue *q, int64_t lane, int64_t position, struct str value)
{
    struct key k;

    queue_key(op, &k, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&k, lane);
    key_i64(&k, position);
    return txn_put(op->txn, key_view(&k), value);
}

int line_ready_delete(struct op *op, const struct queue *q, int64_t lane, int64_t position)
{
    struct key k;

    queue_key(op, &k, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&k, lane);
    key_i64(&k, position);
    return txn_delete(op->txn, key_view(&k));
}

int line_state(struct op *op, const struct queue *q, int64_t seq, struct sqs_rec_State *ret)
{
    struct key k;

    *ret = (struct sqs_rec_State){ 0 };
    message_key(op, &k, &sqs_kind_state, q, seq);
    return op_rec_get(op, &k, &sqs_rec_State_shape, ret);
}

static int put_state(struct op *op, const struct queue *q, int64_t seq, const struct sqs_rec_State *state)
{
    struct key k;

    message_key(op, &k, &sqs_kind_state, q, seq);
    return op_rec_put(op, &k, &sqs_rec_State_shape, state);
}

int line_message(struct op *op, const struct queue *q, int64_t seq, struct sqs_rec_Message *ret)
{
    struct key k;

    *ret = (struct sqs_rec_Message){ 0 };
    message_key(op, &k, &sqs_kind_msg, q, seq);
    return op_rec_get(op, &k, &sqs_rec_Message_shape, ret);
}

/* One timer a queue, for the earliest deadline known: it moves what is due and wakes whoever waits. Later deadlines leave it alone. */
static int arm(struct op *op, struct queue *q, int64_t due_ms)
{
    if (q->live.TimerMs.v && q->live.TimerMs.v <= due_ms)
        return 0;
    q->live.TimerMs = SOME_I64(due_ms);
    return op_timer_set(op, "sqs.due", str_printf(op->arena, "%lld", (long long)q->rec.Id.v), due_ms, q->name);
}

int line_expire_arm(struct op *op, struct queue *q, int64_t due_ms)
{
    if (q->live.ExpireMs.v && q->live.ExpireMs.v <= due_ms)
        return 0;
    q->live.ExpireMs = SOME_I64(due_ms);
    return op_timer_set(op, "sqs.expire", str_printf(op->arena, "%lld", (long long)q->rec.Id.v), due_ms, q->name);
}

static int put_due(struct op *op, struct queue *q, int64_t due_ms, int64_t seq)
{
    struct key k;

    if (due_ms < q->live.DueFrom.v) /* the clock was moved back */
        q->live.DueFrom = SOME_I64(due_ms);
    due_key(op, &k, q, due_ms, seq);
    int rc = txn_put(op->txn, key_view(&k), STR(""));
    return rc ? rc : arm(op, q, due_ms);
}

static void one_more_ready(struct op *op, struct queue *q)
{
    add(&q->live.Ready, 1);
    op_wake(op, queue_wake_key(op, q));
}

/* A message of this number is sent with a delay: the newest run ends before it, and the next begins behind it. */
static int end_run(struct op *op, struct queue *q, int64_t seq)
{
    struct opt_i64 from = q->live.RunFrom;

    q->live.RunFrom = SOME_I64(seq + 1);
    if (!from.set || from.v == seq)
        return 0;
    if (q->live.FreshFrom.v >= from.v) { /* its beginning was taken already */
        q->live.HeadTo = SOME_I64(seq);
        return 0;
    }
    return line_ready_put(op, q, LANE_FRESH, from.v, seq_value(op, seq - 1));
}

int line_put(struct op *op, struct queue *q, const struct sqs_rec_Message *m, int64_t delay_ms, int64_t *ret_seq)
{
    int64_t seq = q->live.Next.v, retention_ms = queue_number(q, "MessageRetentionPeriod") * 1000;
    struct key k;
    int rc;

    add(&q->live.Next, 1);
    message_key(op, &k, &sqs_kind_msg, q, seq);
    if ((rc = op_rec_put(op, &k, &sqs_rec_Message_shape, m)))
        return rc;
    if (delay_ms > 0) {
        struct sqs_rec_State state = { .DueMs = SOME_I64(op_now_ms(op) + delay_ms) };
        add(&q->live.Delayed, 1);
        if ((rc = put_state(op, q, seq, &state)) || (rc = put_due(op, q, state.DueMs.v, seq)) || (!q->fifo && (rc = end_run(op, q, seq))))
            return rc;
    } else {
        one_more_ready(op, q);
        if (q->fifo && (rc = fifo_ready(op, q, m->GroupId, seq)))
            return rc;
        if (!q->fifo && !q->live.RunFrom.set)
            q->live.RunFrom = SOME_I64(seq);
    }
    *ret_seq = seq;
    return line_expire_arm(op, q, m->SentMs.v + retention_ms + EXPIRE_SLACK_MS);
}

/* Due, or given back: ready once more. */
static int make_ready(struct op *op, struct queue *q, int64_t seq, struct sqs_rec_State *state)
{
    bool was_in_flight = opt_bool(state->InFlight, false);
    struct sqs_rec_Message m;
    int rc;

    state->DueMs = SOME_I64(0);
    state->InFlight = SOME_BOOL(false);
    one_more_ready(op, q);
    if (q->fifo) {
        if ((rc = put_state(op, q, seq, state)) || (rc = line_message(op, q, seq, &m)))
            return rc == E_NOT_FOUND ? 0 : rc;
        return was_in_flight ? fifo_settle(op, q, m.GroupId, seq, false, true) : fifo_ready(op, q, m.GroupId, seq);
    }
    state->Position = SOME_I64(q->live.Next.v);
    add(&q->live.Next, 1);
    add(&q->live.Back, 1);
    rc = put_state(op, q, seq, state);
    return rc ? rc : line_ready_put(op, q, LANE_BACK, state->Position.v, seq_value(op, seq));
}

struct due_entry {
    int64_t due_ms, seq;
};

/* Entries of `due` with from <= due_ms <= to_ms, at most max. They are copied: the caller writes to what was scanned. */
static int scan_due(struct op *op, const struct queue *q, int64_t to_ms, uint32_t max, struct due_entry *ret, uint32_t *ret_n)
{
    struct key from, to, prefix;
    struct str key, value;

    queue_key(op, &prefix, &sqs_kind_due, q->rec.Id.v);
    from = prefix;
    key_i64(&from, q->live.DueFrom.v);
    to = prefix;
    key_i64(&to, to_ms == INT64_MAX ? to_ms : to_ms + 1);
    *ret_n = 0;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (*ret_n < max && scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_i64(&r, &ret[*ret_n].due_ms) || key_read_i64(&r, &ret[*ret_n].seq)) {
            scan_end(s);
            return E_CORRUPT;
        }
        ++*ret_n;
    }
    return scan_end(s);
}

int line_ripen(struct op *op, struct queue *q)
{
    struct due_entry *due = arena_many(op->arena, struct due_entry, SQS_RIPEN_MAX);
    int64_t now = op_now_ms(op);
    uint32_t n;

    if (!q->live.TimerMs.v || q->live.TimerMs.v > now) /* the timer stands at the earliest deadline: nothing is due before it */
        return 0;
    int rc = scan_due(op, q, now, SQS_RIPEN_MAX, due, &n);

    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct sqs_rec_State state;
        struct key k;
        due_key(op, &k, q, due[i].due_ms, due[i].seq);
        if ((rc = txn_delete(op->txn, key_view(&k))))
            break;
        rc = line_state(op, q, due[i].seq, &state);
        if (rc == E_NOT_FOUND) {
            rc = 0;
            continue;
        }
        if (rc == 0) {
            add(opt_bool(state.InFlight, false) ? &q->live.InFlight : &q->live.Delayed, -1);
            rc = make_ready(op, q, due[i].seq, &state);
        }
    }
    if (rc)
        return rc;
    if (n == SQS_RIPEN_MAX)
        q->live.DueFrom = SOME_I64(due[n - 1].due_ms);
    else if (now >= q->live.DueFrom.v)
        q->live.DueFrom = SOME_I64(now + 1);
    return 0;
}

int64_t line_due_count(struct op *op, const struct queue *q, int64_t *ret_delayed)
{
    enum { COUNT_MAX = 2000 };
    struct due_entry *due = arena_many(op->arena, struct due_entry, COUNT_MAX);
    struct sqs_rec_State state;
    int64_t in_flight = 0;
    uint32_t n;

    if (!q->live.TimerMs.v || q->live.TimerMs.v > op_now_ms(op) || scan_due(op, q, op_now_ms(op), COUNT_MAX, due, &n))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (line_state(op, q, due[i].seq, &state) == 0)
            ++*(opt_bool(state.InFlight, false) ? &in_flight : ret_delayed);
    return in_flight;
}

int line_ready_value(struct str value, int64_t *ret_seq)
{
    if (value.n != sizeof *ret_seq)
        return E_CORRUPT;
    memcpy(ret_seq, value.p, sizeof *ret_seq);
    return 0;
}

static int read_ready(struct queue *q, int64_t position, struct str value)
{
    struct ready_entry *e = &q->ahead[q->ahead_n++];

    *e = (struct ready_entry){ .position = position };
    return line_ready_value(value, &e->seq);
}

/* The lane BACK: one scan for all that a receive may want. Mostly the next stands right at the cursor, and to look there costs a fifth of a scan. */
static int look_back(struct op *op, struct queue *q)
{
    struct key from, to, prefix;
    struct str key, value;
    int rc = E_NOT_FOUND;

    queue_key(op, &prefix, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&prefix, LANE_BACK);
    from = prefix;
    key_i64(&from, q->live.BackFrom.v);
    if (q->wanted <= 1)
        rc = txn_get(op->txn, key_view(&from), &value);
    if (rc != E_NOT_FOUND)
        return rc ? rc : read_ready(q, q->live.BackFrom.v, value);
    key_after_prefix(&prefix, &to);
    rc = 0;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && q->ahead_n < SQS_RECEIVE_MAX && scan_next(s, &key, &value)) {
        struct key_reader r;
        int64_t position;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        rc = key_read_i64(&r, &position) ? E_CORRUPT : read_ready(q, position, value);
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

/* The messages of the run that the cursor is in, which ends before `to`: as many as are wanted. Those removed meanwhile are not there. */
static int read_run(struct op *op, struct queue *q, int64_t to)
{
    struct key from, end, prefix;
    struct str key, value;
    int64_t seq = q->live.FreshFrom.v;

    struct sqs_rec_Message *m = arena_one(op->arena, struct sqs_rec_Message);
    int rc = q->wanted <= 1 ? line_message(op, q, seq, m) : E_NOT_FOUND;
    if (rc == 0)
        q->ahead[q->ahead_n++] = (struct ready_entry){ seq, seq, m };
    if (rc != E_NOT_FOUND)
        return rc;
    queue_key(op, &prefix, &sqs_kind_msg, q->rec.Id.v);
    from = end = prefix;
    key_i64(&from, seq);
    key_i64(&end, to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&end), false);
    scan_brief(s);
    rc = 0;
    while (rc == 0 && (q->ahead_n == 0 || q->ahead_n < q->wanted) && scan_next(s, &key, &value)) {
        struct key_reader r;
        m = arena_one(op->arena, struct sqs_rec_Message);
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        rc = key_read_i64(&r, &seq) ? E_CORRUPT : op_rec_decode(op, value, &sqs_rec_Message_shape, m);
        q->ahead[q->ahead_n++] = (struct ready_entry){ seq, seq, m };
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

/* Moves the cursor of the lane FRESH to the beginning of the next run: E_NOT_FOUND when there is none. */
static int next_run(struct op *op, struct queue *q)
{
    struct key from, to, prefix;
    struct str key, value;
    int64_t first, last;

    queue_key(op, &prefix, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&prefix, LANE_FRESH);
    from = prefix;
    key_i64(&from, q->live.FreshFrom.v);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool found = scan_next(s, &key, &value);
    int rc = scan_end(s);
    if (rc)
        return rc;
    if (!found) {
        if (!q->live.RunFrom.set)
            return E_NOT_FOUND;
        q->live.FreshFrom = q->live.RunFrom;
        return 0;
    }
    struct key_reader r;
    key_read_init(&r, str_sub(key, prefix.n, key.n));
    if (key_read_i64(&r, &first) || line_ready_value(value, &last))
        return E_CORRUPT;
    q->live.FreshFrom = SOME_I64(first);
    q->live.HeadTo = SOME_I64(last + 1);
    return line_ready_delete(op, q, LANE_FRESH, first);
}

static int look_fresh(struct op *op, struct queue *q)
{
    for (int runs = 0; runs < SQS_RIPEN_MAX; runs++) {
        bool newest = q->live.RunFrom.set && q->live.FreshFrom.v >= q->live.RunFrom.v;
        int64_t to = newest ? q->live.Next.v : q->live.HeadTo.v;
        int rc = q->live.FreshFrom.v < to ? read_run(op, q, to) : 0;
        if (rc || q->ahead_n || newest)
            return rc;
        if ((rc = next_run(op, q)))
            return rc == E_NOT_FOUND ? 0 : rc;
    }
    return 0;
}

/* Reads the next entries, the lane BACK first. */
static int look_ahead(struct op *op, struct queue *q)
{
    q->ahead_lane = q->live.Back.v && !q->back_over ? LANE_BACK : LANE_FRESH;
    q->ahead_n = q->ahead_at = 0;
    return q->ahead_lane == LANE_BACK ? look_back(op, q) : look_fresh(op, q);
}

/* Takes the first that is ready out, moving its lane's cursor behind it. */
static int pop(struct op *op, struct queue *q, const struct ready_entry **ret)
{
    int rc = q->ahead_at < q->ahead_n ? 0 : look_ahead(op, q);

    if (rc)
        return rc;
    if (q->ahead_at >= q->ahead_n) {
        if (q->ahead_lane == LANE_FRESH)
            return E_NOT_FOUND;
        q->live.Back = SOME_I64(0);
        return pop(op, q, ret);
    }
    const struct ready_entry *e = &q->ahead[q->ahead_at];
    if (q->stop_at && e->position >= q->stop_at) {
        if (q->ahead_lane == LANE_FRESH)
            return E_NOT_FOUND;
        q->back_over = true;
        q->ahead_n = q->ahead_at = 0;
        return pop(op, q, ret);
    }
    q->ahead_at++;
    *ret = e;
    if (q->ahead_lane == LANE_FRESH) {
        q->live.FreshFrom = SOME_I64(e->position + 1);
        return 0;
    }
    q->live.BackFrom = SOME_I64(e->position + 1);
    add(&q->live.Back, -1);
    return line_ready_delete(op, q, LANE_BACK, e->position);
}

/* The next message, and of the lane FRESH its text: the others' is not read yet. */
static int next_ready(struct op *op, struct queue *q, int64_t *ret_seq, const struct sqs_rec_Message **ret_m)
{
    const struct ready_entry *e;

    *ret_m = NULL;
    if (q->fifo)
        return fifo_next(op, q, ret_seq);
    int rc = q->live.Ready.v ? pop(op, q, &e) : E_NOT_FOUND;
    if (rc)
        return rc;
    *ret_seq = e->seq;
    *ret_m = e->m;
    return 0;
}

int line_next(struct op *op, struct queue *q, int64_t *ret_seq, struct sqs_rec_Message *ret_m, struct sqs_rec_State *ret_state)
{
    int64_t oldest = op_now_ms(op) - queue_number(q, "MessageRetentionPeriod") * 1000;

    for (int tries = 0; tries < SQS_RIPEN_MAX; tries++) {
        const struct sqs_rec_Message *m;
        int rc = next_ready(op, q, ret_seq, &m);
        if (rc)
            return rc;
        if (m)
            *ret_m = *m;
        else
            rc = line_message(op, q, *ret_seq, ret_m);
        if (rc && rc != E_NOT_FOUND)
            return rc;
        int found = rc;
        *ret_state = (struct sqs_rec_State){ 0 };
        if (!m) /* in the lane FRESH are those without a state */
            rc = line_state(op, q, *ret_seq, ret_state);
        if (rc && rc != E_NOT_FOUND)
            return rc;
        if (found == 0 && ret_m->SentMs.v > oldest)
            return 0;
        if (found == 0 && (rc = line_remove(op, q, *ret_seq, ret_m, ret_state)))
            return rc;
    }
    return E_NOT_FOUND;
}

int line_take(struct op *op, struct queue *q, int64_t seq, const struct sqs_rec_Message *m, struct sqs_rec_State *state, int64_t visibility_ms)
{
    int64_t now = op_now_ms(op);
    int rc;

    state->Receives = SOME_I64(state->Receives.v + 1);
    state->TakenMs = SOME_I64(now);
    if (!state->FirstMs.v)
        state->FirstMs = SOME_I64(now);
    add(&q->live.Ready, -1);
    if (q->fifo && (rc = fifo_take(op, q, m->GroupId)))
        return rc;
    if (visibility_ms <= 0) { /* received, and at once visible to the next */
        state->InFlight = SOME_BOOL(true);
        return make_ready(op, q, seq, state);
    }
    add(&q->live.InFlight, 1);
    state->InFlight = SOME_BOOL(true);
    state->DueMs = SOME_I64(now + visibility_ms);
    rc = put_state(op, q, seq, state);
    return rc ? rc : put_due(op, q, state->DueMs.v, seq);
}

static int delete_due(struct op *op, const struct queue *q, int64_t seq, const struct sqs_rec_State *state)
{
    struct key k;

    due_key(op, &k, q, state->DueMs.v, seq);
    return txn_delete(op->txn, key_view(&k));
}

int line_remove(struct op *op, struct queue *q, int64_t seq, const struct sqs_rec_Message *m, const struct sqs_rec_State *state)
{
    bool in_flight = opt_bool(state->InFlight, false), due = state->DueMs.v != 0;
    struct key k;
    int rc = 0;

    add(in_flight ? &q->live.InFlight : due ? &q->live.Delayed : &q->live.Ready, -1);
    if (due)
        rc = delete_due(op, q, seq, state);
    else if (!q->fifo && state->Position.v)
        rc = line_ready_delete(op, q, LANE_BACK, state->Position.v);
    if (!due && !q->fifo && state->Position.v >= q->live.BackFrom.v && state->Position.v)
        add(&q->live.Back, -1); /* still in its lane: not taken out by line_next */
    if (rc == 0 && q->fifo && (in_flight || !due))
        rc = fifo_settle(op, q, m->GroupId, seq, true, in_flight);
    if (rc)
        return rc;
    message_key(op, &k, &sqs_kind_state, q, seq);
    if ((rc = txn_delete(op->txn, key_view(&k))))
        return rc;
    message_key(op, &k, &sqs_kind_msg, q, seq);
    return txn_delete(op->txn, key_view(&k));
}

int line_delay(struct op *op, struct queue *q, int64_t seq, struct sqs_rec_State *state, int64_t visibility_ms)
{
    int rc = delete_due(op, q, seq, state);

    if (rc)
        return rc;
    if (visibility_ms <= 0) {
        add(&q->live.InFlight, -1);
        return make_ready(op, q, seq, state);
    }
    state->DueMs = SOME_I64(op_now_ms(op) + visibility_ms);
    rc = put_state(op, q, seq, state);
    return rc ? rc : put_due(op, q, state->DueMs.v, seq);
}

/* ---- jobs: the payload is the queue's name, the timer's id its id; a queue purged or deleted meanwhile has another ---- */

static int job_queue(struct op *op, struct str name, struct queue *q)
{
    int rc = queue_get(op, name, q);
    return rc ? rc : queue_live(op, q);
}

int sqs_job_due(struct op *op, struct str payload)
{
    struct due_entry next;
    struct queue q;
    uint32_t n;
    int rc = job_queue(op, payload, &q);

    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    if ((rc = line_ripen(op, &q)) || (rc = scan_due(op, &q, INT64_MAX, 1, &next, &n)))
        return rc;
    q.live.TimerMs = SOME_I64(0);
    if (n && (rc = arm(op, &q, next.due_ms)))
        return rc;
    return queue_live_put(op, &q);
}

/* Messages past their retention are deleted from the oldest on, and the timer is set for the next. */
int sqs_job_expire(struct op *op, struct str payload)
{
    struct key from, to, prefix;
    struct str key, value;
    struct queue q;
    struct { int64_t seq; struct sqs_rec_Message m; } *v = arena_alloc(op->arena, sizeof *v * EXPIRE_MAX);
    uint32_t n = 0;
    size_t bytes = 0;
    int rc = job_queue(op, payload, &q);

    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    int64_t retention_ms = queue_number(&q, "MessageRetentionPeriod") * 1000, next_ms = 0;
    queue_key(op, &prefix, &sqs_kind_msg, q.rec.Id.v);
    from = prefix;
    key_i64(&from, q.live.OldestFrom.v);
    key_after_prefix(&prefix, &to);
    q.live.ExpireMs = SOME_I64(0);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (!next_ms && n < EXPIRE_MAX && bytes < LIMIT_STEP_BYTES && scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &v[n].seq)) || (rc = op_rec_decode(op, value, &sqs_rec_Message_shape, &v[n].m)))
            break;
        bytes += value.n;
        q.live.OldestFrom = SOME_I64(v[n].seq);
        if (v[n].m.SentMs.v + retention_ms > op_now_ms(op))
            next_ms = v[n].m.SentMs.v + retention_ms + EXPIRE_SLACK_MS;
        else
            n++;
    }
    int scan_rc = scan_end(s);
    for (uint32_t i = 0; !rc && !scan_rc && i < n; i++) {
        struct sqs_rec_State state;
        rc = line_state(op, &q, v[i].seq, &state);
        if (rc == 0 || rc == E_NOT_FOUND)
            rc = line_remove(op, &q, v[i].seq, &v[i].m, &state);
    }
    if (rc || scan_rc)
        return rc ? rc : scan_rc;
    if (n == EXPIRE_MAX || (n && bytes >= LIMIT_STEP_BYTES))
        next_ms = op_now_ms(op);
    if (next_ms && (rc = line_expire_arm(op, &q, next_ms)))
        return rc;
    return queue_live_put(op, &q);
}
