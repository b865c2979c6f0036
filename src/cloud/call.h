/* Cross-service calls: the pipeline without HTTP and signature.
 *
 *     struct sqs_SendMessage_in in = { .QueueUrl = url, .MessageBody = body };
 *     struct sqs_SendMessage_out out = { 0 };
 *     struct principal p = principal_service(op, "events.amazonaws.com", rule_arn);
 *     int rc = cloud_call(op, "sqs", "SendMessage", &p, &in, &out, &failure);
 *
 * It runs at once, inside op's transaction, under its own savepoint: rolled back when it fails. The policies of the callee decide, as on AWS.
 * An OP_RW operation may be called only from an OP_RW operation or a job (else E_UNSUPPORTED). Validation and authorization are as for anybody. */
#ifndef STRATA_CLOUD_CALL_H
#define STRATA_CLOUD_CALL_H

#include "aws/op.h"

/* 0, E_AWS (ret_failure says why; the caller's own op->fail is untouched), or another enum err. E_PARKED never: a call does not wait.
 * ret_failure may be NULL. The callee runs in op's account and region. */
int cloud_call(struct op *op, const char *service, const char *operation, const struct principal *as, const void *in, void *out,
               struct op_failure *ret_failure);
/* The same for resources of another account or region. */
int cloud_call_in(struct op *op, struct str account, struct str region, const char *service, const char *operation, const struct principal *as,
                  const void *in, void *out, struct op_failure *ret_failure);

/* A call that may wait, for operations on a snapshot: E_PARKED is to be returned from the caller's own handler, which then runs again and calls
 * again with equal arguments. wait_ms_max bounds the wait (op->timed_out then). op->state belongs to the callee meanwhile. */
int cloud_forward(struct op *op, const char *service, const char *operation, const struct principal *as, const void *in, void *out,
                  int64_t wait_ms_max, struct op_failure *ret_failure);

/* ---- who hears of every call of an operation that has ended: a client's, or one from inside ---- */

/* ended is called in whatever thread ended it, before the answer is sent: it must be quick. Of a client's call once, however often it ran, and without
 * a transaction; of one from inside within the transaction of whoever called, and again when that runs again. op has what was asked of the policies
 * (op->asked); in and out may be NULL. rc: 0, or E_AWS with op->fail, or another enum err. */
struct call_listener {
    void (*ended)(void *ctx, struct op *op, const void *in, const void *out, int rc);
    /* Of an OP_RW operation, when it has succeeded and before its commit: what is written to op->txn is there when the operation is, and only then.
     * It may run twice. <0: the operation fails with that. NULL: nothing. */
    int (*committing)(void *ctx, struct op *op, const void *in, const void *out);
    void *ctx;
    struct call_listener *next; /* cloud's */
};
/* Before the first request; l is the caller's, and there as long as requests are. */
void cloud_listen(struct cloud *cloud, struct call_listener *l);
void call_ended(struct op *op, const void *in, const void *out, int rc); /* the pipeline's own: tell them */
int call_committing(struct op *op, const void *in, const void *out);

struct principal principal_service(struct op *op, const char *service_name, struct str source_arn);

/* Runs fn as an operation in the writer from any thread (event source pollers, completions of invocations), and then done (may be NULL),
 * in the writer thread after the commit; rc is fn's or the commit's. ctx is the caller's. When fn parks (E_PARKED), it runs again when woken
 * or timed out. E_BUSY, E_CLOSED, E_IO when it cannot be queued: done is then not called. */
int cloud_run(struct cloud *cloud, struct str account, struct str region, int (*fn)(struct op *op, void *ctx),
              void (*done)(struct cloud *cloud, void *ctx, int rc), void *ctx);
/* Runs fn as an operation on a snapshot, in the calling thread; it may park. done follows, in whatever thread ran it last. For doors. */
void cloud_ask(struct cloud *cloud, struct str account, struct str region, const struct exchange *http, int (*fn)(struct op *op, void *ctx),
               void (*done)(struct cloud *cloud, void *ctx, int rc), void *ctx);
/* The same here and now: fn may not park. */
int cloud_read(struct cloud *cloud, struct str account, struct str region, int (*fn)(struct op *op, void *ctx), void *ctx);

#endif
