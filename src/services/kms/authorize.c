/* What is asked for a key: the key's policy decides (auth/auth.h: resource_policy_decides), or a grant (grant.h), with the keys that AWS gives KMS
 * requests. */
#include "aws/tags.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/kms/grant.h"
#include "services/kms/key.h"

#define SYMMETRIC STR("SYMMETRIC_DEFAULT")

/* The service that asks on its caller's behalf: kms:ViaService. */
static struct str via_service(struct op *op)
{
    if (!op->parent || !op->parent->row)
        return STR_NONE;
    return str_printf(op->arena, "%s.%.*s.amazonaws.com", op->parent->row->service->signing_name, STR_ARG(op->region));
}

static struct str yes(struct opt_bool b) { return b.set ? b.v ? STR("true") : STR("false") : STR_NONE; }
static struct str number(struct op *op, struct opt_i64 n) { return n.set ? str_printf(op->arena, "%lld", (long long)n.v) : STR_NONE; }

static void add_caller(struct op *op, struct authz *a, struct authz_item *item)
{
    authz_context(a, item, "kms:CallerAccount", op->caller->account);
    authz_context(a, item, "kms:ViaService", via_service(op));
}

static void add_key_facts(struct op *op, struct authz *a, struct authz_item *item, const struct key_ref *k)
{
    authz_context(a, item, "kms:RequestAlias", k->alias);
    if (!k->spec)
        return;
    authz_context(a, item, "kms:KeySpec", k->rec.Spec);
    authz_context(a, item, "kms:CustomerMasterKeySpec", k->rec.Spec);
    authz_context(a, item, "kms:KeyUsage", k->rec.Usage);
    authz_context(a, item, "kms:CustomerMasterKeyUsage", k->rec.Usage);
    authz_context(a, item, "kms:KeyOrigin", opt_str(k->rec.Origin, STR("AWS_KMS")));
    authz_context(a, item, "kms:MultiRegion", k->rec.PrimaryRegion.p ? STR("true") : STR("false"));
    if (k->rec.PrimaryRegion.p)
        authz_context(a, item, "kms:MultiRegionKeyType", kms_is_primary(k) ? STR("PRIMARY") : STR("REPLICA"));
    authz_context_list(a, item, "kms:ResourceAliases", &k->rec.Aliases);
    for (uint32_t i = 0; i < k->rec.Tags.n; i++)
        authz_context_named(a, item, "aws:ResourceTag/", k->rec.Tags.v[i].key, k->rec.Tags.v[i].value);
}

static struct authz_item *ask_for(struct op *op, struct authz *a, const char *action, const struct key_ref *k)
{
    struct authz_item *item = authz_add(a, action, k->arn);
    item->resource_policy_decides = true;
    item->resource_policy = k->rec.Policy;
    item->account = k->account;
    add_caller(op, a, item);
    add_key_facts(op, a, item, k);
    return item;
}

/* The key by whatever name the client has for it. One that is not there is asked for, too; the operation says that it is missing. */
static void look(struct op *op, struct str key_id, struct key_ref *k)
{
    if (kms_key_look(op, key_id, true, k) < 0 && kms_is_managed_alias(k->alias))
        k->rec.Policy = kms_managed_policy(op, k->alias); /* what it will have once it is there */
}

static struct authz_item *ask(struct op *op, struct authz *a, const char *action, struct str key_id)
{
    struct key_ref k;
    look(op, key_id, &k);
    return ask_for(op, a, action, &k);
}

/* ---- what grants can give ---- */

static const char *operation_of(const char *action) { return action + sizeof "kms:" - 1; }

static struct authz_item *ask_or_granted(struct op *op, struct authz *a, const char *action, const struct key_ref *k, const struct str_map *context)
{
    struct authz_item *item = ask_for(op, a, action, k);
    if (k->spec && kms_granted(op, k, operation_of(action), context, &item->granted) < 0)
        item->granted = false;
    return item;
}

static struct authz_item *ask_or_granted_id(struct op *op, struct authz *a, const char *action, struct str key_id, const struct str_map *context)
{
    struct key_ref k;
    look(op, key_id, &k);
    return ask_or_granted(op, a, action, &k, context);
}

static void add_context(struct op *op, struct authz *a, struct authz_item *item, const struct str_map *context)
{
    struct str_list keys = { 0 };
    for (uint32_t i = 0; i < context->n; i++) {
        authz_context_named(a, item, "kms:EncryptionContext:", context->v[i].key, context->v[i].value);
        str_list_add(op->arena, &keys, context->v[i].key);
    }
    authz_context_list(a, item, "kms:EncryptionContextKeys", &keys);
}

static struct authz_item *ask_encrypting(struct op *op, struct authz *a, const char *action, const struct key_ref *k, struct str algorithm,
                                         const struct str_map *context)
{
    struct authz_item *item = ask_or_granted(op, a, action, k, context);
    authz_context(a, item, "kms:EncryptionAlgorithm", opt_str(algorithm, SYMMETRIC));
    add_context(op, a, item, context);
    return item;
}

static struct authz_item *ask_encrypting_id(struct op *op, struct authz *a, const char *action, struct str key_id, struct str algorithm,
                                            const struct str_map *context)
{
    struct key_ref k;
    look(op, key_id, &k);
    return ask_encrypting(op, a, action, &k, algorithm, context);
}

/* The key that a ciphertext names; what names none is asked for by what the client said, and refused by the operation. */
static void look_by_blob(struct op *op, struct str blob, struct str key_id, struct str algorithm, struct key_ref *k)
{
    struct cipher_head h;
    bool symmetric = !algorithm.p || str_eq(algorithm, SYMMETRIC);
    if (!symmetric || cipher_head_read(blob, &h) < 0 || kms_key_by_id(op, h.account, op->region, h.key_id, k) < 0)
        look(op, opt_str(key_id, STR("*")), k);
}

/* ---- operations on a key ---- */

#define ASK_KEY(Operation)                                                                                              \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        ask(op, a, "kms:" #Operation, in->KeyId);                                                                       \
        return 0;                                                                                                       \
    }
#define ASK_GRANTABLE(Operation)                                                                                        \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        ask_or_granted_id(op, a, "kms:" #Operation, in->KeyId, NULL);                                                   \
        return 0;                                                                                                       \
    }
/* One more condition key, which is a member of the request. */
#define ASK_GRANTABLE_WITH(Operation, condition, member)                                                                \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        authz_context(a, ask_or_granted_id(op, a, "kms:" #Operation, in->KeyId, NULL), condition, in->member);          \
        return 0;                                                                                                       \
    }
#define ASK_KEY_WITH(Operation, condition, value)                                                                       \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        authz_context(a, ask(op, a, "kms:" #Operation, in->KeyId), condition, value);                                   \
        return 0;                                                                                                       \
    }
#define ASK_SIGNING(Operation)                                                                                          \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        struct authz_item *item = ask_or_granted_id(op, a, "kms:" #Operation, in->KeyId, NULL);                         \
        authz_context(a, item, "kms:SigningAlgorithm", in->SigningAlgorithm);                                           \
        authz_context(a, item, "kms:MessageType", opt_str(in->MessageType, STR("RAW")));                                \
        return 0;                                                                                                       \
    }
#define ASK_DATA_KEY(Operation)                                                                                         \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        ask_encrypting_id(op, a, "kms:" #Operation, in->KeyId, SYMMETRIC, &in->EncryptionContext);                      \
        return 0;                                                                                                       \
    }
#define ASK_DATA_KEY_PAIR(Operation)                                                                                    \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        struct authz_item *item = ask_encrypting_id(op, a, "kms:" #Operation, in->KeyId, SYMMETRIC, &in->EncryptionContext); \
        authz_context(a, item, "kms:DataKeyPairSpec", in->KeyPairSpec);                                                 \
        return 0;                                                                                                       \
    }

ASK_KEY(EnableKey)
ASK_KEY(DisableKey)
ASK_KEY(CancelKeyDeletion)
ASK_KEY(GetKeyPolicy)
ASK_KEY(ListKeyPolicies)
ASK_KEY(DisableKeyRotation)
ASK_KEY(GetKeyRotationStatus)
ASK_KEY(ListKeyRotations)
ASK_KEY(RotateKeyOnDemand)
ASK_KEY(UpdateKeyDescription)
ASK_KEY(ListResourceTags)
ASK_KEY(DeleteImportedKeyMaterial)
ASK_KEY(ListGrants)
ASK_KEY_WITH(RevokeGrant, "kms:GrantIsForAWSResource", op->parent ? STR("true") : STR("false"))
ASK_KEY_WITH(ScheduleKeyDeletion, "kms:ScheduleKeyDeletionPendingWindowInDays", number(op, in->PendingWindowInDays))
ASK_KEY_WITH(EnableKeyRotation, "kms:RotationPeriodInDays", number(op, in->RotationPeriodInDays))
ASK_KEY_WITH(PutKeyPolicy, "kms:BypassPolicyLockoutSafetyCheck", yes(in->BypassPolicyLockoutSafetyCheck))
ASK_GRANTABLE(DescribeKey)
ASK_GRANTABLE(GetPublicKey)
ASK_GRANTABLE_WITH(GenerateMac, "kms:MacAlgorithm", MacAlgorithm)
ASK_GRANTABLE_WITH(VerifyMac, "kms:MacAlgorithm", MacAlgorithm)
ASK_GRANTABLE_WITH(DeriveSharedSecret, "kms:KeyAgreementAlgorithm", KeyAgreementAlgorithm)
ASK_SIGNING(Sign)
ASK_SIGNING(Verify)
ASK_DATA_KEY(GenerateDataKey)
ASK_DATA_KEY(GenerateDataKeyWithoutPlaintext)
ASK_DATA_KEY_PAIR(GenerateDataKeyPair)
ASK_DATA_KEY_PAIR(GenerateDataKeyPairWithoutPlaintext)

int kms_authorize_Encrypt(struct op *op, const struct kms_Encrypt_in *in, struct authz *a)
{
    ask_encrypting_id(op, a, "kms:Encrypt", in->KeyId, in->EncryptionAlgorithm, &in->EncryptionContext);
    return 0;
}

int kms_authorize_Decrypt(struct op *op, const struct kms_Decrypt_in *in, struct authz *a)
{
    struct key_ref k;
    look_by_blob(op, in->CiphertextBlob, in->KeyId, in->EncryptionAlgorithm, &k);
    ask_encrypting(op, a, "kms:Decrypt", &k, in->EncryptionAlgorithm, &in->EncryptionContext);
    return 0;
}

int kms_authorize_ReEncrypt(struct op *op, const struct kms_ReEncrypt_in *in, struct authz *a)
{
    struct key_ref from, to;
    look_by_blob(op, in->CiphertextBlob, in->SourceKeyId, in->SourceEncryptionAlgorithm, &from);
    look(op, in->DestinationKeyId, &to);
    struct str same = str_eq(from.arn, to.arn) ? STR("true") : STR("false");
    authz_context(a, ask_encrypting(op, a, "kms:ReEncryptFrom", &from, in->SourceEncryptionAlgorithm, &in->SourceEncryptionContext),
                  "kms:ReEncryptOnSameKey", same);
    authz_context(a, ask_encrypting(op, a, "kms:ReEncryptTo", &to, in->DestinationEncryptionAlgorithm, &in->DestinationEncryptionContext),
                  "kms:ReEncryptOnSameKey", same);
    return 0;
}

/* ---- making keys ---- */

static void ask_tags(struct op *op, struct authz *a, struct authz_item *item, const struct kms_TagList *tags)
{
    authz_tags(a, item, &kms_TagList_shape, tags);
    if (tags->n == 0)
        return;
    struct authz_item *tagging = authz_add(a, "kms:TagResource", STR("*"));
    add_caller(op, a, tagging);
    authz_tags(a, tagging, &kms_TagList_shape, tags);
}

int kms_authorize_CreateKey(struct op *op, const struct kms_CreateKey_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "kms:CreateKey", STR("*"));
    bool multi_region = opt_bool(in->MultiRegion, false);
    authz_context(a, item, "kms:KeySpec", opt_str(opt_str(in->KeySpec, in->CustomerMasterKeySpec), SYMMETRIC));
    authz_context(a, item, "kms:KeyUsage", opt_str(in->KeyUsage, STR("ENCRYPT_DECRYPT")));
    authz_context(a, item, "kms:KeyOrigin", opt_str(in->Origin, STR("AWS_KMS")));
    authz_context(a, item, "kms:MultiRegion", multi_region ? STR("true") : STR("false"));
    if (multi_region)
        authz_context(a, item, "kms:MultiRegionKeyType", STR("PRIMARY"));
    authz_context(a, item, "kms:BypassPolicyLockoutSafetyCheck", yes(in->BypassPolicyLockoutSafetyCheck));
    add_caller(op, a, item);
    ask_tags(op, a, item, &in->Tags);
    return 0;
}

int kms_authorize_ReplicateKey(struct op *op, const struct kms_ReplicateKey_in *in, struct authz *a)
{
    authz_context(a, ask(op, a, "kms:ReplicateKey", in->KeyId), "kms:ReplicaRegion", in->ReplicaRegion);
    struct authz_item *item = authz_add(a, "kms:CreateKey", STR("*")); /* in the other Region */
    authz_context(a, item, "kms:MultiRegion", STR("true"));
    authz_context(a, item, "kms:MultiRegionKeyType", STR("REPLICA"));
    authz_context(a, item, "aws:RequestedRegion", in->ReplicaRegion);
    add_caller(op, a, item);
    ask_tags(op, a, item, &in->Tags);
    return 0;
}

/* Both keys that change places are asked for. */
int kms_authorize_UpdatePrimaryRegion(struct op *op, const struct kms_UpdatePrimaryRegion_in *in, struct authz *a)
{
    struct key_ref k, next;
    look(op, in->KeyId, &k);
    authz_context(a, ask_for(op, a, "kms:UpdatePrimaryRegion", &k), "kms:PrimaryRegion", in->PrimaryRegion);
    if (k.spec && kms_key_by_id(op, k.account, in->PrimaryRegion, k.rec.Id, &next) == 0)
        authz_context(a, ask_for(op, a, "kms:UpdatePrimaryRegion", &next), "kms:PrimaryRegion", in->PrimaryRegion);
    return 0;
}

int kms_authorize_UntagResource(struct op *op, const struct kms_UntagResource_in *in, struct authz *a)
{
    authz_context_list(a, ask(op, a, "kms:UntagResource", in->KeyId), "aws:TagKeys", &in->TagKeys);
    return 0;
}

int kms_authorize_TagResource(struct op *op, const struct kms_TagResource_in *in, struct authz *a)
{
    authz_tags(a, ask(op, a, "kms:TagResource", in->KeyId), &kms_TagList_shape, &in->Tags);
    return 0;
}

/* ---- imported material ---- */

int kms_authorize_GetParametersForImport(struct op *op, const struct kms_GetParametersForImport_in *in, struct authz *a)
{
    struct authz_item *item = ask(op, a, "kms:GetParametersForImport", in->KeyId);
    authz_context(a, item, "kms:WrappingAlgorithm", in->WrappingAlgorithm);
    authz_context(a, item, "kms:WrappingKeySpec", in->WrappingKeySpec);
    return 0;
}

int kms_authorize_ImportKeyMaterial(struct op *op, const struct kms_ImportKeyMaterial_in *in, struct authz *a)
{
    struct authz_item *item = ask(op, a, "kms:ImportKeyMaterial", in->KeyId);
    authz_context(a, item, "kms:ExpirationModel", opt_str(in->ExpirationModel, STR("KEY_MATERIAL_EXPIRES")));
    if (in->ValidTo.set)
        authz_context(a, item, "kms:ValidTo", time_iso8601(op->arena, in->ValidTo.v / 1000 * 1000));
    return 0;
}

/* ---- aliases: both the alias and the key are asked for ---- */

static void ask_alias(struct op *op, struct authz *a, const char *action, struct str alias, struct str key_id)
{
    add_caller(op, a, authz_add(a, action, kms_alias_arn(op, op->account, alias)));
    if (key_id.p)
        ask(op, a, action, key_id);
}

int kms_authorize_CreateAlias(struct op *op, const struct kms_CreateAlias_in *in, struct authz *a)
{
    ask_alias(op, a, "kms:CreateAlias", in->AliasName, in->TargetKeyId);
    return 0;
}

int kms_authorize_UpdateAlias(struct op *op, const struct kms_UpdateAlias_in *in, struct authz *a)
{
    struct kms_rec_Alias alias;
    ask_alias(op, a, "kms:UpdateAlias", in->AliasName, in->TargetKeyId);
    if (kms_alias_get(op, op->account, in->AliasName, &alias) == 0)
        ask(op, a, "kms:UpdateAlias", alias.KeyId);
    return 0;
}

int kms_authorize_DeleteAlias(struct op *op, const struct kms_DeleteAlias_in *in, struct authz *a)
{
    struct kms_rec_Alias alias;
    bool known = kms_alias_get(op, op->account, in->AliasName, &alias) == 0;
    ask_alias(op, a, "kms:DeleteAlias", in->AliasName, known ? alias.KeyId : STR_NONE);
    return 0;
}

/* ---- grants ---- */

static struct str_list constraint_types(struct op *op, const struct kms_GrantConstraints *c)
{
    struct str_list types = { 0 };
    if (c && c->EncryptionContextEquals.n > 0)
        str_list_add(op->arena, &types, STR("EncryptionContextEquals"));
    if (c && c->EncryptionContextSubset.n > 0)
        str_list_add(op->arena, &types, STR("EncryptionContextSubset"));
    if (c && c->SourceArn.p)
        str_list_add(op->arena, &types, STR("SourceArn"));
    return types;
}

int kms_authorize_CreateGrant(struct op *op, const struct kms_CreateGrant_in *in, struct authz *a)
{
    struct key_ref k;
    look(op, in->KeyId, &k);
    struct authz_item *item = ask_for(op, a, "kms:CreateGrant", &k);
    if (k.spec && kms_granted_child(op, &k, in, &item->granted) < 0)
        item->granted = false;
    authz_context_list(a, item, "kms:GrantOperations", &in->Operations);
    authz_context(a, item, "kms:GranteePrincipal", opt_str(in->GranteePrincipal, in->GranteeServicePrincipal));
    authz_context(a, item, "kms:RetiringPrincipal", opt_str(in->RetiringPrincipal, in->RetiringServicePrincipal));
    struct str_list types = constraint_types(op, in->Constraints);
    authz_context_list(a, item, "kms:GrantConstraintType", &types);
    authz_context(a, item, "kms:GrantIsForAWSResource", op->parent ? STR("true") : STR("false"));
    if (in->Constraints)
        add_context(op, a, item, in->Constraints->EncryptionContextEquals.n ? &in->Constraints->EncryptionContextEquals
                                                                            : &in->Constraints->EncryptionContextSubset);
    return 0;
}

/* The grant decides: its retiring principal, its grantee, or whom the account that issued it lets. The key's policy has no say. */
int kms_authorize_RetireGrant(struct op *op, const struct kms_RetireGrant_in *in, struct authz *a)
{
    struct key_ref k;
    struct kms_rec_Grant g;
    int rc = kms_grant_named(op, in, &k, &g);
    if (rc < 0)
        return rc;
    struct authz_item *item = authz_add(a, "kms:RetireGrant", k.arn);
    item->account = g.IssuingAccount;
    item->granted = kms_may_retire(op->caller, &g);
    item->no_resource_policy = true;
    add_caller(op, a, item);
    add_key_facts(op, a, item, &k);
    return 0;
}
