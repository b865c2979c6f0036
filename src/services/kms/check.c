/* strata check: a key opens under the root key of the directory, its timers are set, and its aliases and grants know it as it knows them. */
#include "aws/check.h"
#include "base/arena.h"
#include "cloud/cloud.h"
#include "services/kms/grant.h"

static void check_timers(struct op *op, struct check *c, const struct key_ref *k)
{
    if (str_starts(k->rec.Id, STR("mrk-"))) /* its timers stand in the Region from which they were set */
        return;
    if (str_is(k->rec.State, "PendingDeletion"))
        check_timer(op, c, "kms.delete", k->arn, k->rec.DeletionMs.v);
    if (k->rec.RotationDays.set)
        check_timer(op, c, "kms.rotate", k->arn, kms_rotation_next_ms(k));
}

void kms_check_key(struct op *op, struct check *c)
{
    const struct kms_rec_Key *rec = c->rec;
    struct kms_rec_Alias alias;
    struct key_ref k;
    struct str material;
    if (kms_key_by_id(op, op->account, op->region, rec->Id, &k)) {
        check_fault(op, c, "its id is not that of its key");
        return;
    }
    if (!k.rec.Materials.n && !kms_is_external(&k))
        check_fault(op, c, "it has no material");
    for (uint32_t i = 0; i < k.rec.Materials.n && op->cloud->root_key_known; i++)
        if (k.rec.Materials.v[i].Sealed.p && kms_material_open(op, &k, i, &material))
            check_fault(op, c, "its material %u does not open under the root key", i + 1);
    for list_each(name, &k.rec.Aliases)
        if (kms_alias_get(op, op->account, *name, &alias) || !str_eq(alias.KeyId, k.rec.Id))
            check_fault(op, c, "its %.*s is not there, or names another key", STR_ARG(*name));
    check_timers(op, c, &k);
}

void kms_check_alias(struct op *op, struct check *c)
{
    const struct kms_rec_Alias *alias = c->rec;
    struct key_ref k;
    if (kms_key_by_id(op, op->account, op->region, alias->KeyId, &k) || !str_list_has(&k.rec.Aliases, alias->Name))
        check_fault(op, c, "its key %.*s is not there, or does not know it", STR_ARG(alias->KeyId));
}

void kms_check_grant(struct op *op, struct check *c)
{
    const struct kms_rec_Grant *g = c->rec;
    struct str principal = opt_str(g->Retiring, g->RetiringService);
    struct key_ref k;
    struct key entry;
    if (kms_key_by_id(op, op->account, op->region, g->KeyId, &k))
        check_fault(op, c, "its key is not there");
    if (!principal.p)
        return;
    kms_retirable_key(op, &entry, op->region, principal);
    key_str(&entry, g->Account);
    key_str(&entry, g->KeyId);
    key_str(&entry, g->Id);
    check_there(op, c, &entry, "its entry among those that its principal may retire");
}

void kms_check_retirable(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str principal, account, key_id, id;
    struct kms_rec_Grant g;
    struct key_ref k;
    if (key_read_str(&r, op->arena, &principal) || key_read_str(&r, op->arena, &account) || key_read_str(&r, op->arena, &key_id) ||
        key_read_str(&r, op->arena, &id))
        check_fault(op, c, "its key is malformed");
    else if (kms_key_by_id(op, account, op->region, key_id, &k) || kms_grant_get(op, &k, id, &g) ||
             !str_eq(opt_str(g.Retiring, g.RetiringService), principal))
        check_fault(op, c, "its grant is not there, or another may retire it");
}
