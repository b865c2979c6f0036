/* Responses and metadata of identity providers. The first byte: whether comments are allowed; then the document.
 * The canonical form of what parses is XML again, and its own canonical form; nothing is good that no key signed. */
#include <string.h>

#include "auth/saml.h"
#include "auth/xml.h"
#include "base/buf.h"
#include "base/fuzz.h"

enum { NOW_S = 1800000000, FORM_BYTES_MAX = 1 << 20 };

static struct str canonical(struct fuzz *f, const struct xml_node *root)
{
    struct str_list none = { 0 };
    struct buf b;
    buf_init(&b, f->arena, FORM_BYTES_MAX);
    xml_canonical(root, NULL, &none, &b);
    return buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    bool comments = fuzz_byte(&f) & 1;
    struct str document = fuzz_rest(&f), why = STR_NONE;
    struct xml_node *root;
    struct saml_metadata metadata, provider = { .entity_id = STR("https://idp.example.com") };
    struct saml_response response;
    if (xml_parse(f.arena, document, comments, &root) == 0) {
        struct str form = canonical(&f, root);
        assert(form.p && xml_parse(f.arena, form, false, &root) == 0);
        assert(str_eq(canonical(&f, root), form));
    }
    if (saml_metadata_read(f.arena, document, &metadata) == 0)
        provider = metadata;
    assert(saml_response_read(f.arena, document, &provider, STR("SAMLSPX"), NOW_S * 1000LL, &response, &why) != SAML_GOOD && why.n);
    fuzz_release(&f);
    return 0;
}
