#include <pthread.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"
#include "cloud/background.h"

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
