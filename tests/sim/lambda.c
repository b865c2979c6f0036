/* Lambda: a function whose every answer the model decides, asked synchronously, by way of an HTTP API, asynchronously, and from a
 * queue by an event source mapping.
 *
 * What was accepted runs at least once, until it succeeds or its tries are over; then it is in the dead-letter queue. A message that the function
 * processed is not received more often than the queue allows. The function fails, ends, and hangs as its orders say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "inbox.h"

enum { ORDERS_MAX = 120, NEVER_SUCCEEDS = 100, TIMEOUT_S = 3, VISIBILITY_S = 6, RECEIVES_MAX = 4, EVENT_TRIES = 3 };

static const char zip[] = "UEsDBBQAAAAAAAAAIVz/nmVwAQAAAAEAAAAJAAAAYm9vdHN0cmFwI1BLAQIUAxQAAAAAAAAAIVz/nmVwAQAAAAEAAAAJAAAAAAAAAAAAAADtAQAAAABib290c3RyYXBQ"
                          "SwUGAAAAAAEAAQA3AAAAKAAAAAAA";

enum kind { SYNC, ASYNC, QUEUED, HTTP };

struct order { /* one thing for the function to do */
    enum kind kind;
    unsigned failures; /* so many runs fail before one succeeds */
    enum function_deed failing;
    int64_t takes_ms;
    bool accepted;     /* for sure */
    unsigned runs, successes, dead;
};

struct model {
    struct actor *self;
    struct rng function_rng;
    struct order o[ORDERS_MAX];
    unsigned n;
    struct inbox dead, dead_events; /* messages that were received too often; events whose tries are over */
    bool reports; /* the mapping asks for batchItemFailures */
    char uuid[48], api[48];
};

#define LAMBDA(operation, ...) ask(m->self->a, "lambda", operation, NULL, __VA_ARGS__)

/* ---- the function ---- */

/* One run of an order: true when it succeeds. */
static bool run_order(struct model *m, int64_t id, struct str event)
{
    sim_expect(id >= 0 && id < m->n, "an event", "one that was sent", "%.*s", STR_ARG(event));
    struct order *o = &m->o[id];
    bool good = o->runs++ >= o->failures;
    o->successes += good;
    return good;
}

static struct function_outcome run_batch(struct model *m, struct arena *a, const cJSON *records, struct str event)
{
    struct function_outcome f = { .deed = FUNCTION_ANSWERS, .takes_ms = rng_below(&m->function_rng, 300) };
    struct str failed = STR("");
    const cJSON *record;
    cJSON_ArrayForEach(record, records)
    {
        int64_t id = -1, receives = -1;
        str_to_i64(json_text(record, "body"), &id);
        str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(record, "attributes"), "ApproximateReceiveCount"), &receives);
        sim_expect(receives >= 1 && receives <= RECEIVES_MAX, "a record", "received as often as the queue allows", "%lld times", (long long)receives);
        if (run_order(m, id, event))
            continue;
        struct order *o = &m->o[id];
        failed = str_printf(a, "%.*s%s{\"itemIdentifier\":\"%.*s\"}", STR_ARG(failed), failed.n ? "," : "", STR_ARG(json_text(record, "messageId")));
        if (!m->reports || o->failing != FUNCTION_FAILS)
            f.deed = o->failing;
    }
    f.answer = f.deed == FUNCTION_FAILS ? STR("{\"errorMessage\":\"failed\",\"errorType\":\"Error\"}") : str_printf(a, "{\"batchItemFailures\":[%.*s]}", STR_ARG(failed));
    return f;
}

static struct function_outcome function(void *ctx, struct arena *a, struct str event)
{
    struct model *m = ctx;
    struct function_outcome f = { .deed = FUNCTION_ANSWERS };
    cJSON *tree = cJSON_ParseWithLength(event.p, event.n);
    const cJSON *records = cJSON_GetObjectItemCaseSensitive(tree, "Records");
    if (records) {
        f = run_batch(m, a, records, event);
    } else {
        struct str http = json_text(tree, "body");
        int64_t id = json_number(tree, "id", -1);
        if (http.p)
            str_to_i64(http, &id);
        bool good = run_order(m, id, event);
        f = (struct function_outcome){ .deed = good ? FUNCTION_ANSWERS : m->o[id].failing, .takes_ms = m->o[id].takes_ms,
                                       .answer = good && http.p ? str_printf(a, "{\"statusCode\":201,\"body\":\"done %lld\"}", (long long)id)
                                                 : good        ? str_printf(a, "{\"done\":%lld}", (long long)id)
                                                               : STR("{\"errorMessage\":\"failed\",\"errorType\":\"Error\"}") };
    }
    cJSON_Delete(tree);
    return f;
}

/* ---- orders ---- */

static struct order *new_order(struct model *m, enum kind kind)
{
    static const enum function_deed ways[] = { FUNCTION_FAILS, FUNCTION_FAILS, FUNCTION_EXITS, FUNCTION_HANGS };
    if (m->n == ORDERS_MAX)
        return NULL;
    struct order *o = &m->o[m->n++];
    unsigned most = kind == ASYNC ? EVENT_TRIES : 3;
    *o = (struct order){ .kind = kind, .failing = ways[below(m->self, 4)], .takes_ms = below(m->self, 1500),
                         .failures = one_in(m->self, 2) ? 0 : one_in(m->self, 4) ? NEVER_SUCCEEDS : below(m->self, most) };
    return o;
}

static void invoke(void *model)
{
    struct model *m = model;
    struct order *o = new_order(m, SYNC);
    if (!o)
        return;
    unsigned id = (unsigned)(o - m->o);
    struct reply r = LAMBDA("Invoke", "{'FunctionName':'function%u','Payload':'{\\'id\\':%u}'}", m->self->number, id);
    enum outcome done = outcome(&r);
    if (done != DONE)
        return;
    bool failed = reply_header(&r, "X-Amz-Function-Error").p != NULL;
    if (failed && machine_stats.failed && str_contains(r.body, STR("Sandbox.Failed"))) /* no credentials for it: the disk was full */
        return;
    sim_expect(failed == (o->failures > 0), "Invoke", o->failures ? "the function's failure" : "the function's answer", "%.*s", STR_ARG(r.body));
    sim_expect(o->runs == 1, "Invoke", "one run", "%u", o->runs);
    if (!failed)
        sim_expect(json_number(r.json, "done", -1) == id, "Invoke", str_printf(m->self->a, "the answer to %u", id).p, "%.*s", STR_ARG(r.body));
}

/* By way of an HTTP API. */
static void invoke_http(void *model)
{
    struct model *m = model;
    struct order *o = new_order(m, HTTP);
    if (!o)
        return;
    unsigned id = (unsigned)(o - m->o);
    struct reply r = ask_host(m->self->a, str_printf(m->self->a, "%s.execute-api.us-east-1.localhost:4566", m->api), str_printf(m->self->a, "%u", id));
    if (r.status == LOST || r.status == 503)
        return;
    if (r.status == 500 && (o->failures || machine_stats.failed))
        return;
    sim_expect(r.status == 201 && str_eq(r.body, str_printf(m->self->a, "done %u", id)), "an HTTP API", "the function's answer", "%d %.*s", r.status,
               STR_ARG(r.body));
    sim_expect(!o->failures && o->runs == 1, "an HTTP API", "one run", "%u", o->runs);
}

static void invoke_later(void *model)
{
    struct model *m = model;
    struct order *o = new_order(m, ASYNC);
    if (!o)
        return;
    struct reply r = LAMBDA("Invoke", "{'FunctionName':'function%u','InvocationType':'Event','Payload':'{\\'id\\':%u}'}", m->self->number, (unsigned)(o - m->o));
    o->accepted = expect_outcome(&r, "Invoke", NULL) == DONE;
}

static void send(void *model)
{
    struct model *m = model;
    for (unsigned n = 1 + below(m->self, 4); n; n--) {
        struct order *o = new_order(m, QUEUED);
        if (!o)
            return;
        struct reply r = ask(m->self->a, "sqs", "SendMessage", NULL, "{'QueueUrl':'%.*s','MessageBody':'%u'}",
                             STR_ARG(sim_queue_url(m->self->a, str_printf(m->self->a, "orders%u", m->self->number))), (unsigned)(o - m->o));
        o->accepted = expect_outcome(&r, "SendMessage", NULL) == DONE;
    }
}

static void switch_mapping(void *model)
{
    struct model *m = model;
    for (int on = 0; on < 2; on++) {
        MAKE(NULL, LAMBDA("UpdateEventSourceMapping", "{'UUID':'%s','Enabled':%s}", m->uuid, on ? "true" : "false"));
        if (!on)
            actor_pause(m->self);
    }
}

/* ---- the end ---- */

static void dead_message(void *model, struct str body, int64_t sent_ms)
{
    struct model *m = model;
    int64_t id = -1;
    str_to_i64(body, &id);
    sim_expect(id >= 0 && id < m->n && m->o[id].kind == QUEUED && !m->o[id].dead, "the dead-letter queue", "a message of the queue, once", "%.*s", STR_ARG(body));
    m->o[id].dead++;
}

static void dead_event(void *model, struct str body, int64_t sent_ms)
{
    struct model *m = model;
    cJSON *tree = cJSON_ParseWithLength(body.p, body.n);
    int64_t id = json_number(tree, "id", -1);
    cJSON_Delete(tree);
    sim_expect(id >= 0 && id < m->n && m->o[id].kind == ASYNC && !m->o[id].dead, "the dead-letter queue", "an accepted event, once", "%.*s", STR_ARG(body));
    sim_expect(m->o[id].runs >= EVENT_TRIES || machine_stats.failed, "the dead-letter queue", "an event that was tried three times", "%u runs", m->o[id].runs);
    m->o[id].dead++;
}

static const struct order *unsettled(const struct model *m)
{
    for (const struct order *o = m->o; o < m->o + m->n; o++)
        if (o->accepted && !o->successes && !o->dead)
            return o;
    return NULL;
}

/* Time passes until everything that was accepted has succeeded or is dead. */
static void finish(struct model *m)
{
    const struct order *o;
    for (int rounds = 0; (o = unsettled(m)); rounds++) {
        arena_clear(m->self->a);
        sim_expect(rounds < 60, "an accepted order", "that it succeeds or dies in the end", "number %u of kind %d: %u runs of %u to fail", (unsigned)(o - m->o),
                   o->kind, o->runs, o->failures);
        ask_admin(m->self->a, "/_strata/clock", "{'advance_ms':30000}");
        fiber_sleep_ms(4000);
        inbox_drain(&m->dead, dead_message, m);
        inbox_drain(&m->dead_events, dead_event, m);
    }
    for (o = m->o; o < m->o + m->n; o++)
        sim_expect(!o->dead || o->kind == QUEUED || o->failures >= EVENT_TRIES || machine_stats.failed, "the dead-letter queue", "no event that succeeds within its tries", "number %u",
                   (unsigned)(o - m->o));
}

static void make_role(struct model *m)
{
    unsigned n = m->self->number;
    MAKE("EntityAlreadyExists", ask(m->self->a, "iam", "CreateRole", NULL, "{'RoleName':'function%u','AssumeRolePolicyDocument':'{\\'Version\\':\\'2012-10-17\\',"
         "\\'Statement\\':[{\\'Effect\\':\\'Allow\\',\\'Principal\\':{\\'Service\\':\\'lambda.amazonaws.com\\'},\\'Action\\':\\'sts:AssumeRole\\'}]}'}", n));
    MAKE(NULL, ask(m->self->a, "iam", "PutRolePolicy", NULL, "{'RoleName':'function%u','PolicyName':'p','PolicyDocument':'{\\'Version\\':\\'2012-10-17\\',"
         "\\'Statement\\':[{\\'Effect\\':\\'Allow\\',\\'Action\\':[\\'sqs:*\\',\\'logs:*\\'],\\'Resource\\':\\'*\\'}]}'}", n));
}

static void make_function(struct model *m)
{
    unsigned n = m->self->number;
    struct arena *a = m->self->a;
    struct str queue = str_printf(a, "orders%u", n);
    MAKE("ResourceConflictException", LAMBDA("CreateFunction", "{'FunctionName':'function%u','Runtime':'provided.al2023','Handler':'h','Timeout':%d,"
         "'Role':'arn:aws:iam::000000000000:role/function%u','Code':{'ZipFile':'%s'},'DeadLetterConfig':{'TargetArn':'%.*s'}}", n, TIMEOUT_S, n, zip,
         STR_ARG(sim_queue_arn(a, str_c(m->dead_events.name)))));
    MAKE(NULL, ask(a, "sqs", "CreateQueue", NULL, "{'QueueName':'%.*s','Attributes':{'VisibilityTimeout':'%d','RedrivePolicy':'{\\'deadLetterTargetArn\\':"
         "\\'%.*s\\',\\'maxReceiveCount\\':%d}'}}", STR_ARG(queue), VISIBILITY_S, STR_ARG(sim_queue_arn(a, str_c(m->dead.name))), RECEIVES_MAX));
    MAKE("ResourceConflictException", LAMBDA("CreateEventSourceMapping", "{'FunctionName':'function%u','EventSourceArn':'%.*s','BatchSize':%u%s}", n,
         STR_ARG(sim_queue_arn(a, queue)), 1 + below(m->self, 10), m->reports ? ",'FunctionResponseTypes':['ReportBatchItemFailures']" : ""));
    MAKE("ResourceConflictException", LAMBDA("AddPermission", "{'FunctionName':'function%u','StatementId':'api','Action':'lambda:InvokeFunction','Principal':"
         "'apigateway.amazonaws.com'}", n));
    while (!m->api[0]) { /* one that was made without an answer serves nobody */
        struct reply r = ask(a, "apigatewayv2", "CreateApi", NULL, "{'Name':'api%u','ProtocolType':'HTTP','Target':'arn:aws:lambda:us-east-1:000000000000:"
                             "function:function%u'}", n, n);
        if (expect_outcome(&r, "CreateApi", NULL) == DONE)
            snprintf(m->api, sizeof m->api, "%.*s", STR_ARG(json_text(r.json, "apiId")));
    }
    while (!m->uuid[0]) {
        struct reply r = LAMBDA("ListEventSourceMappings", "{'FunctionName':'function%u'}", n);
        const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(r.json, "EventSourceMappings"), 0);
        if (first)
            snprintf(m->uuid, sizeof m->uuid, "%.*s", STR_ARG(json_text(first, "UUID")));
    }
}

static void run(struct actor *self)
{
    struct model *m = xalloc(sizeof *m);
    struct deed deeds[] = { { invoke, 4 }, { invoke_http, 4 }, { invoke_later, 4 }, { send, 6 }, { switch_mapping, 1 } };
    m->self = self;
    m->function_rng = rng_split(rng_next(&self->rng), 8);
    m->reports = one_in(self, 2);
    host_function(self->number ? "function1" : "function0", function, m);
    inbox_open(&m->dead, self, str_printf(self->a, "dead%u", self->number).p, NULL);
    inbox_open(&m->dead_events, self, str_printf(self->a, "dead-events%u", self->number).p, NULL);
    make_role(m);
    make_function(m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, m);
    finish(m);
    /* The model stays: the function may still be asked for what was accepted without an answer. */
}

const struct actor_kind actor_lambda = { "lambda", 2, .lasts_days = false, run };
