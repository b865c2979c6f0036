/* https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
 *
 * Lines gather while those before them are being committed, and go out together. What is written is written by delivery.logs.amazonaws.com: the log group's
 * resource policies decide. */
#include "access_log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "aws/arn.h"
#include "base/buf.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "context.h"
#include "gen/logs.h"

enum { LINE_BYTES_MAX = 64 * 1024, BATCH_LINES = 1000, BATCH_BYTES = 900 * 1000, EVENT_BYTES = 26 /* PutLogEvents takes 1 MB, with these for each */ };

static const char writer[] = "delivery.logs.amazonaws.com";

struct batch {
    struct arena *arena;
    struct logs_InputLogEvents events;
    size_t bytes;
};

/* One for each stage while something of it is on its way. */
struct log {
    struct arena *arena;
    struct access_logs *all;
    struct str account, region, group, stream;
    struct batch gathering, going; /* going: being written */
    struct log *next;
};

struct access_logs {
    pthread_mutex_t lock;
    struct log *first;
};

struct access_logs *access_logs_new(void)
{
    struct access_logs *l = xalloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void drop(struct log *log)
{
    arena_free(log->gathering.arena);
    arena_free(log->going.arena);
    arena_free(log->arena);
}

void access_logs_free(struct access_logs *l)
{
    if (!l)
        return;
    for (struct log *log = l->first, *next; log; log = next) {
        next = log->next;
        drop(log);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- a line ---- */

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; }

/* The stage's format with $context.name replaced; "-" for what the request has not. */
static struct str format_line(struct op *op, const struct api_request *r, struct str format)
{
    static const char mark[] = "$context.";
    struct buf b;
    buf_init(&b, op->arena, LINE_BYTES_MAX);
    for (struct str rest = format; rest.n;) {
        if (!str_starts(rest, STR("$context."))) {
            buf_byte(&b, rest.p[0]);
            rest = str_sub(rest, 1, rest.n);
            continue;
        }
        size_t n = 0;
        rest = str_sub(rest, sizeof mark - 1, rest.n);
        while (n < rest.n && is_name(rest.p[n]))
            n++;
        while (n && rest.p[n - 1] == '.') /* the end of a sentence */
            n--;
        struct str value = context_value(op, r, str_sub(rest, 0, n));
        buf_str(&b, value.n ? value : STR("-"));
        rest = str_sub(rest, n, rest.n);
    }
    return buf_done(&b);
}

/* ---- writing ---- */

static int put(struct op *op, const struct log *log, const struct principal *who, struct op_failure *why)
{
    struct logs_PutLogEvents_in in = { .logGroupName = log->group, .logStreamName = log->stream, .logEvents = log->going.events };
    struct logs_PutLogEvents_out out = { 0 };
    return cloud_call(op, "logs", "PutLogEvents", who, &in, &out, why);
}

static struct str delivery_arn(struct op *op)
{
    return str_printf(op->arena, "arn:%.*s:logs:%.*s:%.*s:delivery/apigateway", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(op->account));
}

static int write_batch(struct op *op, void *ctx)
{
    struct log *log = ctx;
    struct principal who = principal_service(op, writer, delivery_arn(op));
    struct op_failure why = { 0 };
    pthread_mutex_lock(&log->all->lock);
    if (!log->going.arena) { /* the first run: later ones write the same again */
        log->going = log->gathering;
        log->gathering = (struct batch){ 0 };
    }
    pthread_mutex_unlock(&log->all->lock);
    int rc = put(op, log, &who, &why);
    if (rc == E_AWS && why.error == LOGS_ResourceNotFoundException) {
        struct logs_CreateLogStream_in in = { .logGroupName = log->group, .logStreamName = log->stream };
        struct logs_CreateLogStream_out out = { 0 };
        rc = cloud_call(op, "logs", "CreateLogStream", &who, &in, &out, NULL);
        if (rc == 0)
            rc = put(op, log, &who, NULL);
    }
    return rc == E_AWS ? 0 : rc; /* the group has gone, or lets nobody write */
}

static void written(struct cloud *cloud, void *ctx, int rc);

/* Something gathered: writes it, or lets the log go when nothing can be written any more. */
static void send(struct cloud *cloud, struct log *log)
{
    int rc = cloud_run(cloud, log->account, log->region, write_batch, written, log);
    if (rc)
        written(cloud, log, rc);
}

static void written(struct cloud *cloud, void *ctx, int rc)
{
    struct log *log = ctx;
    struct access_logs *all = log->all;
    pthread_mutex_lock(&all->lock);
    arena_free(log->going.arena);
    log->going = (struct batch){ 0 };
    bool more = log->gathering.arena && rc == 0;
    if (!more)
        for (struct log **at = &all->first; *at; at = &(*at)->next)
            if (*at == log) {
                *at = log->next;
                break;
            }
    pthread_mutex_unlock(&all->lock);
    if (more)
        send(cloud, log);
    else
        drop(log);
}

static void gather(struct log *log, int64_t now_ms, struct str line)
{
    struct batch *b = &log->gathering;
    if (b->events.n >= BATCH_LINES || b->bytes + line.n + EVENT_BYTES > BATCH_BYTES)
        return;
    if (!b->arena)
        b->arena = arena_new();
    if (b->events.n && b->events.v[b->events.n - 1].timestamp.v > now_ms) /* two threads came in the other order */
        now_ms = b->events.v[b->events.n - 1].timestamp.v;
    *list_push(b->arena, &b->events) = (struct logs_InputLogEvent){ .timestamp = SOME_I64(now_ms), .message = str_dup(b->arena, line) };
    b->bytes += line.n + EVENT_BYTES;
}

static struct log *log_new(struct access_logs *all, struct op *op, struct str group, struct str stream)
{
    struct arena *a = arena_new();
    struct log *log = arena_one(a, struct log);
    *log = (struct log){ .arena = a, .all = all, .account = str_dup(a, op->account), .region = str_dup(a, op->region), .group = str_dup(a, group),
                         .stream = str_dup(a, stream), .next = all->first };
    return all->first = log;
}

/* The group that an ARN names; absent. */
static struct str group_of(struct str text)
{
    struct arn arn;
    struct str name, tail;
    if (arn_parse(text, &arn) || !str_is(arn.service, "logs") || !str_starts(arn.resource, STR("log-group:")))
        return STR_NONE;
    str_cut(str_sub(arn.resource, 10, arn.resource.n), ':', &name, &tail);
    return name.n ? name : STR_NONE;
}

void access_log(struct op *op, const struct api_request *r)
{
    struct access_logs *all = op->cloud->access_logs;
    const struct apigatewayv2_AccessLogSettings *s = r->stage.AccessLogSettings;
    struct str group = s ? group_of(s->DestinationArn) : STR_NONE;
    struct str line = group.p ? format_line(op, r, s->Format) : STR_NONE;
    if (!line.n)
        return;
    struct str stream = str_cat(op->arena, r->api_id, STR("/"), r->stage.StageName);
    pthread_mutex_lock(&all->lock);
    struct log *log = all->first;
    while (log && !(str_eq(log->stream, stream) && str_eq(log->group, group) && str_eq(log->account, op->account) && str_eq(log->region, op->region)))
        log = log->next;
    bool new = !log;
    if (new)
        log = log_new(all, op, group, stream);
    gather(log, op_now_ms(op), line);
    pthread_mutex_unlock(&all->lock);
    if (new)
        send(op->cloud, log);
}

/* ---- the setting ---- */

int access_log_settle(struct op *op, const struct apigatewayv2_Stage *s)
{
    const struct apigatewayv2_AccessLogSettings *set = s->AccessLogSettings;
    struct op_failure why = { 0 };
    if (!set)
        return 0;
    struct str group = group_of(set->DestinationArn);
    if (str_contains(opt_str(set->DestinationArn, STR("")), STR(":firehose:")))
        return aws_unsupported(op, "AccessLogSettings to Firehose");
    if (!group.p || !set->Format.n)
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "AccessLogSettings needs the ARN of a log group and a format");
    for (size_t i = 0; i < set->Format.n; i++)
        if (set->Format.p[i] == '\n' || set->Format.p[i] == '\r')
            return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid access log format: it must be a single line");
    if (!str_contains(set->Format, STR("$context.requestId")) && !str_contains(set->Format, STR("$context.extendedRequestId")))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "AccessLogSetting format must contain $context.requestId or $context.extendedRequestId");
    struct str document = str_printf(op->arena,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"AWSLogDeliveryWrite\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"%s\"},"
        "\"Action\":[\"logs:CreateLogStream\",\"logs:PutLogEvents\"],\"Resource\":\"arn:%.*s:logs:%.*s:%.*s:log-group:*:log-stream:*\","
        "\"Condition\":{\"StringEquals\":{\"aws:SourceAccount\":\"%.*s\"},\"ArnLike\":{\"aws:SourceArn\":\"arn:%.*s:logs:%.*s:%.*s:*\"}}}]}",
        writer, STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(op->account), STR_ARG(op->account), STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(op->account));
    struct logs_PutResourcePolicy_in in = { .policyName = STR("AWSLogDeliveryWrite20150319"), .policyDocument = document };
    struct logs_PutResourcePolicy_out out = { 0 };
    int rc = cloud_call(op, "logs", "PutResourcePolicy", op->caller, &in, &out, &why);
    return rc == E_AWS ? aws_fail(op, APIGATEWAYV2_BadRequestException, "Insufficient permissions to enable logging") : rc;
}
