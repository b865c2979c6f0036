#include "store/gaps.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { GAPS_MAX = 256 }; /* the least recently used goes: busy heads stay */

struct gap {
    struct str from, to, ahead; /* from <= to <= ahead, from < ahead */
    uint64_t since, used;
};

struct gaps {
    pthread_mutex_t lock;
    uint64_t clock; /* of uses */
    int n;
    struct gap v[GAPS_MAX]; /* by from; they do not overlap */
};

static struct str copy(struct str s)
{
    char *p = xalloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){ p, s.n };
}

static void assign(struct str *s, struct str value)
{
    struct str old = *s;
    *s = copy(value);
    free((char *)old.p);
}

struct gaps *gaps_new(void)
{
    struct gaps *g = xalloc(sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

static void gap_remove(struct gaps *g, int i)
{
    free((char *)g->v[i].from.p);
    free((char *)g->v[i].to.p);
    free((char *)g->v[i].ahead.p);
    g->n--;
    memmove(&g->v[i], &g->v[i + 1], (size_t)(g->n - i) * sizeof g->v[0]);
}

void gaps_free(struct gaps *g)
{
    if (!g)
        return;
    while (g->n > 0)
        gap_remove(g, g->n - 1);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* The last gap with from <= key, or -1. */
static int gap_before(const struct gaps *g, struct str key)
{
    int lo = 0, hi = g->n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (str_cmp(g->v[mid].from, key) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

struct str gaps_skip(struct gaps *g, struct str from, bool writer, uint64_t commit)
{
    struct str ret = STR_NONE;
    pthread_mutex_lock(&g->lock);
    int i = gap_before(g, from);
    if (i >= 0 && (writer || g->v[i].since <= commit)) {
        struct gap *gap = &g->v[i];
        struct str end = writer ? gap->ahead : gap->to;
        if (str_cmp(from, end) < 0) {
            gap->used = ++g->clock;
            ret = copy(end);
        }
    }
    pthread_mutex_unlock(&g->lock);
    return ret;
}

static void gap_evict(struct gaps *g)
{
    int oldest = 0;
    for (int i = 1; i < g->n; i++)
        if (g->v[i].used < g->v[oldest].used)
            oldest = i;
    gap_remove(g, oldest);
}

static int gap_insert(struct gaps *g, struct str from, struct str to)
{
    if (g->n == GAPS_MAX)
        gap_evict(g);
    int i = gap_before(g, from) + 1;
    memmove(&g->v[i + 1], &g->v[i], (size_t)(g->n - i) * sizeof g->v[0]);
    g->n++;
    g->v[i] = (struct gap){ .from = copy(from), .to = copy(from), .ahead = copy(to) };
    return i;
}

void gaps_note(struct gaps *g, struct str from, struct str to)
{
    if (str_cmp(from, to) >= 0)
        return;
    pthread_mutex_lock(&g->lock);
    int i = gap_before(g, from);
    if (i < 0 || str_cmp(g->v[i].ahead, from) < 0)
        i = gap_insert(g, from, to);
    else if (str_cmp(g->v[i].ahead, to) < 0)
        assign(&g->v[i].ahead, to);
    g->v[i].used = ++g->clock;
    while (i + 1 < g->n && str_cmp(g->v[i + 1].from, g->v[i].ahead) < 0) {
        if (str_cmp(g->v[i + 1].ahead, g->v[i].ahead) > 0)
            assign(&g->v[i].ahead, g->v[i + 1].ahead);
        gap_remove(g, i + 1);
    }
    pthread_mutex_unlock(&g->lock);
}

void gaps_touch(struct gaps *g, struct str key)
{
    pthread_mutex_lock(&g->lock);
    int i = gap_before(g, key);
    if (i >= 0 && str_cmp(key, g->v[i].ahead) < 0) {
        struct gap *gap = &g->v[i];
        if (str_cmp(gap->from, key) == 0) {
            gap_remove(g, i);
        } else {
            assign(&gap->ahead, key);
            if (str_cmp(key, gap->to) < 0)
                assign(&gap->to, key);
        }
    }
    pthread_mutex_unlock(&g->lock);
}

void gaps_committed(struct gaps *g, uint64_t commit)
{
    pthread_mutex_lock(&g->lock);
    for (int i = 0; i < g->n; i++) {
        if (str_cmp(g->v[i].to, g->v[i].ahead) == 0)
            continue;
        assign(&g->v[i].to, g->v[i].ahead);
        g->v[i].since = commit;
    }
    pthread_mutex_unlock(&g->lock);
}

void gaps_dropped(struct gaps *g)
{
    pthread_mutex_lock(&g->lock);
    for (int i = g->n - 1; i >= 0; i--) {
        if (str_cmp(g->v[i].from, g->v[i].to) == 0)
            gap_remove(g, i);
        else if (str_cmp(g->v[i].to, g->v[i].ahead) < 0)
            assign(&g->v[i].ahead, g->v[i].to);
    }
    pthread_mutex_unlock(&g->lock);
}
