#include "services/dynamodb/item.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/seal.h"
#include "services/dynamodb/number.h"
#include "services/dynamodb/stream.h"

enum { STORED_CLEAR = 1, STORED_SEALED = 2, STORED_HEAD_BYTES = 5, PRIMARY_IN_INDEX_BYTES_MAX = 1024 };

/* ---- keys ---- */

void container_key(struct op *op, struct key *k, struct str container)
{
    op_key(op, k, &dynamodb_kind_item);
    key_str(k, container);
}

void key_element(struct key *k, const struct value *v)
{
    struct number x;
    uint8_t order[NUMBER_ORDER_MAX];
    if (v->type != VALUE_N) {
        key_str(k, v->s);
        return;
    }
    if (number_parse(v->s, &x) != NUMBER_OK)
        assert(!"numbers in values are canonical");
    size_t n = number_order(&x, order);
    key_raw(k, (struct str){ (const char *)order, n });
}

/* FNV-1a with a final mix: partitions have to spread, nothing more. */
static uint32_t spread(const uint8_t *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

void partition_key(struct op *op, struct key *k, struct str container, const struct value *hash)
{
    struct key element;
    uint8_t h[SEGMENT_HASH_BYTES];
    key_init(&element);
    key_element(&element, hash);
    uint32_t x = spread(element.b, element.n);
    for (int i = 0; i < SEGMENT_HASH_BYTES; i++)
        h[i] = (uint8_t)(x >> (24 - 8 * i));
    container_key(op, k, container);
    key_raw(k, (struct str){ (const char *)h, sizeof h });
    key_raw(k, key_view(&element));
}

static void full_key(struct op *op, struct key *k, struct str container, const struct key_schema *s, const struct attr_map *attrs)
{
    partition_key(op, k, container, attr_get(attrs, s->hash.name));
    if (s->range.name.p)
        key_element(k, attr_get(attrs, s->range.name));
}

void item_key(struct op *op, struct key *k, const struct table *t, const struct attr_map *attrs)
{
    full_key(op, k, t->rec->TableId, &t->schema, attrs);
}

bool item_index_key(struct op *op, struct key *k, const struct table *t, const struct table_index *x, const struct attr_map *attrs)
{
    struct key primary;
    if (!item_has_key(&x->schema, attrs))
        return false;
    full_key(op, k, x->rec->Id, &x->schema, attrs);
    key_init(&primary);
    key_element(&primary, attr_get(attrs, t->schema.hash.name));
    if (t->schema.range.name.p)
        key_element(&primary, attr_get(attrs, t->schema.range.name));
    if (primary.n > PRIMARY_IN_INDEX_BYTES_MAX) { /* keeps the whole within LIMIT_KEY_BYTES; only the order of equal index keys changes */
        uint8_t digest[32];
        digest_sha256(primary.b, primary.n, digest);
        key_init(&primary);
        key_str(&primary, (struct str){ (const char *)digest, sizeof digest });
    }
    key_raw(k, key_view(&primary));
    return !k->over; /* what was put before the index existed may be too long for its key: AWS passes it over, too */
}

/* ---- the stored form ---- */

static void put_head(struct buf *b, uint8_t version, size_t size)
{
    uint8_t head[STORED_HEAD_BYTES] = { version, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24) };
    buf_put(b, head, sizeof head);
}

static struct str encode_clear(struct op *op, const struct attr_map *item, size_t size)
{
    struct buf b;
    buf_init(&b, op->arena, LIMIT_RECORD_BYTES);
    put_head(&b, STORED_CLEAR, size);
    value_write_map(&b, item);
    return buf_done(&b);
}

static struct str encode_sealed(struct op *op, const struct table *t, struct str key, struct str json, size_t size)
{
    struct buf b;
    buf_init(&b, op->arena, LIMIT_RECORD_BYTES);
    put_head(&b, STORED_SEALED, size);
    buf_str(&b, seal_wide(op->arena, t->key, key, json));
    return buf_done(&b);
}

bool item_is_sealed(struct str value) { return value.n > 0 && value.p[0] == STORED_SEALED; }

int item_size(struct str value, size_t *ret)
{
    const uint8_t *p = (const uint8_t *)value.p;
    if (value.n <= STORED_HEAD_BYTES || (p[0] != STORED_CLEAR && p[0] != STORED_SEALED))
        return E_CORRUPT;
    *ret = p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16 | (size_t)p[4] << 24;
    return 0;
}

int item_decode(struct op *op, const struct table *t, struct str key, struct str value, struct stored *ret)
{
    if (item_size(value, &ret->size) < 0)
        return E_CORRUPT;
    struct str body = str_sub(value, STORED_HEAD_BYTES, value.n);
    if (item_is_sealed(value))
        return t->key && seal_wide_open(op->arena, t->key, key, body, &ret->json) == 0 ? 0 : E_CORRUPT;
    ret->json = str_dup(op->arena, body);
    return 0;
}

int item_load(struct op *op, const struct table *t, const struct key *k, struct stored *ret)
{
    struct str value;
    if (k->over)
        return E_LIMIT;
    int rc = txn_get(op->txn, key_view(k), &value);
    return rc < 0 ? rc : item_decode(op, t, key_view(k), value, ret);
}

int item_parse(struct op *op, const struct stored *s, struct attr_map *ret)
{
    struct value_error e;
    return value_parse_map(op->arena, s->json, ret, &e) < 0 ? E_CORRUPT : 0;
}

static int put_entry(struct op *op, const struct table *t, const struct key *k, const struct attr_map *item, size_t size)
{
    assert(t->key || !t->rec->TableKey.p); /* nothing gets into an encrypted table in clear */
    struct str bytes = t->key ? encode_sealed(op, t, key_view(k), value_map_json(op->arena, item), size) : encode_clear(op, item, size);
    if (k->over || !bytes.p)
        return E_LIMIT;
    return txn_put(op->txn, key_view(k), bytes);
}

int item_seal(struct op *op, const struct table *t, struct str key, struct str value)
{
    struct stored s;
    int rc = item_decode(op, t, key, value, &s);
    if (rc < 0)
        return rc;
    struct str bytes = encode_sealed(op, t, key, s.json, s.size);
    return bytes.p ? txn_put(op->txn, key, bytes) : E_LIMIT;
}

int item_copy(struct op *op, const struct table *from, struct str key, struct str value, const struct table *to, const struct key *new_key)
{
    struct stored s;
    int rc = item_decode(op, from, key, value, &s);
    if (rc < 0)
        return rc;
    struct str bytes = value;
    if (to->key)
        bytes = encode_sealed(op, to, key_view(new_key), s.json, s.size);
    return bytes.p && !new_key->over ? txn_put(op->txn, key_view(new_key), bytes) : E_LIMIT;
}

/* ---- indexes ---- */

struct attr_map item_key_of(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item)
{
    struct attr_map r = { .set = true };
    const struct key_attr *wanted[4] = { &t->schema.hash, &t->schema.range, x ? &x->schema.hash : NULL, x ? &x->schema.range : NULL };
    for (int i = 0; i < 4; i++) {
        const struct value *v = wanted[i] && wanted[i]->name.p ? attr_get(item, wanted[i]->name) : NULL;
        if (v)
            attr_put(op->arena, &r, wanted[i]->name, v);
    }
    return r;
}

struct attr_map item_projection(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item)
{
    if (x->projection == PROJECT_ALL)
        return *item;
    struct attr_map r = item_key_of(op, t, x, item);
    if (x->projection == PROJECT_INCLUDE)
        for (uint32_t i = 0; i < x->rec->Projection->NonKeyAttributes.n; i++) {
            struct str name = x->rec->Projection->NonKeyAttributes.v[i];
            const struct value *v = attr_get(item, name);
            if (v)
                attr_put(op->arena, &r, name, v);
        }
    return r;
}

static double write_units(size_t bytes) { return bytes <= 1024 ? 1 : (double)((bytes + 1023) / 1024); }

struct index_entry {
    bool present;
    struct key key;
    struct attr_map item;
    size_t size;
};

static void make_entry(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item, struct index_entry *ret)
{
    ret->present = item && item_index_key(op, &ret->key, t, x, item);
    if (!ret->present)
        return;
    ret->item = item_projection(op, t, x, item);
    ret->size = value_map_size(&ret->item);
}

static int change_index(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *old, const struct attr_map *neu,
                        double *units)
{
    struct index_entry *a = arena_one(op->arena, struct index_entry), *b = arena_one(op->arena, struct index_entry);
    int rc = 0;
    make_entry(op, t, x, old, a);
    make_entry(op, t, x, neu, b);
    bool same_key = a->present && b->present && str_eq(key_view(&a->key), key_view(&b->key));
    if (same_key && value_map_equal(&a->item, &b->item))
        return 0;
    /* An index that is still being filled may not have the old entry yet. */
    if (a->present && str_is(x->rec->Status, "CREATING")) {
        struct str value;
        rc = txn_get(op->txn, key_view(&a->key), &value);
        a->present = rc == 0;
        if (rc < 0 && rc != E_NOT_FOUND)
            return rc;
        rc = 0;
    }
    if (a->present && !same_key) {
        rc = txn_delete(op->txn, key_view(&a->key));
        *units += write_units(a->size);
    }
    if (rc == 0 && b->present) {
        rc = put_entry(op, t, &b->key, &b->item, b->size);
        *units += write_units(same_key && a->size > b->size ? a->size : b->size);
    }
    if (rc == 0)
        rc = stats_add(op, x->rec->Id, b->present - a->present,
                       (b->present ? (int64_t)b->size : 0) - (a->present ? (int64_t)a->size : 0));
    return rc;
}

int index_add(struct op *op, const struct table *t, const struct table_index *x, const struct attr_map *item)
{
    struct index_entry *e = arena_one(op->arena, struct index_entry);
    struct str value;
    make_entry(op, t, x, item, e);
    if (!e->present)
        return 0;
    int rc = txn_get(op->txn, key_view(&e->key), &value);
    if (rc != E_NOT_FOUND)
        return rc;
    rc = put_entry(op, t, &e->key, &e->item, e->size);
    return rc < 0 ? rc : stats_add(op, x->rec->Id, 1, (int64_t)e->size);
}

/* ---- TTL ---- */

void ttl_key(struct op *op, struct key *k, struct str generation)
{
    op_key(op, k, &dynamodb_kind_ttl);
    key_str(k, generation);
}

/* When the item expires, in seconds. AWS passes over what is not a number, and what lies more than five years back. */
static bool expiry(struct op *op, const struct table *t, const struct attr_map *item, int64_t *ret_s)
{
    enum { FIVE_YEARS_S = 5 * 365 * 24 * 3600 };
    struct number x;
    const struct value *v = item && t->rec->TtlGeneration.p ? attr_get(item, t->rec->TtlAttribute) : NULL;
    if (!v || v->type != VALUE_N || number_parse(v->s, &x) != NUMBER_OK)
        return false;
    *ret_s = number_floor_i64(&x);
    return *ret_s > op_now_ms(op) / 1000 - FIVE_YEARS_S && *ret_s < INT64_MAX / 1000;
}

static void expiry_key(struct op *op, struct key *k, const struct table *t, int64_t expiry_s, const struct key *item_key)
{
    ttl_key(op, k, t->rec->TtlGeneration);
    key_i64(k, expiry_s);
    /* the item's key may be long, and long keys twice over are too long: its digest tells items apart, the value holds the key */
    uint8_t digest[32];
    digest_sha256(item_key->b, item_key->n, digest);
    key_str(k, (struct str){ (const char *)digest, sizeof digest });
}

bool item_expiry_key(struct op *op, struct key *k, const struct table *t, const struct attr_map *item, const struct key *item_key)
{
    int64_t at;
    if (!expiry(op, t, item, &at))
        return false;
    expiry_key(op, k, t, at, item_key);
    return true;
}

/* Makes sure that the table's timer is due no later than expiry_s. */
static int wake_at(struct op *op, const struct table *t, int64_t expiry_s)
{
    struct key k;
    struct str value;
    int64_t due;
    op_key(op, &k, &dynamodb_kind_ttlnext);
    key_str(&k, t->rec->TtlGeneration);
    int rc = txn_get(op->txn, key_view(&k), &value);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    if (rc == 0 && value.n == sizeof due) {
        memcpy(&due, value.p, sizeof due);
        if (due <= expiry_s)
            return 0;
    }
    rc = txn_put(op->txn, key_view(&k), (struct str){ (const char *)&expiry_s, sizeof expiry_s });
    return rc < 0 ? rc : op_timer_set(op, "dynamodb.ttl", t->rec->TtlGeneration, expiry_s * 1000, t->rec->TableName);
}

int ttl_add(struct op *op, const struct table *t, const struct attr_map *item, const struct key *item_key)
{
    struct key k;
    int64_t at;
    if (!expiry(op, t, item, &at))
        return 0;
    expiry_key(op, &k, t, at, item_key);
    int rc = txn_put(op->txn, key_view(&k), key_view(item_key));
    return rc < 0 ? rc : wake_at(op, t, at);
}

static int change_ttl(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, const struct key *item_key)
{
    int64_t before, after;
    bool had = expiry(op, t, old, &before), has = expiry(op, t, neu, &after);
    struct key k;
    int rc = 0;
    if (had && has && before == after)
        return 0;
    if (had) {
        expiry_key(op, &k, t, before, item_key);
        rc = txn_delete(op->txn, key_view(&k));
    }
    return rc == 0 && has ? ttl_add(op, t, neu, item_key) : rc;
}

/* ---- changing ---- */

bool table_is_plain(const struct table *t) { return t->n_indexes == 0 && !t->rec->TtlGeneration.p && !t->rec->StreamId.p; }

int item_put_plain(struct op *op, const struct table *t, const struct key *k, const struct stored *old, const struct attr_map *neu)
{
    size_t size = value_map_size(neu);
    int rc = put_entry(op, t, k, neu, size);
    return rc < 0 ? rc : stats_add(op, t->rec->TableId, old ? 0 : 1, (int64_t)size - (old ? (int64_t)old->size : 0));
}

int item_put_unseen(struct op *op, const struct table *t, const struct key *k, const struct attr_map *neu)
{
    int rc = put_entry(op, t, k, neu, value_map_size(neu));
    return rc < 0 ? rc : stats_unseen(op, t);
}

int item_delete_plain(struct op *op, const struct table *t, const struct key *k, const struct stored *old)
{
    int rc = txn_delete(op->txn, key_view(k));
    return rc < 0 ? rc : stats_add(op, t->rec->TableId, -1, -(int64_t)old->size);
}

static int change(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, struct index_cost *cost, bool expired)
{
    struct key k;
    int rc;
    if (!old && !neu)
        return 0;
    item_key(op, &k, t, neu ? neu : old);
    struct stored was = { .size = old ? value_map_size(old) : 0 };
    rc = neu ? item_put_plain(op, t, &k, old ? &was : NULL, neu) : item_delete_plain(op, t, &k, &was);
    for (uint32_t i = 0; i < t->n_indexes && rc == 0; i++) {
        double units = 0;
        if (str_is(t->indexes[i].rec->Status, "DELETING"))
            continue;
        rc = change_index(op, t, &t->indexes[i], old, neu, &units);
        if (cost)
            cost->units[i] += units;
    }
    if (rc == 0)
        rc = change_ttl(op, t, old, neu, &k);
    return rc == 0 && t->rec->StreamId.p ? stream_note(op, t, old, neu, expired) : rc;
}

int item_change(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, struct index_cost *cost)
{
    return change(op, t, old, neu, cost, false);
}

int item_expire(struct op *op, const struct table *t, const struct attr_map *old) { return change(op, t, old, NULL, NULL, true); }
