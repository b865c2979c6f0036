#include "base/code.h"
#include "base/err.h"
#include "base/test.h"
#include "services/kms/pair.h"

static void make(struct arena *a, const char *spec, struct str *ret_private, struct str *ret_public)
{
    assert_int_equal(pair_make(a, spec_find(str_c(spec)), NULL, NULL, ret_private, ret_public), 0);
}

TEST(every_signing_algorithm_of_every_spec_verifies_what_it_signed_and_nothing_else)
{
    static const char *const specs[] = { "RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519" };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct str secret, public, signature;
        make(a, specs[i], &secret, &public);
        for (const char *const *name = spec_algorithms(spec_find(str_c(specs[i])), STR("SIGN_VERIFY")); *name; name++) {
            assert_int_equal(pair_sign(a, secret, str_c(*name), STR("message"), false, &signature), 0);
            assert_int_equal(pair_verify(public, str_c(*name), STR("message"), false, signature), 0);
            assert_int_equal(pair_verify(public, str_c(*name), STR("messages"), false, signature), E_INVALID);
            assert_int_equal(pair_verify(public, str_c(*name), STR("message"), false, str_sub(signature, 0, signature.n - 1)), E_INVALID);
        }
    }
    arena_free(a);
}

TEST(a_digest_is_signed_as_its_message_is)
{
    struct arena *a = arena_new();
    uint8_t digest[32];
    struct str secret, public, signature;
    make(a, "ECC_NIST_P256", &secret, &public);
    digest_sha256("message", 7, digest);
    assert_int_equal(pair_sign(a, secret, STR("ECDSA_SHA_256"), (struct str){ (char *)digest, 32 }, true, &signature), 0);
    assert_int_equal(pair_verify(public, STR("ECDSA_SHA_256"), STR("message"), false, signature), 0);
    assert_int_equal(pair_sign(a, secret, STR("ECDSA_SHA_256"), STR("short"), true, &signature), E_INVALID);
    assert_int_equal((int)pair_digest_bytes(STR("RSASSA_PSS_SHA_384")), 48);
    assert_int_equal((int)pair_digest_bytes(STR("ED25519_SHA_512")), 0);
    arena_free(a);
}

/* RFC 8032, section 7.1, test 2. */
TEST(ed25519_signs_as_the_standard_says)
{
    struct arena *a = arena_new();
    struct str der, secret, public, signature, wanted;
    hex_decode(a, STR("302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), &der);
    assert_int_equal(pair_accept(a, spec_find(STR("ECC_NIST_EDWARDS25519")), der, &secret, &public), 0);
    assert_int_equal(pair_sign(a, secret, STR("ED25519_SHA_512"), STR("r"), false, &signature), 0);
    hex_decode(a, STR("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"), &wanted);
    assert_true(str_eq(signature, wanted));
    arena_free(a);
}

TEST(oaep_opens_what_it_sealed)
{
    struct arena *a = arena_new();
    struct str secret, public, sealed, opened;
    make(a, "RSA_2048", &secret, &public);
    const char *const *name = spec_algorithms(spec_find(STR("RSA_2048")), STR("ENCRYPT_DECRYPT"));
    for (; *name; name++) {
        assert_int_equal(pair_encrypt(a, public, str_c(*name), STR("plain"), &sealed), 0);
        assert_int_equal(pair_decrypt(a, secret, str_c(*name), sealed, &opened), 0);
        assert_str(opened, "plain");
        ((char *)(uintptr_t)sealed.p)[5] ^= 1;
        assert_int_equal(pair_decrypt(a, secret, str_c(*name), sealed, &opened), E_INVALID);
    }
    assert_int_equal((int)pair_plain_bytes_max(spec_find(STR("RSA_2048")), STR("RSAES_OAEP_SHA_1")), 214);
    assert_int_equal((int)pair_plain_bytes_max(spec_find(STR("RSA_4096")), STR("RSAES_OAEP_SHA_256")), 446);
    arena_free(a);
}

TEST(both_sides_derive_one_secret)
{
    struct arena *a = arena_new();
    struct str secret[2], public[2], shared[2], other_secret, other_public;
    for (int i = 0; i < 2; i++)
        make(a, "ECC_NIST_P384", &secret[i], &public[i]);
    assert_int_equal(pair_derive(a, secret[0], public[1], &shared[0]), 0);
    assert_int_equal(pair_derive(a, secret[1], public[0], &shared[1]), 0);
    assert_true(shared[0].n == 48 && str_eq(shared[0], shared[1]));
    make(a, "ECC_NIST_P256", &other_secret, &other_public);
    assert_int_equal(pair_derive(a, secret[0], other_public, &shared[0]), E_INVALID);
    assert_int_equal(pair_derive(a, secret[0], STR("no key"), &shared[0]), E_INVALID);
    arena_free(a);
}

TEST(a_key_of_another_spec_is_not_accepted)
{
    struct arena *a = arena_new();
    struct str secret, public, kept, kept_public;
    make(a, "ECC_NIST_P256", &secret, &public);
    assert_int_equal(pair_accept(a, spec_find(STR("ECC_NIST_P256")), secret, &kept, &kept_public), 0);
    assert_true(str_eq(public, kept_public));
    static const char *const others[] = { "ECC_SECG_P256K1", "ECC_NIST_P384", "RSA_2048", "ECC_NIST_EDWARDS25519" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(pair_accept(a, spec_find(str_c(others[i])), secret, &kept, &kept_public), E_INVALID);
    assert_int_equal(pair_accept(a, spec_find(STR("ECC_NIST_P256")), str_sub(secret, 0, secret.n - 1), &kept, &kept_public), E_INVALID);
    arena_free(a);
}
