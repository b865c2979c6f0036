#include "sandbox/dns.h"

#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    HEADER_BYTES = 12,
    NAME_MAX_BYTES = 255,
    LABEL_MAX_BYTES = 63,
    ANSWER_TTL_SECONDS = 60,
    TYPE_A = 1,
    TYPE_ANY = 255,
    CLASS_IN = 1,
    CLASS_ANY = 255,
    RCODE_FORMAT = 1,
    RCODE_NO_NAME = 3,
    RCODE_NOT_IMPLEMENTED = 4,
    RCODE_REFUSED = 5,
    EVENTS = 32,
    BURST = 16, /* queries of one socket before the others have their turn */
};

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* The name at *at as "a.b.c", lower case; false when it is malformed. A question is the first name of a message, so nothing precedes it
 * that a compression pointer could point to. */
static bool read_name(const uint8_t *q, size_t n, size_t *at, char ret[NAME_MAX_BYTES + 1])
{
    size_t i = *at, out = 0;

    for (;;) {
        size_t label = i < n ? q[i] : LABEL_MAX_BYTES + 1;
        if (label > LABEL_MAX_BYTES || i + 1 + label > n || i + 1 + label - *at > NAME_MAX_BYTES)
            return false;
        i++;
        if (label == 0)
            break;
        if (out > 0)
            ret[out++] = '.';
        for (size_t k = 0; k < label; k++)
            ret[out++] = q[i + k] == '\0' || q[i + k] == '.' ? '?' : (char)tolower(q[i + k]);
        i += label;
    }
    ret[out] = '\0';
    *at = i;
    return true;
}

static bool below(const char *name, const char *suffix, bool itself)
{
    size_t n = strlen(name), m = strlen(suffix);

    if (n < m || strcmp(name + n - m, suffix) != 0)
        return false;
    return n == m ? itself : name[n - m - 1] == '.';
}

static bool is_ours(const char *name)
{
    static const char *const suffixes[] = { "amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws" };

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (below(name, suffixes[i], false))
            return true;
    return below(name, "localhost", true) || below(name, "localhost.localstack.cloud", true);
}

static size_t put_address(uint8_t *out)
{
    static const uint8_t record[] = { 0xc0, HEADER_BYTES, 0, TYPE_A, 0, CLASS_IN, 0, 0, 0, ANSWER_TTL_SECONDS, 0, 4, 127, 0, 0, 1 };

    memcpy(out, record, sizeof record);
    return sizeof record;
}

size_t dns_answer(const uint8_t *q, size_t n, uint8_t *out, size_t cap)
{
    char name[NAME_MAX_BYTES + 1];
    size_t at = HEADER_BYTES;
    unsigned rcode = 0, type, class;
    bool address = false;

    if (n < HEADER_BYTES || (q[2] & 0x80) != 0 || cap < DNS_MESSAGE_BYTES)
        return 0;
    memset(out, 0, HEADER_BYTES);
    memcpy(out, q, 2);
    out[2] = (uint8_t)(0x80 | (q[2] & 0x79) | 0x04); /* an answer, same opcode and recursion wish, authoritative */
    if ((q[2] & 0x78) != 0) {
        out[3] = RCODE_NOT_IMPLEMENTED;
        return HEADER_BYTES;
    }
    if (get16(q + 4) != 1 || !read_name(q, n, &at, name) || at + 4 > n) {
        out[3] = RCODE_FORMAT;
        return HEADER_BYTES;
    }
    type = get16(q + at);
    class = get16(q + at + 2);
    at += 4;
    if (class != CLASS_IN && class != CLASS_ANY)
        rcode = RCODE_REFUSED;
    else if (!is_ours(name))
        rcode = RCODE_NO_NAME;
    else
        address = type == TYPE_A || type == TYPE_ANY;
    out[3] = (uint8_t)(0x80 | rcode); /* recursion is available: nothing else is to be asked */
    put16(out + 4, 1);
    put16(out + 6, address);
    memcpy(out + HEADER_BYTES, q + HEADER_BYTES, at - HEADER_BYTES);
    return address ? at + put_address(out + at) : at;
}

struct socket_entry {
    int fd;
    struct socket_entry *next;
};

struct dns_server {
    int epoll, wake;
    pthread_t thread;
    pthread_mutex_t lock; /* of sockets, and held while a socket is served, so that none is closed under the thread */
    struct socket_entry *sockets;
};

static bool has_socket(const struct dns_server *s, int fd)
{
    for (const struct socket_entry *e = s->sockets; e != NULL; e = e->next)
        if (e->fd == fd)
            return true;
    return false;
}

static void serve_socket(int fd)
{
    uint8_t query[DNS_MESSAGE_BYTES], reply[DNS_MESSAGE_BYTES];
    struct sockaddr_storage from;

    for (int i = 0; i < BURST; i++) {
        socklen_t from_n = sizeof from;
        ssize_t n = recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &from_n);
        if (n < 0)
            return;
        size_t reply_n = dns_answer(query, (size_t)n, reply, sizeof reply);
        if (reply_n > 0)
            (void)sendto(fd, reply, reply_n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from, from_n);
    }
}

static void *serve(void *arg)
{
    struct dns_server *s = arg;
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(s->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == s->wake)
                return NULL;
            pthread_mutex_lock(&s->lock);
            if (has_socket(s, fd)) /* it may have been removed since epoll_wait */
                serve_socket(fd);
            pthread_mutex_unlock(&s->lock);
        }
    }
}

int dns_server_start(struct dns_server **ret)
{
    struct dns_server *s = xalloc(sizeof *s);
    struct epoll_event e = { .events = EPOLLIN };

    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e.data.fd = s->wake;
    if (s->epoll >= 0 && s->wake >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &e) == 0 &&
        pthread_create(&s->thread, NULL, serve, s) == 0) {
        *ret = s;
        return 0;
    }
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->wake >= 0)
        close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return E_IO;
}

int dns_server_add(struct dns_server *s, int fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
    struct socket_entry *entry = xalloc(sizeof *entry);
    int r = 0;

    pthread_mutex_lock(&s->lock);
    *entry = (struct socket_entry){ fd, s->sockets };
    s->sockets = entry;
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
        s->sockets = entry->next;
        free(entry);
        close(fd);
        r = E_IO;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

void dns_server_remove(struct dns_server *s, int fd)
{
    pthread_mutex_lock(&s->lock);
    for (struct socket_entry **at = &s->sockets; *at != NULL; at = &(*at)->next) {
        struct socket_entry *e = *at;
        if (e->fd != fd)
            continue;
        *at = e->next;
        free(e);
        close(fd);
        break;
    }
    pthread_mutex_unlock(&s->lock);
}

void dns_server_stop(struct dns_server *s)
{
    const uint64_t one = 1;

    if (s == NULL)
        return;
    (void)!write(s->wake, &one, sizeof one);
    pthread_join(s->thread, NULL);
    while (s->sockets != NULL)
        dns_server_remove(s, s->sockets->fd);
    close(s->epoll);
    close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
