#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/code.h"
#include "base/log.h"
#include "fiber.h"

enum { STEPS_SHOWN = 20, ASKED_BYTES = 500, ANSWERED_BYTES = 700 };

struct step {
    unsigned n;
    int64_t ms;
    const char *actor;
    char asked[ASKED_BYTES], answered[ANSWERED_BYTES];
};

static struct {
    uint64_t seed, hash;
    unsigned n, max;
    bool verbose;
    struct step last[STEPS_SHOWN];
    struct trace_counts counts;
} t;

void trace_init(uint64_t seed, bool verbose, unsigned steps_max)
{
    memset(&t, 0, sizeof t);
    t.seed = seed;
    t.verbose = verbose;
    t.max = steps_max;
}

static void digest(const char *p, size_t n)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 1099511628211u;
    t.hash = rng_mix(t.hash ^ h ^ (uint64_t)fiber_now_ns());
}

unsigned trace_begin(const char *actor, const char *fmt, ...)
{
    struct step *s = &t.last[++t.n % STEPS_SHOWN];
    va_list ap;
    *s = (struct step){ .n = t.n, .ms = fiber_now_ns() / 1000000, .actor = actor };
    va_start(ap, fmt);
    vsnprintf(s->asked, sizeof s->asked, fmt, ap);
    va_end(ap);
    digest(s->asked, strlen(s->asked));
    if (t.verbose)
        printf("%5u %10lld ms %-10s %s\n", s->n, (long long)s->ms, actor, s->asked);
    return t.n;
}

/* Control characters of a body would spoil the page. */
static void copy_text(char *to, size_t room, struct str from)
{
    size_t n = from.n < room - 1 ? from.n : room - 1;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)from.p[i] < 0x20 || from.p[i] == 0x7f ? '.' : from.p[i];
    to[n] = 0;
}

void trace_end(unsigned step, int status, struct str body)
{
    struct step *s = &t.last[step % STEPS_SHOWN], other = { 0 };
    if (s->n != step) /* forgotten: it took long */
        s = &other;
    int n = snprintf(s->answered, sizeof s->answered, "%d ", status);
    copy_text(s->answered + n, sizeof s->answered - (size_t)n, body);
    digest(body.p ? body.p : "", body.n);
    digest((const char *)&status, sizeof status);
    if (t.verbose)
        printf("%5u %10lld ms            -> %s\n", step, (long long)(fiber_now_ns() / 1000000), s->answered);
}

void trace_counts_add(struct trace_counts *to, const char *name, int end, unsigned times)
{
    for (struct trace_count *c = to->v; c < to->v + COUNTS_MAX; c++) {
        if (c->name[0] && strncmp(c->name, name, sizeof c->name - 1) != 0)
            continue;
        snprintf(c->name, sizeof c->name, "%s", name);
        c->ends[end] += times;
        return;
    }
}

void trace_ask(const char *operation, int status)
{
    trace_counts_add(&t.counts, operation, status == 0 ? 3 : status < 300 ? 0 : status < 500 ? 1 : 2, 1);
}

const struct trace_counts *trace_counts(void) { return &t.counts; }

/* Strata's log stands between the steps, when they are shown. */
void __wrap_log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void __wrap_log_line(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    if (!t.verbose || level > LOG_WARN)
        return;
    printf("                    strata says: ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

bool trace_over(void) { return t.max && t.n >= t.max; }
unsigned trace_steps(void) { return t.n; }
uint64_t trace_hash(void) { return rng_mix(t.hash ^ fiber_hash()); }

void sim_fail(const char *what, const char *expected, const char *got_fmt, ...)
{
    va_list ap;
    printf("FAILED seed %llu, step %u, %s: %s\n  expected: %s\n  got:      ", (unsigned long long)t.seed, t.n, fiber_name(), what, expected);
    va_start(ap, got_fmt);
    vprintf(got_fmt, ap);
    va_end(ap);
    printf("\n  the last steps:\n");
    for (unsigned i = t.n < STEPS_SHOWN ? 1 : t.n - STEPS_SHOWN + 1; i <= t.n; i++) {
        const struct step *s = &t.last[i % STEPS_SHOWN];
        printf("  %5u %10lld ms %-10s %s\n%32s-> %s\n", s->n, (long long)s->ms, s->actor, s->asked, "", s->answered[0] ? s->answered : "(no answer yet)");
    }
    fibers_tell();
    fflush(stdout);
    _exit(1);
}
