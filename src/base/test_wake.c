#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/test.h"
#include "base/wake.h"

/* How often it was woken since the last look. */
static uint64_t wakes_of(const struct waker *w)
{
    uint64_t n = 0;
    if (read(waker_fd(w), &n, sizeof n) != sizeof n)
        assert_int_equal(errno, EAGAIN);
    return n;
}

TEST(wakes_at_once)
{
    struct waker *w = waker_new();
    wake(w);
    wake(w);
    assert_int_equal(wakes_of(w), 2);
    assert_int_equal(wakes_of(w), 0);
    waker_unref(w);
    waker_unref(NULL);
}

TEST(held_wakes_are_one_for_each_waker)
{
    struct waker *a = waker_new(), *b = waker_new(), *c = waker_new();
    wakes_hold();
    wake(a);
    wake(b);
    wake(a);
    assert_int_equal(wakes_of(a) + wakes_of(b), 0);
    wakes_release();
    assert_int_equal(wakes_of(a), 1);
    assert_int_equal(wakes_of(b), 1);
    assert_int_equal(wakes_of(c), 0);
    wake(c);
    assert_int_equal(wakes_of(c), 1);
    wakes_release();
    waker_unref(a);
    waker_unref(b);
    waker_unref(c);
}

TEST(a_held_wake_keeps_its_waker)
{
    struct waker *w = waker_new();
    int fd = dup(waker_fd(w));
    uint64_t n = 0;
    wakes_hold();
    wake(w);
    waker_unref(w);
    wakes_release();
    assert_int_equal(read(fd, &n, sizeof n), sizeof n);
    assert_int_equal(n, 1);
    close(fd);
}

TEST(no_wake_is_lost_where_more_are_woken_than_can_be_held)
{
    enum { MANY = 100 };
    struct waker *w[MANY];
    wakes_hold();
    for (int i = 0; i < MANY; i++)
        wake(w[i] = waker_new());
    wakes_release();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(wakes_of(w[i]), 1);
        waker_unref(w[i]);
    }
}
