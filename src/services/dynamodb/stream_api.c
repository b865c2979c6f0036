/* The API of DynamoDB Streams: ListStreams, DescribeStream, GetShardIterator, GetRecords. A stream has one shard (stream.h).
 *
 * An iterator is the stream's ARN, a version, and sealed: whether it stands at the trim horizon or before a number, that number, and when it was given
 * out. Those that other services got (op->parent) do not expire: event source mappings of Lambda keep them. */
#include <string.h>

#include "auth/auth.h"
#include "aws/arn.h"
#include "base/arena.h"
#include "base/code.h"
#include "gen/dynamodbstreams.h"
#include "services/dynamodb/request.h"
#include "services/dynamodb/seal.h"
#include "services/dynamodb/stream.h"

enum { LIST_MAX = 100, RECORDS_MAX = 1000, RECORDS_BYTES_MAX = 1024 * 1024, ITERATOR_MS = 15 * 60 * 1000, MAC_BYTES = 8 };

#define STREAM_INVALID(op, ...) aws_fail((op), DYNAMODBSTREAMS_ValidationException, __VA_ARGS__)
#define SEQUENCE "1%020lld" /* 21 digits and more, the first never 0 */

/* ---- which stream ---- */

/* table/NAME/stream/LABEL of this account and region. */
static bool parse_arn(struct str text, struct arn *arn, struct str *ret_table, struct str *ret_label)
{
    struct str rest, word;
    return arn_parse(text, arn) == 0 && str_is(arn->service, "dynamodb") && str_starts(arn->resource, STR("table/")) &&
           str_cut(str_sub(arn->resource, 6, arn->resource.n), '/', ret_table, &rest) && str_cut(rest, '/', &word, ret_label) && str_is(word, "stream");
}

static int no_stream(struct op *op, struct str arn)
{
    return aws_fail(op, DYNAMODBSTREAMS_ResourceNotFoundException, "Requested resource not found: Stream: %.*s not found", STR_ARG(arn));
}

static int open_stream(struct op *op, struct str text, struct dynamodb_rec_Stream *ret)
{
    struct arn arn;
    struct str table, label;
    struct key k;
    if (!parse_arn(text, &arn, &table, &label))
        return STREAM_INVALID(op, "Invalid StreamArn");
    stream_key(op, &k, table);
    key_str(&k, label);
    bool ours = str_eq(text, stream_arn(op, table, label)); /* IAM was asked about this very text */
    int rc = ours ? op_rec_get(op, &k, &dynamodb_rec_Stream_shape, ret) : E_NOT_FOUND;
    if (rc == 0 && ret->EndedMs.set && ret->EndedMs.v + STREAM_KEPT_MS <= op_now_ms(op))
        rc = E_NOT_FOUND; /* its timer is about to remove it */
    return rc == E_NOT_FOUND ? no_stream(op, text) : rc;
}

struct str dynamodbstreams_arn_stream(struct op *op, struct str StreamArn) { return StreamArn; }

struct str dynamodbstreams_arn_iterated(struct op *op, struct str ShardIterator)
{
    struct str arn, rest;
    str_cut(ShardIterator, '|', &arn, &rest);
    return arn;
}

static int check_limit(struct op *op, struct opt_i64 limit, int max)
{
    if (opt_i64(limit, 1) <= max)
        return 0;
    return STREAM_INVALID(op, "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: Member must have value less than or equal "
                              "to %d", (long long)limit.v, max);
}

/* ---- ListStreams ---- */

int dynamodbstreams_ListStreams(struct op *op, const struct dynamodbstreams_ListStreams_in *in, struct dynamodbstreams_ListStreams_out *out)
{
    struct key from, to;
    struct arn arn;
    struct str key, value, table, label;
    int64_t limit = opt_i64(in->Limit, LIST_MAX);
    int rc = check_limit(op, in->Limit, LIST_MAX);
    if (rc < 0)
        return rc;
    op_key(op, &from, &dynamodb_kind_stream);
    if (in->TableName.p)
        key_str(&from, table_name(in->TableName));
    key_after_prefix(&from, &to);
    if (in->ExclusiveStartStreamArn.p) {
        struct key last;
        if (!parse_arn(in->ExclusiveStartStreamArn, &arn, &table, &label) || (in->TableName.p && !str_eq(table, table_name(in->TableName))))
            return STREAM_INVALID(op, "Invalid StreamArn");
        stream_key(op, &last, table);
        key_str(&last, label);
        key_after_prefix(&last, &from);
    }
    out->Streams.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct dynamodb_rec_Stream rec = { 0 };
        if (op_rec_decode(op, value, &dynamodb_rec_Stream_shape, &rec) < 0)
            continue; /* strata check tells it */
        if (out->Streams.n == limit) {
            out->LastEvaluatedStreamArn = out->Streams.v[limit - 1].StreamArn;
            break;
        }
        *list_push(op->arena, &out->Streams) = (struct dynamodbstreams_Stream){ .StreamArn = stream_arn(op, rec.TableName, rec.Label),
            .TableName = rec.TableName, .StreamLabel = rec.Label };
    }
    return scan_end(s);
}

/* ---- DescribeStream ---- */

static struct str sequence(struct op *op, int64_t number) { return str_printf(op->arena, SEQUENCE, (long long)number); }

static struct dynamodbstreams_Shard describe_shard(struct op *op, const struct dynamodb_rec_Stream *s, const struct stream_tail *tail)
{
    struct dynamodbstreams_SequenceNumberRange *range = arena_one(op->arena, struct dynamodbstreams_SequenceNumberRange);
    range->StartingSequenceNumber = sequence(op, 1);
    if (s->EndedMs.set)
        range->EndingSequenceNumber = sequence(op, tail->last > 0 ? tail->last : 1);
    return (struct dynamodbstreams_Shard){ .ShardId = s->ShardId, .SequenceNumberRange = range };
}

/* Whether the shard belongs to what was asked for: it is nobody's child, and behind whatever comes before it. */
static bool shard_wanted(const struct dynamodb_rec_Stream *s, const struct dynamodbstreams_DescribeStream_in *in)
{
    return !in->ShardFilter && (!in->ExclusiveStartShardId.p || str_cmp(in->ExclusiveStartShardId, s->ShardId) < 0);
}

int dynamodbstreams_DescribeStream(struct op *op, const struct dynamodbstreams_DescribeStream_in *in, struct dynamodbstreams_DescribeStream_out *out)
{
    struct dynamodb_rec_Stream s = { 0 };
    struct stream_tail tail;
    int rc = check_limit(op, in->Limit, LIST_MAX);
    if (rc == 0)
        rc = open_stream(op, in->StreamArn, &s);
    if (rc == 0 && in->ShardFilter && !str_is(in->ShardFilter->Type, "CHILD_SHARDS"))
        return STREAM_INVALID(op, "ShardFilter must have the Type CHILD_SHARDS");
    if (rc == 0)
        rc = stream_tail_get(op, s.Id, &tail);
    if (rc < 0)
        return rc;
    struct dynamodbstreams_StreamDescription *d = arena_one(op->arena, struct dynamodbstreams_StreamDescription);
    *d = (struct dynamodbstreams_StreamDescription){ .StreamArn = in->StreamArn, .StreamLabel = s.Label, .StreamViewType = s.View,
        .StreamStatus = s.EndedMs.set ? STR("DISABLED") : STR("ENABLED"), .CreationRequestDateTime = s.CreatedMs, .TableName = s.TableName };
    for list_each(k, &s.KeySchema)
        *list_push(op->arena, &d->KeySchema) = (struct dynamodbstreams_KeySchemaElement){ .AttributeName = k->AttributeName, .KeyType = k->KeyType };
    d->Shards.set = true;
    if (shard_wanted(&s, in))
        *list_push(op->arena, &d->Shards) = describe_shard(op, &s, &tail);
    out->StreamDescription = d;
    return 0;
}

/* ---- iterators ---- */

struct place {
    int64_t at_horizon; /* before the oldest change there is; else before this number: */
    int64_t number;
};

static void iterator_mac(struct op *op, struct str arn, struct str bytes, uint8_t ret[32])
{
    struct str text = str_cat(op->arena, STR("shard iterator:"), arn, STR("|"), bytes);
    hmac_sha256(op->seal_key.p ? op->seal_key.p : "", op->seal_key.n, text.p, text.n, ret);
}

static struct str iterator_make(struct op *op, struct str arn, const struct place *at)
{
    uint8_t mac[32];
    struct key k;
    key_init(&k);
    key_i64(&k, at->at_horizon);
    key_i64(&k, at->number);
    key_i64(&k, op_now_ms(op));
    iterator_mac(op, arn, key_view(&k), mac);
    struct str sealed = str_cat(op->arena, ((struct str){ (const char *)mac, MAC_BYTES }), key_view(&k));
    return str_cat(op->arena, arn, STR("|1|"), base64_encode(op->arena, sealed.p, sealed.n));
}

static int iterator_read(struct op *op, struct str text, struct str *ret_arn, struct place *ret)
{
    struct str rest, version, sealed, bytes;
    struct key_reader r;
    uint8_t mac[32];
    int64_t issued_ms;
    bool whole = str_cut(text, '|', ret_arn, &rest) && str_cut(rest, '|', &version, &sealed) && base64_decode(op->arena, sealed, &bytes) == 0 &&
                 bytes.n > MAC_BYTES;
    if (!whole)
        return STREAM_INVALID(op, "Invalid ShardIterator");
    iterator_mac(op, *ret_arn, str_sub(bytes, MAC_BYTES, bytes.n), mac);
    key_read_init(&r, str_sub(bytes, MAC_BYTES, bytes.n));
    if (!str_eq_consttime((struct str){ (const char *)mac, MAC_BYTES }, str_sub(bytes, 0, MAC_BYTES)) || key_read_i64(&r, &ret->at_horizon) < 0 ||
        key_read_i64(&r, &ret->number) < 0 || key_read_i64(&r, &issued_ms) < 0)
        return STREAM_INVALID(op, "Invalid ShardIterator");
    if (!op->parent && issued_ms + ITERATOR_MS < op_now_ms(op))
        return aws_fail(op, DYNAMODBSTREAMS_ExpiredIteratorException, "The shard iterator has expired. Shard iterators are valid for 15 minutes");
    return 0;
}

/* ---- GetShardIterator ---- */

static int trimmed(struct op *op)
{
    return aws_fail(op, DYNAMODBSTREAMS_TrimmedDataAccessException, "The operation attempted to read past the oldest stream record in a shard.");
}

/* The time of a change; 0 when there is none of that number. */
static int time_of(struct op *op, const struct dynamodb_rec_Stream *s, int64_t number, int64_t *ret)
{
    struct key k;
    struct str value;
    change_key(op, &k, s->Id, number);
    int rc = txn_get(op->txn, key_view(&k), &value);
    *ret = rc == 0 ? change_time(value) : 0;
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* E_AWS when what stands before that number's place is gone, or too old. */
static int check_trimmed(struct op *op, const struct dynamodb_rec_Stream *s, const struct stream_tail *tail, int64_t number)
{
    int64_t at_ms;
    if (number <= tail->trimmed)
        return trimmed(op);
    int rc = time_of(op, s, number, &at_ms);
    return rc == 0 && at_ms && at_ms + STREAM_KEPT_MS <= op_now_ms(op) ? trimmed(op) : rc;
}

/* The first change that is not older: times grow with the numbers. */
static int find_time(struct op *op, const struct dynamodb_rec_Stream *s, const struct stream_tail *tail, int64_t at_ms, int64_t *ret)
{
    int64_t low = tail->trimmed + 1, high = tail->last + 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, then;
        int rc = time_of(op, s, middle, &then);
        if (rc < 0)
            return rc;
        if (then < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return 0;
}

static int read_sequence(struct op *op, const struct stream_tail *tail, struct str text, int64_t *ret)
{
    if (text.n == 21 && *text.p == '1' && str_to_i64(str_sub(text, 1, 20), ret) == 0 && *ret >= 1 && *ret <= tail->last + 1)
        return 0;
    return STREAM_INVALID(op, "Invalid SequenceNumber");
}

static int place_of(struct op *op, const struct dynamodb_rec_Stream *s, const struct dynamodbstreams_GetShardIterator_in *in, struct place *ret)
{
    struct stream_tail tail;
    struct str type = in->ShardIteratorType;
    bool by_number = str_is(type, "AT_SEQUENCE_NUMBER") || str_is(type, "AFTER_SEQUENCE_NUMBER"), by_time = str_is(type, "AT_TIMESTAMP");
    int rc = stream_tail_get(op, s->Id, &tail);
    *ret = (struct place){ .at_horizon = str_is(type, "TRIM_HORIZON"), .number = tail.last + 1 };
    if (rc < 0)
        return rc;
    if (by_number != (in->SequenceNumber.p != NULL))
        return STREAM_INVALID(op, by_number ? "SequenceNumber must be specified for ShardIteratorType %.*s"
                                            : "SequenceNumber must not be specified for ShardIteratorType %.*s", STR_ARG(type));
    if (by_time != in->Timestamp.set)
        return STREAM_INVALID(op, by_time ? "Timestamp must be specified for ShardIteratorType %.*s"
                                          : "Timestamp must not be specified for ShardIteratorType %.*s", STR_ARG(type));
    if (by_time)
        return find_time(op, s, &tail, in->Timestamp.v, &ret->number);
    if (!by_number)
        return 0;
    rc = read_sequence(op, &tail, in->SequenceNumber, &ret->number);
    ret->number += str_is(type, "AFTER_SEQUENCE_NUMBER") && rc == 0 && ret->number <= tail.last;
    return rc < 0 ? rc : check_trimmed(op, s, &tail, ret->number);
}

int dynamodbstreams_GetShardIterator(struct op *op, const struct dynamodbstreams_GetShardIterator_in *in,
                                     struct dynamodbstreams_GetShardIterator_out *out)
{
    struct dynamodb_rec_Stream s = { 0 };
    struct place at;
    int rc = open_stream(op, in->StreamArn, &s);
    if (rc == 0 && !str_eq(in->ShardId, s.ShardId))
        return aws_fail(op, DYNAMODBSTREAMS_ResourceNotFoundException, "Requested resource not found: Shard: %.*s in stream: %.*s not found",
                        STR_ARG(in->ShardId), STR_ARG(in->StreamArn));
    if (rc == 0)
        rc = place_of(op, &s, in, &at);
    if (rc == 0)
        out->ShardIterator = iterator_make(op, in->StreamArn, &at);
    return rc;
}

/* ---- GetRecords ---- */

/* What the changes are sealed with; NULL: nothing. KMS is asked by the caller. */
static int stream_unlock(struct op *op, const struct dynamodb_rec_Stream *s, const uint8_t **ret)
{
    struct table t = { .rec = s->Table };
    *ret = NULL;
    int rc = s->Table ? 0 : table_open(op, s->TableName, &t);
    if (rc == 0)
        rc = table_unlock_caller(op, &t);
    *ret = t.key;
    return rc;
}

static struct str event_id(struct op *op, const struct dynamodb_rec_Stream *s, int64_t number)
{
    uint8_t digest[32];
    struct str text = str_printf(op->arena, "%.*s/%lld", STR_ARG(s->Id), (long long)number);
    digest_sha256(text.p, text.n, digest);
    return hex_encode(op->arena, digest, 16);
}

static void describe_change(struct op *op, const struct dynamodb_rec_Stream *s, int64_t number, const struct change *c, struct dynamodbstreams_Record *ret)
{
    static const char *const names[] = { "", "INSERT", "MODIFY", "REMOVE" };
    *ret = (struct dynamodbstreams_Record){ .eventID = event_id(op, s, number), .eventName = str_c(names[c->event]), .eventVersion = STR("1.1"),
        .eventSource = STR("aws:dynamodb"), .awsRegion = op->region };
    ret->dynamodb = arena_one(op->arena, struct dynamodbstreams_StreamRecord);
    *ret->dynamodb = (struct dynamodbstreams_StreamRecord){ .ApproximateCreationDateTime = SOME_I64(c->at_ms / 1000 * 1000), .Keys = c->keys,
        .NewImage = c->new_image, .OldImage = c->old_image, .SequenceNumber = sequence(op, number), .SizeBytes = SOME_I64(c->size),
        .StreamViewType = s->View };
    if (!c->expired)
        return;
    ret->userIdentity = arena_one(op->arena, struct dynamodbstreams_Identity);
    *ret->userIdentity = (struct dynamodbstreams_Identity){ .PrincipalId = STR("dynamodb.amazonaws.com"), .Type = STR("Service") };
}

/* Moves at->number behind what was read. */
static int read_records(struct op *op, const struct dynamodb_rec_Stream *s, int64_t limit, struct place *at, struct dynamodbstreams_GetRecords_out *out)
{
    const uint8_t *table_key;
    struct key from, to;
    struct str key, value;
    int64_t bytes = 0, number = at->number;
    int rc = stream_unlock(op, s, &table_key);
    if (rc < 0)
        return rc;
    op_key(op, &from, &dynamodb_kind_change);
    key_str(&from, s->Id);
    key_after_prefix(&from, &to);
    key_i64(&from, number);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(scan);
    for (; rc == 0 && out->Records.n < limit && scan_next(scan, &key, &value); number++) {
        struct change c;
        if (change_time(value) + STREAM_KEPT_MS <= op_now_ms(op))
            continue;
        rc = change_decode(op, table_key, key, value, &c);
        if (rc < 0 || (out->Records.n && bytes + c.size > RECORDS_BYTES_MAX))
            break;
        bytes += c.size;
        describe_change(op, s, number, &c, list_push(op->arena, &out->Records));
    }
    int failed = scan_end(scan);
    if (number > at->number)
        *at = (struct place){ .number = number };
    return rc < 0 ? rc : failed;
}

int dynamodbstreams_GetRecords(struct op *op, const struct dynamodbstreams_GetRecords_in *in, struct dynamodbstreams_GetRecords_out *out)
{
    struct dynamodb_rec_Stream s = { 0 };
    struct stream_tail tail;
    struct place at;
    struct str arn;
    int rc = check_limit(op, in->Limit, RECORDS_MAX);
    if (rc == 0)
        rc = iterator_read(op, in->ShardIterator, &arn, &at);
    if (rc == 0)
        rc = open_stream(op, arn, &s);
    if (rc == 0)
        rc = stream_tail_get(op, s.Id, &tail);
    if (rc == 0 && at.at_horizon)
        at.number = tail.trimmed + 1;
    else if (rc == 0)
        rc = check_trimmed(op, &s, &tail, at.number);
    out->Records.set = true;
    if (rc == 0)
        rc = read_records(op, &s, opt_i64(in->Limit, RECORDS_MAX), &at, out);
    if (rc == 0 && (!s.EndedMs.set || at.number <= tail.last))
        out->NextShardIterator = iterator_make(op, arn, &at);
    return rc;
}
