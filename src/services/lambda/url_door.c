/* Requests to function URLs: <id>.lambda-url.<region>.{on.aws,localhost} and /_aws/lambda-url/<id>/...
 *
 * A URL asks two things of whoever comes: lambda:InvokeFunctionUrl, and lambda:InvokeFunction by way of a URL. With AuthType NONE everybody is anonymous, and
 * the function's own policy decides; with AWS_IAM the request is signed for lambda. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
#include "auth/auth.h"
#include "auth/organization.h"
#include "aws/proxy.h"
#include "base/buf.h"
#include "cloud/authorize.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "cloud/door.h"
#include "services/lambda/url.h"

extern const struct door lambda_url_door;

#define LABEL "lambda-url"
#define ADVICE "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

/* One request, from the door to its answer; in the exchange's arena. */
struct visit {
    struct exchange *x;
    struct lambda_rec_UrlOwner owner;
    struct lambda_FunctionUrlConfig url;
    struct lambda_Invoke_in invoke; /* FunctionName absent: it has not been let through yet */
    struct answer answer;
};

static bool matches(struct cloud *cloud, const struct exchange *x)
{
    struct str id, path;
    return door_names(x, LABEL, &id, &path);
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    *max_bytes = LAMBDA_PAYLOAD_BYTES_MAX;
    return BODY_WHOLE;
}

/* ---- answers ---- */

static int refuse(struct visit *v, int status, struct str type, struct str message)
{
    struct buf b;
    answer_init(&v->answer, status);
    answer_header(v->x->arena, &v->answer, "Content-Type", STR("application/json"));
    answer_header(v->x->arena, &v->answer, "x-amzn-ErrorType", str_dup(v->x->arena, type));
    buf_init(&b, v->x->arena, 64 * 1024);
    buf_c(&b, "{\"Message\":");
    if (message.p)
        buf_json_string(&b, message);
    else
        buf_c(&b, "null");
    buf_byte(&b, '}');
    v->answer.body = buf_done(&b);
    return E_DENIED;
}

static void refuse_as(struct visit *v, const struct op_failure *f)
{
    refuse(v, f->error->status, str_c(f->error->code), f->message);
}

static void fail(struct visit *v)
{
    answer_init(&v->answer, 502);
    answer_header(v->x->arena, &v->answer, "Content-Type", STR("application/json"));
    v->answer.body = STR("Internal Server Error");
}

/* ---- who may pass ---- */

static int authorize(struct op *op, const void *in, struct authz *a)
{
    const struct visit *v = in;
    struct authz_item *url = authz_add(a, "lambda:InvokeFunctionUrl", v->url.FunctionArn);
    authz_context(a, url, "lambda:FunctionUrlAuthType", v->url.AuthType);
    authz_context(a, url, "lambda:FunctionArn", v->url.FunctionArn);
    authz_context(a, authz_add(a, "lambda:InvokeFunction", v->url.FunctionArn), "lambda:InvokedViaFunctionUrl", STR("true"));
    return 0;
}

/* Not of the API, and yet what policies are asked about and what CloudTrail records. */
static const struct op_row row = { .name = "InvokeFunctionUrl", .service = &lambda_service, .txn = OP_RO, .authorize = authorize, .data = true };

/* E_DENIED: v->answer stands. */
static int authenticate(struct op *op, struct visit *v)
{
    static const struct principal anonymous = { .kind = PRINCIPAL_ANONYMOUS };
    struct str account = op->account;
    struct sigv4 s;
    if (str_is(v->url.AuthType, "NONE")) {
        op->caller = &anonymous;
        return 0;
    }
    int rc = sigv4_parse(op, v->x, &s);
    if (!rc && !s.present)
        return refuse(v, 403, STR("AccessDeniedException"), STR("Forbidden"));
    if (!rc && !str_eq(s.region, op->region))
        return refuse(v, 403, STR("InvalidSignatureException"), STR("Credential should be scoped to a valid region. "));
    if (!rc)
        rc = auth_authenticate(op, v->x, &s, true);
    op->account = account; /* the function's, whoever calls */
    if (rc == E_AWS)
        refuse_as(v, &op->fail);
    return rc == E_AWS ? E_DENIED : rc;
}

static bool cors(struct visit *v)
{
    const struct lambda_Cors *c = v->url.Cors;
    if (!c)
        return false;
    struct proxy_cors settings = { .origins = c->AllowOrigins, .methods = c->AllowMethods, .headers = c->AllowHeaders, .exposed = c->ExposeHeaders,
                                   .credentials = opt_bool(c->AllowCredentials, false), .max_age_s = c->MaxAge, .preflight_status = 200 };
    return proxy_cors(&settings, v->x, &v->answer);
}

static struct str event(struct op *op, const struct visit *v)
{
    struct str id, path, host, port;
    bool signed_by = !str_is(v->url.AuthType, "NONE");
    door_names(v->x, LABEL, &id, &path);
    str_cut(v->x->host, ':', &host, &port);
    struct proxy_request r = { .x = v->x, .account = signed_by ? op->account : STR("anonymous"), .api_id = id, .domain = host, .raw_path = path.n ? path : STR("/"),
                               .route_key = STR("$default"), .stage = STR("$default"), .admission.caller = signed_by ? op->caller : NULL,
                               .admission.organization = signed_by ? organization_of(op, op->caller->account) : STR_NONE };
    return proxy_event(op, &r, STR("2.0"));
}

/* E_DENIED: v->answer stands. E_EXISTS: so it does, and it was a preflight, which nobody else hears of. */
static int admit(struct op *op, struct visit *v)
{
    struct key k;
    url_key(op, &k, v->owner.FunctionName, v->owner.Alias);
    int rc = op_rec_get(op, &k, &lambda_FunctionUrlConfig_shape, &v->url);
    if (rc == E_NOT_FOUND)
        return refuse(v, 403, STR("AccessDeniedException"), STR_NONE);
    if (!rc && cors(v))
        return E_EXISTS;
    if (!rc)
        rc = authenticate(op, v);
    if (!rc)
        rc = op_authorize(op, v);
    if (rc == E_AWS)
        return refuse(v, 403, STR("AccessDeniedException"), STR(ADVICE));
    if (rc)
        return rc;
    v->invoke.Payload = event(op, v);
    v->invoke.FunctionName = v->url.FunctionArn;
    return v->invoke.Payload.p ? 0 : E_INVALID;
}

/* ---- the way through ---- */

/* What Lambda said, where the function did not answer. */
static void answer_failure(struct op *op, struct visit *v)
{
    const struct aws_error *e = op->fail.error;
    if (e == LAMBDA_TooManyRequestsException || e == LAMBDA_RequestTooLargeException)
        refuse_as(v, &op->fail);
    else
        fail(v);
}

static int handle(struct op *op, void *ctx)
{
    struct visit *v = ctx;
    struct lambda_Invoke_out out = { 0 };
    op->row = &row;
    op->protocol = PROTO_REST_JSON;
    int rc = v->invoke.FunctionName.p ? 0 : admit(op, v);
    bool let_in = v->invoke.FunctionName.p;
    if (!rc)
        rc = lambda_Invoke(op, &v->invoke, &out);
    if (rc == E_PARKED || rc == E_CLOSED)
        return rc;
    if (op->asked.n)
        call_ended(op, NULL, NULL, rc == E_DENIED ? E_AWS : rc);
    if (let_in && rc == E_AWS)
        answer_failure(op, v);
    else if (!rc && (out.FunctionError.p || proxy_reply(v->x, STR("2.0"), out.Payload, &v->answer)))
        fail(v);
    else if (rc && rc != E_DENIED && rc != E_EXISTS)
        return rc;
    if (rc != E_EXISTS)
        cors(v);
    answer_header(v->x->arena, &v->answer, "x-amzn-RequestId", str_dup(v->x->arena, op->request_id));
    return 0;
}

static void reply(struct cloud *cloud, void *ctx, int rc)
{
    struct visit *v = ctx;
    if (rc == E_CLOSED)
        refuse(v, 503, STR("ServiceException"), STR("Service Unavailable"));
    else if (rc)
        fail(v);
    exchange_reply(v->x, &v->answer);
}

struct search {
    struct str id;
    struct visit *visit;
    bool found;
};

static int find_owner(struct op *op, void *ctx)
{
    struct search *s = ctx;
    struct lambda_rec_UrlOwner owner = { 0 };
    struct arena *a = s->visit->x->arena;
    struct key k;
    url_owner_key(op, &k, s->id);
    int rc = op_rec_get(op, &k, &lambda_rec_UrlOwner_shape, &owner);
    s->found = rc == 0;
    s->visit->owner = (struct lambda_rec_UrlOwner){ .Account = str_dup(a, owner.Account), .Region = str_dup(a, owner.Region),
                                                    .FunctionName = str_dup(a, owner.FunctionName), .Alias = str_dup(a, owner.Alias) };
    return rc;
}

static void run(void *ctx, struct exchange *x)
{
    struct cloud *cloud = ctx;
    struct visit *v = arena_one(x->arena, struct visit);
    struct search s = { .visit = v };
    struct str path;
    v->x = x;
    answer_init(&v->answer, 200);
    door_names(x, LABEL, &s.id, &path);
    cloud_read(cloud, STR(""), STR(""), find_owner, &s);
    if (s.found && !x->body_failed) {
        cloud_ask(cloud, v->owner.Account, v->owner.Region, x, handle, reply, v);
        return;
    }
    refuse(v, 403, STR("AccessDeniedException"), STR_NONE); /* of a client that has gone nobody reads it */
    exchange_reply(x, &v->answer);
}

const struct door lambda_url_door = { .name = LABEL, .matches = matches, .handler = { .begin = begin, .run = run } };
