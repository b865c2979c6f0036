/* Events come in: each is matched with every enabled rule, and queued for the targets of those that match. */
#include "events.h"

#include <string.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/code.h"
#include "cloud/cloud.h"
#include "aws/pattern.h"

enum { ENTRIES_BYTES_MAX = 1024 * 1024 };

static void put_string(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "\"%s\":", name);
    buf_json_string(b, value);
    buf_byte(b, ',');
}

static struct str envelope(struct op *op, struct str id, struct str source, struct str type, int64_t time_ms, const struct str_list *resources,
                           struct str detail)
{
    struct buf b;
    buf_init(&b, op->arena, 2 * ENTRIES_BYTES_MAX);
    buf_c(&b, "{\"version\":\"0\",");
    put_string(&b, "id", id);
    put_string(&b, "detail-type", type);
    put_string(&b, "source", source);
    put_string(&b, "account", op->account);
    put_string(&b, "time", time_iso8601(op->arena, time_ms / 1000 * 1000));
    put_string(&b, "region", op->region);
    buf_c(&b, "\"resources\":[");
    for (uint32_t i = 0; i < resources->n; i++) {
        if (i)
            buf_byte(&b, ',');
        buf_json_string(&b, resources->v[i]);
    }
    buf_c(&b, "],\"detail\":");
    buf_str(&b, detail);
    buf_byte(&b, '}');
    return buf_done(&b);
}

int events_start(struct cloud *cloud)
{
    cloud->patterns = pattern_cache_new();
    return 0;
}

void events_free(struct cloud *cloud)
{
    pattern_cache_free(cloud->patterns);
    cloud->patterns = NULL;
}

/* Calls that changed nothing, as CloudTrail tells of them, reach those rules alone that ask for all of its management events. */
static bool is_of_read(const cJSON *event)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(event, "detail"), *type = cJSON_GetObjectItemCaseSensitive(event, "detail-type");
    return cJSON_IsString(type) && strcmp(type->valuestring, "AWS API Call via CloudTrail") == 0 &&
           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(detail, "readOnly"));
}

static bool is_enabled(const struct events_rec_Rule *r, bool of_read)
{
    return (!of_read && str_is(r->State, "ENABLED")) || str_is(r->State, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS");
}

int bus_match(struct op *op, const struct bus_ref *bus, struct str event, bool forwarded)
{
    struct key from, to;
    const struct str account = op->account, region = op->region;
    op->account = bus->account;
    op->region = bus->region;
    rule_prefix(op, bus->name, &from, &to);
    cJSON *tree = cJSON_ParseWithLength(event.p, event.n);
    bool of_read = is_of_read(tree);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    int rc = 0;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct events_rec_Rule r = { 0 };
        rc = op_rec_decode(op, value, &events_rec_Rule_shape, &r);
        if (rc || !r.EventPattern.n || !is_enabled(&r, of_read))
            continue;
        const cJSON *pattern = pattern_cache_get(op->cloud->patterns, r.EventPattern);
        if (pattern && pattern_matches(op->arena, pattern, tree))
            rc = rule_deliver(op, &r, event, forwarded);
    }
    int failed = scan_end(s);
    cJSON_Delete(tree);
    op->account = account;
    op->region = region;
    return rc ? rc : failed;
}

/* NULL, or the error code of an entry that is refused. */
static const char *entry_error(const struct events_PutEventsRequestEntry *e, const char **ret_words)
{
    if (!e->Source.n) {
        *ret_words = "Parameter Source is not valid. Reason: Source is a required argument.";
        return "InvalidArgument";
    }
    if (!e->DetailType.n) {
        *ret_words = "Parameter DetailType is not valid. Reason: DetailType is a required argument.";
        return "InvalidArgument";
    }
    if (!e->Detail.n) {
        *ret_words = "Parameter Detail is not valid. Reason: Detail is a required argument.";
        return "InvalidArgument";
    }
    if (str_starts(e->Source, STR("aws."))) {
        *ret_words = "Not authorized for the source.";
        return "NotAuthorizedForSourceException";
    }
    cJSON *detail = cJSON_ParseWithLength(e->Detail.p, e->Detail.n);
    bool object = cJSON_IsObject(detail);
    cJSON_Delete(detail);
    *ret_words = "Detail is malformed.";
    return object ? NULL : "MalformedDetail";
}

int events_authorize_PutEvents(struct op *op, const struct events_PutEvents_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        const struct events_PutEventsRequestEntry *e = &in->Entries.v[i];
        struct authz_item *item = authz_add(a, "events:PutEvents", events_arn_bus(op, e->EventBusName));
        authz_context(a, item, "events:source", e->Source);
        authz_context(a, item, "events:detail-type", e->DetailType);
    }
    return 0;
}

int events_PutEvents(struct op *op, const struct events_PutEvents_in *in, struct events_PutEvents_out *out)
{
    size_t bytes = 0;
    int64_t failed = 0;
    if (in->EndpointId.p)
        return aws_unsupported(op, "EndpointId");
    for (uint32_t i = 0; i < in->Entries.n; i++)
        bytes += in->Entries.v[i].Detail.n + in->Entries.v[i].Source.n + in->Entries.v[i].DetailType.n;
    if (bytes > ENTRIES_BYTES_MAX)
        return aws_fail(op, EVENTS_ValidationException, "Total size of the entries in the request is over the limit.");
    for (uint32_t i = 0; i < in->Entries.n; i++) {
        const struct events_PutEventsRequestEntry *e = &in->Entries.v[i];
        struct events_PutEventsResultEntry *r = list_push(op->arena, &out->Entries);
        const char *words = NULL, *code = entry_error(e, &words);
        if (code) {
            r->ErrorCode = str_c(code);
            r->ErrorMessage = str_c(words);
            failed++;
            continue;
        }
        r->EventId = random_uuid(op->arena);
        struct str event = envelope(op, r->EventId, e->Source, e->DetailType, opt_i64(e->Time, op_now_ms(op)), &e->Resources, e->Detail);
        struct bus_ref bus = bus_ref(op, e->EventBusName); /* an event for no bus vanishes, as on AWS: it has no rules */
        int rc = event.p ? bus_match(op, &bus, event, false) : E_LIMIT;
        if (rc)
            return rc;
    }
    out->FailedEntryCount = SOME_I64(failed);
    return 0;
}

/* Events of strata's services, as PutEvents takes them from others. */
int events_job_put(struct op *op, struct str payload)
{
    struct events_PutEvents_in in = { 0 };
    struct bus_ref bus = bus_ref(op, STR_NONE);
    int rc = op_rec_decode(op, payload, &events_PutEventsRequest_shape, &in);
    for (uint32_t i = 0; rc == 0 && i < in.Entries.n; i++) {
        const struct events_PutEventsRequestEntry *e = &in.Entries.v[i];
        struct str event = envelope(op, random_uuid(op->arena), e->Source, e->DetailType, opt_i64(e->Time, op_now_ms(op)), &e->Resources, e->Detail);
        rc = event.p ? bus_match(op, &bus, event, false) : E_LIMIT;
    }
    return rc;
}

int events_job_schedule(struct op *op, struct str name)
{
    struct events_rec_Rule r = { 0 };
    struct str_list resources = { 0 };
    int rc = rule_get(op, STR_NONE, str_dup(op->arena, name), &r);
    if (rc == E_AWS || (rc == 0 && (!r.DueMs.set || str_is(r.State, "DISABLED"))))
        return 0;
    if (rc)
        return rc;
    int64_t due_ms = r.DueMs.v;
    str_list_add(op->arena, &resources, rule_arn(op, STR_NONE, r.Name));
    struct str event = envelope(op, random_uuid(op->arena), STR("aws.events"), STR("Scheduled Event"), due_ms, &resources, STR("{}"));
    rc = rule_deliver(op, &r, event, false);
    /* As with the scheduler: a clock that jumped brings back a day at most. */
    int64_t day_ms = 24 * 3600 * 1000, after_ms = due_ms > op_now_ms(op) - day_ms ? due_ms : op_now_ms(op) - day_ms;
    return rc ? rc : rule_arm(op, &r, after_ms);
}
