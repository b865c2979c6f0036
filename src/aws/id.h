/* Identifiers as AWS shapes them. In op->arena. */
#ifndef STRATA_AWS_ID_H
#define STRATA_AWS_ID_H

#include "aws/op.h"

struct str id_iam(struct op *op, const char *prefix);           /* "AROA" + 17 upper-case letters and digits */
struct str id_alnum(struct op *op, size_t chars);               /* lower-case letters and digits: API ids, hosted ids */
struct str id_uuid(struct op *op);

#endif
