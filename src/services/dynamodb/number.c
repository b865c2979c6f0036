#include "services/dynamodb/number.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"

/* Exponents beyond this are out of range whatever the digits are; it only keeps the sum below from overflowing. */
enum { EXPONENT_CLAMP = 1000000 };

struct scan_state {
    const char *p, *end;
    struct number *x;
    int32_t point;       /* digits before the decimal point, leading zeros not counted; negative: zeros behind the point */
    uint32_t zeros_held; /* zeros that count only when another digit follows */
    bool any_digit, too_precise;
};

static void take_digit(struct scan_state *s, char c, bool fraction)
{
    struct number *x = s->x;
    s->any_digit = true;
    if (x->n == 0 && c == '0') {
        if (fraction && s->point > -EXPONENT_CLAMP)
            s->point--;
        return;
    }
    if (!fraction && s->point < EXPONENT_CLAMP)
        s->point++;
    if (c == '0') {
        s->zeros_held++;
        return;
    }
    if (x->n + s->zeros_held + 1 > NUMBER_DIGITS_MAX) {
        s->too_precise = true;
        return;
    }
    while (s->zeros_held > 0) {
        x->d[x->n++] = 0;
        s->zeros_held--;
    }
    x->d[x->n++] = (uint8_t)(c - '0');
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool scan_exponent(struct scan_state *s, int32_t *ret)
{
    bool negative = false;
    int32_t e = 0;
    if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
        negative = *s->p++ == '-';
    if (s->p == s->end || !is_digit(*s->p))
        return false;
    for (; s->p < s->end && is_digit(*s->p); s->p++)
        if (e < EXPONENT_CLAMP)
            e = e * 10 + (*s->p - '0');
    *ret = negative ? -e : e;
    return true;
}

enum number_error number_parse(struct str text, struct number *ret)
{
    struct number x = { 0 };
    struct scan_state s = { .p = text.p, .end = text.p + text.n, .x = &x };
    int32_t e = 0;

    if (text.n == 0)
        return NUMBER_MALFORMED;
    if (*s.p == '+' || *s.p == '-')
        x.negative = *s.p++ == '-';
    for (; s.p < s.end && is_digit(*s.p); s.p++)
        take_digit(&s, *s.p, false);
    if (s.p < s.end && *s.p == '.')
        for (s.p++; s.p < s.end && is_digit(*s.p); s.p++)
            take_digit(&s, *s.p, true);
    if (!s.any_digit)
        return NUMBER_MALFORMED;
    if (s.p < s.end && (*s.p == 'e' || *s.p == 'E')) {
        s.p++;
        if (!scan_exponent(&s, &e))
            return NUMBER_MALFORMED;
    }
    if (s.p != s.end)
        return NUMBER_MALFORMED;
    if (x.n == 0) {
        *ret = (struct number){ 0 };
        return NUMBER_OK;
    }
    int32_t exp = s.point - 1 + e;
    if (exp > NUMBER_EXP_MAX)
        return NUMBER_OVERFLOW;
    if (exp < NUMBER_EXP_MIN)
        return NUMBER_UNDERFLOW;
    if (s.too_precise)
        return NUMBER_TOO_PRECISE;
    x.exp = (int16_t)exp;
    *ret = x;
    return NUMBER_OK;
}

struct str number_text(struct arena *a, const struct number *x)
{
    char t[NUMBER_TEXT_MAX];
    size_t n = 0;

    if (x->n == 0)
        return str_dup(a, STR("0"));
    if (x->negative)
        t[n++] = '-';
    if (x->exp < 0) {
        t[n++] = '0';
        t[n++] = '.';
        for (int i = -1; i > x->exp; i--)
            t[n++] = '0';
        for (int i = 0; i < x->n; i++)
            t[n++] = (char)('0' + x->d[i]);
    } else {
        for (int i = 0; i <= x->exp || i < x->n; i++) {
            if (i == x->exp + 1)
                t[n++] = '.';
            t[n++] = (char)('0' + (i < x->n ? x->d[i] : 0));
        }
    }
    assert(n < sizeof t);
    return str_dup(a, (struct str){ t, n });
}

static int compare_magnitude(const struct number *a, const struct number *b)
{
    if (a->n == 0 || b->n == 0)
        return (a->n != 0) - (b->n != 0);
    if (a->exp != b->exp)
        return a->exp < b->exp ? -1 : 1;
    int c = memcmp(a->d, b->d, a->n < b->n ? a->n : b->n);
    if (c != 0)
        return c < 0 ? -1 : 1;
    return (a->n > b->n) - (a->n < b->n);
}

int number_compare(const struct number *a, const struct number *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? -compare_magnitude(a, b) : compare_magnitude(a, b);
}

struct number number_negate(const struct number *x)
{
    struct number r = *x;
    r.negative = x->n != 0 && !x->negative;
    return r;
}

/* A sum is computed in a field of decimal places: place 0 stands for 10^FIELD_TOP, one above the largest exponent for the carry. */
enum { FIELD_TOP = NUMBER_EXP_MAX + 1, FIELD_PLACES = FIELD_TOP - NUMBER_EXP_MIN + NUMBER_DIGITS_MAX + 1 };

static void lay_out(const struct number *x, int8_t field[FIELD_PLACES], int sign)
{
    for (int i = 0; i < x->n; i++)
        field[FIELD_TOP - x->exp + i] = (int8_t)(field[FIELD_TOP - x->exp + i] + sign * x->d[i]);
}

/* big has the greater (or the same) magnitude: its sign is the result's, and no borrow leaves the field. */
static enum number_error add_ordered(const struct number *big, const struct number *small, struct number *ret)
{
    int8_t field[FIELD_PLACES] = { 0 };
    int first = 0, last = FIELD_PLACES - 1, carry = 0;
    struct number r = { .negative = big->negative };

    lay_out(big, field, 1);
    lay_out(small, field, big->negative == small->negative ? 1 : -1);
    for (int i = FIELD_PLACES - 1; i >= 0; i--) {
        int v = field[i] + carry;
        carry = v < 0 ? -1 : v >= 10 ? 1 : 0;
        field[i] = (int8_t)(v - 10 * carry);
    }
    assert(carry == 0);
    while (first < FIELD_PLACES && field[first] == 0)
        first++;
    if (first == FIELD_PLACES) {
        *ret = (struct number){ 0 };
        return NUMBER_OK;
    }
    while (field[last] == 0)
        last--;
    if (FIELD_TOP - first > NUMBER_EXP_MAX)
        return NUMBER_OVERFLOW;
    if (FIELD_TOP - first < NUMBER_EXP_MIN)
        return NUMBER_UNDERFLOW;
    if (last - first + 1 > NUMBER_DIGITS_MAX)
        return NUMBER_TOO_PRECISE;
    r.exp = (int16_t)(FIELD_TOP - first);
    r.n = (uint8_t)(last - first + 1);
    for (int i = 0; i < r.n; i++)
        r.d[i] = (uint8_t)field[first + i];
    *ret = r;
    return NUMBER_OK;
}

enum number_error number_add(const struct number *a, const struct number *b, struct number *ret)
{
    return compare_magnitude(a, b) >= 0 ? add_ordered(a, b, ret) : add_ordered(b, a, ret);
}

/* Zero: 80. Positive: C0, exponent + 130, pairs of digits + 1, 00. Negative: 40, then the complement of the same.
 * A pair is never 0, so the end marker sorts a shorter number before its extensions. */
size_t number_order(const struct number *x, uint8_t out[NUMBER_ORDER_MAX])
{
    size_t n = 0;
    uint8_t flip = x->negative ? 0xFF : 0;

    if (x->n == 0) {
        out[0] = 0x80;
        return 1;
    }
    out[n++] = x->negative ? 0x40 : 0xC0;
    out[n++] = (uint8_t)((x->exp - NUMBER_EXP_MIN) ^ flip);
    for (int i = 0; i < x->n; i += 2) {
        int pair = x->d[i] * 10 + (i + 1 < x->n ? x->d[i + 1] : 0);
        out[n++] = (uint8_t)((pair + 1) ^ flip);
    }
    out[n++] = flip;
    assert(n <= NUMBER_ORDER_MAX);
    return n;
}

int64_t number_floor_i64(const struct number *x)
{
    int64_t v = 0;
    if (x->exp >= 18)
        return x->negative ? INT64_MIN : INT64_MAX;
    for (int i = 0; i <= x->exp; i++)
        v = v * 10 + (i < x->n ? x->d[i] : 0);
    bool fraction = x->n > 0 && x->n > x->exp + 1;
    return x->negative ? -v - fraction : v;
}

size_t number_size(const struct number *x) { return 1 + (x->n + 1u) / 2 + (x->negative ? 1 : 0); }

struct str number_error_text(struct arena *a, enum number_error e, struct str text)
{
    switch (e) {
    case NUMBER_OVERFLOW:
        return STR("Number overflow. Attempting to store a number with magnitude larger than supported range");
    case NUMBER_UNDERFLOW:
        return STR("Number underflow. Attempting to store a number with magnitude smaller than supported range");
    case NUMBER_TOO_PRECISE:
        return STR("Attempting to store more than 38 significant digits in a Number");
    case NUMBER_MALFORMED:
    case NUMBER_OK:
        break;
    }
    if (text.n == 0)
        return STR("The parameter cannot be converted to a numeric value");
    return str_printf(a, "The parameter cannot be converted to a numeric value: %.*s", STR_ARG(text));
}
