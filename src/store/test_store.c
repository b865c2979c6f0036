/* One suite for every driver: whatever a store promises, each of them keeps. */
#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "store/key.h"
#include "store/store.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { MEM, FAULT, ROCKSDB, KINDS };

static const char *const kind_names[] = { "mem", "fault", "rocksdb" };

struct fixture {
    enum kind kind;
    char dir[96];
    struct store *s;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static void fixture_open(struct fixture *f)
{
    int rc;
    if (f->kind == ROCKSDB) {
        rc = store_open_rocksdb(f->dir, &f->s);
    } else {
        rc = store_open_mem(&f->s);
        if (rc == 0 && f->kind == FAULT)
            rc = store_open_fault(f->s, &f->s);
    }
    assert_int_equal(rc, 0);
}

static void setup(struct fixture *f, enum kind kind)
{
    f->kind = kind;
    snprintf(f->dir, sizeof f->dir, "/tmp/strata_store_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fixture_open(f);
}

static void teardown(struct fixture *f)
{
    store_close(f->s);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void reopen(struct fixture *f)
{
    store_close(f->s);
    fixture_open(f);
}

/* The body runs once for each driver, with f. */
#define EACH_DRIVER(f)                                                                                                    \
    for (struct fixture f##_, *f = &f##_; f; f = NULL)                                                                    \
        for (int kind_ = 0; kind_ < KINDS && (setup(f, (enum kind)kind_), true);                                          \
             print_message("           %s\n", kind_names[kind_]), teardown(f), kind_++)

static void put(struct txn *t, const char *key, const char *value)
{
    assert_int_equal(txn_put(t, str_c(key), str_c(value)), 0);
}

static void del(struct txn *t, const char *key)
{
    assert_int_equal(txn_delete(t, str_c(key)), 0);
}

static void commit(struct txn *t)
{
    assert_int_equal(txn_commit(t), 0);
}

static void put_committed(struct store *s, const char *key, const char *value)
{
    struct txn *t = store_write(s);
    put(t, key, value);
    commit(t);
}

/* What is read is the same however it is read: the third time txn_get_hot may answer from memory. */
static void assert_value(struct txn *t, const char *key, const char *value)
{
    struct str v;
    struct arena *a = arena_new();
    assert_int_equal(txn_get(t, str_c(key), &v), 0);
    assert_str(v, value);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(txn_get_hot(t, a, str_c(key), &v), 0);
        assert_str(v, value);
    }
    arena_free(a);
}

static void assert_missing(struct txn *t, const char *key)
{
    struct str v;
    struct arena *a = arena_new();
    assert_int_equal(txn_get(t, str_c(key), &v), E_NOT_FOUND);
    for (int i = 0; i < 3; i++)
        assert_int_equal(txn_get_hot(t, a, str_c(key), &v), E_NOT_FOUND);
    arena_free(a);
}

/* The scan as "key=value key=value ". */
static void assert_scan(struct txn *t, const char *from, const char *to, bool reverse, const char *expected)
{
    for (int brief = 0; brief < 2; brief++) {
        char got[1024] = "";
        struct str k, v;
        struct scan *s = txn_scan(t, str_c(from), str_c(to), reverse);
        if (brief)
            scan_brief(s);
        while (scan_next(s, &k, &v)) {
            size_t n = strlen(got);
            snprintf(got + n, sizeof got - n, "%.*s=%.*s ", STR_ARG(k), STR_ARG(v));
        }
        assert_int_equal(scan_end(s), 0);
        assert_string_equal(got, expected);
    }
}

TEST(what_was_put_is_got_until_it_is_deleted)
{
    EACH_DRIVER(f)
    {
        struct txn *t = store_write(f->s);
        assert_true(txn_is_write(t));
        assert_missing(t, "a");
        put(t, "a", "1");
        assert_value(t, "a", "1");
        put(t, "a", "2");
        assert_value(t, "a", "2");
        commit(t);
        t = store_write(f->s);
        assert_value(t, "a", "2");
        del(t, "a");
        del(t, "never");
        assert_missing(t, "a");
        put(t, "a", "3");
        del(t, "a");
        commit(t);
        t = store_read(f->s);
        assert_false(txn_is_write(t));
        assert_missing(t, "a");
        txn_end(t);
        txn_end(NULL);
    }
}

TEST(keys_and_values_are_any_bytes)
{
    EACH_DRIVER(f)
    {
        static char big_key[LIMIT_KEY_BYTES], big_value[1 << 20];
        memset(big_key, 0xff, sizeof big_key);
        memset(big_value, 0xa5, sizeof big_value);
        struct str keys[] = { STR("\0"), STR("\0\0"), STR("\xff\xff"), STR("a\0b"), { big_key, sizeof big_key } };
        struct str values[] = { STR(""), STR("\0"), STR("x\0y"), STR_NONE, { big_value, sizeof big_value } };
        struct txn *t = store_write(f->s);
        for (int i = 0; i < 5; i++)
            assert_int_equal(txn_put(t, keys[i], values[i]), 0);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < 5; i++) {
                struct str v;
                assert_int_equal(txn_get(t, keys[i], &v), 0);
                assert_int_equal(v.n, values[i].n);
                if (v.n)
                    assert_memory_equal(v.p, values[i].p, v.n);
                assert_true(str_set(v));
            }
            if (round == 0) {
                commit(t);
                t = store_read(f->s);
            }
        }
        txn_end(t);
    }
}

TEST(keys_and_values_over_the_limit_are_refused)
{
    EACH_DRIVER(f)
    {
        struct key k;
        key_init(&k);
        while (!k.over)
            key_c(&k, "0123456789abcdef");
        struct txn *t = store_write(f->s);
        struct str v;
        assert_int_equal(txn_put(t, key_view(&k), STR("v")), E_LIMIT);
        assert_int_equal(txn_get(t, key_view(&k), &v), E_LIMIT);
        assert_int_equal(txn_delete(t, key_view(&k)), E_LIMIT);
        struct scan *s = txn_scan(t, key_view(&k), STR(""), false);
        assert_false(scan_next(s, &v, &v));
        assert_int_equal(scan_end(s), E_LIMIT);
        char *big = xalloc(LIMIT_RECORD_BYTES + 1);
        assert_int_equal(txn_put(t, STR("k"), (struct str){ big, LIMIT_RECORD_BYTES + 1 }), E_LIMIT);
        free(big);
        txn_end(t);
    }
}

TEST(values_live_until_the_transaction_ends)
{
    EACH_DRIVER(f)
    {
        char key[16], value[64];
        struct txn *t = store_write(f->s);
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "k%03d", i);
            snprintf(value, sizeof value, "value %d of the first commit", i);
            put(t, key, value);
        }
        commit(t);
        struct txn *r = store_read(f->s);
        struct str got[200], scanned[200], k;
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "k%03d", i);
            assert_int_equal(txn_get(r, str_c(key), &got[i]), 0);
        }
        struct scan *s = txn_scan(r, STR(""), STR(""), false);
        for (int i = 0; i < 200; i++)
            assert_true(scan_next(s, &k, &scanned[i]));
        assert_false(scan_next(s, &k, &k));
        assert_int_equal(scan_end(s), 0);
        for (int round = 0; round < 3; round++) {
            t = store_write(f->s);
            for (int i = 0; i < 200; i++) {
                snprintf(key, sizeof key, "k%03d", i);
                put(t, key, "overwritten");
            }
            commit(t);
        }
        for (int i = 0; i < 200; i++) {
            snprintf(value, sizeof value, "value %d of the first commit", i);
            assert_str(got[i], value);
            assert_str(scanned[i], value);
        }
        txn_end(r);
    }
}

TEST(a_snapshot_forgets_what_it_gave_and_goes_on)
{
    EACH_DRIVER(f)
    {
        put_committed(f->s, "a", "first");
        struct txn *t = store_read(f->s);
        put_committed(f->s, "a", "second");
        struct str k, v;
        struct scan *s = txn_scan(t, STR(""), STR(""), false);
        scan_brief(s);
        assert_true(scan_next(s, &k, &v));
        for (int i = 0; i < 100; i++) {
            assert_value(t, "a", "first");
            assert_scan(t, "", "", false, "a=first ");
            txn_forget(t);
        }
        assert_false(scan_next(s, &k, &v));
        assert_int_equal(scan_end(s), 0);
        txn_end(t);
    }
}

TEST(a_dropped_transaction_leaves_nothing)
{
    EACH_DRIVER(f)
    {
        put_committed(f->s, "a", "1");
        struct txn *t = store_write(f->s);
        put(t, "a", "2");
        put(t, "b", "2");
        assert_true(txn_write_bytes(t) > 0);
        txn_end(t);
        t = store_write(f->s);
        assert_int_equal(txn_write_bytes(t), 0);
        assert_value(t, "a", "1");
        assert_missing(t, "b");
        commit(t); /* of nothing */
    }
}

TEST(savepoints_nest)
{
    EACH_DRIVER(f)
    {
        put_committed(f->s, "base", "0");
        struct txn *t = store_write(f->s);
        put(t, "a", "1");
        txn_save(t);
        put(t, "a", "2");
        del(t, "base");
        txn_save(t);
        put(t, "a", "3");
        put(t, "base", "3");
        put(t, "c", "3");
        txn_save_rollback(t);
        assert_value(t, "a", "2");
        assert_missing(t, "base");
        assert_missing(t, "c");
        txn_save(t);
        put(t, "d", "4");
        txn_save(t);
        put(t, "e", "5");
        txn_save_release(t);
        txn_save_release(t);
        assert_value(t, "e", "5");
        txn_save_rollback(t); /* takes the released ones inside it back, too */
        assert_value(t, "a", "1");
        assert_value(t, "base", "0");
        assert_missing(t, "d");
        assert_missing(t, "e");
        txn_save(t);
        put(t, "f", "6");
        txn_save_release(t);
        commit(t);
        t = store_read(f->s);
        assert_scan(t, "", "", false, "a=1 base=0 f=6 ");
        txn_end(t);
    }
}

TEST(a_rollback_of_everything_commits_nothing)
{
    EACH_DRIVER(f)
    {
        struct txn *t = store_write(f->s);
        for (int i = 0; i < 100; i++) {
            txn_save(t);
            put(t, "a", "1");
            del(t, "b");
            txn_save_rollback(t);
        }
        assert_scan(t, "", "", false, "");
        commit(t);
        t = store_read(f->s);
        assert_scan(t, "", "", true, "");
        txn_end(t);
    }
}

TEST(scans_go_both_ways_within_their_bounds)
{
    EACH_DRIVER(f)
    {
        struct txn *t = store_write(f->s);
        for (const char *k = "bdfh"; *k; k++)
            put(t, (char[]){ *k, 0 }, "1");
        commit(t);
        for (int write = 0; write < 2; write++) {
            t = write ? store_write(f->s) : store_read(f->s);
            assert_scan(t, "", "", false, "b=1 d=1 f=1 h=1 ");
            assert_scan(t, "", "", true, "h=1 f=1 d=1 b=1 ");
            assert_scan(t, "d", "h", false, "d=1 f=1 ");
            assert_scan(t, "d", "h", true, "f=1 d=1 ");
            assert_scan(t, "c", "g", false, "d=1 f=1 ");
            assert_scan(t, "c", "g", true, "f=1 d=1 ");
            assert_scan(t, "i", "", false, "");
            assert_scan(t, "", "b", true, "");
            assert_scan(t, "a", "b", false, "");
            assert_scan(t, "e", "", true, "h=1 f=1 ");
            assert_scan(t, "f", "f", false, "");
            assert_scan(t, "h", "b", false, "");
            assert_scan(t, "h", "b", true, "");
            txn_end(t);
        }
    }
}

TEST(scans_merge_the_transactions_own_writes)
{
    EACH_DRIVER(f)
    {
        struct txn *t = store_write(f->s);
        for (const char *k = "bdfh"; *k; k++)
            put(t, (char[]){ *k, 0 }, "1");
        commit(t);
        t = store_write(f->s);
        put(t, "a", "2");
        put(t, "d", "2");
        put(t, "e", "2");
        del(t, "f");
        del(t, "zz");
        put(t, "z", "2");
        txn_save(t);
        put(t, "c", "3");
        del(t, "b");
        txn_save_rollback(t);
        assert_scan(t, "", "", false, "a=2 b=1 d=2 e=2 h=1 z=2 ");
        assert_scan(t, "", "", true, "z=2 h=1 e=2 d=2 b=1 a=2 ");
        assert_scan(t, "b", "h", false, "b=1 d=2 e=2 ");
        assert_scan(t, "b", "h", true, "e=2 d=2 b=1 ");
        del(t, "b");
        del(t, "h");
        assert_scan(t, "b", "z", true, "e=2 d=2 ");
        commit(t);
        t = store_read(f->s);
        assert_scan(t, "", "", false, "a=2 d=2 e=2 z=2 ");
        txn_end(t);
    }
}

TEST(a_scan_may_delete_what_it_meets)
{
    EACH_DRIVER(f)
    {
        char key[16];
        struct txn *t = store_write(f->s);
        for (int i = 0; i < 100; i++) {
            snprintf(key, sizeof key, "k%03d", i);
            put(t, key, "v");
        }
        commit(t);
        t = store_write(f->s);
        put(t, "k0505", "own");
        struct scan *s = txn_scan(t, STR("k"), STR("l"), false);
        struct str k, v;
        int n = 0;
        for (; scan_next(s, &k, &v); n++)
            assert_int_equal(txn_delete(t, k), 0);
        assert_int_equal(scan_end(s), 0);
        assert_int_equal(n, 101);
        commit(t);
        t = store_read(f->s);
        assert_scan(t, "", "", false, "");
        txn_end(t);
    }
}

TEST(a_snapshot_sees_one_commit)
{
    EACH_DRIVER(f)
    {
        put_committed(f->s, "a", "1");
        put_committed(f->s, "gone", "1");
        struct txn *before = store_read(f->s);
        struct scan *open = txn_scan(before, STR(""), STR(""), false);
        struct txn *t = store_write(f->s);
        put(t, "a", "2");
        put(t, "b", "2");
        del(t, "gone");
        assert_value(before, "a", "1");
        struct txn *during = store_read(f->s);
        commit(t);
        struct txn *after = store_read(f->s);
        assert_scan(before, "", "", false, "a=1 gone=1 ");
        assert_scan(during, "", "", true, "gone=1 a=1 ");
        assert_scan(after, "", "", false, "a=2 b=2 ");
        assert_value(before, "gone", "1");
        assert_missing(during, "b");
        struct str k, v;
        assert_true(scan_next(open, &k, &v));
        assert_str(v, "1");
        assert_int_equal(scan_end(open), 0);
        txn_end(before);
        txn_end(during);
        txn_end(after);
    }
}

/* Readers see a and b equal in every snapshot while a writer changes both. */
struct race {
    struct store *s;
    atomic_bool stop;
    atomic_int torn, reads;
};

static void *race_reader(void *arg)
{
    struct race *r = arg;
    struct arena *copies = arena_new();
    while (!atomic_load(&r->stop)) {
        struct txn *t = store_read(r->s);
        struct str a, b, k, v;
        int rc = txn_get(t, STR("a"), &a);
        if (rc < 0 || txn_get(t, STR("b"), &b) < 0 || !str_eq(a, b))
            atomic_fetch_add(&r->torn, 1);
        for (int i = 0; i < 4; i++) {
            struct str hot;
            if (txn_get_hot(t, copies, i % 2 ? STR("a") : STR("b"), &hot) < 0 || !str_eq(a, hot))
                atomic_fetch_add(&r->torn, 1);
        }
        arena_clear(copies);
        struct scan *s = txn_scan(t, STR(""), STR(""), atomic_load(&r->reads) % 2);
        int n = 0;
        for (; scan_next(s, &k, &v); n++)
            if (!str_eq(v, a))
                atomic_fetch_add(&r->torn, 1);
        if (scan_end(s) < 0 || n < 2)
            atomic_fetch_add(&r->torn, 1);
        txn_end(t);
        atomic_fetch_add(&r->reads, 1);
    }
    arena_free(copies);
    return NULL;
}

TEST(readers_are_consistent_while_a_writer_commits)
{
    EACH_DRIVER(f)
    {
        struct race r = { .s = f->s };
        struct txn *t = store_write(f->s);
        put(t, "a", "0");
        put(t, "b", "0");
        commit(t);
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, race_reader, &r), 0);
        for (int i = 0; i < 200 || atomic_load(&r.reads) < 50; i++) {
            char value[16], key[16];
            snprintf(value, sizeof value, "%d", i);
            snprintf(key, sizeof key, "x%d", i % 7);
            t = store_write(f->s);
            if (i % 2) {
                for (int j = 0; j < 7; j++) {
                    snprintf(key, sizeof key, "x%d", j);
                    del(t, key);
                }
            } else {
                put(t, key, value);
            }
            put(t, "a", value);
            put(t, "b", value);
            commit(t);
        }
        atomic_store(&r.stop, true);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(r.torn, 0);
    }
}

TEST(random_transactions_match_a_plain_array)
{
    enum { KEYS = 40 };
    EACH_DRIVER(f)
    {
        int committed[KEYS] = { 0 }, now[KEYS], saved[KEYS]; /* 0: missing */
        unsigned seed = 7;
        for (int round = 0; round < 60; round++) {
            struct txn *t = store_read(f->s);
            for (int i = 0; i < KEYS; i++) {
                char key[16], value[16];
                snprintf(key, sizeof key, "%02d", i);
                snprintf(value, sizeof value, "%d", committed[i]);
                if (committed[i])
                    assert_value(t, key, value);
                else
                    assert_missing(t, key);
            }
            txn_end(t);
            t = store_write(f->s);
            memcpy(now, committed, sizeof now);
            bool in_save = false;
            for (int step = 0; step < 60; step++) {
                int i = rand_r(&seed) % KEYS, what = rand_r(&seed) % 10;
                char key[16], value[16];
                snprintf(key, sizeof key, "%02d", i);
                if (what < 5) {
                    now[i] = 1 + rand_r(&seed) % 1000;
                    snprintf(value, sizeof value, "%d", now[i]);
                    put(t, key, value);
                } else if (what < 8) {
                    now[i] = 0;
                    del(t, key);
                } else if (!in_save) {
                    txn_save(t);
                    memcpy(saved, now, sizeof saved);
                    in_save = true;
                } else {
                    if (what == 8) {
                        txn_save_release(t);
                    } else {
                        txn_save_rollback(t);
                        memcpy(now, saved, sizeof now);
                    }
                    in_save = false;
                }
            }
            if (in_save)
                txn_save_release(t);
            int lo = rand_r(&seed) % KEYS, hi = rand_r(&seed) % (KEYS + 1);
            char from[16], to[16], expected[1024];
            snprintf(from, sizeof from, "%02d", lo);
            snprintf(to, sizeof to, "%02d", hi);
            for (int reverse = 0; reverse < 2; reverse++) {
                expected[0] = 0;
                for (int j = 0; j < KEYS; j++) {
                    int i = reverse ? KEYS - 1 - j : j;
                    size_t n = strlen(expected);
                    if (now[i] && i >= lo && i < hi)
                        snprintf(expected + n, sizeof expected - n, "%02d=%d ", i, now[i]);
                }
                assert_scan(t, from, to, reverse, expected);
            }
            if (round % 5 == 4) {
                txn_end(t);
            } else {
                commit(t);
                memcpy(committed, now, sizeof committed);
            }
        }
    }
}

TEST(the_size_is_told)
{
    EACH_DRIVER(f)
    {
        put_committed(f->s, "a", "some value");
        store_cache_max(f->s, 1 << 20);
        assert_true(store_bytes(f->s) > 0);
    }
}

/* ---- the fault driver alone ---- */

static int fault_steps(struct store *s)
{
    struct txn *t = store_write(s);
    struct str k, v;
    int rc = txn_get(t, STR("a"), &v);
    if (rc == 0)
        rc = txn_put(t, STR("b"), v);
    if (rc == 0)
        rc = txn_delete(t, STR("a"));
    if (rc < 0) {
        txn_end(t);
        return rc;
    }
    struct scan *c = txn_scan(t, STR(""), STR(""), false);
    while (scan_next(c, &k, &v))
        ;
    rc = scan_end(c);
    if (rc < 0) {
        txn_end(t);
        return rc;
    }
    return txn_commit(t);
}

TEST(the_nth_call_fails_and_leaves_what_was)
{
    struct store *s;
    assert_int_equal(store_open_mem(&s), 0);
    assert_int_equal(store_open_fault(s, &s), 0);
    put_committed(s, "a", "1");
    uint64_t nth = 1;
    for (;; nth++) {
        store_fault_arm(s, nth, E_IO);
        int rc = fault_steps(s);
        uint64_t calls = store_fault_arm(s, 0, 0);
        struct txn *t = store_read(s);
        assert_scan(t, "", "", false, rc < 0 ? "a=1 " : "b=1 ");
        txn_end(t);
        store_fault_arm(s, 0, 0);
        if (rc == 0)
            break;
        assert_int_equal(rc, E_IO);
        assert_int_equal(calls, nth);
    }
    assert_int_equal(nth, 7); /* get, put, delete, two scan_next, commit: six faults, then none */
    store_close(s);
}

/* ---- rocksdb alone ---- */

TEST(commits_survive_closing)
{
    struct fixture f;
    setup(&f, ROCKSDB);
    put_committed(f.s, "a", "1");
    struct txn *t = store_write(f.s);
    put(t, "dropped", "1");
    txn_end(t);
    reopen(&f);
    put_committed(f.s, "b", "2");
    reopen(&f);
    t = store_read(f.s);
    assert_scan(t, "", "", false, "a=1 b=2 ");
    txn_end(t);
    teardown(&f);
}

/* A process that dies without closing: what it committed is there, what it did not is not. */
TEST(commits_survive_a_crash)
{
    struct fixture f;
    setup(&f, ROCKSDB);
    store_close(f.s);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (store_open_rocksdb(f.dir, &f.s) < 0)
            _exit(1);
        for (int i = 0; i < 20; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%02d", i);
            struct txn *t = store_write(f.s);
            if (txn_put(t, str_c(key), STR("v")) < 0 || txn_commit(t) < 0)
                _exit(1);
        }
        struct txn *t = store_write(f.s);
        _exit(txn_put(t, STR("open"), STR("v")) < 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_open(&f);
    struct txn *t = store_read(f.s);
    assert_missing(t, "open");
    assert_value(t, "k00", "v");
    assert_value(t, "k19", "v");
    txn_end(t);
    teardown(&f);
}

TEST(a_second_opening_is_refused)
{
    struct fixture f;
    setup(&f, ROCKSDB);
    struct store *second;
    assert_int_equal(store_open_rocksdb(f.dir, &second), E_BUSY);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(store_open_rocksdb(f.dir, &second) == E_BUSY ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    put_committed(f.s, "a", "1"); /* and did no harm */
    reopen(&f);
    teardown(&f);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

TEST(a_format_that_is_newer_or_unreadable_is_refused)
{
    struct fixture f;
    setup(&f, ROCKSDB);
    put_committed(f.s, "a", "1");
    store_close(f.s);
    static const struct { const char *text; int rc; } cases[] = {
        { "strata 4\n", E_VERSION }, { "strata 99999\n", E_VERSION }, { "", E_CORRUPT },      { "strata x\n", E_CORRUPT },
        { "strata 0\n", E_CORRUPT }, { "other 1\n", E_CORRUPT },      { "strata ", E_CORRUPT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(f.dir, "format", cases[i].text);
        assert_int_equal(store_open_rocksdb(f.dir, &f.s), cases[i].rc);
    }
    char path[256];
    snprintf(path, sizeof path, "%s/format", f.dir);
    assert_int_equal(remove(path), 0);
    assert_int_equal(store_open_rocksdb(f.dir, &f.s), E_CORRUPT);
    write_file(f.dir, "format", "strata 1\n");
    fixture_open(&f);
    struct txn *t = store_read(f.s);
    assert_value(t, "a", "1");
    txn_end(t);
    FILE *file = fopen(path, "r");
    char text[32] = "";
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "strata 3\n"); /* what is written now an older program cannot read */
    teardown(&f);
}

TEST(a_backup_opens_as_the_store_was)
{
    struct fixture f, copy = { .kind = ROCKSDB };
    setup(&f, ROCKSDB);
    put_committed(f.s, "a", "1");
    snprintf(copy.dir, sizeof copy.dir, "%.80s/deep/copy", f.dir);
    assert_int_equal(store_backup(f.s, copy.dir), 0);
    assert_int_equal(store_backup(f.s, copy.dir), E_EXISTS);
    put_committed(f.s, "a", "2");
    fixture_open(&copy);
    struct txn *t = store_read(copy.s);
    assert_scan(t, "", "", false, "a=1 ");
    txn_end(t);
    store_close(copy.s);
    teardown(&f);

    assert_int_equal(store_open_mem(&f.s), 0);
    assert_int_equal(store_backup(f.s, "/tmp/strata_store_never"), E_UNSUPPORTED);
    store_close(f.s);
}

TEST(a_directory_that_cannot_be_made_is_an_error)
{
    struct store *s;
    assert_int_equal(store_open_rocksdb("/dev/null/strata", &s), E_IO);
    store_close(NULL);
}

/* ---- gaps: what scans skip must be empty for whoever skips it ---- */

TEST(a_gap_is_filled_by_what_is_put_or_comes_back)
{
    EACH_DRIVER(f)
    {
        struct txn *t = store_write(f->s);
        for (const char *k = "bcdefg"; *k; k++)
            put(t, (char[]){ *k, 0 }, "1");
        commit(t);
        struct txn *old = store_read(f->s);
        t = store_write(f->s);
        del(t, "b");
        del(t, "c");
        assert_scan(t, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        assert_scan(old, "a", "z", false, "b=1 c=1 d=1 e=1 f=1 g=1 ");
        txn_save(t);
        del(t, "d");
        assert_scan(t, "a", "z", false, "e=1 f=1 g=1 ");
        txn_save_rollback(t);
        assert_scan(t, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        put(t, "b", "2");
        assert_scan(t, "a", "z", false, "b=2 d=1 e=1 f=1 g=1 ");
        del(t, "b");
        assert_scan(t, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        struct txn *during = store_read(f->s);
        commit(t);
        struct txn *after = store_read(f->s);
        assert_scan(old, "a", "z", false, "b=1 c=1 d=1 e=1 f=1 g=1 ");
        assert_scan(during, "a", "z", false, "b=1 c=1 d=1 e=1 f=1 g=1 ");
        assert_scan(after, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        assert_scan(after, "b", "z", false, "d=1 e=1 f=1 g=1 ");
        t = store_write(f->s);
        del(t, "d");
        assert_scan(t, "a", "e", false, "");
        assert_scan(t, "a", "z", false, "e=1 f=1 g=1 ");
        txn_end(t);
        t = store_write(f->s);
        assert_scan(t, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        put(t, "a", "3");
        commit(t);
        struct txn *last = store_read(f->s);
        assert_scan(last, "a", "z", false, "a=3 d=1 e=1 f=1 g=1 ");
        assert_scan(after, "a", "z", false, "d=1 e=1 f=1 g=1 ");
        txn_end(old);
        txn_end(during);
        txn_end(after);
        txn_end(last);
    }
}

/* Random writes, scans from random places, rollbacks and drops; snapshots are kept and looked at again later. */
TEST(gaps_never_hide_anything)
{
    enum { KEYS = 30, VIEWS = 4 };
    EACH_DRIVER(f)
    {
        bool committed[KEYS] = { 0 }, now[KEYS], saved[KEYS], seen[VIEWS][KEYS];
        struct txn *views[VIEWS] = { NULL };
        unsigned seed = 11;
        for (int round = 0; round < 300; round++) {
            struct txn *t = store_write(f->s);
            bool in_save = false;
            memcpy(now, committed, sizeof now);
            for (int step = 0; step < 30; step++) {
                int i = rand_r(&seed) % KEYS, what = rand_r(&seed) % 12, view = rand_r(&seed) % VIEWS;
                char key[16], expected[1024] = "";
                snprintf(key, sizeof key, "%02d", i);
                if (what < 2) {
                    now[i] = true;
                    put(t, key, "v");
                } else if (what < 6) {
                    now[i] = false;
                    del(t, key);
                } else if (what < 10) {
                    struct txn *in = what < 9 || !views[view] ? t : views[view];
                    const bool *truth = in == t ? now : seen[view];
                    for (int j = i; j < KEYS; j++)
                        if (truth[j]) {
                            size_t n = strlen(expected);
                            snprintf(expected + n, sizeof expected - n, "%02d=v ", j);
                        }
                    assert_scan(in, key, "a", false, expected);
                } else if (!in_save) {
                    txn_save(t);
                    memcpy(saved, now, sizeof saved);
                    in_save = true;
                } else {
                    if (what == 10) {
                        txn_save_release(t);
                    } else {
                        txn_save_rollback(t);
                        memcpy(now, saved, sizeof now);
                    }
                    in_save = false;
                }
            }
            if (in_save)
                txn_save_release(t);
            if (round % 7 == 3) {
                txn_end(t);
            } else {
                commit(t);
                memcpy(committed, now, sizeof committed);
            }
            int view = rand_r(&seed) % VIEWS;
            txn_end(views[view]);
            views[view] = store_read(f->s);
            memcpy(seen[view], committed, sizeof committed);
        }
        for (int i = 0; i < VIEWS; i++)
            txn_end(views[i]);
    }
}

TEST(more_heads_than_gaps_are_kept_right)
{
    EACH_DRIVER(f)
    {
        char key[16], from[16], to[16], expected[32];
        for (int round = 0; round < 3; round++) {
            struct txn *t = store_write(f->s);
            for (int i = 0; i < 600; i++) {
                snprintf(from, sizeof from, "q%03d/", i);
                snprintf(to, sizeof to, "q%03d0", i);
                snprintf(key, sizeof key, "q%03d/%d", i, round);
                snprintf(expected, sizeof expected, "%s=v ", key);
                put(t, key, "v");
                assert_scan(t, from, to, false, expected);
                if (i % 2 || round < 2) {
                    del(t, key);
                    assert_scan(t, from, to, false, "");
                }
            }
            commit(t);
        }
        struct txn *t = store_read(f->s);
        for (int i = 0; i < 600; i++) {
            snprintf(from, sizeof from, "q%03d/", i);
            snprintf(to, sizeof to, "q%03d0", i);
            snprintf(expected, sizeof expected, "q%03d/2=v ", i);
            assert_scan(t, from, to, false, i % 2 ? "" : expected);
        }
        txn_end(t);
    }
}
