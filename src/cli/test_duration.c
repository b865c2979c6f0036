#include "base/arena.h"
#include "base/err.h"
#include "base/test.h"
#include "cli/duration.h"

static int64_t ms(const char *text)
{
    int64_t n = -1;
    assert_int_equal(duration_parse(str_c(text), &n), 0);
    return n;
}

TEST(durations_are_read)
{
    assert_int_equal(ms("2h"), 7200000);
    assert_int_equal(ms("1d12h"), 129600000);
    assert_int_equal(ms("90s"), 90000);
    assert_int_equal(ms("500ms"), 500);
    assert_int_equal(ms("-5m"), -300000);
}

TEST(what_is_no_duration_is_refused)
{
    static const char *const bad[] = { "", "-", "5", "h", "2x", "2hh", "99999999999999999999d", "999999999d", "1 h", "1.5h" };
    int64_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(duration_parse(str_c(bad[i]), &n), E_INVALID);
}

TEST(durations_are_written)
{
    struct arena *a = arena_new();
    assert_str(duration_text(a, 0), "0s");
    assert_str(duration_text(a, 7200000), "2h");
    assert_str(duration_text(a, 9000000), "2h30m");
    assert_str(duration_text(a, -86400000), "-1d");
    assert_str(duration_text(a, 86400000 + 1000), "1d");
    assert_str(duration_text(a, 1500), "1s500ms");
    arena_free(a);
}
