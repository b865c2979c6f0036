#include <pthread.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"
#include "cloud/background.h"
#include "cloud/task.h"
#include "world/world.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_and_count(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    pthread_mutex_lock(&gate);
    ++*(int *)ctx;
    pthread_mutex_unlock(&gate);
}

TEST(who_comes_when_enough_waits_is_refused_and_what_was_taken_is_done)
{
    enum { THREADS_MAX = 8 };
    struct background *b = background_new(NULL);
    int ran = 0, taken = 0, rc;
    pthread_mutex_lock(&gate);
    while ((rc = background_run(b, wait_and_count, &ran)) == 0)
        taken++;
    assert_int_equal(rc, E_BUSY);
    assert_in_range(taken, LIMIT_BACKGROUND, LIMIT_BACKGROUND + THREADS_MAX);
    pthread_mutex_unlock(&gate);
    background_free(b);
    assert_int_equal(ran, taken);
}

/* ---- of operations ---- */

static void count(struct cloud *cloud, void *ctx) { ++*(int *)ctx; }

struct busy {
    struct world w;
    int ran, others;
};

/* All threads stand at the gate, and n more works wait. */
static void busy_open(struct busy *b, int n)
{
    *b = (struct busy){ 0 };
    world_open(&b->w);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < n; i++)
        background_run(b->w.cloud->background, wait_and_count, &b->others);
}

static void busy_close(struct busy *b)
{
    pthread_mutex_unlock(&gate);
    world_close(&b->w);
}

static void begin(struct busy *b, struct op *op) { op_init(op, b->w.cloud, arena_new(), STR("000000000000"), STR("us-east-1")); }

TEST(work_of_an_operation_that_ended_before_its_turn_is_forgotten_and_nobody_waits_for_it)
{
    struct busy b;
    struct op first, second;
    busy_open(&b, 3);
    begin(&b, &first);
    begin(&b, &second);
    assert_int_equal(background_for(&first, count, &b.ran), E_PARKED);
    assert_int_equal(background_for(&second, count, &b.ran), E_PARKED);
    assert_ptr_equal(background_ctx(&first), &b.ran);
    arena_free(first.arena);
    busy_close(&b);
    assert_int_equal(b.ran, 1);
    assert_int_equal(b.others, 3);
    assert_int_equal(background_for(&second, count, &b.ran), 0);
    arena_free(second.arena);
}

TEST(who_waited_a_minute_for_his_turn_waits_another_one)
{
    struct busy b;
    struct op op;
    busy_open(&b, 2);
    begin(&b, &op);
    assert_int_equal(background_for(&op, count, &b.ran), E_PARKED);
    assert_false(op.waits_anew);
    op.timed_out = true;
    assert_int_equal(background_for(&op, count, &b.ran), E_PARKED);
    assert_true(op.waits_anew);
    busy_close(&b);
    arena_free(op.arena);
}

TEST(an_operation_that_finds_enough_waiting_is_refused)
{
    struct busy b;
    struct op op;
    busy_open(&b, 2 * LIMIT_BACKGROUND);
    begin(&b, &op);
    assert_int_equal(background_for(&op, count, &b.ran), E_BUSY);
    assert_null(background_ctx(&op));
    arena_free(op.arena);
    busy_close(&b);
    assert_int_equal(b.ran, 0);
}
