/* The life of an AWS request, one screen: `stages` below. A stage returns 0, or E_AWS with op.fail set, or another enum err.
 *
 * Everything up to `authorize` runs on a snapshot in the HTTP thread; only an allowed request reaches the writer. A streamed body (S3)
 * passes the first stages before its first byte is read, and goes to a file meanwhile; then the request is decoded again with its trailers. */
#include "cloud/pipeline.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "aws/error.h"
#include "base/log.h"
#include "cloud/authorize.h"
#include "cloud/body.h"
#include "cloud/call.h"
#include "cloud/metrics.h"
#include "cloud/task.h"
#include "wire/wire.h"

struct request {
    struct task task; /* first; holds op */
    struct exchange *x;
    int64_t begun_us; /* clock_mono_us */
    struct wire_route route;
    struct sigv4 sig;  /* what the headers claim */
    const struct principal *known; /* NULL: they are to prove it */
    int sig_malformed; /* what sigv4_parse answered */
    struct body *body; /* of a streamed or chunked request, or NULL */
    bool body_is_whole;
    struct header_list cross_origin; /* of every answer, refusals too */
    uint64_t epoch; /* of the policies that allowed it */
    void *in, *out;
    struct answer answer;
};

static void *zeroed(struct arena *a, const struct shape *s)
{
    return arena_alloc(a, s ? s->size : 1);
}

static void reply_error(struct request *r, int rc);

/* The last of every request. */
static void answer(struct request *r, int rc)
{
    call_ended(&r->task.op, r->in, r->out, rc);
    metrics_count(r->task.op.cloud->metrics, r->task.op.row, r->answer.status, clock_mono_us() - r->begun_us);
    exchange_reply(r->x, &r->answer);
}

/* ---- stages ---- */

static int route(struct request *r)
{
    struct op *op = &r->task.op;
    int rc = wire_route(r->x, r->sig.present ? r->sig.service : STR_NONE, r->body_is_whole, &r->route);
    op->row = r->route.row;
    op->protocol = r->route.protocol;
    op->region = r->sig.present && r->sig.region.p ? r->sig.region : opt_str(r->route.region, str_c(op->cloud->config.region));
    if (r->route.service && r->route.service->cross_origin && exchange_header(r->x, "Origin").p)
        r->route.service->cross_origin(op, r->x, &r->route, &r->cross_origin);
    if (r->sig_malformed) /* said again now that it is known how the client speaks */
        return sigv4_parse(op, r->x, &r->sig);
    if (rc == 0 && r->route.row)
        return 0;
    if (rc == E_UNSUPPORTED)
        return aws_fail(op, AWS_NotImplemented, "strata does not implement %s:%.*s", r->route.service->name, STR_ARG(r->route.operation));
    if (r->route.service && r->route.protocol == PROTO_REST_XML)
        return aws_fail(op, AWS_MethodNotAllowed, "The specified method is not allowed against this resource.");
    if (r->route.service && r->route.protocol == PROTO_QUERY)
        return aws_fail(op, AWS_InvalidAction, "Could not find operation %.*s for version %.*s", STR_ARG(r->route.operation),
                        STR_ARG(opt_str(str_map_get(&r->route.params, STR("Version")), STR("NO_VERSION_SPECIFIED"))));
    if (r->route.service)
        return aws_fail(op, AWS_UnknownOperation, "Could not find operation %.*s for %s", STR_ARG(r->route.operation), r->route.service->name);
    if (r->sig.present)
        return aws_fail(op, AWS_NotImplemented, "strata does not serve %.*s", STR_ARG(r->sig.service));
    return aws_fail(op, AWS_UnknownOperation, "No AWS service answers %.*s %.*s", STR_ARG(r->x->method), STR_ARG(r->x->target));
}

static int authenticate(struct request *r)
{
    struct op *op = &r->task.op;
    int rc = 0;
    if (r->known) {
        op->caller = r->known;
        op->account = opt_str(r->known->account, op->account);
    } else {
        rc = auth_authenticate(op, r->x, &r->sig, r->body_is_whole);
    }
    if (rc == 0 && op->caller->kind == PRINCIPAL_ANONYMOUS && !op->row->anonymous)
        return aws_fail(op, AWS_MissingAuthenticationToken, "Missing Authentication Token");
    return rc;
}

/* aws-chunked framing of a body that was collected whole. */
static int unwrap(struct request *r)
{
    if (!r->body_is_whole || r->body || r->sig.payload < PAYLOAD_CHUNKED_SIGNED)
        return 0;
    return body_unwrap(&r->task.op, r->x, &r->sig);
}

static int decode(struct request *r)
{
    struct op *op = &r->task.op;
    if (!op->row->in)
        return 0;
    struct str why = STR("");
    r->in = zeroed(op->arena, op->row->in);
    int rc = wire_decode(r->x, &r->route, r->in, &why);
    if (rc == E_INVALID || rc == E_LIMIT)
        return aws_fail(op, op->protocol == PROTO_REST_XML ? AWS_MalformedXML : AWS_SerializationException, "%.*s", STR_ARG(why));
    return rc;
}

static int validate(struct request *r)
{
    return aws_validate(&r->task.op, r->in);
}

static int authorize(struct request *r)
{
    struct op *op = &r->task.op;
    if (op->row->txn == OP_RW) /* who reads only has run when a policy changes */
        r->epoch = auth_epoch(op);
    return op_authorize(op, r->in);
}

static int (*const stages[])(struct request *r) = { route, authenticate, unwrap, decode, validate, authorize };

static int run_stages(struct request *r)
{
    struct op *op = &r->task.op;
    struct txn *snapshot = task_snapshot(&r->task);
    op->txn = snapshot;
    op->now_ms = clock_now_ms(op->cloud->clock);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof stages / sizeof *stages; i++)
        rc = stages[i](r);
    int err = txn_take_error(op->txn);
    if (err < 0)
        rc = err;
    op->txn = NULL;
    if (rc == 0 && r->body_is_whole && op->row->txn == OP_RO)
        r->task.snapshot = snapshot; /* what was allowed on it reads it, too */
    else
        txn_end(snapshot);
    return rc;
}

/* ---- execution ---- */

/* The streamed body of an answer: a file is opened now, so that a later deletion cannot take it away. */
static int attach_stream(struct request *r)
{
    struct op *op = &r->task.op;
    struct blob **stream = op->row->stream_out ? wire_stream(op->row->out, r->out) : NULL;
    struct blob *b = stream ? *stream : NULL;
    if (!b)
        return 0;
    r->answer.content_length = b->bytes;
    if (!b->id.p) {
        r->answer.body = str_dup(op->arena, str_sub(b->data, (size_t)b->offset, (size_t)b->bytes));
        return 0;
    }
    if (str_is(r->x->method, "HEAD"))
        return 0;
    if (b->sealed)
        return blob_source(op->cloud->blobs, b, &r->answer.source);
    int fd = blob_open(op->cloud->blobs, b->id, b->offset + b->bytes);
    if (fd < 0)
        return fd;
    r->answer.fd = fd;
    r->answer.fd_offset = b->offset;
    r->answer.fd_bytes = b->bytes;
    return 0;
}

/* http writes Content-Length itself; what an operation says (HeadObject) tells it. */
static void lift_length(struct answer *a)
{
    for (uint32_t i = 0; i < a->headers.n; i++) {
        if (!str_eq_nocase(a->headers.v[i].name, STR("content-length")))
            continue;
        if (a->content_length < 0)
            str_to_i64(a->headers.v[i].value, &a->content_length);
        a->headers.v[i] = a->headers.v[--a->headers.n];
        return;
    }
}

static void add_headers(struct request *r)
{
    struct op *op = &r->task.op;
    for list_each(h, &r->cross_origin)
        *list_push(op->arena, &r->answer.headers) = *h;
    for list_each(h, &op->reply_headers)
        *list_push(op->arena, &r->answer.headers) = *h;
}

static int execute(struct task *t)
{
    struct request *r = (struct request *)t;
    struct op *op = &t->op;
    if (r->x->gone && !op->state) /* it waited longer than its client: nothing is done for nobody. What state points to may be another thread's, too */
        return E_CLOSED;
    if (t->txn == OP_RW && auth_epoch(op) != r->epoch) { /* a policy changed since: decide again */
        int rc = authorize(r);
        if (rc)
            return rc;
    }
    r->out = zeroed(op->arena, op->row->out);
    static const char nothing[64];
    int rc = op->row->run(op, r->in ? r->in : nothing, r->out);
    if (rc)
        return rc;
    /* Encoded before the commit: encoding may fail, and then nothing has happened. */
    answer_init(&r->answer, op->row->status);
    rc = wire_encode(op->arena, op->protocol, op->row, r->out, op->request_id, &r->answer);
    if (rc == 0)
        rc = attach_stream(r);
    lift_length(&r->answer);
    if (rc == 0)
        add_headers(r);
    if (op->reply_status)
        r->answer.status = op->reply_status;
    return rc ? rc : call_committing(op, r->in, r->out);
}

static void finish(struct task *t, int rc)
{
    struct request *r = (struct request *)t;
    body_settle(r->body, rc == 0 || t->in_doubt);
    if (rc)
        reply_error(r, rc);
    else
        answer(r, 0);
}

/* What an error of our own looks like to the client. */
static void word_failure(struct op *op, int rc)
{
    switch (rc) {
    case E_AWS:
        return;
    case E_BUSY:
    case E_LIMIT: {
        const struct aws_error *own = op->row ? op->row->service->throttled : NULL;
        aws_fail(op, own ? own : AWS_Throttling, op->protocol == PROTO_REST_XML ? "Please reduce your request rate." : "Rate exceeded");
        return;
    }
    case E_CLOSED:
        aws_fail(op, AWS_ServiceUnavailable, "strata is stopping");
        return;
    case E_NO_SPACE:
        aws_fail(op, AWS_ServiceUnavailable, "strata's disk is full: nothing was written");
        return;
    default:
        if (cloud_read_only(op->cloud))
            aws_fail(op, AWS_ServiceUnavailable, "strata could not write to its disk and writes nothing any more: restart strata when the disk is sound and has room");
        else
            aws_fail(op, AWS_InternalFailure, "An internal error occurred");
    }
}

/* One line a failure of our own; but of those that come in crowds, while there is too little of something, one line a second for each kind. */
static void log_failure(const struct request *r, int rc)
{
    const struct op *op = &r->task.op;
    struct untold *u = &op->cloud->untold[-rc % UNTOLD_KINDS];
    uint64_t more = 0;
    if (rc == E_BUSY || rc == E_LIMIT || rc == E_CLOSED || rc == E_NO_SPACE || cloud_read_only(op->cloud)) {
        int64_t now_ms = clock_mono_ms(), told_ms = atomic_load(&u->told_ms);
        if ((told_ms && now_ms - told_ms < UNTOLD_MS) || !atomic_compare_exchange_strong(&u->told_ms, &told_ms, now_ms)) {
            atomic_fetch_add(&u->n, 1);
            return;
        }
        more = atomic_exchange(&u->n, 0);
    }
    log_warn("%.*s %s %.*s: %s: %.*s%s", STR_ARG(op->request_id), op->row ? op->row->name : "?", STR_ARG(r->x->target), err_name(rc), STR_ARG(op->fail.message),
             more ? str_printf(op->arena, " (and %llu more since the last line of its kind)", (unsigned long long)more).p : "");
}

static void reply_error(struct request *r, int rc)
{
    struct op *op = &r->task.op;
    word_failure(op, rc);
    answer_drop(&r->answer); /* it came so far, and was not committed */
    if (rc != E_AWS && !r->x->gone)
        log_failure(r, rc);
    struct wire_failure f = {
        .error = op->fail.error, .message = op->fail.message, .detail = op->fail.detail,
    };
    answer_init(&r->answer, f.error->status);
    wire_encode_error(op->arena, op->protocol, r->route.service, &f, op->request_id, str_is(r->x->method, "HEAD"), &r->answer);
    add_headers(r);
    answer(r, rc);
}

static void start(struct request *r)
{
    struct task *t = &r->task;
    t->txn = t->op.row->txn;
    t->run = execute;
    t->finish = finish;
    int rc = task_start(t);
    if (rc)
        finish(t, rc);
}

/* ---- the door ---- */

static struct request *request_new(struct cloud *cloud, struct exchange *x)
{
    struct request *r = arena_one(x->arena, struct request);
    r->x = x;
    r->begun_us = clock_mono_us();
    r->answer.fd = -1;
    op_init(&r->task.op, cloud, x->arena, STR(""), str_c(cloud->config.region));
    r->task.op.http = x;
    x->door_state = r;
    return r;
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    struct cloud *cloud = ctx;
    struct request *r = request_new(cloud, x);
    struct wire_route first;
    r->sig_malformed = sigv4_parse(&r->task.op, x, &r->sig);
    bool streams = r->sig_malformed == 0 && wire_route(x, r->sig.present ? r->sig.service : STR_NONE, false, &first) == 0 && first.row &&
                   first.row->stream_in;
    if (!streams) {
        *max_bytes = LIMIT_BODY_BYTES;
        return BODY_WHOLE;
    }
    int rc = run_stages(r);
    if (rc == 0)
        rc = body_receive(&r->task.op, x, &r->sig, &r->body, sink);
    if (rc == 0)
        return BODY_SINK;
    reply_error(r, rc);
    return BODY_NONE;
}

/* After the last byte: the digests are known, trailers count as headers, and the operation gets the body as a blob. */
static int finish_stream(struct request *r)
{
    struct op *op = &r->task.op;
    struct blob *blob = NULL;
    int rc = body_finish(op, r->x, r->body, &blob);
    if (rc == 0)
        rc = decode(r);
    if (rc == 0)
        *wire_stream(op->row->in, r->in) = blob;
    return rc;
}

static void go_on(struct request *r, int rc)
{
    if (rc == 0) {
        start(r);
        return;
    }
    body_settle(r->body, false);
    reply_error(r, rc);
}

static void run(void *ctx, struct exchange *x)
{
    struct request *r = x->door_state;
    if (x->body_failed) {
        body_settle(r->body, false);
        r->body = NULL;
    }
    if (!r->body)
        r->body_is_whole = true;
    int rc = r->body ? finish_stream(r) : run_stages(r);
    if (rc == 0 && !r->body && r->task.op.row->stream_in) /* routed as something else before its body came */
        rc = E_INVALID;
    go_on(r, rc);
}

void pipeline_send(struct cloud *cloud, struct exchange *x, const struct principal *who, const struct sigv4 *sig, struct str body)
{
    struct request *r = request_new(cloud, x);
    struct body_sink sink;
    r->known = who;
    r->sig = *sig;
    int rc = run_stages(r);
    if (rc == 0)
        rc = body_receive(&r->task.op, x, &r->sig, &r->body, &sink);
    if (rc == 0) {
        sink.write(sink.ctx, body.p, body.n);
        rc = finish_stream(r);
    }
    go_on(r, rc);
}

static bool matches_all(struct cloud *cloud, const struct exchange *x)
{
    return true;
}

/* Which service is asked, and in which protocol, is known from the head alone: all that the answer needs. */
static void overloaded(void *ctx, struct exchange *x)
{
    struct request *r = x->door_state ? x->door_state : request_new(ctx, x);
    struct op *op = &r->task.op;
    bool readable = sigv4_parse(op, x, &r->sig) == 0;
    if (readable && wire_route(x, r->sig.present ? r->sig.service : STR_NONE, false, &r->route) == 0) {
        op->row = r->route.row;
        op->protocol = r->route.protocol;
    }
    reply_error(r, E_BUSY);
}

static void gone(void *ctx, struct exchange *x)
{
    struct request *r = x->door_state;
    park_let_go(r->task.op.cloud->parking, &r->task);
}

const struct door api_door = {
    .name = "aws", .matches = matches_all, .handler = { .begin = begin, .run = run, .overloaded = overloaded, .gone = gone },
};
