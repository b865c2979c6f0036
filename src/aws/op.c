#include "aws/op.h"

#include <string.h>

#include "wire/wire.h"

/* Two spaces: "op" for what services keep, "sys" (sched, cloud) for strata's own. */
void op_key_in(const struct op *op, struct key *k, struct str account, struct str region, const struct record_kind *kind)
{
    key_init(k);
    key_c(k, "op");
    key_str(k, op->partition);
    key_str(k, kind->scope == SCOPE_WORLD ? STR("") : account);
    key_str(k, kind->scope == SCOPE_REGION ? region : STR(""));
    key_c(k, kind->service);
    key_c(k, kind->name);
}

void op_key(const struct op *op, struct key *k, const struct record_kind *kind)
{
    op_key_in(op, k, op->account, op->region, kind);
}

static int decode_in_place(struct op *op, struct str value, const struct shape *shape, void *ret)
{
    memset(ret, 0, shape->size); /* members that an older program did not write are absent */
    return wire_record_decode(op->arena, shape, value, ret) ? E_CORRUPT : 0;
}

int op_rec_decode(struct op *op, struct str value, const struct shape *shape, void *ret)
{
    /* The record's strings point into it, and the caller may keep them past the next write: so they get a copy. */
    return decode_in_place(op, str_dup(op->arena, value), shape, ret);
}

int op_rec_get(struct op *op, const struct key *k, const struct shape *shape, void *ret)
{
    struct str value;
    int rc = txn_get_hot(op->txn, op->arena, key_view(k), &value);
    return rc ? rc : decode_in_place(op, value, shape, ret);
}

int op_rec_put(struct op *op, const struct key *k, const struct shape *shape, const void *rec)
{
    if (k->over)
        return E_LIMIT;
    struct str value;
    int rc = wire_record_encode(op->arena, shape, rec, &value);
    return rc ? rc : txn_put(op->txn, key_view(k), value);
}

int op_rec_delete(struct op *op, const struct key *k)
{
    return txn_delete(op->txn, key_view(k));
}

bool op_rec_has(struct op *op, const struct key *k)
{
    struct str value;
    return txn_get(op->txn, key_view(k), &value) == 0;
}

int op_park(struct op *op, struct str key, int64_t wait_ms)
{
    op->wait_key = key;
    op->wait_ms = wait_ms;
    return E_PARKED;
}

int op_poll(struct op *op, struct str key, int64_t wait_ms)
{
    op->polls = true;
    return op_park(op, key, wait_ms);
}

int op_poll_keeping(struct op *op, struct str key, int64_t wait_ms)
{
    op->keeps = true;
    return op_poll(op, key, wait_ms);
}
