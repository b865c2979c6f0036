/* Where nothing is: ranges that scans need not look at.
 *
 * A queue is a range whose first keys are deleted all the time. A log-structured store keeps a mark for each deleted key until it
 * compacts, and a scan from the queue's beginning walks over all of them: with 100,000 taken messages, 10 ms before the first that is
 * there. So the write transaction notes what its scans found: "between from and this key there is nothing". The next scan from there
 * begins behind the gap. A write into a gap ends it before that key.
 *
 * Each gap has two ends: `ahead` is true for the open write transaction, its own deletions included; `to` is what was committed, true
 * for every snapshot of commit `since` and later. Only the writer notes and changes; readers look, under a short lock. */
#ifndef STRATA_STORE_GAPS_H
#define STRATA_STORE_GAPS_H

#include "base/str.h"

struct gaps;

struct gaps *gaps_new(void);
void gaps_free(struct gaps *g);

/* A scan's beginning that may stand for from, for the writer or for a snapshot of commit: xalloc'd, or absent for "from itself". */
struct str gaps_skip(struct gaps *g, struct str from, bool writer, uint64_t commit);

void gaps_note(struct gaps *g, struct str from, struct str to);  /* the writer's scan found nothing in [from, to) */
void gaps_touch(struct gaps *g, struct str key);                 /* the writer's transaction has, or has again, something at key */
void gaps_committed(struct gaps *g, uint64_t commit);            /* what is ahead is true from this commit on */
void gaps_dropped(struct gaps *g);                               /* the transaction came to nothing */

#endif
