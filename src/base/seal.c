#include "base/seal.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

void seal_erase(void *p, size_t n) { OPENSSL_cleanse(p, n); }

static void erase(void *arg)
{
    struct str *s = arg;
    seal_erase((void *)(uintptr_t)s->p, s->n);
}

void seal_erase_later(struct arena *a, struct str s)
{
    if (s.p)
        arena_defer(a, erase, arena_dup(a, &s, sizeof s));
}

struct str seal(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain)
{
    int n = 0;
    uint8_t *out = arena_alloc(a, SEAL_NONCE_BYTES + plain.n + SEAL_TAG_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert(c && plain.n < INT_MAX && aad.n < INT_MAX);
    random_bytes(out, SEAL_NONCE_BYTES);
    int ok = EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out);
    if (ok && aad.n > 0)
        ok = EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n);
    if (ok && plain.n > 0)
        ok = EVP_EncryptUpdate(c, out + SEAL_NONCE_BYTES, &n, (const uint8_t *)plain.p, (int)plain.n);
    ok = ok && EVP_EncryptFinal_ex(c, out + SEAL_NONCE_BYTES + plain.n, &n) &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, out + SEAL_NONCE_BYTES + plain.n);
    assert(ok);
    EVP_CIPHER_CTX_free(c);
    return (struct str){ (const char *)out, SEAL_NONCE_BYTES + plain.n + SEAL_TAG_BYTES };
}

int seal_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret)
{
    int n = 0;
    if (sealed.n < SEAL_EXTRA_BYTES || sealed.n > INT_MAX || aad.n > INT_MAX)
        return E_INVALID;
    size_t plain_n = sealed.n - SEAL_EXTRA_BYTES;
    const uint8_t *in = (const uint8_t *)sealed.p;
    uint8_t tag[SEAL_TAG_BYTES], *out = arena_alloc(a, plain_n + 1);
    memcpy(tag, in + sealed.n - SEAL_TAG_BYTES, SEAL_TAG_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert(c);
    int ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in);
    if (ok && aad.n > 0)
        ok = EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n);
    if (ok && plain_n > 0)
        ok = EVP_DecryptUpdate(c, out, &n, in + SEAL_NONCE_BYTES, (int)plain_n);
    ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) && EVP_DecryptFinal_ex(c, out + plain_n, &n) > 0;
    EVP_CIPHER_CTX_free(c);
    if (!ok) {
        seal_erase(out, plain_n);
        return E_INVALID;
    }
    *ret = (struct str){ (const char *)out, plain_n };
    seal_erase_later(a, *ret);
    return 0;
}
