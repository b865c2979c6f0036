/* Tags of trails. */
#include "aws/tags.h"

#include "aws/arn.h"
#include "services/cloudtrail/trail.h"

struct str cloudtrail_arn_tagged(struct op *op, struct str ResourceId)
{
    return ResourceId;
}

int cloudtrail_authorize_ListTags(struct op *op, const struct cloudtrail_ListTags_in *in, struct authz *a)
{
    for (uint32_t i = 0; i < in->ResourceIdList.n; i++)
        authz_add(a, "cloudtrail:ListTags", in->ResourceIdList.v[i]);
    return 0;
}

static int tagged_find(struct op *op, struct str id, bool own, struct cloudtrail_rec_Trail *ret, struct str_map *ret_tags)
{
    struct arn arn;
    if (arn_parse(id, &arn) || !str_is(arn.service, "cloudtrail"))
        return aws_fail(op, CLOUDTRAIL_CloudTrailARNInvalidException, "Invalid ARN: %.*s", STR_ARG(id));
    if (!str_starts(arn.resource, STR("trail/")))
        return aws_fail(op, CLOUDTRAIL_ResourceTypeNotSupportedException, "The resource type of %.*s is not supported.", STR_ARG(id));
    int rc = own ? trail_find_own(op, id, ret) : trail_find(op, id, ret);
    if (rc == E_AWS && op->fail.error == CLOUDTRAIL_TrailNotFoundException)
        return aws_fail(op, CLOUDTRAIL_ResourceNotFoundException, "Resource not found: %.*s", STR_ARG(id));
    if (rc == E_AWS && op->fail.error == CLOUDTRAIL_InvalidHomeRegionException) /* these two have no such error */
        return aws_fail(op, CLOUDTRAIL_OperationNotPermittedException, "%.*s", STR_ARG(op->fail.message));
    if (rc == 0)
        tags_read(op, &cloudtrail_TagsList_shape, &ret->Tags, ret_tags);
    return rc;
}

static int tags_put(struct op *op, struct cloudtrail_rec_Trail *t, const struct str_map *tags)
{
    if (tags->n > tag_rules_usual.count_max)
        return aws_fail(op, CLOUDTRAIL_TagsLimitExceededException, "The number of tags per resource has exceeded the limit of %u.", tag_rules_usual.count_max);
    t->Tags = (struct cloudtrail_TagsList){ 0 };
    tags_write(op, &cloudtrail_TagsList_shape, tags, &t->Tags);
    return trail_put(op, t);
}

int cloudtrail_AddTags(struct op *op, const struct cloudtrail_AddTags_in *in, struct cloudtrail_AddTags_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    struct str_map tags, more;
    int rc = tagged_find(op, in->ResourceId, true, &t, &tags);
    if (rc)
        return rc;
    tags_read(op, &cloudtrail_TagsList_shape, &in->TagsList, &more);
    const char *wrong = tags_check(&more, &(struct tag_rules){ UINT32_MAX, tag_rules_usual.key_max, tag_rules_usual.value_max });
    if (wrong)
        return aws_fail(op, CLOUDTRAIL_InvalidTagParameterException, "%s", wrong);
    tags_merge(op, &tags, &more);
    return tags_put(op, &t, &tags);
}

int cloudtrail_RemoveTags(struct op *op, const struct cloudtrail_RemoveTags_in *in, struct cloudtrail_RemoveTags_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    struct str_map tags;
    int rc = tagged_find(op, in->ResourceId, true, &t, &tags);
    for (uint32_t i = 0; rc == 0 && i < in->TagsList.n; i++)
        str_map_remove(&tags, in->TagsList.v[i].Key);
    return rc ? rc : tags_put(op, &t, &tags);
}

int cloudtrail_ListTags(struct op *op, const struct cloudtrail_ListTags_in *in, struct cloudtrail_ListTags_out *out)
{
    enum { IDS_MAX = 20 };
    if (in->NextToken.p)
        return aws_fail(op, CLOUDTRAIL_InvalidTokenException, "Invalid NextToken.");
    if (in->ResourceIdList.n > IDS_MAX)
        return aws_fail(op, AWS_ValidationError,
                        "1 validation error detected: Value at 'resourceIdList' failed to satisfy constraint: Member must have length less than or equal to %d", IDS_MAX);
    out->ResourceTagList.set = true;
    for (uint32_t i = 0; i < in->ResourceIdList.n; i++) {
        struct cloudtrail_rec_Trail t = { 0 };
        struct str_map tags;
        int rc = tagged_find(op, in->ResourceIdList.v[i], false, &t, &tags);
        if (rc)
            return rc;
        struct cloudtrail_ResourceTag *r = list_push(op->arena, &out->ResourceTagList);
        r->ResourceId = in->ResourceIdList.v[i];
        tags_write(op, &cloudtrail_TagsList_shape, &tags, &r->TagsList);
    }
    return 0;
}
