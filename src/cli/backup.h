/* `strata backup` and `strata restore`: a data directory in one file (sealed.h), and back.
 *
 * A backup is a tar, compressed by zstd, in a sealed file: db/ and format (a checkpoint of the store), blobs/ (bodies of S3 objects and code of functions), and
 * the keys of the directory: root.key, where it is a file, and the CA (ca.pem, ca.key). What strata makes anew is not in it: unpacked code,
 * runtimes, logs. It is of one moment: the copy that it is made of is hard links and a checkpoint (cloud/admin.h), made while nothing is removed. */
#ifndef STRATA_CLI_BACKUP_H
#define STRATA_CLI_BACKUP_H

#include "base/str.h"

int cli_backup(int argc, char **argv);
int cli_restore(int argc, char **argv);

/* Whether a backup holds a file of that name: restore writes no other, whatever the archive says. */
bool backup_holds(struct str name);

#endif
