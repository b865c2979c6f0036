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
 * The last two take their time, and one at a time (503). */
#ifndef STRATA_CLOUD_ADMIN_H
#define STRATA_CLOUD_ADMIN_H

#include "cloud/door.h"

extern const struct door admin_door;

#endif
