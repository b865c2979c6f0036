#include "cli/duration.h"

#include <string.h>

#include "base/err.h"

static const struct {
    const char *name;
    int64_t ms;
} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

enum { UNITS = sizeof units / sizeof *units };
static const int64_t longest_ms = 1000LL * 366 * 86400000; /* a thousand years: sums stay far from overflow */

int duration_parse(struct str s, int64_t *ret_ms)
{
    bool minus = s.n && s.p[0] == '-';
    int64_t total = 0;
    size_t at = minus;
    if (at == s.n)
        return E_INVALID;
    while (at < s.n) {
        size_t digits = at;
        while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
            at++;
        int64_t n = 0;
        if (at == digits || str_to_i64(str_sub(s, digits, at - digits), &n))
            return E_INVALID;
        size_t unit = at, u = 0;
        while (at < s.n && (s.p[at] < '0' || s.p[at] > '9'))
            at++;
        struct str name = str_sub(s, unit, at - unit);
        while (u < UNITS && !str_is(name, units[u].name))
            u++;
        if (u == UNITS || n > longest_ms / units[u].ms || (total += n * units[u].ms) > longest_ms)
            return E_INVALID;
    }
    *ret_ms = minus ? -total : total;
    return 0;
}

struct str duration_text(struct arena *a, int64_t ms)
{
    struct str text = str_dup(a, ms < 0 ? STR("-") : STR(""));
    int parts = 0;
    if (ms < 0)
        ms = -ms;
    for (int u = 0; u < UNITS && parts < 2; u++) {
        if (ms < units[u].ms && !(parts == 0 && u == UNITS - 2 && ms == 0)) {
            parts += parts > 0; /* "1d 0h" is "1d" */
            continue;
        }
        text = str_printf(a, "%.*s%lld%s", STR_ARG(text), (long long)(ms / units[u].ms), units[u].name);
        ms %= units[u].ms;
        parts++;
    }
    return text;
}
