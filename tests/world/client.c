#include "world/client.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/limits.h"
#include "sched/clock.h"

struct encoder {
    struct arena *a;
    struct str *ret_why;
    int rc;
};

static const struct member *member_of(struct encoder *e, const struct shape *s, const char *name)
{
    for (uint32_t i = 0; s && i < s->n_members; i++)
        if (strcmp(s->members[i].name, name) == 0)
            return &s->members[i];
    *e->ret_why = str_printf(e->a, "%s has no member %s", s ? s->name : "the operation", name);
    e->rc = E_INVALID;
    return NULL;
}

static struct str printed(struct arena *a, const cJSON *v)
{
    char *text = cJSON_PrintUnformatted(v);
    struct str s = str_dup(a, str_c(text));
    cJSON_free(text);
    return s;
}

/* A scalar outside of JSON. */
static struct str text_of(struct arena *a, const cJSON *v)
{
    return cJSON_IsString(v) ? str_c(v->valuestring) : printed(a, v);
}

static bool is_list(const struct shape *s) { return s->kind == SHAPE_LIST; }

/* ---- JSON ---- */

static void json_value(struct encoder *e, struct buf *b, const struct shape *s, const cJSON *v);

static void json_struct(struct encoder *e, struct buf *b, const struct shape *s, const cJSON *v)
{
    const cJSON *one;
    bool any = false;
    buf_byte(b, '{');
    cJSON_ArrayForEach(one, v)
    {
        const struct member *m = member_of(e, s, one->string);
        if (!m || m->location != LOC_BODY)
            continue;
        buf_printf(b, "%s\"%s\":", any ? "," : "", m->wire);
        json_value(e, b, m->shape, one);
        any = true;
    }
    buf_byte(b, '}');
}

static void json_value(struct encoder *e, struct buf *b, const struct shape *s, const cJSON *v)
{
    const cJSON *one;
    if (s->kind == SHAPE_STRUCT) {
        json_struct(e, b, s, v);
    } else if (s->kind == SHAPE_MAP || is_list(s)) {
        buf_byte(b, is_list(s) ? '[' : '{');
        cJSON_ArrayForEach(one, v)
        {
            if (one != v->child)
                buf_byte(b, ',');
            if (!is_list(s)) {
                buf_json_string(b, str_c(one->string));
                buf_byte(b, ':');
            }
            json_value(e, b, s->members[is_list(s) ? 0 : 1].shape, one);
        }
        buf_byte(b, is_list(s) ? ']' : '}');
    } else {
        buf_str(b, printed(e->a, v));
    }
}

/* ---- query ---- */

static void query_value(struct encoder *e, struct buf *b, struct str path, const struct member *m, const cJSON *v);

static void query_pair(struct encoder *e, struct buf *b, struct str name, struct str value)
{
    buf_printf(b, "&%.*s=%.*s", STR_ARG(uri_encode(e->a, name, false)), STR_ARG(uri_encode(e->a, value, false)));
}

static struct str under(struct encoder *e, struct str path, const struct member *m)
{
    return str_printf(e->a, "%.*s%s%s", STR_ARG(path), path.n ? "." : "", m->query_name ? m->query_name : m->wire);
}

static void query_struct(struct encoder *e, struct buf *b, struct str path, const struct shape *s, const cJSON *v)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, v)
    {
        const struct member *m = member_of(e, s, one->string);
        if (m)
            query_value(e, b, under(e, path, m), m, one);
    }
}

static void query_many(struct encoder *e, struct buf *b, struct str path, const struct member *m, const cJSON *v)
{
    const struct shape *s = m->shape;
    const cJSON *one;
    int n = 0;
    bool flat = s->flattened || m->flattened;
    if (!v->child)
        query_pair(e, b, path, STR(""));
    cJSON_ArrayForEach(one, v)
    {
        n++;
        if (is_list(s)) {
            struct str items = flat ? path : under(e, path, &s->members[0]);
            query_value(e, b, str_printf(e->a, "%.*s.%d", STR_ARG(items), n), &s->members[0], one);
            continue;
        }
        struct str entry = str_printf(e->a, "%.*s%s.%d", STR_ARG(path), flat ? "" : ".entry", n);
        query_pair(e, b, under(e, entry, &s->members[0]), str_c(one->string));
        query_value(e, b, under(e, entry, &s->members[1]), &s->members[1], one);
    }
}

static void query_value(struct encoder *e, struct buf *b, struct str path, const struct member *m, const cJSON *v)
{
    if (m->shape->kind == SHAPE_STRUCT)
        query_struct(e, b, path, m->shape, v);
    else if (is_list(m->shape) || m->shape->kind == SHAPE_MAP)
        query_many(e, b, path, m, v);
    else
        query_pair(e, b, path, text_of(e->a, v));
}

/* ---- XML ---- */

static void xml_element(struct encoder *e, struct buf *b, const char *name, const struct member *m, const cJSON *v);

static void xml_attributes(struct encoder *e, struct buf *b, const struct shape *s, const cJSON *v)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, v)
    {
        const struct member *m = member_of(e, s, one->string);
        if (!m || !m->xml_attribute)
            continue;
        buf_printf(b, " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" %s=\"", m->wire);
        buf_xml_text(b, text_of(e->a, one));
        buf_byte(b, '"');
    }
}

static void xml_members(struct encoder *e, struct buf *b, const struct shape *s, const cJSON *v)
{
    const cJSON *one, *item;
    cJSON_ArrayForEach(one, v)
    {
        const struct member *m = member_of(e, s, one->string);
        if (!m || m->location != LOC_BODY || m->xml_attribute)
            continue;
        bool flat = is_list(m->shape) && (m->flattened || m->shape->flattened);
        if (!flat)
            xml_element(e, b, m->wire, m, one);
        else
            cJSON_ArrayForEach(item, one) xml_element(e, b, m->wire, &m->shape->members[0], item);
    }
}

static void xml_element(struct encoder *e, struct buf *b, const char *name, const struct member *m, const cJSON *v)
{
    const struct shape *s = m->shape;
    const cJSON *item;
    buf_printf(b, "<%s", name);
    if (s->kind == SHAPE_STRUCT)
        xml_attributes(e, b, s, v);
    buf_byte(b, '>');
    if (s->kind == SHAPE_STRUCT)
        xml_members(e, b, s, v);
    else if (is_list(s))
        cJSON_ArrayForEach(item, v) xml_element(e, b, s->members[0].wire, &s->members[0], item);
    else
        buf_xml_text(b, text_of(e->a, v));
    buf_printf(b, "</%s>", name);
}

/* ---- rest: path, query string, headers, then the body ---- */

static struct str label(struct encoder *e, const struct shape *s, struct str name, const cJSON *in, bool greedy)
{
    for (uint32_t i = 0; s && i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const cJSON *v = m->location == LOC_URI && str_is(name, m->wire) ? cJSON_GetObjectItemCaseSensitive(in, m->name) : NULL;
        if (v)
            return uri_encode(e->a, text_of(e->a, v), greedy);
    }
    *e->ret_why = str_printf(e->a, "the path needs %.*s", STR_ARG(name));
    e->rc = E_INVALID;
    return STR("");
}

static struct str rest_path(struct encoder *e, const struct op_row *row, struct str pattern, const cJSON *in)
{
    struct buf b;
    buf_init(&b, e->a, LIMIT_HEADER_BYTES);
    while (pattern.n) {
        struct str text, name, rest;
        bool more = str_cut(pattern, '{', &text, &rest);
        buf_str(&b, text);
        if (!more)
            break;
        str_cut(rest, '}', &name, &pattern);
        bool greedy = str_ends(name, STR("+"));
        buf_str(&b, label(e, row->in, str_sub(name, 0, name.n - greedy), in, greedy));
    }
    return buf_done(&b);
}

static void rest_query(struct encoder *e, struct buf *b, const struct member *m, const cJSON *v)
{
    const cJSON *one;
    if (m->shape->kind == SHAPE_MAP)
        cJSON_ArrayForEach(one, v) query_pair(e, b, str_c(one->string), text_of(e->a, one));
    else if (is_list(m->shape))
        cJSON_ArrayForEach(one, v) query_pair(e, b, str_c(m->wire), text_of(e->a, one));
    else
        query_pair(e, b, str_c(m->wire), text_of(e->a, v));
}

static void add_header(struct encoder *e, struct client_request *r, const char *prefix, const char *name, struct str value)
{
    *list_push(e->a, &r->headers) = (struct header){ str_printf(e->a, "%s%s", prefix, name), value };
}

static void rest_header(struct encoder *e, struct client_request *r, const struct member *m, const cJSON *v)
{
    const cJSON *one;
    struct str joined = STR("");
    if (m->location == LOC_HEADERS) {
        cJSON_ArrayForEach(one, v) add_header(e, r, m->wire, one->string, text_of(e->a, one));
        return;
    }
    if (is_list(m->shape))
        cJSON_ArrayForEach(one, v) joined = str_printf(e->a, "%.*s%s%.*s", STR_ARG(joined), joined.n ? "," : "", STR_ARG(text_of(e->a, one)));
    add_header(e, r, "", m->wire, is_list(m->shape) ? joined : text_of(e->a, v));
}

static void rest_payload(struct encoder *e, struct buf *b, bool xml, const struct member *m, const cJSON *v)
{
    if (m->shape->kind != SHAPE_STRUCT)
        buf_str(b, text_of(e->a, v));
    else if (xml)
        xml_element(e, b, m->wire, m, v);
    else
        json_value(e, b, m->shape, v);
}

static void rest_body(struct encoder *e, struct buf *b, const struct op_row *row, const cJSON *in)
{
    bool xml = row->service->protocol == PROTO_REST_XML;
    const cJSON *one;
    uint32_t n = 0;
    cJSON_ArrayForEach(one, in)
    {
        const struct member *m = member_of(e, row->in, one->string);
        if (m && m->payload) {
            rest_payload(e, b, xml, m, one);
            return;
        }
        n += m && m->location == LOC_BODY;
    }
    if (n == 0)
        return;
    if (!xml) {
        json_struct(e, b, row->in, in);
        return;
    }
    const char *root = row->in_wrapper ? row->in_wrapper : row->in->name;
    buf_printf(b, "<%s>", root);
    xml_members(e, b, row->in, in);
    buf_printf(b, "</%s>", root);
}

static void rest_encode(struct encoder *e, const struct op_row *row, const cJSON *in, struct buf *body, struct client_request *r)
{
    struct str pattern, fixed;
    struct buf query;
    const cJSON *one;
    if (!str_cut(str_c(row->uri), '?', &pattern, &fixed))
        fixed = STR("");
    r->method = str_c(row->method);
    r->target = rest_path(e, row, pattern, in);
    buf_init(&query, e->a, LIMIT_HEADER_BYTES);
    cJSON_ArrayForEach(one, in)
    {
        const struct member *m = member_of(e, row->in, one->string);
        if (m && m->location == LOC_QUERY)
            rest_query(e, &query, m, one);
        else if (m && (m->location == LOC_HEADER || m->location == LOC_HEADERS))
            rest_header(e, r, m, one);
    }
    struct str more = opt_str(buf_done(&query), STR(""));
    r->query = fixed.n || more.n ? str_printf(e->a, "%.*s%.*s", STR_ARG(fixed), STR_ARG(str_sub(more, fixed.n == 0, more.n))) : STR_NONE;
    rest_body(e, body, row, in);
}

/* ---- all ---- */

static void content_md5(struct encoder *e, struct client_request *r)
{
    uint8_t md5[16];
    digest_md5(r->body.p, r->body.n, md5);
    add_header(e, r, "", "Content-MD5", base64_encode(e->a, md5, sizeof md5));
}

int client_encode(struct arena *a, const struct op_row *row, const cJSON *in, struct client_request *ret, struct str *ret_why)
{
    const struct service_row *s = row->service;
    struct encoder e = { .a = a, .ret_why = ret_why };
    struct buf body;
    *ret = (struct client_request){ .method = STR("POST"), .target = STR("/"), .query = STR_NONE, .host = STR("127.0.0.1:4566") };
    buf_init(&body, a, LIMIT_BODY_BYTES);
    if (s->protocols & (1u << PROTO_JSON_1_0 | 1u << PROTO_JSON_1_1)) {
        add_header(&e, ret, "", "X-Amz-Target", str_printf(a, "%s.%s", s->target_prefix, row->name));
        add_header(&e, ret, "", "Content-Type", s->protocols & 1u << PROTO_JSON_1_0 ? STR("application/x-amz-json-1.0") : STR("application/x-amz-json-1.1"));
        json_struct(&e, &body, row->in, in);
    } else if (s->protocol == PROTO_QUERY) {
        add_header(&e, ret, "", "Content-Type", STR("application/x-www-form-urlencoded"));
        buf_printf(&body, "Action=%s&Version=%s", row->name, s->api_version);
        query_struct(&e, &body, STR(""), row->in, in);
    } else {
        rest_encode(&e, row, in, &body, ret);
    }
    ret->body = opt_str(buf_done(&body), STR(""));
    if (row->checksum_required)
        content_md5(&e, ret);
    return e.rc;
}

void client_sign(struct arena *a, const struct op_row *row, const struct sign_credentials *key, struct str region, struct client_request *r)
{
    sign_headers(a, key, region, str_c(row->service->signing_name), clock_real_ms(), r->method, r->target, r->query, r->host, r->body, &r->headers);
}
