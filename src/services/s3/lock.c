#include "services/s3/lock.h"

#include "base/code.h"

enum { DAYS_A_YEAR = 365, DAYS_MAX = 100 * DAYS_A_YEAR };
static const int64_t day_ms = 24 * 60 * 60 * 1000;

static bool is_mode(struct str s) { return str_is(s, "GOVERNANCE") || str_is(s, "COMPLIANCE"); }
static bool is_hold(struct str s) { return str_is(s, "ON") || str_is(s, "OFF"); }

static int no_lock(struct op *op) { return aws_fail(op, S3_InvalidRequest, "Bucket is missing Object Lock Configuration"); }
static int held(struct op *op) { return aws_fail(op, AWS_AccessDenied, "Access Denied because object protected by object lock."); }

static bool retained(struct op *op, const struct s3_rec_Object *o) { return o->LockMode.p && o->LockUntilMs.v > op_now_ms(op); }

bool s3_locked(struct op *op, const struct s3_rec_Object *o) { return str_is(o->LegalHold, "ON") || retained(op, o); }

static int past(struct op *op, struct str name, int64_t until_ms)
{
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = name, .ArgumentValue = time_iso8601(op->arena, until_ms)),
                   "The retain until date must be in the future!");
}

/* ---- with the writing of an object ---- */

void s3_lock_context(struct authz *a, struct authz_item *item, const struct s3_lock_ask *ask)
{
    authz_context(a, item, "s3:object-lock-mode", ask->mode);
    authz_context(a, item, "s3:object-lock-legal-hold", ask->hold);
    if (!ask->until_ms.set)
        return;
    int64_t days = (ask->until_ms.v - op_now_ms(a->op) + day_ms - 1) / day_ms;
    authz_context(a, item, "s3:object-lock-retain-until-date", time_iso8601(a->op->arena, ask->until_ms.v));
    authz_context(a, item, "s3:object-lock-remaining-retention-days", str_printf(a->op->arena, "%lld", (long long)days));
}

/* For s3.ops: what its columns cannot say. */
int s3_late_lock_until(struct authz *a, struct authz_item *item, const void *arg)
{
    struct s3_lock_ask ask = { 0 };
    if (a->op->http && !time_parse_iso8601(exchange_header(a->op->http, "x-amz-object-lock-retain-until-date"), &ask.until_ms.v)) {
        ask.until_ms.set = true;
        s3_lock_context(a, item, &ask);
    }
    return 0;
}

static int check(struct op *op, const struct s3_lock_ask *ask)
{
    const struct str mode = STR("x-amz-object-lock-mode"), until = STR("x-amz-object-lock-retain-until-date");
    if (!ask->mode.p != !ask->until_ms.set)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = ask->mode.p ? until : mode),
                       "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
    if (ask->mode.p && !is_mode(ask->mode))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = mode, .ArgumentValue = ask->mode), "Unknown wormMode directive.");
    if (ask->until_ms.set && ask->until_ms.v <= op_now_ms(op))
        return past(op, until, ask->until_ms.v);
    if (ask->hold.p && !is_hold(ask->hold))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-object-lock-legal-hold"), .ArgumentValue = ask->hold),
                       "Legal Hold must be either of 'ON' or 'OFF'");
    return 0;
}

static int may(struct op *op, const struct s3_rec_Bucket *b, const char *action, struct str key, const struct s3_lock_ask *ask)
{
    struct authz a = { .op = op };
    struct authz_item *item = authz_add(&a, action, s3_arn_object(op, b->Name, key));
    s3_lock_context(&a, item, ask);
    item->account = b->Account;
    int rc = s3_policy_in_force(op, b, key, &item->resource_policy);
    return rc ? rc : auth_authorize(op, &a);
}

int s3_lock_of_write(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_lock_ask *ask, struct s3_rec_Object *o)
{
    if (!ask->mode.p && !ask->until_ms.set && !ask->hold.p)
        return 0;
    if (!b->Lock)
        return no_lock(op);
    int rc = check(op, ask);
    if (!rc && ask->mode.p)
        rc = may(op, b, "s3:PutObjectRetention", key, ask);
    if (!rc && ask->hold.p)
        rc = may(op, b, "s3:PutObjectLegalHold", key, ask);
    o->LockMode = ask->mode;
    o->LockUntilMs = ask->until_ms;
    o->LegalHold = ask->hold;
    return rc;
}

void s3_lock_by_default(const struct s3_rec_Bucket *b, struct s3_rec_Object *o)
{
    const struct s3_DefaultRetention *d = b->Lock && b->Lock->Rule ? b->Lock->Rule->DefaultRetention : NULL;
    if (!d || o->LockMode.p)
        return;
    o->LockMode = d->Mode;
    o->LockUntilMs = SOME_I64(o->ModifiedMs.v + day_ms * (d->Days.set ? d->Days.v : d->Years.v * DAYS_A_YEAR));
}

/* ---- what it holds, and what is told of it ---- */

int s3_lock_yields(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, bool bypass)
{
    if (!s3_locked(op, o))
        return 0;
    if (!bypass || str_is(o->LegalHold, "ON") || !str_is(o->LockMode, "GOVERNANCE"))
        return held(op);
    return s3_may(op, b, "s3:BypassGovernanceRetention", key);
}

int s3_bypass_check(struct op *op, const struct s3_rec_Bucket *b, struct opt_bool bypass)
{
    if (!bypass.set || b->Lock)
        return 0;
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-bypass-governance-retention")),
                   "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.");
}

/* E_AWS is none here: what the caller may not see is left out. */
static int may_see(struct op *op, const struct s3_rec_Bucket *b, const char *action, struct str key, bool *ret)
{
    int rc = s3_may(op, b, action, key);
    *ret = rc == 0;
    if (rc == E_AWS)
        op->fail = (struct op_failure){ 0 };
    return rc == E_AWS ? 0 : rc;
}

int s3_lock_shown(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, struct s3_lock_ask *ret)
{
    bool retention = false, hold = false;
    int rc = o->LockMode.p ? may_see(op, b, "s3:GetObjectRetention", key, &retention) : 0;
    if (!rc && o->LegalHold.p)
        rc = may_see(op, b, "s3:GetObjectLegalHold", key, &hold);
    *ret = (struct s3_lock_ask){ .mode = retention ? o->LockMode : STR_NONE, .hold = hold ? o->LegalHold : STR_NONE };
    if (retention)
        ret->until_ms = o->LockUntilMs;
    return rc;
}

/* ---- the bucket's ---- */

static int check_rule(struct op *op, const struct s3_ObjectLockRule *rule)
{
    const struct s3_DefaultRetention *d = rule->DefaultRetention;
    if (d && d->DefaultEventHold)
        return aws_unsupported(op, "DefaultEventHold");
    if (!d || !is_mode(d->Mode) || d->Days.set == d->Years.set)
        return s3_malformed(op);
    int64_t period = d->Days.set ? d->Days.v : d->Years.v, max = d->Days.set ? DAYS_MAX : DAYS_MAX / DAYS_A_YEAR;
    if (period <= 0)
        return aws_fail(op, S3_InvalidRetentionPeriod, "Default retention period must be a positive integer value.");
    return period > max ? aws_fail(op, S3_InvalidRetentionPeriod, "Default retention period too large") : 0;
}

int s3_PutObjectLockConfiguration(struct op *op, const struct s3_PutObjectLockConfiguration_in *in, struct s3_PutObjectLockConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_ObjectLockConfiguration *c = in->ObjectLockConfiguration;
    int rc = in->Token.p ? aws_unsupported(op, "x-amz-bucket-object-lock-token") : s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (rc)
        return rc;
    if (!c || !str_is(c->ObjectLockEnabled, "Enabled"))
        return s3_malformed(op);
    rc = c->Rule ? check_rule(op, c->Rule) : 0;
    if (rc)
        return rc;
    if (!str_is(b.Versioning, "Enabled"))
        return aws_fail(op, S3_InvalidBucketState, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    b.Lock = c;
    return s3_bucket_put(op, &b);
}

int s3_GetObjectLockConfiguration(struct op *op, const struct s3_GetObjectLockConfiguration_in *in, struct s3_GetObjectLockConfiguration_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc && !b.Lock)
        return S3_FAIL(op, ObjectLockConfigurationNotFoundError, (.BucketName = in->Bucket), "Object Lock configuration does not exist for this bucket");
    out->ObjectLockConfiguration = b.Lock;
    return rc;
}

/* ---- a version's ---- */

/* Of the operations below. */
static int find(struct op *op, struct str bucket, struct str owner, struct str key, struct str version_id, struct s3_rec_Bucket *ret_bucket,
                struct s3_rec_Object *ret)
{
    int rc = s3_version_find(op, bucket, owner, key, version_id, ret_bucket, ret);
    return rc || ret_bucket->Lock ? rc : no_lock(op);
}

static int nothing(struct op *op)
{
    return aws_fail(op, S3_NoSuchObjectLockConfiguration, "The specified object does not have a ObjectLock configuration");
}

int s3_authorize_PutObjectRetention(struct op *op, const struct s3_PutObjectRetention_in *in, struct authz *a)
{
    struct authz_item *item = s3_ask_object(op, a, "s3:PutObjectRetention", in->Bucket, in->Key, in->VersionId);
    if (in->Retention)
        s3_lock_context(a, item, &(struct s3_lock_ask){ .mode = in->Retention->Mode, .until_ms = in->Retention->RetainUntilDate });
    return 0;
}

/* A lock grows at will: what shortens or loosens it is as good as a removal. */
static bool loosens(struct op *op, const struct s3_rec_Object *o, const struct s3_ObjectLockRetention *r)
{
    return retained(op, o) && (!r->Mode.p || r->RetainUntilDate.v < o->LockUntilMs.v || (str_is(o->LockMode, "COMPLIANCE") && !str_is(r->Mode, "COMPLIANCE")));
}

int s3_PutObjectRetention(struct op *op, const struct s3_PutObjectRetention_in *in, struct s3_PutObjectRetention_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    const struct s3_ObjectLockRetention *r = in->Retention;
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    if (r && (r->EventHold.p || r->EventHoldDuration))
        return aws_unsupported(op, "EventHold");
    if (!r || !r->Mode.p != !r->RetainUntilDate.set || (r->Mode.p && !is_mode(r->Mode)))
        return s3_malformed(op);
    if (r->Mode.p && r->RetainUntilDate.v <= op_now_ms(op))
        return past(op, STR("RetainUntilDate"), r->RetainUntilDate.v);
    if (loosens(op, &o, r)) {
        struct s3_rec_Object retention = { .LockMode = o.LockMode, .LockUntilMs = o.LockUntilMs }; /* a hold has no say in it */
        rc = s3_lock_yields(op, &b, in->Key, &retention, opt_bool(in->BypassGovernanceRetention, false));
    }
    o.LockMode = r->Mode;
    o.LockUntilMs = r->RetainUntilDate;
    return rc ? rc : s3_object_save(op, in->Bucket, in->Key, &o);
}

int s3_authorize_GetObjectRetention(struct op *op, const struct s3_GetObjectRetention_in *in, struct authz *a)
{
    s3_ask_object(op, a, "s3:GetObjectRetention", in->Bucket, in->Key, in->VersionId);
    return 0;
}

int s3_GetObjectRetention(struct op *op, const struct s3_GetObjectRetention_in *in, struct s3_GetObjectRetention_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc || !o.LockMode.p)
        return rc ? rc : nothing(op);
    out->Retention = arena_one(op->arena, struct s3_ObjectLockRetention);
    out->Retention->Mode = o.LockMode;
    out->Retention->RetainUntilDate = o.LockUntilMs;
    return 0;
}

int s3_authorize_PutObjectLegalHold(struct op *op, const struct s3_PutObjectLegalHold_in *in, struct authz *a)
{
    struct authz_item *item = s3_ask_object(op, a, "s3:PutObjectLegalHold", in->Bucket, in->Key, in->VersionId);
    s3_lock_context(a, item, &(struct s3_lock_ask){ .hold = in->LegalHold ? in->LegalHold->Status : STR_NONE });
    return 0;
}

int s3_PutObjectLegalHold(struct op *op, const struct s3_PutObjectLegalHold_in *in, struct s3_PutObjectLegalHold_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = s3_version_find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc)
        return rc;
    if (!in->LegalHold || !is_hold(in->LegalHold->Status))
        return s3_malformed(op);
    if (!b.Lock)
        return no_lock(op);
    o.LegalHold = in->LegalHold->Status;
    return s3_object_save(op, in->Bucket, in->Key, &o);
}

int s3_authorize_GetObjectLegalHold(struct op *op, const struct s3_GetObjectLegalHold_in *in, struct authz *a)
{
    s3_ask_object(op, a, "s3:GetObjectLegalHold", in->Bucket, in->Key, in->VersionId);
    return 0;
}

int s3_GetObjectLegalHold(struct op *op, const struct s3_GetObjectLegalHold_in *in, struct s3_GetObjectLegalHold_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = find(op, in->Bucket, in->ExpectedBucketOwner, in->Key, in->VersionId, &b, &o);
    if (rc || !o.LegalHold.p)
        return rc ? rc : nothing(op);
    out->LegalHold = arena_one(op->arena, struct s3_ObjectLockLegalHold);
    out->LegalHold->Status = o.LegalHold;
    return 0;
}
