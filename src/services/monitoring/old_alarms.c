/* Alarms from before strata ran them (formats 1 and 2): they get their timers when it starts. */
#include "base/arena.h"
#include "base/err.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/monitoring/alarm.h"

/* The first alarm of op's account and Region that has no timer yet, and should have one; E_NOT_FOUND: none. */
static int next_old(struct op *op, struct monitoring_rec_Alarm *ret)
{
    struct key from, to;
    struct str key, value;
    int rc = E_NOT_FOUND;
    op_key(op, &from, &monitoring_kind_alarm);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == E_NOT_FOUND && scan_next(s, &key, &value)) {
        rc = op_rec_decode(op, value, &monitoring_rec_Alarm_shape, ret);
        if (rc == 0 && (!ret->Metric || opt_bool(ret->Runs, false)))
            rc = E_NOT_FOUND;
    }
    int scan_rc = scan_end(s);
    return scan_rc ? scan_rc : rc;
}

static int run_old(struct op *op, void *ctx)
{
    struct monitoring_rec_Alarm r = { 0 };
    int rc;
    while ((rc = next_old(op, &r)) == 0) {
        r.Runs = SOME_BOOL(true);
        if ((rc = alarm_arm(op, r.Metric)) || (rc = alarm_put(op, r.Metric->AlarmName, &r)))
            return rc;
    }
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* The next account and Region behind *from; *from is moved behind it. E_NOT_FOUND: no more. */
static int next_place(struct op *op, struct key *from)
{
    struct key all, to;
    struct str key, value, part;
    struct key_reader r;
    int rc = E_NOT_FOUND;
    key_init(&all);
    key_c(&all, "op");
    key_after_prefix(&all, &to);
    struct scan *s = txn_scan(op->txn, key_view(from), key_view(&to), false);
    if (scan_next(s, &key, &value)) {
        key_read_init(&r, key);
        rc = key_read_str(&r, op->arena, &part) || key_read_str(&r, op->arena, &op->partition) || key_read_str(&r, op->arena, &op->account) ||
             key_read_str(&r, op->arena, &op->region) ? E_CORRUPT : 0;
    }
    int scan_rc = scan_end(s);
    if (rc || scan_rc)
        return scan_rc ? scan_rc : rc;
    key_str(&all, op->partition);
    key_str(&all, op->account);
    key_str(&all, op->region);
    key_after_prefix(&all, from);
    return 0;
}

int alarms_start(struct cloud *cloud)
{
    struct txn *txn = store_read(cloud->store);
    struct op op = { .cloud = cloud, .arena = arena_new(), .txn = txn };
    struct key from;
    int rc;
    key_init(&from);
    key_c(&from, "op");
    while ((rc = next_place(&op, &from)) == 0) {
        struct monitoring_rec_Alarm r = { 0 };
        rc = next_old(&op, &r);
        if (rc == 0)
            rc = cloud_run(cloud, op.account, op.region, run_old, NULL, NULL);
        if (rc && rc != E_NOT_FOUND)
            break;
    }
    arena_free(op.arena);
    txn_end(txn);
    return rc == E_NOT_FOUND ? 0 : rc;
}
