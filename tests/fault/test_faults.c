/* The fault loop: every store call and every file call of every operation and of every job fails once.
 *
 * Each step of each scenario (world/scenario.h) is asked again and again, its n-th call failing, n = 1, 2, ..., until none fails. A failure must be told
 * (5xx: neither success nor an error of the client's), and the store and the body files must be what they were, byte for byte. A commit or a sync that
 * fails stops the writer: then nothing is acknowledged any more, and the cloud starts anew. After each step the jobs that are due run in the same way:
 * a failed job has changed nothing and is still there.
 *
 * STRATA_FAULTS names the services to look at, blank-separated; all without it. */
#include "base/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "fault/failing.h"
#include "sched/jobs.h"
#include "store/blob.h"
#include "wire/wire.h"
#include "world/scenario.h"

enum { CALLS_MAX = 100000 };

/* What fails. */
struct trouble {
    const char *name;
    uint32_t file_kinds; /* FAIL_ bits; 0: store calls */
    int error;           /* an errno for file calls (0: they do half of it), else an enum err */
};

struct loop {
    struct world w;
    struct scenario scenario;
    const struct trouble *trouble;
    uint64_t faults;   /* that fired */
    uint64_t calls;    /* on files */
    unsigned failures;
    bool *asked;       /* by row of the service */
    bool *kinds;       /* of jobs that ran, by index of wire_job_kinds; of all services */
};

static void complain(struct loop *l, const char *what, uint64_t n, struct str words)
{
    l->failures++;
    printf("%s:%s, %s %llu fails: %.*s\n", l->scenario.service->name, what, l->trouble->name, (unsigned long long)n, STR_ARG(words));
}

/* ---- failing ---- */

static void arm(struct loop *l, uint64_t n)
{
    if (!l->trouble->file_kinds) {
        store_fault_arm(l->w.store, n, l->trouble->error);
        return;
    }
    snprintf(failing->below, sizeof failing->below, "%s/", l->w.dir);
    failing->calls = 0;
    failing->error = l->trouble->error;
    failing->first = l->trouble->error ? n : 1;
    failing->last = l->trouble->error ? n : UINT64_MAX;
    failing->kinds = l->trouble->file_kinds;
}

/* Returns how many calls there were that could have failed. */
static uint64_t disarm(struct loop *l)
{
    if (!l->trouble->file_kinds)
        return store_fault_arm(l->w.store, 0, 0);
    failing->kinds = 0;
    l->calls += failing->calls;
    return l->trouble->error ? failing->calls : 0;
}

/* Whether the call that failed was of something that the operation had left for the writer, behind its answer (the date of last use of a secret). */
static bool was_behind(struct loop *l, unsigned own_writes)
{
    return !l->trouble->file_kinds && store_fault_place(l->w.store) > own_writes;
}

/* Or of something that a job asked on a snapshot, behind its commit (a rotation calls its function). What jobs_step itself reads on one makes it fail. */
static bool was_asked_behind(struct loop *l, int rc)
{
    return !l->trouble->file_kinds && rc > 0 && store_fault_place(l->w.store) == 0;
}

/* ---- asking ---- */

static struct reply ask(struct loop *l, struct arena *a, const struct step *step)
{
    struct client_request r = step->request; /* signed anew: signatures age */
    r.headers = (struct header_list){ 0 };
    for list_each(h, &step->request.headers)
        *list_push(a, &r.headers) = *h;
    client_sign(a, step->row, &step->key, STR("us-east-1"), &r);
    struct reply reply = world_send(&l->w, a, &r);
    world_settle(&l->w);
    return reply;
}

static struct str first_words(struct arena *a, const struct reply *r)
{
    return str_printf(a, "answered %d %.*s", r->status, STR_ARG(str_sub(r->body, 0, 300)));
}

/* After a sync that failed nothing more is acknowledged, until the cloud starts anew. */
static void restart_if_stopped(struct loop *l, struct arena *a, const struct step *step, uint64_t n)
{
    if (!writer_failed(l->w.cloud->writer) && !blobs_failed(l->w.blobs))
        return;
    if (step && step->row->txn == OP_RW) {
        struct reply again = ask(l, a, step);
        if (again.status < 500)
            complain(l, step->row->name, n, str_printf(a, "after it had stopped writing, it %.*s", STR_ARG(first_words(a, &again))));
    }
    world_restart(&l->w);
}

static void put_back(struct loop *l, struct arena *a, struct str before)
{
    if (world_put_back(&l->w, a, before))
        abort();
}

/* What must be the same after a failure is; else it is put back, so that the loop goes on. */
static void expect_unchanged(struct loop *l, struct arena *a, const char *what, uint64_t n, struct str before, bool own)
{
    struct str now = world_dump(&l->w, a), difference = world_difference(a, before, now, own);
    if (difference.p)
        complain(l, what, n, difference);
    if (own || difference.p)
        put_back(l, a, before);
}

static void check_last(struct loop *l, const struct step *step, const struct reply *r, struct arena *a)
{
    bool refused = r->status >= 400;
    if (refused != str_set(step->error) || (refused && !str_contains(r->body, step->error)))
        complain(l, step->row->name, 0, str_printf(a, "instead of \"%.*s\": %.*s", STR_ARG(step->error), STR_ARG(first_words(a, r))));
    else if (step->expect.p && !str_eq(r->body, step->expect))
        complain(l, step->row->name, 0, str_printf(a, "instead of %zu bytes: %.*s", step->expect.n, STR_ARG(first_words(a, r))));
    else
        scenario_save(&l->scenario, step, r);
}

static void run_operation(struct loop *l, const struct step *step, struct arena *a)
{
    const char *name = step->row->name;
    bool own = step->row->service == l->scenario.service;
    struct str before = world_dump(&l->w, a);
    for (uint64_t n = own ? 1 : CALLS_MAX;; n++) {
        struct arena *round = arena_new();
        arm(l, n);
        struct reply r = ask(l, round, step);
        bool fired = disarm(l) >= n, behind = fired && r.status < 400 && was_behind(l, step->row->txn == OP_RW);
        if (!fired)
            check_last(l, step, &r, a);
        else if (r.status < 500 && !behind)
            complain(l, name, n, first_words(round, &r));
        restart_if_stopped(l, round, step, n);
        if (behind)
            put_back(l, round, before);
        else if (fired)
            expect_unchanged(l, round, name, n, before, false);
        arena_free(round);
        if (!fired)
            break;
        l->faults++;
    }
    if (own)
        l->asked[step->row - l->scenario.service->ops] = true;
}

static void note_kind(struct loop *l, struct str kind)
{
    for (size_t i = 0; wire_job_kinds[i].name; i++)
        l->kinds[i] = l->kinds[i] || str_is(kind, wire_job_kinds[i].name);
}

/* The first job that is due, if there is one. */
static bool run_job(struct loop *l, struct arena *a)
{
    struct str before = world_dump(&l->w, a);
    size_t jobs = world_jobs(&l->w);
    for (uint64_t n = 1;; n++) {
        struct arena *round = arena_new();
        struct str kind = STR("no job");
        arm(l, n);
        int rc = jobs_step(l->w.cloud->jobs, round, &kind);
        world_settle(&l->w);
        bool fired = disarm(l) >= n, behind = fired && (was_behind(l, 1) || was_asked_behind(l, rc));
        if (fired && !behind && world_jobs(&l->w) < jobs)
            complain(l, kind.p, n, STR("the job counts as done"));
        if (!fired && rc < 0)
            complain(l, kind.p, 0, str_c(err_name(rc)));
        if (!fired)
            note_kind(l, kind);
        restart_if_stopped(l, round, NULL, n);
        if (behind)
            put_back(l, round, before);
        else if (fired)
            expect_unchanged(l, round, kind.p, n, before, true);
        arena_free(round);
        if (!fired)
            return rc > 0;
        l->faults++;
    }
}

static void run_steps(struct loop *l)
{
    struct step step;
    for (;;) {
        struct arena *a = arena_new();
        bool more = scenario_next(&l->scenario, &l->w, a, &step);
        if (more && step.row)
            run_operation(l, &step, a);
        else if (more && world_advance(&l->w, step.advance_ms))
            abort();
        while (more && run_job(l, a))
            arena_clear(a);
        arena_free(a);
        if (!more)
            return;
    }
}

/* ---- all ---- */

static void expect_all_asked(struct loop *l)
{
    const struct service_row *s = l->scenario.service;
    for (uint32_t i = 0; i < s->n_ops; i++) {
        if (l->asked[i])
            continue;
        l->failures++;
        printf("no scenario for %s:%s\n", s->name, s->ops[i].name);
    }
}

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static unsigned loop_service(const struct service_row *service, const struct trouble *trouble, bool *kinds, uint64_t *ret_calls)
{
    struct loop l = { .trouble = trouble, .kinds = kinds };
    unsigned files = open_files();
    if (scenario_open(getenv("STRATA_SCENARIOS"), service, &l.scenario)) {
        printf("no scenarios for %s\n", service->name);
        return 1;
    }
    l.asked = xalloc(service->n_ops);
    world_open(&l.w);
    int64_t began_ms = clock_mono_ms();
    run_steps(&l);
    expect_all_asked(&l);
    printf("%s: %llu times a %s failed, %lld ms\n", service->name, (unsigned long long)l.faults, trouble->name, (long long)(clock_mono_ms() - began_ms));
    *ret_calls = l.calls;
    world_close(&l.w);
    scenario_close(&l.scenario);
    free(l.asked);
    if (open_files() != files) {
        l.failures++;
        printf("%s: %u files are open that were not\n", service->name, open_files() - files);
    }
    return l.failures;
}

/* Of every kind of job: whether it ran. */
static bool *kinds_new(size_t *ret_n)
{
    *ret_n = 0;
    while (wire_job_kinds[*ret_n].name)
        ++*ret_n;
    return xalloc(*ret_n);
}

static bool is_wanted(const struct service_row *service)
{
    const char *wanted = getenv("STRATA_FAULTS");
    return !wanted || strstr(wanted, service->name);
}

TEST(whatever_store_call_fails_an_operation_is_whole_or_did_not_happen)
{
    static const struct trouble broken = { "store call", 0, E_IO }, full = { "store call (no space)", 0, E_NO_SPACE };
    size_t n_kinds;
    bool *kinds = kinds_new(&n_kinds);
    unsigned failures = 0;
    uint64_t calls;
    log_set_level(LOG_NOTHING);
    for (size_t i = 0; wire_services[i]; i++)
        if (is_wanted(wire_services[i]))
            failures += loop_service(wire_services[i], &broken, kinds, &calls) + loop_service(wire_services[i], &full, kinds, &calls);
    for (size_t i = 0; i < n_kinds && !getenv("STRATA_FAULTS"); i++) {
        if (kinds[i])
            continue;
        failures++;
        printf("no scenario runs a job %s\n", wire_job_kinds[i].name);
    }
    free(kinds);
    assert_int_equal(failures, 0);
}

/* Files are bodies beside the store. First every write and every read does half of what it is asked: nothing fails, and what was put is what is got.
 * Then, of services that work with files at all, each call fails. */
TEST(whatever_file_call_fails_nothing_is_lost_or_left_behind)
{
    static const struct trouble halves = { "file call (half)", FAIL_WRITE | FAIL_READ, 0 }, troubles[] = {
        { "file call (EIO)", FAIL_ALL, EIO },
        { "file call (ENOSPC)", FAIL_ALL & ~(FAIL_READ | FAIL_RENAME), ENOSPC },
        { "file call (EMFILE)", FAIL_OPEN, EMFILE },
    };
    size_t n_kinds;
    bool *kinds = kinds_new(&n_kinds);
    unsigned failures = 0;
    log_set_level(LOG_NOTHING);
    for (size_t i = 0; wire_services[i]; i++) {
        uint64_t calls = 0;
        if (is_wanted(wire_services[i]))
            failures += loop_service(wire_services[i], &halves, kinds, &calls);
        for (size_t t = 0; calls > 0 && t < sizeof troubles / sizeof *troubles; t++)
            failures += loop_service(wire_services[i], &troubles[t], kinds, &calls);
    }
    free(kinds);
    assert_int_equal(failures, 0);
}
