/* Event source mappings of streams at work.
 *
 * A lane reads its stream behind its checkpoint, as the function's role, on a snapshot, parked under the stream's ARN while there is nothing new. What it
 * read goes to the function; then the checkpoint moves, and only then does the lane read on. A batch that fails comes again, as it was or in halves
 * (BisectBatchOnFunctionError), until it succeeds or is given up (MaximumRetryAttempts, MaximumRecordAgeInSeconds) and told to OnFailure.
 *   idle --(lane_start)--> reading --(records)--> invoked --(result)--> settling --(checkpoint committed)--> idle
 * How often a batch failed, and its halves, are in memory: after a restart, or a change of the mapping, counting begins anew at the checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/dynamodbstreams.h"
#include "services/lambda/poller.h"
#include "wire/wire.h"

enum { PIECES_MAX = 64, PAYLOAD_BYTES_MAX = LAMBDA_PAYLOAD_BYTES_MAX - 64, SEQUENCE_MAX = 48 };
enum { BACKOFF_MS = 200, BACKOFF_MAX_MS = 30 * 1000, REFUSED_MS = 10 * 1000 /* the stream went, or the right to read it */ };

struct lane {
    struct feed *feed;
    uint32_t number;
    bool busy;
    int64_t pause_until_ms;       /* clock_mono_ms */
    /* from here on the batch's, while there is one */
    char after[SEQUENCE_MAX];     /* what lies up to here is done with, or not for this lane; "": the checkpoint says */
    uint32_t pieces[PIECES_MAX];  /* how many records the next batches have at most, the last one first: what failed before */
    uint32_t n_pieces;
    uint32_t invocations;         /* of the first record behind the checkpoint */
};

struct record {
    struct str sequence, json;
    int64_t at_ms;
};
struct records {
    struct record *v;
    uint32_t n, cap;
    bool set;
};

/* One batch, from the reading to the checkpoint. In its own arena. */
struct batch {
    struct arena *arena, *records_arena; /* the latter is cleared when reading begins anew */
    struct lane *lane;
    struct lambda_rec_Function function;
    struct records records;
    size_t bytes;
    int64_t window_until_ms; /* clock_mono_ms; 0: it has not begun */
    bool expired;            /* its records are too old: they are not invoked */
    /* what became of it */
    struct str request_id;
    uint32_t done, discarded; /* records behind the new checkpoint; how many of them, at the end, were given up */
    uint32_t invocations;
    bool error;              /* of the function, in its answer */
    struct str result;       /* LastProcessingResult; absent: nothing is to be kept */
    int64_t pause_ms;
};

void lanes_init(struct feed *f)
{
    f->in_flight_max = (uint32_t)opt_i64(f->mapping.Factor, 1);
    f->lanes = arena_many(f->arena, struct lane, f->in_flight_max);
    for (uint32_t i = 0; i < f->in_flight_max; i++)
        f->lanes[i] = (struct lane){ .feed = f, .number = i };
}

struct lane *lanes_next(struct feed *f, int64_t now_ms, int64_t *soonest_ms)
{
    for (uint32_t i = 0; i < f->in_flight_max; i++) {
        struct lane *l = &f->lanes[i];
        if (l->busy)
            continue;
        if (l->pause_until_ms <= now_ms) {
            l->busy = true;
            f->in_flight++;
            return l;
        }
        if (l->pause_until_ms < *soonest_ms)
            *soonest_ms = l->pause_until_ms;
    }
    return NULL;
}

static void release(struct batch *b)
{
    struct lane *l = b->lane;
    struct feed *f = l->feed;
    feed_lock(f);
    l->busy = false;
    l->pause_until_ms = clock_mono_ms() + b->pause_ms;
    f->in_flight--;
    feed_unlock(f);
    arena_free(b->records_arena);
    arena_free(b->arena);
}

/* ---- reading: on a snapshot ---- */

/* An event of Lambda: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html#events-sample-dynamodb */
static struct str event_of(struct arena *a, const struct dynamodbstreams_Record *r, struct str stream_arn)
{
    const struct dynamodbstreams_StreamRecord *d = r->dynamodb;
    struct buf b;
    buf_init(&b, a, PAYLOAD_BYTES_MAX);
    buf_printf(&b, "{\"eventID\":\"%.*s\",\"eventName\":\"%.*s\",\"eventVersion\":\"%.*s\",\"eventSource\":\"%.*s\",\"awsRegion\":\"%.*s\",",
               STR_ARG(r->eventID), STR_ARG(r->eventName), STR_ARG(r->eventVersion), STR_ARG(r->eventSource), STR_ARG(r->awsRegion));
    buf_printf(&b, "\"dynamodb\":{\"ApproximateCreationDateTime\":%lld,\"Keys\":", (long long)(d->ApproximateCreationDateTime.v / 1000));
    buf_str(&b, d->Keys);
    if (d->NewImage.p) {
        buf_c(&b, ",\"NewImage\":");
        buf_str(&b, d->NewImage);
    }
    if (d->OldImage.p) {
        buf_c(&b, ",\"OldImage\":");
        buf_str(&b, d->OldImage);
    }
    buf_printf(&b, ",\"SequenceNumber\":\"%.*s\",\"SizeBytes\":%lld,\"StreamViewType\":\"%.*s\"},\"eventSourceARN\":\"%.*s\"", STR_ARG(d->SequenceNumber),
               (long long)d->SizeBytes.v, STR_ARG(d->StreamViewType), STR_ARG(stream_arn));
    if (r->userIdentity)
        buf_printf(&b, ",\"userIdentity\":{\"type\":\"%.*s\",\"principalId\":\"%.*s\"}", STR_ARG(r->userIdentity->Type), STR_ARG(r->userIdentity->PrincipalId));
    buf_byte(&b, '}');
    return buf_done(&b);
}

static bool wanted(struct batch *b, const struct dynamodbstreams_Record *r, struct str json)
{
    const struct feed *f = b->lane->feed;
    if (str_hash(r->dynamodb->Keys) % f->in_flight_max != b->lane->number)
        return false;
    if (!f->mapping.Filters.n)
        return true;
    cJSON *event = cJSON_ParseWithLength(json.p, json.n);
    bool passes = feed_passes(b->records_arena, f, event);
    cJSON_Delete(event);
    return passes;
}

static uint32_t batch_limit(const struct lane *l) { return l->n_pieces ? l->pieces[l->n_pieces - 1] : (uint32_t)l->feed->mapping.BatchSize.v; }

/* False: the batch is full without it. */
static bool take(struct op *op, struct batch *b, const struct dynamodbstreams_Record *r)
{
    struct lane *l = b->lane;
    struct str sequence = r->dynamodb->SequenceNumber;
    int64_t at_ms = r->dynamodb->ApproximateCreationDateTime.v, age_s = opt_i64(l->feed->mapping.RecordAgeSeconds, -1);
    struct str json = event_of(b->records_arena, r, l->feed->mapping.EventSourceArn);
    if (!json.p || !wanted(b, r, json)) {
        if (b->records.n == 0 && sequence.n < SEQUENCE_MAX) {
            memcpy(l->after, sequence.p, sequence.n);
            l->after[sequence.n] = 0;
        }
        return true;
    }
    bool expired = age_s >= 0 && at_ms + age_s * 1000 < op_now_ms(op);
    if (b->records.n == 0)
        b->expired = expired;
    if (b->records.n == batch_limit(l) || (b->records.n && (b->bytes + json.n + 1 > PAYLOAD_BYTES_MAX || b->expired != expired)))
        return false;
    b->bytes += json.n + 1;
    *list_push(b->records_arena, &b->records) = (struct record){ .sequence = str_dup(b->records_arena, sequence), .json = json, .at_ms = at_ms };
    return true;
}

static bool is_trimmed(int rc, const struct op_failure *why) { return rc == E_AWS && str_is(str_c(why->error->name), "TrimmedDataAccessException"); }

/* Where reading begins. What was trimmed before it was read is lost: the next is the trim horizon. */
static int find_place(struct op *op, struct batch *b, const struct principal *who, bool horizon, struct str *ret, struct op_failure *why)
{
    struct lane *l = b->lane;
    const struct lambda_rec_Mapping *m = &l->feed->mapping;
    struct lambda_rec_Checkpoint c = { 0 };
    int rc = checkpoint_get(op, m->UUID, &c);
    if (rc)
        return rc;
    struct str after = l->after[0] ? str_c(l->after) : c.Lanes.n == l->feed->in_flight_max ? c.Lanes.v[l->number] : STR("");
    if (!after.n && c.Start.p && !horizon) {
        *ret = c.Start;
        return 0;
    }
    struct dynamodbstreams_GetShardIterator_in in = { .StreamArn = m->EventSourceArn, .ShardId = c.ShardId, .ShardIteratorType = STR("TRIM_HORIZON") };
    struct dynamodbstreams_GetShardIterator_out out = { 0 };
    if (after.n && !horizon) {
        in.ShardIteratorType = STR("AFTER_SEQUENCE_NUMBER");
        in.SequenceNumber = after;
    }
    rc = cloud_call(op, "dynamodbstreams", "GetShardIterator", who, &in, &out, why);
    if (is_trimmed(rc, why) && !horizon)
        return find_place(op, b, who, true, ret, why);
    *ret = out.ShardIterator;
    return rc;
}

static int gather(struct op *op, struct batch *b, const struct principal *who, struct op_failure *why)
{
    struct str iterator = STR_NONE;
    bool more = true, horizon = false;
    int rc = find_place(op, b, who, false, &iterator, why);
    while (rc == 0 && more) {
        struct dynamodbstreams_GetRecords_in in = { .ShardIterator = iterator };
        struct dynamodbstreams_GetRecords_out out = { 0 };
        rc = cloud_call(op, "dynamodbstreams", "GetRecords", who, &in, &out, why);
        if (is_trimmed(rc, why) && !horizon) {
            horizon = true;
            rc = find_place(op, b, who, true, &iterator, why);
            continue;
        }
        for (uint32_t i = 0; rc == 0 && more && i < out.Records.n; i++)
            more = take(op, b, &out.Records.v[i]);
        more = more && out.Records.n && out.NextShardIterator.p;
        iterator = out.NextShardIterator;
    }
    return rc;
}

static int read_stream(struct op *op, void *ctx)
{
    struct batch *b = ctx;
    struct lane *l = b->lane;
    struct feed *f = l->feed;
    struct lambda_rec_Mapping mapping = { 0 };
    struct op_failure why = { 0 };
    arena_clear(b->records_arena);
    b->records = (struct records){ 0 };
    b->bytes = 0;
    if (f->retired || lambda_mapping_get(op, f->mapping.UUID, &mapping) || !opt_bool(mapping.Enabled, true))
        return E_NOT_FOUND;
    int rc = lambda_function_get(op, f->mapping.FunctionArn, STR_NONE, &b->function);
    if (rc)
        return rc;
    struct principal who = function_principal(op->arena, f->account, b->function.Role, b->function.Name);
    rc = gather(op, b, &who, &why);
    if (rc == E_AWS) {
        b->result = str_printf(b->arena, "PROBLEM: %.*s", STR_ARG(why.message));
        b->pause_ms = REFUSED_MS;
        log_warn("event source mapping %.*s: %s: %.*s", STR_ARG(f->mapping.UUID), why.error->code, STR_ARG(why.message));
    }
    if (rc)
        return rc;
    if (b->records.n == 0)
        return op->timed_out ? E_NOT_FOUND : op_park(op, f->mapping.EventSourceArn, POLL_IDLE_MS);
    int64_t now = clock_mono_ms(), window_ms = f->mapping.WindowSeconds.v * 1000;
    if (!b->window_until_ms)
        b->window_until_ms = now + window_ms;
    bool waits = window_ms && !l->n_pieces && !b->expired && b->records.n < batch_limit(l);
    if (waits && b->window_until_ms > now)
        return op_park(op, f->mapping.EventSourceArn, b->window_until_ms - now);
    return feed_keep_function(b->arena, &b->function);
}

/* ---- settling: in the writer ---- */

/* The lanes' places, also after Factor has changed: then each begins at the least of them, and some records come again. */
static void align_lanes(struct op *op, const struct feed *f, struct lambda_rec_Checkpoint *c)
{
    struct str least = STR("");
    if (c->Lanes.n == f->in_flight_max)
        return;
    for (uint32_t i = 0; i < c->Lanes.n; i++)
        if (i == 0 || str_cmp(c->Lanes.v[i], least) < 0)
            least = c->Lanes.v[i];
    c->Lanes = (struct str_list){ 0 };
    for (uint32_t i = 0; i < f->in_flight_max; i++)
        str_list_add(op->arena, &c->Lanes, least);
}

/* https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
static struct str discard_record(struct op *op, const struct batch *b, struct str shard)
{
    const struct record *first = &b->records.v[b->done - b->discarded], *last = &b->records.v[b->done - 1];
    const struct feed *f = b->lane->feed;
    struct buf e;
    buf_init(&e, op->arena, LIMIT_KEY_BYTES);
    buf_printf(&e, "{\"requestContext\":{\"requestId\":\"%.*s\",\"functionArn\":\"%.*s\",\"condition\":\"%s\",\"approximateInvokeCount\":%u},",
               STR_ARG(b->request_id), STR_ARG(f->mapping.FunctionArn), b->expired ? "RecordAgeExceeded" : "RetryAttemptsExhausted", b->invocations);
    if (!b->expired)
        buf_printf(&e, "\"responseContext\":{\"statusCode\":200,\"executedVersion\":\"%.*s\",\"functionError\":%s},",
                   STR_ARG(lambda_version(op->arena, &b->function)), b->error ? "\"Unhandled\"" : "null");
    buf_printf(&e, "\"version\":\"1.0\",\"timestamp\":\"%.*s\",\"DDBStreamBatchInfo\":{\"shardId\":\"%.*s\",\"startSequenceNumber\":\"%.*s\",",
               STR_ARG(time_iso8601_ms(op->arena, op_now_ms(op))), STR_ARG(shard), STR_ARG(first->sequence));
    buf_printf(&e, "\"endSequenceNumber\":\"%.*s\",\"approximateArrivalOfFirstRecord\":\"%.*s\",\"approximateArrivalOfLastRecord\":\"%.*s\",",
               STR_ARG(last->sequence), STR_ARG(time_iso8601(op->arena, first->at_ms)), STR_ARG(time_iso8601(op->arena, last->at_ms)));
    buf_printf(&e, "\"batchSize\":%u,\"streamArn\":\"%.*s\"}}", b->discarded, STR_ARG(f->mapping.EventSourceArn));
    return buf_done(&e);
}

static int settle(struct op *op, void *ctx)
{
    struct batch *b = ctx;
    struct feed *f = b->lane->feed;
    struct lambda_rec_Checkpoint c = { 0 };
    int rc = checkpoint_get(op, f->mapping.UUID, &c);
    if (rc || (b->done == 0 && str_eq(c.LastResult, b->result)))
        return rc == E_NOT_FOUND ? 0 : rc; /* the mapping went */
    align_lanes(op, f, &c);
    if (b->done)
        c.Lanes.v[b->lane->number] = b->records.v[b->done - 1].sequence;
    c.LastResult = b->result;
    rc = checkpoint_put(op, f->mapping.UUID, &c);
    if (rc == 0 && b->discarded && f->mapping.OnFailure.p)
        rc = destination_send(op, f->mapping.OnFailure, discard_record(op, b, c.ShardId), &b->function);
    return rc;
}

static void settled(struct cloud *cloud, void *ctx, int rc)
{
    struct batch *b = ctx;
    if (rc)
        b->pause_ms = POLL_RETRY_MS;
    else if (b->done)
        memcpy(b->lane->after, b->records.v[b->done - 1].sequence.p, b->records.v[b->done - 1].sequence.n + 1);
    release(b);
}

static void finish(struct cloud *cloud, struct batch *b)
{
    if (!b->result.p || cloud_run(cloud, b->lane->feed->account, b->lane->feed->region, settle, settled, b))
        release(b);
}

/* ---- after the invocation ---- */

/* The first record that is not done with. */
static uint32_t first_failed(struct batch *b, const struct lambda_result *r)
{
    struct str_list failed = { 0 };
    uint32_t first = b->records.n;
    if (r->rc || r->error.p)
        return 0;
    if (!opt_bool(b->lane->feed->mapping.ReportFailures, false))
        return first;
    feed_failures(b->arena, r->payload, &failed);
    if (failed.n > b->records.n)
        return 0; /* more than there are: as if one were none of the batch */
    for (uint32_t i = 0; i < failed.n; i++) {
        uint32_t k = 0;
        while (k < b->records.n && !str_eq(b->records.v[k].sequence, failed.v[i]))
            k++;
        if (k == b->records.n)
            return 0; /* none of the batch: all of it failed, as on AWS */
        if (k < first)
            first = k;
    }
    return first;
}

static void fail(struct batch *b, uint32_t rest)
{
    struct lane *l = b->lane;
    const struct lambda_rec_Mapping *m = &l->feed->mapping;
    int64_t retries = opt_i64(m->RetryAttempts, -1);
    b->result = STR("PROBLEM: Function call failed");
    b->invocations = ++l->invocations;
    if (opt_bool(m->Bisect, false) && rest > 1 && retries != 0 && l->n_pieces + 2 <= PIECES_MAX) {
        l->pieces[l->n_pieces++] = rest - rest / 2;
        l->pieces[l->n_pieces++] = rest / 2;
        l->invocations = 0; /* halving takes none of the attempts */
        return;
    }
    if (retries >= 0 && l->invocations > retries) {
        b->done += rest;
        b->discarded = rest;
        l->invocations = 0;
        return;
    }
    l->pieces[l->n_pieces++] = rest;
    b->pause_ms = l->invocations > 8 ? BACKOFF_MAX_MS : BACKOFF_MS << (l->invocations - 1);
}

static void invoked(struct cloud *cloud, void *ctx, const struct lambda_result *r)
{
    struct batch *b = ctx;
    struct lane *l = b->lane;
    if (r->rc == E_BUSY || r->rc == E_CLOSED) { /* throttled: no attempt */
        b->pause_ms = POLL_RETRY_MS;
        release(b);
        return;
    }
    b->done = first_failed(b, r);
    b->error = r->error.p;
    b->result = STR("OK");
    l->n_pieces -= l->n_pieces > 0;
    if (b->done)
        l->invocations = 0;
    if (b->done < b->records.n)
        fail(b, b->records.n - b->done);
    finish(cloud, b);
}

static struct str payload_of(struct batch *b)
{
    struct buf e;
    buf_init(&e, b->arena, LAMBDA_PAYLOAD_BYTES_MAX);
    buf_c(&e, "{\"Records\":[");
    for (uint32_t i = 0; i < b->records.n; i++) {
        if (i)
            buf_byte(&e, ',');
        buf_str(&e, b->records.v[i].json);
    }
    buf_c(&e, "]}");
    return buf_done(&e);
}

static void was_read(struct cloud *cloud, void *ctx, int rc)
{
    struct batch *b = ctx;
    struct lane *l = b->lane;
    b->request_id = random_uuid(b->arena);
    if (rc) {
        if (!b->pause_ms && rc != E_NOT_FOUND)
            b->pause_ms = POLL_RETRY_MS;
        finish(cloud, b);
        return;
    }
    if (b->expired) {
        b->done = b->discarded = b->records.n;
        b->invocations = l->invocations;
        b->result = STR("OK");
        l->n_pieces = l->invocations = 0;
        finish(cloud, b);
        return;
    }
    struct str payload = payload_of(b);
    struct host_call call = { .arn = l->feed->mapping.FunctionArn, .id = b->request_id, .payload = payload };
    rc = payload.p ? host_invoke(cloud, l->feed->account, l->feed->region, &b->function, &call, invoked, b) : E_LIMIT;
    if (rc) {
        struct lambda_result r = { .rc = rc };
        invoked(cloud, b, &r);
    }
}

void lane_start(struct lane *l)
{
    struct arena *a = arena_new();
    struct batch *b = arena_one(a, struct batch);
    *b = (struct batch){ .arena = a, .records_arena = arena_new(), .lane = l };
    cloud_ask(l->feed->h->cloud, l->feed->account, l->feed->region, NULL, read_stream, was_read, b);
}
