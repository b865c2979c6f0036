/* What happened: the last steps in words, a hash of all of them, and the end of a simulation that found something. */
#ifndef STRATA_SIM_TRACE_H
#define STRATA_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

void trace_init(uint64_t seed, bool verbose, unsigned steps_max);
/* A step begins: something that an actor does. Steps overlap. */
unsigned trace_begin(const char *actor, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace_end(unsigned step, int status, struct str body);
void trace_ask(const char *operation, int status); /* counts */
bool trace_over(void); /* steps_max was reached: whoever asks stops */
unsigned trace_steps(void);
uint64_t trace_hash(void);

/* How often each operation was asked for, and how it ended. */
enum { COUNTS_MAX = 96, COUNT_ENDS = 4 }; /* ends: 2xx, 4xx, 5xx, no answer */
struct trace_count {
    char name[32];
    unsigned ends[COUNT_ENDS];
};
struct trace_counts {
    struct trace_count v[COUNTS_MAX];
};
void trace_counts_add(struct trace_counts *to, const char *name, int end, unsigned times);
const struct trace_counts *trace_counts(void);

/* The model and strata differ: prints seed, step, what was done, expected, got, and the last steps; ends the process with 1. */
void sim_fail(const char *what, const char *expected, const char *got_fmt, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define sim_expect(cond, what, expected, ...) ((cond) ? (void)0 : sim_fail((what), (expected), __VA_ARGS__))

#endif
