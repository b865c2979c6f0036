/* Numbers: two lines. What is accepted is written in the one canonical form; order, sum and the bytes of keys agree with each other. */
#include <string.h>

#include "base/fuzz.h"
#include "services/dynamodb/number.h"

static int sign(int c) { return (c > 0) - (c < 0); }

static void canonical(struct arena *a, const struct number *x)
{
    struct number back;
    struct str text = fuzz_exact(a, number_text(a, x));
    assert(number_parse(text, &back) == NUMBER_OK && number_compare(x, &back) == 0 && back.n == x->n && back.exp == x->exp);
    assert(str_eq(number_text(a, &back), text) && !str_contains(text, STR("e")));
    int64_t whole = number_floor_i64(x);
    struct number floor;
    if (whole > INT64_MIN && whole < INT64_MAX) {
        assert(number_parse(str_printf(a, "%lld", (long long)whole), &floor) == NUMBER_OK && number_compare(&floor, x) <= 0);
        assert(number_parse(str_printf(a, "%lld", (long long)whole + 1), &floor) == NUMBER_OK && number_compare(&floor, x) > 0);
    }
}

static int order(const struct number *x, const struct number *y)
{
    uint8_t a[NUMBER_ORDER_MAX], b[NUMBER_ORDER_MAX];
    size_t a_n = number_order(x, a), b_n = number_order(y, b), n = a_n < b_n ? a_n : b_n;
    int c = memcmp(a, b, n);
    assert(c || a_n == b_n); /* none begins another */
    return c;
}

static void sums(const struct number *x, const struct number *y)
{
    struct number xy, yx, back, minus = number_negate(y);
    enum number_error e = number_add(x, y, &xy);
    assert(number_add(y, x, &yx) == e);
    if (e)
        return;
    assert(number_compare(&xy, &yx) == 0);
    assert(number_compare(&xy, x) == (y->n == 0 ? 0 : y->negative ? -1 : 1));
    assert(number_add(&xy, &minus, &back) != NUMBER_OK || number_compare(&back, x) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct number x, y;
    fuzz_init(&f, data, n);
    struct str first = fuzz_line(&f), second = fuzz_rest(&f);
    enum number_error e = number_parse(first, &x), other = number_parse(second, &y);
    if (e)
        assert(number_error_text(f.arena, e, first).n);
    else
        canonical(f.arena, &x);
    if (!e && !other) {
        assert(sign(order(&x, &y)) == number_compare(&x, &y) && number_compare(&x, &y) == -number_compare(&y, &x));
        sums(&x, &y);
    }
    fuzz_release(&f);
    return 0;
}
