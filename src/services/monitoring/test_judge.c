#include "base/test.h"

#include "services/monitoring/judge.h"

static struct judgement of(const char *oldest_first, int64_t periods, int64_t enough, const char *missing)
{
    struct judge_rule r = { .comparison = STR("GreaterThanThreshold"), .missing = str_c(missing), .threshold = 1, .periods = periods, .enough = enough };
    struct judge_point points[32] = { 0 };
    size_t n = strlen(oldest_first);
    assert_int_equal(n, periods + JUDGE_MORE);
    for (size_t i = 0; i < n; i++)
        points[n - 1 - i] = (struct judge_point){ .there = oldest_first[i] != '-', .value = oldest_first[i] == 'X' ? 2 : 0, .samples = 1 };
    return judge(&r, points);
}

/* The tables of AWS's page on missing data. */
static const struct {
    const char *points;
    int64_t periods, enough;
    int missing, ignore, breaching, not_breaching;
} cases[] = {
    { "0-X-X", 3, 3, JUDGED_OK, JUDGED_OK, JUDGED_OK, JUDGED_OK },
    { "----0", 3, 3, JUDGED_OK, JUDGED_OK, JUDGED_OK, JUDGED_OK },
    { "-----", 3, 3, JUDGED_INSUFFICIENT, JUDGED_KEEP, JUDGED_ALARM, JUDGED_OK },
    { "0XX-X", 3, 3, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM },
    { "--X--", 3, 3, JUDGED_ALARM, JUDGED_KEEP, JUDGED_ALARM, JUDGED_OK },
    { "0-X-X", 3, 2, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM },
    { "00X0X", 3, 2, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM, JUDGED_ALARM },
    { "0-X--", 3, 2, JUDGED_OK, JUDGED_OK, JUDGED_ALARM, JUDGED_OK },
    { "----0", 3, 2, JUDGED_OK, JUDGED_OK, JUDGED_ALARM, JUDGED_OK },
    { "---X-", 3, 2, JUDGED_ALARM, JUDGED_KEEP, JUDGED_ALARM, JUDGED_OK },
    { "----X", 3, 2, JUDGED_KEEP, JUDGED_KEEP, JUDGED_ALARM, JUDGED_OK },
};

TEST(missing_data_as_aws_has_it)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(of(cases[i].points, cases[i].periods, cases[i].enough, "missing").state, cases[i].missing);
        assert_int_equal(of(cases[i].points, cases[i].periods, cases[i].enough, "ignore").state, cases[i].ignore);
        assert_int_equal(of(cases[i].points, cases[i].periods, cases[i].enough, "breaching").state, cases[i].breaching);
        assert_int_equal(of(cases[i].points, cases[i].periods, cases[i].enough, "notBreaching").state, cases[i].not_breaching);
    }
}

TEST(what_counted_is_told)
{
    struct judgement j = of("0-X-X", 3, 2, "missing");
    assert_int_equal(j.n, 3);
    assert_int_equal(j.breaching, 2);
    assert_int_equal(j.missing, 0);
    assert_false(j.filled);
    j = of("---", 1, 1, "breaching");
    assert_int_equal(j.missing, 1);
    assert_true(j.filled);
}

TEST(comparisons)
{
    struct judge_rule r = { .comparison = STR("LessThanOrEqualToThreshold"), .threshold = 3 };
    assert_true(judge_breaches(&r, 3));
    assert_true(judge_breaches(&r, 2));
    assert_false(judge_breaches(&r, 4));
    r.comparison = STR("LessThanThreshold");
    assert_false(judge_breaches(&r, 3));
    r.comparison = STR("GreaterThanOrEqualToThreshold");
    assert_true(judge_breaches(&r, 3));
    assert_string_equal(judge_words(&r), "greater than or equal to");
}

TEST(few_samples_decide_nothing_where_the_alarm_says_so)
{
    struct judge_rule r = { .comparison = STR("GreaterThanThreshold"), .threshold = 1, .periods = 1, .enough = 1, .samples_min = 100 };
    struct judge_point points[3] = { { true, 5, 99 } };
    assert_int_equal(judge(&r, points).state, JUDGED_KEEP);
    points[0].samples = 100;
    assert_int_equal(judge(&r, points).state, JUDGED_ALARM);
}
