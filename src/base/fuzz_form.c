/* Forms: what was cut into parts and is written again is cut into the same. */
#include "base/form.h"

#include "base/buf.h"
#include "base/fuzz.h"

static void quoted(struct buf *b, const char *name, struct str value)
{
    if (!value.p)
        return;
    buf_printf(b, "; %s=\"", name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_byte(b, '\\');
        buf_byte(b, value.p[i]);
    }
    buf_byte(b, '"');
}

static struct str written(struct arena *a, const struct form_parts *f)
{
    struct buf b;
    buf_init(&b, a, 1 << 24);
    for list_each(p, f) {
        buf_c(&b, "--fuzzing-boundary\r\nContent-Disposition: form-data");
        quoted(&b, "name", p->name);
        quoted(&b, "filename", p->filename);
        buf_c(&b, "\r\n\r\n");
        buf_str(&b, p->data);
        buf_c(&b, "\r\n");
    }
    buf_c(&b, "--fuzzing-boundary--");
    return buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct form_parts first, again;
    fuzz_init(&f, data, n);
    struct str type = fuzz_line(&f), body = fuzz_rest(&f);
    form_is(type);
    if (form_parse(f.arena, type, body, &first) == 0 && !str_contains(body, STR("--fuzzing-boundary"))) {
        assert(form_parse(f.arena, STR("multipart/form-data; boundary=fuzzing-boundary"), written(f.arena, &first), &again) == 0 && again.n == first.n);
        for (uint32_t i = 0; i < first.n; i++) {
            const struct form_part *p = &first.v[i], *q = &again.v[i];
            assert(str_eq(p->name, q->name) && str_eq(p->filename, q->filename) && str_eq(p->data, q->data));
        }
    }
    fuzz_release(&f);
    return 0;
}
