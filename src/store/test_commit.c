#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "store/commit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

/* A work that puts key -> value, answers rc, and notes how it ended and as which one. */
struct put {
    struct work work;
    char key[16], value[16];
    int rc;
    int ended;  /* 1: not yet */
    int place;
    atomic_int *ends;
    sem_t *done;
    sem_t *gate; /* wait here first */
    sem_t *at_gate;
};

static int put_run(struct work *work, struct txn *t)
{
    struct put *p = (struct put *)work;
    if (p->gate) {
        sem_post(p->at_gate);
        sem_wait(p->gate);
    }
    int rc = txn_put(t, str_c(p->key), str_c(p->value));
    return rc < 0 ? rc : p->rc;
}

static void put_done(struct work *work, int rc)
{
    struct put *p = (struct put *)work;
    p->ended = rc;
    p->place = atomic_fetch_add(p->ends, 1);
    sem_post(p->done);
}

static void put_init(struct put *p, int i, atomic_int *ends, sem_t *done)
{
    *p = (struct put){ .work = { put_run, put_done, NULL }, .ended = 1, .ends = ends, .done = done };
    snprintf(p->key, sizeof p->key, "k%05d", i);
    snprintf(p->value, sizeof p->value, "v");
}

static bool has(struct store *s, const char *key)
{
    struct txn *t = store_read(s);
    struct str v;
    int rc = txn_get(t, str_c(key), &v);
    txn_end(t);
    return rc == 0;
}

struct fixture {
    struct store *s;
    struct writer *w;
    sem_t gate, at_gate, done;
    struct put first; /* holds the writer at the gate, so that what is submitted meanwhile is one group */
    atomic_int ends;
};

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(store_open_mem(&f->s), 0);
    assert_int_equal(store_open_fault(f->s, &f->s), 0);
    assert_int_equal(writer_start(f->s, &f->w), 0);
    sem_init(&f->gate, 0, 0);
    sem_init(&f->at_gate, 0, 0);
    sem_init(&f->done, 0, 0);
    put_init(&f->first, 99999, &f->ends, &f->done);
    f->first.gate = &f->gate;
    f->first.at_gate = &f->at_gate;
    assert_int_equal(writer_submit(f->w, &f->first.work), 0);
    sem_wait(&f->at_gate);
}

static void teardown(struct fixture *f)
{
    writer_stop(f->w);
    writer_free(f->w);
    store_close(f->s);
    sem_destroy(&f->gate);
    sem_destroy(&f->at_gate);
    sem_destroy(&f->done);
}

static int nothing(void *ctx, struct txn *t)
{
    return 0;
}

/* Opens the gate and waits for n works to end, the one at the gate among them. */
static void settle(struct fixture *f, int n)
{
    sem_post(&f->gate);
    while (n-- > 0)
        sem_wait(&f->done);
}

TEST(queued_works_share_one_commit_and_end_in_order)
{
    struct fixture f;
    setup(&f);
    struct put p[50];
    for (int i = 0; i < 50; i++) {
        put_init(&p[i], i, &f.ends, &f.done);
        assert_int_equal(writer_submit(f.w, &p[i].work), 0);
    }
    assert_false(has(f.s, "k00000"));
    settle(&f, 51);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(p[i].ended, 0);
        assert_int_equal(p[i].place, i + 1);
        assert_true(has(f.s, p[i].key));
    }
    struct writer_stats stats;
    writer_stats(f.w, &stats);
    assert_int_equal(stats.works, 51);
    assert_int_equal(stats.commits, 2); /* the gate's and the fifty's */
    teardown(&f);
}

TEST(a_work_that_fails_is_taken_back_alone)
{
    struct fixture f;
    setup(&f);
    struct put p[3];
    for (int i = 0; i < 3; i++) {
        put_init(&p[i], i, &f.ends, &f.done);
        p[i].rc = i == 1 ? E_AWS : 0;
        assert_int_equal(writer_submit(f.w, &p[i].work), 0);
    }
    settle(&f, 4);
    assert_int_equal(p[0].ended, 0);
    assert_int_equal(p[1].ended, E_AWS);
    assert_int_equal(p[2].ended, 0);
    assert_true(has(f.s, "k00000"));
    assert_false(has(f.s, "k00001"));
    assert_true(has(f.s, "k00002"));
    assert_false(writer_failed(f.w));
    teardown(&f);
}

TEST(a_failed_commit_fails_its_group_and_stops_the_writer)
{
    struct fixture f;
    setup(&f);
    struct put p[4];
    for (int i = 0; i < 4; i++)
        put_init(&p[i], i, &f.ends, &f.done);
    p[1].rc = E_AWS;
    store_fault_arm(f.s, 2, E_IO); /* the gate's put, then its commit */
    for (int i = 0; i < 3; i++)
        assert_int_equal(writer_submit(f.w, &p[i].work), 0);
    settle(&f, 4);
    assert_int_equal(f.first.ended, E_IO);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p[i].ended, E_IO);
        assert_false(has(f.s, p[i].key));
    }
    assert_true(writer_failed(f.w));
    assert_int_equal(writer_submit(f.w, &p[3].work), E_IO);
    assert_int_equal(writer_call(f.w, nothing, NULL), E_IO);
    assert_int_equal(p[3].ended, 1);
    assert_false(has(f.s, "k99999"));
    teardown(&f);
}

TEST(a_full_disk_fails_the_group_and_the_writer_goes_on)
{
    struct fixture f;
    setup(&f);
    struct put p[2];
    put_init(&p[0], 0, &f.ends, &f.done);
    put_init(&p[1], 1, &f.ends, &f.done);
    store_fault_arm(f.s, 2, E_NO_SPACE);
    settle(&f, 1);
    assert_int_equal(f.first.ended, E_NO_SPACE);
    assert_false(writer_failed(f.w));
    assert_int_equal(writer_submit(f.w, &p[0].work), 0);
    settle(&f, 1);
    assert_int_equal(p[0].ended, 0);
    assert_true(has(f.s, "k00000"));
    assert_false(has(f.s, "k99999"));
    teardown(&f);
}

/* Whatever call fails: what is told to have happened is there, the rest is not. */
TEST(every_fault_leaves_each_work_whole)
{
    for (uint64_t nth = 1;; nth++) {
        struct fixture f;
        setup(&f);
        struct put p[5];
        store_fault_arm(f.s, nth, E_IO);
        for (int i = 0; i < 5; i++) {
            put_init(&p[i], i, &f.ends, &f.done);
            assert_int_equal(writer_submit(f.w, &p[i].work), 0);
        }
        settle(&f, 6);
        uint64_t calls = store_fault_arm(f.s, 0, 0);
        for (int i = 0; i < 5; i++)
            assert_int_equal(has(f.s, p[i].key), p[i].ended == 0);
        assert_int_equal(has(f.s, "k99999"), f.first.ended == 0);
        teardown(&f);
        if (calls < nth)
            break;
    }
}

TEST(a_full_queue_is_told)
{
    struct fixture f;
    setup(&f);
    struct put *p = xalloc((LIMIT_WRITER_QUEUE + 1) * sizeof *p);
    for (int i = 0; i <= LIMIT_WRITER_QUEUE; i++) {
        put_init(&p[i], i, &f.ends, &f.done);
        assert_int_equal(writer_submit(f.w, &p[i].work), i < LIMIT_WRITER_QUEUE ? 0 : E_BUSY);
    }
    settle(&f, LIMIT_WRITER_QUEUE + 1);
    assert_int_equal(writer_call(f.w, nothing, NULL), 0);
    for (int i = 0; i < LIMIT_WRITER_QUEUE; i++)
        assert_int_equal(p[i].ended, 0);
    assert_int_equal(p[LIMIT_WRITER_QUEUE].ended, 1);
    struct writer_stats stats;
    writer_stats(f.w, &stats);
    assert_true(stats.commits > LIMIT_WRITER_QUEUE / 2048); /* a group has its bounds */
    teardown(&f);
    free(p);
}

TEST(stopping_finishes_what_is_queued)
{
    struct fixture f;
    setup(&f);
    struct put p[10];
    for (int i = 0; i < 10; i++) {
        put_init(&p[i], i, &f.ends, &f.done);
        assert_int_equal(writer_submit(f.w, &p[i].work), 0);
    }
    sem_post(&f.gate);
    writer_stop(f.w);
    writer_free(f.w);
    for (int i = 0; i < 10; i++)
        assert_int_equal(p[i].ended, 0);
    store_close(f.s);
    writer_stop(NULL);
    writer_free(NULL);
}

static int count_up(void *ctx, struct txn *t)
{
    struct str v;
    char text[32];
    int rc = txn_get(t, STR("count"), &v);
    int64_t n = 0;
    if (rc == 0)
        rc = str_to_i64(v, &n);
    else if (rc == E_NOT_FOUND)
        rc = 0;
    snprintf(text, sizeof text, "%d", (int)n + 1);
    return rc < 0 ? rc : txn_put(t, STR("count"), str_c(text));
}

static void *count_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        if (writer_call(arg, count_up, NULL) < 0)
            return arg;
    return NULL;
}

TEST(threads_do_not_lose_one_anothers_updates)
{
    struct store *s;
    struct writer *w;
    assert_int_equal(store_open_mem(&s), 0);
    assert_int_equal(writer_start(s, &w), 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, w), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    writer_stop(w);
    writer_free(w);
    struct txn *t = store_read(s);
    struct str v;
    assert_int_equal(txn_get(t, STR("count"), &v), 0);
    assert_str(v, "800");
    txn_end(t);
    store_close(s);
}
