/* A FIFO queue against a list of messages: order within a group, nothing behind a message in flight, deduplication within five minutes.
 *
 * As in sqs.c the model knows what is possible: whether a message is there, and between which times it becomes visible. A message waits for
 * every earlier one of its group that is not visible. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { MESSAGES_MAX = 120, GROUPS = 3, BATCH_MAX = 10, RECEIPT_BYTES = 160, ID_BYTES = 40, DEDUP_MS = 5 * 60 * 1000, LONGEST_MS = 60 * 1000 };
enum place { QUEUE = 1, NOWHERE = 2 };

struct message {
    unsigned places, group;
    bool original;            /* sent with a deduplication id of its own: its number */
    int64_t visible_lo, visible_hi;
    int64_t sent_lo, sent_hi; /* the time from which its deduplication id counts */
    char id[ID_BYTES];        /* MessageId; "": not known */
    char receipt[RECEIPT_BYTES];
    bool fresh;               /* the receipt is the last one for sure */
    bool twice;               /* it may have been sent a second time, more than five minutes later */
};

struct model {
    struct actor *self;
    struct message v[MESSAGES_MAX]; /* in the order of sending */
    unsigned n;
    char sequence[40];              /* the last SequenceNumber */
};

#define SQS(target, ...) ask(m->self->a, "sqs", target, NULL, __VA_ARGS__)

static struct str url(struct model *m) { return sim_queue_url(m->self->a, str_printf(m->self->a, "fifo%u.fifo", m->self->number)); }

static struct str words_of(struct model *m, const struct message *g)
{
    return str_printf(m->self->a, "m%u of group %u%s%s, visible from %lld..%lld", (unsigned)(g - m->v), g->group, g->places & QUEUE ? ", there" : "",
                      g->places & NOWHERE ? ", gone" : "", (long long)g->visible_lo, (long long)g->visible_hi);
}

/* ---- sending ---- */

static struct reply send_as(struct model *m, unsigned body, unsigned group, unsigned dedup)
{
    return SQS("SendMessage", "{'QueueUrl':'%.*s','MessageBody':'m%u','MessageGroupId':'g%u','MessageDeduplicationId':'d%u'}", STR_ARG(url(m)), body, group,
               dedup);
}

static void sent(struct model *m, struct message *g, const struct reply *first, const struct reply *r)
{
    struct str sequence = json_text(r->json, "SequenceNumber"), id = json_text(r->json, "MessageId");
    sim_expect(str_cmp(sequence, str_c(m->sequence)) > 0, "SequenceNumber", m->sequence, "%.*s", STR_ARG(sequence));
    snprintf(m->sequence, sizeof m->sequence, "%.*s", STR_ARG(sequence));
    snprintf(g->id, sizeof g->id, "%.*s", STR_ARG(id));
    g->places = QUEUE;
    g->twice = r->to_ms - first->from_ms >= DEDUP_MS;
    g->sent_lo = g->visible_lo = first->from_ms;
    g->sent_hi = g->visible_hi = r->to_ms;
}

/* A send without an answer is repeated: within five minutes the message comes once. */
static void send(void *model)
{
    struct model *m = model;
    if (m->n == MESSAGES_MAX)
        return;
    unsigned i = m->n++, group = below(m->self, GROUPS);
    m->v[i] = (struct message){ .places = NOWHERE, .group = group, .original = true };
    struct reply first = send_as(m, i, group, i), r = first;
    while (expect_outcome(&r, "SendMessage", NULL) == UNKNOWN)
        r = send_as(m, i, group, i);
    if (outcome(&r) == DONE)
        sent(m, &m->v[i], &first, &r);
    else if (outcome(&first) == UNKNOWN)
        m->v[i] = (struct message){ .places = QUEUE | NOWHERE, .group = group, .original = true, .visible_lo = first.from_ms, .visible_hi = r.to_ms, .sent_lo = first.from_ms,
                                    .sent_hi = r.to_ms };
}

/* The deduplication id of an earlier message, with another text: accepted, and not delivered, for five minutes. */
static void send_again(void *model)
{
    struct model *m = model;
    if (m->n == 0 || m->n == MESSAGES_MAX)
        return;
    unsigned old_i = below(m->self, m->n), i = m->n;
    struct message *old = &m->v[old_i], *g = &m->v[i];
    if (!old->original)
        return;
    m->n++;
    *g = (struct message){ .places = NOWHERE, .group = old->group };
    struct reply r = send_as(m, i, old->group, old_i);
    enum outcome o = expect_outcome(&r, "SendMessage", NULL);
    bool known = old->id[0], surely_old = known && r.to_ms < old->sent_lo + DEDUP_MS, surely_new = !known || r.from_ms >= old->sent_hi + DEDUP_MS;
    bool same = known && str_is(json_text(r.json, "MessageId"), old->id);
    if (o == UNKNOWN && !surely_old)
        *g = (struct message){ .places = QUEUE | NOWHERE, .group = old->group, .visible_lo = r.from_ms, .visible_hi = r.to_ms };
    if (o == UNKNOWN && !surely_old)
        old->id[0] = 0;
    if (o != DONE)
        return;
    sim_expect(same || !surely_old, "deduplication", "the first message's id", "%.*s", STR_ARG(r.body));
    sim_expect(!same || !surely_new, "deduplication", "a new message", "%.*s", STR_ARG(r.body));
    if (same)
        return;
    if (!known) { /* an earlier send without an answer may have been the first */
        *g = (struct message){ .places = QUEUE | NOWHERE, .group = old->group, .visible_lo = r.from_ms, .visible_hi = r.to_ms };
        return;
    }
    sent(m, g, &r, &r);
    memcpy(old->id, g->id, sizeof old->id); /* the id stands for this one from now on */
    old->sent_lo = g->sent_lo;
    old->sent_hi = g->sent_hi;
}

/* ---- receiving ---- */

struct receive {
    unsigned max;
    int64_t visibility_ms, wait_ms, from, to, certain;
    bool complete;
};

/* It, or an earlier one of its group, is in flight. */
static bool surely_locked(const struct model *m, const struct message *g, int64_t to)
{
    for (const struct message *e = m->v; e <= g; e++)
        if (e->group == g->group && e->places == QUEUE && e->visible_lo > to)
            return true;
    return false;
}

static bool surely_free(const struct model *m, const struct message *g, int64_t from)
{
    for (const struct message *e = m->v; e <= g; e++)
        if (e->group == g->group && (e->places & QUEUE) && e->visible_hi > from)
            return false;
    return true;
}

static void take(struct model *m, const struct receive *d, const cJSON *json, bool returned[])
{
    int64_t id = -1;
    struct str body = json_text(json, "Body"), receipt = json_text(json, "ReceiptHandle");
    str_to_i64(str_sub(body, 1, body.n), &id);
    sim_expect(id >= 0 && id < m->n && !returned[id], "ReceiveMessage", "a message that was sent, once", "%.*s", STR_ARG(text_of(m->self->a, json)));
    struct message *g = &m->v[id];
    returned[id] = true;
    if (g->twice && !(g->places & QUEUE))
        g->places = QUEUE;
    sim_expect(g->places & QUEUE, "ReceiveMessage", words_of(m, g).p, "it came");
    sim_expect(g->visible_lo <= d->to, "ReceiveMessage", "no message that is in flight", "%.*s at %lld", STR_ARG(words_of(m, g)), (long long)d->to);
    for (struct message *e = m->v; e < g; e++) {
        if (e->group != g->group || returned[e - m->v] || !(e->places & QUEUE))
            continue;
        sim_expect(e->places & NOWHERE, "ReceiveMessage", words_of(m, e).p, "first came %.*s", STR_ARG(words_of(m, g)));
        e->places = NOWHERE; /* it would have come before */
    }
    for (struct message *later = g + 1; later < m->v + m->n; later++)
        sim_expect(later->group != g->group || !returned[later - m->v], "ReceiveMessage", words_of(m, g).p, "first came %.*s", STR_ARG(words_of(m, later)));
    snprintf(g->receipt, sizeof g->receipt, "%.*s", STR_ARG(receipt));
    g->fresh = true;
    g->places = QUEUE;
}

static void settle(struct model *m, const struct receive *d, const bool returned[])
{
    bool due[MESSAGES_MAX];
    for (unsigned i = 0; i < m->n; i++)
        due[i] = d->complete && surely_free(m, &m->v[i], d->certain);
    for (unsigned i = 0; i < m->n; i++) {
        struct message *g = &m->v[i];
        if (returned[i]) {
            g->visible_lo = d->from + d->visibility_ms;
            g->visible_hi = d->to + d->visibility_ms;
        } else if (due[i] && (g->places & QUEUE)) {
            sim_expect(g->places & NOWHERE, "ReceiveMessage", words_of(m, g).p, "it did not come at %lld", (long long)d->from);
            g->places = NOWHERE;
        }
    }
}

static void unknown(struct model *m, const struct receive *d)
{
    for (struct message *g = m->v; g < m->v + m->n; g++) {
        if (!(g->places & QUEUE) || surely_locked(m, g, d->to))
            continue;
        if (g->visible_hi < d->to + d->visibility_ms)
            g->visible_hi = d->to + d->visibility_ms;
        g->fresh = false;
    }
}

/* Returns how many came, or -1: unknown. */
static int receive_some(struct model *m, struct receive d)
{
    bool returned[MESSAGES_MAX] = { 0 };
    const cJSON *json;
    struct reply r = SQS("ReceiveMessage", "{'QueueUrl':'%.*s','MaxNumberOfMessages':%u,'VisibilityTimeout':%lld,'WaitTimeSeconds':%lld}", STR_ARG(url(m)),
                         d.max, (long long)d.visibility_ms / 1000, (long long)d.wait_ms / 1000);
    enum outcome o = expect_outcome(&r, "ReceiveMessage", NULL);
    d.from = d.certain = r.from_ms;
    d.to = r.to_ms;
    if (o == UNKNOWN)
        unknown(m, &d);
    if (o != DONE)
        return -1;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r.json, "Messages");
    unsigned n = (unsigned)cJSON_GetArraySize(list);
    d.complete = n < d.max;
    if (n == 0 && d.wait_ms) {
        sim_expect(d.to - d.from >= d.wait_ms, "ReceiveMessage", "an empty answer at the end of the wait", "after %lld ms", (long long)(d.to - d.from));
        d.certain = d.from + d.wait_ms;
    }
    cJSON_ArrayForEach(json, list) take(m, &d, json, returned);
    settle(m, &d, returned);
    return (int)n;
}

static void receive(void *model)
{
    static const int visibilities_s[] = { 0, 1, 5, 20, 30, 60 };
    struct model *m = model;
    receive_some(m, (struct receive){ .max = 1 + below(m->self, BATCH_MAX), .visibility_ms = 1000LL * visibilities_s[below(m->self, 6)],
                                      .wait_ms = one_in(m->self, 3) ? 1000LL * below(m->self, 20) : 0 });
}

/* ---- what becomes of them ---- */

static struct message *with_receipt(struct model *m)
{
    for (unsigned tries = 0; m->n && tries < 8; tries++) {
        struct message *g = &m->v[below(m->self, m->n)];
        if (g->receipt[0])
            return g;
    }
    return NULL;
}

static void delete_this(struct model *m, struct message *g)
{
    struct reply r = SQS("DeleteMessage", "{'QueueUrl':'%.*s','ReceiptHandle':'%s'}", STR_ARG(url(m)), g->receipt);
    enum outcome o = outcome(&r);
    if (o == FAILED) /* a FIFO queue refuses a handle whose visibility timeout is over */
        sim_expect(str_is(r.error, "InvalidParameterValueException") && (g->visible_lo <= r.to_ms || g->places != QUEUE), "DeleteMessage", words_of(m, g).p, "%.*s",
                   STR_ARG(r.body));
    else if ((g->places & QUEUE) && o == DONE)
        g->places = g->fresh ? NOWHERE : QUEUE | NOWHERE;
    else if ((g->places & QUEUE) && o == UNKNOWN)
        g->places |= NOWHERE;
}

static void delete_one(void *model)
{
    struct message *g = with_receipt(model);
    if (g)
        delete_this(model, g);
}

static void give_back(void *model)
{
    struct model *m = model;
    struct message *g = with_receipt(m);
    if (!g)
        return;
    int64_t timeout_ms = one_in(m->self, 2) ? 0 : 1000LL * below(m->self, 40);
    struct reply r = SQS("ChangeMessageVisibility", "{'QueueUrl':'%.*s','ReceiptHandle':'%s','VisibilityTimeout':%lld}", STR_ARG(url(m)), g->receipt,
                         (long long)timeout_ms / 1000);
    enum outcome o = outcome(&r);
    bool certain = g->fresh && g->places == QUEUE;
    if (o == DONE) {
        sim_expect(g->places & QUEUE && g->visible_hi > r.from_ms, "ChangeMessageVisibility", words_of(m, g).p, "success at %lld", (long long)r.to_ms);
        g->places = QUEUE;
        g->fresh = true;
        g->visible_lo = r.from_ms + timeout_ms;
        g->visible_hi = r.to_ms + timeout_ms;
    } else if (o == FAILED) {
        sim_expect(!certain || g->visible_lo <= r.to_ms, "ChangeMessageVisibility", words_of(m, g).p, "%.*s", STR_ARG(r.body));
    } else if (o == UNKNOWN) {
        g->visible_lo = g->visible_lo < r.from_ms + timeout_ms ? g->visible_lo : r.from_ms + timeout_ms;
        g->visible_hi = g->visible_hi > r.to_ms + timeout_ms ? g->visible_hi : r.to_ms + timeout_ms;
    }
}

static void drain(struct model *m)
{
    for (int rounds = 0, empty = 0; empty < 2; rounds++) {
        arena_clear(m->self->a);
        sim_expect(rounds < 200, "draining", "an empty queue after a while", "messages still come");
        int n = receive_some(m, (struct receive){ .max = BATCH_MAX, .visibility_ms = LONGEST_MS });
        for (struct message *g = m->v; g < m->v + m->n; g++)
            if (g->fresh && g->places == QUEUE && g->receipt[0])
                delete_this(m, g);
        empty = n ? 0 : empty + 1;
        if (n == 0)
            fiber_sleep_ms(LONGEST_MS + 1000);
    }
    for (struct message *g = m->v; g < m->v + m->n; g++)
        sim_expect(g->places & NOWHERE, "draining", "every message received and deleted", "%.*s", STR_ARG(words_of(m, g)));
}

static void run(struct actor *self)
{
    struct model m = { .self = self };
    struct deed deeds[] = { { send, 8 }, { send_again, 2 }, { receive, 10 }, { delete_one, 8 }, { give_back, 3 } };
    MAKE(NULL, ask(self->a, "sqs", "CreateQueue", NULL, "{'QueueName':'fifo%u.fifo','Attributes':{'FifoQueue':'true','MessageRetentionPeriod':'1209600'}}", self->number));
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, &m);
    drain(&m);
}

const struct actor_kind actor_fifo = { "fifo", 2, .lasts_days = true, run };
