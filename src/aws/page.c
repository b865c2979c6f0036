#include "aws/page.h"

#include <string.h>

#include "base/buf.h"
#include "base/code.h"

enum { SEAL_BYTES = 8 };

/* Without the seal a made-up token could start a scan in another account's keys. */
static void checksum(struct op *op, struct str key, uint8_t out[32])
{
    struct buf b;
    buf_init(&b, op->arena, LIMIT_KEY_BYTES + 1024);
    buf_printf(&b, "%s:%s:", op->row ? op->row->service->name : "", op->row ? op->row->name : "");
    buf_str(&b, op->account);
    buf_byte(&b, ':');
    buf_str(&b, key);
    hmac_sha256(op->seal_key.p, op->seal_key.n, b.p, b.n, out);
}

struct str page_token(struct op *op, struct str next_key)
{
    if (!next_key.p)
        return STR_NONE;
    uint8_t mac[32];
    checksum(op, next_key, mac);
    char *raw = arena_alloc(op->arena, SEAL_BYTES + next_key.n);
    memcpy(raw, mac, SEAL_BYTES);
    memcpy(raw + SEAL_BYTES, next_key.p, next_key.n);
    return base64url_encode(op->arena, raw, SEAL_BYTES + next_key.n);
}

int page_key(struct op *op, struct str token, struct str *ret_key)
{
    struct str raw;
    if (token.n > 4 * LIMIT_KEY_BYTES || base64url_decode(op->arena, token, &raw) || raw.n <= SEAL_BYTES)
        return E_INVALID;
    struct str key = { raw.p + SEAL_BYTES, raw.n - SEAL_BYTES };
    uint8_t mac[32];
    checksum(op, key, mac);
    if (!str_eq_consttime((struct str){ (const char *)mac, SEAL_BYTES }, (struct str){ raw.p, SEAL_BYTES }))
        return E_INVALID;
    *ret_key = key;
    return 0;
}
