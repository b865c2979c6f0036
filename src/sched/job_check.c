/* What `strata check` asks of the records of jobs. */
#include "base/arena.h"
#include "base/err.h"
#include "sched/job_record.h"

static bool same_name(const struct job *a, const struct job *b)
{
    return str_eq(a->kind, b->kind) && str_eq(a->account, b->account) && str_eq(a->region, b->region) && str_eq(a->id, b->id);
}

static struct str check_timer(struct txn *t, struct arena *a, struct str key, const struct job *job)
{
    struct key expected;
    int64_t wake_ms = job_key_wake_ms(a, key), at_ms;
    job_timer_key(&expected, job, wake_ms);
    if (!str_eq(key, key_view(&expected)))
        return STR("its key names another timer than the record");
    if (job_timer_at(t, job, &at_ms) < 0 || at_ms != wake_ms)
        return STR("the index of timers does not name it");
    return STR_NONE;
}

/* An entry of the index, (kind, account, region, id) -> wake_ms. */
static struct str check_index(struct txn *t, struct arena *a, struct key_reader *r)
{
    struct job name = { 0 };
    struct str *const part[] = { &name.kind, &name.account, &name.region, &name.id };
    struct str value;
    struct key k;
    int64_t wake_ms;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (key_read_str(r, a, part[i]) < 0)
            return STR("its key is malformed");
    if (job_timer_at(t, &name, &wake_ms) < 0)
        return STR("it does not decode");
    job_timer_key(&k, &name, wake_ms);
    return txn_get(t, key_view(&k), &value) < 0 ? STR("the timer that it names is not there") : STR_NONE;
}

int jobs_check(struct txn *t, struct arena *a, struct str space, struct str key, struct str value, struct job *ret_job, struct str *ret_wrong)
{
    struct key_reader r;
    struct str word;
    key_read_init(&r, key);
    bool named = key_read_str(&r, a, &word) == 0 && key_read_str(&r, a, &word) == 0;
    *ret_wrong = STR_NONE;
    *ret_job = (struct job){ 0 };
    if (str_is(space, "broken")) {
        *ret_wrong = STR("a job whose record did not decode was set aside");
    } else if (str_is(space, "timer_at")) {
        *ret_wrong = check_index(t, a, &r);
    } else if (str_is(space, "timer") || str_is(space, "outbox") || str_is(space, "retry")) {
        if (!named || job_decode(a, value, ret_job) < 0)
            *ret_wrong = STR("it does not decode");
        else if (str_is(space, "timer"))
            *ret_wrong = check_timer(t, a, key, ret_job);
    } else {
        return E_NOT_FOUND;
    }
    return 0;
}

bool jobs_timer_is_set(struct txn *t, const struct job *job, int64_t due_ms)
{
    struct key k;
    struct str value;
    int64_t wake_ms;
    struct job kept;
    if (job_timer_at(t, job, &wake_ms) < 0)
        return false;
    job_timer_key(&k, job, wake_ms);
    if (txn_get(t, key_view(&k), &value) < 0)
        return false;
    struct arena *a = arena_new();
    bool good = job_decode(a, value, &kept) == 0 && same_name(&kept, job) && (due_ms < 0 || wake_ms == due_ms || kept.failures > 0 || wake_ms > kept.due_ms);
    arena_free(a);
    return good;
}

bool jobs_is_waiting(struct txn *t, const struct job *job)
{
    static const enum job_space spaces[] = { JOBS_OUTBOX, JOBS_RETRY };
    bool found = false;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces && !found; i++) {
        struct key from, to;
        struct str key, value;
        struct job other;
        struct arena *a = arena_new();
        job_space_key(&from, spaces[i]);
        key_after_prefix(&from, &to);
        struct scan *s = txn_scan(t, key_view(&from), key_view(&to), false);
        scan_brief(s);
        while (!found && scan_next(s, &key, &value)) {
            arena_clear(a);
            found = job_decode(a, value, &other) == 0 && str_eq(other.kind, job->kind) && str_eq(other.account, job->account) &&
                    str_eq(other.region, job->region) && (!job->payload.p || str_eq(other.payload, job->payload));
        }
        scan_end(s);
        arena_free(a);
    }
    return found;
}
