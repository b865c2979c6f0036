/* EnableKey, DisableKey, deletion and rotation: what the clock does to a key. Timers kms.delete and kms.rotate: id is the key's, payload its ARN. */
#include "services/kms/key.h"

enum { WINDOW_DAYS_MIN = 7, WINDOW_DAYS_MAX = 30, ROTATION_DAYS_DEFAULT = 365 };

static int find_changeable(struct op *op, struct str id, struct key_ref *k)
{
    int rc = kms_key_find(op, id, false, k);
    return rc < 0 ? rc : kms_check_pending(op, k);
}

int kms_EnableKey(struct op *op, const struct kms_EnableKey_in *in, struct kms_EnableKey_out *out)
{
    struct key_ref k;
    int rc = find_changeable(op, in->KeyId, &k);
    k.rec.State = STR("Enabled");
    return rc < 0 ? rc : kms_key_put(op, &k);
}

int kms_DisableKey(struct op *op, const struct kms_DisableKey_in *in, struct kms_DisableKey_out *out)
{
    struct key_ref k;
    int rc = find_changeable(op, in->KeyId, &k);
    k.rec.State = STR("Disabled");
    return rc < 0 ? rc : kms_key_put(op, &k);
}

/* ---- deletion ---- */

int kms_ScheduleKeyDeletion(struct op *op, const struct kms_ScheduleKeyDeletion_in *in, struct kms_ScheduleKeyDeletion_out *out)
{
    struct key_ref k;
    int64_t days = opt_i64(in->PendingWindowInDays, WINDOW_DAYS_MAX);
    if (days < WINDOW_DAYS_MIN || days > WINDOW_DAYS_MAX) /* the model says 1..365; the service 7..30 */
        return aws_fail(op, KMS_ValidationException,
                        "1 validation error detected: Value '%lld' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value %s",
                        (long long)days, days < WINDOW_DAYS_MIN ? "greater than or equal to 7" : "less than or equal to 30");
    int rc = find_changeable(op, in->KeyId, &k);
    if (rc < 0)
        return rc;
    k.rec.State = STR("PendingDeletion");
    k.rec.DeletionMs = SOME_I64(op_now_ms(op) + days * KMS_DAY_MS);
    k.rec.DeletionDays = SOME_I64(days);
    out->KeyId = k.arn;
    out->KeyState = k.rec.State;
    out->DeletionDate = k.rec.DeletionMs;
    out->PendingWindowInDays = SOME_I64(days);
    rc = op_timer_set(op, "kms.delete", k.rec.Id, k.rec.DeletionMs.v, k.arn);
    return rc < 0 ? rc : kms_key_put(op, &k);
}

int kms_CancelKeyDeletion(struct op *op, const struct kms_CancelKeyDeletion_in *in, struct kms_CancelKeyDeletion_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0 && !str_is(k.rec.State, "PendingDeletion"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is not pending deletion.", STR_ARG(k.arn));
    if (rc < 0)
        return rc;
    k.rec.State = STR("Disabled");
    k.rec.DeletionMs.set = k.rec.DeletionDays.set = false;
    out->KeyId = k.arn;
    rc = op_timer_cancel(op, "kms.delete", k.rec.Id);
    return rc < 0 && rc != E_NOT_FOUND ? rc : kms_key_put(op, &k);
}

int kms_job_delete(struct op *op, struct str arn)
{
    struct key_ref k;
    int rc = kms_key_look(op, arn, false, &k);
    if (rc == E_NOT_FOUND || (rc == 0 && !str_is(k.rec.State, "PendingDeletion")))
        return 0;
    return rc < 0 ? rc : kms_key_erase(op, &k);
}

/* ---- rotation ---- */

int64_t kms_rotation_next_ms(const struct key_ref *k)
{
    return opt_i64(k->rec.RotationFromMs, 0) + opt_i64(k->rec.RotationDays, 0) * KMS_DAY_MS;
}

int kms_rotation_schedule(struct op *op, const struct key_ref *k)
{
    if (k->rec.RotationDays.set)
        return op_timer_set(op, "kms.rotate", k->rec.Id, kms_rotation_next_ms(k), k->arn);
    int rc = op_timer_cancel(op, "kms.rotate", k->rec.Id);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int kms_job_rotate(struct op *op, struct str arn)
{
    struct key_ref k;
    int rc = kms_key_look(op, arn, false, &k);
    if (rc == E_NOT_FOUND || (rc == 0 && !k.rec.RotationDays.set))
        return 0;
    if (rc < 0)
        return rc;
    k.rec.RotationFromMs = SOME_I64(kms_rotation_next_ms(&k));
    if (str_is(k.rec.State, "Enabled")) /* a key that cannot be used is not rotated, either */
        kms_material_add(op, &k);
    rc = kms_key_put(op, &k);
    return rc < 0 ? rc : kms_rotation_schedule(op, &k);
}

static int find_rotatable(struct op *op, struct str id, struct key_ref *k)
{
    int rc = kms_key_find(op, id, false, k);
    if (rc == 0 && !str_is(k->rec.Spec, "SYMMETRIC_DEFAULT"))
        return aws_fail(op, KMS_UnsupportedOperationException, "%.*s is not a symmetric encryption key, which is what this operation needs.",
                        STR_ARG(k->arn));
    return rc;
}

int kms_EnableKeyRotation(struct op *op, const struct kms_EnableKeyRotation_in *in, struct kms_EnableKeyRotation_out *out)
{
    struct key_ref k;
    int rc = find_rotatable(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_state(op, &k);
    if (rc < 0)
        return rc;
    int64_t days = opt_i64(in->RotationPeriodInDays, opt_i64(k.rec.RotationDays, ROTATION_DAYS_DEFAULT));
    if (!k.rec.RotationDays.set || k.rec.RotationDays.v != days)
        k.rec.RotationFromMs = SOME_I64(op_now_ms(op));
    k.rec.RotationDays = SOME_I64(days);
    rc = kms_key_put(op, &k);
    return rc < 0 ? rc : kms_rotation_schedule(op, &k);
}

int kms_DisableKeyRotation(struct op *op, const struct kms_DisableKeyRotation_in *in, struct kms_DisableKeyRotation_out *out)
{
    struct key_ref k;
    int rc = find_rotatable(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_state(op, &k);
    if (rc < 0)
        return rc;
    k.rec.RotationDays.set = k.rec.RotationFromMs.set = false;
    rc = kms_key_put(op, &k);
    return rc < 0 ? rc : kms_rotation_schedule(op, &k);
}

int kms_GetKeyRotationStatus(struct op *op, const struct kms_GetKeyRotationStatus_in *in, struct kms_GetKeyRotationStatus_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k); /* of any spec: those that cannot rotate do not */
    if (rc < 0)
        return rc;
    bool on = k.rec.RotationDays.set && !str_is(k.rec.State, "PendingDeletion");
    out->KeyId = k.arn;
    out->KeyRotationEnabled = SOME_BOOL(on);
    if (on) {
        out->RotationPeriodInDays = k.rec.RotationDays;
        out->NextRotationDate = SOME_I64(kms_rotation_next_ms(&k));
    }
    return 0;
}
