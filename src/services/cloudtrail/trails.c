/* The trails in memory: read at the start, changed behind the commits that change them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "services/cloudtrail/audit.h"
#include "wire/wire.h"

struct entry {
    struct entry *next;
    struct arena *arena; /* all of rec */
    struct cloudtrail_rec_Trail rec;
};

struct trails {
    pthread_rwlock_t lock;
    struct entry *first;
    atomic_bool want_data;
};

static void put(struct trails *t, struct str value)
{
    struct arena *a = arena_new();
    struct entry *e = xalloc(sizeof *e);
    e->arena = a;
    if (wire_record_decode(a, &cloudtrail_rec_Trail_shape, str_dup(a, value), &e->rec)) { /* what was not decoded is not kept either: the start says so */
        arena_free(a);
        free(e);
        return;
    }
    e->next = t->first;
    t->first = e;
}

static void count(struct trails *t)
{
    bool any = false;
    for (struct entry *e = t->first; e; e = e->next)
        any = any || (opt_bool(e->rec.IsLogging, false) && selectors_want_data(&e->rec));
    atomic_store_explicit(&t->want_data, any, memory_order_relaxed);
}

int trails_open(struct cloud *cloud, struct trails **ret)
{
    struct trails *t = xalloc(sizeof *t);
    struct op op = { .cloud = cloud, .partition = STR("aws") };
    struct key from, to;
    struct str key, value;
    pthread_rwlock_init(&t->lock, NULL);
    op_key(&op, &from, &cloudtrail_kind_trail);
    key_after_prefix(&from, &to);
    struct txn *txn = store_read(cloud->store);
    struct scan *s = txn_scan(txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value))
        put(t, value);
    int rc = scan_end(s);
    txn_end(txn);
    count(t);
    *ret = t;
    return rc;
}

static void drop(struct trails *t, const struct cloudtrail_rec_Trail *which)
{
    for (struct entry **at = &t->first; *at; at = &(*at)->next) {
        struct entry *e = *at;
        if (!str_eq(e->rec.Account, which->Account) || !str_eq(e->rec.HomeRegion, which->HomeRegion) || !str_eq(e->rec.Name, which->Name))
            continue;
        *at = e->next;
        arena_free(e->arena);
        free(e);
        return;
    }
}

void trails_free(struct trails *t)
{
    while (t && t->first)
        drop(t, &t->first->rec);
    if (t)
        pthread_rwlock_destroy(&t->lock);
    free(t);
}

bool trails_want_data(const struct trails *t)
{
    return atomic_load_explicit(&t->want_data, memory_order_relaxed);
}

static bool is_of(const struct cloudtrail_rec_Trail *t, const struct event *e)
{
    if (!opt_bool(t->IsLogging, false) || !str_eq(t->Account, e->account))
        return false;
    if (e->global && !opt_bool(t->IncludeGlobalServiceEvents, true))
        return false;
    if (e->by_cloudtrail && !opt_bool(t->RecursiveLogging, true))
        return false;
    return opt_bool(t->IsMultiRegionTrail, false) || str_eq(t->HomeRegion, e->region);
}

void trails_select(struct trails *t, struct arena *a, struct event *e)
{
    pthread_rwlock_rdlock(&t->lock);
    for (struct entry *i = t->first; i; i = i->next)
        if (is_of(&i->rec, e) && selectors_select(&i->rec, e))
            *list_push(a, &e->trails) = (struct trail_ref){ str_dup(a, i->rec.HomeRegion), str_dup(a, i->rec.Name),
                                                            opt_bool(i->rec.LogFileValidationEnabled, false) };
    pthread_rwlock_unlock(&t->lock);
}

struct change {
    struct cloudtrail_rec_Trail rec; /* account, home, name */
    struct str value;                /* absent: gone */
};

static void apply(struct cloud *cloud, void *arg)
{
    const struct change *c = arg;
    struct trails *t = audit_trails(cloud);
    pthread_rwlock_wrlock(&t->lock);
    drop(t, &c->rec);
    if (c->value.p)
        put(t, c->value);
    count(t);
    pthread_rwlock_unlock(&t->lock);
}

void trails_changed(struct op *op, const struct cloudtrail_rec_Trail *t, bool gone)
{
    struct change *c = arena_one(op->arena, struct change);
    c->rec = (struct cloudtrail_rec_Trail){ .Account = t->Account, .HomeRegion = t->HomeRegion, .Name = t->Name };
    if (!gone && wire_record_encode(op->arena, &cloudtrail_rec_Trail_shape, t, &c->value))
        c->value = STR_NONE;
    op_on_commit(op, apply, c);
}
