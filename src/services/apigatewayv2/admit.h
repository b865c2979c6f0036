/* Whether a request may pass to its route's integration. */
#ifndef STRATA_SERVICES_APIGATEWAYV2_ADMIT_H
#define STRATA_SERVICES_APIGATEWAYV2_ADMIT_H

#include "api.h"

/* By the route's AuthorizationType. 0: it may, and r->admission says by what; E_DENIED: *ret is the answer; E_PARKED (run again with the same r), or another
 * enum err. */
int admit(struct op *op, struct api_request *r, struct answer *ret);

/* ---- the authorizers of admit: the same results ---- */
int jwt_admit(struct op *op, struct api_request *r, const struct apigatewayv2_Authorizer *a, struct answer *ret);
int lambda_admit(struct op *op, struct api_request *r, const struct apigatewayv2_Authorizer *a, struct answer *ret);
int admit_refused(struct api_request *r, int status, struct answer *ret); /* E_DENIED: 401 Unauthorized, 403 Forbidden, 500 */

/* "$request.header.name", "$request.querystring.name", "$context.name", "$stageVariables.name". */
bool identity_source_known(struct str source);
struct str identity_value(struct op *op, const struct api_request *r, struct str source); /* absent when the request has none */

#endif
