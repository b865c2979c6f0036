/* The root key: 32 bytes, never logged. What is secret at rest is sealed under it (base/seal.h: the material of KMS keys, and through them the values
 * of secrets and whatever else is encrypted), so the store alone opens nothing.
 *
 * It comes from one of three places, the first that is there:
 *   config.root_key_passphrase_file   derived from the file's first line by scrypt; the salt is in the store
 *   config.credentials_dir            the credential `strata.root-key` of a service manager (systemd: LoadCredential=, LoadCredentialEncrypted=):
 *                                     32 bytes, or 64 hex digits
 *   <data>/root.key                   32 random bytes, mode 0600, made once */
#ifndef STRATA_CLOUD_ROOT_KEY_H
#define STRATA_CLOUD_ROOT_KEY_H

#include "cloud/cloud.h"

/* Fills cloud->root_key and owned_key, in memory alone when there is no data directory. E_CORRUPT, E_NOT_FOUND: the data was sealed under a key that its source does
 * not hold, or that is gone: such data is not served, and no new key is made that would hide the loss. The writer must run. */
int root_key_load(struct cloud *cloud);
void root_key_derive(struct cloud *cloud); /* owned_key from root_key */
bool root_key_fits(const struct cloud *cloud, struct str mark); /* mark: the value of (sys, root-key). Was it sealed under the key? */
int root_key_file_read(const char *data_dir, uint8_t key[32]);   /* the third source alone; nothing is made. E_NOT_FOUND, E_CORRUPT, E_IO */

#endif
