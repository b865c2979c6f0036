#include "base/test.h"

#include "base/arena.h"
#include "services/monitoring/series.h"

TEST(statistics_of_values)
{
    struct arena *a = arena_new();
    struct monitoring_rec_Bucket b = { 0 };
    for (int i = 1; i <= 100; i++)
        bucket_add(a, &b, i, 1);
    assert_float_equal(bucket_statistic(a, &b, STR("SampleCount")), 100, 1e-9);
    assert_float_equal(bucket_statistic(a, &b, STR("Sum")), 5050, 1e-9);
    assert_float_equal(bucket_statistic(a, &b, STR("Average")), 50.5, 1e-9);
    assert_float_equal(bucket_statistic(a, &b, STR("Minimum")), 1, 1e-9);
    assert_float_equal(bucket_statistic(a, &b, STR("Maximum")), 100, 1e-9);
    assert_float_equal(bucket_statistic(a, &b, STR("p99")), 99, 1e-9);
    arena_free(a);
}

TEST(merging_adds_counts_and_keeps_extremes)
{
    struct arena *a = arena_new();
    struct monitoring_rec_Bucket b = { 0 }, c = { 0 };
    bucket_add(a, &b, 5, 2);
    bucket_add_set(&c, 3, 30, -1, 20);
    bucket_merge(a, &b, &c);
    assert_float_equal(b.Count.v, 5, 1e-9);
    assert_float_equal(b.Sum.v, 40, 1e-9);
    assert_float_equal(b.Min.v, -1, 1e-9);
    assert_float_equal(b.Max.v, 20, 1e-9);
    arena_free(a);
}

TEST(only_known_statistics)
{
    assert_true(statistic_known(STR("p99.9")));
    assert_false(statistic_known(STR("p101")));
    assert_false(statistic_known(STR("Median")));
}
