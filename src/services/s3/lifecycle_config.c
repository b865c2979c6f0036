/* Lifecycle configurations as they are put, with what AWS refuses in them, and given back. */
#include "aws/id.h"
#include "base/code.h"
#include "services/s3/s3.h"

enum { RULES_MAX = 1000, ID_BYTES_MAX = 255, DAY_MS = 24 * 3600 * 1000 };

static int positive(struct op *op, struct opt_i64 n, const char *member, const char *action)
{
    return !n.set || n.v > 0 ? 0 : aws_fail(op, S3_InvalidArgument, "'%s' for %s action must be a positive integer", member, action);
}

static int midnight(struct op *op, struct opt_i64 date)
{
    if (!date.set || date.v % DAY_MS == 0)
        return 0;
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("Date"), .ArgumentValue = time_iso8601(op->arena, date.v)),
                   "'Date' must be at midnight GMT");
}

static bool by_tags(const struct s3_LifecycleRule *r)
{
    return r->Filter && (r->Filter->Tag || (r->Filter->And && r->Filter->And->Tags.n));
}

static int check_expiration(struct op *op, const struct s3_LifecycleRule *r)
{
    const struct s3_LifecycleExpiration *e = r->Expiration;
    if (!e)
        return 0;
    if (e->Days.set + e->Date.set + e->ExpiredObjectDeleteMarker.set != 1)
        return s3_malformed(op);
    if (opt_bool(e->ExpiredObjectDeleteMarker, false) && by_tags(r))
        return aws_fail(op, S3_InvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with Tags.");
    int rc = positive(op, e->Days, "Days", "Expiration");
    return rc ? rc : midnight(op, e->Date);
}

static int check_noncurrent(struct op *op, const struct s3_LifecycleRule *r)
{
    const struct s3_NoncurrentVersionExpiration *e = r->NoncurrentVersionExpiration;
    if (e && !e->NoncurrentDays.set)
        return s3_malformed(op);
    int rc = e ? positive(op, e->NoncurrentDays, "NoncurrentDays", "NoncurrentVersionExpiration") : 0;
    return rc || !e ? rc : positive(op, e->NewerNoncurrentVersions, "NewerNoncurrentVersions", "NoncurrentVersionExpiration");
}

static int check_abort(struct op *op, const struct s3_LifecycleRule *r)
{
    const struct s3_AbortIncompleteMultipartUpload *a = r->AbortIncompleteMultipartUpload;
    if (!a)
        return 0;
    if (!a->DaysAfterInitiation.set)
        return s3_malformed(op);
    if (by_tags(r))
        return aws_fail(op, S3_InvalidRequest, "AbortIncompleteMultipartUpload cannot be specified with Tags.");
    return positive(op, a->DaysAfterInitiation, "DaysAfterInitiation", "AbortIncompleteMultipartUpload");
}

static int check_transitions(struct op *op, const struct s3_LifecycleRule *r)
{
    int rc = 0;
    for list_each(t, &r->Transitions) {
        if (t->Days.set == t->Date.set || !t->StorageClass.p || str_is(t->StorageClass, "STANDARD") || s3_storage_class_check(op, t->StorageClass))
            return s3_malformed(op);
        if (t->Days.set && t->Days.v < 0)
            return aws_fail(op, S3_InvalidArgument, "'Days' in Transition action must be nonnegative");
        rc = midnight(op, t->Date);
        if (rc)
            return rc;
    }
    for list_each(t, &r->NoncurrentVersionTransitions)
        if (!t->NoncurrentDays.set || !t->StorageClass.p || str_is(t->StorageClass, "STANDARD") || s3_storage_class_check(op, t->StorageClass))
            return s3_malformed(op);
    return rc;
}

static int check_filter(struct op *op, const struct s3_LifecycleRule *r)
{
    const struct s3_LifecycleRuleFilter *f = r->Filter;
    if (!f == !r->Prefix.p) /* one of the two */
        return s3_malformed(op);
    int said = f ? (f->Prefix.p != NULL) + (f->Tag != NULL) + f->ObjectSizeGreaterThan.set + f->ObjectSizeLessThan.set + (f->And != NULL) : 0;
    return said > 1 ? s3_malformed(op) : 0;
}

static int check_rule(struct op *op, const struct s3_LifecycleRule *r)
{
    if (!str_is(r->Status, "Enabled") && !str_is(r->Status, "Disabled"))
        return s3_malformed(op);
    if (r->ID.n > ID_BYTES_MAX)
        return aws_fail(op, S3_InvalidArgument, "ID length should not exceed allowed limit of %d", ID_BYTES_MAX);
    if (!r->Expiration && !r->Transitions.n && !r->NoncurrentVersionTransitions.n && !r->NoncurrentVersionExpiration && !r->AbortIncompleteMultipartUpload)
        return aws_fail(op, S3_InvalidRequest, "At least one action needs to be specified in a rule");
    static int (*const checks[])(struct op *op, const struct s3_LifecycleRule *r) = { check_filter, check_expiration, check_noncurrent, check_abort,
                                                                                      check_transitions };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof checks / sizeof *checks; i++)
        rc = checks[i](op, r);
    return rc;
}

static int check_rules(struct op *op, struct s3_LifecycleRules *rules)
{
    struct str_list ids = { 0 };
    if (rules->n == 0 || rules->n > RULES_MAX)
        return s3_malformed(op);
    for list_each(r, rules) {
        int rc = check_rule(op, r);
        if (rc)
            return rc;
        if (!r->ID.n)
            r->ID = id_uuid(op);
        if (str_list_has(&ids, r->ID))
            return aws_fail(op, S3_InvalidArgument, "Rule ID must be unique. Found same ID for more than one rule");
        str_list_add(op->arena, &ids, r->ID);
    }
    return 0;
}

int s3_PutBucketLifecycleConfiguration(struct op *op, const struct s3_PutBucketLifecycleConfiguration_in *in,
                                       struct s3_PutBucketLifecycleConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = in->LifecycleConfiguration ? check_rules(op, &in->LifecycleConfiguration->Rules) : s3_malformed(op);
    if (rc)
        return rc;
    b.Lifecycle = in->LifecycleConfiguration;
    b.LifecycleMinimumSize = opt_str(in->TransitionDefaultMinimumObjectSize, STR("all_storage_classes_128K"));
    out->TransitionDefaultMinimumObjectSize = b.LifecycleMinimumSize;
    rc = s3_lifecycle_schedule(op, &b);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_GetBucketLifecycleConfiguration(struct op *op, const struct s3_GetBucketLifecycleConfiguration_in *in,
                                       struct s3_GetBucketLifecycleConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc && !b.Lifecycle)
        rc = S3_FAIL(op, NoSuchLifecycleConfiguration, (.BucketName = in->Bucket), "The lifecycle configuration does not exist");
    if (rc)
        return rc;
    out->Rules = b.Lifecycle->Rules;
    out->TransitionDefaultMinimumObjectSize = b.LifecycleMinimumSize;
    return 0;
}

int s3_DeleteBucketLifecycle(struct op *op, const struct s3_DeleteBucketLifecycle_in *in, struct s3_DeleteBucketLifecycle_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    b.Lifecycle = NULL;
    if (!rc)
        rc = s3_lifecycle_schedule(op, &b);
    return rc ? rc : s3_bucket_put(op, &b);
}
