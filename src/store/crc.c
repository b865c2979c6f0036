#include "store/crc.h"

#include <stdbool.h>
#include <string.h>

static const uint64_t polynomials[CRC_KINDS] = { 0xedb88320, 0x82f63b78, 0x9a6c9329ac4bc9b5 };

static int crc_bits(enum crc_kind kind)
{
    return kind == CRC64NVME ? 64 : 32;
}

static uint64_t crc_ones(enum crc_kind kind)
{
    return kind == CRC64NVME ? UINT64_MAX : UINT32_MAX;
}

void crc_tables_init(struct crc_tables *t)
{
    for (int kind = 0; kind < CRC_KINDS; kind++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t c = byte;
            for (int bit = 0; bit < 8; bit++)
                c = c & 1 ? (c >> 1) ^ polynomials[kind] : c >> 1;
            t->t[kind][0][byte] = c;
        }
        for (int slice = 1; slice < 8; slice++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                uint64_t c = t->t[kind][slice - 1][byte];
                t->t[kind][slice][byte] = (c >> 8) ^ t->t[kind][0][c & 0xff];
            }
        }
    }
}

#if defined(__x86_64__)
static bool has_crc32c_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint64_t crc32c_instruction(uint64_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    for (; n > 0; p++, n--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return c;
}
#else
static bool has_crc32c_instruction(void)
{
    return false;
}

static uint64_t crc32c_instruction(uint64_t c, const uint8_t *p, size_t n)
{
    return c;
}
#endif

/* Slicing by eight: the tables say what each of eight bytes leaves behind when the others follow it. */
static uint64_t crc_slices(const uint64_t t[8][256], uint64_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w = 0;
        for (int i = 0; i < 8; i++)
            w |= (uint64_t)p[i] << (8 * i);
        w ^= c;
        c = t[7][w & 0xff] ^ t[6][w >> 8 & 0xff] ^ t[5][w >> 16 & 0xff] ^ t[4][w >> 24 & 0xff] ^ t[3][w >> 32 & 0xff] ^
            t[2][w >> 40 & 0xff] ^ t[1][w >> 48 & 0xff] ^ t[0][w >> 56];
    }
    for (; n > 0; p++, n--)
        c = (c >> 8) ^ t[0][(c ^ *p) & 0xff];
    return c;
}

uint64_t crc_update(const struct crc_tables *t, enum crc_kind kind, uint64_t crc, const void *p, size_t n)
{
    uint64_t c = crc ^ crc_ones(kind);
    if (kind == CRC32C && has_crc32c_instruction())
        c = crc32c_instruction(c, p, n);
    else
        c = crc_slices(t->t[kind], c, p, n);
    return c ^ crc_ones(kind);
}

/* The product of two polynomials modulo the kind's; the highest bit is x^0. */
static uint64_t multiply(enum crc_kind kind, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = 1ULL << (crc_bits(kind) - 1); bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? (b >> 1) ^ polynomials[kind] : b >> 1;
    }
    return product;
}

uint64_t crc_combine(enum crc_kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t b_bytes)
{
    uint64_t shift = 1ULL << (crc_bits(kind) - 1);      /* x^0 */
    uint64_t power = 1ULL << (crc_bits(kind) - 1 - 8);  /* x^8: one byte further */
    for (; b_bytes; b_bytes >>= 1) {
        if (b_bytes & 1)
            shift = multiply(kind, shift, power);
        power = multiply(kind, power, power);
    }
    return multiply(kind, crc_a, shift) ^ crc_b;
}
