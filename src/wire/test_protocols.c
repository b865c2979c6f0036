/* The protocol cases of botocore, turned round.
 *
 * They are a client's. An input case's bytes go through our router and decoder and are compared with the parameters. An output case's result goes
 * through our encoder; what comes out is read back and compared with the result, and so that the reader is a fair judge it has to read the
 * case's own response to the same result first. Errors: our encoder, then code, status and members. */
#include "base/code.h"
#include "base/test.h"
#include "wire/test_shapes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct counts {
    int passed, failed, skipped;
};

struct not_ours {
    const char *id, *reason;
};

/* Cases that cannot apply to a server. */
#define GZIP "the body that the client compresses is not in the case: there is nothing to decode"
static const struct not_ours skipped_input[] = {
    { "SDKAppliedContentEncoding_awsJson1_0", GZIP },
    { "SDKAppliedContentEncoding_awsJson1_1", GZIP },
    { "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0", GZIP },
    { "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1", GZIP },
    { "SDKAppliedContentEncoding_ec2Query", GZIP },
    { "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query", GZIP },
    { "SDKAppliedContentEncoding_awsQuery", GZIP },
    { "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery", GZIP },
    { "SDKAppliedContentEncoding_restXml", GZIP },
    { "SDKAppendedGzipAfterProvidedEncoding_restXml", GZIP },
    { "SDKAppliedContentEncoding_restJson1", GZIP },
    { "SDKAppendedGzipAfterProvidedEncoding_restJson1", GZIP },
    { "RestJsonHostWithPath", "the client was given an endpoint with a path of its own, under which no AWS service answers" },
    { "RestJsonQueryPrecedence", "which of two values a client sends; a server finds the one that was sent in both members" },
    { "RestXmlQueryPrecedence", "which of two values a client sends; a server finds the one that was sent in both members" },
    { "RestXmlQueryParamsStringListMap", "a client keeps what a named member sends out of the map; a server finds every parameter in it" },
    { "RestJsonQueryParamsStringListMap", "a client keeps what a named member sends out of the map; a server finds every parameter in it" },
    { NULL, NULL },
};
/* Whose response bytes only a client has to read; our own encoder is still run and read back. */
#define NULLS "a client drops nulls of what the model calls dense; the server never writes them, and keeps those of requests"
static const struct not_ours skipped_response[] = {
    { "RestJsonDeserializesDenseSetMapAndSkipsNull", NULLS },
    { "RpcV2CborDeserializesDenseSetMapAndSkipsNull", NULLS },
    { NULL, NULL },
};

static const char *reason_of(const struct not_ours *list, const char *id)
{
    for (; list->id; list++)
        if (strcmp(list->id, id) == 0)
            return list->reason;
    return NULL;
}

static const cJSON *get(const cJSON *o, const char *k) { return cJSON_GetObjectItemCaseSensitive(o, k); }
static const char *get_text(const cJSON *o, const char *k)
{
    const cJSON *v = get(o, k);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

struct suite { /* one operation's cases, and the service made for them */
    struct model model;
    struct service_row service;
    struct op_row op;
    struct known_op known[2];
    enum protocol protocol;
    struct aws_error error;
};

static enum protocol protocol_of(const char *p, const char *json_version)
{
    if (strcmp(p, "json") == 0)
        return json_version && strcmp(json_version, "1.0") == 0 ? PROTO_JSON_1_0 : PROTO_JSON_1_1;
    return strcmp(p, "query") == 0 ? PROTO_QUERY : strcmp(p, "ec2") == 0 ? PROTO_EC2 : strcmp(p, "rest-json") == 0 ? PROTO_REST_JSON
         : strcmp(p, "rest-xml") == 0 ? PROTO_REST_XML : PROTO_CBOR;
}

/* The service and operation that a case is for. */
static void suite_init(struct suite *s, struct arena *a, const cJSON *test, const cJSON *given)
{
    const cJSON *meta = get(test, "metadata"), *http = get(given, "http"), *in = get(given, "input"), *out = get(given, "output");
    *s = (struct suite){ .model = { .a = a, .shapes = get(test, "shapes") } };
    s->protocol = protocol_of(get_text(meta, "protocol"), get_text(meta, "jsonVersion"));
    s->known[0] = (struct known_op){ get_text(given, "name"), get_text(http, "method"), get_text(http, "requestUri"), NULL };
    s->op = (struct op_row){
        .name = s->known[0].name, .method = s->known[0].method, .uri = s->known[0].uri, .status = 200, .service = &s->service,
        .in = in ? model_shape(&s->model, get_text(in, "shape")) : NULL, .out = out ? model_shape(&s->model, get_text(out, "shape")) : NULL,
        .result_wrapper = out ? str_printf(a, "%sResult", s->known[0].name).p : NULL,
    };
    /* The generator refuses path and query members in an output; where a case has some, they stand in the body. */
    for (uint32_t i = 0; s->op.out && i < s->op.out->n_members; i++)
        if (s->op.out->members[i].location == LOC_URI || s->op.out->members[i].location == LOC_QUERY)
            ((struct member *)&s->op.out->members[i])->location = LOC_BODY;
    s->service = (struct service_row){
        .name = "test", .signing_name = "test", .endpoint_prefix = "test", .target_prefix = get_text(meta, "targetPrefix"),
        .model_service = get_text(meta, "targetPrefix"), .api_version = get_text(meta, "apiVersion"), .iam_prefix = "test",
        .protocol = s->protocol, .protocols = 1u << s->protocol, .ops = &s->op, .n_ops = 1, .known_ops = s->known, .n_known_ops = 1,
    };
}

static struct str body_of(struct arena *a, enum protocol p, const cJSON *http)
{
    struct str b = opt_str(str_c(get_text(http, "body")), STR(""));
    if (p == PROTO_CBOR && base64_decode(a, b, &b))
        abort();
    return str_dup(a, b);
}

static void headers_of(struct arena *a, const cJSON *http, struct header_list *ret)
{
    const cJSON *h;
    cJSON_ArrayForEach(h, get(http, "headers"))
    {
        struct header *e = list_push(a, ret);
        *e = (struct header){ str_c(h->string), str_c(h->valuestring) };
    }
}

static bool has(const struct header_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq_nocase(l->v[i].name, str_c(name)))
            return true;
    return false;
}

/* Some cases are about the host or the path alone and leave out the headers that every client sends. */
static void usual_headers(struct arena *a, const struct suite *s, struct header_list *l)
{
    bool json = s->protocol == PROTO_JSON_1_0 || s->protocol == PROTO_JSON_1_1;
    if (json && !has(l, "X-Amz-Target"))
        *list_push(a, l) = (struct header){ STR("X-Amz-Target"), str_printf(a, "%s.%s", s->service.target_prefix, s->op.name) };
    if ((s->protocol == PROTO_QUERY || s->protocol == PROTO_EC2) && !has(l, "Content-Type"))
        *list_push(a, l) = (struct header){ STR("Content-Type"), STR("application/x-www-form-urlencoded") };
}

static bool lenient(enum protocol p) { return p != PROTO_JSON_1_0 && p != PROTO_JSON_1_1 && p != PROTO_CBOR; }

static const char *check_input(struct arena *a, struct suite *s, const cJSON *c)
{
    const cJSON *http = get(c, "serialized");
    struct exchange x = { .arena = a, .method = str_c(get_text(http, "method")), .body = body_of(a, s->protocol, http), .host = STR("test") };
    struct wire_route r = { .service = &s->service };
    struct str why = STR("");
    headers_of(a, http, &x.headers);
    usual_headers(a, s, &x.headers);
    if (!str_cut(str_c(get_text(http, "uri")), '?', &x.target, &x.query))
        x.query = STR_NONE;
    int rc = route_in_service(&x, STR_NONE, true, &r);
    if (rc || r.row != &s->op || r.protocol != s->protocol)
        return str_printf(a, "not routed (%s)", err_name(rc)).p;
    if (!s->op.in)
        return NULL;
    void *in = arena_alloc(a, s->op.in->size);
    rc = wire_decode(&x, &r, in, &why);
    if (rc)
        return str_printf(a, "not decoded: %.*s", STR_ARG(why)).p;
    /* A server finds every parameter in a map over the query string, also where the client did not fill that member. */
    for (uint32_t i = 0; i < s->op.in->n_members; i++) {
        const struct member *m = &s->op.in->members[i];
        if (m->location == LOC_QUERY && m->shape->kind == SHAPE_MAP && !get(get(c, "params"), m->name))
            memset(slot_of(in, m), 0, sizeof(struct any_list));
    }
    return value_differs(a, NULL, s->op.in, get(c, "params"), in, true, lenient(s->protocol));
}

/* Reads an answer as a client does: the same bindings, with the output's shape in the input's place. */
static const char *read_answer(struct arena *a, struct suite *s, int status, const struct header_list *headers, struct str body, void *ret)
{
    const struct shape *out = s->op.out;
    struct op_row op = s->op;
    struct exchange x = { .arena = a, .headers = *headers, .body = body };
    struct wire_route r = { .service = &s->service, .row = &op, .protocol = s->protocol };
    struct str why = STR("");
    int rc = 0;
    op.in = out;
    for (uint32_t i = 0; i < out->n_members; i++)
        if (out->members[i].location == LOC_STATUS)
            *(struct opt_i64 *)slot_of(ret, &out->members[i]) = SOME_I64(status);
    if (s->protocol == PROTO_QUERY) {
        struct member m = { .name = s->op.result_wrapper, .wire = s->op.result_wrapper, .shape = out };
        struct shape root = { .kind = SHAPE_STRUCT, .size = 8, .n_members = 1, .members = &m };
        void *inner = NULL;
        if (body.n)
            rc = xml_read(a, body, &root, &inner, &why);
        if (inner)
            memcpy(ret, inner, out->size);
    } else if (s->protocol == PROTO_EC2) {
        rc = body.n ? xml_read(a, body, out, ret, &why) : 0;
    } else {
        rc = wire_decode(&x, &r, ret, &why);
    }
    return rc ? str_printf(a, "not read: %.*s", STR_ARG(why)).p : NULL;
}

static const char *check_output(struct arena *a, struct suite *s, const cJSON *c)
{
    const cJSON *http = get(c, "response"), *result = get(c, "result");
    int status = get(http, "status_code")->valueint;
    if (!s->op.out)
        return NULL;
    void *theirs = arena_alloc(a, s->op.out->size), *ours = arena_alloc(a, s->op.out->size), *back = arena_alloc(a, s->op.out->size);
    const char *d = NULL;
    if (!reason_of(skipped_response, get_text(c, "id"))) {
        struct header_list headers = { 0 };
        headers_of(a, http, &headers);
        d = read_answer(a, s, status, &headers, body_of(a, s->protocol, http), theirs);
        if (!d)
            d = value_differs(a, NULL, s->op.out, result, theirs, true, lenient(s->protocol));
        if (d)
            return str_printf(a, "theirs: %s", d).p;
    }
    struct answer answer;
    answer_init(&answer, 200);
    value_from_json(a, NULL, s->op.out, result, ours, true);
    if (wire_encode(a, s->protocol, &s->op, ours, STR("id"), &answer))
        return "not encoded";
    struct header_list headers = { 0 }; /* all but ours, for the member that takes every header */
    for list_each(h, &answer.headers)
        if (!str_is(h->name, "x-amzn-RequestId"))
            *list_push(a, &headers) = *h;
    d = read_answer(a, s, answer.status, &headers, answer.body, back);
    if (!d)
        d = value_differs(a, NULL, s->op.out, result, back, true, true);
    return d ? str_printf(a, "ours: %s in %.*s", d, STR_ARG(answer.body)).p : NULL;
}

/* The members of an error, read from our answer. */
static const char *read_error(struct arena *a, struct suite *s, const struct answer *answer, const char *code, void *ret)
{
    const struct shape *shape = s->error.shape;
    struct op_row op = { .in = shape, .service = &s->service };
    struct exchange x = { .arena = a, .headers = answer->headers, .body = answer->body };
    struct wire_route r = { .service = &s->service, .row = &op, .protocol = s->protocol };
    struct str why = STR("");
    bool xml = s->protocol == PROTO_QUERY || s->protocol == PROTO_EC2 || s->protocol == PROTO_REST_XML;
    struct str there = xml ? str_printf(a, "<Code>%s</Code>", code) : s->protocol == PROTO_CBOR ? STR("__type") : str_printf(a, "\"__type\":\"%s\"", code);
    if (s->protocol == PROTO_REST_JSON) {
        if (!str_is(exchange_header(&x, "x-amzn-errortype"), code))
            return "another error type";
    } else if (!str_contains(answer->body, there)) {
        return str_printf(a, "no %.*s in %.*s", STR_ARG(there), STR_ARG(answer->body)).p;
    }
    if (!xml)
        return wire_decode(&x, &r, ret, &why) ? "not read" : NULL;
    struct member error = { .name = "Error", .wire = "Error", .shape = shape };
    struct shape errors = { .kind = SHAPE_STRUCT, .size = 8, .n_members = 1, .members = &error };
    struct member outer = { .name = "Errors", .wire = "Errors", .shape = &errors };
    struct shape root = { .kind = SHAPE_STRUCT, .size = 8, .n_members = 1, .members = &outer };
    void **p = NULL, *one = NULL;
    if (rest_read(&x, &r, ret, &why) || xml_read(a, answer->body, s->protocol == PROTO_EC2 ? &root : &errors, s->protocol == PROTO_EC2 ? (void *)&p : &one, &why))
        return "not read";
    one = p ? *p : one;
    for (uint32_t i = 0; one && i < shape->n_members; i++)
        if (shape->members[i].location == LOC_BODY)
            memcpy(slot_of(ret, &shape->members[i]), slot_of(one, &shape->members[i]), shape->members[i].shape->kind == SHAPE_STRUCT ? 8 : 16);
    return one ? NULL : "no error element";
}

static const char *check_error(struct arena *a, struct suite *s, const cJSON *given, const cJSON *c)
{
    const cJSON *errors = get(given, "errors"), *facts;
    const char *name = get_text(cJSON_GetArrayItem(errors, 0), "shape");
    struct shape *shape = model_shape(&s->model, name);
    facts = get(get(s->model.shapes, name), "error");
    const char *code = get_text(c, "errorCode");
    int status = get(get(c, "response"), "status_code")->valueint;
    s->error = (struct aws_error){ .name = name, .code = facts && get_text(facts, "code") && s->protocol == PROTO_QUERY ? get_text(facts, "code") : name,
                                   .query_code = code, .status = status, .sender_fault = status < 500, .shape = shape };
    void *detail = arena_alloc(a, shape->size), *back = arena_alloc(a, shape->size);
    value_from_json(a, NULL, shape, get(c, "error"), detail, true);
    struct wire_failure f = { .error = &s->error, .message = str_c(get_text(c, "errorMessage")), .detail = detail };
    s->service.errors = &s->error;
    s->service.n_errors = 1;
    struct answer answer;
    answer_init(&answer, status);
    wire_encode_error(a, s->protocol, &s->service, &f, STR("foo-id"), false, &answer);
    if (answer.status != status)
        return "another status";
    const char *d = read_error(a, s, &answer, s->protocol == PROTO_QUERY || s->protocol == PROTO_EC2 ? code : s->error.code, back);
    if (!d)
        d = value_differs(a, NULL, shape, get(c, "error"), back, true, true);
    return d ? str_printf(a, "ours: %s in %.*s", d, STR_ARG(answer.body)).p : NULL;
}

static void run_case(const cJSON *test, const cJSON *c, bool input, struct counts *n)
{
    struct arena *a = arena_new();
    struct suite s;
    const cJSON *given = get(c, "given");
    const char *id = get_text(c, "id"), *reason = input ? reason_of(skipped_input, id) : NULL;
    suite_init(&s, a, test, given);
    const char *d = reason ? NULL : input ? check_input(a, &s, c) : get(c, "error") ? check_error(a, &s, given, c) : check_output(a, &s, c);
    if (reason)
        n->skipped++;
    else if (d)
        n->failed++;
    else
        n->passed++;
    if (d)
        print_error("%s %s: %s\n", get_text(get(test, "metadata"), "protocol"), id, d);
    arena_free(a);
}

/* ---- damaged bytes: whatever is wrong with them, the decoders answer, and touch nothing that is not theirs (ASan and UBSan watch) ---- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A copy with some bytes changed, cut, or doubled, exactly as long as it says, so that a reader past the end is noticed. */
static struct str damaged(struct str s, uint64_t *seed)
{
    static const char favourites[] = "\0\xff\x7f\"\\{}[]<>&;:,=%.0123456789eE-+\x9f\xbf\xdb\xfb\x5f\x7b\x1b";
    size_t cut = next_random(seed) % 8 == 0 && s.n ? next_random(seed) % s.n : s.n;
    char *p = xalloc(cut ? cut : 1);
    memcpy(p, s.p, cut);
    for (uint64_t k = next_random(seed) % 4 + (cut == s.n); cut && k; k--) {
        size_t at = next_random(seed) % cut;
        uint64_t how = next_random(seed);
        p[at] = how & 1 ? (char)(how >> 8) : favourites[(how >> 8) % (sizeof favourites - 1)];
    }
    return (struct str){ p, cut };
}

static void damage_case(const cJSON *test, const cJSON *c, unsigned rounds, uint64_t *seed)
{
    const cJSON *http = get(c, "serialized");
    for (unsigned i = 0; i < rounds; i++) {
        struct arena *a = arena_new();
        struct suite s;
        suite_init(&s, a, test, get(c, "given"));
        struct str body = damaged(body_of(a, s.protocol, http), seed), uri = damaged(str_c(get_text(http, "uri")), seed), why = STR("");
        struct exchange x = { .arena = a, .method = str_c(get_text(http, "method")), .body = body, .host = STR("test") };
        struct wire_route r = { .service = &s.service };
        headers_of(a, http, &x.headers);
        usual_headers(a, &s, &x.headers);
        for list_each(h, &x.headers)
            if (next_random(seed) % 4 == 0 && !str_eq_nocase(h->name, STR("X-Amz-Target"))) {
                struct str v = damaged(h->value, seed);
                h->value = str_dup(a, v);
                free((char *)v.p);
            }
        struct str whole = i & 1 ? uri : str_c(get_text(http, "uri"));
        if (!str_cut(whole, '?', &x.target, &x.query))
            x.query = STR_NONE;
        route_in_service(&x, STR_NONE, true, &r);
        if (!r.row && s.op.in)
            r.row = &s.op, r.protocol = s.protocol;
        if (s.op.in) {
            void *in = arena_alloc(a, s.op.in->size);
            struct str bytes;
            if (wire_decode(&x, &r, in, &why) == 0) {
                wire_validate(a, s.op.in, in, &why);
                if (wire_record_encode(a, s.op.in, in, &bytes) == 0)
                    assert_int_equal(wire_record_decode(a, s.op.in, bytes, arena_alloc(a, s.op.in->size)), 0);
            }
        }
        free((char *)body.p);
        free((char *)uri.p);
        arena_free(a);
    }
}

static cJSON *load(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = xalloc((size_t)n + 1);
    n = (long)fread(text, 1, (size_t)n, f);
    fclose(f);
    cJSON *j = cJSON_ParseWithLength(text, (size_t)n);
    free(text);
    return j;
}

/* rounds 0: the cases as they are. */
static void run_folder(const char *which, unsigned rounds)
{
    uint64_t seed = 88172645463325252u;
    const char *vectors = getenv("STRATA_VECTORS");
    char path[4096];
    struct counts n = { 0 };
    snprintf(path, sizeof path, "%s/protocols/%s", vectors ? vectors : "../shared/vectors", which);
    DIR *d = opendir(path);
    if (!d) {
        print_message("no vectors at %s: skipped\n", path);
        skip();
    }
    for (struct dirent *e; (e = readdir(d));) {
        char file[8192];
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        cJSON *all = strstr(e->d_name, ".json") ? load(file) : NULL, *test, *c;
        cJSON_ArrayForEach(test, all)
        {
            cJSON_ArrayForEach(c, get(test, "cases"))
                if (rounds)
                    damage_case(test, c, rounds, &seed);
                else
                    run_case(test, c, strcmp(which, "input") == 0, &n);
        }
        cJSON_Delete(all);
    }
    closedir(d);
    if (!rounds)
        print_message("%s: %d passed, %d failed, %d not applicable\n", which, n.passed, n.failed, n.skipped);
    assert_int_equal(n.failed, 0);
}

TEST(requests_of_other_clients_are_understood)
{
    run_folder("input", 0);
}

TEST(answers_are_what_other_clients_expect)
{
    run_folder("output", 0);
}

TEST(damaged_requests_are_survived)
{
    const char *rounds = getenv("STRATA_FUZZ_ROUNDS");
    run_folder("input", rounds ? (unsigned)strtoul(rounds, NULL, 10) : 20);
}
