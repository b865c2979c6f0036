/* JSON bodies into structs and back; what is read is JSON for the checker, too. */
#include "wire/fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    const struct shape *s = fuzz_shape();
    struct str why, text = fuzz_rest(&f);
    void *st = arena_alloc(f.arena, s->size);
    if (json_read(f.arena, text, s, st, &why) == 0) {
        fuzz_value_holds(f.arena, s, st);
        assert(wire_json_check(f.arena, text, &why) == 0);
    } else {
        assert(why.n > 0);
    }
    fuzz_release(&f);
    return 0;
}
