#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer what is not handed out may not be touched, and pieces have a gap between them: a reader past its slice is caught. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { BLOCK_BYTES = 16 * 1024 - 64, ALIGN = 16 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGN) char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct block *head;  /* the block being filled; the first block is the last in the chain */
    struct deferred *deferred;
    size_t bytes;
};

void *xalloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p) {
        fprintf(stderr, "strata: out of memory (%zu bytes)\n", bytes);
        abort();
    }
    return p;
}

void *xrealloc(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q) {
        fprintf(stderr, "strata: out of memory (%zu bytes)\n", bytes);
        abort();
    }
    return q;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xalloc(n), s, n);
}

static struct block *block_new(size_t data_bytes)
{
    /* Only the handed-out part is zeroed, in arena_alloc. */
    struct block *b = malloc(sizeof(struct block) + data_bytes);
    if (!b) {
        fprintf(stderr, "strata: out of memory (%zu bytes)\n", data_bytes);
        abort();
    }
    b->next = NULL;
    b->size = data_bytes;
    b->used = 0;
    ASAN_POISON_MEMORY_REGION(b->data, data_bytes);
    return b;
}

struct arena *arena_new(void)
{
    struct arena *a = xalloc(sizeof *a);
    a->head = block_new(BLOCK_BYTES);
    return a;
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

void arena_clear(struct arena *a)
{
    run_deferred(a);
    while (a->head->next) {
        struct block *b = a->head;
        a->head = b->next;
        free(b);
    }
    a->head->used = 0;
    a->bytes = 0;
    ASAN_POISON_MEMORY_REGION(a->head->data, a->head->size);
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_clear(a);
    free(a->head);
    free(a);
}

/* What a piece of so many bytes takes in a block. */
static size_t padded(size_t bytes)
{
    size_t n = (bytes + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return n ? n : ALIGN;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    assert(bytes < SIZE_MAX / 2);
    size_t need = padded(bytes);
    if (a->head->size - a->head->used < need) {
        struct block *b = block_new(need > BLOCK_BYTES / 4 ? need : BLOCK_BYTES);
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->data + a->head->used;
    a->head->used += need;
    a->bytes += need;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return memset(p, 0, bytes);
}

void *arena_grow(struct arena *a, void *p, size_t bytes, size_t more)
{
    struct block *b = a->head;
    size_t had = padded(bytes), need = padded(more);
    if (p && p == b->data + b->used - had && b->size - b->used >= need - had) { /* it is the last piece */
        b->used += need - had;
        a->bytes += need - had;
        ASAN_UNPOISON_MEMORY_REGION(p, more);
        memset((char *)p + bytes, 0, more - bytes);
        return p;
    }
    void *q = arena_alloc(a, more);
    if (bytes)
        memcpy(q, p, bytes);
    return q;
}

void *arena_dup(struct arena *a, const void *p, size_t bytes)
{
    void *q = arena_alloc(a, bytes);
    if (bytes)
        memcpy(q, p, bytes);
    return q;
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = arena_one(a, struct deferred);
    d->fn = fn;
    d->arg = arg;
    d->next = a->deferred;
    a->deferred = d;
}
