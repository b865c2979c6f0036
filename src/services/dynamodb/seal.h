/* Encrypted tables (SSESpecification).
 *
 * Such a table has a key of its own, the table key, which KMS keeps wrapped (Table.TableKey) under the key that the client named; what entries hold is
 * sealed under it (item.h). Whoever reads or writes items asks KMS for it, with the encryption context that AWS has; what DynamoDB does by itself (jobs,
 * describing) it does by a grant, made when the key is named. Another KMS key wraps the same table key anew. A table that is no longer to be encrypted
 * keeps its table key, wrapped under the AWS-owned one.
 * The entries of a table that never named a key lie in clear, and its requests do none of this. */
#ifndef STRATA_DYNAMODB_SEAL_H
#define STRATA_DYNAMODB_SEAL_H

#include "services/dynamodb/table.h"

/* table_open, and the table's key, for items. E_AWS also when KMS refuses the caller. */
int table_open_items(struct op *op, struct str name_or_arn, struct table *ret);
int table_unlock_caller(struct op *op, struct table *t); /* the same with a table that is open */
int table_unlock(struct op *op, struct table *t);      /* and for DynamoDB itself */
int table_is_locked(struct op *op, const struct table *t); /* 1: KMS refuses DynamoDB the key; 0, or an error */
enum { LOCKED_RETRY_MS = 15 * 60 * 1000 };             /* when a job looks again */

int table_encrypt(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_SSESpecification *s); /* a new table, not stored yet */
int table_encrypt_anew(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_SSESpecification *s); /* to be stored by the caller */
int table_encrypt_grant(struct op *op, const struct dynamodb_rec_Table *rec, struct str *ret_id); /* one more for its key; none for a table without */
int table_encrypt_end(struct op *op, const struct dynamodb_rec_Table *rec); /* the table goes */

#endif
