#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "services/dynamodb/value.h"

static struct arena *arena;

static struct attr_map item(const char *json)
{
    struct attr_map m;
    struct value_error e;
    if (value_parse_map(arena, str_c(json), &m, &e) < 0)
        fail_msg("%s: %s", json, e.text.p);
    return m;
}

static void assert_refused(const char *value, bool serialization, const char *text)
{
    struct value v;
    struct value_error e;
    assert_int_equal(value_parse(arena, str_c(value), &v, &e), E_INVALID);
    assert_str(e.text, text);
    assert_int_equal(e.serialization, serialization);
}

static void assert_canonical(const char *json, const char *expected)
{
    struct attr_map m = item(json);
    assert_str(value_map_json(arena, &m), expected);
}

TEST(value_canonical_form)
{
    arena = arena_new();
    assert_canonical("{}", "{}");
    assert_canonical(" { \"b\" : { \"S\" : \"x\" } , \"a\":{\"N\":\"01.50\"} } ", "{\"a\":{\"N\":\"1.5\"},\"b\":{\"S\":\"x\"}}");
    assert_canonical("{\"a\":{\"SS\":[\"z\",\"y\"]},\"b\":{\"NS\":[\"10\",\"9\"]}}", "{\"a\":{\"SS\":[\"y\",\"z\"]},\"b\":{\"NS\":[\"9\",\"10\"]}}");
    assert_canonical("{\"a\":{\"L\":[{\"BOOL\":true},{\"NULL\":true},{\"M\":{}}]}}", "{\"a\":{\"L\":[{\"BOOL\":true},{\"NULL\":true},{\"M\":{}}]}}");
    assert_canonical("{\"a\":{\"B\":\"aGk=\"}}", "{\"a\":{\"B\":\"aGk=\"}}");
    assert_canonical("{\"a\\u0041\":{\"S\":\"\\u00e9\\ud83d\\ude00\\n\\\"\"}}", "{\"aA\":{\"S\":\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\"}}");
    assert_canonical("{\"b\":{\"S\":\"1\"},\"a\":{\"S\":\"2\"},\"b\":{\"S\":\"3\"}}", "{\"a\":{\"S\":\"2\"},\"b\":{\"S\":\"3\"}}");
    assert_canonical("{\"a\":{\"S\":\"x\",\"N\":null,\"Unknown\":[{\"x\":1}]}}", "{\"a\":{\"S\":\"x\"}}");
    arena_free(arena);
}

TEST(value_wrong_json_is_a_serialization_error)
{
    arena = arena_new();
    assert_refused("{\"S\":1}", true, "NUMBER_VALUE cannot be converted to String");
    assert_refused("{\"S\":true}", true, "TRUE_VALUE cannot be converted to String");
    assert_refused("{\"N\":1}", true, "NUMBER_VALUE cannot be converted to String");
    assert_refused("{\"S\":[]}", true, "Unrecognized collection type class java.lang.String");
    assert_refused("{\"S\":{}}", true, "Start of structure or map found where not expected");
    assert_refused("{\"BOOL\":\"true\"}", true, "Unexpected token received from parser");
    assert_refused("{\"L\":{}}", true, "Start of structure or map found where not expected");
    assert_refused("{\"SS\":\"a\"}", true, "Unexpected field type");
    assert_refused("\"a\"", true, "Unexpected value type in payload");
    assert_refused("{\"B\":\"abc\"}", true, "Base64 encoded length is expected a multiple of 4 bytes but found: 3");
    assert_refused("{\"B\":\"ab!=\"}", true, "Invalid Base64 character: '!'");
    assert_refused("{\"L\":[{},{\"S\":1}]}", true, "NUMBER_VALUE cannot be converted to String");
    arena_free(arena);
}

TEST(value_rules)
{
    arena = arena_new();
    assert_refused("{}", false, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    assert_refused("{\"X\":\"a\"}", false, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    assert_refused("{\"S\":\"a\",\"N\":\"1\"}", false,
                   "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes");
    assert_refused("{\"SS\":[]}", false, "One or more parameter values were invalid: An string set  may not be empty");
    assert_refused("{\"NS\":[]}", false, "One or more parameter values were invalid: An number set  may not be empty");
    assert_refused("{\"BS\":[]}", false, "One or more parameter values were invalid: Binary sets should not be empty");
    assert_refused("{\"SS\":[\"a\",\"a\"]}", false, "One or more parameter values were invalid: Input collection [a, a] contains duplicates.");
    assert_refused("{\"NS\":[\"1\",\"1.0\"]}", false, "Input collection contains duplicates");
    assert_refused("{\"BS\":[\"YQ==\",\"YQ==\"]}", false,
                   "One or more parameter values were invalid: Input collection [YQ==, YQ==]of type BS contains duplicates.");
    assert_refused("{\"NULL\":false}", false, "One or more parameter values were invalid: Null attribute value types must have the value of true");
    assert_refused("{\"N\":\"\"}", false, "The parameter cannot be converted to a numeric value");
    assert_refused("{\"N\":\"b\"}", false, "The parameter cannot be converted to a numeric value: b");
    assert_refused("{\"NS\":[\"1\",\"b\"]}", false, "The parameter cannot be converted to a numeric value: b");
    assert_refused("{\"M\":{\"a\":{\"N\":\"1e200\"}}}", false,
                   "Number overflow. Attempting to store a number with magnitude larger than supported range");
    assert_refused("{\"N\":\"123456789012345678901234567890123456789\"}", false,
                   "Attempting to store more than 38 significant digits in a Number");
    arena_free(arena);
}

TEST(value_size_as_aws_counts)
{
    arena = arena_new();
    struct attr_map m = item("{\"ab\":{\"S\":\"xyz\"}}");
    assert_int_equal(value_map_size(&m), 5);
    m = item("{\"a\":{\"N\":\"-123\"}}");
    assert_int_equal(value_map_size(&m), 1 + 4);
    m = item("{\"a\":{\"BOOL\":true},\"b\":{\"NULL\":true}}");
    assert_int_equal(value_map_size(&m), 4);
    m = item("{\"a\":{\"L\":[{\"S\":\"x\"},{\"S\":\"y\"}]}}");
    assert_int_equal(value_map_size(&m), 1 + 3 + 2 + 2);
    m = item("{\"a\":{\"M\":{\"k\":{\"S\":\"xy\"}}}}");
    assert_int_equal(value_map_size(&m), 1 + 3 + 1 + 3);
    m = item("{\"a\":{\"SS\":[\"x\",\"yy\"]}}");
    assert_int_equal(value_map_size(&m), 4);
    arena_free(arena);
}

TEST(value_nesting)
{
    arena = arena_new();
    struct attr_map m = item("{\"a\":{\"L\":[{\"M\":{\"x\":{\"L\":[]}}}]},\"b\":{\"S\":\"\"}}");
    assert_int_equal(value_map_nesting(&m), 3);
    arena_free(arena);
}

TEST(value_equality_ignores_order_where_dynamodb_does)
{
    arena = arena_new();
    struct attr_map a = item("{\"x\":{\"M\":{\"p\":{\"N\":\"1.0\"},\"q\":{\"SS\":[\"a\",\"b\"]}}}}");
    struct attr_map b = item("{\"x\":{\"M\":{\"q\":{\"SS\":[\"b\",\"a\"]},\"p\":{\"N\":\"1\"}}}}");
    struct attr_map c = item("{\"x\":{\"M\":{\"q\":{\"SS\":[\"b\"]},\"p\":{\"N\":\"1\"}}}}");
    assert_true(value_equal(&a.v[0].value, &b.v[0].value));
    assert_false(value_equal(&a.v[0].value, &c.v[0].value));
    arena_free(arena);
}

TEST(attr_maps_stay_sorted)
{
    arena = arena_new();
    struct attr_map m = { 0 };
    struct value v = { .type = VALUE_BOOL };
    const char *names[] = { "m", "a", "z", "b", "y" };
    for (int i = 0; i < 5; i++)
        attr_put(arena, &m, str_c(names[i]), &v);
    attr_put(arena, &m, STR("z"), &v);
    assert_int_equal(m.n, 5);
    attr_remove(&m, STR("m"));
    attr_remove(&m, STR("none"));
    for (uint32_t i = 1; i < m.n; i++)
        assert_true(str_cmp(m.v[i - 1].name, m.v[i].name) < 0);
    assert_null(attr_get(&m, STR("m")));
    assert_non_null(attr_get(&m, STR("y")));
    arena_free(arena);
}

/* A valid item with bytes changed, cut or doubled: refused or parsed, never worse. What is parsed survives being written and parsed again. */
TEST(value_noise_is_refused_or_works)
{
    static const char good[] = "{\"a\":{\"S\":\"x\\u00e9\\n\"},\"b\":{\"NS\":[\"1\",\"-2.5e3\"]},\"c\":{\"L\":[{\"M\":{\"k\":{\"B\":\"aGk=\"}}},{\"NULL\":true}]},"
                               "\"d\":{\"BS\":[\"aGk=\",\"\"]},\"e\":{\"BOOL\":false},\"f\":{\"SS\":[\"q\",\"p\"]}}";
    uint32_t seed = 7;
    for (int round = 0; round < 50000; round++) {
        char text[sizeof good];
        struct attr_map m, again;
        struct value_error e;
        size_t n = sizeof good - 1;
        arena = arena_new();
        memcpy(text, good, n);
        for (int i = 0; i < 1 + round % 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 8) % n;
            text[at] = round % 2 ? good[(seed >> 3) % n] : (char)(seed >> 24 & 0x7f); /* the wire lets no malformed UTF-8 through */
        }
        if (round % 7 == 0)
            n = (seed >> 5) % n;
        /* an exact copy without anything behind it, so that a read too far is seen */
        char *exact = malloc(n ? n : 1);
        memcpy(exact, text, n);
        if (value_parse_map(arena, (struct str){ exact, n }, &m, &e) == 0) {
            struct str json = value_map_json(arena, &m);
            assert_int_equal(value_parse_map(arena, json, &again, &e), 0);
            assert_true(str_eq(value_map_json(arena, &again), json));
        } else {
            assert_true(e.text.n > 0);
        }
        free(exact);
        arena_free(arena);
    }
}
