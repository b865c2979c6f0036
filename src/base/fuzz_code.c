/* Encodings and times: what is encoded is decoded the same; what is accepted is written so that it reads the same. */
#include "base/code.h"
#include "base/fuzz.h"

static void encodings(struct arena *a, struct str s)
{
    struct str back;
    assert(hex_decode(a, hex_encode(a, s.p, s.n), &back) == 0 && str_eq(back, s));
    assert(base64_decode(a, base64_encode(a, s.p, s.n), &back) == 0 && str_eq(back, s));
    assert(base64url_decode(a, base64url_encode(a, s.p, s.n), &back) == 0 && str_eq(back, s));
    assert(uri_decode(a, uri_encode(a, s, false), false, &back) == 0 && str_eq(back, s));
    assert(uri_decode(a, uri_encode(a, s, true), true, &back) == 0 && str_eq(back, s));
    if (hex_decode(a, s, &back) == 0)
        assert(str_eq(hex_encode(a, back.p, back.n), str_lower(a, s)));
    if (base64_decode(a, s, &back) == 0)
        assert(base64_encode(a, back.p, back.n).n == s.n);
    base64url_decode(a, s, &back);
    uri_decode(a, s, false, &back);
    uri_decode(a, s, true, &back);
}

static void times(struct arena *a, struct str s)
{
    int64_t ms, again;
    if (time_parse_iso8601(s, &ms) == 0) {
        assert(time_parse_iso8601(time_iso8601_ms(a, ms), &again) == 0 && again == ms);
        assert(time_parse_iso8601(time_iso8601(a, ms), &again) == 0 && again == ms);
    }
    if (time_parse_amz(s, &ms) == 0)
        assert(time_parse_amz(time_amz(a, ms), &again) == 0 && again == ms);
    if (time_parse_http(s, &ms) == 0)
        assert(time_parse_http(time_http(a, ms), &again) == 0 && again == ms - ms % 1000 - (ms % 1000 < 0 ? 1000 : 0));
}

static void texts(struct arena *a, struct str s)
{
    struct str before, after;
    double d;
    int64_t i;
    if (str_cut(s, ':', &before, &after))
        assert(before.n + 1 + after.n == s.n && !str_contains(before, STR(":")));
    if (str_cut_last(s, ':', &before, &after))
        assert(before.n + 1 + after.n == s.n && !str_contains(after, STR(":")));
    assert(str_eq(str_lower(a, str_upper(a, s)), str_lower(a, s)));
    assert(!str_contains(str_replace(a, s, STR(":"), STR("--")), STR(":")));
    assert(str_contains(s, str_trim(s)) && str_starts(s, str_sub(s, 0, 3)));
    if (str_to_i64(s, &i) == 0)
        assert(str_to_f64(str_printf(a, "%lld", (long long)i), &d) == 0 && d == (double)i);
    str_to_f64(s, &d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct str s = fuzz_rest(&f);
    encodings(f.arena, s);
    times(f.arena, s);
    texts(f.arena, s);
    fuzz_release(&f);
    return 0;
}
