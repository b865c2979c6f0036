/* What requests claim, in the header and in the query, and its verification. A made-up signature is refused; what our own side signs, whatever the
 * request looks like, is accepted by the other. First line: the service and the mode; then a request. */
#include "auth/auth.h"
#include "auth/sign.h"
#include "auth/verify.h"
#include "base/code.h"
#include "base/fuzz.h"

static const int64_t now_ms = 1440938160000; /* 20150830T123600Z */
static const struct sign_credentials credentials = { { "AKIDEXAMPLE", 11 }, { "secret", 6 }, { NULL, 0 } };

static int verify(struct op *op, const struct exchange *x, struct str secret, struct sigv4 *s)
{
    int rc = sigv4_parse(op, x, s);
    if (rc)
        return rc;
    return !s->present ? E_NOT_FOUND : s->v2 ? sigv2_verify(op, x, s, secret, now_ms) : sigv4_verify(op, x, s, secret, NULL, true, now_ms);
}

static bool is_signed_by_name(struct str name)
{
    static const char *const names[] = { "host", "authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "date" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, str_c(names[i])))
            return true;
    return false;
}

/* The request without what would contradict our own signature, signed in one of the two forms. */
static void signed_by_ourselves(struct op *op, const struct exchange *x, struct str service, bool presigned)
{
    struct arena *a = x->arena;
    struct exchange mine = *x;
    struct sigv4 s;
    mine.headers = (struct header_list){ 0 };
    mine.host = STR("example.amazonaws.com");
    for list_each(h, &x->headers)
        if (!is_signed_by_name(h->name) && !(presigned && str_starts(str_lower(a, h->name), STR("x-amz-"))))
            *list_push(a, &mine.headers) = (struct header){ str_lower(a, h->name), h->value };
    if (str_contains(opt_str(mine.query, STR("")), STR("X-Amz-")) || str_contains(opt_str(mine.query, STR("")), STR("AWSAccessKeyId")))
        mine.query = STR_NONE;
    if (presigned) {
        *list_push(a, &mine.headers) = (struct header){ STR("host"), mine.host };
        mine.query = sign_query(a, &credentials, STR("us-east-1"), service, now_ms, mine.method, mine.target, mine.query, mine.host, 60);
        mine.body = STR("");
    } else {
        sign_headers(a, &credentials, STR("us-east-1"), service, now_ms, mine.method, mine.target, mine.query, mine.host, mine.body, &mine.headers);
    }
    assert(verify(op, &mine, credentials.secret, &s) == 0);
    assert(verify(op, &mine, STR("another"), &s) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct exchange x;
    struct sigv4 s;
    fuzz_init(&f, data, n);
    uint8_t how = fuzz_byte(&f);
    bool s3 = how & 1, presigned = how & 2;
    struct service_row service = { .name = s3 ? "s3" : "sqs", .signing_name = s3 ? "s3" : "sqs" };
    struct op_row row = { .name = "Op", .service = &service };
    fuzz_exchange(&f, &x);
    struct op op = { .arena = f.arena, .row = how & 4 ? &row : NULL, .protocol = s3 ? PROTO_REST_XML : how & 8 ? PROTO_QUERY : PROTO_JSON_1_0 };
    assert(verify(&op, &x, STR("a secret that nobody signs with"), &s) != 0);
    signed_by_ourselves(&op, &x, s3 ? STR("s3") : STR("sqs"), presigned);
    fuzz_release(&f);
    return 0;
}
