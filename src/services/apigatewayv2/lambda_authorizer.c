/* Lambda (REQUEST) authorizers: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html */
#include <cjson/cJSON.h>

#include "admit.h"
#include "auth/evaluate.h"
#include "auth/state.h"
#include "base/shared.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "gen/lambda.h"
#include "wire/wire.h"

enum { ANSWER_MS = 10 * 1000, KEPT_BYTES_MAX = 16 * 1024 };

/* What a function answered: kept by what it was asked, as long as its authorizer says. */
struct decision {
    int64_t expires_ms;
    bool simple, authorized;     /* simple: authorized is all there is to it */
    struct str policy;           /* else JSON */
    struct str principal_id, context;
};

/* ---- what is asked ---- */

/* Every identity source has a value, else nobody is asked. */
static bool identity_values(struct op *op, const struct api_request *r, const struct apigatewayv2_Authorizer *a, struct str_list *ret)
{
    for list_each(source, &a->IdentitySource) {
        struct str value = identity_value(op, r, *source);
        if (!value.n)
            return false;
        str_list_add(op->arena, ret, value);
    }
    return true;
}

/* With every setting of the authorizer: after a change nothing is found that was decided before. */
static struct str cache_key(struct op *op, const struct api_request *r, const struct apigatewayv2_Authorizer *a, const struct str_list *identity)
{
    struct key k;
    struct str settings;
    if (wire_record_encode(op->arena, &apigatewayv2_Authorizer_shape, a, &settings))
        return STR_NONE;
    api_key(op, &k, &apigatewayv2_kind_authorizer, r->api_id);
    struct str key = str_cat(op->arena, key_view(&k), settings, r->stage.StageName);
    for list_each(v, identity)
        key = str_cat(op->arena, key, str_printf(op->arena, "\n%zu:", v->n), *v);
    return key;
}

static int call_function(struct op *op, struct api_request *r, const struct apigatewayv2_Authorizer *a, const struct str_list *identity, struct lambda_Invoke_out *out)
{
    struct principal who;
    struct str source = str_printf(op->arena, "arn:%.*s:execute-api:%.*s:%.*s:%.*s/authorizers/%.*s", STR_ARG(op->partition), STR_ARG(op->region),
                                   STR_ARG(op->account), STR_ARG(r->api_id), STR_ARG(a->AuthorizerId));
    int rc = gateway_principal(op, a->AuthorizerCredentialsArn, source, &who);
    if (rc)
        return rc;
    struct proxy_question q = { .version = a->AuthorizerPayloadFormatVersion, .identity = identity, .arn = request_arn(op, r) };
    struct lambda_Invoke_in in = { .FunctionName = function_of(op, a->AuthorizerUri), .Payload = event_for_authorizer(op, r, &q) };
    return in.Payload.p ? cloud_forward(op, "lambda", "Invoke", &who, &in, out, ANSWER_MS, NULL) : E_LIMIT;
}

/* ---- what is answered ---- */

static struct str printed(struct arena *a, const cJSON *value)
{
    char *text = cJSON_IsObject(value) ? cJSON_PrintUnformatted(value) : NULL;
    struct str ret = text ? str_dup(a, str_c(text)) : STR("null");
    cJSON_free(text);
    return ret;
}

/* E_INVALID: not as the authorizer must answer. */
static int read_decision(struct arena *a, struct str payload, bool simple, struct decision *ret)
{
    cJSON *tree = cJSON_ParseWithLength(payload.p, payload.n);
    const cJSON *yes = cJSON_GetObjectItemCaseSensitive(tree, "isAuthorized"), *policy = cJSON_GetObjectItemCaseSensitive(tree, "policyDocument");
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "principalId"));
    bool ok = simple ? cJSON_IsBool(yes) : cJSON_IsObject(policy) && id;
    ret->simple = simple;
    ret->authorized = cJSON_IsTrue(yes);
    ret->policy = printed(a, policy);
    ret->principal_id = str_dup(a, str_c(id));
    ret->context = printed(a, cJSON_GetObjectItemCaseSensitive(tree, "context"));
    cJSON_Delete(tree);
    return ok ? 0 : E_INVALID;
}

/* 0 allowed, E_DENIED, E_INVALID the policy does not parse. */
static int decide(struct op *op, const struct api_request *r, const struct decision *d)
{
    if (d->simple)
        return d->authorized ? 0 : E_DENIED;
    const struct policy *policy = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, d->policy);
    struct principal who = { .kind = PRINCIPAL_USER, .account = op->account, .arn = d->principal_id };
    struct eval_request e = { .arena = op->arena, .principal = &who, .action = STR("execute-api:Invoke"), .resource = request_arn(op, r) };
    struct eval_policies policies = { 0 };
    if (!policy)
        return E_INVALID;
    *list_push(op->arena, &policies.identity) = policy;
    return evaluate(&e, &policies).allowed ? 0 : E_DENIED;
}

/* A large one is asked for again each time: a thousand of them may be kept. */
static void remember(struct op *op, struct str key, const struct decision *d)
{
    if (key.n + d->policy.n + d->principal_id.n + d->context.n > KEPT_BYTES_MAX)
        return;
    struct arena *own = arena_new();
    struct decision *kept = arena_dup(own, d, sizeof *d);
    kept->policy = str_dup(own, d->policy);
    kept->principal_id = str_dup(own, d->principal_id);
    kept->context = str_dup(own, d->context);
    shared_put(op->cloud->authorizer_results, op->arena, own, key, 0, kept);
}

int lambda_admit(struct op *op, struct api_request *r, const struct apigatewayv2_Authorizer *a, struct answer *ret)
{
    struct str_list identity = { 0 };
    struct lambda_Invoke_out out = { 0 };
    struct decision fresh = { 0 };
    int64_t ttl_s = opt_i64(a->AuthorizerResultTtlInSeconds, 0);
    if (!identity_values(op, r, a, &identity))
        return admit_refused(r, 401, ret);
    struct str key = ttl_s ? cache_key(op, r, a, &identity) : STR_NONE;
    const struct decision *d = key.p ? shared_get(op->cloud->authorizer_results, op->arena, key, 0) : NULL;
    if (!d || d->expires_ms <= op_now_ms(op)) {
        int rc = op->timed_out ? E_BUSY : call_function(op, r, a, &identity, &out);
        if (rc == 0)
            rc = out.FunctionError.p ? E_INVALID : read_decision(op->arena, out.Payload, opt_bool(a->EnableSimpleResponses, false), &fresh);
        if (rc)
            return rc == E_PARKED || rc == E_CLOSED ? rc : admit_refused(r, 500, ret);
        fresh.expires_ms = op_now_ms(op) + ttl_s * 1000;
        d = &fresh;
        if (key.p)
            remember(op, key, d);
    }
    int rc = decide(op, r, d);
    if (rc)
        return admit_refused(r, rc == E_DENIED ? 403 : 500, ret);
    r->admission.principal_id = d->principal_id;
    r->admission.context = d->context;
    return 0;
}
