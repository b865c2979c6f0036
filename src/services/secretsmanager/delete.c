/* DeleteSecret, RestoreSecret, and the timer between them: its id and payload are the secret's ARN. */
#include "services/secretsmanager/secret.h"

enum { WINDOW_DAYS_MIN = 7, WINDOW_DAYS_MAX = 30 };
#define DAY_MS (24LL * 3600 * 1000)

/* Replicas go first, and only by way of their primary. */
static int check_alone(struct op *op, const struct secret *s)
{
    struct str regions = STR("");
    for (uint32_t i = 0; i < s->rec.ReplicationStatus.n; i++)
        regions = str_printf(op->arena, "%.*s%s%.*s", STR_ARG(regions), i ? "," : "", STR_ARG(s->rec.ReplicationStatus.v[i].Region));
    if (regions.n > 0)
        return aws_fail(op, SECRETSMANAGER_InvalidParameterException, "You can't delete secret %.*s that still has replica regions [%.*s]",
                        STR_ARG(s->arn), STR_ARG(regions));
    return secret_refuse_replica(op, s);
}

static int erase_now(struct op *op, const struct secretsmanager_DeleteSecret_in *in, struct secretsmanager_DeleteSecret_out *out)
{
    struct secret s;
    int rc = secret_look(op, in->SecretId, &s);
    out->DeletionDate = SOME_I64(op_now_ms(op));
    if (rc == E_NOT_FOUND) { /* AWS answers this one without complaint */
        out->ARN = secretsmanager_arn_secret(op, in->SecretId);
        out->Name = in->SecretId;
        return 0;
    }
    if (rc == 0)
        rc = check_alone(op, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    rc = op_timer_cancel(op, "secretsmanager.delete", s.arn);
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = rotation_stop(op, &s);
    return rc < 0 ? rc : secret_erase(op, &s);
}

int secretsmanager_DeleteSecret(struct op *op, const struct secretsmanager_DeleteSecret_in *in, struct secretsmanager_DeleteSecret_out *out)
{
    struct secret s;
    bool force = opt_bool(in->ForceDeleteWithoutRecovery, false);
    int64_t days = opt_i64(in->RecoveryWindowInDays, WINDOW_DAYS_MAX);
    if (force && in->RecoveryWindowInDays.set)
        return bad_parameter(op, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
    if (days < WINDOW_DAYS_MIN || days > WINDOW_DAYS_MAX)
        return bad_parameter(op, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
    if (force)
        return erase_now(op, in, out);
    int rc = secret_find(op, in->SecretId, &s);
    if (rc == 0)
        rc = check_alone(op, &s);
    if (rc < 0)
        return rc;
    if (s.rec.DeletedMs.set)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException,
                        "You can't perform this operation on the secret because it was already scheduled for deletion.");
    s.rec.DeletedMs = SOME_I64(op_now_ms(op) + days * DAY_MS);
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->DeletionDate = s.rec.DeletedMs;
    rc = op_timer_set(op, "secretsmanager.delete", s.arn, s.rec.DeletedMs.v, s.arn);
    if (rc == 0)
        rc = rotation_stop(op, &s);
    return rc < 0 ? rc : secret_save(op, &s);
}

int secretsmanager_job_delete(struct op *op, struct str arn)
{
    struct secret s;
    int rc = secret_look(op, arn, &s);
    if (rc == E_NOT_FOUND || (rc == 0 && !s.rec.DeletedMs.set))
        return 0;
    return rc < 0 ? rc : secret_erase(op, &s);
}

int secretsmanager_RestoreSecret(struct op *op, const struct secretsmanager_RestoreSecret_in *in, struct secretsmanager_RestoreSecret_out *out)
{
    struct secret s;
    int rc = secret_find(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    if (!s.rec.DeletedMs.set)
        return 0;
    s.rec.DeletedMs.set = false;
    rc = op_timer_cancel(op, "secretsmanager.delete", s.arn);
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = rotation_is_on(&s) ? rotation_arm(op, &s) : 0;
    return rc < 0 ? rc : secret_save(op, &s);
}
