#include "base/test.h"

#include "aws/schedule.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

static int64_t at(const char *text)
{
    int64_t ms;
    assert_int_equal(time_parse_iso8601(str_c(text), &ms), 0);
    return ms;
}

static void check_next(const char *expression, const char *zone, const char *after, const char *expected)
{
    struct arena *a = arena_new();
    struct schedule s;
    struct zone *z;
    assert_int_equal(schedule_parse(str_c(expression), true, &s), 0);
    assert_int_equal(zone_load(a, str_c(zone), &z), 0);
    int64_t next = schedule_next(&s, z, at("2026-01-01T00:00:00Z"), at(after));
    if (expected)
        assert_str(time_iso8601(a, next), expected);
    else
        assert_true(next == -1);
    arena_free(a);
}

TEST(rates_count_from_their_start)
{
    check_next("rate(5 minutes)", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z");
    check_next("rate(1 hour)", "UTC", "2026-01-01T05:30:00Z", "2026-01-01T06:00:00Z");
    check_next("rate(1 day)", "UTC", "2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z");
}

TEST(cron_forms)
{
    check_next("cron(0 12 * * ? *)", "UTC", "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z");
    check_next("cron(0/15 * * * ? *)", "UTC", "2026-03-01T12:01:00Z", "2026-03-01T12:15:00Z");
    check_next("cron(30 8 ? * MON-FRI *)", "UTC", "2026-11-20T09:00:00Z", "2026-11-23T08:30:00Z");
    check_next("cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z");
    check_next("cron(0 0 15W * ? *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-16T00:00:00Z");
    check_next("cron(0 0 ? * 6#3 *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z");
    check_next("cron(0 0 ? * 6L *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z");
    check_next("cron(0 0 29 FEB ? *)", "UTC", "2026-11-01T00:00:00Z", "2028-02-29T00:00:00Z");
    check_next("cron(0 0 1 1 ? 2025)", "UTC", "2026-11-01T00:00:00Z", NULL);
}

TEST(zones_follow_their_summer_time)
{
    check_next("cron(0 9 * * ? *)", "Europe/Berlin", "2026-01-10T00:00:00Z", "2026-01-10T08:00:00Z");
    check_next("cron(0 9 * * ? *)", "Europe/Berlin", "2026-07-10T00:00:00Z", "2026-07-10T07:00:00Z");
    /* 02:30 does not exist on 29 March 2026 */
    check_next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z");
    check_next("at(2026-07-01T10:00:00)", "America/New_York", "2026-01-01T00:00:00Z", "2026-07-01T14:00:00Z");
    check_next("at(2026-07-01T10:00:00)", "UTC", "2026-08-01T00:00:00Z", NULL);
}

TEST(malformed_expressions_are_refused)
{
    struct schedule s;
    struct arena *a = arena_new();
    struct zone *z;
    static const char *const bad[] = { "", "rate(5 weeks)", "rate(1 second)", "rate(0 minutes)", "rate(5)", "cron(* * * * *)", "cron(0 12 * * * *)",
                                       "cron(0 12 ? * ? *)", "cron(60 * * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 32 * ? *)", "at(2026-07-01)",
                                       "cron(0 12 * * ? * *)", "every(5 minutes)" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(schedule_parse(str_c(bad[i]), true, &s), E_INVALID);
    static const char *const bad_for_rules[] = { "at(2026-07-01T10:00:00)", "rate(1 minutes)", "rate(5 minute)" };
    for (size_t i = 0; i < sizeof bad_for_rules / sizeof *bad_for_rules; i++) {
        assert_int_equal(schedule_parse(str_c(bad_for_rules[i]), true, &s), 0);
        assert_int_equal(schedule_parse(str_c(bad_for_rules[i]), false, &s), E_INVALID);
    }
    assert_int_equal(zone_load(a, STR("../etc/passwd"), &z), E_NOT_FOUND);
    assert_int_equal(zone_load(a, STR("Nowhere/City"), &z), E_NOT_FOUND);
    arena_free(a);
}
