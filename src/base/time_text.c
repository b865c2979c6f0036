/* Times as text; see base/code.h. */
#include <string.h>
#include <time.h>

#include "base/code.h"
#include "base/err.h"

static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const day_names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* Times of the years 0 to 9999: others become the nearest of these. */
static const int64_t ms_min = -62167219200000, ms_max = 253402300799999;

static void split(int64_t ms, struct tm *ret_tm, int *ret_ms)
{
    ms = ms < ms_min ? ms_min : ms > ms_max ? ms_max : ms;
    int64_t rest = ms % 1000;
    if (rest < 0)
        rest += 1000;
    time_t seconds = (time_t)((ms - rest) / 1000);
    gmtime_r(&seconds, ret_tm);
    *ret_ms = (int)rest;
}

/* In the form, each of Y M D h m s is a digit of the year, month, ... and f one of the milliseconds; all else stands for itself. printf would take ten times
 * as long, and most answers hold a time. */
static struct str formed(struct arena *a, int64_t ms, const char *form)
{
    struct tm t;
    int rest;
    split(ms, &t, &rest);
    t.tm_year += 1900;
    t.tm_mon++;
    struct str ret = str_dup(a, str_c(form));
    char *out = (char *)ret.p;
    for (size_t i = ret.n; i-- > 0;) {
        int *part = NULL;
        switch (form[i]) {
        case 'Y': part = &t.tm_year; break;
        case 'M': part = &t.tm_mon; break;
        case 'D': part = &t.tm_mday; break;
        case 'h': part = &t.tm_hour; break;
        case 'm': part = &t.tm_min; break;
        case 's': part = &t.tm_sec; break;
        case 'f': part = &rest; break;
        default: continue;
        }
        out[i] = (char)('0' + *part % 10);
        *part /= 10;
    }
    return ret;
}

struct str time_iso8601_ms(struct arena *a, int64_t ms) { return formed(a, ms, "YYYY-MM-DDThh:mm:ss.fffZ"); }

struct str time_iso8601(struct arena *a, int64_t ms) { return formed(a, ms, ms % 1000 ? "YYYY-MM-DDThh:mm:ss.fffZ" : "YYYY-MM-DDThh:mm:ssZ"); }

struct str time_amz(struct arena *a, int64_t ms) { return formed(a, ms, "YYYYMMDDThhmmssZ"); }

struct str time_http(struct arena *a, int64_t ms)
{
    struct tm t;
    int rest;
    split(ms, &t, &rest);
    return str_printf(a, "%s, %02d %s %04d %02d:%02d:%02d GMT", day_names[t.tm_wday], t.tm_mday, month_names[t.tm_mon], t.tm_year + 1900,
                      t.tm_hour, t.tm_min, t.tm_sec);
}

struct str time_clf(struct arena *a, int64_t ms)
{
    struct tm t;
    int rest;
    split(ms, &t, &rest);
    return str_printf(a, "%02d/%s/%04d:%02d:%02d:%02d +0000", t.tm_mday, month_names[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Exactly `count` digits at *p; -1 when they are not there. */
static int digits(struct str *s, unsigned count)
{
    if (s->n < count)
        return -1;
    int v = 0;
    for (unsigned i = 0; i < count; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return -1;
        v = v * 10 + (s->p[i] - '0');
    }
    s->p += count;
    s->n -= count;
    return v;
}

static bool literal(struct str *s, const char *text)
{
    if (!str_starts(*s, str_c(text)))
        return false;
    *s = str_sub(*s, strlen(text), s->n);
    return true;
}

static int assemble(int year, int month, int day, int hour, int minute, int second, int64_t *ret_ms)
{
    static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return E_INVALID;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (month == 2 && leap))
        return E_INVALID;
    struct tm t = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second };
    *ret_ms = (int64_t)timegm(&t) * 1000;
    return 0;
}

int time_parse_iso8601(struct str s, int64_t *ret_ms)
{
    int year = digits(&s, 4);
    bool ok = literal(&s, "-");
    int month = digits(&s, 2);
    ok = ok && literal(&s, "-");
    int day = digits(&s, 2);
    int hour = 0, minute = 0, second = 0;
    int64_t fraction_ms = 0, offset_ms = 0;
    if (ok && s.n) { /* a date alone is midnight UTC */
        ok = literal(&s, "T") || literal(&s, "t") || literal(&s, " ");
        hour = digits(&s, 2);
        ok = ok && literal(&s, ":");
        minute = digits(&s, 2);
        if (literal(&s, ":"))
            second = digits(&s, 2);
        if (literal(&s, ".")) {
            int64_t scale = 100;
            size_t n = 0;
            for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++, scale /= 10)
                fraction_ms += (s.p[n] - '0') * scale;
            ok = ok && n > 0;
            s = str_sub(s, n, s.n);
        }
        if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
            int64_t sign = s.p[0] == '-' ? -1 : 1;
            s = str_sub(s, 1, s.n);
            int oh = digits(&s, 2);
            literal(&s, ":");
            int om = digits(&s, 2);
            ok = ok && oh >= 0 && oh < 24 && om >= 0 && om < 60;
            offset_ms = sign * ((int64_t)oh * 60 + om) * 60000;
        } else if (s.n) {
            ok = ok && (literal(&s, "Z") || literal(&s, "z"));
        }
    }
    int64_t ms;
    if (!ok || s.n || assemble(year, month, day, hour, minute, second, &ms))
        return E_INVALID;
    *ret_ms = ms + fraction_ms - offset_ms;
    return 0;
}

int time_parse_amz(struct str s, int64_t *ret_ms)
{
    int year = digits(&s, 4), month = digits(&s, 2), day = digits(&s, 2);
    bool ok = literal(&s, "T");
    int hour = digits(&s, 2), minute = digits(&s, 2), second = digits(&s, 2);
    if (!ok || !literal(&s, "Z") || s.n)
        return E_INVALID;
    return assemble(year, month, day, hour, minute, second, ret_ms);
}

int time_parse_http(struct str s, int64_t *ret_ms)
{
    struct str name;
    if (!str_cut(s, ',', &name, &s))
        return E_INVALID;
    s = str_trim(s);
    int day = digits(&s, 2), month = 0;
    bool ok = literal(&s, " ");
    for (int i = 0; i < 12; i++)
        if (!month && literal(&s, month_names[i]))
            month = i + 1;
    ok = ok && literal(&s, " ");
    int year = digits(&s, 4);
    ok = ok && literal(&s, " ");
    int hour = digits(&s, 2);
    ok = ok && literal(&s, ":");
    int minute = digits(&s, 2);
    ok = ok && literal(&s, ":");
    int second = digits(&s, 2);
    int64_t fraction_ms = 0; /* Smithy's http-date allows a fraction */
    if (literal(&s, ".")) {
        int64_t scale = 100;
        for (; s.n && s.p[0] >= '0' && s.p[0] <= '9'; s = str_sub(s, 1, s.n), scale /= 10)
            fraction_ms += (s.p[0] - '0') * scale;
    }
    if (!ok || !literal(&s, " GMT") || s.n || assemble(year, month, day, hour, minute, second, ret_ms))
        return E_INVALID;
    *ret_ms += fraction_ms;
    return 0;
}
