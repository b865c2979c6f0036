/* CONNECT requests, behind that word: a host without blanks or control characters, which stands in the request, and a port. */
#include "base/fuzz.h"
#include "http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct str host;
    uint16_t port;
    fuzz_init(&f, data, n);
    struct str rest = fuzz_rest(&f), head = fuzz_exact(f.arena, str_cat(f.arena, STR("CONNECT "), rest));
    if (connect_target(head, &host, &port) == 0) {
        assert(host.n && port && str_contains(rest, host));
        for (size_t i = 0; i < host.n; i++)
            assert((unsigned char)host.p[i] > ' ');
    }
    fuzz_release(&f);
    return 0;
}
