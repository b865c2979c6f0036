/* Log files: every five minutes of the clock what waits for a trail goes to its bucket, gzipped, and to its log group. What was refused there waits, and is
 * tried again. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html */
#include "services/cloudtrail/deliver.h"

#include "auth/assume.h"
#include "aws/check.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "gen/events.h"
#include "gen/logs.h"
#include "gen/s3.h"
#include "wire/wire.h"

/* Of one file: also what PutLogEvents takes at once. */
enum { FILE_EVENTS_MAX = 4000, FILE_BYTES_MAX = 900 * 1024, LOG_EVENT_BYTES = 26, LOG_SPAN_MS = 23 * 3600 * 1000 };
#define KEEP_TRYING_MS (30 * 24 * 3600 * 1000LL)

struct str trail_id(struct op *op, struct str home, struct str name)
{
    return str_printf(op->arena, "%.*s/%.*s", STR_ARG(home), STR_ARG(name));
}

int trail_of_id(struct op *op, struct str id, struct cloudtrail_rec_Trail *ret, struct str *ret_home, struct str *ret_name)
{
    str_cut(str_dup(op->arena, id), '/', ret_home, ret_name);
    return trail_look(op, *ret_home, *ret_name, ret);
}

void pending_prefix(const struct op *op, struct key *k, struct str home, struct str name)
{
    op_key(op, k, &cloudtrail_kind_pending);
    key_str(k, home);
    key_str(k, name);
}

int64_t deliver_due_ms(const struct op *op)
{
    return (op_now_ms(op) / DELIVER_MS + 1) * DELIVER_MS;
}

/* ---- to the bucket ---- */

static int body_of(struct op *op, struct str bytes, struct blob *ret)
{
    struct blob_writer *w;
    int rc = blob_begin(op_blobs(op), BLOB_MD5, true, &w);
    if (rc)
        return rc;
    rc = blob_write(w, bytes.p, bytes.n);
    if (rc) {
        blob_abort(w);
        return rc;
    }
    rc = blob_finish(w, op->arena, ret);
    if (!rc && ret->id.p)
        op_blob_made(op, ret->id);
    return rc;
}

int trail_upload(struct op *op, const struct cloudtrail_rec_Trail *t, struct str key, struct str text, const struct str_map *metadata, struct str *ret_error)
{
    struct principal as = principal_service(op, CLOUDTRAIL_PRINCIPAL, trail_arn(op, t));
    struct s3_PutObject_in put = { .Bucket = t->S3BucketName, .Key = key, .ACL = STR("bucket-owner-full-control"), .ContentType = STR("application/json"),
                                   .ContentEncoding = STR("gzip") };
    struct s3_PutObject_out done = { 0 };
    struct op_failure why = { 0 };
    struct blob body = { 0 };
    if (metadata)
        put.Metadata = *metadata;
    if (t->KmsKeyId.p) {
        struct str context = str_printf(op->arena, "{\"aws:cloudtrail:arn\":\"%.*s\"}", STR_ARG(trail_arn(op, t)));
        put.ServerSideEncryption = STR("aws:kms");
        put.SSEKMSKeyId = t->KmsKeyId;
        put.SSEKMSEncryptionContext = base64_encode(op->arena, context.p, context.n);
    }
    int rc = body_of(op, gzip_encode(op->arena, text), &body);
    put.Body = &body;
    if (!rc)
        rc = cloud_call(op, "s3", "PutObject", &as, &put, &done, &why);
    if (rc == E_AWS)
        *ret_error = str_c(why.error->code);
    return rc;
}

/* ---- to the log group ---- */

static int log_events(struct op *op, const struct cloudtrail_rec_Trail *t, const struct events *files, struct str *ret_error)
{
    struct principal role;
    struct op_failure why = { 0 };
    struct str group = destination_group(op, t->CloudWatchLogsLogGroupArn), stream = destination_stream(op, t);
    struct logs_CreateLogStream_in make = { .logGroupName = group, .logStreamName = stream };
    struct logs_CreateLogStream_out made;
    struct logs_PutLogEvents_in put = { .logGroupName = group, .logStreamName = stream };
    struct logs_PutLogEvents_out done = { 0 };
    for (uint32_t i = 0; i < files->n; i++)
        *list_push(op->arena, &put.logEvents) =
            (struct logs_InputLogEvent){ .timestamp = files->v[i].rec.EventTime, .message = files->v[i].rec.CloudTrailEvent };
    int rc = auth_role_principal(op, t->CloudWatchLogsRoleArn, STR("CLOUDWATCH_LOGS_DELIVERY_SESSION"), CLOUDTRAIL_PRINCIPAL, trail_arn(op, t), &role);
    if (rc == E_NOT_FOUND || rc == E_AWS) {
        *ret_error = STR("AccessDenied");
        return E_AWS;
    }
    if (!rc) /* of a trail of all Regions all events go to its home's group */
        rc = cloud_call_in(op, t->Account, t->HomeRegion, "logs", "PutLogEvents", &role, &put, &done, &why);
    if (rc == E_AWS && why.error == LOGS_ResourceNotFoundException) {
        rc = cloud_call_in(op, t->Account, t->HomeRegion, "logs", "CreateLogStream", &role, &make, &made, &why);
        if (!rc)
            rc = cloud_call_in(op, t->Account, t->HomeRegion, "logs", "PutLogEvents", &role, &put, &done, &why);
    }
    if (rc == E_AWS)
        *ret_error = str_c(why.error->code);
    return rc;
}

/* ---- the job ---- */

/* The next file: what waits longest, with the keys it waits under. */
struct file {
    struct events events;
    struct str_list keys;
    struct str text;
    bool more; /* others wait behind it */
};

static int gather(struct op *op, struct str home, struct str name, struct file *ret)
{
    struct key from, to;
    struct str key, value;
    struct buf b;
    size_t bytes = 0;
    int rc = 0;
    pending_prefix(op, &from, home, name);
    key_after_prefix(&from, &to);
    buf_init(&b, op->arena, 4 * FILE_BYTES_MAX);
    buf_c(&b, "{\"Records\":[");
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct event e = { 0 };
        if ((rc = op_rec_decode(op, value, &cloudtrail_rec_Event_shape, &e.rec)))
            break;
        bytes += e.rec.CloudTrailEvent.n + LOG_EVENT_BYTES;
        const struct events *have = &ret->events;
        if (have->n && (have->n == FILE_EVENTS_MAX || bytes > FILE_BYTES_MAX || e.rec.EventTime.v - have->v[0].rec.EventTime.v > LOG_SPAN_MS)) {
            ret->more = true;
            break;
        }
        buf_c(&b, have->n ? "," : "");
        buf_str(&b, e.rec.CloudTrailEvent);
        str_list_add(op->arena, &ret->keys, str_dup(op->arena, key));
        *list_push(op->arena, &ret->events) = e;
    }
    int failed = scan_end(s);
    buf_c(&b, "]}");
    ret->text = buf_done(&b);
    return rc ? rc : failed;
}

static int forget(struct op *op, const struct file *f)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < f->keys.n; i++)
        rc = txn_delete(op->txn, f->keys.v[i]);
    return rc;
}

/* AWSLogs/123456789012/CloudTrail/us-east-1/2015/08/17/123456789012_CloudTrail_us-east-1_20150817T1405Z_uniqueuniqueuniq.json.gz */
static struct str file_key(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct str when = time_amz(op->arena, op_now_ms(op)), day = str_sub(when, 0, 8);
    return str_printf(op->arena, "%.*sCloudTrail/%.*s/%.4s/%.2s/%.2s/%.*s_CloudTrail_%.*s_%.13sZ_%.*s.json.gz", STR_ARG(destination_prefix(op, t)),
                      STR_ARG(op->region), day.p, day.p + 4, day.p + 6, STR_ARG(t->Account), STR_ARG(op->region), when.p,
                      STR_ARG(random_alnum(op->arena, 16, letters)));
}

/* For the digest that follows. */
static int remember(struct op *op, const struct cloudtrail_rec_Trail *t, const struct file *f, struct str object)
{
    struct key k;
    uint8_t hash[32];
    const struct events *e = &f->events;
    if (!opt_bool(t->LogFileValidationEnabled, false))
        return 0;
    digest_sha256(f->text.p, f->text.n, hash);
    struct cloudtrail_rec_LogFile file = { .Bucket = t->S3BucketName, .Object = object, .Hash = hex_encode(op->arena, hash, sizeof hash),
                                           .OldestMs = e->v[0].rec.EventTime, .NewestMs = e->v[e->n - 1].rec.EventTime };
    file_prefix(op, &k, t->HomeRegion, t->Name);
    key_i64(&k, op_now_ms(op));
    key_str(&k, object);
    return op_rec_put(op, &k, &cloudtrail_rec_LogFile_shape, &file);
}

static int deliver(struct op *op, const struct cloudtrail_rec_Trail *t, const struct file *f, struct cloudtrail_rec_Status *s)
{
    struct str object = file_key(op, t), error = STR_NONE;
    int rc = trail_upload(op, t, object, f->text, NULL, &error);
    s->LatestDeliveryAttemptTime = SOME_I64(op_now_ms(op));
    s->LatestDeliveryError = error;
    if (rc == E_AWS) { /* tried again, but not for ever */
        bool old = f->events.v[0].rec.EventTime.v < op_now_ms(op) - KEEP_TRYING_MS;
        rc = old ? forget(op, f) : 0;
        return rc ? rc : E_AWS;
    }
    if (!rc)
        rc = remember(op, t, f, object);
    if (!rc)
        rc = forget(op, f);
    s->LatestDeliveryTime = SOME_I64(op_now_ms(op));
    if (rc || !t->CloudWatchLogsLogGroupArn.p)
        return rc;
    rc = log_events(op, t, &f->events, &error);
    s->LatestCloudWatchLogsDeliveryError = error;
    if (rc == 0)
        s->LatestCloudWatchLogsDeliveryTime = SOME_I64(op_now_ms(op));
    return rc == E_AWS ? 0 : rc;
}

int cloudtrail_job_deliver(struct op *op, struct str id)
{
    struct cloudtrail_rec_Trail t = { 0 };
    struct cloudtrail_rec_Status s = { 0 };
    struct file f = { 0 };
    struct str home, name;
    int rc = trail_of_id(op, id, &t, &home, &name), found = gather(op, home, name, &f);
    if (found)
        return found;
    if (rc == E_NOT_FOUND || f.events.n == 0) { /* the trail is gone: so is what waited for it */
        rc = forget(op, &f);
        return rc || !f.more ? rc : op_timer_set(op, "cloudtrail.deliver", id, op_now_ms(op), id);
    }
    if (!rc)
        rc = status_get(op, &t, &s);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    rc = deliver(op, &t, &f, &s);
    if (rc && rc != E_AWS)
        return rc;
    int put = status_put(op, &t, &s);
    if (put || (rc == 0 && !f.more))
        return put;
    return op_timer_set(op, "cloudtrail.deliver", id, rc == E_AWS ? deliver_due_ms(op) : op_now_ms(op), id);
}

void cloudtrail_check_pending(struct op *op, struct check *c)
{
    struct str home, name;
    if (key_read_str(&c->at, op->arena, &home) || key_read_str(&c->at, op->arena, &name))
        check_fault(op, c, "its key names no trail");
    else
        check_timer(op, c, "cloudtrail.deliver", trail_id(op, home, name), -1);
}

/* ---- to the event bus ---- */

/* https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html */
int event_announce(struct op *op, const struct event *e)
{
    struct cloudtrail_rec_Event kept = { 0 };
    int rc = op_rec_decode(op, e->value, &cloudtrail_rec_Event_shape, &kept);
    if (rc)
        return rc;
    struct events_PutEvents_in put = { 0 };
    struct events_PutEventsRequestEntry *entry = list_push(op->arena, &put.Entries);
    struct str service, rest, payload;
    str_cut(kept.EventSource, '.', &service, &rest);
    entry->Source = str_printf(op->arena, "aws.%.*s", STR_ARG(service));
    entry->DetailType = STR("AWS API Call via CloudTrail");
    entry->Time = kept.EventTime;
    entry->Detail = kept.CloudTrailEvent;
    rc = wire_record_encode(op->arena, &events_PutEventsRequest_shape, &put, &payload);
    return rc ? rc : op_outbox(op, "events.put", payload);
}
