/* The authorize stage, for requests and calls from inside. */
#ifndef STRATA_CLOUD_AUTHORIZE_H
#define STRATA_CLOUD_AUTHORIZE_H

#include "aws/op.h"

/* Collects what op->row asks for, with the resources' own policies, and decides. 0, E_AWS with op->fail (AccessDenied), another enum err. */
int op_authorize(struct op *op, const void *in);

#endif
