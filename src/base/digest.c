#include <assert.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/code.h"

static void digest(const EVP_MD *md, const void *p, size_t n, uint8_t *out)
{
    unsigned out_n = 0;
    int ok = EVP_Digest(p, n, out, &out_n, md, NULL);
    assert(ok == 1);
    (void)ok;
}

void digest_md5(const void *p, size_t n, uint8_t out[16])
{
    digest(EVP_md5(), p, n, out);
}

void digest_sha1(const void *p, size_t n, uint8_t out[20])
{
    digest(EVP_sha1(), p, n, out);
}

void digest_sha256(const void *p, size_t n, uint8_t out[32])
{
    digest(EVP_sha256(), p, n, out);
}

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[32])
{
    unsigned out_n = 0;
    unsigned char *ok = HMAC(EVP_sha256(), key, (int)key_n, p, n, out, &out_n);
    assert(ok && out_n == 32);
    (void)ok;
}

void random_bytes(void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)p + done, n - done, 0);
        assert(got > 0 || got == -1);
        if (got > 0)
            done += (size_t)got;
    }
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
