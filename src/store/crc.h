/* The cyclic checksums that S3 knows: CRC32 (zlib's), CRC32C, CRC64NVME. All reflected, begun with ones and inverted at the end. */
#ifndef STRATA_STORE_CRC_H
#define STRATA_STORE_CRC_H

#include <stddef.h>
#include <stdint.h>

enum crc_kind { CRC32, CRC32C, CRC64NVME, CRC_KINDS };

/* For eight bytes at a time. 48 KB; whoever computes much keeps them. */
struct crc_tables {
    uint64_t t[CRC_KINDS][8][256];
};

void crc_tables_init(struct crc_tables *t);

/* crc: 0 at first, then what the last call returned. */
uint64_t crc_update(const struct crc_tables *t, enum crc_kind kind, uint64_t crc, const void *p, size_t n);

/* The checksum of a text of which crc_a is the first part's and crc_b that of the second, b_bytes long. */
uint64_t crc_combine(enum crc_kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t b_bytes);

#endif
