/* Event patterns: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 *
 * A pattern is an object whose leaves are arrays of matchers. An array in the event matches when one of its elements does; matchers on several
 * fields below one array of objects must all hold for the same element. */
#ifndef STRATA_SERVICES_EVENTS_PATTERN_H
#define STRATA_SERVICES_EVENTS_PATTERN_H

#include <cjson/cJSON.h>

#include "base/str.h"

/* NULL when the pattern is well-formed, else what is wrong, in words (in a). */
const char *pattern_check(struct arena *a, const cJSON *pattern);
bool pattern_matches(struct arena *a, const cJSON *pattern, const cJSON *event);

#endif
