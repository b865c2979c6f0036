#include "aws/schedule.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

enum { YEAR_MIN = 1970, YEAR_MAX = 2199, DAY_S = 24 * 3600, ZONE_BYTES_MAX = 64 * 1024 };

/* ---- parsing ---- */

static int name_value(struct str s, const char *const *names, int first)
{
    for (int i = 0; names && names[i]; i++)
        if (str_eq_nocase(s, str_c(names[i])))
            return first + i;
    int64_t v;
    return str_to_i64(s, &v) == 0 && v >= 0 && v < 10000 ? (int)v : -1;
}

struct field {
    int low, high, base; /* base: what bit 0 of the set stands for */
    const char *const *names;
};

static void set_bit(uint64_t *set, int base, int v)
{
    set[(v - base) / 64] |= 1ull << ((v - base) % 64);
}

/* "*", "5", "1-5", "0/15", "10-50/5" */
static int parse_item(struct str item, const struct field *f, uint64_t *set)
{
    struct str range, step_text, from_text, to_text;
    int64_t step = 1;
    bool stepped = str_cut(item, '/', &range, &step_text);
    if (stepped && (str_to_i64(step_text, &step) || step < 1 || step > 1000))
        return E_INVALID;
    int from, to;
    if (str_is(range, "*")) {
        from = f->low;
        to = f->high;
    } else if (str_cut(range, '-', &from_text, &to_text)) {
        from = name_value(from_text, f->names, f->low);
        to = name_value(to_text, f->names, f->low);
    } else {
        from = name_value(range, f->names, f->low);
        to = stepped ? f->high : from;
    }
    if (from < f->low || to > f->high || from > f->high || to < f->low)
        return E_INVALID;
    if (from > to && f->names) { /* FRI-MON wraps */
        for (int v = from; v <= f->high; v += (int)step)
            set_bit(set, f->base, v);
        from = f->low;
    }
    if (from > to)
        return E_INVALID;
    for (int v = from; v <= to; v += (int)step)
        set_bit(set, f->base, v);
    return 0;
}

static int parse_field(struct str text, const struct field *f, uint64_t *set)
{
    if (!text.n)
        return E_INVALID;
    for (struct str rest = text, item; rest.n;) {
        str_cut(rest, ',', &item, &rest);
        if (parse_item(item, f, set))
            return E_INVALID;
    }
    return 0;
}

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const day_names[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL };

/* Day of month: ?, *, L, L-3, LW, 15W, or numbers. */
static int parse_days(struct str text, struct schedule *s)
{
    int64_t v;
    if (str_is(text, "?") || str_is(text, "*")) {
        s->any_day = true;
        return 0;
    }
    if (str_is(text, "LW")) {
        s->nearest_weekday = 32;
        return 0;
    }
    if (str_starts(text, STR("L"))) {
        v = 0;
        if (text.n > 1 && (text.p[1] != '-' || str_to_i64(str_sub(text, 2, text.n), &v) || v < 0 || v > 30))
            return E_INVALID;
        s->last_day = (uint8_t)(v + 1);
        return 0;
    }
    if (str_ends(text, STR("W"))) {
        if (str_to_i64(str_sub(text, 0, text.n - 1), &v) || v < 1 || v > 31)
            return E_INVALID;
        s->nearest_weekday = (uint8_t)v;
        return 0;
    }
    return parse_field(text, &(struct field){ 1, 31, 0, NULL }, &s->days);
}

/* Day of week, 1 = Sunday: ?, *, L, 6L, 6#3, or numbers and names. */
static int parse_weekdays(struct str text, struct schedule *s)
{
    struct str day, nth;
    int64_t n;
    if (str_is(text, "?") || str_is(text, "*")) {
        s->any_weekday = true;
        return 0;
    }
    if (str_is(text, "L")) {
        set_bit(&s->weekdays, 0, 7);
        return 0;
    }
    if (str_cut(text, '#', &day, &nth)) {
        int d = name_value(day, day_names, 1);
        if (d < 1 || d > 7 || str_to_i64(nth, &n) || n < 1 || n > 5)
            return E_INVALID;
        s->nth_weekday = (uint8_t)d;
        s->nth = (uint8_t)n;
        return 0;
    }
    if (text.n > 1 && str_ends(text, STR("L"))) {
        int d = name_value(str_sub(text, 0, text.n - 1), day_names, 1);
        s->last_weekday = (uint8_t)d;
        return d < 1 || d > 7 ? E_INVALID : 0;
    }
    return parse_field(text, &(struct field){ 1, 7, 0, day_names }, &s->weekdays);
}

static int parse_cron(struct str text, struct schedule *s)
{
    struct str f[6];
    int n = 0;
    for (struct str rest = str_trim(text); rest.n && n < 6; rest = str_trim(rest))
        str_cut(rest, ' ', &f[n++], &rest);
    struct str last = str_trim(text);
    int words = 0;
    for (struct str w; last.n; last = str_trim(last), words++)
        str_cut(last, ' ', &w, &last);
    if (words != 6)
        return E_INVALID;
    if (parse_field(f[0], &(struct field){ 0, 59, 0, NULL }, &s->minutes) || parse_field(f[1], &(struct field){ 0, 23, 0, NULL }, &s->hours) ||
        parse_days(f[2], s) || parse_field(f[3], &(struct field){ 1, 12, 0, month_names }, &s->months) || parse_weekdays(f[4], s) ||
        parse_field(f[5], &(struct field){ YEAR_MIN, YEAR_MAX, YEAR_MIN, NULL }, s->years))
        return E_INVALID;
    /* One of the two days must be `?`: AWS refuses both to be given, and both to be `?`. */
    bool day_open = str_is(f[2], "?"), weekday_open = str_is(f[4], "?");
    if (day_open && weekday_open)
        return E_INVALID;
    return !day_open && !weekday_open ? E_INVALID : 0;
}

static int parse_rate(struct str text, bool scheduler, struct schedule *s)
{
    static const struct {
        const char *one, *many;
        int64_t ms;
    } units[] = { { "minute", "minutes", 60000 }, { "hour", "hours", 3600000 }, { "day", "days", 86400000 } };
    struct str number, unit;
    int64_t v;
    if (!str_cut(text, ' ', &number, &unit) || str_to_i64(number, &v) || v < 1 || v > 100000000)
        return E_INVALID;
    for (size_t i = 0; i < 3; i++) {
        bool one = str_is(unit, units[i].one), many = str_is(unit, units[i].many);
        if (!(scheduler ? one || many : v == 1 ? one : many))
            continue;
        s->rate_ms = v * units[i].ms;
        return 0;
    }
    return E_INVALID;
}

int schedule_parse(struct str text, bool scheduler, struct schedule *ret)
{
    *ret = (struct schedule){ 0 };
    if (!str_ends(text, STR(")")))
        return E_INVALID;
    struct str name, body;
    if (!str_cut(str_sub(text, 0, text.n - 1), '(', &name, &body))
        return E_INVALID;
    if (str_is(name, "rate")) {
        ret->kind = SCHEDULE_RATE;
        return parse_rate(body, scheduler, ret);
    }
    if (str_is(name, "cron")) {
        ret->kind = SCHEDULE_CRON;
        return parse_cron(body, ret);
    }
    int64_t ms;
    if (!scheduler || !str_is(name, "at") || body.n != 19 || time_parse_iso8601(body, &ms))
        return E_INVALID;
    ret->kind = SCHEDULE_AT;
    ret->at_local_s = ms / 1000;
    return 0;
}

/* ---- zones: TZif (RFC 8536) ---- */

struct zone {
    int64_t *at; /* when an offset begins, seconds UTC, ascending */
    int32_t *offset_s;
    uint32_t n;
    int32_t first_s; /* before the first */
};

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

static bool plain_name(struct str n)
{
    for (size_t i = 0; i < n.n; i++) {
        char c = n.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
        if (!ok)
            return false;
    }
    return n.n > 0 && n.n < 64 && n.p[0] != '/';
}

static int read_zone(struct arena *a, const uint8_t *p, size_t bytes, struct zone *z)
{
    /* The first block has 32-bit times; the second, which is wanted, follows it. */
    if (bytes < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return E_INVALID;
    uint64_t c[6];
    for (int i = 0; i < 6; i++)
        c[i] = big_endian(p + 20 + 4 * i, 4);
    uint64_t skip = 44 + c[3] * 5 + c[4] * 6 + c[5] + c[2] * 8 + c[1] + c[0];
    if (skip + 44 > bytes)
        return E_INVALID;
    p += skip;
    bytes -= skip;
    for (int i = 0; i < 6; i++)
        c[i] = big_endian(p + 20 + 4 * i, 4);
    uint64_t times = c[3], types = c[4];
    if (44 + times * 9 + types * 6 > bytes || types == 0)
        return E_INVALID;
    const uint8_t *at = p + 44, *index = at + 8 * times, *type = index + times;
    z->n = (uint32_t)times;
    z->at = arena_many(a, int64_t, times + 1);
    z->offset_s = arena_many(a, int32_t, times + 1);
    z->first_s = (int32_t)big_endian(type, 4);
    for (uint64_t i = 0; i < times; i++) {
        if (index[i] >= types)
            return E_INVALID;
        z->at[i] = (int64_t)big_endian(at + 8 * i, 8);
        z->offset_s[i] = (int32_t)big_endian(type + 6 * index[i], 4);
    }
    return 0;
}

int zone_load(struct arena *a, struct str name, struct zone **ret)
{
    struct zone *z = arena_one(a, struct zone);
    *ret = z;
    if (!name.n || str_is(name, "UTC") || str_is(name, "Etc/UTC"))
        return 0;
    if (!plain_name(name))
        return E_NOT_FOUND;
    int fd = open(str_printf(a, "/usr/share/zoneinfo/%.*s", STR_ARG(name)).p, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return E_NOT_FOUND;
    int rc = E_NOT_FOUND;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= ZONE_BYTES_MAX) {
        uint8_t *bytes = arena_alloc(a, (size_t)st.st_size + 1);
        if (read(fd, bytes, (size_t)st.st_size) == st.st_size)
            rc = read_zone(a, bytes, (size_t)st.st_size, z) ? E_NOT_FOUND : 0;
    }
    close(fd);
    return rc;
}

static int32_t offset_at(const struct zone *z, int64_t utc_s)
{
    uint32_t low = 0, high = z->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (z->at[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? z->offset_s[low - 1] : z->first_s;
}

/* The UTC of a wall-clock time: the first when there are two; -1 when there is none. */
static int64_t to_utc(const struct zone *z, int64_t local_s)
{
    int32_t before = offset_at(z, local_s - DAY_S), after = offset_at(z, local_s + DAY_S);
    int64_t first = local_s - before, second = local_s - after;
    if (offset_at(z, first) == before)
        return first;
    return offset_at(z, second) == after ? second : -1;
}

/* ---- the next time ---- */

/* Civil from days since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void civil(int64_t day, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int weekday_of(int64_t day) /* 1 = Sunday; 1970-01-01 was a Thursday */
{
    return (int)(((day + 4) % 7 + 7) % 7) + 1;
}

/* The weekday nearest to a day of the month, within the month. */
static int nearest_weekday(int wanted, int weekday_of_wanted, int last)
{
    if (weekday_of_wanted == 7)
        return wanted == 1 ? 3 : wanted - 1;
    if (weekday_of_wanted == 1)
        return wanted == last ? last - 2 : wanted + 1;
    return wanted;
}

static bool day_matches(const struct schedule *s, int64_t day)
{
    int year, month, date;
    civil(day, &year, &month, &date);
    if (year < YEAR_MIN || year > YEAR_MAX || !(s->months >> month & 1) || !(s->years[(year - YEAR_MIN) / 64] >> ((year - YEAR_MIN) % 64) & 1))
        return false;
    int last = days_in(year, month), weekday = weekday_of(day);
    if (s->last_day && date != last - (s->last_day - 1))
        return false;
    if (s->nearest_weekday) {
        int wanted = s->nearest_weekday == 32 ? last : s->nearest_weekday;
        if (wanted > last || date != nearest_weekday(wanted, weekday_of(day + wanted - date), last))
            return false;
    }
    if (s->days && !(s->days >> date & 1))
        return false;
    if (s->last_weekday && (weekday != s->last_weekday || date + 7 <= last))
        return false;
    if (s->nth && (weekday != s->nth_weekday || (date - 1) / 7 + 1 != s->nth))
        return false;
    return !s->weekdays || (s->weekdays >> weekday & 1);
}

static int64_t next_cron(const struct schedule *s, const struct zone *z, int64_t after_s)
{
    int64_t local = after_s + offset_at(z, after_s), first_day = local / DAY_S - (local % DAY_S < 0) - 1;
    for (int64_t day = first_day < 0 ? 0 : first_day; day < (YEAR_MAX - YEAR_MIN + 1) * 366ll; day++) {
        if (!day_matches(s, day))
            continue;
        for (int hour = 0; hour < 24; hour++) {
            for (int minute = 0; minute < 60 && s->hours >> hour & 1; minute++) {
                int64_t utc = s->minutes >> minute & 1 ? to_utc(z, day * DAY_S + hour * 3600 + minute * 60) : -1;
                if (utc > after_s)
                    return utc * 1000;
            }
        }
    }
    return -1;
}

int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t start_ms, int64_t after_ms)
{
    if (s->kind == SCHEDULE_CRON)
        return next_cron(s, z, after_ms / 1000);
    if (s->kind == SCHEDULE_AT) {
        int64_t at = to_utc(z, s->at_local_s);
        return at >= 0 && at * 1000 > after_ms ? at * 1000 : -1;
    }
    if (after_ms < start_ms)
        return start_ms;
    return start_ms + ((after_ms - start_ms) / s->rate_ms + 1) * s->rate_ms;
}
