/* From a call that ended to an event that is kept.
 *
 *   a write that succeeded   event_make -> event_keep, in its own transaction: it is acknowledged with its event or not at all
 *   reads, and refusals      event_make -> the queue in memory -> event_keep, many in one transaction, within QUEUE_MS
 *   data events              the same, but nothing at all happens unless some trail asks for data events
 *
 * Which trails select an event is decided once, when it is made, by the trails in memory (trails.c): changed after the commit of what changes them, before
 * that is answered. */
#ifndef STRATA_CLOUDTRAIL_AUDIT_H
#define STRATA_CLOUDTRAIL_AUDIT_H

#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/cloudtrail/trail.h"

enum { EVENT_PART_BYTES_MAX = 100 * 1024 };
#define HISTORY_MS (90 * 24 * 3600 * 1000LL)

/* A trail that selects an event. */
struct trail_ref {
    struct str home, name;
    bool digests;
};
struct trail_refs {
    struct trail_ref *v;
    uint32_t n, cap;
    bool set;
};

struct event {
    struct str account, region;   /* where it is recorded */
    bool management, global;      /* global: of a service without Regions (IAM) */
    bool by_cloudtrail;           /* its own deliveries */
    struct str caller_arn, data_type;
    struct str_list arns;         /* of the resources that the policies were asked about */
    struct cloudtrail_rec_Event rec;
    int64_t order;                /* among those made since the start */
    struct str value;             /* rec, as it is kept */
    struct trail_refs trails;
};
struct events {
    struct event *v;
    uint32_t n, cap;
    bool set;
};

/* The records of a call: one, or two when the resource is of another account than the caller. None when nobody knows who called. All in op->arena. */
void event_make(struct op *op, const void *in, const void *out, int rc, struct events *ret);
/* Into the history, and to the trails that select it. In the writer; op's account and Region are of no matter. */
int event_keep(struct op *op, const struct event *e);

/* ---- trails in memory ---- */
struct trails;
int trails_open(struct cloud *cloud, struct trails **ret);
void trails_free(struct trails *t);
bool trails_want_data(const struct trails *t); /* does any trail log data events? */
void trails_select(struct trails *t, struct arena *a, struct event *e); /* fills e->trails */
/* After a commit: t is what the trail is now; gone: it is not there any more. */
void trails_changed(struct op *op, const struct cloudtrail_rec_Trail *t, bool gone);
bool selectors_select(const struct cloudtrail_rec_Trail *t, const struct event *e);
bool selectors_want_data(const struct cloudtrail_rec_Trail *t);

/* ---- the queue ---- */
struct audit; /* cloud->audit */
struct trails *audit_trails(struct cloud *cloud);
/* What waits in memory is written now. True: something waits, and AUDIT_WRITTEN is woken when it has been. */
bool audit_hurry(struct cloud *cloud);
#define AUDIT_WRITTEN "cloudtrail/written"

#endif
