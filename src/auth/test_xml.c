/* The tree and the exclusive canonical form, by what the recommendation says of each. */
#include "auth/xml.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/test.h"

static struct str canonical_of(struct arena *a, const char *text, const char *uri, const char *local, const char *prefix)
{
    struct xml_node *root;
    struct str_list prefixes = { 0 };
    struct buf b;
    if (xml_parse(a, str_c(text), true, &root))
        fail_msg("does not parse: %s", text);
    const struct xml_node *n = root;
    while (n && !xml_is(n, uri, local))
        n = xml_walk(n, root);
    assert_non_null(n);
    if (prefix)
        str_list_add(a, &prefixes, str_c(prefix));
    buf_init(&b, a, 4096);
    xml_canonical(n, NULL, &prefixes, &b);
    return buf_done(&b);
}

TEST(the_canonical_form_has_one_spelling)
{
    struct arena *a = arena_new();
    assert_str(canonical_of(a, "<?xml version='1.0'?>\n<a  b = '1'   a='\"2\"'><!-- c --><b/>x<![CDATA[<&>]]>&#13;\t&gt;</a >", "", "a", NULL),
               "<a a=\"&quot;2&quot;\" b=\"1\"><b></b>x&lt;&amp;&gt;&#xD;\t&gt;</a>");
    assert_str(canonical_of(a, "<a x='&#9;&#10;&#13; \n&lt;>'/>", "", "a", NULL), "<a x=\"&#x9;&#xA;&#xD;  &lt;>\"></a>");
    assert_str(canonical_of(a, "<a xml:lang='e' z:b='1' y:c='2' b='3' xmlns:y='urn:a' xmlns:z='urn:b'/>", "", "a", NULL),
               "<a xmlns:y=\"urn:a\" xmlns:z=\"urn:b\" b=\"3\" xml:lang=\"e\" y:c=\"2\" z:b=\"1\"></a>");
    arena_free(a);
}

TEST(namespaces_stand_where_they_are_used)
{
    struct arena *a = arena_new();
    const char *text = "<o:a xmlns:o='urn:o' xmlns:unused='urn:u' xmlns='urn:d'><b><o:c unused:x='1'/><d xmlns=''><e/></d></b></o:a>";
    assert_str(canonical_of(a, text, "urn:o", "a", NULL),
               "<o:a xmlns:o=\"urn:o\"><b xmlns=\"urn:d\"><o:c xmlns:unused=\"urn:u\" unused:x=\"1\"></o:c><d xmlns=\"\"><e></e></d></b></o:a>");
    assert_str(canonical_of(a, text, "urn:d", "b", NULL),
               "<b xmlns=\"urn:d\"><o:c xmlns:o=\"urn:o\" xmlns:unused=\"urn:u\" unused:x=\"1\"></o:c><d xmlns=\"\"><e></e></d></b>");
    assert_str(canonical_of(a, text, "", "d", NULL), "<d><e></e></d>");
    assert_str(canonical_of(a, text, "urn:d", "b", "unused"),
               "<b xmlns=\"urn:d\" xmlns:unused=\"urn:u\"><o:c xmlns:o=\"urn:o\" unused:x=\"1\"></o:c><d xmlns=\"\"><e></e></d></b>");
    assert_str(canonical_of(a, "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c xmlns:p='urn:1'/></p:b></p:a>", "urn:1", "a", NULL),
               "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c xmlns:p=\"urn:1\"></p:c></p:b></p:a>");
    arena_free(a);
}

TEST(what_is_left_out_leaves_no_trace)
{
    struct arena *a = arena_new();
    struct xml_node *root;
    struct str_list none = { 0 };
    struct buf b;
    assert_int_equal(xml_parse(a, STR("<a><s xmlns='urn:s'><t/></s>x</a>"), false, &root), 0);
    buf_init(&b, a, 4096);
    xml_canonical(root, xml_only(root, "urn:s", "s"), &none, &b);
    assert_str(buf_done(&b), "<a>x</a>");
    arena_free(a);
}

TEST(what_is_not_plain_is_refused)
{
    static const char *const bad[] = {
        "", "x", "<a>", "<a/><b/>", "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "<a>&e;</a>", "<?pi x?><a/>", "<a><?pi x?></a>", "<p:a/>",
        "<a p:x='1'/>", "<a xmlns:p=''/>", "<:a/>", "<a:b:c xmlns:a='urn:a'/>", "<a xmlns:p='urn:1' xmlns:q='urn:1' p:x='1' q:x='2'/>", "<a x='1' x='2'/>",
        "<a xmlns:xml='urn:x'/>", "<a xmlns:xmlns='urn:x'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a>\xff</a>", "<a>\x01</a>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>",
    };
    struct arena *a = arena_new();
    struct xml_node *root;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (xml_parse(a, str_c(bad[i]), true, &root) != E_INVALID)
            fail_msg("parses: %s", bad[i]);
    assert_int_equal(xml_parse(a, STR("<a>x<!-- y -->z</a>"), false, &root), E_INVALID);
    assert_int_equal(xml_parse(a, STR("<a>x<!-- y -->z</a>"), true, &root), 0);
    assert_str(xml_text(a, root), "xz");
    assert_int_equal(xml_parse(a, STR("<a>x<b/></a>"), false, &root), 0);
    assert_null(xml_text(a, root).p);
    arena_free(a);
}
