/* APIs, and what their parts share. */
#include "api.h"

#include <string.h>

#include "aws/arn.h"
#include "base/code.h"
#include "aws/id.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "cloud/cloud.h"

/* ---- ARNs: arn:aws:apigateway:region::/apis/id/routes/id ---- */

static struct str path_arn(struct op *op, const char *collection, struct str api_id, struct str id)
{
    struct str base = str_printf(op->arena, "arn:%.*s:apigateway:%.*s::/apis", STR_ARG(op->partition), STR_ARG(op->region));
    if (!api_id.p)
        return base;
    if (!collection)
        return str_printf(op->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(api_id));
    if (!id.p)
        return str_printf(op->arena, "%.*s/%.*s/%s", STR_ARG(base), STR_ARG(api_id), collection);
    return str_printf(op->arena, "%.*s/%.*s/%s/%.*s", STR_ARG(base), STR_ARG(api_id), collection, STR_ARG(id));
}

struct str apigatewayv2_arn_apis(struct op *op) { return path_arn(op, NULL, STR_NONE, STR_NONE); }
struct str apigatewayv2_arn_api(struct op *op, struct str ApiId) { return path_arn(op, NULL, ApiId, STR_NONE); }
struct str apigatewayv2_arn_integrations(struct op *op, struct str ApiId) { return path_arn(op, "integrations", ApiId, STR_NONE); }
struct str apigatewayv2_arn_integration(struct op *op, struct str ApiId, struct str Id) { return path_arn(op, "integrations", ApiId, Id); }
struct str apigatewayv2_arn_routes(struct op *op, struct str ApiId) { return path_arn(op, "routes", ApiId, STR_NONE); }
struct str apigatewayv2_arn_route(struct op *op, struct str ApiId, struct str Id) { return path_arn(op, "routes", ApiId, Id); }
struct str apigatewayv2_arn_authorizers(struct op *op, struct str ApiId) { return path_arn(op, "authorizers", ApiId, STR_NONE); }
struct str apigatewayv2_arn_authorizer(struct op *op, struct str ApiId, struct str Id) { return path_arn(op, "authorizers", ApiId, Id); }
struct str apigatewayv2_arn_stages(struct op *op, struct str ApiId) { return path_arn(op, "stages", ApiId, STR_NONE); }
struct str apigatewayv2_arn_stage(struct op *op, struct str ApiId, struct str Id) { return path_arn(op, "stages", ApiId, Id); }
struct str apigatewayv2_arn_route_setting(struct op *op, struct str ApiId, struct str StageName, struct str RouteKey)
{
    return str_cat(op->arena, path_arn(op, "stages", ApiId, StageName), STR("/routesettings/"), RouteKey);
}
struct str apigatewayv2_arn_access_log_setting(struct op *op, struct str ApiId, struct str StageName)
{
    return str_cat(op->arena, path_arn(op, "stages", ApiId, StageName), STR("/accesslogsettings"));
}
struct str apigatewayv2_arn_deployments(struct op *op, struct str ApiId) { return path_arn(op, "deployments", ApiId, STR_NONE); }
struct str apigatewayv2_arn_deployment(struct op *op, struct str ApiId, struct str Id) { return path_arn(op, "deployments", ApiId, Id); }

/* What is asked is the path of the request, in which the resource stands encoded. */
struct str apigatewayv2_arn_tagged(struct op *op, struct str ResourceArn)
{
    struct str encoded = uri_encode(op->arena, ResourceArn, false);
    return str_printf(op->arena, "arn:%.*s:apigateway:%.*s::/tags/%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(encoded));
}

/* ---- records ---- */

void api_key(struct op *op, struct key *k, const struct record_kind *kind, struct str api_id)
{
    op_key(op, k, kind);
    key_str(k, api_id);
}

int api_get(struct op *op, struct str api_id, struct apigatewayv2_Api *ret)
{
    struct key k;
    api_key(op, &k, &apigatewayv2_kind_api, api_id);
    int rc = op_rec_get(op, &k, &apigatewayv2_Api_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, APIGATEWAYV2_NotFoundException, "Invalid API identifier specified %.*s:%.*s", STR_ARG(op->account), STR_ARG(api_id))
                             : rc;
}

static int api_put(struct op *op, const struct apigatewayv2_Api *api)
{
    struct key k;
    api_key(op, &k, &apigatewayv2_kind_api, api->ApiId);
    return op_rec_put(op, &k, &apigatewayv2_Api_shape, api);
}

int part_get(struct op *op, const struct record_kind *kind, struct str api_id, struct str id, void *ret)
{
    struct apigatewayv2_Api api = { 0 };
    struct key k;
    int rc = api_get(op, api_id, &api);
    if (rc)
        return rc;
    api_key(op, &k, kind, api_id);
    key_str(&k, id);
    rc = op_rec_get(op, &k, kind->shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, APIGATEWAYV2_NotFoundException, "Invalid %s identifier specified %.*s",
                                        kind == &apigatewayv2_kind_integration ? "Integration" : kind == &apigatewayv2_kind_route ? "Route"
                                        : kind == &apigatewayv2_kind_authorizer ? "Authorizer" : kind == &apigatewayv2_kind_stage ? "stage" : "Deployment",
                                        STR_ARG(id)) : rc;
}

int part_room(struct op *op, const struct record_kind *kind, struct str api_id)
{
    /* https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
    static const struct {
        const struct record_kind *kind;
        const char *name;
        int max;
    } quotas[] = { { &apigatewayv2_kind_route, "Routes", 300 }, { &apigatewayv2_kind_integration, "Integrations", 300 },
                   { &apigatewayv2_kind_authorizer, "Authorizers", 10 }, { &apigatewayv2_kind_stage, "Stages", 10 } };
    struct key prefix, to;
    struct str key, value;
    int n = 0;
    api_key(op, &prefix, kind, api_id);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        n++;
    int rc = scan_end(s);
    for (size_t i = 0; rc == 0 && i < sizeof quotas / sizeof *quotas; i++)
        if (quotas[i].kind == kind && n >= quotas[i].max)
            return aws_fail(op, APIGATEWAYV2_PartsExceeded, "Maximum number of %s for this API has been reached. Please contact AWS if you need additional %s.",
                            quotas[i].name, quotas[i].name);
    return rc;
}

int part_put(struct op *op, const struct record_kind *kind, struct str api_id, struct str id, const void *part)
{
    struct key k;
    api_key(op, &k, kind, api_id);
    key_str(&k, id);
    return op_rec_put(op, &k, kind->shape, part);
}

int part_delete(struct op *op, const struct record_kind *kind, struct str api_id, struct str id)
{
    struct key k;
    api_key(op, &k, kind, api_id);
    key_str(&k, id);
    return op_rec_delete(op, &k);
}

/* What begins with prefix, from `from` on, max records; absent from: from the beginning. *ret_next: the key behind, absent at the end. */
static int each(struct op *op, const struct key *prefix, struct str from, int64_t max, int (*fn)(struct op *op, void *ctx, struct str value), void *ctx,
                struct str *ret_next)
{
    struct key to;
    key_after_prefix(prefix, &to);
    struct scan *s = txn_scan(op->txn, opt_str(from, key_view(prefix)), key_view(&to), false);
    struct str key, value;
    int rc = 0;
    for (int64_t n = 0; rc >= 0 && scan_next(s, &key, &value); n++) {
        if (n == max) {
            *ret_next = str_dup(op->arena, key);
            break;
        }
        rc = fn(op, ctx, value);
    }
    int failed = scan_end(s);
    return rc < 0 ? rc : failed;
}

int part_each(struct op *op, const struct record_kind *kind, struct str api_id, int (*fn)(struct op *op, void *ctx, struct str value), void *ctx)
{
    struct key prefix;
    struct str next;
    api_key(op, &prefix, kind, api_id);
    return each(op, &prefix, STR_NONE, INT64_MAX, fn, ctx, &next);
}

int page_each(struct op *op, const struct key *prefix, struct str max_results, struct str token, int (*fn)(struct op *op, void *ctx, struct str value),
              void *ctx, struct str *ret_token)
{
    struct str from = STR_NONE, next = STR_NONE;
    int64_t max = APIGW_PAGE_MAX;
    if (max_results.p && (str_to_i64(max_results, &max) || max < 1 || max > APIGW_PAGE_MAX))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid maxResults");
    if (token.p && page_key(op, token, &from))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid nextToken");
    int rc = each(op, prefix, from, max, fn, ctx, &next);
    *ret_token = page_token(op, next);
    return rc;
}

/* ---- operations on APIs ---- */

static int quick_create(struct op *op, const struct apigatewayv2_CreateApi_in *in, struct str api_id);

int apigatewayv2_CreateApi(struct op *op, const struct apigatewayv2_CreateApi_in *in, struct apigatewayv2_CreateApi_out *out)
{
    if (!str_is(in->ProtocolType, "HTTP"))
        return aws_unsupported(op, "ProtocolType WEBSOCKET");
    if (opt_bool(in->DisableSchemaValidation, false))
        return aws_unsupported(op, "DisableSchemaValidation");
    const char *wrong = tags_check(&in->Tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "%s", wrong);
    struct apigatewayv2_Api api = { 0 };
    overlay(op->row->in, in, &apigatewayv2_Api_shape, &api);
    api.ApiId = id_alnum(op, 10);
    api.ApiEndpoint = str_printf(op->arena, "https://%.*s.execute-api.%.*s.amazonaws.com", STR_ARG(api.ApiId), STR_ARG(op->region));
    api.ApiKeySelectionExpression = opt_str(in->ApiKeySelectionExpression, STR("$request.header.x-api-key"));
    api.RouteSelectionExpression = opt_str(in->RouteSelectionExpression, STR("$request.method $request.path"));
    api.DisableExecuteApiEndpoint = SOME_BOOL(opt_bool(in->DisableExecuteApiEndpoint, false));
    api.IpAddressType = opt_str(in->IpAddressType, STR("ipv4"));
    api.CreatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000);
    api.Tags.set = true;
    struct key k;
    struct apigatewayv2_rec_Owner owner = { .Account = op->account, .Region = op->region };
    op_key(op, &k, &apigatewayv2_kind_owner);
    key_str(&k, api.ApiId);
    int rc = op_rec_put(op, &k, &apigatewayv2_rec_Owner_shape, &owner);
    if (!rc)
        rc = api_put(op, &api);
    if (!rc && in->Target.p)
        rc = quick_create(op, in, api.ApiId);
    overlay(&apigatewayv2_Api_shape, &api, op->row->out, out);
    return rc;
}

int apigatewayv2_GetApi(struct op *op, const struct apigatewayv2_GetApi_in *in, struct apigatewayv2_GetApi_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc)
        overlay(&apigatewayv2_Api_shape, &api, op->row->out, out);
    return rc;
}

static int list_api(struct op *op, void *ctx, struct str value)
{
    struct apigatewayv2_GetApis_out *out = ctx;
    return op_rec_decode(op, value, &apigatewayv2_Api_shape, list_push(op->arena, &out->Items));
}

int apigatewayv2_GetApis(struct op *op, const struct apigatewayv2_GetApis_in *in, struct apigatewayv2_GetApis_out *out)
{
    struct key all;
    op_key(op, &all, &apigatewayv2_kind_api);
    out->Items.set = true;
    return page_each(op, &all, in->MaxResults, in->NextToken, list_api, out, &out->NextToken);
}

int apigatewayv2_UpdateApi(struct op *op, const struct apigatewayv2_UpdateApi_in *in, struct apigatewayv2_UpdateApi_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc && (in->Target.p || in->RouteKey.p || in->CredentialsArn.p))
        rc = aws_unsupported(op, "target, routeKey or credentialsArn (quick create)");
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Api_shape, &api);
    overlay(&apigatewayv2_Api_shape, &api, op->row->out, out);
    return api_put(op, &api);
}

int apigatewayv2_DeleteCorsConfiguration(struct op *op, const struct apigatewayv2_DeleteCorsConfiguration_in *in,
                                         struct apigatewayv2_DeleteCorsConfiguration_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    api.CorsConfiguration = NULL;
    return rc ? rc : api_put(op, &api);
}

static int delete_below(struct op *op, const struct record_kind *kind, struct str api_id)
{
    struct key from, to;
    api_key(op, &from, kind, api_id);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    int rc = 0;
    while (rc == 0 && scan_next(s, &key, &value))
        rc = txn_delete(op->txn, str_dup(op->arena, key));
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int apigatewayv2_DeleteApi(struct op *op, const struct apigatewayv2_DeleteApi_in *in, struct apigatewayv2_DeleteApi_out *out)
{
    static const struct record_kind *const kinds[] = {
        &apigatewayv2_kind_api, &apigatewayv2_kind_integration, &apigatewayv2_kind_route, &apigatewayv2_kind_authorizer, &apigatewayv2_kind_stage,
        &apigatewayv2_kind_deployment,
    };
    struct apigatewayv2_Api api = { 0 };
    struct key k;
    int rc = api_get(op, in->ApiId, &api);
    if (rc)
        return rc;
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof *kinds; i++)
        rc = delete_below(op, kinds[i], in->ApiId);
    op_key(op, &k, &apigatewayv2_kind_owner);
    key_str(&k, in->ApiId);
    return rc ? rc : op_rec_delete(op, &k);
}

/* CreateApi with a target: an integration, a route and the $default stage at once. */
static int quick_create(struct op *op, const struct apigatewayv2_CreateApi_in *in, struct str api_id)
{
    struct apigatewayv2_Integration integration = {
        .ApiGatewayManaged = SOME_BOOL(true), .IntegrationId = id_alnum(op, 7), .IntegrationUri = in->Target,
        .ConnectionType = STR("INTERNET"), .PayloadFormatVersion = STR("2.0"), .TimeoutInMillis = SOME_I64(APIGW_TIMEOUT_MS),
        .IntegrationType = str_starts(in->Target, STR("arn:")) ? STR("AWS_PROXY") : STR("HTTP_PROXY"), .IntegrationMethod = STR("POST"),
    };
    struct apigatewayv2_Route route = {
        .ApiGatewayManaged = SOME_BOOL(true), .RouteId = id_alnum(op, 7), .RouteKey = opt_str(in->RouteKey, STR("$default")),
        .AuthorizationType = STR("NONE"), .ApiKeyRequired = SOME_BOOL(false),
        .Target = str_printf(op->arena, "integrations/%.*s", STR_ARG(integration.IntegrationId)),
    };
    struct apigatewayv2_Stage stage = {
        .ApiGatewayManaged = SOME_BOOL(true), .StageName = STR("$default"), .AutoDeploy = SOME_BOOL(true),
        .CreatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000), .LastUpdatedDate = SOME_I64(op_now_ms(op) / 1000 * 1000),
    };
    if (!str_is(integration.IntegrationType, "AWS_PROXY") || in->CredentialsArn.p)
        return aws_unsupported(op, "a target other than a Lambda function, or with credentialsArn");
    int rc = part_put(op, &apigatewayv2_kind_integration, api_id, integration.IntegrationId, &integration);
    if (!rc)
        rc = part_put(op, &apigatewayv2_kind_route, api_id, route.RouteId, &route);
    return rc ? rc : part_put(op, &apigatewayv2_kind_stage, api_id, stage.StageName, &stage);
}

/* ---- tags: of APIs and stages ---- */

struct tagged {
    struct apigatewayv2_Api api;
    struct apigatewayv2_Stage stage;
    struct str api_id;
    struct str_map *tags;
    bool is_stage;
};

static int tagged_get(struct op *op, struct str arn_text, struct tagged *ret)
{
    struct arn arn;
    struct str rest, stage;
    *ret = (struct tagged){ 0 };
    if (arn_parse(arn_text, &arn) || !str_starts(arn.resource, STR("/apis/")))
        return aws_fail(op, APIGATEWAYV2_NotFoundException, "Invalid resource ARN %.*s", STR_ARG(arn_text));
    str_cut(str_sub(arn.resource, 6, arn.resource.n), '/', &ret->api_id, &rest);
    if (!rest.n) {
        ret->tags = &ret->api.Tags;
        return api_get(op, ret->api_id, &ret->api);
    }
    str_cut_last(rest, '/', &rest, &stage);
    ret->is_stage = true;
    ret->tags = &ret->stage.Tags;
    return part_get(op, &apigatewayv2_kind_stage, ret->api_id, stage, &ret->stage);
}

/* A stage has tags of its own; everything else of an API has the API's. */
int apigatewayv2_resource_tags(struct op *op, struct str arn_text, struct str_map *ret_tags)
{
    struct arn arn;
    struct str api_id, collection, rest = STR_NONE;
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Stage stage = { 0 };
    if (arn_parse(arn_text, &arn) || !str_starts(arn.resource, STR("/apis/")))
        return E_NOT_FOUND;
    str_cut(str_sub(arn.resource, 6, arn.resource.n), '/', &api_id, &rest);
    bool is_stage = str_cut(rest, '/', &collection, &rest) && str_is(collection, "stages");
    int rc = is_stage ? part_get(op, &apigatewayv2_kind_stage, api_id, rest, &stage) : api_get(op, api_id, &api);
    if (rc == 0)
        *ret_tags = is_stage ? stage.Tags : api.Tags;
    return rc == E_AWS ? E_NOT_FOUND : rc;
}

static int tagged_put(struct op *op, struct tagged *t)
{
    const char *wrong = tags_check(t->tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "%s", wrong);
    return t->is_stage ? part_put(op, &apigatewayv2_kind_stage, t->api_id, t->stage.StageName, &t->stage) : api_put(op, &t->api);
}

int apigatewayv2_GetTags(struct op *op, const struct apigatewayv2_GetTags_in *in, struct apigatewayv2_GetTags_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->ResourceArn, &t);
    if (rc)
        return rc;
    out->Tags = *t.tags;
    out->Tags.set = true;
    return 0;
}

int apigatewayv2_TagResource(struct op *op, const struct apigatewayv2_TagResource_in *in, struct apigatewayv2_TagResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->ResourceArn, &t);
    if (rc)
        return rc;
    tags_merge(op, t.tags, &in->Tags);
    return tagged_put(op, &t);
}

int apigatewayv2_UntagResource(struct op *op, const struct apigatewayv2_UntagResource_in *in, struct apigatewayv2_UntagResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->ResourceArn, &t);
    if (rc)
        return rc;
    tags_remove(t.tags, &in->TagKeys);
    return tagged_put(op, &t);
}
