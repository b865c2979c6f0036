/* Requests to the Runtime API, in pieces of any size: the same is read however they were cut, a body is as long as its head says, and what is refused
 * has a status. */
#include <string.h>

#include "base/buf.h"
#include "base/fuzz.h"
#include "services/lambda/runtime_http.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static void finish(struct buf *b, const struct runtime_request *r, int64_t body_bytes)
{
    assert(r->chunked || body_bytes == (r->length > 0 ? r->length : 0));
    assert(r->target_n > 0 && r->target[0] == '/' && r->target_n <= sizeof r->target);
    buf_printf(b, "|%d %.*s %lld %d %d\n", r->method, (int)r->target_n, r->target, (long long)body_bytes, r->last, r->expects);
}

/* What is read of input, `step` bytes at a time (0: all at once), as text. */
static struct str read_all(struct arena *a, struct str input, size_t step)
{
    struct runtime_request r;
    struct buf b;
    int64_t body_bytes = 0;
    buf_init(&b, a, TEXT_BYTES_MAX);
    runtime_request_init(&r);
    for (size_t at = 0, n; at < input.n; at += n) {
        n = step && step < input.n - at ? step : input.n - at;
        struct str in = fuzz_exact(a, str_sub(input, at, n)), piece;
        for (enum runtime_part part; (part = runtime_request_read(&r, &in, &piece)) != RUNTIME_MORE;) {
            if (part == RUNTIME_BAD) {
                assert(r.status >= 400 && r.status <= 599);
                buf_printf(&b, "%d", r.status);
                return buf_done(&b);
            }
            if (part == RUNTIME_HEAD)
                buf_byte(&b, '[');
            if (part == RUNTIME_BODY) {
                assert(piece.n > 0);
                body_bytes += (int64_t)piece.n;
                buf_str(&b, piece);
            }
            if (part == RUNTIME_END) {
                finish(&b, &r, body_bytes);
                body_bytes = 0;
                runtime_request_init(&r);
            }
        }
        assert(in.n == 0);
    }
    return buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    size_t step = (size_t)fuzz_byte(&f) + 1;
    struct str input = fuzz_rest(&f);
    struct str whole = read_all(f.arena, input, 0), cut = read_all(f.arena, input, step);
    assert(str_eq(whole, cut));
    fuzz_release(&f);
    return 0;
}
