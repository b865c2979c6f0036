#include "aws/retry.h"

enum { ATTEMPTS_MAX = 185, AGE_MAX_S = 24 * 3600, PAUSE_MS = 1000, PAUSE_MAX_MS = 15 * 60 * 1000 };

int64_t retry_pause_ms(const struct retry *r)
{
    if (r->attempts > opt_i64(r->attempts_max, ATTEMPTS_MAX))
        return RETRY_ATTEMPTS_OVER;
    if (r->age_ms >= opt_i64(r->age_max_s, AGE_MAX_S) * 1000)
        return RETRY_AGE_OVER;
    int64_t pause_ms = PAUSE_MS;
    for (int64_t i = 1; i < r->attempts && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}
