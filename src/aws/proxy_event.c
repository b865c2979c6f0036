/* Requests as events. What Lambda authorizers are asked: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html */
#include "aws/proxy.h"
#include "base/buf.h"
#include "base/code.h"

enum { EVENT_BYTES_MAX = 32 * 1024 * 1024 };

static void put(struct buf *b, const char *name, struct str value)
{
    buf_json_string(b, str_c(name));
    buf_byte(b, ':');
    if (value.p)
        buf_json_string(b, value);
    else
        buf_c(b, "null");
}

static void more(struct buf *b, const char *name, struct str value)
{
    buf_byte(b, ',');
    put(b, name, value);
}

/* A map of name to values, in order of first appearance. */
struct multi {
    struct str name;
    struct str_list values;
};
struct multi_list {
    struct multi *v;
    uint32_t n, cap;
    bool set;
};

static void add(struct arena *a, struct multi_list *m, struct str name, struct str value)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (str_eq(m->v[i].name, name)) {
            str_list_add(a, &m->v[i].values, value);
            return;
        }
    }
    struct multi *e = list_push(a, m);
    e->name = name;
    str_list_add(a, &e->values, value);
}

static void put_list(struct buf *b, const struct str_list *l)
{
    buf_byte(b, '[');
    for list_each(s, l) {
        if (s != l->v)
            buf_byte(b, ',');
        buf_json_string(b, *s);
    }
    buf_byte(b, ']');
}

static void put_joined(struct buf *b, const struct str_list *l)
{
    struct str joined = l->v[0];
    for (uint32_t i = 1; i < l->n; i++)
        joined = str_printf(b->arena, "%.*s,%.*s", STR_ARG(joined), STR_ARG(l->v[i]));
    buf_json_string(b, joined);
}

static void put_last(struct buf *b, const struct str_list *l)
{
    buf_json_string(b, l->v[l->n - 1]);
}

/* An object of the names, with their values as the payload format has them. */
static void put_object(struct buf *b, const struct multi_list *m, void (*put_values)(struct buf *b, const struct str_list *values))
{
    buf_byte(b, '{');
    for list_each(e, m) {
        if (e != m->v)
            buf_byte(b, ',');
        buf_json_string(b, e->name);
        buf_byte(b, ':');
        put_values(b, &e->values);
    }
    buf_byte(b, '}');
}

static void put_map(struct buf *b, const struct str_map *map)
{
    struct multi_list m = { 0 };
    for list_each(p, map)
        add(b->arena, &m, p->key, p->value);
    put_object(b, &m, put_last);
}

static bool has(const struct str_map *map) { return map && map->n; }

static void read_query(struct op *op, struct str query, struct multi_list *ret)
{
    for (struct str rest = query, pair; rest.n;) {
        str_cut(rest, '&', &pair, &rest);
        struct str name, value;
        str_cut(pair, '=', &name, &value);
        if (!pair.n || uri_decode(op->arena, name, true, &name) || uri_decode(op->arena, value.p ? value : STR(""), true, &value))
            continue;
        add(op->arena, ret, name, value);
    }
}

static void read_headers(struct op *op, const struct proxy_request *r, bool keep_cookies, struct multi_list *ret)
{
    for (uint32_t i = 0; i < r->x->headers.n; i++) {
        struct str name = str_lower(op->arena, r->x->headers.v[i].name);
        if (keep_cookies || !str_is(name, "cookie"))
            add(op->arena, ret, name, r->x->headers.v[i].value);
    }
    struct str port = STR("443");
    add(op->arena, ret, STR("x-forwarded-for"), r->x->peer);
    add(op->arena, ret, STR("x-forwarded-port"), port);
    add(op->arena, ret, STR("x-forwarded-proto"), r->x->tls ? STR("https") : STR("http"));
}

/* Text goes as it is, everything else in base64. */
static bool is_text(const struct proxy_request *r)
{
    struct str type = exchange_header(r->x, "content-type"), rest;
    str_cut(type, ';', &type, &rest);
    type = str_trim(type);
    bool named = !type.n || str_starts(type, STR("text/")) || str_is(type, "application/json") || str_is(type, "application/xml") ||
                 str_is(type, "application/javascript") || str_ends(type, STR("+json")) || str_ends(type, STR("+xml"));
    return named && str_is_utf8(r->x->body) && !exchange_header(r->x, "content-encoding").p;
}

static void put_body(struct op *op, struct buf *b, const struct proxy_request *r, bool null_when_empty)
{
    bool text = is_text(r);
    struct str body = r->x->body;
    if (!body.n)
        buf_c(b, null_when_empty ? ",\"body\":null" : "");
    else {
        buf_c(b, ",\"body\":");
        buf_json_string(b, text ? body : base64_encode(op->arena, body.p, body.n));
    }
    buf_printf(b, ",\"isBase64Encoded\":%s}", body.n && !text ? "true" : "false");
}

/* ---- payload format 2.0 ---- */

/* requestContext.authorizer */
static void put_authorizer_v2(struct buf *b, const struct proxy_request *r)
{
    const struct principal *caller = r->admission.caller;
    if (r->admission.claims.p) {
        buf_c(b, "\"authorizer\":{\"jwt\":{\"claims\":");
        buf_str(b, r->admission.claims);
        buf_c(b, ",\"scopes\":");
        buf_str(b, r->admission.scopes);
        buf_c(b, "}},");
    } else if (r->admission.context.p) {
        buf_c(b, "\"authorizer\":{\"lambda\":");
        buf_str(b, r->admission.context);
        buf_c(b, "},");
    } else if (caller) {
        buf_c(b, "\"authorizer\":{\"iam\":{");
        put(b, "accessKey", caller->access_key_id);
        more(b, "accountId", caller->account);
        more(b, "callerId", caller->user_id);
        buf_c(b, ",\"cognitoIdentity\":null");
        more(b, "principalOrgId", r->admission.organization);
        more(b, "userArn", caller->arn);
        more(b, "userId", caller->user_id);
        buf_c(b, "}},");
    }
}

static void put_context_v2(struct op *op, struct buf *b, const struct proxy_request *r)
{
    buf_c(b, ",\"requestContext\":{");
    put(b, "accountId", r->account);
    more(b, "apiId", r->api_id);
    buf_byte(b, ',');
    put_authorizer_v2(b, r);
    put(b, "domainName", r->domain);
    more(b, "domainPrefix", r->api_id);
    buf_c(b, ",\"http\":{");
    put(b, "method", r->x->method);
    more(b, "path", r->raw_path);
    buf_c(b, ",\"protocol\":\"HTTP/1.1\",");
    put(b, "sourceIp", r->x->peer);
    more(b, "userAgent", opt_str(exchange_header(r->x, "user-agent"), STR("")));
    buf_c(b, "},");
    put(b, "requestId", op->request_id);
    more(b, "routeKey", r->route_key);
    more(b, "stage", r->stage);
    more(b, "time", time_clf(op->arena, op_now_ms(op)));
    buf_printf(b, ",\"timeEpoch\":%lld}", (long long)op_now_ms(op));
}

static void put_cookies(struct op *op, struct buf *b, struct str cookies)
{
    struct str_list each = { 0 };
    for (struct str rest = cookies, one; rest.n;) {
        str_cut(rest, ';', &one, &rest);
        str_list_add(op->arena, &each, str_trim(one));
    }
    buf_c(b, ",\"cookies\":");
    put_list(b, &each);
}

static struct str event_v2(struct op *op, const struct proxy_request *r, const struct proxy_question *q)
{
    struct buf b;
    struct multi_list headers = { 0 }, query = { 0 };
    struct str cookies = exchange_header(r->x, "cookie");
    buf_init(&b, op->arena, EVENT_BYTES_MAX);
    read_headers(op, r, false, &headers);
    read_query(op, r->x->query, &query);
    buf_c(&b, "{\"version\":\"2.0\",");
    if (q) {
        buf_c(&b, "\"type\":\"REQUEST\",");
        put(&b, "routeArn", q->arn);
        buf_c(&b, ",\"identitySource\":");
        q->identity->n ? put_list(&b, q->identity) : buf_c(&b, "null");
        buf_byte(&b, ',');
    }
    put(&b, "routeKey", r->route_key);
    more(&b, "rawPath", r->raw_path);
    more(&b, "rawQueryString", r->x->query.p ? r->x->query : STR(""));
    if (cookies.n)
        put_cookies(op, &b, cookies);
    buf_c(&b, ",\"headers\":");
    put_object(&b, &headers, put_joined);
    if (query.n) {
        buf_c(&b, ",\"queryStringParameters\":");
        put_object(&b, &query, put_joined);
    }
    put_context_v2(op, &b, r);
    if (has(r->path_parameters)) {
        buf_c(&b, ",\"pathParameters\":");
        put_map(&b, r->path_parameters);
    }
    if (has(r->stage_variables)) {
        buf_c(&b, ",\"stageVariables\":");
        put_map(&b, r->stage_variables);
    }
    q ? buf_byte(&b, '}') : put_body(op, &b, r, false);
    return buf_done(&b);
}

/* ---- payload format 1.0 ---- */

static void put_authorizer_v1(struct buf *b, const struct proxy_request *r)
{
    if (r->admission.claims.p) {
        buf_c(b, "\"authorizer\":{\"claims\":");
        buf_str(b, r->admission.claims);
        buf_c(b, ",\"scopes\":");
        buf_str(b, r->admission.scopes);
        buf_c(b, "},");
    } else if (r->admission.context.p) { /* what the function said stands beside whom it named */
        struct str members = str_is(r->admission.context, "null") ? STR("{}") : r->admission.context;
        bool named = r->admission.principal_id.p, empty = members.n == 2;
        buf_c(b, "\"authorizer\":{");
        if (named) {
            put(b, "principalId", r->admission.principal_id);
            buf_c(b, empty ? "" : ",");
        }
        buf_str(b, str_sub(members, 1, members.n - 1));
        buf_byte(b, ',');
    }
}

static void put_context_v1(struct op *op, struct buf *b, const struct proxy_request *r, struct str resource)
{
    const struct principal *caller = r->admission.caller;
    buf_c(b, "\"requestContext\":{");
    put(b, "accountId", r->account);
    more(b, "apiId", r->api_id);
    buf_byte(b, ',');
    put_authorizer_v1(b, r);
    put(b, "domainName", r->domain);
    more(b, "domainPrefix", r->api_id);
    more(b, "extendedRequestId", op->request_id);
    more(b, "httpMethod", r->x->method);
    buf_c(b, ",\"identity\":{");
    put(b, "accessKey", caller ? caller->access_key_id : STR_NONE);
    more(b, "accountId", caller ? caller->account : STR_NONE);
    more(b, "caller", caller ? caller->user_id : STR_NONE);
    buf_c(b, ",\"cognitoAmr\":null,\"cognitoAuthenticationProvider\":null,\"cognitoAuthenticationType\":null,\"cognitoIdentityId\":null,"
             "\"cognitoIdentityPoolId\":null");
    more(b, "principalOrgId", r->admission.organization);
    more(b, "sourceIp", r->x->peer);
    more(b, "user", caller ? caller->user_id : STR_NONE);
    more(b, "userAgent", opt_str(exchange_header(r->x, "user-agent"), STR("")));
    more(b, "userArn", caller ? caller->arn : STR_NONE);
    buf_c(b, "},");
    put(b, "path", r->raw_path);
    buf_c(b, ",\"protocol\":\"HTTP/1.1\",");
    put(b, "requestId", op->request_id);
    more(b, "requestTime", time_clf(op->arena, op_now_ms(op)));
    buf_printf(b, ",\"requestTimeEpoch\":%lld,\"resourceId\":null,", (long long)op_now_ms(op));
    put(b, "resourcePath", resource);
    more(b, "stage", r->stage);
    buf_byte(b, '}');
}

static void put_question_v1(struct op *op, struct buf *b, const struct proxy_question *q)
{
    struct str values = STR_NONE;
    for list_each(v, q->identity)
        values = values.p ? str_cat(op->arena, values, STR(","), *v) : *v;
    buf_c(b, "\"type\":\"REQUEST\",");
    put(b, "methodArn", q->arn);
    more(b, "identitySource", values);
    more(b, "authorizationToken", values);
    buf_byte(b, ',');
}

static struct str event_v1(struct op *op, const struct proxy_request *r, const struct proxy_question *q)
{
    struct buf b;
    struct multi_list headers = { 0 }, query = { 0 };
    struct str method, resource;
    if (!str_cut(r->route_key, ' ', &method, &resource))
        resource = r->route_key;
    buf_init(&b, op->arena, EVENT_BYTES_MAX);
    read_headers(op, r, true, &headers);
    read_query(op, r->x->query, &query);
    buf_c(&b, "{\"version\":\"1.0\",");
    if (q)
        put_question_v1(op, &b, q);
    put(&b, "resource", resource);
    more(&b, "path", r->raw_path);
    more(&b, "httpMethod", r->x->method);
    buf_c(&b, ",\"headers\":");
    put_object(&b, &headers, put_last);
    buf_c(&b, ",\"multiValueHeaders\":");
    put_object(&b, &headers, put_list);
    buf_c(&b, ",\"queryStringParameters\":");
    query.n ? put_object(&b, &query, put_last) : buf_c(&b, "null");
    buf_c(&b, ",\"multiValueQueryStringParameters\":");
    query.n ? put_object(&b, &query, put_list) : buf_c(&b, "null");
    buf_byte(&b, ',');
    put_context_v1(op, &b, r, resource);
    buf_c(&b, ",\"pathParameters\":");
    has(r->path_parameters) ? put_map(&b, r->path_parameters) : buf_c(&b, "null");
    buf_c(&b, ",\"stageVariables\":");
    has(r->stage_variables) ? put_map(&b, r->stage_variables) : buf_c(&b, "null");
    q ? buf_byte(&b, '}') : put_body(op, &b, r, true);
    return buf_done(&b);
}

struct str proxy_event(struct op *op, const struct proxy_request *r, struct str version)
{
    return str_is(version, "1.0") ? event_v1(op, r, NULL) : event_v2(op, r, NULL);
}

struct str proxy_authorizer_event(struct op *op, const struct proxy_request *r, const struct proxy_question *q)
{
    return str_is(q->version, "1.0") ? event_v1(op, r, q) : event_v2(op, r, q);
}
