/* DynamoDB's numbers: exact decimals of up to 38 significant digits, magnitude 1E-130 to 9.99..E+125. Never a double.
 *
 * A number is d[0].d[1]d[2]... x 10^exp, without leading or trailing zeros; n == 0 is zero (which has no sign). */
#ifndef STRATA_DYNAMODB_NUMBER_H
#define STRATA_DYNAMODB_NUMBER_H

#include "base/str.h"

struct arena;

enum {
    NUMBER_DIGITS_MAX = 38,
    NUMBER_EXP_MIN = -130,
    NUMBER_EXP_MAX = 125,
    NUMBER_TEXT_MAX = 2 + 130 + 38 + 2, /* the longest plain text, with sign, "0." and NUL */
    NUMBER_ORDER_MAX = 1 + 1 + 19 + 1,  /* bytes of the order-preserving form */
};

struct number {
    bool negative;
    int16_t exp;
    uint8_t n;
    uint8_t d[NUMBER_DIGITS_MAX];
};

enum number_error { NUMBER_OK, NUMBER_MALFORMED, NUMBER_OVERFLOW, NUMBER_UNDERFLOW, NUMBER_TOO_PRECISE };

/* Optional sign, digits with an optional point, optional exponent. */
enum number_error number_parse(struct str text, struct number *ret);
/* As AWS returns it: plain, no exponent, no superfluous zeros. In the arena. */
struct str number_text(struct arena *a, const struct number *x);
int number_compare(const struct number *a, const struct number *b);
enum number_error number_add(const struct number *a, const struct number *b, struct number *ret);
struct number number_negate(const struct number *x);
/* Bytes whose memcmp order is the numeric order, none a prefix of another. Returns how many. */
size_t number_order(const struct number *x, uint8_t out[NUMBER_ORDER_MAX]);
/* Whole seconds towards minus infinity, clamped to int64: for TTL. */
int64_t number_floor_i64(const struct number *x);
/* Bytes that it counts for in an item's size. */
size_t number_size(const struct number *x);
/* AWS's sentence for an error; text is what was given (for NUMBER_MALFORMED). */
struct str number_error_text(struct arena *a, enum number_error e, struct str text);

#endif
