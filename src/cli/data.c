#include "cli/data.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/blob.h"
#include "store/store.h"

const char *data_dir(const char *given)
{
    const char *environment = getenv("STRATA_DATA");
    return given ? given : environment && *environment ? environment : ".strata";
}

int data_problem(const char *dir, int rc)
{
    if (rc == E_BUSY)
        fprintf(stderr, "strata: another strata has the data directory %s open: stop it, or name another with --data\n", dir);
    else if (rc == E_VERSION)
        fprintf(stderr, "strata: the data directory %s was written by a newer strata: use that one\n", dir);
    else if (rc == E_NO_SPACE)
        fprintf(stderr, "strata: the disk with the data directory %s is too full to write: make room, or name another with --data\n", dir);
    else if (rc == E_DENIED)
        fprintf(stderr, "strata: no permission to use the data directory %s: run strata as its owner, or name another with --data\n", dir);
    else
        fprintf(stderr, "strata: cannot use the data directory %s (%s): is it a directory that strata made? else name another with --data\n", dir, err_name(rc));
    return 1;
}

int data_try(const char *dir, struct arena *a, struct store **ret_store, struct blobs **ret_blobs)
{
    int rc = store_open_rocksdb(dir, ret_store);
    if (rc)
        return rc;
    rc = blobs_open(str_printf(a, "%s/blobs", dir).p, ret_blobs);
    if (rc) {
        store_close(*ret_store);
        *ret_store = NULL;
    }
    return rc;
}

int data_open(const char *dir, struct arena *a, struct store **ret_store, struct blobs **ret_blobs)
{
    int rc = data_try(dir, a, ret_store, ret_blobs);
    if (rc)
        data_problem(dir, rc);
    return rc;
}
