#include "base/test.h"

#include <stdio.h>

#include "base/arena.h"
#include "aws/pattern.h"

static cJSON *parse(const char *text)
{
    cJSON *tree = cJSON_Parse(text);
    assert_non_null(tree);
    return tree;
}

static bool matches(const char *pattern, const char *event)
{
    struct arena *a = arena_new();
    cJSON *p = parse(pattern), *e = parse(event);
    assert_null(pattern_check(a, p));
    bool holds = pattern_matches(a, p, e);
    cJSON_Delete(p);
    cJSON_Delete(e);
    arena_free(a);
    return holds;
}

/* event-ruler's cases say in their names what they come to. */
static bool expected(const char *name)
{
    static const char *const misses[] = { "missing", "mismatch", "split", "no match", "fail", "empty", "exists-false: present" };
    for (size_t i = 0; i < sizeof misses / sizeof *misses; i++)
        if (strstr(name, misses[i]))
            return false;
    return true;
}

TEST(every_case_of_event_ruler)
{
    const char *dir = getenv("STRATA_VECTORS");
    char path[4096];
    snprintf(path, sizeof path, "%s/eventbridge/correctness-cases.json", dir ? dir : "../shared/vectors");
    FILE *f = fopen(path, "r");
    if (!f)
        skip();
    static char text[1 << 20];
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    cJSON *cases = parse(text), *c;
    struct arena *a = arena_new();
    int count = 0;
    cJSON_ArrayForEach(c, cases)
    {
        const cJSON *rule = cJSON_GetObjectItem(c, "rule");
        const char *name = cJSON_GetObjectItem(c, "name")->valuestring;
        assert_null(pattern_check(a, rule));
        if (pattern_matches(a, rule, cJSON_GetObjectItem(c, "event")) != expected(name))
            fail_msg("%s", name);
        count++;
    }
    assert_int_equal(count, 51);
    cJSON_Delete(cases);
    arena_free(a);
}

TEST(each_operator)
{
    assert_true(matches("{\"a\":[\"x\",1,null,true]}", "{\"a\":null}"));
    assert_false(matches("{\"a\":[\"x\"]}", "{\"a\":\"y\"}"));
    assert_true(matches("{\"a\":[{\"prefix\":\"ab\"}]}", "{\"a\":\"abc\"}"));
    assert_true(matches("{\"a\":[{\"suffix\":\".png\"}]}", "{\"a\":\"x.png\"}"));
    assert_true(matches("{\"a\":[{\"equals-ignore-case\":\"ABC\"}]}", "{\"a\":\"abc\"}"));
    assert_true(matches("{\"a\":[{\"wildcard\":\"a*c*e\"}]}", "{\"a\":\"abcde\"}"));
    assert_false(matches("{\"a\":[{\"wildcard\":\"a*c\"}]}", "{\"a\":\"abcd\"}"));
    assert_true(matches("{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.0.255\"}"));
    assert_false(matches("{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.1.0\"}"));
    assert_true(matches("{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5}"));
    assert_false(matches("{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":0}"));
    assert_true(matches("{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"z\"}"));
    assert_false(matches("{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"x\"}"));
    assert_false(matches("{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":\"xy\"}"));
    assert_true(matches("{\"a\":[{\"exists\":false}]}", "{\"b\":1}"));
    assert_false(matches("{\"a\":[{\"exists\":true}]}", "{\"b\":1}"));
    assert_true(matches("{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":2}"));
    assert_false(matches("{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":3}"));
}

TEST(arrays_match_by_element)
{
    assert_true(matches("{\"a\":[\"y\"]}", "{\"a\":[\"x\",\"y\"]}"));
    assert_true(matches("{\"u\":{\"n\":[\"b\"],\"s\":[\"on\"]}}", "{\"u\":[{\"n\":\"a\",\"s\":\"off\"},{\"n\":\"b\",\"s\":\"on\"}]}"));
    assert_false(matches("{\"u\":{\"n\":[\"b\"],\"s\":[\"on\"]}}", "{\"u\":[{\"n\":\"a\",\"s\":\"on\"},{\"n\":\"b\",\"s\":\"off\"}]}"));
    assert_true(matches("{\"d\":{\"tags\":[{\"anything-but\":\"banned\"}]}}", "{\"d\":{\"tags\":[\"banned\",\"ok\"]}}"));
}

TEST(of_fields_with_one_name_the_last_counts)
{
    assert_true(matches("{\"a\": [{\"prefix\": \"us-\"}], \"a\": [{\"anything-but\": \"us-east\"}]}", "{\"a\": \"eu-west\"}"));
    assert_false(matches("{\"a\": [\"x\"], \"a\": [\"y\"]}", "{\"a\": \"x\"}"));
}

TEST(malformed_patterns_are_named)
{
    struct arena *a = arena_new();
    static const char *const bad[] = { "[]", "{}", "{\"a\":1}", "{\"a\":[]}", "{\"a\":[{\"x\":1}]}", "{\"a\":[{\"numeric\":[\"!\",1]}]}", "{\"a\":[[1]]}",
                                       "{\"a\":[{\"exists\":1}]}", "{\"a\":{}}", "{\"a\":[{\"prefix\":1}]}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *p = parse(bad[i]);
        assert_non_null(pattern_check(a, p));
        cJSON_Delete(p);
    }
    arena_free(a);
}

TEST(what_is_malformed_is_said_in_awss_words)
{
    static const struct {
        const char *matcher, *words;
    } bad[] = {
        { "{\"numeric\":10}", "Value of numeric must be an array." },
        { "{\"numeric\":[\">\",0,\"<\"]}", "Value of < must be numeric" },
        { "{\"numeric\":[\">\",0,\">\",0]}", "Bad numeric range operator: >" },
        { "{\"cidr\":\"bad\"}", "Malformed CIDR, one '/' required" },
        { "{\"cidr\":\"bad-/64filter\"}", "Malformed CIDR, mask bits must be an integer" },
        { "{\"cidr\":\"xx.11.xx/8\"}", "Nonstandard IP address: xx.11.xx" },
        { "{\"wildcard\":\"arn:**:x\"}", "Consecutive wildcard characters at pos 5" },
        { "{\"anything-but\":null}", "Value of anything-but must be an array or single string/number value." },
        { "{\"anything-but\":[\"a\",null]}", "Inside anything but list, start|null|boolean is not supported." },
        { "{\"anything-but\":{\"prefix\":\"\"}}", "Null prefix/suffix not allowed" },
        { "{\"anything-but\":{\"suffix\":[1,\"a\"]}}", "prefix/suffix match pattern must be a string" },
        { "{\"anything-but\":{\"equals-ignore-case\":1}}", "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported." },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *p = parse(str_printf(a, "{\"a\":[%s]}", bad[i].matcher).p);
        const char *why = pattern_check(a, p);
        assert_non_null(why);
        assert_string_equal(why, bad[i].words);
        cJSON_Delete(p);
    }
    arena_free(a);
}

TEST(a_name_with_dots_is_a_path)
{
    assert_true(matches("{\"a\":{\"b.c\":{\"d\":[1]}}}", "{\"a\":{\"b\":{\"c\":{\"d\":1}}}}"));
    assert_true(matches("{\"a.b\":[1]}", "{\"a.b\":1}"));
    assert_false(matches("{\"a.b\":[1]}", "{\"a\":{\"c\":1}}"));
}

TEST(a_pattern_is_parsed_once_and_a_collision_replaces_it)
{
    struct pattern_cache *c = pattern_cache_new();
    const cJSON *first = pattern_cache_get(c, STR("{\"a\":[1]}"));
    assert_non_null(first);
    assert_ptr_equal(pattern_cache_get(c, STR("{\"a\":[1]}")), first);
    for (int i = 0; i < 5000; i++) { /* many more than there are slots */
        char text[32];
        int n = snprintf(text, sizeof text, "{\"a\":[%d]}", i);
        const cJSON *p = pattern_cache_get(c, (struct str){ text, (size_t)n });
        assert_int_equal(cJSON_GetArrayItem(p->child, 0)->valueint, i);
    }
    assert_null(pattern_cache_get(c, STR("{")));
    pattern_cache_free(c);
    pattern_cache_free(NULL);
}
