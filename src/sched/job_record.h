/* A job's stored form: a version byte, due_ms, failures, then the five strings, each behind its length. Little endian. */
#ifndef STRATA_SCHED_JOB_RECORD_H
#define STRATA_SCHED_JOB_RECORD_H

#include "sched/jobs.h"

struct str job_encode(struct arena *a, const struct job *job);
int job_decode(struct arena *a, struct str record, struct job *ret); /* copies into the arena; E_CORRUPT */

#endif
