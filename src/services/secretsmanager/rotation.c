/* RotateSecret, CancelRotateSecret, and the schedule between rotations: timer secretsmanager.rotate, whose id and payload are the secret's ARN. */
#include "aws/arn.h"
#include "aws/id.h"
#include "base/arena.h"
#include "cloud/call.h"
#include "gen/lambda.h"
#include "services/secretsmanager/secret.h"

enum { TOKEN_CHARS_MIN = 32 };

bool rotation_is_on(const struct secret *s) { return s->rec.Rotation && opt_bool(s->rec.Rotation->Enabled, false); }

static int cancel(struct op *op, const char *kind, const struct secret *s)
{
    int rc = op_timer_cancel(op, kind, s->arn);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int rotation_arm(struct op *op, struct secret *s)
{
    struct secretsmanager_rec_Rotation *r = s->rec.Rotation;
    struct rotation_window w;
    r->OpensMs.set = r->ClosesMs.set = false;
    if (!r->Rules || !rules_next(op->arena, r->Rules, op_now_ms(op), &w))
        return cancel(op, "secretsmanager.rotate", s);
    r->OpensMs = SOME_I64(w.opens_ms);
    r->ClosesMs = SOME_I64(w.closes_ms - 1000); /* its last second, as AWS shows it */
    return op_timer_set(op, "secretsmanager.rotate", s->arn, w.opens_ms, s->arn);
}

int rotation_note_change(struct op *op, struct secret *s)
{
    bool counts = rotation_is_on(s) && s->rec.Rotation->Rules && !s->rec.Rotation->Rules->ScheduleExpression.p;
    return counts ? rotation_arm(op, s) : 0;
}

int rotation_stop(struct op *op, struct secret *s)
{
    if (!s->rec.Rotation)
        return 0;
    s->rec.Rotation->Run = NULL;
    s->rec.Rotation->OpensMs.set = s->rec.Rotation->ClosesMs.set = false;
    int rc = cancel(op, "secretsmanager.rotate", s);
    return rc < 0 ? rc : cancel(op, "secretsmanager.step", s);
}

const struct secretsmanager_rec_Version *rotation_pending(const struct secret *s)
{
    const struct secretsmanager_rec_Version *v = version_by_stage(&s->rec, STR("AWSPENDING"));
    return v && !str_list_has(&v->Stages, STR("AWSCURRENT")) ? v : NULL;
}

struct principal rotation_principal(struct op *op, const struct secret *s)
{
    struct principal p = principal_service(op, "secretsmanager.amazonaws.com", s->arn);
    p.source_account = s->account;
    return p;
}

/* A window opened. What an earlier rotation left behind is taken up again. */
int secretsmanager_job_rotate(struct op *op, struct str arn)
{
    struct secret s;
    int rc = secret_look(op, arn, &s);
    if (rc == E_NOT_FOUND || (rc == 0 && (s.rec.DeletedMs.set || !rotation_is_on(&s))))
        return 0;
    if (rc == 0)
        rc = rotation_arm(op, &s);
    if (rc == 0 && !s.rec.Rotation->Run) {
        const struct secretsmanager_rec_Version *left = rotation_pending(&s);
        rc = rotation_begin(op, &s, left ? left->Id : id_uuid(op), false);
    }
    return rc < 0 ? rc : secret_save(op, &s);
}

/* ---- RotateSecret ---- */

static int may_invoke(struct op *op, struct str function, const struct principal *who, struct op_failure *why)
{
    struct lambda_Invoke_in in = { .FunctionName = function, .InvocationType = STR("DryRun") };
    struct lambda_Invoke_out out = { 0 };
    struct arn arn;
    if (arn_parse(function, &arn) < 0)
        return E_AWS;
    return cloud_call_in(op, arn.account, arn.region, "lambda", "Invoke", who, &in, &out, why);
}

static int check_function(struct op *op, const struct secret *s, struct str function)
{
    struct op_failure why = { 0 };
    struct principal service = rotation_principal(op, s);
    int rc = may_invoke(op, function, &service, &why);
    if (rc == E_AWS)
        return aws_fail(op, AWS_AccessDenied, "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
                                              "access to the principal secretsmanager.amazonaws.com.");
    if (rc == 0)
        rc = may_invoke(op, function, op->caller, &why); /* whoever rotates must be allowed to run the function */
    if (rc == E_AWS)
        op->fail = why;
    return rc;
}

static int check_rotate(struct op *op, const struct secretsmanager_RotateSecret_in *in)
{
    if (in->ExternalSecretRotationMetadata.n > 0 || in->ExternalSecretRotationRoleArn.p)
        return aws_unsupported(op, "ExternalSecretRotationMetadata or ExternalSecretRotationRoleArn");
    if (!in->ClientRequestToken.p)
        return bad_parameter(op, "You must provide a ClientRequestToken value. We recommend a UUID-type value.");
    if (in->ClientRequestToken.n < TOKEN_CHARS_MIN)
        return bad_parameter(op, "ClientRequestToken must be 32-64 characters long.");
    const char *wrong = in->RotationRules ? rules_wrong(in->RotationRules) : NULL;
    return wrong ? bad_parameter(op, wrong) : 0;
}

static int configure(struct op *op, const struct secretsmanager_RotateSecret_in *in, struct secret *s)
{
    if (!s->rec.Rotation)
        s->rec.Rotation = arena_one(op->arena, struct secretsmanager_rec_Rotation);
    struct secretsmanager_rec_Rotation *r = s->rec.Rotation;
    if (in->RotationLambdaARN.n > 0)
        r->LambdaArn = in->RotationLambdaARN;
    if (in->RotationRules) {
        r->Rules = arena_one(op->arena, struct secretsmanager_RotationRulesType);
        *r->Rules = *in->RotationRules;
    }
    if (r->LambdaArn.n == 0)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException, "No Lambda rotation function ARN is associated with this secret.");
    if (rotation_pending(s))
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException,
                        "A previous rotation isn\xe2\x80\x99t complete. That rotation will be reattempted.");
    int rc = check_function(op, s, r->LambdaArn);
    r->Enabled = SOME_BOOL(true);
    return rc < 0 ? rc : rotation_arm(op, s);
}

int secretsmanager_RotateSecret(struct op *op, const struct secretsmanager_RotateSecret_in *in, struct secretsmanager_RotateSecret_out *out)
{
    struct secret s;
    int rc = check_rotate(op, in);
    if (rc == 0)
        rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->VersionId = in->ClientRequestToken;
    const struct secretsmanager_rec_Run *run = s.rec.Rotation ? s.rec.Rotation->Run : NULL;
    if (run && str_eq(run->Token, out->VersionId))
        return 0; /* the same request once more */
    rc = configure(op, in, &s);
    if (rc == 0 && version_by_id(&s.rec, out->VersionId) == NULL)
        rc = rotation_begin(op, &s, out->VersionId, !opt_bool(in->RotateImmediately, true));
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    return rc < 0 ? rc : secret_save(op, &s);
}

int secretsmanager_CancelRotateSecret(struct op *op, const struct secretsmanager_CancelRotateSecret_in *in,
                                      struct secretsmanager_CancelRotateSecret_out *out)
{
    struct secret s;
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    if (!s.rec.Rotation)
        return 0;
    const struct secretsmanager_rec_Version *pending = rotation_pending(&s);
    if (pending)
        out->VersionId = pending->Id;
    rc = rotation_stop(op, &s);
    s.rec.Rotation->Enabled = SOME_BOOL(false);
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    return rc < 0 ? rc : secret_save(op, &s);
}
