/* Rotation: by the clock, on demand, and what it left behind. The timer kms.rotate: id and payload are the ARN of the key for which it was switched on. */
#include "aws/page.h"
#include "base/arena.h"
#include "services/kms/key.h"

enum { ROTATION_DAYS_DEFAULT = 365, ON_DEMAND_MAX = 25, PAGE_DEFAULT = 100 };
#define NEAR_MS (20 * 60 * 1000LL) /* so shortly before an automatic rotation none is made on demand */

int64_t kms_rotation_next_ms(const struct key_ref *k)
{
    return opt_i64(k->rec.RotationFromMs, 0) + opt_i64(k->rec.RotationDays, 0) * KMS_DAY_MS;
}

int kms_rotation_schedule(struct op *op, const struct key_ref *k)
{
    if (k->rec.RotationDays.set)
        return op_timer_set(op, "kms.rotate", k->arn, kms_rotation_next_ms(k), k->arn);
    int rc = op_timer_cancel(op, "kms.rotate", k->arn);
    return rc == E_NOT_FOUND ? 0 : rc;
}

static void note_rotation(struct op *op, struct kms_rec_Material *m, const char *type)
{
    m->RotatedMs = SOME_I64(op_now_ms(op));
    m->RotationType = str_c(type);
}

static int put_and_share(struct op *op, const struct key_ref *k)
{
    int rc = kms_key_put(op, k);
    return rc < 0 ? rc : kms_share(op, k);
}

int kms_job_rotate(struct op *op, struct str arn)
{
    struct key_ref k;
    int rc = kms_key_by_arn(op, arn, &k);
    if (rc == 0 && !kms_is_primary(&k)) /* the primary has moved on since */
        rc = kms_key_by_id(op, k.account, k.rec.PrimaryRegion, k.rec.Id, &k);
    if (rc == E_NOT_FOUND || (rc == 0 && (!k.rec.RotationDays.set || kms_rotation_next_ms(&k) > op_now_ms(op))))
        return 0;
    if (rc < 0)
        return rc;
    k.rec.RotationFromMs = SOME_I64(kms_rotation_next_ms(&k));
    if (str_is(k.rec.State, "Enabled")) { /* a key that cannot be used is not rotated, either */
        kms_material_random(op, &k);
        note_rotation(op, &k.rec.Materials.v[k.rec.Materials.n - 1], "AUTOMATIC");
    }
    rc = put_and_share(op, &k);
    return rc < 0 ? rc : op_timer_set(op, "kms.rotate", arn, kms_rotation_next_ms(&k), arn);
}

static int check_rotates(struct op *op, const struct key_ref *k)
{
    return k->spec->family == SPEC_SYMMETRIC ? 0 : aws_fail(op, KMS_UnsupportedOperationException, "%s", "");
}

/* An enabled symmetric primary key. */
static int find_rotatable(struct op *op, struct str id, struct key_ref *k)
{
    int rc = kms_key_find(op, id, false, k);
    if (rc == 0)
        rc = kms_check_state(op, k);
    if (rc == 0)
        rc = check_rotates(op, k);
    return rc < 0 ? rc : kms_check_primary(op, k);
}

static int set_rotation(struct op *op, struct key_ref *k)
{
    int rc = put_and_share(op, k);
    return rc < 0 ? rc : kms_rotation_schedule(op, k);
}

int kms_EnableKeyRotation(struct op *op, const struct kms_EnableKeyRotation_in *in, struct kms_EnableKeyRotation_out *out)
{
    struct key_ref k;
    int rc = find_rotatable(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_origin(op, &k, "AWS_KMS");
    if (rc < 0)
        return rc;
    int64_t days = opt_i64(in->RotationPeriodInDays, opt_i64(k.rec.RotationDays, ROTATION_DAYS_DEFAULT));
    if (!k.rec.RotationDays.set || k.rec.RotationDays.v != days)
        k.rec.RotationFromMs = SOME_I64(op_now_ms(op));
    k.rec.RotationDays = SOME_I64(days);
    return set_rotation(op, &k);
}

int kms_DisableKeyRotation(struct op *op, const struct kms_DisableKeyRotation_in *in, struct kms_DisableKeyRotation_out *out)
{
    struct key_ref k;
    int rc = find_rotatable(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_origin(op, &k, "AWS_KMS");
    if (rc < 0)
        return rc;
    k.rec.RotationDays.set = k.rec.RotationFromMs.set = false;
    return set_rotation(op, &k);
}

int kms_GetKeyRotationStatus(struct op *op, const struct kms_GetKeyRotationStatus_in *in, struct kms_GetKeyRotationStatus_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k); /* of any spec: those that cannot rotate do not */
    if (rc < 0)
        return rc;
    bool on = k.rec.RotationDays.set && kms_check_pending(op, &k) == 0;
    out->KeyId = k.arn;
    out->KeyRotationEnabled = SOME_BOOL(on);
    if (on) {
        out->RotationPeriodInDays = k.rec.RotationDays;
        out->NextRotationDate = SOME_I64(kms_rotation_next_ms(&k));
    }
    return 0;
}

/* ---- on demand ---- */

static int check_on_demand(struct op *op, const struct key_ref *k)
{
    uint32_t made = 0;
    int64_t wait_ms = kms_rotation_next_ms(k) - op_now_ms(op);
    for (uint32_t i = 0; i < k->rec.Materials.n; i++)
        made += str_is(k->rec.Materials.v[i].RotationType, "ON_DEMAND");
    if (made >= ON_DEMAND_MAX)
        return aws_fail(op, KMS_LimitExceededException,
                        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: "
                        "%.*s", STR_ARG(k->arn));
    if (k->rec.RotationDays.set && wait_ms <= NEAR_MS)
        return aws_fail(op, KMS_ConflictException, "An automatic rotation of %.*s is scheduled to begin within the next 20 minutes.", STR_ARG(k->arn));
    return 0;
}

static int lacks(struct op *op, struct key_ref *other, void *ctx)
{
    const struct kms_rec_Material *wanted = ctx;
    for (uint32_t i = 0; i < other->rec.Materials.n; i++)
        if (str_eq(other->rec.Materials.v[i].Id, wanted->Id) && other->rec.Materials.v[i].Sealed.p)
            return 0;
    return E_NOT_FOUND;
}

/* Imported here and in every related key: it can be rotated to. */
static bool is_everywhere(struct op *op, const struct key_ref *k, struct kms_rec_Material *m)
{
    return m->Sealed.p && kms_related_each(op, k, lacks, m) == 0;
}

static int rotate_external(struct op *op, struct key_ref *k)
{
    struct kms_rec_Material *m = k->rec.Materials.n ? &k->rec.Materials.v[k->rec.Materials.n - 1] : NULL;
    if (!m || !opt_bool(m->Pending, false) || !is_everywhere(op, k, m))
        return aws_fail(op, KMS_KMSInvalidStateException, "No available key material pending rotation for the key: %.*s.", STR_ARG(k->arn));
    m->Pending.set = false;
    return 0;
}

int kms_RotateKeyOnDemand(struct op *op, const struct kms_RotateKeyOnDemand_in *in, struct kms_RotateKeyOnDemand_out *out)
{
    struct key_ref k;
    int rc = find_rotatable(op, in->KeyId, &k);
    if (rc == 0)
        rc = check_on_demand(op, &k);
    if (rc == 0 && kms_is_external(&k))
        rc = rotate_external(op, &k);
    else if (rc == 0)
        kms_material_random(op, &k);
    if (rc < 0)
        return rc;
    note_rotation(op, &k.rec.Materials.v[k.rec.Materials.n - 1], "ON_DEMAND");
    out->KeyId = k.arn;
    return put_and_share(op, &k);
}

/* ---- what was rotated ---- */

static const char *state_of(struct op *op, const struct key_ref *k, uint32_t i)
{
    struct kms_rec_Material *m = &k->rec.Materials.v[i];
    if (!opt_bool(m->Pending, false))
        return i == kms_material_current(k) ? "CURRENT" : "NON_CURRENT";
    return is_everywhere(op, k, m) ? "PENDING_ROTATION" : "PENDING_MULTI_REGION_IMPORT_AND_ROTATION";
}

static void describe_rotation(struct op *op, const struct key_ref *k, uint32_t i, struct kms_RotationsListEntry *e)
{
    const struct kms_rec_Material *m = &k->rec.Materials.v[i];
    *e = (struct kms_RotationsListEntry){
        .KeyId = k->rec.Id, .KeyMaterialId = m->Id, .KeyMaterialState = str_c(state_of(op, k, i)), .RotationDate = m->RotatedMs,
        .RotationType = m->RotationType,
    };
    if (!kms_is_external(k))
        return;
    e->KeyMaterialDescription = m->Description;
    e->ImportState = m->Sealed.p ? STR("IMPORTED") : STR("PENDING_IMPORT");
    e->ValidTo = m->ExpiresMs;
    if (m->Sealed.p)
        e->ExpirationModel = m->ExpiresMs.set ? STR("KEY_MATERIAL_EXPIRES") : STR("KEY_MATERIAL_DOES_NOT_EXPIRE");
}

int kms_ListKeyRotations(struct op *op, const struct kms_ListKeyRotations_in *in, struct kms_ListKeyRotations_out *out)
{
    struct key_ref k;
    struct str from = STR_NONE;
    bool all = str_is(in->IncludeKeyMaterial, "ALL_KEY_MATERIAL"), begun = !in->Marker.p;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = check_rotates(op, &k);
    if (rc == 0 && in->Marker.p && page_key(op, in->Marker, &from) < 0)
        return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
    if (rc < 0)
        return rc;
    out->Rotations.set = true;
    out->Truncated = SOME_BOOL(false);
    for (uint32_t i = 0; i < k.rec.Materials.n; i++) {
        const struct kms_rec_Material *m = &k.rec.Materials.v[i];
        begun = begun || str_eq(m->Id, from);
        if (!begun || (!all && !m->RotatedMs.set))
            continue;
        if (out->Rotations.n == opt_i64(in->Limit, PAGE_DEFAULT)) {
            out->Truncated = SOME_BOOL(true);
            out->NextMarker = page_token(op, m->Id);
            break;
        }
        describe_rotation(op, &k, i, list_push(op->arena, &out->Rotations));
    }
    return 0;
}
