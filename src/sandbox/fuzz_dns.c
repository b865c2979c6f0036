/* DNS queries, as a function may send them. An answer fits, carries the query's id, repeats its question, and tells at most one address. */
#include "base/fuzz.h"
#include "sandbox/dns.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct str q = str_sub(fuzz_rest(&f), 0, DNS_MESSAGE_BYTES);
    uint8_t *out = arena_alloc(f.arena, DNS_MESSAGE_BYTES);
    size_t got = dns_answer((const uint8_t *)q.p, q.n, out, DNS_MESSAGE_BYTES);
    assert(got == 0 || (got >= 12 && got <= DNS_MESSAGE_BYTES && memcmp(out, q.p, 2) == 0 && out[2] & 0x80));
    if (got > 12) {
        size_t question = got - (out[7] ? 16 : 0);
        assert(out[5] == 1 && out[7] <= 1 && question <= q.n && memcmp(out + 12, q.p + 12, question - 12) == 0);
        assert(!out[7] || memcmp(out + got - 4, "\x7f\0\0\1", 4) == 0);
    }
    fuzz_release(&f);
    return 0;
}
