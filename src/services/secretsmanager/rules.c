/* Rotation rules: what is allowed, and when the next window opens. Times are UTC; windows begin on the hour, those of rates in days at midnight.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html */
#include "aws/schedule.h"
#include "services/secretsmanager/secret.h"

enum { HOURS_MIN = 4, HOURS_END = 24, DAYS_END = 1000, DAY_HOURS = 24 };
#define HOUR_MS 3600000LL
#define DAY_MS (DAY_HOURS * HOUR_MS)

/* "3h", "12h"; -1: not one. */
static int64_t duration_hours(struct str text)
{
    int64_t hours;
    if (!str_ends(text, STR("h")) || str_to_i64(str_sub(text, 0, text.n - 1), &hours) < 0 || hours < 1 || hours > DAY_HOURS)
        return -1;
    return hours;
}

static bool in_hours(const struct schedule *s)
{
    return s->kind == SCHEDULE_RATE ? s->rate_ms % DAY_MS != 0 : (s->hours & (s->hours - 1)) != 0;
}

static bool cron_is_dense(const struct schedule *s)
{
    for (int hour = 0; hour < DAY_HOURS; hour++)
        for (int later = 1; later < HOURS_MIN && s->hours >> hour & 1; later++)
            if (s->hours >> ((hour + later) % DAY_HOURS) & 1)
                return true;
    return false;
}

static const char *expression_wrong(struct str text, struct schedule *ret)
{
    if (schedule_parse(text, false, ret) < 0)
        return "Invalid schedule expression.";
    if (ret->kind == SCHEDULE_CRON)
        return ret->minutes != 1 || !str_ends(text, STR(" *)")) || cron_is_dense(ret) ? "Invalid schedule expression." : NULL;
    if (str_contains(text, STR("minute")))
        return "Invalid schedule expression.";
    if (str_contains(text, STR("hour")) && (ret->rate_ms < HOURS_MIN * HOUR_MS || ret->rate_ms >= HOURS_END * HOUR_MS))
        return "Rate in hour should be least 4 and less than 24.";
    return ret->rate_ms >= DAYS_END * DAY_MS ? "Rate in day should be greater than 0 and less than 1000." : NULL;
}

static const char *duration_wrong(int64_t hours, const struct schedule *s)
{
    if (hours < 0)
        return "Duration must be at least 1 hour, at most 24 hour.";
    if (s->kind == SCHEDULE_RATE)
        return in_hours(s) && hours * HOUR_MS > s->rate_ms ? "Duration cannot be greater than Rate in hour." : NULL;
    for (int hour = 0; hour < DAY_HOURS; hour++)
        if (s->hours >> hour & 1 && hour + hours > DAY_HOURS)
            return "Starting hour and duration must be within a day.";
    return NULL;
}

const char *rules_wrong(const struct secretsmanager_RotationRulesType *r)
{
    struct schedule s = { .kind = SCHEDULE_RATE };
    if (r->AutomaticallyAfterDays.set && r->ScheduleExpression.p)
        return "You cannot specify both rotation frequency and schedule expression together.";
    const char *wrong = r->ScheduleExpression.p ? expression_wrong(r->ScheduleExpression, &s) : NULL;
    return wrong || !r->Duration.p ? wrong : duration_wrong(duration_hours(r->Duration), &s);
}

bool rules_next(struct arena *a, const struct secretsmanager_RotationRulesType *r, int64_t after_ms, struct rotation_window *ret)
{
    struct schedule s = { .kind = SCHEDULE_RATE, .rate_ms = opt_i64(r->AutomaticallyAfterDays, 0) * DAY_MS };
    struct zone *utc;
    if (r->ScheduleExpression.p && schedule_parse(r->ScheduleExpression, false, &s) < 0)
        return false;
    int64_t unit_ms = in_hours(&s) ? HOUR_MS : DAY_MS;
    if (s.kind == SCHEDULE_RATE && s.rate_ms == 0)
        return false;
    if (s.kind == SCHEDULE_RATE)
        ret->opens_ms = after_ms / unit_ms * unit_ms + s.rate_ms;
    else
        ret->opens_ms = zone_load(a, STR("UTC"), &utc) < 0 ? -1 : schedule_next(&s, utc, after_ms, after_ms);
    ret->closes_ms = r->Duration.p ? ret->opens_ms + duration_hours(r->Duration) * HOUR_MS : (ret->opens_ms / unit_ms + 1) * unit_ms;
    return ret->opens_ms >= 0;
}
