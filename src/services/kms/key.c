#include "services/kms/key.h"

#include <string.h>

#include "aws/arn.h"
#include "aws/id.h"
#include "base/arena.h"
#include "base/code.h"
#include "cloud/cloud.h"

enum { MATERIAL_ID_DIGITS = 64 };

struct str kms_key_arn(struct op *op, struct str account, struct str id)
{
    return str_printf(op->arena, "arn:%.*s:kms:%.*s:%.*s:key/%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(account), STR_ARG(id));
}

struct str kms_alias_arn(struct op *op, struct str account, struct str name)
{
    return str_printf(op->arena, "arn:%.*s:kms:%.*s:%.*s:%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(account), STR_ARG(name));
}

static void record_key(struct op *op, struct key *k, struct str account, struct str id)
{
    op_key_in(op, k, account, op->region, &kms_kind_key);
    key_str(k, id);
}

void kms_key_range(struct op *op, struct key *ret_from, struct key *ret_to)
{
    op_key(op, ret_from, &kms_kind_key);
    key_after_prefix(ret_from, ret_to);
}

int kms_key_by_id(struct op *op, struct str account, struct str id, struct key_ref *ret)
{
    struct key k;
    *ret = (struct key_ref){ .account = account, .arn = kms_key_arn(op, account, id) };
    record_key(op, &k, account, id);
    return op_rec_get(op, &k, &kms_rec_Key_shape, &ret->rec);
}

static int look_by_alias(struct op *op, struct str account, struct str name, struct key_ref *ret)
{
    struct kms_rec_Alias alias = { 0 };
    int rc = kms_alias_get(op, account, name, &alias);
    if (rc == 0)
        rc = kms_key_by_id(op, account, alias.KeyId, ret);
    else if (rc == E_NOT_FOUND && kms_is_managed_alias(name) && str_eq(account, op->account) && txn_is_write(op->txn))
        rc = kms_managed_make(op, name, ret);
    if (rc < 0)
        *ret = (struct key_ref){ .arn = kms_alias_arn(op, account, name), .account = account };
    ret->alias = name;
    return rc;
}

int kms_key_look(struct op *op, struct str id, bool with_alias, struct key_ref *ret)
{
    struct str account = op->account;
    struct arn arn;
    if (str_starts(id, STR("arn:"))) {
        *ret = (struct key_ref){ .arn = id, .account = account };
        if (arn_parse(id, &arn) < 0 || !str_is(arn.service, "kms") || !str_eq(arn.region, op->region))
            return E_NOT_FOUND;
        account = arn.account;
        id = str_starts(arn.resource, STR("key/")) ? str_sub(arn.resource, 4, arn.resource.n) : arn.resource;
    }
    if (!str_starts(id, STR("alias/")))
        return kms_key_by_id(op, account, id, ret);
    if (with_alias)
        return look_by_alias(op, account, id, ret);
    *ret = (struct key_ref){ .arn = kms_alias_arn(op, account, id), .account = account, .alias = id };
    return E_NOT_FOUND;
}

static bool is_uuid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !strchr("0123456789abcdefABCDEF", s.p[i]) || s.p[i] == 0)
            return false;
    }
    return s.n == 36;
}

int kms_key_find(struct op *op, struct str id, bool with_alias, struct key_ref *ret)
{
    struct arn arn;
    int rc = kms_key_look(op, id, with_alias, ret);
    if (rc != E_NOT_FOUND)
        return rc;
    if (str_starts(id, STR("arn:"))) {
        if (arn_parse(id, &arn) < 0 || !str_is(arn.service, "kms"))
            return aws_fail(op, KMS_InvalidArnException, "Invalid arn %.*s", STR_ARG(id));
        if (!str_eq(arn.region, op->region))
            return aws_fail(op, KMS_NotFoundException, "Invalid arn %.*s", STR_ARG(arn.region));
    }
    if (with_alias && ret->alias.p)
        return aws_fail(op, KMS_NotFoundException, "Alias %.*s is not found.", STR_ARG(ret->arn));
    if (str_starts(id, STR("arn:")) || is_uuid(id))
        return aws_fail(op, KMS_NotFoundException, "Key '%.*s' does not exist", STR_ARG(ret->arn));
    return aws_fail(op, KMS_NotFoundException, "Invalid keyId '%.*s'", STR_ARG(id));
}

int kms_check_pending(struct op *op, const struct key_ref *k)
{
    if (str_is(k->rec.State, "PendingDeletion"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is pending deletion.", STR_ARG(k->arn));
    return 0;
}

int kms_check_state(struct op *op, const struct key_ref *k)
{
    if (str_is(k->rec.State, "Disabled"))
        return aws_fail(op, KMS_DisabledException, "%.*s is disabled.", STR_ARG(k->arn));
    return kms_check_pending(op, k);
}

int kms_key_usable(struct op *op, struct str id, const char *usage, struct key_ref *ret)
{
    int rc = kms_key_find(op, id, true, ret);
    if (rc == 0)
        rc = kms_check_state(op, ret);
    if (rc == 0 && !str_is(ret->rec.Usage, usage))
        return aws_fail(op, KMS_InvalidKeyUsageException, "%.*s key usage is %.*s which is not valid for %s.", STR_ARG(ret->arn),
                        STR_ARG(ret->rec.Usage), op->row->name);
    return rc;
}

int kms_key_put(struct op *op, const struct key_ref *k)
{
    struct key key;
    record_key(op, &key, k->account, k->rec.Id);
    return op_rec_put(op, &key, &kms_rec_Key_shape, &k->rec);
}

int kms_key_erase(struct op *op, const struct key_ref *k)
{
    struct key key;
    int rc = kms_aliases_erase(op, k->account, k->rec.Id);
    record_key(op, &key, k->account, k->rec.Id);
    if (rc == 0)
        rc = op_rec_delete(op, &key);
    if (rc == 0)
        rc = op_timer_cancel(op, "kms.rotate", k->rec.Id);
    return rc == 0 || rc == E_NOT_FOUND ? auth_epoch_bump(op) : rc;
}

/* ---- material ---- */

static size_t material_bytes(struct str spec)
{
    return str_is(spec, "HMAC_224") ? 28 : str_is(spec, "HMAC_384") ? 48 : str_is(spec, "HMAC_512") ? 64 : 32;
}

void kms_material_add(struct op *op, struct key_ref *k)
{
    uint8_t bytes[64];
    size_t n = material_bytes(k->rec.Spec);
    random_bytes(bytes, n);
    struct kms_rec_Material *m = list_push(op->arena, &k->rec.Materials);
    m->Id = random_hex(op->arena, MATERIAL_ID_DIGITS);
    m->CreatedMs = SOME_I64(op_now_ms(op));
    m->Sealed = seal(op->arena, op->cloud->root_key, k->rec.Id, (struct str){ (char *)bytes, n });
    seal_erase(bytes, sizeof bytes);
}

int kms_material_open(struct op *op, const struct key_ref *k, uint32_t index, struct str *ret)
{
    if (index >= k->rec.Materials.n)
        return E_INVALID;
    int rc = seal_open(op->arena, op->cloud->root_key, k->rec.Id, k->rec.Materials.v[index].Sealed, ret);
    return rc < 0 || ret->n != material_bytes(k->rec.Spec) ? E_CORRUPT : 0;
}

void kms_key_make(struct op *op, struct key_ref *k)
{
    k->account = op->account;
    k->rec.Id = id_uuid(op);
    k->rec.State = STR("Enabled");
    k->rec.CreatedMs = SOME_I64(op_now_ms(op));
    k->arn = kms_key_arn(op, k->account, k->rec.Id);
    kms_material_add(op, k);
}

/* ---- AWS-managed keys ---- */

/* Where the service that calls is spelled otherwise than the alias, it stands behind the colon. */
static const char *const managed[] = {
    "acm", "backup", "codecommit", "dms", "dynamodb", "ebs:ec2", "elasticfilesystem", "es", "fsx", "glue", "kinesis", "lambda", "logs", "rds",
    "redshift", "s3", "secretsmanager", "sns", "sqs", "ssm", "xray", NULL,
};

static struct str managed_caller(struct str alias) /* absent: AWS has no such key */
{
    struct str name = str_sub(alias, strlen("alias/aws/"), alias.n), short_name, caller;
    if (!str_starts(alias, STR("alias/aws/")))
        return STR_NONE;
    for (size_t i = 0; managed[i]; i++)
        if (str_cut(str_c(managed[i]), ':', &short_name, &caller) ? str_eq(short_name, name) : str_eq(short_name, name))
            return caller.p ? caller : short_name;
    return STR_NONE;
}

bool kms_is_managed_alias(struct str alias) { return managed_caller(alias).p != NULL; }

struct str kms_managed_policy(struct op *op, struct str alias)
{
    struct str caller = managed_caller(alias), name = str_sub(alias, strlen("alias/aws/"), alias.n);
    return str_printf(op->arena,
        "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"auto-%.*s-1\",\n  \"Statement\" : [ {\n"
        "    \"Sid\" : \"Allow access through %.*s for all principals in the account that are authorized to use it\",\n"
        "    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"*\"\n    },\n"
        "    \"Action\" : [ \"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", \"kms:GenerateDataKey*\", \"kms:CreateGrant\", \"kms:DescribeKey\" ],\n"
        "    \"Resource\" : \"*\",\n    \"Condition\" : {\n      \"StringEquals\" : {\n        \"kms:CallerAccount\" : \"%.*s\",\n"
        "        \"kms:ViaService\" : \"%.*s.%.*s.amazonaws.com\"\n      }\n    }\n  }, {\n"
        "    \"Sid\" : \"Allow direct access to key metadata to the account\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
        "      \"AWS\" : \"arn:%.*s:iam::%.*s:root\"\n    },\n"
        "    \"Action\" : [ \"kms:Describe*\", \"kms:Get*\", \"kms:List*\", \"kms:RevokeGrant\" ],\n    \"Resource\" : \"*\"\n  } ]\n}",
        STR_ARG(name), STR_ARG(name), STR_ARG(op->account), STR_ARG(caller), STR_ARG(op->region), STR_ARG(op->partition), STR_ARG(op->account));
}

int kms_managed_make(struct op *op, struct str alias, struct key_ref *ret)
{
    struct str name = str_sub(alias, strlen("alias/aws/"), alias.n);
    *ret = (struct key_ref){ .rec = { .Spec = STR("SYMMETRIC_DEFAULT"), .Usage = STR("ENCRYPT_DECRYPT"), .Manager = STR("AWS") } };
    kms_key_make(op, ret);
    ret->rec.Policy = kms_managed_policy(op, alias);
    ret->rec.RotationDays = SOME_I64(365);
    ret->rec.RotationFromMs = SOME_I64(op_now_ms(op));
    ret->rec.Description = str_printf(op->arena, "Default key that protects my %.*s data when no other key is defined", STR_ARG(name));
    struct kms_rec_Alias rec = { .Name = alias, .KeyId = ret->rec.Id, .CreatedMs = ret->rec.CreatedMs, .UpdatedMs = ret->rec.CreatedMs };
    int rc = kms_key_put(op, ret);
    if (rc == 0)
        rc = kms_rotation_schedule(op, ret);
    if (rc == 0)
        rc = auth_epoch_bump(op);
    return rc < 0 ? rc : kms_alias_put(op, &rec);
}
