/* Invoke, in its three ways. RequestResponse parks until the environment answered. Event is accepted with a record and run by a job; its record
 * goes when it ran, or was given up. DryRun only asks whether one may. */
#include <string.h>

#include "aws/arn.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "gen/sqs.h"
#include "services/lambda/host.h"
#include "wire/wire.h"

enum { WAIT_MS = 24 * 3600 * 1000, RETRIES = 2, EVENT_AGE_S = 6 * 3600, RERUN_SLACK_MS = 5 * 60 * 1000, WAKE_KEY_BYTES = 64 };

static struct str wake_copy(char room[WAKE_KEY_BYTES], struct str key)
{
    size_t n = key.n < WAKE_KEY_BYTES ? key.n : WAKE_KEY_BYTES;
    memcpy(room, key.p, n);
    return (struct str){ room, n };
}

/* ---- RequestResponse ---- */

/* Between the runs of a parked Invoke. Two hold it, the operation and the host: whoever lets go last releases it (an operation may end
 * first: API Gateway waits 30 s at most). */
struct wait {
    struct arena *arena;      /* its own */
    struct str wake_key, version;
    struct lambda_result result;
    _Atomic bool done;
    _Atomic int holders;
};

static void let_go(void *arg)
{
    struct wait *w = arg;
    if (--w->holders == 0)
        arena_free(w->arena);
}

static void answered(struct cloud *cloud, void *ctx, const struct lambda_result *r)
{
    struct wait *w = ctx;
    w->result = (struct lambda_result){ .rc = r->rc, .error = r->error, .payload = str_dup(w->arena, r->payload),
                                        .refusal = r->refusal, .message = str_dup(w->arena, r->message),
                                        .log_tail = str_dup(w->arena, r->log_tail) };
    char key[WAKE_KEY_BYTES]; /* once done is set, w may be gone */
    struct str wake = wake_copy(key, w->wake_key);
    w->done = true;
    let_go(w);
    cloud_wake(cloud, wake);
}

static int throttled(struct op *op, int rc)
{
    if (rc == E_BUSY)
        return aws_fail(op, LAMBDA_TooManyRequestsException, "Rate Exceeded.");
    if (rc == E_UNSUPPORTED)
        return aws_fail(op, LAMBDA_ServiceException, "strata cannot run functions here; `strata status` says why");
    return rc;
}

static int finish_wait(struct op *op, const struct lambda_Invoke_in *in, const struct wait *w, struct lambda_Invoke_out *out)
{
    if (w->result.rc == E_AWS)
        return aws_fail(op, w->result.refusal, "%.*s", STR_ARG(w->result.message));
    if (w->result.rc)
        return throttled(op, w->result.rc);
    out->StatusCode = SOME_I64(200);
    out->Payload = w->result.payload;
    out->FunctionError = w->result.error;
    out->ExecutedVersion = w->version;
    if (str_is(in->LogType, "Tail"))
        out->LogResult = base64_encode(op->arena, w->result.log_tail.p, w->result.log_tail.n);
    return 0;
}

static int invoke_and_wait(struct op *op, const struct lambda_Invoke_in *in, const struct lambda_target *t, struct str context)
{
    struct arena *a = arena_new();
    struct wait *w = arena_one(a, struct wait);
    w->arena = a;
    w->wake_key = str_printf(a, "lambda/invoke/%.*s", STR_ARG(op->request_id));
    w->version = lambda_version(a, &t->function);
    w->holders = 2;
    arena_defer(op->arena, let_go, w);
    op->state = w;
    struct str key = str_dup(op->arena, w->wake_key);
    struct host_call call = { .arn = t->arn, .payload = in->Payload, .client_context = context,
                              .id = op->parent ? random_uuid(a) : op->request_id }; /* what AWS answers is what the function sees and its log says */
    int rc = host_invoke(op->cloud, op->account, op->region, &t->function, &call, answered, w);
    if (rc)
        let_go(w);
    return rc ? throttled(op, rc) : op_park(op, key, WAIT_MS);
}

/* ---- Event ---- */

static void event_key(struct op *op, struct key *k, struct str id)
{
    op_key(op, k, &lambda_kind_event);
    key_str(k, id);
}

static int accept(struct op *op, struct lambda_rec_Event *e)
{
    struct key k;
    if (!e->Id.p)
        e->Id = random_uuid(op->arena);
    e->AcceptedMs = SOME_I64(op_now_ms(op));
    event_key(op, &k, e->Id);
    int rc = op_rec_put(op, &k, &lambda_rec_Event_shape, e);
    return rc ? rc : op_outbox(op, "lambda.event", e->Id);
}

/* An Invoke over HTTP runs on a snapshot: the record is written by an operation of its own, and the answer follows its commit. */
struct acceptance {
    struct lambda_rec_Event event;
    struct str wake_key;
    _Atomic bool done;
    int rc;
};

static int accept_task(struct op *op, void *ctx)
{
    struct lambda_rec_Event e = ((struct acceptance *)ctx)->event;
    return accept(op, &e);
}

static void accept_done(struct cloud *cloud, void *ctx, int rc)
{
    struct acceptance *a = ctx;
    char key[WAKE_KEY_BYTES];
    struct str wake = wake_copy(key, a->wake_key);
    a->rc = rc;
    a->done = true;
    cloud_wake(cloud, wake);
}

static int invoke_event(struct op *op, const struct lambda_Invoke_in *in, const struct lambda_target *t, struct str context)
{
    if (in->Payload.n > LAMBDA_EVENT_BYTES_MAX)
        return aws_fail(op, LAMBDA_RequestTooLargeException, "%zu byte payload is too large for the Event invocation type (limit %d bytes)",
                        in->Payload.n, LAMBDA_EVENT_BYTES_MAX);
    struct lambda_rec_Event e = { .FunctionName = t->ref.name, .Qualifier = t->ref.qualifier, .Payload = opt_str(in->Payload, STR("")),
                                  .ClientContext = context };
    if (txn_is_write(op->txn))
        return accept(op, &e);
    struct acceptance *a = arena_one(op->arena, struct acceptance);
    a->event = e;
    a->event.Id = op->request_id;
    a->wake_key = str_printf(op->arena, "lambda/accept/%.*s", STR_ARG(op->request_id));
    op->state = a;
    int rc = cloud_run(op->cloud, op->account, op->region, accept_task, accept_done, a);
    return rc ? rc : op_park(op, a->wake_key, WAIT_MS);
}

/* ---- the operation ---- */

static int check(struct op *op, const struct lambda_Invoke_in *in, struct str *ret_context)
{
    *ret_context = STR_NONE;
    if (in->Payload.n > LAMBDA_PAYLOAD_BYTES_MAX)
        return aws_fail(op, LAMBDA_RequestTooLargeException, "Request must be smaller than 6291556 bytes for the InvokeFunction operation");
    if (in->DurableExecutionName.p || in->TenantId.p)
        return aws_unsupported(op, "DurableExecutionName or TenantId");
    struct str why;
    if (in->Payload.n && wire_json_check(op->arena, in->Payload, &why))
        return aws_fail(op, LAMBDA_InvalidRequestContentException, "Could not parse request body into json: %.*s", STR_ARG(why));
    if (in->ClientContext.p && base64_decode(op->arena, in->ClientContext, ret_context))
        return aws_fail(op, LAMBDA_InvalidRequestContentException, "Client context must be a valid Base64-encoded JSON object.");
    return 0;
}

int lambda_Invoke(struct op *op, const struct lambda_Invoke_in *in, struct lambda_Invoke_out *out)
{
    struct lambda_target t;
    struct str context;
    bool event = str_is(in->InvocationType, "Event");
    if (op->state && event) {
        struct acceptance *a = op->state;
        out->StatusCode = SOME_I64(202);
        return a->done ? a->rc : op_park(op, a->wake_key, WAIT_MS);
    }
    if (op->state) {
        struct wait *w = op->state;
        return w->done ? finish_wait(op, in, w, out) : op_park(op, w->wake_key, WAIT_MS);
    }
    int rc = check(op, in, &context);
    if (!rc)
        rc = lambda_target_get(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    if (str_is(in->InvocationType, "DryRun")) {
        out->StatusCode = SOME_I64(204);
        return 0;
    }
    if (event) {
        out->StatusCode = SOME_I64(202);
        return invoke_event(op, in, &t, context);
    }
    rc = lambda_target_route(op, &t);
    return rc ? rc : invoke_and_wait(op, in, &t, context);
}

/* ---- accepted events ---- */

/* A running event: from the job to its end. */
struct running {
    struct arena *arena;
    struct str account, region, id, version, payload, error;
    bool failed, busy;
};

static int settle(struct op *op, void *ctx);

static void settled(struct cloud *cloud, void *ctx, int rc)
{
    arena_free(((struct running *)ctx)->arena);
}

static void event_ran(struct cloud *cloud, void *ctx, const struct lambda_result *r)
{
    struct running *run = ctx;
    run->busy = r->rc == E_BUSY;
    run->failed = r->rc != 0 || r->error.p;
    run->error = str_dup(run->arena, r->error);
    run->payload = str_dup(run->arena, r->payload);
    /* When strata stops meanwhile the record stays, and its timer runs it again after the next start. */
    if (r->rc == E_CLOSED || cloud_run(cloud, run->account, run->region, settle, settled, run))
        arena_free(run->arena);
}

struct launch {
    struct str account, region, id;
    struct lambda_target target;
    struct lambda_rec_Event event;
};

/* After the job's commit. */
static void launch_event(struct cloud *cloud, void *arg)
{
    struct launch *l = arg;
    struct arena *a = arena_new();
    struct running *run = arena_one(a, struct running);
    *run = (struct running){ .arena = a, .account = str_dup(a, l->account), .region = str_dup(a, l->region), .id = str_dup(a, l->id),
                              .version = lambda_version(a, &l->target.function) };
    struct host_call call = { .arn = l->target.arn, .id = l->id, .payload = l->event.Payload, .client_context = l->event.ClientContext };
    int rc = host_invoke(cloud, l->account, l->region, &l->target.function, &call, event_ran, run);
    if (rc) {
        struct lambda_result r = { .rc = rc };
        event_ran(cloud, run, &r);
    }
}

int lambda_job_event(struct op *op, struct str payload)
{
    struct launch *l = arena_one(op->arena, struct launch);
    struct key k;
    event_key(op, &k, payload);
    int rc = op_rec_get(op, &k, &lambda_rec_Event_shape, &l->event);
    if (rc == E_NOT_FOUND)
        return 0;
    if (rc)
        return rc;
    rc = lambda_target_find(op, l->event.FunctionName, l->event.Qualifier, &l->target);
    if (rc == E_NOT_FOUND) /* the function went: nobody is left to run it */
        return op_rec_delete(op, &k);
    if (!rc)
        rc = lambda_target_route(op, &l->target);
    if (rc)
        return rc;
    l->account = op->account;
    l->region = op->region;
    l->id = str_dup(op->arena, payload);
    op_on_commit(op, launch_event, l);
    /* Should strata die while it runs, this runs it again: at least once. */
    return op_timer_set(op, "lambda.event", l->id, op_now_ms(op) + l->target.function.Timeout.v * 1000 + RERUN_SLACK_MS, l->id);
}

static struct str destination_record(struct op *op, const struct running *run, const struct lambda_rec_Event *e, const struct lambda_target *t)
{
    struct buf b;
    buf_init(&b, op->arena, 16 * 1024 * 1024);
    buf_printf(&b, "{\"version\":\"1.0\",\"timestamp\":\"%.*s\",\"requestContext\":{\"requestId\":\"%.*s\",\"functionArn\":\"%.*s%s\",\"condition\":\"%s\","
                   "\"approximateInvokeCount\":%lld},\"requestPayload\":",
               STR_ARG(time_iso8601_ms(op->arena, op_now_ms(op))), STR_ARG(run->id), STR_ARG(t->arn), t->ref.qualifier.p ? "" : ":$LATEST",
               run->failed ? "RetriesExhausted" : "Success", (long long)opt_i64(e->Attempts, 0) + 1);
    buf_str(&b, e->Payload.n ? e->Payload : STR("null"));
    buf_printf(&b, ",\"responseContext\":{\"statusCode\":200,\"executedVersion\":\"%.*s\"%s},\"responsePayload\":", STR_ARG(run->version),
               run->failed ? ",\"functionError\":\"Unhandled\"" : "");
    buf_str(&b, run->payload.n ? run->payload : STR("null"));
    buf_byte(&b, '}');
    return buf_done(&b);
}

static int give_up_or_retry(struct op *op, struct running *run, struct lambda_rec_Event *e, struct lambda_target *t)
{
    const struct lambda_rec_Function *f = &t->function;
    struct lambda_event_config c = lambda_event_config(t);
    struct key k;
    int64_t attempts = opt_i64(e->Attempts, 0) + (run->busy ? 0 : 1);
    int64_t age_ms = op_now_ms(op) - e->AcceptedMs.v;
    event_key(op, &k, run->id);
    if (attempts <= opt_i64(*c.retries, RETRIES) && age_ms < opt_i64(*c.age_s, EVENT_AGE_S) * 1000) {
        e->Attempts = SOME_I64(attempts);
        int rc = op_rec_put(op, &k, &lambda_rec_Event_shape, e);
        int64_t pause_ms = run->busy ? 1000 : attempts * 60 * 1000; /* one minute, then two */
        return rc ? rc : op_timer_set(op, "lambda.event", run->id, op_now_ms(op) + pause_ms, run->id);
    }
    int rc = 0;
    if (c.on_failure->n)
        rc = destination_send(op, *c.on_failure, destination_record(op, run, e, t), f);
    else if (f->DeadLetter.n)
        rc = destination_send(op, f->DeadLetter, e->Payload, f);
    return rc ? rc : op_rec_delete(op, &k);
}

static int settle(struct op *op, void *ctx)
{
    struct running *run = ctx;
    struct lambda_rec_Event e = { 0 };
    struct lambda_target t;
    struct key k;
    event_key(op, &k, run->id);
    int rc = op_timer_cancel(op, "lambda.event", run->id);
    if (!rc)
        rc = op_rec_get(op, &k, &lambda_rec_Event_shape, &e);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    rc = lambda_target_find(op, e.FunctionName, e.Qualifier, &t);
    if (rc == E_NOT_FOUND)
        return op_rec_delete(op, &k);
    if (rc)
        return rc;
    if (run->failed)
        return give_up_or_retry(op, run, &e, &t);
    struct lambda_event_config c = lambda_event_config(&t);
    if (c.on_success->n)
        rc = destination_send(op, *c.on_success, destination_record(op, run, &e, &t), &t.function);
    return rc ? rc : op_rec_delete(op, &k);
}

int destination_send(struct op *op, struct str destination, struct str body, const struct lambda_rec_Function *f)
{
    struct arn arn;
    if (arn_parse(destination, &arn))
        return 0;
    struct principal who = function_principal(op->arena, op->account, f->Role, f->Name);
    struct op_failure why = { 0 };
    int rc = E_UNSUPPORTED;
    if (str_is(arn.service, "sqs")) {
        struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &arn), .MessageBody = body };
        struct sqs_SendMessage_out out = { 0 };
        rc = cloud_call(op, "sqs", "SendMessage", &who, &in, &out, &why);
    } else if (str_is(arn.service, "lambda")) {
        struct lambda_Invoke_in in = { .FunctionName = destination, .InvocationType = STR("Event"), .Payload = body };
        struct lambda_Invoke_out out = { 0 };
        rc = cloud_call(op, "lambda", "Invoke", &who, &in, &out, &why);
    }
    if (rc == E_AWS || rc == E_UNSUPPORTED) { /* as on AWS the event is lost when its destination refuses it, and the log says so */
        log_warn("event for %.*s: its destination %.*s refused it: %.*s", STR_ARG(f->Name), STR_ARG(destination), STR_ARG(why.message));
        return 0;
    }
    return rc;
}
