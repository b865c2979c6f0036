/* What the files of the apigatewayv2 room share.
 *
 * APIs, integrations, routes, authorizers, stages and deployments are kept in the model's own shapes (Api, Integration, Route, ...), under
 * (api id) or (api id, id). control.c and its neighbours keep them; door.c answers requests to an API's host: route.c finds the route, admit.h
 * says who may pass, event.c and reply.c stand between the function and HTTP (aws/proxy.h). */
#ifndef STRATA_SERVICES_APIGATEWAYV2_API_H
#define STRATA_SERVICES_APIGATEWAYV2_API_H

#include "aws/error.h"
#include "aws/proxy.h"
#include "gen/apigatewayv2.h"

enum { APIGW_TIMEOUT_MS = 30000, APIGW_BODY_BYTES_MAX = 10 * 1024 * 1024, APIGW_PAGE_MAX = 500 };

void api_key(struct op *op, struct key *k, const struct record_kind *kind, struct str api_id); /* the kind api, or the prefix of a part's kind */
int api_get(struct op *op, struct str api_id, struct apigatewayv2_Api *ret);      /* E_AWS NotFoundException */
/* A part of an API: of the kind integration, route, authorizer, stage or deployment. */
/* PartsExceeded when the API has as many of them as it may; it counts them. */
int part_room(struct op *op, const struct record_kind *kind, struct str api_id);
int part_get(struct op *op, const struct record_kind *kind, struct str api_id, struct str id, void *ret);
int part_put(struct op *op, const struct record_kind *kind, struct str api_id, struct str id, const void *part);
int part_delete(struct op *op, const struct record_kind *kind, struct str api_id, struct str id);
/* Every part of a kind: fn is called with the stored bytes until it answers <0. */
int part_each(struct op *op, const struct record_kind *kind, struct str api_id, int (*fn)(struct op *op, void *ctx, struct str value), void *ctx);
/* The same for one page of what begins with prefix. E_AWS BadRequestException. */
int page_each(struct op *op, const struct key *prefix, struct str max_results, struct str token, int (*fn)(struct op *op, void *ctx, struct str value),
              void *ctx, struct str *ret_token);

/* ---- the door's half ---- */

struct api_request {
    struct exchange *x;
    struct str api_id, path;       /* decoded path behind the stage: "/users/7" */
    struct str raw_path;           /* as the event shows it: with the stage, when it has a name */
    struct str domain;
    struct apigatewayv2_Api api;
    struct apigatewayv2_Stage stage;
    struct apigatewayv2_Route route;
    struct apigatewayv2_Integration integration;
    struct str_map path_parameters;
    struct proxy_admission admission;
    struct {                       /* for the access log; zeros and absent before */
        int status;                          /* of the answer */
        int64_t bytes, took_us;              /* of its body; since the request came */
        int64_t called_us, integration_us;   /* when the integration was called; how long it took */
        struct str message, integration_error;
    } outcome;
};

/* The route for method and path: the most specific one. E_NOT_FOUND. */
int route_find(struct op *op, struct api_request *r);
/* The function's event in the integration's payload format. Absent: it would be too large. */
struct str event_for_integration(struct op *op, const struct api_request *r);
struct str event_for_authorizer(struct op *op, const struct api_request *r, const struct proxy_question *q);
/* arn:aws:execute-api:region:account:api/stage/METHOD/path: what the request asks for, as policies name it. */
struct str request_arn(struct op *op, const struct api_request *r);
/* The function of an integration or authorizer URI: the ARN itself, or the one in arn:aws:apigateway:...:lambda:path/2015-03-31/functions/ARN/invocations. */
struct str function_of(struct op *op, struct str uri);
/* Who calls the function: apigateway.amazonaws.com for source_arn, so that the function's policy decides; with a role, that role. Errors as auth_role_principal. */
int gateway_principal(struct op *op, struct str role_arn, struct str source_arn, struct principal *ret);
/* The function's answer as HTTP. version: payload format "1.0" or "2.0". A malformed one is 500, as on AWS. */
void reply_from(struct exchange *x, struct str version, struct str payload, struct answer *ret);
void reply_message(struct exchange *x, int status, const char *message, struct answer *ret); /* {"message":"..."} */
/* CORS of the API's configuration: headers for an actual request; true when x was a preflight and *ret answers it. */
bool cors_apply(const struct apigatewayv2_Api *api, struct exchange *x, struct answer *ret);

#endif
