/* Store keys: tuples whose byte order is the logical order.
 *
 * A key is a sequence of elements; each starts with a type byte. Strings are escaped (00 -> 01 01, 01 -> 01 02) and end with 00: a
 * shorter string sorts before its extensions, and since 00 stands nowhere else, the bytes of one tuple begin with those of another
 * only if its elements do: a scan over a prefix never meets the strings that extend its last one. Integers are fixed 8 bytes big
 * endian with the sign bit flipped. Building never fails: over LIMIT_KEY_BYTES the key is marked over, and the store refuses it
 * with E_LIMIT. */
#ifndef STRATA_STORE_KEY_H
#define STRATA_STORE_KEY_H

#include "base/limits.h"
#include "base/str.h"

struct key {
    uint16_t n; /* LIMIT_KEY_BYTES + 1 when over: that is how the store knows */
    bool over;
    uint8_t b[LIMIT_KEY_BYTES + 1];
};

void key_init(struct key *k);
void key_str(struct key *k, struct str s);          /* any bytes; absent counts as empty */
void key_c(struct key *k, const char *c_string);
void key_str_open(struct key *k, struct str s);     /* only for scans: the common beginning of all strings that begin with s */
void key_i64(struct key *k, int64_t v);
void key_i64_desc(struct key *k, int64_t v);        /* the greatest first */
void key_raw(struct key *k, struct str bytes);      /* appended as they are: the caller keeps their order (DynamoDB numbers) */
static inline struct str key_view(const struct key *k) { return (struct str){ (const char *)k->b, k->n }; }

/* The smallest key behind every key that starts with k: the `to` of a scan over a prefix. Empty (no bound) when there is none. */
void key_after_prefix(const struct key *k, struct key *ret);

/* Reads a key back, element by element, in order. E_INVALID when the element is of another type or the key ends. */
struct key_reader {
    struct str rest;
};
void key_read_init(struct key_reader *r, struct str key);
int key_read_str(struct key_reader *r, struct arena *a, struct str *ret);
int key_read_i64(struct key_reader *r, int64_t *ret);
int key_read_i64_desc(struct key_reader *r, int64_t *ret);
/* The rest of it for a person to read: elements between slashes, what is none in hex. In the arena. */
struct str key_text(struct arena *a, const struct key_reader *r);

#endif
