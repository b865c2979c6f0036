/* CORS: what tells a browser whether a page of another origin may see an answer, by the rules of the bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
 * A preflight (OPTIONS) has a door of its own. An actual request gets its headers before it is authenticated, so that a refusal shows them, too. */
#include "base/buf.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/s3/cors.h"
#include "services/s3/s3.h"
#include "wire/wire.h"

static const char *const methods[] = { "GET", "PUT", "HEAD", "POST", "DELETE" };

bool s3_cors_method(struct str name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (str_is(name, methods[i]))
            return true;
    return false;
}

/* ---- rules ---- */

/* A pattern has one '*' at most, which stands for any text. */
static bool fits(struct str pattern, struct str text)
{
    struct str before, after;
    if (!str_cut(pattern, '*', &before, &after))
        return str_eq(pattern, text);
    return text.n >= before.n + after.n && str_starts(text, before) && str_ends(text, after);
}

static bool any_fits(const struct str_list *patterns, struct str text)
{
    for list_each(p, patterns)
        if (fits(*p, text))
            return true;
    return false;
}

/* Every name of Access-Control-Request-Headers fits an AllowedHeader; their case counts for nothing. */
static bool headers_fit(struct arena *a, const struct s3_CORSRule *rule, struct str asked)
{
    struct str_list allowed = { 0 };
    for list_each(h, &rule->AllowedHeaders)
        str_list_add(a, &allowed, str_lower(a, *h));
    for (struct str rest = str_lower(a, opt_str(asked, STR(""))), name; rest.n;) {
        str_cut(rest, ',', &name, &rest);
        if (!any_fits(&allowed, str_trim(name)))
            return false;
    }
    return true;
}

/* As on AWS, what a preflight asks for counts on an actual request too, should it say it. */
static const struct s3_CORSRule *rule_for(const struct exchange *x, const struct s3_rec_Bucket *b, struct str origin)
{
    struct str method = opt_str(exchange_header(x, "Access-Control-Request-Method"), x->method);
    for (uint32_t i = 0; b->Cors && i < b->Cors->CORSRules.n; i++) {
        const struct s3_CORSRule *rule = &b->Cors->CORSRules.v[i];
        if (str_list_has(&rule->AllowedMethods, method) && any_fits(&rule->AllowedOrigins, origin) &&
            headers_fit(x->arena, rule, exchange_header(x, "Access-Control-Request-Headers")))
            return rule;
    }
    return NULL;
}

static struct str joined(struct arena *a, const struct str_list *l)
{
    struct buf b;
    buf_init(&b, a, LIMIT_HEADER_BYTES);
    for list_each(s, l) {
        buf_c(&b, s == l->v ? "" : ", ");
        buf_str(&b, *s);
    }
    return buf_done(&b);
}

static void allow(struct arena *a, const struct exchange *x, const struct s3_CORSRule *rule, struct str origin, struct header_list *ret)
{
    bool everybody = str_list_has(&rule->AllowedOrigins, STR("*"));
    struct str asked = exchange_header(x, "Access-Control-Request-Headers");
    struct header headers[] = {
        { STR("Access-Control-Allow-Origin"), everybody ? STR("*") : origin },
        { STR("Access-Control-Allow-Credentials"), everybody ? STR_NONE : STR("true") },
        { STR("Access-Control-Allow-Methods"), joined(a, &rule->AllowedMethods) },
        { STR("Access-Control-Allow-Headers"), asked.n ? str_lower(a, asked) : STR_NONE },
        { STR("Access-Control-Expose-Headers"), rule->ExposeHeaders.n ? joined(a, &rule->ExposeHeaders) : STR_NONE },
        { STR("Access-Control-Max-Age"), rule->MaxAgeSeconds.set ? str_printf(a, "%lld", (long long)rule->MaxAgeSeconds.v) : STR_NONE },
        { STR("Vary"), STR("Origin, Access-Control-Request-Headers, Access-Control-Request-Method") },
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (headers[i].value.p)
            *list_push(a, ret) = headers[i];
}

void s3_cross_origin(struct op *op, const struct exchange *x, const struct wire_route *route, struct header_list *ret)
{
    struct s3_rec_Bucket b = { 0 };
    struct str origin = exchange_header(x, "Origin"), bucket = str_map_get(&route->labels, STR("Bucket"));
    const struct s3_CORSRule *rule = bucket.n && s3_bucket_find(op, bucket, &b) == 0 ? rule_for(x, &b, origin) : NULL;
    if (rule)
        allow(op->arena, x, rule, origin, ret);
}

/* ---- preflights ---- */

static int forbidden(struct op *op, struct str method, const char *resource_type, const char *words)
{
    return S3_FAIL(op, AccessForbidden, (.Method = method, .ResourceType = str_c(resource_type)), "CORSResponse: %s", words);
}

static int decide(struct op *op, const struct exchange *x, struct str bucket, struct header_list *ret)
{
    struct s3_rec_Bucket b = { 0 };
    struct str origin = exchange_header(x, "Origin"), method = exchange_header(x, "Access-Control-Request-Method");
    if (!origin.n)
        return aws_fail(op, S3_BadRequest, "Insufficient information. Origin request header needed.");
    if (!s3_cors_method(method))
        return aws_fail(op, S3_BadRequest, "Invalid Access-Control-Request-Method: %.*s", STR_ARG(opt_str(method, STR("null"))));
    int rc = bucket.n ? s3_bucket_find(op, bucket, &b) : E_NOT_FOUND;
    if (rc == E_NOT_FOUND)
        return forbidden(op, method, "BUCKET", "Bucket not found");
    if (rc)
        return rc;
    if (!b.Cors)
        return forbidden(op, method, "BUCKET", "CORS is not enabled for this bucket.");
    const struct s3_CORSRule *rule = rule_for(x, &b, origin);
    if (!rule)
        return forbidden(op, method, "OBJECT", "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
                                               "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.");
    allow(x->arena, x, rule, origin, ret);
    return 0;
}

static int preflight(struct op *op, void *ctx)
{
    struct exchange *x = ctx, as_get = *x;
    struct str id = str_dup(x->arena, op->request_id); /* the answer outlives op */
    struct wire_route route;
    struct answer answer;
    as_get.method = STR("GET"); /* which fits every path: it tells the bucket */
    wire_route(&as_get, STR_NONE, true, &route);
    answer_init(&answer, 200);
    int rc = decide(op, x, str_map_get(&route.labels, STR("Bucket")), &answer.headers);
    if (rc && rc != E_AWS)
        rc = aws_fail(op, AWS_InternalFailure, "An internal error occurred");
    if (rc == 0) {
        answer_header(x->arena, &answer, "x-amz-request-id", id);
        answer_header(x->arena, &answer, "x-amz-id-2", id);
    } else {
        struct wire_failure f = { .error = op->fail.error, .message = op->fail.message, .detail = op->fail.detail };
        wire_encode_error(x->arena, PROTO_REST_XML, route.service, &f, id, false, &answer);
    }
    exchange_reply(x, &answer);
    return 0;
}

void s3_preflight(struct cloud *cloud, struct exchange *x)
{
    cloud_read(cloud, STR(""), str_c(cloud->config.region), preflight, x);
}
