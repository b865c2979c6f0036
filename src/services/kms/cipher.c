/* A ciphertext: version, account, key id, number of the material, then the sealed text. The head and the encryption context are authenticated. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "services/kms/key.h"

enum { CIPHER_VERSION = 1, ACCOUNT_CHARS = 12, KEY_ID_CHARS = 36, HEAD_BYTES = 1 + ACCOUNT_CHARS + KEY_ID_CHARS + 4, AAD_BYTES_MAX = 1 << 20 };

static void put_u32(struct buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_byte(b, (char)(v >> shift));
}

static void put_text(struct buf *b, struct str s)
{
    put_u32(b, (uint32_t)s.n);
    buf_str(b, s);
}

/* The pairs in the order of their keys: a context is a map. */
static struct str aad_of(struct arena *a, struct str head, const struct str_map *context)
{
    struct str_map sorted = { 0 };
    struct buf b;
    buf_init(&b, a, AAD_BYTES_MAX);
    buf_str(&b, head);
    for (uint32_t i = 0; i < context->n; i++)
        *list_push(a, &sorted) = context->v[i];
    str_map_sort(&sorted);
    for (uint32_t i = 0; i < sorted.n; i++) {
        put_text(&b, sorted.v[i].key);
        put_text(&b, sorted.v[i].value);
    }
    return buf_done(&b);
}

struct str cipher_write(struct arena *a, const struct cipher_head *h, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context,
                        struct str plain)
{
    struct buf b;
    buf_init(&b, a, HEAD_BYTES + plain.n + SEAL_EXTRA_BYTES);
    buf_byte(&b, CIPHER_VERSION);
    buf_str(&b, h->account);
    buf_str(&b, h->key_id);
    put_u32(&b, h->material);
    struct str head = str_dup(a, (struct str){ b.p, b.n });
    buf_str(&b, seal(a, material, aad_of(a, head, context), plain));
    return buf_done(&b);
}

int cipher_head_read(struct str blob, struct cipher_head *ret)
{
    if (blob.n < HEAD_BYTES + SEAL_EXTRA_BYTES || blob.p[0] != CIPHER_VERSION)
        return E_INVALID;
    const uint8_t *number = (const uint8_t *)blob.p + HEAD_BYTES - 4;
    ret->account = str_sub(blob, 1, ACCOUNT_CHARS);
    ret->key_id = str_sub(blob, 1 + ACCOUNT_CHARS, KEY_ID_CHARS);
    ret->material = (uint32_t)number[0] << 24 | (uint32_t)number[1] << 16 | (uint32_t)number[2] << 8 | number[3];
    return 0;
}

int cipher_open(struct arena *a, struct str blob, const uint8_t material[SEAL_KEY_BYTES], const struct str_map *context, struct str *ret)
{
    struct str aad = aad_of(a, str_sub(blob, 0, HEAD_BYTES), context);
    if (!aad.p)
        return E_INVALID;
    return seal_open(a, material, aad, str_sub(blob, HEAD_BYTES, blob.n), ret);
}
