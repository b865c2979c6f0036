/* Authorizers: created, read, changed, removed. What they decide: jwt_authorizer.c and lambda_authorizer.c. */
#include "admit.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/overlay.h"

static int bad(struct op *op, const char *words) { return aws_fail(op, APIGATEWAYV2_BadRequestException, "%s", words); }

static int check_jwt(struct op *op, const struct apigatewayv2_Authorizer *a)
{
    const struct apigatewayv2_JWTConfiguration *c = a->JwtConfiguration;
    if (!c || !c->Issuer.n || !c->Audience.n)
        return bad(op, "JwtConfiguration with Issuer and Audience is required for a JWT authorizer");
    if (!str_starts(c->Issuer, STR("https://")) || str_is(c->Issuer, "https://"))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid issuer: %.*s. Issuer must have a valid value in format (\"https://domain\")", STR_ARG(c->Issuer));
    if (a->AuthorizerUri.p || a->AuthorizerPayloadFormatVersion.p || a->EnableSimpleResponses.set || a->AuthorizerResultTtlInSeconds.set || a->AuthorizerCredentialsArn.p)
        return bad(op, "AuthorizerUri, AuthorizerPayloadFormatVersion, EnableSimpleResponses, AuthorizerResultTtlInSeconds and AuthorizerCredentialsArn are of REQUEST authorizers");
    if (a->IdentitySource.n != 1)
        return bad(op, "A JWT authorizer has exactly one identity source");
    return 0;
}

static int check_lambda(struct op *op, const struct apigatewayv2_Authorizer *a)
{
    struct str version = a->AuthorizerPayloadFormatVersion;
    if (a->JwtConfiguration)
        return bad(op, "JwtConfiguration is of JWT authorizers");
    struct arn uri;
    if (arn_parse(a->AuthorizerUri, &uri) || !str_is(uri.service, "apigateway") || !str_contains(uri.resource, STR("/functions/")))
        return aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid Authorizer URI: %.*s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.",
                        STR_ARG(a->AuthorizerUri));
    if (!str_is(version, "1.0") && !str_is(version, "2.0"))
        return bad(op, "AuthorizerPayloadFormatVersion is a required parameter for a REQUEST authorizer: 1.0 or 2.0");
    if (opt_bool(a->EnableSimpleResponses, false) && !str_is(version, "2.0"))
        return bad(op, "EnableSimpleResponses is supported for AuthorizerPayloadFormatVersion 2.0 only");
    if (opt_i64(a->AuthorizerResultTtlInSeconds, 0) > 0 && !a->IdentitySource.n)
        return bad(op, "AuthorizerResultTtlInSeconds greater than 0 needs an identity source");
    return 0;
}

struct named {
    struct str name, id;
    bool found;
};

static int find_named(struct op *op, void *ctx, struct str value)
{
    struct named *n = ctx;
    struct apigatewayv2_Authorizer a = { 0 };
    int rc = op_rec_decode(op, value, &apigatewayv2_Authorizer_shape, &a);
    n->found = n->found || (rc == 0 && str_eq(a.Name, n->name) && !str_eq(a.AuthorizerId, n->id));
    return rc;
}

static int put_authorizer(struct op *op, struct str api_id, const struct apigatewayv2_Authorizer *a)
{
    struct named n = { .name = a->Name, .id = a->AuthorizerId };
    int rc = str_is(a->AuthorizerType, "JWT") ? check_jwt(op, a) : check_lambda(op, a);
    for (uint32_t i = 0; !rc && i < a->IdentitySource.n; i++)
        if (!identity_source_known(a->IdentitySource.v[i]))
            rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "Invalid identity source: %.*s", STR_ARG(a->IdentitySource.v[i]));
    if (!rc)
        rc = part_each(op, &apigatewayv2_kind_authorizer, api_id, find_named, &n);
    if (!rc && n.found)
        rc = aws_fail(op, APIGATEWAYV2_BadRequestException, "Authorizer name must be unique. Authorizer %.*s already exists in this API", STR_ARG(a->Name));
    return rc ? rc : part_put(op, &apigatewayv2_kind_authorizer, api_id, a->AuthorizerId, a);
}

int apigatewayv2_CreateAuthorizer(struct op *op, const struct apigatewayv2_CreateAuthorizer_in *in, struct apigatewayv2_CreateAuthorizer_out *out)
{
    struct apigatewayv2_Api api = { 0 };
    struct apigatewayv2_Authorizer a = { 0 };
    int rc = api_get(op, in->ApiId, &api);
    if (!rc && in->IdentityValidationExpression.p)
        rc = aws_unsupported(op, "IdentityValidationExpression");
    if (!rc)
        rc = part_room(op, &apigatewayv2_kind_authorizer, in->ApiId);
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Authorizer_shape, &a);
    a.AuthorizerId = id_alnum(op, 6);
    overlay(&apigatewayv2_Authorizer_shape, &a, op->row->out, out);
    return put_authorizer(op, in->ApiId, &a);
}

int apigatewayv2_GetAuthorizer(struct op *op, const struct apigatewayv2_GetAuthorizer_in *in, struct apigatewayv2_GetAuthorizer_out *out)
{
    struct apigatewayv2_Authorizer a = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_authorizer, in->ApiId, in->AuthorizerId, &a);
    overlay(&apigatewayv2_Authorizer_shape, &a, op->row->out, out);
    return rc;
}

int apigatewayv2_UpdateAuthorizer(struct op *op, const struct apigatewayv2_UpdateAuthorizer_in *in, struct apigatewayv2_UpdateAuthorizer_out *out)
{
    struct apigatewayv2_Authorizer a = { 0 };
    int rc = part_get(op, &apigatewayv2_kind_authorizer, in->ApiId, in->AuthorizerId, &a);
    if (!rc && in->IdentityValidationExpression.p)
        rc = aws_unsupported(op, "IdentityValidationExpression");
    if (rc)
        return rc;
    overlay(op->row->in, in, &apigatewayv2_Authorizer_shape, &a);
    overlay(&apigatewayv2_Authorizer_shape, &a, op->row->out, out);
    return put_authorizer(op, in->ApiId, &a);
}

/* One that a route still asks stays. */
static int find_asker(struct op *op, void *ctx, struct str value)
{
    struct named *n = ctx;
    struct apigatewayv2_Route route = { 0 };
    int rc = op_rec_decode(op, value, &apigatewayv2_Route_shape, &route);
    if (rc == 0 && str_eq(route.AuthorizerId, n->id)) {
        n->found = true;
        n->name = route.RouteKey;
    }
    return rc;
}

int apigatewayv2_DeleteAuthorizer(struct op *op, const struct apigatewayv2_DeleteAuthorizer_in *in, struct apigatewayv2_DeleteAuthorizer_out *out)
{
    struct apigatewayv2_Authorizer a = { 0 };
    struct named asker = { .id = in->AuthorizerId };
    int rc = part_get(op, &apigatewayv2_kind_authorizer, in->ApiId, in->AuthorizerId, &a);
    if (!rc)
        rc = part_each(op, &apigatewayv2_kind_route, in->ApiId, find_asker, &asker);
    if (!rc && asker.found)
        rc = aws_fail(op, APIGATEWAYV2_ConflictException, "Cannot delete authorizer '%.*s', is referenced in route: %.*s", STR_ARG(in->AuthorizerId), STR_ARG(asker.name));
    return rc ? rc : part_delete(op, &apigatewayv2_kind_authorizer, in->ApiId, in->AuthorizerId);
}
