#include "context.h"

#include <cjson/cJSON.h>

#include "base/code.h"

static struct str number(struct op *op, int64_t n) { return str_printf(op->arena, "%lld", (long long)n); }
static struct str answered(struct op *op, const struct api_request *r, int64_t n) { return r->outcome.status ? number(op, n) : STR_NONE; }
static struct str called(struct op *op, const struct api_request *r, int64_t n) { return r->outcome.called_us ? number(op, n) : STR_NONE; }

static struct str account_id(struct op *op, const struct api_request *r) { return op->account; }
static struct str api_id(struct op *op, const struct api_request *r) { return r->api_id; }
static struct str principal_id(struct op *op, const struct api_request *r) { return r->admission.principal_id; }
static struct str domain_name(struct op *op, const struct api_request *r) { return r->domain; }
static struct str error_message(struct op *op, const struct api_request *r) { return r->outcome.message; }
static struct str error_string(struct op *op, const struct api_request *r)
{
    return r->outcome.message.p ? str_cat(op->arena, STR("\""), r->outcome.message, STR("\"")) : STR_NONE;
}
static struct str method(struct op *op, const struct api_request *r) { return r->x->method; }
static struct str caller_account(struct op *op, const struct api_request *r) { return r->admission.caller ? r->admission.caller->account : STR_NONE; }
static struct str caller_id(struct op *op, const struct api_request *r) { return r->admission.caller ? r->admission.caller->user_id : STR_NONE; }
static struct str caller_arn(struct op *op, const struct api_request *r) { return r->admission.caller ? r->admission.caller->arn : STR_NONE; }
static struct str source_ip(struct op *op, const struct api_request *r) { return r->x->peer; }
static struct str user_agent(struct op *op, const struct api_request *r) { return exchange_header(r->x, "user-agent"); }
static struct str integration_error(struct op *op, const struct api_request *r) { return r->outcome.integration_error; }
static struct str integration_latency(struct op *op, const struct api_request *r) { return called(op, r, r->outcome.integration_us / 1000); }
static struct str integration_status(struct op *op, const struct api_request *r) { return called(op, r, r->outcome.integration_error.p ? 500 : 200); }
static struct str function_status(struct op *op, const struct api_request *r) { return called(op, r, r->outcome.status); }
static struct str path(struct op *op, const struct api_request *r) { return r->raw_path; }
static struct str protocol(struct op *op, const struct api_request *r) { return STR("HTTP/1.1"); }
static struct str request_id(struct op *op, const struct api_request *r) { return op->request_id; }
static struct str request_time(struct op *op, const struct api_request *r) { return time_clf(op->arena, op_now_ms(op)); }
static struct str request_epoch(struct op *op, const struct api_request *r) { return number(op, op_now_ms(op)); }
static struct str latency(struct op *op, const struct api_request *r) { return answered(op, r, r->outcome.took_us / 1000); }
static struct str length(struct op *op, const struct api_request *r) { return answered(op, r, r->outcome.bytes); }
static struct str route_key(struct op *op, const struct api_request *r) { return r->route.RouteKey; }
static struct str stage(struct op *op, const struct api_request *r) { return r->stage.StageName; }
static struct str status(struct op *op, const struct api_request *r) { return answered(op, r, r->outcome.status); }

static const struct variable {
    const char *name;
    struct str (*get)(struct op *op, const struct api_request *r);
} variables[] = {
    { "accountId", account_id }, { "apiId", api_id }, { "authorizer.principalId", principal_id }, { "domainName", domain_name }, { "domainPrefix", api_id },
    { "error.message", error_message }, { "error.messageString", error_string }, { "extendedRequestId", request_id }, { "httpMethod", method },
    { "identity.accountId", caller_account }, { "identity.caller", caller_id }, { "identity.sourceIp", source_ip }, { "identity.user", caller_id },
    { "identity.userAgent", user_agent }, { "identity.userArn", caller_arn }, { "integration.error", integration_error },
    { "integration.integrationStatus", integration_status }, { "integration.latency", integration_latency }, { "integration.status", function_status },
    { "integrationErrorMessage", integration_error }, { "integrationLatency", integration_latency }, { "integrationStatus", integration_status },
    { "path", path }, { "protocol", protocol }, { "requestId", request_id }, { "requestTime", request_time }, { "requestTimeEpoch", request_epoch },
    { "responseLatency", latency }, { "responseLength", length }, { "routeKey", route_key }, { "stage", stage }, { "status", status },
};

static const struct variable *find(struct str name)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (str_is(name, variables[i].name))
            return &variables[i];
    return NULL;
}

bool context_known(struct str name) { return find(name); }

static struct str member(struct op *op, struct str json, struct str name)
{
    cJSON *tree = cJSON_ParseWithLength(json.p, json.n);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, str_dup(op->arena, name).p);
    char *text = cJSON_IsString(value) || !value ? NULL : cJSON_PrintUnformatted(value);
    struct str ret = str_dup(op->arena, str_c(text ? text : cJSON_GetStringValue(value)));
    cJSON_free(text);
    cJSON_Delete(tree);
    return ret;
}

struct str context_value(struct op *op, const struct api_request *r, struct str name)
{
    static const char claims[] = "authorizer.claims.", said[] = "authorizer.";
    const struct variable *v = find(name);
    if (v)
        return v->get(op, r);
    if (r->admission.claims.p && str_starts(name, str_c(claims)))
        return member(op, r->admission.claims, str_sub(name, sizeof claims - 1, name.n));
    if (r->admission.context.p && str_starts(name, str_c(said)))
        return member(op, r->admission.context, str_sub(name, sizeof said - 1, name.n));
    return STR_NONE;
}
