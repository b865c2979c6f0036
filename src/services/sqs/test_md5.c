#include "base/test.h"

#include "services/sqs/queue.h"

static struct sqs_MessageBodyAttributeMap *one(struct arena *a, struct sqs_MessageBodyAttributeMap *m, const char *name, const char *type, struct str text,
                                               struct str bytes)
{
    __typeof__(m->v) e = list_push(a, m);
    e->key = str_c(name);
    e->value.DataType = str_c(type);
    e->value.StringValue = text;
    e->value.BinaryValue = bytes;
    return m;
}

TEST(body_digest_is_plain_md5)
{
    struct arena *a = arena_new();
    assert_str(md5_hex(a, STR("hello world")), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    arena_free(a);
}

TEST(no_attributes_have_no_digest)
{
    struct arena *a = arena_new();
    struct sqs_MessageBodyAttributeMap m = { 0 };
    assert_false(str_set(md5_of_attributes(a, &m)));
    assert_false(str_set(md5_of_attributes(a, NULL)));
    arena_free(a);
}

TEST(attribute_digest_is_sorted_by_name)
{
    struct arena *a = arena_new();
    struct sqs_MessageBodyAttributeMap m = { 0 }, n = { 0 };
    one(a, &m, "a", "String", STR("1"), STR_NONE);
    one(a, &m, "b", "Binary", STR_NONE, STR("\x01\x02"));
    one(a, &n, "b", "Binary", STR_NONE, STR("\x01\x02"));
    one(a, &n, "a", "String", STR("1"), STR_NONE);
    struct str d = md5_of_attributes(a, &m);
    assert_true(str_eq(d, md5_of_attributes(a, &n)));
    assert_str(d, "0d6b4c8e41067b6d2a7beda988f189dd");
    arena_free(a);
}

TEST(attribute_digest_counts_name_type_and_value)
{
    struct arena *a = arena_new();
    struct sqs_MessageBodyAttributeMap m = { 0 };
    one(a, &m, "timestamp", "Number.java.lang.Long", STR("1493147359900"), STR_NONE);
    assert_str(md5_of_attributes(a, &m), "2e2e4876d8e0bd6b8c2c8f556831c349");
    arena_free(a);
}

TEST(text_is_what_xml_allows)
{
    assert_true(message_text_valid(STR("tab\tnl\ncr\r \xF0\x9F\x98\x80")));
    assert_false(message_text_valid(STR("\x0b")));
    assert_false(message_text_valid(STR("a\0b")));
    assert_false(message_text_valid(STR("\xEF\xBF\xBE")));
    assert_true(message_text_valid(STR("\xEF\xBF\xBD")));
    assert_false(message_text_valid(STR("\xED\xA0\x80")));
}
