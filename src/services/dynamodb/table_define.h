/* Checks of what a client says a table or an index should be, shared by CreateTable and UpdateTable. */
#ifndef STRATA_DYNAMODB_TABLE_DEFINE_H
#define STRATA_DYNAMODB_TABLE_DEFINE_H

#include "services/dynamodb/table.h"

enum { LOCAL_INDEXES_MAX = 5, GLOBAL_INDEXES_MAX = 20, NON_KEY_ATTRIBUTES_MAX = 20 };

/* One index, as both operations give it. */
struct index_definition {
    struct str name;
    const struct dynamodb_KeySchema *schema;
    struct dynamodb_Projection *projection;
    const struct dynamodb_ProvisionedThroughput *throughput;
    struct dynamodb_OnDemandThroughput *on_demand;
    struct dynamodb_WarmThroughput *warm;
    bool local;
};

int define_check_schema(struct op *op, const struct dynamodb_KeySchema *s);
/* Adds it to the record. */
int define_index(struct op *op, struct dynamodb_rec_Table *rec, const struct index_definition *d, const char *status);
/* All keys are defined; all_used: and nothing else is. */
int define_check_attributes(struct op *op, const struct dynamodb_rec_Table *rec, bool all_used);
int define_throughput(struct op *op, struct dynamodb_rec_Table *rec, struct str billing_mode, const struct dynamodb_ProvisionedThroughput *t);
bool define_uses(const struct dynamodb_rec_Table *rec, struct str attribute);

#endif
