/* One HTTP request and its answer, without HTTP: what http hands to a door and what a door hands back.
 *
 * http (or a test) makes it; a door (cloud/door.h) handles it. All strings live in the exchange's arena, which is released
 * after the last byte of the answer was sent (or the client went). exchange_reply may be called once, from any thread. */
#ifndef STRATA_BASE_EXCHANGE_H
#define STRATA_BASE_EXCHANGE_H

#include "base/list.h"

struct header {
    struct str name, value; /* the name as sent; compare with str_eq_nocase */
};

struct header_list {
    struct header *v;
    uint32_t n, cap;
    bool set;
};

/* Where a streamed body goes while it arrives. write returns 0, or <0 to stop reading (then the door replies). */
struct body_sink {
    int (*write)(void *ctx, const char *p, size_t n);
    void *ctx;
};

/* Where a streamed answer comes from, from its first byte to its last. */
struct body_source {
    int64_t (*read)(void *ctx, char *p, size_t max); /* how many bytes came, at least one; <0: none, and the connection is cut. NULL: no source */
    void (*close)(void *ctx);
    void *ctx;
    int64_t bytes;
};

/* The answer. Either body (copied or living in the exchange's arena), or fd + range, or source. */
struct answer {
    int status;
    struct header_list headers; /* Content-Length, Date, Connection are http's own */
    struct str body;
    int fd;                     /* -1, or a file to send: fd_bytes from fd_offset; http closes it */
    int64_t fd_offset, fd_bytes;
    struct body_source source;  /* http closes it */
    int64_t content_length;     /* -1, or what to say for HEAD, whose body is not sent */
    bool close;                 /* close the connection behind it */
};

struct door; /* cloud/door.h */

struct exchange {
    struct arena *arena;
    struct str method;      /* "GET" */
    struct str target;      /* the request target, exactly as sent, without '?' and query: still percent-encoded */
    struct str query;       /* behind '?', as sent; absent when there is none */
    struct str host;        /* the Host header; "" when missing */
    struct header_list headers;
    struct str peer;        /* the client's address */
    bool tls;
    const char *tls_version, *tls_cipher; /* "1.3", "TLS_AES_128_GCM_SHA256"; NULL without TLS */
    bool loopback;          /* came in on a loopback or sandbox listener */
    void *listener_tag;     /* what http_listen was given: tells which sandbox calls; NULL on the public port */
    int64_t content_length; /* -1 when chunked or unknown */
    struct str body;        /* whole, when the door asked for it */
    bool body_failed;       /* the client went away, or the body was over a limit: reply is useless or has been sent */
    _Atomic bool gone;      /* the client went while the door had not replied yet: a reply is due all the same, and thrown away */

    const struct door *door;/* who handles it; set by serve */
    void *door_state;       /* the door's own */
    const struct exchange_ops *ops;
};

struct exchange_ops {
    /* Takes the answer over (copies the struct; the body stays in the arena). Any thread; once. */
    void (*reply)(struct exchange *x, const struct answer *answer);
};

static inline void exchange_reply(struct exchange *x, const struct answer *answer) { x->ops->reply(x, answer); }
struct str exchange_header(const struct exchange *x, const char *name); /* first of that name, absent when missing */
bool is_http_token(struct str s); /* RFC 9110 5.6.2: what methods and header names are made of */
void answer_init(struct answer *a, int status);
void answer_drop(struct answer *a); /* closes what it streams from: for one that is not sent */
void answer_header(struct arena *arena, struct answer *a, const char *name, struct str value); /* name: a token */

/* A door's two calls; see cloud/door.h for who is asked. */
enum body_mode {
    BODY_WHOLE, /* collect into x->body, at most *max_bytes; over it http answers 413 by itself */
    BODY_SINK,  /* stream into *sink */
    BODY_NONE,  /* the door has replied already: read no body */
};

struct exchange_handler {
    void *ctx;
    /* Headers are complete. */
    enum body_mode (*begin)(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink);
    /* The body is complete, or x->body_failed. The handler replies now or later; with body_failed it only cleans up: x ends when run returns, and a
     * reply is ignored. After a sink's write failed, the rest of the body is thrown away and run is called as usual. Not called after BODY_NONE. */
    void (*run)(void *ctx, struct exchange *x);
    /* Instead of run, with or without a begin before: too much is held in memory for others (LIMIT_HELD_BYTES), so the door replies now, in its own
     * words, that the client is to try again. NULL: 503 is the answer. */
    void (*overloaded)(void *ctx, struct exchange *x);
    /* The client of an exchange whose reply is due has gone (x->gone): the door may make an end of what it waits for. It may not block, nor reply before it
     * returns. Not called once http_quiesce has returned. NULL: the reply comes in its time. */
    void (*gone)(void *ctx, struct exchange *x);
};

#endif
