/* Waking a thread that waits at an eventfd.
 *
 * A thread that has many reasons to wake others holds its wakes and releases them at the end: each waker is then written to once, and
 * who is woken does not take the processor from the work that would wake it again. */
#ifndef STRATA_BASE_WAKE_H
#define STRATA_BASE_WAKE_H

struct waker;

struct waker *waker_new(void);          /* NULL: no descriptor was left */
void waker_unref(struct waker *w);      /* NULL-safe; a held wake keeps it open */
int waker_fd(const struct waker *w);    /* for an epoll set, with EPOLLET: nobody reads it */
void wake(struct waker *w);             /* any thread */
void wakes_hold(void);                  /* this thread's, until wakes_release; not nested */
void wakes_release(void);

#endif
