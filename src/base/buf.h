/* A growing output buffer with a maximum. Errors stick: after the maximum is passed every write is ignored and buf_ok is false,
 * so a writer checks once, at the end. Memory comes from the arena. */
#ifndef STRATA_BASE_BUF_H
#define STRATA_BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap, max_bytes;
    struct arena *arena;
    bool over;
};

void buf_init(struct buf *b, struct arena *a, size_t max_bytes);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_c(struct buf *b, const char *c_string);
void buf_byte(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_json_string(struct buf *b, struct str s); /* with its quotes; RFC 8259, invalid UTF-8 becomes U+FFFD */
/* Escapes & < > " ' and control characters (as S3 does, though XML 1.0 has no reference to them); invalid UTF-8 and NUL become U+FFFD. */
void buf_xml_text(struct buf *b, struct str s);
void buf_xml_attribute(struct buf *b, struct str s); /* what stands between the quotes */
static inline bool buf_ok(const struct buf *b) { return !b->over; }
struct str buf_done(struct buf *b); /* NUL-terminated view; absent when over */

#endif
