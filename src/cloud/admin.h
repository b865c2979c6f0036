/* The admin door: /_strata/... and /_localstack/health on any host but an API's own. Health is for everybody, the rest for programs of
 * this machine: from loopback, by a name of this machine in Host, with no other page's Origin (403), and a POST with Content-Type application/json (415).
 *
 *     GET  /_strata/health, /_localstack/health     {"status": "running", "services": {...}}
 *     GET  /_strata/status                          what runs, what it holds, what is weaker here
 *     GET  /_strata/metrics                         requests by operation, status and time, in Prometheus' text form
 *     GET  /_strata/clock                           {"now_ms": .., "offset_ms": .., "next_due_ms": ..}
 *     POST /_strata/clock  {"advance_ms": n} | {"set_ms": n} | {"reset": true}   moves the clock, runs what became due, then answers
 *     POST /_strata/backup {"dir": "..."}           a consistent copy of store and bodies, of one moment, into an empty or new directory; no keys
 *     POST /_strata/check  {"quick": true}          {"records": .., "bodies": .., "faults": .., "orphans": .., "found": [{"fault": .., "text": ".."}]},
 *                                                   found the first 1,000 of them; quick: without reading bodies
 *     POST /_strata/access                          services/iam/access_report.h: pages of services are registered by admin_register
 * The two before take their time, and one at a time (503). */
#ifndef STRATA_CLOUD_ADMIN_H
#define STRATA_CLOUD_ADMIN_H

#include "cloud/door.h"

extern const struct door admin_door;

/* A page of a service: fn answers, by one of the two below. For programs of this machine, like the others. */
struct admin_page {
    const char *method, *target;
    void (*fn)(struct cloud *cloud, struct exchange *x);
    struct admin_page *next; /* the door's */
};
void admin_register(struct cloud *cloud, struct admin_page *page); /* before the first request; page is the caller's, and there as long as requests are */
void admin_reply(struct exchange *x, struct str json);
void admin_refuse(struct exchange *x, int status, const char *words);

#endif
