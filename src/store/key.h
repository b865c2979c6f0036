/* Store keys: tuples whose byte order is the logical order (as FoundationDB's tuple layer orders them).
 *
 * A key is a sequence of elements; each starts with a type byte. Strings are escaped (00 -> 00 FF) and end with 00, so a shorter
 * string sorts before its extensions and a prefix of elements is a prefix of bytes. Integers are fixed 8 bytes big endian with
 * the sign bit flipped. Building never fails: over LIMIT_KEY_BYTES the key is marked over, and the store refuses it with E_LIMIT. */
#ifndef STRATA_STORE_KEY_H
#define STRATA_STORE_KEY_H

#include "base/limits.h"
#include "base/str.h"

struct key {
    uint16_t n;
    bool over;
    uint8_t b[LIMIT_KEY_BYTES];
};

void key_init(struct key *k);
void key_str(struct key *k, struct str s);          /* any bytes; absent counts as empty */
void key_c(struct key *k, const char *c_string);
void key_i64(struct key *k, int64_t v);
void key_i64_desc(struct key *k, int64_t v);        /* the greatest first */
void key_raw(struct key *k, struct str bytes);      /* appended as they are: the caller keeps their order (DynamoDB numbers) */
static inline struct str key_view(const struct key *k) { return (struct str){ (const char *)k->b, k->n }; }

/* The smallest key behind every key that starts with k: the `to` of a scan over a prefix. */
void key_after_prefix(const struct key *k, struct key *ret);

/* Reads a key back, element by element, in order. E_INVALID when the element is of another type or the key ends. */
struct key_reader {
    struct str rest;
};
void key_read_init(struct key_reader *r, struct str key);
int key_read_str(struct key_reader *r, struct arena *a, struct str *ret);
int key_read_i64(struct key_reader *r, int64_t *ret);
int key_read_i64_desc(struct key_reader *r, int64_t *ret);

#endif
