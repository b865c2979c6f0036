#include "base/wake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

struct waker {
    atomic_uint refs;
    int fd;
};

enum { HELD_MAX = 64 }; /* more wake at once */

static _Thread_local struct {
    bool on;
    unsigned n;
    struct waker *wakers[HELD_MAX];
} held;

struct waker *waker_new(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return NULL;
    struct waker *w = xalloc(sizeof *w);
    atomic_init(&w->refs, 1);
    w->fd = fd;
    return w;
}

void waker_unref(struct waker *w)
{
    if (!w || atomic_fetch_sub(&w->refs, 1) != 1)
        return;
    close(w->fd);
    free(w);
}

int waker_fd(const struct waker *w) { return w->fd; }

static void wake_now(const struct waker *w)
{
    uint64_t one = 1;
    (void)!write(w->fd, &one, sizeof one); /* fails when the sum is at its end, 2^64 wakes from now */
}

/* False: there is no place for it. */
static bool hold(struct waker *w)
{
    for (unsigned i = 0; i < held.n; i++)
        if (held.wakers[i] == w)
            return true;
    if (held.n == HELD_MAX)
        return false;
    atomic_fetch_add(&w->refs, 1);
    held.wakers[held.n++] = w;
    return true;
}

void wake(struct waker *w)
{
    if (!held.on || !hold(w))
        wake_now(w);
}

void wakes_hold(void)
{
    held.on = true;
}

void wakes_release(void)
{
    held.on = false;
    for (unsigned i = 0; i < held.n; i++) {
        wake_now(held.wakers[i]);
        waker_unref(held.wakers[i]);
    }
    held.n = 0;
}
