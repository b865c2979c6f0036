/* The threads that serve. Each has a plain and a TLS daemon of libmicrohttpd of its own, and waits for both and for what other threads have for it: new
 * connections, and requests that are not to wait any longer. libmicrohttpd would wake its own threads by a write for each of those; ours are woken by one
 * for all that came together (base/wake.h). */
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "http/internal.h"

static size_t leave_escaped(void *cls, struct MHD_Connection *mc, char *s)
{
    return strlen(s);
}

static struct MHD_Daemon *start_daemon(struct http *h, bool tls)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO;
    struct MHD_OptionItem options[] = {
        /* Ours is the limit that counts (accept.c); a daemon must be able to take them all. */
        { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)h->config.connections_max + 64, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)h->request_seconds, NULL },
        { MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, h },
        { MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)conn_notify, h },
        { MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_new, h },
        { MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, h },
        { MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL }, /* block_sigpipe: so it may use sendfile */
        { MHD_OPTION_END, 0, NULL },
    };
    if (tls)
        return tls_daemon(h, flags | MHD_USE_TLS, options);
    return MHD_start_daemon(flags, 0, NULL, NULL, request_step, h, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* ---- what other threads have for it ---- */

/* Under its lock: without, the loop could be gone by now. Its own thread looks before it waits. */
static void notify(struct loop *l)
{
    if (!pthread_equal(pthread_self(), l->thread))
        wake(l->waker);
}

void loop_serve(struct loop *l, struct conn *c)
{
    pthread_mutex_lock(&l->lock);
    c->next_arrived = l->arrived;
    l->arrived = c;
    notify(l);
    pthread_mutex_unlock(&l->lock);
}

bool loop_unpark(struct loop *l, struct request *r, int from, int to)
{
    pthread_mutex_lock(&l->lock);
    bool moved = atomic_compare_exchange_strong(&r->state, &from, to), first = moved && !l->unparked;
    if (moved) {
        r->next_unparked = l->unparked;
        l->unparked = r;
    }
    if (first)
        notify(l);
    pthread_mutex_unlock(&l->lock);
    return moved;
}

bool loop_answered(struct loop *l, struct request *r)
{
    int from = POLLED;
    pthread_mutex_lock(&l->lock);
    bool moved = atomic_compare_exchange_strong(&r->state, &from, ANSWERED);
    if (moved && !l->answered) {
        l->answered = true;
        notify(l);
    }
    pthread_mutex_unlock(&l->lock);
    return moved;
}

/* Takes it. The daemons that it concerns are due. */
static void take_orders(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct conn *arrived = l->arrived;
    struct request *unparked = l->unparked;
    l->arrived = NULL;
    l->unparked = NULL;
    if (l->answered)
        l->due[false] = true;
    l->answered = false;
    pthread_mutex_unlock(&l->lock);
    while (arrived) {
        struct conn *c = arrived;
        arrived = c->next_arrived;
        l->due[c->tls] = true;
        conn_begin(c, l->daemons[c->tls]);
    }
    while (unparked) {
        struct request *r = unparked;
        unparked = r->next_unparked; /* before it goes on, which may be its end */
        l->due[r->conn->tls] = true;
        MHD_resume_connection(r->mc);
    }
}

/* ---- the thread ---- */

/* How long it may wait; a daemon that has something to do at once is due. */
static int patience_ms(struct loop *l)
{
    int least = -1;
    for (int i = 0; i < DAEMONS; i++) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (!l->daemons[i] || MHD_get_timeout(l->daemons[i], &ms) != MHD_YES)
            continue;
        if (i == false && ms == 0 && l->polled_n > 0 && !l->stirs && !l->bulky_n)
            ms = POLL_MS; /* it says 0 for them, for whom nothing can be done */
        l->due[i] = ms == 0;
        if (least < 0 || ms < (MHD_UNSIGNED_LONG_LONG)least)
            least = ms > INT32_MAX ? INT32_MAX : (int)ms;
    }
    pthread_mutex_lock(&l->lock);
    bool ordered = l->arrived || l->unparked || l->answered;
    pthread_mutex_unlock(&l->lock);
    return ordered ? 0 : least;
}

/* Waits until something is to be done. */
static void wait_for_events(struct loop *l)
{
    struct epoll_event events[DAEMONS + 1];
    int n = epoll_wait(l->epoll_fd, events, DAEMONS + 1, patience_ms(l));
    for (int i = 0; i < n; i++)
        if (events[i].data.u32 < DAEMONS)
            l->due[events[i].data.u32] = true;
    unsigned now = atomic_load_explicit(&l->http->tick, memory_order_relaxed);
    if (n == 0 || now != l->tick) /* a connection may have waited long enough, also of a daemon to which nothing comes */
        for (int i = 0; i < DAEMONS; i++)
            l->due[i] = true;
    l->tick = now;
}

static void block_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *loop_run(void *arg)
{
    struct loop *l = arg;
    block_sigpipe();
    while (!atomic_load(&l->http->stopping)) {
        wait_for_events(l);
        take_orders(l);
        for (int i = 0; i < DAEMONS; i++) {
            /* It never waits here. Where libmicrohttpd (0.9.75 to 1.0.1) waits itself, it waits with its whole time limit behind a full batch of 128
             * events, before it serves any. */
            if (l->daemons[i] && l->due[i]) {
                if (i == false)
                    l->turn++, l->stirs = 0;
                MHD_run(l->daemons[i]);
            }
            l->due[i] = false;
        }
    }
    return NULL;
}

/* ---- starting and stopping ---- */

static int watch(struct loop *l, int fd, uint32_t events, uint32_t what)
{
    struct epoll_event e = { .events = events, .data.u32 = what };
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : E_IO;
}

static int add_daemon(struct loop *l, bool tls)
{
    struct MHD_Daemon *d = l->daemons[tls] = start_daemon(l->http, tls);
    const union MHD_DaemonInfo *info = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    return info ? watch(l, info->epoll_fd, EPOLLIN, tls) : E_IO;
}

int loop_start(struct loop *l, struct http *h)
{
    l->http = h;
    pthread_mutex_init(&l->lock, NULL);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->waker = waker_new();
    if (l->epoll_fd < 0 || !l->waker)
        return E_IO;
    int err = watch(l, waker_fd(l->waker), EPOLLIN | EPOLLET, DAEMONS);
    if (err == 0)
        err = add_daemon(l, false);
    if (err == 0 && h->tls)
        err = add_daemon(l, true);
    if (err == 0)
        l->runs = pthread_create(&l->thread, NULL, loop_run, l) == 0;
    return l->runs ? 0 : E_IO;
}

void loop_stop(struct loop *l)
{
    if (!l->http) /* it was never started */
        return;
    if (l->runs) {
        wake(l->waker);
        pthread_join(l->thread, NULL);
    }
    take_orders(l);
    for (int i = 0; i < DAEMONS; i++)
        if (l->daemons[i])
            MHD_stop_daemon(l->daemons[i]);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    waker_unref(l->waker);
    l->waker = NULL;
}
