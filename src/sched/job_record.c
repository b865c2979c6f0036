#include "sched/job_record.h"

#include "base/arena.h"
#include "base/err.h"

#include <assert.h>
#include <string.h>

static const char *const space_names[] = { "outbox", "retry", "timer" };

enum { VERSION = 1, STRINGS = 5, HEAD_BYTES = 1 + 8 + 4 };

static char *put_number(char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (char)(v >> (8 * i));
    return p;
}

static uint64_t get_number(const char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return v;
}

struct str job_encode(struct arena *a, const struct job *job)
{
    const struct str strings[STRINGS] = { job->kind, job->account, job->region, job->id, job->payload };
    size_t n = HEAD_BYTES;
    for (int i = 0; i < STRINGS; i++) {
        assert(strings[i].n <= UINT32_MAX);
        n += 4 + strings[i].n;
    }
    char *start = arena_alloc(a, n), *p = start;
    *p++ = VERSION;
    p = put_number(p, (uint64_t)job->due_ms, 8);
    p = put_number(p, job->failures, 4);
    for (int i = 0; i < STRINGS; i++) {
        p = put_number(p, strings[i].n, 4);
        if (strings[i].n)
            memcpy(p, strings[i].p, strings[i].n);
        p += strings[i].n;
    }
    return (struct str){ start, n };
}

int job_decode(struct arena *a, struct str record, struct job *ret)
{
    struct job job = { 0 };
    struct str *const strings[STRINGS] = { &job.kind, &job.account, &job.region, &job.id, &job.payload };
    if (record.n < HEAD_BYTES || record.p[0] != VERSION)
        return E_CORRUPT;
    job.due_ms = (int64_t)get_number(record.p + 1, 8);
    job.failures = (uint32_t)get_number(record.p + 9, 4);
    struct str rest = str_sub(record, HEAD_BYTES, record.n);
    for (int i = 0; i < STRINGS; i++) {
        if (rest.n < 4)
            return E_CORRUPT;
        size_t n = get_number(rest.p, 4);
        if (rest.n - 4 < n)
            return E_CORRUPT;
        *strings[i] = str_dup(a, str_sub(rest, 4, n));
        rest = str_sub(rest, 4 + n, rest.n);
    }
    if (rest.n != 0)
        return E_CORRUPT;
    *ret = job;
    return 0;
}

/* ---- keys ---- */

void job_space_key(struct key *k, enum job_space space)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, space_names[space]);
}

static void key_name(struct key *k, const struct job *job)
{
    key_str(k, job->kind);
    key_str(k, job->account);
    key_str(k, job->region);
    key_str(k, job->id);
}

void job_timer_key(struct key *k, const struct job *job, int64_t wake_ms)
{
    job_space_key(k, JOBS_TIMER);
    key_i64(k, wake_ms);
    key_name(k, job);
}

void job_timer_at_key(struct key *k, const struct job *job)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, "timer_at");
    key_name(k, job);
}

int64_t job_key_wake_ms(struct arena *a, struct str key)
{
    struct key_reader r;
    struct str element;
    int64_t wake_ms;
    key_read_init(&r, key);
    if (key_read_str(&r, a, &element) < 0 || key_read_str(&r, a, &element) < 0 || key_read_i64(&r, &wake_ms) < 0)
        return 0;
    return wake_ms;
}

int job_timer_at(struct txn *t, const struct job *job, int64_t *ret_wake_ms)
{
    struct key at;
    struct str value;
    struct key_reader r;
    job_timer_at_key(&at, job);
    int rc = txn_get(t, key_view(&at), &value);
    if (rc < 0)
        return rc;
    key_read_init(&r, value);
    return key_read_i64(&r, ret_wake_ms) < 0 ? E_CORRUPT : 0;
}
