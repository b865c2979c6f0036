/* AWS-managed keys: alias/aws/SERVICE, made when a service's own key is first asked for. Their policies let in whoever comes through that service. */
#include <string.h>

#include "base/arena.h"
#include "services/kms/key.h"

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

/* In AWS's words, where they are known. */
static struct str protects(struct op *op, struct str name)
{
    static const struct { const char *name, *what; } known[] = {
        { "dynamodb", "DynamoDB data" }, { "ebs", "EBS volumes" }, { "lambda", "Lambda functions" }, { "rds", "RDS database volumes" },
        { "s3", "S3 objects" }, { "sqs", "SQS messages" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(name, known[i].name))
            return str_c(known[i].what);
    return str_cat(op->arena, name, STR(" data"));
}

int kms_managed_make(struct op *op, struct str alias, struct key_ref *ret)
{
    struct str name = str_sub(alias, strlen("alias/aws/"), alias.n);
    *ret = (struct key_ref){ .rec = { .Spec = STR("SYMMETRIC_DEFAULT"), .Usage = STR("ENCRYPT_DECRYPT"), .Manager = STR("AWS") } };
    kms_key_make(op, ret, false);
    kms_material_random(op, ret);
    str_list_add(op->arena, &ret->rec.Aliases, alias);
    ret->rec.Policy = kms_managed_policy(op, alias);
    ret->rec.RotationDays = SOME_I64(365);
    ret->rec.RotationFromMs = SOME_I64(op_now_ms(op));
    ret->rec.Description = str_printf(op->arena, "Default key that protects my %.*s when no other key is defined", STR_ARG(protects(op, name)));
    struct kms_rec_Alias rec = { .Name = alias, .KeyId = ret->rec.Id, .CreatedMs = ret->rec.CreatedMs, .UpdatedMs = ret->rec.CreatedMs };
    int rc = kms_key_put(op, ret);
    if (rc == 0)
        rc = kms_rotation_schedule(op, ret);
    if (rc == 0)
        rc = auth_epoch_bump(op);
    return rc < 0 ? rc : kms_alias_put(op, &rec);
}
