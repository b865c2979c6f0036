#include "services/dynamodb/stream.h"

#include <assert.h>
#include <string.h>

#include "aws/arn.h"
#include "aws/id.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/seal.h"
#include "services/dynamodb/request.h"

#define BAD "One or more parameter values were invalid: "

enum { CHANGE_CLEAR = 1, CHANGE_SEALED = 2, CHANGE_HEAD_BYTES = 14, CHANGE_EXPIRED = 0x80, TRIM_STEP = 500, TRIM_PAUSE_MS = 60 * 1000,
       CHANGE_BYTES_MAX = LIMIT_RECORD_BYTES };

struct str stream_arn(struct op *op, struct str table_name, struct str label)
{
    return arn_make(op, "dynamodb", "table/%.*s/stream/%.*s", STR_ARG(table_name), STR_ARG(label));
}

void stream_key(struct op *op, struct key *k, struct str table_name)
{
    op_key(op, k, &dynamodb_kind_stream);
    key_str(k, table_name);
}

void change_key(struct op *op, struct key *k, struct str stream_id, int64_t number)
{
    op_key(op, k, &dynamodb_kind_change);
    key_str(k, stream_id);
    key_i64(k, number);
}

/* ---- the tail ---- */

static void tail_key(struct op *op, struct key *k, struct str stream_id)
{
    op_key(op, k, &dynamodb_kind_tail);
    key_str(k, stream_id);
}

int stream_tail_get(struct op *op, struct str stream_id, struct stream_tail *ret)
{
    struct key k;
    struct str v;
    tail_key(op, &k, stream_id);
    *ret = (struct stream_tail){ 0 };
    int rc = txn_get(op->txn, key_view(&k), &v);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    if (v.n != sizeof *ret)
        return E_CORRUPT;
    memcpy(ret, v.p, sizeof *ret);
    return 0;
}

static int tail_put(struct op *op, struct str stream_id, const struct stream_tail *t)
{
    struct key k;
    tail_key(op, &k, stream_id);
    return txn_put(op->txn, key_view(&k), (struct str){ (const char *)t, sizeof *t });
}

static int set_timer(struct op *op, struct str table_name, struct str label, struct str stream_id, int64_t due_ms)
{
    struct key payload;
    key_init(&payload);
    key_str(&payload, table_name);
    key_str(&payload, label);
    return op_timer_set(op, "dynamodb.trim", stream_id, due_ms, str_dup(op->arena, key_view(&payload)));
}

/* ---- the stored form ---- */

static void put_u32(struct buf *b, size_t n)
{
    uint8_t bytes[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };
    buf_put(b, bytes, sizeof bytes);
}

static size_t get_u32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

static void put_image(struct op *op, struct buf *b, const struct attr_map *image)
{
    struct str json = image ? value_map_json(op->arena, image) : STR("");
    put_u32(b, json.n);
    buf_str(b, json);
}

static struct str encode(struct op *op, const struct table *t, struct str key, const struct change *c, const struct attr_map *images[3])
{
    struct buf body, whole;
    assert(t->key || !t->rec->TableKey.p); /* nothing of an encrypted table is kept in clear */
    buf_init(&body, op->arena, CHANGE_BYTES_MAX);
    for (int i = 0; i < 3; i++)
        put_image(op, &body, images[i]);
    buf_init(&whole, op->arena, CHANGE_BYTES_MAX);
    buf_byte(&whole, t->key ? CHANGE_SEALED : CHANGE_CLEAR);
    buf_byte(&whole, (char)(c->event | (c->expired ? CHANGE_EXPIRED : 0)));
    put_u32(&whole, (size_t)c->at_ms & UINT32_MAX);
    put_u32(&whole, (size_t)(c->at_ms >> 32));
    put_u32(&whole, (size_t)c->size);
    struct str texts = buf_done(&body);
    buf_str(&whole, t->key && texts.p ? seal_wide(op->arena, t->key, key, texts) : texts);
    return texts.p ? buf_done(&whole) : STR_NONE;
}

bool change_is_sealed(struct str value) { return value.n > 0 && value.p[0] == CHANGE_SEALED; }

int64_t change_time(struct str value)
{
    return value.n < CHANGE_HEAD_BYTES ? 0 : (int64_t)(get_u32(value.p + 2) | (uint64_t)get_u32(value.p + 6) << 32);
}

static bool take_image(struct str *rest, struct str *ret)
{
    if (rest->n < 4)
        return false;
    size_t n = get_u32(rest->p);
    if (n > rest->n - 4)
        return false;
    *ret = n ? str_sub(*rest, 4, n) : STR_NONE;
    *rest = str_sub(*rest, 4 + n, rest->n);
    return true;
}

int change_decode(struct op *op, const uint8_t *table_key, struct str key, struct str value, struct change *ret)
{
    if (value.n < CHANGE_HEAD_BYTES || (value.p[0] != CHANGE_CLEAR && value.p[0] != CHANGE_SEALED))
        return E_CORRUPT;
    *ret = (struct change){ .event = (enum change_event)((uint8_t)value.p[1] & ~CHANGE_EXPIRED), .expired = value.p[1] & CHANGE_EXPIRED,
                            .at_ms = change_time(value), .size = (int64_t)get_u32(value.p + 10) };
    struct str rest = str_sub(value, CHANGE_HEAD_BYTES, value.n);
    if (!change_is_sealed(value))
        rest = str_dup(op->arena, rest);
    else if (!table_key || seal_wide_open(op->arena, table_key, key, rest, &rest) < 0)
        return E_CORRUPT;
    bool whole = take_image(&rest, &ret->keys) && take_image(&rest, &ret->new_image) && take_image(&rest, &ret->old_image) && rest.n == 0;
    return whole && ret->keys.p && ret->event >= CHANGE_INSERT && ret->event <= CHANGE_REMOVE ? 0 : E_CORRUPT;
}

/* ---- taking a change ---- */

static int append(struct op *op, const struct table *t, const struct change *c, const struct attr_map *images[3])
{
    struct stream_tail tail;
    struct key k;
    struct str id = t->rec->StreamId;
    int rc = stream_tail_get(op, id, &tail);
    if (rc < 0)
        return rc;
    change_key(op, &k, id, ++tail.last);
    struct str value = encode(op, t, key_view(&k), c, images);
    rc = value.p ? txn_put(op->txn, key_view(&k), value) : E_LIMIT;
    if (rc == 0 && !tail.timed)
        rc = set_timer(op, t->rec->TableName, t->rec->StreamLabel, id, c->at_ms + STREAM_KEPT_MS);
    tail.timed = 1;
    if (rc == 0)
        rc = tail_put(op, id, &tail);
    /* whoever reads the stream and found nothing more waits under its ARN */
    op_wake(op, stream_arn(op, t->rec->TableName, t->rec->StreamLabel));
    return rc;
}

int stream_note(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, bool expired)
{
    struct str view = t->rec->StreamView;
    if (old && neu && value_map_equal(old, neu))
        return 0;
    struct attr_map keys = item_key_of(op, t, NULL, neu ? neu : old);
    bool both = str_is(view, "NEW_AND_OLD_IMAGES");
    const struct attr_map *images[3] = { &keys, both || str_is(view, "NEW_IMAGE") ? neu : NULL, both || str_is(view, "OLD_IMAGE") ? old : NULL };
    struct change c = { .event = !old ? CHANGE_INSERT : neu ? CHANGE_MODIFY : CHANGE_REMOVE, .expired = expired, .at_ms = op_now_ms(op) };
    for (int i = 0; i < 3; i++)
        c.size += images[i] ? (int64_t)value_map_size(images[i]) : 0;
    return append(op, t, &c, images);
}

/* ---- beginning and end ---- */

/* The time of the beginning, with milliseconds and without a zone; moved on while the table has a stream of that name. */
static struct str free_label(struct op *op, struct str table_name, int64_t *ret_ms)
{
    struct key k;
    struct str label;
    for (*ret_ms = op_now_ms(op);; ++*ret_ms) {
        label = time_iso8601_ms(op->arena, *ret_ms);
        label = str_dup(op->arena, str_sub(label, 0, label.n - 1));
        stream_key(op, &k, table_name);
        key_str(&k, label);
        if (!op_rec_has(op, &k))
            return label;
    }
}

static int begin(struct op *op, struct dynamodb_rec_Table *rec, struct str view)
{
    struct dynamodb_rec_Stream s = { .Id = id_uuid(op), .TableName = rec->TableName, .TableId = rec->TableId, .View = view, .KeySchema = rec->KeySchema };
    struct key k;
    int64_t at_ms;
    s.Label = free_label(op, rec->TableName, &at_ms);
    s.CreatedMs = SOME_I64(at_ms);
    s.ShardId = str_printf(op->arena, "shardId-%020lld-%.*s", (long long)at_ms, 8, s.Id.p);
    rec->StreamLabel = s.Label;
    rec->StreamId = s.Id;
    rec->StreamView = view;
    stream_key(op, &k, rec->TableName);
    key_str(&k, s.Label);
    return op_rec_put(op, &k, &dynamodb_rec_Stream_shape, &s);
}

static int end(struct op *op, struct dynamodb_rec_Stream *s)
{
    struct stream_tail tail;
    int rc = stream_tail_get(op, s->Id, &tail);
    s->EndedMs = SOME_I64(op_now_ms(op));
    if (rc == 0 && !tail.timed)
        rc = set_timer(op, s->TableName, s->Label, s->Id, s->EndedMs.v + STREAM_KEPT_MS);
    tail.timed = 1;
    op_wake(op, stream_arn(op, s->TableName, s->Label));
    return rc == 0 ? tail_put(op, s->Id, &tail) : rc;
}

static int end_latest(struct op *op, struct dynamodb_rec_Table *rec)
{
    struct dynamodb_rec_Stream s = { 0 };
    struct key k;
    stream_key(op, &k, rec->TableName);
    key_str(&k, rec->StreamLabel);
    int rc = op_rec_get(op, &k, &dynamodb_rec_Stream_shape, &s);
    if (rc == 0)
        rc = end(op, &s);
    rec->StreamId = rec->StreamView = STR_NONE;
    return rc == 0 ? op_rec_put(op, &k, &dynamodb_rec_Stream_shape, &s) : rc;
}

static int check_specification(struct op *op, const struct dynamodb_StreamSpecification *s)
{
    bool enabled = opt_bool(s->StreamEnabled, false);
    if (enabled && !s->StreamViewType.p)
        return invalid(op, BAD "If stream is being enabled then UpdateViewType is required");
    if (!enabled && s->StreamViewType.p)
        return invalid(op, BAD "If stream is being disabled then UpdateViewType should not be specified");
    return 0;
}

int stream_create(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_StreamSpecification *s)
{
    int rc = s ? check_specification(op, s) : 0;
    return rc == 0 && s && s->StreamEnabled.v ? begin(op, rec, s->StreamViewType) : rc;
}

int stream_update(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_UpdateTable_in *in)
{
    const struct dynamodb_StreamSpecification *s = in->StreamSpecification;
    int rc = s ? check_specification(op, s) : 0;
    if (rc < 0 || !s)
        return rc;
    if (in->ProvisionedThroughput || str_is(in->BillingMode, "PROVISIONED"))
        return invalid(op, BAD "You cannot modify stream status while updating table IOPS");
    if (in->GlobalSecondaryIndexUpdates.n)
        return invalid(op, BAD "You cannot create or delete index while changing stream status");
    if (!s->StreamEnabled.v)
        return rec->StreamId.p ? end_latest(op, rec) : invalid(op, "Table has no stream to disable: TableName: %.*s", STR_ARG(rec->TableName));
    return rec->StreamId.p ? invalid(op, "Table already has an enabled stream: TableName: %.*s", STR_ARG(rec->TableName))
                           : begin(op, rec, s->StreamViewType);
}

/* Its streams stay for a day; what they need of it to be read they take along. */
int stream_table_gone(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct key from, to;
    struct str_list keys = { 0 }, values = { 0 };
    struct str key, value;
    if (!rec->StreamLabel.p)
        return 0;
    stream_key(op, &from, rec->TableName);
    key_after_prefix(&from, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(scan, &key, &value)) {
        str_list_add(op->arena, &keys, str_dup(op->arena, key));
        str_list_add(op->arena, &values, str_dup(op->arena, value));
    }
    int rc = scan_end(scan);
    for (uint32_t i = 0; i < keys.n && rc == 0; i++) {
        struct dynamodb_rec_Stream s = { 0 };
        struct key k;
        rc = op_rec_decode(op, values.v[i], &dynamodb_rec_Stream_shape, &s);
        if (rc < 0 || !str_eq(s.TableId, rec->TableId))
            continue;
        rc = s.EndedMs.set ? 0 : end(op, &s);
        s.Table = arena_dup(op->arena, rec, sizeof *rec);
        key_init(&k);
        key_raw(&k, keys.v[i]);
        if (rc == 0)
            rc = op_rec_put(op, &k, &dynamodb_rec_Stream_shape, &s);
    }
    return rc;
}

/* ---- dynamodb.trim: payload is (table name, label) ---- */

struct trim {
    struct str_list keys;
    int64_t next_ms; /* when the oldest change that stays is to go; 0: none stays */
};

static int find_old(struct op *op, struct str stream_id, struct trim *ret)
{
    struct key from, to;
    struct str key, value;
    op_key(op, &from, &dynamodb_kind_change);
    key_str(&from, stream_id);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (!ret->next_ms && scan_next(s, &key, &value)) {
        int64_t due = change_time(value) + STREAM_KEPT_MS;
        if (due > op_now_ms(op) || ret->keys.n == TRIM_STEP)
            ret->next_ms = due;
        else
            str_list_add(op->arena, &ret->keys, str_dup(op->arena, key));
    }
    return scan_end(s);
}

static int drop_stream(struct op *op, const struct key *k, const struct dynamodb_rec_Stream *s)
{
    struct key tail;
    tail_key(op, &tail, s->Id);
    int rc = op_rec_delete(op, k);
    if (rc == 0)
        rc = txn_delete(op->txn, key_view(&tail));
    return rc == 0 ? job_clear(op, &dynamodb_kind_change, s->Id) : rc;
}

int dynamodb_job_trim(struct op *op, struct str payload)
{
    struct dynamodb_rec_Stream s = { 0 };
    struct stream_tail tail;
    struct trim old = { 0 };
    struct key_reader r;
    struct str name, label;
    struct key k;
    key_read_init(&r, payload);
    if (key_read_str(&r, op->arena, &name) < 0 || key_read_str(&r, op->arena, &label) < 0)
        return E_CORRUPT;
    stream_key(op, &k, name);
    key_str(&k, label);
    int rc = op_rec_get(op, &k, &dynamodb_rec_Stream_shape, &s);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    int64_t now = op_now_ms(op), gone_ms = s.EndedMs.set ? s.EndedMs.v + STREAM_KEPT_MS : INT64_MAX;
    if (gone_ms <= now)
        return drop_stream(op, &k, &s);
    rc = stream_tail_get(op, s.Id, &tail);
    if (rc == 0)
        rc = find_old(op, s.Id, &old);
    for (uint32_t i = 0; i < old.keys.n && rc == 0; i++)
        rc = txn_delete(op->txn, old.keys.v[i]);
    if (rc < 0)
        return rc;
    tail.trimmed += old.keys.n;
    int64_t due = old.next_ms ? old.next_ms : gone_ms;
    tail.timed = due < INT64_MAX;
    if (tail.timed && old.keys.n < TRIM_STEP && due < now + TRIM_PAUSE_MS)
        due = now + TRIM_PAUSE_MS; /* a change at a time would be one job each */
    rc = tail_put(op, s.Id, &tail);
    return rc == 0 && tail.timed ? set_timer(op, name, label, s.Id, due < gone_ms ? due : gone_ms) : rc;
}
