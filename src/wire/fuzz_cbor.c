/* CBOR of rpc-v2-cbor and of the store's records (the first byte tells). */
#include "wire/fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    const struct shape *s = fuzz_shape();
    bool record = fuzz_byte(&f) & 1;
    struct str why, bytes = fuzz_rest(&f);
    void *st = arena_alloc(f.arena, s->size);
    /* A record is our own and may hold what no client can say (text that is no UTF-8, any time): it is only read. */
    if (cbor_read(f.arena, bytes, record, s, st, &why) == 0 && !record)
        fuzz_value_holds(f.arena, s, st);
    fuzz_release(&f);
    return 0;
}
