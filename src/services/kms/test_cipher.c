#include "base/arena.h"
#include "base/err.h"
#include "base/test.h"
#include "services/kms/key.h"

static const uint8_t material[SEAL_KEY_BYTES] = { 7 };
static const struct cipher_head head = { { "000000000000", 12 }, { "11111111-2222-3333-4444-555555555555", 36 }, 258 };

static struct str_map pairs(struct arena *a, const char *k1, const char *v1, const char *k2, const char *v2)
{
    struct str_map m = { 0 };
    str_map_put(a, &m, str_c(k1), str_c(v1));
    str_map_put(a, &m, str_c(k2), str_c(v2));
    return m;
}

TEST(the_head_says_which_key)
{
    struct arena *a = arena_new();
    struct str_map none = { 0 };
    struct cipher_head h;
    struct str plain, blob = cipher_write(a, &head, material, &none, STR("x"));
    assert_int_equal(cipher_head_read(blob, &h), 0);
    assert_str(h.account, "000000000000");
    assert_str(h.key_id, "11111111-2222-3333-4444-555555555555");
    assert_int_equal(h.material, 258);
    assert_int_equal(cipher_open(a, blob, material, &none, &plain), 0);
    assert_str(plain, "x");
    arena_free(a);
}

TEST(the_order_of_the_context_means_nothing_and_all_else_does)
{
    struct arena *a = arena_new();
    struct str plain;
    struct str_map context = pairs(a, "a", "1", "b", "2"), turned = pairs(a, "b", "2", "a", "1"), shifted = pairs(a, "a", "12", "b", "");
    struct str blob = cipher_write(a, &head, material, &context, STR("x"));
    assert_int_equal(cipher_open(a, blob, material, &turned, &plain), 0);
    assert_int_equal(cipher_open(a, blob, material, &shifted, &plain), E_INVALID);
    arena_free(a);
}

TEST(no_changed_byte_opens)
{
    struct arena *a = arena_new();
    struct cipher_head h;
    struct str_map none = { 0 };
    struct str plain, blob = cipher_write(a, &head, material, &none, STR("x"));
    for (size_t i = 0; i < blob.n; i++) {
        char *changed = arena_dup(a, blob.p, blob.n);
        struct str s = { changed, blob.n };
        changed[i] ^= 1;
        assert_true(cipher_head_read(s, &h) < 0 || cipher_open(a, s, material, &none, &plain) == E_INVALID);
        assert_true(cipher_head_read(str_sub(blob, 0, i), &h) < 0 || cipher_open(a, str_sub(blob, 0, i), material, &none, &plain) == E_INVALID);
    }
    arena_free(a);
}
