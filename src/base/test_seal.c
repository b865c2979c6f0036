#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/seal.h"
#include "base/test.h"

static const uint8_t key[SEAL_KEY_BYTES] = { 1, 2, 3 }, other[SEAL_KEY_BYTES] = { 1, 2, 4 };

TEST(what_is_sealed_opens)
{
    struct arena *a = arena_new();
    struct str plain, sealed = seal(a, key, STR("aad"), STR("a secret"));
    assert_int_equal(sealed.n, 8 + SEAL_EXTRA_BYTES);
    assert_int_equal(seal_open(a, key, STR("aad"), sealed, &plain), 0);
    assert_str(plain, "a secret");
    sealed = seal(a, key, STR(""), STR(""));
    assert_int_equal(seal_open(a, key, STR(""), sealed, &plain), 0);
    assert_int_equal(plain.n, 0);
    arena_free(a);
}

TEST(nothing_else_opens)
{
    struct arena *a = arena_new();
    struct str plain, sealed = seal(a, key, STR("aad"), STR("a secret"));
    assert_int_equal(seal_open(a, other, STR("aad"), sealed, &plain), E_INVALID);
    assert_int_equal(seal_open(a, key, STR("add"), sealed, &plain), E_INVALID);
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(seal_open(a, key, STR("aad"), str_sub(sealed, 0, n), &plain), E_INVALID);
    for (size_t i = 0; i < sealed.n; i++) {
        char *changed = arena_dup(a, sealed.p, sealed.n);
        changed[i] ^= 1;
        assert_int_equal(seal_open(a, key, STR("aad"), (struct str){ changed, sealed.n }, &plain), E_INVALID);
    }
    arena_free(a);
}

TEST(the_same_text_is_never_sealed_alike)
{
    struct arena *a = arena_new();
    assert_false(str_eq(seal(a, key, STR(""), STR("x")), seal(a, key, STR(""), STR("x"))));
    arena_free(a);
}

/* c2sp.org/XAES-256-GCM: a key for which the CMAC subkey's carry is 0, and one for which it is not. */
TEST(wide_is_what_the_standard_says)
{
    struct arena *a = arena_new();
    uint8_t ones[SEAL_KEY_BYTES], threes[SEAL_KEY_BYTES];
    struct str text, plain;
    memset(ones, 1, sizeof ones);
    memset(threes, 3, sizeof threes);
    hex_decode(a, STR("4142434445464748494a4b4c4d4e4f505152535455565758ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"), &text);
    assert_int_equal(seal_wide_open(a, ones, STR(""), text, &plain), 0);
    assert_str(plain, "XAES-256-GCM");
    hex_decode(a, STR("4142434445464748494a4b4c4d4e4f505152535455565758986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"), &text);
    assert_int_equal(seal_wide_open(a, threes, STR("c2sp.org/XAES-256-GCM"), text, &plain), 0);
    assert_str(plain, "XAES-256-GCM");
    arena_free(a);
}

TEST(what_is_sealed_wide_opens_and_nothing_else)
{
    struct arena *a = arena_new();
    struct str plain, sealed = seal_wide(a, key, STR("aad"), STR("a secret"));
    assert_int_equal(sealed.n, 8 + SEAL_WIDE_EXTRA_BYTES);
    assert_int_equal(seal_wide_open(a, key, STR("aad"), sealed, &plain), 0);
    assert_str(plain, "a secret");
    assert_int_equal(seal_wide_open(a, other, STR("aad"), sealed, &plain), E_INVALID);
    for (size_t i = 0; i < sealed.n; i++) {
        char *changed = arena_dup(a, sealed.p, sealed.n);
        changed[i] ^= 1;
        assert_int_equal(seal_wide_open(a, key, STR("aad"), (struct str){ changed, sealed.n }, &plain), E_INVALID);
        assert_int_equal(seal_wide_open(a, key, STR("aad"), str_sub(sealed, 0, i), &plain), E_INVALID);
    }
    arena_free(a);
}

TEST(a_chunk_opens_at_its_place_alone)
{
    uint8_t sealed[5 + SEAL_TAG_BYTES], plain[5];
    seal_chunk(key, 7, "chunk", 5, sealed);
    assert_int_equal(seal_chunk_open(key, 7, sealed, sizeof sealed, plain), 0);
    assert_memory_equal(plain, "chunk", 5);
    assert_int_equal(seal_chunk_open(key, 6, sealed, sizeof sealed, plain), E_INVALID);
    assert_int_equal(seal_chunk_open(key, 7, sealed, sizeof sealed - 1, plain), E_INVALID);
    assert_int_equal(seal_chunk_open(key, 7, sealed, SEAL_TAG_BYTES - 1, plain), E_INVALID);
    sealed[0] ^= 1;
    assert_int_equal(seal_chunk_open(key, 7, sealed, sizeof sealed, plain), E_INVALID);
}
