/* Records of jobs: what decodes encodes to the same bytes. */
#include "base/fuzz.h"
#include "sched/job_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct job job;
    fuzz_init(&f, data, n);
    struct str record = fuzz_rest(&f);
    int rc = job_decode(f.arena, record, &job);
    assert(rc == E_CORRUPT || (rc == 0 && str_eq(job_encode(f.arena, &job), record)));
    fuzz_release(&f);
    return 0;
}
