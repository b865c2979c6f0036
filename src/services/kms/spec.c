#include "services/kms/spec.h"

#define RSA_USES                                                                                                        \
    {                                                                                                                   \
        { "ENCRYPT_DECRYPT", { "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256" } },                                            \
        { "SIGN_VERIFY",                                                                                                \
          { "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256",  \
            "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512" } },                                                             \
    }

static const struct key_spec specs[] = {
    { "SYMMETRIC_DEFAULT", SPEC_SYMMETRIC, 256, NULL, { { "ENCRYPT_DECRYPT", { "SYMMETRIC_DEFAULT" } } } },
    { "HMAC_224", SPEC_HMAC, 224, NULL, { { "GENERATE_VERIFY_MAC", { "HMAC_SHA_224" } } } },
    { "HMAC_256", SPEC_HMAC, 256, NULL, { { "GENERATE_VERIFY_MAC", { "HMAC_SHA_256" } } } },
    { "HMAC_384", SPEC_HMAC, 384, NULL, { { "GENERATE_VERIFY_MAC", { "HMAC_SHA_384" } } } },
    { "HMAC_512", SPEC_HMAC, 512, NULL, { { "GENERATE_VERIFY_MAC", { "HMAC_SHA_512" } } } },
    { "RSA_2048", SPEC_RSA, 2048, NULL, RSA_USES },
    { "RSA_3072", SPEC_RSA, 3072, NULL, RSA_USES },
    { "RSA_4096", SPEC_RSA, 4096, NULL, RSA_USES },
    { "ECC_NIST_P256", SPEC_EC, 256, "P-256", { { "SIGN_VERIFY", { "ECDSA_SHA_256" } }, { "KEY_AGREEMENT", { "ECDH" } } } },
    { "ECC_NIST_P384", SPEC_EC, 384, "P-384", { { "SIGN_VERIFY", { "ECDSA_SHA_384" } }, { "KEY_AGREEMENT", { "ECDH" } } } },
    { "ECC_NIST_P521", SPEC_EC, 521, "P-521", { { "SIGN_VERIFY", { "ECDSA_SHA_512" } }, { "KEY_AGREEMENT", { "ECDH" } } } },
    { "ECC_SECG_P256K1", SPEC_EC, 256, "secp256k1", { { "SIGN_VERIFY", { "ECDSA_SHA_256" } } } },
    { "ECC_NIST_EDWARDS25519", SPEC_ED25519, 256, NULL, { { "SIGN_VERIFY", { "ED25519_SHA_512" } } } },
};

const struct key_spec *spec_find(struct str name)
{
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        if (str_is(name, specs[i].name))
            return &specs[i];
    return NULL;
}

const char *const *spec_algorithms(const struct key_spec *s, struct str usage)
{
    for (int i = 0; i < SPEC_USES_MAX; i++)
        if (s->uses[i].usage && str_is(usage, s->uses[i].usage))
            return s->uses[i].algorithms;
    return NULL;
}

bool spec_has_algorithm(const struct key_spec *s, struct str usage, struct str algorithm)
{
    const char *const *known = spec_algorithms(s, usage);
    for (int i = 0; known && known[i]; i++)
        if (str_is(algorithm, known[i]))
            return true;
    return false;
}
