/* ARNs: the parts put together are the text again. */
#include "aws/arn.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct arn arn;
    fuzz_init(&f, data, n);
    struct str text = fuzz_rest(&f);
    if (arn_parse(text, &arn) == 0) {
        assert(arn.partition.n && arn.service.n && arn.resource.n);
        assert(4 + arn.partition.n + 1 + arn.service.n + 1 + arn.region.n + 1 + arn.account.n + 1 + arn.resource.n == text.n);
        assert(str_ends(text, arn.resource) && !str_contains(arn.account, STR(":")));
    }
    fuzz_release(&f);
    return 0;
}
