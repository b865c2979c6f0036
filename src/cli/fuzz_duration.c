/* Lengths of time: what is accepted is said again within what two units can say. */
#include <stdlib.h>

#include "base/fuzz.h"
#include "cli/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    int64_t ms, said;
    fuzz_init(&f, data, n);
    if (duration_parse(fuzz_rest(&f), &ms) == 0) {
        struct str text = fuzz_exact(f.arena, duration_text(f.arena, ms));
        assert(duration_parse(text, &said) == 0);
        assert((ms < 0) == (said < 0) || said == 0);
        assert(llabs(ms - said) <= llabs(ms) / 24 + 1); /* the third unit is at most a 24th of the first */
        assert(str_eq(duration_text(f.arena, said), text));
    }
    fuzz_release(&f);
    return 0;
}
