/* What goes on in the background: expiry, filling a new index or TTL, sealing what lies in clear, and clearing what was deleted. Each in small steps.
 * Where KMS refuses the table's key, a job looks again later. */
#include "base/arena.h"
#include "services/dynamodb/item.h"
#include "services/dynamodb/seal.h"
#include "services/dynamodb/walk.h"

enum { STEP_ITEMS = 500, STEP_BYTES = 4 << 20 };

int walk_later(struct op *op, const char *kind, struct str id, struct str payload)
{
    return op_timer_set(op, kind, id, op_now_ms(op) + LOCKED_RETRY_MS, payload);
}

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
        rc = item_decode(op, t, item_key, value, &s);
    if (rc == 0)
        rc = item_parse(op, &s, &item);
    return rc < 0 ? rc : item_expire(op, t, &item);
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
        rc = table_unlock(op, &t);
    if (rc == E_AWS)
        return walk_later(op, "dynamodb.ttl", t.rec->TtlGeneration, name);
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
    scan_brief(s);
    while (keys.n < STEP_ITEMS && scan_next(s, &key, &value))
        str_list_add(op->arena, &keys, str_dup(op->arena, key));
    int rc = scan_end(s);
    for (uint32_t i = 0; i < keys.n && rc == 0; i++)
        rc = txn_delete(op->txn, keys.v[i]);
    return rc == 0 && keys.n == STEP_ITEMS ? op_outbox(op, "dynamodb.clear", prefix) : rc;
}

/* ---- walks ---- */

static int walk_outbox(struct op *op, const char *kind, struct str table, struct str target, struct str from)
{
    struct key k;
    key_init(&k);
    key_str(&k, table);
    key_str(&k, target);
    key_raw(&k, from);
    return k.over ? E_LIMIT : op_outbox(op, kind, str_dup(op->arena, key_view(&k)));
}

int walk_read(struct op *op, struct str payload, struct walk *ret)
{
    struct key_reader r;
    *ret = (struct walk){ 0 };
    key_read_init(&r, payload);
    if (key_read_str(&r, op->arena, &ret->table) < 0 || key_read_str(&r, op->arena, &ret->target) < 0)
        return E_CORRUPT;
    ret->from = r.rest;
    return 0;
}

int walk_step(struct op *op, struct str container, struct walk *w)
{
    struct key from, to;
    struct str key, value;
    size_t bytes = 0;
    container_key(op, &from, container);
    key_after_prefix(&from, &to);
    if (w->from.n > 0) {
        key_init(&from);
        key_raw(&from, w->from);
    }
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (!w->next.p && scan_next(s, &key, &value)) {
        if (w->keys.n == STEP_ITEMS || bytes > STEP_BYTES) {
            w->next = str_dup(op->arena, key);
            continue;
        }
        bytes += value.n;
        str_list_add(op->arena, &w->keys, str_dup(op->arena, key));
        str_list_add(op->arena, &w->values, str_dup(op->arena, value));
    }
    return scan_end(s);
}

int walk_begin(struct op *op, const char *kind, struct str table, struct str target) { return walk_outbox(op, kind, table, target, STR("")); }

int walk_on(struct op *op, const char *kind, const struct walk *w) { return walk_outbox(op, kind, w->table, w->target, w->next); }

/* ---- dynamodb.fill: for an index id or a TTL generation ---- */

int job_fill(struct op *op, struct str table, struct str target) { return walk_begin(op, "dynamodb.fill", table, target); }

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
    int rc = item_decode(op, t, key, value, &s);
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

static int fill_step(struct op *op, const struct table *t, const struct table_index *x, struct walk *w)
{
    int rc = walk_step(op, t->rec->TableId, w);
    for (uint32_t i = 0; i < w->keys.n && rc == 0; i++)
        rc = fill_one(op, t, x, w->keys.v[i], w->values.v[i]);
    if (rc < 0)
        return rc;
    if (w->next.p)
        return walk_on(op, "dynamodb.fill", w);
    if (!x)
        return 0;
    x->rec->Status = STR_NONE; /* ACTIVE */
    return table_save(op, t->rec);
}

int dynamodb_job_fill(struct op *op, struct str payload)
{
    struct walk w;
    struct table t;
    int rc = walk_read(op, payload, &w);
    if (rc == 0)
        rc = table_open(op, w.table, &t);
    if (rc < 0)
        return rc == E_AWS ? 0 : rc;
    struct table_index *x = index_by_id(&t, w.target);
    if (!x && !(t.rec->TtlGeneration.p && str_eq(t.rec->TtlGeneration, w.target)))
        return 0; /* dropped meanwhile */
    rc = table_unlock(op, &t);
    if (rc == E_AWS)
        return walk_later(op, "dynamodb.fill", w.target, payload);
    return rc < 0 ? rc : fill_step(op, &t, x, &w);
}

/* ---- dynamodb.seal: for a container of Unsealed ---- */

int job_seal(struct op *op, struct str table, struct str container) { return walk_begin(op, "dynamodb.seal", table, container); }

static int container_sealed(struct op *op, struct dynamodb_rec_Table *rec, struct str container)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rec->Unsealed.n; i++)
        if (!str_eq(rec->Unsealed.v[i], container))
            rec->Unsealed.v[n++] = rec->Unsealed.v[i];
    rec->Unsealed.n = n;
    int rc = table_save(op, rec);
    return rc == 0 && n > 0 ? job_seal(op, rec->TableName, rec->Unsealed.v[0]) : rc;
}

static int seal_step(struct op *op, const struct table *t, struct walk *w)
{
    int rc = walk_step(op, w->target, w);
    for (uint32_t i = 0; i < w->keys.n && rc == 0; i++)
        if (!item_is_sealed(w->values.v[i]))
            rc = item_seal(op, t, w->keys.v[i], w->values.v[i]);
    if (rc < 0)
        return rc;
    return w->next.p ? walk_on(op, "dynamodb.seal", w) : container_sealed(op, t->rec, w->target);
}

int dynamodb_job_seal(struct op *op, struct str payload)
{
    struct walk w;
    struct table t;
    int rc = walk_read(op, payload, &w);
    if (rc == 0)
        rc = table_open(op, w.table, &t);
    if (rc < 0)
        return rc == E_AWS ? 0 : rc;
    if (!str_list_has(&t.rec->Unsealed, w.target))
        return 0; /* another table of the name */
    rc = table_unlock(op, &t);
    if (rc == E_AWS)
        return walk_later(op, "dynamodb.seal", w.target, payload);
    return rc < 0 ? rc : seal_step(op, &t, &w);
}
