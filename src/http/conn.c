#include "http/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

static void name_peer(struct conn *c)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (getpeername(c->fd, (struct sockaddr *)&sa, &n) < 0)
        return;
    if (sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, c->peer, sizeof c->peer);
    else if (sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, c->peer, sizeof c->peer);
}

struct conn *conn_new(struct http *h, struct listener *l, int fd)
{
    struct conn *c = xalloc(sizeof *c);
    c->http = h;
    c->listener = l;
    c->fd = fd;
    c->stage = l ? CONN_PEEK : CONN_LINGER;
    atomic_init(&c->refs, 1);
    atomic_init(&c->head_since, atomic_load(&h->tick));
    pthread_mutex_init(&c->lock, NULL);
    if (l) {
        atomic_fetch_add_explicit(&h->connections, 1, memory_order_relaxed);
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        name_peer(c);
    }
    pthread_mutex_lock(&h->lock);
    c->next = h->conns;
    if (c->next)
        c->next->prev = c;
    h->conns = c;
    h->conns_n++;
    pthread_cond_broadcast(&h->changed); /* http_unlisten may have been waiting for it to shut it down */
    pthread_mutex_unlock(&h->lock);
    return c;
}

void conn_ref(struct conn *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void conn_unref(struct conn *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    struct http *h = c->http;
    pthread_mutex_lock(&h->lock);
    if (c->listener)
        c->listener->conns_n--;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void conn_drop(struct conn *c)
{
    struct http *h = c->http;
    pthread_mutex_lock(&h->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        h->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    h->conns_n--;
    bool wake = h->paused;
    pthread_mutex_unlock(&h->lock);
    if (wake)
        acceptor_wake(h);
    conn_unref(c);
}

void conn_close(struct conn *c)
{
    int fd = c->fd;
    conn_drop(c); /* first: whoever finds it in the list may use its fd */
    close(fd);
}

bool conn_is_parked(struct conn *c)
{
    pthread_mutex_lock(&c->lock);
    bool parked = c->parked;
    pthread_mutex_unlock(&c->lock);
    return parked;
}

void conn_abort_parked(struct conn *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->parked)
        request_abort_parked(c->parked);
    pthread_mutex_unlock(&c->lock);
}

struct conn *conn_of(struct MHD_Connection *mc)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct conn_address address;
    memcpy(&address, info->client_addr, sizeof address);
    return address.conn;
}

void conn_serve(struct conn *c, bool tls)
{
    struct http *h = c->http;
    if (tls && !h->tls) {
        conn_close(c);
        return;
    }
    c->tls = tls;
    c->loop = &h->loops[h->loop_next++ % h->config.threads_n];
    pthread_mutex_lock(&h->lock);
    c->stage = CONN_SERVED;
    pthread_mutex_unlock(&h->lock);
    atomic_store(&c->head_since, atomic_load(&h->tick));
    loop_serve(c->loop, c);
}

void conn_begin(struct conn *c, struct MHD_Daemon *d)
{
    struct conn_address address = { .sa.sa_family = AF_UNSPEC, .conn = c };
    if (MHD_add_connection(d, c->fd, &address.sa, sizeof address) != MHD_YES)
        conn_drop(c); /* libmicrohttpd closed the socket */
}

void conn_notify(void *cls, struct MHD_Connection *mc, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        conn_drop(conn_of(mc)); /* the socket is closed just after this */
}
