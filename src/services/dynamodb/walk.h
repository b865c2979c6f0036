/* For jobs: a walk through a container in steps, each a job of its own. Its payload is (table name, what it is for, key to go on from). */
#ifndef STRATA_DYNAMODB_WALK_H
#define STRATA_DYNAMODB_WALK_H

#include "services/dynamodb/table.h"

struct walk {
    struct str table, target, from;  /* of the payload */
    struct str_list keys, values;    /* one step */
    struct str next;                 /* where the next one begins; absent: there is none */
};

int walk_begin(struct op *op, const char *kind, struct str table, struct str target);
int walk_read(struct op *op, struct str payload, struct walk *ret);
int walk_step(struct op *op, struct str container, struct walk *w);
int walk_on(struct op *op, const char *kind, const struct walk *w);                        /* from next */
int walk_later(struct op *op, const char *kind, struct str id, struct str payload);        /* the step once more, when KMS refused the table's key */

#endif
