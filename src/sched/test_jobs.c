#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "sched/job_record.h"
#include "store/key.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { SETTLE_MS = 20000 };

/* The runner of these tests adds one to the record (ran, id), so that what happened is in the store, and keeps an order in memory. */
struct fixture {
    char dir[64];
    struct store *s;
    struct writer *w;
    struct clock *c;
    struct jobs *j;
    atomic_int runs, dones, failed_dones;
    pthread_mutex_t lock;
    char order[4096]; /* the ids as they ran, each with a blank */
    char seen_payload[64];
    int64_t seen_due_ms;
    uint32_t seen_failures;
};

static void note_order(struct fixture *f, const struct job *job)
{
    pthread_mutex_lock(&f->lock);
    size_t n = strlen(f->order);
    snprintf(f->order + n, sizeof f->order - n, "%.*s ", STR_ARG(job->id));
    snprintf(f->seen_payload, sizeof f->seen_payload, "%.*s", STR_ARG(job->payload));
    f->seen_due_ms = job->due_ms;
    f->seen_failures = job->failures;
    pthread_mutex_unlock(&f->lock);
}

static void ran_key(struct key *k, struct str id)
{
    key_init(k);
    key_c(k, "ran");
    key_str(k, id);
}

static int ran_add(struct txn *t, struct str id)
{
    struct key k;
    struct str v;
    int64_t n = 0;
    char text[32];
    ran_key(&k, id);
    int rc = txn_get(t, key_view(&k), &v);
    if (rc == 0)
        rc = str_to_i64(v, &n);
    else if (rc == E_NOT_FOUND)
        rc = 0;
    snprintf(text, sizeof text, "%d", (int)n + 1);
    return rc < 0 ? rc : txn_put(t, key_view(&k), str_c(text));
}

static int64_t ran(struct fixture *f, const char *id)
{
    struct key k;
    struct str v;
    int64_t n = 0;
    ran_key(&k, str_c(id));
    struct txn *t = store_read(f->s);
    if (txn_get(t, key_view(&k), &v) == 0)
        assert_int_equal(str_to_i64(v, &n), 0);
    txn_end(t);
    return n;
}

/* Kinds: plain; fail (always); fail_once; parked_once; again (sets its own timer an hour on, three times); chain (adds an outbox job). */
static int run_job(void *ctx, struct txn *t, const struct job *job, struct arena *a, void **ret_state)
{
    struct fixture *f = ctx;
    int run = atomic_fetch_add(&f->runs, 1);
    *ret_state = arena_dup(a, &run, sizeof run);
    note_order(f, job);
    int rc = ran_add(t, job->id);
    if (rc < 0)
        return rc;
    if (str_is(job->kind, "fail") || (str_is(job->kind, "fail_once") && job->failures == 0))
        return E_AWS;
    if (str_is(job->kind, "parked_once") && run == 0)
        return E_PARKED;
    struct job next = *job;
    if (str_is(job->kind, "again") && job->payload.n < 3) {
        next.due_ms = job->due_ms + 3600 * 1000;
        next.payload = str_printf(a, "%.*s+", STR_ARG(job->payload));
        return jobs_timer_set(f->j, t, &next);
    }
    if (str_is(job->kind, "chain") && job->payload.n < 3) {
        next.payload = str_printf(a, "%.*s+", STR_ARG(job->payload));
        return jobs_outbox_add(f->j, t, &next);
    }
    return 0;
}

static void done_job(void *ctx, void *state, int rc)
{
    struct fixture *f = ctx;
    assert_true(*(int *)state >= 0);
    atomic_fetch_add(&f->dones, 1);
    atomic_fetch_add(&f->failed_dones, rc < 0);
}

static void start(struct fixture *f)
{
    struct job_runner runner = { run_job, done_job, f };
    assert_int_equal(writer_start(f->s, &f->w), 0);
    assert_int_equal(clock_open(f->s, &f->c), 0);
    assert_int_equal(jobs_open(f->s, f->w, f->c, &runner, &f->j), 0);
    assert_int_equal(jobs_start(f->j), 0);
}

static void stop(struct fixture *f)
{
    jobs_stop(f->j);
    writer_stop(f->w);
    jobs_free(f->j);
    writer_free(f->w);
    clock_free(f->c);
}

static void setup_base(struct fixture *f)
{
    log_set_level(LOG_ERROR);
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
}

static void setup(struct fixture *f)
{
    setup_base(f);
    assert_int_equal(store_open_mem(&f->s), 0);
    start(f);
}

static void teardown(struct fixture *f)
{
    stop(f);
    store_close(f->s);
    pthread_mutex_destroy(&f->lock);
}

enum change { ADD, SET, CANCEL };

struct change_call {
    struct fixture *f;
    enum change what;
    const struct job *jobs;
    int n;
    int rc; /* what the transaction ends with */
};

static int change_run(void *ctx, struct txn *t)
{
    struct change_call *c = ctx;
    for (int i = 0; i < c->n; i++) {
        int rc = c->what == ADD ? jobs_outbox_add(c->f->j, t, &c->jobs[i])
               : c->what == SET ? jobs_timer_set(c->f->j, t, &c->jobs[i])
                                : jobs_timer_cancel(c->f->j, t, &c->jobs[i]);
        if (rc < 0)
            return rc;
    }
    return c->rc;
}

static void change_many(struct fixture *f, enum change what, const struct job *jobs, int n)
{
    struct change_call c = { f, what, jobs, n, 0 };
    assert_int_equal(writer_call(f->w, change_run, &c), 0);
    jobs_kick(f->j);
}

static void change(struct fixture *f, enum change what, struct job job)
{
    change_many(f, what, &job, 1);
}

static struct job job_of(const char *kind, const char *id, int64_t due_ms)
{
    return (struct job){ str_c(kind), STR("000000000000"), STR("eu-west-1"), str_c(id), STR(""), due_ms, 0 };
}

static void advance(struct fixture *f, int64_t ms)
{
    assert_int_equal(clock_set_offset(f->c, f->w, clock_offset_ms(f->c) + ms), 0);
    jobs_kick(f->j);
}

static void settle(struct fixture *f)
{
    assert_int_equal(jobs_settle(f->j, SETTLE_MS), 0);
}

enum { HOUR_MS = 3600 * 1000 };

TEST(outbox_jobs_run_once_in_the_order_they_were_added)
{
    struct fixture f;
    setup(&f);
    struct job jobs[700];
    static char ids[700][8];
    char expected[4096] = "";
    size_t n = 0;
    for (int i = 0; i < 700; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        jobs[i] = job_of("plain", ids[i], 0);
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%d ", i);
    }
    change_many(&f, ADD, jobs, 700); /* more than one round */
    settle(&f);
    assert_string_equal(f.order, expected);
    assert_int_equal(f.runs, 700);
    assert_int_equal(f.dones, 700);
    assert_int_equal(ran(&f, "699"), 1);
    assert_int_equal(jobs_next_due_ms(f.j), -1);
    teardown(&f);
}

TEST(a_rolled_back_job_never_runs)
{
    struct fixture f;
    setup(&f);
    struct job jobs[] = { job_of("plain", "lost", 0) };
    struct change_call c = { &f, ADD, jobs, 1, E_AWS };
    assert_int_equal(writer_call(f.w, change_run, &c), E_AWS);
    settle(&f);
    assert_int_equal(f.runs, 0);
    teardown(&f);
}

TEST(a_job_that_adds_jobs_is_followed_until_nothing_is_left)
{
    struct fixture f;
    setup(&f);
    change(&f, ADD, job_of("chain", "c", 0));
    settle(&f);
    assert_int_equal(ran(&f, "c"), 4);
    teardown(&f);
}

TEST(timers_run_when_the_clock_passes_them_in_order)
{
    struct fixture f;
    setup(&f);
    int64_t now_ms = clock_now_ms(f.c);
    struct job jobs[] = { job_of("plain", "third", now_ms + 3 * HOUR_MS), job_of("plain", "first", now_ms + HOUR_MS),
                          job_of("a", "second", now_ms + 2 * HOUR_MS), job_of("plain", "late", now_ms + 9 * HOUR_MS) };
    jobs[1].payload = STR("p");
    change_many(&f, SET, jobs, 4);
    settle(&f);
    assert_int_equal(f.runs, 0);
    assert_true(jobs_next_due_ms(f.j) == now_ms + HOUR_MS);
    advance(&f, HOUR_MS + 1000);
    settle(&f);
    assert_string_equal(f.order, "first ");
    assert_string_equal(f.seen_payload, "p");
    assert_true(f.seen_due_ms == now_ms + HOUR_MS);
    advance(&f, 3 * HOUR_MS);
    settle(&f);
    assert_string_equal(f.order, "first second third ");
    assert_true(jobs_next_due_ms(f.j) == now_ms + 9 * HOUR_MS);
    teardown(&f);
}

TEST(a_timer_runs_by_itself_when_its_time_comes)
{
    struct fixture f;
    setup(&f);
    change(&f, SET, job_of("plain", "soon", clock_now_ms(f.c) + 30));
    for (int64_t until_ms = clock_mono_ms() + SETTLE_MS; ran(&f, "soon") == 0 && clock_mono_ms() < until_ms;)
        usleep(1000);
    assert_int_equal(ran(&f, "soon"), 1);
    teardown(&f);
}

TEST(timers_are_moved_and_cancelled_by_their_name)
{
    struct fixture f;
    setup(&f);
    int64_t now_ms = clock_now_ms(f.c);
    change(&f, SET, job_of("plain", "moved", now_ms + HOUR_MS));
    change(&f, SET, job_of("plain", "moved", now_ms + 5 * HOUR_MS));
    change(&f, SET, job_of("plain", "sooner", now_ms + 5 * HOUR_MS));
    change(&f, SET, job_of("plain", "sooner", now_ms + HOUR_MS));
    change(&f, SET, job_of("plain", "cancelled", now_ms + HOUR_MS));
    change(&f, CANCEL, job_of("plain", "cancelled", 0));
    change(&f, CANCEL, job_of("plain", "never there", 0));
    struct job elsewhere = job_of("plain", "sooner", 0);
    elsewhere.region = STR("us-east-1");
    change(&f, CANCEL, elsewhere);
    advance(&f, 2 * HOUR_MS);
    settle(&f);
    assert_string_equal(f.order, "sooner ");
    advance(&f, 4 * HOUR_MS);
    settle(&f);
    assert_string_equal(f.order, "sooner moved ");
    assert_int_equal(jobs_next_due_ms(f.j), -1);
    teardown(&f);
}

TEST(a_timer_may_set_itself_again)
{
    struct fixture f;
    setup(&f);
    change(&f, SET, job_of("again", "hourly", clock_now_ms(f.c) + HOUR_MS));
    advance(&f, 10 * HOUR_MS);
    settle(&f);
    assert_int_equal(ran(&f, "hourly"), 4);
    assert_int_equal(jobs_next_due_ms(f.j), -1);
    teardown(&f);
}

TEST(a_failed_job_is_kept_without_its_writes_and_holds_nobody_up)
{
    struct fixture f;
    setup(&f);
    struct job jobs[] = { job_of("fail_once", "f", 0), job_of("plain", "p", 0) };
    jobs[0].payload = STR("keep me");
    change_many(&f, ADD, jobs, 2);
    change(&f, SET, job_of("fail_once", "t", clock_now_ms(f.c) - 5));
    settle(&f);
    assert_int_equal(ran(&f, "f"), 0);
    assert_int_equal(ran(&f, "t"), 0);
    assert_int_equal(ran(&f, "p"), 1);
    assert_int_equal(f.runs, 3);
    assert_int_equal(f.dones, 3);
    assert_int_equal(f.failed_dones, 2);
    assert_true(jobs_next_due_ms(f.j) > 0);
    advance(&f, 2000);
    settle(&f);
    assert_int_equal(ran(&f, "f"), 1);
    assert_int_equal(ran(&f, "t"), 1);
    assert_int_equal(f.seen_failures, 1);
    assert_int_equal(jobs_next_due_ms(f.j), -1);
    teardown(&f);
}

TEST(pauses_grow_to_five_minutes)
{
    struct fixture f;
    setup(&f);
    change(&f, ADD, job_of("fail", "f", 0));
    int64_t expected_ms = 1000;
    for (uint32_t i = 0; i < 14; i++) {
        settle(&f);
        assert_int_equal(f.runs, i + 1);
        assert_int_equal(f.seen_failures, i);
        int64_t pause_ms = jobs_next_due_ms(f.j) - clock_now_ms(f.c);
        assert_true(pause_ms <= expected_ms && pause_ms > expected_ms - 1000); /* but what passed since */
        advance(&f, pause_ms);
        expected_ms = expected_ms * 2 > 300000 ? 300000 : expected_ms * 2;
    }
    teardown(&f);
}

TEST(a_parked_job_is_tried_again_without_counting_as_failed)
{
    struct fixture f;
    setup(&f);
    change(&f, ADD, job_of("parked_once", "p", 0));
    settle(&f);
    assert_int_equal(ran(&f, "p"), 0);
    advance(&f, 1000);
    settle(&f);
    assert_int_equal(ran(&f, "p"), 1);
    assert_int_equal(f.seen_failures, 0);
    teardown(&f);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static int fail_all(void *ctx, struct txn *t, const struct job *job, struct arena *a, void **ret_state)
{
    return E_AWS;
}

TEST(jobs_timers_and_the_clock_survive_a_restart)
{
    struct fixture f;
    setup_base(&f);
    snprintf(f.dir, sizeof f.dir, "/tmp/strata_jobs_XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    assert_int_equal(store_open_rocksdb(f.dir, &f.s), 0);
    start(&f);
    struct job due[] = { job_of("plain", "1", 0), job_of("plain", "2", 0), job_of("plain", "3", 0) };
    int64_t timer_ms = clock_now_ms(f.c) + 2 * HOUR_MS;
    change(&f, SET, job_of("plain", "timer", timer_ms));
    advance(&f, HOUR_MS);
    settle(&f);

    /* Committed, and the program ends before the worker sees them: the worker is stopped, its outbox still takes jobs. */
    struct jobs *sleeping = f.j;
    struct job_runner none = { fail_all, NULL, NULL };
    jobs_stop(sleeping);
    jobs_free(sleeping);
    assert_int_equal(jobs_open(f.s, f.w, f.c, &none, &f.j), 0);
    assert_int_equal(jobs_start(f.j), 0);
    change_many(&f, ADD, due, 3);
    settle(&f);
    stop(&f);
    store_close(f.s);

    assert_int_equal(store_open_rocksdb(f.dir, &f.s), 0);
    start(&f);
    assert_true(clock_offset_ms(f.c) == HOUR_MS);
    assert_true(jobs_next_due_ms(f.j) <= timer_ms);
    advance(&f, 1500);
    settle(&f);
    assert_int_equal(ran(&f, "1") + ran(&f, "2") + ran(&f, "3"), 3);
    assert_int_equal(ran(&f, "timer"), 0);
    advance(&f, HOUR_MS);
    settle(&f);
    assert_int_equal(ran(&f, "timer"), 1);
    assert_int_equal(f.runs, 4);
    teardown(&f);
    nftw(f.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TEST(by_hand_a_job_runs_when_it_is_told_to_and_one_at_a_time)
{
    struct fixture f;
    struct job_runner runner = { run_job, done_job, &f };
    struct arena *a = arena_new();
    struct str kind = STR_NONE;
    setup(&f);
    jobs_stop(f.j);
    jobs_free(f.j);
    assert_int_equal(jobs_open(f.s, f.w, f.c, &runner, &f.j), 0);
    struct job jobs[] = { job_of("chain", "1", 0), job_of("fail", "2", 0) };
    change_many(&f, ADD, jobs, 2);
    change(&f, SET, job_of("plain", "later", clock_now_ms(f.c) + HOUR_MS));
    assert_int_equal(jobs_step(f.j, a, &kind), 1);
    assert_str(kind, "chain");
    assert_int_equal(f.runs, 1);
    assert_int_equal(jobs_step(f.j, a, &kind), 1);
    assert_str(kind, "fail");
    assert_int_equal(jobs_settle(f.j, 0), 0); /* what the chain added */
    assert_int_equal(ran(&f, "1"), 4);
    assert_int_equal(jobs_step(f.j, a, &kind), 0);
    advance(&f, HOUR_MS);
    assert_int_equal(jobs_settle(f.j, 0), 0);
    assert_int_equal(ran(&f, "later"), 1);
    arena_free(a);
    teardown(&f);
}

static int space_left(struct store *s, const char *space)
{
    struct key from, to;
    struct str k, v;
    int n = 0;
    key_init(&from);
    key_c(&from, "sys");
    key_c(&from, space);
    key_after_prefix(&from, &to);
    struct txn *t = store_read(s);
    struct scan *c = txn_scan(t, key_view(&from), key_view(&to), false);
    while (scan_next(c, &k, &v))
        n++;
    assert_int_equal(scan_end(c), 0);
    txn_end(t);
    return n;
}

static int outbox_left(struct store *s)
{
    return space_left(s, "outbox") + space_left(s, "retry");
}

/* The n-th store call fails, from the adding to the end; then the program starts again. Each job that was added ran exactly once. */
TEST(whatever_fails_a_job_happens_once_or_waits)
{
    for (uint64_t nth = 1;; nth++) {
        struct fixture f;
        setup_base(&f);
        assert_int_equal(store_open_mem(&f.s), 0);
        assert_int_equal(store_open_fault(f.s, &f.s), 0);
        start(&f);
        settle(&f);
        store_fault_arm(f.s, nth, E_IO);
        struct job jobs[] = { job_of("plain", "a", 0), job_of("plain", "b", 0) };
        struct change_call c = { &f, ADD, jobs, 2, 0 };
        bool added = writer_call(f.w, change_run, &c) == 0;
        jobs_kick(f.j);
        jobs_settle(f.j, 50);
        stop(&f);
        bool fired = store_fault_arm(f.s, 0, 0) >= nth;
        assert_int_equal(outbox_left(f.s) + ran(&f, "a") + ran(&f, "b"), added ? 2 : 0);
        start(&f);
        advance(&f, 2000);
        settle(&f);
        assert_int_equal(ran(&f, "a"), added);
        assert_int_equal(ran(&f, "b"), added);
        assert_int_equal(outbox_left(f.s), 0);
        teardown(&f);
        if (!fired)
            break;
        assert_true(nth < 1000);
    }
}

TEST(a_record_that_does_not_decode_is_set_aside)
{
    struct fixture f;
    setup_base(&f);
    assert_int_equal(store_open_mem(&f.s), 0);
    struct key k;
    key_init(&k);
    key_c(&k, "sys");
    key_c(&k, "outbox");
    key_i64(&k, 5);
    struct txn *t = store_write(f.s);
    assert_int_equal(txn_put(t, key_view(&k), STR("garbage")), 0);
    assert_int_equal(txn_commit(t), 0);
    start(&f);
    change(&f, ADD, job_of("plain", "p", 0));
    settle(&f);
    assert_int_equal(ran(&f, "p"), 1);
    assert_int_equal(f.runs, 1);
    assert_int_equal(outbox_left(f.s), 0);
    teardown(&f);
}

TEST(settling_tells_when_it_takes_too_long)
{
    struct fixture f;
    setup(&f);
    assert_int_equal(jobs_settle(f.j, 0), E_BUSY);
    settle(&f);
    jobs_stop(NULL);
    jobs_free(NULL);
    teardown(&f);
}

TEST(records_of_jobs_read_back_and_cut_ones_do_not)
{
    struct arena *a = arena_new();
    struct job job = { STR("kind"), STR("123456789012"), STR(""), STR("i\0d"), STR("payload"), -5, 7 }, got;
    struct str record = job_encode(a, &job);
    assert_int_equal(job_decode(a, record, &got), 0);
    assert_true(str_eq(got.kind, job.kind) && str_eq(got.account, job.account) && str_eq(got.region, job.region));
    assert_true(str_eq(got.id, job.id) && str_eq(got.payload, job.payload));
    assert_true(got.due_ms == -5 && got.failures == 7);
    for (size_t n = 0; n < record.n; n++)
        assert_int_equal(job_decode(a, str_sub(record, 0, n), &got), E_CORRUPT);
    assert_int_equal(job_decode(a, str_printf(a, "%.*s", 3, "\2xx"), &got), E_CORRUPT);
    arena_free(a);
}

TEST(the_clock_moves_and_real_time_does_not)
{
    struct fixture f;
    setup(&f);
    assert_true(clock_offset_ms(f.c) == 0);
    int64_t before_ms = clock_now_ms(f.c);
    advance(&f, -7 * HOUR_MS);
    assert_true(clock_now_ms(f.c) < before_ms - 6 * HOUR_MS);
    assert_true(clock_real_ms() >= before_ms);
    struct clock *again;
    assert_int_equal(clock_open(f.s, &again), 0);
    assert_true(clock_offset_ms(again) == -7 * HOUR_MS);
    clock_free(again);
    teardown(&f);
}
