/* Files and folders that outlast a power cut: when a function here returns 0, what it made is on the disk, and so is its name.
 *
 * Errors: E_NO_SPACE, E_DENIED, E_NOT_FOUND, E_IO; errno tells more. */
#ifndef STRATA_BASE_FILE_H
#define STRATA_BASE_FILE_H

#include <sys/types.h>

#include "base/str.h"

int file_error(void); /* errno as one of the above */

/* With its parents. One that is there may be younger than its parent's last sync: its name is synced all the same. */
int folder_make(const char *path, mode_t mode);
int folder_sync(const char *path);
int parent_sync(const char *path); /* the folder that path is in */
int folder_remove(const char *path); /* and all below it; one that is not there is fine. Not durably: a crash may leave any of it */

/* The file in the open folder has this text and these permissions, whatever it had; a reader and a crash see all of it or what was there before.
 * Goes through `<name>.new`, which nobody else can open. */
int file_replace(int folder, const char *name, struct str text, mode_t mode);

/* How many descriptors this process may have; the soft limit is raised to the hard one. */
unsigned long descriptors_max(void);

#endif
