/* strata check: every part belongs to an API, a route's integration is there, and an API's host finds its owner. */
#include "aws/check.h"
#include "services/apigatewayv2/api.h"

void apigatewayv2_check_api(struct op *op, struct check *c)
{
    const struct apigatewayv2_Api *api = c->rec;
    struct apigatewayv2_rec_Owner owner;
    struct key k;
    op_key(op, &k, &apigatewayv2_kind_owner);
    key_str(&k, api->ApiId);
    if (op_rec_get(op, &k, &apigatewayv2_rec_Owner_shape, &owner) || !str_eq(owner.Account, op->account) || !str_eq(owner.Region, op->region))
        check_fault(op, c, "its id does not name this account and region as its owner");
}

void apigatewayv2_check_owner(struct op *op, struct check *c)
{
    const struct apigatewayv2_rec_Owner *owner = c->rec;
    struct key k;
    op_key_in(op, &k, owner->Account, owner->Region, &apigatewayv2_kind_api);
    key_raw(&k, c->at.rest);
    check_there(op, c, &k, "its API");
}

/* Whose part it is; absent, and told, when the API is not there. */
static struct str api_of(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str id;
    struct key k;
    if (key_read_str(&r, op->arena, &id)) {
        check_fault(op, c, "its key is malformed");
        return STR_NONE;
    }
    api_key(op, &k, &apigatewayv2_kind_api, id);
    return check_there(op, c, &k, "its API") ? id : STR_NONE;
}

/* kind and id of a part of the same API. */
static void check_sibling(struct op *op, struct check *c, const struct record_kind *kind, struct str api_id, struct str id, const char *what)
{
    struct key k;
    api_key(op, &k, kind, api_id);
    key_str(&k, id);
    check_there(op, c, &k, what);
}

void apigatewayv2_check_route(struct op *op, struct check *c)
{
    const struct apigatewayv2_Route *r = c->rec;
    struct str id = api_of(op, c);
    if (id.p && str_starts(r->Target, STR("integrations/")))
        check_sibling(op, c, &apigatewayv2_kind_integration, id, str_sub(r->Target, 13, r->Target.n), "its integration");
    if (id.p && r->AuthorizerId.n)
        check_sibling(op, c, &apigatewayv2_kind_authorizer, id, r->AuthorizerId, "its authorizer");
}

void apigatewayv2_check_part(struct op *op, struct check *c)
{
    api_of(op, c);
}
