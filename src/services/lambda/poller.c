/* Event source mappings at work: messages of a queue become invocations of a function. Streams: stream_poller.c.
 *
 * A *feed* is one enabled mapping. It keeps one receive going, as an operation in the writer that is parked under the queue's wake key: a message
 * that is sent wakes it, nothing polls. What it received is invisible to others until the queue's visibility timeout; when the function has
 * succeeded the messages are deleted, else they come back, and the queue's redrive policy counts. With a batching window a receive goes on until
 * the batch is full or the window is over. */
#include <stdlib.h>
#include <string.h>

#include "aws/arn.h"
#include "aws/pattern.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/sqs.h"
#include "services/lambda/poller.h"
#include "wire/wire.h"

enum { IN_FLIGHT_DEFAULT = 10, RECEIVE_MAX = 10, EVENT_BYTES_MAX = LAMBDA_PAYLOAD_BYTES_MAX };

/* One batch, from the first message received to the deletion of what succeeded. In its own arena. */
struct batch {
    struct arena *arena;
    struct feed *feed;
    struct sqs_MessageList messages;
    struct sqs_MessageList dropped; /* no filter lets them pass: they are deleted */
    int64_t window_until_ms; /* clock_mono_ms */
    struct lambda_rec_Function function;
    struct str queue_url, payload;
    struct str_list failed;
    bool all_failed;
};

struct poller {
    struct feed *feeds;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reload, stopping;
    bool again; /* something changed while the thread had given the lock away */
};

static void start_receive(struct feed *f);

/* ---- what queues and streams have alike ---- */

void feed_lock(struct feed *f) { pthread_mutex_lock(&f->h->poller->lock); }

void feed_unlock(struct feed *f)
{
    f->h->poller->again = true;
    pthread_cond_signal(&f->h->poller->changed);
    pthread_mutex_unlock(&f->h->poller->lock);
}

int feed_keep_function(struct arena *a, struct lambda_rec_Function *f)
{
    struct str bytes;
    int rc = wire_record_encode(a, &lambda_rec_Function_shape, f, &bytes);
    memset(f, 0, sizeof *f);
    return rc ? rc : wire_record_decode(a, &lambda_rec_Function_shape, bytes, f);
}

bool feed_passes(struct arena *a, const struct feed *f, const cJSON *event)
{
    bool passes = f->mapping.Filters.n == 0;
    for (uint32_t i = 0; i < f->mapping.Filters.n && !passes; i++) {
        cJSON *pattern = cJSON_ParseWithLength(f->mapping.Filters.v[i].p, f->mapping.Filters.v[i].n);
        passes = pattern && event && pattern_matches(a, pattern, event);
        cJSON_Delete(pattern);
    }
    return passes;
}

void feed_failures(struct arena *a, struct str payload, struct str_list *ret)
{
    cJSON *tree = payload.n ? cJSON_ParseWithLength(payload.p, payload.n) : NULL;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "batchItemFailures"), *item;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "itemIdentifier");
        str_list_add(a, ret, cJSON_IsString(id) ? str_dup(a, str_c(id->valuestring)) : STR(""));
    }
    cJSON_Delete(tree);
}

/* ---- receiving: in the writer ---- */

/* A message outlives the operation that received it: copied by way of its shape. */
static void keep_message(struct batch *b, const struct sqs_Message *m)
{
    struct str bytes;
    struct sqs_Message *kept = list_push(b->arena, &b->messages);
    if (wire_record_encode(b->arena, &sqs_Message_shape, m, &bytes) || wire_record_decode(b->arena, &sqs_Message_shape, bytes, kept))
        b->messages.n--;
}

static int receive_some(struct op *op, struct batch *b, const struct principal *who, struct op_failure *why)
{
    int64_t want = b->feed->mapping.BatchSize.v - b->messages.n;
    struct sqs_ReceiveMessage_in in = { .QueueUrl = b->queue_url, .MaxNumberOfMessages = SOME_I64(want < RECEIVE_MAX ? want : RECEIVE_MAX),
                                        .WaitTimeSeconds = SOME_I64(0) };
    struct sqs_ReceiveMessage_out out = { 0 };
    str_list_add(op->arena, &in.MessageSystemAttributeNames, STR("All"));
    str_list_add(op->arena, &in.MessageAttributeNames, STR("All"));
    int rc = cloud_call(op, "sqs", "ReceiveMessage", who, &in, &out, why);
    for (uint32_t i = 0; rc == 0 && i < out.Messages.n; i++)
        keep_message(b, &out.Messages.v[i]);
    return rc ? rc : (int)out.Messages.n;
}

static int receive(struct op *op, void *ctx)
{
    struct batch *b = ctx;
    struct feed *f = b->feed;
    struct arn queue;
    struct op_failure why = { 0 };
    struct lambda_rec_Mapping mapping = { 0 };
    b->messages.n = 0; /* a run that was rolled back received nothing */
    /* The poller hears of a change after its commit; what is received here is to heed it at once. */
    if (f->retired || lambda_mapping_get(op, f->mapping.UUID, &mapping) || !opt_bool(mapping.Enabled, true))
        return E_NOT_FOUND;
    if (arn_parse(f->mapping.EventSourceArn, &queue))
        return E_CORRUPT;
    b->queue_url = arn_queue_url(b->arena, &queue);
    int rc = lambda_function_get(op, f->mapping.FunctionArn, STR_NONE, &b->function);
    if (rc)
        return rc;
    struct principal who = function_principal(op->arena, f->account, b->function.Role, b->function.Name);
    int got;
    do {
        got = receive_some(op, b, &who, &why);
    } while (got > 0 && b->messages.n < b->feed->mapping.BatchSize.v);
    if (got < 0 && b->messages.n == 0) {
        if (got == E_AWS)
            log_warn("event source mapping %.*s: %s: %.*s", STR_ARG(f->mapping.UUID), why.error->code, STR_ARG(why.message));
        return got;
    }
    struct str key = str_printf(op->arena, "sqs/%.*s/%.*s/%.*s", STR_ARG(queue.account), STR_ARG(queue.region), STR_ARG(queue.resource));
    bool full = b->messages.n >= b->feed->mapping.BatchSize.v, window = f->mapping.WindowSeconds.v > 0 && !op->timed_out;
    if (b->messages.n == 0 && op->timed_out)
        return 0; /* committed: an empty receive may have moved messages to the dead-letter queue */
    if (b->messages.n == 0)
        return op_park(op, key, POLL_IDLE_MS); /* a message whose visibility ended wakes nobody */
    if (!full && window) /* rolled back, and tried again with more, until the window is over */
        return op_park(op, key, f->mapping.WindowSeconds.v * 1000);
    return feed_keep_function(b->arena, &b->function);
}

/* ---- the event ---- */

static void put_attributes(struct buf *e, const struct sqs_Message *m)
{
    buf_c(e, ",\"attributes\":{");
    for (uint32_t i = 0; i < m->Attributes.n; i++) {
        if (i)
            buf_byte(e, ',');
        buf_json_string(e, m->Attributes.v[i].key);
        buf_byte(e, ':');
        buf_json_string(e, m->Attributes.v[i].value);
    }
    buf_c(e, "},\"messageAttributes\":{");
    for (uint32_t i = 0; i < m->MessageAttributes.n; i++) {
        const struct sqs_MessageAttributeValue *v = &m->MessageAttributes.v[i].value;
        if (i)
            buf_byte(e, ',');
        buf_json_string(e, m->MessageAttributes.v[i].key);
        buf_c(e, ":{");
        if (v->StringValue.p) {
            buf_c(e, "\"stringValue\":");
            buf_json_string(e, v->StringValue);
            buf_byte(e, ',');
        }
        if (v->BinaryValue.p) {
            buf_c(e, "\"binaryValue\":");
            buf_json_string(e, base64_encode(e->arena, v->BinaryValue.p, v->BinaryValue.n));
            buf_byte(e, ',');
        }
        buf_c(e, "\"stringListValues\":[],\"binaryListValues\":[],\"dataType\":");
        buf_json_string(e, v->DataType);
        buf_byte(e, '}');
    }
    buf_byte(e, '}');
}

/* https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event */
static void put_message(struct buf *e, const struct feed *f, const struct sqs_Message *m)
{
    buf_c(e, "{\"messageId\":");
    buf_json_string(e, m->MessageId);
    buf_c(e, ",\"receiptHandle\":");
    buf_json_string(e, m->ReceiptHandle);
    buf_c(e, ",\"body\":");
    buf_json_string(e, m->Body);
    put_attributes(e, m);
    buf_c(e, ",\"md5OfBody\":");
    buf_json_string(e, m->MD5OfBody);
    buf_c(e, ",\"eventSource\":\"aws:sqs\",\"eventSourceARN\":");
    buf_json_string(e, f->mapping.EventSourceArn);
    buf_c(e, ",\"awsRegion\":");
    buf_json_string(e, f->region);
    buf_byte(e, '}');
}

static struct str event_of(struct batch *b)
{
    struct buf e;
    buf_init(&e, b->arena, EVENT_BYTES_MAX);
    buf_c(&e, "{\"Records\":[");
    for (uint32_t i = 0; i < b->messages.n; i++) {
        if (i)
            buf_byte(&e, ',');
        put_message(&e, b->feed, &b->messages.v[i]);
    }
    buf_c(&e, "]}");
    return buf_done(&e);
}

/* Filters look into a body that is JSON: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html */
static bool passes(struct batch *b, const struct sqs_Message *m)
{
    struct buf e;
    buf_init(&e, b->arena, EVENT_BYTES_MAX);
    put_message(&e, b->feed, m);
    struct str text = buf_done(&e);
    cJSON *event = text.p ? cJSON_ParseWithLength(text.p, text.n) : NULL, *body = m->Body.p ? cJSON_ParseWithLength(m->Body.p, m->Body.n) : NULL;
    if (event && cJSON_IsObject(body))
        cJSON_ReplaceItemInObjectCaseSensitive(event, "body", body);
    else
        cJSON_Delete(body);
    bool right = feed_passes(b->arena, b->feed, event);
    cJSON_Delete(event);
    return right;
}

static void filter(struct batch *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->messages.n && b->feed->mapping.Filters.n; i++) {
        if (passes(b, &b->messages.v[i]))
            b->messages.v[n++] = b->messages.v[i];
        else
            *list_push(b->arena, &b->dropped) = b->messages.v[i];
    }
    b->messages.n -= b->dropped.n;
}

/* ---- after the invocation ---- */

/* {"batchItemFailures": [{"itemIdentifier": id}, ...]}; a malformed one, or an unknown id, fails the whole batch, as on AWS. */
static void read_failures(struct batch *b, struct str payload)
{
    feed_failures(b->arena, payload, &b->failed);
    b->all_failed = b->failed.n > b->messages.n; /* more than there are: as if one were none of the batch */
    for (uint32_t i = 0; i < b->failed.n && !b->all_failed; i++) {
        bool known = false;
        for (uint32_t k = 0; k < b->messages.n; k++)
            known = known || str_eq(b->messages.v[k].MessageId, b->failed.v[i]);
        b->all_failed = b->all_failed || !known;
    }
}

static int delete_message(struct op *op, struct batch *b, const struct principal *who, const struct sqs_Message *m)
{
    struct op_failure why = { 0 };
    struct sqs_DeleteMessage_in in = { .QueueUrl = b->queue_url, .ReceiptHandle = m->ReceiptHandle };
    struct sqs_DeleteMessage_out out = { 0 };
    int rc = cloud_call(op, "sqs", "DeleteMessage", who, &in, &out, &why);
    if (rc == E_AWS)
        log_warn("event source mapping %.*s cannot delete: %.*s", STR_ARG(b->feed->mapping.UUID), STR_ARG(why.message));
    return rc == E_AWS ? 0 : rc;
}

static int delete_done(struct op *op, void *ctx)
{
    struct batch *b = ctx;
    struct principal who = function_principal(op->arena, b->feed->account, b->function.Role, b->function.Name);
    int rc = 0;
    for (uint32_t i = 0; i < b->dropped.n && rc == 0; i++)
        rc = delete_message(op, b, &who, &b->dropped.v[i]);
    for (uint32_t i = 0; i < b->messages.n && rc == 0 && !b->all_failed; i++)
        if (!str_list_has(&b->failed, b->messages.v[i].MessageId))
            rc = delete_message(op, b, &who, &b->messages.v[i]);
    return rc;
}

static void release(struct batch *b)
{
    struct feed *f = b->feed;
    arena_free(b->arena);
    feed_lock(f);
    f->in_flight--;
    feed_unlock(f);
}

static void deleted(struct cloud *cloud, void *ctx, int rc)
{
    release(ctx);
}

static void invoked(struct cloud *cloud, void *ctx, const struct lambda_result *r)
{
    struct batch *b = ctx;
    b->all_failed = r->rc != 0 || r->error.p;
    if (!b->all_failed && opt_bool(b->feed->mapping.ReportFailures, false))
        read_failures(b, r->payload);
    if ((b->all_failed && b->dropped.n == 0) || cloud_run(cloud, b->feed->account, b->feed->region, delete_done, deleted, b))
        release(b);
}

static void received(struct cloud *cloud, void *ctx, int rc)
{
    struct batch *b = ctx;
    struct feed *f = b->feed;
    if (rc == 0 && b->messages.n == 0)
        rc = E_NOT_FOUND;
    feed_lock(f);
    f->receiving = false;
    if (rc && rc != E_NOT_FOUND)
        f->pause_until_ms = clock_mono_ms() + POLL_RETRY_MS;
    feed_unlock(f);
    if (rc) {
        release(b);
        return;
    }
    filter(b);
    if (b->messages.n == 0) { /* nothing to run: what was dropped goes */
        struct lambda_result r = { 0 };
        invoked(cloud, b, &r);
        return;
    }
    b->payload = event_of(b);
    struct host_call call = { .arn = f->mapping.FunctionArn, .id = random_uuid(b->arena), .payload = b->payload };
    rc = b->payload.p ? host_invoke(cloud, f->account, f->region, &b->function, &call, invoked, b) : E_LIMIT;
    if (rc) {
        struct lambda_result r = { .rc = rc };
        invoked(cloud, b, &r);
    }
}

/* With the poller's lock held. */
static void start_receive(struct feed *f)
{
    struct arena *a = arena_new();
    struct batch *b = arena_one(a, struct batch);
    b->arena = a;
    b->feed = f;
    f->receiving = true;
    f->in_flight++;
    if (cloud_run(f->h->cloud, f->account, f->region, receive, received, b)) {
        f->receiving = false;
        f->in_flight--;
        f->pause_until_ms = clock_mono_ms() + POLL_RETRY_MS;
        arena_free(a);
    }
}

/* ---- which feeds there are ---- */

/* One that is there with the same record stays as it is: a change of one mapping does not interrupt the others. */
static bool keep_feed(struct lambda_host *h, struct str value, struct str account, struct str region)
{
    for (struct feed *f = h->poller->feeds; f; f = f->next)
        if (f->listed && str_eq(f->value, value) && str_eq(f->account, account) && str_eq(f->region, region)) {
            f->retired = false;
            return true;
        }
    return false;
}

static void add_feed(struct lambda_host *h, struct str value, struct str account, struct str region)
{
    struct arena *a = arena_new();
    struct feed *f = arena_one(a, struct feed);
    f->arena = a;
    f->h = h;
    f->account = str_dup(a, account);
    f->region = str_dup(a, region);
    f->value = str_dup(a, value);
    f->in_flight_max = IN_FLIGHT_DEFAULT;
    if (wire_record_decode(a, &lambda_rec_Mapping_shape, f->value, &f->mapping) || !opt_bool(f->mapping.Enabled, true)) {
        arena_free(a);
        return;
    }
    if (f->mapping.MaximumConcurrency.set)
        f->in_flight_max = (uint32_t)f->mapping.MaximumConcurrency.v;
    if (mapping_of_stream(&f->mapping))
        lanes_init(f);
    f->next = h->poller->feeds;
    h->poller->feeds = f;
}

/* Reads every mapping of every account and region; the feeds of those that went or changed end when their batches have. */
static int reload(struct op *op, void *ctx)
{
    struct lambda_host *h = ctx;
    struct key from, to;
    op_key(op, &from, &lambda_kind_mappings);
    key_after_prefix(&from, &to);
    for (struct feed *f = h->poller->feeds; f; f = f->next) {
        f->listed = !f->retired;
        f->retired = true;
    }
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value, part[8];
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        bool whole = true;
        key_read_init(&r, key);
        for (int i = 0; i < 8 && whole; i++) /* op, partition, "", "", service, kind, account, region */
            whole = key_read_str(&r, op->arena, &part[i]) == 0;
        if (whole && !keep_feed(h, value, part[6], part[7]))
            add_feed(h, value, part[6], part[7]);
    }
    return scan_end(s);
}

static void drop_retired(struct poller *p)
{
    for (struct feed **at = &p->feeds; *at;) {
        struct feed *f = *at;
        if (f->retired && f->in_flight == 0) {
            *at = f->next;
            arena_free(f->arena);
        } else {
            at = &f->next;
        }
    }
}

/* Whether a batch of an older version of the mapping goes on: it would be read once more. */
static bool predecessor_runs(const struct poller *p, const struct feed *f)
{
    for (const struct feed *o = p->feeds; o; o = o->next)
        if (o != f && o->in_flight && str_eq(o->mapping.UUID, f->mapping.UUID))
            return true;
    return false;
}

/* Unlocks meanwhile: only this thread takes feeds off the list. */
static void start_lanes(struct poller *p, struct feed *f, int64_t now, int64_t *soonest)
{
    struct lane *l;
    if (predecessor_runs(p, f))
        return; /* its end wakes the thread */
    while (!p->stopping && (l = lanes_next(f, now, soonest))) {
        pthread_mutex_unlock(&p->lock);
        lane_start(l);
        pthread_mutex_lock(&p->lock);
    }
}

static void start_due(struct poller *p, int64_t now, int64_t *soonest)
{
    for (struct feed *f = p->feeds; f; f = f->next) {
        if (f->retired)
            continue;
        if (f->lanes)
            start_lanes(p, f, now, soonest);
        else if (f->receiving || f->in_flight >= f->in_flight_max)
            continue;
        else if (f->pause_until_ms > now)
            *soonest = f->pause_until_ms < *soonest ? f->pause_until_ms : *soonest;
        else
            start_receive(f);
    }
}

static void *poller_loop(void *arg)
{
    struct lambda_host *h = arg;
    struct poller *p = h->poller;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (p->reload) {
            p->reload = false;
            cloud_read(h->cloud, STR(""), STR(""), reload, h);
        }
        drop_retired(p);
        int64_t now = clock_mono_ms(), soonest = now + POLL_IDLE_MS;
        p->again = false;
        start_due(p, now, &soonest);
        struct timespec until = { .tv_sec = soonest / 1000, .tv_nsec = soonest % 1000 * 1000000 };
        if (!p->again && !p->reload && !p->stopping)
            pthread_cond_timedwait(&p->changed, &p->lock, &until);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void ask_reload(struct cloud *cloud, void *arg)
{
    struct lambda_host *h = cloud->lambda;
    if (!h || !h->poller)
        return;
    pthread_mutex_lock(&h->poller->lock);
    h->poller->reload = true;
    pthread_cond_signal(&h->poller->changed);
    pthread_mutex_unlock(&h->poller->lock);
}

void lambda_mappings_changed(struct op *op)
{
    op_on_commit(op, ask_reload, NULL);
}

int poller_start(struct lambda_host *h)
{
    struct poller *p = xalloc(sizeof *p);
    pthread_condattr_t attr;
    h->poller = p;
    p->reload = true;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    return pthread_create(&p->thread, NULL, poller_loop, h) ? E_IO : 0;
}

void poller_stop(struct lambda_host *h)
{
    struct poller *p = h->poller;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    for (struct feed *f = p->feeds; f; f = f->next) /* a receive that is woken takes nothing more; the others end with the parking */
        f->retired = true;
}

void poller_free(struct lambda_host *h)
{
    struct poller *p = h->poller;
    if (!p)
        return;
    drop_retired(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}
