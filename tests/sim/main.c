/* The simulator's command line: one seed or many, each in a process of its own, so that what a crash left in memory goes with it and an assertion of
 * strata's fails one seed alone. */
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rng.h"
#include "scene.h"

enum { TEST_SEEDS = 250, TEST_REPLAYS = 10, TEST_FORGETFUL = 20 };

static const char usage[] =
    "usage: sim [--seed N] [--seeds COUNT] [--steps N] [--only KIND,...] [--without BITS] [--calm BITS] [--verbose] [--shrink] [--counts] [--test]\n"
    "  --seed N      the first seed (1)\n"
    "  --seeds N     how many (1)\n"
    "  --steps N     actors begin nothing behind step N\n"
    "  --only KINDS  these kinds of actors alone\n"
    "  --without, --calm  actors that stay away, troubles that do not happen: what --shrink found\n"
    "  --verbose     every step, and strata's log\n"
    "  --shrink      looks for less that fails as well\n"
    "  --counts      how often each operation was asked for, and how it ended\n"
    "  --test        what `make test` runs\n";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

static void tell_how(const struct scene *scene, int status)
{
    unsigned long long seed = scene->seed;
    if (WIFSIGNALED(status))
        printf("FAILED seed %llu: strata ended by signal %d (%s)\n", seed, WTERMSIG(status), strsignal(WTERMSIG(status)));
    printf("  again: sim --seed %llu", seed);
    if (scene->steps)
        printf(" --steps %u", scene->steps);
    if (scene->without || scene->calm)
        printf(" --without %u --calm %u", scene->without, scene->calm);
    printf("%s\n", scene->only ? " --only ..." : "");
}

/* 0 passed, 1 failed. quiet: what went wrong is not told. */
static int play(const struct scene *scene, bool quiet, struct scene_result *ret)
{
    char dir[64];
    int ends[2], status = 1;
    snprintf(dir, sizeof dir, "%s/strata-sim-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir) || pipe(ends))
        abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct scene_result r;
        if (quiet && !freopen("/dev/null", "w", stdout))
            abort();
        scene_play(scene, dir, ends[1] + 1, &r);
        fflush(stdout);
        _exit(write(ends[1], &r, sizeof r) != sizeof r);
    }
    close(ends[1]);
    if (read(ends[0], ret, sizeof *ret) != sizeof *ret)
        memset(ret, 0, sizeof *ret);
    close(ends[0]);
    waitpid(pid, &status, 0);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (status && !quiet)
        tell_how(scene, status);
    return status != 0;
}

static void add_counts(struct trace_counts *to, const struct trace_counts *from)
{
    for (const struct trace_count *c = from->v; c < from->v + COUNTS_MAX && c->name[0]; c++)
        for (int end = 0; end < COUNT_ENDS; end++)
            trace_counts_add(to, c->name, end, c->ends[end]);
}

static void print_counts(const struct trace_counts *counts)
{
    printf("%-32s %9s %9s %9s %9s\n", "", "2xx", "4xx", "5xx", "lost");
    for (const struct trace_count *c = counts->v; c < counts->v + COUNTS_MAX && c->name[0]; c++)
        printf("%-32s %9u %9u %9u %9u\n", c->name, c->ends[0], c->ends[1], c->ends[2], c->ends[3]);
}

static unsigned play_many(struct scene scene, uint64_t seeds, bool quiet, bool counts)
{
    struct scene_result sum = { 0 }, r;
    struct timespec began, ended;
    unsigned failed = 0;
    timespec_get(&began, TIME_UTC);
    for (uint64_t i = 0; i < seeds; i++, scene.seed++) {
        failed += (unsigned)play(&scene, quiet, &r);
        sum.steps += r.steps;
        sum.machine.crashes += r.machine.crashes;
        sum.machine.stops += r.machine.stops;
        sum.machine.commits += r.machine.commits;
        sum.machine.lost += r.machine.lost;
        sum.hash = rng_mix(sum.hash ^ r.hash);
        add_counts(&sum.counts, &r.counts);
    }
    if (counts)
        print_counts(&sum.counts);
    timespec_get(&ended, TIME_UTC);
    printf("%llu seeds, %u failed: %u steps, %u commits, %u crashes, %u stops, %u requests lost; %.1f s; trace %016llx\n", (unsigned long long)seeds, failed,
           sum.steps, sum.machine.commits, sum.machine.crashes, sum.machine.stops, sum.machine.lost,
           (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9, (unsigned long long)sum.hash);
    return failed;
}

/* ---- shrinking: what can be left out, one after the other, so that it still fails ---- */

static bool still_fails(const struct scene *scene)
{
    struct scene_result r;
    return play(scene, true, &r);
}

static int shrink(struct scene scene)
{
    if (!still_fails(&scene)) {
        printf("seed %llu passes\n", (unsigned long long)scene.seed);
        return 0;
    }
    for (unsigned bit = 1; bit <= TROUBLES; bit <<= 1) {
        struct scene less = scene;
        less.calm |= bit;
        scene = still_fails(&less) ? less : scene;
    }
    for (unsigned i = 0; i < 12; i++) {
        struct scene less = scene;
        less.without |= 1u << i;
        scene = still_fails(&less) ? less : scene;
    }
    for (unsigned low = 1, high = scene.steps ? scene.steps : 4096; low < high;) { /* fewest steps */
        struct scene less = scene;
        less.steps = (low + high) / 2;
        if (still_fails(&less)) {
            scene = less;
            high = less.steps;
        } else {
            low = less.steps + 1;
        }
    }
    struct scene_result r;
    return play(&scene, false, &r);
}

/* ---- what `make test` runs, told as cmocka tells its tests ---- */

static unsigned tell(const char *name, bool good)
{
    printf("[ %s ] %s\n", good ? "      OK" : " FAILED ", name);
    return !good;
}

/* In a fresh process, so that nothing in memory, not even where it lies, is the same. */
static bool replays(const char *program, uint64_t seed)
{
    char command[4200], lines[2][256] = { "", "" };
    snprintf(command, sizeof command, "'%s' --seed %llu", program, (unsigned long long)seed);
    for (int i = 0; i < 2; i++) {
        FILE *f = popen(command, "r");
        if (!f || !fgets(lines[i], sizeof lines[i], f))
            return false;
        pclose(f);
    }
    const char *a = strstr(lines[0], "trace"), *b = strstr(lines[1], "trace");
    return a && b && strcmp(a, b) == 0;
}

static int test(const char *program)
{
    struct scene scene = { .seed = 1 }, forgetful = { .seed = 1, .forgetful = true };
    unsigned failed = tell("seeds_pass", play_many(scene, TEST_SEEDS, false, false) == 0);
    bool same = true;
    for (uint64_t seed = 1; seed <= TEST_REPLAYS; seed++)
        same = replays(program, seed) && same;
    failed += tell("a_seed_replays_exactly", same);
    failed += tell("a_store_that_forgets_commits_is_found_out", play_many(forgetful, TEST_FORGETFUL, true, false) > TEST_FORGETFUL / 2);
    return failed != 0;
}

static uint32_t kinds_of(const char *names)
{
    uint32_t bits = 0;
    for (unsigned i = 0; scene_kind_name(i); i++)
        if (strstr(names, scene_kind_name(i)))
            bits |= 1u << i;
    return bits;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' }, { "seeds", required_argument, NULL, 'n' },   { "steps", required_argument, NULL, 'k' },
        { "only", required_argument, NULL, 'o' }, { "without", required_argument, NULL, 'w' }, { "calm", required_argument, NULL, 'c' },
        { "verbose", no_argument, NULL, 'v' },    { "shrink", no_argument, NULL, 'r' },        { "test", no_argument, NULL, 't' },
        { "counts", no_argument, NULL, 'm' },     { NULL, 0, NULL, 0 },
    };
    struct scene scene = { .seed = 1 };
    uint64_t seeds = 1;
    bool shrinks = false, tests = false, counts = false;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's': scene.seed = strtoull(optarg, NULL, 10); break;
        case 'n': seeds = strtoull(optarg, NULL, 10); break;
        case 'k': scene.steps = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'o': scene.only = kinds_of(optarg); break;
        case 'w': scene.without = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'c': scene.calm = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'v': scene.verbose = true; break;
        case 'r': shrinks = true; break;
        case 'm': counts = true; break;
        case 't': tests = true; break;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (tests)
        return test(argv[0]);
    return shrinks ? shrink(scene) : play_many(scene, seeds, false, counts) != 0;
}
