/* Requests to an API: <api-id>.execute-api.<region>.{localhost,amazonaws.com} and /_aws/execute-api/<api-id>/... On an API's host no path is
 * reserved. The function is invoked as apigateway.amazonaws.com, so its policy decides. */
#include <string.h>

#include "access_log.h"
#include "admit.h"
#include "base/code.h"
#include "base/limits.h"
#include "base/shared.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "cloud/door.h"
#include "cloud/telemetry.h"
#include "gen/lambda.h"
#include "throttle.h"

extern const struct door apigatewayv2_door;

int apigatewayv2_start(struct cloud *cloud)
{
    cloud->authorizer_results = shared_new();
    cloud->access_logs = access_logs_new();
    cloud->throttles = throttles_new();
    return 0;
}

void apigatewayv2_free(struct cloud *cloud)
{
    shared_free(cloud->authorizer_results);
    access_logs_free(cloud->access_logs);
    throttles_free(cloud->throttles);
}

static const char label[] = "execute-api";

static bool matches(struct cloud *cloud, const struct exchange *x)
{
    struct str id, path;
    return door_names(x, label, &id, &path);
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    *max_bytes = APIGW_BODY_BYTES_MAX;
    return BODY_WHOLE;
}

/* One request, from the door to its answer; in the exchange's arena. */
struct visit {
    struct api_request r;
    struct answer answer;
    int64_t begun_us;
    enum { FINDING, ADMITTING, CALLING } step;
    struct lambda_Invoke_in invoke;
    struct principal gateway;
};

struct owner {
    struct str id;
    struct apigatewayv2_rec_Owner rec;
    struct arena *arena;
    bool found;
};

static int find_owner(struct op *op, void *ctx)
{
    struct owner *o = ctx;
    struct apigatewayv2_rec_Owner rec = { 0 };
    struct key k;
    op_key(op, &k, &apigatewayv2_kind_owner);
    key_str(&k, o->id);
    int rc = op_rec_get(op, &k, &apigatewayv2_rec_Owner_shape, &rec);
    o->found = rc == 0;
    o->rec.Account = str_dup(o->arena, rec.Account);
    o->rec.Region = str_dup(o->arena, rec.Region);
    return rc;
}

/* The stage: the first segment when a stage has that name, else $default. */
static int find_stage(struct op *op, struct api_request *r, struct str path)
{
    struct str first, rest;
    str_cut(str_sub(path, 1, path.n), '/', &first, &rest);
    struct key k;
    api_key(op, &k, &apigatewayv2_kind_stage, r->api_id);
    key_str(&k, first);
    int rc = first.n ? op_rec_get(op, &k, &apigatewayv2_Stage_shape, &r->stage) : E_NOT_FOUND;
    r->raw_path = path;
    r->path = path;
    if (rc == 0) {
        r->path = str_sub(path, 1 + first.n, path.n);
        if (!r->path.n)
            r->path = STR("/");
        return 0;
    }
    if (rc != E_NOT_FOUND)
        return rc;
    api_key(op, &k, &apigatewayv2_kind_stage, r->api_id);
    key_c(&k, "$default");
    return op_rec_get(op, &k, &apigatewayv2_Stage_shape, &r->stage);
}

static int find_integration(struct op *op, struct api_request *r)
{
    struct str kind, id;
    struct key k;
    if (!str_cut(r->route.Target, '/', &kind, &id))
        return E_NOT_FOUND;
    api_key(op, &k, &apigatewayv2_kind_integration, r->api_id);
    key_str(&k, id);
    return op_rec_get(op, &k, &apigatewayv2_Integration_shape, &r->integration);
}

/* arn:aws:execute-api:region:account:api/stage/METHOD/path-of-the-route, against which the function's policy is written. */
static struct str source_arn(struct op *op, const struct api_request *r)
{
    struct str method, path;
    if (!str_cut(r->route.RouteKey, ' ', &method, &path))
        return str_printf(op->arena, "arn:aws:execute-api:%.*s:%.*s:%.*s/%.*s/$default", STR_ARG(op->region), STR_ARG(op->account), STR_ARG(r->api_id),
                          STR_ARG(r->stage.StageName));
    if (str_is(method, "ANY"))
        method = STR("*");
    return str_printf(op->arena, "arn:aws:execute-api:%.*s:%.*s:%.*s/%.*s/%.*s%.*s", STR_ARG(op->region), STR_ARG(op->account), STR_ARG(r->api_id),
                      STR_ARG(r->stage.StageName), STR_ARG(method), STR_ARG(path));
}

/* Stage, route and integration. E_NOT_FOUND: none. E_EXISTS: *answer stands already (CORS preflight). E_LIMIT: too many requests. */
static int find(struct op *op, struct visit *v)
{
    struct api_request *r = &v->r;
    struct str id, path;
    door_names(r->x, label, &id, &path);
    if (uri_decode(op->arena, path.n ? path : STR("/"), false, &path))
        return E_NOT_FOUND;
    r->api_id = id;
    int rc = api_get(op, id, &r->api);
    if (rc || opt_bool(r->api.DisableExecuteApiEndpoint, false))
        return E_NOT_FOUND;
    if (cors_apply(&r->api, r->x, &v->answer))
        return E_EXISTS;
    struct str host, port;
    str_cut(r->x->host, ':', &host, &port);
    r->domain = host;
    rc = find_stage(op, r, path);
    if (!rc)
        rc = route_find(op, r);
    if (!rc)
        rc = find_integration(op, r);
    if (!rc && !throttle_take(op, r))
        rc = E_LIMIT;
    return rc;
}

static int call(struct op *op, struct visit *v)
{
    struct api_request *r = &v->r;
    v->invoke.FunctionName = function_of(op, r->integration.IntegrationUri);
    v->invoke.Payload = event_for_integration(op, r);
    return v->invoke.Payload.p ? gateway_principal(op, r->integration.CredentialsArn, source_arn(op, r), &v->gateway) : E_INVALID;
}

/* From one step to the next, as far as it goes without waiting: each is done once, however often handle runs. */
static int advance(struct op *op, struct visit *v)
{
    int rc = 0;
    if (v->step == FINDING) {
        rc = find(op, v);
        v->step = rc ? FINDING : ADMITTING;
    }
    if (!rc && v->step == ADMITTING) {
        rc = admit(op, &v->r, &v->answer); /* E_DENIED: *answer stands */
        if (!rc)
            rc = call(op, v);
        if (!rc) {
            v->step = CALLING;
            v->r.outcome.called_us = clock_mono_us();
            op->state = NULL;
            op->waits_anew = true;
        }
    }
    return rc;
}

/* https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html */
enum { TELL_LATENCY, TELL_INTEGRATION, TELL_4XX, TELL_5XX, TELL_BYTES };
static const struct telemetry_family requests = {
    .space = "AWS/ApiGateway", .dimensions = { "ApiId", "Stage" }, .least = 1,
    .metrics = { [TELL_LATENCY] = { "Latency", "Milliseconds", .also = "Count", .spread = true },
                 [TELL_INTEGRATION] = { "IntegrationLatency", "Milliseconds", .spread = true }, [TELL_4XX] = { "4xx", "Count" }, [TELL_5XX] = { "5xx", "Count" },
                 [TELL_BYTES] = { "DataProcessed", "Bytes" } },
};

static void tell(struct op *op, const struct api_request *r)
{
    if (!r->stage.StageName.n) /* no API's, or none of its stages' */
        return;
    int of_hundred = r->outcome.status / 100;
    struct telemetry_value v[] = { { TELL_LATENCY, (double)r->outcome.took_us / 1000 }, { TELL_4XX, of_hundred == 4 }, { TELL_5XX, of_hundred == 5 },
                                   { TELL_BYTES, (double)r->outcome.bytes }, { TELL_INTEGRATION, (double)r->outcome.integration_us / 1000 } };
    telemetry_add(op->cloud, op->account, op->region, op_now_ms(op), &requests, (struct str[]){ r->api_id, r->stage.StageName }, v,
                  sizeof v / sizeof *v - !r->outcome.called_us);
}

/* What every answer of an API has, when it stands. */
static void finish(struct op *op, struct visit *v)
{
    struct api_request *r = &v->r;
    cors_apply(&r->api, r->x, &v->answer);
    answer_header(r->x->arena, &v->answer, "Apigw-Requestid", str_dup(r->x->arena, op->request_id));
    r->outcome.status = v->answer.status;
    r->outcome.bytes = (int64_t)v->answer.body.n;
    r->outcome.took_us = clock_mono_us() - v->begun_us;
    access_log(op, r);
    tell(op, r);
}

static void refuse(struct visit *v, int status, const char *message)
{
    v->r.outcome.message = str_c(message);
    reply_message(v->r.x, status, message, &v->answer);
}

/* rc: the function's call's. */
static void answer_called(struct op *op, struct visit *v, int rc, const struct lambda_Invoke_out *out, const struct op_failure *why)
{
    struct api_request *r = &v->r;
    r->outcome.integration_us = clock_mono_us() - r->outcome.called_us;
    if (rc == E_AWS)
        r->outcome.integration_error = why->message;
    else if (op->timed_out)
        r->outcome.integration_error = STR("Endpoint request timed out");
    else if (out->FunctionError.p)
        r->outcome.integration_error = STR("The Lambda function returned an error");
    if (op->timed_out || (rc == E_AWS && str_is(str_c(why->error->name), "TooManyRequestsException")))
        refuse(v, 503, "Service Unavailable");
    else if (rc || out->FunctionError.p)
        refuse(v, 500, "Internal Server Error");
    else
        reply_from(r->x, r->integration.PayloadFormatVersion, out->Payload, &v->answer);
}

static int handle(struct op *op, void *ctx)
{
    struct visit *v = ctx;
    struct lambda_Invoke_out out = { 0 };
    struct op_failure why = { 0 };
    int rc = advance(op, v);
    if (v->step == CALLING && !op->timed_out)
        rc = cloud_forward(op, "lambda", "Invoke", &v->gateway, &v->invoke, &out, opt_i64(v->r.integration.TimeoutInMillis, APIGW_TIMEOUT_MS), &why);
    if (rc == E_PARKED || rc == E_CLOSED)
        return rc;
    if (v->step == CALLING)
        answer_called(op, v, rc, &out, &why);
    else if (rc == E_EXISTS) /* a preflight */
        return 0;
    else if (rc == E_NOT_FOUND)
        refuse(v, 404, "Not Found");
    else if (rc == E_LIMIT)
        refuse(v, 429, "Too Many Requests");
    else if (rc != E_DENIED)
        refuse(v, 500, "Internal Server Error");
    finish(op, v);
    return 0;
}

static void reply(struct cloud *cloud, void *ctx, int rc)
{
    struct visit *v = ctx;
    if (rc)
        reply_message(v->r.x, rc == E_CLOSED ? 503 : 500, rc == E_CLOSED ? "Service Unavailable" : "Internal Server Error", &v->answer);
    exchange_reply(v->r.x, &v->answer);
}

static void run(void *ctx, struct exchange *x)
{
    struct cloud *cloud = ctx;
    struct visit *v = arena_one(x->arena, struct visit);
    struct owner o = { .arena = x->arena };
    struct str path;
    v->r.x = x;
    v->begun_us = clock_mono_us();
    answer_init(&v->answer, 200);
    door_names(x, label, &o.id, &path);
    cloud_read(cloud, STR(""), STR(""), find_owner, &o);
    if (x->body_failed || !o.found) {
        reply_message(x, x->body_failed ? 400 : 404, x->body_failed ? "Bad Request" : "Not Found", &v->answer);
        exchange_reply(x, &v->answer);
        return;
    }
    cloud_ask(cloud, o.rec.Account, o.rec.Region, x, handle, reply, v);
}

const struct door apigatewayv2_door = { .name = label, .matches = matches, .handler = { .begin = begin, .run = run } };
