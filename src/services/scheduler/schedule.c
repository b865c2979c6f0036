#include "scheduler.h"

#include "auth/assume.h"
#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "aws/schedule.h"

enum { PAGE_MAX = 100 };

static struct str group_of(struct str name)
{
    return opt_str(name, STR("default"));
}

struct str scheduler_arn_schedule(struct op *op, struct str GroupName, struct str Name)
{
    return arn_make(op, "scheduler", "schedule/%.*s/%.*s", STR_ARG(group_of(GroupName)), STR_ARG(Name.p ? Name : STR("*")));
}

void schedule_key(struct op *op, struct key *k, struct str group, struct str name)
{
    op_key(op, k, &scheduler_kind_schedule);
    key_str(k, group_of(group));
    if (name.p)
        key_str(k, name);
}

struct str schedule_timer_id(struct op *op, const struct scheduler_rec_Schedule *s)
{
    return str_printf(op->arena, "%.*s/%.*s", STR_ARG(s->GroupName), STR_ARG(s->Name));
}

static int schedule_get(struct op *op, struct str group, struct str name, struct scheduler_rec_Schedule *ret)
{
    struct key k;
    schedule_key(op, &k, group, name);
    int rc = op_rec_get(op, &k, &scheduler_rec_Schedule_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, SCHEDULER_ResourceNotFoundException, "Schedule %.*s does not exist.", STR_ARG(name)) : rc;
}

int schedule_arm(struct op *op, struct scheduler_rec_Schedule *s, int64_t after_ms)
{
    struct schedule parsed;
    struct zone *z;
    struct key k;
    struct str id = schedule_timer_id(op, s);
    schedule_key(op, &k, s->GroupName, s->Name);
    if (schedule_parse(s->ScheduleExpression, true, &parsed) || zone_load(op->arena, s->ScheduleExpressionTimezone, &z))
        return E_CORRUPT;
    int64_t start_ms = opt_i64(s->StartDate, s->CreationDate.v), next = schedule_next(&parsed, z, start_ms, after_ms);
    if (s->StartDate.set && parsed.kind != SCHEDULE_AT && next >= 0 && next < s->StartDate.v)
        next = schedule_next(&parsed, z, start_ms, s->StartDate.v - 1);
    bool over = next < 0 || (s->EndDate.set && parsed.kind != SCHEDULE_AT && next > s->EndDate.v);
    bool fired = s->DueMs.set;
    s->DueMs = over ? (struct opt_i64){ 0 } : SOME_I64(next);
    s->Attempts = (struct opt_i64){ 0 };
    if (over && fired && str_is(s->ActionAfterCompletion, "DELETE")) {
        int rc = op_timer_cancel(op, "scheduler.fire", id);
        return rc ? rc : op_rec_delete(op, &k);
    }
    int rc = op_rec_put(op, &k, &scheduler_rec_Schedule_shape, s);
    if (rc)
        return rc;
    return over || str_is(s->State, "DISABLED") ? op_timer_cancel(op, "scheduler.fire", id) : op_timer_set(op, "scheduler.fire", id, next, id);
}

/* ---- checks ---- */

static int check_target(struct op *op, const struct scheduler_Target *t)
{
    struct arn arn;
    if (arn_parse(t->Arn, &arn))
        return aws_fail(op, SCHEDULER_ValidationException, "Provided Arn is not in correct format.");
    bool bus = str_is(arn.service, "events");
    if (!bus && !str_is(arn.service, "lambda") && !str_is(arn.service, "sqs"))
        return aws_unsupported(op, "a Target other than a Lambda function, an SQS queue or an event bus");
    if (bus && !t->EventBridgeParameters)
        return aws_fail(op, SCHEDULER_ValidationException, "EventBridgeParameters must be provided for an event bus target.");
    if (t->EcsParameters || t->KinesisParameters || t->SageMakerPipelineParameters)
        return aws_unsupported(op, "EcsParameters, KinesisParameters or SageMakerPipelineParameters");
    struct arn role;
    if (arn_parse(t->RoleArn, &role) || !str_starts(role.resource, STR("role/")))
        return aws_fail(op, SCHEDULER_ValidationException, "Provided role ARN is not in correct format.");
    return 0;
}

static int check(struct op *op, const struct scheduler_rec_Schedule *s)
{
    struct schedule parsed;
    struct zone *z;
    if (schedule_parse(s->ScheduleExpression, true, &parsed))
        return aws_fail(op, SCHEDULER_ValidationException, "Invalid Schedule Expression %.*s.", STR_ARG(s->ScheduleExpression));
    if (zone_load(op->arena, s->ScheduleExpressionTimezone, &z))
        return aws_fail(op, SCHEDULER_ValidationException, "Invalid timezone %.*s.", STR_ARG(s->ScheduleExpressionTimezone));
    if (s->StartDate.set && s->EndDate.set && s->EndDate.v <= s->StartDate.v)
        return aws_fail(op, SCHEDULER_ValidationException, "The EndDate must come after the StartDate.");
    if (str_is(s->FlexibleTimeWindow->Mode, "FLEXIBLE") && !s->FlexibleTimeWindow->MaximumWindowInMinutes.set)
        return aws_fail(op, SCHEDULER_ValidationException, "MaximumWindowInMinutes must be provided when FlexibleTimeWindow is FLEXIBLE.");
    int rc = check_target(op, s->Target);
    if (rc)
        return rc;
    rc = auth_check_trust(op, s->Target->RoleArn, "scheduler.amazonaws.com", scheduler_arn_schedule(op, s->GroupName, s->Name));
    if (rc == E_AWS || rc == E_NOT_FOUND)
        return aws_fail(op, SCHEDULER_ValidationException, "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
    return rc;
}

static void with_defaults(struct op *op, struct scheduler_rec_Schedule *s)
{
    s->GroupName = group_of(s->GroupName);
    s->State = opt_str(s->State, STR("ENABLED"));
    s->ScheduleExpressionTimezone = opt_str(s->ScheduleExpressionTimezone, STR("UTC"));
    s->ActionAfterCompletion = opt_str(s->ActionAfterCompletion, STR("NONE"));
    if (!s->Target->RetryPolicy)
        s->Target->RetryPolicy = arena_one(op->arena, struct scheduler_RetryPolicy);
    struct scheduler_RetryPolicy *r = s->Target->RetryPolicy;
    r->MaximumEventAgeInSeconds = SOME_I64(opt_i64(r->MaximumEventAgeInSeconds, 86400));
    r->MaximumRetryAttempts = SOME_I64(opt_i64(r->MaximumRetryAttempts, 185));
}

static void ask(struct op *op, struct authz *a, const char *action, struct str group, struct str name, const struct scheduler_Target *t)
{
    authz_add(a, action, scheduler_arn_schedule(op, group, name));
    if (t && t->RoleArn.p) {
        struct authz_item *pass = authz_add(a, "iam:PassRole", t->RoleArn);
        authz_context(a, pass, "iam:PassedToService", STR("scheduler.amazonaws.com"));
    }
}

int scheduler_authorize_CreateSchedule(struct op *op, const struct scheduler_CreateSchedule_in *in, struct authz *a)
{
    ask(op, a, "scheduler:CreateSchedule", in->GroupName, in->Name, in->Target);
    return 0;
}

int scheduler_authorize_UpdateSchedule(struct op *op, const struct scheduler_UpdateSchedule_in *in, struct authz *a)
{
    ask(op, a, "scheduler:UpdateSchedule", in->GroupName, in->Name, in->Target);
    return 0;
}

/* Its schedules go with a group. */
int scheduler_authorize_DeleteScheduleGroup(struct op *op, const struct scheduler_DeleteScheduleGroup_in *in, struct authz *a)
{
    authz_add(a, "scheduler:DeleteScheduleGroup", scheduler_arn_group(op, in->Name));
    authz_add(a, "scheduler:DeleteSchedule", scheduler_arn_schedule(op, in->Name, STR("*")));
    return 0;
}

/* ---- operations ---- */

int scheduler_CreateSchedule(struct op *op, const struct scheduler_CreateSchedule_in *in, struct scheduler_CreateSchedule_out *out)
{
    struct scheduler_rec_Schedule s = { 0 }, old = { 0 };
    struct scheduler_rec_Group g = { 0 };
    struct key k;
    out->ScheduleArn = scheduler_arn_schedule(op, in->GroupName, in->Name);
    schedule_key(op, &k, in->GroupName, in->Name);
    int rc = op_rec_get(op, &k, &scheduler_rec_Schedule_shape, &old);
    if (rc == 0 && in->ClientToken.p && str_eq(in->ClientToken, old.ClientToken))
        return 0;
    if (rc == 0)
        return aws_fail(op, SCHEDULER_ConflictException, "Schedule %.*s already exists.", STR_ARG(in->Name));
    rc = rc == E_NOT_FOUND ? group_get(op, group_of(in->GroupName), &g) : rc;
    if (rc)
        return rc;
    overlay(op->row->in, in, &scheduler_rec_Schedule_shape, &s);
    with_defaults(op, &s);
    s.CreationDate = s.LastModificationDate = SOME_I64(op_now_ms(op));
    rc = check(op, &s);
    return rc ? rc : schedule_arm(op, &s, op_now_ms(op));
}

int scheduler_GetSchedule(struct op *op, const struct scheduler_GetSchedule_in *in, struct scheduler_GetSchedule_out *out)
{
    struct scheduler_rec_Schedule s = { 0 };
    int rc = schedule_get(op, in->GroupName, in->Name, &s);
    if (rc)
        return rc;
    overlay(&scheduler_rec_Schedule_shape, &s, op->row->out, out);
    out->Arn = scheduler_arn_schedule(op, s.GroupName, s.Name);
    return 0;
}

int scheduler_UpdateSchedule(struct op *op, const struct scheduler_UpdateSchedule_in *in, struct scheduler_UpdateSchedule_out *out)
{
    struct scheduler_rec_Schedule old = { 0 }, s = { 0 };
    int rc = schedule_get(op, in->GroupName, in->Name, &old);
    if (rc)
        return rc;
    overlay(op->row->in, in, &scheduler_rec_Schedule_shape, &s); /* what is not given falls back to its default */
    with_defaults(op, &s);
    s.CreationDate = old.CreationDate;
    s.LastModificationDate = SOME_I64(op_now_ms(op));
    out->ScheduleArn = scheduler_arn_schedule(op, s.GroupName, s.Name);
    rc = check(op, &s);
    return rc ? rc : schedule_arm(op, &s, op_now_ms(op));
}

int scheduler_DeleteSchedule(struct op *op, const struct scheduler_DeleteSchedule_in *in, struct scheduler_DeleteSchedule_out *out)
{
    struct scheduler_rec_Schedule s = { 0 };
    struct key k;
    int rc = schedule_get(op, in->GroupName, in->Name, &s);
    if (!rc)
        rc = op_timer_cancel(op, "scheduler.fire", schedule_timer_id(op, &s));
    schedule_key(op, &k, in->GroupName, in->Name);
    return rc ? rc : op_rec_delete(op, &k);
}

int scheduler_ListSchedules(struct op *op, const struct scheduler_ListSchedules_in *in, struct scheduler_ListSchedules_out *out)
{
    struct key from, to;
    if (in->GroupName.p)
        schedule_key(op, &from, in->GroupName, STR_NONE);
    else
        op_key(op, &from, &scheduler_kind_schedule);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    if (in->NextToken.p && page_key(op, in->NextToken, &begin))
        return aws_fail(op, SCHEDULER_ValidationException, "Invalid NextToken.");
    int64_t max = opt_i64(in->MaxResults, PAGE_MAX);
    struct scan *scan = txn_scan(op->txn, begin, key_view(&to), false);
    int rc = 0;
    out->Schedules.set = true;
    while (rc == 0 && scan_next(scan, &key, &value)) {
        struct scheduler_rec_Schedule s = { 0 };
        rc = op_rec_decode(op, value, &scheduler_rec_Schedule_shape, &s);
        if (rc || !str_starts(s.Name, in->NamePrefix) || (in->State.p && !str_eq(s.State, in->State)))
            continue;
        if ((int64_t)out->Schedules.n == max) {
            out->NextToken = page_token(op, key);
            break;
        }
        struct scheduler_ScheduleSummary *item = list_push(op->arena, &out->Schedules);
        overlay(&scheduler_rec_Schedule_shape, &s, &scheduler_ScheduleSummary_shape, item);
        item->Arn = scheduler_arn_schedule(op, s.GroupName, s.Name);
        item->Target = arena_one(op->arena, struct scheduler_TargetSummary);
        item->Target->Arn = s.Target->Arn;
    }
    int failed = scan_end(scan);
    return rc ? rc : failed;
}
