#include "base/arena.h"
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
