/* Trails, from CreateTrail to StopLogging. https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Operations.html */
#include "aws/overlay.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/cloudtrail/deliver.h"

/* What CreateTrail and UpdateTrail ask for that does not depend on the trail. */
static int check_common(struct op *op, struct str sns_topic, struct opt_bool organization, struct str prefix)
{
    if (sns_topic.n)
        return aws_unsupported(op, "SnsTopicName");
    if (opt_bool(organization, false))
        return aws_fail(op, CLOUDTRAIL_OrganizationsNotInUseException, "Your account is not a member of an organization.");
    if (prefix.n > TRAIL_PREFIX_CHARS_MAX)
        return aws_fail(op, CLOUDTRAIL_InvalidS3PrefixException, "S3 prefix is longer than maximum length of %d characters.", TRAIL_PREFIX_CHARS_MAX);
    return 0;
}

static int check_whole(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    if (opt_bool(t->IsMultiRegionTrail, false) && !opt_bool(t->IncludeGlobalServiceEvents, true))
        return aws_fail(op, CLOUDTRAIL_InvalidParameterCombinationException, "Multi-Region trail must include global service events.");
    if (t->CloudWatchLogsLogGroupArn.p && !t->CloudWatchLogsRoleArn.p)
        return aws_fail(op, CLOUDTRAIL_InvalidParameterCombinationException, "You must specify a role ARN as well as a log group.");
    if (t->CloudWatchLogsRoleArn.p && !t->CloudWatchLogsLogGroupArn.p)
        return aws_fail(op, CLOUDTRAIL_InvalidParameterCombinationException, "You must specify a log group as well as a role ARN.");
    return 0;
}

/* An empty text takes the setting away. */
static void drop_empty(struct cloudtrail_rec_Trail *t)
{
    struct str *texts[] = { &t->S3KeyPrefix, &t->CloudWatchLogsLogGroupArn, &t->CloudWatchLogsRoleArn, &t->KmsKeyId };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i]->n == 0)
            *texts[i] = STR_NONE;
}

static int check_count(struct op *op)
{
    struct key from, to;
    struct str key, value;
    unsigned n = 0;
    trail_keys(op, &from, &to);
    key_str(&from, op->region);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value))
        n++;
    int rc = scan_end(s);
    if (rc == 0 && n >= TRAILS_PER_REGION_MAX)
        return aws_fail(op, CLOUDTRAIL_MaximumNumberOfTrailsExceededException, "User: %.*s already has %d trails in %.*s.", STR_ARG(op->account),
                        TRAILS_PER_REGION_MAX, STR_ARG(op->region));
    return rc;
}

int cloudtrail_CreateTrail(struct op *op, const struct cloudtrail_CreateTrail_in *in, struct cloudtrail_CreateTrail_out *out)
{
    struct cloudtrail_rec_Trail t = { .Account = op->account, .HomeRegion = op->region, .Tags = in->TagsList }, other;
    struct str_map tags;
    int rc = trail_name_check(op, in->Name);
    if (!rc)
        rc = check_common(op, in->SnsTopicName, in->IsOrganizationTrail, in->S3KeyPrefix);
    tags_read(op, &cloudtrail_TagsList_shape, &in->TagsList, &tags);
    const char *wrong = tags_check(&tags, &tag_rules_usual);
    if (!rc && wrong)
        rc = aws_fail(op, CLOUDTRAIL_InvalidTagParameterException, "%s", wrong);
    if (rc)
        return rc;
    overlay(&cloudtrail_CreateTrailRequest_shape, in, &cloudtrail_rec_Trail_shape, &t);
    t.IncludeGlobalServiceEvents = SOME_BOOL(opt_bool(in->IncludeGlobalServiceEvents, true));
    t.IsMultiRegionTrail = SOME_BOOL(opt_bool(in->IsMultiRegionTrail, false));
    t.LogFileValidationEnabled = SOME_BOOL(opt_bool(in->EnableLogFileValidation, false));
    drop_empty(&t);
    if ((rc = check_whole(op, &t)))
        return rc;
    rc = trail_look(op, op->region, in->Name, &other);
    if (rc == 0)
        return aws_fail(op, CLOUDTRAIL_TrailAlreadyExistsException, "Trail %.*s already exists for customer: %.*s", STR_ARG(in->Name), STR_ARG(op->account));
    if (rc != E_NOT_FOUND || (rc = check_count(op)) || (rc = destination_check(op, &t)))
        return rc;
    overlay(&cloudtrail_rec_Trail_shape, &t, &cloudtrail_CreateTrailResponse_shape, out);
    out->TrailARN = trail_arn(op, &t);
    out->IsOrganizationTrail = SOME_BOOL(false);
    return trail_put(op, &t);
}

int cloudtrail_UpdateTrail(struct op *op, const struct cloudtrail_UpdateTrail_in *in, struct cloudtrail_UpdateTrail_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find_own(op, in->Name, &t);
    if (!rc)
        rc = check_common(op, in->SnsTopicName, in->IsOrganizationTrail, in->S3KeyPrefix);
    if (rc)
        return rc;
    struct str name = t.Name; /* what came may be the ARN */
    overlay(&cloudtrail_UpdateTrailRequest_shape, in, &cloudtrail_rec_Trail_shape, &t);
    t.Name = name;
    if (in->EnableLogFileValidation.set)
        t.LogFileValidationEnabled = in->EnableLogFileValidation;
    drop_empty(&t);
    if ((rc = check_whole(op, &t)) || (rc = destination_check(op, &t)))
        return rc;
    overlay(&cloudtrail_rec_Trail_shape, &t, &cloudtrail_UpdateTrailResponse_shape, out);
    out->TrailARN = trail_arn(op, &t);
    out->IsOrganizationTrail = SOME_BOOL(false);
    rc = digest_arm(op, &t);
    return rc ? rc : trail_put(op, &t);
}

int cloudtrail_DeleteTrail(struct op *op, const struct cloudtrail_DeleteTrail_in *in, struct cloudtrail_DeleteTrail_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find_own(op, in->Name, &t);
    return rc ? rc : trail_erase(op, &t);
}

static void show(struct op *op, const struct cloudtrail_rec_Trail *t, struct cloudtrail_Trail *ret)
{
    overlay(&cloudtrail_rec_Trail_shape, t, &cloudtrail_Trail_shape, ret);
    ret->TrailARN = trail_arn(op, t);
    ret->HasCustomEventSelectors = SOME_BOOL(!selectors_are_default(t));
    ret->HasInsightSelectors = SOME_BOOL(false);
    ret->IsOrganizationTrail = SOME_BOOL(false);
}

static int describe_named(struct op *op, const struct cloudtrail_DescribeTrails_in *in, struct cloudtrail_DescribeTrails_out *out)
{
    for (uint32_t i = 0; i < in->trailNameList.n; i++) {
        struct cloudtrail_rec_Trail t = { 0 };
        int rc = trail_find(op, in->trailNameList.v[i], &t);
        if (rc == E_AWS && op->fail.error == CLOUDTRAIL_TrailNotFoundException) {
            op->fail = (struct op_failure){ 0 };
            continue;
        }
        if (rc)
            return rc;
        show(op, &t, list_push(op->arena, &out->trailList));
    }
    return 0;
}

int cloudtrail_DescribeTrails(struct op *op, const struct cloudtrail_DescribeTrails_in *in, struct cloudtrail_DescribeTrails_out *out)
{
    out->trailList.set = true;
    if (in->trailNameList.n)
        return describe_named(op, in, out);
    struct key from, to;
    struct str key, value;
    int bad = 0;
    trail_keys(op, &from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(s, &key, &value)) {
        struct cloudtrail_rec_Trail t = { 0 };
        bad = op_rec_decode(op, value, &cloudtrail_rec_Trail_shape, &t);
        if (bad == 0 && trail_is_seen(op, &t) && (opt_bool(in->includeShadowTrails, true) || str_eq(t.HomeRegion, op->region)))
            show(op, &t, list_push(op->arena, &out->trailList));
    }
    int rc = scan_end(s);
    return bad ? bad : rc;
}

int cloudtrail_GetTrail(struct op *op, const struct cloudtrail_GetTrail_in *in, struct cloudtrail_GetTrail_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find(op, in->Name, &t);
    if (rc)
        return rc;
    out->Trail = arena_one(op->arena, struct cloudtrail_Trail);
    show(op, &t, out->Trail);
    return 0;
}

/* An account has at most 5 trails a Region: all of them are one page. */
int cloudtrail_ListTrails(struct op *op, const struct cloudtrail_ListTrails_in *in, struct cloudtrail_ListTrails_out *out)
{
    struct key from, to;
    struct str key, value;
    int bad = 0;
    if (in->NextToken.p)
        return aws_fail(op, CLOUDTRAIL_InvalidParameterException, "Invalid NextToken.");
    trail_keys(op, &from, &to);
    out->Trails.set = true;
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(s, &key, &value)) {
        struct cloudtrail_rec_Trail t = { 0 };
        bad = op_rec_decode(op, value, &cloudtrail_rec_Trail_shape, &t);
        if (bad == 0 && trail_is_seen(op, &t))
            *list_push(op->arena, &out->Trails) = (struct cloudtrail_TrailInfo){ .TrailARN = trail_arn(op, &t), .Name = t.Name, .HomeRegion = t.HomeRegion };
    }
    int rc = scan_end(s);
    return bad ? bad : rc;
}

static struct str time_or_empty(struct op *op, struct opt_i64 ms)
{
    return ms.set ? time_iso8601(op->arena, ms.v / 1000 * 1000) : STR("");
}

int cloudtrail_GetTrailStatus(struct op *op, const struct cloudtrail_GetTrailStatus_in *in, struct cloudtrail_GetTrailStatus_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    struct cloudtrail_rec_Status s = { 0 };
    int rc = trail_find(op, in->Name, &t);
    if (!rc)
        rc = status_get(op, &t, &s);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    out->IsLogging = SOME_BOOL(opt_bool(t.IsLogging, false));
    out->LatestDeliveryError = s.LatestDeliveryError;
    out->LatestDeliveryTime = s.LatestDeliveryTime;
    out->StartLoggingTime = t.StartMs;
    out->StopLoggingTime = t.StopMs;
    out->LatestCloudWatchLogsDeliveryError = s.LatestCloudWatchLogsDeliveryError;
    out->LatestCloudWatchLogsDeliveryTime = s.LatestCloudWatchLogsDeliveryTime;
    out->LatestDigestDeliveryTime = s.LatestDigestDeliveryTime;
    out->LatestDigestDeliveryError = s.LatestDigestDeliveryError;
    /* "No longer in use", and sent by AWS all the same. */
    out->LatestDeliveryAttemptTime = time_or_empty(op, s.LatestDeliveryAttemptTime);
    out->LatestDeliveryAttemptSucceeded = time_or_empty(op, s.LatestDeliveryTime);
    out->LatestNotificationAttemptTime = STR("");
    out->LatestNotificationAttemptSucceeded = STR("");
    out->TimeLoggingStarted = time_or_empty(op, t.StartMs);
    out->TimeLoggingStopped = time_or_empty(op, t.StopMs);
    return 0;
}

int cloudtrail_StartLogging(struct op *op, const struct cloudtrail_StartLogging_in *in, struct cloudtrail_StartLogging_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find_own(op, in->Name, &t);
    if (rc || opt_bool(t.IsLogging, false))
        return rc;
    t.IsLogging = SOME_BOOL(true);
    t.StartMs = SOME_I64(op_now_ms(op));
    rc = digest_arm(op, &t);
    return rc ? rc : trail_put(op, &t);
}

int cloudtrail_StopLogging(struct op *op, const struct cloudtrail_StopLogging_in *in, struct cloudtrail_StopLogging_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find_own(op, in->Name, &t);
    if (rc || !opt_bool(t.IsLogging, false))
        return rc;
    t.IsLogging = SOME_BOOL(false);
    t.StopMs = SOME_I64(op_now_ms(op));
    return trail_put(op, &t);
}
