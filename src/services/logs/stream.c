#include <stdlib.h>

#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "services/logs/logs.h"

enum { STREAMS_SORTED_MAX = 50000 };

static void stream_key(struct op *op, struct key *k, const struct logs_rec_Group *g, struct str name)
{
    logs_key(op, k, &logs_kind_stream, g->Id.v);
    key_str(k, name);
}

static int stream_get(struct op *op, const struct logs_rec_Group *g, struct str name, struct logs_rec_Stream *ret)
{
    struct key k;

    *ret = (struct logs_rec_Stream){ 0 };
    stream_key(op, &k, g, name);
    return op_rec_get(op, &k, &logs_rec_Stream_shape, ret);
}

int stream_find(struct op *op, const struct logs_rec_Group *g, struct str name, struct logs_rec_Stream *ret)
{
    int rc = stream_get(op, g, name, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LOGS_ResourceNotFoundException, "The specified log stream does not exist.") : rc;
}

int stream_put(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Stream *s)
{
    struct key k;

    stream_key(op, &k, g, s->Name);
    return op_rec_put(op, &k, &logs_rec_Stream_shape, s);
}

int logs_CreateLogStream(struct op *op, const struct logs_CreateLogStream_in *in, struct logs_CreateLogStream_out *out)
{
    struct logs_rec_Group g;
    struct logs_rec_Stream s;
    struct logs_rec_Live live;
    struct key k;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc)
        return rc;
    rc = stream_get(op, &g, in->logStreamName, &s);
    if (rc == 0)
        return aws_fail(op, LOGS_ResourceAlreadyExistsException, "The specified log stream already exists");
    if (rc != E_NOT_FOUND || (rc = group_live(op, g.Id.v, &live)))
        return rc;
    live.NextStream = SOME_I64(live.NextStream.v + 1);
    s = (struct logs_rec_Stream){ .Name = in->logStreamName, .Id = live.NextStream, .CreatedMs = SOME_I64(op_now_ms(op)) };
    logs_key(op, &k, &logs_kind_sid, g.Id.v);
    key_i64(&k, s.Id.v);
    if ((rc = txn_put(op->txn, key_view(&k), s.Name)) || (rc = group_live_put(op, g.Id.v, &live)))
        return rc;
    return stream_put(op, &g, &s);
}

int logs_DeleteLogStream(struct op *op, const struct logs_DeleteLogStream_in *in, struct logs_DeleteLogStream_out *out)
{
    struct logs_rec_Group g;
    struct logs_rec_Stream s;
    struct key k;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc || (rc = stream_find(op, &g, in->logStreamName, &s)))
        return rc;
    logs_key(op, &k, &logs_kind_sid, g.Id.v);
    key_i64(&k, s.Id.v);
    if ((rc = op_rec_delete(op, &k)))
        return rc;
    stream_key(op, &k, &g, s.Name);
    if ((rc = op_rec_delete(op, &k)))
        return rc;
    return op_outbox(op, "logs.sweep", str_printf(op->arena, "%lld/%lld", (long long)g.Id.v, (long long)s.Id.v));
}

struct stream_list {
    struct logs_rec_Stream *v;
    uint32_t n, cap;
    bool set;
};

/* Streams of a group from a name on, at most max. */
static int collect(struct op *op, const struct logs_rec_Group *g, struct str from_name, struct str prefix_name, uint32_t max, struct stream_list *ret)
{
    struct key prefix, from, to;
    struct str key, value;
    int rc = 0;

    logs_key(op, &prefix, &logs_kind_stream, g->Id.v);
    from = prefix;
    key_str(&from, str_set(from_name) ? from_name : opt_str(prefix_name, STR("")));
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (ret->n < max && scan_next(s, &key, &value)) {
        struct logs_rec_Stream r = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Stream_shape, &r)))
            break;
        if (str_set(prefix_name) && !str_starts(r.Name, prefix_name))
            break;
        *list_push(op->arena, ret) = r;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct logs_rec_Stream *)a)->Name, ((const struct logs_rec_Stream *)b)->Name);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct logs_rec_Stream *)a)->LastMs.v, y = ((const struct logs_rec_Stream *)b)->LastMs.v;
    return x != y ? (x < y ? -1 : 1) : by_name(a, b);
}

static void describe(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Stream *s, struct logs_LogStream *ret)
{
    ret->logStreamName = s->Name;
    ret->creationTime = s->CreatedMs;
    if (s->LastMs.set) {
        ret->firstEventTimestamp = s->FirstMs;
        ret->lastEventTimestamp = s->LastMs;
        ret->lastIngestionTime = s->IngestedMs;
    }
    if (s->Next.v > 0)
        ret->uploadSequenceToken = str_printf(op->arena, "%056lld", (long long)s->Next.v);
    ret->arn = arn_make(op, "logs", "log-group:%.*s:log-stream:%.*s", STR_ARG(g->Name), STR_ARG(s->Name));
    ret->storedBytes = SOME_I64(0); /* AWS reports 0 for streams since 2019 */
}

int logs_DescribeLogStreams(struct op *op, const struct logs_DescribeLogStreams_in *in, struct logs_DescribeLogStreams_out *out)
{
    bool time = str_is(in->orderBy, "LastEventTime"), down = opt_bool(in->descending, false);
    struct stream_list all = { 0 };
    struct logs_rec_Group g;
    struct str name, start;
    int64_t max;
    uint32_t i = 0;
    int rc = group_name(op, in->logGroupName, in->logGroupIdentifier, &name);

    if (rc || (rc = logs_page_limit(op, in->limit, LOGS_PAGE_MAX, &max)) || (rc = logs_page_from(op, in->nextToken, &start)))
        return rc;
    if (time && str_set(in->logStreamNamePrefix))
        return aws_fail(op, LOGS_InvalidParameterException, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    if ((rc = group_find(op, name, &g)))
        return rc;
    bool in_order = !time && !down; /* the store's own order: a page costs a page */
    rc = collect(op, &g, in_order ? start : STR_NONE, in->logStreamNamePrefix, in_order ? (uint32_t)max + 1 : STREAMS_SORTED_MAX, &all);
    if (rc)
        return rc;
    if (!in_order && all.n)
        qsort(all.v, all.n, sizeof *all.v, time ? by_time : by_name);
    for (uint32_t a = 0; down && a < all.n / 2; a++) {
        struct logs_rec_Stream t = all.v[a];
        all.v[a] = all.v[all.n - 1 - a];
        all.v[all.n - 1 - a] = t;
    }
    while (!in_order && str_set(start) && i < all.n && !str_eq(all.v[i].Name, start))
        i++;
    out->logStreams.set = true;
    for (; i < all.n; i++) {
        if ((int64_t)out->logStreams.n == max) {
            out->nextToken = page_token(op, all.v[i].Name);
            break;
        }
        describe(op, &g, &all.v[i], list_push(op->arena, &out->logStreams));
    }
    return 0;
}
