/* A rotation under way: the function is called four times, and each time its answer is waited for.
 *
 *   rotation_begin -> [outbox secretsmanager.step] -> secretsmanager_job_step: notes the call, and after the commit
 *     -> step_launch: Invoke, on a snapshot, parked until the function answered -> step_asked -> step_settle, in the writer:
 *          done, not the last     the next step, through the outbox
 *          done, the last         the rotation is over; the new version must be AWSCURRENT by then, or the step counts as failed
 *          failed                 all of it once more after a pause, from createSecret on (the timer secretsmanager.step); given up after FAILURES_MAX:
 *                                 AWSCURRENT was never touched, AWSPENDING stays, and the next window takes it up again
 * The timer is set while a step runs, too, beyond what a function may take: should strata die meanwhile, it has the step run again. */
#include "aws/arn.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/log.h"
#include "cloud/call.h"
#include "gen/lambda.h"
#include "services/secretsmanager/secret.h"

enum { FAILURES_MAX = 5, PAUSE_MS = 60 * 1000, STEP_MS_MAX = 20 * 60 * 1000, EVENT_BYTES_MAX = 16 * 1024 };
#define DAY_MS (24LL * 3600 * 1000)

static const char *const steps[] = { "createSecret", "setSecret", "testSecret", "finishSecret" };
enum { STEPS = 4, STEP_TEST = 2 };

/* The configuration's test calls testSecret alone: its version has the current value, or none when the caller may not read that. */
static int lend_value(struct op *op, struct secret *s, struct secretsmanager_rec_Version *v)
{
    const struct secretsmanager_rec_Version *current = version_by_stage(&s->rec, STR("AWSCURRENT"));
    struct secret_value value;
    if (!current || !version_has_value(current))
        return 0;
    v->KmsKeyId = s->rec.KmsKeyId;
    int rc = value_get(op, s, current, &value);
    if (rc == 0)
        rc = value_put(op, s, v, &value);
    if (rc == 0)
        v->NoValue.set = false;
    if (rc != E_AWS)
        return rc;
    op->fail = (struct op_failure){ 0 };
    return 0;
}

int rotation_begin(struct op *op, struct secret *s, struct str token, bool is_test)
{
    struct secretsmanager_rec_Version *v = version_by_id(&s->rec, token);
    if (!v) {
        v = list_push(op->arena, &s->rec.Versions);
        *v = (struct secretsmanager_rec_Version){ .Id = token, .CreatedMs = SOME_I64(op_now_ms(op)), .NoValue = SOME_BOOL(true) };
    }
    version_move_stage(op->arena, &s->rec, STR("AWSPENDING"), v);
    int rc = is_test ? lend_value(op, s, v) : 0;
    if (rc < 0)
        return rc;
    struct secretsmanager_rec_Run *run = arena_one(op->arena, struct secretsmanager_rec_Run);
    run->Token = token;
    run->Step = SOME_I64(is_test ? STEP_TEST : 0);
    run->IsTest = SOME_BOOL(is_test);
    s->rec.Rotation->Run = run;
    return op_outbox(op, "secretsmanager.step", s->arn);
}

/* The secret and its rotation. E_NOT_FOUND: nothing is under way. */
static int find_run(struct op *op, struct str arn, struct secret *ret, struct secretsmanager_rec_Run **ret_run)
{
    int rc = secret_look(op, arn, ret);
    if (rc < 0)
        return rc;
    *ret_run = ret->rec.Rotation ? ret->rec.Rotation->Run : NULL;
    return *ret_run ? 0 : E_NOT_FOUND;
}

/* ---- one step: from the job's commit to what it came to ---- */

struct step {
    struct arena *arena; /* its own */
    struct str account, region, secret_arn, call_id;
    struct str function_account, function_region;
    const char *name;
    struct principal service;
    struct lambda_Invoke_in invoke;
    bool failed;
};

static int step_settle(struct op *op, void *ctx);

static void step_settled(struct cloud *cloud, void *ctx, int rc) { arena_free(((struct step *)ctx)->arena); }

static int step_ask(struct op *op, void *ctx)
{
    struct step *t = ctx;
    struct lambda_Invoke_out out = { 0 };
    struct op_failure why = { 0 };
    int rc = op->timed_out ? E_BUSY : cloud_forward(op, "lambda", "Invoke", &t->service, &t->invoke, &out, STEP_MS_MAX, &why);
    if (rc == E_PARKED || rc == E_CLOSED)
        return rc;
    t->failed = rc < 0 || out.FunctionError.p;
    if (t->failed)
        log_warn("rotation of %.*s: %s failed: %.*s", STR_ARG(t->secret_arn), t->name,
                 STR_ARG(out.FunctionError.p ? out.FunctionError : opt_str(why.message, STR("the function could not be run"))));
    return 0;
}

static void step_asked(struct cloud *cloud, void *ctx, int rc)
{
    struct step *t = ctx;
    t->failed = t->failed || rc < 0;
    /* When strata stops meanwhile, the step's timer has it run again after the next start. */
    if (rc == E_CLOSED || cloud_run(cloud, t->account, t->region, step_settle, step_settled, t) < 0)
        arena_free(t->arena);
}

static void step_launch(struct cloud *cloud, void *arg)
{
    const struct step *from = arg;
    struct arena *a = arena_new();
    struct step *t = arena_one(a, struct step);
    *t = (struct step){
        .arena = a, .name = from->name, .account = str_dup(a, from->account), .region = str_dup(a, from->region),
        .secret_arn = str_dup(a, from->secret_arn), .call_id = str_dup(a, from->call_id),
        .function_account = str_dup(a, from->function_account), .function_region = str_dup(a, from->function_region),
    };
    t->service = from->service; /* its names are literals */
    t->service.source_arn = t->secret_arn;
    t->service.source_account = str_dup(a, from->service.source_account);
    t->invoke.FunctionName = str_dup(a, from->invoke.FunctionName);
    t->invoke.Payload = str_dup(a, from->invoke.Payload);
    cloud_ask(cloud, t->function_account, t->function_region, NULL, step_ask, step_asked, t);
}

static struct str event(struct op *op, const struct secret *s, const struct secretsmanager_rec_Run *run, const char *step)
{
    struct buf b;
    buf_init(&b, op->arena, EVENT_BYTES_MAX);
    buf_printf(&b, "{\"Step\":\"%s\",\"SecretId\":", step);
    buf_json_string(&b, s->arn);
    buf_str(&b, STR(",\"ClientRequestToken\":"));
    buf_json_string(&b, run->Token);
    buf_byte(&b, '}');
    return buf_done(&b);
}

int secretsmanager_job_step(struct op *op, struct str arn)
{
    struct secretsmanager_rec_Run *run;
    struct arn function;
    struct secret s;
    int rc = find_run(op, arn, &s, &run);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    if (arn_parse(s.rec.Rotation->LambdaArn, &function) < 0)
        return E_CORRUPT;
    struct step *t = arena_one(op->arena, struct step);
    t->name = steps[opt_i64(run->Step, 0)];
    t->account = op->account;
    t->region = op->region;
    t->secret_arn = s.arn;
    t->call_id = run->CallId = random_uuid(op->arena);
    t->function_account = function.account;
    t->function_region = function.region;
    t->service = rotation_principal(op, &s);
    t->invoke.FunctionName = s.rec.Rotation->LambdaArn;
    t->invoke.Payload = event(op, &s, run, t->name);
    op_on_commit(op, step_launch, t);
    rc = op_timer_set(op, "secretsmanager.step", s.arn, op_now_ms(op) + STEP_MS_MAX, s.arn);
    return rc < 0 ? rc : secret_save(op, &s);
}

/* ---- what it came to ---- */

/* The configuration's test is over, whatever it said: its version goes. */
static int end_test(struct op *op, struct secret *s, const struct secretsmanager_rec_Run *run)
{
    const struct secretsmanager_rec_Version *v = version_by_id(&s->rec, run->Token);
    s->rec.Rotation->Run = NULL;
    if (!v || str_list_has(&v->Stages, STR("AWSCURRENT")))
        return 0;
    int rc = version_has_value(v) ? value_erase(op, s, run->Token) : 0;
    version_remove(&s->rec, run->Token);
    return rc;
}

static int fail(struct op *op, struct secret *s, struct secretsmanager_rec_Run *run)
{
    int64_t failures = opt_i64(run->Failures, 0) + 1;
    run->Failures = SOME_I64(failures);
    run->Step = SOME_I64(0);
    if (failures < FAILURES_MAX)
        return op_timer_set(op, "secretsmanager.step", s->arn, op_now_ms(op) + ((int64_t)PAUSE_MS << (failures - 1)), s->arn);
    s->rec.Rotation->Run = NULL;
    return 0;
}

static int finish(struct op *op, struct secret *s)
{
    struct secretsmanager_rec_Rotation *r = s->rec.Rotation;
    r->Run = NULL;
    r->LastMs = s->rec.ChangedMs = SOME_I64(op_now_ms(op));
    int rc = rotation_arm(op, s);
    if (r->Rules && r->Rules->ScheduleExpression.p && r->OpensMs.set) { /* AWS says then what the schedule comes to in days */
        int64_t days = (r->OpensMs.v - op_now_ms(op)) / DAY_MS;
        r->Rules->AutomaticallyAfterDays = SOME_I64(days > 0 ? days : 1);
    }
    return rc;
}

static int step_settle(struct op *op, void *ctx)
{
    struct step *t = ctx;
    struct secretsmanager_rec_Run *run;
    struct secret s;
    int rc = find_run(op, t->secret_arn, &s, &run);
    if (rc == E_NOT_FOUND || (rc == 0 && !str_eq(run->CallId, t->call_id)))
        return 0; /* cancelled, deleted, or called again meanwhile */
    if (rc == 0)
        rc = op_timer_cancel(op, "secretsmanager.step", s.arn);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    const struct secretsmanager_rec_Version *current = version_by_stage(&s.rec, STR("AWSCURRENT"));
    bool last = opt_i64(run->Step, 0) == STEPS - 1;
    bool moved = current && str_eq(current->Id, run->Token);
    if (opt_bool(run->IsTest, false)) {
        rc = end_test(op, &s, run);
    } else if (t->failed || (last && !moved)) {
        rc = fail(op, &s, run);
    } else if (last) {
        rc = finish(op, &s);
    } else {
        run->Step = SOME_I64(opt_i64(run->Step, 0) + 1);
        rc = op_outbox(op, "secretsmanager.step", s.arn);
    }
    return rc < 0 ? rc : secret_save(op, &s);
}
