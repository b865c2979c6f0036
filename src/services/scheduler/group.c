/* Schedule groups. `default` is in every account and needs no record. */
#include "scheduler.h"

#include "aws/arn.h"
#include "aws/page.h"
#include "aws/tags.h"

struct str scheduler_arn_group(struct op *op, struct str Name)
{
    return arn_make(op, "scheduler", "schedule-group/%.*s", STR_ARG(Name.p ? Name : STR("*")));
}

struct str scheduler_arn_tagged(struct op *op, struct str ResourceArn)
{
    return ResourceArn;
}

static void group_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &scheduler_kind_group);
    key_str(k, name);
}

int group_get(struct op *op, struct str name, struct scheduler_rec_Group *ret)
{
    struct key k;
    group_key(op, &k, name);
    int rc = op_rec_get(op, &k, &scheduler_rec_Group_shape, ret);
    if (rc != E_NOT_FOUND)
        return rc;
    if (!str_is(name, "default"))
        return aws_fail(op, SCHEDULER_ResourceNotFoundException, "Schedule group %.*s does not exist.", STR_ARG(name));
    *ret = (struct scheduler_rec_Group){ .Name = name };
    return 0;
}

int scheduler_CreateScheduleGroup(struct op *op, const struct scheduler_CreateScheduleGroup_in *in, struct scheduler_CreateScheduleGroup_out *out)
{
    struct scheduler_rec_Group g = { .Name = in->Name, .Tags = in->Tags, .CreationDate = SOME_I64(op_now_ms(op)),
                                     .LastModificationDate = SOME_I64(op_now_ms(op)) };
    struct key k;
    group_key(op, &k, in->Name);
    if (op_rec_has(op, &k) || str_is(in->Name, "default"))
        return aws_fail(op, SCHEDULER_ConflictException, "Schedule group %.*s already exists.", STR_ARG(in->Name));
    out->ScheduleGroupArn = scheduler_arn_group(op, in->Name);
    return op_rec_put(op, &k, &scheduler_rec_Group_shape, &g);
}

int scheduler_GetScheduleGroup(struct op *op, const struct scheduler_GetScheduleGroup_in *in, struct scheduler_GetScheduleGroup_out *out)
{
    struct scheduler_rec_Group g = { 0 };
    int rc = group_get(op, in->Name, &g);
    if (rc)
        return rc;
    out->Arn = scheduler_arn_group(op, g.Name);
    out->Name = g.Name;
    out->State = STR("ACTIVE");
    out->CreationDate = g.CreationDate;
    out->LastModificationDate = g.LastModificationDate;
    return 0;
}

/* A group goes with its schedules. */
int scheduler_DeleteScheduleGroup(struct op *op, const struct scheduler_DeleteScheduleGroup_in *in, struct scheduler_DeleteScheduleGroup_out *out)
{
    struct scheduler_rec_Group g = { 0 };
    struct key k, to;
    int rc = group_get(op, in->Name, &g);
    if (!rc && str_is(in->Name, "default"))
        rc = aws_fail(op, SCHEDULER_ValidationException, "The default schedule group cannot be deleted.");
    if (rc)
        return rc;
    schedule_key(op, &k, in->Name, STR_NONE);
    key_after_prefix(&k, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&k), key_view(&to), false);
    struct str key, value;
    while (rc == 0 && scan_next(scan, &key, &value)) {
        struct scheduler_rec_Schedule s = { 0 };
        rc = op_rec_decode(op, value, &scheduler_rec_Schedule_shape, &s);
        if (!rc)
            rc = op_timer_cancel(op, "scheduler.fire", schedule_timer_id(op, &s));
        if (!rc)
            rc = txn_delete(op->txn, str_dup(op->arena, key));
    }
    int failed = scan_end(scan);
    group_key(op, &k, in->Name);
    return rc ? rc : failed ? failed : op_rec_delete(op, &k);
}

int scheduler_ListScheduleGroups(struct op *op, const struct scheduler_ListScheduleGroups_in *in, struct scheduler_ListScheduleGroups_out *out)
{
    struct key from, to;
    op_key(op, &from, &scheduler_kind_group);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    if (in->NextToken.p && page_key(op, in->NextToken, &begin))
        return aws_fail(op, SCHEDULER_ValidationException, "Invalid NextToken.");
    int64_t max = opt_i64(in->MaxResults, 100);
    out->ScheduleGroups.set = true;
    if (!in->NextToken.p && str_starts(STR("default"), in->NamePrefix)) {
        struct scheduler_ScheduleGroupSummary *d = list_push(op->arena, &out->ScheduleGroups);
        *d = (struct scheduler_ScheduleGroupSummary){ .Arn = scheduler_arn_group(op, STR("default")), .Name = STR("default"), .State = STR("ACTIVE") };
    }
    struct scan *scan = txn_scan(op->txn, begin, key_view(&to), false);
    int rc = 0;
    while (rc == 0 && scan_next(scan, &key, &value)) {
        struct scheduler_rec_Group g = { 0 };
        rc = op_rec_decode(op, value, &scheduler_rec_Group_shape, &g);
        if (rc || !str_starts(g.Name, in->NamePrefix))
            continue;
        if ((int64_t)out->ScheduleGroups.n == max) {
            out->NextToken = page_token(op, key);
            break;
        }
        struct scheduler_ScheduleGroupSummary *s = list_push(op->arena, &out->ScheduleGroups);
        *s = (struct scheduler_ScheduleGroupSummary){ .Arn = scheduler_arn_group(op, g.Name), .Name = g.Name, .State = STR("ACTIVE"),
                                                      .CreationDate = g.CreationDate, .LastModificationDate = g.LastModificationDate };
    }
    int failed = scan_end(scan);
    return rc ? rc : failed;
}

/* ---- tags: of groups ---- */

static int tagged_get(struct op *op, struct str arn_text, struct scheduler_rec_Group *ret, struct str_map *ret_tags)
{
    struct arn arn;
    if (arn_parse(arn_text, &arn) || !str_starts(arn.resource, STR("schedule-group/")))
        return aws_fail(op, SCHEDULER_ValidationException, "Provided Arn is not in correct format.");
    int rc = group_get(op, str_sub(arn.resource, 15, arn.resource.n), ret);
    if (!rc)
        tags_read(op, &scheduler_TagList_shape, &ret->Tags, ret_tags);
    return rc;
}

static int tagged_put(struct op *op, struct scheduler_rec_Group *g, const struct str_map *tags)
{
    struct key k;
    const char *wrong = tags_check(tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, SCHEDULER_ValidationException, "%s", wrong);
    g->Tags.n = 0;
    tags_write(op, &scheduler_TagList_shape, tags, &g->Tags);
    group_key(op, &k, g->Name);
    return op_rec_put(op, &k, &scheduler_rec_Group_shape, g);
}

int scheduler_TagResource(struct op *op, const struct scheduler_TagResource_in *in, struct scheduler_TagResource_out *out)
{
    struct scheduler_rec_Group g = { 0 };
    struct str_map tags, more;
    int rc = tagged_get(op, in->ResourceArn, &g, &tags);
    if (rc)
        return rc;
    tags_read(op, &scheduler_TagList_shape, &in->Tags, &more);
    tags_merge(op, &tags, &more);
    return tagged_put(op, &g, &tags);
}

int scheduler_UntagResource(struct op *op, const struct scheduler_UntagResource_in *in, struct scheduler_UntagResource_out *out)
{
    struct scheduler_rec_Group g = { 0 };
    struct str_map tags;
    int rc = tagged_get(op, in->ResourceArn, &g, &tags);
    if (rc)
        return rc;
    tags_remove(&tags, &in->TagKeys);
    return tagged_put(op, &g, &tags);
}

int scheduler_ListTagsForResource(struct op *op, const struct scheduler_ListTagsForResource_in *in, struct scheduler_ListTagsForResource_out *out)
{
    struct scheduler_rec_Group g = { 0 };
    struct str_map tags;
    int rc = tagged_get(op, in->ResourceArn, &g, &tags);
    if (!rc)
        tags_write(op, &scheduler_TagList_shape, &tags, &out->Tags);
    return rc;
}
