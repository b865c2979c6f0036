/* Event patterns, of EventBridge's rules and of the filters of Lambda's event source mappings: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 *
 * A pattern is an object whose leaves are arrays of matchers. An array in the event matches when one of its elements does; matchers on several
 * fields below one array of objects must all hold for the same element. */
#ifndef STRATA_AWS_PATTERN_H
#define STRATA_AWS_PATTERN_H

#include <cjson/cJSON.h>

#include "base/str.h"

/* NULL when the pattern is well-formed, else what is wrong, in words (in a). */
const char *pattern_check(struct arena *a, const cJSON *pattern);
bool pattern_matches(struct arena *a, const cJSON *pattern, const cJSON *event);

/* Parsed patterns by their text, so that an event parses none. For the writer alone, which runs all that takes events: it has no lock, and what it
 * returns is good until the next get. NULL: the text is no JSON. */
struct pattern_cache;
struct pattern_cache *pattern_cache_new(void);
void pattern_cache_free(struct pattern_cache *c); /* NULL-safe */
const cJSON *pattern_cache_get(struct pattern_cache *c, struct str text);

#endif
