/* A request to an API as the event of a function before it, or of an authorizer (aws/proxy.h). */
#include "api.h"

static struct proxy_request proxied(struct op *op, const struct api_request *r)
{
    return (struct proxy_request){ .x = r->x, .account = op->account, .api_id = r->api_id, .domain = r->domain, .raw_path = r->raw_path,
                                   .route_key = r->route.RouteKey, .stage = r->stage.StageName, .path_parameters = &r->path_parameters,
                                   .stage_variables = &r->stage.StageVariables, .admission = r->admission };
}

struct str event_for_integration(struct op *op, const struct api_request *r)
{
    struct proxy_request p = proxied(op, r);
    return proxy_event(op, &p, r->integration.PayloadFormatVersion);
}

struct str event_for_authorizer(struct op *op, const struct api_request *r, const struct proxy_question *q)
{
    struct proxy_request p = proxied(op, r);
    return proxy_authorizer_event(op, &p, q);
}
