#include "base/test.h"
#include "cloud/cloud.h"
#include "cloud/task.h"
#include "cloud/telemetry.h"

static const struct telemetry_family family = {
    .space = "Test", .dimensions = { "A", "B" }, .least = 1, .metrics = { { "m", "Count" }, { "s", "Milliseconds", .spread = true } },
};
#define OF(a, b) ((struct str[]){ a, b })
#define VALUE(i, x) (&(struct telemetry_value){ i, x })

static struct {
    unsigned notes;
    struct telemetry_note last;
} seen;

static int see(struct op *op, const struct telemetry_note *n)
{
    seen.notes++;
    seen.last = *n;
    return 0;
}

static int told;
static int tell(struct cloud *cloud, struct str account, struct str region) { return ++told == 1 ? E_BUSY : 0; }

static struct op op_of(struct cloud *c, const char *account)
{
    return (struct op){ .cloud = c, .arena = arena_new(), .account = str_c(account), .region = STR("r"), .now_ms = 61000 };
}

static void count(struct cloud *c, const char *account, int64_t ms, struct str b, unsigned metric, double value)
{
    telemetry_add(c, str_c(account), STR("r"), ms, &family, OF(STR("a"), b), VALUE(metric, value), 1);
}

TEST(sums_are_given_until_a_commit_took_them)
{
    struct cloud c = { .telemetry = telemetry_new() };
    struct op op = op_of(&c, "1");
    bool more;
    seen.notes = 0;
    count(&c, "1", 60001, STR_NONE, 0, 5);
    count(&c, "1", 119999, STR_NONE, 0, -1);
    count(&c, "2", 60001, STR_NONE, 0, 7);
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_true(more);
    assert_int_equal(seen.notes, 1);
    const struct telemetry_sum *s = &seen.last.sums[0];
    assert_int_equal(seen.last.minute_ms, 60000);
    assert_true(s->count == 2 && s->sum == 4 && s->min == -1 && s->max == 5 && !s->spread);
    count(&c, "1", 60001, STR("b"), 0, 1); /* the run failed, and here is another note */
    op.effects = NULL;
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_int_equal(seen.notes, 3);
    effects_run(&c, op.effects, true);
    op.effects = NULL;
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_int_equal(seen.notes, 3);
    assert_false(more);
    arena_free(op.arena);
    telemetry_free(c.telemetry);
}

TEST(an_operation_counts_when_it_is_through)
{
    struct cloud c = { .telemetry = telemetry_new() };
    struct op op = op_of(&c, "1");
    bool more;
    telemetry_count(&op, &family, OF(STR("a"), STR_NONE), VALUE(0, 1), 1);
    struct op_effect *effects = op.effects;
    op.effects = NULL;
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_false(more);
    effects_run(&c, effects, true);
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_true(more);
    arena_free(op.arena);
    telemetry_free(c.telemetry);
}

TEST(who_listens_is_told_once_and_again_when_it_was_refused)
{
    struct cloud c = { .telemetry = telemetry_new() };
    told = 0;
    telemetry_listen(&c, tell);
    for (int i = 0; i < 4; i++)
        count(&c, "1", 0, STR_NONE, 0, 1);
    assert_int_equal(told, 2);
    telemetry_free(c.telemetry);
}

TEST(spreads_are_near)
{
    struct cloud c = { .telemetry = telemetry_new() };
    struct op op = op_of(&c, "1");
    bool more;
    for (double value = 0.01; value < 1e6; value *= 1.7) {
        count(&c, "1", 0, STR_NONE, 1, value);
        assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
        unsigned i = 0;
        while (!seen.last.sums[1].spread[i])
            i++;
        assert_float_equal(telemetry_spread_value(i), value, value * 0.0625);
        effects_run(&c, op.effects, true);
        op.effects = NULL;
    }
    count(&c, "1", 0, STR_NONE, 1, 0);
    assert_int_equal(telemetry_take(&op, 0, see, &more), 0);
    assert_int_equal(seen.last.sums[1].spread[0], 1);
    arena_free(op.arena);
    telemetry_free(c.telemetry);
}
