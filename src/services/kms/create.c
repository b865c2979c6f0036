/* CreateKey, DescribeKey, ListKeys, UpdateKeyDescription. */
#include "aws/page.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/kms/grant.h"
#include "services/kms/key.h"
#include "services/kms/maker.h"

enum { PAGE_DEFAULT = 100 };

/* ---- describing ---- */

static struct str_list *algorithms_member(struct kms_KeyMetadata *m, struct str usage)
{
    return str_is(usage, "SIGN_VERIFY")           ? &m->SigningAlgorithms
           : str_is(usage, "GENERATE_VERIFY_MAC") ? &m->MacAlgorithms
           : str_is(usage, "KEY_AGREEMENT")       ? &m->KeyAgreementAlgorithms
                                                  : &m->EncryptionAlgorithms;
}

/* When the first of the imported materials goes, and whether any does. */
static void describe_expiry(const struct key_ref *k, struct kms_KeyMetadata *m)
{
    for (uint32_t i = 0; i < k->rec.Materials.n; i++) {
        struct opt_i64 expires = k->rec.Materials.v[i].ExpiresMs;
        if (!opt_bool(k->rec.Materials.v[i].Pending, false) && expires.set && (!m->ValidTo.set || expires.v < m->ValidTo.v))
            m->ValidTo = expires;
    }
    if (k->rec.Materials.n > 0 && kms_is_whole(k))
        m->ExpirationModel = m->ValidTo.set ? STR("KEY_MATERIAL_EXPIRES") : STR("KEY_MATERIAL_DOES_NOT_EXPIRE");
}

struct kms_KeyMetadata *kms_describe(struct op *op, const struct key_ref *k)
{
    struct kms_KeyMetadata *m = arena_one(op->arena, struct kms_KeyMetadata);
    m->AWSAccountId = k->account;
    m->KeyId = k->rec.Id;
    m->Arn = k->arn;
    m->CreationDate = k->rec.CreatedMs;
    m->Enabled = SOME_BOOL(str_is(k->rec.State, "Enabled"));
    m->Description = opt_str(k->rec.Description, STR(""));
    m->KeyUsage = k->rec.Usage;
    m->KeyState = k->rec.State;
    m->DeletionDate = k->rec.DeletionMs;
    if (str_is(k->rec.State, "PendingReplicaDeletion"))
        m->PendingDeletionWindowInDays = k->rec.DeletionDays;
    m->Origin = opt_str(k->rec.Origin, STR("AWS_KMS"));
    m->KeyManager = opt_str(k->rec.Manager, STR("CUSTOMER"));
    m->CustomerMasterKeySpec = m->KeySpec = k->rec.Spec;
    m->MultiRegion = SOME_BOOL(k->rec.PrimaryRegion.p != NULL);
    kms_describe_regions(op, k, m);
    for (const char *const *a = spec_algorithms(k->spec, k->rec.Usage); a && *a; a++)
        str_list_add(op->arena, algorithms_member(m, k->rec.Usage), str_c(*a));
    uint32_t current = kms_material_current(k);
    if (k->spec->family == SPEC_SYMMETRIC && current < k->rec.Materials.n)
        m->CurrentKeyMaterialId = k->rec.Materials.v[current].Id;
    if (kms_is_external(k))
        describe_expiry(k, m);
    return m;
}

/* ---- creating ---- */

static int check_unsupported(struct op *op, const struct kms_CreateKey_in *in)
{
    if (in->Origin.p && !str_is(in->Origin, "AWS_KMS") && !str_is(in->Origin, "EXTERNAL"))
        return aws_unsupported(op, str_printf(op->arena, "Origin %.*s", STR_ARG(in->Origin)).p);
    if (in->CustomKeyStoreId.p)
        return aws_unsupported(op, "CustomKeyStoreId");
    return in->XksKeyId.p ? aws_unsupported(op, "XksKeyId") : 0;
}

static int check_spec(struct op *op, const struct kms_CreateKey_in *in, struct key_ref *k)
{
    if (in->KeySpec.p && in->CustomerMasterKeySpec.p)
        return aws_fail(op, KMS_ValidationException,
                        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.");
    struct str spec = opt_str(opt_str(in->KeySpec, in->CustomerMasterKeySpec), STR("SYMMETRIC_DEFAULT"));
    struct str usage = opt_str(in->KeyUsage, STR("ENCRYPT_DECRYPT"));
    if (!str_is(spec, "SYMMETRIC_DEFAULT") && !in->KeyUsage.p)
        return aws_fail(op, KMS_ValidationException, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
    const struct key_spec *known = spec_find(spec);
    if (!known)
        return aws_unsupported(op, str_printf(op->arena, "KeySpec %.*s", STR_ARG(spec)).p);
    if (!spec_algorithms(known, usage))
        return aws_fail(op, KMS_ValidationException, "KeyUsage %.*s is not compatible with KeySpec %.*s", STR_ARG(usage), STR_ARG(spec));
    k->rec.Spec = spec;
    k->rec.Usage = usage;
    return 0;
}

static int make_material(struct op *op, struct key_ref *k)
{
    struct str private_key;
    if (!spec_is_pair(k->spec)) {
        kms_material_random(op, k);
        return 0;
    }
    int rc = maker_pair(op, k->spec, &private_key, &k->rec.PublicKey);
    if (rc == 0)
        kms_material_add(op, k, private_key);
    return rc;
}

int kms_CreateKey(struct op *op, const struct kms_CreateKey_in *in, struct kms_CreateKey_out *out)
{
    struct key_ref k = { 0 };
    int rc = check_unsupported(op, in);
    if (rc == 0)
        rc = check_spec(op, in, &k);
    if (rc == 0 && in->Policy.p)
        rc = kms_policy_check(op, in->Policy, opt_bool(in->BypassPolicyLockoutSafetyCheck, false));
    if (rc < 0)
        return rc;
    tags_read(op, &kms_TagList_shape, &in->Tags, &k.rec.Tags);
    rc = kms_tags_check(op, &k.rec.Tags);
    if (rc < 0)
        return rc;
    kms_key_make(op, &k, opt_bool(in->MultiRegion, false));
    k.rec.Description = opt_str(in->Description, STR(""));
    k.rec.Policy = in->Policy.p ? in->Policy : kms_default_policy(op);
    if (str_is(in->Origin, "EXTERNAL")) {
        k.rec.Origin = in->Origin;
        k.rec.State = STR("PendingImport");
    } else {
        rc = make_material(op, &k);
    }
    if (rc < 0)
        return rc;
    out->KeyMetadata = kms_describe(op, &k);
    return kms_key_change(op, &k);
}

int kms_DescribeKey(struct op *op, const struct kms_DescribeKey_in *in, struct kms_DescribeKey_out *out)
{
    struct key_ref k;
    int rc = kms_tokens_check(op, &in->GrantTokens);
    if (rc == 0)
        rc = kms_key_find(op, in->KeyId, true, &k);
    if (rc == 0)
        out->KeyMetadata = kms_describe(op, &k);
    return rc;
}

int kms_ListKeys(struct op *op, const struct kms_ListKeys_in *in, struct kms_ListKeys_out *out)
{
    struct key from, to;
    struct str key, value, start;
    int bad = 0;
    if (str_list_has(&in->ResourceOwners, STR("OTHER_ACCOUNTS_VIA_RAM")))
        return aws_unsupported(op, "ResourceOwners OTHER_ACCOUNTS_VIA_RAM");
    kms_key_range(op, &from, &to);
    if (in->Marker.p) {
        if (page_key(op, in->Marker, &start) < 0)
            return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
        key_str(&from, start);
    }
    out->Keys.set = true;
    out->Truncated = SOME_BOOL(false);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(s, &key, &value)) {
        struct kms_rec_Key rec = { 0 };
        bad = op_rec_decode(op, value, &kms_rec_Key_shape, &rec);
        if (bad == 0 && out->Keys.n == opt_i64(in->Limit, PAGE_DEFAULT)) {
            out->Truncated = SOME_BOOL(true);
            out->NextMarker = page_token(op, rec.Id);
            break;
        }
        struct kms_KeyListEntry *e = list_push(op->arena, &out->Keys);
        e->KeyId = rec.Id;
        e->KeyArn = kms_key_arn(op, op->region, op->account, rec.Id);
    }
    int rc = scan_end(s);
    return bad < 0 ? bad : rc;
}

int kms_UpdateKeyDescription(struct op *op, const struct kms_UpdateKeyDescription_in *in, struct kms_UpdateKeyDescription_out *out)
{
    struct key_ref k;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = kms_check_pending(op, &k);
    if (rc < 0)
        return rc;
    k.rec.Description = in->Description;
    return kms_key_put(op, &k);
}
