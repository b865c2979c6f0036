#include "services/s3/form.h"

#include "auth/auth.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/form.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "cloud/pipeline.h"
#include "sched/clock.h"
#include "wire/codec.h"
#include "wire/wire.h"

enum { FIELDS_BYTES_MAX = 20 * 1024, ANSWER_BYTES_MAX = 64 * 1024 };

struct form {
    struct exchange put;      /* first: what the form says as the PUT that it stands for */
    struct exchange *x;       /* the form itself */
    struct str bucket, key;
    struct str_map fields;    /* those before the file, their names in lower case */
    const struct form_part *file;
    const struct principal *who;
    struct sigv4 sig;
    struct header_list cross_origin;
};

/* ---- what it says ---- */

static struct str field(const struct form *f, const char *name) { return str_map_get(&f->fields, str_c(name)); }

static int missing(struct op *op, const char *name)
{
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = str_c(name), .ArgumentValue = STR("")),
                   "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name);
}

/* What a field says becomes a header: of the request now, and of answers later. */
static bool fits_header(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return false;
    return true;
}

static int malformed(struct op *op)
{
    return aws_fail(op, S3_MalformedPOSTRequest, "The body of your POST request is not well-formed multipart/form-data.");
}

static int read_fields(struct op *op, struct form *f)
{
    struct form_parts parts;
    size_t bytes = 0;
    if (form_parse(op->arena, exchange_header(f->x, "Content-Type"), f->x->body, &parts))
        return malformed(op);
    for list_each(p, &parts) {
        struct str name = str_lower(op->arena, p->name);
        if (str_is(name, "file")) {
            f->file = p;
            break; /* what follows is not looked at */
        }
        bytes += name.n + p->data.n;
        if (!str_is_utf8(name) || !str_is_utf8(p->data))
            return malformed(op);
        str_map_put(op->arena, &f->fields, name, p->data);
    }
    if (bytes > FIELDS_BYTES_MAX)
        return aws_fail(op, S3_MaxPostPreDataLengthExceeded, "Your POST request fields preceding the upload file were too large.");
    if (!f->file)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("file"), .ArgumentValue = STR("0")), "POST requires exactly one file upload per request.");
    if (!field(f, "key").n)
        return missing(op, "key");
    struct str folder, base, name = f->file->filename;
    f->key = field(f, "key");
    if (!name.p)
        return s3_key_check(op, f->key);
    for (const char *sep = "/\\"; *sep; sep++) /* some browsers send a path */
        if (str_cut_last(name, *sep, &folder, &base))
            name = base;
    f->key = str_replace(op->arena, f->key, STR("${filename}"), name);
    return str_is_utf8(name) ? s3_key_check(op, f->key) : malformed(op);
}

/* ---- who sends it ---- */

static int anonymous(struct op *op, struct form *f)
{
    struct principal *p = arena_one(op->arena, struct principal);
    p->kind = PRINCIPAL_ANONYMOUS;
    f->who = p;
    f->sig = (struct sigv4){ .present = true, .service = STR("s3"), .payload = PAYLOAD_UNSIGNED };
    return 0;
}

static int authenticate(struct op *op, struct form *f)
{
    static const struct {
        const char *name, *shown;
        bool v2;
    } parts[] = { { "awsaccesskeyid", "AWSAccessKeyId", true },    { "signature", "Signature", true },
                  { "x-amz-algorithm", "X-Amz-Algorithm", false }, { "x-amz-credential", "X-Amz-Credential", false },
                  { "x-amz-date", "X-Amz-Date", false },           { "x-amz-signature", "X-Amz-Signature", false } };
    bool any[2] = { false, false };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        any[parts[i].v2] = any[parts[i].v2] || field(f, parts[i].name).p;
    if (!any[false] && !any[true])
        return field(f, "policy").p ? aws_fail(op, AWS_AccessDenied, "Access Denied") : anonymous(op, f);
    bool v2 = !any[false];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].v2 == v2 && !field(f, parts[i].name).p)
            return missing(op, parts[i].shown);
    if (!field(f, "policy").p)
        return missing(op, "Policy");
    if (!v2 && !str_is(field(f, "x-amz-algorithm"), "AWS4-HMAC-SHA256"))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("X-Amz-Algorithm"), .ArgumentValue = field(f, "x-amz-algorithm")),
                       "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    const struct form_claims claims = {
        .v2 = v2, .policy = field(f, "policy"), .credential = v2 ? field(f, "awsaccesskeyid") : field(f, "x-amz-credential"), .date = field(f, "x-amz-date"),
        .signature = v2 ? field(f, "signature") : field(f, "x-amz-signature"), .session_token = field(f, "x-amz-security-token"),
    };
    int rc = auth_authenticate_form(op, f->x, &claims, &f->sig);
    if (!rc)
        rc = s3_form_policy(op, claims.policy, f->bucket, &f->fields, f->file->data.n, clock_real_ms());
    f->who = op->caller;
    return rc;
}

/* ---- the PUT ---- */

static void header(struct form *f, struct str name, struct str value) { *list_push(f->x->arena, &f->put.headers) = (struct header){ name, value }; }

/* <Tagging>, as the x-amz-tagging header has it. */
static int tagging(struct op *op, struct form *f, struct str xml)
{
    struct s3_Tagging t = { 0 };
    struct buf b;
    struct str why;
    if (xml_read(op->arena, str_dup(op->arena, xml), &s3_Tagging_shape, &t, &why))
        return s3_malformed(op);
    buf_init(&b, op->arena, FIELDS_BYTES_MAX * 4);
    for list_each(tag, &t.TagSet)
        buf_printf(&b, "%s%.*s=%.*s", b.n ? "&" : "", STR_ARG(uri_encode(op->arena, opt_str(tag->Key, STR("")), false)),
                   STR_ARG(uri_encode(op->arena, opt_str(tag->Value, STR("")), false)));
    struct str text = buf_done(&b);
    if (text.n)
        header(f, STR("x-amz-tagging"), text);
    return 0;
}

/* Of what a browser sent of itself nothing counts but what policies ask for. */
static void keep_headers(struct form *f)
{
    static const char *const kept[] = { "Host", "User-Agent", "Referer" };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (exchange_header(f->x, kept[i]).p)
            header(f, str_c(kept[i]), exchange_header(f->x, kept[i]));
}

/* x-amz-algorithm and x-amz-date are there for policies that ask how it was signed; what would make it another request than a PUT is not. */
static bool becomes_header(struct str name)
{
    static const char *const all[] = { "cache-control", "content-type", "content-disposition", "content-encoding", "content-language", "expires", "x-amz-algorithm",
                                       "x-amz-date", "x-amz-acl", "x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-sdk-checksum-algorithm" };
    static const char *const prefixes[] = { "x-amz-meta-", "x-amz-server-side-encryption", "x-amz-checksum-", "x-amz-grant-", "x-amz-object-lock-" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (str_is(name, all[i]))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(name, str_c(prefixes[i])))
            return true;
    return false;
}

static int make_put(struct op *op, struct form *f)
{
    struct str path = uri_encode(op->arena, f->key, true);
    int rc = 0;
    f->put = *f->x;
    f->put.method = STR("PUT");
    f->put.query = f->put.body = STR_NONE;
    f->put.headers = (struct header_list){ 0 };
    f->put.content_length = (int64_t)f->file->data.n;
    f->put.target = f->x->target.n > 1 ? str_cat(op->arena, STR("/"), f->bucket, STR("/"), path) : str_cat(op->arena, STR("/"), path);
    keep_headers(f);
    for list_each(p, &f->fields) {
        if (becomes_header(p->key) && !(is_http_token(p->key) && fits_header(p->value)))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = p->key, .ArgumentValue = p->value), "The value of this field cannot be a header's");
        if (becomes_header(p->key))
            header(f, p->key, p->value);
        if (str_is(p->key, "acl") && fits_header(p->value))
            header(f, STR("x-amz-acl"), p->value);
        if (str_is(p->key, "tagging") && !rc)
            rc = tagging(op, f, p->value);
    }
    return rc;
}

/* ---- its answer ---- */

static struct str location(struct form *f)
{
    struct arena *a = f->x->arena;
    return str_printf(a, "%s://%.*s%.*s", f->x->tls ? "https" : "http", STR_ARG(f->x->host), STR_ARG(f->put.target));
}

static struct str redirect(struct form *f, struct str etag)
{
    struct arena *a = f->x->arena;
    struct str to = opt_str(field(f, "success_action_redirect"), field(f, "redirect"));
    if ((!str_starts(to, STR("http://")) && !str_starts(to, STR("https://"))) || !fits_header(to))
        return STR_NONE; /* as if it were not there */
    return str_printf(a, "%.*s%sbucket=%.*s&key=%.*s&etag=%.*s", STR_ARG(to), str_contains(to, STR("?")) ? "&" : "?", STR_ARG(uri_encode(a, f->bucket, false)),
                      STR_ARG(uri_encode(a, f->key, false)), STR_ARG(uri_encode(a, etag, false)));
}

static void element(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "<%s>", name);
    buf_xml_text(b, value);
    buf_printf(b, "</%s>", name);
}

static void created(struct form *f, struct str etag, struct answer *ret)
{
    struct buf b;
    buf_init(&b, f->x->arena, ANSWER_BYTES_MAX);
    buf_c(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>");
    element(&b, "Location", location(f));
    element(&b, "Bucket", f->bucket);
    element(&b, "Key", f->key);
    element(&b, "ETag", etag);
    buf_c(&b, "</PostResponse>");
    ret->status = 201;
    ret->body = opt_str(buf_done(&b), STR(""));
    answer_header(f->x->arena, ret, "Content-Type", STR("application/xml"));
}

/* The PUT was answered: in the form's terms. */
static void reply(struct exchange *put, const struct answer *of_put)
{
    struct form *f = (struct form *)put;
    struct arena *a = f->x->arena;
    struct answer out = *of_put;
    struct str etag = STR(""), wanted = opt_str(field(f, "success_action_status"), STR("")), to;
    for (uint32_t i = 0; i < out.headers.n; i++)
        if (str_eq_nocase(out.headers.v[i].name, STR("ETag")))
            etag = out.headers.v[i].value;
    if (out.status == 200) {
        to = redirect(f, etag);
        out.status = to.p ? 303 : str_is(wanted, "200") ? 200 : 204;
        if (str_is(wanted, "201") && !to.p)
            created(f, etag, &out);
        answer_header(a, &out, "Location", to.p ? to : location(f));
    }
    for list_each(h, &f->cross_origin)
        *list_push(a, &out.headers) = *h;
    exchange_reply(f->x, &out);
}

static const struct exchange_ops form_ops = { .reply = reply };

/* ---- its way ---- */

static int read_form(struct op *op, struct form *f)
{
    struct wire_route route;
    struct exchange as_get = *f->x;
    as_get.method = STR("GET");
    wire_route(&as_get, STR_NONE, true, &route);
    f->bucket = str_dup(op->arena, str_map_get(&route.labels, STR("Bucket")));
    if (exchange_header(f->x, "Origin").p)
        s3_cross_origin(op, f->x, &route, &f->cross_origin);
    int rc = read_fields(op, f);
    if (!rc)
        rc = authenticate(op, f);
    return rc ? rc : make_put(op, f);
}

/* On a snapshot. A form that is refused is answered here. */
static int judge(struct op *op, void *ctx)
{
    struct form *f = ctx;
    struct answer answer;
    op->arena = f->x->arena; /* what is found out outlives op */
    op->http = f->x;
    op->row = wire_op(&s3_service, STR("PutObject"));
    op->protocol = PROTO_REST_XML;
    op->request_id = str_dup(op->arena, op->request_id);
    int rc = read_form(op, f), failed = txn_take_error(op->txn);
    if (failed < 0)
        rc = failed;
    if (rc == 0)
        return 0;
    if (rc != E_AWS)
        aws_fail(op, AWS_InternalFailure, "An internal error occurred");
    struct wire_failure why = { .error = op->fail.error, .message = op->fail.message, .detail = op->fail.detail };
    answer_init(&answer, why.error->status);
    wire_encode_error(op->arena, PROTO_REST_XML, &s3_service, &why, op->request_id, false, &answer);
    for list_each(h, &f->cross_origin)
        *list_push(op->arena, &answer.headers) = *h;
    exchange_reply(f->x, &answer);
    return E_AWS;
}

void s3_form(struct cloud *cloud, struct exchange *x)
{
    struct form *f = arena_one(x->arena, struct form);
    f->x = x;
    if (cloud_read(cloud, STR(""), str_c(cloud->config.region), judge, f))
        return;
    f->put.ops = &form_ops;
    pipeline_send(cloud, &f->put, f->who, &f->sig, f->file->data);
}
