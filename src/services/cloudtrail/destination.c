/* Where a trail's files and events go: whether CloudTrail may bring them there is asked of the same policies that decide at each delivery.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html */
#include "auth/assume.h"
#include "aws/arn.h"
#include "cloud/authorize.h"
#include "cloud/call.h"
#include "cloud/envelope.h"
#include "gen/kms.h"
#include "gen/logs.h"
#include "gen/s3.h"
#include "services/cloudtrail/trail.h"
#include "wire/wire.h"

struct str destination_prefix(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    return str_printf(op->arena, "%.*s%sAWSLogs/%.*s/", STR_ARG(t->S3KeyPrefix), t->S3KeyPrefix.n ? "/" : "", STR_ARG(t->Account));
}

/* Whether `as` may do it: the decision alone. */
static int may(struct op *op, const char *service, const char *operation, const struct principal *as, const void *in)
{
    struct op probe = *op;
    probe.row = wire_op(wire_service(service), str_c(operation));
    probe.caller = as;
    return op_authorize(&probe, in);
}

static int check_bucket(struct op *op, const struct cloudtrail_rec_Trail *t, const struct principal *as)
{
    struct s3_GetBucketAcl_in acl = { .Bucket = t->S3BucketName };
    struct s3_PutObject_in put = { .Bucket = t->S3BucketName, .ACL = STR("bucket-owner-full-control"),
                                   .Key = str_printf(op->arena, "%.*sCloudTrail/", STR_ARG(destination_prefix(op, t))) };
    struct str policy = STR_NONE, owner = STR_NONE;
    struct op probe = *op;
    const struct service_row *s3 = wire_service("s3");
    probe.row = wire_op(s3, STR("PutObject"));
    int rc = s3->resource_policy(&probe, str_printf(op->arena, "arn:%.*s:s3:::%.*s", STR_ARG(op->partition), STR_ARG(t->S3BucketName)), &policy, &owner);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, CLOUDTRAIL_S3BucketDoesNotExistException, "S3 bucket %.*s does not exist!", STR_ARG(t->S3BucketName));
    if (!rc)
        rc = may(op, "s3", "GetBucketAcl", as, &acl);
    if (!rc)
        rc = may(op, "s3", "PutObject", as, &put);
    if (rc == E_AWS)
        return aws_fail(op, CLOUDTRAIL_InsufficientS3BucketPolicyException, "Incorrect S3 bucket policy is detected for bucket: %.*s",
                        STR_ARG(t->S3BucketName));
    return rc;
}

/* The key's ARN takes the place of whatever name it was given by; a data key shows that CloudTrail may use it. */
static int check_key(struct op *op, struct cloudtrail_rec_Trail *t, const struct principal *as)
{
    struct kms_DescribeKey_in describe = { .KeyId = t->KmsKeyId };
    struct kms_DescribeKey_out key = { 0 };
    struct kms_GenerateDataKey_in make = { .KeyId = t->KmsKeyId, .KeySpec = STR("AES_256") };
    struct kms_GenerateDataKey_out made = { 0 };
    struct op_failure why = { 0 };
    struct arn arn = { .region = op->region, .account = op->account };
    arn_parse(t->KmsKeyId, &arn);
    struct str region = arn.region, account = arn.account;
    str_map_put(op->arena, &make.EncryptionContext, STR("aws:cloudtrail:arn"), trail_arn(op, t));
    make.EncryptionContext.set = true;
    /* That it is missing only he is told who may see it. */
    int rc = cloud_call_in(op, account, region, "kms", "DescribeKey", op->caller, &describe, &key, &why);
    if (rc == E_AWS && why.error == KMS_NotFoundException)
        return aws_fail(op, CLOUDTRAIL_KmsKeyNotFoundException, "KMS key %.*s does not exist.", STR_ARG(t->KmsKeyId));
    if (rc == 0 || rc == E_AWS)
        rc = cloud_call_in(op, account, region, "kms", "DescribeKey", as, &describe, &key, &why);
    if (!rc)
        rc = cloud_call_in(op, account, region, "kms", "GenerateDataKey", as, &make, &made, &why);
    if (rc == E_AWS && str_is(envelope_refusal(&why), "AccessDeniedException"))
        return aws_fail(op, CLOUDTRAIL_InsufficientEncryptionPolicyException, "Insufficient permissions to access S3 bucket %.*s or KMS key %.*s.",
                        STR_ARG(t->S3BucketName), STR_ARG(t->KmsKeyId));
    if (rc == E_AWS)
        return aws_fail(op, CLOUDTRAIL_KmsException, "%.*s: %.*s", STR_ARG(envelope_refusal(&why)), STR_ARG(why.message));
    if (rc == 0)
        t->KmsKeyId = key.KeyMetadata->Arn;
    return rc;
}

/* "NAME" of arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*. */
struct str destination_group(struct op *op, struct str text)
{
    struct arn arn;
    if (arn_parse(text, &arn) || !str_is(arn.service, "logs") || !str_eq(arn.account, op->account) ||
        !str_starts(arn.resource, STR("log-group:")) || !str_ends(arn.resource, STR(":*")))
        return STR_NONE;
    return str_sub(arn.resource, 10, arn.resource.n - 12);
}

struct str destination_stream(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    return str_printf(op->arena, "%.*s_CloudTrail_%.*s", STR_ARG(t->Account), STR_ARG(op->region));
}

static int check_log_group(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    struct principal role;
    struct op_failure why = { 0 };
    struct str stream = destination_stream(op, t);
    struct logs_CreateLogStream_in make = { .logGroupName = destination_group(op, t->CloudWatchLogsLogGroupArn), .logStreamName = stream };
    struct logs_CreateLogStream_out made;
    struct logs_PutLogEvents_in put = { .logGroupName = make.logGroupName, .logStreamName = stream };
    struct arn arn;
    if (!make.logGroupName.n || arn_parse(t->CloudWatchLogsLogGroupArn, &arn) || !str_eq(arn.region, op->region))
        return aws_fail(op, CLOUDTRAIL_InvalidCloudWatchLogsLogGroupArnException, "CloudTrail cannot validate the specified log group ARN.");
    int rc = auth_role_principal(op, t->CloudWatchLogsRoleArn, STR("CLOUDWATCH_LOGS_DELIVERY_SESSION"), CLOUDTRAIL_PRINCIPAL, trail_arn(op, t), &role);
    if (rc == E_AWS || rc == E_NOT_FOUND)
        return aws_fail(op, CLOUDTRAIL_InvalidCloudWatchLogsRoleArnException, "Access denied. Verify in IAM that the role has adequate permissions.");
    if (!rc)
        rc = cloud_call(op, "logs", "CreateLogStream", &role, &make, &made, &why);
    if (rc == E_AWS && str_is(str_c(why.error->name), "ResourceAlreadyExistsException"))
        rc = 0;
    if (rc == E_AWS && str_is(str_c(why.error->name), "ResourceNotFoundException"))
        return aws_fail(op, CLOUDTRAIL_InvalidCloudWatchLogsLogGroupArnException, "CloudTrail cannot validate the specified log group ARN.");
    if (!rc)
        rc = may(op, "logs", "PutLogEvents", &role, &put);
    if (rc == E_AWS)
        return aws_fail(op, CLOUDTRAIL_InvalidCloudWatchLogsLogGroupArnException, "Access denied. Check the permissions for your role.");
    return rc;
}

int destination_check(struct op *op, struct cloudtrail_rec_Trail *t)
{
    struct principal as = principal_service(op, CLOUDTRAIL_PRINCIPAL, trail_arn(op, t));
    int rc = check_bucket(op, t, &as);
    if (!rc && t->KmsKeyId.p)
        rc = check_key(op, t, &as);
    if (!rc && t->CloudWatchLogsLogGroupArn.p)
        rc = check_log_group(op, t);
    return rc;
}
