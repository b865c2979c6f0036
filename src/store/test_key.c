#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "store/key.h"

enum { ELEMENTS_MAX = 4, TUPLES = 400 };

struct element {
    int kind; /* 0 string, 1 integer, 2 integer descending */
    char bytes[6];
    size_t n;
    int64_t v;
};

struct tuple {
    int n;
    struct element e[ELEMENTS_MAX];
};

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* The kind of an element depends on its place, as in real keys: only so is there one logical order. */
static struct tuple tuple_random(void)
{
    static const char alphabet[] = { 0, 1, 2, 'a', (char)0xfe, (char)0xff };
    static const int64_t integers[] = { INT64_MIN, -256, -1, 0, 1, 255, 256, INT64_MAX };
    struct tuple t = { .n = 1 + (int)(rnd() % ELEMENTS_MAX) };
    for (int i = 0; i < t.n; i++) {
        t.e[i].kind = i == 3 ? 2 : i % 2;
        t.e[i].n = rnd() % 4;
        for (size_t j = 0; j < t.e[i].n; j++)
            t.e[i].bytes[j] = alphabet[rnd() % sizeof alphabet];
        t.e[i].v = rnd() % 3 ? integers[rnd() % 8] : (int64_t)rnd();
    }
    return t;
}

static int element_compare(const struct element *a, const struct element *b)
{
    if (a->kind == 0) {
        size_t n = a->n < b->n ? a->n : b->n;
        int c = memcmp(a->bytes, b->bytes, n);
        return c ? c : (a->n > b->n) - (a->n < b->n);
    }
    int c = (a->v > b->v) - (a->v < b->v);
    return a->kind == 2 ? -c : c;
}

static bool is_prefix(const struct tuple *a, const struct tuple *b)
{
    if (a->n > b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (element_compare(&a->e[i], &b->e[i]) != 0)
            return false;
    return true;
}

static int tuple_compare(const struct tuple *a, const struct tuple *b)
{
    for (int i = 0; i < a->n && i < b->n; i++) {
        int c = element_compare(&a->e[i], &b->e[i]);
        if (c)
            return c;
    }
    return a->n - b->n;
}

static void tuple_key(const struct tuple *t, struct key *k)
{
    key_init(k);
    for (int i = 0; i < t->n; i++) {
        if (t->e[i].kind == 0)
            key_str(k, (struct str){ t->e[i].bytes, t->e[i].n });
        else if (t->e[i].kind == 1)
            key_i64(k, t->e[i].v);
        else
            key_i64_desc(k, t->e[i].v);
    }
}

static int sign(int c)
{
    return (c > 0) - (c < 0);
}

TEST(byte_order_is_the_logical_order)
{
    static struct tuple t[TUPLES];
    static struct key k[TUPLES];
    struct key after;
    for (int i = 0; i < TUPLES; i++) {
        t[i] = tuple_random();
        tuple_key(&t[i], &k[i]);
    }
    for (int i = 0; i < TUPLES; i++) {
        key_after_prefix(&k[i], &after);
        for (int j = 0; j < TUPLES; j++) {
            assert_int_equal(sign(str_cmp(key_view(&k[i]), key_view(&k[j]))), sign(tuple_compare(&t[i], &t[j])));
            bool in_range = str_cmp(key_view(&k[j]), key_view(&k[i])) >= 0 && str_cmp(key_view(&k[j]), key_view(&after)) < 0;
            assert_int_equal(in_range, is_prefix(&t[i], &t[j]));
        }
    }
}

TEST(keys_read_back_what_was_put_in)
{
    struct arena *a = arena_new();
    for (int i = 0; i < 2000; i++) {
        struct tuple t = tuple_random();
        struct key k;
        tuple_key(&t, &k);
        struct key_reader r;
        key_read_init(&r, key_view(&k));
        for (int j = 0; j < t.n; j++) {
            struct str s;
            int64_t v;
            if (t.e[j].kind == 0) {
                assert_int_equal(key_read_str(&r, a, &s), 0);
                assert_int_equal(s.n, t.e[j].n);
                assert_memory_equal(s.p, t.e[j].bytes, s.n);
                assert_int_equal(s.p[s.n], 0);
            } else {
                assert_int_equal(t.e[j].kind == 1 ? key_read_i64(&r, &v) : key_read_i64_desc(&r, &v), 0);
                assert_true(v == t.e[j].v);
            }
        }
        assert_int_equal(r.rest.n, 0);
    }
    arena_free(a);
}

TEST(an_element_of_another_type_or_a_cut_key_is_invalid)
{
    struct arena *a = arena_new();
    struct key k;
    struct key_reader r;
    struct str s;
    int64_t v;
    key_init(&k);
    key_c(&k, "name");
    key_i64(&k, 7);
    for (size_t n = 0; n < k.n; n++) {
        key_read_init(&r, str_sub(key_view(&k), 0, n));
        assert_true(key_read_str(&r, a, &s) == E_INVALID || key_read_i64(&r, &v) == E_INVALID);
    }
    key_read_init(&r, key_view(&k));
    assert_int_equal(key_read_i64(&r, &v), E_INVALID);
    assert_int_equal(key_read_str(&r, a, &s), 0);
    assert_int_equal(key_read_i64_desc(&r, &v), E_INVALID);
    key_read_init(&r, STR("\x10" "a\x01\x07z\x00"));
    assert_int_equal(key_read_str(&r, a, &s), E_INVALID);
    key_read_init(&r, STR("\x10" "a\x01\x00"));
    assert_int_equal(key_read_str(&r, a, &s), E_INVALID);
    arena_free(a);
}

TEST(an_open_string_covers_all_that_begin_with_it)
{
    struct key from, to, k;
    key_init(&from);
    key_c(&from, "bucket");
    key_str_open(&from, STR("photos/"));
    key_after_prefix(&from, &to);
    static const struct { struct str s; bool inside; } cases[] = {
        { { "photos/", 7 }, true }, { { "photos/a", 8 }, true }, { { "photos/\xff\xff", 9 }, true }, { { "photos/\0", 8 }, true },
        { { "photos", 6 }, false }, { { "photos0", 7 }, false }, { { "photos.", 7 }, false }, { { "", 0 }, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        key_init(&k);
        key_c(&k, "bucket");
        key_str(&k, cases[i].s);
        key_i64(&k, -1);
        bool inside = str_cmp(key_view(&k), key_view(&from)) >= 0 && str_cmp(key_view(&k), key_view(&to)) < 0;
        assert_int_equal(inside, cases[i].inside);
    }
}

TEST(nothing_is_behind_a_prefix_of_ff)
{
    struct key k, after;
    key_init(&k);
    key_raw(&k, STR("\xff\xff"));
    key_after_prefix(&k, &after);
    assert_int_equal(after.n, 0);
}

TEST(a_key_over_the_limit_is_marked)
{
    static char big[LIMIT_KEY_BYTES];
    memset(big, 'x', sizeof big);
    struct key k, after;
    key_init(&k);
    key_raw(&k, (struct str){ big, sizeof big });
    assert_false(k.over);
    assert_int_equal(k.n, LIMIT_KEY_BYTES);
    key_raw(&k, STR(""));
    assert_false(k.over);
    key_raw(&k, STR("y"));
    assert_true(k.over);
    key_i64(&k, 1);
    assert_true(key_view(&k).n > LIMIT_KEY_BYTES);
    key_after_prefix(&k, &after);
    assert_true(after.over && after.n > LIMIT_KEY_BYTES);
    key_init(&k);
    assert_false(k.over);
}
