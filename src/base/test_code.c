#include "base/test.h"

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

TEST(base64_round_trips_and_is_strict)
{
    struct arena *a = arena_new();
    static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" } };
    for (size_t i = 0; i < 5; i++) {
        struct str out;
        assert_str(base64_encode(a, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        assert_int_equal(base64_decode(a, str_c(pairs[i][1]), &out), 0);
        assert_str(out, pairs[i][0]);
    }
    struct str out;
    assert_int_equal(base64_decode(a, STR("Zg="), &out), E_INVALID);
    assert_int_equal(base64_decode(a, STR("Z*=="), &out), E_INVALID);
    assert_int_equal(base64_decode(a, STR("===="), &out), E_INVALID);
    assert_str(base64url_encode(a, "\xfb\xff", 2), "-_8");
    arena_free(a);
}

TEST(percent_encoding_is_that_of_signatures)
{
    struct arena *a = arena_new();
    assert_str(uri_encode(a, STR("a b/\xC3\xBC~*"), false), "a%20b%2F%C3%BC~%2A");
    assert_str(uri_encode(a, STR("a/b"), true), "a/b");
    struct str out;
    assert_int_equal(uri_decode(a, STR("a%20b+c"), false, &out), 0);
    assert_str(out, "a b+c");
    assert_int_equal(uri_decode(a, STR("a%20b+c"), true, &out), 0);
    assert_str(out, "a b c");
    assert_int_equal(uri_decode(a, STR("%2F"), false, &out), 0);
    assert_str(out, "/");
    assert_int_equal(uri_decode(a, STR("%2"), false, &out), E_INVALID);
    assert_int_equal(uri_decode(a, STR("%zz"), false, &out), E_INVALID);
    arena_free(a);
}

TEST(times_round_trip_in_every_format)
{
    struct arena *a = arena_new();
    int64_t ms = 1440938160123, back;
    assert_str(time_iso8601(a, ms), "2015-08-30T12:36:00.123Z");
    assert_str(time_iso8601(a, ms - 123), "2015-08-30T12:36:00Z");
    assert_str(time_amz(a, ms), "20150830T123600Z");
    assert_str(time_http(a, ms), "Sun, 30 Aug 2015 12:36:00 GMT");
    assert_str(time_clf(a, ms), "30/Aug/2015:12:36:00 +0000");
    assert_int_equal(time_parse_iso8601(STR("2015-08-30T14:36:00.123+02:00"), &back), 0);
    assert_true(back == ms);
    assert_int_equal(time_parse_amz(STR("20150830T123600Z"), &back), 0);
    assert_true(back == ms - 123);
    assert_int_equal(time_parse_http(STR("Sun, 30 Aug 2015 12:36:00 GMT"), &back), 0);
    assert_true(back == ms - 123);
    assert_int_equal(time_parse_iso8601(STR("2015-02-30T12:36:00Z"), &back), E_INVALID);
    assert_int_equal(time_parse_iso8601(STR("2015-08-30T12:36:00Zx"), &back), E_INVALID);
    assert_int_equal(time_parse_amz(STR("20150830T1236Z"), &back), E_INVALID);
    arena_free(a);
}

TEST(digests_are_the_known_ones)
{
    struct arena *a = arena_new();
    uint8_t d[32];
    digest_sha256("", 0, d);
    assert_str(hex_encode(a, d, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_md5("abc", 3, d);
    assert_str(hex_encode(a, d, 16), "900150983cd24fb0d6963f7d28e17f72");
    hmac_sha256("key", 3, "The quick brown fox jumps over the lazy dog", 43, d);
    assert_str(hex_encode(a, d, 32), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    assert_int_equal(random_uuid(a).n, 36);
    arena_free(a);
}
