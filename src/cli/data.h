/* Opening a data directory: what serve and the commands that work on a stopped one share. */
#ifndef STRATA_CLI_DATA_H
#define STRATA_CLI_DATA_H

struct arena;
struct blobs;
struct store;

/* The directory given, else $STRATA_DATA, else .strata. */
const char *data_dir(const char *given);
/* The store, which this process then holds alone (E_BUSY: another strata does), and its bodies. data_open says on stderr what is wrong and what to do. */
int data_try(const char *dir, struct arena *a, struct store **ret_store, struct blobs **ret_blobs);
int data_open(const char *dir, struct arena *a, struct store **ret_store, struct blobs **ret_blobs);
int data_problem(const char *dir, int rc); /* why the directory cannot be used, in one line on stderr; 1, the exit code */

#endif
