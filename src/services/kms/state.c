/* EnableKey, DisableKey, deletion. The timer kms.delete: id and payload are the key's ARN. */
#include "services/kms/key.h"

enum { WINDOW_DAYS_MIN = 7, WINDOW_DAYS_MAX = 30 };

static int switch_to(struct op *op, struct str id, const char *state)
{
    struct key_ref k;
    int rc = kms_key_find(op, id, false, &k);
    if (rc == 0 && !str_is(k.rec.State, "Disabled")) /* what may not be pending */
        rc = kms_check_state(op, &k);
    if (rc < 0)
        return rc;
    k.rec.State = str_c(state);
    return kms_key_change(op, &k);
}

int kms_EnableKey(struct op *op, const struct kms_EnableKey_in *in, struct kms_EnableKey_out *out) { return switch_to(op, in->KeyId, "Enabled"); }

int kms_DisableKey(struct op *op, const struct kms_DisableKey_in *in, struct kms_DisableKey_out *out)
{
    return switch_to(op, in->KeyId, "Disabled");
}

/* ---- deletion ---- */

int kms_deletion_begin(struct op *op, struct key_ref *k, int64_t days)
{
    k->rec.State = STR("PendingDeletion");
    k->rec.DeletionMs = SOME_I64(op_now_ms(op) + days * KMS_DAY_MS);
    return op_timer_set(op, "kms.delete", k->arn, k->rec.DeletionMs.v, k->arn);
}

int kms_ScheduleKeyDeletion(struct op *op, const struct kms_ScheduleKeyDeletion_in *in, struct kms_ScheduleKeyDeletion_out *out)
{
    struct key_ref k;
    int64_t days = opt_i64(in->PendingWindowInDays, WINDOW_DAYS_MAX);
    if (days < WINDOW_DAYS_MIN || days > WINDOW_DAYS_MAX) /* the model says 1..365; the service 7..30 */
        return aws_fail(op, KMS_ValidationException,
                        "1 validation error detected: Value '%lld' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value %s",
                        (long long)days, days < WINDOW_DAYS_MIN ? "greater than or equal to 7" : "less than or equal to 30");
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = kms_check_pending(op, &k);
    if (rc < 0)
        return rc;
    k.rec.DeletionDays = SOME_I64(days);
    if (kms_is_primary(&k) && k.rec.ReplicaRegions.n > 0) /* begins when the last of them is gone: kms_replica_gone */
        k.rec.State = STR("PendingReplicaDeletion");
    else
        rc = kms_deletion_begin(op, &k, days);
    out->KeyId = k.arn;
    out->KeyState = k.rec.State;
    out->DeletionDate = k.rec.DeletionMs;
    out->PendingWindowInDays = SOME_I64(days);
    return rc < 0 ? rc : kms_key_change(op, &k);
}

int kms_CancelKeyDeletion(struct op *op, const struct kms_CancelKeyDeletion_in *in, struct kms_CancelKeyDeletion_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0 && !str_is(k.rec.State, "PendingDeletion") && !str_is(k.rec.State, "PendingReplicaDeletion"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is not pending deletion.", STR_ARG(k.arn));
    if (rc < 0)
        return rc;
    k.rec.State = kms_is_external(&k) && !kms_is_whole(&k) ? STR("PendingImport") : STR("Disabled");
    k.rec.DeletionMs.set = k.rec.DeletionDays.set = false;
    out->KeyId = k.arn;
    rc = op_timer_cancel(op, "kms.delete", k.arn);
    return rc < 0 && rc != E_NOT_FOUND ? rc : kms_key_change(op, &k);
}

/* A timer that another Region set may outlive the plan that it was set for: the record says what holds. */
int kms_job_delete(struct op *op, struct str arn)
{
    struct key_ref k;
    int rc = kms_key_by_arn(op, arn, &k);
    if (rc == E_NOT_FOUND || (rc == 0 && (!str_is(k.rec.State, "PendingDeletion") || opt_i64(k.rec.DeletionMs, 0) > op_now_ms(op))))
        return 0;
    return rc < 0 ? rc : kms_key_erase(op, &k);
}
