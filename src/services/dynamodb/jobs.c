/* What goes on in the background: expiry, filling a new index or TTL, and clearing what was deleted. Each in small steps. */
#include "base/arena.h"
#include "services/dynamodb/item.h"

enum { STEP_ITEMS = 500 };

/* ---- dynamodb.ttl: payload is the table's name; the timer's id is the TTL generation ---- */

struct expired {
    struct str_list index_keys, item_keys;
    int64_t next_s; /* when the first one that is left expires; 0: none is left */
};

static int find_expired(struct op *op, const struct table *t, struct expired *ret)
{
    struct key from, to;
    struct str key, value;
    int64_t now_s = op_now_ms(op) / 1000;
    ttl_key(op, &from, t->rec->TtlGeneration);
    key_after_prefix(&from, &to);
    size_t head = from.n;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        int64_t at = 0;
        key_read_init(&r, str_sub(key, head, key.n));
        if (key_read_i64(&r, &at) < 0)
            continue;
        if (at > now_s || ret->index_keys.n == STEP_ITEMS) {
            ret->next_s = at;
            break;
        }
        str_list_add(op->arena, &ret->index_keys, str_dup(op->arena, key));
        str_list_add(op->arena, &ret->item_keys, str_dup(op->arena, value));
    }
    return scan_end(s);
}

static int expire_one(struct op *op, const struct table *t, struct str index_key, struct str item_key)
{
    struct str value;
    struct stored s;
    struct attr_map item;
    int rc = txn_delete(op->txn, index_key);
    if (rc == 0)
        rc = txn_get(op->txn, item_key, &value);
    if (rc == E_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = item_decode(op, str_dup(op->arena, value), &s);
    if (rc == 0)
        rc = item_parse(op, &s, &item);
    return rc < 0 ? rc : item_change(op, t, &item, NULL, NULL);
}

int dynamodb_job_ttl(struct op *op, struct str name)
{
    struct expired e = { 0 };
    struct table t;
    struct key k;
    int rc = table_open(op, name, &t);
    if (rc == E_AWS || (rc == 0 && !t.rec->TtlGeneration.p))
        return 0; /* the table went, or its TTL was switched off */
    if (rc == 0)
        rc = find_expired(op, &t, &e);
    for (uint32_t i = 0; i < e.index_keys.n && rc == 0; i++)
        rc = expire_one(op, &t, e.index_keys.v[i], e.item_keys.v[i]);
    if (rc < 0)
        return rc;
    op_key(op, &k, &dynamodb_kind_ttlnext);
    key_str(&k, t.rec->TtlGeneration);
    if (e.next_s == 0)
        return txn_delete(op->txn, key_view(&k));
    rc = txn_put(op->txn, key_view(&k), (struct str){ (const char *)&e.next_s, sizeof e.next_s });
    return rc < 0 ? rc : op_timer_set(op, "dynamodb.ttl", t.rec->TtlGeneration, e.next_s * 1000, name);
}

/* ---- dynamodb.clear: payload is the beginning of the keys that go ---- */

int job_clear(struct op *op, const struct record_kind *kind, struct str container)
{
    struct key k;
    op_key(op, &k, kind);
    key_str(&k, container);
    return op_outbox(op, "dynamodb.clear", str_dup(op->arena, key_view(&k)));
}

int dynamodb_job_clear(struct op *op, struct str prefix)
{
    struct key from, to;
    struct str_list keys = { 0 };
    struct str key, value;
    key_init(&from);
    key_raw(&from, prefix);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (keys.n < STEP_ITEMS && scan_next(s, &key, &value))
        str_list_add(op->arena, &keys, str_dup(op->arena, key));
    int rc = scan_end(s);
    for (uint32_t i = 0; i < keys.n && rc == 0; i++)
        rc = txn_delete(op->txn, keys.v[i]);
    return rc == 0 && keys.n == STEP_ITEMS ? op_outbox(op, "dynamodb.clear", prefix) : rc;
}

/* ---- dynamodb.fill: payload is (table name, index id or TTL generation, key to go on from) ---- */

static int fill_outbox(struct op *op, struct str table, struct str target, struct str from)
{
    struct key k;
    key_init(&k);
    key_str(&k, table);
    key_str(&k, target);
    key_raw(&k, from);
    return k.over ? E_LIMIT : op_outbox(op, "dynamodb.fill", str_dup(op->arena, key_view(&k)));
}

int job_fill(struct op *op, struct str table, struct str target) { return fill_outbox(op, table, target, STR("")); }

static struct table_index *index_by_id(const struct table *t, struct str id)
{
    for (uint32_t i = 0; i < t->n_indexes; i++)
        if (str_eq(t->indexes[i].rec->Id, id))
            return &t->indexes[i];
    return NULL;
}

static int fill_one(struct op *op, const struct table *t, const struct table_index *x, struct str key, struct str value)
{
    struct stored s;
    struct attr_map item;
    struct key k;
    int rc = item_decode(op, value, &s);
    if (rc == 0)
        rc = item_parse(op, &s, &item);
    if (rc < 0)
        return rc;
    if (x)
        return index_add(op, t, x, &item);
    key_init(&k);
    key_raw(&k, key);
    return ttl_add(op, t, &item, &k);
}

static int fill_step(struct op *op, const struct table *t, const struct table_index *x, struct str target, struct str from_key)
{
    struct str_list keys = { 0 }, values = { 0 };
    struct key from, to;
    struct str key, value, next = STR_NONE;
    container_key(op, &from, t->rec->TableId);
    key_after_prefix(&from, &to);
    if (from_key.n > 0) {
        key_init(&from);
        key_raw(&from, from_key);
    }
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (!next.p && scan_next(s, &key, &value)) {
        if (keys.n == STEP_ITEMS) {
            next = str_dup(op->arena, key);
            continue;
        }
        str_list_add(op->arena, &keys, str_dup(op->arena, key));
        str_list_add(op->arena, &values, str_dup(op->arena, value));
    }
    int rc = scan_end(s);
    for (uint32_t i = 0; i < keys.n && rc == 0; i++)
        rc = fill_one(op, t, x, keys.v[i], values.v[i]);
    if (rc < 0)
        return rc;
    if (next.p)
        return fill_outbox(op, t->rec->TableName, target, next);
    if (!x)
        return 0;
    x->rec->Status = STR_NONE; /* ACTIVE */
    return table_save(op, t->rec);
}

int dynamodb_job_fill(struct op *op, struct str payload)
{
    struct str name, target, from;
    struct key_reader r;
    struct table t;
    key_read_init(&r, payload);
    if (key_read_str(&r, op->arena, &name) < 0 || key_read_str(&r, op->arena, &target) < 0)
        return E_CORRUPT;
    from = r.rest;
    int rc = table_open(op, name, &t);
    if (rc == E_AWS)
        return 0;
    if (rc < 0)
        return rc;
    struct table_index *x = index_by_id(&t, target);
    if (!x && !(t.rec->TtlGeneration.p && str_eq(t.rec->TtlGeneration, target)))
        return 0; /* dropped meanwhile */
    return fill_step(op, &t, x, target, from);
}
