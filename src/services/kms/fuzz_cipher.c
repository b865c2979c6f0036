/* Ciphertexts as clients send them back. A line: the encryption context ("key=value", blank-separated); a byte: which one is turned; then the text.
 * What was encrypted here opens under the same context and no other, and no changed byte passes. */
#include "base/fuzz.h"
#include "services/kms/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t material[SEAL_KEY_BYTES] = { 7 };
    struct fuzz f;
    struct str_map context = { 0 };
    struct cipher_head mine = { STR("000000000000"), STR("11111111-2222-3333-4444-555555555555"), 258 }, head;
    fuzz_init(&f, data, n);
    struct arena *a = f.arena;
    for (struct str rest = fuzz_line(&f), one; rest.n;) {
        struct str key, value;
        str_cut(rest, ' ', &one, &rest);
        str_cut(one, '=', &key, &value);
        str_map_put(a, &context, fuzz_exact(a, key), fuzz_exact(a, opt_str(value, STR(""))));
    }
    uint8_t turned = fuzz_byte(&f);
    struct str text = fuzz_rest(&f), plain;
    if (cipher_head_read(text, &head) == 0)
        assert(head.account.n == 12 && head.key_id.n == 36 && cipher_open(a, text, material, &context, &plain) == E_INVALID);
    struct str blob = fuzz_exact(a, cipher_write(a, &mine, material, &context, text));
    assert(cipher_head_read(blob, &head) == 0 && head.material == mine.material && str_eq(head.key_id, mine.key_id));
    assert(cipher_open(a, blob, material, &context, &plain) == 0 && str_eq(plain, text));
    ((char *)blob.p)[turned % blob.n] ^= 1;
    assert(cipher_head_read(blob, &head) == E_INVALID || cipher_open(a, blob, material, &context, &plain) == E_INVALID);
    ((char *)blob.p)[turned % blob.n] ^= 1;
    str_map_put(a, &context, STR("one"), STR("more"));
    assert(cipher_open(a, blob, material, &context, &plain) == E_INVALID);
    fuzz_release(&f);
    return 0;
}
