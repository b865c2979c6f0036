/* The host: environments of functions, in memory. Nothing here survives a restart; what must (accepted events, mappings) is a record.
 *
 * A pool is one revision of one function: its configuration, its environments, the invocations that wait. An environment is one sandbox:
 *   STARTING --(first GET next)--> IDLE --(invocation)--> BUSY --(GET next)--> IDLE ... --(exit, kill)--> DEAD --(host thread)--> freed
 *   IDLE --(its GET next breaks off)--> BUSY, with nothing to do: it has the function's timeout to ask anew
 * A pool may have a template (template.c): its first environment, as it was after INIT, from which the others are restored.
 * One lock guards all of it; callbacks run outside the lock. The host thread keeps deadlines, freezes and reaps; the starter thread starts sandboxes. */
#ifndef STRATA_SERVICES_LAMBDA_HOST_H
#define STRATA_SERVICES_LAMBDA_HOST_H

#include <pthread.h>

#include "auth/assume.h"
#include "cloud/cloud.h"
#include "sandbox/sandbox.h"
#include "services/lambda/lambda.h"
#include "services/lambda/runtime_api.h"

enum {
    HOST_ENVIRONMENTS_MAX = 64,
    HOST_QUEUE_MAX = LAMBDA_CONCURRENCY,
    HOST_INIT_MS = 30 * 1000,         /* AWS allows 10 s; a laptop may be slower */
    HOST_START_MS = 3 * 1000,         /* what an INIT takes that is not taken to hang; share.c */
    HOST_FREEZE_AFTER_MS = 200,
    HOST_IDLE_MS = 10 * 60 * 1000,
    HOST_TEMPLATES_MAX = 16,          /* one more, and the one that was used longest ago goes, of those that no environment came of */
    HOST_TICK_MS = 50,
    HOST_IDLE_TICK_MS = 1000,         /* while there are templates alone */
    HOST_RETURN_MS = 50,              /* an environment that has answered is taken to ask for more within this time: no other is started for what waits */
    HOST_LOG_MS = 50,                 /* how long lines gather before they go to CloudWatch Logs: a synced write for many invocations */
    HOST_PEAK_MS = 100,               /* how old the memory peak in a REPORT may be: looking at the processes costs more than a short invocation */
    HOST_STOP_MS = 5 * 1000,          /* for the sandboxes to end when strata stops */
    HOST_TAIL_BYTES = 4096,           /* LogType=Tail */
    LAMBDA_LISTENERS = 4,             /* of a sandbox: 9001, 4566, 443, and DNS */
};

/* What an invocation came to. Valid in done. */
struct lambda_result {
    int rc;                 /* 0: it ran, perhaps into an error; <0: it could not run (E_BUSY: throttled; E_AWS: refusal says why) */
    const struct aws_error *refusal;
    struct str message;     /* of refusal */
    struct str error;       /* absent, "Handled" or "Unhandled" */
    struct str payload;
    struct str log_tail;    /* the last 4 KB of its log, text */
};

struct invocation {
    struct invocation *next;
    struct arena *arena;    /* its own: freed after done */
    struct str arn;         /* as it was invoked: with the qualifier */
    struct str id, payload, client_context;
    struct str head;        /* header lines of its GET next, once it was handed out */
    int64_t started_ms, deadline_ms; /* clock_mono_ms */
    void (*done)(struct cloud *cloud, void *ctx, const struct lambda_result *r);
    void *ctx;
};

struct log_line {
    int64_t at_ms;          /* the clock's */
    struct str text;
};
struct log_lines {
    struct log_line *v;
    uint32_t n, cap;
    bool set;
};

struct environment {
    struct environment *next;
    struct pool *pool;
    enum { ENV_STARTING, ENV_IDLE, ENV_BUSY, ENV_DEAD } state;
    /* How it comes about. INIT --(GET restore/next)--> RESTS --(its sandbox becomes the pool's template)--> RESTORED, or --(it cannot)--> COLD */
    enum { ENV_COLD, ENV_INIT, ENV_RESTS, ENV_RESTORED } origin;
    bool by_restore;            /* not the first of its template: it has no INIT of its own */
    struct str changes;         /* variables that it is to set as it goes on: a JSON object */
    struct sandbox *box;
    int output_fd, dns_fd;
    struct runtime_call *waiting; /* its parked GET next */
    struct runtime_site *site;  /* where it calls; bury takes it down */
    struct invocation *current;
    char last_id[40];           /* of the invocation that ended last */
    bool frozen, timed_out, exited, initialized, in_starter;
    struct sandbox_exit exit;
    int64_t since_ms;           /* in this state; clock_mono_ms */
    int64_t ended_ms;           /* when its last invocation ended */
    int64_t peak_bytes, peak_at_ms; /* of memory, when it was last looked at */
    int64_t init_ms, restore_ms; /* how long INIT or its restore took; reported with the first invocation */
    int64_t credentials_until_ms; /* the clock's */
    struct str log_stream, init_error;
    const struct aws_error *refusal; /* it cannot start, and the invoker is refused: not an error of the function. NULL: none */
    struct str refusal_message;
    struct str_map variables;   /* opened */
    struct lambda_code *layer_codes;
    struct str_list trees;      /* names of those it sees (tree.c) */
    struct arena *arena;        /* its own */
    struct arena *log_arena;    /* of the lines gathered so far */
    struct log_lines lines;
    size_t lines_bytes;
    int64_t lines_since_ms;     /* the first of them; clock_mono_ms */
    char partial[8192];         /* the unfinished last line */
    size_t partial_n;
    char tail[HOST_TAIL_BYTES]; /* ring of the current invocation's log */
    size_t tail_n;
};

struct pool {
    struct pool *next;
    struct arena *arena;
    struct str account, region, arn, revision; /* arn: with the version's number, if it is one */
    struct lambda_rec_Function function;
    struct environment *environments;
    struct invocation *queue, **queue_end;
    uint32_t queued, starting, live;
    bool retired;               /* the function changed or went */
    struct sandbox *template;   /* NULL: none */
    bool template_exited, template_killed;
    struct str_list template_trees; /* names of those that it sees, and what comes of it (tree.c) */
    int64_t template_used_ms;   /* clock_mono_ms */
    int64_t template_until_ms;  /* the clock's: its memory may hold credentials until then */
    bool cold;                  /* what its runtime or its code does cannot be kept as a template */
    uint32_t provisioned;       /* environments that are to be there, whoever asks for them (provisioned.c) */
    struct str provision_failure; /* why no more are started for that, as StatusReason has it; absent: nothing failed */
    /* Credentials and variables for its next environment, each of which has its own; the starter's. */
    struct prepared *prepared;  /* NULL: none */
    bool prepare_wanted;        /* one was started, and another may follow */
    bool preparing;             /* the starter is at it, without the lock */
};

struct lambda_host {
    struct cloud *cloud;
    pthread_mutex_t lock;
    pthread_cond_t changed, start_wanted;
    pthread_t thread, starter, output, sweeper;
    struct pool *pools;
    uint32_t environments, templates, starts_max;
    bool cold;                  /* no templates: as configured, or this machine cannot keep them */
    int output_epoll, output_wake; /* wake: an eventfd in it, for lambda_stop */
    struct dns_server *dns;
    struct runtime_server *runtime_server;
    bool stopping;
    bool provisions_wanted;     /* to be read anew by the host's thread */
    bool sweep_wanted, sweeps, has_swept; /* of unpacked code: a function changed or went; one is under way; the sweeper is to be joined */
    struct poller *poller;
};

/* What is to be run. */
struct host_call {
    struct str arn;         /* as invoked */
    struct str id;          /* the request's */
    struct str payload, client_context;
};
/* Queues an invocation. done is called once, from any thread, outside the lock. E_BUSY throttled, E_CLOSED strata stops, E_UNSUPPORTED no sandbox here. */
int host_invoke(struct cloud *cloud, struct str account, struct str region, const struct lambda_rec_Function *f, const struct host_call *call,
                void (*done)(struct cloud *cloud, void *ctx, const struct lambda_result *r), void *ctx);

/* Provisioned environments. provisions_read, in the host's thread and without the lock, calls host_provision with each version that is to have n more. */
int provisions_read(struct lambda_host *h);
void host_provision(struct lambda_host *h, struct str account, struct str region, const struct lambda_rec_Function *f, uint32_t n);
void host_provisions_changed(struct cloud *cloud);
struct host_provision {
    int64_t ready;          /* environments that are there */
    struct str failure;     /* why there are no more to come; absent: they are being started */
};
struct host_provision host_provisioned(struct cloud *cloud, struct arena *a, struct str account, struct str region, const struct lambda_rec_Function *f);

/* environment.c: makes the sandbox of env. Blocks; in the starter thread, without the lock. On failure env->init_error says why. */
int environment_start(struct lambda_host *h, struct environment *env);

/* tree.c: code (or layers, in order, one over the other), unpacked once; the path in ret_dir. Blocks: in the starter thread, without the lock. */
struct str tree_name(struct arena *a, const struct lambda_code *codes, uint32_t n);
int tree_unpack(struct cloud *cloud, struct arena *a, struct str name, const struct lambda_code *codes, uint32_t n, struct str *ret_dir);
void *trees_sweep(void *host); /* a thread that removes what neither a function nor an environment needs; host->sweeps is set until it is done */

/* The same by steps, for template.c. E_INVALID as above. */
void environment_prepare(struct lambda_host *h, struct pool *p); /* what the next start would wait for */
void environment_unprepare(struct pool *p);
int environment_credentials(struct lambda_host *h, struct environment *env, struct session_credentials *ret);
void environment_take(struct lambda_host *h, struct environment *env, struct sandbox *box, int output, const int fds[LAMBDA_LISTENERS]);
void environment_detach(struct lambda_host *h, struct environment *env); /* listeners and output */
int environment_fail(struct environment *env, const char *type, struct str words); /* E_INVALID, with an init_error */

/* template.c, in the starter thread, without the lock: env rests, and its sandbox becomes the template that it is then restored from; env is restored from
 * the pool's template. On failure as environment_start, or env goes on by itself, or is given up: then what waits is started anew. */
int template_keep(struct lambda_host *h, struct environment *env);
int template_restore(struct lambda_host *h, struct environment *env);
/* With the lock held. */
void template_choose(struct lambda_host *h, struct environment *env); /* how a new environment is to come about */
bool template_in_making(const struct pool *p);
bool template_exit(struct lambda_host *h, const struct sandbox *box); /* false: it was no template's */
void template_tend(struct lambda_host *h, struct pool *p, int64_t now_ms);
void template_kill(struct pool *p); /* if there is one */

/* With the lock held (all below). */
void environment_give_up(struct lambda_host *h, struct environment *env); /* it starts no more, and nobody is told */
void environment_ready(struct lambda_host *h, struct environment *env, struct runtime_call *next); /* it asks for work */
void environment_again(struct environment *env, struct runtime_call *next); /* it asks for the invocation that it has */
void environment_lost(struct environment *env); /* the connection on which it waited for work has gone */
void environment_finish(struct lambda_host *h, struct environment *env, struct str error, struct str payload); /* its invocation ended */
void environment_kill(struct lambda_host *h, struct environment *env);
void environment_retire(struct lambda_host *h, struct environment *env); /* ends one that is idle */

/* share.c: whose turn it is. */
bool pool_wants_more(const struct pool *p); /* than there will be in a moment: for what waits, or because it is to have more (provisioned) */
uint32_t pool_alive(const struct pool *p); /* host.c: environments that are there, idle or busy */
struct pool *pool_to_start(struct lambda_host *h); /* NULL: none is to be started now */
bool environment_gives_way(const struct lambda_host *h, const struct environment *env); /* idle, with work for it, but it is to end for another function's first */
void environments_make_room(struct lambda_host *h); /* ends idle ones for that */

/* output.c: log lines. */
void output_line(struct lambda_host *h, struct environment *env, struct str line); /* one of strata's own (START, END, REPORT) */
void output_drain(struct lambda_host *h, struct environment *env);                 /* takes what the pipe holds */
void output_flush(struct lambda_host *h, struct environment *env);                 /* sends the lines to CloudWatch Logs */
void *output_loop(void *host);

/* The role of a function as a principal, for what Lambda does in its name (logs, polling). */
struct principal function_principal(struct arena *a, struct str account, struct str role_arn, struct str session);

/* poller.c */
int poller_start(struct lambda_host *h);
void poller_stop(struct lambda_host *h); /* no more receives begin */
void poller_free(struct lambda_host *h); /* after the last of them ended */

#endif
