/* For the codecs' fuzz targets: one shape that has a member of every kind and trait, and what must hold of every value of it. */
#ifndef STRATA_WIRE_FUZZ_MODEL_H
#define STRATA_WIRE_FUZZ_MODEL_H

#include "base/fuzz.h"
#include "wire/codec.h"

const struct shape *fuzz_shape(void);

/* A decoded value: the validator takes it, and it survives json, cbor and a record, each written and read twice. */
void fuzz_value_holds(struct arena *a, const struct shape *s, const void *st);

#endif
