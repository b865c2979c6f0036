#include "services/lambda/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "aws/arn.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/telemetry.h"
#include "http/http.h"
#include "sandbox/dns.h"
#include "wire/wire.h"

/* ---- pools ---- */

/* What environments are made of (lambda_function_change). */
static struct str config_id(const struct lambda_rec_Function *f) { return opt_str(f->ConfigId, f->RevisionId); }

static struct pool *pool_find(struct lambda_host *h, struct str account, struct str region, const struct lambda_rec_Function *f)
{
    for (struct pool *p = h->pools; p; p = p->next)
        if (!p->retired && str_eq(p->account, account) && str_eq(p->region, region) && str_eq(p->function.Name, f->Name) &&
            str_eq(p->revision, config_id(f)))
            return p;
    return NULL;
}

/* The function's record outlives the request that brought it: it is copied by way of its stored form. */
static struct pool *pool_make(struct lambda_host *h, struct str account, struct str region, const struct lambda_rec_Function *f)
{
    struct arena *a = arena_new();
    struct pool *p = arena_one(a, struct pool);
    struct str bytes;
    p->arena = a;
    if (wire_record_encode(a, &lambda_rec_Function_shape, f, &bytes) ||
        wire_record_decode(a, &lambda_rec_Function_shape, bytes, &p->function)) {
        arena_free(a);
        return NULL;
    }
    p->account = str_dup(a, account);
    p->region = str_dup(a, region);
    p->revision = config_id(&p->function);
    p->arn = str_printf(a, "arn:aws:lambda:%.*s:%.*s:function:%.*s", STR_ARG(region), STR_ARG(account), STR_ARG(f->Name));
    if (f->Version.set)
        p->arn = str_printf(a, "%.*s:%.*s", STR_ARG(p->arn), STR_ARG(lambda_version(a, f)));
    p->queue_end = &p->queue;
    for (struct pool *old = h->pools; old; old = old->next) /* an older revision's environments end when idle */
        if (str_eq(old->arn, p->arn))
            old->retired = true;
    p->next = h->pools;
    h->pools = p;
    return p;
}

/* ---- invocations ---- */

static struct invocation *queue_take(struct pool *p)
{
    struct invocation *inv = p->queue;
    p->queue = inv->next;
    if (!p->queue)
        p->queue_end = &p->queue;
    p->queued--;
    return inv;
}

/* https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
enum { TELL_DURATION, TELL_ERRORS, TELL_THROTTLES, TELL_CONCURRENT };
static const struct telemetry_family invocations = {
    .space = "AWS/Lambda", .dimensions = { "FunctionName", "Resource" },
    .metrics = { [TELL_DURATION] = { "Duration", "Milliseconds", .also = "Invocations", .spread = true }, [TELL_ERRORS] = { "Errors", "Count" },
                 [TELL_THROTTLES] = { "Throttles", "Count" }, [TELL_CONCURRENT] = { "ConcurrentExecutions", "Count" } },
};

/* Of a function as it was invoked: without the lock. Resource: its name, with the qualifier. */
static void tell(struct cloud *cloud, struct str function_arn, const struct telemetry_value *v, size_t n)
{
    struct arn arn;
    struct str kind, resource, name, rest;
    if (arn_parse(function_arn, &arn) || !str_cut(arn.resource, ':', &kind, &resource))
        return;
    str_cut(resource, ':', &name, &rest);
    telemetry_add(cloud, arn.account, arn.region, clock_now_ms(cloud->clock), &invocations, (struct str[]){ name, resource }, v, n);
}

/* Ends an invocation outside the lock. */
static void conclude(struct lambda_host *h, struct invocation *inv, const struct lambda_result *r)
{
    pthread_mutex_unlock(&h->lock);
    if (r->rc == 0) {
        struct telemetry_value v[] = { { TELL_DURATION, inv->started_ms ? (double)(clock_mono_ms() - inv->started_ms) : 0 }, { TELL_ERRORS, r->error.p != NULL },
                                       { TELL_THROTTLES, 0 } };
        tell(h->cloud, inv->arn, v, sizeof v / sizeof *v);
    }
    inv->done(h->cloud, inv->ctx, r);
    arena_free(inv->arena);
    pthread_mutex_lock(&h->lock);
}

/* What stands in a header is one line: in JSON, of which a client's context is made, blanks are as good. */
static struct str one_line(struct arena *a, struct str s)
{
    char *p = arena_dup(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)p[i] < ' ')
            p[i] = ' ';
    return (struct str){ p, s.n };
}

static struct str invocation_head(const struct invocation *inv, int64_t timeout_ms)
{
    struct arena *a = inv->arena;
    int64_t now_ms = clock_real_ms();
    struct str trace = random_hex(a, 40);
    struct str context = inv->client_context.n ? str_printf(a, "Lambda-Runtime-Client-Context: %.*s\r\n", STR_ARG(one_line(a, inv->client_context))) : STR("");
    return str_printf(a,
                      "Content-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %.*s\r\nLambda-Runtime-Deadline-Ms: %lld\r\n"
                      "Lambda-Runtime-Invoked-Function-Arn: %.*s\r\nLambda-Runtime-Trace-Id: Root=1-%08llx-%.24s;Parent=%.16s;Sampled=0\r\n%.*s",
                      STR_ARG(inv->id), (long long)(now_ms + timeout_ms), STR_ARG(inv->arn), (unsigned long long)(now_ms / 1000), trace.p, trace.p + 24,
                      STR_ARG(context));
}

/* Hands the first invocation of the queue to an idle environment. */
static void deliver(struct lambda_host *h, struct environment *env)
{
    struct pool *p = env->pool;
    struct invocation *inv = p->queue;
    struct runtime_call *next = env->waiting;
    int64_t timeout_ms = p->function.Timeout.v * 1000;
    if (env->frozen) {
        sandbox_thaw(env->box);
        env->frozen = false;
    }
    inv->head = invocation_head(inv, timeout_ms);
    if (!next->reply(next, 200, inv->head, inv->payload)) {
        environment_lost(env);
        return;
    }
    queue_take(p);
    env->waiting = NULL;
    env->current = inv;
    env->state = ENV_BUSY;
    env->since_ms = inv->started_ms = clock_mono_ms();
    inv->deadline_ms = inv->started_ms + timeout_ms;
    env->tail_n = 0;
    output_line(h, env, str_printf(inv->arena, "START RequestId: %.*s Version: %.*s", STR_ARG(inv->id), STR_ARG(lambda_version(inv->arena, &p->function))));
}

static bool usable(struct lambda_host *h, const struct environment *env)
{
    return env->state == ENV_IDLE && !env->timed_out && !env->exited && clock_now_ms(h->cloud->clock) + 60 * 1000 < env->credentials_until_ms;
}

/* Gives waiting invocations to idle environments, and asks for more environments where that does not suffice. */
static void dispatch(struct lambda_host *h, struct pool *p)
{
    for (struct environment *env = p->environments; env && p->queue; env = env->next)
        if (usable(h, env))
            deliver(h, env);
    if (pool_wants_more(p))
        pthread_cond_signal(&h->start_wanted);
}

static uint32_t busy_count(const struct pool *p)
{
    uint32_t n = 0;
    for (const struct environment *env = p->environments; env; env = env->next)
        n += env->current != NULL;
    return n;
}

/* Of all versions of a function: they share its concurrency. */
static uint32_t load(const struct lambda_host *h, const struct pool *of)
{
    uint32_t n = 0;
    for (const struct pool *p = h->pools; p; p = p->next)
        if (str_eq(p->function.Name, of->function.Name) && str_eq(p->account, of->account) && str_eq(p->region, of->region))
            n += p->queued + busy_count(p);
    return n;
}

int host_invoke(struct cloud *cloud, struct str account, struct str region, const struct lambda_rec_Function *f, const struct host_call *call,
                void (*done)(struct cloud *cloud, void *ctx, const struct lambda_result *r), void *ctx)
{
    struct lambda_host *h = cloud->lambda;
    if (!h || !cloud->sandboxes)
        return E_UNSUPPORTED;
    int64_t allowed = opt_i64(f->Reserved, LAMBDA_CONCURRENCY);
    pthread_mutex_lock(&h->lock);
    struct pool *p = pool_find(h, account, region, f);
    if (!p && allowed > 0 && !h->stopping)
        p = pool_make(h, account, region, f);
    int rc = h->stopping ? E_CLOSED : !p ? E_BUSY : load(h, p) >= allowed || p->queued >= HOST_QUEUE_MAX ? E_BUSY : 0;
    if (rc == 0) {
        struct arena *a = arena_new();
        struct invocation *inv = arena_one(a, struct invocation);
        *inv = (struct invocation){ .arena = a, .arn = str_dup(a, call->arn), .id = str_dup(a, call->id),
                                    .payload = str_dup(a, call->payload.n ? call->payload : STR("{}")), /* as AWS */
                                    .client_context = str_dup(a, call->client_context), .done = done, .ctx = ctx };
        *p->queue_end = inv;
        p->queue_end = &inv->next;
        p->queued++;
        dispatch(h, p);
    }
    double now_run = p ? load(h, p) : 0;
    pthread_mutex_unlock(&h->lock);
    if (rc == 0 || rc == E_BUSY)
        tell(cloud, call->arn, &(struct telemetry_value){ rc ? TELL_THROTTLES : TELL_CONCURRENT, rc ? 1 : now_run }, 1);
    return rc;
}

/* ---- environments ---- */

void environment_ready(struct lambda_host *h, struct environment *env, struct runtime_call *next)
{
    if (env->state == ENV_STARTING) {
        int64_t took_ms = clock_mono_ms() - env->since_ms;
        *(env->by_restore ? &env->restore_ms : &env->init_ms) = took_ms > 0 ? took_ms : 1; /* 0: there is none to report */
        env->pool->cold |= env->origin == ENV_INIT; /* its runtime knows of no rest */
        env->initialized = true;
        env->pool->provision_failure = STR_NONE;
        env->pool->starting--;
        pthread_cond_signal(&h->start_wanted); /* room for another start */
    }
    env->state = ENV_IDLE;
    env->since_ms = clock_mono_ms();
    env->waiting = next;
    if (environment_gives_way(h, env))
        environment_retire(h, env);
    else
        dispatch(h, env->pool);
}

void environment_again(struct environment *env, struct runtime_call *next)
{
    next->reply(next, 200, env->current->head, env->current->payload);
}

void environment_lost(struct environment *env)
{
    env->waiting = NULL;
    if (env->state == ENV_STARTING) /* it asked what has changed: template.c */
        return;
    env->state = ENV_BUSY;
    env->since_ms = clock_mono_ms();
}

static void report(struct lambda_host *h, struct environment *env, const struct invocation *inv, double ms)
{
    struct arena *a = inv->arena;
    int64_t now_ms = clock_mono_ms();
    if (env->box && (env->peak_bytes <= 0 || now_ms - env->peak_at_ms >= HOST_PEAK_MS)) {
        env->peak_bytes = sandbox_memory_peak(env->box);
        env->peak_at_ms = now_ms;
    }
    int64_t peak = env->peak_bytes;
    struct str init = env->init_ms ? str_printf(a, "Init Duration: %lld.00 ms\t", (long long)env->init_ms)
                      : env->restore_ms
                          ? str_printf(a, "Restore Duration: %lld.00 ms\tBilled Restore Duration: %lld ms\t", (long long)env->restore_ms, (long long)env->restore_ms)
                          : STR("");
    output_line(h, env, str_printf(a, "END RequestId: %.*s", STR_ARG(inv->id)));
    output_line(h, env,
                str_printf(a, "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld MB\tMax Memory Used: %lld MB\t%.*s",
                           STR_ARG(inv->id), ms, (long long)(ms + env->init_ms) + 1, (long long)env->pool->function.MemorySize.v,
                           (long long)(peak > 0 ? (peak + (1 << 20) - 1) >> 20 : 0), STR_ARG(init)));
    env->init_ms = env->restore_ms = 0;
}

void environment_finish(struct lambda_host *h, struct environment *env, struct str error, struct str payload)
{
    struct invocation *inv = env->current;
    if (!inv)
        return;
    env->current = NULL;
    env->ended_ms = clock_mono_ms();
    snprintf(env->last_id, sizeof env->last_id, "%.*s", STR_ARG(inv->id));
    output_drain(h, env);
    report(h, env, inv, (double)(env->ended_ms - inv->started_ms));
    struct lambda_result r = { .error = error, .payload = payload,
                               .log_tail = str_dup(inv->arena, (struct str){ env->tail, env->tail_n }) };
    conclude(h, inv, &r);
}

void environment_give_up(struct lambda_host *h, struct environment *env)
{
    if (env->state == ENV_STARTING)
        env->pool->starting--;
    env->state = ENV_BUSY; /* with nothing to do: its end is nobody's error */
    if (env->box)
        environment_kill(h, env);
    else
        env->exited = true;
}

void environment_kill(struct lambda_host *h, struct environment *env)
{
    if (env->box && !env->exited)
        sandbox_kill(env->box);
}

void environment_retire(struct lambda_host *h, struct environment *env)
{
    env->timed_out = true; /* killed once */
    if (env->frozen)
        sandbox_thaw(env->box);
    environment_kill(h, env);
}

/* What the invoker is told when the sandbox is gone under its invocation. */
static struct str death_note(struct environment *env, struct str id, struct arena *a)
{
    if (env->timed_out)
        return str_printf(a, "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: %.*s Error: Task timed out after %lld.00 seconds\"}", STR_ARG(id),
                          (long long)env->pool->function.Timeout.v);
    if (env->exit.out_of_memory || (env->exit.signaled && env->exit.code == 9))
        return str_printf(a, "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %.*s Error: Runtime exited with error: signal: killed\"}",
                          STR_ARG(id));
    if (env->exit.signaled)
        return str_printf(a, "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %.*s Error: Runtime exited with error: signal: %s\"}",
                          STR_ARG(id), strsignal(env->exit.code));
    if (env->exit.code == 0)
        return str_printf(a, "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %.*s Error: Runtime exited without providing a reason\"}",
                          STR_ARG(id));
    return str_printf(a, "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %.*s Error: Runtime exited with error: exit status %d\"}",
                      STR_ARG(id), env->exit.code);
}

/* The words in the log: AWS writes them before END. */
static void log_death(struct lambda_host *h, struct environment *env, struct invocation *inv)
{
    if (env->timed_out)
        output_line(h, env, str_printf(inv->arena, "%.*s %.*s Task timed out after %lld.00 seconds", STR_ARG(time_iso8601_ms(inv->arena, clock_now_ms(h->cloud->clock))),
                                       STR_ARG(inv->id), (long long)env->pool->function.Timeout.v));
    else
        output_line(h, env, str_printf(inv->arena, "RequestId: %.*s Error: Runtime exited%s", STR_ARG(inv->id),
                                       env->exit.signaled ? " with error: signal: killed"
                                       : env->exit.code   ? str_printf(inv->arena, " with error: exit status %d", env->exit.code).p
                                                          : " without providing a reason"));
}

/* A dead environment: its invocation, or the one that waits for its start, gets the error; then everything of it is released. */
static void bury(struct lambda_host *h, struct environment *env)
{
    struct pool *p = env->pool;
    struct environment **at = &p->environments;
    bool starting = env->state == ENV_STARTING;
    while (*at != env)
        at = &(*at)->next;
    *at = env->next;
    p->live--;
    p->template_used_ms = clock_mono_ms();
    h->environments--;
    env->state = ENV_DEAD;
    if (starting)
        p->starting--;
    pthread_cond_signal(&h->start_wanted);
    if (env->output_fd >= 0)
        output_drain(h, env);
    bool with_template = env->by_restore && p->template_exited;
    if (starting && !with_template)
        p->provision_failure = STR("FUNCTION_ERROR_INIT_FAILURE");
    if (!env->current && starting && p->queue && !with_template) { /* INIT failed: the first in the queue hears it */
        env->current = queue_take(p);
        env->current->started_ms = env->since_ms;
    }
    if (env->current && env->refusal) {
        struct invocation *inv = env->current;
        struct lambda_result r = { .rc = E_AWS, .refusal = env->refusal, .message = str_dup(inv->arena, env->refusal_message) };
        env->current = NULL;
        conclude(h, inv, &r);
    } else if (env->current) {
        struct str note = env->init_error.p ? env->init_error : death_note(env, env->current->id, env->current->arena);
        log_death(h, env, env->current);
        environment_finish(h, env, STR("Unhandled"), note);
    }
    output_flush(h, env);
    env->waiting = NULL;
    pthread_mutex_unlock(&h->lock);
    environment_detach(h, env);
    sandbox_free(env->box);
    arena_free(env->log_arena);
    arena_free(env->arena);
    pthread_mutex_lock(&h->lock);
    dispatch(h, p);
}

static struct environment *environment_new(struct lambda_host *h, struct pool *p)
{
    struct arena *a = arena_new();
    struct environment *env = arena_one(a, struct environment);
    env->arena = a;
    env->log_arena = arena_new();
    env->pool = p;
    env->output_fd = env->dns_fd = -1;
    env->state = ENV_STARTING;
    env->since_ms = clock_mono_ms();
    struct str day = str_replace(a, str_sub(time_iso8601(a, clock_now_ms(h->cloud->clock)), 0, 10), STR("-"), STR("/"));
    env->log_stream = str_printf(a, "%.*s/[%.*s]%.*s", STR_ARG(day), STR_ARG(lambda_version(a, &p->function)), STR_ARG(random_hex(a, 32)));
    env->next = p->environments;
    p->environments = env;
    p->starting++;
    p->live++;
    h->environments++;
    return env;
}

/* One whose INIT has ended, and that rests to become a template. */
static struct environment *wants_keeping(struct lambda_host *h)
{
    for (struct pool *p = h->pools; p; p = p->next)
        for (struct environment *env = p->environments; env; env = env->next)
            if (env->origin == ENV_RESTS && !env->exited && !env->timed_out)
                return env;
    return NULL;
}

static struct environment *new_wanted(struct lambda_host *h)
{
    struct pool *p = pool_to_start(h);
    if (!p)
        return NULL;
    struct environment *env = environment_new(h, p);
    template_choose(h, env);
    return env;
}

/* When nothing is to be started. False: there is nothing to prepare, either. */
static bool prepare_one(struct lambda_host *h)
{
    struct pool *p = h->pools;
    while (p && (!p->prepare_wanted || p->retired))
        p = p->next;
    if (!p)
        return false;
    p->prepare_wanted = false;
    p->preparing = true;
    pthread_mutex_unlock(&h->lock);
    environment_prepare(h, p);
    pthread_mutex_lock(&h->lock);
    p->preparing = false;
    return true;
}

static void *starter_loop(void *arg)
{
    struct lambda_host *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        struct environment *env = wants_keeping(h);
        int (*start)(struct lambda_host *, struct environment *) = template_keep;
        if (!env) {
            env = new_wanted(h);
            start = env && env->origin == ENV_RESTORED ? template_restore : environment_start;
        }
        if (!env) {
            if (!prepare_one(h))
                pthread_cond_wait(&h->start_wanted, &h->lock);
            continue;
        }
        env->in_starter = true;
        pthread_mutex_unlock(&h->lock);
        int rc = start(h, env);
        pthread_mutex_lock(&h->lock);
        env->in_starter = false;
        if (rc) {
            env->exited = true;
            log_warn("function %.*s cannot start: %.*s", STR_ARG(env->pool->arn), STR_ARG(env->init_error));
        }
        pthread_cond_signal(&h->changed);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- provisioned environments ---- */

static bool alive(const struct environment *env) { return env->initialized && !env->exited && !env->timed_out; }

uint32_t pool_alive(const struct pool *p)
{
    uint32_t n = 0;
    for (const struct environment *env = p->environments; env; env = env->next)
        n += alive(env);
    return n;
}

void host_provision(struct lambda_host *h, struct str account, struct str region, const struct lambda_rec_Function *f, uint32_t n)
{
    pthread_mutex_lock(&h->lock);
    struct pool *p = pool_find(h, account, region, f);
    if (!p)
        p = pool_make(h, account, region, f);
    if (p)
        p->provisioned += n;
    pthread_mutex_unlock(&h->lock);
}

void host_provisions_changed(struct cloud *cloud)
{
    struct lambda_host *h = cloud->lambda;
    if (!h || !cloud->sandboxes)
        return;
    pthread_mutex_lock(&h->lock);
    h->provisions_wanted = true;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

struct host_provision host_provisioned(struct cloud *cloud, struct arena *a, struct str account, struct str region, const struct lambda_rec_Function *f)
{
    struct lambda_host *h = cloud->lambda;
    struct host_provision ret = { 0 };
    if (!h || !cloud->sandboxes)
        return (struct host_provision){ .failure = STR("strata cannot run functions here; `strata status` says why") };
    pthread_mutex_lock(&h->lock);
    const struct pool *p = pool_find(h, account, region, f);
    if (p) {
        ret.ready = pool_alive(p);
        ret.failure = str_dup(a, p->provision_failure);
    }
    if (!ret.failure.p && h->environments >= HOST_ENVIRONMENTS_MAX)
        ret.failure = str_printf(a, "No more than %d environments run here", HOST_ENVIRONMENTS_MAX);
    pthread_mutex_unlock(&h->lock);
    return ret;
}

static void provision(struct lambda_host *h)
{
    h->provisions_wanted = false;
    for (struct pool *p = h->pools; p; p = p->next) {
        p->provisioned = 0;
        p->provision_failure = STR_NONE;
    }
    pthread_mutex_unlock(&h->lock);
    int rc = provisions_read(h);
    pthread_mutex_lock(&h->lock);
    if (rc)
        log_warn("provisioned concurrency cannot be read: %s", err_name(rc));
    pthread_cond_signal(&h->start_wanted);
}

/* ---- the host thread ---- */

/* Looks after one environment; true when it is to be buried. */
static bool tend(struct lambda_host *h, struct environment *env, int64_t now)
{
    if (env->exited)
        return !env->in_starter;
    if (env->lines.n && now - env->lines_since_ms >= HOST_LOG_MS)
        output_flush(h, env);
    int64_t busy_until_ms = env->since_ms + env->pool->function.Timeout.v * 1000; /* answered or not */
    bool late = (env->state == ENV_BUSY && now >= busy_until_ms) ||
                (env->state == ENV_STARTING && env->box && now - env->since_ms > HOST_INIT_MS);
    if (late && !env->timed_out) {
        env->timed_out = true;
        environment_kill(h, env);
    }
    if (env->state == ENV_IDLE) {
        bool spare = now - env->since_ms > HOST_IDLE_MS && pool_alive(env->pool) > env->pool->provisioned;
        bool over = env->pool->retired || spare || !usable(h, env);
        if (over && !env->timed_out) {
            environment_retire(h, env);
        } else if (!env->frozen && !over && now - env->since_ms > HOST_FREEZE_AFTER_MS) {
            output_drain(h, env);
            output_flush(h, env);
            env->frozen = sandbox_freeze(env->box) == 0;
        }
    }
    return false;
}

static void drop_retired_pools(struct lambda_host *h)
{
    for (struct pool **at = &h->pools; *at;) {
        struct pool *p = *at;
        if (p->retired && !p->environments && !p->queue && !p->template && !p->preparing) {
            *at = p->next;
            environment_unprepare(p);
            arena_free(p->arena);
        } else {
            at = &p->next;
        }
    }
}

static void join_sweeper(struct lambda_host *h)
{
    if (h->has_swept)
        pthread_join(h->sweeper, NULL);
    h->has_swept = false;
}

/* Behind the last environment of what a function was before it changed. */
static void sweep(struct lambda_host *h)
{
    for (const struct pool *p = h->pools; p; p = p->next)
        if (p->retired)
            return;
    join_sweeper(h); /* it is done */
    h->sweeps = h->has_swept = pthread_create(&h->sweeper, NULL, trees_sweep, h) == 0;
    h->sweep_wanted = false;
}

static void tick(struct lambda_host *h)
{
    int64_t now = clock_mono_ms();
    for (bool again = true; again;) {
        again = false;
        for (struct pool *p = h->pools; p && !again; p = p->next)
            for (struct environment *env = p->environments; env && !again; env = env->next)
                if (tend(h, env, now)) {
                    bury(h, env); /* drops the lock: the lists may have changed */
                    again = true;
                }
    }
    environments_make_room(h);
    for (struct pool *p = h->pools; p; p = p->next) {
        template_tend(h, p, now);
        if (pool_wants_more(p)) /* an environment that was taken to come back may not have */
            pthread_cond_signal(&h->start_wanted);
    }
    drop_retired_pools(h);
    if (h->sweep_wanted && !h->sweeps && !h->stopping)
        sweep(h);
}

static void *host_loop(void *arg)
{
    struct lambda_host *h = arg;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        if (h->provisions_wanted)
            provision(h);
        tick(h);
        if (h->stopping) /* asked behind both, which leave the lock: who stops signals once */
            break;
        if (h->environments == 0 && h->templates == 0) {
            pthread_cond_wait(&h->changed, &h->lock);
            continue;
        }
        int64_t until_ms = clock_mono_ms() + (h->environments ? HOST_TICK_MS : HOST_IDLE_TICK_MS);
        struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
        pthread_cond_timedwait(&h->changed, &h->lock, &until);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void on_exit_of(void *ctx, struct sandbox *box, const struct sandbox_exit *exit)
{
    struct lambda_host *h = ctx;
    pthread_mutex_lock(&h->lock);
    if (!template_exit(h, box)) { /* whose tag's environment may have gone */
        struct environment *env = sandbox_tag(box);
        env->exit = *exit;
        env->exited = true;
    }
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

/* ---- start, change, stop ---- */

static void retire(struct cloud *cloud, void *arg)
{
    struct lambda_host *h = cloud->lambda;
    struct str arn = *(struct str *)arg;
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    for (struct pool *p = h->pools; p; p = p->next)
        if (str_eq(p->arn, arn))
            p->retired = true;
    h->sweep_wanted = cloud->sandboxes != NULL;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void lambda_changed(struct op *op, struct str version_arn)
{
    struct str *arn = arena_one(op->arena, struct str);
    *arn = str_dup(op->arena, version_arn);
    op_on_commit(op, retire, arn);
}

int lambda_start(struct cloud *cloud)
{
    struct lambda_host *h = xalloc(sizeof *h);
    pthread_condattr_t attr;
    h->cloud = cloud;
    h->sweep_wanted = h->provisions_wanted = cloud->sandboxes != NULL; /* what was left when strata stopped */
    cloud->lambda = h;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &attr);
    pthread_cond_init(&h->start_wanted, &attr);
    pthread_condattr_destroy(&attr);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    h->cold = cloud->config.cold_environments;
    h->starts_max = cores > 1 ? (uint32_t)cores : 1;
    h->output_epoll = epoll_create1(EPOLL_CLOEXEC);
    h->output_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->output_epoll < 0 || h->output_wake < 0 ||
        epoll_ctl(h->output_epoll, EPOLL_CTL_ADD, h->output_wake, &(struct epoll_event){ .events = EPOLLIN }) || dns_server_start(&h->dns) ||
        runtime_server_start(h, h->starts_max, &h->runtime_server))
        return E_IO;
    int rc = cloud->sandboxes ? sandboxes_start(cloud->sandboxes, on_exit_of, h) : 0;
    if (rc) {
        log_warn("functions cannot run: the sandbox helper does not answer");
        cloud->sandboxes = NULL;
    }
    pthread_create(&h->thread, NULL, host_loop, h);
    pthread_create(&h->starter, NULL, starter_loop, h);
    pthread_create(&h->output, NULL, output_loop, h);
    /* Where functions cannot run, mappings leave the messages in their queues. */
    return cloud->sandboxes ? poller_start(h) : 0;
}

/* What still waits or runs is told that strata stops; accepted events are records and run after the next start. */
static void abandon(struct lambda_host *h)
{
    struct lambda_result r = { .rc = E_CLOSED };
    for (struct pool *p = h->pools; p; p = p->next) {
        while (p->queue)
            conclude(h, queue_take(p), &r);
        for (struct environment *env = p->environments; env; env = env->next) {
            if (env->current) {
                struct invocation *inv = env->current;
                env->current = NULL;
                conclude(h, inv, &r);
            }
            output_flush(h, env);
            environment_kill(h, env);
        }
        template_kill(p);
    }
}

/* A sandbox may be freed only after its exit was told. */
static void bury_all(struct lambda_host *h)
{
    int64_t until_ms = clock_mono_ms() + HOST_STOP_MS;
    for (tick(h); (h->environments || h->templates) && clock_mono_ms() < until_ms; tick(h)) {
        int64_t next_ms = clock_mono_ms() + HOST_TICK_MS;
        struct timespec next = { .tv_sec = next_ms / 1000, .tv_nsec = next_ms % 1000 * 1000000 };
        pthread_cond_timedwait(&h->changed, &h->lock, &next);
    }
}

void lambda_stop(struct cloud *cloud)
{
    struct lambda_host *h = cloud->lambda;
    if (!h)
        return;
    poller_stop(h);
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_broadcast(&h->changed);
    pthread_cond_broadcast(&h->start_wanted);
    pthread_mutex_unlock(&h->lock);
    eventfd_write(h->output_wake, 1);
    pthread_join(h->thread, NULL);
    pthread_join(h->starter, NULL);
    pthread_join(h->output, NULL);
    join_sweeper(h);
    pthread_mutex_lock(&h->lock);
    abandon(h);
    bury_all(h);
    pthread_mutex_unlock(&h->lock);
    runtime_server_stop(h->runtime_server);
    close(h->output_epoll);
    close(h->output_wake);
    dns_server_stop(h->dns);
}

void lambda_free(struct cloud *cloud)
{
    struct lambda_host *h = cloud->lambda;
    if (!h)
        return;
    poller_free(h);
    if (h->environments || h->templates) /* a sandbox that would not end may still be told of: the process takes it along */
        return;
    for (struct pool *p = h->pools; p; p = p->next)
        p->retired = true;
    drop_retired_pools(h);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
    pthread_cond_destroy(&h->start_wanted);
    free(h);
    cloud->lambda = NULL;
}
