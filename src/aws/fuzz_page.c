/* Page tokens: one that was not made here for this caller is refused, one that was leads back to its key. Byte: which bit of it is turned; a line:
 * a made-up token; then the key. */
#include "aws/page.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct service_row service = { .name = "sqs" };
    struct op_row row = { .name = "ListQueues", .service = &service };
    struct op op = { .arena = f.arena, .row = &row, .account = STR("111111111111"), .seal_key = STR("0123456789abcdef0123456789abcdef") };
    struct op other = op;
    uint8_t turned = fuzz_byte(&f);
    struct str key;
    assert(page_key(&op, fuzz_line(&f), &key) == E_INVALID);
    struct str wanted = fuzz_rest(&f), token = page_token(&op, wanted);
    other.account = STR("222222222222");
    assert(page_key(&op, token, &key) == (wanted.n ? 0 : E_INVALID));
    assert(wanted.n == 0 || (str_eq(key, wanted) && page_key(&other, token, &key) == E_INVALID));
    char *p = arena_dup(f.arena, token.p, token.n);
    p[turned % token.n] ^= 1;
    if (page_key(&op, (struct str){ p, token.n }, &key) == 0) /* the last letter of base64 has bits that mean nothing */
        assert(str_eq(key, wanted) && turned % token.n == token.n - 1);
    fuzz_release(&f);
    return 0;
}
