/* Filter patterns of CloudWatch Logs. First line: the pattern; then the message. */
#include "base/fuzz.h"
#include "services/logs/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct filter *filter;
    struct str_map values = { 0 };
    fuzz_init(&f, data, n);
    struct str pattern = fuzz_line(&f), message = fuzz_rest(&f);
    if (filter_compile(f.arena, pattern, &filter) == 0) {
        bool matched = filter_match(filter, f.arena, message, NULL);
        assert(filter_match(filter, f.arena, message, &values) == matched);
        assert(str_trim(pattern).n || matched);
        for list_each(v, &values)
            assert(v->key.n && v->key.p[0] == '$' && v->value.p);
    }
    fuzz_release(&f);
    return 0;
}
