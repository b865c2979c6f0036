/* What servers answer to a fetch. Byte: how many of its bytes have come. A document is a part of what was sent, within its limit, and is not another when
 * more comes; what has ended has no more to come. */
#include "base/fuzz.h"
#include "http/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct str early = STR_NONE, late = STR_NONE;
    fuzz_init(&f, data, n);
    size_t come = fuzz_byte(&f);
    struct str sent = fuzz_rest(&f);
    int first = fetch_document(fuzz_exact(f.arena, str_sub(sent, 0, come)), false, &early);
    int then = fetch_document(sent, true, &late);
    assert(then == 0 || then == E_IO);
    if (then == 0)
        assert(late.n && late.n <= FETCH_BYTES_MAX && late.p >= sent.p && late.p + late.n <= sent.p + sent.n);
    if (first == 0)
        assert(then == 0 && str_eq(early, late));
    assert(first != E_IO || then == E_IO);
    fuzz_release(&f);
    return 0;
}
