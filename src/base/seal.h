/* AES-256-GCM (OpenSSL): what is kept secret at rest, and what KMS does for its clients.
 *
 * A sealed text is a random nonce, the ciphertext, the tag. The associated data (aad) is not in it and must be the same at opening. */
#ifndef STRATA_BASE_SEAL_H
#define STRATA_BASE_SEAL_H

#include "base/str.h"

enum { SEAL_KEY_BYTES = 32, SEAL_NONCE_BYTES = 12, SEAL_TAG_BYTES = 16, SEAL_EXTRA_BYTES = SEAL_NONCE_BYTES + SEAL_TAG_BYTES };

struct str seal(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str plain); /* never fails */
/* The plaintext is erased when the arena is. E_INVALID: another key, other aad, or changed bytes. */
int seal_open(struct arena *a, const uint8_t key[SEAL_KEY_BYTES], struct str aad, struct str sealed, struct str *ret);

void seal_erase(void *p, size_t n);                     /* not optimised away */
void seal_erase_later(struct arena *a, struct str s);   /* when the arena is cleared or freed */

#endif
