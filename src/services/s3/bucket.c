#include <cjson/cJSON.h>

#include "aws/arn.h"
#include "base/code.h"
#include "services/s3/acl.h"
#include "wire/wire.h"

enum { BUCKETS_PAGE_MAX = 10000 };

struct str s3_arn_bucket(struct op *op, struct str Bucket)
{
    return str_printf(op->arena, "arn:%.*s:s3:::%.*s", STR_ARG(op->partition), STR_ARG(Bucket));
}

struct str s3_arn_object(struct op *op, struct str Bucket, struct str Key)
{
    /* Not by printf: a key may hold a NUL, and all of it counts. */
    return str_cat(op->arena, STR("arn:"), op->partition, STR(":s3:::"), Bucket, STR("/"), Key);
}

static void bucket_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &s3_kind_bucket);
    key_str(k, name);
}

int s3_bucket_find(struct op *op, struct str name, struct s3_rec_Bucket *ret)
{
    struct key k;
    bucket_key(op, &k, name);
    return op_rec_get(op, &k, &s3_rec_Bucket_shape, ret);
}

static bool everybody(const cJSON *principal)
{
    const cJSON *aws = cJSON_IsObject(principal) ? cJSON_GetObjectItemCaseSensitive(principal, "AWS") : principal, *one;
    if (cJSON_IsString(aws))
        return str_is(str_c(aws->valuestring), "*");
    cJSON_ArrayForEach(one, aws) if (cJSON_IsString(one) && str_is(str_c(one->valuestring), "*")) return true;
    return false;
}

bool s3_policy_is_public(struct str policy)
{
    cJSON *tree = policy.p ? cJSON_ParseWithLength(policy.p, policy.n) : NULL;
    const cJSON *statements = cJSON_GetObjectItemCaseSensitive(tree, "Statement");
    const cJSON *s = cJSON_IsArray(statements) ? statements->child : statements;
    bool found = false;
    for (; s && !found; s = cJSON_IsArray(statements) ? s->next : NULL) {
        const char *effect = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s, "Effect"));
        found = effect && str_is(str_c(effect), "Allow") && everybody(cJSON_GetObjectItemCaseSensitive(s, "Principal")) &&
                !cJSON_GetObjectItemCaseSensitive(s, "Condition");
    }
    cJSON_Delete(tree);
    return found;
}

int s3_resource_policy(struct op *op, struct str arn_text, struct str *ret_policy, struct str *ret_account)
{
    struct arn arn;
    struct str name, rest;
    struct s3_rec_Bucket b = { 0 };
    if (arn_parse(arn_text, &arn) || str_is(str_c(op->row->name), "CreateBucket")) /* somebody else's is not asked: its name is taken */
        return E_NOT_FOUND;
    str_cut(arn.resource, '/', &name, &rest);
    int rc = s3_bucket_find(op, name, &b);
    if (rc == 0) {
        *ret_account = b.Account;
        rc = s3_policy_in_force(op, &b, rest.n ? rest : STR_NONE, ret_policy);
    }
    return rc;
}

/* An account's number, of 12 digits. */
static bool is_account(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 12;
}

/* Requester pays: of objects whoever is not of the bucket's account says that he knows, in a header, or in the query of a presigned URL.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html */
static int check_payer(struct op *op, const struct s3_rec_Bucket *b)
{
    struct str_map query = { 0 };
    if (!opt_bool(b->RequesterPays, false) || !op->row->data || !op->http || str_eq(op->caller->account, b->Account))
        return 0;
    if (op->caller->kind == PRINCIPAL_ANONYMOUS || wire_params(op->arena, opt_str(op->http->query, STR("")), &query))
        return aws_fail(op, AWS_AccessDenied, "Access Denied");
    if (!str_is(opt_str(exchange_header(op->http, "x-amz-request-payer"), str_map_get(&query, STR("x-amz-request-payer"))), "requester"))
        return aws_fail(op, AWS_AccessDenied, "Access Denied");
    struct header charged = { STR("x-amz-request-charged"), STR("requester") };
    for list_each(h, &op->reply_headers)
        if (str_eq(h->name, charged.name)) /* of the other of two buckets */
            return 0;
    *list_push(op->arena, &op->reply_headers) = charged;
    return 0;
}

int s3_bucket_get(struct op *op, struct str name, struct str expected_owner, struct s3_rec_Bucket *ret)
{
    if (expected_owner.p && !is_account(expected_owner))
        return aws_fail(op, S3_InvalidBucketOwnerAWSAccountID, "The value of the expected bucket owner parameter must be an AWS Account ID... [%.*s]",
                        STR_ARG(expected_owner));
    int rc = s3_bucket_find(op, name, ret);
    if (rc == E_NOT_FOUND)
        return S3_FAIL(op, NoSuchBucket, (.BucketName = name), "The specified bucket does not exist");
    if (rc == 0 && expected_owner.p && !str_eq(expected_owner, ret->Account))
        return aws_fail(op, AWS_AccessDenied, "Access Denied");
    return rc ? rc : check_payer(op, ret);
}

int s3_bucket_put(struct op *op, const struct s3_rec_Bucket *b)
{
    struct key k;
    bucket_key(op, &k, b->Name);
    return op_rec_put(op, &k, &s3_rec_Bucket_shape, b);
}

struct s3_Owner *s3_owner(struct op *op, struct str account)
{
    /* AWS shows a canonical user id: 64 hex digits that stand for the account. */
    struct s3_Owner *o = arena_one(op->arena, struct s3_Owner);
    uint8_t digest[32];
    digest_sha256(account.p, account.n, digest);
    o->ID = hex_encode(op->arena, digest, sizeof digest);
    return o;
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
static bool good_name(struct str n)
{
    if (n.n < 3 || n.n > 63)
        return false;
    for (size_t i = 0; i < n.n; i++) {
        char c = n.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && c != '-' && c != '.')
            return false;
        if (!alnum && (i == 0 || i == n.n - 1))
            return false;
        if (c == '.' && n.p[i + 1] == '.')
            return false;
    }
    size_t dots = 0, digits = 0;
    for (size_t i = 0; i < n.n; i++) {
        dots += n.p[i] == '.';
        digits += n.p[i] >= '0' && n.p[i] <= '9';
    }
    bool address = dots == 3 && dots + digits == n.n;
    return !address && !str_starts(n, STR("xn--")) && !str_starts(n, STR("sthree-")) && !str_ends(n, STR("-s3alias"));
}

static int check_location(struct op *op, const struct s3_CreateBucket_in *in, struct str *ret_region)
{
    struct str wanted = in->CreateBucketConfiguration ? in->CreateBucketConfiguration->LocationConstraint : STR_NONE;
    if (in->CreateBucketConfiguration && in->CreateBucketConfiguration->Location)
        return aws_unsupported(op, "CreateBucketConfiguration.Location (directory buckets)");
    if (str_is(wanted, "us-east-1") && str_is(op->region, "us-east-1"))
        return S3_FAIL(op, InvalidLocationConstraint, (.LocationConstraint = wanted), "The specified location-constraint is not valid");
    if (!wanted.n && !str_is(op->region, "us-east-1"))
        return aws_fail(op, S3_IllegalLocationConstraintException,
                        "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.");
    if (wanted.n && !str_is(op->region, "us-east-1") && !str_eq(wanted, op->region))
        return aws_fail(op, S3_IllegalLocationConstraintException,
                        "The %.*s location constraint is incompatible for the region specific endpoint this request was sent to.", STR_ARG(wanted));
    *ret_region = wanted.n ? wanted : op->region;
    return 0;
}

static int check_ownership(struct op *op, struct str name)
{
    if (!name.p || str_is(name, "BucketOwnerEnforced") || str_is(name, "BucketOwnerPreferred") || str_is(name, "ObjectWriter"))
        return 0;
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-object-ownership")), "Invalid x-amz-object-ownership header: %.*s", STR_ARG(name));
}

/* Who sets more than a name needs the permission to set it. */
static int may_create(struct op *op, const struct s3_CreateBucket_in *in, const struct s3_rec_Bucket *b)
{
    const struct {
        bool asked;
        const char *action;
    } all[] = { { b->Acl, "s3:PutBucketAcl" }, { in->ObjectOwnership.p, "s3:PutBucketOwnershipControls" },
                { b->Lock, "s3:PutBucketObjectLockConfiguration" }, { b->Lock, "s3:PutBucketVersioning" } };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof *all; i++)
        rc = all[i].asked ? s3_may(op, b, all[i].action, STR_NONE) : 0;
    return rc;
}

int s3_CreateBucket(struct op *op, const struct s3_CreateBucket_in *in, struct s3_CreateBucket_out *out)
{
    if (!good_name(in->Bucket))
        return S3_FAIL(op, InvalidBucketName, (.BucketName = in->Bucket), "The specified bucket is not valid.");
    struct s3_rec_Bucket b = { .Name = in->Bucket, .Account = op->account, .CreatedMs = SOME_I64(op_now_ms(op)),
                               .Ownership = opt_str(in->ObjectOwnership, STR("BucketOwnerEnforced")) };
    int rc = check_ownership(op, in->ObjectOwnership);
    if (!rc)
        rc = check_location(op, in, &b.Region);
    if (!rc && in->CreateBucketConfiguration)
        rc = s3_tags_read(op, &in->CreateBucketConfiguration->Tags, true, &b.Tags);
    if (rc)
        return rc;
    struct s3_rec_Bucket old = { 0 };
    rc = s3_bucket_find(op, in->Bucket, &old);
    if (rc == 0 && !str_eq(old.Account, op->account))
        return S3_FAIL(op, BucketAlreadyExists, (.BucketName = in->Bucket),
                       "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a "
                       "different name and try again.");
    if (rc == 0 && !str_is(op->region, "us-east-1")) /* us-east-1 answers 200 to its owner, for old times' sake */
        return S3_FAIL(op, BucketAlreadyOwnedByYou, (.BucketName = in->Bucket),
                       "Your previous request to create the named bucket succeeded and you already own it.");
    if (rc != 0 && rc != E_NOT_FOUND)
        return rc;
    out->Location = str_printf(op->arena, "/%.*s", STR_ARG(in->Bucket));
    out->BucketArn = s3_arn_bucket(op, in->Bucket);
    if (rc == 0)
        return 0;
    /* New buckets block public access, as AWS's do since April 2023. */
    b.PublicAccess = arena_one(op->arena, struct s3_PublicAccessBlockConfiguration);
    *b.PublicAccess = (struct s3_PublicAccessBlockConfiguration){ SOME_BOOL(true), SOME_BOOL(true), SOME_BOOL(true), SOME_BOOL(true) };
    if (opt_bool(in->ObjectLockEnabledForBucket, false)) {
        b.Versioning = STR("Enabled");
        b.Lock = arena_one(op->arena, struct s3_ObjectLockConfiguration);
        b.Lock->ObjectLockEnabled = STR("Enabled");
    }
    struct s3_acl_ask ask = S3_ACL_ASK(in);
    ask.write = in->GrantWrite;
    bool owner_alone = str_is(in->ACL, "private") && !ask.full_control.p && !ask.read.p && !ask.read_acp.p && !ask.write.p && !ask.write_acp.p;
    rc = owner_alone ? 0 : s3_acl_make(op, &b, &ask, &b.Acl);
    if (rc == E_AWS && op->fail.error == S3_AccessControlListNotSupported)
        return aws_fail(op, S3_InvalidBucketAclWithObjectOwnership, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    if (rc == E_AWS && op->fail.error == AWS_AccessDenied)
        return aws_fail(op, S3_InvalidBucketAclWithBlockPublicAccessError, "Bucket cannot have public ACLs set with BlockPublicAccess enabled");
    if (!rc)
        rc = may_create(op, in, &b);
    return rc ? rc : s3_bucket_put(op, &b);
}

static bool any_below(struct op *op, const struct record_kind *kind, struct str bucket)
{
    struct key from, to;
    op_key(op, &from, kind);
    key_str(&from, bucket);
    key_after_prefix(&from, &to);
    struct str key, value;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool any = scan_next(s, &key, &value);
    scan_end(s);
    return any;
}

int s3_DeleteBucket(struct op *op, const struct s3_DeleteBucket_in *in, struct s3_DeleteBucket_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (rc)
        return rc;
    if (any_below(op, &s3_kind_object, in->Bucket) || any_below(op, &s3_kind_version, in->Bucket) || any_below(op, &s3_kind_upload, in->Bucket))
        return S3_FAIL(op, BucketNotEmpty, (.BucketName = in->Bucket), "The bucket you tried to delete is not empty%s",
                       b.Versioning.p ? ". You must delete all versions in the bucket." : "");
    struct key k;
    bucket_key(op, &k, in->Bucket);
    b.Lifecycle = NULL;
    rc = s3_lifecycle_schedule(op, &b);
    return rc ? rc : op_rec_delete(op, &k);
}

int s3_HeadBucket(struct op *op, const struct s3_HeadBucket_in *in, struct s3_HeadBucket_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (rc == E_AWS && op->fail.error == S3_NoSuchBucket)
        return aws_fail(op, S3_NotFound, "Not Found");
    if (rc == 0) {
        out->BucketRegion = b.Region;
        out->BucketArn = s3_arn_bucket(op, in->Bucket);
        out->AccessPointAlias = SOME_BOOL(false);
    }
    return rc;
}

/* aa-word-n: "eu-east-1" has that form, and is none; who asks for it is told so. */
static bool region_like(struct str s)
{
    static const char *const known[] = { "us-east-", "us-west-", "us-gov-", "ca-central-", "ca-west-", "sa-east-", "mx-central-", "eu-central-", "eu-west-",
                                         "eu-north-", "eu-south-", "ap-east-", "ap-south-", "ap-northeast-", "ap-southeast-", "me-south-",
                                         "me-central-", "il-central-", "af-south-", "cn-north-", "cn-northwest-" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts(s, str_c(known[i])))
            return true;
    return false;
}

int s3_ListBuckets(struct op *op, const struct s3_ListBuckets_in *in, struct s3_ListBuckets_out *out)
{
    struct key from, to;
    int64_t max = opt_i64(in->MaxBuckets, BUCKETS_PAGE_MAX);
    if (max < 1 || max > BUCKETS_PAGE_MAX)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("max-buckets"), .ArgumentValue = str_printf(op->arena, "%lld", (long long)max)),
                       "Argument max-buckets must be an integer between 1 and %d", BUCKETS_PAGE_MAX);
    if (in->BucketRegion.p && !region_like(in->BucketRegion))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("bucket-region")), "Argument value %.*s is not a valid AWS Region",
                       STR_ARG(in->BucketRegion));
    op_key(op, &from, &s3_kind_bucket);
    key_after_prefix(&from, &to);
    if (in->ContinuationToken.p) {
        struct str after;
        if (base64_decode(op->arena, in->ContinuationToken, &after))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("continuation-token")), "The continuation token provided is incorrect");
        key_str(&from, after);
        key_raw(&from, (struct str){ "\0", 1 }); /* just behind it */
    }
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    out->Buckets.set = true;
    out->Owner = s3_owner(op, op->account);
    out->Prefix = in->Prefix;
    while (scan_next(s, &key, &value)) {
        struct s3_rec_Bucket b = { 0 };
        if (op_rec_decode(op, value, &s3_rec_Bucket_shape, &b) || !str_eq(b.Account, op->account) || !str_starts(b.Name, in->Prefix) ||
            (in->BucketRegion.p && !str_eq(b.Region, in->BucketRegion)))
            continue;
        if ((int64_t)out->Buckets.n == max) {
            struct str last = out->Buckets.v[out->Buckets.n - 1].Name;
            out->ContinuationToken = base64_encode(op->arena, last.p, last.n);
            break;
        }
        struct s3_Bucket *shown = list_push(op->arena, &out->Buckets);
        shown->Name = b.Name;
        shown->CreationDate = b.CreatedMs;
        shown->BucketArn = s3_arn_bucket(op, b.Name);
        if (in->MaxBuckets.set || in->BucketRegion.p || in->Prefix.p || in->ContinuationToken.p)
            shown->BucketRegion = b.Region;
    }
    return scan_end(s);
}

int s3_GetBucketLocation(struct op *op, const struct s3_GetBucketLocation_in *in, struct s3_GetBucketLocation_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (rc == 0 && !str_is(b.Region, "us-east-1")) /* which shows as an empty element */
        out->LocationConstraint = b.Region;
    return rc;
}
