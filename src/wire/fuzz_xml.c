/* rest-xml bodies into structs; what is written of them is read as the same. */
#include "wire/fuzz_model.h"

static struct str xml_of(struct arena *a, const struct shape *s, const void *st)
{
    const struct xml_style style = { 0 };
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    buf_c(&b, "<Root xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
    xml_write_attributes(&b, s, st);
    buf_byte(&b, '>');
    xml_write_members(&b, &style, s, st);
    buf_c(&b, "</Root>");
    return fuzz_exact(a, buf_done(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    const struct shape *s = fuzz_shape();
    struct str why;
    void *st = arena_alloc(f.arena, s->size), *back = arena_alloc(f.arena, s->size);
    if (xml_read(f.arena, fuzz_rest(&f), s, st, &why) == 0) {
        fuzz_value_holds(f.arena, s, st);
        struct str first = xml_of(f.arena, s, st);
        assert(xml_read(f.arena, first, s, back, &why) == 0);
        assert(str_eq(xml_of(f.arena, s, back), first));
    }
    fuzz_release(&f);
    return 0;
}
