/* Requests into structs and structs into answers: which codec, which headers. */
#include "wire/codec.h"

/* ---- requests ---- */

static int read_payload(const struct exchange *x, bool xml, const struct member *m, void *slot, struct str *why)
{
    const struct shape *s = m->shape;
    if (s->kind == SHAPE_STREAM || x->body.n == 0)
        return 0;
    if (s->kind == SHAPE_STRING || s->kind == SHAPE_BLOB) {
        if (s->kind == SHAPE_STRING && !str_is_utf8(x->body))
            return bad(x->arena, why, "Invalid UTF-8");
        *(struct str *)slot = s->kind == SHAPE_STRING ? str_dup(x->arena, x->body) : x->body;
        return 0;
    }
    void *target = slot_open(x->arena, s, slot, false);
    return xml ? xml_read(x->arena, x->body, s, target, why) : json_read(x->arena, x->body, s, target, why);
}

static int read_rest(const struct exchange *x, const struct wire_route *r, void *in, struct str *why)
{
    const struct shape *s = r->row->in;
    bool xml = r->protocol == PROTO_REST_XML;
    int rc = rest_read(x, r, in, why);
    if (rc)
        return rc;
    const struct member *payload = payload_of(s);
    if (payload)
        return read_payload(x, xml, payload, slot_of(in, payload), why);
    if (!has_body_members(s) || str_trim(x->body).n == 0)
        return 0;
    return xml ? xml_read(x->arena, x->body, s, in, why) : json_read(x->arena, x->body, s, in, why);
}

static int decode(const struct exchange *x, const struct wire_route *r, void *in, struct str *ret_why)
{
    const struct shape *s = r->row->in;
    switch (r->protocol) {
    case PROTO_JSON_1_0:
    case PROTO_JSON_1_1:
        return str_trim(x->body).n ? json_read(x->arena, x->body, s, in, ret_why) : 0;
    case PROTO_CBOR:
        return x->body.n ? cbor_read(x->arena, x->body, false, s, in, ret_why) : 0;
    case PROTO_QUERY:
    case PROTO_EC2:
        return query_read(x->arena, &r->params, r->protocol == PROTO_EC2, s, in, ret_why);
    case PROTO_REST_JSON:
    case PROTO_REST_XML:
        return read_rest(x, r, in, ret_why);
    default:
        return bad(x->arena, ret_why, "The request is of no known protocol");
    }
}

int wire_decode(const struct exchange *x, const struct wire_route *r, void *in, struct str *ret_why)
{
    *ret_why = STR("");
    if (!r->row->in)
        return 0;
    struct exchange plain = *x;
    int rc = r->protocol == PROTO_REST_XML ? 0 : plain_body(x, &plain.body); /* to S3 the encoding is the object's own */
    if (rc)
        return bad(x->arena, ret_why, rc == E_LIMIT ? "The unpacked body is too large" : "The body is not valid gzip"), rc;
    return decode(&plain, r, in, ret_why);
}

int wire_json_encode(struct arena *a, const struct shape *shape, const void *value, struct str *ret)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    json_write(&b, shape, value, true);
    *ret = buf_done(&b);
    return ret->p ? 0 : E_LIMIT;
}

int wire_json_decode(struct arena *a, const struct shape *shape, struct str text, void *ret, struct str *ret_why)
{
    return json_read(a, text, shape, ret, ret_why);
}

/* ---- answers ---- */

static bool is_s3(const struct service_row *s) { return str_is(str_c(s->signing_name), "s3"); }

void wire_ids(struct arena *a, const struct service_row *service, struct str request_id, struct answer *ret)
{
    if (service && is_s3(service)) {
        answer_header(a, ret, "x-amz-request-id", request_id);
        answer_header(a, ret, "x-amz-id-2", request_id);
        answer_header(a, ret, "Server", STR("AmazonS3"));
    } else {
        answer_header(a, ret, "x-amzn-RequestId", request_id);
    }
}

static bool has_header(const struct answer *r, const char *name)
{
    for (uint32_t i = 0; i < r->headers.n; i++)
        if (str_eq_nocase(r->headers.v[i].name, str_c(name)))
            return true;
    return false;
}

static void content_type(struct arena *a, struct answer *r, const char *type)
{
    if (!has_header(r, "Content-Type"))
        answer_header(a, r, "Content-Type", str_c(type));
}

static void write_query(struct buf *b, const struct op_row *row, const void *out, struct str request_id, bool ec2)
{
    struct xml_style style = { .query = !ec2, .ec2 = ec2 };
    buf_printf(b, "<%sResponse", row->name);
    xml_write_namespace(b, row->service->xml_ns, NULL);
    buf_byte(b, '>');
    if (ec2) {
        buf_c(b, "<requestId>");
        buf_xml_text(b, request_id);
        buf_c(b, "</requestId>");
    }
    if (row->out) {
        if (row->result_wrapper && !ec2)
            buf_printf(b, "<%s>", row->result_wrapper);
        xml_write_members(b, &style, row->out, out);
        if (row->result_wrapper && !ec2)
            buf_printf(b, "</%s>", row->result_wrapper);
    }
    if (!ec2) {
        buf_c(b, "<ResponseMetadata><RequestId>");
        buf_xml_text(b, request_id);
        buf_c(b, "</RequestId></ResponseMetadata>");
    }
    buf_printf(b, "</%sResponse>", row->name);
}

static void write_root(struct buf *b, const struct service_row *service, const struct member *payload, const struct shape *s, const void *st)
{
    const char *name = payload && payload->renamed ? payload->wire : s->wire ? s->wire : s->name;
    const struct xml_style style = { .millis = is_s3(service) };
    const struct member *only = s->unwrapped && s->n_members ? &s->members[0] : NULL;
    if (only)
        name = only->wire;
    buf_c(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    buf_printf(b, "<%s", name);
    if (payload && payload->xml_ns)
        xml_write_namespace(b, payload->xml_ns, payload->xml_ns_prefix);
    else if (s->xml_ns)
        xml_write_namespace(b, s->xml_ns, s->xml_ns_prefix);
    else
        xml_write_namespace(b, service->xml_ns, NULL);
    xml_write_attributes(b, s, st);
    buf_byte(b, '>');
    if (!only)
        xml_write_members(b, &style, s, st);
    else if (slot_is_set(only->shape, slot_of(st, only), false))
        buf_xml_text(b, text_of_scalar(b->arena, only, only->shape, slot_of(st, only), TIME_ISO8601));
    buf_printf(b, "</%s>", name);
}

static void write_rest(struct arena *a, struct buf *b, bool xml, const struct op_row *row, const void *out, struct answer *ret)
{
    const struct shape *s = row->out;
    const struct member *payload = payload_of(s);
    rest_write(a, s, out, ret);
    const void *slot = payload ? slot_of(out, payload) : NULL;
    if (payload && (payload->shape->kind == SHAPE_STREAM || !slot_is_set(payload->shape, slot, false)))
        return;
    if (payload && is_text(payload->shape->kind)) {
        content_type(a, ret, payload->shape->kind == SHAPE_STRING ? "text/plain" :
                             payload->shape->kind == SHAPE_RAW ? "application/json" : "application/octet-stream");
        buf_str(b, *(const struct str *)slot);
        return;
    }
    if (!payload && !has_body_members(s))
        return;
    content_type(a, ret, xml ? "application/xml" : "application/json");
    if (!xml && payload)
        json_write(b, payload->shape, slot, false);
    else if (!xml)
        json_write_members(b, s, out);
    else
        write_root(b, row->service, payload, payload ? payload->shape : s, payload ? slot_struct(slot, false) : out);
}

int wire_encode(struct arena *a, enum protocol p, const struct op_row *row, const void *out, struct str request_id, struct answer *ret)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    wire_ids(a, row->service, request_id, ret);
    switch (p) {
    case PROTO_JSON_1_0:
    case PROTO_JSON_1_1:
        content_type(a, ret, p == PROTO_JSON_1_0 ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1");
        if (row->out)
            json_write_members(&b, row->out, out);
        break;
    case PROTO_CBOR:
        answer_header(a, ret, "smithy-protocol", STR("rpc-v2-cbor"));
        content_type(a, ret, "application/cbor");
        if (row->out)
            cbor_write(&b, false, row->out, out);
        break;
    case PROTO_QUERY:
    case PROTO_EC2:
        content_type(a, ret, "text/xml");
        write_query(&b, row, out, request_id, p == PROTO_EC2);
        break;
    case PROTO_REST_JSON:
    case PROTO_REST_XML:
        write_rest(a, &b, p == PROTO_REST_XML, row, out, ret);
        break;
    default:
        return E_UNSUPPORTED;
    }
    ret->body = buf_done(&b);
    return ret->body.p ? 0 : E_LIMIT;
}
