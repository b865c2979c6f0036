#include "services/dynamodb/read.h"

#include "base/arena.h"
#include "services/dynamodb/seal.h"

/* ---- opening: table, index, Select ---- */

static bool projects(const struct table *t, const struct table_index *x, struct str name)
{
    if (x->projection == PROJECT_ALL || key_schema_has(&x->schema, name) || key_schema_has(&t->schema, name))
        return true;
    return x->projection == PROJECT_INCLUDE && str_list_has(&x->rec->Projection->NonKeyAttributes, name);
}

/* What an index does not hold: a local one fetches it from the table, a global one cannot. */
static int check_projection(struct op *op, struct page *p, struct str select)
{
    struct table_index *x = p->index;
    struct str missing = STR_NONE;
    if (!x || p->count_only)
        return 0;
    bool local = opt_bool(x->rec->Local, false);
    if (str_is(select, "ALL_ATTRIBUTES") && x->projection != PROJECT_ALL) {
        if (!local)
            return invalid(op,
                           "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index "
                           "%.*s because its projection type is not ALL", STR_ARG(x->rec->Name));
        p->whole_items = true;
    }
    for (uint32_t i = 0; i < p->paths.n; i++) {
        struct str name = p->paths.v[i].v[0].name;
        if (!projects(p->table, x, name))
            missing = missing.p ? str_printf(op->arena, "%.*s, %.*s", STR_ARG(missing), STR_ARG(name)) : name;
    }
    if (missing.p && !local)
        return invalid(op, "One or more parameter values were invalid: Global secondary index %.*s does not project [%.*s]", STR_ARG(x->rec->Name),
                       STR_ARG(missing));
    p->whole_items = p->whole_items || missing.p;
    return 0;
}

static int check_select(struct op *op, const struct page_params *in, struct str projection, struct page *p)
{
    struct str select = in->select;
    const char *what = in->attributes->set ? "AttributesToGet" : projection.p ? "ProjectionExpression" : NULL;
    p->count_only = str_is(select, "COUNT");
    if (what && (p->count_only || str_starts(select, STR("ALL_"))))
        return invalid(op, "Cannot specify the %s when choosing to get %s", what,
                       p->count_only ? "only the Count" : str_is(select, "ALL_ATTRIBUTES") ? "ALL_ATTRIBUTES" : "ALL_PROJECTED_ATTRIBUTES");
    if (str_is(select, "SPECIFIC_ATTRIBUTES") && !what)
        return invalid(op, "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES");
    if (str_is(select, "ALL_PROJECTED_ATTRIBUTES") && !in->index.p)
        return invalid(op, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName");
    return 0;
}

int page_open(struct op *op, const struct page_params *in, struct str projection, struct page *p)
{
    int rc = check_select(op, in, projection, p);
    if (rc < 0)
        return rc;
    p->table = arena_one(op->arena, struct table);
    p->limit = opt_i64(in->limit, 0);
    p->consistent = opt_bool(in->consistent, false);
    rc = table_open_items(op, in->table, p->table);
    if (rc < 0)
        return rc;
    p->schema = &p->table->schema;
    p->container = p->table->rec->TableId;
    if (!in->index.p)
        return 0;
    p->index = table_index(p->table, in->index);
    if (!p->index || str_is(p->index->rec->Status, "DELETING"))
        return invalid(op, "The table does not have the specified index: %.*s", STR_ARG(in->index));
    if (str_is(p->index->rec->Status, "CREATING"))
        return invalid(op, "Cannot read from backfilling global secondary index: %.*s", STR_ARG(in->index));
    if (p->consistent && !opt_bool(p->index->rec->Local, false))
        return invalid(op, "Consistent reads are not supported on global secondary indexes");
    p->schema = &p->index->schema;
    p->container = p->index->rec->Id;
    return check_projection(op, p, in->select);
}

/* ---- ExclusiveStartKey ---- */

static bool is_start_key(const struct page *p, const struct attr_map *key)
{
    const struct key_schema *schemas[2] = { &p->table->schema, p->schema };
    for (uint32_t i = 0; i < key->n; i++)
        if (!key_schema_has(schemas[0], key->v[i].name) && !key_schema_has(schemas[1], key->v[i].name))
            return false;
    for (int i = 0; i < 2; i++) {
        const struct key_attr *attrs[2] = { &schemas[i]->hash, &schemas[i]->range };
        for (int k = 0; k < 2; k++) {
            const struct value *v = attrs[k]->name.p ? attr_get(key, attrs[k]->name) : NULL;
            if (attrs[k]->name.p && (!v || v->type != attrs[k]->type))
                return false;
        }
    }
    return true;
}

int page_start(struct op *op, const struct page_params *in, const struct value *hash, struct page *p)
{
    struct attr_map start;
    struct key *k = arena_one(op->arena, struct key);
    int rc = request_map(op, in->start_key, &start);
    if (rc < 0 || !start.set)
        return rc;
    if (!is_start_key(p, &start))
        return invalid(op, hash ? "The provided starting key is invalid"
                                : "The provided starting key is invalid: The provided key element does not match the schema");
    rc = item_check_key_sizes(op, &p->table->schema, &start);
    if (rc < 0)
        return rc;
    if (p->index)
        item_index_key(op, k, p->table, p->index, &start);
    else
        item_key(op, k, p->table, &start);
    if (k->over)
        return invalid(op, "The provided starting key is invalid");
    bool inside = str_cmp(key_view(k), key_view(&p->from)) >= 0 && str_cmp(key_view(k), key_view(&p->to)) < 0;
    if (!inside && hash)
        return invalid(op, "The provided starting key is outside query boundaries based on provided conditions");
    if (!inside)
        return invalid(op, "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment.");
    if (p->reverse) {
        p->to = *k;
    } else {
        p->from = *k;
        key_raw(&p->from, (struct str){ "", 1 }); /* the smallest key behind k: no entry's key is the beginning of another's */
    }
    return 0;
}

/* ---- reading ---- */

static int fetch_whole(struct op *op, struct page *p, struct attr_map *item, struct stored *s)
{
    struct key *k = arena_one(op->arena, struct key);
    item_key(op, k, p->table, item);
    int rc = item_load(op, p->table, k, s);
    if (rc < 0)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    p->fetched_bytes += s->size;
    return item_parse(op, s, item);
}

static int take(struct op *op, struct page *p, struct stored s)
{
    struct attr_map item;
    int rc = 0;
    if (p->filter || p->paths.n > 0 || p->whole_items)
        rc = item_parse(op, &s, &item);
    if (rc == 0 && p->whole_items)
        rc = fetch_whole(op, p, &item, &s);
    if (rc < 0 || (p->filter && !expr_true(op->arena, p->filter, &item)))
        return rc;
    p->count++;
    if (p->count_only)
        return 0;
    if (p->paths.n > 0) {
        struct attr_map part = path_project(op->arena, &item, &p->paths);
        s.json = value_map_json(op->arena, &part);
    }
    str_list_add(op->arena, &p->items, s.json);
    return 0;
}

/* The key of the last entry that was read: where the next page begins. */
static int remember(struct op *op, struct page *p, const struct stored *s)
{
    struct attr_map item;
    int rc = item_parse(op, s, &item);
    if (rc < 0)
        return rc;
    struct attr_map key = item_key_of(op, p->table, p->index, &item);
    p->last_key = value_map_json(op->arena, &key);
    return 0;
}

int page_read(struct op *op, struct page *p)
{
    struct stored s = { 0 };
    struct str key, value;
    bool more = false;
    int rc = 0;

    p->items.set = !p->count_only;
    if (p->from.over || p->to.over)
        return E_LIMIT;
    if (str_cmp(key_view(&p->from), key_view(&p->to)) >= 0)
        return 0;
    struct scan *scan = txn_scan(op->txn, key_view(&p->from), key_view(&p->to), p->reverse);
    while (rc == 0 && !more && scan_next(scan, &key, &value)) {
        size_t size = 0;
        rc = item_size(value, &size);
        more = p->scanned > 0 && p->bytes + size > PAGE_BYTES_MAX;
        if (rc < 0 || more)
            break;
        rc = item_decode(op, p->table, key, value, &s);
        if (rc < 0)
            break;
        p->scanned++;
        p->bytes += s.size;
        rc = take(op, p, s);
        more = p->limit > 0 && p->scanned == p->limit;
    }
    int end = scan_end(scan);
    if (rc == 0)
        rc = end;
    return rc == 0 && more ? remember(op, p, &s) : rc;
}

struct dynamodb_ConsumedCapacity *page_capacity(struct op *op, const struct page *p, struct str mode)
{
    struct usage_list usage = { 0 };
    struct usage *u = usage_of(op, &usage, p->table);
    double units = capacity_read_units(p->bytes, p->consistent);
    if (p->index)
        u->index_read[p->index - p->table->indexes] = units;
    else
        u->read = units;
    if (p->fetched_bytes > 0)
        u->read += capacity_read_units(p->fetched_bytes, p->consistent);
    usage_tell(op, u);
    return usage_one(op, u, mode);
}
