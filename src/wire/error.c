/* Errors in each protocol's words. */
#include "wire/codec.h"

/* What the errors common to all services are called: json, cbor and rest-json; query and ec2; S3. status 0: the error's own. */
struct common_code {
    const char *name, *json, *query, *s3;
    int rpc_status; /* json 1.0/1.1 and cbor answer 400 where others answer 403 */
};
static const struct common_code common_codes[] = {
    { "AccessDenied", "AccessDeniedException", "AccessDenied", "AccessDenied", 400 },
    { "ValidationError", "ValidationException", "ValidationError", "InvalidArgument", 0 },
    { "SerializationException", "SerializationException", "MalformedInput", "MalformedXML", 0 },
    { "UnknownOperation", "UnknownOperationException", "InvalidAction", "MethodNotAllowed", 0 },
    { "NotImplemented", "NotImplemented", "NotImplemented", "NotImplemented", 0 },
    { "InternalFailure", "InternalFailure", "InternalFailure", "InternalError", 0 },
    { "Throttling", "ThrottlingException", "Throttling", "SlowDown", 0 },
    { "ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailable", 0 },
    { "MissingAuthenticationToken", "MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied", 400 },
    { "InvalidClientTokenId", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", 400 },
    { "SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch", 400 },
    { "RequestExpired", "InvalidSignatureException", "RequestExpired", "AccessDenied", 400 },
    { "RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", 400 },
    { "ExpiredToken", "ExpiredTokenException", "ExpiredToken", "ExpiredToken", 400 },
    { "IncompleteSignature", "IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed", 400 },
    { "MissingParameter", "ValidationException", "MissingParameter", "InvalidRequest", 0 },
    { "InvalidAction", "UnknownOperationException", "InvalidAction", "MethodNotAllowed", 0 },
};

struct words {
    const char *code;
    int status;
};

static struct words words_of(enum protocol p, const struct service_row *service, const struct aws_error *e)
{
    bool own = service && e >= service->errors && e < service->errors + service->n_errors;
    bool form = p == PROTO_QUERY || p == PROTO_EC2;
    struct words w = { form && e->query_code ? e->query_code : e->code, e->status };
    for (size_t i = 0; !own && i < sizeof common_codes / sizeof *common_codes; i++) {
        const struct common_code *c = &common_codes[i];
        if (!str_is(str_c(e->name), c->name))
            continue;
        w.code = form ? c->query : p == PROTO_REST_XML ? c->s3 : c->json;
        if (p == PROTO_EC2 && str_is(str_c(c->name), "AccessDenied"))
            w.code = "UnauthorizedOperation";
        if (p == PROTO_REST_JSON && str_is(str_c(c->name), "UnknownOperation"))
            w.status = 404;
        if (c->rpc_status && (p == PROTO_JSON_1_0 || p == PROTO_JSON_1_1 || p == PROTO_CBOR))
            w.status = c->rpc_status;
    }
    return w;
}

static const struct member *message_member(const struct shape *s)
{
    for (uint32_t i = 0; s && i < s->n_members; i++)
        if (s->members[i].shape->kind == SHAPE_STRING && str_eq_nocase(str_c(s->members[i].name), STR("message")))
            return &s->members[i];
    return NULL;
}

/* The error's members: the detail's, with the message, and Lambda's Type, in their places. */
static const void *detail_of(struct arena *a, const struct wire_failure *f)
{
    const struct shape *s = f->error->shape;
    if (!s)
        return NULL;
    char *d = f->detail ? arena_dup(a, f->detail, s->size) : arena_alloc(a, s->size);
    const struct member *m = message_member(s);
    if (m)
        *(struct str *)slot_of(d, m) = f->message.n ? f->message : STR_NONE;
    for (uint32_t i = 0; i < s->n_members; i++) {
        struct str *type = slot_of(d, &s->members[i]);
        if (str_is(str_c(s->members[i].name), "Type") && s->members[i].shape->kind == SHAPE_STRING && !type->p)
            *type = f->error->sender_fault ? STR("User") : STR("Service");
    }
    return d;
}

static void json_error(struct buf *b, const struct service_row *service, const struct wire_failure *f, const char *code, bool type)
{
    const void *detail = detail_of(b->arena, f);
    bool any = false;
    buf_byte(b, '{');
    if (type) {
        const char *space = service && service->error_namespace ? service->error_namespace : "";
        buf_c(b, "\"__type\":");
        buf_json_string(b, str_printf(b->arena, "%s%s", space, code));
        any = true;
    }
    if (!message_member(f->error->shape) && f->message.n) {
        buf_c(b, any ? ",\"message\":" : "\"message\":");
        buf_json_string(b, f->message);
        any = true;
    }
    if (detail) {
        struct buf inner;
        buf_init(&inner, b->arena, LIMIT_RESPONSE_BYTES);
        json_write_members(&inner, f->error->shape, detail);
        struct str t = buf_done(&inner);
        if (t.n > 2 && any)
            buf_byte(b, ',');
        buf_str(b, str_sub(t, 1, t.n - 2));
    }
    buf_byte(b, '}');
}

static void cbor_error(struct buf *b, const struct service_row *service, const struct wire_failure *f, const char *code)
{
    const void *detail = detail_of(b->arena, f);
    const struct shape *s = f->error->shape;
    bool message = !message_member(s) && f->message.n;
    uint64_t n = 1 + message;
    for (uint32_t i = 0; detail && i < s->n_members; i++)
        n += slot_is_set(s->members[i].shape, slot_of(detail, &s->members[i]), false);
    cbor_map(b, n);
    cbor_text(b, STR("__type"));
    cbor_text(b, str_printf(b->arena, "%s%s", service && service->error_namespace ? service->error_namespace : "", code));
    if (message) {
        cbor_text(b, STR("message"));
        cbor_text(b, f->message);
    }
    for (uint32_t i = 0; detail && i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (!slot_is_set(m->shape, slot_of(detail, m), false))
            continue;
        cbor_text(b, str_c(m->name));
        cbor_write(b, false, m->shape, m->shape->kind == SHAPE_STRUCT ? slot_struct(slot_of(detail, m), false) : slot_of(detail, m));
    }
}

static void element(struct buf *b, const char *name, struct str text)
{
    buf_printf(b, "<%s>", name);
    buf_xml_text(b, opt_str(text, STR("")));
    buf_printf(b, "</%s>", name);
}

/* Members beyond the message, which has its own place. */
static void xml_detail(struct buf *b, const struct wire_failure *f)
{
    const struct xml_style style = { .query = true };
    const struct shape *s = f->error->shape;
    if (!s || !f->detail)
        return;
    char *d = arena_dup(b->arena, f->detail, s->size);
    const struct member *m = message_member(s);
    if (m)
        *(struct str *)slot_of(d, m) = STR_NONE;
    xml_write_members(b, &style, s, d);
}

static void xml_error(struct buf *b, enum protocol p, const struct service_row *service, const struct wire_failure *f, const char *code,
                      struct str request_id)
{
    bool s3 = p == PROTO_REST_XML && (!service || str_is(str_c(service->signing_name), "s3"));
    if (s3)
        buf_c(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    else if (p == PROTO_EC2)
        buf_c(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
    else {
        buf_c(b, "<ErrorResponse");
        xml_write_namespace(b, service ? service->xml_ns : NULL, NULL);
        buf_c(b, "><Error>");
        element(b, "Type", f->error->sender_fault ? STR("Sender") : STR("Receiver"));
    }
    element(b, "Code", str_c(code));
    if (f->message.p)
        element(b, "Message", f->message);
    xml_detail(b, f);
    if (s3) {
        element(b, "RequestId", request_id);
        element(b, "HostId", request_id);
        buf_c(b, "</Error>");
    } else if (p == PROTO_EC2) {
        buf_c(b, "</Error></Errors>");
        element(b, "RequestID", request_id);
        buf_c(b, "</Response>");
    } else {
        buf_c(b, "</Error>");
        element(b, "RequestId", request_id);
        buf_c(b, "</ErrorResponse>");
    }
}

static bool speaks_query_too(const struct service_row *s)
{
    return s && s->protocols & 1u << PROTO_QUERY && s->protocols & ~(1u << PROTO_QUERY);
}

void wire_encode_error(struct arena *a, enum protocol p, const struct service_row *service, const struct wire_failure *f, struct str request_id,
                       bool head, struct answer *ret)
{
    struct words w = words_of(p, service, f->error);
    struct buf b;
    buf_init(&b, a, LIMIT_RESPONSE_BYTES);
    ret->status = w.status;
    wire_ids(a, service, request_id, ret);
    switch (p) {
    case PROTO_QUERY:
    case PROTO_EC2:
        answer_header(a, ret, "Content-Type", STR("text/xml"));
        xml_error(&b, p, service, f, w.code, request_id);
        break;
    case PROTO_REST_XML:
        answer_header(a, ret, "Content-Type", STR("application/xml"));
        xml_error(&b, p, service, f, w.code, request_id);
        break;
    case PROTO_CBOR:
        answer_header(a, ret, "smithy-protocol", STR("rpc-v2-cbor"));
        answer_header(a, ret, "Content-Type", STR("application/cbor"));
        cbor_error(&b, service, f, w.code);
        break;
    case PROTO_REST_JSON:
        answer_header(a, ret, "Content-Type", STR("application/json"));
        answer_header(a, ret, "x-amzn-ErrorType", str_c(w.code));
        json_error(&b, service, f, w.code, false);
        break;
    default:
        answer_header(a, ret, "Content-Type", p == PROTO_JSON_1_0 ? STR("application/x-amz-json-1.0") : STR("application/x-amz-json-1.1"));
        json_error(&b, service, f, w.code, true);
    }
    if (f->detail && (p == PROTO_REST_JSON || p == PROTO_REST_XML)) {
        int status = ret->status;
        rest_write(a, f->error->shape, f->detail, ret);
        ret->status = status;
    }
    if (speaks_query_too(service) && p != PROTO_QUERY)
        answer_header(a, ret, "x-amzn-query-error",
                      str_printf(a, "%s;%s", words_of(PROTO_QUERY, service, f->error).code, f->error->sender_fault ? "Sender" : "Receiver"));
    ret->body = head ? STR("") : opt_str(buf_done(&b), STR(""));
}
