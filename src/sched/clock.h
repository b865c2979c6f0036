/* The clock: the system's time plus an offset that `strata clock` sets. The only place that reads the system's time. */
#ifndef STRATA_SCHED_CLOCK_H
#define STRATA_SCHED_CLOCK_H

#include "store/commit.h"

struct clock;

int clock_open(struct store *s, struct clock **ret);       /* reads the stored offset */
void clock_free(struct clock *c);
int64_t clock_now_ms(const struct clock *c);                /* since 1970 UTC, moved */
int64_t clock_offset_ms(const struct clock *c);
/* Stored first, then in force: a time that was seen does not come again after a crash. Waits for the commit: not from the writer. */
int clock_set_offset(struct clock *c, struct writer *w, int64_t offset_ms);

int64_t clock_real_ms(void);                                /* the system's wall time: signatures are checked against it */
int64_t clock_mono_ms(void);                                /* monotonic: deadlines of waits and timeouts */
int64_t clock_mono_us(void);                                /* the same, for how long something took */

#endif
