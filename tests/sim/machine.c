#include "machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "fiber.h"
#include "host.h"
#include "sched/jobs.h"
#include "store/blob.h"
#include "store/key.h"
#include "trace.h"

enum { MONO_AT_START_S = 5000, PLUG_PATIENCE_MS = 5000, QUIESCE_MS = 30 * 1000, WHILE_MS = 20 * 1000, CORES = 2 };
#define REAL_AT_START_S 1767225600LL /* 2026-01-01T00:00:00Z */

struct machine_stats machine_stats;

static struct {
    struct machine_config config;
    struct rng kernel, fate; /* of getrandom; of what the disk and the stop come to */
    struct store *store;
    struct cloud *cloud; /* while it serves */
    struct cloud *running; /* from its start to its end */
    struct blobs *blobs;
    enum plug plug;
    enum { DISK_SOUND, DISK_FULL, DISK_FAILING, DISK_FAILED } disk;
    bool stopped_cleanly, ended; /* how the last life ended; a boot or stop has */
    int64_t last_ms;
    int64_t disturbed_ns, quiet_ms; /* last; the clock when the quiet before ended */
    uint64_t life;
} w;

/* ---- what strata asks the machine for ---- */

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
long __wrap_sysconf(int name);
long __real_sysconf(int name);
int __wrap_txn_commit(struct txn *t);
int __real_txn_commit(struct txn *t);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
    int64_t ns = fiber_now_ns();
    ret->tv_sec = ns / 1000000000 + (id == CLOCK_REALTIME ? REAL_AT_START_S : MONO_AT_START_S);
    ret->tv_nsec = ns % 1000000000;
    return 0;
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(rng_next(&w.kernel) >> 56);
    return (ssize_t)n;
}

long __wrap_sysconf(int name) { return name == _SC_NPROCESSORS_ONLN ? CORES : __real_sysconf(name); }

/* ---- crashes ---- */

/* What was committed, in a fresh store: what the old one knew besides (gaps, open transactions) is gone. */
static struct store *salvage(struct store *old)
{
    struct store *fresh;
    struct str key, value;
    store_open_mem(&fresh);
    struct txn *from = store_read(old), *to = store_write(fresh);
    struct scan *scan = txn_scan(from, STR(""), STR(""), false);
    scan_brief(scan);
    while (scan_next(scan, &key, &value))
        txn_put(to, key, value);
    scan_end(scan);
    txn_end(from);
    txn_commit(to);
    return fresh; /* the old one is left alone: threads that were cut off may have half of it open */
}

static bool quiet(void) { return fiber_now_ns() - w.disturbed_ns >= WHILE_MS * 1000000LL; }

void machine_disturbed(void)
{
    if (quiet())
        w.quiet_ms = machine_now_ms();
    w.disturbed_ns = fiber_now_ns();
}

int64_t machine_ran_ms(void) { return (quiet() ? machine_now_ms() : w.quiet_ms) - WHILE_MS; }

static void down(void)
{
    machine_disturbed();
    w.last_ms = machine_now_ms();
    w.cloud = w.running = NULL;
    w.plug = PLUG_NONE;
    w.disk = DISK_SOUND;
    w.life++;
    host_lost();
    close_range((unsigned)w.config.first_fd, ~0u, 0);
}

static void crash(void)
{
    fibers_drop();
    down();
    w.store = salvage(w.store);
    w.stopped_cleanly = false;
    machine_stats.crashes++;
    w.ended = true;
    fiber_wake(&w);
}

static bool writes(const struct txn *t) { return txn_write_bytes(t) > 0; }

static int commit(struct txn *t)
{
    fiber_atomic(true);
    int rc = __real_txn_commit(t);
    fiber_atomic(false);
    machine_stats.commits++;
    return rc;
}

static int drop(struct txn *t, int err)
{
    txn_end(t);
    return err;
}

int __wrap_txn_commit(struct txn *t)
{
    if (!fiber_is_strata() || !writes(t))
        return __real_txn_commit(t);
    if (w.plug == PLUG_BEFORE_COMMIT)
        fibers_halt(crash);
    sim_expect(w.disk != DISK_FAILED, "a commit", "none behind a sync that failed", "one");
    if (w.disk == DISK_FULL) {
        w.disk = DISK_SOUND;
        machine_stats.failed++;
        return drop(t, E_NO_SPACE);
    }
    if (w.disk == DISK_FAILING) {
        w.disk = DISK_FAILED;
        machine_stats.failed++;
        fiber_wake(&w);
        int rc = rng_one_in(&w.fate, 2) ? commit(t) : drop(t, 0);
        return rc ? rc : E_IO;
    }
    if (rng_one_in(&w.fate, w.config.forget_one_in))
        return drop(t, 0);
    int rc = commit(t);
    if (w.plug == PLUG_AFTER_COMMIT)
        fibers_halt(crash);
    return rc;
}

void machine_crash(void)
{
    trace_end(trace_begin(fiber_name(), "the plug is pulled"), 0, STR(""));
    crash();
}

void machine_crash_at(enum plug when)
{
    unsigned step = trace_begin(fiber_name(), "the plug is pulled %s a commit", when == PLUG_BEFORE_COMMIT ? "before" : "behind");
    int64_t until_ns = fiber_now_ns() + PLUG_PATIENCE_MS * 1000000LL;
    w.plug = when;
    w.ended = false;
    while (!w.ended && fiber_now_ns() < until_ns)
        fiber_wait(&w, until_ns);
    w.plug = PLUG_NONE;
    trace_end(step, w.ended, STR(""));
}

void machine_fill_disk(void) { w.disk = DISK_FULL; }
bool machine_sync_failed(void) { return w.disk == DISK_FAILED; }

void machine_fail_sync(void)
{
    int64_t until_ns = fiber_now_ns() + PLUG_PATIENCE_MS * 1000000LL;
    unsigned step = trace_begin(fiber_name(), "the disk fails at a sync");
    uint64_t life = w.life;
    w.disk = DISK_FAILING;
    while (w.disk == DISK_FAILING && life == w.life && fiber_now_ns() < until_ns)
        fiber_wait(&w, until_ns);
    if (w.disk == DISK_FAILING)
        w.disk = DISK_SOUND;
    trace_end(step, w.disk == DISK_FAILED, STR(""));
}

/* ---- starting and stopping, in threads of strata ---- */

static unsigned count_files(struct arena *a, struct str dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir.p);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            n += e->d_type == DT_DIR ? count_files(a, str_printf(a, "%.*s/%s", STR_ARG(dir), e->d_name)) : 1;
    if (d)
        closedir(d);
    return n;
}

/* The files of bodies and the records that name them are the same set. */
static void check_bodies(struct arena *a)
{
    struct key from, to;
    struct str key, value, part;
    unsigned files = count_files(a, str_printf(a, "%s/blobs", w.config.dir)), records = 0;
    key_init(&from);
    key_c(&from, "sys");
    key_c(&from, "blob");
    key_after_prefix(&from, &to);
    struct txn *t = store_read(w.store);
    struct scan *s = txn_scan(t, key_view(&from), key_view(&to), false);
    for (; scan_next(s, &key, &value); records++) {
        struct key_reader r;
        key_read_init(&r, key);
        for (int i = 0; i < 3; i++)
            key_read_str(&r, a, &part);
        sim_expect(access(str_printf(a, "%s/blobs/%.2s/%.*s", w.config.dir, part.p, STR_ARG(part)).p, F_OK) == 0, "bodies", "a file for each record",
                   "none for %.*s", STR_ARG(part));
    }
    scan_end(s);
    txn_end(t);
    sim_expect(files == records, "bodies", "as many files as records that name one", "%u files, %u records", files, records);
}

/* Each timer is found by its name, and each name stands for a timer. */
static void check_timers(struct arena *a)
{
    struct key from, to;
    struct str key, value, found;
    int names = 0, timers = 0;
    struct txn *t = store_read(w.store);
    for (int by_name = 0; by_name < 2; by_name++) {
        key_init(&from);
        key_c(&from, "sys");
        key_c(&from, by_name ? "timer_at" : "timer");
        key_after_prefix(&from, &to);
        struct scan *s = txn_scan(t, key_view(&from), key_view(&to), false);
        while (scan_next(s, &key, &value)) {
            struct key k;
            ++*(by_name ? &names : &timers);
            if (!by_name)
                continue;
            key_init(&k); /* (sys, timer, when, name) of (sys, timer_at, name) -> when */
            key_c(&k, "sys");
            key_c(&k, "timer");
            key_raw(&k, value);
            key_raw(&k, str_sub(key, from.n, key.n));
            sim_expect(txn_get(t, key_view(&k), &found) == 0, "timers", "a timer for each name", "none for %.*s", STR_ARG(hex_encode(a, key.p, key.n)));
        }
        scan_end(s);
    }
    txn_end(t);
    sim_expect(names == timers, "timers", "as many as names", "%d timers, %d names", timers, names);
}

static void *boot(void *arg)
{
    struct arena *a = arena_new();
    struct cloud_config config = { .data_dir = w.config.dir, .region = "us-east-1", .public_url = STR("http://127.0.0.1:4566"), .weaker = STR(""),
                                   .test_keys = true };
    int rc = blobs_open(str_printf(a, "%s/blobs", w.config.dir).p, &w.blobs);
    if (rc == 0)
        rc = cloud_start(&config, w.store, w.blobs, &w.running);
    sim_expect(rc == 0, "start", "strata starts", "%s", err_name(rc));
    int orphans = cloud_sweep_blobs(w.running);
    sim_expect(orphans == 0 || !w.stopped_cleanly, "start", "no orphaned bodies after a clean stop", "%d", orphans);
    check_bodies(a);
    check_timers(a);
    host_attach(w.running);
    rc = cloud_open(w.running);
    sim_expect(rc == 0, "start", "the services start", "%s", err_name(rc));
    w.cloud = w.running;
    machine_disturbed();
    arena_free(a);
    w.ended = true;
    fiber_wake(&w);
    return NULL;
}

static void await_end(void)
{
    while (!w.ended)
        fiber_wait(&w, 0);
}

void machine_start(void)
{
    unsigned step = trace_begin(fiber_name(), "strata starts");
    w.ended = false;
    fiber_spawn(FIBER_STRATA, "boot", boot, NULL);
    await_end();
    trace_end(step, w.cloud != NULL, STR(""));
}

static void *stop(void *arg)
{
    struct cloud *cloud = arg;
    int64_t until_ns = fiber_now_ns() + QUIESCE_MS * 1000000LL;
    bool quiesces = rng_one_in(&w.fate, 2);
    while (quiesces && calls_open() && fiber_now_ns() < until_ns) /* http_quiesce, or what its patience did not suffice for */
        fiber_wait(calls_event(), until_ns);
    cloud_stop(cloud);
    blobs_close(w.blobs);
    w.ended = true;
    fiber_wake(&w);
    return NULL;
}

void machine_stop(void)
{
    unsigned step = trace_begin(fiber_name(), "strata is told to stop");
    struct cloud *cloud = w.cloud;
    if (!cloud)
        return;
    w.last_ms = machine_now_ms();
    w.cloud = NULL;
    w.ended = false;
    uint64_t life = w.life;
    fiber_spawn(FIBER_STRATA, "stop", stop, cloud);
    await_end();
    trace_end(step, life == w.life, STR(""));
    if (life != w.life)
        return; /* the plug was pulled meanwhile */
    while (fibers_of_strata()) { /* the thread that stopped it, and those whose requests are answered, are ending */
        unsigned before = fibers_of_strata();
        fiber_sleep_ms(1);
        sim_expect(fibers_of_strata() < before, "stop", "no thread is left", "%u are", fibers_of_strata());
    }
    down();
    struct store *old = w.store;
    w.store = salvage(old);
    store_close(old);
    machine_stats.stops++;
    w.stopped_cleanly = true;
}

/* ---- for actors ---- */

void machine_init(const struct machine_config *config)
{
    memset(&w, 0, sizeof w);
    w.config = *config;
    w.kernel = rng_split(config->seed, 2);
    w.fate = rng_split(config->seed, 4);
    store_open_mem(&w.store);
    w.last_ms = w.quiet_ms = machine_real_ms();
}

struct cloud *machine_cloud(void) { return w.cloud; }
struct cloud *machine_running(void) { return w.running; }
uint64_t machine_life(void) { return w.life; }

struct cloud *machine_up(void)
{
    while (!w.cloud)
        fiber_wait(&w, 0);
    return w.cloud;
}

int64_t machine_real_ms(void) { return fiber_now_ns() / 1000000 + REAL_AT_START_S * 1000; }

int64_t machine_now_ms(void)
{
    struct cloud *cloud = w.cloud;
    return cloud ? clock_now_ms(cloud->clock) : w.last_ms;
}
