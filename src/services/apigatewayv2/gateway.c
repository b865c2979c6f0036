/* In whose name functions are called, and which. */
#include <string.h>

#include "api.h"
#include "auth/assume.h"
#include "auth/auth.h"
#include "base/code.h"
#include "cloud/call.h"

struct str function_of(struct op *op, struct str uri)
{
    const char *mark = "/functions/";
    const char *at = uri.n ? memmem(uri.p, uri.n, mark, strlen(mark)) : NULL;
    if (!at)
        return uri;
    struct str arn = str_sub(uri, (size_t)(at - uri.p) + strlen(mark), uri.n);
    if (str_ends(arn, STR("/invocations")))
        arn.n -= strlen("/invocations");
    return str_dup(op->arena, arn);
}

struct str request_arn(struct op *op, const struct api_request *r)
{
    return str_printf(op->arena, "arn:%.*s:execute-api:%.*s:%.*s:%.*s/%.*s/%.*s%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(op->account),
                      STR_ARG(r->api_id), STR_ARG(r->stage.StageName), STR_ARG(r->x->method), STR_ARG(r->path));
}

static const char service[] = "apigateway.amazonaws.com";

int gateway_principal(struct op *op, struct str role_arn, struct str source_arn, struct principal *ret)
{
    *ret = principal_service(op, service, source_arn);
    return role_arn.n ? auth_role_principal(op, role_arn, random_uuid(op->arena), service, source_arn, ret) : 0;
}

/* ---- who gives API Gateway a role to call with must be allowed to pass it ---- */

static void with_role(struct op *op, struct authz *a, const char *action, struct str resource, struct str role)
{
    authz_add(a, action, resource);
    if (role.n)
        authz_context(a, authz_add(a, "iam:PassRole", role), "iam:PassedToService", str_c(service));
}

int apigatewayv2_authorize_CreateIntegration(struct op *op, const struct apigatewayv2_CreateIntegration_in *in, struct authz *a)
{
    with_role(op, a, "apigateway:POST", apigatewayv2_arn_integrations(op, in->ApiId), in->CredentialsArn);
    return 0;
}

int apigatewayv2_authorize_UpdateIntegration(struct op *op, const struct apigatewayv2_UpdateIntegration_in *in, struct authz *a)
{
    with_role(op, a, "apigateway:PATCH", apigatewayv2_arn_integration(op, in->ApiId, in->IntegrationId), in->CredentialsArn);
    return 0;
}

int apigatewayv2_authorize_CreateAuthorizer(struct op *op, const struct apigatewayv2_CreateAuthorizer_in *in, struct authz *a)
{
    with_role(op, a, "apigateway:POST", apigatewayv2_arn_authorizers(op, in->ApiId), in->AuthorizerCredentialsArn);
    return 0;
}

int apigatewayv2_authorize_UpdateAuthorizer(struct op *op, const struct apigatewayv2_UpdateAuthorizer_in *in, struct authz *a)
{
    with_role(op, a, "apigateway:PATCH", apigatewayv2_arn_authorizer(op, in->ApiId, in->AuthorizerId), in->AuthorizerCredentialsArn);
    return 0;
}
