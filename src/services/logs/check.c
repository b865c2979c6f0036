/* strata check: events stand in both orders and belong to streams that are there; a group's sums are those of its events. */
#include <string.h>

#include "aws/check.h"
#include "base/arena.h"
#include "services/logs/logs.h"

/* The groups of the account and region that the walk is in, by id, with what it counted. */
struct known {
    int64_t id, bytes, events;
};

struct memo {
    struct str account, region;
    struct known *groups;
    uint32_t n;
    int64_t last; /* the id that was asked for last, and what was found */
    struct known *found;
    bool asked;
};

static void load_groups(struct op *op, struct check *c, struct memo *m)
{
    enum { STEP = 256 };
    struct arena *a = check_arena(c);
    struct key from, to;
    struct str key, value;
    *m = (struct memo){ .account = str_dup(a, op->account), .region = str_dup(a, op->region) };
    op_key(op, &from, &logs_kind_group);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct logs_rec_Group rec;
        if (op_rec_decode(op, value, &logs_rec_Group_shape, &rec))
            continue; /* the walk tells it */
        if (m->n % STEP == 0) {
            struct known *more = arena_many(a, struct known, m->n + STEP);
            if (m->n)
                memcpy(more, m->groups, m->n * sizeof *more);
            m->groups = more;
        }
        m->groups[m->n++] = (struct known){ .id = rec.Id.v };
    }
    scan_end(s);
}

static struct known *find(struct op *op, struct check *c, int64_t id)
{
    struct memo *m = check_memo(c, sizeof *m);
    if (!str_eq(m->account, op->account) || !str_eq(m->region, op->region))
        load_groups(op, c, m);
    if (m->asked && m->last == id)
        return m->found;
    m->asked = true;
    m->last = id;
    m->found = NULL;
    for (uint32_t i = 0; i < m->n && !m->found; i++)
        if (m->groups[i].id == id)
            m->found = &m->groups[i];
    if (!m->found && !check_waits(op, c, "logs.sweep", str_printf(op->arena, "%lld", (long long)id)))
        check_fault(op, c, "there is no group of its id, and no job that sweeps it away");
    return m->found;
}

/* Reads the group's id; NULL when there is nothing to compare with. */
static struct known *begin(struct op *op, struct check *c, struct key_reader *r, int64_t *ret_id)
{
    *r = c->at;
    if (key_read_i64(r, ret_id) == 0)
        return find(op, c, *ret_id);
    check_fault(op, c, "its key is malformed");
    return NULL;
}

/* Whether the stream is there, or its events are about to be swept. */
static void check_stream_there(struct op *op, struct check *c, int64_t group_id, int64_t stream_id)
{
    struct key k;
    struct str value;
    logs_key(op, &k, &logs_kind_sid, group_id);
    key_i64(&k, stream_id);
    if (txn_get(op->txn, key_view(&k), &value) < 0 &&
        !check_waits(op, c, "logs.sweep", str_printf(op->arena, "%lld/%lld", (long long)group_id, (long long)stream_id)))
        check_fault(op, c, "its stream is not there, and no job sweeps it away");
}

/* event (group, stream, ms, number) and time (group, ms, stream, number): each needs the other. */
static void check_twin(struct op *op, struct check *c, const struct record_kind *twin, int64_t group_id, struct key_reader *r, const char *what)
{
    int64_t first, second, number;
    struct key k;
    if (key_read_i64(r, &first) || key_read_i64(r, &second) || key_read_i64(r, &number)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    logs_key(op, &k, twin, group_id);
    key_i64(&k, second);
    key_i64(&k, first);
    key_i64(&k, number);
    check_there(op, c, &k, what);
    if (twin == &logs_kind_time)
        check_stream_there(op, c, group_id, first);
}

static void check_key_there(struct op *op, struct check *c, int64_t group_id, int64_t number)
{
    struct key k;
    logs_key(op, &k, &logs_kind_key, group_id);
    key_i64(&k, number);
    check_there(op, c, &k, "the data key that seals it");
}

void logs_check_event(struct op *op, struct check *c)
{
    const struct logs_rec_Event *e = c->rec;
    struct key_reader r;
    int64_t id;
    struct known *g = begin(op, c, &r, &id);
    if (!g)
        return;
    g->events++;
    g->bytes += event_bytes(e);
    check_twin(op, c, &logs_kind_time, id, &r, "its place in the order of the group");
    if (e->KeyNumber.set)
        check_key_there(op, c, id, e->KeyNumber.v);
}

void logs_check_time(struct op *op, struct check *c)
{
    struct key_reader r;
    int64_t id;
    if (begin(op, c, &r, &id))
        check_twin(op, c, &logs_kind_event, id, &r, "its event");
}

void logs_check_stream(struct op *op, struct check *c)
{
    const struct logs_rec_Stream *s = c->rec;
    struct key_reader r;
    struct str name;
    struct key k;
    int64_t id;
    if (!begin(op, c, &r, &id))
        return;
    logs_key(op, &k, &logs_kind_sid, id);
    key_i64(&k, s->Id.v);
    if (txn_get(op->txn, key_view(&k), &name) < 0 || !str_eq(name, s->Name))
        check_fault(op, c, "its id does not name it");
}

void logs_check_sid(struct op *op, struct check *c)
{
    struct key_reader r;
    struct key k;
    int64_t id;
    if (!begin(op, c, &r, &id))
        return;
    logs_key(op, &k, &logs_kind_stream, id);
    key_str(&k, c->value);
    check_there(op, c, &k, "the stream that it names");
}

void logs_check_id(struct op *op, struct check *c)
{
    struct key_reader r;
    int64_t id;
    begin(op, c, &r, &id);
}

static int64_t count_filters(struct op *op, const struct record_kind *kind, struct str group)
{
    struct key from, to;
    struct str key, value;
    int64_t n = 0;
    op_key(op, &from, kind);
    key_str(&from, group);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value))
        n++;
    scan_end(s);
    return n;
}

void logs_check_group(struct op *op, struct check *c)
{
    const struct logs_rec_Group *g = c->rec;
    const struct known *k = find(op, c, g->Id.v);
    struct logs_rec_Live live;
    int64_t filters = count_filters(op, &logs_kind_filter, g->Name), subscriptions = count_filters(op, &logs_kind_subscription, g->Name);
    if (!k || group_live(op, g->Id.v, &live))
        return;
    if (live.Bytes.v != k->bytes && !check_waits(op, c, "logs.sweep", STR_NONE))
        check_fault(op, c, "it counts %lld bytes; its events have %lld", (long long)live.Bytes.v, (long long)k->bytes);
    if (g->KeyNumber.v)
        check_key_there(op, c, g->Id.v, g->KeyNumber.v);
    if (live.MetricFilters.v != filters)
        check_fault(op, c, "it counts %lld metric filters; there are %lld", (long long)live.MetricFilters.v, (long long)filters);
    if (live.Subscriptions.v != subscriptions)
        check_fault(op, c, "it counts %lld subscription filters; there are %lld", (long long)live.Subscriptions.v, (long long)subscriptions);
    if (g->RetentionDays.v && k->events)
        check_timer(op, c, "logs.retention", str_printf(op->arena, "%lld", (long long)g->Id.v), live.TimerMs.v);
}

/* A group's name begins its key. */
static void check_group_named(struct op *op, struct check *c, bool may_be_empty)
{
    struct key_reader r = c->at;
    struct str group;
    struct key k;
    if (key_read_str(&r, op->arena, &group)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    op_key(op, &k, &logs_kind_group);
    key_str(&k, group);
    if (group.n || !may_be_empty)
        check_there(op, c, &k, "its group");
}

void logs_check_filter(struct op *op, struct check *c) { check_group_named(op, c, false); }
void logs_check_policy(struct op *op, struct check *c) { check_group_named(op, c, true); }
void logs_check_subscription(struct op *op, struct check *c) { check_group_named(op, c, false); }
