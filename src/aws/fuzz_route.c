/* A request's way to its operation and into its struct, with the services that strata really has. A header "Scope" stands for the service of the
 * signature. What is decoded survives the record codec; a refusal is a well-formed answer, whatever the words in it. */
#include <cjson/cJSON.h>

#include "aws/error.h"
#include "base/fuzz.h"
#include "wire/codec.h"

/* Characters that XML 1.0 does not have go out nevertheless, as S3 sends them, and no reader takes them. */
static bool is_beyond_xml(struct str s)
{
    return str_contains(s, STR("&#x")) || str_contains(s, STR("\xEF\xBF\xBE")) || str_contains(s, STR("\xEF\xBF\xBF"));
}

static void well_formed(struct arena *a, enum protocol p, const struct answer *answer)
{
    const struct shape nothing = { .kind = SHAPE_STRUCT, .size = 8 };
    uint64_t st;
    struct str why, body = fuzz_exact(a, answer->body);
    for (uint32_t i = 0; i < answer->headers.n; i++)
        assert(!str_contains(answer->headers.v[i].value, STR("\n")));
    if (p == PROTO_NONE)
        return;
    if (p == PROTO_QUERY || p == PROTO_EC2 || p == PROTO_REST_XML)
        assert(is_beyond_xml(body) || xml_read(a, body, &nothing, &st, &why) == 0);
    else if (p == PROTO_CBOR)
        assert(cbor_read(a, body, false, &nothing, &st, &why) == 0);
    else
        assert(json_read(a, body, &nothing, &st, &why) == 0);
}

static void refuse(struct arena *a, const struct wire_route *r, const struct aws_error *error, struct str words)
{
    struct wire_failure failure = { .error = error, .message = words };
    struct answer answer;
    answer_init(&answer, 400);
    wire_encode_error(a, r->protocol, r->service, &failure, STR("id"), false, &answer);
    well_formed(a, r->protocol, &answer);
}

static void decode(struct exchange *x, const struct wire_route *r)
{
    struct arena *a = x->arena;
    const struct shape *s = r->row->in;
    void *in = arena_alloc(a, s->size), *back = arena_alloc(a, s->size);
    struct str why, bytes, again;
    if (wire_decode(x, r, in, &why)) {
        refuse(a, r, AWS_SerializationException, why);
        return;
    }
    if (wire_validate(a, s, in, &why))
        refuse(a, r, AWS_ValidationError, why);
    assert(wire_record_encode(a, s, in, &bytes) == 0);
    assert(wire_record_decode(a, s, fuzz_exact(a, bytes), back) == 0);
    assert(wire_record_encode(a, s, back, &again) == 0 && str_eq(bytes, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct exchange x;
    struct wire_route r, early;
    fuzz_init(&f, data, n);
    fuzz_exchange(&f, &x);
    struct str scope = exchange_header(&x, "scope");
    wire_route(&x, scope, false, &early);
    int rc = wire_route(&x, scope, true, &r);
    if (rc == 0 && r.row && r.row->in)
        decode(&x, &r);
    else if (rc)
        refuse(f.arena, &r, AWS_UnknownOperation, r.operation);
    fuzz_release(&f);
    return 0;
}
