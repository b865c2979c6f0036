/* strata check: a stream belongs to its table, its changes are whole and dense, and a timer stands for the oldest. */
#include "aws/check.h"
#include "base/arena.h"
#include "services/dynamodb/stream.h"

void dynamodb_check_stream(struct op *op, struct check *c)
{
    const struct dynamodb_rec_Stream *s = c->rec;
    struct dynamodb_rec_Table t = { 0 };
    struct key k;
    stream_key(op, &k, s->TableName);
    key_str(&k, s->Label);
    if (!str_eq(key_view(&k), c->key))
        check_fault(op, c, "its table and label are not those of its key");
    table_key(op, &k, s->TableName);
    if (s->EndedMs.set)
        check_timer(op, c, "dynamodb.trim", s->Id, -1);
    else if (op_rec_get(op, &k, &dynamodb_rec_Table_shape, &t) < 0 || !str_eq(t.StreamId, s->Id))
        check_fault(op, c, "its table does not write to it");
}

/* The stream of an id; false when there is none. */
static bool find_stream(struct op *op, struct str id)
{
    struct key from, to;
    struct str key, value;
    bool found = false;
    op_key(op, &from, &dynamodb_kind_stream);
    key_after_prefix(&from, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (!found && scan_next(scan, &key, &value)) {
        struct dynamodb_rec_Stream s = { 0 };
        found = op_rec_decode(op, value, &dynamodb_rec_Stream_shape, &s) == 0 && str_eq(s.Id, id);
    }
    scan_end(scan);
    return found;
}

static bool has_change(struct op *op, struct str id, int64_t number)
{
    struct key k;
    change_key(op, &k, id, number);
    return op_rec_has(op, &k);
}

void dynamodb_check_tail(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct stream_tail tail;
    struct str id;
    if (key_read_str(&r, op->arena, &id) || stream_tail_get(op, id, &tail) < 0) {
        check_fault(op, c, "it does not decode");
        return;
    }
    if (!find_stream(op, id))
        check_fault(op, c, "its stream is not there");
    if (tail.trimmed > tail.last || (tail.trimmed < tail.last && !has_change(op, id, tail.trimmed + 1)))
        check_fault(op, c, "its oldest change is not there");
    if (tail.timed)
        check_timer(op, c, "dynamodb.trim", id, -1);
    else if (tail.trimmed < tail.last)
        check_fault(op, c, "nothing trims it");
}

void dynamodb_check_change(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct stream_tail tail;
    struct change change;
    struct key all;
    struct str id;
    int64_t number;
    if (key_read_str(&r, op->arena, &id) || key_read_i64(&r, &number)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    op_key(op, &all, &dynamodb_kind_change);
    key_str(&all, id);
    if (check_waits(op, c, "dynamodb.clear", key_view(&all)))
        return;
    if (stream_tail_get(op, id, &tail) < 0 || number <= tail.trimmed || number > tail.last)
        check_fault(op, c, "its stream knows nothing of it");
    else if (number < tail.last && !has_change(op, id, number + 1))
        check_fault(op, c, "the change behind it is not there");
    if (!change_is_sealed(c->value) && change_decode(op, NULL, c->key, c->value, &change) < 0)
        check_fault(op, c, "it does not decode");
}
