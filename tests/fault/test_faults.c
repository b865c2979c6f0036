/* The fault loop: every store call of every operation and of every job fails once.
 *
 * Each step of each scenario (world/scenario.h) is asked again and again, its n-th store call failing, n = 1, 2, ..., until none fails. A failure must
 * be told (5xx: neither success nor an error of the client's), and the store and the body files must be what they were, byte for byte. A commit that
 * fails stops the writer: then nothing is acknowledged any more, and the cloud starts anew. After each step the jobs that are due run in the same way:
 * a failed job has changed nothing and is still there.
 *
 * STRATA_FAULTS names the services to look at, blank-separated; all without it. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "sched/jobs.h"
#include "wire/wire.h"
#include "world/scenario.h"

enum { CALLS_MAX = 100000 };

struct loop {
    struct world w;
    struct scenario scenario;
    uint64_t faults;   /* that fired */
    unsigned failures;
    bool *asked;       /* by row of the service */
    bool *kinds;       /* of jobs that ran, by index of wire_job_kinds; of all services */
};

static void complain(struct loop *l, const char *what, uint64_t n, struct str words)
{
    l->failures++;
    printf("%s:%s, store call %llu fails: %.*s\n", l->scenario.service->name, what, (unsigned long long)n, STR_ARG(words));
}

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

static struct str first_words(const struct reply *r) { return str_sub(r->body, 0, 300); }

/* A stopped writer acknowledges nothing more, until the cloud starts anew. */
static void restart_if_stopped(struct loop *l, struct arena *a, const struct step *step, uint64_t n)
{
    if (!writer_failed(l->w.cloud->writer))
        return;
    if (step && step->row->txn == OP_RW) {
        struct reply again = ask(l, a, step);
        if (again.status < 500)
            complain(l, step->row->name, n, str_printf(a, "answered %d after the writer had stopped", again.status));
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
    if (!step->error.p && r->status >= 400)
        complain(l, step->row->name, 0, str_printf(a, "it should succeed: %d %.*s", r->status, STR_ARG(first_words(r))));
    else if (step->error.p && (r->status < 400 || !str_contains(r->body, step->error)))
        complain(l, step->row->name, 0, str_printf(a, "it should end with %.*s: %d %.*s", STR_ARG(step->error), r->status, STR_ARG(first_words(r))));
    else
        scenario_save(&l->scenario, step, r);
}

static void run_operation(struct loop *l, const struct step *step, struct arena *a)
{
    bool own = step->row->service == l->scenario.service;
    struct str before = world_dump(&l->w, a);
    for (uint64_t n = own ? 1 : CALLS_MAX;; n++) {
        struct arena *round = arena_new();
        store_fault_arm(l->w.store, n, E_IO);
        struct reply r = ask(l, round, step);
        bool fired = store_fault_arm(l->w.store, 0, 0) >= n;
        /* What an operation leaves for the writer (the date of last use of a secret) is behind its answer. */
        bool behind = fired && r.status < 400 && store_fault_place(l->w.store) > (step->row->txn == OP_RW);
        if (!fired)
            check_last(l, step, &r, a);
        else if (r.status < 500 && !behind)
            complain(l, step->row->name, n, str_printf(round, "answered %d %.*s", r.status, STR_ARG(first_words(&r))));
        restart_if_stopped(l, round, step, n);
        if (behind)
            put_back(l, round, before);
        else if (fired)
            expect_unchanged(l, round, step->row->name, n, before, false);
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
        store_fault_arm(l->w.store, n, E_IO);
        int rc = jobs_step(l->w.cloud->jobs, round, &kind);
        world_settle(&l->w);
        bool fired = store_fault_arm(l->w.store, 0, 0) >= n, behind = fired && store_fault_place(l->w.store) > 1;
        if (fired && !behind && world_jobs(&l->w) < jobs)
            complain(l, kind.p, n, STR("the job counts as done"));
        if (!fired && rc < 0)
            complain(l, kind.p, n, str_c(err_name(rc)));
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

static unsigned loop_service(const struct service_row *service, bool *kinds)
{
    struct loop l = { .kinds = kinds };
    if (scenario_open(getenv("STRATA_SCENARIOS"), service, &l.scenario)) {
        printf("no scenarios for %s\n", service->name);
        return 1;
    }
    l.asked = xalloc(service->n_ops);
    world_open(&l.w);
    int64_t began_ms = clock_mono_ms();
    run_steps(&l);
    expect_all_asked(&l);
    printf("%s: %llu faults, %lld ms\n", service->name, (unsigned long long)l.faults, (long long)(clock_mono_ms() - began_ms));
    world_close(&l.w);
    scenario_close(&l.scenario);
    free(l.asked);
    return l.failures;
}

static bool is_wanted(const char *name)
{
    const char *wanted = getenv("STRATA_FAULTS");
    return !wanted || strstr(wanted, name);
}

TEST(whatever_store_call_fails_an_operation_is_whole_or_did_not_happen)
{
    size_t n_kinds = 0;
    unsigned failures = 0;
    log_set_level(LOG_ERROR);
    while (wire_job_kinds[n_kinds].name)
        n_kinds++;
    bool *kinds = xalloc(n_kinds);
    for (size_t i = 0; wire_services[i]; i++)
        if (is_wanted(wire_services[i]->name))
            failures += loop_service(wire_services[i], kinds);
    for (size_t i = 0; i < n_kinds && !getenv("STRATA_FAULTS"); i++) {
        if (kinds[i])
            continue;
        failures++;
        printf("no scenario runs a job %s\n", wire_job_kinds[i].name);
    }
    free(kinds);
    assert_int_equal(failures, 0);
}
