#include "sched/jobs.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "sched/job_record.h"
#include "store/key.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUND_JOBS_MAX = 512,      /* of each space, in one round */
    RETRY_MS_MIN = 1000,       /* doubled with each failure */
    RETRY_MS_MAX = 5 * 60 * 1000,
    PARKED_MS = 1000,
    TROUBLE_MS = 1000,         /* the store or the writer failed: when to look again */
    QUEUE_FULL_MS = 10,
    WAIT_MS_MAX = 10 * 1000,   /* the wall clock may have been set meanwhile */
};

struct jobs {
    struct store *store;
    struct writer *writer;
    struct clock *clock;
    struct job_runner runner;
    pthread_t thread;
    bool started; /* the thread runs */
    int64_t sequence; /* of the next outbox record; the writer thread's */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t kicked, changed;
    uint64_t asked, settled; /* kicks; the last one after which nothing was due */
    size_t in_writer;
    bool trouble; /* a work failed as a whole: its record is as it was */
    bool stopping;
};

/* One job on its way through the writer. */
struct job_work {
    struct work work;
    struct jobs *jobs;
    enum job_space space;
    int64_t wake_ms;
    size_t order;
    struct arena *arena;
    struct job job;
    bool last; /* of its round */
    struct arena *kind_arena; /* jobs_step's: where it wants to know the kind; else NULL */
    struct str *ret_kind;
    bool ran;
    int rc; /* of the run */
    void *state;
    int64_t pause_ms;
    size_t key_n;
    char key[];
};

static struct scan *space_scan(struct txn *t, enum job_space space, int64_t until_ms)
{
    struct key from, to;
    job_space_key(&from, space);
    if (space == JOBS_OUTBOX || until_ms == INT64_MAX) {
        key_after_prefix(&from, &to);
    } else {
        to = from;
        key_i64(&to, until_ms + 1);
    }
    struct scan *s = txn_scan(t, key_view(&from), key_view(&to), false);
    scan_brief(s);
    return s;
}

/* ---- adding, moving, cancelling: in the writer's transaction ---- */

static int record_put(struct txn *t, const struct key *k, const struct job *job, uint32_t failures)
{
    struct job kept = *job;
    kept.failures = failures;
    struct arena *a = arena_new();
    struct str value = job_encode(a, &kept);
    int rc = txn_put(t, key_view(k), value);
    arena_free(a);
    return rc;
}

int jobs_outbox_add(struct jobs *j, struct txn *t, const struct job *job)
{
    struct key k;
    job_space_key(&k, JOBS_OUTBOX);
    key_i64(&k, j->sequence++);
    return record_put(t, &k, job, 0);
}

int jobs_timer_cancel(struct jobs *j, struct txn *t, const struct job *job)
{
    struct key at, k;
    int64_t wake_ms;
    int rc = job_timer_at(t, job, &wake_ms);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    job_timer_key(&k, job, wake_ms);
    job_timer_at_key(&at, job);
    rc = txn_delete(t, key_view(&k));
    return rc < 0 ? rc : txn_delete(t, key_view(&at));
}

static int timer_put(struct jobs *j, struct txn *t, const struct job *job, int64_t wake_ms, uint32_t failures)
{
    struct key k, at, value;
    int rc = jobs_timer_cancel(j, t, job);
    if (rc < 0)
        return rc;
    job_timer_key(&k, job, wake_ms);
    job_timer_at_key(&at, job);
    key_init(&value);
    key_i64(&value, wake_ms);
    rc = record_put(t, &k, job, failures);
    return rc < 0 ? rc : txn_put(t, key_view(&at), key_view(&value));
}

int jobs_timer_set(struct jobs *j, struct txn *t, const struct job *job)
{
    return timer_put(j, t, job, job->due_ms, 0);
}

int jobs_timer_look(struct txn *t, struct arena *a, const struct job *job)
{
    struct key at;
    struct str value;
    job_timer_at_key(&at, job);
    return txn_get_hot(t, a, key_view(&at), &value);
}

/* ---- running one: in the writer ---- */

static struct str work_key(const struct job_work *w)
{
    return (struct str){ w->key, w->key_n };
}

static int work_remove(struct job_work *w, struct txn *t)
{
    return w->space == JOBS_TIMER ? jobs_timer_cancel(w->jobs, t, &w->job) : txn_delete(t, work_key(w));
}

/* An outbox job leaves its place: the others do not wait for it. */
static int retry_put(struct job_work *w, struct txn *t, int64_t wake_ms, uint32_t failures)
{
    struct key k;
    struct str value;
    int rc = txn_delete(t, work_key(w));
    if (rc < 0)
        return rc;
    do {
        job_space_key(&k, JOBS_RETRY);
        key_i64(&k, wake_ms++);
        key_i64(&k, w->jobs->sequence++);
        rc = txn_get(t, key_view(&k), &value);
    } while (rc == 0);
    return rc == E_NOT_FOUND ? record_put(t, &k, &w->job, failures) : rc;
}

static int work_retry_later(struct job_work *w, struct txn *t)
{
    uint32_t failures = w->job.failures;
    if (w->rc == E_PARKED) {
        w->pause_ms = PARKED_MS;
    } else {
        w->pause_ms = failures < 16 ? (int64_t)RETRY_MS_MIN << failures : RETRY_MS_MAX;
        if (w->pause_ms > RETRY_MS_MAX)
            w->pause_ms = RETRY_MS_MAX;
        failures++;
    }
    int64_t wake_ms = clock_now_ms(w->jobs->clock) + w->pause_ms;
    return w->space == JOBS_TIMER ? timer_put(w->jobs, t, &w->job, wake_ms, failures) : retry_put(w, t, wake_ms, failures);
}

static int work_set_aside(struct job_work *w, struct txn *t, struct str value)
{
    struct key k;
    log_error("a job's record does not decode: it is kept aside and not run");
    key_init(&k);
    key_c(&k, "sys");
    key_c(&k, "broken");
    key_str(&k, work_key(w));
    int rc = txn_put(t, key_view(&k), value);
    return rc < 0 ? rc : txn_delete(t, work_key(w));
}

/* The writer looks where each space begins now, behind what the round deleted: so the store learns that nothing is before that
 * (store/gaps.h), and the next round does not walk over what is gone. */
static void look_at_heads(struct txn *t)
{
    struct str key, value;
    for (enum job_space space = 0; space < JOBS_SPACES; space++) {
        struct scan *s = space_scan(t, space, INT64_MAX);
        scan_next(s, &key, &value);
        scan_end(s);
    }
}

static int job_run(struct job_work *w, struct txn *t)
{
    struct str value;
    int rc = txn_get(t, work_key(w), &value);
    if (rc == E_NOT_FOUND)
        return 0; /* cancelled or moved since it was read */
    if (rc < 0)
        return rc;
    if (job_decode(w->arena, value, &w->job) < 0)
        return work_set_aside(w, t, value);
    if (w->ret_kind)
        *w->ret_kind = str_dup(w->kind_arena, w->job.kind);
    txn_save(t);
    rc = work_remove(w, t); /* first: the job may set its timer again */
    if (rc == 0) {
        w->ran = true;
        w->rc = w->jobs->runner.run(w->jobs->runner.ctx, t, &w->job, w->arena, &w->state);
    }
    if (rc == 0 && w->rc >= 0) {
        txn_save_release(t);
        return 0;
    }
    txn_save_rollback(t);
    return rc < 0 ? rc : work_retry_later(w, t);
}

static int work_run(struct work *work, struct txn *t)
{
    struct job_work *w = (struct job_work *)work;
    int rc = job_run(w, t);
    if (rc == 0 && w->last)
        look_at_heads(t);
    return rc;
}

static void work_done(struct work *work, int rc)
{
    struct job_work *w = (struct job_work *)work;
    struct jobs *j = w->jobs;
    if (w->ran && rc == 0 && w->rc < 0 && w->rc != E_PARKED)
        log_warn("job %.*s of account %.*s in %.*s failed (%s), try %u; the next one in %d s", STR_ARG(w->job.kind),
                 STR_ARG(w->job.account), STR_ARG(w->job.region), err_name(w->rc), w->job.failures + 1, (int)(w->pause_ms / 1000));
    if (w->ran && j->runner.done)
        j->runner.done(j->runner.ctx, w->state, w->rc < 0 ? w->rc : rc);
    arena_free(w->arena);
    free(w);
    pthread_mutex_lock(&j->lock);
    j->in_writer--;
    if (rc < 0)
        j->trouble = true;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

/* ---- the thread: finds what is due, hands it to the writer, waits ---- */

struct round {
    struct job_work **works;
    size_t n;
    int err;
};

static int work_order(const void *a, const void *b)
{
    const struct job_work *x = *(struct job_work *const *)a, *y = *(struct job_work *const *)b;
    if (x->wake_ms != y->wake_ms)
        return x->wake_ms < y->wake_ms ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* What is due in one space. Outbox jobs come first, as if they had been due for ever. */
static void space_collect(struct jobs *j, struct round *r, struct txn *t, struct arena *a, enum job_space space, int64_t now_ms)
{
    struct str key, value;
    struct scan *s = space_scan(t, space, now_ms);
    for (size_t n = 0; n < ROUND_JOBS_MAX && scan_next(s, &key, &value); n++) {
        struct job_work *w = xalloc(sizeof *w + key.n);
        w->work.run = work_run;
        w->work.done = work_done;
        w->jobs = j;
        w->space = space;
        w->wake_ms = space == JOBS_OUTBOX ? INT64_MIN : job_key_wake_ms(a, key);
        w->order = r->n;
        w->key_n = key.n;
        memcpy(w->key, key.p, key.n);
        r->works[r->n++] = w;
    }
    int rc = scan_end(s);
    if (rc < 0)
        r->err = rc;
}

/* Hands the round to the writer, but one that was not read to its end; returns how many it took. */
static size_t round_submit(struct jobs *j, struct round *r)
{
    size_t i = 0;
    for (; i < r->n && r->err == 0; i++) {
        r->works[i]->arena = arena_new();
        pthread_mutex_lock(&j->lock);
        j->in_writer++;
        pthread_mutex_unlock(&j->lock);
        int rc = writer_submit(j->writer, &r->works[i]->work);
        if (rc == 0)
            continue;
        arena_free(r->works[i]->arena);
        pthread_mutex_lock(&j->lock);
        j->in_writer--;
        pthread_mutex_unlock(&j->lock);
        r->err = rc;
        break;
    }
    for (size_t rest = i; rest < r->n; rest++)
        free(r->works[rest]);
    return i;
}

/* What is due, in order. */
static void round_collect(struct jobs *j, struct round *r)
{
    struct arena *a = arena_new();
    int64_t now_ms = clock_now_ms(j->clock);
    struct txn *t = store_read(j->store);
    r->works = xalloc(JOBS_SPACES * ROUND_JOBS_MAX * sizeof *r->works);
    for (enum job_space space = 0; space < JOBS_SPACES; space++)
        space_collect(j, r, t, a, space, now_ms);
    txn_end(t);
    arena_free(a);
    if (r->n > 0)
        qsort(r->works, r->n, sizeof *r->works, work_order);
}

/* Runs what was collected. Returns how many jobs ran; <0: the store or the writer failed. */
static int round_finish(struct jobs *j, struct round *r)
{
    size_t submitted = round_submit(j, r);
    free(r->works);
    pthread_mutex_lock(&j->lock);
    while (j->in_writer > 0)
        pthread_cond_wait(&j->changed, &j->lock);
    if (j->trouble)
        r->err = E_IO;
    j->trouble = false;
    pthread_mutex_unlock(&j->lock);
    return r->err < 0 ? r->err : (int)submitted;
}

/* One look at the store. Returns 0 when nothing was due. */
static int round_run(struct jobs *j)
{
    struct round r = { 0 };
    round_collect(j, &r);
    if (r.n > 0)
        r.works[r.n - 1]->last = true;
    return round_finish(j, &r);
}

int jobs_step(struct jobs *j, struct arena *a, struct str *ret_kind)
{
    struct round r = { 0 };
    round_collect(j, &r);
    for (; r.n > 1; r.n--)
        free(r.works[r.n - 1]);
    if (r.n > 0) {
        r.works[0]->kind_arena = a;
        r.works[0]->ret_kind = ret_kind;
    }
    return round_finish(j, &r);
}

static int64_t first_wake_ms(struct txn *t, struct arena *a, enum job_space space)
{
    struct str key, value;
    struct scan *s = space_scan(t, space, INT64_MAX);
    int64_t wake_ms = scan_next(s, &key, &value) ? job_key_wake_ms(a, key) : -1;
    return scan_end(s) < 0 ? -1 : wake_ms;
}

int64_t jobs_next_due_ms(struct jobs *j)
{
    struct str key, value;
    struct arena *a = arena_new();
    struct txn *t = store_read(j->store);
    struct scan *s = space_scan(t, JOBS_OUTBOX, INT64_MAX);
    bool outbox = scan_next(s, &key, &value);
    scan_end(s);
    int64_t timer_ms = first_wake_ms(t, a, JOBS_TIMER), retry_ms = first_wake_ms(t, a, JOBS_RETRY);
    txn_end(t);
    arena_free(a);
    if (outbox)
        return clock_now_ms(j->clock);
    if (timer_ms < 0 || retry_ms < 0)
        return timer_ms < 0 ? retry_ms : timer_ms;
    return timer_ms < retry_ms ? timer_ms : retry_ms;
}

/* With the lock. Until the condition is signalled or the time is over. */
static void wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    pthread_cond_timedwait(cond, lock, &until);
}

static int64_t pause_before_next(struct jobs *j)
{
    int64_t due_ms = jobs_next_due_ms(j);
    int64_t pause_ms = due_ms < 0 ? WAIT_MS_MAX : due_ms - clock_now_ms(j->clock);
    return pause_ms > WAIT_MS_MAX ? WAIT_MS_MAX : pause_ms;
}

static void *jobs_main(void *arg)
{
    struct jobs *j = arg;
    pthread_mutex_lock(&j->lock);
    while (!j->stopping) {
        uint64_t asked = j->asked;
        pthread_mutex_unlock(&j->lock);
        int ran = round_run(j);
        int64_t pause_ms = ran < 0 ? (ran == E_BUSY ? QUEUE_FULL_MS : TROUBLE_MS) : ran > 0 ? 0 : pause_before_next(j);
        pthread_mutex_lock(&j->lock);
        if (ran == 0) {
            j->settled = asked;
            pthread_cond_broadcast(&j->changed);
        }
        if (!j->stopping && pause_ms > 0 && (ran < 0 || j->asked == asked))
            wait_ms(&j->kicked, &j->lock, pause_ms);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

void jobs_kick(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->asked++;
    pthread_cond_signal(&j->kicked);
    pthread_mutex_unlock(&j->lock);
}

int jobs_settle(struct jobs *j, int64_t timeout_ms)
{
    if (!j->started) {
        int ran;
        while ((ran = round_run(j)) > 0)
            ;
        return ran;
    }
    int64_t until_ms = clock_mono_ms() + timeout_ms, now_ms;
    pthread_mutex_lock(&j->lock);
    uint64_t asked = ++j->asked;
    pthread_cond_signal(&j->kicked);
    while (j->settled < asked && !j->stopping && (now_ms = clock_mono_ms()) < until_ms)
        wait_ms(&j->changed, &j->lock, until_ms - now_ms);
    int rc = j->settled >= asked ? 0 : j->stopping ? E_CLOSED : E_BUSY;
    pthread_mutex_unlock(&j->lock);
    return rc;
}

/* Behind every record there is, and behind those that were: time goes on, so a number does not come twice. */
static int sequence_first(struct jobs *j)
{
    struct key from, to;
    struct str key, value;
    struct arena *a = arena_new();
    struct txn *t = store_read(j->store);
    job_space_key(&from, JOBS_OUTBOX);
    key_after_prefix(&from, &to);
    j->sequence = clock_real_ms() << 20;
    struct scan *s = txn_scan(t, key_view(&from), key_view(&to), true);
    if (scan_next(s, &key, &value)) {
        int64_t last = job_key_wake_ms(a, key);
        if (last >= j->sequence)
            j->sequence = last + 1;
    }
    int rc = scan_end(s);
    txn_end(t);
    arena_free(a);
    return rc;
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    pthread_cond_destroy(&j->kicked);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

int jobs_open(struct store *s, struct writer *w, struct clock *c, const struct job_runner *runner, struct jobs **ret)
{
    struct jobs *j = xalloc(sizeof *j);
    j->store = s;
    j->writer = w;
    j->clock = c;
    j->runner = *runner;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->kicked, &monotonic);
    pthread_cond_init(&j->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&j->lock, NULL);
    int rc = sequence_first(j);
    if (rc < 0)
        jobs_free(j);
    else
        *ret = j;
    return rc;
}

int jobs_start(struct jobs *j)
{
    j->started = pthread_create(&j->thread, NULL, jobs_main, j) == 0;
    return j->started ? 0 : E_IO;
}

void jobs_stop(struct jobs *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_signal(&j->kicked);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    if (j->started)
        pthread_join(j->thread, NULL);
}
