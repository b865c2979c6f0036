#include "events.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "aws/schedule.h"
#include "aws/tags.h"
#include "aws/pattern.h"

enum { RULES_PAGE = 100 };

struct str events_arn_bus(struct op *op, struct str Name)
{
    return str_starts(Name, STR("arn:")) ? Name : arn_make(op, "events", "event-bus/%.*s", STR_ARG(opt_str(Name, STR("default"))));
}

struct str events_arn_bus_of(struct op *op, const struct events_PutEventsRequestEntryList *entries)
{
    return events_arn_bus(op, entries && entries->n ? entries->v[0].EventBusName : STR_NONE);
}

struct str rule_arn(struct op *op, struct str name)
{
    return arn_make(op, "events", "rule/%.*s", STR_ARG(name));
}

struct str events_arn_rule(struct op *op, struct str EventBusName, struct str Name)
{
    return rule_arn(op, Name.p ? Name : STR("*"));
}

struct str events_arn_tagged(struct op *op, struct str ResourceARN)
{
    return ResourceARN;
}

int bus_check(struct op *op, struct str name)
{
    struct arn arn;
    if (arn_parse(name, &arn) == 0 && str_starts(arn.resource, STR("event-bus/")))
        name = str_sub(arn.resource, 10, arn.resource.n);
    if (!name.p || str_is(name, "default"))
        return 0;
    return aws_fail(op, EVENTS_ResourceNotFoundException, "Event bus %.*s does not exist.", STR_ARG(name));
}

static void rule_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &events_kind_rule);
    key_str(k, name);
}

void rule_prefix(struct op *op, struct key *ret_from, struct key *ret_to)
{
    op_key(op, ret_from, &events_kind_rule);
    key_after_prefix(ret_from, ret_to);
}

int rule_get(struct op *op, struct str bus, struct str name, struct events_rec_Rule *ret)
{
    struct key k;
    int rc = bus_check(op, bus);
    rule_key(op, &k, name);
    if (!rc)
        rc = op_rec_get(op, &k, &events_rec_Rule_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, EVENTS_ResourceNotFoundException, "Rule %.*s does not exist on EventBus default.", STR_ARG(name)) : rc;
}

int rule_put(struct op *op, const struct events_rec_Rule *r)
{
    struct key k;
    rule_key(op, &k, r->Name);
    return op_rec_put(op, &k, &events_rec_Rule_shape, r);
}

int rule_arm(struct op *op, struct events_rec_Rule *r, int64_t after_ms)
{
    struct schedule s;
    struct zone *utc;
    if (!r->ScheduleExpression.n || schedule_parse(r->ScheduleExpression, false, &s) || zone_load(op->arena, STR("UTC"), &utc))
        return rule_put(op, r);
    int64_t next = schedule_next(&s, utc, r->CreatedMs.v, after_ms);
    bool off = next < 0 || str_is(r->State, "DISABLED");
    r->DueMs = off ? (struct opt_i64){ 0 } : SOME_I64(next);
    int rc = off ? op_timer_cancel(op, "events.schedule", r->Name) : op_timer_set(op, "events.schedule", r->Name, next, r->Name);
    return rc ? rc : rule_put(op, r);
}

/* ---- operations ---- */

int events_authorize_PutRule(struct op *op, const struct events_PutRule_in *in, struct authz *a)
{
    authz_add(a, "events:PutRule", rule_arn(op, in->Name));
    if (in->RoleArn.n) {
        struct authz_item *pass = authz_add(a, "iam:PassRole", in->RoleArn);
        authz_context(a, pass, "iam:PassedToService", STR("events.amazonaws.com"));
    }
    return 0;
}

static int check_pattern(struct op *op, struct str text)
{
    cJSON *tree = cJSON_ParseWithLength(text.p, text.n);
    const char *wrong = tree ? pattern_check(op->arena, tree) : "Unexpected character";
    cJSON_Delete(tree);
    return wrong ? aws_fail(op, EVENTS_InvalidEventPatternException, "Event pattern is not valid. Reason: %s", wrong) : 0;
}

static int check(struct op *op, const struct events_PutRule_in *in)
{
    struct schedule s;
    if (!in->EventPattern.n && !in->ScheduleExpression.n)
        return aws_fail(op, EVENTS_ValidationException, "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    if (in->ScheduleExpression.n && schedule_parse(in->ScheduleExpression, false, &s))
        return aws_fail(op, EVENTS_ValidationException, "Parameter ScheduleExpression is not valid.");
    return in->EventPattern.n ? check_pattern(op, in->EventPattern) : 0;
}

int events_PutRule(struct op *op, const struct events_PutRule_in *in, struct events_PutRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct key k;
    int rc = bus_check(op, in->EventBusName);
    if (!rc)
        rc = check(op, in);
    if (rc)
        return rc;
    rule_key(op, &k, in->Name);
    rc = op_rec_get(op, &k, &events_rec_Rule_shape, &r);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    if (rc == E_NOT_FOUND) {
        r.CreatedMs = SOME_I64(op_now_ms(op));
        r.Tags = in->Tags;
    }
    r.Name = in->Name; /* a rule that is put again is replaced, but for its targets and tags */
    r.EventPattern = in->EventPattern;
    r.ScheduleExpression = in->ScheduleExpression;
    r.State = opt_str(in->State, STR("ENABLED"));
    r.Description = in->Description;
    r.RoleArn = in->RoleArn;
    out->RuleArn = rule_arn(op, in->Name);
    rc = op_timer_cancel(op, "events.schedule", r.Name);
    return rc ? rc : rule_arm(op, &r, op_now_ms(op));
}

int events_DescribeRule(struct op *op, const struct events_DescribeRule_in *in, struct events_DescribeRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    int rc = rule_get(op, in->EventBusName, in->Name, &r);
    if (rc)
        return rc;
    overlay(&events_rec_Rule_shape, &r, op->row->out, out);
    out->Arn = rule_arn(op, r.Name);
    out->EventBusName = STR("default");
    out->CreatedBy = op->account;
    return 0;
}

int events_ListRules(struct op *op, const struct events_ListRules_in *in, struct events_ListRules_out *out)
{
    struct key from, to;
    int rc = bus_check(op, in->EventBusName);
    rule_prefix(op, &from, &to);
    struct str begin = key_view(&from), key, value;
    if (!rc && in->NextToken.p && page_key(op, in->NextToken, &begin))
        rc = aws_fail(op, EVENTS_ValidationException, "Token is not valid.");
    if (rc)
        return rc;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->Rules.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct events_rec_Rule r = { 0 };
        rc = op_rec_decode(op, value, &events_rec_Rule_shape, &r);
        if (rc || !str_starts(r.Name, in->NamePrefix))
            continue;
        if ((int64_t)out->Rules.n == opt_i64(in->Limit, RULES_PAGE)) {
            out->NextToken = page_token(op, key);
            break;
        }
        struct events_Rule *item = list_push(op->arena, &out->Rules);
        overlay(&events_rec_Rule_shape, &r, &events_Rule_shape, item);
        item->Arn = rule_arn(op, r.Name);
        item->EventBusName = STR("default");
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int events_DeleteRule(struct op *op, const struct events_DeleteRule_in *in, struct events_DeleteRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct key k;
    int rc = rule_get(op, in->EventBusName, in->Name, &r);
    if (rc == E_AWS && op->fail.error == EVENTS_ResourceNotFoundException)
        return 0;
    if (!rc && r.Targets.n)
        rc = aws_fail(op, EVENTS_ValidationException, "Rule can't be deleted since it has targets.");
    if (!rc)
        rc = op_timer_cancel(op, "events.schedule", r.Name);
    rule_key(op, &k, in->Name);
    return rc ? rc : op_rec_delete(op, &k);
}

static int switch_rule(struct op *op, struct str bus, struct str name, struct str state)
{
    struct events_rec_Rule r = { 0 };
    int rc = rule_get(op, bus, name, &r);
    r.State = state;
    return rc ? rc : rule_arm(op, &r, op_now_ms(op));
}

int events_EnableRule(struct op *op, const struct events_EnableRule_in *in, struct events_EnableRule_out *out)
{
    return switch_rule(op, in->EventBusName, in->Name, STR("ENABLED"));
}

int events_DisableRule(struct op *op, const struct events_DisableRule_in *in, struct events_DisableRule_out *out)
{
    return switch_rule(op, in->EventBusName, in->Name, STR("DISABLED"));
}

int events_TestEventPattern(struct op *op, const struct events_TestEventPattern_in *in, struct events_TestEventPattern_out *out)
{
    int rc = check_pattern(op, in->EventPattern);
    if (rc)
        return rc;
    cJSON *pattern = cJSON_ParseWithLength(in->EventPattern.p, in->EventPattern.n), *event = cJSON_ParseWithLength(in->Event.p, in->Event.n);
    static const char *const members[] = { "id", "account", "source", "time", "region", "resources", "detail-type" };
    for (size_t i = 0; event && i < sizeof members / sizeof *members; i++)
        if (!cJSON_GetObjectItemCaseSensitive(event, members[i]))
            rc = aws_fail(op, EVENTS_ValidationException, "Parameter Event is not valid.");
    if (!event)
        rc = aws_fail(op, EVENTS_ValidationException, "Parameter Event is not valid.");
    if (!rc)
        out->Result = SOME_BOOL(pattern_matches(op->arena, pattern, event));
    cJSON_Delete(pattern);
    cJSON_Delete(event);
    return rc;
}

int events_DescribeEventBus(struct op *op, const struct events_DescribeEventBus_in *in, struct events_DescribeEventBus_out *out)
{
    int rc = bus_check(op, in->Name);
    out->Name = STR("default");
    out->Arn = events_arn_bus(op, STR_NONE);
    return rc;
}

int events_ListEventBuses(struct op *op, const struct events_ListEventBuses_in *in, struct events_ListEventBuses_out *out)
{
    out->EventBuses.set = true;
    if (!str_starts(STR("default"), in->NamePrefix))
        return 0;
    struct events_EventBus *b = list_push(op->arena, &out->EventBuses);
    b->Name = STR("default");
    b->Arn = events_arn_bus(op, STR_NONE);
    return 0;
}

/* ---- tags: of rules ---- */

static int tagged_get(struct op *op, struct str arn_text, struct events_rec_Rule *ret, struct str_map *ret_tags)
{
    struct arn arn;
    if (arn_parse(arn_text, &arn) || !str_starts(arn.resource, STR("rule/")))
        return aws_fail(op, EVENTS_ResourceNotFoundException, "Resource %.*s does not exist.", STR_ARG(arn_text));
    int rc = rule_get(op, STR_NONE, str_sub(arn.resource, 5, arn.resource.n), ret);
    if (!rc)
        tags_read(op, &events_TagList_shape, &ret->Tags, ret_tags);
    return rc;
}

static int tagged_put(struct op *op, struct events_rec_Rule *r, const struct str_map *tags)
{
    const char *wrong = tags_check(tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, EVENTS_ValidationException, "%s", wrong);
    tags_write(op, &events_TagList_shape, tags, &r->Tags);
    return rule_put(op, r);
}

int events_TagResource(struct op *op, const struct events_TagResource_in *in, struct events_TagResource_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct str_map tags, more;
    int rc = tagged_get(op, in->ResourceARN, &r, &tags);
    if (rc)
        return rc;
    tags_read(op, &events_TagList_shape, &in->Tags, &more);
    tags_merge(op, &tags, &more);
    return tagged_put(op, &r, &tags);
}

int events_UntagResource(struct op *op, const struct events_UntagResource_in *in, struct events_UntagResource_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct str_map tags;
    int rc = tagged_get(op, in->ResourceARN, &r, &tags);
    if (rc)
        return rc;
    tags_remove(&tags, &in->TagKeys);
    return tagged_put(op, &r, &tags);
}

int events_ListTagsForResource(struct op *op, const struct events_ListTagsForResource_in *in, struct events_ListTagsForResource_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct str_map tags;
    int rc = tagged_get(op, in->ResourceARN, &r, &tags);
    if (!rc)
        tags_write(op, &events_TagList_shape, &tags, &out->Tags);
    return rc;
}
