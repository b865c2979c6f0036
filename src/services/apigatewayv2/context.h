/* $context variables: what is known of a request. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html */
#ifndef STRATA_SERVICES_APIGATEWAYV2_CONTEXT_H
#define STRATA_SERVICES_APIGATEWAYV2_CONTEXT_H

#include "api.h"

bool context_known(struct str name); /* "identity.sourceIp": without "$context." */
/* Absent where the request has none, or there is no such variable. What is about the answer is known once r->outcome says so. */
struct str context_value(struct op *op, const struct api_request *r, struct str name);

#endif
