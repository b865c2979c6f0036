/* What functions print, and Lambda's own START, END and REPORT lines, on their way to CloudWatch Logs.
 *
 * Lines gather in the environment and go out in batches, as a PutLogEvents in the name of the function's role: a role without the permission
 * writes no log, as on AWS. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cloud/call.h"
#include "gen/logs.h"
#include "services/lambda/host.h"

enum {
    BATCH_LINES = 1000,
    BATCH_BYTES = 900 * 1000, /* PutLogEvents takes 1 MB, with 26 bytes for each event */
    READ_BYTES = 16 * 1024,
};

static void remember(struct environment *env, struct str line)
{
    /* The tail keeps the newest 4 KB. */
    size_t n = line.n + 1 > HOST_TAIL_BYTES ? HOST_TAIL_BYTES - 1 : line.n;
    size_t room = HOST_TAIL_BYTES - env->tail_n;
    if (n + 1 > room) {
        size_t drop = n + 1 - room;
        memmove(env->tail, env->tail + drop, env->tail_n - drop);
        env->tail_n -= drop;
    }
    memcpy(env->tail + env->tail_n, line.p + line.n - n, n);
    env->tail[env->tail_n + n] = '\n';
    env->tail_n += n + 1;
}

void output_line(struct lambda_host *h, struct environment *env, struct str line)
{
    remember(env, line);
    if (env->lines.n == 0)
        env->lines_since_ms = clock_mono_ms();
    struct log_line *l = list_push(env->log_arena, &env->lines);
    l->at_ms = clock_now_ms(h->cloud->clock);
    l->text = str_dup(env->log_arena, line);
    env->lines_bytes += line.n + 26;
    if (env->lines.n >= BATCH_LINES || env->lines_bytes >= BATCH_BYTES)
        output_flush(h, env);
}

static void take(struct lambda_host *h, struct environment *env, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n' && env->partial_n < sizeof env->partial) {
            env->partial[env->partial_n++] = p[i];
            continue;
        }
        output_line(h, env, (struct str){ env->partial, env->partial_n });
        env->partial_n = 0;
        if (p[i] != '\n')
            env->partial[env->partial_n++] = p[i];
    }
}

void output_drain(struct lambda_host *h, struct environment *env)
{
    char chunk[READ_BYTES];
    ssize_t n;
    if (env->output_fd < 0)
        return;
    while ((n = read(env->output_fd, chunk, sizeof chunk)) > 0)
        take(h, env, chunk, (size_t)n);
    if (n == 0 && env->partial_n) { /* the end: an unfinished line counts */
        output_line(h, env, (struct str){ env->partial, env->partial_n });
        env->partial_n = 0;
    }
    if (n == 0)
        epoll_ctl(h->output_epoll, EPOLL_CTL_DEL, env->output_fd, NULL);
}

/* ---- to CloudWatch Logs ---- */

struct batch {
    struct arena *arena;
    struct log_lines lines;
    struct str account, region, role, group, stream, function;
};

static int put(struct op *op, const struct batch *b, const struct principal *who)
{
    struct logs_PutLogEvents_in in = { .logGroupName = b->group, .logStreamName = b->stream };
    struct logs_PutLogEvents_out out = { 0 };
    for (uint32_t i = 0; i < b->lines.n; i++) {
        struct logs_InputLogEvent *e = list_push(op->arena, &in.logEvents);
        e->timestamp = SOME_I64(b->lines.v[i].at_ms);
        e->message = b->lines.v[i].text.n ? b->lines.v[i].text : STR(" ");
    }
    return cloud_call(op, "logs", "PutLogEvents", who, &in, &out, NULL);
}

static int write_batch(struct op *op, void *ctx)
{
    struct batch *b = ctx;
    struct principal who = function_principal(op->arena, b->account, b->role, b->function);
    int rc = put(op, b, &who);
    if (rc != E_AWS)
        return rc;
    struct logs_CreateLogGroup_in group = { .logGroupName = b->group };
    struct logs_CreateLogGroup_out none = { 0 };
    struct logs_CreateLogStream_in stream = { .logGroupName = b->group, .logStreamName = b->stream };
    struct logs_CreateLogStream_out none_too = { 0 };
    struct op_failure why = { 0 };
    /* What is not allowed, or there already, the last call tells. */
    if (cloud_call(op, "logs", "CreateLogStream", &who, &stream, &none_too, &why) == E_AWS && why.error == LOGS_ResourceNotFoundException) {
        cloud_call(op, "logs", "CreateLogGroup", &who, &group, &none, NULL);
        cloud_call(op, "logs", "CreateLogStream", &who, &stream, &none_too, NULL);
    }
    rc = put(op, b, &who);
    return rc == E_AWS ? 0 : rc;
}

static void batch_done(struct cloud *cloud, void *ctx, int rc)
{
    arena_free(((struct batch *)ctx)->arena);
}

void output_flush(struct lambda_host *h, struct environment *env)
{
    if (env->lines.n == 0)
        return;
    /* The lines' arena goes with the batch. */
    struct arena *a = env->log_arena;
    struct pool *p = env->pool;
    struct batch *b = arena_one(a, struct batch);
    *b = (struct batch){ .arena = a, .lines = env->lines, .account = str_dup(a, p->account), .region = str_dup(a, p->region),
                         .role = str_dup(a, p->function.Role), .group = str_dup(a, p->function.Logging->LogGroup),
                         .stream = str_dup(a, env->log_stream), .function = str_dup(a, p->function.Name) };
    env->log_arena = arena_new();
    env->lines = (struct log_lines){ 0 };
    env->lines_bytes = 0;
    if (cloud_run(h->cloud, b->account, b->region, write_batch, batch_done, b))
        arena_free(a);
}

/* Empties the pipes as they fill, so that a function never waits for its log. */
void *output_loop(void *host)
{
    struct lambda_host *h = host;
    struct epoll_event events[16];
    for (;;) {
        int n = epoll_wait(h->output_epoll, events, 16, -1);
        pthread_mutex_lock(&h->lock);
        if (h->stopping) {
            pthread_mutex_unlock(&h->lock);
            return NULL;
        }
        for (int i = 0; i < n; i++) /* an environment may have gone since: only those that still live are read */
            for (struct pool *p = h->pools; p; p = p->next)
                for (struct environment *env = p->environments; env; env = env->next)
                    if (env == events[i].data.ptr)
                        output_drain(h, env);
        pthread_mutex_unlock(&h->lock);
    }
}
