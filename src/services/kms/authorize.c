/* What is asked for a key: the key's policy decides (auth/auth.h: resource_policy_decides), with the keys that AWS gives KMS requests. */
#include "aws/tags.h"
#include "base/arena.h"
#include "base/buf.h"
#include "services/kms/key.h"

enum { CONTEXT_KEYS_BYTES_MAX = 1 << 20 };

/* The service that asks on its caller's behalf: kms:ViaService. */
static struct str via_service(struct op *op)
{
    if (!op->parent || !op->parent->row)
        return STR_NONE;
    return str_printf(op->arena, "%s.%.*s.amazonaws.com", op->parent->row->service->endpoint_prefix, STR_ARG(op->region));
}

static void add_key_facts(struct op *op, struct authz *a, struct authz_item *item, const struct key_ref *k)
{
    authz_context(a, item, "kms:KeySpec", k->rec.Spec);
    authz_context(a, item, "kms:KeyUsage", k->rec.Usage);
    authz_context(a, item, "kms:RequestAlias", k->alias);
    for (uint32_t i = 0; i < k->rec.Tags.n; i++)
        authz_context(a, item, str_printf(op->arena, "aws:ResourceTag/%.*s", STR_ARG(k->rec.Tags.v[i].key)).p, k->rec.Tags.v[i].value);
}

static struct authz_item *ask_for(struct op *op, struct authz *a, const char *action, const struct key_ref *k)
{
    struct authz_item *item = authz_add(a, action, k->arn);
    item->resource_policy_decides = true;
    item->resource_policy = k->rec.Policy;
    item->account = k->account;
    authz_context(a, item, "kms:CallerAccount", op->caller->account);
    authz_context(a, item, "kms:ViaService", via_service(op));
    add_key_facts(op, a, item, k);
    return item;
}

static struct authz_item *ask(struct op *op, struct authz *a, const char *action, struct str key_id)
{
    struct key_ref k;
    if (kms_key_look(op, key_id, true, &k) < 0 && kms_is_managed_alias(k.alias))
        k.rec.Policy = kms_managed_policy(op, k.alias); /* what it will have once it is there */
    return ask_for(op, a, action, &k);
}

static void add_context(struct op *op, struct authz *a, struct authz_item *item, const struct str_map *context)
{
    struct buf keys;
    buf_init(&keys, op->arena, CONTEXT_KEYS_BYTES_MAX);
    authz_context(a, item, "kms:EncryptionAlgorithm", STR("SYMMETRIC_DEFAULT"));
    for (uint32_t i = 0; i < context->n; i++) {
        authz_context(a, item, str_printf(op->arena, "kms:EncryptionContext:%.*s", STR_ARG(context->v[i].key)).p, context->v[i].value);
        if (i > 0)
            buf_byte(&keys, '\x1f');
        buf_str(&keys, context->v[i].key);
    }
    if (context->n > 0)
        authz_context(a, item, "kms:EncryptionContextKeys", buf_done(&keys));
}

/* The key that a ciphertext names; what names none is asked for by what the client said, and refused by the operation. */
static struct authz_item *ask_for_blob(struct op *op, struct authz *a, const char *action, struct str blob, struct str key_id)
{
    struct cipher_head h;
    struct key_ref k;
    if (cipher_head_read(blob, &h) == 0 && kms_key_by_id(op, h.account, h.key_id, &k) == 0)
        return ask_for(op, a, action, &k);
    return ask(op, a, action, opt_str(key_id, STR("*")));
}

#define ASK_KEY(Operation)                                                                                              \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        ask(op, a, "kms:" #Operation, in->KeyId);                                                                       \
        return 0;                                                                                                       \
    }

#define ASK_KEY_IN_CONTEXT(Operation)                                                                                   \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        add_context(op, a, ask(op, a, "kms:" #Operation, in->KeyId), &in->EncryptionContext);                           \
        return 0;                                                                                                       \
    }

#define ASK_MAC(Operation)                                                                                              \
    int kms_authorize_##Operation(struct op *op, const struct kms_##Operation##_in *in, struct authz *a)                \
    {                                                                                                                   \
        authz_context(a, ask(op, a, "kms:" #Operation, in->KeyId), "kms:MacAlgorithm", in->MacAlgorithm);               \
        return 0;                                                                                                       \
    }

ASK_KEY(DescribeKey)
ASK_KEY(EnableKey)
ASK_KEY(DisableKey)
ASK_KEY(CancelKeyDeletion)
ASK_KEY(GetKeyPolicy)
ASK_KEY(ListKeyPolicies)
ASK_KEY(DisableKeyRotation)
ASK_KEY(GetKeyRotationStatus)
ASK_KEY(UpdateKeyDescription)
ASK_KEY(ListResourceTags)
ASK_KEY_IN_CONTEXT(Encrypt)
ASK_KEY_IN_CONTEXT(GenerateDataKey)
ASK_KEY_IN_CONTEXT(GenerateDataKeyWithoutPlaintext)
ASK_MAC(GenerateMac)
ASK_MAC(VerifyMac)

static struct str number(struct op *op, struct opt_i64 n)
{
    return n.set ? str_printf(op->arena, "%lld", (long long)n.v) : STR_NONE;
}

static struct str yes(struct opt_bool b) { return b.set ? b.v ? STR("true") : STR("false") : STR_NONE; }

int kms_authorize_ScheduleKeyDeletion(struct op *op, const struct kms_ScheduleKeyDeletion_in *in, struct authz *a)
{
    struct authz_item *item = ask(op, a, "kms:ScheduleKeyDeletion", in->KeyId);
    authz_context(a, item, "kms:ScheduleKeyDeletionPendingWindowInDays", number(op, in->PendingWindowInDays));
    return 0;
}

int kms_authorize_EnableKeyRotation(struct op *op, const struct kms_EnableKeyRotation_in *in, struct authz *a)
{
    authz_context(a, ask(op, a, "kms:EnableKeyRotation", in->KeyId), "kms:RotationPeriodInDays", number(op, in->RotationPeriodInDays));
    return 0;
}

int kms_authorize_PutKeyPolicy(struct op *op, const struct kms_PutKeyPolicy_in *in, struct authz *a)
{
    authz_context(a, ask(op, a, "kms:PutKeyPolicy", in->KeyId), "kms:BypassPolicyLockoutSafetyCheck", yes(in->BypassPolicyLockoutSafetyCheck));
    return 0;
}

int kms_authorize_TagResource(struct op *op, const struct kms_TagResource_in *in, struct authz *a)
{
    authz_tags(a, ask(op, a, "kms:TagResource", in->KeyId), &kms_TagList_shape, &in->Tags);
    return 0;
}

int kms_authorize_UntagResource(struct op *op, const struct kms_UntagResource_in *in, struct authz *a)
{
    struct buf keys;
    buf_init(&keys, op->arena, CONTEXT_KEYS_BYTES_MAX);
    for (uint32_t i = 0; i < in->TagKeys.n; i++) {
        if (i > 0)
            buf_byte(&keys, '\x1f');
        buf_str(&keys, in->TagKeys.v[i]);
    }
    authz_context(a, ask(op, a, "kms:UntagResource", in->KeyId), "aws:TagKeys", buf_done(&keys));
    return 0;
}

int kms_authorize_CreateKey(struct op *op, const struct kms_CreateKey_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "kms:CreateKey", STR("*"));
    authz_context(a, item, "kms:KeySpec", opt_str(opt_str(in->KeySpec, in->CustomerMasterKeySpec), STR("SYMMETRIC_DEFAULT")));
    authz_context(a, item, "kms:KeyUsage", opt_str(in->KeyUsage, STR("ENCRYPT_DECRYPT")));
    authz_context(a, item, "kms:KeyOrigin", opt_str(in->Origin, STR("AWS_KMS")));
    authz_context(a, item, "kms:MultiRegion", opt_bool(in->MultiRegion, false) ? STR("true") : STR("false"));
    authz_context(a, item, "kms:BypassPolicyLockoutSafetyCheck", yes(in->BypassPolicyLockoutSafetyCheck));
    authz_context(a, item, "kms:CallerAccount", op->caller->account);
    authz_context(a, item, "kms:ViaService", via_service(op));
    authz_tags(a, item, &kms_TagList_shape, &in->Tags);
    if (in->Tags.n > 0)
        authz_tags(a, authz_add(a, "kms:TagResource", STR("*")), &kms_TagList_shape, &in->Tags);
    return 0;
}

/* ---- aliases: both the alias and the key are asked for ---- */

static void ask_alias(struct op *op, struct authz *a, const char *action, struct str alias, struct str key_id)
{
    authz_add(a, action, kms_alias_arn(op, op->account, alias));
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

/* ---- ciphertexts ---- */

int kms_authorize_Decrypt(struct op *op, const struct kms_Decrypt_in *in, struct authz *a)
{
    add_context(op, a, ask_for_blob(op, a, "kms:Decrypt", in->CiphertextBlob, in->KeyId), &in->EncryptionContext);
    return 0;
}

int kms_authorize_ReEncrypt(struct op *op, const struct kms_ReEncrypt_in *in, struct authz *a)
{
    add_context(op, a, ask_for_blob(op, a, "kms:ReEncryptFrom", in->CiphertextBlob, in->SourceKeyId), &in->SourceEncryptionContext);
    add_context(op, a, ask(op, a, "kms:ReEncryptTo", in->DestinationKeyId), &in->DestinationEncryptionContext);
    return 0;
}
