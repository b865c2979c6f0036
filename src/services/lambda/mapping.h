/* Event source mappings: records (mapping.c), and what feeds functions from them (poller.c). */
#ifndef STRATA_SERVICES_LAMBDA_MAPPING_H
#define STRATA_SERVICES_LAMBDA_MAPPING_H

#include "services/lambda/lambda.h"

int lambda_mapping_get(struct op *op, struct str uuid, struct lambda_rec_Mapping *ret); /* E_AWS ResourceNotFoundException */
int lambda_mapping_put(struct op *op, struct lambda_rec_Mapping *m);                     /* and tells the poller */

#endif
