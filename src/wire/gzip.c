#include "wire/codec.h"

#include <stdlib.h>
#include <zlib.h>

int plain_body(const struct exchange *x, struct str *ret)
{
    struct str encoding = exchange_header(x, "Content-Encoding");
    *ret = x->body;
    if (!x->body.n || !str_eq_nocase(str_trim(opt_str(encoding, STR(""))), STR("gzip")))
        return 0;
    z_stream z = { .next_in = (Bytef *)x->body.p, .avail_in = (uInt)x->body.n };
    if (inflateInit2(&z, 15 + 16) != Z_OK) /* a gzip header is expected */
        abort();
    struct buf b;
    buf_init(&b, x->arena, LIMIT_BODY_BYTES);
    char piece[16 * 1024];
    int rc = Z_OK;
    while (rc == Z_OK && buf_ok(&b)) {
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof piece;
        rc = inflate(&z, Z_NO_FLUSH);
        buf_put(&b, piece, sizeof piece - z.avail_out);
    }
    inflateEnd(&z);
    if (!buf_ok(&b))
        return E_LIMIT;
    *ret = buf_done(&b);
    return rc == Z_STREAM_END ? 0 : E_INVALID;
}
