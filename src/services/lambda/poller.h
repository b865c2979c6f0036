/* What feeds functions from event sources, inside: poller.c has the feeds and the thread, and what is said of queues; stream_poller.c the lanes of
 * streams. All is memory; what must survive is the mapping and, of a stream, its checkpoint. */
#ifndef STRATA_SERVICES_LAMBDA_POLLER_H
#define STRATA_SERVICES_LAMBDA_POLLER_H

#include <cjson/cJSON.h>
#include <pthread.h>

#include "services/lambda/host.h"
#include "services/lambda/mapping.h"

enum { POLL_IDLE_MS = 2 * 1000, POLL_RETRY_MS = 1000 };

/* One enabled mapping. */
struct feed {
    struct feed *next;
    struct arena *arena;
    struct lambda_host *h;
    struct lambda_rec_Mapping mapping;
    struct str account, region, value; /* value: the record's bytes */
    uint32_t in_flight, in_flight_max; /* batches */
    bool receiving;       /* a receive runs or is parked */
    _Atomic bool retired; /* freed when nothing of it runs any more */
    bool listed;          /* while mappings are read: it was not retired before */
    int64_t pause_until_ms; /* after an error; clock_mono_ms */
    struct lane *lanes;   /* of a stream: Factor of them; else NULL */
};

/* A function's record, out of the memory of the operation that read it. */
int feed_keep_function(struct arena *a, struct lambda_rec_Function *f);
/* Whether an event passes the mapping's filters: one of them matches, or there is none. */
bool feed_passes(struct arena *a, const struct feed *f, const cJSON *event);
/* What an answer says of ReportBatchItemFailures: the identifiers, "" for one that is malformed. */
void feed_failures(struct arena *a, struct str payload, struct str_list *ret);
void feed_lock(struct feed *f);
void feed_unlock(struct feed *f); /* and the poller looks again */

/* ---- lanes of a stream: each has one batch at a time, of the items that fall to it, so that an item's changes stay in order ---- */
void lanes_init(struct feed *f);
/* The next lane that may start a batch now, marked as busy; else NULL, and when the next one may is the least in *soonest_ms. With the lock held. */
struct lane *lanes_next(struct feed *f, int64_t now_ms, int64_t *soonest_ms);
void lane_start(struct lane *l); /* without it */

#endif
