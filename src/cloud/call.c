#include "cloud/call.h"

#include "auth/auth.h"
#include "cloud/authorize.h"
#include "cloud/task.h"
#include "aws/error.h"
#include "wire/wire.h"

struct principal principal_service(struct op *op, const char *service_name, struct str source_arn)
{
    return (struct principal){
        .kind = PRINCIPAL_SERVICE,
        .arn = str_c(service_name),
        .name = str_c(service_name),
        .source_arn = source_arn,
        .source_account = op->account,
    };
}

void cloud_listen(struct cloud *cloud, struct call_listener *l)
{
    l->next = cloud->listeners;
    cloud->listeners = l;
}

void call_ended(struct op *op, const void *in, const void *out, int rc)
{
    for (const struct call_listener *l = op->cloud->listeners; l; l = l->next)
        l->ended(l->ctx, op, in, out, rc);
}

int call_committing(struct op *op, const void *in, const void *out)
{
    int rc = 0;
    for (const struct call_listener *l = op->cloud->listeners; l && rc == 0; l = l->next)
        if (l->committing && op->row->txn == OP_RW)
            rc = l->committing(l->ctx, op, in, out);
    return rc;
}

static int run_callee(struct op *callee, const void *in, void *out)
{
    int rc = aws_validate(callee, in);
    if (!rc)
        rc = op_authorize(callee, in);
    return rc ? rc : callee->row->run(callee, in, out);
}

int cloud_call_in(struct op *op, struct str account, struct str region, const char *service, const char *operation, const struct principal *as,
                  const void *in, void *out, struct op_failure *ret_failure)
{
    const struct service_row *s = wire_service(service);
    const struct op_row *row = s ? wire_op(s, str_c(operation)) : NULL;
    bool may_write = txn_is_write(op->txn);
    if (!row || (row->txn == OP_RW && !may_write))
        return E_UNSUPPORTED;
    struct op callee;
    op_init(&callee, op->cloud, op->arena, account, region);
    callee.parent = op;
    callee.txn = op->txn;
    callee.now_ms = op->now_ms;
    callee.row = row;
    callee.caller = as;
    callee.wake_seq = op->wake_seq;
    if (may_write)
        txn_save(op->txn);
    int rc = run_callee(&callee, in, out);
    if (rc == E_PARKED)
        rc = E_BUSY;
    if (rc == 0)
        rc = call_committing(&callee, in, out);
    call_ended(&callee, in, out, rc);
    if (may_write && rc)
        txn_save_rollback(op->txn);
    else if (may_write)
        txn_save_release(op->txn);
    if (rc == 0)
        effects_splice(op, &callee);
    else
        effects_undo(&callee);
    if (ret_failure)
        *ret_failure = callee.fail;
    return rc;
}

int cloud_forward(struct op *op, const char *service, const char *operation, const struct principal *as, const void *in, void *out,
                  int64_t wait_ms_max, struct op_failure *ret_failure)
{
    const struct service_row *s = wire_service(service);
    const struct op_row *row = s ? wire_op(s, str_c(operation)) : NULL;
    if (!row || row->txn == OP_RW)
        return E_UNSUPPORTED;
    struct op callee;
    struct str request_id = op->request_id;
    op_init(&callee, op->cloud, op->arena, op->account, op->region);
    callee.request_id = request_id; /* the callee may name what it waits for by it */
    callee.parent = op;
    callee.txn = op->txn;
    callee.now_ms = op->now_ms;
    callee.row = row;
    callee.caller = as;
    callee.wake_seq = op->wake_seq;
    callee.state = op->state;
    callee.tries = op->tries;
    int rc = op->state ? row->run(&callee, in, out) : run_callee(&callee, in, out);
    op->state = callee.state;
    if (rc == E_PARKED)
        op_park(op, callee.wait_key, callee.wait_ms < wait_ms_max ? callee.wait_ms : wait_ms_max);
    else
        call_ended(&callee, in, out, rc);
    if (rc == 0)
        effects_splice(op, &callee);
    else
        effects_undo(&callee);
    if (ret_failure)
        *ret_failure = callee.fail;
    return rc;
}

int cloud_call(struct op *op, const char *service, const char *operation, const struct principal *as, const void *in, void *out,
               struct op_failure *ret_failure)
{
    return cloud_call_in(op, op->account, op->region, service, operation, as, in, out, ret_failure);
}
