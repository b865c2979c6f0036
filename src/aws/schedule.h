/* Schedule expressions, as EventBridge and EventBridge Scheduler write them: rate(5 minutes), cron(0 12 * * ? *), at(2026-01-02T03:04:05).
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html */
#ifndef STRATA_AWS_SCHEDULE_H
#define STRATA_AWS_SCHEDULE_H

#include "base/str.h"

enum schedule_kind { SCHEDULE_RATE, SCHEDULE_CRON, SCHEDULE_AT };

struct schedule {
    enum schedule_kind kind;
    int64_t rate_ms;
    int64_t at_local_s;      /* at(): seconds since 1970 as the zone's wall clock shows them */
    uint64_t minutes, hours, days, months, weekdays; /* cron: bit n is set when n matches; weekdays 1 = Sunday */
    uint64_t years[4];       /* from 1970 */
    uint8_t last_day;        /* L: 1; L-3: 4 (days from the end, plus 1) */
    uint8_t nearest_weekday; /* 15W: 15; LW: 32 */
    uint8_t last_weekday;    /* 6L: 6 */
    uint8_t nth_weekday, nth;/* 6#3 */
    bool any_day, any_weekday; /* `?` or `*` */
};

/* E_INVALID. As the Scheduler writes them, else as rules do: without at(), and with a unit in the singular exactly for 1 (rate(1 hours) is the Scheduler's). */
int schedule_parse(struct str text, bool scheduler, struct schedule *ret);

/* A time zone by its IANA name, read from the machine's tzdata; "UTC" always works. */
struct zone;
int zone_load(struct arena *a, struct str name, struct zone **ret); /* E_NOT_FOUND */

/* The first time that is later than after_ms; -1 when there is none. start_ms: from when a rate counts. All milliseconds since 1970 UTC. A wall-clock
 * time that a change to summer time skips does not occur; one that occurs twice runs once. */
int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t start_ms, int64_t after_ms);

#endif
