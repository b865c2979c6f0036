/* A client of the simulated strata: whole requests, signed, through the doors, as http would bring them; and its answers.
 *
 * Each request runs in a thread of strata's, as in the HTTP server; the actor waits for the answer. Bodies that are streamed come in pieces.
 * The arena of an exchange is freed the moment it may be, so that AddressSanitizer sees who still looks at it. */
#ifndef STRATA_SIM_ASK_H
#define STRATA_SIM_ASK_H

#include <cjson/cJSON.h>

#include "base/exchange.h"
#include "world/client.h"

struct request {
    struct client_request wire;            /* world/client.h */
    const char *service;                   /* in the signature; NULL: not signed */
    const struct sign_credentials *as;     /* NULL: the root's */
    bool hang_up;                          /* the client goes in the middle of the body */
};

enum { LOST = 0 }; /* the status of a request that got no answer: it was carried out, or not */

struct reply {
    int status;
    struct str body, error; /* error: AWS's code of an answer that is none of 2xx */
    struct header_list headers;
    bool in_doubt;          /* answered when a sync had failed */
    int64_t from_ms, to_ms; /* strata's clock, around the operation */
    int64_t ran_ms;         /* what was due by then had run before it: machine_ran_ms */
    cJSON *json;            /* of the JSON protocols; goes with the arena */
};

/* An operation, its input as JSON with AWS's member names and ' in place of ". Everything of the reply is in a. Waits until strata serves, then for the
 * answer; one that does not come within half an hour fails the simulation. */
struct reply ask(struct arena *a, const char *service, const char *operation, const struct sign_credentials *as, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with a payload, for the member that is streamed; and a client that may hang up in its middle. */
struct reply ask_with_body(struct arena *a, const char *service, const char *operation, struct str body, bool hang_up, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
struct reply ask_host(struct arena *a, struct str host, struct str body); /* POST /, as a browser would: unsigned */
struct reply ask_admin(struct arena *a, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool reply_ok(const struct reply *r);
/* The text of the first <name> in an XML answer, absent when there is none; *from moves behind it. */
struct str xml_next(struct str *from, const char *name);
struct str xml_first(struct str text, const char *name);
struct str json_text(const cJSON *o, const char *name);        /* absent when it is no string */
int64_t json_number(const cJSON *o, const char *name, int64_t otherwise);
struct str reply_header(const struct reply *r, const char *name);

/* ---- for the machine ---- */

unsigned calls_open(void);     /* exchanges that strata holds */
const void *calls_event(void); /* woken when one ends */
void calls_lost(void);         /* strata has gone */

#endif
