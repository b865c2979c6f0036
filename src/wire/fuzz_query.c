/* Forms of the query and ec2 protocols (the first byte tells), percent-encoding included. */
#include "wire/fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    const struct shape *s = fuzz_shape();
    bool ec2 = fuzz_byte(&f) & 1;
    struct str why;
    struct str_map params = { 0 };
    void *st = arena_alloc(f.arena, s->size);
    if (wire_params(f.arena, fuzz_rest(&f), &params) == 0 && query_read(f.arena, &params, ec2, s, st, &why) == 0)
        fuzz_value_holds(f.arena, s, st);
    fuzz_release(&f);
    return 0;
}
