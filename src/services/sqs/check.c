/* strata check: every message stands where its state says, and the counters count what is there. */
#include <string.h>

#include "aws/arn.h"
#include "aws/check.h"
#include "services/sqs/queue.h"

/* The queues of the account and region that the walk is in, by id. */
struct known {
    int64_t id;
    struct str name;
};

struct memo {
    struct str account, region;
    struct known *queues;
    uint32_t n;
    int64_t last; /* the id that was asked for last, and what was found */
    const struct known *found;
    bool asked;
};

static void load_queues(struct op *op, struct check *c, struct memo *m)
{
    enum { STEP = 256 };
    struct arena *a = check_arena(c);
    struct key from, to;
    struct str key, value;
    uint32_t cap = 0;
    *m = (struct memo){ .account = str_dup(a, op->account), .region = str_dup(a, op->region) };
    op_key(op, &from, &sqs_kind_queue);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct sqs_rec_Queue rec;
        if (op_rec_decode(op, value, &sqs_rec_Queue_shape, &rec))
            continue; /* the walk tells it */
        if (m->n == cap) {
            struct known *more = arena_many(a, struct known, cap + STEP);
            if (cap)
                memcpy(more, m->queues, cap * sizeof *more);
            m->queues = more;
            cap += STEP;
        }
        m->queues[m->n++] = (struct known){ rec.Id.v, str_dup(a, rec.Name) };
    }
    scan_end(s);
}

/* The queue that a record of this id belongs to: NULL, and a fault unless the id is about to be swept. */
static const struct known *owner(struct op *op, struct check *c, int64_t id)
{
    struct memo *m = check_memo(c, sizeof *m);
    if (!str_eq(m->account, op->account) || !str_eq(m->region, op->region))
        load_queues(op, c, m);
    if (!m->asked || m->last != id) {
        m->asked = true;
        m->last = id;
        m->found = NULL;
        for (uint32_t i = 0; i < m->n && !m->found; i++)
            if (m->queues[i].id == id)
                m->found = &m->queues[i];
        if (!m->found && !check_waits(op, c, "sqs.sweep", str_printf(op->arena, "%lld", (long long)id)))
            check_fault(op, c, "there is no queue of its id, and no job that sweeps it away");
    }
    return m->found;
}

/* Reads the id; false when there is nothing to compare with. */
static bool begin(struct op *op, struct check *c, struct key_reader *r, struct queue *q)
{
    int64_t id;
    *r = c->at;
    if (key_read_i64(r, &id)) {
        check_fault(op, c, "its key is malformed");
        return false;
    }
    const struct known *k = owner(op, c, id);
    if (!k)
        return false;
    *q = (struct queue){ .account = op->account, .region = op->region, .name = k->name, .rec = { .Id = SOME_I64(id) },
                         .fifo = str_ends(k->name, STR(".fifo")) };
    return true;
}

static bool entry(struct op *op, const struct queue *q, const struct record_kind *kind, int64_t first, int64_t second, struct str *ret_value)
{
    struct key k;
    queue_key(op, &k, kind, q->rec.Id.v);
    key_i64(&k, first);
    key_i64(&k, second);
    return txn_get(op->txn, key_view(&k), ret_value) == 0;
}

static bool in_group_line(struct op *op, const struct queue *q, struct str group, int64_t seq)
{
    struct key k;
    struct str value;
    queue_key(op, &k, &sqs_kind_gline, q->rec.Id.v);
    key_str(&k, group);
    key_i64(&k, seq);
    return txn_get(op->txn, key_view(&k), &value) == 0;
}

static bool in_lane_back(struct op *op, const struct queue *q, int64_t position, int64_t seq)
{
    struct str value;
    int64_t there;
    return entry(op, q, &sqs_kind_ready, LANE_BACK, position, &value) && line_ready_value(value, &there) == 0 && there == seq;
}

/* Never delayed and never received: it stands in a run behind the cursor. */
static bool in_lane_fresh(struct op *op, const struct queue *q, int64_t seq)
{
    struct key from, to;
    struct str key, value;
    int64_t last;
    if (seq < q->live.FreshFrom.v)
        return false;
    if ((q->live.RunFrom.set && seq >= q->live.RunFrom.v) || seq < q->live.HeadTo.v)
        return true;
    queue_key(op, &from, &sqs_kind_ready, q->rec.Id.v);
    key_i64(&from, LANE_FRESH);
    to = from;
    key_i64(&to, seq + 1);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), true);
    bool found = scan_next(s, &key, &value) && line_ready_value(value, &last) == 0 && last >= seq;
    return scan_end(s) == 0 && found;
}

/* ---- messages ---- */

void sqs_check_msg(struct op *op, struct check *c)
{
    const struct sqs_rec_Message *m = c->rec;
    struct sqs_rec_State state;
    struct key_reader r;
    struct str value;
    struct queue q;
    int64_t seq;
    if (!begin(op, c, &r, &q) || key_read_i64(&r, &seq))
        return;
    line_state(op, &q, seq, &state); /* none: all zero */
    bool in_flight = opt_bool(state.InFlight, false);
    if (state.DueMs.v && !entry(op, &q, &sqs_kind_due, state.DueMs.v, seq, &value))
        check_fault(op, c, "it waits for %lld and is not in the line of due messages", (long long)state.DueMs.v);
    if (q.fifo && (in_flight || !state.DueMs.v) && !in_group_line(op, &q, m->GroupId, seq))
        check_fault(op, c, "it is not in the line of its group");
    if (q.fifo || state.DueMs.v)
        return;
    if (queue_live(op, &q) || !(state.Position.v ? in_lane_back(op, &q, state.Position.v, seq) : in_lane_fresh(op, &q, seq)))
        check_fault(op, c, "it is neither waiting nor in flight: no line has it");
}

void sqs_check_state(struct op *op, struct check *c)
{
    struct key_reader r;
    struct queue q;
    struct key k;
    int64_t seq;
    if (!begin(op, c, &r, &q) || key_read_i64(&r, &seq))
        return;
    queue_key(op, &k, &sqs_kind_msg, q.rec.Id.v);
    key_i64(&k, seq);
    check_there(op, c, &k, "its message");
}

void sqs_check_ready(struct op *op, struct check *c)
{
    int64_t lane, position, seq;
    struct sqs_rec_Group g;
    struct key_reader r;
    struct queue q;
    struct key k;
    if (!begin(op, c, &r, &q) || key_read_i64(&r, &lane) || key_read_i64(&r, &position))
        return;
    if (q.fifo) {
        queue_key(op, &k, &sqs_kind_group, q.rec.Id.v);
        key_str(&k, c->value);
        if (op_rec_get(op, &k, &sqs_rec_Group_shape, &g) || g.Position.v != position)
            check_fault(op, c, "its group does not stand here");
        return;
    }
    if (line_ready_value(c->value, &seq)) {
        check_fault(op, c, "it does not decode");
        return;
    }
    if (lane == LANE_FRESH) {
        if (seq < position)
            check_fault(op, c, "a run ends before it begins");
        return;
    }
    queue_key(op, &k, &sqs_kind_msg, q.rec.Id.v);
    key_i64(&k, seq);
    check_there(op, c, &k, "its message");
}

void sqs_check_due(struct op *op, struct check *c)
{
    struct sqs_rec_State state;
    struct key_reader r;
    struct queue q;
    int64_t due_ms, seq;
    if (!begin(op, c, &r, &q) || key_read_i64(&r, &due_ms) || key_read_i64(&r, &seq))
        return;
    if (line_state(op, &q, seq, &state) || state.DueMs.v != due_ms)
        check_fault(op, c, "its message does not wait for this time");
}

/* ---- FIFO ---- */

static int64_t group_in_flight(struct op *op, const struct queue *q, struct str group)
{
    struct key from, to;
    struct str key, value;
    int64_t n = 0, seq;
    queue_key(op, &from, &sqs_kind_gline, q->rec.Id.v);
    key_str(&from, group);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct sqs_rec_State state;
        struct key_reader r;
        key_read_init(&r, str_sub(key, from.n, key.n));
        n += key_read_i64(&r, &seq) == 0 && line_state(op, q, seq, &state) == 0 && opt_bool(state.InFlight, false);
    }
    scan_end(s);
    return n;
}

void sqs_check_group(struct op *op, struct check *c)
{
    const struct sqs_rec_Group *g = c->rec;
    struct key_reader r;
    struct str group, value;
    struct queue q;
    if (!begin(op, c, &r, &q) || key_read_str(&r, op->arena, &group))
        return;
    int64_t in_flight = group_in_flight(op, &q, group);
    if (in_flight != g->InFlight.v)
        check_fault(op, c, "it counts %lld messages in flight; there are %lld", (long long)g->InFlight.v, (long long)in_flight);
    if (g->Position.v && (!entry(op, &q, &sqs_kind_ready, LANE_FRESH, g->Position.v, &value) || !str_eq(value, group)))
        check_fault(op, c, "the ready line does not have it at its position");
    if (!g->Position.v && in_flight == 0)
        check_fault(op, c, "it is not in the ready line, and no message of it is in flight");
    struct sqs_rec_State state = { 0 };
    int64_t head;
    if (in_flight && fifo_head(op, &q, group, &head) == 0 && line_state(op, &q, head, &state) == 0 && opt_bool(state.InFlight, false) == (g->Position.v != 0))
        check_fault(op, c, "its first message is %s, and it is %s the ready line", g->Position.v ? "in flight" : "not in flight", g->Position.v ? "in" : "not in");
}

void sqs_check_gline(struct op *op, struct check *c)
{
    struct sqs_rec_Message m;
    struct key_reader r;
    struct str group;
    struct queue q;
    int64_t seq;
    if (!begin(op, c, &r, &q) || key_read_str(&r, op->arena, &group) || key_read_i64(&r, &seq))
        return;
    if (line_message(op, &q, seq, &m) || !str_eq(m.GroupId, group))
        check_fault(op, c, "its message is not there, or of another group");
}

void sqs_check_dedup(struct op *op, struct check *c)
{
    const struct sqs_rec_Dedup *d = c->rec;
    struct key_reader r;
    struct queue q;
    struct key k;
    if (!begin(op, c, &r, &q))
        return;
    queue_key(op, &k, &sqs_kind_dedupt, q.rec.Id.v);
    key_i64(&k, d->SentMs.v);
    key_raw(&k, c->key);
    check_there(op, c, &k, "what makes it forgotten");
}

void sqs_check_dedupt(struct op *op, struct check *c)
{
    struct key_reader r;
    struct queue q;
    struct key k;
    if (!begin(op, c, &r, &q))
        return;
    key_init(&k);
    key_raw(&k, c->value);
    check_there(op, c, &k, "the deduplication id that it names");
}

/* ---- queues ---- */

/* Records whose queue must be there, and that is all. */
void sqs_check_id(struct op *op, struct check *c)
{
    struct key_reader r;
    struct queue q;
    begin(op, c, &r, &q);
}

static int64_t count(struct op *op, const struct queue *q, const struct record_kind *kind)
{
    struct key from, to;
    struct str key, value;
    int64_t n = 0;
    queue_key(op, &from, kind, q->rec.Id.v);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        n++;
    scan_end(s);
    return n;
}

static void count_states(struct op *op, const struct queue *q, int64_t *ret_in_flight, int64_t *ret_delayed)
{
    struct key from, to;
    struct str key, value;
    struct arena *a = arena_new();
    struct op own = *op;
    own.arena = a; /* a million states are a million small records */
    *ret_in_flight = *ret_delayed = 0;
    queue_key(op, &from, &sqs_kind_state, q->rec.Id.v);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct sqs_rec_State state;
        arena_clear(a);
        if (op_rec_decode(&own, value, &sqs_rec_State_shape, &state))
            continue;
        *ret_in_flight += opt_bool(state.InFlight, false);
        *ret_delayed += !opt_bool(state.InFlight, false) && state.DueMs.v != 0;
    }
    scan_end(s);
    arena_free(a);
}

static void compare(struct op *op, struct check *c, const char *what, int64_t counter, int64_t there)
{
    if (counter != there)
        check_fault(op, c, "it counts %lld messages %s; there are %lld", (long long)counter, what, (long long)there);
}

static void check_counters(struct op *op, struct check *c, const struct queue *q)
{
    int64_t in_flight, delayed, messages = count(op, q, &sqs_kind_msg), due = count(op, q, &sqs_kind_due);
    count_states(op, q, &in_flight, &delayed);
    int64_t ready = q->fifo ? count(op, q, &sqs_kind_gline) - in_flight : messages - in_flight - delayed;
    compare(op, c, "in flight", q->live.InFlight.v, in_flight);
    compare(op, c, "delayed", q->live.Delayed.v, delayed);
    compare(op, c, "waiting", q->live.Ready.v, ready);
    compare(op, c, "in all", q->live.InFlight.v + q->live.Delayed.v + q->live.Ready.v, messages);
    struct str id = str_printf(op->arena, "%lld", (long long)q->rec.Id.v);
    if (due)
        check_timer(op, c, "sqs.due", id, q->live.TimerMs.v);
    if (messages)
        check_timer(op, c, "sqs.expire", id, q->live.ExpireMs.v);
}

void sqs_check_queue(struct op *op, struct check *c)
{
    const struct sqs_rec_Queue *rec = c->rec;
    struct queue q;
    struct arn arn;
    struct key k;
    if (queue_get(op, rec->Name, &q) || q.rec.Id.v != rec->Id.v) {
        check_fault(op, c, "its name is not that of its key");
        return;
    }
    if (queue_live(op, &q) == 0)
        check_counters(op, c, &q);
    struct redrive redrive = queue_redrive(op, &q);
    if (!redrive.set || arn_parse(redrive.target_arn, &arn))
        return;
    op_key(op, &k, &sqs_kind_source);
    key_str(&k, arn.resource);
    key_str(&k, q.name);
    check_there(op, c, &k, "its entry among the sources of its dead-letter queue");
}

void sqs_check_source(struct op *op, struct check *c)
{
    struct str target, name;
    struct redrive redrive = { 0 };
    struct queue q;
    struct arn arn;
    struct key_reader r = c->at;
    if (key_read_str(&r, op->arena, &target) || key_read_str(&r, op->arena, &name)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    if (queue_get(op, name, &q) == 0)
        redrive = queue_redrive(op, &q);
    if (!redrive.set || arn_parse(redrive.target_arn, &arn) || !str_eq(arn.resource, target))
        check_fault(op, c, "no such queue has this dead-letter queue");
}

void sqs_check_task(struct op *op, struct check *c)
{
    const struct sqs_rec_MoveTask *t = c->rec;
    struct key_reader r = c->at;
    struct str source;
    struct queue q;
    if (key_read_str(&r, op->arena, &source))
        check_fault(op, c, "its key is malformed");
    else if (str_is(t->Status, "RUNNING") && queue_get(op, source, &q) == 0 && q.rec.Id.v == t->QueueId.v)
        check_timer(op, c, "sqs.move", t->Id, -1);
}
