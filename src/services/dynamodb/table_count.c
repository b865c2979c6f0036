/* How many items a table or an index has, and of how many bytes.
 *
 * Each write adds what it changes. But a PutItem of a plain table that needs nothing of the item before does not read it, for that would serve the
 * counters alone: it leaves a mark, and from then on they are an estimate, which AWS's are always ("updates this value approximately every six hours").
 * DescribeTable counts a small table itself; a large one is counted by a job, six hours behind the first such put.
 *
 *   no mark    the counters are right
 *   UNSEEN     items were put unseen; dynamodb.count is due       stats_unseen
 *   COUNTING   the job goes through a table that is large          dynamodb_job_count
 *   ESTIMATED  it has, and no item was put unseen meanwhile; what was changed behind its back may be counted twice or not at all */
#include <string.h>

#include "base/arena.h"
#include "services/dynamodb/item.h"

enum { WHOLE_ITEMS = 10000, STEP_ITEMS = 2000, READ_BYTES_MAX = 16 << 20, COUNT_MS = 6 * 3600 * 1000 };

static void stats_key(struct op *op, struct key *k, const struct record_kind *kind, struct str container)
{
    op_key(op, k, kind);
    key_str(k, container);
}

int stats_get(struct op *op, struct str container, struct stats *ret)
{
    struct key k;
    struct str v;
    stats_key(op, &k, &dynamodb_kind_stats, container);
    *ret = (struct stats){ 0 };
    int rc = txn_get(op->txn, key_view(&k), &v);
    if (rc == E_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rc;
    if (v.n != sizeof *ret)
        return E_CORRUPT;
    memcpy(ret, v.p, sizeof *ret);
    return 0;
}

static int stats_put(struct op *op, struct str container, const struct stats *s)
{
    struct key k;
    stats_key(op, &k, &dynamodb_kind_stats, container);
    return txn_put(op->txn, key_view(&k), (struct str){ (const char *)s, sizeof *s });
}

int stats_add(struct op *op, struct str container, int64_t items, int64_t bytes)
{
    struct stats s;
    if (items == 0 && bytes == 0)
        return 0;
    int rc = stats_get(op, container, &s);
    s.items += items;
    s.bytes += bytes;
    return rc < 0 ? rc : stats_put(op, container, &s);
}

/* ---- the mark ---- */

int stats_mark(struct op *op, struct str container, enum stats_mark *ret)
{
    struct key k;
    struct str v;
    stats_key(op, &k, &dynamodb_kind_unseen, container);
    *ret = STATS_EXACT;
    int rc = txn_get_hot(op->txn, op->arena, key_view(&k), &v);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    if (v.n != 1 || v.p[0] <= STATS_EXACT || v.p[0] > STATS_ESTIMATED)
        return E_CORRUPT;
    *ret = (enum stats_mark)v.p[0];
    return 0;
}

static int set_mark(struct op *op, struct str container, enum stats_mark mark)
{
    struct key k;
    char v = (char)mark;
    stats_key(op, &k, &dynamodb_kind_unseen, container);
    return mark == STATS_EXACT ? txn_delete(op->txn, key_view(&k)) : txn_put(op->txn, key_view(&k), (struct str){ &v, 1 });
}

int stats_drop(struct op *op, struct str container)
{
    struct key k;
    stats_key(op, &k, &dynamodb_kind_stats, container);
    int rc = txn_delete(op->txn, key_view(&k));
    if (rc == 0)
        rc = set_mark(op, container, STATS_EXACT);
    return rc < 0 ? rc : op_timer_cancel(op, "dynamodb.count", container);
}

/* ---- counting ---- */

/* A walk through a table, as a payload has it. */
struct count {
    struct str table, id, from; /* from: a key; empty: the beginning */
    struct stats sum;           /* of what lies before it */
};

static struct str count_payload(struct op *op, const struct count *c)
{
    struct key k;
    key_init(&k);
    key_str(&k, c->table);
    key_str(&k, c->id);
    key_i64(&k, c->sum.items);
    key_i64(&k, c->sum.bytes);
    key_raw(&k, c->from);
    return k.over ? STR_NONE : str_dup(op->arena, key_view(&k));
}

static int count_read(struct op *op, struct str payload, struct count *ret)
{
    struct key_reader r;
    key_read_init(&r, payload);
    if (key_read_str(&r, op->arena, &ret->table) < 0 || key_read_str(&r, op->arena, &ret->id) < 0 || key_read_i64(&r, &ret->sum.items) < 0 ||
        key_read_i64(&r, &ret->sum.bytes) < 0)
        return E_CORRUPT;
    ret->from = r.rest;
    return 0;
}

/* Counts on; afterwards from is where it stopped, or absent: that was the last. */
static int count_on(struct op *op, struct count *c, int64_t items_max)
{
    struct key first, end;
    struct str key, value;
    size_t size, read = 0;
    int64_t until = c->sum.items + items_max;
    int bad = 0;
    container_key(op, &first, c->id);
    key_after_prefix(&first, &end);
    if (c->from.n > 0) {
        key_init(&first);
        key_raw(&first, c->from);
    }
    c->from = STR_NONE;
    struct scan *s = txn_scan(op->txn, key_view(&first), key_view(&end), false);
    scan_brief(s);
    while (bad == 0 && !c->from.p && scan_next(s, &key, &value)) {
        if (c->sum.items == until || read > READ_BYTES_MAX) {
            c->from = str_dup(op->arena, key);
        } else if ((bad = item_size(value, &size)) == 0) {
            c->sum.items++;
            c->sum.bytes += (int64_t)size;
            read += value.n;
        }
    }
    int rc = scan_end(s);
    return rc < 0 ? rc : bad;
}

int stats_tell(struct op *op, struct str container, struct stats *ret)
{
    struct count c = { .id = container };
    enum stats_mark mark;
    int rc = stats_get(op, container, ret);
    if (rc == 0)
        rc = stats_mark(op, container, &mark);
    if (rc < 0 || mark == STATS_EXACT)
        return rc;
    if (ret->items <= WHOLE_ITEMS) {
        rc = count_on(op, &c, WHOLE_ITEMS);
        if (!c.from.p || c.sum.items > ret->items)
            *ret = c.sum;
    }
    if (ret->bytes < 0) /* many were deleted that had been put unseen */
        ret->bytes = 0;
    return rc;
}

int stats_unseen(struct op *op, const struct table *t)
{
    struct count c = { .table = t->rec->TableName, .id = t->rec->TableId };
    enum stats_mark mark;
    int rc = stats_mark(op, c.id, &mark);
    if (rc < 0 || mark == STATS_UNSEEN)
        return rc;
    rc = set_mark(op, c.id, STATS_UNSEEN);
    return rc < 0 ? rc : op_timer_set(op, "dynamodb.count", c.id, op_now_ms(op) + COUNT_MS, count_payload(op, &c));
}

/* ---- dynamodb.count ---- */

static int counted(struct op *op, const struct count *c, bool at_once)
{
    enum stats_mark mark;
    int rc = stats_put(op, c->id, &c->sum);
    if (rc == 0)
        rc = stats_mark(op, c->id, &mark);
    if (rc < 0)
        return rc;
    if (at_once)
        return set_mark(op, c->id, STATS_EXACT);
    return mark == STATS_COUNTING ? set_mark(op, c->id, STATS_ESTIMATED) : 0; /* else its next count is due */
}

int dynamodb_job_count(struct op *op, struct str payload)
{
    struct count c;
    struct table t;
    int rc = count_read(op, payload, &c);
    if (rc == 0)
        rc = table_open(op, c.table, &t);
    if (rc < 0)
        return rc == E_AWS ? 0 : rc;
    if (!str_eq(t.rec->TableId, c.id))
        return 0; /* another table of the name */
    bool begins = c.from.n == 0;
    rc = count_on(op, &c, begins ? WHOLE_ITEMS : STEP_ITEMS);
    if (rc < 0)
        return rc;
    if (!c.from.p)
        return counted(op, &c, begins);
    struct str next = count_payload(op, &c);
    if (!next.p)
        return E_LIMIT;
    rc = begins ? set_mark(op, c.id, STATS_COUNTING) : 0;
    return rc < 0 ? rc : op_outbox(op, "dynamodb.count", next);
}
