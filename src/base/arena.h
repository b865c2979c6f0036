/* Arena: memory that is released all at once.
 *
 * A request owns one; nothing in a request is freed by hand. Memory comes zeroed and aligned to 16 bytes.
 * Out of memory aborts (the store is crash-safe), so nothing here fails; inputs are bounded by base/limits.h before they get here.
 * Not thread-safe: one owner at a time. */
#ifndef STRATA_BASE_ARENA_H
#define STRATA_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* NULL-safe */
void arena_clear(struct arena *a); /* empties it and keeps its first block for the next use */

void *arena_alloc(struct arena *a, size_t bytes);
void *arena_grow(struct arena *a, void *p, size_t bytes, size_t more); /* p (NULL: none) of so many bytes with more of them: where it lies, or a copy */
void *arena_dup(struct arena *a, const void *p, size_t bytes);
size_t arena_bytes(const struct arena *a); /* handed out so far */

/* Runs fn(arg) when the arena is cleared or freed, last registered first: for the few things in a request that are not memory. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

#define arena_one(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_many(a, type, count) ((type *)arena_alloc((a), sizeof(type) * (size_t)(count)))

/* malloc that aborts; for what outlives requests. Free with free(). */
void *xalloc(size_t bytes);
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);

#endif
