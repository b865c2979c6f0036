#include "services/lambda/runtime_api.h"

#include <stdio.h>

#include "services/lambda/host.h"

static const char prefix[] = "/2018-06-01/runtime/";

static void reply(struct runtime_call *c, int status, struct str body)
{
    c->reply(c, status, STR("Content-Type: application/json\r\n"), body);
}

static void accepted(struct runtime_call *c)
{
    reply(c, 202, STR("{\"status\":\"OK\"}\n"));
}

/* What is no part of an invocation: its words are short. */
static void reply_error(struct runtime_call *c, int status, const char *type, const char *message)
{
    char body[256];
    int n = snprintf(body, sizeof body, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}", message, type);
    reply(c, status, (struct str){ body, (size_t)n });
}

/* The end of an invocation: the invoker hears of it first, and the runtime, which is asked for nothing yet, afterwards. */
static void finished(struct lambda_host *h, struct environment *env, struct runtime_call *c, struct str id, bool failed)
{
    pthread_mutex_lock(&h->lock);
    if (!env->current || !str_eq(env->current->id, id)) {
        bool again = !env->current && str_is(id, env->last_id);
        pthread_mutex_unlock(&h->lock);
        if (again)
            reply_error(c, 403, "InvalidStateTransition",
                        failed ? "State transition from ResponseSent to InvocationErrorResponse failed for runtime. Error: State transition is not allowed"
                               : "State transition from ResponseSent to InvocationResponse failed for runtime. Error: State transition is not allowed");
        else
            reply_error(c, 400, "InvalidRequestID", "Invalid request ID");
        return;
    }
    if (c->too_large) {
        struct str words = str_printf(env->current->arena,
                                      "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload size (%lld bytes) exceeded maximum "
                                      "allowed payload size (%d bytes).\"}", (long long)c->body_bytes, LAMBDA_PAYLOAD_BYTES_MAX);
        environment_finish(h, env, STR("Unhandled"), words);
        pthread_mutex_unlock(&h->lock);
        reply_error(c, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).");
        return;
    }
    environment_finish(h, env, failed ? STR("Unhandled") : STR_NONE, c->body);
    pthread_mutex_unlock(&h->lock);
    accepted(c);
}

/* Once, and before the first invocation: what is kept of it stays as long as the environment. */
static void init_failed(struct lambda_host *h, struct environment *env, struct runtime_call *c)
{
    pthread_mutex_lock(&h->lock);
    bool in_time = env->state == ENV_STARTING && !env->init_error.p && !c->too_large;
    if (in_time)
        env->init_error = str_dup(env->arena, c->body);
    pthread_mutex_unlock(&h->lock);
    if (in_time)
        accepted(c);
    else if (c->too_large)
        reply_error(c, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).");
    else
        reply_error(c, 403, "InvalidStateTransition", "There is no initialization to fail");
}

/* A runtime that has an invocation is given the same again, as on AWS: its connection may have broken off, and the deadline stays what it was. */
static void next(struct lambda_host *h, struct environment *env, struct runtime_call *c)
{
    pthread_mutex_lock(&h->lock);
    bool refused = !env->current && (env->waiting || env->exited);
    if (env->current)
        environment_again(env, c);
    else if (!refused)
        environment_ready(h, env, c);
    pthread_mutex_unlock(&h->lock);
    if (refused)
        reply_error(c, 403, "InvalidStateTransition", "There is a request for the next invocation already");
}

/* INIT has ended. A runtime that may become a template is told to rest (202): to close its connection and pause(2). What goes on from there, restored or the
 * same, asks again, and is told what has changed: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html tells of what it does then. */
static void restore_next(struct lambda_host *h, struct environment *env, struct runtime_call *c)
{
    pthread_mutex_lock(&h->lock);
    bool starts = env->state == ENV_STARTING && !env->exited && !env->waiting;
    bool rests = starts && (env->origin == ENV_INIT || env->origin == ENV_RESTS), in_hand = rests && env->in_starter && env->origin == ENV_RESTS;
    struct str changes = env->changes;
    if (in_hand)
        env->waiting = c;
    pthread_mutex_unlock(&h->lock);
    if (in_hand) /* it was found not to be fit, and will hear what follows (template.c) */
        return;
    if (rests)
        reply(c, 202, STR("{}"));
    else if (starts && changes.p)
        reply(c, 200, changes);
    else
        reply_error(c, 403, "InvalidStateTransition", "There is nothing to restore");
    if (!rests)
        return;
    pthread_mutex_lock(&h->lock);
    if (env->origin == ENV_INIT)
        env->origin = ENV_RESTS;
    pthread_cond_signal(&h->start_wanted);
    pthread_mutex_unlock(&h->lock);
}

void runtime_api(struct lambda_host *h, struct environment *env, struct runtime_call *c)
{
    struct str rest = str_starts(c->target, str_c(prefix)) ? str_sub(c->target, sizeof prefix - 1, c->target.n) : STR(""), id, what;
    if (!c->post && str_is(rest, "invocation/next")) {
        next(h, env, c);
    } else if (!c->post && str_is(rest, "restore/next")) {
        restore_next(h, env, c);
    } else if (c->post && (str_is(rest, "init/error") || str_is(rest, "restore/error"))) {
        init_failed(h, env, c);
    } else if (c->post && str_starts(rest, STR("invocation/")) && str_cut(str_sub(rest, 11, rest.n), '/', &id, &what) &&
               (str_is(what, "response") || str_is(what, "error"))) {
        finished(h, env, c, id, str_is(what, "error"));
    } else {
        reply_error(c, 404, "NotFound", "No such page of the Runtime API");
    }
}
