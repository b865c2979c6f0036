/* The record of one call. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
#include "aws/arn.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "gen/sts.h"
#include "services/cloudtrail/audit.h"
#include "wire/wire.h"

enum { EVENT_BYTES_MAX = 256 * 1024 };

/* What the models do not call sensitive and CloudTrail does not show. */
static const struct {
    const char *service;
    const char *hidden[12];
} not_shown[] = {
    { "dynamodb", { "Item", "ExpressionAttributeValues", "AttributeUpdates", "Expected", "KeyConditions", "QueryFilter", "ScanFilter", "Statement", "Statements", "TransactStatements",
                    "Parameters", NULL } },
    { "events", { "Detail", NULL } },
    { "lambda", { "Environment", NULL } },
    { "logs", { "message", NULL } },
    { "sqs", { "MessageBody", "MessageAttributes", NULL } },
    { "sts", { "WebIdentityToken", NULL } },
};

/* Resource types by the ARN's service and how its resource begins; the first that fits. */
static const struct {
    const char *service, *prefix, *type;
    char behind; /* the name begins behind the last of these; 0: it is the resource itself */
} arn_types[] = {
    { "s3", "", "AWS::S3::Bucket", 0 },
    { "dynamodb", "table/", "AWS::DynamoDB::Table", '/' },
    { "lambda", "function:", "AWS::Lambda::Function", ':' },
    { "lambda", "layer:", "AWS::Lambda::LayerVersion", ':' },
    { "sqs", "", "AWS::SQS::Queue", 0 },
    { "kms", "key/", "AWS::KMS::Key", '/' },
    { "kms", "alias/", "AWS::KMS::Alias", 0 },
    { "iam", "role/", "AWS::IAM::Role", '/' },
    { "iam", "user/", "AWS::IAM::User", '/' },
    { "iam", "group/", "AWS::IAM::Group", '/' },
    { "iam", "policy/", "AWS::IAM::Policy", '/' },
    { "iam", "instance-profile/", "AWS::IAM::InstanceProfile", '/' },
    { "iam", "oidc-provider/", "AWS::IAM::OIDCProvider", 0 },
    { "secretsmanager", "secret:", "AWS::SecretsManager::Secret", ':' },
    { "logs", "log-group:", "AWS::Logs::LogGroup", 0 },
    { "events", "rule/", "AWS::Events::Rule", '/' },
    { "events", "event-bus/", "AWS::Events::EventBus", '/' },
    { "scheduler", "schedule/", "AWS::Scheduler::Schedule", '/' },
    { "scheduler", "schedule-group/", "AWS::Scheduler::ScheduleGroup", '/' },
    { "cloudtrail", "trail/", "AWS::CloudTrail::Trail", '/' },
    { "cloudwatch", "alarm:", "AWS::CloudWatch::Alarm", ':' },
};

static const char *type_of(const struct arn *arn, struct str *ret_name)
{
    struct str before, after;
    for (size_t i = 0; i < sizeof arn_types / sizeof *arn_types; i++) {
        if (!str_is(arn->service, arn_types[i].service) || !str_starts(arn->resource, str_c(arn_types[i].prefix)))
            continue;
        bool cut = arn_types[i].behind && str_cut_last(arn->resource, arn_types[i].behind, &before, &after);
        *ret_name = cut ? after : arn->resource;
        if (str_is(arn->service, "s3") && str_cut(arn->resource, '/', &before, &after))
            return "AWS::S3::Object";
        return arn_types[i].type;
    }
    return NULL;
}

/* What data events are about, by service: resources.type of selectors. */
static const char *data_type_of(struct str service)
{
    static const char *const types[][2] = {
        { "s3", "AWS::S3::Object" }, { "dynamodb", "AWS::DynamoDB::Table" }, { "dynamodbstreams", "AWS::DynamoDB::Stream" }, { "lambda", "AWS::Lambda::Function" }, { "sqs", "AWS::SQS::Queue" },
        { "logs", "AWS::Logs::LogGroup" }, { "monitoring", "AWS::CloudWatch::Metric" }, { "events", "AWS::Events::EventBus" },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_is(service, types[i][0]))
            return types[i][1];
    return "";
}

/* "x.amazonaws.com": the service that made a call from inside; absent for a client's. */
static struct str inside(struct op *op)
{
    if (op->caller->kind == PRINCIPAL_SERVICE)
        return op->caller->name;
    if (op->parent && op->parent->row)
        return str_printf(op->arena, "%s.amazonaws.com", op->parent->row->service->signing_name);
    return op->http ? STR_NONE : STR("AWS Internal");
}

static void put(struct buf *b, const char *name, struct str value)
{
    if (!value.p)
        return;
    buf_c(b, b->n && b->p[b->n - 1] != '{' ? ",\"" : "\"");
    buf_c(b, name);
    buf_c(b, "\":");
    buf_json_string(b, value);
}

static struct str last_part(struct str arn)
{
    struct str before, after;
    return str_cut_last(arn, '/', &before, &after) ? after : arn;
}

/* The role or user that a session was made from. */
static void put_session(struct buf *b, struct op *op, const struct principal *p)
{
    struct str id = p->user_id, rest;
    if (!p->session_issued_ms && p->kind != PRINCIPAL_ROLE)
        return;
    buf_c(b, ",\"sessionContext\":{");
    if (p->kind == PRINCIPAL_ROLE) {
        str_cut(p->user_id, ':', &id, &rest);
        buf_c(b, "\"sessionIssuer\":{");
        put(b, "type", STR("Role"));
        put(b, "principalId", id);
        put(b, "arn", p->role_arn);
        put(b, "accountId", p->account);
        put(b, "userName", p->name);
        buf_c(b, "},");
    }
    buf_c(b, "\"attributes\":{");
    put(b, "creationDate", time_iso8601(op->arena, p->session_issued_ms / 1000 * 1000));
    put(b, "mfaAuthenticated", p->mfa ? STR("true") : STR("false"));
    buf_c(b, "}}");
}

static void put_identity(struct buf *b, struct op *op, const void *out, int rc)
{
    static const char *const types[] = {
        [PRINCIPAL_ANONYMOUS] = "AWSAccount", [PRINCIPAL_ROOT] = "Root", [PRINCIPAL_USER] = "IAMUser", [PRINCIPAL_ROLE] = "AssumedRole",
        [PRINCIPAL_FEDERATED] = "FederatedUser", [PRINCIPAL_VOUCHED] = "WebIdentityUser", [PRINCIPAL_SERVICE] = "AWSService",
    };
    const struct principal *p = op->caller;
    buf_c(b, "\"userIdentity\":{");
    if (p->kind == PRINCIPAL_SERVICE) {
        put(b, "type", STR("AWSService"));
        put(b, "invokedBy", p->name);
    } else if (p->kind == PRINCIPAL_ANONYMOUS && str_is(str_c(op->row->name), "AssumeRoleWithWebIdentity")) {
        const struct sts_AssumeRoleWithWebIdentity_out *o = rc == 0 ? out : NULL;
        put(b, "type", STR("WebIdentityUser"));
        if (o) {
            put(b, "principalId", str_printf(op->arena, "%.*s:%.*s:%.*s", STR_ARG(o->Provider), STR_ARG(o->Audience), STR_ARG(o->SubjectFromWebIdentityToken)));
            put(b, "userName", o->SubjectFromWebIdentityToken);
            put(b, "identityProvider", o->Provider);
        }
    } else if (p->kind == PRINCIPAL_ANONYMOUS && str_is(str_c(op->row->name), "AssumeRoleWithSAML")) {
        const struct sts_AssumeRoleWithSAML_out *o = rc == 0 ? out : NULL;
        put(b, "type", STR("SAMLUser"));
        if (o) {
            put(b, "principalId", str_cat(op->arena, o->NameQualifier, STR(":"), o->Subject));
            put(b, "userName", o->Subject);
            put(b, "identityProvider", o->NameQualifier);
        }
    } else if (p->kind == PRINCIPAL_ANONYMOUS) {
        put(b, "type", STR("AWSAccount"));
        put(b, "principalId", STR(""));
        put(b, "accountId", STR("ANONYMOUS_PRINCIPAL"));
    } else {
        put(b, "type", str_c(types[p->kind]));
        put(b, "principalId", p->user_id);
        put(b, "arn", p->arn);
        put(b, "accountId", p->account);
        put(b, "accessKeyId", p->access_key_id);
        if (p->kind == PRINCIPAL_USER)
            put(b, "userName", p->name);
        put_session(b, op, p);
        if (!op->http)
            put(b, "invokedBy", inside(op));
    }
    buf_byte(b, '}');
}

/* The parameters, or AWS's word for those that are too long to be kept. */
static void put_part(struct buf *b, struct op *op, const char *name, const struct shape *shape, const void *value)
{
    struct audit_style style = { 0 };
    struct buf part;
    buf_printf(b, ",\"%s\":", name);
    if (!shape || !value || shape->n_members == 0) {
        buf_c(b, "null");
        return;
    }
    for (size_t i = 0; i < sizeof not_shown / sizeof *not_shown; i++)
        if (str_is(str_c(op->row->service->name), not_shown[i].service))
            style.hidden = not_shown[i].hidden;
    if (str_is(str_c(op->row->service->name), "s3")) {
        style.rename_from = "Bucket";
        style.rename_to = "bucketName";
    }
    buf_init(&part, op->arena, EVENT_PART_BYTES_MAX);
    wire_audit_write(&part, &style, shape, value);
    if (buf_ok(&part))
        buf_str(b, str_eq(buf_done(&part), STR("{}")) ? STR("null") : buf_done(&part));
    else
        buf_printf(b, "{\"omitted\":true,\"reason\":\"%s too large\"}", name);
}

static void put_error(struct buf *b, struct op *op, int rc)
{
    if (rc == 0)
        return;
    const struct aws_error *error = op->fail.error;
    put(b, "errorCode", !error ? STR("InternalFailure") : str_starts(str_c(error->code), STR("AccessDenied")) ? STR("AccessDenied") : str_c(error->code));
    if (error && op->fail.message.n)
        put(b, "errorMessage", op->fail.message);
}

/* Which resources; those that stand in the record (of S3, KMS and STS, and of data events) and all that LookupEvents finds it by. */
static void put_resources(struct buf *b, struct op *op, struct event *e)
{
    bool shown = op->row->data || str_is(str_c(op->row->service->name), "s3") || str_is(str_c(op->row->service->name), "kms") ||
                 str_is(str_c(op->row->service->name), "sts");
    bool any = false;
    for (uint32_t i = 0; i < op->asked.n; i++) {
        struct str arn_text = op->asked.v[i]->resource, name = STR_NONE;
        struct arn arn;
        const char *type = arn_parse(arn_text, &arn) || str_contains(arn_text, STR("*")) ? NULL : type_of(&arn, &name);
        if (!type || str_list_has(&e->arns, arn_text))
            continue;
        str_list_add(op->arena, &e->arns, arn_text);
        *list_push(op->arena, &e->rec.Resources) = (struct cloudtrail_Resource){ .ResourceType = str_c(type), .ResourceName = arn_text };
        if (name.n)
            *list_push(op->arena, &e->rec.Resources) = (struct cloudtrail_Resource){ .ResourceType = str_c(type), .ResourceName = name };
        if (!shown)
            continue;
        buf_c(b, any ? "," : ",\"resources\":[");
        any = true;
        buf_byte(b, '{');
        put(b, "accountId", arn.account.n ? arn.account : opt_str(op->asked.v[i]->account, e->account));
        put(b, "type", str_c(type));
        put(b, "ARN", arn_text);
        buf_byte(b, '}');
    }
    buf_c(b, any ? "]" : "");
}

static struct str record(struct op *op, const void *in, const void *out, int rc, struct event *e, struct str shared_id)
{
    const struct op_row *row = op->row;
    struct buf b;
    struct str from = inside(op);
    buf_init(&b, op->arena, 2 * EVENT_BYTES_MAX);
    buf_c(&b, "{\"eventVersion\":\"1.11\",");
    put_identity(&b, op, out, rc);
    put(&b, "eventTime", time_iso8601(op->arena, e->rec.EventTime.v / 1000 * 1000));
    put(&b, "eventSource", e->rec.EventSource);
    put(&b, "eventName", e->rec.EventName);
    put(&b, "awsRegion", e->region);
    put(&b, "sourceIPAddress", from.p ? from : op->http->peer);
    put(&b, "userAgent", from.p ? from : exchange_header(op->http, "User-Agent"));
    put_error(&b, op, rc);
    put_part(&b, op, "requestParameters", row->in, in);
    /* Reads answer with nothing here, but those that give credentials. */
    bool answers = rc == 0 && !row->data && (!row->reads || str_is(str_c(row->service->name), "sts"));
    put_part(&b, op, "responseElements", answers ? row->out : NULL, out);
    put(&b, "requestID", op->request_id);
    put(&b, "eventID", e->rec.EventId);
    buf_printf(&b, ",\"readOnly\":%s", row->reads ? "true" : "false");
    put_resources(&b, op, e);
    put(&b, "eventType", STR("AwsApiCall"));
    buf_printf(&b, ",\"managementEvent\":%s", e->management ? "true" : "false");
    put(&b, "recipientAccountId", e->account);
    put(&b, "sharedEventID", shared_id);
    put(&b, "eventCategory", e->management ? STR("Management") : STR("Data"));
    if (op->http && op->http->tls) {
        buf_c(&b, ",\"tlsDetails\":{");
        if (op->http->tls_version)
            put(&b, "tlsVersion", str_printf(op->arena, "TLSv%s", op->http->tls_version));
        put(&b, "cipherSuite", str_c(op->http->tls_cipher));
        put(&b, "clientProvidedHostHeader", op->http->host);
        buf_byte(&b, '}');
    }
    buf_byte(&b, '}');
    return buf_done(&b);
}

static void add(struct op *op, const void *in, const void *out, int rc, struct str account, struct str shared_id, struct events *ret)
{
    const struct op_row *row = op->row;
    const struct principal *p = op->caller;
    struct event *e = list_push(op->arena, ret);
    e->account = account;
    e->global = str_is(str_c(row->service->name), "iam");
    e->region = e->global ? STR("us-east-1") : op->region;
    e->management = !row->data;
    e->by_cloudtrail = p->kind == PRINCIPAL_SERVICE && str_is(p->name, CLOUDTRAIL_PRINCIPAL);
    e->caller_arn = p->kind == PRINCIPAL_SERVICE ? STR("") : opt_str(p->arn, STR(""));
    e->data_type = str_c(data_type_of(str_c(row->service->name)));
    e->rec.EventId = random_uuid(op->arena);
    e->rec.EventTime = SOME_I64(op_now_ms(op));
    e->rec.EventName = str_c(row->event ? row->event : row->name);
    e->rec.EventSource = str_printf(op->arena, "%s.amazonaws.com", row->service->signing_name);
    e->rec.ReadOnly = row->reads ? STR("true") : STR("false");
    e->rec.AccessKeyId = p->access_key_id;
    e->rec.Username = p->kind == PRINCIPAL_ROOT      ? STR("root")
                      : p->kind == PRINCIPAL_USER    ? p->name
                      : p->kind == PRINCIPAL_SERVICE ? STR_NONE
                                                     : last_part(p->arn);
    e->rec.CloudTrailEvent = record(op, in, out, rc, e, shared_id);
    if (!e->rec.CloudTrailEvent.p || wire_record_encode(op->arena, &cloudtrail_rec_Event_shape, &e->rec, &e->value)) /* its parts are bounded; what else a client may make long (a User-Agent) is, too */
        ret->n--;
}

/* Whose event it is: the account whose resources were asked for. Who is nobody's (a web identity, a reader of a public bucket) has but these. */
static struct str account_of(const struct op *op)
{
    struct arn arn;
    for (uint32_t i = 0; !op->account.n && i < op->asked.n; i++) {
        if (op->asked.v[i]->account.n)
            return op->asked.v[i]->account;
        if (arn_parse(op->asked.v[i]->resource, &arn) == 0 && arn.account.n)
            return arn.account;
    }
    return op->account;
}

void event_make(struct op *op, const void *in, const void *out, int rc, struct events *ret)
{
    struct str caller = op->caller ? op->caller->account : STR_NONE, shared = STR_NONE;
    struct str account = account_of(op);
    if (!op->caller || !op->row || !account.n)
        return;
    bool two = caller.n && op->caller->kind != PRINCIPAL_SERVICE && !str_eq(caller, account);
    if (two)
        shared = random_uuid(op->arena);
    add(op, in, out, rc, account, shared, ret);
    if (two)
        add(op, in, out, rc, caller, shared, ret);
}
