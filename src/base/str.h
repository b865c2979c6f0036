/* Strings and bytes: a pointer and a length, never owning.
 *
 * p == NULL means absent (an AWS member that was not sent); an empty string has p != NULL and n == 0.
 * Strings that decoders, arenas and literals make are also NUL-terminated just behind their last byte, so .p may go
 * to C functions; a str made by cutting another is not. Strings may contain NUL bytes: n is the truth. */
#ifndef STRATA_BASE_STR_H
#define STRATA_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : "" /* for "%.*s" */
#define STR_NONE ((struct str){ NULL, 0 })

struct str str_c(const char *c_string); /* NULL gives STR_NONE */
static inline bool str_set(struct str s) { return s.p != NULL; }
bool str_eq(struct str a, struct str b); /* absent equals only absent */
static inline bool str_is(struct str a, const char *c_string) /* here, so that the length of a literal is known */
{
    return a.p && a.n == strlen(c_string) && memcmp(a.p, c_string, a.n) == 0;
}
bool str_eq_nocase(struct str a, struct str b); /* ASCII */
bool str_eq_consttime(struct str a, struct str b); /* for secrets: time depends on the lengths only */
int str_cmp(struct str a, struct str b);           /* byte order, as memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
struct str str_sub(struct str s, size_t from, size_t count); /* clamped to s */
struct str str_trim(struct str s);                            /* ASCII blanks at both ends */
/* Splits at the first (last) sep: true and both halves, or false with *before = s and *after absent. */
bool str_cut(struct str s, char sep, struct str *ret_before, struct str *ret_after);
bool str_cut_last(struct str s, char sep, struct str *ret_before, struct str *ret_after);

int str_to_i64(struct str s, int64_t *ret); /* whole decimal, optional sign; E_INVALID */
int str_to_f64(struct str s, double *ret);  /* E_INVALID */
bool str_is_utf8(struct str s);
size_t str_characters(struct str s); /* code points of UTF-8: what AWS counts */
uint64_t str_hash(struct str s); /* for tables of our own in memory: no defence against chosen keys */

/* Bytes at its beginning ... */
size_t str_above(struct str s, unsigned char least); /* ... that are at least that; least < 128 */
size_t str_plain(struct str s); /* ... that JSON writes as they are: ASCII from blank on, but quotes and backslashes */

/* In the arena, NUL-terminated. */
struct str str_dup(struct arena *a, struct str s); /* absent stays absent */
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str str_vprintf(struct arena *a, const char *fmt, va_list ap);
/* What the two and buf_printf stand on (format.c): like vsnprintf without a NUL, but that "%.*s" has all its bytes. Returns how many there are in all. */
size_t str_format(char *out, size_t room, const char *fmt, va_list ap);
/* str_cat(a, STR("x="), s, ...): the parts behind one another; where every request passes, in place of str_printf. */
#define str_cat(a, ...) str_cat_n((a), (const struct str[]){ __VA_ARGS__ }, sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str))
struct str str_cat_n(struct arena *a, const struct str *v, size_t count);
struct str str_lower(struct arena *a, struct str s);
struct str str_upper(struct arena *a, struct str s);
struct str str_replace(struct arena *a, struct str s, struct str from, struct str to);

/* Optional scalars of typed structs. A timestamp is an opt_i64 in milliseconds since 1970 UTC. */
struct opt_i64 {
    bool set;
    int64_t v;
};
struct opt_f64 {
    bool set;
    double v;
};
struct opt_bool {
    bool set;
    bool v;
};
static inline int64_t opt_i64(struct opt_i64 o, int64_t otherwise) { return o.set ? o.v : otherwise; }
static inline double opt_f64(struct opt_f64 o, double otherwise) { return o.set ? o.v : otherwise; }
static inline bool opt_bool(struct opt_bool o, bool otherwise) { return o.set ? o.v : otherwise; }
static inline struct str opt_str(struct str s, struct str otherwise) { return s.p ? s : otherwise; }
#define SOME_I64(x) ((struct opt_i64){ true, (x) })
#define SOME_F64(x) ((struct opt_f64){ true, (x) })
#define SOME_BOOL(x) ((struct opt_bool){ true, (x) })

#endif
