/* On-demand backups: a copy of a table's entries in a container of their own (item.h), with the table's record as it was. They outlive the table.
 *
 * A backup is CREATING until the job dynamodb.backup has copied everything, in steps; a table that is restored is CREATING, and nobody's to read or
 * write, until dynamodb.restore has. What is copied from an encrypted table stays sealed under its table key, for which the backup has a grant of its own.
 * Records: tablebackup (table name, backup id)   struct dynamodb_rec_Backup */
#ifndef STRATA_DYNAMODB_BACKUP_H
#define STRATA_DYNAMODB_BACKUP_H

#include "services/dynamodb/table.h"

void backup_key(const struct op *op, struct key *k, struct str table_name, struct str id);
int backup_is_running(struct op *op, const struct dynamodb_rec_Table *rec); /* 1: a backup of the table is CREATING; 0, or an error */
struct dynamodb_RestoreSummary *restore_summary(struct op *op, const struct dynamodb_rec_Table *rec); /* NULL: it was not restored */

#endif
