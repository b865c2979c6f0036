/* Who may pass: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html */
#include "admit.h"

#include "auth/auth.h"
#include "auth/organization.h"
#include "base/code.h"
#include "context.h"

int admit_refused(struct api_request *r, int status, struct answer *ret)
{
    reply_message(r->x, status, status == 401 ? "Unauthorized" : status == 403 ? "Forbidden" : "Internal Server Error", ret);
    return E_DENIED;
}

/* ---- identity sources ---- */

static const char header_source[] = "$request.header.", query_source[] = "$request.querystring.", context_source[] = "$context.",
                  variable_source[] = "$stageVariables.";

/* The part of source behind prefix, when it begins so and goes on. */
static bool behind(struct str source, const char *prefix, struct str *ret)
{
    *ret = str_sub(source, str_c(prefix).n, source.n);
    return str_starts(source, str_c(prefix)) && ret->n;
}

bool identity_source_known(struct str source)
{
    struct str name;
    return behind(source, header_source, &name) || behind(source, query_source, &name) || behind(source, variable_source, &name) ||
           (behind(source, context_source, &name) && context_known(name));
}

static struct str query_value(struct op *op, struct str query, struct str name)
{
    for (struct str rest = query, pair; rest.n;) {
        struct str key, value;
        str_cut(rest, '&', &pair, &rest);
        str_cut(pair, '=', &key, &value);
        if (uri_decode(op->arena, key, true, &key) == 0 && str_eq(key, name) && uri_decode(op->arena, opt_str(value, STR("")), true, &value) == 0)
            return value;
    }
    return STR_NONE;
}

struct str identity_value(struct op *op, const struct api_request *r, struct str source)
{
    struct str name;
    if (behind(source, header_source, &name))
        return exchange_header(r->x, str_dup(op->arena, name).p);
    if (behind(source, query_source, &name))
        return query_value(op, r->x->query, name);
    if (behind(source, variable_source, &name))
        return str_map_get(&r->stage.StageVariables, name);
    return behind(source, context_source, &name) ? context_value(op, r, name) : STR_NONE;
}

/* ---- AWS_IAM: signed for execute-api, and a policy allows execute-api:Invoke ---- */

static int iam_admit(struct op *op, struct api_request *r, struct answer *ret)
{
    struct sigv4 s;
    struct str account = op->account;
    int rc = sigv4_parse(op, r->x, &s);
    if (!rc && (!s.present || !str_is(s.service, "execute-api") || !str_eq(s.region, op->region)))
        return admit_refused(r, 403, ret);
    if (!rc)
        rc = auth_authenticate(op, r->x, &s, true);
    op->account = account; /* the API's, whoever calls */
    if (!rc) {
        struct authz a = { .op = op };
        authz_add(&a, "execute-api:Invoke", request_arn(op, r));
        rc = auth_authorize(op, &a);
    }
    if (rc)
        return rc == E_AWS ? admit_refused(r, 403, ret) : rc;
    r->admission.caller = op->caller;
    r->admission.organization = organization_of(op, op->caller->account);
    return 0;
}

int admit(struct op *op, struct api_request *r, struct answer *ret)
{
    struct str type = r->route.AuthorizationType;
    struct apigatewayv2_Authorizer a = { 0 };
    if (str_is(type, "NONE"))
        return 0;
    if (str_is(type, "AWS_IAM"))
        return iam_admit(op, r, ret);
    int rc = part_get(op, &apigatewayv2_kind_authorizer, r->api_id, r->route.AuthorizerId, &a);
    if (rc)
        return rc;
    return str_is(type, "JWT") ? jwt_admit(op, r, &a, ret) : lambda_admit(op, r, &a, ret);
}
