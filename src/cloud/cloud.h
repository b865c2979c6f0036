/* The running program: what hangs together, and how it is started. */
#ifndef STRATA_CLOUD_CLOUD_H
#define STRATA_CLOUD_CLOUD_H

#include "aws/op.h"
#include "base/exchange.h"
#include "sched/clock.h"
#include "store/commit.h"

struct doors;
struct parking;
struct metrics;
struct telemetry;
struct jobs;
struct envelopes;   /* data keys in memory; cloud/envelope.h */
struct key_maker;   /* makes RSA pairs; services/kms */
struct pattern_cache; /* parsed event patterns; services/events */
struct issuers;     /* keys of identity providers; cloud/issuer.h */
struct shared;      /* base/shared.h */
struct access_logs; /* services/apigatewayv2, as: */
struct throttles;
struct audit;       /* what waits in memory to be recorded; services/cloudtrail */
struct usage;       /* who used what; services/iam */
struct lambda_host; /* the environments of functions; services/lambda */

/* Failures of a kind that come in crowds: told once a second (pipeline.c). */
enum { UNTOLD_KINDS = 32 /* more than enum err has */, UNTOLD_MS = 1000 };
struct untold {
    _Atomic int64_t told_ms; /* when one was last told, clock_mono_ms; 0: never */
    _Atomic uint64_t n;      /* since then */
};

struct cloud_config {
    const char *data_dir;      /* NULL: in memory (tests) */
    const char *region;        /* when a request names none: us-east-1 */
    struct str public_url;     /* http://127.0.0.1:4566, for QueueUrl and the like, where the request has no Host */
    struct str weaker;         /* what is weaker here without privileges, in words; "" when nothing is */
    bool test_keys;            /* test/test is root of 000000000000: only on loopback listeners */
    const char *root_key_passphrase_file, *credentials_dir; /* where the root key comes from: cloud/root_key.h; NULL: not from there */
    bool iam_soft;             /* what policies refuse is noted, not refused */
    bool cold_environments;    /* each environment of a function runs its INIT: none is restored from another's */
    bool jobs_by_hand;         /* timers and outbox wait for jobs_step (tests) */
};

struct cloud {
    struct cloud_config config;
    struct store *store;
    struct writer *writer;
    struct blobs *blobs;
    struct clock *clock;
    struct jobs *jobs;         /* timers and outbox */
    struct parking *parking;
    struct doors *doors;
    struct background *background;
    _Atomic bool chore_runs;   /* a backup or a check: one at a time */
    struct auth_state *auth;   /* signing keys and parsed policies */
    struct sandboxes *sandboxes; /* NULL when functions cannot run */
    struct http *http;         /* for listeners inside sandboxes; NULL in tests */
    struct lambda_host *lambda;
    struct audit *audit;
    struct usage *usage;
    struct pattern_cache *patterns;
    struct shared *authorizer_results; /* of HTTP APIs, as the next two; services/apigatewayv2 */
    struct access_logs *access_logs;
    struct throttles *throttles;
    struct issuers *issuers;
    struct key_maker *key_maker;
    struct envelopes *envelopes;
    uint8_t seal_key[32];      /* of this data directory: seals page tokens */
    uint8_t root_key[32];      /* seals what is secret at rest (base/seal.h): cloud/root_key.h */
    uint8_t owned_key[32];     /* derived from it: the key of AWS, under which services seal what has no key of the customer (cloud/envelope.h) */
    bool root_key_in_file;     /* of the data directory */
    bool root_key_known;
    size_t services_started;   /* of wire_services, in their order */
    int64_t started_ms;
    struct metrics *metrics;   /* cloud/metrics.h */
    struct telemetry *telemetry; /* cloud/telemetry.h */
    struct call_listener *listeners; /* cloud/call.h */
    struct admin_page *pages;  /* cloud/admin.h */
    struct untold untold[UNTOLD_KINDS]; /* by -enum err */
};

/* The frame: clock, writer, parking, the admin door. The caller may still set what it has (sandboxes); then cloud_open starts the services,
 * their doors and the AWS API's, and the jobs. */
int cloud_start(const struct cloud_config *config, struct store *store, struct blobs *blobs, struct cloud **ret);
int cloud_open(struct cloud *cloud);
/* Instead of both, to look at what is kept (cloud/check.h): nothing runs, nothing is written. The root key is known where it is a file. */
int cloud_inspect(const struct cloud_config *config, struct store *store, struct blobs *blobs, struct cloud **ret);
/* Removes body files that no record names. Before the first request. Returns how many. */
int cloud_sweep_blobs(struct cloud *cloud);
/* A sync failed: reads go on, nothing is written any more (store/commit.h) until strata is started anew. */
bool cloud_read_only(const struct cloud *cloud);
void cloud_quiesce(struct cloud *cloud); /* a stop is near: the long polls of clients are answered, as if their time were over */
void cloud_stop(struct cloud *cloud);

#endif
