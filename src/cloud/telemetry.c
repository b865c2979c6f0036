#include "cloud/telemetry.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cloud/cloud.h"

enum { SOURCES_MAX = 8, PLACES = 64, BUCKETS = 256, NOTES_MAX = 16384 /* more are not counted until the next take */, MINUTE_MS = 60 * 1000, OCTAVES_BELOW = 10, STEPS = 8 };

struct table {
    struct arena *arena; /* of the notes, and of the table itself */
    struct telemetry_note *buckets[BUCKETS];
    uint32_t n;
    struct table *next;
};

/* An account and Region. Never goes: those that find it hold no lock. */
struct place {
    struct place *next;
    struct str account, region;
    pthread_mutex_t lock;
    struct table *live, *taken; /* counted into; taken, but not yet by a commit */
    _Atomic bool told;          /* the listener knows */
    uint64_t lost;
};

struct telemetry {
    _Atomic(struct place *) places[PLACES];
    pthread_mutex_t growing;
    telemetry_source *sources[SOURCES_MAX];
    size_t n_sources;
    int (*first)(struct cloud *cloud, struct str account, struct str region);
};

struct telemetry *telemetry_new(void)
{
    struct telemetry *t = xalloc(sizeof *t);
    pthread_mutex_init(&t->growing, NULL);
    return t;
}

static void tables_free(struct table *t)
{
    while (t) {
        struct table *next = t->next;
        arena_free(t->arena);
        t = next;
    }
}

void telemetry_free(struct telemetry *t)
{
    if (!t)
        return;
    for (int i = 0; i < PLACES; i++)
        for (struct place *p = t->places[i], *next; p; p = next) {
            next = p->next;
            tables_free(p->live);
            tables_free(p->taken);
            pthread_mutex_destroy(&p->lock);
            free((void *)p->account.p);
            free(p);
        }
    pthread_mutex_destroy(&t->growing);
    free(t);
}

void telemetry_source_add(struct cloud *cloud, telemetry_source *source)
{
    assert(cloud->telemetry->n_sources < SOURCES_MAX);
    cloud->telemetry->sources[cloud->telemetry->n_sources++] = source;
}

void telemetry_listen(struct cloud *cloud, int (*first)(struct cloud *cloud, struct str account, struct str region))
{
    cloud->telemetry->first = first;
}

/* ---- places ---- */

static struct place *place_find(struct place *p, struct str account, struct str region)
{
    while (p && !(str_eq(p->region, region) && str_eq(p->account, account)))
        p = p->next;
    return p;
}

static struct place *place_of(struct telemetry *t, struct str account, struct str region)
{
    unsigned slot = account.n ? (unsigned char)account.p[account.n - 1] % PLACES : 0;
    struct place *p = place_find(atomic_load_explicit(&t->places[slot], memory_order_acquire), account, region);
    if (p)
        return p;
    pthread_mutex_lock(&t->growing);
    struct place *head = atomic_load(&t->places[slot]);
    p = place_find(head, account, region);
    if (!p) {
        char *texts = xalloc(account.n + region.n + 1);
        p = xalloc(sizeof *p);
        memcpy(texts, account.p, account.n);
        memcpy(texts + account.n, region.p, region.n);
        p->account = (struct str){ texts, account.n };
        p->region = (struct str){ texts + account.n, region.n };
        p->next = head;
        pthread_mutex_init(&p->lock, NULL);
        atomic_store_explicit(&t->places[slot], p, memory_order_release);
    }
    pthread_mutex_unlock(&t->growing);
    return p;
}

/* ---- counting ---- */

static uint64_t tail(struct str s)
{
    uint64_t v = 0;
    size_t n = s.n < sizeof v ? s.n : sizeof v;
    if (n)
        memcpy(&v, s.p + s.n - n, n);
    return (v ^ s.n) * 0x9E3779B97F4A7C15u;
}

static struct telemetry_note *note_of(struct place *p, const struct telemetry_family *f, const struct str *dimensions, int64_t minute_ms)
{
    if (!p->live) {
        struct arena *a = arena_new();
        p->live = arena_one(a, struct table);
        p->live->arena = a;
    }
    struct table *t = p->live;
    struct telemetry_note **bucket = &t->buckets[(tail(dimensions[0]) ^ tail(dimensions[1]) >> 7 ^ tail(str_c(f->space)) >> 13) >> 20 & (BUCKETS - 1)]; /* no address: a simulation replays */
    for (struct telemetry_note *n = *bucket; n; n = n->next)
        if (n->family == f && n->minute_ms == minute_ms && str_eq(n->dimensions[0], dimensions[0]) &&
            (str_eq(n->dimensions[1], dimensions[1]) || (!n->dimensions[1].p && !dimensions[1].p)))
            return n;
    if (t->n == NOTES_MAX)
        return NULL;
    struct telemetry_note *n = arena_one(t->arena, struct telemetry_note);
    n->family = f;
    n->minute_ms = minute_ms;
    for (int i = 0; i < TELEMETRY_DIMENSIONS_MAX; i++)
        n->dimensions[i] = str_dup(t->arena, dimensions[i]);
    n->next = *bucket;
    t->n++;
    return *bucket = n;
}

static unsigned spread_index(double value)
{
    int octave;
    double m = value > 0 ? frexp(value, &octave) : 0; /* 0.5 .. 1 */
    int i = m > 0 ? (octave + OCTAVES_BELOW) * STEPS + (int)((m - 0.5) * 2 * STEPS) : 0;
    return m == 0 || i < 1 ? m > 0 : i >= TELEMETRY_SPREAD ? TELEMETRY_SPREAD - 1 : (unsigned)i;
}

double telemetry_spread_value(unsigned i)
{
    return i ? ldexp(0.5 + (i % STEPS + 0.5) / (2 * STEPS), (int)(i / STEPS) - OCTAVES_BELOW) : 0;
}

static void sum_add(struct arena *a, const struct telemetry_metric *m, struct telemetry_sum *s, double value)
{
    s->min = s->count > 0 && s->min < value ? s->min : value;
    s->max = s->count > 0 && s->max > value ? s->max : value;
    s->count += 1;
    s->sum += value;
    if (!m->spread)
        return;
    if (!s->spread)
        s->spread = arena_many(a, uint32_t, TELEMETRY_SPREAD);
    s->spread[spread_index(value)]++;
}

void telemetry_add(struct cloud *cloud, struct str account, struct str region, int64_t now_ms, const struct telemetry_family *f,
                   const struct str dimensions[TELEMETRY_DIMENSIONS_MAX], const struct telemetry_value *v, size_t n)
{
    struct telemetry *t = cloud->telemetry;
    struct place *p = place_of(t, account, region);
    pthread_mutex_lock(&p->lock);
    struct telemetry_note *note = note_of(p, f, dimensions, now_ms - now_ms % MINUTE_MS);
    for (size_t i = 0; note && i < n; i++)
        sum_add(p->live->arena, &f->metrics[v[i].metric], &note->sums[v[i].metric], v[i].value);
    p->lost += !note;
    pthread_mutex_unlock(&p->lock);
    if (t->first && !atomic_load_explicit(&p->told, memory_order_relaxed) && !atomic_exchange(&p->told, true) && t->first(cloud, p->account, p->region) < 0)
        atomic_store(&p->told, false);
}

/* What an operation counted, until it is through. */
struct counted {
    const struct telemetry_family *family;
    struct str account, region, dimensions[TELEMETRY_DIMENSIONS_MAX];
    int64_t now_ms;
    size_t n;
    struct telemetry_value v[];
};

static void add_counted(struct cloud *cloud, void *arg)
{
    const struct counted *c = arg;
    telemetry_add(cloud, c->account, c->region, c->now_ms, c->family, c->dimensions, c->v, c->n);
}

void telemetry_count(struct op *op, const struct telemetry_family *f, const struct str dimensions[TELEMETRY_DIMENSIONS_MAX], const struct telemetry_value *v, size_t n)
{
    struct counted *c = arena_alloc(op->arena, sizeof *c + n * sizeof *v);
    c->family = f;
    c->account = op->account;
    c->region = op->region;
    c->now_ms = op_now_ms(op);
    c->n = n;
    memcpy(c->dimensions, dimensions, sizeof c->dimensions);
    memcpy(c->v, v, n * sizeof *v);
    op_on_commit(op, add_counted, c);
}

/* ---- taking ---- */

static void forget_taken(struct cloud *cloud, void *arg)
{
    struct place *p = arg; /* `taken` is the writer's alone */
    tables_free(p->taken);
    p->taken = NULL;
}

int telemetry_take(struct op *op, int64_t minute_ms, int (*each)(struct op *op, const struct telemetry_note *n), bool *ret_more)
{
    struct telemetry *t = op->cloud->telemetry;
    struct place *p = place_of(t, op->account, op->region);
    int rc = 0;
    *ret_more = false;
    for (size_t i = 0; rc == 0 && i < t->n_sources; i++) {
        bool more = false;
        rc = t->sources[i](op, minute_ms, &more);
        *ret_more |= more;
    }
    pthread_mutex_lock(&p->lock);
    if (p->live) {
        p->live->next = p->taken;
        p->taken = p->live;
        p->live = NULL;
    }
    uint64_t lost = p->lost;
    p->lost = 0;
    atomic_store(&p->told, false);
    pthread_mutex_unlock(&p->lock);
    if (lost)
        log_warn("%llu metrics of services were not counted: too many different resources at a time", (unsigned long long)lost);
    for (struct table *table = p->taken; rc == 0 && table; table = table->next)
        for (int i = 0; rc == 0 && i < BUCKETS; i++)
            for (struct telemetry_note *n = table->buckets[i]; rc == 0 && n; n = n->next)
                rc = each(op, n);
    *ret_more |= p->taken != NULL;
    op_on_commit(op, forget_taken, p);
    return rc;
}
