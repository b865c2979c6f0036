/* What the three batch operations share. */
#ifndef STRATA_SERVICES_SQS_BATCH_H
#define STRATA_SERVICES_SQS_BATCH_H

#include "services/sqs/queue.h"

/* Checks the entries' ids: 1 to 10, well formed, distinct. entry is the shape's name, for the message about an empty batch. */
int batch_check_ids(struct op *op, const char *entry, const struct str *ids, uint32_t n);
/* An entry failed with op->fail (which is taken away): one row of Failed. */
void batch_failed(struct op *op, struct str id, struct sqs_BatchResultErrorEntryList *failed);

#endif
