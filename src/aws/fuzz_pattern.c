/* Event patterns. First line: the pattern; then the event. A pattern that is refused is refused in words; matching ends; a pattern with a field that
 * no event has, added, matches nothing; one in $or with what matches, matches. */
#include "base/fuzz.h"
#include "aws/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct str pattern_text = fuzz_line(&f), event_text = fuzz_rest(&f);
    cJSON *pattern = cJSON_ParseWithLength(pattern_text.p, pattern_text.n), *event = cJSON_ParseWithLength(event_text.p, event_text.n);
    const char *wrong = pattern ? pattern_check(f.arena, pattern) : "no JSON";
    assert(!wrong || *wrong);
    if (!wrong && cJSON_IsObject(event)) {
        bool matched = pattern_matches(f.arena, pattern, event);
        cJSON *either = cJSON_CreateObject(), *alternatives = cJSON_AddArrayToObject(either, "$or");
        cJSON_AddItemReferenceToArray(alternatives, pattern);
        cJSON_AddItemReferenceToArray(alternatives, pattern);
        assert(pattern_matches(f.arena, either, event) == matched || matched);
        cJSON_Delete(either);
        cJSON *never = cJSON_AddArrayToObject(pattern, "\x01 no event has this");
        cJSON_AddItemToArray(never, cJSON_CreateString("x"));
        assert(cJSON_GetObjectItem(event, "\x01 no event has this") || !pattern_matches(f.arena, pattern, event));
    }
    cJSON_Delete(pattern);
    cJSON_Delete(event);
    fuzz_release(&f);
    return 0;
}
