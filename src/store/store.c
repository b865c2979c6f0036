#include "store/store.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "store/driver.h"
#include "store/gaps.h"
#include "store/hot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How to take one write back: what the node held before it. */
struct undo {
    struct skip_node *node;
    struct pending *before;
};

struct txn {
    struct store *store;
    struct view *view;
    struct arena *arena; /* copies that live until the end; a snapshot gets one when it scans */
    bool write;
    int err;             /* what txn_take_error tells */

    struct skip *writes;
    size_t live;         /* nodes of writes that are written now */
    size_t write_bytes;
    size_t changes;      /* writes and undone writes */
    uint64_t commit;     /* the snapshot is of this commit or a later one */
    struct undo *undo;   /* since the oldest savepoint */
    size_t undo_n, undo_cap;
    size_t *saves;       /* undo_n at each savepoint */
    size_t saves_n, saves_cap;
};

struct scan {
    struct txn *txn;
    struct str asked;    /* the beginning that was asked for; from may stand behind it, where gaps say so */
    struct str from, to;
    struct str skipped;  /* owns from when they differ */
    size_t changes;      /* of the transaction, when the scan began */
    bool begun, empty;
    bool reverse, brief;
    int err;
    struct cursor *cursor;
    bool have, ended; /* the cursor's pair is loaded; the cursor is at its end */
    struct str key, value;
    struct skip_node *own; /* the next of the transaction's own writes, or NULL */
};

void store_init(struct store *s, const struct driver *driver)
{
    s->driver = driver;
    s->gaps = gaps_new();
    s->hot = hot_new();
}

void store_close(struct store *s)
{
    if (!s)
        return;
    assert(!s->writing);
    arena_free(s->spare_arena);
    gaps_free(s->gaps);
    hot_free(s->hot);
    free(s->fault);
    s->driver->close(s);
}

struct txn *store_read(struct store *s)
{
    struct txn *t = xalloc(sizeof *t);
    t->store = s;
    t->commit = atomic_load(&s->commits); /* before the snapshot is made */
    t->view = s->driver->view(s, false);
    return t;
}

struct txn *store_write(struct store *s)
{
    assert(!s->writing); /* one writer, one transaction */
    s->writing = true;
    if (s->fault)
        fault_write_begins(s->fault);
    struct txn *t = xalloc(sizeof *t);
    t->store = s;
    t->commit = atomic_load(&s->commits);
    t->view = s->driver->view(s, true);
    t->write = true;
    t->arena = s->spare_arena ? s->spare_arena : arena_new();
    s->spare_arena = NULL;
    t->writes = skip_new(t->arena);
    return t;
}

bool txn_is_write(const struct txn *t)
{
    return t->write;
}

size_t txn_write_bytes(const struct txn *t)
{
    return t->write_bytes;
}

int txn_take_error(struct txn *t)
{
    int err = t->err;
    t->err = 0;
    return err;
}

/* Passes rc on. A miss and a key that is too long are the caller's, not the store's. */
static int noted(struct txn *t, int rc)
{
    if (rc < 0 && rc != E_NOT_FOUND && rc != E_LIMIT && t->err == 0)
        t->err = rc;
    return rc;
}

static int fault(struct txn *t)
{
    return noted(t, store_fault(t->store, t->write));
}

/* What a get meets before the driver: a fault, a limit, or the transaction's own write. True when *ret_rc is the answer. */
static bool get_early(struct txn *t, struct str key, struct str *ret_value, int *ret_rc)
{
    *ret_rc = fault(t);
    if (*ret_rc == 0 && key.n > LIMIT_KEY_BYTES)
        *ret_rc = E_LIMIT;
    if (*ret_rc < 0)
        return true;
    struct skip_node *n = t->live > 0 ? skip_find(t->writes, key) : NULL;
    const struct pending *p = n ? n->data : NULL;
    if (!p)
        return false;
    *ret_value = p->value;
    *ret_rc = p->deleted ? E_NOT_FOUND : 0;
    return true;
}

int txn_get(struct txn *t, struct str key, struct str *ret_value)
{
    int rc;
    return get_early(t, key, ret_value, &rc) ? rc : noted(t, t->store->driver->get(t->view, key, ret_value));
}

int txn_get_hot(struct txn *t, struct arena *a, struct str key, struct str *ret_value)
{
    struct store *s = t->store;
    struct str value = STR_NONE;
    int rc;
    if (get_early(t, key, &value, &rc)) {
        if (rc == 0)
            *ret_value = str_dup(a, value);
        return rc;
    }
    if (!hot_get(s->hot, key, t->commit, a, &value)) {
        rc = noted(t, s->driver->get(t->view, key, &value));
        if (rc < 0 && rc != E_NOT_FOUND)
            return rc;
        value = rc == 0 ? str_dup(a, value) : STR_NONE;
        hot_offer(s->hot, key, t->commit, value);
    }
    if (!value.p)
        return E_NOT_FOUND;
    *ret_value = value;
    return 0;
}

static void node_set(struct txn *t, struct skip_node *n, struct pending *p)
{
    t->live += (size_t)(p != NULL);
    t->live -= (size_t)(n->data != NULL);
    n->data = p;
    t->changes++;
    if (!p || !p->deleted)
        gaps_touch(t->store->gaps, n->key);
}

static int txn_set(struct txn *t, struct str key, struct pending *p)
{
    assert(t->write);
    struct skip_node *n = skip_insert(t->writes, key);
    if (t->saves_n > 0) {
        if (t->undo_n == t->undo_cap) {
            t->undo_cap = t->undo_cap ? 2 * t->undo_cap : 64;
            t->undo = xrealloc(t->undo, t->undo_cap * sizeof *t->undo);
        }
        t->undo[t->undo_n++] = (struct undo){ n, n->data };
    }
    node_set(t, n, p);
    t->write_bytes += key.n + p->value.n;
    return 0;
}

int txn_put(struct txn *t, struct str key, struct str value)
{
    int rc = fault(t);
    if (rc < 0)
        return rc;
    if (key.n > LIMIT_KEY_BYTES || value.n > LIMIT_RECORD_BYTES)
        return E_LIMIT;
    struct pending *p = arena_alloc(t->arena, sizeof *p + value.n + 1);
    char *copy = (char *)(p + 1);
    if (value.n)
        memcpy(copy, value.p, value.n);
    p->value = (struct str){ copy, value.n };
    return txn_set(t, key, p);
}

int txn_delete(struct txn *t, struct str key)
{
    int rc = fault(t);
    if (rc < 0)
        return rc;
    if (key.n > LIMIT_KEY_BYTES)
        return E_LIMIT;
    struct pending *p = arena_one(t->arena, struct pending);
    p->deleted = true;
    return txn_set(t, key, p);
}

void txn_save(struct txn *t)
{
    assert(t->write);
    if (t->saves_n == t->saves_cap) {
        t->saves_cap = t->saves_cap ? 2 * t->saves_cap : 8;
        t->saves = xrealloc(t->saves, t->saves_cap * sizeof *t->saves);
    }
    t->saves[t->saves_n++] = t->undo_n;
}

void txn_save_release(struct txn *t)
{
    assert(t->saves_n > 0);
    t->saves_n--;
    if (t->saves_n == 0)
        t->undo_n = 0;
}

void txn_save_rollback(struct txn *t)
{
    assert(t->saves_n > 0);
    size_t keep = t->saves[--t->saves_n];
    while (t->undo_n > keep) {
        const struct undo *u = &t->undo[--t->undo_n];
        node_set(t, u->node, u->before);
    }
}

void txn_end(struct txn *t)
{
    if (!t)
        return;
    t->store->driver->view_end(t->view);
    if (t->write) {
        gaps_dropped(t->store->gaps);
        arena_clear(t->arena);
        t->store->spare_arena = t->arena;
        t->store->writing = false;
    } else {
        arena_free(t->arena);
    }
    free(t->undo);
    free(t->saves);
    free(t);
}

static void forget_written(struct txn *t)
{
    for (struct skip_node *n = skip_at_least(t->writes, STR("")); n; n = skip_next(n))
        if (n->data)
            hot_forget(t->store->hot, n->key, t->commit + 1);
}

void txn_forget(struct txn *t)
{
    assert(!t->write);
    if (t->store->driver->view_forget)
        t->store->driver->view_forget(t->view);
    if (t->arena)
        arena_clear(t->arena);
}

int txn_commit(struct txn *t)
{
    assert(t->write && t->saves_n == 0);
    int rc = t->live > 0 ? store_fault(t->store, true) : 0;
    if (rc == 0 && t->live > 0) {
        forget_written(t);
        rc = t->store->driver->commit(t->store, t->writes);
    }
    if (rc == 0)
        gaps_committed(t->store->gaps, atomic_fetch_add(&t->store->commits, 1) + 1);
    txn_end(t);
    return rc;
}

/* Which of two keys the scan meets first: <0 a, >0 b. */
static int scan_order(const struct scan *s, struct str a, struct str b)
{
    int c = str_cmp(a, b);
    return s->reverse ? -c : c;
}

static bool scan_within(const struct scan *s, struct str key)
{
    return s->reverse ? str_cmp(key, s->from) >= 0 : s->to.n == 0 || str_cmp(key, s->to) < 0;
}

/* Leaves at s->own the next node that is written and in the range. */
static void scan_own_settle(struct scan *s)
{
    while (s->own && scan_within(s, s->own->key) && !s->own->data)
        s->own = s->reverse ? skip_below(s->txn->writes, s->own->key) : skip_next(s->own);
    if (s->own && !scan_within(s, s->own->key))
        s->own = NULL;
}

static void scan_own_step(struct scan *s)
{
    s->own = s->reverse ? skip_below(s->txn->writes, s->own->key) : skip_next(s->own);
}

static struct str copy_bytes(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){ p, s.n };
}

struct scan *txn_scan(struct txn *t, struct str from, struct str to, bool reverse)
{
    struct scan *s = xalloc(sizeof *s + from.n + to.n);
    s->txn = t;
    s->reverse = reverse;
    if (from.n > LIMIT_KEY_BYTES || to.n > LIMIT_KEY_BYTES) {
        s->err = E_LIMIT;
        return s;
    }
    char *p = (char *)(s + 1);
    if (from.n)
        memcpy(p, from.p, from.n);
    if (to.n)
        memcpy(p + from.n, to.p, to.n);
    s->asked = s->from = (struct str){ p, from.n };
    s->to = (struct str){ p + from.n, to.n };
    s->changes = t->changes;
    if (!reverse) {
        s->skipped = gaps_skip(t->store->gaps, s->from, t->write, t->commit);
        if (str_set(s->skipped))
            s->from = to.n && str_cmp(s->skipped, s->to) > 0 ? s->to : s->skipped;
    }
    s->cursor = t->store->driver->cursor(t->view, s->from, s->to, reverse);
    if (t->live > 0) {
        if (!reverse)
            s->own = skip_at_least(t->writes, s->from);
        else
            s->own = to.n ? skip_below(t->writes, s->to) : skip_last(t->writes);
    }
    return s;
}

void scan_brief(struct scan *s)
{
    s->brief = true;
}

/* The loaded pair of the cursor becomes the answer. */
static bool scan_answer_cursor(struct scan *s, struct str *ret_key, struct str *ret_value)
{
    s->have = false;
    *ret_key = s->key;
    *ret_value = s->value;
    if (!s->brief) {
        if (!s->txn->arena)
            s->txn->arena = arena_new();
        *ret_key = copy_bytes(s->txn->arena, s->key);
        *ret_value = copy_bytes(s->txn->arena, s->value);
    }
    return true;
}

static bool scan_merged(struct scan *s, struct str *ret_key, struct str *ret_value)
{
    while (s->err == 0) {
        if (!s->have && !s->ended) {
            s->have = s->txn->store->driver->next(s->cursor, &s->key, &s->value);
            s->ended = !s->have;
        }
        scan_own_settle(s);
        if (!s->own)
            return s->have && scan_answer_cursor(s, ret_key, ret_value);
        int order = s->have ? scan_order(s, s->key, s->own->key) : 1;
        if (order < 0)
            return scan_answer_cursor(s, ret_key, ret_value);
        if (order == 0)
            s->have = false; /* overwritten or deleted by the transaction */
        const struct pending *p = s->own->data;
        struct str key = s->own->key;
        scan_own_step(s);
        if (!p->deleted) {
            *ret_key = key;
            *ret_value = p->value;
            return true;
        }
    }
    return false;
}

/* Whether what the scan met first is certain: the writer's, and nothing was written since it began. */
static bool scan_teaches(const struct scan *s)
{
    return s->txn->write && !s->reverse && s->changes == s->txn->changes;
}

bool scan_next(struct scan *s, struct str *ret_key, struct str *ret_value)
{
    if (s->err == 0)
        s->err = fault(s->txn);
    if (s->err < 0)
        return false;
    bool found = scan_merged(s, ret_key, ret_value);
    if (!s->begun) {
        s->empty = !found;
        if (found && scan_teaches(s))
            gaps_note(s->txn->store->gaps, s->asked, *ret_key);
    }
    s->begun = true;
    return found;
}

int scan_end(struct scan *s)
{
    int err = s->cursor ? s->txn->store->driver->cursor_end(s->cursor) : 0;
    if (s->err < 0)
        err = s->err;
    if (err == 0 && s->empty && scan_teaches(s))
        gaps_note(s->txn->store->gaps, s->asked, s->to);
    noted(s->txn, err);
    free((char *)s->skipped.p);
    free(s);
    return err;
}

uint64_t store_bytes(struct store *s)
{
    return s->driver->bytes(s);
}

void store_cache_max(struct store *s, uint64_t bytes)
{
    if (s->driver->cache)
        s->driver->cache(s, bytes);
}

int store_backup(struct store *s, const char *dir)
{
    return s->driver->backup(s, dir);
}
