#include "services/s3/notify.h"

#include <string.h>

#include "aws/arn.h"
#include "aws/retry.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/events.h"
#include "gen/lambda.h"
#include "gen/sqs.h"
#include "wire/wire.h"

enum { BODY_BYTES_MAX = 64 * 1024 };

struct kind {
    const char *name, *version;    /* of the record for queues and functions */
    const char *detail, *reason, *deletion; /* EventBridge's; NULL: it has none */
    bool size, etag, sequencer;    /* what is said of the object */
};
static const struct kind kinds[] = {
    { "ObjectCreated:Put", "2.1", "Object Created", "PutObject", NULL, true, true, true },
    { "ObjectCreated:Post", "2.1", "Object Created", "POST Object", NULL, true, true, true },
    { "ObjectCreated:Copy", "2.1", "Object Created", "CopyObject", NULL, true, true, true },
    { "ObjectCreated:CompleteMultipartUpload", "2.1", "Object Created", "CompleteMultipartUpload", NULL, true, true, true },
    { "ObjectRemoved:Delete", "2.1", "Object Deleted", "DeleteObject", "Permanently Deleted", false, false, true },
    { "ObjectRemoved:DeleteMarkerCreated", "2.1", "Object Deleted", "DeleteObject", "Delete Marker Created", false, true, true },
    { "LifecycleExpiration:Delete", "2.3", "Object Deleted", "Lifecycle Expiration", "Permanently Deleted", false, false, true },
    { "LifecycleExpiration:DeleteMarkerCreated", "2.3", "Object Deleted", "Lifecycle Expiration", "Delete Marker Created", false, true, true },
    { "LifecycleTransition", "2.3", "Object Storage Class Changed", NULL, NULL, true, true, true },
    { "ObjectTagging:Put", "2.3", "Object Tags Added", NULL, NULL, false, true, false },
    { "ObjectTagging:Delete", "2.3", "Object Tags Deleted", NULL, NULL, false, true, false },
    { "ObjectAcl:Put", "2.3", "Object ACL Updated", NULL, NULL, false, true, false },
    { "ObjectRetention:Put", "2.3", NULL, NULL, NULL, false, true, false },
};

static const struct kind *kind_of(const char *event)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, event) == 0)
            return &kinds[i];
    return NULL;
}

struct str s3_sequencer(struct op *op, const struct s3_rec_Object *o)
{
    return str_upper(op->arena, str_printf(op->arena, "%018llx", (unsigned long long)opt_i64(o->Seq, op_now_ms(op))));
}

bool s3_event_covers(struct str pattern, struct str event)
{
    if (str_starts(pattern, STR("s3:")))
        pattern = str_sub(pattern, 3, pattern.n);
    return str_ends(pattern, STR("*")) ? str_starts(event, str_sub(pattern, 0, pattern.n - 1)) : str_eq(pattern, event);
}

static bool fits(const struct s3_NotificationConfigurationFilter *f, struct str key)
{
    for (uint32_t i = 0; f && f->Key && i < f->Key->FilterRules.n; i++) {
        const struct s3_FilterRule *r = &f->Key->FilterRules.v[i];
        if (str_is(r->Name, "Prefix") ? !str_starts(key, r->Value) : !str_ends(key, r->Value))
            return false;
    }
    return true;
}

/* ---- what is told ---- */

static void pair(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "\"%s\":", name);
    buf_json_string(b, opt_str(value, STR("")));
    buf_byte(b, ',');
}

/* Its last member is the last of the object: behind it goes no comma. */
static void object(struct op *op, struct buf *b, const struct kind *k, struct str key, const struct s3_rec_Object *o, const char *etag, const char *version_id)
{
    buf_c(b, "\"object\":{\"key\":");
    buf_json_string(b, key);
    if (k->size)
        buf_printf(b, ",\"size\":%lld", (long long)opt_i64(o->Size, 0));
    if (k->etag)
        buf_printf(b, ",\"%s\":\"%.*s\"", etag, STR_ARG(o->ETag));
    if (o->VersionId.p && !str_is(o->VersionId, "null"))
        buf_printf(b, ",\"%s\":\"%.*s\"", version_id, STR_ARG(o->VersionId));
    if (k->sequencer)
        buf_printf(b, ",\"sequencer\":\"%.*s\"", STR_ARG(s3_sequencer(op, o)));
    buf_byte(b, '}');
}

static struct str address(const struct op *op)
{
    return op->http ? op->http->peer : STR("s3.amazonaws.com"); /* what S3 does by itself */
}

static struct str principal_id(struct op *op, const struct s3_rec_Bucket *b)
{
    const struct principal *p = op->caller;
    if (!p || p->kind == PRINCIPAL_SERVICE)
        return STR("AWS:s3.amazonaws.com");
    return p->kind == PRINCIPAL_ANONYMOUS ? STR("Anonymous") : str_cat(op->arena, STR("AWS:"), opt_str(p->user_id, b->Account));
}

static struct str record(struct op *op, const struct s3_rec_Bucket *b, const struct kind *k, struct str key, const struct s3_rec_Object *o, struct str config_id)
{
    struct buf t;
    buf_init(&t, op->arena, BODY_BYTES_MAX);
    buf_c(&t, "{\"Records\":[{");
    pair(&t, "eventVersion", str_c(k->version));
    pair(&t, "eventSource", STR("aws:s3"));
    pair(&t, "awsRegion", b->Region);
    pair(&t, "eventTime", time_iso8601_ms(op->arena, op_now_ms(op)));
    pair(&t, "eventName", str_c(k->name));
    buf_printf(&t, "\"userIdentity\":{\"principalId\":\"%.*s\"},", STR_ARG(principal_id(op, b)));
    buf_printf(&t, "\"requestParameters\":{\"sourceIPAddress\":\"%.*s\"},", STR_ARG(address(op)));
    buf_printf(&t, "\"responseElements\":{\"x-amz-request-id\":\"%.*s\",\"x-amz-id-2\":\"%.*s\"},", STR_ARG(op->request_id), STR_ARG(op->request_id));
    buf_c(&t, "\"s3\":{\"s3SchemaVersion\":\"1.0\",");
    pair(&t, "configurationId", config_id);
    buf_printf(&t, "\"bucket\":{\"name\":\"%.*s\",\"ownerIdentity\":{\"principalId\":\"%.*s\"},\"arn\":\"%.*s\"},", STR_ARG(b->Name),
               STR_ARG(s3_owner(op, b->Account)->ID), STR_ARG(s3_arn_bucket(op, b->Name)));
    struct str encoded = str_replace(op->arena, uri_encode(op->arena, key, true), STR("%20"), STR("+"));
    object(op, &t, k, encoded, o, "eTag", "versionId");
    buf_c(&t, "}}]}");
    return buf_done(&t);
}

static struct str detail(struct op *op, const struct s3_rec_Bucket *b, const struct kind *k, struct str key, const struct s3_rec_Object *o)
{
    struct buf t;
    const struct principal *p = op->caller;
    buf_init(&t, op->arena, BODY_BYTES_MAX);
    buf_printf(&t, "{\"version\":\"0\",\"bucket\":{\"name\":\"%.*s\"},", STR_ARG(b->Name));
    object(op, &t, k, key, o, "etag", "version-id");
    buf_printf(&t, ",\"request-id\":\"%.*s\",\"requester\":\"%.*s\",\"source-ip-address\":\"%.*s\"", STR_ARG(op->request_id),
               STR_ARG(p && p->account.p ? p->account : STR("s3.amazonaws.com")), STR_ARG(address(op)));
    if (k->reason)
        buf_printf(&t, ",\"reason\":\"%s\"", k->reason);
    if (k->deletion)
        buf_printf(&t, ",\"deletion-type\":\"%s\"", k->deletion);
    if (strcmp(k->name, "LifecycleTransition") == 0)
        buf_printf(&t, ",\"destination-storage-class\":\"%.*s\"", STR_ARG(o->StorageClass));
    buf_byte(&t, '}');
    return buf_done(&t);
}

/* ---- on its way ---- */

/* What follows is the bucket's, whoever's request caused it. */
static int outbox(struct op *op, const struct s3_rec_Bucket *b, const char *kind, const struct shape *shape, const void *rec)
{
    struct str account = op->account, region = op->region, payload;
    int rc = wire_record_encode(op->arena, shape, rec, &payload);
    op->account = b->Account;
    op->region = b->Region;
    if (!rc)
        rc = op_outbox(op, kind, payload);
    op->account = account;
    op->region = region;
    return rc;
}

static int tell(struct op *op, const struct s3_rec_Bucket *b, struct str arn, struct str body)
{
    struct s3_rec_Notice n = { .Arn = arn, .Body = body, .Bucket = b->Name, .AcceptedMs = SOME_I64(op_now_ms(op)) };
    if (!body.p)
        return E_LIMIT;
    return outbox(op, b, "s3.notify", &s3_rec_Notice_shape, &n);
}

static bool wants(const struct str_list *events, const struct s3_NotificationConfigurationFilter *filter, const struct kind *k, struct str key)
{
    for list_each(e, events)
        if (s3_event_covers(*e, str_c(k->name)))
            return fits(filter, key);
    return false;
}

static int tell_bus(struct op *op, const struct s3_rec_Bucket *b, const struct kind *k, struct str key, const struct s3_rec_Object *o)
{
    struct events_PutEvents_in put = { 0 };
    struct events_PutEventsRequestEntry *e = list_push(op->arena, &put.Entries);
    e->Source = STR("aws.s3");
    e->DetailType = str_c(k->detail);
    e->Time = SOME_I64(op_now_ms(op));
    str_list_add(op->arena, &e->Resources, s3_arn_bucket(op, b->Name));
    e->Detail = detail(op, b, k, key, o);
    return outbox(op, b, "events.put", &events_PutEventsRequest_shape, &put);
}

int s3_notify(struct op *op, const struct s3_rec_Bucket *b, const char *event, struct str key, const struct s3_rec_Object *o)
{
    const struct s3_NotificationConfiguration *c = b->Notification;
    const struct kind *k = c ? kind_of(event) : NULL;
    int rc = 0;
    if (!k)
        return 0;
    for (uint32_t i = 0; rc == 0 && i < c->QueueConfigurations.n; i++) {
        const struct s3_QueueConfiguration *q = &c->QueueConfigurations.v[i];
        if (wants(&q->Events, q->Filter, k, key))
            rc = tell(op, b, q->QueueArn, record(op, b, k, key, o, q->Id));
    }
    for (uint32_t i = 0; rc == 0 && i < c->LambdaFunctionConfigurations.n; i++) {
        const struct s3_LambdaFunctionConfiguration *f = &c->LambdaFunctionConfigurations.v[i];
        if (wants(&f->Events, f->Filter, k, key))
            rc = tell(op, b, f->LambdaFunctionArn, record(op, b, k, key, o, f->Id));
    }
    return rc || !c->EventBridgeConfiguration || !k->detail ? rc : tell_bus(op, b, k, key, o);
}

int s3_notify_removal(struct op *op, const struct s3_rec_Bucket *b, const char *prefix, struct str key, const struct s3_removal *done)
{
    struct s3_rec_Object o = { .VersionId = done->version_id, .ETag = STR("d41d8cd98f00b204e9800998ecf8427e") }; /* a marker's: of nothing */
    return s3_notify(op, b, str_printf(op->arena, "%s:%s", prefix, done->marker && !done->named ? "DeleteMarkerCreated" : "Delete").p, key, &o);
}

int s3_notice_send(struct op *op, struct str owner, struct str bucket, struct str to_arn, struct str body, struct op_failure *ret_why)
{
    struct arn to;
    struct principal who = principal_service(op, "s3.amazonaws.com", s3_arn_bucket(op, bucket));
    who.source_account = owner;
    if (arn_parse(to_arn, &to))
        return E_INVALID;
    if (str_is(to.service, "lambda")) {
        struct lambda_Invoke_in in = { .FunctionName = to_arn, .InvocationType = body.p ? STR("Event") : STR("DryRun"), .Payload = body };
        struct lambda_Invoke_out out = { 0 };
        return cloud_call_in(op, to.account, to.region, "lambda", "Invoke", &who, &in, &out, ret_why);
    }
    struct sqs_SendMessage_in in = { .QueueUrl = arn_queue_url(op->arena, &to), .MessageBody = body };
    struct sqs_SendMessage_out out = { 0 };
    return cloud_call_in(op, to.account, to.region, "sqs", "SendMessage", &who, &in, &out, ret_why);
}

int s3_job_notify(struct op *op, struct str payload)
{
    struct s3_rec_Notice n = { 0 };
    struct op_failure why = { 0 };
    if (wire_record_decode(op->arena, &s3_rec_Notice_shape, str_dup(op->arena, payload), &n))
        return E_CORRUPT;
    int rc = s3_notice_send(op, op->account, n.Bucket, n.Arn, n.Body, &why);
    if (rc != E_AWS)
        return rc;
    struct retry again = { .attempts = opt_i64(n.Attempts, 0) + 1, .age_ms = op_now_ms(op) - n.AcceptedMs.v };
    int64_t pause_ms = retry_pause_ms(&again);
    bool final = why.error && why.error->status < 500 && why.error->status != 429; /* denied, not there: no retry helps */
    if (final || pause_ms < 0) {
        log_warn("bucket %.*s gave up on notifying %.*s: %.*s", STR_ARG(n.Bucket), STR_ARG(n.Arn), STR_ARG(why.message));
        return 0;
    }
    struct str bytes;
    n.Attempts = SOME_I64(again.attempts);
    rc = wire_record_encode(op->arena, &s3_rec_Notice_shape, &n, &bytes);
    return rc ? rc : op_timer_set(op, "s3.notify", random_uuid(op->arena), op_now_ms(op) + pause_ms, bytes);
}
