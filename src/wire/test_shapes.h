/* For tests: shapes laid out at run time from a botocore-style JSON model, values from and compared with JSON. The shapes lie in the arena. */
#ifndef STRATA_WIRE_TEST_SHAPES_H
#define STRATA_WIRE_TEST_SHAPES_H

#include "wire/codec.h"

#include <cjson/cJSON.h>

struct model {
    struct arena *a;
    const cJSON *shapes;
    struct made {
        const char *name;
        struct shape *shape;
        struct made *next;
    } *made;
};

/* The shape of that name; aborts when the model lacks it. */
struct shape *model_shape(struct model *m, const char *name);

/* Fills a zeroed slot; members by their AWS names, wherever they stand on the wire. What does not fit its kind is clamped or left out. */
void value_from_json(struct arena *a, const struct member *m, const struct shape *s, const cJSON *v, void *slot, bool inside);
/* NULL when equal, else what differs. lenient: an empty list or map equals an absent one, as formats without a word for it have it. */
const char *value_differs(struct arena *a, const struct member *m, const struct shape *s, const cJSON *want, const void *slot, bool inside, bool lenient);

#endif
