/* The root key of account 000000000000, for whoever does not come over loopback: there test/test does not work. */
#ifndef STRATA_CLI_ROOT_KEY_H
#define STRATA_CLI_ROOT_KEY_H

struct cloud;

/* Makes the key when there is none and writes it as the AWS profile <data_dir>/credentials (0600). E_IO and the like. */
int root_key_write(struct cloud *cloud, const char *data_dir);

#endif
