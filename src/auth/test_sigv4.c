/* The signing suite of aws-c-auth (STRATA_VECTORS/sigv4/v4): each case as a header and as a query. */
#include "base/test.h"

#include <dirent.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "auth/sign.h"
#include "auth/verify.h"
#include "base/code.h"

struct vector {
    struct arena *a;
    const char *dir;
    struct str secret;
    struct op op;
    struct exchange x;
};

static struct str read_text(struct arena *a, const char *dir, const char *name)
{
    char path[1024];
    char *text = arena_alloc(a, 65536);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("cannot read %s", path);
    size_t n = fread(text, 1, 65535, f);
    fclose(f);
    return (struct str){ text, n };
}

static void parse_lines(struct vector *v, struct str head)
{
    struct str line, rest = head;
    for (bool more = true; more;) {
        more = str_cut(rest, '\n', &line, &rest);
        if (line.n == 0)
            break;
        if (line.p[0] == ' ' && v->x.headers.n) { /* a folded line */
            struct header *last = &v->x.headers.v[v->x.headers.n - 1];
            last->value = str_printf(v->a, "%.*s\n%.*s", STR_ARG(last->value), STR_ARG(line));
            continue;
        }
        struct header *h = list_push(v->a, &v->x.headers);
        str_cut(line, ':', &h->name, &h->value);
    }
}

static void parse_request(struct vector *v, struct str text)
{
    struct str first, rest, target, version, body = STR_NONE;
    str_cut(text, '\n', &first, &rest);
    str_cut(first, ' ', &v->x.method, &target);
    str_cut_last(target, ' ', &target, &version);
    str_cut(target, '?', &v->x.target, &v->x.query);
    parse_lines(v, rest);
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '\n' && text.p[i + 1] == '\n') {
            body = str_sub(text, i + 2, text.n);
            break;
        }
    v->x.body = body.p ? body : STR("");
    v->x.host = exchange_header(&v->x, "host");
}

static void check_form(const char *dir, const char *form, const cJSON *context)
{
    char name[64];
    struct vector v = { .a = arena_new(), .dir = dir };
    static const struct service_row service = { .name = "service", .signing_name = "service" };
    static const struct op_row row = { .name = "Op", .service = &service };
    v.op.arena = v.x.arena = v.a;
    v.op.row = &row;
    v.op.protocol = PROTO_QUERY;
    snprintf(name, sizeof name, "%s-signed-request.txt", form);
    parse_request(&v, read_text(v.a, dir, name));
    struct sigv4 s;
    if (sigv4_parse(&v.op, &v.x, &s) || !s.present)
        fail_msg("%s %s: does not parse: %s", dir, form, v.op.fail.message.p ? v.op.fail.message.p : "unsigned");
    bool normalize = cJSON_IsTrue(cJSON_GetObjectItem(context, "normalize"));
    const cJSON *credentials = cJSON_GetObjectItem(context, "credentials");
    struct str secret = str_c(cJSON_GetStringValue(cJSON_GetObjectItem(credentials, "secret_access_key")));
    uint8_t hash[32];
    digest_sha256(v.x.body.p, v.x.body.n, hash);
    struct sign_request r = { .method = v.x.method, .target = v.x.target, .query = v.x.query, .headers = &v.x.headers, .host = v.x.host,
                              .signed_headers = s.signed_headers, .payload_hash = hex_encode(v.a, hash, 32),
                              .path = normalize ? SIGN_PATH_NORMAL : SIGN_PATH_PLAIN };
    /* A token that is added after signing is not part of what was signed. */
    if (cJSON_IsTrue(cJSON_GetObjectItem(context, "omit_session_token")) && s.presigned) {
        struct str before, after;
        size_t at = 0;
        while (!str_starts(str_sub(r.query, at, r.query.n), STR("&X-Amz-Security-Token=")))
            at++;
        before = str_sub(r.query, 0, at);
        if (str_cut(str_sub(r.query, at + 1, r.query.n), '&', &before, &after))
            r.query = str_printf(v.a, "%.*s&%.*s", (int)at, r.query.p, STR_ARG(after));
        v.x.query = r.query;
    }
    struct str canonical = sign_canonical_request(v.a, &r);
    snprintf(name, sizeof name, "%s-canonical-request.txt", form);
    struct str expected = read_text(v.a, dir, name);
    if (!str_eq(canonical, expected))
        fail_msg("%s %s: canonical request\n%.*s\nexpected\n%.*s", dir, form, STR_ARG(canonical), STR_ARG(expected));
    struct str to_sign = sign_string_to_sign(v.a, s.amz_date, sign_scope(v.a, s.date, s.region, s.service), canonical);
    snprintf(name, sizeof name, "%s-string-to-sign.txt", form);
    assert_str(to_sign, str_dup(v.a, read_text(v.a, dir, name)).p);
    uint8_t key[32];
    sign_key(NULL, secret, s.date, s.region, s.service, key);
    snprintf(name, sizeof name, "%s-signature.txt", form);
    assert_str(sign_signature(v.a, key, to_sign), str_dup(v.a, read_text(v.a, dir, name)).p);
    int64_t now;
    assert_int_equal(time_parse_iso8601(str_c(cJSON_GetStringValue(cJSON_GetObjectItem(context, "timestamp"))), &now), 0);
    struct key_cache *keys = key_cache_new();
    for (int i = 0; i < 2; i++) /* the second time the key comes from the cache */
        if (sigv4_verify(&v.op, &v.x, &s, secret, keys, true, now + 60000))
            fail_msg("%s %s: refused: %s", dir, form, v.op.fail.message.p);
    assert_int_equal(sigv4_verify(&v.op, &v.x, &s, STR("another secret"), keys, true, now), E_AWS);
    assert_str(str_c(v.op.fail.error->code), "SignatureDoesNotMatch");
    assert_true(str_contains(v.op.fail.message, STR("The Canonical String for this request should have been\n'")));
    assert_int_equal(sigv4_verify(&v.op, &v.x, &s, secret, keys, true, now + 3601000), E_AWS);
    assert_true(str_starts(v.op.fail.message, STR("Signature expired: 20150830T123600Z is now earlier than ")));
    key_cache_free(keys);
    arena_free(v.a);
}

TEST(vectors_in_both_forms)
{
    const char *root = getenv("STRATA_VECTORS");
    char dir[512];
    int n = 0;
    snprintf(dir, sizeof dir, "%s/sigv4/v4", root ? root : "../shared/vectors");
    DIR *d = opendir(dir);
    if (!d) {
        print_message("skipped: no signing vectors at %s\n", dir);
        skip();
    }
    for (struct dirent *e; (e = readdir(d));) {
        char one[1024];
        if (e->d_name[0] == '.')
            continue;
        snprintf(one, sizeof one, "%s/%s", dir, e->d_name);
        struct arena *a = arena_new();
        cJSON *context = cJSON_Parse(str_dup(a, read_text(a, one, "context.json")).p);
        check_form(one, "header", context);
        check_form(one, "query", context);
        cJSON_Delete(context);
        arena_free(a);
        n++;
    }
    closedir(d);
    print_message("%d cases, both forms\n", n);
    assert_int_equal(n, 38);
}

static const struct service_row s3_service = { .name = "s3", .signing_name = "s3" };
static const struct op_row s3_row = { .name = "GetObject", .service = &s3_service };

static void signed_s3(struct op *op, struct exchange *x, struct arena *a, const char *body, int64_t now)
{
    struct sign_credentials c = { STR("AKIDEXAMPLE"), STR("secret"), STR_NONE };
    *x = (struct exchange){ .arena = a, .method = STR("PUT"), .target = STR("/bucket/a%20b//%2B"), .query = STR("x-id=PutObject"), .host = STR("localhost"),
                            .body = str_c(body) };
    *op = (struct op){ .arena = a, .row = &s3_row, .protocol = PROTO_REST_XML };
    sign_headers(a, &c, STR("us-east-1"), STR("s3"), now, x->method, x->target, x->query, x->host, x->body, &x->headers);
}

TEST(s3_accepts_what_we_sign_and_compares_the_body)
{
    struct arena *a = arena_new();
    struct op op;
    struct exchange x;
    struct sigv4 s;
    int64_t now = 1700000000000;
    signed_s3(&op, &x, a, "hello", now);
    assert_int_equal(sigv4_parse(&op, &x, &s), 0);
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now), 0);
    x.body = STR("hellO");
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now), E_AWS);
    assert_str(str_c(op.fail.error->code), "XAmzContentSHA256Mismatch");
    x.body = STR("hello");
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now + 16 * 60000), E_AWS);
    assert_str(str_c(op.fail.error->code), "RequestTimeTooSkewed");
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now - 16 * 60000), E_AWS);
    assert_str(str_c(op.fail.error->code), "RequestTimeTooSkewed");
    struct header *h = list_push(a, &x.headers);
    h->name = STR("x-amz-acl");
    h->value = STR("public-read");
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now), E_AWS);
    assert_str(op.fail.message, "There were headers present in the request which were not signed");
    arena_free(a);
}

TEST(s3_presigned_ends)
{
    struct arena *a = arena_new();
    struct sign_credentials c = { STR("AKIDEXAMPLE"), STR("secret"), STR("to/ken+") };
    struct op op = { .arena = a, .row = &s3_row, .protocol = PROTO_REST_XML };
    struct exchange x = { .arena = a, .method = STR("GET"), .target = STR("/bucket/key"), .host = STR("localhost:4566") };
    struct header *h = list_push(a, &x.headers);
    h->name = STR("Host");
    h->value = x.host;
    int64_t now = 1700000000000;
    struct sigv4 s;
    x.query = sign_query(a, &c, STR("eu-west-1"), STR("s3"), now, x.method, x.target, STR("versionId=1"), x.host, 60);
    assert_int_equal(sigv4_parse(&op, &x, &s), 0);
    assert_str(s.session_token, "to/ken+");
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now + 60000), 0);
    assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, now + 61000), E_AWS);
    assert_str(op.fail.message, "Request has expired");
    x.query = sign_query(a, &c, STR("eu-west-1"), STR("s3"), now, x.method, x.target, STR(""), x.host, 604801);
    assert_int_equal(sigv4_parse(&op, &x, &s), E_AWS);
    assert_str(str_c(op.fail.error->code), "AuthorizationQueryParametersError");
    arena_free(a);
}

TEST(regions_are_words)
{
    static const char *const regions[] = { "", "us east", "us-east-1.evil", "US-EAST-1", "a\x01", "0123456789012345678901234567890123" };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct arena *a = arena_new();
        struct op op;
        struct exchange x;
        struct sigv4 s;
        struct sign_credentials c = { STR("AKIDEXAMPLE"), STR("secret"), STR_NONE };
        op = (struct op){ .arena = a, .protocol = PROTO_QUERY };
        x = (struct exchange){ .arena = a, .method = STR("POST"), .target = STR("/"), .host = STR("h"), .body = STR("") };
        sign_headers(a, &c, str_c(regions[i]), STR("sts"), 1700000000000, x.method, x.target, STR(""), x.host, x.body, &x.headers);
        assert_int_equal(sigv4_parse(&op, &x, &s), E_AWS);
        arena_free(a);
    }
}

/* Whatever comes, it is parsed or refused. */
TEST(noise_in_claims)
{
    static const char alphabet[] = "AWS4-HMACSHA256 Credential=,/SignedHeaders;Signature=%2FX-Amz-&?0123456789\xff\x01";
    for (int round = 0; round < 3000; round++) {
        struct arena *a = arena_new();
        struct op op = { .arena = a, .protocol = round % 2 ? PROTO_QUERY : PROTO_REST_XML };
        struct exchange x = { .arena = a, .method = STR("GET"), .target = STR("/"), .host = STR("h"), .body = STR("") };
        struct sigv4 s;
        struct str noise = random_alnum(a, (size_t)(round % 200), alphabet);
        struct header *h = list_push(a, &x.headers);
        h->name = STR("Authorization");
        h->value = round % 3 ? str_printf(a, "AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/sts/aws4_request,%.*s", STR_ARG(noise)) : noise;
        if (round % 5 == 0) {
            x.headers.n = 0;
            x.query = str_printf(a, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%.*s&X-Amz-Signature=0&X-Amz-Date=20150830T123600Z&"
                                    "X-Amz-SignedHeaders=host&X-Amz-Expires=%.*s", STR_ARG(noise), STR_ARG(str_sub(noise, 0, 5)));
        }
        if (sigv4_parse(&op, &x, &s) == 0 && s.present)
            assert_int_equal(sigv4_verify(&op, &x, &s, STR("secret"), NULL, true, 1440938160000), E_AWS);
        arena_free(a);
    }
}
