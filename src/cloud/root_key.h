/* The root key: 32 random bytes in <data>/root.key, mode 0600, made once, never logged. What is secret at rest is sealed under it (base/seal.h:
 * the material of KMS keys, and through them the values of secrets), so the store alone opens nothing. */
#ifndef STRATA_CLOUD_ROOT_KEY_H
#define STRATA_CLOUD_ROOT_KEY_H

#include "cloud/cloud.h"

/* Fills cloud->root_key, in memory alone when there is no data directory. E_CORRUPT, E_NOT_FOUND: the data was sealed under a key that the file does
 * not hold, or that is gone: such data is not served, and no new key is made that would hide the loss. The writer must run. */
int root_key_load(struct cloud *cloud);
int root_key_copy(const struct cloud *cloud, const char *dir); /* for backups: into dir. E_IO */

#endif
