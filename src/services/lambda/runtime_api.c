/* The Runtime API, as a sandbox sees it on 127.0.0.1:9001: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 *
 * The listener tells which environment asks; there is nothing to authenticate. GET next is parked until there is work. */
#include "cloud/door.h"
#include "services/lambda/host.h"

extern const struct door lambda_runtime_door;

static const char prefix[] = "/2018-06-01/runtime/";

static bool matches(struct cloud *cloud, const struct exchange *x)
{
    return x->listener_tag && str_starts(x->target, str_c(prefix));
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    *max_bytes = LAMBDA_PAYLOAD_BYTES_MAX + 64 * 1024; /* a little over: the answer says how much was too much */
    return BODY_WHOLE;
}

static void reply(struct exchange *x, int status, struct str body)
{
    struct answer a;
    answer_init(&a, status);
    answer_header(x->arena, &a, "Content-Type", STR("application/json"));
    a.body = body;
    exchange_reply(x, &a);
}

static void reply_error(struct exchange *x, int status, const char *type, const char *message)
{
    reply(x, status, str_printf(x->arena, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}", message, type));
}

static void accepted(struct exchange *x)
{
    reply(x, 202, STR("{\"status\":\"OK\"}\n"));
}

/* The end of an invocation: its own answer first, so that the runtime goes on while the invoker is told. */
static void finished(struct lambda_host *h, struct environment *env, struct exchange *x, struct str id, bool failed)
{
    pthread_mutex_lock(&h->lock);
    if (!env->current || !str_eq(env->current->id, id)) {
        pthread_mutex_unlock(&h->lock);
        reply_error(x, 400, "InvalidRequestID", "Invalid request ID");
        return;
    }
    if (!failed && x->body.n > LAMBDA_PAYLOAD_BYTES_MAX) {
        struct str words = str_printf(x->arena,
                                      "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload size (%zu bytes) exceeded maximum "
                                      "allowed payload size (%d bytes).\"}", x->body.n, LAMBDA_PAYLOAD_BYTES_MAX);
        environment_finish(h, env, STR("Unhandled"), words);
        pthread_mutex_unlock(&h->lock);
        reply_error(x, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).");
        return;
    }
    environment_finish(h, env, failed ? STR("Unhandled") : STR_NONE, x->body);
    pthread_mutex_unlock(&h->lock);
    accepted(x);
}

/* Once, and before the first invocation: what is kept of it stays as long as the environment. */
static void init_failed(struct lambda_host *h, struct environment *env, struct exchange *x)
{
    pthread_mutex_lock(&h->lock);
    bool in_time = env->state == ENV_STARTING && !env->init_error.p;
    if (in_time)
        env->init_error = str_dup(env->arena, x->body);
    pthread_mutex_unlock(&h->lock);
    if (in_time)
        accepted(x);
    else
        reply_error(x, 403, "InvalidStateTransition", "There is no initialization to fail");
}

/* Only a runtime that owes no answer may ask for more: else a function could shed its deadline by asking in the middle of an invocation. */
static void next(struct lambda_host *h, struct environment *env, struct exchange *x)
{
    pthread_mutex_lock(&h->lock);
    bool owes = env->current || env->waiting || env->exited;
    if (!owes)
        environment_ready(h, env, x);
    pthread_mutex_unlock(&h->lock);
    if (owes)
        reply_error(x, 403, "InvalidStateTransition", "The invocation before has no answer yet");
}

static void run(void *ctx, struct exchange *x)
{
    struct cloud *cloud = ctx;
    struct lambda_host *h = cloud->lambda;
    struct environment *env = x->listener_tag;
    struct str rest = str_sub(x->target, sizeof prefix - 1, x->target.n), id, what;
    if (x->body_failed || !h) {
        reply_error(x, 400, "BadRequest", "The request was cut short");
    } else if (str_is(x->method, "GET") && str_is(rest, "invocation/next")) {
        next(h, env, x);
    } else if (str_is(x->method, "POST") && str_is(rest, "init/error")) {
        init_failed(h, env, x);
    } else if (str_is(x->method, "POST") && str_starts(rest, STR("invocation/")) &&
               str_cut(str_sub(rest, 11, rest.n), '/', &id, &what) && (str_is(what, "response") || str_is(what, "error"))) {
        finished(h, env, x, id, str_is(what, "error"));
    } else {
        reply_error(x, 404, "NotFound", "No such page of the Runtime API");
    }
}

const struct door lambda_runtime_door = { .name = "lambda runtime", .matches = matches, .handler = { .begin = begin, .run = run } };
