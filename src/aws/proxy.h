/* A function behind HTTP: a request as its event, what it answers as HTTP, and the cross-origin settings of what stands before it. HTTP APIs
 * (services/apigatewayv2) and function URLs (services/lambda) are both; neither room may include the other.
 *
 * Payload formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
#ifndef STRATA_AWS_PROXY_H
#define STRATA_AWS_PROXY_H

#include "aws/op.h"

/* By what a request was let through; nothing: by nothing. */
struct proxy_admission {
    const struct principal *caller;      /* a signature */
    struct str organization;             /* of the caller's account, or absent */
    struct str claims, scopes;           /* a JWT: JSON, an object of strings; an array or "null" */
    struct str principal_id, context;    /* a Lambda authorizer: JSON, an object or "null" */
};

struct proxy_request {
    const struct exchange *x;
    struct str account;                  /* requestContext.accountId */
    struct str api_id, domain;
    struct str raw_path, route_key, stage;
    const struct str_map *path_parameters, *stage_variables; /* NULL: none */
    struct proxy_admission admission;
};

/* What an authorizer is asked. */
struct proxy_question {
    struct str version;                  /* payload format */
    const struct str_list *identity;
    struct str arn;                      /* of what the request asks for */
};

/* The event in payload format "1.0" or "2.0". Absent: it would be too large. */
struct str proxy_event(struct op *op, const struct proxy_request *r, struct str version);
struct str proxy_authorizer_event(struct op *op, const struct proxy_request *r, const struct proxy_question *q);

/* What a function answered, as HTTP. E_INVALID: it is malformed, and another answer is due. */
int proxy_reply(struct exchange *x, struct str version, struct str payload, struct answer *ret);

struct proxy_cors {
    struct str_list origins, methods, headers, exposed;
    bool credentials;
    struct opt_i64 max_age_s;
    int preflight_status;
};
/* Headers for an actual request, instead of the function's; true when x was a preflight and *ret answers it. */
bool proxy_cors(const struct proxy_cors *c, struct exchange *x, struct answer *ret);

#endif
