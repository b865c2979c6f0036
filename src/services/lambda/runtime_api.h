/* The Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 *
 * runtime_api.c says what each request means; runtime_server.c brings the requests, from the socket that each environment has on its 127.0.0.1:9001. The
 * socket tells which environment asks; there is nothing to authenticate. (The simulator brings them without sockets.)
 *
 * The server has threads of its own and no libmicrohttpd: a runtime is three requests an invocation, and what costs is changing threads and waiting.
 * An invocation is written to the connection that waits in GET next by whoever brings it, and the thread that read a response tells the invoker.
 * An environment belongs to one thread, which alone reads and closes its connections. */
#ifndef STRATA_SERVICES_LAMBDA_RUNTIME_API_H
#define STRATA_SERVICES_LAMBDA_RUNTIME_API_H

#include "base/str.h"

struct lambda_host;
struct environment;

/* One whole request. Its strings are gone when runtime_api has returned. */
struct runtime_call {
    bool post;           /* else GET */
    bool too_large;      /* the body was over LAMBDA_PAYLOAD_BYTES_MAX, and is not kept */
    struct str target, body;
    int64_t body_bytes;  /* of the whole body */
    /* Once, by any thread. head: header lines, each with its end; both strings are taken before it returns. False: the function has gone. */
    bool (*reply)(struct runtime_call *c, int status, struct str head, struct str body);
};

/* Answers now, or keeps c as env->waiting until there is an invocation for it. */
void runtime_api(struct lambda_host *h, struct environment *env, struct runtime_call *c);

/* ---- runtime_server.c ---- */

struct runtime_server;
struct runtime_site; /* an environment's part of it */

int runtime_server_start(struct lambda_host *h, uint32_t threads_n, struct runtime_server **ret); /* E_IO */
void runtime_server_stop(struct runtime_server *s); /* NULL-safe */
/* Serves a listening socket of env, which it owns from now on. E_IO: it is closed. */
int runtime_server_attach(struct runtime_server *s, struct environment *env, int listen_fd, struct runtime_site **ret);
/* Closes the socket and its connections; env is not touched afterwards. Without the host's lock, and when env->waiting is no more. NULL-safe. */
void runtime_server_detach(struct runtime_site *site);

#endif
