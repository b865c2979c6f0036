/* Unit tests over cmocka. A test file includes this once and writes TEST(name) { ... }; the tests of a file are found without a list.
 * The program built from test_x.c runs them all; its exit code is the number of failures. */
#ifndef STRATA_BASE_TEST_H
#define STRATA_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name)                                                                                                      \
    static void test_##name(void **state);                                                                              \
    __attribute__((used, aligned(8), section("strata_tests"))) static const struct CMUnitTest entry_##name = {          \
        #name, test_##name, NULL, NULL, NULL                                                                            \
    };                                                                                                                  \
    static void test_##name(void **state __attribute__((unused)))

/* str against a C string, printing both when they differ */
#define assert_str(s, expected)                                                                                         \
    do {                                                                                                                \
        struct str assert_str_ = (s);                                                                                   \
        if (assert_str_.n != strlen(expected) || memcmp(assert_str_.p, expected, assert_str_.n) != 0)                   \
            fail_msg("%s is \"%.*s\", expected \"%s\"", #s, (int)assert_str_.n, assert_str_.p ? assert_str_.p : "(absent)", \
                     expected);                                                                                         \
    } while (0)

extern const struct CMUnitTest __start_strata_tests[], __stop_strata_tests[];

int main(void)
{
    return _cmocka_run_group_tests(__FILE__, __start_strata_tests, (size_t)(__stop_strata_tests - __start_strata_tests), NULL,
                                   NULL);
}

#endif
