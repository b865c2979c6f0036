/* Access logs: a line a request into the log group that the stage names. */
#ifndef STRATA_SERVICES_APIGATEWAYV2_ACCESS_LOG_H
#define STRATA_SERVICES_APIGATEWAYV2_ACCESS_LOG_H

#include "api.h"

struct access_logs *access_logs_new(void);
void access_logs_free(struct access_logs *l); /* NULL-safe */

/* When the answer stands. Nothing waits for it; what comes faster than it can be written is dropped. */
void access_log(struct op *op, const struct api_request *r);
/* The stage's setting is sound, and its writer is let in by a resource policy in the caller's name, as on AWS. E_AWS BadRequestException. */
int access_log_settle(struct op *op, const struct apigatewayv2_Stage *s);

#endif
