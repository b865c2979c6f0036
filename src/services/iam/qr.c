#include "services/iam/qr.h"

#include <arpa/inet.h>
#include <string.h>

#include <qrencode.h>
#include <zlib.h>

#include "base/buf.h"

/* Pixels a module, and modules around the code: the standard asks for four of these. */
enum { SCALE = 4, QUIET = 4, PNG_BYTES_MAX = 1024 * 1024 };

static void chunk(struct buf *b, const char type[4], const void *p, size_t n)
{
    uint32_t length = htonl((uint32_t)n), crc = (uint32_t)crc32(0, (const Bytef *)type, 4);
    crc = htonl(n ? (uint32_t)crc32(crc, p, (uInt)n) : crc);
    buf_put(b, &length, 4);
    buf_put(b, type, 4);
    buf_put(b, p, n);
    buf_put(b, &crc, 4);
}

/* Rows of one bit a pixel, 1 for white, each behind a byte that says it is not filtered. */
static struct str pixels(struct arena *a, const QRcode *code)
{
    size_t side = ((size_t)code->width + 2 * QUIET) * SCALE, row_bytes = 1 + (side + 7) / 8;
    uint8_t *rows = arena_alloc(a, row_bytes * side);
    memset(rows, 0xFF, row_bytes * side);
    for (size_t y = 0; y < side; y++) {
        uint8_t *row = rows + y * row_bytes;
        size_t my = y / SCALE - QUIET;
        row[0] = 0;
        for (size_t x = 0; x < side; x++) {
            size_t mx = x / SCALE - QUIET; /* within the quiet zone it is beyond the width, or wraps to beyond it */
            if (mx < (size_t)code->width && my < (size_t)code->width && (code->data[my * (size_t)code->width + mx] & 1))
                row[1 + x / 8] &= (uint8_t) ~(0x80 >> x % 8);
        }
    }
    return (struct str){ (const char *)rows, row_bytes * side };
}

struct str qr_png(struct arena *a, struct str text)
{
    struct buf b;
    QRcode *code = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
    if (!code)
        return STR_NONE;
    uint32_t side = htonl(((uint32_t)code->width + 2 * QUIET) * SCALE);
    uint8_t header[13] = { [8] = 1 }; /* a bit a pixel; grey, deflate, no interlace are 0 */
    memcpy(header, &side, 4);
    memcpy(header + 4, &side, 4);
    struct str raw = pixels(a, code);
    uLongf packed_bytes = compressBound(raw.n);
    Bytef *packed = arena_alloc(a, packed_bytes);
    compress(packed, &packed_bytes, (const Bytef *)raw.p, raw.n);
    buf_init(&b, a, PNG_BYTES_MAX);
    buf_put(&b, "\x89PNG\r\n\x1a\n", 8);
    chunk(&b, "IHDR", header, sizeof header);
    chunk(&b, "IDAT", packed, packed_bytes);
    chunk(&b, "IEND", "", 0);
    QRcode_free(code);
    return buf_done(&b);
}
