/* Throttling: a bucket of tokens for each route of a stage, as its settings have them. */
#ifndef STRATA_SERVICES_APIGATEWAYV2_THROTTLE_H
#define STRATA_SERVICES_APIGATEWAYV2_THROTTLE_H

#include "api.h"

struct throttles *throttles_new(void);
void throttles_free(struct throttles *t); /* NULL-safe */

/* Whether the request may go on: takes a token of its route, or of the stage's for all routes that have no settings of their own. */
bool throttle_take(struct op *op, const struct api_request *r);

#endif
