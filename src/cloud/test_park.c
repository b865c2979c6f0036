#include <stdatomic.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/test.h"
#include "cloud/task.h"
#include "world/world.h"

struct waiter {
    struct task task; /* first */
    struct exchange x;
    bool timed_out;
    atomic_int ended; /* 1, or 2 without having run again */
};

static int run_again(struct task *t)
{
    ((struct waiter *)t)->timed_out = t->op.timed_out;
    return 0;
}

static void end(struct task *t, int rc)
{
    atomic_store(&((struct waiter *)t)->ended, rc == 0 ? 1 : 2);
}

static int park(struct world *w, struct arena *a, struct waiter *p, bool polls)
{
    op_init(&p->task.op, w->cloud, a, STR("000000000000"), STR("us-east-1"));
    p->task.txn = OP_RO;
    p->task.run = run_again;
    p->task.finish = end;
    p->task.op.http = &p->x;
    p->task.op.wake_seq = park_seq(w->cloud->parking);
    (polls ? op_poll : op_park)(&p->task.op, STR("key"), 3600 * 1000);
    return park_add(w->cloud->parking, &p->task);
}

static void wait_for_end(struct waiter *p)
{
    while (!atomic_load(&p->ended))
        usleep(1000);
}

TEST(a_stop_that_is_near_ends_the_polls_of_clients_alone)
{
    struct world w;
    struct arena *a = arena_new();
    static struct waiter client, function, work, late;
    world_open(&w);
    function.x.listener_tag = &w;
    assert_int_equal(park(&w, a, &client, true), 0);
    assert_int_equal(park(&w, a, &function, true), 0);
    assert_int_equal(park(&w, a, &work, false), 0);
    cloud_quiesce(w.cloud);
    wait_for_end(&client);
    assert_int_equal(client.ended, 1);
    assert_true(client.timed_out);
    assert_int_equal(park(&w, a, &late, true), 0);
    wait_for_end(&late);
    assert_true(late.timed_out);
    assert_int_equal(park_count(w.cloud->parking), 2);
    assert_int_equal(function.ended + work.ended, 0);
    world_close(&w);
    assert_int_equal(function.ended, 2);
    assert_int_equal(work.ended, 2);
    arena_free(a);
}

TEST(what_a_client_that_left_polled_for_ends_and_what_works_for_it_does_not)
{
    struct world w;
    struct arena *a = arena_new();
    static struct waiter poll, work, late;
    world_open(&w);
    assert_int_equal(park(&w, a, &poll, true), 0);
    assert_int_equal(park(&w, a, &work, false), 0);
    poll.x.gone = work.x.gone = late.x.gone = true;
    park_let_go(w.cloud->parking, &work.task);
    park_let_go(w.cloud->parking, &poll.task);
    wait_for_end(&poll);
    assert_int_equal(park_count(w.cloud->parking), 1);
    assert_int_equal(park(&w, a, &late, true), E_CLOSED); /* it left while it ran */
    assert_int_equal(work.ended, 0);
    world_close(&w);
    arena_free(a);
}

TEST(over_the_limit_nothing_more_is_parked)
{
    struct world w;
    struct arena *a = arena_new();
    struct waiter *all = xalloc((LIMIT_PARKED + 1) * sizeof *all);
    world_open(&w);
    for (int i = 0; i <= LIMIT_PARKED; i++) {
        all[i].task.finish = end;
        all[i].task.op.wait_key = str_printf(a, "%d", i);
        all[i].task.op.wait_ms = 3600 * 1000;
        all[i].task.op.wake_seq = park_seq(w.cloud->parking);
        assert_int_equal(park_add(w.cloud->parking, &all[i].task), i < LIMIT_PARKED ? 0 : E_LIMIT);
    }
    world_close(&w);
    for (int i = 0; i < LIMIT_PARKED; i++)
        assert_int_equal(all[i].ended, 2);
    free(all);
    arena_free(a);
}
