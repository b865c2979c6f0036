/* The HTTP server: libmicrohttpd behind our own listeners. Uses base alone and knows nothing of AWS.
 *
 * One port speaks plain HTTP, TLS and HTTP CONNECT: the first bytes decide. Plain and TLS connections are handed to two
 * libmicrohttpd daemons of one of threads_n threads; a CONNECT to an allowed host is answered 200 and the same socket starts anew as a
 * TLS or plain connection, so strata itself answers for that host.
 * Limits: base/limits.h. A connection that sends nothing for LIMIT_REQUEST_SECONDS is closed, and one whose body or answer moves by less than 1 KiB/s behind
 * that time. */
#ifndef STRATA_HTTP_HTTP_H
#define STRATA_HTTP_HTTP_H

#include "base/exchange.h"

struct http;

struct http_config {
    unsigned threads_n;                  /* 0: one a core */
    unsigned connections_max;            /* 0: 20000; no more than descriptors allow; others wait in the backlog */
    unsigned request_seconds;            /* 0: LIMIT_REQUEST_SECONDS */
    size_t held_bytes_max;               /* 0: LIMIT_HELD_BYTES */
    struct exchange_handler handler;     /* asked for every request */
    /* PEM certificate chain and key for a server name, in a; NULL config: no TLS. Called once a name; the answers are kept. */
    int (*certificate)(void *ctx, struct str server_name, struct arena *a, struct str *ret_cert_pem, struct str *ret_key_pem);
    /* May CONNECT reach this host? NULL: CONNECT is refused. */
    bool (*connect_allowed)(void *ctx, struct str host, uint16_t port);
    void *ctx;
};

int http_start(const struct http_config *config, struct http **ret);
/* Listens; "127.0.0.1:4566", "[::1]:0". *ret_port is what it got. E_BUSY when the port is in use. */
int http_listen(struct http *h, const char *address, uint16_t *ret_port);  /* E_INVALID address, E_DENIED, E_BUSY, E_IO */
/* A listening socket made elsewhere (inside a sandbox's network namespace). Exchanges carry tag; http owns fd. */
int http_listen_fd(struct http *h, int fd, void *tag, bool plain_only);
/* Closes the listeners with that tag and their connections; returns when no exchange carries the tag any more, so exchanges that a door
 * holds unanswered are to be answered first. Never from within a door. */
void http_unlisten(struct http *h, void *tag);
/* Accepts no more and waits for running exchanges, at most 30 s. Tagged listeners go on, since running functions need them to finish. The second call does
 * nothing. NULL-safe. */
void http_quiesce(struct http *h);
/* Ends every connection. A door may still hold exchanges afterwards: their replies are thrown away. NULL-safe. */
void http_stop(struct http *h);

struct http_stats {
    uint64_t requests, connections;
    uint32_t connections_now;
};
void http_stats(const struct http *h, struct http_stats *ret);

#endif
