/* AES-256-GCM (OpenSSL): what is kept secret at rest, and what KMS does for its clients.
 *
 * Three forms, each authenticated; the associated data (aad) is not in any of them and must be the same at opening:
 *   seal         a random nonce of 12 bytes, the ciphertext, the tag; for keys that seal less than 2^32 texts
 *   seal_wide    XAES-256-GCM (C2SP): a random nonce of 24 bytes, for keys that seal without bound (data keys)
 *   chunks       a long text in chunks that are sealed alone, so that any of them opens without the others; each key seals one text only */
#ifndef STRATA_BASE_SEAL_H
#define STRATA_BASE_SEAL_H

#include "base/str.h"

enum { SEAL_KEY_BYTES = 32, SEAL_NONCE_BYTES = 12, SEAL_TAG_BYTES = 16, SEAL_EXTRA_BYTES = SEAL_NONCE_BYTES + SEAL_TAG_BYTES };
enum { SEAL_WIDE_NONCE_BYTES = 24, SEAL_WIDE_EXTRA_BYTES = SEAL_WIDE_NONCE_BYTES + SEAL_TAG_BYTES };

struct str seal(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain); /* never fails */
/* The plaintext is erased when the arena is. E_INVALID: another key, other aad, or changed bytes. */
int seal_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret);

struct str seal_wide(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain); /* never fails */
int seal_wide_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret);

/* Chunk number `index` (SEAL_CHUNK_BYTES of plaintext; the last one less) with its tag behind it. That there are as many chunks as there should be is
 * for the caller to know: by the length of the text. */
enum { SEAL_CHUNK_BYTES = 32 * 1024, SEAL_CHUNK_SEALED_BYTES = SEAL_CHUNK_BYTES + SEAL_TAG_BYTES };
void seal_chunk(const uint8_t key[SEAL_KEY_BYTES], uint64_t index, const void *plain, size_t n, uint8_t *out); /* n + SEAL_TAG_BYTES; not in place */
int seal_chunk_open(const uint8_t key[SEAL_KEY_BYTES], uint64_t index, const void *sealed, size_t n, uint8_t *out); /* n counts the tag. E_INVALID */

/* The key that a passphrase stands for: scrypt (N 2^17, r 8, p 1: 128 MB, some 300 ms) of the first line of a file. E_INVALID: it is empty; E_NOT_FOUND, E_IO. */
int seal_key_of_passphrase(const char *file, const uint8_t *salt, size_t salt_bytes, uint8_t ret[SEAL_KEY_BYTES]);

void seal_erase(void *p, size_t n);                     /* not optimised away */
void seal_erase_later(struct arena *a, struct str s);   /* when the arena is cleared or freed */

#endif
