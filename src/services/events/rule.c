#include "events.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "aws/schedule.h"
#include "aws/pattern.h"

enum { RULES_PAGE = 100, RULES_MAX = 300 /* of a bus: each event is held against all of them */ };

struct str rule_arn(struct op *op, struct str bus, struct str name)
{
    if (bus_is_default(bus))
        return arn_make(op, "events", "rule/%.*s", STR_ARG(name));
    return arn_make(op, "events", "rule/%.*s/%.*s", STR_ARG(bus), STR_ARG(name));
}

struct str events_arn_rule(struct op *op, struct str EventBusName, struct str Name)
{
    struct bus_ref bus = bus_ref(op, EventBusName);
    return rule_arn(op, bus.name, Name.p ? Name : STR("*"));
}

static void bus_key(struct op *op, struct key *k, struct str bus)
{
    op_key(op, k, bus_is_default(bus) ? &events_kind_rule : &events_kind_bus_rule);
    if (!bus_is_default(bus))
        key_str(k, bus);
}

static void rule_key(struct op *op, struct key *k, struct str bus, struct str name)
{
    bus_key(op, k, bus);
    key_str(k, name);
}

void rule_prefix(struct op *op, struct str bus, struct key *ret_from, struct key *ret_to)
{
    bus_key(op, ret_from, bus);
    key_after_prefix(ret_from, ret_to);
}

int rule_get(struct op *op, struct str bus_text, struct str name, struct events_rec_Rule *ret)
{
    struct events_rec_Bus bus = { 0 };
    struct key k;
    int rc = bus_get(op, bus_text, &bus);
    rule_key(op, &k, bus.Name, name);
    if (!rc)
        rc = op_rec_get(op, &k, &events_rec_Rule_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, EVENTS_ResourceNotFoundException, "Rule %.*s does not exist on EventBus %.*s.", STR_ARG(name), STR_ARG(bus.Name))
                             : rc;
}

int rule_put(struct op *op, const struct events_rec_Rule *r)
{
    struct key k;
    rule_key(op, &k, r->EventBusName, r->Name);
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
    authz_add(a, "events:PutRule", events_arn_rule(op, in->EventBusName, in->Name));
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

static int check(struct op *op, const struct events_PutRule_in *in, struct str bus)
{
    struct schedule s;
    if (!in->EventPattern.n && !in->ScheduleExpression.n)
        return aws_fail(op, EVENTS_ValidationException, "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    if (in->ScheduleExpression.n && !bus_is_default(bus))
        return aws_fail(op, EVENTS_ValidationException, "ScheduleExpression is supported only on the default event bus.");
    if (in->ScheduleExpression.n && schedule_parse(in->ScheduleExpression, false, &s))
        return aws_fail(op, EVENTS_ValidationException, "Parameter ScheduleExpression is not valid.");
    return in->EventPattern.n ? check_pattern(op, in->EventPattern) : 0;
}

int events_PutRule(struct op *op, const struct events_PutRule_in *in, struct events_PutRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct events_rec_Bus bus = { 0 };
    struct key k, from, to;
    int rc = bus_get(op, in->EventBusName, &bus);
    if (!rc)
        rc = check(op, in, bus.Name);
    if (rc)
        return rc;
    rule_key(op, &k, bus.Name, in->Name);
    rc = op_rec_get(op, &k, &events_rec_Rule_shape, &r);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    if (rc == E_NOT_FOUND) {
        r.CreatedMs = SOME_I64(op_now_ms(op));
        r.Tags = in->Tags;
        rule_prefix(op, bus.Name, &from, &to);
        rc = events_room_for(op, &from, &to, RULES_MAX);
    }
    if (rc)
        return rc;
    r.EventBusName = bus_is_default(bus.Name) ? STR_NONE : bus.Name;
    r.Name = in->Name; /* a rule that is put again is replaced, but for its targets and tags */
    r.EventPattern = in->EventPattern;
    r.ScheduleExpression = in->ScheduleExpression;
    r.State = opt_str(in->State, STR("ENABLED"));
    r.Description = in->Description;
    r.RoleArn = in->RoleArn;
    out->RuleArn = rule_arn(op, bus.Name, in->Name);
    if (!bus_is_default(bus.Name))
        return rule_put(op, &r);
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
    out->Arn = rule_arn(op, r.EventBusName, r.Name);
    out->EventBusName = opt_str(r.EventBusName, STR("default"));
    out->CreatedBy = op->account;
    return 0;
}

int events_ListRules(struct op *op, const struct events_ListRules_in *in, struct events_ListRules_out *out)
{
    struct events_rec_Bus bus = { 0 };
    struct key from, to;
    int rc = bus_get(op, in->EventBusName, &bus);
    rule_prefix(op, bus.Name, &from, &to);
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
        item->Arn = rule_arn(op, r.EventBusName, r.Name);
        item->EventBusName = opt_str(r.EventBusName, STR("default"));
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
    if (!rc && !r.EventBusName.p)
        rc = op_timer_cancel(op, "events.schedule", r.Name);
    rule_key(op, &k, r.EventBusName, in->Name);
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
    static const char *const members[] = { "id", "account", "source", "time", "region", "detail-type" };
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

