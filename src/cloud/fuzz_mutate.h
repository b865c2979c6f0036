/* One change to an input of fuzz_operations.c. Private to it. */
#ifndef STRATA_CLOUD_FUZZ_MUTATE_H
#define STRATA_CLOUD_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* In place; the new length, at most max, or 0 when it did not fit. */
size_t mutate_operations(uint8_t *data, size_t n, size_t max, unsigned seed);

#endif
