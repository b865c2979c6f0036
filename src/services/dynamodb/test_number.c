#include "base/test.h"

#include "base/arena.h"
#include "services/dynamodb/number.h"

static struct number num(const char *text)
{
    struct number x;
    assert_int_equal(number_parse(str_c(text), &x), NUMBER_OK);
    return x;
}

static void assert_text(const char *given, const char *expected)
{
    struct arena *a = arena_new();
    struct number x = num(given);
    assert_str(number_text(a, &x), expected);
    arena_free(a);
}

TEST(number_text_is_plain_and_trimmed)
{
    assert_text("0", "0");
    assert_text("-0.000", "0");
    assert_text("+1", "1");
    assert_text("1.50", "1.5");
    assert_text("00012", "12");
    assert_text("1e2", "100");
    assert_text("1.25E+1", "12.5");
    assert_text("12e-5", "0.00012");
    assert_text("-.5", "-0.5");
    assert_text("5.", "5");
    assert_text("100200", "100200");
    assert_text("0e99999999999", "0");
    assert_text("1234567890123456789012345678901234567.8", "1234567890123456789012345678901234567.8");
    assert_text("1000000000000000000000000000000000000000000000000e-40", "100000000");
    assert_text("1e-130", "0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                          "000000000000000000000000000001");
}

TEST(number_refuses_what_aws_refuses)
{
    struct number x;
    const char *malformed[] = { "", "a", "1a", "1e", "1e+", ".", "-", "--1", " 1", "1 ", "0x10", "NaN", "Infinity", "1.2.3" };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(number_parse(str_c(malformed[i]), &x), NUMBER_MALFORMED);
    assert_int_equal(number_parse(STR("1e126"), &x), NUMBER_OVERFLOW);
    assert_int_equal(number_parse(STR("-1e999999999999"), &x), NUMBER_OVERFLOW);
    assert_int_equal(number_parse(STR("1e-131"), &x), NUMBER_UNDERFLOW);
    assert_int_equal(number_parse(STR("123456789012345678901234567890123456789"), &x), NUMBER_TOO_PRECISE);
    assert_int_equal(number_parse(STR("0.100000000000000000000000000000000000001"), &x), NUMBER_TOO_PRECISE);
    assert_int_equal(number_parse(STR("9.9999999999999999999999999999999999999e125"), &x), NUMBER_OK);
}

static const char *const ascending[] = { "-9e125", "-1e100", "-100", "-99.5", "-99", "-10", "-1.1", "-1", "-0.5", "-0.05", "-1e-130",
    "0", "1e-130", "2e-130", "0.05", "0.5", "0.51", "0.512", "1", "1.01", "1.1", "2", "9", "10", "11", "99", "100", "101", "1e100", "9e125" };

TEST(number_order_is_numeric_order)
{
    size_t n = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            struct number x = num(ascending[i]), y = num(ascending[j]);
            uint8_t a[NUMBER_ORDER_MAX], b[NUMBER_ORDER_MAX];
            size_t an = number_order(&x, a), bn = number_order(&y, b);
            int expected = (i > j) - (i < j);
            int c = memcmp(a, b, an < bn ? an : bn);
            if (c == 0)
                c = (an > bn) - (an < bn);
            assert_int_equal(number_compare(&x, &y), expected);
            assert_int_equal((c > 0) - (c < 0), expected);
        }
}

static void assert_sum(const char *a, const char *b, const char *expected)
{
    struct arena *arena = arena_new();
    struct number x = num(a), y = num(b), r;
    assert_int_equal(number_add(&x, &y, &r), NUMBER_OK);
    assert_str(number_text(arena, &r), expected);
    arena_free(arena);
}

TEST(number_sums_are_exact)
{
    assert_sum("1", "2", "3");
    assert_sum("0.1", "0.2", "0.3");
    assert_sum("1", "-1", "0");
    assert_sum("-5", "3", "-2");
    assert_sum("3", "-5", "-2");
    assert_sum("999", "1", "1000");
    assert_sum("1000", "-0.001", "999.999");
    assert_sum("0", "-7", "-7");
    assert_sum("99999999999999999999999999999999999999", "1", "100000000000000000000000000000000000000");
    assert_sum("-99", "-1", "-100");
}

TEST(number_sums_out_of_range)
{
    struct number x = num("9e125"), y = num("9e125"), r;
    assert_int_equal(number_add(&x, &y, &r), NUMBER_OVERFLOW);
    x = num("1e125");
    y = num("1");
    assert_int_equal(number_add(&x, &y, &r), NUMBER_TOO_PRECISE);
}

TEST(number_whole_seconds)
{
    struct number x = num("1700000000.9");
    assert_int_equal(number_floor_i64(&x), 1700000000);
    x = num("-1.5");
    assert_int_equal(number_floor_i64(&x), -2);
    x = num("0.5");
    assert_int_equal(number_floor_i64(&x), 0);
    x = num("1e50");
    assert_true(number_floor_i64(&x) == INT64_MAX);
    x = num("12e3");
    assert_int_equal(number_floor_i64(&x), 12000);
}
