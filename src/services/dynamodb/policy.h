/* Resource policies of tables. */
#ifndef STRATA_DYNAMODB_POLICY_H
#define STRATA_DYNAMODB_POLICY_H

#include "services/dynamodb/table.h"

int policy_put(struct op *op, struct str table, struct str policy, struct str *ret_revision);
int policy_drop(struct op *op, struct str table); /* none is fine */

#endif
