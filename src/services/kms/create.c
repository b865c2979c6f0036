/* CreateKey, DescribeKey, ListKeys, UpdateKeyDescription. */
#include "aws/page.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/kms/key.h"

enum { PAGE_DEFAULT = 100 };

static bool is_hmac(struct str spec) { return str_starts(spec, STR("HMAC_")); }

static struct kms_KeyMetadata *describe(struct op *op, const struct key_ref *k)
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
    m->Origin = STR("AWS_KMS");
    m->KeyManager = opt_str(k->rec.Manager, STR("CUSTOMER"));
    m->CustomerMasterKeySpec = m->KeySpec = k->rec.Spec;
    m->MultiRegion = SOME_BOOL(false);
    if (is_hmac(k->rec.Spec)) {
        str_list_add(op->arena, &m->MacAlgorithms, str_printf(op->arena, "HMAC_SHA_%.*s", STR_ARG(str_sub(k->rec.Spec, 5, k->rec.Spec.n))));
        return m;
    }
    str_list_add(op->arena, &m->EncryptionAlgorithms, STR("SYMMETRIC_DEFAULT"));
    m->CurrentKeyMaterialId = k->rec.Materials.v[k->rec.Materials.n - 1].Id;
    return m;
}

static int check_unsupported(struct op *op, const struct kms_CreateKey_in *in)
{
    if (in->Origin.p && !str_is(in->Origin, "AWS_KMS"))
        return aws_unsupported(op, "Origin");
    if (in->CustomKeyStoreId.p)
        return aws_unsupported(op, "CustomKeyStoreId");
    if (in->XksKeyId.p)
        return aws_unsupported(op, "XksKeyId");
    return opt_bool(in->MultiRegion, false) ? aws_unsupported(op, "MultiRegion") : 0;
}

static int check_spec(struct op *op, const struct kms_CreateKey_in *in, struct key_ref *k)
{
    if (in->KeySpec.p && in->CustomerMasterKeySpec.p)
        return aws_fail(op, KMS_ValidationException,
                        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.");
    struct str spec = opt_str(opt_str(in->KeySpec, in->CustomerMasterKeySpec), STR("SYMMETRIC_DEFAULT"));
    bool symmetric = str_is(spec, "SYMMETRIC_DEFAULT");
    struct str usage = opt_str(in->KeyUsage, STR("ENCRYPT_DECRYPT"));
    if (!symmetric && !in->KeyUsage.p)
        return aws_fail(op, KMS_ValidationException, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
    if (!symmetric && !is_hmac(spec))
        return aws_unsupported(op, str_printf(op->arena, "KeySpec %.*s", STR_ARG(spec)).p);
    if (!str_is(usage, symmetric ? "ENCRYPT_DECRYPT" : "GENERATE_VERIFY_MAC"))
        return aws_fail(op, KMS_ValidationException, "KeyUsage %.*s is not compatible with KeySpec %.*s", STR_ARG(usage), STR_ARG(spec));
    k->rec.Spec = spec;
    k->rec.Usage = usage;
    return 0;
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
    const char *wrong = tags_check(&k.rec.Tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, KMS_TagException, "%s", wrong);
    kms_key_make(op, &k);
    k.rec.Description = opt_str(in->Description, STR(""));
    k.rec.Policy = in->Policy.p ? in->Policy : kms_default_policy(op);
    rc = kms_key_put(op, &k);
    out->KeyMetadata = describe(op, &k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int kms_DescribeKey(struct op *op, const struct kms_DescribeKey_in *in, struct kms_DescribeKey_out *out)
{
    struct key_ref k;
    if (in->GrantTokens.n > 0)
        return aws_unsupported(op, "GrantTokens");
    int rc = kms_key_find(op, in->KeyId, true, &k);
    if (rc == 0)
        out->KeyMetadata = describe(op, &k);
    return rc;
}

int kms_ListKeys(struct op *op, const struct kms_ListKeys_in *in, struct kms_ListKeys_out *out)
{
    struct key from, to;
    struct str key, value, start;
    int bad = 0;
    if (in->ResourceOwners.set)
        return aws_unsupported(op, "ResourceOwners");
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
        e->KeyArn = kms_key_arn(op, op->account, rec.Id);
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
