/* A DynamoDB table against a sorted array. Several clients share one table; each has partitions of its own, so that each knows what is in them.
 *
 * Items: h (S) "<client>-<0..2>", r (N) 0..5, perhaps g (S) "g0".."g2", v (N), s (S). A global index on (g, v), a local one on (h, v).
 * Client 0 also makes and drops a second global index while everybody writes, and puts items that expire.
 * Each client also follows the table's stream: its records, one after another, must lead to what the table holds. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { PARTITIONS = 3, SORTS = 6, KEYS = PARTITIONS * SORTS, GROUPS = 3, TRANSACT_MAX = 4, TEXT_MAX = 40, LOOSE_MAX = 8 };

struct item {
    bool there;
    int g;  /* -1: none */
    int v;
    unsigned s; /* the text's number; its length depends on it */
};

struct loose { /* an item that expires: key (client)-ttl, i */
    bool there;
    int64_t expires_s;
};

/* The own items as the stream has told them so far. */
struct followed {
    char last[48]; /* sequence number; "": from the beginning */
    struct item items[KEYS];
    bool known[KEYS];
};

struct model {
    struct actor *self;
    struct item items[KEYS];
    struct followed followed;
    unsigned texts;
    bool second_index; /* ACTIVE */
    struct loose loose[LOOSE_MAX];
};

enum write_kind { PUT, UPDATE, DELETE, CHECK };
enum condition { ALWAYS, ABSENT, PRESENT, EQUALS };

struct write {
    enum write_kind kind;
    enum condition condition;
    int k, expected_v; /* EQUALS: v = expected_v */
    struct item neu;   /* PUT: the item; UPDATE: g and s as they will be, v is what is added */
    bool set_g;
};

/* ---- the model's half ---- */

static bool holds(const struct item *i, const struct write *w)
{
    switch (w->condition) {
    case ABSENT: return !i->there;
    case PRESENT: return i->there;
    case EQUALS: return i->there && i->v == w->expected_v;
    default: return true;
    }
}

static struct item after(const struct item *i, const struct write *w)
{
    struct item n = *i;
    switch (w->kind) {
    case PUT: n = w->neu; break;
    case UPDATE:
        if (!i->there)
            n = (struct item){ .g = -1 };
        n.there = true;
        n.v += w->neu.v;
        n.s = w->neu.s;
        if (w->set_g)
            n.g = w->neu.g;
        break;
    case DELETE: n = (struct item){ .g = -1 }; break;
    case CHECK: break;
    }
    return n;
}

static bool same(const struct item *a, const struct item *b)
{
    return a->there == b->there && (!a->there || (a->g == b->g && a->v == b->v && a->s == b->s));
}

static struct write random_write(struct model *m, int k, bool transaction)
{
    struct actor *self = m->self;
    struct write w = { .kind = below(self, transaction ? 4 : 3), .k = k, .condition = below(self, 4) };
    w.expected_v = one_in(self, 3) ? (int)below(self, 20) : m->items[k].v;
    w.neu = (struct item){ true, (int)below(self, GROUPS + 1) - 1, (int)below(self, 20), ++m->texts };
    w.set_g = one_in(self, 2);
    if (w.kind == CHECK && w.condition == ALWAYS)
        w.condition = PRESENT;
    return w;
}

/* ---- in DynamoDB's words ---- */

static struct str partition(struct model *m, int k) { return str_printf(m->self->a, "c%u-%d", m->self->number, k / SORTS); }

static struct str key_json(struct model *m, int k)
{
    return str_printf(m->self->a, "{'h':{'S':'%.*s'},'r':{'N':'%d'}}", STR_ARG(partition(m, k)), k % SORTS);
}

/* The text differs in length, so that items do. */
static struct str text(struct model *m, unsigned s)
{
    char *p = arena_alloc(m->self->a, TEXT_MAX * 60);
    size_t n = s % 7 == 0 ? TEXT_MAX * (s % 50) : s % TEXT_MAX;
    memset(p, 'a' + (int)(s % 26), n);
    return str_printf(m->self->a, "%u%.*s", s, (int)n, p);
}

static struct str item_json(struct model *m, int k, const struct item *i)
{
    struct arena *a = m->self->a;
    struct str g = i->g < 0 ? STR("") : str_printf(a, "'g':{'S':'g%d'},", i->g);
    return str_printf(a, "{'h':{'S':'%.*s'},'r':{'N':'%d'},%.*s'v':{'N':'%d'},'s':{'S':'%.*s'}}", STR_ARG(partition(m, k)), k % SORTS, STR_ARG(g), i->v,
                      STR_ARG(text(m, i->s)));
}

/* The condition, with what it names: ,'ConditionExpression':... and whatever it puts into the values. */
static struct str condition_json(struct model *m, const struct write *w)
{
    static const char *const words[] = { "", ",'ConditionExpression':'attribute_not_exists(h)'", ",'ConditionExpression':'attribute_exists(h)'",
                                         ",'ConditionExpression':'v = :e'" };
    return str_c(words[w->condition]);
}

static struct str write_json(struct model *m, const struct write *w)
{
    struct arena *a = m->self->a;
    struct str condition = condition_json(m, w), values = STR("");
    if (w->condition == EQUALS)
        values = str_printf(a, "':e':{'N':'%d'}", w->expected_v);
    if (w->kind == UPDATE) {
        values = str_printf(a, "%.*s%s':d':{'N':'%d'},':s':{'S':'%.*s'}", STR_ARG(values), values.n ? "," : "", w->neu.v, STR_ARG(text(m, w->neu.s)));
        if (w->set_g && w->neu.g >= 0)
            values = str_printf(a, "%.*s,':g':{'S':'g%d'}", STR_ARG(values), w->neu.g);
    }
    if (values.n)
        condition = str_printf(a, "%.*s,'ExpressionAttributeValues':{%.*s}", STR_ARG(condition), STR_ARG(values));
    if (w->kind == PUT)
        return str_printf(a, "'TableName':'table','Item':%.*s%.*s", STR_ARG(item_json(m, w->k, &w->neu)), STR_ARG(condition));
    struct str update = STR("");
    if (w->kind == UPDATE)
        update = str_printf(a, ",'UpdateExpression':'SET s = :s%s ADD v :d%s'", w->set_g && w->neu.g >= 0 ? ", g = :g" : "",
                            w->set_g && w->neu.g < 0 ? " REMOVE g" : "");
    return str_printf(a, "'TableName':'table','Key':%.*s%.*s%.*s", STR_ARG(key_json(m, w->k)), STR_ARG(update), STR_ARG(condition));
}

/* ---- comparing ---- */

static struct str attribute(const cJSON *item, const char *name, const char *type)
{
    return json_text(cJSON_GetObjectItemCaseSensitive(item, name), type);
}

static bool is_item(struct model *m, const cJSON *json, int k, const struct item *i)
{
    struct arena *a = m->self->a;
    if (!json || !i->there)
        return !json && !i->there;
    struct str g = attribute(json, "g", "S"), expected_g = i->g < 0 ? STR_NONE : str_printf(a, "g%d", i->g);
    return str_eq(attribute(json, "h", "S"), partition(m, k)) && str_eq(attribute(json, "r", "N"), str_printf(a, "%d", k % SORTS)) && str_eq(g, expected_g) &&
           str_eq(attribute(json, "v", "N"), str_printf(a, "%d", i->v)) && str_eq(attribute(json, "s", "S"), text(m, i->s));
}

static struct str words_of(struct model *m, int k, const struct item *i) { return i->there ? item_json(m, k, i) : STR("no item"); }

static void expect_item(struct model *m, const char *what, const cJSON *json, int k, const struct item *i)
{
    sim_expect(is_item(m, json, k, i), what, words_of(m, k, i).p, "%.*s", STR_ARG(text_of(m->self->a, json)));
}

#define DDB(target, ...) ask(m->self->a, "dynamodb", target, NULL, __VA_ARGS__)

static const cJSON *member(const struct reply *r, const char *name) { return cJSON_GetObjectItemCaseSensitive(r->json, name); }

/* ---- one item ---- */

static struct reply read_key(struct model *m, int k)
{
    return DDB("GetItem", "{'TableName':'table','ConsistentRead':true,'Key':%.*s}", STR_ARG(key_json(m, k)));
}

/* After a write without an answer: it was carried out or not; which, strata says. */
static bool find_out(struct model *m, int k, const struct item *before, const struct item *maybe)
{
    struct reply r = read_key(m, k);
    while (outcome(&r) != DONE)
        r = read_key(m, k);
    const cJSON *json = member(&r, "Item");
    if (is_item(m, json, k, maybe))
        return true;
    expect_item(m, "an item after an answer that was lost: before or after", json, k, before);
    return false;
}

static void get(void *model)
{
    struct model *m = model;
    int k = (int)below(m->self, KEYS);
    struct reply r = read_key(m, k);
    if (expect_outcome(&r, "GetItem", NULL) == DONE)
        expect_item(m, "GetItem", member(&r, "Item"), k, &m->items[k]);
}

static void write_one(void *model)
{
    struct model *m = model;
    struct write w = random_write(m, (int)below(m->self, KEYS), false);
    struct item *i = &m->items[w.k], neu = after(i, &w);
    bool allowed = holds(i, &w), new_values = w.kind == UPDATE && one_in(m->self, 2);
    struct str json = write_json(m, &w);
    struct reply r = w.kind == PUT      ? DDB("PutItem", "{%.*s,'ReturnValues':'ALL_OLD'}", STR_ARG(json))
                     : w.kind == DELETE ? DDB("DeleteItem", "{%.*s,'ReturnValues':'ALL_OLD'}", STR_ARG(json))
                                        : DDB("UpdateItem", "{%.*s,'ReturnValues':'%s'}", STR_ARG(json), new_values ? "ALL_NEW" : "ALL_OLD");
    enum outcome o = expect_outcome(&r, "a write", allowed ? NULL : "ConditionalCheckFailedException");
    if (o == DONE)
        expect_item(m, "ReturnValues", member(&r, "Attributes"), w.k, new_values ? &neu : i);
    if (o == DONE || (o == UNKNOWN && allowed && find_out(m, w.k, i, &neu)))
        *i = neu;
}

/* ---- many items ---- */

static unsigned random_keys(struct model *m, int keys[], unsigned max)
{
    unsigned n = 1 + below(m->self, max);
    int first = (int)below(m->self, KEYS);
    for (unsigned i = 0; i < n; i++)
        keys[i] = (first + 5 * (int)i) % KEYS; /* 5 and 18 have no common divisor: all differ */
    return n;
}

static void join(struct model *m, struct str *list, struct str part)
{
    *list = str_printf(m->self->a, "%.*s%s%.*s", STR_ARG(*list), list->n ? "," : "", STR_ARG(part));
}

/* With a token, a transaction without an answer is sent again: it takes place once. Else we look whether all of it took place or nothing. */
static void transact_write(void *model)
{
    static const char *const kinds[] = { "Put", "Update", "Delete", "ConditionCheck" };
    struct model *m = model;
    struct arena *a = m->self->a;
    int keys[TRANSACT_MAX];
    struct item before[TRANSACT_MAX], neu[TRANSACT_MAX];
    unsigned n = random_keys(m, keys, TRANSACT_MAX);
    struct str list = STR(""), token = one_in(m->self, 2) ? str_printf(a, ",'ClientRequestToken':'%u-%u'", m->self->number, ++m->texts) : STR("");
    bool allowed = true, changes = false;
    for (unsigned i = 0; i < n; i++) {
        struct write w = random_write(m, keys[i], true);
        before[i] = m->items[keys[i]];
        neu[i] = after(&before[i], &w);
        allowed = allowed && holds(&before[i], &w);
        changes = changes || !same(&before[i], &neu[i]);
        join(m, &list, str_printf(a, "{'%s':{%.*s}}", kinds[w.kind], STR_ARG(write_json(m, &w))));
    }
    enum outcome o;
    do {
        struct reply r = DDB("TransactWriteItems", "{'TransactItems':[%.*s]%.*s}", STR_ARG(list), STR_ARG(token));
        o = expect_outcome(&r, "TransactWriteItems", allowed ? NULL : "TransactionCanceledException");
    } while (o == UNKNOWN && token.n);
    unsigned took_place = 0, could = 0;
    for (unsigned i = 0; i < n && o == UNKNOWN && allowed && changes; i++) {
        bool differs = !same(&before[i], &neu[i]);
        could += differs;
        took_place += differs && find_out(m, keys[i], &before[i], &neu[i]);
    }
    sim_expect(took_place == 0 || took_place == could, "a transaction after an answer that was lost", "all or nothing", "%u of %u writes", took_place, could);
    for (unsigned i = 0; i < n; i++)
        if (o == DONE || took_place)
            m->items[keys[i]] = neu[i];
}

static void transact_get(void *model)
{
    struct model *m = model;
    int keys[TRANSACT_MAX];
    unsigned n = random_keys(m, keys, TRANSACT_MAX);
    struct str list = STR("");
    for (unsigned i = 0; i < n; i++)
        join(m, &list, str_printf(m->self->a, "{'Get':{'TableName':'table','Key':%.*s}}", STR_ARG(key_json(m, keys[i]))));
    struct reply r = DDB("TransactGetItems", "{'TransactItems':[%.*s]}", STR_ARG(list));
    if (expect_outcome(&r, "TransactGetItems", NULL) != DONE)
        return;
    for (unsigned i = 0; i < n; i++) {
        const cJSON *entry = cJSON_GetArrayItem(member(&r, "Responses"), (int)i);
        expect_item(m, "TransactGetItems", cJSON_GetObjectItemCaseSensitive(entry, "Item"), keys[i], &m->items[keys[i]]);
    }
}

static void batch_write(void *model)
{
    struct model *m = model;
    int keys[KEYS];
    struct item neu[KEYS];
    unsigned n = random_keys(m, keys, KEYS);
    struct str list = STR("");
    for (unsigned i = 0; i < n; i++) {
        struct write w = random_write(m, keys[i], false);
        w.kind = w.kind == UPDATE ? PUT : w.kind;
        neu[i] = after(&m->items[keys[i]], &w);
        join(m, &list,
             w.kind == PUT ? str_printf(m->self->a, "{'PutRequest':{'Item':%.*s}}", STR_ARG(item_json(m, keys[i], &w.neu)))
                           : str_printf(m->self->a, "{'DeleteRequest':{'Key':%.*s}}", STR_ARG(key_json(m, keys[i]))));
    }
    struct reply r = DDB("BatchWriteItem", "{'RequestItems':{'table':[%.*s]}}", STR_ARG(list));
    enum outcome o = expect_outcome(&r, "BatchWriteItem", NULL);
    for (unsigned i = 0; i < n; i++)
        if (o == DONE || (o == UNKNOWN && find_out(m, keys[i], &m->items[keys[i]], &neu[i])))
            m->items[keys[i]] = neu[i];
}

static int key_of(struct model *m, const cJSON *item)
{
    int64_t r;
    struct str h = attribute(item, "h", "S"), own = str_printf(m->self->a, "c%u-", m->self->number);
    if (!str_starts(h, own) || h.n != own.n + 1 || h.p[own.n] > '2' || str_to_i64(attribute(item, "r", "N"), &r))
        return -1; /* another client's */
    return (h.p[own.n] - '0') * SORTS + (int)r;
}

static void batch_get(void *model)
{
    struct model *m = model;
    int keys[KEYS];
    const cJSON *found[KEYS] = { 0 }, *item;
    unsigned n = random_keys(m, keys, KEYS);
    struct str list = STR("");
    for (unsigned i = 0; i < n; i++)
        join(m, &list, key_json(m, keys[i]));
    struct reply r = DDB("BatchGetItem", "{'RequestItems':{'table':{'ConsistentRead':true,'Keys':[%.*s]}}}", STR_ARG(list));
    if (expect_outcome(&r, "BatchGetItem", NULL) != DONE)
        return;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(member(&r, "Responses"), "table")) found[key_of(m, item)] = item;
    for (unsigned i = 0; i < n; i++)
        expect_item(m, "BatchGetItem", found[keys[i]], keys[i], &m->items[keys[i]]);
}

/* ---- Query and Scan ---- */

/* All pages of a walk; the own items in the order met. False: given up, as a page got no answer. */
static bool walk(struct model *m, const char *target, struct str parameters, const cJSON *met[], int keys[], unsigned *ret_n)
{
    struct arena *a = m->self->a;
    struct str next = STR("");
    unsigned limit = one_in(m->self, 2) ? 1 + below(m->self, 5) : 100;
    *ret_n = 0;
    do {
        const cJSON *item;
        struct reply r = ask(a, "dynamodb", target, NULL, "{'TableName':'table','Limit':%u,%.*s%.*s}", limit, STR_ARG(parameters), STR_ARG(next));
        if (expect_outcome(&r, target, NULL) != DONE)
            return false;
        sim_expect(json_number(r.json, "Count", -1) <= limit, target, "not more than the limit", "%.*s", STR_ARG(r.body));
        cJSON_ArrayForEach(item, member(&r, "Items"))
        {
            int k = key_of(m, item);
            if (k < 0)
                continue;
            sim_expect(*ret_n < KEYS, target, "each item once", "%.*s", STR_ARG(r.body));
            keys[*ret_n] = k;
            met[(*ret_n)++] = item;
        }
        const cJSON *last = member(&r, "LastEvaluatedKey");
        next = last ? str_printf(a, ",'ExclusiveStartKey':%.*s", STR_ARG(text_of(a, last))) : STR("");
    } while (next.n);
    return true;
}

static void expect_walk(struct model *m, const char *what, const cJSON *met[], const int keys[], unsigned n, const int expected[], unsigned expected_n)
{
    for (unsigned i = 0; i < n && i < expected_n; i++)
        expect_item(m, what, met[i], expected[i], &m->items[expected[i]]);
    sim_expect(n == expected_n, what, str_printf(m->self->a, "%u items", expected_n).p, "%u, the last one %.*s", n,
               STR_ARG(text_of(m->self->a, n ? met[n - 1] : NULL)));
}

static void reverse(int *keys, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        int k = keys[i];
        keys[i] = keys[n - 1 - i];
        keys[n - 1 - i] = k;
    }
}

static void query(void *model)
{
    struct model *m = model;
    const cJSON *met[KEYS];
    int keys[KEYS], expected[KEYS], p = (int)below(m->self, PARTITIONS), from = (int)below(m->self, SORTS), to = from + (int)below(m->self, SORTS - from);
    unsigned n, expected_n = 0;
    bool backward = one_in(m->self, 2);
    for (int k = p * SORTS + from; k <= p * SORTS + to; k++)
        if (m->items[k].there)
            expected[expected_n++] = k;
    if (backward)
        reverse(expected, expected_n);
    struct str parameters = str_printf(m->self->a, "'ScanIndexForward':%s,'KeyConditionExpression':'h = :h AND r BETWEEN :a AND :b',"
                                       "'ExpressionAttributeValues':{':h':{'S':'%.*s'},':a':{'N':'%d'},':b':{'N':'%d'}}", backward ? "false" : "true",
                                       STR_ARG(partition(m, p * SORTS)), from, to);
    if (walk(m, "Query", parameters, met, keys, &n))
        expect_walk(m, "Query", met, keys, n, expected, expected_n);
}

static const struct item *sorted_items; /* of by_v */

static int by_v(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b, d = sorted_items[x].v - sorted_items[y].v;
    return d ? d : x - y;
}

/* An index's order: by v. Among equals it is the store's, so there only the set is compared: both sides are sorted the same way. */
static void expect_index(struct model *m, const char *what, struct str parameters, int *expected, unsigned expected_n)
{
    const cJSON *met[KEYS], *in_order[KEYS];
    int keys[KEYS], place[KEYS];
    unsigned n;
    if (!walk(m, "Query", parameters, met, keys, &n))
        return;
    for (unsigned i = 1; i < n; i++)
        sim_expect(m->items[keys[i - 1]].v <= m->items[keys[i]].v, what, "ascending order", "%.*s before %.*s", STR_ARG(text_of(m->self->a, met[i - 1])),
                   STR_ARG(text_of(m->self->a, met[i])));
    sorted_items = m->items;
    memcpy(place, keys, sizeof place);
    qsort(place, n, sizeof *place, by_v);
    qsort(expected, expected_n, sizeof *expected, by_v);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            if (keys[j] == place[i])
                in_order[i] = met[j];
    expect_walk(m, what, in_order, place, n, expected, expected_n);
}

static void query_index(void *model)
{
    struct model *m = model;
    const char *name = m->second_index && one_in(m->self, 2) ? "second" : "byg";
    int expected[KEYS], g = (int)below(m->self, GROUPS);
    unsigned n = 0;
    for (int k = 0; k < KEYS; k++)
        if (m->items[k].there && m->items[k].g == g)
            expected[n++] = k;
    expect_index(m, "Query of a global index",
                 str_printf(m->self->a, "'IndexName':'%s','KeyConditionExpression':'g = :g','ExpressionAttributeValues':{':g':{'S':'g%d'}}", name, g), expected, n);
}

static void query_local_index(void *model)
{
    struct model *m = model;
    int expected[KEYS], p = (int)below(m->self, PARTITIONS), least = (int)below(m->self, 30);
    unsigned n = 0;
    for (int k = p * SORTS; k < (p + 1) * SORTS; k++)
        if (m->items[k].there && m->items[k].v >= least)
            expected[n++] = k;
    expect_index(m, "Query of a local index",
                 str_printf(m->self->a, "'IndexName':'local','KeyConditionExpression':'h = :h AND v >= :v','ExpressionAttributeValues':{':h':{'S':'%.*s'},"
                            "':v':{'N':'%d'}}", STR_ARG(partition(m, p * SORTS)), least), expected, n);
}

static void scan(void *model)
{
    struct model *m = model;
    const cJSON *met[KEYS], *by_key[KEYS];
    int keys[KEYS], found[KEYS], expected[KEYS];
    unsigned segments = 1 + below(m->self, 3), n = 0, expected_n = 0;
    memset(by_key, 0, sizeof by_key);
    for (unsigned segment = 0; segment < segments; segment++) {
        struct str parameters = segments == 1 ? STR("'ConsistentRead':true")
                                              : str_printf(m->self->a, "'ConsistentRead':true,'Segment':%u,'TotalSegments':%u", segment, segments);
        unsigned part;
        if (!walk(m, "Scan", parameters, met, keys, &part))
            return;
        for (unsigned i = 0; i < part; i++) {
            sim_expect(!by_key[keys[i]], "Scan", "each item once", "twice %.*s", STR_ARG(text_of(m->self->a, met[i])));
            by_key[keys[i]] = met[i];
        }
    }
    for (int k = 0; k < KEYS; k++) {
        if (by_key[k]) {
            found[n] = k;
            met[n++] = by_key[k];
        }
        if (m->items[k].there)
            expected[expected_n++] = k;
    }
    expect_walk(m, "Scan", met, found, n, expected, expected_n);
}

/* ---- the stream ---- */

#define STREAMS(target, ...) ask(m->self->a, "dynamodbstreams", target, NULL, __VA_ARGS__)

/* From the beginning again: what was trimmed before it was read is not known. */
static void follow_anew(struct model *m) { memset(&m->followed, 0, sizeof m->followed); }

static struct item item_of_image(const cJSON *json)
{
    struct item i = { .there = json != NULL, .g = -1 };
    struct str g = attribute(json, "g", "S"), s = attribute(json, "s", "S");
    int64_t v = 0;
    str_to_i64(attribute(json, "v", "N"), &v);
    i.v = (int)v;
    if (g.n == 2)
        i.g = g.p[1] - '0';
    for (size_t k = 0; k < s.n && s.p[k] >= '0' && s.p[k] <= '9'; k++)
        i.s = i.s * 10 + (unsigned)(s.p[k] - '0');
    return i;
}

static void follow_record(struct model *m, const cJSON *record)
{
    struct followed *f = &m->followed;
    const cJSON *change = cJSON_GetObjectItemCaseSensitive(record, "dynamodb"), *neu = cJSON_GetObjectItemCaseSensitive(change, "NewImage");
    struct str number = json_text(change, "SequenceNumber");
    int k = key_of(m, cJSON_GetObjectItemCaseSensitive(change, "Keys"));
    sim_expect(number.n > 0 && number.n < sizeof f->last && str_cmp(str_c(f->last), number) < 0, "a stream", "growing numbers", "%.*s", STR_ARG(number));
    memcpy(f->last, number.p, number.n + 1);
    if (k < 0)
        return;
    if (f->known[k])
        expect_item(m, "OldImage of a stream", cJSON_GetObjectItemCaseSensitive(change, "OldImage"), k, &f->items[k]);
    f->items[k] = item_of_image(neu);
    f->known[k] = true;
    expect_item(m, "NewImage of a stream", neu, k, &f->items[k]);
}

/* Absent: no answer, or the place is gone. */
static struct str follow_from(struct model *m)
{
    const struct followed *f = &m->followed;
    struct reply listed = STREAMS("ListStreams", "{'TableName':'table'}");
    struct str arn = json_text(cJSON_GetArrayItem(member(&listed, "Streams"), 0), "StreamArn");
    if (expect_outcome(&listed, "ListStreams", NULL) != DONE)
        return STR_NONE;
    struct reply r = STREAMS("DescribeStream", "{'StreamArn':'%.*s'}", STR_ARG(arn));
    if (expect_outcome(&r, "DescribeStream", NULL) != DONE)
        return STR_NONE;
    struct str shard = json_text(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(member(&r, "StreamDescription"), "Shards"), 0), "ShardId");
    struct str place = f->last[0] ? str_printf(m->self->a, "'AFTER_SEQUENCE_NUMBER','SequenceNumber':'%s'", f->last) : STR("'TRIM_HORIZON'");
    r = STREAMS("GetShardIterator", "{'StreamArn':'%.*s','ShardId':'%.*s','ShardIteratorType':%.*s}", STR_ARG(arn), STR_ARG(shard), STR_ARG(place));
    if (outcome(&r) == FAILED && str_is(r.error, "TrimmedDataAccessException"))
        follow_anew(m);
    else if (expect_outcome(&r, "GetShardIterator", NULL) == DONE)
        return json_text(r.json, "ShardIterator");
    return STR_NONE;
}

static void follow(void *model)
{
    struct model *m = model;
    struct followed *f = &m->followed;
    struct str iterator = follow_from(m);
    for (bool more = true; more;) {
        const cJSON *record;
        if (!iterator.p)
            return;
        struct reply r = STREAMS("GetRecords", "{'ShardIterator':'%.*s','Limit':%u}", STR_ARG(iterator), 1 + below(m->self, 50));
        if (outcome(&r) == FAILED && str_is(r.error, "TrimmedDataAccessException"))
            follow_anew(m);
        if (outcome(&r) == FAILED && (str_is(r.error, "TrimmedDataAccessException") || str_is(r.error, "ExpiredIteratorException")))
            return; /* the clock went on meanwhile */
        if (expect_outcome(&r, "GetRecords", NULL) != DONE)
            return;
        cJSON_ArrayForEach(record, member(&r, "Records")) follow_record(m, record);
        more = cJSON_GetArraySize(member(&r, "Records")) > 0;
        iterator = json_text(r.json, "NextShardIterator");
    }
    for (int k = 0; k < KEYS; k++) {
        if (f->known[k] && !same(&f->items[k], &m->items[k]))
            sim_expect(false, "what a stream leads to", words_of(m, k, &m->items[k]).p, "%.*s", STR_ARG(words_of(m, k, &f->items[k])));
        f->items[k] = m->items[k];
        f->known[k] = true;
    }
}

/* ---- client 0: an index that comes and goes, items that expire ---- */

static bool index_is_active(struct model *m)
{
    const cJSON *x;
    struct reply r = DDB("DescribeTable", "{'TableName':'table'}");
    cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(member(&r, "Table"), "GlobalSecondaryIndexes")) if (str_is(json_text(x, "IndexName"), "second"))
        return str_is(json_text(x, "IndexStatus"), "ACTIVE");
    return false;
}

static void change_index(void *model)
{
    struct model *m = model;
    if (m->self->number)
        return;
    if (m->second_index) {
        m->second_index = false;
        MAKE("ResourceNotFoundException", DDB("UpdateTable", "{'TableName':'table','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'second'}}]}"));
        return;
    }
    MAKE("ValidationException, LimitExceededException", DDB("UpdateTable", "{'TableName':'table','AttributeDefinitions':[{'AttributeName':'h','AttributeType':'S'},{'AttributeName':'r',"
         "'AttributeType':'N'},{'AttributeName':'g','AttributeType':'S'},{'AttributeName':'v','AttributeType':'N'}],'GlobalSecondaryIndexUpdates':[{'Create':"
         "{'IndexName':'second','KeySchema':[{'AttributeName':'g','KeyType':'HASH'},{'AttributeName':'v','KeyType':'RANGE'}],'Projection':"
         "{'ProjectionType':'ALL'}}}]}"));
    for (int tries = 0; !index_is_active(m); tries++) {
        sim_expect(tries < 100, "UpdateTable", "an index that becomes ACTIVE", "it does not");
        fiber_sleep_ms(1000);
    }
    m->second_index = true;
}

static void put_expiring(void *model)
{
    struct model *m = model;
    unsigned i = below(m->self, LOOSE_MAX);
    machine_up();
    int64_t expires_s = machine_now_ms() / 1000 + below(m->self, 120) - 5;
    struct loose before = m->loose[i];
    struct reply r = DDB("PutItem", "{'TableName':'table','Item':{'h':{'S':'c%u-ttl'},'r':{'N':'%u'},'e':{'N':'%lld'}}}", m->self->number, i, (long long)expires_s);
    enum outcome o = expect_outcome(&r, "PutItem", NULL);
    if (o != REFUSED)
        m->loose[i] = (struct loose){ true, expires_s };
    if (o == UNKNOWN) /* either may be there, so nothing is certain but that both go */
        m->loose[i] = (struct loose){ false, before.expires_s > expires_s ? before.expires_s : expires_s };
}

/* Before its time an item is there; a while behind it, when the jobs have run, it is gone. */
static void check_expiring(void *model)
{
    struct model *m = model;
    unsigned i = below(m->self, LOOSE_MAX);
    struct reply r = DDB("GetItem", "{'TableName':'table','ConsistentRead':true,'Key':{'h':{'S':'c%u-ttl'},'r':{'N':'%u'}}}", m->self->number, i);
    if (expect_outcome(&r, "GetItem", NULL) != DONE)
        return;
    const struct loose *l = &m->loose[i];
    if (l->there && r.to_ms < l->expires_s * 1000)
        sim_expect(member(&r, "Item"), "an item before its time", "it is there", "it is gone");
    if (l->expires_s * 1000 <= r.ran_ms)
        sim_expect(!member(&r, "Item"), "an item behind its time", "it is gone", "%.*s", STR_ARG(r.body));
}

static void make_table(struct model *m)
{
    MAKE("ResourceInUseException", DDB("CreateTable", "{'TableName':'table','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'h',"
         "'AttributeType':'S'},{'AttributeName':'r','AttributeType':'N'},{'AttributeName':'g','AttributeType':'S'},{'AttributeName':'v','AttributeType':'N'}],"
         "'KeySchema':[{'AttributeName':'h','KeyType':'HASH'},{'AttributeName':'r','KeyType':'RANGE'}],'GlobalSecondaryIndexes':[{'IndexName':'byg',"
         "'KeySchema':[{'AttributeName':'g','KeyType':'HASH'},{'AttributeName':'v','KeyType':'RANGE'}],'Projection':{'ProjectionType':'ALL'}}],"
         "'LocalSecondaryIndexes':[{'IndexName':'local','KeySchema':[{'AttributeName':'h','KeyType':'HASH'},{'AttributeName':'v','KeyType':'RANGE'}],"
         "'Projection':{'ProjectionType':'ALL'}}],'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}}"));
    if (m->self->number == 0)
        MAKE("ValidationException", DDB("UpdateTimeToLive", "{'TableName':'table','TimeToLiveSpecification':{'Enabled':true,'AttributeName':'e'}}"));
}

static void run(struct actor *self)
{
    struct model m = { .self = self };
    struct deed deeds[] = {
        { get, 2 }, { write_one, 10 }, { transact_write, 6 }, { transact_get, 1 }, { batch_write, 2 }, { batch_get, 1 }, { query, 2 }, { query_index, 4 },
        { query_local_index, 2 }, { scan, 1 }, { change_index, 1 }, { put_expiring, 1 }, { check_expiring, 1 }, { follow, 2 },
    };
    for (int k = 0; k < KEYS; k++) {
        m.items[k].g = -1;
        m.followed.known[k] = true; /* there is nothing of it yet */
    }
    make_table(&m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, &m);
    scan(&m);
    follow(&m);
    for (int g = 0; g < GROUPS; g++)
        query_index(&m);
}

const struct actor_kind actor_dynamodb = { "dynamodb", 2, .lasts_days = true, run };
