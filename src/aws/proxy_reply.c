/* What a function answered, as HTTP; and CORS. */
#include <cjson/cJSON.h>

#include "aws/proxy.h"
#include "base/buf.h"
#include "base/code.h"

/* What HTTP cannot carry is left out: names that are no names, line breaks, and what the server says by itself. */
static void put_header(struct exchange *x, struct answer *a, const char *name, const cJSON *value)
{
    struct str text = STR_NONE;
    if (cJSON_IsString(value))
        text = str_c(value->valuestring);
    else if (cJSON_IsNumber(value))
        text = str_printf(x->arena, "%.15g", value->valuedouble);
    else if (cJSON_IsBool(value))
        text = cJSON_IsTrue(value) ? STR("true") : STR("false");
    struct str n = str_c(name);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\r' || text.p[i] == '\n')
            return;
    if (!text.p || !is_http_token(n) || str_eq_nocase(n, STR("content-length")) || str_eq_nocase(n, STR("connection")) || str_eq_nocase(n, STR("transfer-encoding")))
        return;
    answer_header(x->arena, a, str_dup(x->arena, n).p, str_dup(x->arena, text));
}

static bool has_header(const struct answer *a, const char *name)
{
    for (uint32_t i = 0; i < a->headers.n; i++)
        if (str_eq_nocase(a->headers.v[i].name, str_c(name)))
            return true;
    return false;
}

/* A member of the answer, if it is an object: the elements of an array have no names. */
static const cJSON *object_of(const cJSON *tree, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, name);
    return cJSON_IsObject(member) ? member : NULL;
}

static void put_headers(struct exchange *x, const cJSON *tree, struct answer *a)
{
    const cJSON *h, *one, *multi = object_of(tree, "multiValueHeaders");
    cJSON_ArrayForEach(h, multi)
        cJSON_ArrayForEach(one, h)
            put_header(x, a, h->string, one);
    cJSON_ArrayForEach(h, object_of(tree, "headers"))
        if (!cJSON_GetObjectItem(multi, h->string))
            put_header(x, a, h->string, h);
    cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(tree, "cookies"))
        put_header(x, a, "Set-Cookie", h);
}

static int put_body(struct exchange *x, const cJSON *tree, struct answer *a)
{
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(tree, "body");
    if (!body || cJSON_IsNull(body))
        return 0;
    if (!cJSON_IsString(body))
        return E_INVALID;
    struct str text = str_dup(x->arena, str_c(body->valuestring));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "isBase64Encoded")))
        return base64_decode(x->arena, text, &a->body);
    a->body = text;
    return 0;
}

int proxy_reply(struct exchange *x, struct str version, struct str payload, struct answer *ret)
{
    cJSON *tree = cJSON_ParseWithLength(payload.p, payload.n);
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(tree, "statusCode");
    bool v2 = str_is(version, "2.0");
    if (v2 && tree && !(cJSON_IsObject(tree) && status)) { /* any other JSON is the body itself */
        answer_init(ret, 200);
        answer_header(x->arena, ret, "Content-Type", STR("application/json"));
        ret->body = cJSON_IsString(tree) ? str_dup(x->arena, str_c(tree->valuestring)) : str_dup(x->arena, payload);
        cJSON_Delete(tree);
        return 0;
    }
    int64_t code = 0;
    bool ok = cJSON_IsObject(tree);
    if (cJSON_IsString(status))
        ok = ok && str_to_i64(str_c(status->valuestring), &code) == 0;
    else
        code = cJSON_IsNumber(status) ? status->valueint : 0;
    ok = ok && code >= 200 && code <= 599; /* 1xx is no answer */
    if (ok) {
        answer_init(ret, (int)code);
        put_headers(x, tree, ret);
        ok = put_body(x, tree, ret) == 0;
    }
    cJSON_Delete(tree);
    if (ok && ret->body.n && !has_header(ret, "content-type"))
        answer_header(x->arena, ret, "Content-Type", v2 ? STR("application/json") : STR("text/plain;charset=utf-8"));
    return ok ? 0 : E_INVALID;
}

/* ---- CORS: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html ---- */

static bool origin_allowed(const struct str_list *origins, struct str origin)
{
    for (uint32_t i = 0; i < origins->n; i++) {
        struct str o = origins->v[i];
        if (str_is(o, "*") || str_eq(o, origin) || (str_is(o, "https://*") && str_starts(origin, STR("https://"))) ||
            (str_is(o, "http://*") && str_starts(origin, STR("http://"))))
            return true;
    }
    return false;
}

static struct str joined(struct arena *a, const struct str_list *l)
{
    struct buf b;
    buf_init(&b, a, 64 * 1024);
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            buf_byte(&b, ',');
        buf_str(&b, l->v[i]);
    }
    return buf_done(&b);
}

/* Whatever has CORS settings answers for itself: what the function says of it is dropped, as on AWS. */
static void drop_cors(struct arena *arena, struct answer *a)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->headers.n; i++)
        if (!str_starts(str_lower(arena, a->headers.v[i].name), STR("access-control-")))
            a->headers.v[kept++] = a->headers.v[i];
    a->headers.n = kept;
}

bool proxy_cors(const struct proxy_cors *c, struct exchange *x, struct answer *ret)
{
    struct str origin = exchange_header(x, "origin");
    drop_cors(x->arena, ret);
    if (!origin.p)
        return false;
    bool preflight = str_is(x->method, "OPTIONS") && exchange_header(x, "access-control-request-method").p;
    if (preflight)
        answer_init(ret, c->preflight_status);
    if (!origin_allowed(&c->origins, origin))
        return preflight;
    answer_header(x->arena, ret, "Access-Control-Allow-Origin", str_list_has(&c->origins, STR("*")) ? STR("*") : origin);
    if (c->credentials)
        answer_header(x->arena, ret, "Access-Control-Allow-Credentials", STR("true"));
    if (c->exposed.n)
        answer_header(x->arena, ret, "Access-Control-Expose-Headers", joined(x->arena, &c->exposed));
    if (!preflight)
        return false;
    if (c->methods.n)
        answer_header(x->arena, ret, "Access-Control-Allow-Methods", joined(x->arena, &c->methods));
    if (c->headers.n)
        answer_header(x->arena, ret, "Access-Control-Allow-Headers", joined(x->arena, &c->headers));
    if (c->max_age_s.set)
        answer_header(x->arena, ret, "Access-Control-Max-Age", str_printf(x->arena, "%lld", (long long)c->max_age_s.v));
    return true;
}
