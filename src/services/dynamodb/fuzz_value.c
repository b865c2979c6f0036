/* AttributeValues: what is accepted is written in a canonical form that reads as the same, equals its copy, and keeps its size. */
#include "base/fuzz.h"
#include "services/dynamodb/value.h"
#include "wire/wire.h"

/* Values are read behind the wire codec, which refuses what is no JSON at all. */
static bool is_json(struct arena *a, struct str text)
{
    const struct shape raw = { .kind = SHAPE_RAW, .size = sizeof(struct str) };
    struct str value = STR_NONE, why;
    return wire_json_decode(a, &raw, text, &value, &why) == 0 && value.p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct attr_map m, back;
    struct value_error error;
    fuzz_init(&f, data, n);
    struct arena *a = f.arena;
    struct str text = fuzz_rest(&f);
    bool json = is_json(a, text);
    int rc = value_parse_map(a, text, &m, &error);
    assert(rc == 0 || error.text.n);
    if (rc == 0 && json) {
        struct attr_map copy = attr_map_copy(a, &m);
        struct str canonical = fuzz_exact(a, value_map_json(a, &m));
        assert(is_json(a, canonical) || !canonical.n);
        assert(value_parse_map(a, canonical, &back, &error) == 0);
        assert(str_eq(value_map_json(a, &back), canonical) && str_eq(value_map_json(a, &copy), canonical));
        assert(value_map_size(&back) == value_map_size(&m) && value_map_nesting(&back) == value_map_nesting(&m));
        for (uint32_t i = 0; i < m.n; i++) {
            const struct value *v = attr_get(&back, m.v[i].name);
            assert(v && value_equal(v, &m.v[i].value) && value_show(a, v).p);
            assert(i == 0 || str_cmp(m.v[i - 1].name, m.v[i].name) < 0);
            if (v->type <= VALUE_B && i > 0 && m.v[i - 1].value.type == v->type)
                assert((value_compare(v, &m.v[i - 1].value) == 0) == value_equal(v, &m.v[i - 1].value));
        }
        while (back.n)
            attr_remove(&back, back.v[back.n / 2].name);
        for (uint32_t i = m.n; i-- > 0;)
            attr_put(a, &back, m.v[i].name, &m.v[i].value);
        assert(!m.set || m.n == 0 || str_eq(value_map_json(a, &back), canonical));
    }
    fuzz_release(&f);
    return 0;
}
