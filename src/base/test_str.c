#include "base/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <limits.h>

TEST(absent_is_not_empty)
{
    assert_false(str_eq(STR_NONE, STR("")));
    assert_true(str_eq(STR_NONE, STR_NONE));
    assert_false(str_set(str_dup(NULL, STR_NONE)));
}

TEST(cut_splits_at_first_and_last)
{
    struct str a, b;
    assert_true(str_cut(STR("a:b:c"), ':', &a, &b));
    assert_str(a, "a");
    assert_str(b, "b:c");
    assert_true(str_cut_last(STR("a:b:c"), ':', &a, &b));
    assert_str(a, "a:b");
    assert_false(str_cut(STR("abc"), ':', &a, &b));
    assert_str(a, "abc");
    assert_false(str_set(b));
}

TEST(i64_reads_the_whole_range_and_nothing_else)
{
    int64_t v;
    assert_int_equal(str_to_i64(STR("9223372036854775807"), &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(str_to_i64(STR("-9223372036854775808"), &v), 0);
    assert_true(v == INT64_MIN);
    static const char *const bad[] = { "", "-", "1 ", " 1", "0x1", "9223372036854775808", "-9223372036854775809", "1.0" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(str_to_i64(str_c(bad[i]), &v), E_INVALID);
}

TEST(utf8_refuses_overlong_surrogates_and_cut_sequences)
{
    assert_true(str_is_utf8(STR("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80")));
    static const char *const bad[] = { "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3", "\xE2\x82", "\x80", "\xFF" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_is_utf8(str_c(bad[i])));
}

TEST(buffer_stops_at_its_maximum_and_says_so)
{
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 4);
    buf_c(&b, "abc");
    assert_str(buf_done(&b), "abc");
    buf_c(&b, "de");
    buf_c(&b, "f");
    assert_false(buf_ok(&b));
    assert_false(str_set(buf_done(&b)));
    arena_free(a);
}

TEST(json_strings_are_escaped_and_always_utf8)
{
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 1000);
    buf_json_string(&b, STR("a\"\\\n\x01\xFF\xC3\xBC"));
    assert_str(buf_done(&b), "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xBC\"");
    arena_free(a);
}

TEST(lists_grow_and_maps_replace)
{
    struct arena *a = arena_new();
    struct str_list l = { 0 };
    assert_false(l.set);
    for (int i = 0; i < 100; i++)
        str_list_add(a, &l, str_printf(a, "%d", i));
    assert_int_equal(l.n, 100);
    assert_true(str_list_has(&l, STR("99")));
    struct str_map m = { 0 };
    str_map_put(a, &m, STR("k"), STR("1"));
    str_map_put(a, &m, STR("a"), STR("2"));
    str_map_put(a, &m, STR("k"), STR("3"));
    assert_int_equal(m.n, 2);
    assert_str(str_map_get(&m, STR("k")), "3");
    str_map_sort(&m);
    assert_str(m.v[0].key, "a");
    str_map_remove(&m, STR("a"));
    assert_int_equal(m.n, 1);
    arena_free(a);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

TEST(arena_runs_what_was_deferred)
{
    struct arena *a = arena_new();
    int calls = 0;
    arena_defer(a, count, &calls);
    char *big = arena_alloc(a, 1000000);
    assert_int_equal(big[999999], 0);
    arena_clear(a);
    assert_int_equal(calls, 1);
    arena_free(a);
    assert_int_equal(calls, 1);
}

TEST(replace_handles_growing_and_edges)
{
    struct arena *a = arena_new();
    assert_str(str_replace(a, STR("aXbX"), STR("X"), STR("yy")), "ayybyy");
    assert_str(str_replace(a, STR("abc"), STR("abc"), STR("")), "");
    arena_free(a);
}

TEST(a_plain_run_ends_at_the_first_byte_that_needs_a_look)
{
    char text[40];
    static const char special[] = { '"', '\\', 0x1f, '\n', 0, (char)0x80, (char)0xff };
    memset(text, 'a', sizeof text);
    text[3] = ' ', text[5] = '!', text[6] = '#', text[7] = 0x7f, text[9] = '[', text[10] = ']';
    for (size_t n = 0; n <= sizeof text; n++)
        assert_int_equal(str_plain((struct str){ text, n }), n);
    for (size_t at = 0; at < sizeof text; at++)
        for (size_t i = 0; i < sizeof special; i++) {
            char kept = text[at];
            text[at] = special[i];
            assert_int_equal(str_plain((struct str){ text, sizeof text }), at);
            text[at] = kept;
        }
}

TEST(bytes_from_the_least_on_are_counted_wherever_the_first_below_stands)
{
    char text[20];
    for (size_t at = 0; at < sizeof text; at++)
        for (unsigned below = 0; below < 2; below++) {
            memset(text, at % 2 ? 2 : 0xFF, sizeof text);
            text[at] = (char)below;
            assert_int_equal(str_above((struct str){ text, sizeof text }, 2), at);
            assert_int_equal(str_above((struct str){ text, at }, 2), at);
        }
}

TEST(secrets_differ_wherever_they_differ)
{
    char a[20] = "abcdefghijklmnopqrs", b[20];
    for (size_t n = 0; n <= sizeof a; n++)
        for (size_t at = 0; at < sizeof a; at++) {
            memcpy(b, a, sizeof a);
            b[at] ^= (char)0x80;
            assert_int_equal(str_eq_consttime((struct str){ a, n }, (struct str){ b, n }), at >= n);
        }
}

TEST(printing_has_every_byte)
{
    struct arena *a = arena_new();
    struct str s = { "a\0b", 3 }, printed = str_printf(a, "<%.*s>", STR_ARG(s));
    assert_true(str_eq(printed, (struct str){ "<a\0b>", 5 }));
    assert_str(str_printf(a, "%s %d %u %lld %zu %llu %03d %02x %c %.15g %.1f %% %.3s %.*g %08llx %s", "s", -5, 7u, -9000000000ll, (size_t)3, 12ull, 7, 255, 'c',
                          0.1, 2.25, "abcdef", 17, 0.1, 0xabcll, ""),
               "s -5 7 -9000000000 3 12 007 ff c 0.1 2.2 % abc 0.10000000000000001 00000abc ");
    assert_str(str_printf(a, "%d %u %lld %llu %zu %ld", INT_MIN, UINT_MAX, LLONG_MIN, ULLONG_MAX, SIZE_MAX, 0L),
               "-2147483648 4294967295 -9223372036854775808 18446744073709551615 18446744073709551615 0");
    struct str longer = str_printf(a, "%.*s%s", 300, str_printf(a, "%0300d", 7).p, "!");
    assert_int_equal(longer.n, 301);
    assert_str(str_sub(longer, 298, 3), "07!");
    struct buf b;
    buf_init(&b, a, 10);
    buf_printf(&b, "%.*s", STR_ARG(s));
    assert_true(str_eq(buf_done(&b), s));
    buf_printf(&b, "%d", 12345678);
    assert_false(buf_ok(&b));
    arena_free(a);
}

TEST(a_buffer_grows_where_it_lies_when_nothing_is_behind_it)
{
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 100000);
    buf_byte(&b, 'x');
    const char *first = b.p;
    for (int i = 0; i < 4000; i++)
        buf_byte(&b, 'y');
    assert_ptr_equal(b.p, first);
    char *other = arena_alloc(a, 1);
    size_t cap = b.cap;
    while (b.cap == cap)
        buf_printf(&b, "%d", 7);
    assert_ptr_not_equal(b.p, first);
    *other = 'z';
    assert_true(b.p[0] == 'x' && b.p[4000] == 'y' && b.p[b.n - 1] == '7' && b.p[b.n] == 0);
    arena_free(a);
}
