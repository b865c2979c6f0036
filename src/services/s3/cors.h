/* Preflights: OPTIONS of whatever S3 answers. */
#ifndef STRATA_SERVICES_S3_CORS_H
#define STRATA_SERVICES_S3_CORS_H

#include "base/exchange.h"

struct cloud;

void s3_preflight(struct cloud *cloud, struct exchange *x);

#endif
