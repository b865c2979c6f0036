/* Replicas: copies of a secret in other regions of the account, under the same name and random end, each sealed under a key of its region.
 *
 * The copy is a secret record of that region that names its primary's (PrimaryRegion); it is written in the transaction that changes the primary, so that
 * both are of one state. Whoever changes the primary asks KMS for the copy, too; a refusal leaves the former copy and marks it Failed, and the next change
 * tries again. Only the primary changes a copy, until StopReplicationToReplica makes it a secret of its own. */
#include "base/arena.h"
#include "services/secretsmanager/secret.h"

static struct secretsmanager_ReplicationStatusType *find(const struct secret *s, struct str region)
{
    for (uint32_t i = 0; i < s->rec.ReplicationStatus.n; i++)
        if (str_eq(s->rec.ReplicationStatus.v[i].Region, region))
            return &s->rec.ReplicationStatus.v[i];
    return NULL;
}

static bool is_copy_of(const struct secret *there, const struct secret *s)
{
    return str_eq(there->rec.PrimaryRegion, s->region) && str_eq(there->rec.Suffix, s->rec.Suffix);
}

static void set_status(struct secretsmanager_ReplicationStatusType *r, const char *status, struct str message)
{
    r->Status = str_c(status);
    r->StatusMessage = message;
}

static bool has_value_there(const struct secret *there, const struct secretsmanager_rec_Version *v, struct str key_id)
{
    const struct secretsmanager_rec_Version *copy = version_by_id(&there->rec, v->Id);
    return copy && version_has_value(copy) && str_eq(copy->KmsKeyId, key_id);
}

/* The versions that have labels, with their values, and those that were copied when they had. */
static int copy_versions(struct op *op, const struct secret *s, const struct secret *there, struct secret *copy)
{
    int rc = 0;
    copy->rec.Versions = (__typeof__(copy->rec.Versions)){ .set = true };
    for (uint32_t i = 0; i < s->rec.Versions.n && rc == 0; i++) {
        const struct secretsmanager_rec_Version *from = &s->rec.Versions.v[i];
        const struct secretsmanager_rec_Version *old = version_by_id(&there->rec, from->Id);
        struct secret_value value;
        if (from->Stages.n == 0 && !old)
            continue;
        struct secretsmanager_rec_Version *v = list_push(op->arena, &copy->rec.Versions);
        *v = *from;
        v->KmsKeyId = copy->rec.KmsKeyId;
        v->AccessedMs = old ? old->AccessedMs : (struct opt_i64){ 0 };
        if (!version_has_value(from) || has_value_there(there, from, v->KmsKeyId))
            continue;
        rc = value_get(op, s, from, &value);
        if (rc == 0)
            rc = value_put(op, copy, v, &value);
    }
    for (uint32_t i = 0; i < there->rec.Versions.n && rc == 0; i++)
        if (!version_by_id(&copy->rec, there->rec.Versions.v[i].Id))
            rc = value_erase(op, there, there->rec.Versions.v[i].Id);
    return rc;
}

static int copy_write(struct op *op, const struct secret *s, const struct secret *there, const struct secretsmanager_ReplicationStatusType *r)
{
    struct secret copy = *s;
    copy.region = r->Region;
    copy.arn = secret_arn(op, copy.account, copy.region, copy.rec.Name, copy.rec.Suffix);
    copy.rec.PrimaryRegion = s->region;
    copy.rec.KmsKeyId = r->KmsKeyId;
    copy.rec.AccessedMs = there->rec.AccessedMs;
    copy.rec.Rotation = NULL;
    copy.rec.ReplicationStatus = (struct secretsmanager_ReplicationStatusListType){ 0 };
    int rc = copy_versions(op, s, there, &copy);
    if (rc == 0)
        rc = policy_copy(op, s, &copy);
    return rc < 0 ? rc : secret_save(op, &copy);
}

/* One region. What stands there under the name and is no copy of s is left alone, or goes when `overwrite` says so. */
static int bring_up(struct op *op, const struct secret *s, struct secretsmanager_ReplicationStatusType *r, bool overwrite)
{
    struct secret there;
    int rc = secret_look_in(op, s->account, r->Region, s->rec.Name, &there);
    bool taken = rc == 0 && !is_copy_of(&there, s);
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    if (taken && (!overwrite || there.rec.PrimaryRegion.p || there.rec.ReplicationStatus.n > 0)) {
        set_status(r, "Failed", str_printf(op->arena, "Replication failed: Secret name %.*s already exists in region %.*s.", STR_ARG(s->rec.Name),
                                           STR_ARG(r->Region)));
        return 0;
    }
    txn_save(op->txn);
    rc = taken ? secret_erase(op, &there) : 0;
    if (rc == 0 && taken)
        there.rec = (struct secretsmanager_rec_Secret){ 0 };
    if (rc == 0)
        rc = copy_write(op, s, &there, r);
    if (rc < 0)
        txn_save_rollback(op->txn);
    else
        txn_save_release(op->txn);
    set_status(r, rc < 0 ? "Failed" : "InSync", rc < 0 ? str_printf(op->arena, "Replication failed: %.*s", STR_ARG(op->fail.message)) : STR_NONE);
    if (rc != E_AWS)
        return rc;
    op->fail = (struct op_failure){ 0 }; /* the status says it */
    return 0;
}

int secret_update(struct op *op, struct secret *s)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->rec.ReplicationStatus.n && rc == 0; i++)
        rc = bring_up(op, s, &s->rec.ReplicationStatus.v[i], false);
    return rc < 0 ? rc : secret_save(op, s);
}

int replicas_add(struct op *op, struct secret *s, const struct secretsmanager_AddReplicaRegionListType *regions, bool overwrite)
{
    int rc = 0;
    for (uint32_t i = 0; i < regions->n; i++)
        if (str_eq(regions->v[i].Region, s->region))
            return bad_parameter(op, "Invalid replica region.");
    for (uint32_t i = 0; i < regions->n && rc == 0; i++) {
        struct secretsmanager_ReplicationStatusType *r = find(s, regions->v[i].Region);
        if (!r)
            r = list_push(op->arena, &s->rec.ReplicationStatus);
        r->Region = regions->v[i].Region;
        r->KmsKeyId = regions->v[i].KmsKeyId.n > 0 ? regions->v[i].KmsKeyId : STR_NONE;
        rc = bring_up(op, s, r, overwrite);
    }
    return rc;
}

int replicas_show(struct op *op, const struct secret *s, struct secretsmanager_ReplicationStatusListType *ret)
{
    for (uint32_t i = 0; i < s->rec.ReplicationStatus.n; i++) {
        struct secretsmanager_ReplicationStatusType *r = list_push(op->arena, ret);
        struct secret there;
        *r = s->rec.ReplicationStatus.v[i];
        int rc = secret_look_in(op, s->account, r->Region, s->rec.Name, &there);
        if (rc < 0 && rc != E_NOT_FOUND)
            return rc;
        if (rc == 0 && is_copy_of(&there, s))
            r->LastAccessedDate = there.rec.AccessedMs;
    }
    return 0;
}

/* ---- the operations ---- */

int secretsmanager_ReplicateSecretToRegions(struct op *op, const struct secretsmanager_ReplicateSecretToRegions_in *in,
                                            struct secretsmanager_ReplicateSecretToRegions_out *out)
{
    struct secret s;
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc == 0)
        rc = replicas_add(op, &s, &in->AddReplicaRegions, opt_bool(in->ForceOverwriteReplicaSecret, false));
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    rc = replicas_show(op, &s, &out->ReplicationStatus);
    return rc < 0 ? rc : secret_save(op, &s);
}

int secretsmanager_RemoveRegionsFromReplication(struct op *op, const struct secretsmanager_RemoveRegionsFromReplication_in *in,
                                                struct secretsmanager_RemoveRegionsFromReplication_out *out)
{
    struct secret s, there;
    int rc = secret_find_own(op, in->SecretId, &s);
    struct secretsmanager_ReplicationStatusListType kept = { 0 };
    for (uint32_t i = 0; rc == 0 && i < s.rec.ReplicationStatus.n; i++) {
        const struct secretsmanager_ReplicationStatusType *r = &s.rec.ReplicationStatus.v[i];
        if (!str_list_has(&in->RemoveReplicaRegions, r->Region)) {
            *list_push(op->arena, &kept) = *r;
            continue;
        }
        rc = secret_look_in(op, s.account, r->Region, s.rec.Name, &there);
        if (rc == 0 && is_copy_of(&there, &s))
            rc = secret_erase(op, &there);
        rc = rc == E_NOT_FOUND ? 0 : rc;
    }
    if (rc < 0)
        return rc;
    s.rec.ReplicationStatus = kept;
    out->ARN = s.arn;
    out->ReplicationStatus.set = true;
    rc = replicas_show(op, &s, &out->ReplicationStatus);
    return rc < 0 ? rc : secret_save(op, &s);
}

int secretsmanager_StopReplicationToReplica(struct op *op, const struct secretsmanager_StopReplicationToReplica_in *in,
                                            struct secretsmanager_StopReplicationToReplica_out *out)
{
    struct secret s, primary;
    int rc = secret_find_live(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    if (!s.rec.PrimaryRegion.p)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException, "You can't perform this operation on the secret because it isn't a replica.");
    rc = secret_look_in(op, s.account, s.rec.PrimaryRegion, s.rec.Name, &primary);
    if (rc == 0) {
        struct secretsmanager_ReplicationStatusListType kept = { 0 };
        for (uint32_t i = 0; i < primary.rec.ReplicationStatus.n; i++)
            if (!str_eq(primary.rec.ReplicationStatus.v[i].Region, s.region))
                *list_push(op->arena, &kept) = primary.rec.ReplicationStatus.v[i];
        primary.rec.ReplicationStatus = kept;
        rc = secret_save(op, &primary);
    }
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    s.rec.PrimaryRegion = STR_NONE;
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    out->ARN = s.arn;
    return secret_save(op, &s);
}
