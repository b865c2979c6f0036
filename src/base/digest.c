/* Digests by nettle, whose states are plain structs: OpenSSL 3 looks an algorithm up under locks and allocates for each digest, which for the
 * short strings of a signature costs more than the digest (HMAC of 130 bytes: 1.03 us there, 0.23 us here). */
#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include "base/arena.h"
#include "base/code.h"

void digest_md5(const void *p, size_t n, uint8_t out[16])
{
    struct md5_ctx c;
    md5_init(&c);
    md5_update(&c, n, p);
    md5_digest(&c, MD5_DIGEST_SIZE, out);
}

void digest_sha1(const void *p, size_t n, uint8_t out[20])
{
    struct sha1_ctx c;
    sha1_init(&c);
    sha1_update(&c, n, p);
    sha1_digest(&c, SHA1_DIGEST_SIZE, out);
}

void digest_sha256(const void *p, size_t n, uint8_t out[32])
{
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, n, p);
    sha256_digest(&c, SHA256_DIGEST_SIZE, out);
}

void hmac_sha1(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[20])
{
    struct hmac_sha1_ctx c;
    hmac_sha1_set_key(&c, key_n, key);
    hmac_sha1_update(&c, n, p);
    hmac_sha1_digest(&c, SHA1_DIGEST_SIZE, out);
    explicit_bzero(&c, sizeof c);
}

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[32])
{
    struct hmac_sha256_ctx c;
    hmac_sha256_set_key(&c, key_n, key);
    hmac_sha256_update(&c, n, p);
    hmac_sha256_digest(&c, SHA256_DIGEST_SIZE, out);
    explicit_bzero(&c, sizeof c);
}

static void kernel_random(void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)p + done, n - done, 0);
        assert(got > 0 || got == -1);
        if (got > 0)
            done += (size_t)got;
    }
}

/* Every request takes a few bytes for its id: a thread asks the kernel for many at once, and forgets each as it hands it out. */
void random_bytes(void *p, size_t n)
{
    static _Thread_local struct {
        uint8_t bytes[1024];
        size_t left;
    } pool;
    if (n > sizeof pool.bytes / 4) {
        kernel_random(p, n);
        return;
    }
    if (pool.left < n) {
        kernel_random(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= n;
    memcpy(p, pool.bytes + pool.left, n);
    explicit_bzero(pool.bytes + pool.left, n);
}

struct str random_hex(struct arena *a, size_t digits)
{
    return random_alnum(a, digits, "0123456789abcdef");
}

struct str random_alnum(struct arena *a, size_t chars, const char *alphabet)
{
    size_t n = str_c(alphabet).n;
    assert(n > 1 && n <= 256);
    unsigned fair = 256 / (unsigned)n * (unsigned)n; /* bytes from here on would favour the first letters */
    char *out = arena_alloc(a, chars + 1);
    uint8_t pool[64];
    size_t left = 0;
    for (size_t i = 0; i < chars;) {
        if (left == 0) {
            random_bytes(pool, sizeof pool);
            left = sizeof pool;
        }
        unsigned byte = pool[--left];
        if (byte < fair)
            out[i++] = alphabet[byte % n];
    }
    return (struct str){ out, chars };
}

struct str random_uuid(struct arena *a)
{
    uint8_t b[16];
    random_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    /* Every request makes one for its id, so not by printf. */
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(a, 37), *p = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[b[i] >> 4];
        *p++ = digits[b[i] & 15];
    }
    return (struct str){ text, (size_t)(p - text) };
}
