/* Integrations, routes, stages and deployments (and the lists of authorizers): created, read, changed, removed alike. */
#include "access_log.h"

#include "aws/id.h"
#include "aws/overlay.h"
#include "aws/arn.h"

static int check_lambda_uri(struct op *op, struct str type, struct str uri, struct str credentials)
{
    struct arn arn;
    if (!str_is(type, "AWS_PROXY"))
        return aws_unsupported(op, "IntegrationType other than AWS_PROXY");
    if (str_is(credentials, "arn:aws:iam::*:user/*"))
        return aws_unsupported(op, "CredentialsArn arn:aws:iam::*:user/* (the caller's own)");
    if (arn_parse(uri, &arn) || (!str_is(arn.service, "lambda") && !str_is(arn.service, "apigateway")))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid lambda function: %.*s", STR_ARG(uri));
    return 0;
}

/* ---- integrations ---- */

int apigatewayv2_CreateIntegration(struct op *op, const struct apigatewayv2_CreateIntegration_in *in, struct apigatewayv2_CreateIntegration_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Integration i = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc && in->IntegrationSubtype.p)
        rc = aws_unsupported(op, "IntegrationSubtype");
    if (!rc && str_is(in->ConnectionType, "VPC_LINK"))
        rc = aws_unsupported(op, "ConnectionType VPC_LINK");
    if (!rc && (in->RequestParameters.n || in->ResponseParameters.n || in->TlsConfig))
        rc = aws_unsupported(op, "RequestParameters, ResponseParameters or TlsConfig");
    if (!rc)
        rc = check_lambda_uri(op, in->IntegrationType, in->IntegrationUri, in->CredentialsArn);
    if (!rc && !in->PayloadFormatVersion.p)
        rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "PayloadFormatVersion is a required parameter for integration");
    if (!rc)
        rc = part_room(op, &apigatewayv2_kind_integration, in->ApiId);
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Integration_shape, &i);
    i.IntegrationId = id_alnum(op, 7);
    i.ConnectionType = opt_str(in->ConnectionType, STR("INTERNET"));
    i.IntegrationMethod = opt_str(in->IntegrationMethod, STR("POST"));
    i.TimeoutInMillis = SOME_I64(opt_i64(in->TimeoutInMillis, APIGW_TIMEOUT_MS));
    overlay(&apigatewayv2_Integration_shape, &i, op->row->out, out);
    return part_put(op, &apigatewayv2_kind_integration, in->ApiId, i.IntegrationId, &i);
}

int apigatewayv2_GetIntegration(struct op *op, const struct apigatewayv2_GetIntegration_in *in, struct apigatewayv2_GetIntegration_out *out)
{
    struct apigatewayv2_Integration i = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_integration, in->ApiId, in->IntegrationId, &i);
    overlay(&apigatewayv2_Integration_shape, &i, op->row->out, out);
    return rc;
}

int apigatewayv2_UpdateIntegration(struct op *op, const struct apigatewayv2_UpdateIntegration_in *in, struct apigatewayv2_UpdateIntegration_out *out)
{
    struct apigatewayv2_Integration i = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_integration, in->ApiId, in->IntegrationId, &i);
    if (!rc && (in->RequestParameters.n || in->ResponseParameters.n || in->TlsConfig))
        rc = aws_unsupported(op, "RequestParameters, ResponseParameters or TlsConfig");
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Integration_shape, &i);
    rc = check_lambda_uri(op, i.IntegrationType, i.IntegrationUri, i.CredentialsArn);
    overlay(&apigatewayv2_Integration_shape, &i, op->row->out, out);
    return rc ? rc : part_put(op, &apigatewayv2_kind_integration, in->ApiId, in->IntegrationId, &i);
}

/* An integration that a route still targets stays. */
struct user {
    struct str target, route_id;
};

static int find_user(struct op *op, void *ctx, struct str value)
{
    struct user *u = ctx;
    struct apigatewayv2_Route route = { 0 };
    int rc = op_rec_decode(op, value, &apigatewayv2_Route_shape, &route);
    if (rc == 0 && str_eq(route.Target, u->target))
        u->route_id = route.RouteId;
    return rc;
}

int apigatewayv2_DeleteIntegration(struct op *op, const struct apigatewayv2_DeleteIntegration_in *in, struct apigatewayv2_DeleteIntegration_out *out)
{
    struct apigatewayv2_Integration i = { 0 };
    struct user u = { .target = str_printf(op->arena, "integrations/%.*s", STR_ARG(in->IntegrationId)) };
    int rc = part_get(op, &apigatewayv2_kind_integration, in->ApiId, in->IntegrationId, &i);
    if (!rc)
        rc = part_each(op, &apigatewayv2_kind_route, in->ApiId, find_user, &u);
    if (!rc && u.route_id.p)
        rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "Cannot delete Integration, it is referenced by Route %.*s", STR_ARG(u.route_id));
    return rc ? rc : part_delete(op, &apigatewayv2_kind_integration, in->ApiId, in->IntegrationId);
}

/* ---- routes ---- */

/* "$default" or "METHOD /path/{parameter}/{greedy+}". */
static int check_route_key(struct op *op, struct str key)
{
    static const char *const methods[] = { "ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS" };
    struct str method, path;
    if (str_is(key, "$default"))
        return 0;
    bool ok = str_cut(key, ' ', &method, &path) && path.n && path.p[0] == '/', known = false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known = known || str_is(method, methods[i]);
    if (ok && known)
        return 0;
    return aws_fail(op, APIGATEWAYV2_BadRequestException, "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> "
                                                          "/<RESOURCE PATH>\" or \"$default\"");
}

struct twin {
    struct str route_key, id, found;
};

static int find_twin(struct op *op, void *ctx, struct str value)
{
    struct twin *t = ctx;
    struct apigatewayv2_Route route = { 0 };
    int rc = op_rec_decode(op, value, &apigatewayv2_Route_shape, &route);
    if (rc == 0 && str_eq(route.RouteKey, t->route_key) && !str_eq(route.RouteId, t->id))
        t->found = route.RouteId;
    return rc;
}

/* JWT and CUSTOM go with an authorizer of that kind. With NONE and AWS_IAM there is none: one that stood there before goes. */
static int check_authorization(struct op *op, struct str api_id, struct apigatewayv2_Route *r)
{
    struct apigatewayv2_Authorizer a = { 0 };
    struct key k;
    bool jwt = str_is(r->AuthorizationType, "JWT");
    if (!jwt && !str_is(r->AuthorizationType, "CUSTOM")) {
        r->AuthorizerId = STR_NONE;
        r->AuthorizationScopes = (struct str_list){ 0 };
        return 0;
    }
    api_key(op, &k, &apigatewayv2_kind_authorizer, api_id);
    key_str(&k, opt_str(r->AuthorizerId, STR("")));
    int rc = op_rec_get(op, &k, &apigatewayv2_Authorizer_shape, &a);
    if (rc == E_NOT_FOUND || (!rc && jwt != str_is(a.AuthorizerType, "JWT")))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid authorizer ID specified. Setting the authorization type to %.*s requires a valid authorizer.",
                        STR_ARG(r->AuthorizationType));
    if (!rc && !jwt && r->AuthorizationScopes.n)
        rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "AuthorizationScopes are supported for JWT authorizers only");
    return rc;
}

static int put_route(struct op *op, struct str api_id, struct apigatewayv2_Route *r)
{
    struct twin t = { .route_key = r->RouteKey, .id = r->RouteId };
    int rc = check_route_key(op, r->RouteKey);
    if (!rc)
        rc = check_authorization(op, api_id, r);
    if (!rc)
        rc = part_each(op, &apigatewayv2_kind_route, api_id, find_twin, &t);
    if (!rc && t.found.p)
        rc = aws_fail(op, APIGATEWAYV2_ConflictException, "Route with key %.*s already exists for this API", STR_ARG(r->RouteKey));
    return rc ? rc : part_put(op, &apigatewayv2_kind_route, api_id, r->RouteId, r);
}

int apigatewayv2_CreateRoute(struct op *op, const struct apigatewayv2_CreateRoute_in *in, struct apigatewayv2_CreateRoute_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Route r = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc && (in->RequestParameters.n || in->RequestModels.n || opt_bool(in->ApiKeyRequired, false)))
        rc = aws_unsupported(op, "RequestParameters, RequestModels or ApiKeyRequired");
    if (!rc)
        rc = part_room(op, &apigatewayv2_kind_route, in->ApiId);
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Route_shape, &r);
    r.RouteId = id_alnum(op, 7);
    r.AuthorizationType = opt_str(in->AuthorizationType, STR("NONE"));
    r.ApiKeyRequired = SOME_BOOL(false);
    rc = put_route(op, in->ApiId, &r);
    overlay(&apigatewayv2_Route_shape, &r, op->row->out, out);
    return rc;
}

int apigatewayv2_GetRoute(struct op *op, const struct apigatewayv2_GetRoute_in *in, struct apigatewayv2_GetRoute_out *out)
{
    struct apigatewayv2_Route r = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_route, in->ApiId, in->RouteId, &r);
    overlay(&apigatewayv2_Route_shape, &r, op->row->out, out);
    return rc;
}

int apigatewayv2_UpdateRoute(struct op *op, const struct apigatewayv2_UpdateRoute_in *in, struct apigatewayv2_UpdateRoute_out *out)
{
    struct apigatewayv2_Route r = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_route, in->ApiId, in->RouteId, &r);
    if (!rc && (in->RequestParameters.n || in->RequestModels.n || opt_bool(in->ApiKeyRequired, false)))
        rc = aws_unsupported(op, "RequestParameters, RequestModels or ApiKeyRequired");
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Route_shape, &r);
    rc = put_route(op, in->ApiId, &r);
    overlay(&apigatewayv2_Route_shape, &r, op->row->out, out);
    return rc;
}

int apigatewayv2_DeleteRoute(struct op *op, const struct apigatewayv2_DeleteRoute_in *in, struct apigatewayv2_DeleteRoute_out *out)
{
    struct apigatewayv2_Route r = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_route, in->ApiId, in->RouteId, &r);
    return rc ? rc : part_delete(op, &apigatewayv2_kind_route, in->ApiId, in->RouteId);
}

/* ---- deployments: routes are live at once in an auto-deployed stage; a deployment is only a record ---- */

static int deploy(struct op *op, struct str api_id, bool automatic, struct str description, struct apigatewayv2_Deployment *ret)
{
    *ret = (struct apigatewayv2_Deployment){
        .DeploymentId = id_alnum(op, 6), .AutoDeployed = SOME_BOOL(automatic), .CreatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000),
        .DeploymentStatus = STR("DEPLOYED"), .Description = description,
    };
    return part_put(op, &apigatewayv2_kind_deployment, api_id, ret->DeploymentId, ret);
}

int apigatewayv2_CreateDeployment(struct op *op, const struct apigatewayv2_CreateDeployment_in *in, struct apigatewayv2_CreateDeployment_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Deployment d;
    struct apigatewayv2_Stage stage = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc)
        rc = deploy(op, in->ApiId, false, in->Description, &d);
    if (!rc && in->StageName.p) {
        rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &stage);
        stage.DeploymentId = d.DeploymentId;
        if (!rc)
            rc = part_put(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &stage);
    }
    if (!rc)
        overlay(&apigatewayv2_Deployment_shape, &d, op->row->out, out);
    return rc;
}

int apigatewayv2_GetDeployment(struct op *op, const struct apigatewayv2_GetDeployment_in *in, struct apigatewayv2_GetDeployment_out *out)
{
    struct apigatewayv2_Deployment d = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_deployment, in->ApiId, in->DeploymentId, &d);
    overlay(&apigatewayv2_Deployment_shape, &d, op->row->out, out);
    return rc;
}

int apigatewayv2_DeleteDeployment(struct op *op, const struct apigatewayv2_DeleteDeployment_in *in, struct apigatewayv2_DeleteDeployment_out *out)
{
    struct apigatewayv2_Deployment d = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_deployment, in->ApiId, in->DeploymentId, &d);
    return rc ? rc : part_delete(op, &apigatewayv2_kind_deployment, in->ApiId, in->DeploymentId);
}

/* ---- stages ---- */

static int check_settings(struct op *op, const struct apigatewayv2_RouteSettings *s)
{
    if (opt_bool(s->DataTraceEnabled, false) || (s->LoggingLevel.p && !str_is(s->LoggingLevel, "OFF")))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Execution logs are not supported on protocolType HTTP");
    if ((s->ThrottlingRateLimit.set && !(s->ThrottlingRateLimit.v >= 0)) || opt_i64(s->ThrottlingBurstLimit, 0) < 0)
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Throttling limits must not be negative");
    return 0;
}

static int check_route_settings(struct op *op, struct str api_id, const struct apigatewayv2_Stage *s)
{
    int rc = s->DefaultRouteSettings ? check_settings(op, s->DefaultRouteSettings) : 0;
    for (uint32_t i = 0; rc == 0 && i < s->RouteSettings.n; i++) {
        struct twin t = { .route_key = s->RouteSettings.v[i].key, .id = STR("") };
        rc = check_settings(op, &s->RouteSettings.v[i].value);
        if (!rc)
            rc = part_each(op, &apigatewayv2_kind_route, api_id, find_twin, &t);
        if (!rc && !t.found.p)
            rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "Unable to find Route by key %.*s within the provided RouteSettings", STR_ARG(t.route_key));
    }
    return rc;
}

static int check_stage(struct op *op, struct str api_id, const struct apigatewayv2_Stage *s)
{
    if (s->ClientCertificateId.p)
        return aws_unsupported(op, "ClientCertificateId");
    for (size_t i = 0; i < s->StageName.n; i++) {
        char c = s->StageName.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!ok && !str_is(s->StageName, "$default"))
            return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid stage name. Stage names may only contain alphanumeric characters, hyphens and underscores.");
    }
    int rc = check_route_settings(op, api_id, s);
    return rc ? rc : access_log_settle(op, s);
}

int apigatewayv2_CreateStage(struct op *op, const struct apigatewayv2_CreateStage_in *in, struct apigatewayv2_CreateStage_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Stage s = { 0 };
    struct apigatewayv2_Deployment d;
    struct key k;
    int rc = api_get(op, in->ApiId, &api);
    if (rc)
        return rc;
    api_key(op, &k, &apigatewayv2_kind_stage, in->ApiId);
    key_str(&k, in->StageName);
    if (op_rec_has(op, &k))
        return aws_fail(op, APIGATEWAYV2_ConflictException, "Stage already exists");
    overlay(op->row->in, in, &apigatewayv2_Stage_shape, &s);
    s.CreatedDate = s.LastUpdatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000);
    s.AutoDeploy = SOME_BOOL(opt_bool(in->AutoDeploy, false));
    if (!s.DefaultRouteSettings) {
        s.DefaultRouteSettings = arena_one(op->arena, struct apigatewayv2_RouteSettings);
        s.DefaultRouteSettings->DetailedMetricsEnabled = SOME_BOOL(false);
    }
    s.RouteSettings.set = s.StageVariables.set = s.Tags.set = true;
    rc = check_stage(op, in->ApiId, &s);
    if (!rc)
        rc = part_room(op, &apigatewayv2_kind_stage, in->ApiId);
    if (!rc && s.AutoDeploy.v) {
        rc = deploy(op, in->ApiId, true, STR("Automatic deployment triggered by changes to the Api configuration"), &d);
        s.DeploymentId = d.DeploymentId;
        s.LastDeploymentStatusMessage = str_printf(op->arena, "Successfully deployed stage with deployment ID '%.*s'", STR_ARG(d.DeploymentId));
    }
    overlay(&apigatewayv2_Stage_shape, &s, op->row->out, out);
    return rc ? rc : part_put(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
}

int apigatewayv2_GetStage(struct op *op, const struct apigatewayv2_GetStage_in *in, struct apigatewayv2_GetStage_out *out)
{
    struct apigatewayv2_Stage s = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
    overlay(&apigatewayv2_Stage_shape, &s, op->row->out, out);
    return rc;
}

int apigatewayv2_UpdateStage(struct op *op, const struct apigatewayv2_UpdateStage_in *in, struct apigatewayv2_UpdateStage_out *out)
{
    struct apigatewayv2_Stage s = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Stage_shape, &s);
    s.LastUpdatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000);
    rc = check_stage(op, in->ApiId, &s);
    overlay(&apigatewayv2_Stage_shape, &s, op->row->out, out);
    return rc ? rc : part_put(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
}

int apigatewayv2_DeleteStage(struct op *op, const struct apigatewayv2_DeleteStage_in *in, struct apigatewayv2_DeleteStage_out *out)
{
    struct apigatewayv2_Stage s = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
    return rc ? rc : part_delete(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName);
}

int apigatewayv2_DeleteRouteSettings(struct op *op, const struct apigatewayv2_DeleteRouteSettings_in *in, struct apigatewayv2_DeleteRouteSettings_out *out)
{
    struct apigatewayv2_Stage s = { 0 };
    uint32_t kept = 0;
    int rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < s.RouteSettings.n; i++)
        if (!str_eq(s.RouteSettings.v[i].key, in->RouteKey))
            s.RouteSettings.v[kept++] = s.RouteSettings.v[i];
    if (kept == s.RouteSettings.n)
        return aws_fail(op, APIGATEWAYV2_NotFoundException, "Unable to find Route settings by key %.*s", STR_ARG(in->RouteKey));
    s.RouteSettings.n = kept;
    return part_put(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
}

int apigatewayv2_DeleteAccessLogSettings(struct op *op, const struct apigatewayv2_DeleteAccessLogSettings_in *in, struct apigatewayv2_DeleteAccessLogSettings_out *out)
{
    struct apigatewayv2_Stage s = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
    s.AccessLogSettings = NULL;
    return rc ? rc : part_put(op, &apigatewayv2_kind_stage, in->ApiId, in->StageName, &s);
}

/* ---- lists ---- */

#define LISTS(Op, kind, Shape)                                                                                           \
    static int list_##Shape(struct op *op, void *ctx, struct str value)                                                 \
    {                                                                                                                    \
        struct apigatewayv2_##Op##_out *out = ctx;                                                                       \
        return op_rec_decode(op, value, &apigatewayv2_##Shape##_shape, list_push(op->arena, &out->Items));               \
    }                                                                                                                    \
    int apigatewayv2_##Op(struct op *op, const struct apigatewayv2_##Op##_in *in, struct apigatewayv2_##Op##_out *out)   \
    {                                                                                                                    \
        struct apigatewayv2_Api api = { 0 };                                                                             \
        struct key all;                                                                                                  \
        int rc = api_get(op, in->ApiId, &api);                                                                           \
        api_key(op, &all, &apigatewayv2_kind_##kind, in->ApiId);                                                         \
        out->Items.set = true;                                                                                           \
        return rc ? rc : page_each(op, &all, in->MaxResults, in->NextToken, list_##Shape, out, &out->NextToken);         \
    }

LISTS(GetIntegrations, integration, Integration)
LISTS(GetRoutes, route, Route)
LISTS(GetAuthorizers, authorizer, Authorizer)
LISTS(GetStages, stage, Stage)
LISTS(GetDeployments, deployment, Deployment)
