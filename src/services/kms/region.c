/* Multi-Region keys: ReplicateKey, UpdatePrimaryRegion, and how related keys keep what they share. */
#include "auth/auth.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/kms/key.h"

bool kms_is_primary(const struct key_ref *k) { return !k->rec.PrimaryRegion.p || str_eq(k->rec.PrimaryRegion, k->region); }

int kms_check_primary(struct op *op, const struct key_ref *k)
{
    if (kms_is_primary(k))
        return 0;
    return aws_fail(op, KMS_UnsupportedOperationException, "%.*s is not a multi-region primary key.", STR_ARG(k->arn));
}

static int visit(struct op *op, const struct key_ref *k, struct str region, int (*fn)(struct op *op, struct key_ref *other, void *ctx), void *ctx)
{
    struct key_ref other;
    int rc = kms_key_by_id(op, k->account, region, k->rec.Id, &other);
    if (rc == E_NOT_FOUND)
        return E_CORRUPT;
    return rc < 0 ? rc : fn(op, &other, ctx);
}

int kms_related_each(struct op *op, const struct key_ref *k, int (*fn)(struct op *op, struct key_ref *other, void *ctx), void *ctx)
{
    int rc = kms_is_primary(k) ? 0 : visit(op, k, k->rec.PrimaryRegion, fn, ctx);
    for (uint32_t i = 0; i < k->rec.ReplicaRegions.n && rc == 0; i++)
        if (!str_eq(k->rec.ReplicaRegions.v[i], k->region))
            rc = visit(op, k, k->rec.ReplicaRegions.v[i], fn, ctx);
    return rc;
}

static struct kms_rec_Material *material_of(struct kms_rec_Key *rec, struct str id)
{
    for (uint32_t i = 0; i < rec->Materials.n; i++)
        if (str_eq(rec->Materials.v[i].Id, id))
            return &rec->Materials.v[i];
    return NULL;
}

/* Imported material is imported into each key apart: what it is called is shared, not itself. */
static void share_materials(struct op *op, const struct key_ref *k, struct key_ref *other)
{
    struct kms_rec_Key old = other->rec;
    other->rec.Materials = k->rec.Materials;
    if (!kms_is_external(k))
        return;
    other->rec.Materials.v = arena_dup(op->arena, k->rec.Materials.v, k->rec.Materials.n * sizeof *k->rec.Materials.v);
    for (uint32_t i = 0; i < other->rec.Materials.n; i++) {
        struct kms_rec_Material *m = &other->rec.Materials.v[i];
        const struct kms_rec_Material *own = material_of(&old, m->Id);
        m->Sealed = own ? own->Sealed : STR_NONE;
        m->ExpiresMs = own ? own->ExpiresMs : (struct opt_i64){ 0 };
        m->Description = own ? own->Description : m->Description;
    }
    if (str_is(other->rec.State, "Enabled") && !kms_is_whole(other))
        other->rec.State = STR("PendingImport");
}

static int share_with(struct op *op, struct key_ref *other, void *ctx)
{
    const struct key_ref *k = ctx;
    share_materials(op, k, other);
    other->rec.PublicKey = k->rec.PublicKey;
    other->rec.RotationDays = k->rec.RotationDays;
    other->rec.RotationFromMs = k->rec.RotationFromMs;
    other->rec.PrimaryRegion = k->rec.PrimaryRegion;
    other->rec.ReplicaRegions = k->rec.ReplicaRegions;
    return kms_key_put(op, other);
}

int kms_share(struct op *op, const struct key_ref *k) { return kms_related_each(op, k, share_with, (void *)(uintptr_t)k); }

int kms_replica_gone(struct op *op, const struct key_ref *k)
{
    struct key_ref primary;
    struct str_list left = { .set = true };
    if (kms_is_primary(k))
        return 0;
    int rc = kms_key_by_id(op, k->account, k->rec.PrimaryRegion, k->rec.Id, &primary);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    for (uint32_t i = 0; i < primary.rec.ReplicaRegions.n; i++)
        if (!str_eq(primary.rec.ReplicaRegions.v[i], k->region))
            str_list_add(op->arena, &left, primary.rec.ReplicaRegions.v[i]);
    primary.rec.ReplicaRegions = left;
    if (left.n == 0 && str_is(primary.rec.State, "PendingReplicaDeletion"))
        rc = kms_deletion_begin(op, &primary, opt_i64(primary.rec.DeletionDays, 0));
    if (rc == 0)
        rc = kms_key_put(op, &primary);
    return rc < 0 ? rc : kms_share(op, &primary);
}

/* ---- describing ---- */

static void describe_one(struct op *op, const struct key_ref *k, struct str region, struct kms_MultiRegionKey *ret)
{
    ret->Region = region;
    ret->Arn = kms_key_arn(op, region, k->account, k->rec.Id);
}

void kms_describe_regions(struct op *op, const struct key_ref *k, struct kms_KeyMetadata *m)
{
    if (!k->rec.PrimaryRegion.p)
        return;
    struct kms_MultiRegionConfiguration *c = m->MultiRegionConfiguration = arena_one(op->arena, struct kms_MultiRegionConfiguration);
    c->MultiRegionKeyType = kms_is_primary(k) ? STR("PRIMARY") : STR("REPLICA");
    c->PrimaryKey = arena_one(op->arena, struct kms_MultiRegionKey);
    describe_one(op, k, k->rec.PrimaryRegion, c->PrimaryKey);
    c->ReplicaKeys.set = true;
    for (uint32_t i = 0; i < k->rec.ReplicaRegions.n; i++)
        describe_one(op, k, k->rec.ReplicaRegions.v[i], list_push(op->arena, &c->ReplicaKeys));
}

/* ---- the operations ---- */

static int check_new_region(struct op *op, const struct key_ref *k, struct str region)
{
    struct str arn = kms_key_arn(op, region, k->account, k->rec.Id);
    if (!str_eq(region, k->region) && !str_list_has(&k->rec.ReplicaRegions, region))
        return 0;
    return aws_fail(op, KMS_AlreadyExistsException, "Key %.*s already exists", STR_ARG(arn));
}

static int make_replica(struct op *op, const struct kms_ReplicateKey_in *in, const struct key_ref *primary, struct key_ref *ret)
{
    *ret = *primary;
    ret->region = in->ReplicaRegion;
    ret->arn = kms_key_arn(op, ret->region, ret->account, ret->rec.Id);
    ret->rec.Aliases = (struct str_list){ 0 };
    ret->rec.Tags = (struct str_map){ 0 };
    ret->rec.Description = opt_str(in->Description, STR(""));
    ret->rec.Policy = opt_str(in->Policy, kms_default_policy(op));
    ret->rec.CreatedMs = SOME_I64(op_now_ms(op));
    ret->rec.State = STR("Enabled");
    if (kms_is_external(primary)) {
        struct key_ref nothing = *ret;
        nothing.rec.Materials.n = 0;
        share_materials(op, primary, &nothing);
        ret->rec.Materials = nothing.rec.Materials;
        ret->rec.State = STR("PendingImport");
    }
    tags_read(op, &kms_TagList_shape, &in->Tags, &ret->rec.Tags);
    return kms_tags_check(op, &ret->rec.Tags);
}

int kms_ReplicateKey(struct op *op, const struct kms_ReplicateKey_in *in, struct kms_ReplicateKey_out *out)
{
    struct key_ref k, replica;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = str_is(k.rec.State, "PendingImport") ? 0 : kms_check_state(op, &k);
    if (rc == 0 && !k.rec.PrimaryRegion.p)
        return aws_fail(op, KMS_UnsupportedOperationException, "%.*s is not a multi-region primary key.", STR_ARG(k.arn));
    if (rc == 0)
        rc = kms_check_primary(op, &k);
    if (rc == 0)
        rc = check_new_region(op, &k, in->ReplicaRegion);
    if (rc == 0 && in->Policy.p)
        rc = kms_policy_check(op, in->Policy, opt_bool(in->BypassPolicyLockoutSafetyCheck, false));
    if (rc < 0)
        return rc;
    str_list_add(op->arena, &k.rec.ReplicaRegions, in->ReplicaRegion);
    rc = make_replica(op, in, &k, &replica);
    if (rc == 0)
        rc = kms_key_put(op, &replica);
    if (rc == 0)
        rc = kms_key_change(op, &k);
    if (rc == 0)
        rc = kms_share(op, &k);
    if (rc < 0)
        return rc;
    out->ReplicaKeyMetadata = kms_describe(op, &replica);
    out->ReplicaKeyMetadata->KeyState = STR("Creating"); /* as AWS answers, where it takes a moment; the next DescribeKey says Enabled */
    out->ReplicaKeyMetadata->Enabled = SOME_BOOL(false);
    out->ReplicaKeyMetadata->CurrentKeyMaterialId = STR_NONE;
    out->ReplicaPolicy = replica.rec.Policy;
    out->ReplicaTags = in->Tags;
    return 0;
}

int kms_UpdatePrimaryRegion(struct op *op, const struct kms_UpdatePrimaryRegion_in *in, struct kms_UpdatePrimaryRegion_out *out)
{
    struct key_ref k, next;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = kms_check_state(op, &k);
    if (rc == 0 && !k.rec.PrimaryRegion.p)
        return aws_fail(op, KMS_UnsupportedOperationException, "%.*s is not a multi-region primary key.", STR_ARG(k.arn));
    if (rc == 0)
        rc = kms_check_primary(op, &k);
    if (rc == 0 && !str_list_has(&k.rec.ReplicaRegions, in->PrimaryRegion))
        return aws_fail(op, KMS_NotFoundException, "Key '%.*s' does not exist",
                        STR_ARG(kms_key_arn(op, in->PrimaryRegion, k.account, k.rec.Id)));
    if (rc == 0)
        rc = kms_key_by_id(op, k.account, in->PrimaryRegion, k.rec.Id, &next);
    if (rc == 0)
        rc = kms_check_state(op, &next);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < k.rec.ReplicaRegions.n; i++)
        if (str_eq(k.rec.ReplicaRegions.v[i], in->PrimaryRegion))
            k.rec.ReplicaRegions.v[i] = k.region;
    k.rec.PrimaryRegion = in->PrimaryRegion;
    rc = kms_key_change(op, &k);
    return rc < 0 ? rc : kms_share(op, &k);
}
