/* strata check: an item lies where its key says, and every index, TTL entry and counter agrees with it, both ways. Of what is sealed (seal.h) only the
 * sizes can be looked at. */
#include <string.h>

#include "aws/check.h"
#include "base/arena.h"
#include "services/dynamodb/backup.h"
#include "services/dynamodb/stream.h"

/* A table or an index, with what the walk counted in it. */
struct container {
    struct str id;
    const struct table *table;
    const struct table_index *index; /* NULL: the table itself */
    bool backup;                     /* a copy of it */
    struct stats counted;
};

struct memo {
    struct str account, region;
    struct container *v; /* of this account and region */
    uint32_t n;
    struct str last;     /* the id that was asked for last, and what was found */
    struct container *found;
    bool filling;        /* a job brings items into an index or under TTL: entries may be missing yet */
};

static void add(struct arena *a, struct memo *m, struct str id, const struct table *t, const struct table_index *x)
{
    if ((m->n & (m->n - 1)) == 0) { /* a power of two: it is full */
        struct container *more = arena_many(a, struct container, m->n ? 2 * m->n : 1);
        if (m->n)
            memcpy(more, m->v, m->n * sizeof *more);
        m->v = more;
    }
    m->v[m->n++] = (struct container){ .id = id, .table = t, .index = x };
}

/* What a backup holds is looked at as entries of its table that stand alone. */
static void load_backups(struct op *op, struct check *c, struct memo *m)
{
    struct arena *a = check_arena(c);
    struct key from, to;
    struct str key, value;
    op_key(op, &from, &dynamodb_kind_tablebackup);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct dynamodb_rec_Backup *b = arena_one(a, struct dynamodb_rec_Backup);
        struct table *t = arena_one(a, struct table);
        if (op_rec_decode(op, value, &dynamodb_rec_Backup_shape, b) || table_open_rec(op, b->Table, t))
            continue;
        add(a, m, b->Container, t, NULL);
        m->v[m->n - 1].backup = true;
    }
    scan_end(s);
}

static void load_tables(struct op *op, struct check *c, struct memo *m)
{
    struct arena *a = check_arena(c), *own = op->arena;
    struct key from, to;
    struct str key, value;
    op->arena = a; /* what is loaded outlives the record */
    *m = (struct memo){ .account = str_dup(a, op->account), .region = str_dup(a, op->region), .last = STR("") };
    m->filling = check_waits(op, c, "dynamodb.fill", STR_NONE);
    op_key(op, &from, &dynamodb_kind_table);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct dynamodb_rec_Table *rec = arena_one(a, struct dynamodb_rec_Table);
        struct table *t = arena_one(a, struct table);
        if (op_rec_decode(op, value, &dynamodb_rec_Table_shape, rec) || table_open_rec(op, rec, t))
            continue; /* the walk tells it */
        add(a, m, rec->TableId, t, NULL);
        for (uint32_t i = 0; i < t->n_indexes; i++)
            add(a, m, t->indexes[i].rec->Id, t, &t->indexes[i]);
    }
    scan_end(s);
    load_backups(op, c, m);
    op->arena = own;
}

static struct memo *memo_of(struct op *op, struct check *c)
{
    struct memo *m = check_memo(c, sizeof *m);
    if (!str_eq(m->account, op->account) || !str_eq(m->region, op->region))
        load_tables(op, c, m);
    return m;
}

static struct container *find(struct memo *m, struct str id)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].id, id))
            return &m->v[i];
    return NULL;
}

/* Whether the job that removes all of (kind, id) waits. */
static bool is_doomed(struct op *op, struct check *c, const struct record_kind *kind, struct str id)
{
    struct key k;
    op_key(op, &k, kind);
    key_str(&k, id);
    return check_waits(op, c, "dynamodb.clear", key_view(&k));
}

/* ---- items ---- */

static void check_in_table(struct op *op, struct check *c, const struct memo *m, const struct table *t, const struct attr_map *item)
{
    struct key k, entry;
    struct str value;
    item_key(op, &k, t, item);
    if (!str_eq(key_view(&k), c->key))
        check_fault(op, c, "its key is not that of its attributes");
    for (uint32_t i = 0; i < t->n_indexes; i++) {
        const struct table_index *x = &t->indexes[i];
        if (!x->rec->Status.p && item_index_key(op, &entry, t, x, item) && txn_get(op->txn, key_view(&entry), &value) < 0)
            check_fault(op, c, "the index %.*s has no entry for it", STR_ARG(x->rec->Name));
    }
    if (!m->filling && !t->rec->TableKey.p && item_expiry_key(op, &entry, t, item, &k) && txn_get(op->txn, key_view(&entry), &value) < 0)
        check_fault(op, c, "its expiry is not noted");
}

static bool is_sealed(struct op *op, const struct key *k)
{
    struct str value;
    return txn_get(op->txn, key_view(k), &value) == 0 && item_is_sealed(value);
}

static void check_in_index(struct op *op, struct check *c, const struct table *t, const struct table_index *x, const struct attr_map *item)
{
    struct stored stored;
    struct attr_map base;
    struct key k, entry;
    if (!attr_get(item, t->schema.hash.name) || (t->schema.range.name.p && !attr_get(item, t->schema.range.name))) {
        check_fault(op, c, "it does not hold the key of its item");
        return;
    }
    item_key(op, &k, t, item);
    if (is_sealed(op, &k))
        return;
    if (item_load(op, t, &k, &stored) || item_parse(op, &stored, &base)) {
        check_fault(op, c, "its item is not in the table %.*s", STR_ARG(t->rec->TableName));
        return;
    }
    if (!item_index_key(op, &entry, t, x, &base) || !str_eq(key_view(&entry), c->key)) {
        check_fault(op, c, "the index %.*s has it elsewhere, by what its item holds", STR_ARG(x->rec->Name));
        return;
    }
    struct attr_map wanted = item_projection(op, t, x, &base);
    if (!value_map_equal(&wanted, item))
        check_fault(op, c, "the index %.*s holds other attributes than its item", STR_ARG(x->rec->Name));
}

void dynamodb_check_item(struct op *op, struct check *c)
{
    struct memo *m = memo_of(op, c);
    struct key_reader r = c->at;
    struct str id;
    struct stored stored;
    struct attr_map item;
    if (key_read_str(&r, op->arena, &id)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    if (!str_eq(m->last, id)) {
        m->last = str_dup(check_arena(c), id);
        m->found = find(m, id);
        if (!m->found && !is_doomed(op, c, &dynamodb_kind_item, id))
            check_fault(op, c, "no table and no index has this id, and no job clears it away");
    }
    if (!m->found)
        return;
    const struct table_index *x = m->found->index;
    const struct dynamodb_rec_Table *rec = m->found->table->rec;
    if (item_is_sealed(c->value) && item_size(c->value, &stored.size) == 0) {
        m->found->counted.items++;
        m->found->counted.bytes += (int64_t)stored.size;
        if (!rec->TableKey.p)
            check_fault(op, c, "it is sealed, and the table %.*s has no key", STR_ARG(rec->TableName));
        return;
    }
    if (rec->TableKey.p && (m->found->backup || !str_list_has(&rec->Unsealed, id)))
        check_fault(op, c, "it lies in clear, and the table %.*s is encrypted", STR_ARG(rec->TableName));
    if (item_decode(op, m->found->table, c->key, c->value, &stored) || item_parse(op, &stored, &item) || value_map_size(&item) != stored.size) {
        check_fault(op, c, "it does not decode");
        return;
    }
    m->found->counted.items++;
    m->found->counted.bytes += (int64_t)stored.size;
    if (m->found->backup)
        return;
    if (!item_has_key(x ? &x->schema : &m->found->table->schema, &item))
        check_fault(op, c, "it lacks its key attributes");
    else if (x)
        check_in_index(op, c, m->found->table, x, &item);
    else
        check_in_table(op, c, m, m->found->table, &item);
}

/* ---- what stands beside them ---- */

static void compare_stats(struct op *op, struct check *c, struct str id, const char *what, struct str name)
{
    const struct container *k = find(memo_of(op, c), id);
    enum stats_mark mark;
    struct stats s;
    if (!k)
        return;
    if (stats_get(op, id, &s) < 0 || stats_mark(op, id, &mark) < 0)
        check_fault(op, c, "its counters do not decode");
    else if (mark != STATS_EXACT)
        return;
    else if (s.items != k->counted.items || s.bytes != k->counted.bytes)
        check_fault(op, c, "the %s %.*s counts %lld items of %lld bytes; there are %lld of %lld", what, STR_ARG(name), (long long)s.items,
                    (long long)s.bytes, (long long)k->counted.items, (long long)k->counted.bytes);
}

/* The first expiry noted must be the one that the table's timer stands for, or a later one. */
static void check_ttl_timer(struct op *op, struct check *c, struct str generation)
{
    struct key from, to, next;
    struct str key, value;
    int64_t first_s, due_s;
    ttl_key(op, &from, generation);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool any = scan_next(s, &key, &value);
    struct key_reader r = { str_sub(key, from.n, key.n) };
    any = scan_end(s) == 0 && any && key_read_i64(&r, &first_s) == 0;
    op_key(op, &next, &dynamodb_kind_ttlnext);
    key_str(&next, generation);
    if (any && (txn_get(op->txn, key_view(&next), &value) < 0 || value.n != sizeof due_s || (memcpy(&due_s, value.p, sizeof due_s), due_s > first_s)))
        check_fault(op, c, "nothing wakes it at its first expiry");
}

void dynamodb_check_table(struct op *op, struct check *c)
{
    const struct dynamodb_rec_Table *rec = c->rec;
    struct key k;
    table_key(op, &k, rec->TableName);
    if (!str_eq(key_view(&k), c->key))
        check_fault(op, c, "its name is not that of its key");
    compare_stats(op, c, rec->TableId, "table", rec->TableName);
    for (uint32_t i = 0; i < rec->Indexes.n; i++)
        compare_stats(op, c, rec->Indexes.v[i].Id, "index", rec->Indexes.v[i].Name);
    if (rec->TtlGeneration.p)
        check_ttl_timer(op, c, rec->TtlGeneration);
    if (rec->StreamId.p) {
        stream_key(op, &k, rec->TableName);
        key_str(&k, rec->StreamLabel);
        check_there(op, c, &k, "its stream");
    }
}

void dynamodb_check_tablebackup(struct op *op, struct check *c)
{
    const struct dynamodb_rec_Backup *b = c->rec;
    const struct container *k = find(memo_of(op, c), b->Container);
    struct key own;
    backup_key(op, &own, b->Table->TableName, b->Id);
    if (!str_eq(key_view(&own), c->key))
        check_fault(op, c, "its table and id are not those of its key");
    if (k && (b->Items.v != k->counted.items || b->Bytes.v != k->counted.bytes))
        check_fault(op, c, "it counts %lld items of %lld bytes; there are %lld of %lld", (long long)b->Items.v, (long long)b->Bytes.v,
                    (long long)k->counted.items, (long long)k->counted.bytes);
}

/* Keys whose only element is the id of a table or an index. */
static void check_id(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str id;
    if (key_read_str(&r, op->arena, &id) || !find(memo_of(op, c), id))
        check_fault(op, c, "no table and no index has this id");
}

void dynamodb_check_stats(struct op *op, struct check *c)
{
    if (c->value.n != sizeof(struct stats))
        check_fault(op, c, "it does not decode");
    check_id(op, c);
}

void dynamodb_check_unseen(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str id;
    check_id(op, c);
    if (c->value.n == 1 && c->value.p[0] == STATS_UNSEEN && key_read_str(&r, op->arena, &id) == 0)
        check_timer(op, c, "dynamodb.count", id, -1);
}

void dynamodb_check_extra(struct op *op, struct check *c)
{
    check_id(op, c);
}

void dynamodb_check_policy(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str name;
    struct key k;
    if (key_read_str(&r, op->arena, &name)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    table_key(op, &k, name);
    check_there(op, c, &k, "its table");
}

void dynamodb_check_token(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str token;
    if (key_read_str(&r, op->arena, &token) == 0)
        check_timer(op, c, "dynamodb.token", token, -1);
}

/* ---- TTL ---- */

static const struct table *table_of_generation(struct memo *m, struct str generation)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (!m->v[i].index && !m->v[i].backup && str_eq(m->v[i].table->rec->TtlGeneration, generation))
            return m->v[i].table;
    return NULL;
}

void dynamodb_check_ttl(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str generation;
    struct stored stored;
    struct attr_map item;
    struct key k, entry;
    if (key_read_str(&r, op->arena, &generation)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    const struct table *t = table_of_generation(memo_of(op, c), generation);
    if (!t) {
        if (!is_doomed(op, c, &dynamodb_kind_ttl, generation))
            check_fault(op, c, "no table has this TTL, and no job clears it away");
        return;
    }
    key_init(&k);
    key_raw(&k, c->value);
    if (is_sealed(op, &k))
        return;
    if (item_load(op, t, &k, &stored) || item_parse(op, &stored, &item))
        check_fault(op, c, "its item is not there");
    else if (item_expiry_key(op, &entry, t, &item, &k) && !str_eq(key_view(&entry), c->key))
        check_fault(op, c, "its item expires at another time");
}

void dynamodb_check_ttlnext(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str generation;
    if (key_read_str(&r, op->arena, &generation) || !table_of_generation(memo_of(op, c), generation))
        check_fault(op, c, "no table has this TTL");
    else
        check_timer(op, c, "dynamodb.ttl", generation, -1);
}
