/* A standard queue with a dead-letter queue against a list of messages.
 *
 * The model knows of each message where it may be (its queue, the dead-letter queue, nowhere any more), between which times it becomes visible, and how
 * often it was received. A request without an answer widens what is possible, an answer narrows it. What strata promises beyond AWS is checked, too: a
 * receive that has room left brings everything that is visible. */
#include <string.h>

#include "sim.h"

enum place { MAIN = 1, DEAD = 2, NOWHERE = 4 };
enum receipt_state { NO_RECEIPT, FRESH, MAYBE_STALE, STALE };
enum { MESSAGES_MAX = 160, BATCH_MAX = 10, RECEIPT_BYTES = 160, VISIBILITY_S = 30, RETENTION_S_MAX = 1209600, LONGEST_MS = 60 * 1000 /* of visibility timeouts and delays */ };

struct message {
    unsigned places;                 /* where it may be */
    int64_t visible_lo, visible_hi;  /* becomes visible between these */
    int64_t sent_lo, sent_hi;
    int receives_lo, receives_hi;    /* from MAIN */
    enum receipt_state receipt_state;
    enum place receipt_of;
    bool expired;                    /* retention took it from MAIN since a receive last went over what is visible there */
    char receipt[RECEIPT_BYTES], old_receipt[RECEIPT_BYTES];
};

struct model {
    struct actor *self;
    struct message v[MESSAGES_MAX];
    unsigned n;
    int receives_max;
    int64_t retention_ms; /* of MAIN; 0: more than the simulation lasts */
    struct str url[3];    /* by place */
};

#define SQS(target, ...) ask(m->self->a, "sqs", target, NULL, __VA_ARGS__)

static struct str name_of(struct model *m, enum place q) { return str_printf(m->self->a, "std%u%s", m->self->number, q == DEAD ? "-dead" : ""); }
static struct str url_of(struct model *m, enum place q) { return sim_queue_url(m->self->a, name_of(m, q)); }
static struct str arn_of(struct model *m, enum place q) { return sim_queue_arn(m->self->a, name_of(m, q)); }

static void widen(int64_t *lo, int64_t *hi, int64_t from, int64_t to)
{
    *lo = *lo < from ? *lo : from;
    *hi = *hi > to ? *hi : to;
}

/* What time alone did until the operation between from and to: retention. */
static void age(struct model *m, int64_t from, int64_t to)
{
    for (struct message *g = m->v; m->retention_ms && g < m->v + m->n; g++) {
        if (!(g->places & MAIN) || to < g->sent_lo + m->retention_ms)
            continue;
        g->places |= NOWHERE;
        if (from >= g->sent_hi + m->retention_ms) {
            g->places &= ~(unsigned)MAIN;
            g->expired = true;
        }
    }
}

/* ---- sending ---- */

static struct message *new_message(struct model *m)
{
    struct message *g = &m->v[m->n++];
    *g = (struct message){ .places = NOWHERE };
    return g;
}

static void sent(struct message *g, enum outcome o, const struct reply *r, int64_t delay_ms)
{
    if (o != DONE && o != UNKNOWN)
        return;
    g->places = o == DONE ? MAIN : MAIN | NOWHERE;
    g->sent_lo = r->from_ms;
    g->sent_hi = r->to_ms;
    g->visible_lo = r->from_ms + delay_ms;
    g->visible_hi = r->to_ms + delay_ms;
}

static int random_delay_s(struct model *m) { return one_in(m->self, 3) ? (int)below(m->self, 40) : 0; }

static void send(void *model)
{
    struct model *m = model;
    if (m->n == MESSAGES_MAX)
        return;
    int delay_s = random_delay_s(m);
    struct message *g = new_message(m);
    struct reply r = SQS("SendMessage", "{'QueueUrl':'%.*s','MessageBody':'m%u','DelaySeconds':%d}", STR_ARG(url_of(m, MAIN)), (unsigned)(g - m->v), delay_s);
    sent(g, expect_outcome(&r, "SendMessage", NULL), &r, 1000LL * delay_s);
}

static void send_batch(void *model)
{
    struct model *m = model;
    unsigned n = 1 + below(m->self, BATCH_MAX);
    int delays_s[BATCH_MAX];
    struct str list = STR("");
    if (m->n + n > MESSAGES_MAX)
        return;
    struct message *first = m->v + m->n;
    for (unsigned i = 0; i < n; i++) {
        new_message(m);
        delays_s[i] = random_delay_s(m);
        list = str_printf(m->self->a, "%.*s%s{'Id':'e%u','MessageBody':'m%u','DelaySeconds':%d}", STR_ARG(list), i ? "," : "", i, (unsigned)(first - m->v) + i,
                          delays_s[i]);
    }
    struct reply r = SQS("SendMessageBatch", "{'QueueUrl':'%.*s','Entries':[%.*s]}", STR_ARG(url_of(m, MAIN)), STR_ARG(list));
    enum outcome o = expect_outcome(&r, "SendMessageBatch", NULL);
    for (unsigned i = 0; i < n; i++)
        sent(first + i, o, &r, 1000LL * delays_s[i]);
}

/* ---- receiving ---- */

struct receive {
    enum place queue;
    unsigned max;
    int64_t visibility_ms, wait_ms;
    int64_t from, to;   /* of the operation */
    int64_t certain;    /* what is visible at this time had to come */
    bool complete;      /* there was room for more */
};

static struct str words_of(struct model *m, const struct message *g)
{
    return str_printf(m->self->a, "m%u in%s%s%s, visible from %lld..%lld, received %d..%d", (unsigned)(g - m->v), g->places & MAIN ? " queue" : "",
                      g->places & DEAD ? " dead-letter queue" : "", g->places & NOWHERE ? " nothing" : "", (long long)g->visible_lo, (long long)g->visible_hi,
                      g->receives_lo, g->receives_hi);
}

static void take(struct model *m, const struct receive *d, const cJSON *json, bool returned[])
{
    int64_t id = -1, count = -1;
    struct str body = json_text(json, "Body"), receipt = json_text(json, "ReceiptHandle");
    str_to_i64(str_sub(body, 1, body.n), &id);
    str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(json, "Attributes"), "ApproximateReceiveCount"), &count);
    sim_expect(id >= 0 && id < m->n && !returned[id], "ReceiveMessage", "a message that was sent, once", "%.*s", STR_ARG(text_of(m->self->a, json)));
    struct message *g = &m->v[id];
    returned[id] = true;
    sim_expect(g->places & d->queue, "ReceiveMessage", words_of(m, g).p, "it came from %s", d->queue == MAIN ? "its queue" : "the dead-letter queue");
    sim_expect(g->visible_lo <= d->to, "ReceiveMessage", words_of(m, g).p, "it came at %lld", (long long)d->to);
    if (d->queue == MAIN) {
        sim_expect(count > g->receives_lo && count <= g->receives_hi + 1 && count <= m->receives_max, "ApproximateReceiveCount",
                   str_printf(m->self->a, "one more than %d..%d, at most %d", g->receives_lo, g->receives_hi, m->receives_max).p, "%lld", (long long)count);
        g->receives_lo = g->receives_hi = (int)count;
    }
    g->places = d->queue;
    g->visible_lo = d->from + d->visibility_ms;
    g->visible_hi = d->to + d->visibility_ms;
    if (g->receipt_state != NO_RECEIPT && g->receipt_of == d->queue)
        memcpy(g->old_receipt, g->receipt, sizeof g->receipt);
    sim_expect(receipt.n < RECEIPT_BYTES, "ReceiptHandle", "one", "%.*s", STR_ARG(receipt));
    memcpy(g->receipt, receipt.p, receipt.n + 1);
    g->receipt_state = FRESH;
    g->receipt_of = d->queue;
}

/* What a receive did to a message that it did not bring. */
static void leave(struct model *m, const struct receive *d, struct message *g)
{
    if (d->queue == MAIN && d->complete && g->visible_hi <= d->certain)
        g->expired = false;
    if (!(g->places & d->queue))
        return;
    bool surely = g->visible_hi <= d->certain, maybe = g->visible_lo <= d->to;
    bool may_move = d->queue == MAIN && maybe && g->receives_hi >= m->receives_max;
    bool must_move = d->queue == MAIN && surely && g->receives_lo >= m->receives_max && d->complete;
    sim_expect(!(d->complete && surely && g->places == (unsigned)d->queue && !may_move), "ReceiveMessage", words_of(m, g).p, "it did not come at %lld",
               (long long)d->from);
    if (must_move) {
        g->places = (g->places & ~(unsigned)MAIN) | DEAD;
        widen(&g->visible_lo, &g->visible_hi, d->from, d->to);
        g->receipt_state = g->receipt_state == FRESH ? MAYBE_STALE : g->receipt_state;
        if (g->places == DEAD) {
            g->visible_lo = d->from;
            g->visible_hi = d->to;
        }
    } else if (may_move) {
        g->places |= DEAD;
        widen(&g->visible_lo, &g->visible_hi, d->from, d->to);
        g->receipt_state = g->receipt_state == FRESH ? MAYBE_STALE : g->receipt_state;
    } else if (d->complete && surely) {
        g->places &= ~(unsigned)d->queue; /* it might have been there: it was not */
    }
}

/* A receive without an answer: whatever was visible may have been taken. */
static void leave_unknown(struct model *m, const struct receive *d, struct message *g)
{
    if (!(g->places & d->queue) || g->visible_lo > d->to)
        return;
    if (d->queue == MAIN && g->receives_hi >= m->receives_max)
        g->places |= DEAD;
    if (d->queue == MAIN)
        g->receives_hi++;
    widen(&g->visible_lo, &g->visible_hi, d->from, d->to + d->visibility_ms);
    g->receipt_state = g->receipt_state == FRESH ? MAYBE_STALE : g->receipt_state;
}

/* A receive that moves messages to the dead-letter queue or drops expired ones answers at once. */
static bool may_go(struct model *m, const struct receive *d)
{
    for (const struct message *g = m->v; d->queue == MAIN && g < m->v + m->n; g++)
        if (g->visible_lo <= d->to && (g->expired || (g->places & MAIN && (g->receives_hi >= m->receives_max || g->places & NOWHERE))))
            return true;
    return false;
}

/* Returns how many came, or -1: unknown. */
static int receive_from(struct model *m, struct receive d)
{
    bool returned[MESSAGES_MAX] = { 0 };
    const cJSON *json;
    struct reply r = SQS("ReceiveMessage", "{'QueueUrl':'%.*s','MaxNumberOfMessages':%u,'VisibilityTimeout':%lld,'WaitTimeSeconds':%lld,"
                         "'MessageSystemAttributeNames':['ApproximateReceiveCount']}", STR_ARG(url_of(m, d.queue)), d.max, (long long)d.visibility_ms / 1000,
                         (long long)d.wait_ms / 1000);
    enum outcome o = expect_outcome(&r, "ReceiveMessage", NULL);
    if (o == REFUSED)
        return -1;
    d.from = d.certain = r.from_ms;
    d.to = r.to_ms;
    age(m, d.from, d.to);
    if (o == UNKNOWN) {
        for (struct message *g = m->v; g < m->v + m->n; g++)
            leave_unknown(m, &d, g);
        return -1;
    }
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r.json, "Messages");
    unsigned n = (unsigned)cJSON_GetArraySize(list);
    sim_expect(n <= d.max, "ReceiveMessage", "not more than asked for", "%u", n);
    d.complete = n < d.max;
    if (n == 0 && d.wait_ms) {
        sim_expect(d.to - d.from >= d.wait_ms || may_go(m, &d), "ReceiveMessage", "an empty answer at the end of the wait", "after %lld ms", (long long)(d.to - d.from));
        d.certain = d.to - d.from >= d.wait_ms ? d.from + d.wait_ms : d.from;
    }
    cJSON_ArrayForEach(json, list) take(m, &d, json, returned);
    for (unsigned i = 0; i < m->n; i++)
        if (!returned[i])
            leave(m, &d, &m->v[i]);
    return (int)n;
}

static void receive(void *model)
{
    static const int visibilities_s[] = { 0, 1, 5, 20, 30, 60 };
    struct model *m = model;
    receive_from(m, (struct receive){ .queue = one_in(m->self, 4) ? DEAD : MAIN, .max = one_in(m->self, 2) ? BATCH_MAX : 1 + below(m->self, BATCH_MAX),
                                      .visibility_ms = 1000LL * visibilities_s[below(m->self, 6)],
                                      .wait_ms = one_in(m->self, 3) ? 1000LL * below(m->self, 20) : 0 });
}

/* ---- deleting and giving back ---- */

static struct message *with_receipt(struct model *m)
{
    for (unsigned tries = 0; m->n && tries < 8; tries++) {
        struct message *g = &m->v[below(m->self, m->n)];
        if (g->receipt_state != NO_RECEIPT)
            return g;
    }
    return NULL;
}

static void deleted(struct message *g, enum outcome o)
{
    if ((o != DONE && o != UNKNOWN) || g->receipt_state == STALE)
        return;
    bool surely = o == DONE && g->receipt_state == FRESH && (g->places & ~(unsigned)NOWHERE) == (unsigned)g->receipt_of;
    if (surely)
        g->places = NOWHERE;
    else if (g->places & g->receipt_of)
        g->places |= NOWHERE;
}

static void delete_one(void *model)
{
    struct model *m = model;
    struct message *g = with_receipt(m);
    if (!g)
        return;
    bool old = g->old_receipt[0] && one_in(m->self, 4);
    struct reply r = SQS("DeleteMessage", "{'QueueUrl':'%.*s','ReceiptHandle':'%s'}", STR_ARG(url_of(m, g->receipt_of)), old ? g->old_receipt : g->receipt);
    enum outcome o = expect_outcome(&r, "DeleteMessage", NULL);
    age(m, r.from_ms, r.to_ms);
    if (!old) /* an old handle deletes nothing */
        deleted(g, o);
}

static void delete_batch(void *model)
{
    struct model *m = model;
    struct message *chosen[BATCH_MAX];
    enum place q = one_in(m->self, 4) ? DEAD : MAIN;
    struct str list = STR("");
    unsigned n = 0;
    for (struct message *g = m->v; g < m->v + m->n && n < BATCH_MAX; g++) {
        if (g->receipt_state == NO_RECEIPT || g->receipt_of != q || !one_in(m->self, 2))
            continue;
        list = str_printf(m->self->a, "%.*s%s{'Id':'d%u','ReceiptHandle':'%s'}", STR_ARG(list), n ? "," : "", n, g->receipt);
        chosen[n++] = g;
    }
    if (n == 0)
        return;
    struct reply r = SQS("DeleteMessageBatch", "{'QueueUrl':'%.*s','Entries':[%.*s]}", STR_ARG(url_of(m, q)), STR_ARG(list));
    enum outcome o = expect_outcome(&r, "DeleteMessageBatch", NULL);
    age(m, r.from_ms, r.to_ms);
    for (unsigned i = 0; i < n; i++)
        deleted(chosen[i], o);
}

static void change_visibility(void *model)
{
    struct model *m = model;
    struct message *g = with_receipt(m);
    if (!g || g->receipt_state == STALE)
        return;
    int64_t timeout_ms = 1000LL * (one_in(m->self, 3) ? 0 : below(m->self, 50));
    struct reply r = SQS("ChangeMessageVisibility", "{'QueueUrl':'%.*s','ReceiptHandle':'%s','VisibilityTimeout':%lld}", STR_ARG(url_of(m, g->receipt_of)),
                         g->receipt, (long long)timeout_ms / 1000);
    enum outcome o = outcome(&r);
    age(m, r.from_ms, r.to_ms);
    bool certain = g->receipt_state == FRESH && g->places == (unsigned)g->receipt_of;
    if (o == DONE) {
        sim_expect(g->places & g->receipt_of && g->visible_hi > r.from_ms, "ChangeMessageVisibility", words_of(m, g).p, "success at %lld", (long long)r.to_ms);
        g->places = g->receipt_of;
        g->receipt_state = FRESH;
        g->visible_lo = r.from_ms + timeout_ms;
        g->visible_hi = r.to_ms + timeout_ms;
    } else if (o == FAILED && str_is(r.error, "MessageNotInflight")) {
        sim_expect(!certain || g->visible_lo <= r.to_ms, "ChangeMessageVisibility", words_of(m, g).p, "not in flight at %lld", (long long)r.from_ms);
        if (certain && g->visible_hi > r.to_ms)
            g->visible_hi = r.to_ms;
    } else if (o == FAILED) {
        sim_expect(!certain && str_is(r.error, "InvalidParameterValueException"), "ChangeMessageVisibility", words_of(m, g).p, "%.*s", STR_ARG(r.body));
    } else if (o == UNKNOWN) {
        widen(&g->visible_lo, &g->visible_hi, r.from_ms + timeout_ms, r.to_ms + timeout_ms);
    }
}

/* ---- rare ones ---- */

static void purge(void *model)
{
    struct model *m = model;
    if (!one_in(m->self, 6))
        return;
    struct reply r = SQS("PurgeQueue", "{'QueueUrl':'%.*s'}", STR_ARG(url_of(m, MAIN)));
    enum outcome o = outcome(&r);
    if (o == FAILED)
        sim_expect(str_is(r.error, "PurgeQueueInProgress"), "PurgeQueue", "PurgeQueueInProgress", "%.*s", STR_ARG(r.body));
    for (struct message *g = m->v; g < m->v + m->n; g++) {
        if (!(g->places & MAIN) || (o != DONE && o != UNKNOWN))
            continue;
        g->places |= NOWHERE;
        if (o == DONE)
            g->places &= ~(unsigned)MAIN;
    }
}

/* The counters of a queue, when the model is certain of every message. */
static void count(void *model)
{
    struct model *m = model;
    enum place q = one_in(m->self, 2) ? DEAD : MAIN;
    int64_t expected = 0, got = 0, n;
    struct reply r = SQS("GetQueueAttributes", "{'QueueUrl':'%.*s','AttributeNames':['All']}", STR_ARG(url_of(m, q)));
    if (expect_outcome(&r, "GetQueueAttributes", NULL) != DONE || m->retention_ms)
        return;
    for (const struct message *g = m->v; g < m->v + m->n; g++) {
        if (g->places & (g->places - 1))
            return;
        expected += g->places == (unsigned)q;
    }
    static const char *const names[] = { "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed" };
    for (int i = 0; i < 3; i++)
        if (str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(r.json, "Attributes"), names[i]), &n) == 0)
            got += n;
    sim_expect(got == expected, "GetQueueAttributes", str_printf(m->self->a, "%lld messages", (long long)expected).p, "%lld: %.*s", (long long)got,
               STR_ARG(r.body));
}

/* Back from the dead-letter queue; waits for the task's end. */
static void redrive(void *model)
{
    struct model *m = model;
    struct reply start = SQS("StartMessageMoveTask", "{'SourceArn':'%.*s'}", STR_ARG(arn_of(m, DEAD))), r;
    enum outcome o = expect_outcome(&start, "StartMessageMoveTask", NULL);
    if (o == REFUSED)
        return;
    for (bool running = true; running; fiber_sleep_ms(running * 1000)) {
        r = SQS("ListMessageMoveTasks", "{'SourceArn':'%.*s'}", STR_ARG(arn_of(m, DEAD)));
        if (expect_outcome(&r, "ListMessageMoveTasks", NULL) == DONE)
            running = str_is(json_text(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(r.json, "Results"), 0), "Status"), "RUNNING");
    }
    for (struct message *g = m->v; g < m->v + m->n; g++) {
        if (!(g->places & DEAD) || g->visible_lo > r.to_ms)
            continue;
        if (o == DONE && g->places == DEAD && g->visible_hi <= start.from_ms) {
            g->places = 0;
            g->visible_lo = g->sent_lo = INT64_MAX;
            g->visible_hi = g->sent_hi = 0;
            g->receives_hi = 0;
        }
        g->places |= MAIN;
        widen(&g->visible_lo, &g->visible_hi, start.from_ms, r.to_ms);
        widen(&g->sent_lo, &g->sent_hi, start.from_ms, r.to_ms);
        g->receives_lo = 0;
        g->receipt_state = g->places == MAIN ? STALE : g->receipt_state == FRESH ? MAYBE_STALE : g->receipt_state;
    }
}

/* ---- */

static void make_queues(struct model *m)
{
    int64_t retention_s = m->retention_ms ? m->retention_ms / 1000 : RETENTION_S_MAX;
    MAKE(NULL, SQS("CreateQueue", "{'QueueName':'%.*s','Attributes':{'MessageRetentionPeriod':'%d'}}", STR_ARG(name_of(m, DEAD)), RETENTION_S_MAX));
    MAKE(NULL, SQS("CreateQueue", "{'QueueName':'%.*s','Attributes':{'VisibilityTimeout':'%d','RedrivePolicy':'{\\'deadLetterTargetArn\\':"
         "\\'%.*s\\',\\'maxReceiveCount\\':%d}','MessageRetentionPeriod':'%lld'}}", STR_ARG(name_of(m, MAIN)), VISIBILITY_S, STR_ARG(arn_of(m, DEAD)),
         m->receives_max, (long long)retention_s));
}

/* Everything that is left is received and deleted: nothing is lost, nothing comes back. */
static void drain(struct model *m)
{
    for (int rounds = 0, empty = 0; empty < 2; rounds++) {
        bool came = false;
        sim_expect(rounds < 200, "draining", "empty queues after a while", "messages still come");
        for (enum place q = MAIN; q <= DEAD; q++) {
            arena_clear(m->self->a);
            came |= receive_from(m, (struct receive){ .queue = q, .max = BATCH_MAX, .visibility_ms = LONGEST_MS }) != 0;
            for (struct message *g = m->v; g < m->v + m->n; g++) {
                if (g->receipt_state != FRESH || g->receipt_of != q || g->places != (unsigned)q)
                    continue;
                struct reply r = SQS("DeleteMessage", "{'QueueUrl':'%.*s','ReceiptHandle':'%s'}", STR_ARG(url_of(m, q)), g->receipt);
                deleted(g, expect_outcome(&r, "DeleteMessage", NULL));
            }
        }
        empty = came ? 0 : empty + 1;
        if (!came)
            fiber_sleep_ms(LONGEST_MS + 1000);
    }
    for (struct message *g = m->v; g < m->v + m->n; g++)
        sim_expect(g->places & NOWHERE, "draining", "every message received and deleted", "%.*s", STR_ARG(words_of(m, g)));
}

static void run(struct actor *self)
{
    struct model m = { .self = self, .receives_max = 1 + (int)below(self, 4), .retention_ms = one_in(self, 4) ? 1000LL * (60 + below(self, 60)) : 0 };
    struct deed deeds[] = {
        { send, 8 }, { send_batch, 2 }, { receive, 12 }, { delete_one, 6 }, { delete_batch, 2 }, { change_visibility, 3 }, { purge, 1 }, { count, 2 }, { redrive, 1 },
    };
    make_queues(&m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, &m);
    drain(&m);
}

const struct actor_kind actor_sqs = { "sqs", 2, .lasts_days = true, run };
