/* A cloud for tests of whole operations: the mem store with faults (or RocksDB), body files in a directory of its own, jobs by hand, and requests
 * through the doors as http hands them over. One thread uses it. */
#ifndef STRATA_TESTS_WORLD_H
#define STRATA_TESTS_WORLD_H

#include "cloud/cloud.h"
#include "world/client.h"

struct world {
    char dir[64]; /* root.key and blobs/ */
    bool kept;    /* it is there before and after */
    bool hasty;   /* clients go at once: a long poll ends, and the next request comes when the writer is done */
    struct store *store;
    struct blobs *blobs;
    struct cloud *cloud;
};

enum { WORLD_CUT = 599 };
struct reply {
    int status; /* WORLD_CUT: the connection was cut within the answer */
    struct header_list headers;
    struct str body;
};

void world_open(struct world *w);
void world_open_at(struct world *w, const char *dir); /* in a data directory, over RocksDB; without faults */
void world_restart(struct world *w); /* cloud and bodies open anew what is stored, as after a crash */
void world_close(struct world *w);
void world_remove(const char *dir);  /* with everything below */

/* A request from its first byte to its answer, which is in a. */
struct reply world_send(struct world *w, struct arena *a, const struct client_request *r);
/* Returns when the writer has done what was queued: a request may have left something for behind its answer. */
void world_settle(struct world *w);
int world_advance(struct world *w, int64_t ms); /* the clock alone: nothing runs */

/* Everything that is kept, byte for byte: the records in their order, then the body files. */
struct str world_dump(struct world *w, struct arena *a);
/* In words where two dumps differ first; absent when they do not. own: what jobs and strata itself keep ("sys") does not count. */
struct str world_difference(struct arena *a, struct str before, struct str after, bool own);
size_t world_jobs(struct world *w); /* records of jobs that wait: outbox, retries, timers */
/* `strata check` over all of it: the faults it finds, a line each; "" when everything is sound. */
struct str world_check(struct world *w, struct arena *a);
int world_put_back(struct world *w, struct arena *a, struct str dump); /* makes the records those of dump */

#endif
