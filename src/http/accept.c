/* The acceptor: one thread that owns the listening sockets, looks at the first bytes of each new connection, answers CONNECT, swallows
 * what lingers, and once a second sweeps out connections that take too long. */
#include <errno.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "http/internal.h"

enum { CROWD_BYTES = 64 * 1024 * 1024, CROWD_CONNECTIONS = 500, CROWD_TRIMS = 5 };
enum { EVENTS = 256, ACCEPTS = 64, VICTIMS = 64, BODY_BYTES_A_SECOND = 1024, TLS_HANDSHAKE = 0x16, SWEEP_SLACK_SECONDS = 2 };

/* What an epoll event is about: a conn's address, or one of these (conns are aligned). A listener is named by its descriptor, since
 * another thread may close it while its event is on the way. */
enum { EVENT_LISTENER = 1, EVENT_WAKE = 3, EVENT_TIMER = 5 };

static uint64_t listener_event(int fd)
{
    return (uint64_t)fd << 3 | EVENT_LISTENER;
}

static int watch(struct http *h, int fd, uint32_t events, uint64_t what)
{
    struct epoll_event e = { .events = events, .data.u64 = what };
    return epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : E_IO;
}

void acceptor_wake(struct http *h)
{
    uint64_t one = 1;
    (void)!write(h->wake_fd, &one, sizeof one);
}

/* ---- the first bytes ---- */

static void say_and_linger(struct conn *c, const char *text)
{
    (void)!send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(c->fd, SHUT_WR);
    pthread_mutex_lock(&c->http->lock);
    c->stage = CONN_LINGER;
    pthread_mutex_unlock(&c->http->lock);
    atomic_store(&c->head_since, atomic_load(&c->http->tick));
}

static void refuse(struct conn *c, const char *status, struct str host)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "strata answers only for the hosts that it emulates, not for %.*s.\n", host.n > 255 ? 255 : (int)host.n,
                     host.p ? host.p : "");
    char answer[2048];
    snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, n, text);
    say_and_linger(c, answer);
}

int connect_target(struct str head, struct str *ret_host, uint16_t *ret_port)
{
    struct str authority, rest, host, port_text;
    int64_t port = 0;
    head = str_sub(head, 8, head.n);
    if (!str_cut(head, ' ', &authority, &rest) || !str_cut_last(authority, ':', &host, &port_text) || host.n == 0 ||
        str_to_i64(port_text, &port) < 0 || port < 1 || port > 65535)
        return E_INVALID;
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] <= ' ' || host.p[i] == 0x7f)
            return E_INVALID;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    *ret_host = host;
    *ret_port = (uint16_t)port;
    return 0;
}

/* True: the connection starts anew. */
static bool connect_request(struct conn *c, struct str head)
{
    const struct http_config *config = &c->http->config;
    struct str host;
    uint16_t port;
    if (connect_target(head, &host, &port)) {
        refuse(c, "400 Bad Request", STR("a host without a port"));
        return false;
    }
    if (!config->connect_allowed || !config->connect_allowed(config->ctx, host, port)) {
        refuse(c, "403 Forbidden", host);
        return false;
    }
    static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    if (send(c->fd, ok, sizeof ok - 1, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof ok - 1) {
        conn_close(c);
        return false;
    }
    c->connected = true;
    atomic_store(&c->head_since, atomic_load(&c->http->tick));
    return true;
}

static void serve(struct conn *c, bool tls)
{
    epoll_ctl(c->http->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    conn_serve(c, tls);
}

/* Reads the CONNECT request once it is there whole. True: look at the connection again. */
static bool take_connect(struct conn *c)
{
    char head[CONNECT_HEAD_BYTES];
    ssize_t n = recv(c->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0)
        return false;
    const char *end = memmem(head, (size_t)n, "\r\n\r\n", 4);
    if (!end) {
        if (n == sizeof head)
            refuse(c, "431 Request Header Fields Too Large", STR("such a long request"));
        return false;
    }
    size_t head_n = (size_t)(end - head) + 4;
    if (recv(c->fd, head, head_n, MSG_DONTWAIT) != (ssize_t)head_n) {
        conn_close(c);
        return false;
    }
    return connect_request(c, (struct str){ head, head_n });
}

static void look(struct conn *c)
{
    static const char connect_word[] = "CONNECT ";
    for (;;) {
        unsigned char first[8];
        ssize_t n = recv(c->fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            conn_close(c);
            return;
        }
        if (c->connected || memcmp(first, connect_word, (size_t)n) != 0) {
            serve(c, first[0] == TLS_HANDSHAKE);
            return;
        }
        if (n < (ssize_t)sizeof first || !take_connect(c))
            return;
    }
}

/* ---- lingering ---- */

static void swallow(struct conn *c)
{
    char waste[16384];
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(c->fd, waste, sizeof waste, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n == 0 || (n < 0 && errno != EINTR)) {
            conn_close(c);
            return;
        }
    }
    /* One client does not hold up the others: the event comes again. */
    struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };
    epoll_ctl(c->http->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* ---- accepting ---- */

/* Takes the listeners out of the epoll set, or back in; under http->lock. */
static void pause_listeners(struct http *h, bool pause)
{
    h->paused = pause;
    for (struct listener *l = h->listeners; l; l = l->next) {
        struct epoll_event e = { .events = pause ? 0 : EPOLLIN, .data.u64 = listener_event(l->fd) };
        if (l->fd >= 0)
            epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, l->fd, &e);
    }
}

static void unpause(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    if (h->paused && h->conns_n < h->config.connections_max)
        pause_listeners(h, false);
    pthread_mutex_unlock(&h->lock);
}

/* One connection from the listener whose descriptor is fd: -1 when there is none now. */
static int accept_one(struct http *h, int fd, struct listener **ret)
{
    int got = -1;
    pthread_mutex_lock(&h->lock);
    struct listener *l = h->listeners;
    while (l && l->fd != fd)
        l = l->next;
    if (l && h->conns_n >= h->config.connections_max)
        pause_listeners(h, true);
    else if (l) {
        got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got >= 0) {
            l->conns_n++;
            *ret = l;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_listeners(h, true);
    }
    pthread_mutex_unlock(&h->lock);
    return got;
}

static void accept_from(struct http *h, int fd)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct listener *l;
        int got = accept_one(h, fd, &l);
        if (got < 0)
            return;
        struct conn *c = conn_new(h, l, got);
        if (l->plain_only)
            conn_serve(c, false);
        else if (watch(h, got, EPOLLIN | EPOLLRDHUP | EPOLLET, (uintptr_t)c) < 0)
            conn_close(c);
    }
}

/* ---- the sweep ---- */

/* How many bytes the client has taken so far. */
static uint64_t acked(const struct conn *c)
{
    struct tcp_info info = { 0 };
    socklen_t n = sizeof info;
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_bytes_acked : 0;
}

/* Whether a client reads its answer too slowly: looked at once per patience, first when the answer is that old. */
static bool reads_too_slowly(struct conn *c, unsigned now, unsigned patience)
{
    unsigned since = atomic_load(&c->sent_since), from = c->acked_for == since ? c->acked_at : since;
    if (since == 0 || now - from <= patience)
        return false;
    uint64_t bytes = acked(c);
    bool slow = c->acked_for == since && bytes - c->acked < (uint64_t)(now - from) * BODY_BYTES_A_SECOND;
    c->acked_for = since;
    c->acked_at = now;
    c->acked = bytes;
    return slow;
}

/* Under http->lock. The acceptor closes its own connections; libmicrohttpd's are shut down, and it closes them. */
static bool overdue(struct http *h, struct conn *c, unsigned now)
{
    unsigned since = atomic_load(&c->head_since), body = atomic_load(&c->body_since);
    if (c->stage == CONN_LINGER)
        return now - since > LINGER_SECONDS;
    if (c->stage == CONN_PEEK)
        return now - since > h->request_seconds;
    unsigned patience = h->request_seconds + SWEEP_SLACK_SECONDS; /* libmicrohttpd's own time limit on idle connections comes first */
    if (since != 0 && now - since > patience)
        return true;
    if (reads_too_slowly(c, now, patience))
        return true;
    return body != 0 && now - body > patience && atomic_load(&c->body_bytes) < (uint64_t)(now - body) * BODY_BYTES_A_SECOND;
}

static void sweep(struct http *h)
{
    struct conn *victims[VICTIMS];
    unsigned n, now = atomic_load(&h->tick);
    do {
        n = 0;
        pthread_mutex_lock(&h->lock);
        for (struct conn *c = h->conns; c && n < VICTIMS; c = c->next) {
            if (!overdue(h, c, now))
                continue;
            if (c->stage == CONN_SERVED)
                shutdown(c->fd, SHUT_RDWR);
            else
                victims[n++] = c;
        }
        pthread_mutex_unlock(&h->lock);
        for (unsigned i = 0; i < n; i++)
            conn_close(victims[i]);
    } while (n == VICTIMS);
}

/* Ends the wait of requests whose client went: what they wait for is not for them any more. Their sockets are in nobody's epoll set meanwhile. A client
 * that shuts its sending half down while it waits has gone, too. */
static void drop_gone(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    struct pollfd *fds = xalloc((h->conns_n + 1) * sizeof *fds);
    nfds_t n = 0;
    for (struct conn *c = h->conns; c; c = c->next)
        if (c->stage == CONN_SERVED)
            fds[n++] = (struct pollfd){ .fd = conn_is_parked(c) ? c->fd : -1, .events = POLLRDHUP };
    int gone = n ? poll(fds, n, 0) : 0;
    n = 0;
    for (struct conn *c = h->conns; c && gone > 0; c = c->next) {
        if (c->stage != CONN_SERVED || !fds[n++].revents)
            continue;
        gone--;
        conn_abort_parked(c);
    }
    pthread_mutex_unlock(&h->lock);
    free(fds);
}

/* What a crowd used goes back to the system when most of it has left: the allocator itself would keep it. Some of it is freed a moment behind the connections
 * (parked requests, in other threads), so that it is looked for a few times. */
static void give_memory_back(struct http *h)
{
    size_t held = atomic_load_explicit(&h->held, memory_order_relaxed);
    pthread_mutex_lock(&h->lock);
    uint32_t conns = h->conns_n;
    pthread_mutex_unlock(&h->lock);
    h->most_held = held > h->most_held ? held : h->most_held;
    h->most_conns = conns > h->most_conns ? conns : h->most_conns;
    if ((h->most_held >= CROWD_BYTES && held <= h->most_held / 4) || (h->most_conns >= CROWD_CONNECTIONS && conns <= h->most_conns / 4)) {
        h->most_held = held;
        h->most_conns = conns;
        h->trims = CROWD_TRIMS;
    }
    if (h->trims > 0) {
        h->trims--;
        malloc_trim(0);
    }
}

static void on_timer(struct http *h)
{
    uint64_t seconds = 0;
    if (read(h->timer_fd, &seconds, sizeof seconds) != sizeof seconds)
        return;
    atomic_fetch_add(&h->tick, (unsigned)seconds);
    sweep(h);
    drop_gone(h);
    give_memory_back(h);
    unpause(h);
}

/* ---- the thread ---- */

static void on_event(struct http *h, const struct epoll_event *e)
{
    uint64_t what = e->data.u64;
    if (what == EVENT_TIMER)
        return; /* handled behind the batch, since the sweep frees conns */
    if (what == EVENT_WAKE) {
        uint64_t n;
        (void)!read(h->wake_fd, &n, sizeof n);
        unpause(h);
    } else if ((what & 7) == EVENT_LISTENER)
        accept_from(h, (int)(what >> 3));
    else {
        struct conn *c = e->data.ptr;
        if (c->stage == CONN_LINGER)
            swallow(c);
        else
            look(c);
    }
}

static void *acceptor_run(void *arg)
{
    struct http *h = arg;
    struct epoll_event events[EVENTS];
    while (!atomic_load(&h->stopping)) {
        int n = epoll_wait(h->epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            on_event(h, &events[i]);
        for (int i = 0; i < n; i++)
            if (events[i].data.u64 == EVENT_TIMER)
                on_timer(h);
    }
    return NULL;
}

int acceptor_start(struct http *h)
{
    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
    if (h->epoll_fd < 0 || h->wake_fd < 0 || h->timer_fd < 0 || timerfd_settime(h->timer_fd, 0, &second, NULL) < 0)
        return E_IO;
    if (watch(h, h->wake_fd, EPOLLIN, EVENT_WAKE) < 0 || watch(h, h->timer_fd, EPOLLIN, EVENT_TIMER) < 0)
        return E_IO;
    h->acceptor_runs = pthread_create(&h->acceptor, NULL, acceptor_run, h) == 0;
    return h->acceptor_runs ? 0 : E_IO;
}

void acceptor_stop(struct http *h)
{
    atomic_store(&h->stopping, true);
    if (h->acceptor_runs) {
        acceptor_wake(h);
        pthread_join(h->acceptor, NULL);
        h->acceptor_runs = false;
    }
}

int acceptor_listen(struct http *h, struct listener *l)
{
    return watch(h, l->fd, h->paused ? 0 : EPOLLIN, listener_event(l->fd));
}

void conn_linger(struct http *h, int fd)
{
    struct conn *c = conn_new(h, NULL, fd);
    if (watch(h, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, (uintptr_t)c) < 0)
        conn_close(c);
}
