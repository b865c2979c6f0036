/* What the files of src/http share.
 *
 * The life of a connection: the acceptor thread accepts it and owns it while it waits for the first bytes (accept.c); then it belongs
 * to a libmicrohttpd daemon of one of the loops (loop.c) until that one closes the socket. A conn is in http->conns from accept to close, so under
 * http->lock its fd is valid. It is freed when the last of its holders (the socket's owner, each of its exchanges) let go.
 *
 * The life of a request (request.c):   HEAD -> BODY -> RUN -> completed.   While a request waits for its door libmicrohttpd either asks
 * for it at each turn of the loop (POLLED: cheap for the time of a commit), or its connection is suspended, which costs two changes of an epoll set
 * and a futile read. `state` decides between the replying thread and the connection's loop:
 *     WAITING --(the loop)--> POLLED --exchange_reply, upon which the loop takes a turn--> ANSWERED
 *     POLLED --(asked for in vain POLLS_MAX times, the loop suspends it)--> SUSPENDED
 *     WAITING --(the loop suspends it)--> SUSPENDED --exchange_reply, upon which the loop resumes it--> ANSWERED
 *     WAITING --exchange_reply--> ANSWERED          SUSPENDED --http_stop, upon which the loop resumes it--> ABORTED
 *     WAITING, POLLED, ABORTED --the connection ended--> GONE: exchange_reply releases the request. */
#ifndef STRATA_HTTP_INTERNAL_H
#define STRATA_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/wake.h"
#include "http/http.h"

enum {
    HOLD_BYTES = 64 * 1024,             /* what takes less is not counted: connections_max bounds it */
    POOL_BYTES = 24 * 1024,             /* a connection's memory in libmicrohttpd, which zeroes it after each request */
    DRAIN_SMALL_BYTES = 256 * 1024,     /* an unwanted body up to this is read, so that the connection can be kept */
    DRAIN_BYTES = 1024 * 1024 * 1024,   /* the rest of a body that turned out to be unwanted is read up to this */
    CONNECT_HEAD_BYTES = 8 * 1024,      /* a CONNECT request */
    LINGER_SECONDS = 5,                 /* how long a refused body is swallowed so that the client gets to read the answer */
    QUIESCE_SECONDS = 30,
    ARENAS_KEPT = 256,
    POLLED_MAX = 64,                    /* of a loop at a time, since each costs each turn; others are suspended at once */
    POLLS_MAX = 32,
    POLL_MS = 5,                        /* how long a loop with polled requests waits for events */
    DAEMONS = 2,                        /* of a loop: plain, TLS; a conn's `tls` is the index */
};

struct tls;

struct listener {
    struct listener *next;
    struct http *http;
    int fd; /* -1 when closed */
    bool plain_only, loopback;
    void *tag;
    uint32_t conns_n; /* conns that carry it, under http->lock */
};

enum conn_stage { CONN_PEEK, CONN_SERVED, CONN_LINGER };

struct conn {
    struct conn *next, *prev;
    struct http *http;
    struct listener *listener; /* NULL when lingering */
    struct loop *loop;         /* that serves it */
    struct conn *next_arrived; /* the loop's */
    int fd;
    bool tls, connected;       /* connected: it came through CONNECT */
    atomic_int refs;
    enum conn_stage stage;     /* the acceptor's, under http->lock */
    char peer[INET6_ADDRSTRLEN];

    /* For the sweep, in ticks. A head that takes too long and a body that trickles are cut off. */
    atomic_uint head_since;    /* when the wait for the next request began; 0 while one is being served */
    atomic_uint body_since;    /* when its body began; 0 outside */
    _Atomic uint64_t body_bytes;
    atomic_uint sent_since;    /* when the answer was handed to libmicrohttpd; 0 outside */
    unsigned acked_for, acked_at; /* the acceptor's: of which sent_since, and when, acked was measured */
    uint64_t acked;

    pthread_mutex_t lock;
    struct request *parked;    /* the suspended request, under lock */
};

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_RUN };
enum reply_state { WAITING, POLLED, SUSPENDED, ANSWERED, ABORTED, GONE };

struct request {
    struct exchange x; /* first: exchange_reply gets this pointer */
    struct http *http;
    struct conn *conn;
    struct MHD_Connection *mc;
    enum phase phase;
    enum body_mode mode;
    bool counted;          /* in http.public_running */
    bool begun;            /* the door knows of it, so it hears of its end */
    bool drain;            /* the rest of the body is thrown away */
    bool starved;          /* there is no memory for its body: turned away when that has come */
    bool overloaded;       /* turned away: its door said so */
    bool queued;           /* the answer went to libmicrohttpd */
    bool polled, bulky;    /* counted in the loop's polled_n, bulky_n */
    unsigned polls, turn, stirs; /* stirs: in turn */
    int own_status;        /* 0, or what http answers by itself */
    size_t body_max, body_cap;
    char *body;            /* malloc'd when it outgrows the arena */
    struct body_sink sink;
    uint64_t drained;
    size_t held;           /* of http->held */
    atomic_int state;
    struct request *next_unparked; /* the loop's */
    struct answer answer;
};

/* A thread that serves: loop.c. */
struct loop {
    struct http *http;
    struct MHD_Daemon *daemons[DAEMONS]; /* the loop's alone; TLS: NULL without certificates */
    bool due[DAEMONS];                   /* to be run before the next wait */
    unsigned tick;                       /* when both were due last */
    int epoll_fd;                        /* the daemons' and the waker */
    struct waker *waker;
    pthread_t thread;
    bool runs;
    unsigned turn;                       /* of the plain daemon */
    unsigned stirs;                      /* steps that it took in this turn with requests of which there may be more to do at once */
    unsigned polled_n;                   /* requests of the plain daemon that are POLLED */
    unsigned bulky_n;                    /* answers of the plain daemon that are sent in more than one turn, without a word to us */
    pthread_mutex_t lock; /* of what other threads have for it: */
    struct conn *arrived;
    struct request *unparked;
    bool answered; /* a polled one */
};

struct http {
    struct http_config config;
    unsigned request_seconds;
    struct loop *loops; /* config.threads_n */
    unsigned loop_next; /* the acceptor's: who gets the next connection */
    struct tls *tls;

    int epoll_fd, wake_fd, timer_fd;
    pthread_t acceptor;
    bool acceptor_runs;
    atomic_bool stopping, quiescing;
    atomic_uint tick; /* seconds since the start, at least 1 */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a conn was freed or a listener closed */
    struct listener *listeners;
    struct conn *conns;
    uint32_t conns_n;
    bool quiet;  /* doors hear of no client that went any more: they may be closing */
    bool paused; /* the listeners are out of the epoll set: too many connections, or no descriptors */

    pthread_mutex_t arenas_lock;
    struct arena *arenas[ARENAS_KEPT];
    uint32_t arenas_n;

    _Atomic uint64_t requests, connections;
    _Atomic size_t held; /* bytes that great bodies and answers take */
    size_t most_held;    /* the acceptor's: since it last gave memory back */
    uint32_t most_conns;
    int trims;               /* how many more times memory is given back */
    atomic_uint public_running; /* exchanges that carry no tag: what http_quiesce waits for */
    atomic_uint refs; /* http_start's own, and one an exchange: a door may still hold some after http_stop */
};

/* What we tell libmicrohttpd as the client's address: it keeps a copy and gives it back, which names the conn without a table. */
struct conn_address {
    struct sockaddr sa;
    struct conn *conn;
};

/* http.c */
void http_unref(struct http *h);

/* conn.c */
struct conn *conn_new(struct http *h, struct listener *l, int fd); /* l->conns_n counts it already; NULL: it lingers */
void conn_ref(struct conn *c);
void conn_unref(struct conn *c);
void conn_drop(struct conn *c);               /* out of http->conns, and the owner's reference */
void conn_close(struct conn *c);              /* the same, and closes the socket */
void conn_serve(struct conn *c, bool tls);    /* the acceptor gives it to a loop */
void conn_begin(struct conn *c, struct MHD_Daemon *d); /* the loop gives it to libmicrohttpd; closed when that fails */
bool conn_is_parked(struct conn *c);
void conn_abort_parked(struct conn *c);       /* the request that waits for its door, if one does: its client is not there any more */
void conn_notify(void *cls, struct MHD_Connection *mc, void **socket_context, enum MHD_ConnectionNotificationCode code);
struct conn *conn_of(struct MHD_Connection *mc);

/* accept.c */
int acceptor_start(struct http *h);
void acceptor_stop(struct http *h);
int acceptor_listen(struct http *h, struct listener *l);
void acceptor_wake(struct http *h);
/* Whom a head asks for that begins with "CONNECT ". E_INVALID. */
int connect_target(struct str head, struct str *ret_host, uint16_t *ret_port);
void conn_linger(struct http *h, int fd); /* swallows what still comes in on fd, then closes it */

/* loop.c */
int loop_start(struct loop *l, struct http *h);
void loop_stop(struct loop *l); /* http->stopping is set and nothing is parked; ends every connection */
void loop_serve(struct loop *l, struct conn *c); /* any thread */
/* Any thread: the suspended r->state goes from `from` to `to`, and the loop resumes it; false: it was not in `from`. */
bool loop_unpark(struct loop *l, struct request *r, int from, int to);

/* Any thread: the polled request goes from POLLED to ANSWERED, and the loop takes a turn; false: it was not POLLED. */
bool loop_answered(struct loop *l, struct request *r);

/* request.c */
struct arena *arena_take(struct http *h);
void arena_give(struct http *h, struct arena *a);
void *request_new(void *cls, const char *uri, struct MHD_Connection *mc);
enum MHD_Result request_step(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
                             const char *data, size_t *data_n, void **context);
void request_completed(void *cls, struct MHD_Connection *mc, void **context, enum MHD_RequestTerminationCode code);
void request_abort_parked(struct request *r); /* under http->lock and conn->lock */
void request_hold(struct request *r, size_t bytes); /* until the request ends */

/* reply.c */
enum MHD_Result reply_queue(struct request *r);
void reply_own(struct request *r); /* fills r->answer from r->own_status */

/* tls.c */
int tls_new(const struct http_config *config, struct tls **ret);
void tls_free(struct tls *t);
void tls_describe(struct MHD_Connection *mc, const char **ret_version, const char **ret_cipher); /* static texts, or NULL */
struct MHD_Daemon *tls_daemon(struct http *h, unsigned flags, const struct MHD_OptionItem *options);

#endif
