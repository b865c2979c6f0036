/* The sockets of the Runtime API. Who may touch a connection: its thread; but while it is owed an answer (a parked GET next) whoever answers it, under the
 * host's lock. Edge-triggered epoll, registered once for everything: a request costs one epoll_wait, one recv and one send.
 *
 * A function is hostile: its connections, what it may leave unread, and what is kept of bodies are bounded, and whoever is slow keeps only its own
 * environment waiting, which has a deadline. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "services/lambda/host.h"
#include "services/lambda/runtime_http.h"

enum {
    CONNECTIONS_MAX = 16,                            /* of an environment; one more is closed at once */
    HELD_BYTES_MAX = 16 * 1024 * 1024,               /* in bodies, of an environment; over it a body is not kept */
    BODY_BYTES_KEPT = 64 * 1024,                     /* room for a body that a connection keeps for the next one */
    IN_BYTES = 64 * 1024,
    EVENTS = 64,
};

/* What epoll tells of. */
struct watched {
    void (*ready)(struct watched *w, uint32_t events);
    int fd;
};

struct worker {
    struct watched wake;
    struct lambda_host *host;
    pthread_t thread;
    int epoll;
    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t left;
    struct runtime_site *leaving;
    bool stopping;
};

struct runtime_site {
    struct watched listener;
    struct worker *worker;
    struct environment *env;
    struct connection *connections;
    uint32_t connections_n;
    size_t held_bytes;
    struct runtime_site *next_leaving;
    bool has_left;
};

struct connection {
    struct watched socket;
    struct connection *next;
    struct runtime_site *site;
    struct runtime_call call;
    bool owed;                  /* an answer; under the host's lock while a GET next waits */
    bool unread;                /* the same: there may be more to read */
    bool last;                  /* it ends behind the answer */
    bool drained;               /* the last recv took all there was */
    bool half_closed;           /* the other side sends no more than it has sent */
    char *out;                  /* what the socket did not take yet; NULL: nothing */
    size_t out_at, out_n;
    char *body;
    size_t body_n, body_cap;
    size_t in_at, in_n;
    struct runtime_request request;
    char in[IN_BYTES];
};

struct runtime_server {
    uint32_t workers_n, attached_n;
    struct worker workers[];
};

/* ---- writing ---- */

/* Sends both, and keeps what does not go yet. False: the other side has gone. */
static bool send_both(struct connection *c, struct str head, struct str body)
{
    struct iovec parts[2] = { { (void *)head.p, head.n }, { (void *)body.p, body.n } };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = body.n ? 2 : 1 };
    ssize_t n = sendmsg(c->socket.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    size_t sent = n > 0 ? (size_t)n : 0, total = head.n + body.n;
    if (sent == total)
        return true;
    c->out = xalloc(total - sent);
    c->out_n = total - sent;
    c->out_at = 0;
    size_t of_head = sent < head.n ? head.n - sent : 0;
    if (of_head)
        memcpy(c->out, head.p + sent, of_head);
    memcpy(c->out + of_head, body.p + (body.n - (total - sent - of_head)), total - sent - of_head);
    return true;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } known[] = { { 200, "OK" }, { 202, "Accepted" }, { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 413, "Request Entity Too Large" } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].words;
    return "Refused";
}

static bool reply(struct runtime_call *call, int status, struct str head, struct str body)
{
    struct connection *c = (struct connection *)((char *)call - offsetof(struct connection, call));
    char room[1024], *text = room;
    size_t max = sizeof room - head.n;
    if (head.n + 128 > sizeof room) { /* a client's context may be some KB */
        max = 128;
        text = xalloc(head.n + max);
    }
    int n = snprintf(text, max, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s", status, reason(status), body.n, c->last ? "Connection: close\r\n" : "");
    memcpy(text + n, head.p, head.n);
    memcpy(text + n + head.n, "\r\n", 2);
    bool ok = send_both(c, (struct str){ text, (size_t)n + head.n + 2 }, body);
    if (text != room)
        free(text);
    c->owed = false;
    if (c->unread || c->last || !ok) /* its thread is to look at it again */
        epoll_ctl(c->site->worker->epoll, EPOLL_CTL_MOD, c->socket.fd,
                  &(struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = &c->socket });
    c->unread = false;
    return ok;
}

/* ---- in the connection's thread ---- */

static void body_release(struct connection *c)
{
    c->site->held_bytes -= c->body_cap;
    free(c->body);
    c->body = NULL;
    c->body_n = c->body_cap = 0;
}

static void connection_free(struct connection *c)
{
    struct connection **at = &c->site->connections;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->site->connections_n--;
    close(c->socket.fd);
    body_release(c);
    free(c->out);
    free(c);
}

/* False: there is more to send, or nobody to send it to (then c is freed). */
static bool flush(struct connection *c)
{
    while (c->out && c->out_at < c->out_n) {
        ssize_t n = send(c->socket.fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            connection_free(c);
        if (n < 0)
            return false;
        c->out_at += (size_t)n;
    }
    free(c->out);
    c->out = NULL;
    if (!c->last)
        return true;
    connection_free(c);
    return false;
}

/* A body over the limit is counted to its end, so that the answer can say how much it was. */
static void keep(struct connection *c, struct str piece)
{
    c->call.body_bytes += (int64_t)piece.n;
    if (c->call.body_bytes > LAMBDA_PAYLOAD_BYTES_MAX)
        c->call.too_large = true;
    if (!c->call.too_large && c->body_n + piece.n > c->body_cap) {
        size_t cap = c->body_cap ? c->body_cap * 2 : 4096;
        while (cap < c->body_n + piece.n)
            cap *= 2;
        if (c->site->held_bytes + cap - c->body_cap > HELD_BYTES_MAX) {
            c->call.too_large = true;
        } else {
            c->site->held_bytes += cap - c->body_cap;
            c->body = xrealloc(c->body, cap);
            c->body_cap = cap;
        }
    }
    if (c->call.too_large) {
        body_release(c);
        return;
    }
    memcpy(c->body + c->body_n, piece.p, piece.n);
    c->body_n += piece.n;
}

static void begin(struct connection *c)
{
    runtime_request_init(&c->request);
    c->call = (struct runtime_call){ .reply = reply };
    c->body_n = 0;
    if (c->body_cap > BODY_BYTES_KEPT)
        body_release(c);
}

/* The request is complete. False: nothing is to be read for now. */
static bool serve(struct connection *c)
{
    struct lambda_host *h = c->site->worker->host;
    c->call.post = c->request.method == RUNTIME_POST;
    c->call.target = c->request.method == RUNTIME_OTHER_METHOD ? STR("") : (struct str){ c->request.target, c->request.target_n };
    c->call.body = (struct str){ c->body, c->body_n };
    c->last = c->request.last;
    c->unread = !c->call.post && (c->in_at < c->in_n || !c->drained);
    c->owed = true;
    runtime_api(h, c->site->env, &c->call);
    pthread_mutex_lock(&h->lock);
    bool parked = c->owed, gone = parked && c->half_closed; /* who does not wait for its answer is not waited for */
    if (gone)
        environment_lost(c->site->env);
    pthread_mutex_unlock(&h->lock);
    if (gone)
        connection_free(c);
    if (parked)
        return false;
    if ((c->out || c->last) && !flush(c))
        return false;
    begin(c);
    return true;
}

/* False: nothing came; or the other side has gone, and c is freed. */
static bool receive(struct connection *c)
{
    if (c->drained) {
        c->drained = false;
        return false;
    }
    ssize_t n;
    do
        n = recv(c->socket.fd, c->in, sizeof c->in, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        connection_free(c);
    if (n <= 0)
        return false;
    c->in_at = 0;
    c->in_n = (size_t)n;
    c->drained = c->in_n < sizeof c->in && !c->half_closed;
    return true;
}

/* False as flush. */
static bool go_ahead(struct connection *c)
{
    if (!send_both(c, STR("HTTP/1.1 100 Continue\r\n\r\n"), STR(""))) {
        connection_free(c);
        return false;
    }
    return !c->out || flush(c);
}

static void read_on(struct connection *c)
{
    for (;;) {
        struct str in = { c->in + c->in_at, c->in_n - c->in_at }, piece;
        enum runtime_part part = runtime_request_read(&c->request, &in, &piece);
        c->in_at = c->in_n - in.n;
        if (part == RUNTIME_MORE && !receive(c))
            return;
        if (part == RUNTIME_HEAD && c->request.expects && !go_ahead(c))
            return;
        if (part == RUNTIME_BODY)
            keep(c, piece);
        if (part == RUNTIME_END && !serve(c))
            return;
        if (part == RUNTIME_BAD) {
            c->last = true;
            reply(&c->call, c->request.status, STR(""), STR(""));
            flush(c);
            return;
        }
    }
}

static void connection_ready(struct watched *w, uint32_t events)
{
    struct connection *c = (struct connection *)w;
    struct lambda_host *h = c->site->worker->host;
    bool gone = false;
    pthread_mutex_lock(&h->lock);
    bool owed = c->owed;
    if (owed) {
        c->unread = true;
        gone = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        if (gone && c->site->env->waiting == &c->call)
            environment_lost(c->site->env);
    }
    pthread_mutex_unlock(&h->lock);
    if (gone)
        connection_free(c);
    if (owed)
        return;
    c->drained = false;
    c->half_closed |= (events & EPOLLRDHUP) != 0;
    if ((c->out || c->last) && !flush(c))
        return;
    if (c->request.at == AT_END) /* a GET next that was answered meanwhile */
        begin(c);
    read_on(c);
}

static void site_ready(struct watched *w, uint32_t events)
{
    struct runtime_site *site = (struct runtime_site *)w;
    for (;;) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return;
        if (site->connections_n >= CONNECTIONS_MAX) {
            close(fd);
            continue;
        }
        struct connection *c = xalloc(sizeof *c);
        c->socket = (struct watched){ connection_ready, fd };
        c->site = site;
        c->next = site->connections;
        site->connections = c;
        site->connections_n++;
        begin(c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(site->worker->epoll, EPOLL_CTL_ADD, fd,
                      &(struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = &c->socket }))
            connection_free(c);
    }
}

static void wake_ready(struct watched *w, uint32_t events)
{
    eventfd_t n;
    eventfd_read(w->fd, &n);
}

static void site_release(struct runtime_site *site)
{
    while (site->connections)
        connection_free(site->connections);
    close(site->listener.fd);
}

/* Between two rounds of events, so that none of them tells of what has gone. False: stop. */
static bool take_leave(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->leaving) {
        struct runtime_site *site = w->leaving;
        w->leaving = site->next_leaving;
        site_release(site);
        site->has_left = true;
        pthread_cond_broadcast(&w->left);
    }
    bool go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS];
    for (bool go_on = true; go_on;) {
        bool woken = false;
        int n = epoll_wait(w->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct watched *x = events[i].data.ptr;
            x->ready(x, events[i].events);
            woken |= x == &w->wake;
        }
        if (woken)
            go_on = take_leave(w);
    }
    return NULL;
}

/* ---- from outside ---- */

static int worker_init(struct worker *w, struct lambda_host *h)
{
    w->host = h;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->left, NULL);
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = (struct watched){ wake_ready, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (w->epoll < 0 || w->wake.fd < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake.fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &w->wake }))
        return E_IO;
    return pthread_create(&w->thread, NULL, work, w) ? E_IO : 0;
}

int runtime_server_start(struct lambda_host *h, uint32_t threads_n, struct runtime_server **ret)
{
    struct runtime_server *s = xalloc(sizeof *s + threads_n * sizeof s->workers[0]);
    s->workers_n = threads_n;
    for (uint32_t i = 0; i < threads_n; i++)
        if (worker_init(&s->workers[i], h))
            return E_IO;
    *ret = s;
    return 0;
}

void runtime_server_stop(struct runtime_server *s)
{
    for (uint32_t i = 0; s && i < s->workers_n; i++) {
        struct worker *w = &s->workers[i];
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_mutex_unlock(&w->lock);
        eventfd_write(w->wake.fd, 1);
        pthread_join(w->thread, NULL);
        close(w->epoll);
        close(w->wake.fd);
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->left);
    }
    free(s);
}

int runtime_server_attach(struct runtime_server *s, struct environment *env, int listen_fd, struct runtime_site **ret)
{
    struct runtime_site *site = xalloc(sizeof *site);
    *site = (struct runtime_site){ .listener = { site_ready, listen_fd }, .env = env, .worker = &s->workers[s->attached_n++ % s->workers_n] };
    *ret = site; /* before the first request */
    if (epoll_ctl(site->worker->epoll, EPOLL_CTL_ADD, listen_fd, &(struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.ptr = &site->listener })) {
        *ret = NULL;
        close(listen_fd);
        free(site);
        return E_IO;
    }
    return 0;
}

void runtime_server_detach(struct runtime_site *site)
{
    if (!site)
        return;
    struct worker *w = site->worker;
    pthread_mutex_lock(&w->lock);
    site->next_leaving = w->leaving;
    w->leaving = site;
    eventfd_write(w->wake.fd, 1);
    while (!site->has_left)
        pthread_cond_wait(&w->left, &w->lock);
    pthread_mutex_unlock(&w->lock);
    free(site);
}
