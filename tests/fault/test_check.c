/* strata check, over all that the scenarios bring: what is right is found right at every moment, and what is lost is missed.
 *
 * After each step of each scenario (world/scenario.h), before and after the jobs that it caused, the walk finds nothing. Then a record of each kind is taken
 * away, once: the walk must say so, until it has for every kind but those that stand alone. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "cloud/check.h"
#include "sched/jobs.h"
#include "store/key.h"
#include "world/scenario.h"

/* Kinds that nothing else speaks of: their loss cannot be seen. */
static const char *const alone[] = {
    "apigatewayv2 deployment", "apigatewayv2 route", "apigatewayv2 stage", "cloudtrail event", "cloudtrail file", "cloudtrail pending",
    "cloudtrail signer", "cloudtrail status", "cloudtrail trail", "dynamodb extra", "dynamodb policy", "dynamodb token", "events bus-rule",
    "events rule", "iam accessed", "iam epoch", "iam login", "iam oidc", "iam passwords", "iam report", "iam saml", "iam session",
    "lambda event", "lambda provision", "logs policy", "logs query", "monitoring alarm", "monitoring dashboard", "monitoring data", "monitoring history", "organizations creation", "scheduler schedule",
    "secretsmanager policy", "sqs attempt", "sqs task",
};

enum { KINDS_MAX = 200 };

struct kind {
    char name[64];
    bool missed; /* the walk said that one was gone */
};

struct test {
    struct world w;
    struct scenario scenario;
    struct kind kinds[KINDS_MAX];
    size_t n_kinds;
    struct arena *a; /* of the step */
    const char *what;
    unsigned failures;
    struct str found; /* the first fault of the last walk */
};

static void tell(void *ctx, bool fault, struct str text)
{
    struct test *t = ctx;
    if (!t->found.p && fault)
        t->found = str_dup(t->a, text);
}

static bool is_sound(struct test *t)
{
    struct check_config config = { .contents = true, .tell = tell, .ctx = t };
    struct check_report report;
    t->found = STR_NONE;
    assert_int_equal(cloud_check(t->w.cloud, &config, &report), 0);
    return report.faults == 0;
}

static void expect_sound(struct test *t, const char *when)
{
    if (is_sound(t))
        return;
    t->failures++;
    printf("%s:%s, %s: %.*s\n", t->scenario.service->name, t->what, when, STR_ARG(t->found));
}

/* ---- losing records ---- */

struct pair {
    struct str key, value;
    bool gone;
};

static int set_pair(void *ctx, struct txn *txn)
{
    const struct pair *p = ctx;
    return p->gone ? txn_delete(txn, p->key) : txn_put(txn, p->key, p->value);
}

static void set(struct test *t, struct pair *p, bool gone)
{
    p->gone = gone;
    assert_int_equal(writer_call(t->w.cloud->writer, set_pair, p), 0);
}

/* "service kind" of a record of a service; absent for strata's own. */
static struct str kind_of(struct arena *a, struct str key)
{
    struct key_reader r;
    struct str part[6];
    key_read_init(&r, key);
    for (int i = 0; i < 6; i++)
        if (key_read_str(&r, a, &part[i]) || (i == 0 && !str_is(part[0], "op")))
            return STR_NONE;
    return str_printf(a, "%.*s %.*s", STR_ARG(part[4]), STR_ARG(part[5]));
}

static struct kind *find_kind(struct test *t, struct str name)
{
    for (size_t i = 0; i < t->n_kinds; i++)
        if (str_is(name, t->kinds[i].name))
            return &t->kinds[i];
    assert_true(t->n_kinds < KINDS_MAX && name.n < sizeof t->kinds[0].name);
    struct kind *k = &t->kinds[t->n_kinds++];
    snprintf(k->name, sizeof k->name, "%.*s", STR_ARG(name));
    return k;
}

static struct pair *all_records(struct test *t, size_t *ret_n)
{
    enum { RECORDS_MAX = 5000 };
    struct pair *v = arena_many(t->a, struct pair, RECORDS_MAX);
    struct str key, value;
    size_t n = 0;
    struct txn *txn = store_read(t->w.store);
    struct scan *s = txn_scan(txn, STR(""), STR(""), false);
    for (; n < RECORDS_MAX && scan_next(s, &key, &value); n++)
        v[n] = (struct pair){ str_dup(t->a, key), str_dup(t->a, value), false };
    assert_int_equal(scan_end(s), 0);
    txn_end(txn);
    *ret_n = n;
    return v;
}

static void lose_one_of_each(struct test *t)
{
    size_t n;
    struct pair *records = all_records(t, &n);
    for (size_t i = 0; i < n; i++) {
        struct str name = kind_of(t->a, records[i].key);
        struct kind *k = name.p ? find_kind(t, name) : NULL;
        if (!k || k->missed)
            continue;
        set(t, &records[i], true);
        k->missed = !is_sound(t);
        set(t, &records[i], false);
    }
}

/* ---- the scenarios ---- */

static void ask(struct test *t, struct step *step)
{
    client_sign(t->a, step->row, &step->key, STR("us-east-1"), &step->request);
    struct reply reply = world_send(&t->w, t->a, &step->request);
    world_settle(&t->w);
    scenario_save(&t->scenario, step, &reply);
}

static void run_steps(struct test *t)
{
    struct step step;
    for (;;) {
        t->a = arena_new();
        bool more = scenario_next(&t->scenario, &t->w, t->a, &step);
        if (more && step.row)
            ask(t, &step);
        else if (more)
            assert_int_equal(world_advance(&t->w, step.advance_ms), 0);
        t->what = more && step.row ? step.row->name : "the clock";
        if (more) {
            expect_sound(t, "before its jobs");
            jobs_settle(t->w.cloud->jobs, 0);
            world_settle(&t->w);
            expect_sound(t, "after its jobs");
            lose_one_of_each(t);
        }
        arena_free(t->a);
        if (!more)
            return;
    }
}

TEST(what_is_right_is_found_right_and_what_is_lost_is_missed)
{
    struct test *t = xalloc(sizeof *t);
    log_set_level(LOG_ERROR);
    for (size_t i = 0; wire_services[i]; i++) {
        assert_int_equal(scenario_open(getenv("STRATA_SCENARIOS"), wire_services[i], &t->scenario), 0);
        world_open(&t->w);
        run_steps(t);
        world_close(&t->w);
        scenario_close(&t->scenario);
    }
    for (size_t i = 0; i < t->n_kinds; i++) {
        bool stands_alone = false;
        for (size_t j = 0; j < sizeof alone / sizeof *alone; j++)
            stands_alone = stands_alone || str_is(str_c(t->kinds[i].name), alone[j]);
        if (t->kinds[i].missed != stands_alone)
            continue;
        t->failures++;
        printf(stands_alone ? "the loss of a %s is seen: strike it from the list\n" : "nobody misses a %s\n", t->kinds[i].name);
    }
    unsigned failures = t->failures;
    free(t);
    assert_int_equal(failures, 0);
}
