/* Fuzz targets: fuzz_x.c beside what it is about, each with one LLVMFuzzerTestOneInput. `make fuzz` runs them under libFuzzer (clang, ASan, UBSan);
 * in every other build they are programs that feed tests/corpora/x to the target once (tests/replay.c), so `make test` and `make asan` do.
 *
 * A target asserts what must hold beyond "does not crash": what was accepted is written and read back the same, orders agree, a deny denies.
 * Its input is cut into parts, each copied to a piece of the arena of exactly its length and without a NUL behind it: under ASan whoever reads
 * past a slice is caught (arena.c poisons what it has not handed out). Here and not in the product: nothing of the program links with it. */
#ifndef STRATA_BASE_FUZZ_H
#define STRATA_BASE_FUZZ_H

#include <assert.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct fuzz {
    struct arena *arena; /* of this input */
    struct str rest;     /* not taken yet */
};

void fuzz_init(struct fuzz *f, const uint8_t *data, size_t n);
void fuzz_release(struct fuzz *f);

/* Parts. What is not there is empty. */
uint8_t fuzz_byte(struct fuzz *f);
struct str fuzz_line(struct fuzz *f);  /* up to a line feed, which goes */
struct str fuzz_rest(struct fuzz *f);
/* "METHOD target?query", header lines "Name: value", an empty line, the body: all of the rest as a request. Its host is the header's. What no HTTP
 * server lets through (control characters in the head, names that are no tokens) is left out. */
void fuzz_exchange(struct fuzz *f, struct exchange *x);

struct str fuzz_exact(struct arena *a, struct str s); /* a copy as parts are copied; absent stays absent */

#endif
