/* A job's stored form: a version byte, due_ms, failures, then the five strings, each behind its length. Little endian. And where it lies:
 *
 *     (sys, outbox, sequence)
 *     (sys, retry, wake_ms, sequence)                          an outbox job that failed
 *     (sys, timer, wake_ms, kind, account, region, id)         beside it (sys, timer_at, kind, account, region, id) -> wake_ms
 *     (sys, broken, key)                                       a record that does not decode, kept aside for a person to look at */
#ifndef STRATA_SCHED_JOB_RECORD_H
#define STRATA_SCHED_JOB_RECORD_H

#include "sched/jobs.h"
#include "store/key.h"

struct str job_encode(struct arena *a, const struct job *job);
int job_decode(struct arena *a, struct str record, struct job *ret); /* copies into the arena; E_CORRUPT */

enum job_space { JOBS_OUTBOX, JOBS_RETRY, JOBS_TIMER, JOBS_SPACES };

void job_space_key(struct key *k, enum job_space space);                          /* the beginning of all of its keys */
void job_timer_key(struct key *k, const struct job *job, int64_t wake_ms);
void job_timer_at_key(struct key *k, const struct job *job);
int64_t job_key_wake_ms(struct arena *a, struct str key);                         /* the number behind the space's name; 0 when there is none */
int job_timer_at(struct txn *t, const struct job *job, int64_t *ret_wake_ms);    /* when the timer of that name wakes. E_NOT_FOUND, E_CORRUPT */

#endif
