/* Event source mappings: records (mapping.c), what each kind of source lets them ask for (mapping_source.c), and what feeds functions from them
 * (poller.h). */
#ifndef STRATA_SERVICES_LAMBDA_MAPPING_H
#define STRATA_SERVICES_LAMBDA_MAPPING_H

#include "services/lambda/lambda.h"

int lambda_mapping_get(struct op *op, struct str uuid, struct lambda_rec_Mapping *ret); /* E_AWS ResourceNotFoundException */
int lambda_mapping_put(struct op *op, struct lambda_rec_Mapping *m);                     /* and tells the poller */
bool mapping_of_stream(const struct lambda_rec_Mapping *m);

void checkpoint_key(struct op *op, struct key *k, struct str uuid);
int checkpoint_get(struct op *op, struct str uuid, struct lambda_rec_Checkpoint *ret); /* E_NOT_FOUND */
int checkpoint_put(struct op *op, struct str uuid, const struct lambda_rec_Checkpoint *c);

/* The settings that create and update share. */
struct mapping_wanted {
    struct opt_bool Enabled, Bisect;
    struct opt_i64 BatchSize, Window, Factor, RetryAttempts, RecordAge, Tumbling;
    const struct lambda_FilterCriteria *FilterCriteria;
    const struct lambda_ScalingConfig *ScalingConfig;
    const struct lambda_DestinationConfig *Destination;
    struct str_list ResponseTypes;
};
/* Into the record, checked and with the defaults of its source. E_AWS. */
int mapping_apply(struct op *op, const struct mapping_wanted *w, struct lambda_rec_Mapping *m);
/* A mapping of a stream begins: the function's role must be able to read it; from where it goes on is kept. E_AWS. */
int mapping_begin(struct op *op, const struct lambda_rec_Mapping *m, const struct lambda_rec_Function *f, struct str starting_position);

#endif
