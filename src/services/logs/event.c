/* Events: putting, reading a stream, filtering a group. */
#include <string.h>

#include "aws/error.h"
#include "aws/page.h"
#include "services/logs/filter.h"
#include "services/logs/logs.h"

enum { EVENTS_PAGE_MAX = 10000, FILTER_SCAN_MAX = 100000 };
#define TOO_OLD_MS (14 * LOGS_DAY_MS)
#define TOO_NEW_MS (2 * 60 * 60 * 1000LL)

struct str event_id(struct op *op, int64_t ms, int64_t stream_id, int64_t number)
{
    return str_printf(op->arena, "%020lld%018lld%018lld", (long long)ms, (long long)stream_id, (long long)number);
}

static void event_key(struct op *op, struct key *k, int64_t group_id, int64_t stream_id, int64_t ms, int64_t number)
{
    logs_key(op, k, &logs_kind_event, group_id);
    key_i64(k, stream_id);
    key_i64(k, ms);
    key_i64(k, number);
}

static int check_batch(struct op *op, const struct logs_InputLogEvents *v)
{
    int64_t bytes = 0;

    if (!v->n)
        return aws_fail(op, LOGS_InvalidParameterException, "1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must "
                                                            "have length greater than or equal to 1");
    if (v->n > LOGS_BATCH_EVENTS_MAX)
        return aws_fail(op, LOGS_InvalidParameterException, "Upload too large: more than %d log events in a request.", LOGS_BATCH_EVENTS_MAX);
    for (uint32_t i = 0; i < v->n; i++) {
        bytes += (int64_t)v->v[i].message.n + LOGS_EVENT_OVERHEAD;
        if (i && v->v[i].timestamp.v < v->v[i - 1].timestamp.v)
            return aws_fail(op, LOGS_InvalidParameterException, "Log events in a single PutLogEvents request must be in chronological order.");
    }
    if (bytes > LOGS_BATCH_BYTES_MAX)
        return aws_fail(op, LOGS_InvalidParameterException, "Upload too large: %lld bytes exceeds limit of %d", (long long)bytes, LOGS_BATCH_BYTES_MAX);
    if (v->v[v->n - 1].timestamp.v - v->v[0].timestamp.v > LOGS_DAY_MS)
        return aws_fail(op, LOGS_InvalidParameterException, "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
    return 0;
}

static int put_one(struct op *op, struct seals *seals, struct logs_rec_Stream *s, struct logs_rec_Live *live, const struct logs_InputLogEvent *in)
{
    struct logs_rec_Event e = { .Message = in->message, .IngestedMs = SOME_I64(op_now_ms(op)) };
    const struct logs_rec_Group *g = seals->group;
    int64_t ms = in->timestamp.v;
    struct key k;
    int rc;

    s->Next = SOME_I64(s->Next.v + 1);
    if (!s->FirstMs.set || ms < s->FirstMs.v)
        s->FirstMs = SOME_I64(ms);
    if (!s->LastMs.set || ms > s->LastMs.v)
        s->LastMs = SOME_I64(ms);
    if (ms < live->OldestMs.v)
        live->OldestMs = SOME_I64(ms);
    live->Bytes = SOME_I64(live->Bytes.v + event_bytes(&e));
    event_key(op, &k, g->Id.v, s->Id.v, ms, s->Next.v);
    if ((rc = event_seal(op, seals, &k, &e)) || (rc = op_rec_put(op, &k, &logs_rec_Event_shape, &e)))
        return rc;
    logs_key(op, &k, &logs_kind_time, g->Id.v);
    key_i64(&k, ms);
    key_i64(&k, s->Id.v);
    key_i64(&k, s->Next.v);
    return txn_put(op->txn, key_view(&k), STR(""));
}

int logs_PutLogEvents(struct op *op, const struct logs_PutLogEvents_in *in, struct logs_PutLogEvents_out *out)
{
    struct logs_RejectedLogEventsInfo *rejected = arena_one(op->arena, struct logs_RejectedLogEventsInfo);
    int64_t now = op_now_ms(op);
    struct logs_rec_Group g;
    struct seals seals = { .group = &g };
    struct logs_rec_Stream s;
    struct logs_rec_Live live;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc || (rc = stream_find(op, &g, in->logStreamName, &s)) || (rc = check_batch(op, &in->logEvents)) || (rc = group_live(op, g.Id.v, &live)))
        return rc;
    int64_t oldest = group_oldest_ms(op, &g);
    struct logs_batch batch = { .first_ms = INT64_MAX, .after = s.Next.v };
    struct logs_InputLogEvents taken = { 0 }; /* where metrics are made of them */
    for (uint32_t i = 0; i < in->logEvents.n; i++) {
        const struct logs_InputLogEvent *e = &in->logEvents.v[i];
        if (e->timestamp.v < oldest) {
            rejected->expiredLogEventEndIndex = SOME_I64(i + 1);
        } else if (e->timestamp.v < now - TOO_OLD_MS) {
            rejected->tooOldLogEventEndIndex = SOME_I64(i + 1);
        } else if (e->timestamp.v > now + TOO_NEW_MS) {
            rejected->tooNewLogEventStartIndex = SOME_I64(i);
            break;
        } else {
            if ((rc = put_one(op, &seals, &s, &live, e)))
                return rc;
            if (batch.first_ms == INT64_MAX)
                batch.first_ms = e->timestamp.v;
            batch.last_ms = e->timestamp.v;
            if (live.MetricFilters.v)
                *list_push(op->arena, &taken) = *e;
        }
    }
    if (rejected->expiredLogEventEndIndex.set || rejected->tooOldLogEventEndIndex.set || rejected->tooNewLogEventStartIndex.set)
        out->rejectedLogEventsInfo = rejected;
    out->nextSequenceToken = str_printf(op->arena, "%056lld", (long long)s.Next.v);
    s.IngestedMs = SOME_I64(now);
    if (s.Next.v > batch.after && g.RetentionDays.v && (rc = group_arm(op, &g, &live, batch.first_ms + g.RetentionDays.v * LOGS_DAY_MS + 1)))
        return rc;
    op_wake(op, str_printf(op->arena, "logs/%.*s/%.*s/%.*s", STR_ARG(op->account), STR_ARG(op->region), STR_ARG(g.Name)));
    if (taken.n && (rc = metrics_put(op, &g, &taken)))
        return rc;
    if (s.Next.v > batch.after && live.Subscriptions.v && (rc = subscriptions_put(op, &g, &s, &batch)))
        return rc;
    rc = stream_put(op, &g, &s);
    return rc ? rc : group_live_put(op, g.Id.v, &live);
}

/* ---- GetLogEvents: tokens f/<position>/s and b/<position>/s, a position being timestamp and number ---- */

struct position {
    int64_t ms, number;
};

static struct str position_token(struct op *op, char direction, struct position p)
{
    return str_printf(op->arena, "%c/%028lld%028lld/s", direction, (long long)p.ms, (long long)p.number);
}

static int read_token(struct op *op, struct str token, char *ret_direction, struct position *ret)
{
    if (token.n == 60 && (token.p[0] == 'f' || token.p[0] == 'b') && token.p[1] == '/' && str_ends(token, STR("/s")) &&
        str_to_i64(str_sub(token, 2, 28), &ret->ms) == 0 && str_to_i64(str_sub(token, 30, 28), &ret->number) == 0) {
        *ret_direction = token.p[0];
        return 0;
    }
    return aws_fail(op, LOGS_InvalidParameterException, "The specified nextToken is invalid.");
}

struct found {
    struct position at;
    struct logs_rec_Event e;
};

/* Events of a stream within [from, to), at most max and about 1 MB, forwards or backwards. */
static int read_stream(struct op *op, const struct logs_rec_Group *g, int64_t stream_id, struct position from_at, struct position to_at, bool reverse, int64_t max,
                       struct found *ret, int64_t *ret_n)
{
    struct key prefix, from, to;
    struct seals seals = { .group = g };
    struct str key, value;
    int64_t bytes = 0;
    int rc = 0;

    logs_key(op, &prefix, &logs_kind_event, g->Id.v);
    key_i64(&prefix, stream_id);
    event_key(op, &from, g->Id.v, stream_id, from_at.ms, from_at.number);
    event_key(op, &to, g->Id.v, stream_id, to_at.ms, to_at.number);
    *ret_n = 0;
    if (str_cmp(key_view(&from), key_view(&to)) >= 0)
        return 0;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), reverse);
    while (*ret_n < max && bytes < LOGS_ANSWER_BYTES_MAX && scan_next(s, &key, &value)) {
        struct found *f = &ret[*ret_n];
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &f->at.ms)) || (rc = key_read_i64(&r, &f->at.number)) ||
            (rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Event_shape, &f->e)) || (rc = event_open(op, &seals, key, &f->e)))
            break;
        bytes += event_bytes(&f->e);
        ++*ret_n;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

int logs_GetLogEvents(struct op *op, const struct logs_GetLogEvents_in *in, struct logs_GetLogEvents_out *out)
{
    struct logs_rec_Group g;
    struct logs_rec_Stream s;
    struct position from = { 0, 0 }, to = { INT64_MAX, INT64_MAX }, token = { 0, 0 };
    struct str name;
    char direction = opt_bool(in->startFromHead, false) ? 'f' : 'b';
    int64_t max, n;
    int rc = group_name(op, in->logGroupName, in->logGroupIdentifier, &name);

    if (rc || (rc = logs_page_limit(op, in->limit, EVENTS_PAGE_MAX, &max)))
        return rc;
    if (str_set(in->nextToken) && (rc = read_token(op, in->nextToken, &direction, &token)))
        return rc;
    if ((rc = group_find(op, name, &g)) || (rc = stream_find(op, &g, in->logStreamName, &s)))
        return rc;
    from.ms = opt_i64(in->startTime, 0);
    if (from.ms < group_oldest_ms(op, &g))
        from.ms = group_oldest_ms(op, &g);
    if (in->endTime.set)
        to = (struct position){ in->endTime.v, 0 };
    if (str_set(in->nextToken) && direction == 'f' && token.ms >= from.ms)
        from = (struct position){ token.ms, token.number + 1 };
    if (str_set(in->nextToken) && direction == 'b' && token.ms < to.ms)
        to = token;
    bool reverse = direction == 'b';
    struct found *v = arena_many(op->arena, struct found, max);
    if ((rc = read_stream(op, &g, s.Id.v, from, to, reverse, max, v, &n)))
        return rc;
    out->events.set = true;
    for (int64_t i = 0; i < n; i++) {
        const struct found *f = &v[reverse ? n - 1 - i : i];
        struct logs_OutputLogEvent *e = list_push(op->arena, &out->events);
        e->timestamp = SOME_I64(f->at.ms);
        e->message = f->e.Message;
        e->ingestionTime = f->e.IngestedMs;
    }
    /* At an end the token stays as it was: that is how a reader learns that there is no more for now. */
    struct position none = str_set(in->nextToken) ? token : (struct position){ from.ms, 0 };
    struct position last = n ? v[reverse ? 0 : n - 1].at : none, first = n ? v[reverse ? n - 1 : 0].at : none;
    out->nextForwardToken = position_token(op, 'f', last);
    out->nextBackwardToken = position_token(op, 'b', first);
    return 0;
}

/* ---- FilterLogEvents ---- */

struct stream_name {
    int64_t id;
    struct str name;
    bool wanted;
};
struct name_cache {
    struct stream_name *v;
    uint32_t n, cap;
    bool set;
};

/* Name of a stream and whether it was asked for; deleted streams are not. */
static const struct stream_name *stream_name(struct op *op, const struct logs_FilterLogEvents_in *in, int64_t group_id, int64_t id, struct name_cache *c)
{
    struct str name;
    struct key k;

    for list_each(e, c)
        if (e->id == id)
            return e;
    struct stream_name *e = list_push(op->arena, c);
    e->id = id;
    logs_key(op, &k, &logs_kind_sid, group_id);
    key_i64(&k, id);
    if (txn_get(op->txn, key_view(&k), &name))
        return e;
    e->name = str_dup(op->arena, name);
    e->wanted = in->logStreamNames.n ? str_list_has(&in->logStreamNames, e->name)
              : !str_set(in->logStreamNamePrefix) || str_starts(e->name, in->logStreamNamePrefix);
    return e;
}

/* Bytes of events that a call looked at, and of those that it answers. */
struct filtered {
    int64_t read, given;
};

static int filter_one(struct op *op, const struct logs_FilterLogEvents_in *in, const struct filter *f, struct seals *seals, struct position at,
                      int64_t stream_id, struct name_cache *names, struct logs_FilterLogEvents_out *out, struct filtered *sum)
{
    int64_t group_id = seals->group->Id.v;
    const struct stream_name *name = stream_name(op, in, group_id, stream_id, names);
    struct logs_rec_Event e = { 0 };
    struct key k;

    if (!name->wanted)
        return 0;
    event_key(op, &k, group_id, stream_id, at.ms, at.number);
    int rc = op_rec_get(op, &k, &logs_rec_Event_shape, &e);
    if (rc == 0) {
        sum->read += event_bytes(&e);
        rc = event_open(op, seals, key_view(&k), &e);
    }
    if (rc || !filter_match(f, op->arena, e.Message, NULL))
        return rc == E_NOT_FOUND ? 0 : rc;
    struct logs_FilteredLogEvent *r = list_push(op->arena, &out->events);
    r->logStreamName = name->name;
    r->timestamp = SOME_I64(at.ms);
    r->message = e.Message;
    r->ingestionTime = e.IngestedMs;
    r->eventId = event_id(op, at.ms, stream_id, at.number);
    sum->given += event_bytes(&e);
    return 0;
}

static int filter_check(struct op *op, const struct logs_FilterLogEvents_in *in, struct logs_rec_Group *g, struct filter **f, int64_t *max, struct str *start)
{
    struct str name;
    int rc = group_name(op, in->logGroupName, in->logGroupIdentifier, &name);

    if (rc || (rc = logs_page_limit(op, in->limit, EVENTS_PAGE_MAX, max)) || (rc = logs_page_from(op, in->nextToken, start)))
        return rc;
    if (in->logStreamNames.n && str_set(in->logStreamNamePrefix))
        return aws_fail(op, LOGS_InvalidParameterException, "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.");
    if (in->startTime.set && in->endTime.set && in->endTime.v < in->startTime.v)
        return aws_fail(op, LOGS_InvalidParameterException, "End time should not be less than start time.");
    if (filter_compile(op->arena, in->filterPattern, f))
        return aws_fail(op, LOGS_InvalidParameterException, "Invalid filter pattern");
    if ((rc = group_find(op, name, g)))
        return rc;
    for (uint32_t i = 0; i < in->logStreamNames.n; i++) {
        struct logs_rec_Stream s;
        if ((rc = stream_find(op, g, in->logStreamNames.v[i], &s)))
            return rc;
    }
    return 0;
}

int logs_FilterLogEvents(struct op *op, const struct logs_FilterLogEvents_in *in, struct logs_FilterLogEvents_out *out)
{
    struct name_cache names = { 0 };
    struct logs_rec_Group g;
    struct seals seals = { .group = &g };
    struct filter *f;
    struct key prefix, from, to;
    struct str key, value, start;
    struct filtered sum = { 0 };
    int64_t max;
    int rc = filter_check(op, in, &g, &f, &max, &start);

    if (rc)
        return rc;
    int64_t first = opt_i64(in->startTime, 0), oldest = group_oldest_ms(op, &g);
    logs_key(op, &prefix, &logs_kind_time, g.Id.v);
    from = prefix;
    if (str_set(start))
        key_raw(&from, start);
    else
        key_i64(&from, first > oldest ? first : oldest);
    key_after_prefix(&prefix, &to);
    if (in->endTime.set) {
        to = prefix;
        key_i64(&to, in->endTime.v == INT64_MAX ? INT64_MAX : in->endTime.v + 1);
    }
    out->events.set = out->searchedLogStreams.set = true;
    if (str_cmp(key_view(&from), key_view(&to)) >= 0)
        return 0;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    for (int64_t seen = 0; scan_next(s, &key, &value); seen++) {
        struct key_reader r;
        struct position at;
        int64_t stream_id;
        if ((int64_t)out->events.n == max || sum.given >= LOGS_ANSWER_BYTES_MAX || sum.read >= LIMIT_STEP_BYTES ||
            seen == FILTER_SCAN_MAX) { /* as AWS does, a page may be empty and go on */
            out->nextToken = page_token(op, str_sub(key, prefix.n, key.n));
            break;
        }
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &at.ms)) || (rc = key_read_i64(&r, &stream_id)) || (rc = key_read_i64(&r, &at.number)) ||
            (rc = filter_one(op, in, f, &seals, at, stream_id, &names, out, &sum)))
            break;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
