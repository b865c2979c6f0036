/* struct op: one running operation, and what an operation may do. Every handler gets one; everything it needs hangs on it.
 *
 * A handler is  int svc_Operation(struct op *op, const struct svc_Operation_in *in, struct svc_Operation_out *out)
 * and returns 0, or E_AWS after aws_fail (aws/error.h), or another enum err (answered as InternalFailure / the protocol's 500).
 * It may run more than once (a retried group, a woken parked operation): it has no effect but writes to op->txn, jobs
 * (op_job...) and op_on_commit, all of which vanish unless the commit succeeds. */
#ifndef STRATA_AWS_OP_H
#define STRATA_AWS_OP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/exchange.h"
#include "store/blob.h"
#include "store/key.h"
#include "store/store.h"
#include "wire/service.h"

struct cloud;    /* cloud/cloud.h: the whole running program */

enum principal_kind {
    PRINCIPAL_ANONYMOUS,
    PRINCIPAL_ROOT,      /* arn:aws:iam::123456789012:root */
    PRINCIPAL_USER,      /* arn:aws:iam::123456789012:user/path/name */
    PRINCIPAL_ROLE,      /* an assumed role: arn:aws:sts::123456789012:assumed-role/name/session */
    PRINCIPAL_FEDERATED, /* arn:aws:sts::123456789012:federated-user/name */
    PRINCIPAL_VOUCHED,   /* whom an identity provider vouches for, before he has a session: arn is the provider's; only policies that name it count */
    PRINCIPAL_SERVICE,   /* "events.amazonaws.com", calling from inside through cloud_call */
};

struct principal {
    enum principal_kind kind;
    struct str account;        /* 12 digits; absent for anonymous */
    struct str arn;            /* as in GetCallerIdentity; for a service its name */
    struct str user_id;        /* AIDA...; AROA...:session; the account for root */
    struct str name;           /* user name, role name, or service name */
    struct str role_arn;       /* PRINCIPAL_ROLE: arn:aws:iam::...:role/path/name */
    struct str access_key_id;
    struct str session_policy; /* JSON, or absent */
    struct str source_identity; /* of the session, or absent */
    int64_t session_issued_ms;
    bool mfa;
    /* PRINCIPAL_SERVICE: on whose behalf (aws:SourceArn, aws:SourceAccount) */
    struct str source_arn, source_account;
};

struct op_failure {
    const struct aws_error *error;
    struct str message;
    const void *detail; /* the error's own shape (members beyond the message), or NULL */
};

/* What an operation asked of the policies, in order: to the first that was refused. auth/auth.h has the items and what was answered. */
struct op_asked {
    const struct authz_item **v;
    uint32_t n, cap;
    bool set;
};

struct op {
    struct cloud *cloud;
    struct arena *arena;
    struct txn *txn;            /* a snapshot (OP_RO) or the writer's transaction (OP_RW) */
    const struct op_row *row;
    struct str partition;       /* "aws" */
    struct str account;         /* whose resources: the caller's account unless the request names another */
    struct str region;          /* "us-east-1" */
    struct str request_id;
    const struct principal *caller;
    int64_t now_ms;             /* the clock's time when the run began; use op_now_ms */
    enum protocol protocol;     /* how the client speaks; PROTO_NONE for calls from inside */
    const struct exchange *http;/* the request, or NULL for calls from inside; S3 and execute-api look at it, others need not */
    struct header_list reply_headers; /* extra headers of the answer */
    int reply_status;           /* 0: the row's */
    struct op_failure fail;
    struct op_asked asked;      /* of the policies, for this run: who listens to calls that ended (cloud/call.h) reads it */

    /* Parking. wait_* are set by op_park; timed_out and tries are for the handler when it runs again. */
    struct str wait_key;
    int64_t wait_ms;
    bool polls;                 /* it parked by op_poll */
    bool keeps;                 /* by op_poll_keeping: what it wrote is committed all the same */
    bool timed_out;             /* its deadline has passed: answer now */
    bool waits_anew;            /* set by a handler whose first wait is over: the next one has a deadline of its own */
    unsigned tries;             /* how often it ran before this run */
    void *state;                /* the handler's own, kept between the runs of a parked operation */

    struct op_effect *effects;  /* run after the commit; the pipeline's own */
    struct op_effect *undos;    /* run when the run failed; the pipeline's own */
    uint64_t wake_seq;          /* what was woken before this run began; cloud/park.c */
    struct str seal_key;        /* seals page tokens; of this data directory */
    struct auth_state *auth;    /* auth/state.h: what auth keeps in memory; NULL: nothing */
    bool test_keys;             /* the well-known test keys work on loopback listeners */
    struct op *parent;          /* of a cloud_call, else NULL */
};

/* The clock's time, milliseconds since 1970 UTC: moves with `strata clock`. Never use the system's. */
static inline int64_t op_now_ms(const struct op *op) { return op->now_ms; }

/* ---- keys: the one place where they begin, so that no service reaches another account or region by mistake ----
 * A key is (space, partition, account, region, service, kind, then the caller's elements). The kind is a row of the room's .rec file: it says whether
 * account and region are part of the key, and what the value is. */
void op_key(const struct op *op, struct key *k, const struct record_kind *kind); /* of op's account and region */
void op_key_in(const struct op *op, struct key *k, struct str account, struct str region, const struct record_kind *kind);

/* ---- records: shapes stored in CBOR; unknown members of a newer program are skipped ---- */
int op_rec_get(struct op *op, const struct key *k, const struct shape *shape, void *ret);       /* E_NOT_FOUND, E_CORRUPT, E_IO */
int op_rec_put(struct op *op, const struct key *k, const struct shape *shape, const void *rec); /* E_LIMIT, E_IO */
int op_rec_delete(struct op *op, const struct key *k);
bool op_rec_has(struct op *op, const struct key *k);
int op_rec_decode(struct op *op, struct str value, const struct shape *shape, void *ret);       /* for scans */

/* ---- jobs: what must happen after the commit (outbox) or later (timers). Both are records and survive a crash. ----
 * kind is a name of a `job` row. The job runs in the writer as an operation of this account and region, with its record removed in the same
 * transaction: what it writes happens exactly once. A job that must not be removed yet sets itself again. */
int op_outbox(struct op *op, const char *kind, struct str payload);
/* A timer is named by (kind, id): setting it again moves it. due_ms is the clock's. */
int op_timer_set(struct op *op, const char *kind, struct str id, int64_t due_ms, struct str payload);
int op_timer_arm(struct op *op, const char *kind, struct str id, int64_t due_ms, struct str payload); /* unless it is set: cheap where it nearly always is */
int op_timer_cancel(struct op *op, const char *kind, struct str id);

/* ---- effects in memory, after a successful commit (never after a failed one) ---- */
void op_on_commit(struct op *op, void (*fn)(struct cloud *cloud, void *arg), void *arg); /* arg in the op's arena; must not block */
void op_wake(struct op *op, struct str key);            /* runs every operation parked under key again, after this commit */

/* ---- parking: nothing blocks a thread ----
 * `return op_park(op, key, wait_ms);` gives the operation up until someone wakes key or wait_ms (real time) pass. Its writes are rolled back.
 * When it runs again op->tries has grown, and op->timed_out says that the time is over. Check, park, and the waker's commit cannot
 * miss one another: a key woken after the handler began to run wakes it at once. */
int op_park(struct op *op, struct str key, int64_t wait_ms);
/* The same for a long poll, which waits for what may never come: it ends at once when its client goes or strata stops (op->timed_out). It keeps no state. */
int op_poll(struct op *op, struct str key, int64_t wait_ms);
/* A long poll whose run has done something of its own accord, with what it found for nobody: that is committed, effects and all, and then it waits. It
 * must write, and be the request itself: what calls it from inside (cloud_call) waits as by op_poll, and the next run does the same again. */
int op_poll_keeping(struct op *op, struct str key, int64_t wait_ms);
/* From any thread, outside an operation and holding no lock: wakes key's operations (those on a snapshot run here and now). Returns how many. */
int cloud_wake(struct cloud *cloud, struct str key);

/* ---- bodies beside the store: a body is kept while a record names it ----
 * keep: in the transaction that stores the record. drop: in the one that removes it; the file goes after the commit. */
struct blobs *op_blobs(struct op *op);
int op_blob_keep(struct op *op, struct str id);
int op_blob_drop(struct op *op, struct str id);
/* Behind the blob_finish or blob_link of a handler: the file goes again when this run fails. When its commit fails the file stays, for the record may
 * be there after the next start; else the sweep takes it. */
void op_blob_made(struct op *op, struct str id);
bool op_blob_is_kept(struct op *op, struct str id); /* in doubt it is */

#endif
