#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "services/dynamodb/expr.h"

static const char item_json[] =
    "{\"id\":{\"S\":\"abc\"},\"n\":{\"N\":\"5\"},\"tags\":{\"SS\":[\"x\",\"y\"]},\"nums\":{\"NS\":[\"1\",\"2\"]},\"flag\":{\"BOOL\":true},"
    "\"nothing\":{\"NULL\":true},\"list1\":{\"L\":[{\"S\":\"p\"},{\"N\":\"7\"},{\"M\":{\"k\":{\"S\":\"deep\"}}}]},"
    "\"doc\":{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{\"c\":{\"S\":\"leaf\"}}}}}}";
static const char values_json[] =
    "{\":abc\":{\"S\":\"abc\"},\":ab\":{\"S\":\"ab\"},\":five\":{\"N\":\"5\"},\":one\":{\"N\":\"1\"},\":ten\":{\"N\":\"10\"},\":x\":{\"S\":\"x\"},"
    "\":p\":{\"S\":\"p\"},\":S\":{\"S\":\"S\"},\":leaf\":{\"S\":\"leaf\"},\":t\":{\"BOOL\":true},\":three\":{\"N\":\"3\"},\":list\":{\"L\":[{\"S\":\"q\"}]},"
    "\":set\":{\"SS\":[\"x\",\"z\"]},\":both\":{\"SS\":[\"x\",\"y\"]},\":nums\":{\"NS\":[\"2\",\"3\"]},\":bad\":{\"S\":\"Z\"},\":map\":{\"M\":{}}}";

static struct arena *arena;
static struct expr_env env;
static struct attr_map item;

static void begin(void)
{
    static struct str_pair pairs[] = { { STR("#i"), STR("id") }, { STR("#dotted"), STR("a.b") }, { STR("#list"), STR("list1") } };
    static const struct str_map names = { .v = pairs, .n = 3 };
    struct value_error e;
    struct attr_map *values;
    arena = arena_new();
    values = arena_one(arena, struct attr_map);
    assert_int_equal(value_parse_map(arena, str_c(item_json), &item, &e), 0);
    assert_int_equal(value_parse_map(arena, str_c(values_json), values, &e), 0);
    expr_env_init(&env, arena, &names, values);
}

static void assert_holds(const char *text, bool expected)
{
    struct expr *e;
    begin();
    if (expr_parse_condition(&env, "ConditionExpression", str_c(text), &e) < 0)
        fail_msg("%s: %s", text, env.error.p);
    if (expr_true(arena, e, &item) != expected)
        fail_msg("%s should be %s", text, expected ? "true" : "false");
    arena_free(arena);
}

static void assert_condition_error(const char *text, const char *message)
{
    struct expr *e;
    struct str full;
    begin();
    if (expr_parse_condition(&env, "ConditionExpression", str_c(text), &e) == 0)
        fail_msg("%s was accepted", text);
    full = str_printf(arena, "Invalid ConditionExpression: %s", message);
    assert_str(env.error, full.p);
    arena_free(arena);
}

TEST(conditions_compare)
{
    assert_holds("id = :abc", true);
    assert_holds("#i = :abc", true);
    assert_holds("id <> :abc", false);
    assert_holds("zz <> :abc", true);
    assert_holds("zz = :abc", false);
    assert_holds("n < :ten", true);
    assert_holds("n >= :five", true);
    assert_holds("n > :abc", false);
    assert_holds(":five=n", true);
    assert_holds("n BETWEEN :one AND :ten", true);
    assert_holds("id IN (:x, :abc)", true);
    assert_holds("id in(:x,:ab)", false);
    assert_holds("tags = :both", true);
    assert_holds("doc.b.c = :leaf", true);
    assert_holds("list1[0] = :p", true);
    assert_holds("#list[1] > :five", true);
    assert_holds("list1[9] = :p", false);
    assert_holds("zz = gone", false);
    assert_holds("flag = :t", true);
}

TEST(conditions_join)
{
    assert_holds("id = :x OR n = :five AND flag = :t", true);
    assert_holds("(id = :x OR n = :five) AND id = :x", false);
    assert_holds("NOT id = :x", true);
    assert_holds("not (id = :x or n = :one)", true);
    assert_holds("NOT NOT id = :abc", true);
    assert_holds("(id) = (:abc)", true);
    assert_holds("n BETWEEN :one AND :ten AND id = :abc", true);
    assert_holds("(id = :x) OR (id = :abc)", true);
    assert_holds("((id = :x) OR (id = :abc))", true);
}

TEST(conditions_call)
{
    assert_holds("attribute_exists(doc.a)", true);
    assert_holds("attribute_exists(doc.z)", false);
    assert_holds("attribute_not_exists(zzz)", true);
    assert_holds("attribute_type(id, :S)", true);
    assert_holds("attribute_type(n, :S)", false);
    assert_holds("begins_with(id, :ab)", true);
    assert_holds("begins_with(n, :ab)", false);
    assert_holds("contains(id, :ab)", true);
    assert_holds("contains(tags, :x)", true);
    assert_holds("contains(nums, :one)", true);
    assert_holds("contains(list1, :p)", true);
    assert_holds("contains(list1, :x)", false);
    assert_holds("size(id) = :three", true);
    assert_holds("size(list1) = size(id)", true);
    assert_holds("size(n) = :one", false);
}

TEST(conditions_refused)
{
    assert_condition_error("", "The expression can not be empty;");
    assert_condition_error("  ", "The expression can not be empty;");
    assert_condition_error("a-b", "Syntax error; token: \"-\", near: \"a-b\"");
    assert_condition_error("foo", "Syntax error; token: \"<EOF>\", near: \"foo\"");
    assert_condition_error("a = ", "Syntax error; token: \"<EOF>\", near: \"=\"");
    assert_condition_error("a = :abc AND", "Syntax error; token: \"<EOF>\", near: \"AND\"");
    assert_condition_error("a = :abc bar = :x", "Syntax error; token: \"bar\", near: \":abc bar =\"");
    assert_condition_error("!! = :x", "Syntax error; token: \"!\", near: \"!!\"");
    assert_condition_error("id = and", "Syntax error; token: \"and\", near: \"= and\"");
    assert_condition_error("name = :abc", "Attribute name is a reserved keyword; reserved keyword: name");
    assert_condition_error("doc.Status = :abc", "Attribute name is a reserved keyword; reserved keyword: Status");
    assert_condition_error("#zz = :abc", "An expression attribute name used in the document path is not defined; attribute name: #zz");
    assert_condition_error("id = :zz", "An expression attribute value used in expression is not defined; attribute value: :zz");
    assert_condition_error("foo(id)", "Invalid function name; function: foo");
    assert_condition_error("size(id)", "The function is not allowed to be used this way in an expression; function: size");
    assert_condition_error("attribute_exists(id) = :x",
                           "The function is not allowed to be used this way in an expression; function: attribute_exists");
    assert_condition_error("attribute_exists(:x)", "Operator or function requires a document path; operator or function: attribute_exists");
    assert_condition_error("attribute_exists(id, n)",
                           "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2");
    assert_condition_error("begins_with(id, :five)",
                           "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N");
    assert_condition_error("id < :t", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL");
    assert_condition_error("attribute_type(id, :bad)",
                           "Invalid attribute type name found; type: Z, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
    assert_condition_error("id = id",
                           "The first operand must be distinct from the remaining operands for this operator or function; "
                           "operator: =, first operand: [id]");
    assert_condition_error("((id = :x))", "The expression has redundant parentheses;");
    assert_condition_error("n BETWEEN :ten AND :one",
                           "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: "
                           "AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:1}");
    assert_condition_error("n BETWEEN :ten AND :x",
                           "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: "
                           "AttributeValue: {N:10}, upper bound operand: AttributeValue: {S:x}");
    assert_condition_error("if_not_exists(id, :x) = :x", "The function is not allowed in a condition expression; function: if_not_exists");
}

TEST(conditions_are_bounded)
{
    struct expr *e;
    char deep[5000];
    begin();
    memset(deep, '(', sizeof deep);
    assert_int_equal(expr_parse_condition(&env, "FilterExpression", (struct str){ deep, 4096 }, &e), E_INVALID);
    assert_int_equal(expr_parse_condition(&env, "FilterExpression", (struct str){ deep, 4097 }, &e), E_INVALID);
    assert_str(env.error,
               "Invalid FilterExpression: Expression size has exceeded the maximum allowed size; expression size: 4097");
    for (size_t i = 0; i < 4096; i += 4)
        memcpy(deep + i, "NOT ", 4);
    assert_int_equal(expr_parse_condition(&env, "FilterExpression", (struct str){ deep, 4096 }, &e), E_INVALID);
    arena_free(arena);
}

/* ---- updates ---- */

static void assert_update(const char *text, const char *attribute, const char *expected)
{
    struct update u;
    struct str error, got;
    struct buf b;
    begin();
    if (expr_parse_update(&env, str_c(text), &u) < 0)
        fail_msg("%s: %s", text, env.error.p);
    if (update_apply(arena, &u, &item, &error) < 0)
        fail_msg("%s: %s", text, error.p);
    const struct value *v = attr_get(&item, str_c(attribute));
    buf_init(&b, arena, 10000);
    if (v)
        value_write(&b, v);
    got = v ? buf_done(&b) : STR("gone");
    assert_str(got, expected);
    arena_free(arena);
}

static void assert_update_error(const char *text, bool when_applied, const char *message)
{
    struct update u;
    struct str error;
    begin();
    int rc = expr_parse_update(&env, str_c(text), &u);
    if (when_applied) {
        if (rc < 0)
            fail_msg("%s: %s", text, env.error.p);
        assert_int_equal(update_apply(arena, &u, &item, &error), E_INVALID);
        assert_str(error, message);
    } else {
        assert_int_equal(rc, E_INVALID);
        assert_str(env.error, str_printf(arena, "Invalid UpdateExpression: %s", message).p);
    }
    arena_free(arena);
}

TEST(updates_set)
{
    assert_update("SET a1 = :five", "a1", "{\"N\":\"5\"}");
    assert_update("set n = n + :one", "n", "{\"N\":\"6\"}");
    assert_update("SET n = :one - n", "n", "{\"N\":\"-4\"}");
    assert_update("SET n = if_not_exists(zz, :ten) + :one", "n", "{\"N\":\"11\"}");
    assert_update("SET n = if_not_exists(n, :ten)", "n", "{\"N\":\"5\"}");
    assert_update("SET list1 = list_append(list1, :list)", "list1",
                  "{\"L\":[{\"S\":\"p\"},{\"N\":\"7\"},{\"M\":{\"k\":{\"S\":\"deep\"}}},{\"S\":\"q\"}]}");
    assert_update("SET fresh = list_append(if_not_exists(fresh, :list), :list)", "fresh", "{\"L\":[{\"S\":\"q\"},{\"S\":\"q\"}]}");
    assert_update("SET list1[1] = :x, list1[20] = :p, list1[10] = :ab", "list1",
                  "{\"L\":[{\"S\":\"p\"},{\"S\":\"x\"},{\"M\":{\"k\":{\"S\":\"deep\"}}},{\"S\":\"ab\"},{\"S\":\"p\"}]}");
    assert_update("SET doc.b.d = doc.a", "doc",
                  "{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{\"c\":{\"S\":\"leaf\"},\"d\":{\"N\":\"1\"}}}}}");
    assert_update("SET n = id, #i = :x", "n", "{\"S\":\"abc\"}"); /* the right side sees the item as it was */
    assert_update("SET #dotted = :x", "a.b", "{\"S\":\"x\"}");
    assert_update("SET n = (n + :one)", "n", "{\"N\":\"6\"}");
}

TEST(updates_remove_add_delete)
{
    assert_update("REMOVE n", "n", "gone");
    assert_update("REMOVE zz", "n", "{\"N\":\"5\"}");
    assert_update("REMOVE list1[0], list1[1]", "list1", "{\"L\":[{\"M\":{\"k\":{\"S\":\"deep\"}}}]}");
    assert_update("SET list1[2] = :x REMOVE list1[0]", "list1", "{\"L\":[{\"N\":\"7\"},{\"S\":\"x\"}]}");
    assert_update("REMOVE doc.b.c", "doc", "{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{}}}}");
    assert_update("ADD n :ten", "n", "{\"N\":\"15\"}");
    assert_update("ADD zz :ten", "zz", "{\"N\":\"10\"}");
    assert_update("ADD tags :set", "tags", "{\"SS\":[\"x\",\"y\",\"z\"]}");
    assert_update("ADD nums :nums", "nums", "{\"NS\":[\"1\",\"2\",\"3\"]}");
    assert_update("DELETE tags :set", "tags", "{\"SS\":[\"y\"]}");
    assert_update("DELETE tags :both", "tags", "gone");
    assert_update("DELETE zz :both", "zz", "gone");
    assert_update("SET a1 = :x REMOVE n ADD doc.a :one DELETE tags :set", "doc",
                  "{\"M\":{\"a\":{\"N\":\"2\"},\"b\":{\"M\":{\"c\":{\"S\":\"leaf\"}}}}}");
}

TEST(updates_refused)
{
    assert_update_error("", false, "The expression can not be empty;");
    assert_update_error("INVALID SYNTAX HERE", false, "Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"");
    assert_update_error("SET set = :x", false, "Syntax error; token: \"set\", near: \"SET set =\"");
    assert_update_error("SET foo bar", false, "Syntax error; token: \"bar\", near: \"foo bar\"");
    assert_update_error("ADD hits : incr", false, "Syntax error; token: \":\", near: \"hits : incr\"");
    assert_update_error("SET a = :x SET b = :x", false, "The \"SET\" section can only be used once in an update expression;");
    assert_update_error("SET a1 = :x, a1 = :p", false,
                        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a1], path two: [a1]");
    assert_update_error("SET doc.a = :x REMOVE doc", false,
                        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [doc, a], path two: [doc]");
    assert_update_error("SET doc.a = :x, doc[1] = :x", false,
                        "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [doc, a], "
                        "path two: [doc, [1]]");
    assert_update_error("SET a1 = foo(b1)", false, "Invalid function name; function: foo");
    assert_update_error("SET a1 = size(id)", false, "The function is not allowed in an update expression; function: size");
    assert_update_error("SET n = n + :x", false,
                        "Incorrect operand type for operator or function; operator or function: +, operand type: S");
    assert_update_error("ADD n :x", false, "Incorrect operand type for operator or function; operator: ADD, operand type: STRING");
    assert_update_error("DELETE n :ten", false, "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER");
    assert_update_error("SET a1 = :zz", false, "An expression attribute value used in expression is not defined; attribute value: :zz");
    assert_update_error("SET name = :x", false, "Attribute name is a reserved keyword; reserved keyword: name");
    assert_update_error("SET a1 = list_append(a1, :x)", false,
                        "Incorrect operand type for operator or function; operator or function: list_append, operand type: S");
    assert_update_error("SET a1 = zz", true, "The provided expression refers to an attribute that does not exist in the item");
    assert_update_error("SET zz.y = :x", true, "The document path provided in the update expression is invalid for update");
    assert_update_error("SET doc[0] = :x", true, "The document path provided in the update expression is invalid for update");
    assert_update_error("SET id = id + :one", true, "An operand in the update expression has an incorrect data type");
    assert_update_error("ADD id :one", true, "An operand in the update expression has an incorrect data type");
    assert_update_error("ADD tags :nums", true, "An operand in the update expression has an incorrect data type");
}

/* ---- projections ---- */

static void assert_projection(const char *text, const char *expected)
{
    struct path_list paths;
    begin();
    if (expr_parse_projection(&env, str_c(text), &paths) < 0)
        fail_msg("%s: %s", text, env.error.p);
    struct attr_map m = path_project(arena, &item, &paths);
    assert_str(value_map_json(arena, &m), expected);
    arena_free(arena);
}

TEST(projections)
{
    assert_projection("id, n", "{\"id\":{\"S\":\"abc\"},\"n\":{\"N\":\"5\"}}");
    assert_projection("zz", "{}");
    assert_projection("doc.b.c, doc.a", "{\"doc\":{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{\"c\":{\"S\":\"leaf\"}}}}}}");
    assert_projection("list1[1], list1[0]", "{\"list1\":{\"L\":[{\"S\":\"p\"},{\"N\":\"7\"}]}}");
    assert_projection("list1[2].k", "{\"list1\":{\"L\":[{\"M\":{\"k\":{\"S\":\"deep\"}}}]}}");
    assert_projection("doc.z", "{}");
}

TEST(projections_refused)
{
    struct path_list paths;
    begin();
    assert_int_equal(expr_parse_projection(&env, STR("!!"), &paths), E_INVALID);
    assert_str(env.error, "Invalid ProjectionExpression: Syntax error; token: \"!\", near: \"!!\"");
    assert_int_equal(expr_parse_projection(&env, STR("user-id"), &paths), E_INVALID);
    assert_str(env.error, "Invalid ProjectionExpression: Syntax error; token: \"-\", near: \"user-id\"");
    assert_int_equal(expr_parse_projection(&env, STR("doc, doc.a"), &paths), E_INVALID);
    assert_str(env.error, "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these "
                          "paths; path one: [doc], path two: [doc, a]");
    arena_free(arena);
}

TEST(unused_placeholders_are_reported)
{
    struct expr *e;
    begin();
    assert_int_equal(expr_parse_condition(&env, "ConditionExpression", STR("#i = :abc AND #list = :x"), &e), 0);
    assert_int_equal(expr_env_check_unused(&env), E_INVALID);
    assert_str(env.error, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#dotted}");
    arena_free(arena);
}

/* Sequences of tokens, right and wrong, from a generator with a fixed seed: whatever is accepted can be evaluated, nothing breaks. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

TEST(noise_is_refused_or_works)
{
    static const char *const words[] = { "id", "n", "doc", "list1", "tags", "zz", ".", "[", "]", "0", "1", "99999999999", "(", ")", ",", "=", "<>", "<",
        "<=", ">=", "AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE", "+", "-", ":abc", ":five", ":set", ":list", ":map", ":t", "#i",
        "#list", "#no", ":no", "size(", "contains(", "begins_with(", "attribute_exists(", "attribute_type(", "if_not_exists(", "list_append(", "!", "\"",
        "doc.a", "list1[1]", "id = :abc", "SET n = n + :five" };
    uint32_t seed = 42, accepted = 0;
    for (int round = 0; round < 30000; round++) {
        struct buf b;
        struct expr *e;
        struct update u;
        struct path_list paths = { 0 };
        struct str error;
        begin();
        buf_init(&b, arena, 8192);
        for (uint32_t i = next_random(&seed) % 12; i > 0; i--) {
            buf_c(&b, words[next_random(&seed) % (sizeof words / sizeof *words)]);
            buf_c(&b, next_random(&seed) % 3 ? " " : "");
        }
        struct str text = buf_done(&b);
        if (expr_parse_condition(&env, "ConditionExpression", text, &e) == 0) {
            expr_true(arena, e, &item);
            accepted++;
        }
        if (expr_parse_projection(&env, text, &paths) == 0) {
            path_project(arena, &item, &paths);
            accepted++;
        }
        if (expr_parse_update(&env, text, &u) == 0) {
            struct attr_map copy = attr_map_copy(arena, &item);
            if (update_apply(arena, &u, &copy, &error) == 0)
                value_map_json(arena, &copy);
            accepted++;
        }
        arena_free(arena);
    }
    assert_true(accepted > 100);
}
