/* Tuple keys: bytes are ordered as tuples are, what was written is read back, the end of a prefix is behind all that begins with it. */
#include "base/fuzz.h"
#include "store/key.h"

#include <string.h>

enum { ELEMENTS_MAX = 5 };

/* The kind of an element depends on its place, as in real keys. */
enum kind { KIND_STR, KIND_I64, KIND_DESC, KINDS };

struct tuple {
    unsigned n;
    struct str s[ELEMENTS_MAX];
    int64_t v[ELEMENTS_MAX];
};

static struct tuple tuple_take(struct fuzz *f)
{
    struct tuple t = { .n = fuzz_byte(f) % (ELEMENTS_MAX + 1) };
    for (unsigned i = 0; i < t.n; i++) {
        if (i % KINDS == KIND_STR) {
            size_t n = fuzz_byte(f) % 16;
            t.s[i] = fuzz_exact(f->arena, str_sub(f->rest, 0, n));
            f->rest = str_sub(f->rest, n, f->rest.n);
        }
        for (int k = 0; k < 8 && i % KINDS != KIND_STR; k++)
            t.v[i] = (int64_t)((uint64_t)t.v[i] << 8 | fuzz_byte(f));
    }
    return t;
}

static void tuple_key(const struct tuple *t, struct key *k)
{
    key_init(k);
    for (unsigned i = 0; i < t->n; i++) {
        if (i % KINDS == KIND_STR)
            key_str(k, t->s[i]);
        else if (i % KINDS == KIND_I64)
            key_i64(k, t->v[i]);
        else
            key_i64_desc(k, t->v[i]);
    }
}

static int tuple_compare(const struct tuple *a, const struct tuple *b, bool *ret_a_begins_b)
{
    *ret_a_begins_b = false;
    for (unsigned i = 0; i < a->n && i < b->n; i++) {
        int c = i % KINDS == KIND_STR ? str_cmp(a->s[i], b->s[i]) : (a->v[i] > b->v[i]) - (a->v[i] < b->v[i]);
        if (c)
            return i % KINDS == KIND_DESC ? -c : c;
    }
    *ret_a_begins_b = a->n <= b->n;
    return (a->n > b->n) - (a->n < b->n);
}

static int sign(int c) { return (c > 0) - (c < 0); }

static void read_back(struct arena *a, const struct tuple *t, const struct key *k)
{
    struct key_reader r;
    struct str s;
    int64_t v;
    key_read_init(&r, fuzz_exact(a, key_view(k)));
    for (unsigned i = 0; i < t->n; i++) {
        if (i % KINDS == KIND_STR)
            assert(key_read_str(&r, a, &s) == 0 && str_eq(s, opt_str(t->s[i], STR(""))));
        else if (i % KINDS == KIND_I64)
            assert(key_read_i64(&r, &v) == 0 && v == t->v[i]);
        else
            assert(key_read_i64_desc(&r, &v) == 0 && v == t->v[i]);
    }
    assert(r.rest.n == 0 && key_read_str(&r, a, &s) == E_INVALID && key_read_i64(&r, &v) == E_INVALID);
}

/* Bytes that nobody wrote are refused or read, never read past. */
static void read_anything(struct arena *a, struct str bytes)
{
    struct key_reader r;
    struct str s;
    int64_t v;
    key_read_init(&r, bytes);
    while (key_read_str(&r, a, &s) == 0 || key_read_i64(&r, &v) == 0 || key_read_i64_desc(&r, &v) == 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct key x, y, end; /* 8 KB each */
    struct fuzz f;
    bool begins;
    fuzz_init(&f, data, n);
    read_anything(f.arena, fuzz_exact(f.arena, f.rest));
    struct tuple a = tuple_take(&f), b = tuple_take(&f);
    tuple_key(&a, &x);
    tuple_key(&b, &y);
    int order = tuple_compare(&a, &b, &begins);
    assert(sign(str_cmp(key_view(&x), key_view(&y))) == sign(order));
    assert(str_starts(key_view(&y), key_view(&x)) == begins);
    key_after_prefix(&x, &end);
    assert(begins == (str_cmp(key_view(&x), key_view(&y)) <= 0 && (end.n == 0 || str_cmp(key_view(&y), key_view(&end)) < 0)));
    read_back(f.arena, &a, &x);
    fuzz_release(&f);
    return 0;
}
