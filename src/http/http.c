#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "http/internal.h"

enum { CONNECTIONS_MAX = 20000, BACKLOG = 4096, DESCRIPTORS_KEPT = 1280, UNSENT_BYTES = 256 * 1024 };

/* Each connection is a descriptor. Clients must not take the store's and the bodies' away: a store that cannot open its files stops writing. */
static void share_descriptors(struct http *h)
{
    unsigned long all = descriptors_max();
    unsigned long ours = all > 2 * DESCRIPTORS_KEPT ? all - DESCRIPTORS_KEPT : all / 2;
    if (h->config.connections_max > ours)
        h->config.connections_max = (unsigned)ours;
}

int http_start(const struct http_config *config, struct http **ret)
{
    struct http *h = xalloc(sizeof *h);
    h->config = *config;
    if (h->config.threads_n == 0)
        h->config.threads_n = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (h->config.connections_max == 0)
        h->config.connections_max = CONNECTIONS_MAX;
    if (h->config.held_bytes_max == 0)
        h->config.held_bytes_max = LIMIT_HELD_BYTES;
    h->request_seconds = config->request_seconds ? config->request_seconds : LIMIT_REQUEST_SECONDS;
    atomic_init(&h->tick, 1);
    atomic_init(&h->refs, 1);
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->arenas_lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    h->epoll_fd = h->wake_fd = h->timer_fd = -1;
    h->loops = xalloc(h->config.threads_n * sizeof *h->loops);
    share_descriptors(h);

    int err = config->certificate ? tls_new(&h->config, &h->tls) : 0;
    for (unsigned i = 0; err == 0 && i < h->config.threads_n; i++)
        err = loop_start(&h->loops[i], h);
    if (err == 0)
        err = acceptor_start(h);
    if (err < 0) {
        http_stop(h);
        return err;
    }
    *ret = h;
    return 0;
}

static int add_listener(struct http *h, int fd, void *tag, bool plain_only, bool loopback)
{
    /* What a client does not take waits here, where it is counted, and not in the kernel, which would hold 4 MB for each. Connections inherit it. */
    int unsent = UNSENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    struct listener *l = xalloc(sizeof *l);
    l->http = h;
    l->fd = fd;
    l->tag = tag;
    l->plain_only = plain_only;
    l->loopback = loopback;
    pthread_mutex_lock(&h->lock);
    l->next = h->listeners;
    h->listeners = l;
    int err = acceptor_listen(h, l);
    if (err < 0) {
        h->listeners = l->next;
        close(fd);
        free(l);
    }
    pthread_mutex_unlock(&h->lock);
    return err;
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
    return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

/* "host:port", "[host]:port". */
static int parse_address(const char *address, char *host, size_t host_max, char *port, size_t port_max)
{
    struct str before, after;
    if (!str_cut_last(str_c(address), ':', &before, &after) || after.n == 0)
        return E_INVALID;
    if (before.n >= 2 && before.p[0] == '[' && before.p[before.n - 1] == ']')
        before = str_sub(before, 1, before.n - 2);
    int n = snprintf(host, host_max, "%.*s", STR_ARG(before)), m = snprintf(port, port_max, "%.*s", STR_ARG(after));
    return n >= 0 && (size_t)n < host_max && m >= 0 && (size_t)m < port_max ? 0 : E_INVALID;
}

static int open_socket(const struct addrinfo *ai, uint16_t *ret_port, int *ret_fd)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return E_IO;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&sa, &n) < 0) {
        int err = errno == EADDRINUSE ? E_BUSY : errno == EACCES ? E_DENIED : E_IO;
        close(fd);
        return err;
    }
    *ret_port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port : ((struct sockaddr_in *)&sa)->sin_port);
    *ret_fd = fd;
    return 0;
}

int http_listen(struct http *h, const char *address, uint16_t *ret_port)
{
    char host[256], port_text[16];
    int err = parse_address(address, host, sizeof host, port_text, sizeof port_text);
    if (err < 0)
        return err;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found;
    if (getaddrinfo(host[0] ? host : NULL, port_text, &hints, &found) != 0)
        return E_INVALID;
    bool loopback = is_loopback(found->ai_addr);
    uint16_t port = 0;
    int fd = -1;
    err = open_socket(found, &port, &fd);
    freeaddrinfo(found);
    if (err == 0)
        err = add_listener(h, fd, NULL, false, loopback);
    if (err == 0 && ret_port)
        *ret_port = port;
    return err;
}

int http_listen_fd(struct http *h, int fd, void *tag, bool plain_only)
{
    return add_listener(h, fd, tag, plain_only, true);
}

/* Ends the connections that a listener accepted; http->lock is held. Parked ones end when their door answers. */
static void shut_connections(struct http *h, const struct listener *l)
{
    for (struct conn *c = h->conns; c; c = c->next)
        if (c->listener == l)
            shutdown(c->fd, SHUT_RDWR);
}

static void close_listener(struct listener *l)
{
    if (l->fd >= 0)
        close(l->fd); /* leaves the epoll set by itself */
    l->fd = -1;
}

void http_unlisten(struct http *h, void *tag)
{
    pthread_mutex_lock(&h->lock);
    for (struct listener **at = &h->listeners; *at;) {
        struct listener *l = *at;
        if (l->tag != tag) {
            at = &l->next;
            continue;
        }
        close_listener(l);
        while (l->conns_n > 0) {
            shut_connections(h, l); /* again each time: the acceptor may just have added one */
            pthread_cond_wait(&h->changed, &h->lock);
        }
        for (at = &h->listeners; *at != l; at = &(*at)->next)
            ; /* the list may have changed while we waited */
        *at = l->next;
        free(l);
        at = &h->listeners;
    }
    pthread_mutex_unlock(&h->lock);
}

static void be_quiet(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    h->quiet = true;
    pthread_mutex_unlock(&h->lock);
}

void http_quiesce(struct http *h)
{
    if (!h || atomic_exchange(&h->quiescing, true))
        return;
    pthread_mutex_lock(&h->lock);
    for (struct listener *l = h->listeners; l; l = l->next)
        if (!l->tag)
            close_listener(l);
    pthread_mutex_unlock(&h->lock);
    unsigned from = atomic_load(&h->tick); /* the acceptor's seconds: naps take longer on a busy machine */
    while (atomic_load(&h->public_running) > 0 && atomic_load(&h->tick) - from <= QUIESCE_SECONDS)
        usleep(5000);
    be_quiet(h);
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    atomic_store(&h->quiescing, true);
    be_quiet(h);
    acceptor_stop(h);
    pthread_mutex_lock(&h->lock);
    for (struct listener *l = h->listeners; l; l = l->next)
        close_listener(l);
    pthread_mutex_unlock(&h->lock);
    /* libmicrohttpd cannot be stopped while a connection is suspended: the parked ones go first. No other is parked behind our back:
     * run_and_settle looks at `stopping`, which acceptor_stop has set. */
    pthread_mutex_lock(&h->lock);
    for (struct conn *c = h->conns; c; c = c->next)
        conn_abort_parked(c);
    pthread_mutex_unlock(&h->lock);
    for (unsigned i = 0; i < h->config.threads_n; i++)
        loop_stop(&h->loops[i]);
    while (h->conns)
        conn_close(h->conns);
    int *fds[] = { &h->epoll_fd, &h->wake_fd, &h->timer_fd };
    for (int i = 0; i < 3; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    tls_free(h->tls);
    h->tls = NULL;
    http_unref(h);
}

void http_unref(struct http *h)
{
    if (atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    while (h->listeners) {
        struct listener *l = h->listeners;
        h->listeners = l->next;
        free(l);
    }
    for (uint32_t i = 0; i < h->arenas_n; i++)
        arena_free(h->arenas[i]);
    for (unsigned i = 0; i < h->config.threads_n; i++)
        pthread_mutex_destroy(&h->loops[i].lock);
    free(h->loops);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->arenas_lock);
    pthread_cond_destroy(&h->changed);
    free(h);
}

void http_stats(const struct http *h, struct http_stats *ret)
{
    struct http *m = (struct http *)h; /* the lock is not part of its value */
    ret->requests = atomic_load(&m->requests);
    ret->connections = atomic_load(&m->connections);
    pthread_mutex_lock(&m->lock);
    ret->connections_now = m->conns_n;
    pthread_mutex_unlock(&m->lock);
}
