#include "aws/retry.h"
#include "base/test.h"

TEST(pauses_double_up_to_a_quarter_of_an_hour)
{
    static const int64_t seconds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct retry r = { .attempts = (int64_t)i + 1 };
        assert_int_equal(retry_pause_ms(&r), seconds[i] * 1000);
    }
}

TEST(attempts_and_age_end)
{
    struct retry r = { .attempts = 185 };
    assert_int_equal(retry_pause_ms(&r), 900 * 1000);
    r.attempts = 186;
    assert_int_equal(retry_pause_ms(&r), RETRY_ATTEMPTS_OVER);
    r = (struct retry){ .attempts = 1, .age_ms = 24 * 3600 * 1000 };
    assert_int_equal(retry_pause_ms(&r), RETRY_AGE_OVER);
    r = (struct retry){ .attempts = 1, .attempts_max = SOME_I64(0) };
    assert_int_equal(retry_pause_ms(&r), RETRY_ATTEMPTS_OVER);
    r = (struct retry){ .attempts = 1, .age_ms = 60 * 1000, .age_max_s = SOME_I64(60) };
    assert_int_equal(retry_pause_ms(&r), RETRY_AGE_OVER);
}
