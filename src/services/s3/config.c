/* The configurations of a bucket: kept as they came, given back as they were sent. */
#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "auth/policy.h"
#include "aws/tags.h"
#include "services/s3/acl.h"

/* The bucket of a request, in a handler's first line. */
#define BUCKET(b)                                                                                                        \
    struct s3_rec_Bucket b = { 0 };                                                                                      \
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);                                                 \
    if (rc)                                                                                                              \
    return rc

int s3_PutBucketEncryption(struct op *op, const struct s3_PutBucketEncryption_in *in, struct s3_PutBucketEncryption_out *out)
{
    BUCKET(b);
    if (!in->ServerSideEncryptionConfiguration || in->ServerSideEncryptionConfiguration->Rules.n != 1)
        return s3_malformed(op);
    const struct s3_ServerSideEncryptionByDefault *by_default = in->ServerSideEncryptionConfiguration->Rules.v[0].ApplyServerSideEncryptionByDefault;
    if (by_default && !str_is(by_default->SSEAlgorithm, "AES256") && !str_is(by_default->SSEAlgorithm, "aws:kms"))
        return s3_malformed(op);
    if (by_default && by_default->KMSMasterKeyID.p && str_is(by_default->SSEAlgorithm, "AES256"))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("ApplyServerSideEncryptionByDefault")),
                       "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
    b.Encryption = in->ServerSideEncryptionConfiguration;
    struct s3_ServerSideEncryptionRule *rule = b.Encryption->Rules.v;
    if (!rule->BucketKeyEnabled.set)
        rule->BucketKeyEnabled = SOME_BOOL(false);
    return s3_bucket_put(op, &b);
}

int s3_GetBucketEncryption(struct op *op, const struct s3_GetBucketEncryption_in *in, struct s3_GetBucketEncryption_out *out)
{
    BUCKET(b);
    if (!b.Encryption) { /* every bucket has SSE-S3, since January 2023 */
        b.Encryption = arena_one(op->arena, struct s3_ServerSideEncryptionConfiguration);
        struct s3_ServerSideEncryptionRule *rule = list_push(op->arena, &b.Encryption->Rules);
        rule->ApplyServerSideEncryptionByDefault = arena_one(op->arena, struct s3_ServerSideEncryptionByDefault);
        rule->ApplyServerSideEncryptionByDefault->SSEAlgorithm = STR("AES256");
        rule->BucketKeyEnabled = SOME_BOOL(false);
    }
    out->ServerSideEncryptionConfiguration = b.Encryption;
    return 0;
}

int s3_DeleteBucketEncryption(struct op *op, const struct s3_DeleteBucketEncryption_in *in, struct s3_DeleteBucketEncryption_out *out)
{
    BUCKET(b);
    b.Encryption = NULL;
    return s3_bucket_put(op, &b);
}

int s3_PutPublicAccessBlock(struct op *op, const struct s3_PutPublicAccessBlock_in *in, struct s3_PutPublicAccessBlock_out *out)
{
    BUCKET(b);
    struct s3_PublicAccessBlockConfiguration *c = in->PublicAccessBlockConfiguration;
    if (!c)
        return s3_malformed(op);
    struct opt_bool *all[] = { &c->BlockPublicAcls, &c->IgnorePublicAcls, &c->BlockPublicPolicy, &c->RestrictPublicBuckets };
    for (size_t i = 0; i < 4; i++)
        *all[i] = SOME_BOOL(opt_bool(*all[i], false));
    b.PublicAccess = c;
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetPublicAccessBlock(struct op *op, const struct s3_GetPublicAccessBlock_in *in, struct s3_GetPublicAccessBlock_out *out)
{
    BUCKET(b);
    if (!b.PublicAccess)
        return S3_FAIL(op, NoSuchPublicAccessBlockConfiguration, (.BucketName = in->Bucket), "The public access block configuration was not found");
    out->PublicAccessBlockConfiguration = b.PublicAccess;
    return 0;
}

int s3_DeletePublicAccessBlock(struct op *op, const struct s3_DeletePublicAccessBlock_in *in, struct s3_DeletePublicAccessBlock_out *out)
{
    BUCKET(b);
    b.PublicAccess = NULL;
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_PutBucketPolicy(struct op *op, const struct s3_PutBucketPolicy_in *in, struct s3_PutBucketPolicy_out *out)
{
    BUCKET(b);
    cJSON *tree = in->Policy.n && *in->Policy.p == '{' ? cJSON_ParseWithLength(in->Policy.p, in->Policy.n) : NULL;
    bool ok = cJSON_IsObject(tree), any = ok && cJSON_GetObjectItemCaseSensitive(tree, "Statement");
    cJSON_Delete(tree);
    if (ok && !any)
        return aws_fail(op, S3_MalformedPolicy, "Missing required field Statement");
    if (!ok)
        return aws_fail(op, S3_MalformedPolicy, "Policies must be valid JSON and the first byte must be '{'");
    struct policy *parsed;
    struct str why;
    if (policy_parse(op->arena, in->Policy, POLICY_RESOURCE, &parsed, &why))
        return aws_fail(op, S3_MalformedPolicy, "%.*s", STR_ARG(why));
    if (b.PublicAccess && opt_bool(b.PublicAccess->BlockPublicPolicy, false) && s3_policy_is_public(in->Policy))
        return aws_fail(op, AWS_AccessDenied,
                        "User: %.*s is not authorized to perform: s3:PutBucketPolicy on resource: \"%.*s\" because public policies are prevented by the "
                        "BlockPublicPolicy setting in S3 Block Public Access.",
                        STR_ARG(op->caller ? op->caller->arn : STR("")), STR_ARG(s3_arn_bucket(op, in->Bucket)));
    b.Policy = in->Policy;
    op->reply_status = 204;
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetBucketPolicy(struct op *op, const struct s3_GetBucketPolicy_in *in, struct s3_GetBucketPolicy_out *out)
{
    BUCKET(b);
    if (!b.Policy.p)
        return S3_FAIL(op, NoSuchBucketPolicy, (.BucketName = in->Bucket), "The bucket policy does not exist");
    out->Policy = b.Policy;
    return 0;
}

int s3_DeleteBucketPolicy(struct op *op, const struct s3_DeleteBucketPolicy_in *in, struct s3_DeleteBucketPolicy_out *out)
{
    BUCKET(b);
    b.Policy = STR_NONE;
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_PutBucketTagging(struct op *op, const struct s3_PutBucketTagging_in *in, struct s3_PutBucketTagging_out *out)
{
    BUCKET(b);
    if (!in->Tagging)
        return s3_malformed(op);
    rc = s3_tags_read(op, &in->Tagging->TagSet, true, &b.Tags);
    op->reply_status = 204;
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetBucketTagging(struct op *op, const struct s3_GetBucketTagging_in *in, struct s3_GetBucketTagging_out *out)
{
    BUCKET(b);
    if (b.Tags.n == 0)
        return S3_FAIL(op, NoSuchTagSet, (.BucketName = in->Bucket), "The TagSet does not exist");
    tags_write(op, &s3_TagSet_shape, &b.Tags, &out->TagSet);
    return 0;
}

int s3_DeleteBucketTagging(struct op *op, const struct s3_DeleteBucketTagging_in *in, struct s3_DeleteBucketTagging_out *out)
{
    BUCKET(b);
    b.Tags = (struct str_map){ 0 };
    return s3_bucket_put(op, &b);
}

int s3_PutBucketVersioning(struct op *op, const struct s3_PutBucketVersioning_in *in, struct s3_PutBucketVersioning_out *out)
{
    BUCKET(b);
    struct s3_VersioningConfiguration *c = in->VersioningConfiguration;
    if (c && !c->Status.p)
        return aws_fail(op, S3_IllegalVersioningConfigurationException, "The Versioning element must be specified");
    if (!c || (!str_is(c->Status, "Enabled") && !str_is(c->Status, "Suspended")))
        return s3_malformed(op);
    if (str_is(c->MFADelete, "Enabled"))
        return aws_unsupported(op, "MFADelete");
    if (b.Lock && str_is(c->Status, "Suspended"))
        return aws_fail(op, S3_InvalidBucketState, "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.");
    b.Versioning = c->Status;
    return s3_bucket_put(op, &b);
}

int s3_GetBucketVersioning(struct op *op, const struct s3_GetBucketVersioning_in *in, struct s3_GetBucketVersioning_out *out)
{
    BUCKET(b);
    out->Status = b.Versioning;
    return 0;
}

static int one_wildcard(struct op *op, const char *what, const struct str_list *patterns)
{
    for list_each(p, patterns) {
        struct str before, after;
        if (str_cut(*p, '*', &before, &after) && str_contains(after, STR("*")))
            return aws_fail(op, S3_InvalidRequest, "%s \"%.*s\" can not have more than one wildcard.", what, STR_ARG(*p));
    }
    return 0;
}

static int check_cors_rule(struct op *op, const struct s3_CORSRule *rule)
{
    if (rule->AllowedMethods.n == 0 || rule->AllowedOrigins.n == 0)
        return s3_malformed(op);
    for list_each(method, &rule->AllowedMethods)
        if (!s3_cors_method(*method))
            return aws_fail(op, S3_InvalidRequest, "Found unsupported HTTP method in CORS config. Unsupported method is %.*s", STR_ARG(*method));
    for list_each(name, &rule->ExposeHeaders)
        if (str_contains(*name, STR("*")))
            return aws_fail(op, S3_InvalidRequest, "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
                            STR_ARG(*name));
    int rc = one_wildcard(op, "AllowedOrigin", &rule->AllowedOrigins);
    return rc ? rc : one_wildcard(op, "AllowedHeader", &rule->AllowedHeaders);
}

int s3_PutBucketCors(struct op *op, const struct s3_PutBucketCors_in *in, struct s3_PutBucketCors_out *out)
{
    BUCKET(b);
    if (!in->CORSConfiguration || in->CORSConfiguration->CORSRules.n == 0)
        return s3_malformed(op);
    for list_each(rule, &in->CORSConfiguration->CORSRules) {
        rc = check_cors_rule(op, rule);
        if (rc)
            return rc;
    }
    b.Cors = in->CORSConfiguration;
    return s3_bucket_put(op, &b);
}

int s3_GetBucketCors(struct op *op, const struct s3_GetBucketCors_in *in, struct s3_GetBucketCors_out *out)
{
    BUCKET(b);
    if (!b.Cors)
        return S3_FAIL(op, NoSuchCORSConfiguration, (.BucketName = in->Bucket), "The CORS configuration does not exist");
    out->CORSRules = b.Cors->CORSRules;
    return 0;
}

int s3_DeleteBucketCors(struct op *op, const struct s3_DeleteBucketCors_in *in, struct s3_DeleteBucketCors_out *out)
{
    BUCKET(b);
    b.Cors = NULL;
    return s3_bucket_put(op, &b);
}

int s3_PutBucketOwnershipControls(struct op *op, const struct s3_PutBucketOwnershipControls_in *in, struct s3_PutBucketOwnershipControls_out *out)
{
    BUCKET(b);
    if (!in->OwnershipControls || in->OwnershipControls->Rules.n != 1)
        return s3_malformed(op);
    struct str ownership = in->OwnershipControls->Rules.v[0].ObjectOwnership;
    if (!str_is(ownership, "BucketOwnerEnforced") && !str_is(ownership, "BucketOwnerPreferred") && !str_is(ownership, "ObjectWriter"))
        return s3_malformed(op);
    b.Ownership = ownership;
    if (str_is(ownership, "BucketOwnerEnforced") && s3_acl_opens(op, &b))
        return aws_fail(op, S3_InvalidBucketAclWithObjectOwnership, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetBucketOwnershipControls(struct op *op, const struct s3_GetBucketOwnershipControls_in *in, struct s3_GetBucketOwnershipControls_out *out)
{
    BUCKET(b);
    if (!b.Ownership.p)
        return S3_FAIL(op, OwnershipControlsNotFoundError, (.BucketName = in->Bucket), "The bucket ownership controls were not found");
    out->OwnershipControls = arena_one(op->arena, struct s3_OwnershipControls);
    list_push(op->arena, &out->OwnershipControls->Rules)->ObjectOwnership = b.Ownership;
    return 0;
}

int s3_DeleteBucketOwnershipControls(struct op *op, const struct s3_DeleteBucketOwnershipControls_in *in,
                                     struct s3_DeleteBucketOwnershipControls_out *out)
{
    BUCKET(b);
    b.Ownership = STR_NONE;
    rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_PutBucketRequestPayment(struct op *op, const struct s3_PutBucketRequestPayment_in *in, struct s3_PutBucketRequestPayment_out *out)
{
    BUCKET(b);
    struct str payer = in->RequestPaymentConfiguration ? in->RequestPaymentConfiguration->Payer : STR_NONE;
    if (!str_is(payer, "Requester") && !str_is(payer, "BucketOwner"))
        return s3_malformed(op);
    b.RequesterPays = SOME_BOOL(str_is(payer, "Requester"));
    return s3_bucket_put(op, &b);
}

int s3_GetBucketRequestPayment(struct op *op, const struct s3_GetBucketRequestPayment_in *in, struct s3_GetBucketRequestPayment_out *out)
{
    BUCKET(b);
    out->Payer = opt_bool(b.RequesterPays, false) ? STR("Requester") : STR("BucketOwner");
    return 0;
}

/* ---- what strata does not offer to set, answered as for a bucket where it was never set ---- */

int s3_GetBucketLogging(struct op *op, const struct s3_GetBucketLogging_in *in, struct s3_GetBucketLogging_out *out)
{
    BUCKET(b);
    return 0;
}

int s3_GetBucketReplication(struct op *op, const struct s3_GetBucketReplication_in *in, struct s3_GetBucketReplication_out *out)
{
    BUCKET(b);
    return S3_FAIL(op, ReplicationConfigurationNotFoundError, (.BucketName = in->Bucket), "The replication configuration was not found");
}

int s3_GetBucketWebsite(struct op *op, const struct s3_GetBucketWebsite_in *in, struct s3_GetBucketWebsite_out *out)
{
    BUCKET(b);
    return S3_FAIL(op, NoSuchWebsiteConfiguration, (.BucketName = in->Bucket), "The specified bucket does not have a website configuration");
}

int s3_GetBucketAccelerateConfiguration(struct op *op, const struct s3_GetBucketAccelerateConfiguration_in *in,
                                        struct s3_GetBucketAccelerateConfiguration_out *out)
{
    BUCKET(b);
    return 0;
}
