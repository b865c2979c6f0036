/* What is kept of events: 90 days of management events for LookupEvents, and what waits to be delivered to trails. */
#include "aws/check.h"
#include "aws/page.h"
#include "base/arena.h"
#include "services/cloudtrail/audit.h"
#include "services/cloudtrail/deliver.h"
#include "wire/wire.h"

enum { PAGE_MAX = 50, LOOK_EVENTS_MAX = 50000, EXPIRE_STEP = 2000, WAIT_MS = 5000 };

/* In the order they were made, also within one millisecond. */
static void key_event(struct key *k, const struct event *e)
{
    key_i64(k, e->rec.EventTime.v);
    key_i64(k, e->order);
    key_str(k, e->rec.EventId);
}

static int keep_for_trail(struct op *op, const struct event *e, const struct trail_ref *r)
{
    struct key k;
    struct str id = trail_id(op, r->home, r->name);
    pending_prefix(op, &k, r->home, r->name);
    key_event(&k, e);
    int rc = txn_put(op->txn, key_view(&k), e->value);
    if (!rc)
        rc = op_timer_arm(op, "cloudtrail.deliver", id, deliver_due_ms(op), id);
    if (!rc && r->digests)
        rc = op_timer_arm(op, "cloudtrail.digest", id, op_now_ms(op) + DIGEST_MS, id);
    return rc;
}

static int keep_here(struct op *op, const struct event *e)
{
    struct key k;
    int rc = 0;
    if (e->management) {
        op_key_in(op, &k, e->account, e->region, &cloudtrail_kind_event);
        key_event(&k, e);
        rc = txn_put(op->txn, key_view(&k), e->value);
        if (!rc)
            rc = op_timer_arm(op, "cloudtrail.expire", STR(""), e->rec.EventTime.v + HISTORY_MS, STR(""));
    }
    for (uint32_t i = 0; rc == 0 && i < e->trails.n; i++)
        rc = keep_for_trail(op, e, &e->trails.v[i]);
    if (!rc && e->management && e->trails.n)
        rc = event_announce(op, e);
    return rc;
}

int event_keep(struct op *op, const struct event *e)
{
    struct str account = op->account, region = op->region;
    op->account = e->account;
    op->region = e->region;
    int rc = keep_here(op, e);
    op->account = account;
    op->region = region;
    return rc;
}

int cloudtrail_job_expire(struct op *op, struct str payload)
{
    struct key from, to;
    struct str key, value;
    int64_t ms, next_ms = 0;
    int rc = 0, n = 0;
    op_key(op, &from, &cloudtrail_kind_event);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, from.n, key.n));
        if ((rc = key_read_i64(&r, &ms)))
            break;
        next_ms = ms + HISTORY_MS;
        if (next_ms > op_now_ms(op))
            break;
        if (n++ == EXPIRE_STEP)
            break;
        next_ms = 0;
        rc = txn_delete(op->txn, str_dup(op->arena, key));
    }
    int failed = scan_end(s);
    if (rc || failed)
        return rc ? rc : failed;
    /* An hour's events go together. */
    return next_ms ? op_timer_set(op, "cloudtrail.expire", STR(""), n > EXPIRE_STEP ? op_now_ms(op) : next_ms + 3600 * 1000, STR("")) : 0;
}

void cloudtrail_check_event(struct op *op, struct check *c)
{
    check_timer(op, c, "cloudtrail.expire", STR(""), -1);
}

/* ---- LookupEvents ---- */

static bool resources_have(const struct cloudtrail_rec_Event *e, struct str value, bool by_type)
{
    for (uint32_t i = 0; i < e->Resources.n; i++)
        if (str_eq(by_type ? e->Resources.v[i].ResourceType : e->Resources.v[i].ResourceName, value))
            return true;
    return false;
}

static bool fits(const struct cloudtrail_LookupAttribute *a, const struct cloudtrail_rec_Event *e)
{
    const struct {
        const char *key;
        struct str value;
    } texts[] = { { "EventId", e->EventId }, { "EventName", e->EventName }, { "ReadOnly", e->ReadOnly }, { "Username", e->Username },
                  { "EventSource", e->EventSource }, { "AccessKeyId", e->AccessKeyId } };
    if (!a)
        return true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (str_is(a->AttributeKey, texts[i].key))
            return str_eq(a->AttributeValue, texts[i].value);
    return resources_have(e, a->AttributeValue, str_is(a->AttributeKey, "ResourceType"));
}

static int check_lookup(struct op *op, const struct cloudtrail_LookupEvents_in *in)
{
    if (in->EventCategory.p)
        return aws_unsupported(op, "EventCategory");
    if (in->LookupAttributes.n > 1)
        return aws_fail(op, CLOUDTRAIL_InvalidLookupAttributesException, "You can only specify one lookup attribute.");
    if (in->StartTime.set && in->EndTime.set && in->StartTime.v > in->EndTime.v)
        return aws_fail(op, CLOUDTRAIL_InvalidTimeRangeException, "End time must be after start time.");
    return 0;
}

/* The range of keys, and from where on: newest first. A token goes on with what is older than the last one shown. */
static int range(struct op *op, const struct cloudtrail_LookupEvents_in *in, struct key *from, struct key *to, struct str *ret_to)
{
    int64_t oldest = op_now_ms(op) - HISTORY_MS, first = opt_i64(in->StartTime, oldest);
    op_key(op, from, &cloudtrail_kind_event);
    key_i64(from, first > oldest ? first : oldest);
    op_key(op, to, &cloudtrail_kind_event);
    key_i64(to, in->EndTime.set ? in->EndTime.v + 1000 : INT64_MAX); /* times are told in seconds: all of the last one */
    *ret_to = key_view(to);
    if (in->NextToken.p && page_key(op, in->NextToken, ret_to))
        return aws_fail(op, CLOUDTRAIL_InvalidNextTokenException, "Invalid pagination token.");
    return 0;
}

int cloudtrail_LookupEvents(struct op *op, const struct cloudtrail_LookupEvents_in *in, struct cloudtrail_LookupEvents_out *out)
{
    const struct cloudtrail_LookupAttribute *attribute = in->LookupAttributes.n ? in->LookupAttributes.v : NULL;
    struct key from, to;
    struct str end, key, value, last = STR_NONE;
    int64_t max = opt_i64(in->MaxResults, PAGE_MAX);
    int looked = 0, bad, rc = check_lookup(op, in);
    if (rc || (rc = range(op, in, &from, &to, &end)))
        return rc;
    if (op->tries == 0 && audit_hurry(op->cloud)) /* what was asked before this request is in the answer */
        return op_park(op, STR(AUDIT_WRITTEN), WAIT_MS);
    out->Events.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), end, true);
    for (bad = 0; bad == 0 && scan_next(s, &key, &value);) {
        struct cloudtrail_rec_Event e = { 0 };
        if (out->Events.n == max || ++looked > LOOK_EVENTS_MAX) { /* a page may be empty, and others behind it */
            out->NextToken = page_token(op, last);
            break;
        }
        bad = op_rec_decode(op, value, &cloudtrail_rec_Event_shape, &e);
        last = str_dup(op->arena, key);
        if (bad || !fits(attribute, &e))
            continue;
        struct cloudtrail_Event *show = list_push(op->arena, &out->Events);
        *show = (struct cloudtrail_Event){ .EventId = e.EventId, .EventName = e.EventName, .ReadOnly = e.ReadOnly, .AccessKeyId = e.AccessKeyId,
                                           .EventSource = e.EventSource, .Username = e.Username, .Resources = e.Resources,
                                           .CloudTrailEvent = e.CloudTrailEvent, .EventTime = SOME_I64(e.EventTime.v / 1000 * 1000) };
        show->Resources.set = true;
    }
    rc = scan_end(s);
    return bad ? bad : rc;
}
