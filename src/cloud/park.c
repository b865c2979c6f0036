/* Parked operations: a table by key and a heap by deadline, under one lock.
 *
 * No wake is lost: every wake stamps a slot (by the key's hash) with a growing number; an operation that parks with an older number
 * than its slot's was woken while it ran, and runs again at once. Two keys in one slot cost a needless run, never a lost one. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cloud/task.h"

enum { SLOTS = 16384 };

struct parking {
    struct cloud *cloud;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct task *slots[SLOTS];
    uint64_t stamps[SLOTS];
    uint64_t seq;
    struct task **heap; /* by deadline_ms */
    size_t heap_n, heap_cap;
    struct task *woken; /* operations for the thread to run */
    int64_t waits_until_ms; /* the thread; INT64_MAX: for a signal alone, 0: it runs */
    bool quiescing, stopping;
};

static void heap_place(struct parking *p, size_t i, struct task *t)
{
    p->heap[i] = t;
    t->heap_index = i;
}

static void heap_up(struct parking *p, size_t i, struct task *t)
{
    while (i && p->heap[(i - 1) / 2]->deadline_ms > t->deadline_ms) {
        heap_place(p, i, p->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(p, i, t);
}

static void heap_down(struct parking *p, size_t i, struct task *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= p->heap_n)
            break;
        if (child + 1 < p->heap_n && p->heap[child + 1]->deadline_ms < p->heap[child]->deadline_ms)
            child++;
        if (p->heap[child]->deadline_ms >= t->deadline_ms)
            break;
        heap_place(p, i, p->heap[child]);
        i = child;
    }
    heap_place(p, i, t);
}

static void heap_remove(struct parking *p, struct task *t)
{
    size_t i = t->heap_index;
    struct task *last = p->heap[--p->heap_n];
    if (last == t)
        return;
    heap_up(p, i, last);
    heap_down(p, last->heap_index, last);
}

static void unlink_slot(struct parking *p, struct task *t)
{
    struct task **at = &p->slots[t->park_hash % SLOTS];
    while (*at != t)
        at = &(*at)->park_next;
    *at = t->park_next;
    t->parked = false;
}

/* Starts a woken or timed-out task. Outside the lock. */
static void restart(struct task *t)
{
    int rc = task_start(t);
    if (rc)
        t->finish(t, rc);
}

uint64_t park_seq(struct parking *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t seq = p->seq;
    pthread_mutex_unlock(&p->lock);
    return seq;
}

/* Moves a parked task to those that the thread runs. With the lock held. */
static void give_to_thread(struct parking *p, struct task *t)
{
    unlink_slot(p, t);
    heap_remove(p, t);
    t->park_next = p->woken;
    p->woken = t;
    pthread_cond_signal(&p->changed);
}

/* A client's long poll, which a stop ends. Those of running functions go on: they are waited for. */
static bool ends_at_stop(const struct task *t)
{
    return t->op.polls && t->op.http && !t->op.http->listener_tag;
}

int park_add(struct parking *p, struct task *t)
{
    int64_t now = clock_mono_ms();
    if (t->deadline_ms == 0 || t->op.waits_anew) /* a task that parks again for the same keeps its first deadline */
        t->deadline_ms = now + t->op.wait_ms;
    t->op.waits_anew = false;
    t->park_hash = str_hash(t->op.wait_key);
    size_t slot = t->park_hash % SLOTS;
    pthread_mutex_lock(&p->lock);
    bool closed = p->stopping || (t->op.polls && t->op.http && t->op.http->gone);
    if (closed || p->heap_n >= LIMIT_PARKED) {
        pthread_mutex_unlock(&p->lock);
        return closed ? E_CLOSED : E_LIMIT;
    }
    bool ends = p->quiescing && ends_at_stop(t);
    t->op.timed_out = t->op.timed_out || ends;
    if (ends || p->stamps[slot] > t->op.wake_seq) { /* woken while it ran: the thread runs it, so that a busy key does not nest calls */
        t->park_next = p->woken;
        p->woken = t;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
        return 0;
    }
    if (p->heap_n == p->heap_cap) {
        p->heap_cap = p->heap_cap ? p->heap_cap * 2 : 256;
        p->heap = xrealloc(p->heap, p->heap_cap * sizeof *p->heap);
    }
    t->park_next = p->slots[slot];
    p->slots[slot] = t;
    t->parked = true;
    heap_up(p, p->heap_n++, t);
    if (t->deadline_ms < p->waits_until_ms) /* seldom: the thread may sleep towards the deadline of one that has gone */
        pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

int park_wake(struct parking *p, struct str key, bool inline_reads)
{
    uint64_t h = str_hash(key);
    struct task *run = NULL;
    int n = 0;
    pthread_mutex_lock(&p->lock);
    p->stamps[h % SLOTS] = ++p->seq;
    for (struct task *t = p->slots[h % SLOTS], *next; t; t = next) {
        next = t->park_next;
        if (t->park_hash != h || !str_eq(t->op.wait_key, key))
            continue;
        unlink_slot(p, t);
        heap_remove(p, t);
        n++;
        struct task **list = t->txn == OP_RW || inline_reads ? &run : &p->woken;
        t->park_next = *list;
        *list = t;
    }
    if (p->woken)
        pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    while (run) {
        struct task *t = run;
        run = t->park_next;
        restart(t);
    }
    return n;
}

void park_let_go(struct parking *p, struct task *t)
{
    pthread_mutex_lock(&p->lock);
    if (t->parked && t->op.polls)
        give_to_thread(p, t);
    pthread_mutex_unlock(&p->lock);
}

void park_quiesce(struct parking *p)
{
    pthread_mutex_lock(&p->lock);
    p->quiescing = true;
    for (size_t i = 0; i < SLOTS; i++)
        for (struct task *t = p->slots[i], *next; t; t = next) {
            next = t->park_next;
            if (!ends_at_stop(t))
                continue;
            t->op.timed_out = true;
            give_to_thread(p, t);
        }
    pthread_mutex_unlock(&p->lock);
}

/* Waits until something is woken or the first deadline passes. With the lock held. */
static void wait_for_work(struct parking *p)
{
    p->waits_until_ms = p->heap_n ? p->heap[0]->deadline_ms : INT64_MAX;
    if (p->heap_n == 0) {
        pthread_cond_wait(&p->changed, &p->lock);
    } else if (p->waits_until_ms > clock_mono_ms()) {
        struct timespec until = { .tv_sec = p->waits_until_ms / 1000, .tv_nsec = p->waits_until_ms % 1000 * 1000000 };
        pthread_cond_timedwait(&p->changed, &p->lock, &until);
    }
    p->waits_until_ms = 0;
}

static void *main_loop(void *arg)
{
    struct parking *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct task *run = p->woken;
        p->woken = NULL;
        int64_t now = clock_mono_ms();
        while (p->heap_n && p->heap[0]->deadline_ms <= now) {
            struct task *t = p->heap[0];
            unlink_slot(p, t);
            heap_remove(p, t);
            t->op.timed_out = true;
            t->park_next = run;
            run = t;
        }
        if (!run) {
            wait_for_work(p);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        while (run) {
            struct task *t = run;
            run = t->park_next;
            if (clock_mono_ms() >= t->deadline_ms)
                t->op.timed_out = true;
            restart(t);
        }
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct parking *parking_start(struct cloud *cloud)
{
    struct parking *p = xalloc(sizeof *p);
    p->cloud = cloud;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_create(&p->thread, NULL, main_loop, p);
    return p;
}

uint32_t park_count(struct parking *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t n = (uint32_t)p->heap_n;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void parking_stop(struct parking *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    while (p->woken) {
        struct task *t = p->woken;
        p->woken = t->park_next;
        t->finish(t, E_CLOSED);
    }
    for (size_t i = 0; i < p->heap_n; i++)
        p->heap[i]->finish(p->heap[i], E_CLOSED);
    free(p->heap);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}
