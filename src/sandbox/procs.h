/* The processes of a sandbox, seen from outside through /proc: its init and all descendants (what is orphaned goes to init). */
#ifndef STRATA_SANDBOX_PROCS_H
#define STRATA_SANDBOX_PROCS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCS_MAX = 4096 };

/* Pids below init, init itself left out; at most cap. */
uint32_t procs_below(pid_t init, pid_t *ret, uint32_t cap);
/* Memory of them all: now (anonymous and shared pages: what cannot be dropped), and the sum of each one's peak of resident pages. */
void procs_memory(pid_t init, int64_t *ret_now_bytes, int64_t *ret_peak_bytes);
/* The same memory now, but a page that processes share after a fork counts once: exact, and slow with many. Returns how many there are. */
uint32_t procs_memory_shared(pid_t init, int64_t *ret_now_bytes);
/* SIGSTOP or SIGCONT to all. A process may fork while we look, so stopping looks again until nothing new is found. */
void procs_stop(pid_t init, bool stop);

#endif
