#include "base/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <nettle/aes.h>
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

/* ---- GCM ---- */

/* OpenSSL looks an algorithm up by its name each time unless it is kept; it is the same one for ever. */
static EVP_CIPHER *gcm;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void fetch(void) { gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL); }

static EVP_CIPHER_CTX *begin(const uint8_t key[SEAL_KEY_BYTES], const uint8_t nonce[SEAL_NONCE_BYTES], struct str aad, int encrypt)
{
    int n = 0;
    pthread_once(&gcm_once, fetch);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert(gcm && c && aad.n < INT_MAX);
    int ok = EVP_CipherInit_ex(c, gcm, NULL, key, nonce, encrypt) && (aad.n == 0 || EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n));
    assert(ok);
    return c;
}

/* The ciphertext, and behind it the tag. */
static void gcm_seal(const uint8_t key[SEAL_KEY_BYTES], const uint8_t nonce[SEAL_NONCE_BYTES], struct str aad, const void *plain, size_t bytes,
                     uint8_t *out)
{
    int n = 0;
    EVP_CIPHER_CTX *c = begin(key, nonce, aad, 1);
    assert(bytes < INT_MAX);
    int ok = (bytes == 0 || EVP_EncryptUpdate(c, out, &n, plain, (int)bytes)) && EVP_EncryptFinal_ex(c, out + bytes, &n) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, out + bytes);
    assert(ok);
    EVP_CIPHER_CTX_free(c);
}

/* bytes: of the ciphertext, behind which the tag stands. */
static int gcm_open(const uint8_t key[SEAL_KEY_BYTES], const uint8_t nonce[SEAL_NONCE_BYTES], struct str aad, const uint8_t *sealed, size_t bytes,
                    uint8_t *out)
{
    int n = 0;
    uint8_t tag[SEAL_TAG_BYTES];
    if (bytes >= INT_MAX || aad.n >= INT_MAX)
        return E_INVALID;
    memcpy(tag, sealed + bytes, sizeof tag);
    EVP_CIPHER_CTX *c = begin(key, nonce, aad, 0);
    int ok = (bytes == 0 || EVP_DecryptUpdate(c, out, &n, sealed, (int)bytes)) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) && EVP_DecryptFinal_ex(c, out + bytes, &n) > 0;
    EVP_CIPHER_CTX_free(c);
    if (!ok)
        seal_erase(out, bytes);
    return ok ? 0 : E_INVALID;
}

/* ---- with a short nonce ---- */

struct str seal(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain)
{
    uint8_t *out = arena_alloc(a, plain.n + SEAL_EXTRA_BYTES);
    random_bytes(out, SEAL_NONCE_BYTES);
    gcm_seal(key, out, aad, plain.p, plain.n, out + SEAL_NONCE_BYTES);
    return (struct str){ (const char *)out, plain.n + SEAL_EXTRA_BYTES };
}

/* What is sealed behind a nonce of so many bytes, whose key and last SEAL_NONCE_BYTES are given. */
static int open_behind(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], size_t nonce_bytes, struct str aad, struct str sealed, struct str *ret)
{
    const uint8_t *in = (const uint8_t *)sealed.p;
    size_t bytes = sealed.n - nonce_bytes - SEAL_TAG_BYTES;
    uint8_t *out = arena_alloc(a, bytes + 1);
    int rc = gcm_open(key, in + nonce_bytes - SEAL_NONCE_BYTES, aad, in + nonce_bytes, bytes, out);
    if (rc < 0)
        return rc;
    *ret = (struct str){ (const char *)out, bytes };
    seal_erase_later(a, *ret);
    return 0;
}

int seal_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret)
{
    return sealed.n < SEAL_EXTRA_BYTES ? E_INVALID : open_behind(a, key, SEAL_NONCE_BYTES, aad, sealed, ret);
}

/* ---- with a wide one: the first half of the nonce makes a key, by which the second half is GCM's nonce ---- */

static void derive(const uint8_t key[SEAL_KEY_BYTES], const uint8_t *nonce, uint8_t ret[SEAL_KEY_BYTES])
{
    struct aes256_ctx aes;
    uint8_t k1[AES_BLOCK_SIZE] = { 0 }, blocks[2 * AES_BLOCK_SIZE] = { 0 };
    aes256_set_encrypt_key(&aes, key);
    aes256_encrypt(&aes, sizeof k1, k1, k1);
    uint8_t carry = k1[0] & 0x80 ? 0x87 : 0;
    for (int i = 0; i < AES_BLOCK_SIZE; i++)
        k1[i] = (uint8_t)(k1[i] << 1 | (i + 1 < AES_BLOCK_SIZE ? k1[i + 1] >> 7 : 0));
    k1[AES_BLOCK_SIZE - 1] ^= carry;
    for (int half = 0; half < 2; half++) {
        uint8_t *m = blocks + half * AES_BLOCK_SIZE;
        m[1] = (uint8_t)(half + 1);
        m[2] = 'X';
        memcpy(m + 4, nonce, SEAL_NONCE_BYTES);
        for (int i = 0; i < AES_BLOCK_SIZE; i++)
            m[i] ^= k1[i];
    }
    aes256_encrypt(&aes, sizeof blocks, ret, blocks);
    seal_erase(&aes, sizeof aes);
    seal_erase(k1, sizeof k1);
}

struct str seal_wide(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain)
{
    uint8_t own[SEAL_KEY_BYTES], *out = arena_alloc(a, plain.n + SEAL_WIDE_EXTRA_BYTES);
    random_bytes(out, SEAL_WIDE_NONCE_BYTES);
    derive(key, out, own);
    gcm_seal(own, out + SEAL_WIDE_NONCE_BYTES - SEAL_NONCE_BYTES, aad, plain.p, plain.n, out + SEAL_WIDE_NONCE_BYTES);
    seal_erase(own, sizeof own);
    return (struct str){ (const char *)out, plain.n + SEAL_WIDE_EXTRA_BYTES };
}

int seal_wide_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret)
{
    uint8_t own[SEAL_KEY_BYTES];
    if (sealed.n < SEAL_WIDE_EXTRA_BYTES)
        return E_INVALID;
    derive(key, (const uint8_t *)sealed.p, own);
    int rc = open_behind(a, own, SEAL_WIDE_NONCE_BYTES, aad, sealed, ret);
    seal_erase(own, sizeof own);
    return rc;
}

/* ---- chunks: the nonce is the number ---- */

static void chunk_nonce(uint64_t index, uint8_t ret[SEAL_NONCE_BYTES])
{
    memset(ret, 0, SEAL_NONCE_BYTES);
    for (int i = 0; i < 8; i++)
        ret[SEAL_NONCE_BYTES - 1 - i] = (uint8_t)(index >> (8 * i));
}

void seal_chunk(const uint8_t key[SEAL_KEY_BYTES], uint64_t index, const void *plain, size_t n, uint8_t *out)
{
    uint8_t nonce[SEAL_NONCE_BYTES];
    chunk_nonce(index, nonce);
    gcm_seal(key, nonce, STR_NONE, plain, n, out);
}

int seal_chunk_open(const uint8_t key[SEAL_KEY_BYTES], uint64_t index, const void *sealed, size_t n, uint8_t *out)
{
    uint8_t nonce[SEAL_NONCE_BYTES];
    chunk_nonce(index, nonce);
    return n < SEAL_TAG_BYTES ? E_INVALID : gcm_open(key, nonce, STR_NONE, sealed, n - SEAL_TAG_BYTES, out);
}

int seal_key_of_passphrase(const char *file, const uint8_t *salt, size_t salt_bytes, uint8_t ret[SEAL_KEY_BYTES])
{
    enum { LINE_BYTES_MAX = 1024, N = 1 << 17, R = 8, P = 1, MEMORY_BYTES_MAX = 256 << 20 };
    char text[LINE_BYTES_MAX];
    struct str line, rest;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? E_NOT_FOUND : E_IO;
    ssize_t n = read(fd, text, sizeof text);
    int rc = n < 0 ? E_IO : 0;
    close(fd);
    str_cut((struct str){ text, n < 0 ? 0 : (size_t)n }, '\n', &line, &rest);
    if (rc == 0 && line.n == 0)
        rc = E_INVALID;
    if (rc == 0 && !EVP_PBE_scrypt(line.p, line.n, salt, salt_bytes, N, R, P, MEMORY_BYTES_MAX, ret, SEAL_KEY_BYTES))
        rc = E_IO;
    seal_erase(text, sizeof text);
    return rc;
}
