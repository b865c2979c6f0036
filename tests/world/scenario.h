/* Scenarios: what is asked of a service, step by step, so that each of its operations succeeds at least once. A JSON file a service,
 * tests/fault/scenarios/<service>.json: an array of steps. A step is one of
 *
 *     {"CreateQueue": {"QueueName": "q"}, "save": {"url": "QueueUrl"}}     an operation of the service with its input
 *     {"iam:CreateRole": {...}}                                            of another one, as a preparation
 *     {"advance": 3600}                                                    the clock, in seconds
 *
 * "save" keeps members of the answer, wherever they first stand in it (or headers), under a name; ${name} in a later string is its value.
 * "error": "Code": it must be refused with that. "expect": what the answer's body must be. "as": "name" signs with the keys saved as name.id, name.secret (and name.token).
 * Given: ${now}, ${now_ms} (the clock), ${now+60} (seconds), ${iso+60}, ${bytes:N} (N bytes of text), ${zip} (a small function, base64), ${bigzip}
 * (one over 16 KB: it becomes a file), ${wrapped:name} (32 bytes under the RSA public key that was saved as name, as KMS imports them).
 * ${totp:name}, ${totp+30:name}: the code of the MFA device whose seed was saved as name. "${=name}" is a number. */
#ifndef STRATA_TESTS_SCENARIO_H
#define STRATA_TESTS_SCENARIO_H

#include "world/world.h"

struct scenario {
    struct arena *arena;
    const struct service_row *service;
    cJSON *steps;
    const cJSON *at; /* the next step */
    struct str_map vars;
};

struct step {
    const struct op_row *row;     /* NULL: the clock is moved */
    int64_t advance_ms;
    struct client_request request; /* unsigned */
    struct sign_credentials key;
    const cJSON *save;
    struct str error;              /* absent: it succeeds */
    struct str expect;             /* absent: anything */
};

/* E_NOT_FOUND: there is no file. E_INVALID: it is not a JSON array. */
int scenario_open(const char *dir, const struct service_row *service, struct scenario *ret);
void scenario_close(struct scenario *s);
/* The next step, in a; false at the end. What is wrong with the file ends the test with its words. */
bool scenario_next(struct scenario *s, struct world *w, struct arena *a, struct step *ret);
void scenario_save(struct scenario *s, const struct step *step, const struct reply *reply);

#endif
