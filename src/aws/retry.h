/* How EventBridge and its Scheduler try a target again: within 185 attempts and 24 hours unless the retry policy says less, with pauses of 1 s that
 * double up to 15 minutes. (AWS documents the limits, and of the pauses that they grow.) */
#ifndef STRATA_AWS_RETRY_H
#define STRATA_AWS_RETRY_H

#include "base/str.h"

struct retry {
    int64_t attempts, age_ms;             /* so far, with the one that just failed; since the event came */
    struct opt_i64 attempts_max, age_max_s; /* of the policy */
};
enum { RETRY_ATTEMPTS_OVER = -1, RETRY_AGE_OVER = -2 };

/* How long to wait in ms, or why not to try again. */
int64_t retry_pause_ms(const struct retry *r);

#endif
