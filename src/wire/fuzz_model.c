#include "wire/fuzz_model.h"

#include <cjson/cJSON.h>

#include "wire/test_shapes.h"

static const char model_text[] =
    "{\"Root\":{\"type\":\"structure\",\"members\":{"
    "\"Text\":{\"shape\":\"String\"},\"Bytes\":{\"shape\":\"Blob\"},\"Flag\":{\"shape\":\"Bool\"},\"Int\":{\"shape\":\"Integer\"},"
    "\"Long\":{\"shape\":\"Long\",\"locationName\":\"long\"},\"Float\":{\"shape\":\"Float\"},\"Double\":{\"shape\":\"Double\"},"
    "\"Time\":{\"shape\":\"Time\"},\"Iso\":{\"shape\":\"Time\",\"timestampFormat\":\"iso8601\"},\"Http\":{\"shape\":\"Time\",\"timestampFormat\":\"rfc822\"},"
    "\"Unix\":{\"shape\":\"Time\",\"timestampFormat\":\"unixTimestamp\"},\"Raw\":{\"shape\":\"Document\"},\"Inner\":{\"shape\":\"Root\"},"
    "\"Texts\":{\"shape\":\"Texts\"},\"Flat\":{\"shape\":\"FlatTexts\",\"locationName\":\"flat\"},\"Longs\":{\"shape\":\"Longs\"},"
    "\"Times\":{\"shape\":\"Times\"},\"Roots\":{\"shape\":\"Roots\",\"queryName\":\"R\"},\"Lists\":{\"shape\":\"Lists\"},\"Map\":{\"shape\":\"TextMap\"},"
    "\"FlatMap\":{\"shape\":\"FlatMap\"},\"RootMap\":{\"shape\":\"RootMap\"},\"ListMap\":{\"shape\":\"ListMap\"},"
    "\"Attribute\":{\"shape\":\"String\",\"xmlAttribute\":true,\"locationName\":\"xsi:type\"},\"Choice\":{\"shape\":\"Choice\"}},"
    "\"xmlNamespace\":{\"uri\":\"http://example.com/\"}},"
    "\"String\":{\"type\":\"string\"},\"Blob\":{\"type\":\"blob\"},\"Bool\":{\"type\":\"boolean\"},\"Integer\":{\"type\":\"integer\"},"
    "\"Long\":{\"type\":\"long\"},\"Float\":{\"type\":\"float\"},\"Double\":{\"type\":\"double\"},\"Time\":{\"type\":\"timestamp\"},"
    "\"Document\":{\"type\":\"structure\",\"members\":{},\"document\":true},"
    "\"Texts\":{\"type\":\"list\",\"member\":{\"shape\":\"String\"}},\"FlatTexts\":{\"type\":\"list\",\"flattened\":true,\"member\":{\"shape\":\"String\",\"locationName\":\"item\"}},"
    "\"Longs\":{\"type\":\"list\",\"member\":{\"shape\":\"Long\"}},\"Times\":{\"type\":\"list\",\"member\":{\"shape\":\"Time\"}},"
    "\"Roots\":{\"type\":\"list\",\"member\":{\"shape\":\"Root\"}},\"Lists\":{\"type\":\"list\",\"member\":{\"shape\":\"Texts\"}},"
    "\"TextMap\":{\"type\":\"map\",\"key\":{\"shape\":\"String\"},\"value\":{\"shape\":\"String\"}},"
    "\"FlatMap\":{\"type\":\"map\",\"flattened\":true,\"key\":{\"shape\":\"String\",\"locationName\":\"K\"},\"value\":{\"shape\":\"String\",\"locationName\":\"V\"}},"
    "\"RootMap\":{\"type\":\"map\",\"key\":{\"shape\":\"String\"},\"value\":{\"shape\":\"Root\"}},"
    "\"ListMap\":{\"type\":\"map\",\"key\":{\"shape\":\"String\"},\"value\":{\"shape\":\"Texts\"}},"
    "\"Choice\":{\"type\":\"structure\",\"union\":true,\"members\":{\"A\":{\"shape\":\"String\"},\"B\":{\"shape\":\"Double\"}}}}";

const struct shape *fuzz_shape(void)
{
    static struct model model; /* kept for the life of the program */
    if (!model.a) {
        model.a = arena_new();
        model.shapes = cJSON_Parse(model_text);
    }
    return model_shape(&model, "Root");
}

static struct str json_of(struct arena *a, const struct shape *s, const void *st)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    json_write_members(&b, s, st);
    return fuzz_exact(a, buf_done(&b));
}

static struct str cbor_of(struct arena *a, bool record, const struct shape *s, const void *st)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    cbor_write(&b, record, s, st);
    return fuzz_exact(a, buf_done(&b));
}

void fuzz_value_holds(struct arena *a, const struct shape *s, const void *st)
{
    struct str why, first = json_of(a, s, st);
    void *back = arena_alloc(a, s->size);
    wire_validate(a, s, st, &why);
    assert(json_read(a, first, s, back, &why) == 0);
    assert(str_eq(json_of(a, s, back), first));
    for (int record = 0; record < 2; record++) {
        struct str bytes = cbor_of(a, record, s, st);
        back = arena_alloc(a, s->size);
        assert(cbor_read(a, bytes, record, s, back, &why) == 0);
        assert(str_eq(cbor_of(a, record, s, back), bytes));
        assert(!record || str_eq(json_of(a, s, back), first));
    }
}
