/* What an HTTP API makes of requests and of its functions' answers. First byte: the payload format and the stage; lines: route keys ("|" between
 * them), the function's answer; then a request. The route found is one of those given and fits; events are JSON; what a function answers, whatever it
 * is, becomes an answer that HTTP can carry. */
#include <string.h>

#include "admit.h"
#include "base/fuzz.h"
#include "wire/wire.h"

static void put_routes(struct op *op, struct str keys)
{
    int n = 0;
    for (struct str rest = keys, one, method, path; rest.n && n < 50; n++) {
        str_cut(rest, '|', &one, &rest);
        struct apigatewayv2_Route route = { .RouteKey = fuzz_exact(op->arena, one), .RouteId = str_printf(op->arena, "%d", n) };
        bool whole = str_cut(one, ' ', &method, &path) && path.n && path.p[0] == '/';
        if ((whole && str_is_utf8(one)) || str_is(one, "$default"))
            assert(part_put(op, &apigatewayv2_kind_route, STR("api"), route.RouteId, &route) == 0);
    }
}

static void well_formed(const struct answer *a)
{
    static const char *const hop[] = { "content-length", "connection", "transfer-encoding" };
    assert(a->status >= 200 && a->status <= 599);
    for list_each(h, &a->headers) {
        assert(h->name.n && h->value.p);
        for (size_t i = 0; i < h->name.n; i++)
            assert(h->name.p[i] > ' ' && h->name.p[i] != ':' && h->name.p[i] != 0x7f);
        assert(!memchr(h->value.p, '\n', h->value.n) && !memchr(h->value.p, '\r', h->value.n));
        for (size_t i = 0; i < sizeof hop / sizeof *hop; i++)
            assert(!str_eq_nocase(h->name, str_c(hop[i])));
    }
}

static void is_json(struct op *op, struct str text)
{
    const struct shape raw = { .kind = SHAPE_RAW, .size = sizeof(struct str) };
    struct str value, why;
    assert(text.p && wire_json_decode(op->arena, &raw, text, &value, &why) == 0);
}

static void request(struct op *op, struct exchange *x, bool named_stage)
{
    struct api_request r = { .x = x, .api_id = STR("api"), .path = x->target, .raw_path = x->target, .domain = x->host,
                             .stage = { .StageName = named_stage ? STR("v1") : STR("$default") } };
    if (!x->target.n || x->target.p[0] != '/' || !str_is_utf8(x->target) || route_find(op, &r))
        return;
    struct str method, path;
    assert(str_is(r.route.RouteKey, "$default") || str_cut(r.route.RouteKey, ' ', &method, &path));
    assert(str_is(r.route.RouteKey, "$default") || str_is(method, "ANY") || str_eq(method, x->method));
    for list_each(p, &r.path_parameters)
        assert(p->value.n && str_contains(x->target, p->value));
    struct str_list identity = { 0 };
    str_list_add(op->arena, &identity, opt_str(identity_value(op, &r, STR("$request.querystring.a")), x->host));
    for (int v = 0; v < 2; v++) {
        struct proxy_question q = { .version = v ? STR("1.0") : STR("2.0"), .identity = &identity, .arn = request_arn(op, &r) };
        r.integration.PayloadFormatVersion = q.version;
        is_json(op, event_for_integration(op, &r));
        is_json(op, event_for_authorizer(op, &r, &q));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct store *store;
    struct fuzz f;
    struct exchange x;
    struct answer answer = { 0 };
    if (!store)
        assert(store_open_mem(&store) == 0);
    fuzz_init(&f, data, n);
    uint8_t how = fuzz_byte(&f);
    struct op op = { .arena = f.arena, .txn = store_write(store), .partition = STR("aws"), .account = STR("111111111111"), .region = STR("us-east-1"),
                     .request_id = STR("id"), .now_ms = 1700000000000 };
    put_routes(&op, fuzz_line(&f));
    struct str payload = fuzz_line(&f);
    fuzz_exchange(&f, &x);
    reply_from(&x, how & 1 ? STR("1.0") : STR("2.0"), payload, &answer);
    well_formed(&answer);
    request(&op, &x, how & 2);
    txn_end(op.txn);
    fuzz_release(&f);
    return 0;
}
