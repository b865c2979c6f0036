#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "services/logs/filter.h"

static bool matches(const char *pattern, const char *message)
{
    struct arena *a = arena_new();
    struct filter *f;
    int rc = filter_compile(a, str_c(pattern), &f);
    if (rc)
        fail_msg("%s does not compile", pattern);
    bool r = filter_match(f, a, str_c(message), NULL);
    arena_free(a);
    return r;
}

static int compiles(const char *pattern)
{
    struct arena *a = arena_new();
    struct filter *f;
    int rc = filter_compile(a, str_c(pattern), &f);
    arena_free(a);
    return rc;
}

TEST(the_empty_pattern_matches_everything)
{
    assert_true(matches("", "anything"));
}

TEST(terms_must_all_be_there)
{
    assert_true(matches("ERROR ARGUMENTS", "[ERROR] INVALID ARGUMENTS"));
    assert_false(matches("ERROR ARGUMENTS", "[ERROR] 419"));
    assert_false(matches("ERROR", "error"));
}

TEST(terms_quoted_excluded_optional_and_regex)
{
    assert_true(matches("\"INTERNAL SERVER ERROR\"", "x INTERNAL SERVER ERROR 500"));
    assert_false(matches("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR"));
    assert_true(matches("ERROR -ARGUMENTS", "ERROR 419"));
    assert_false(matches("ERROR -ARGUMENTS", "ERROR INVALID ARGUMENTS"));
    assert_true(matches("?ERROR ?WARN", "a WARN"));
    assert_false(matches("?ERROR ?WARN", "INFO"));
    assert_true(matches("%AUTH(OR|EN)%", "AUTHEN failed"));
    assert_false(matches("-%[0-9]{3}%", "code 404"));
}

TEST(json_compares_numbers_strings_and_words)
{
    const char *m = "{\"eventType\":\"UpdateTrail\",\"n\":5.5,\"user\":{\"id\":1,\"email\":\"a@b.c\"},\"list\":[\"x\",{\"k\":\"v\"}],\"nil\":null,\"t\":true}";
    assert_true(matches("{ $.eventType = \"UpdateTrail\" }", m));
    assert_true(matches("{ $.eventType = Update* }", m));
    assert_true(matches("{$.n>=5.5 && $.n<6}", m));
    assert_false(matches("{ $.n > 5.5 }", m));
    assert_true(matches("{ $.user.id = 1 && $.user.email = \"*@b.c\" }", m));
    assert_true(matches("{ $.list[1].k = \"v\" }", m));
    assert_true(matches("{ $.list[*] = \"x\" }", m));
    assert_true(matches("{ $.['eventType'] = \"UpdateTrail\" }", m));
    assert_true(matches("{ $.nil IS NULL && $.t IS TRUE }", m));
    assert_true(matches("{ $.nowhere NOT EXISTS }", m));
    assert_false(matches("{ $.nowhere != \"x\" }", m));
    assert_true(matches("{ ($.n = 1 || $.n = 5.5) && $.t IS TRUE }", m));
    assert_true(matches("{ $.user.email = %^a@% }", m));
    assert_false(matches("{ $.n = 5.5 }", "no json"));
}

TEST(fields_match_by_place_and_condition)
{
    const char *m = "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
    assert_true(matches("[ip, user, username, timestamp, request, status_code = 4*, bytes]", m));
    assert_true(matches("[ip, user, username, timestamp, request =*html*, status_code = 404 || status_code = 410, bytes>1000]", m));
    assert_false(matches("[ip, user]", m));
    assert_true(matches("[..., size > 1000]", m));
    assert_true(matches("[ip=%127\\.0\\.0\\.[0-9]{1,3}%, ...]", m));
    assert_false(matches("[..., status = 200, size]", m));
}

TEST(extracted_values_are_named_by_field)
{
    struct arena *a = arena_new();
    struct str_map values = { 0 };
    struct filter *f;
    assert_int_equal(filter_compile(a, STR("[ip, code = 4*]"), &f), 0);
    assert_true(filter_match(f, a, STR("1.2.3.4 404"), &values));
    assert_str(str_map_get(&values, STR("$ip")), "1.2.3.4");
    assert_str(str_map_get(&values, STR("$code")), "404");
    arena_free(a);
}

TEST(malformed_patterns_are_refused)
{
    assert_int_equal(compiles("{ $.a = }"), E_INVALID);
    assert_int_equal(compiles("{ a = 1 }"), E_INVALID);
    assert_int_equal(compiles("[a, b"), E_INVALID);
    assert_int_equal(compiles("\"open"), E_INVALID);
    assert_int_equal(compiles("%(%"), E_INVALID);
    assert_int_equal(compiles("{ ($.a = 1 }"), E_INVALID);
}
