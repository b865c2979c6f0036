/* GetAccountAuthorizationDetails: users, groups, roles and policies of the account, one kind behind the other, in pages over all of them. */
#include "services/iam/common.h"

static void inline_out(struct op *op, const struct str_map *documents, struct iam_policyDetailListType *ret)
{
    ret->set = true;
    for list_each(d, documents) {
        struct iam_PolicyDetail *p = list_push(op->arena, ret);
        p->PolicyName = d->key;
        p->PolicyDocument = iam_document_out(op, d->value);
    }
}

static int user_out(struct op *op, struct str value, struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct iam_rec_User r;
    int rc = op_rec_decode(op, value, &iam_rec_User_shape, &r);
    if (rc)
        return rc;
    struct iam_UserDetail *d = list_push(op->arena, &out->UserDetailList);
    *d = (struct iam_UserDetail){ .Path = r.Path, .UserName = r.Name, .UserId = r.Id, .Arn = directory_arn(op, op->account, "user", r.Path, r.Name),
                                  .CreateDate = iam_time(r.CreatedMs), .PermissionsBoundary = iam_boundary_out(op, r.Boundary) };
    if (r.Inline.n)
        inline_out(op, &r.Inline, &d->UserPolicyList);
    d->GroupList = r.Groups;
    d->GroupList.set = true;
    iam_attached_out(op, &r.Attached, &d->AttachedManagedPolicies);
    iam_tags_out(op, &r.Tags, &d->Tags);
    return 0;
}

static int group_out(struct op *op, struct str value, struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct iam_rec_Group r;
    int rc = op_rec_decode(op, value, &iam_rec_Group_shape, &r);
    if (rc)
        return rc;
    struct iam_GroupDetail *d = list_push(op->arena, &out->GroupDetailList);
    *d = (struct iam_GroupDetail){ .Path = r.Path, .GroupName = r.Name, .GroupId = r.Id, .Arn = directory_arn(op, op->account, "group", r.Path, r.Name),
                                   .CreateDate = iam_time(r.CreatedMs) };
    inline_out(op, &r.Inline, &d->GroupPolicyList);
    iam_attached_out(op, &r.Attached, &d->AttachedManagedPolicies);
    return 0;
}

static int role_out(struct op *op, struct str value, struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct iam_rec_Role r;
    int rc = op_rec_decode(op, value, &iam_rec_Role_shape, &r);
    if (rc)
        return rc;
    struct iam_RoleDetail *d = list_push(op->arena, &out->RoleDetailList);
    *d = (struct iam_RoleDetail){ .Path = r.Path, .RoleName = r.Name, .RoleId = r.Id, .Arn = directory_arn(op, op->account, "role", r.Path, r.Name),
                                  .CreateDate = iam_time(r.CreatedMs), .AssumeRolePolicyDocument = iam_document_out(op, r.Trust),
                                  .PermissionsBoundary = iam_boundary_out(op, r.Boundary), .RoleLastUsed = arena_one(op->arena, struct iam_RoleLastUsed) };
    inline_out(op, &r.Inline, &d->RolePolicyList);
    iam_attached_out(op, &r.Attached, &d->AttachedManagedPolicies);
    iam_tags_out(op, &r.Tags, &d->Tags);
    return iam_profiles_of(op, r.Name, &d->InstanceProfileList);
}

static void detail_of(const struct iam_Policy *p, struct iam_ManagedPolicyDetail *ret)
{
    ret->PolicyName = p->PolicyName;
    ret->PolicyId = p->PolicyId;
    ret->Arn = p->Arn;
    ret->Path = p->Path;
    ret->DefaultVersionId = p->DefaultVersionId;
    ret->AttachmentCount = p->AttachmentCount;
    ret->PermissionsBoundaryUsageCount = p->PermissionsBoundaryUsageCount;
    ret->IsAttachable = p->IsAttachable;
    ret->Description = p->Description;
    ret->CreateDate = p->CreateDate;
    ret->UpdateDate = p->UpdateDate;
}

static int policy_out(struct op *op, struct str value, struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct iam_rec_Policy r;
    struct iam_Policy p = { 0 };
    int rc = op_rec_decode(op, value, &iam_rec_Policy_shape, &r);
    if (rc)
        return rc;
    struct iam_ManagedPolicyDetail *d = list_push(op->arena, &out->Policies);
    iam_policy_out(op, &r, &p);
    detail_of(&p, d);
    for (uint32_t i = r.Versions.n; i > 0; i--) /* the newest first */
        iam_version_out(op, &r, &r.Versions.v[i - 1], true, list_push(op->arena, &d->PolicyVersionList));
    return 0;
}

static const struct part {
    const char *filter;
    const struct record_kind *kind;
    int (*out)(struct op *op, struct str value, struct iam_GetAccountAuthorizationDetails_out *out);
} parts[] = {
    { "User", &iam_kind_user, user_out }, { "Group", &iam_kind_group, group_out }, { "Role", &iam_kind_role, role_out },
    { "LocalManagedPolicy", &iam_kind_policy, policy_out },
};
enum { PARTS = sizeof parts / sizeof *parts, PAGE_ITEMS = 100 };

/* A marker is the number of the part and the key behind which it goes on; in the last part, AWS's own policies, the place in the catalogue. */
struct place {
    int64_t part;
    struct str behind;
};

static void end_page(struct op *op, int part, struct str behind, struct iam_GetAccountAuthorizationDetails_out *out)
{
    out->IsTruncated = SOME_BOOL(true);
    out->Marker = page_token(op, str_printf(op->arena, "%d:%.*s", part, STR_ARG(opt_str(behind, STR("")))));
}

static int records(struct op *op, int part, struct str behind, int64_t *left, struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, parts[part].kind, STR_NONE);
    int rc = 0;
    iam_page_begin_behind(op, &prefix, behind, *left, &page);
    while (rc == 0 && iam_page_next(&page, &key, &value))
        rc = parts[part].out(op, value, out);
    *left = page.left;
    if (page.more)
        end_page(op, part, opt_str(page.last, behind), out);
    int end = scan_end(page.scan);
    return rc ? rc : end;
}

/* Only those in use. */
static void managed(struct op *op, struct str behind, int64_t left, struct iam_GetAccountAuthorizationDetails_out *out)
{
    const struct managed_policy *p;
    int64_t from = 0;
    str_to_i64(opt_str(behind, STR("0")), &from);
    for (int64_t i = from; (p = managed_policy_at((size_t)i)); i++) {
        struct iam_Policy one = { 0 };
        iam_managed_out(op, p, &one);
        if (one.AttachmentCount.v + one.PermissionsBoundaryUsageCount.v == 0)
            continue;
        if (left-- == 0) {
            end_page(op, PARTS, str_printf(op->arena, "%lld", (long long)i), out);
            return;
        }
        struct iam_ManagedPolicyDetail *d = list_push(op->arena, &out->Policies);
        detail_of(&one, d);
        *list_push(op->arena, &d->PolicyVersionList) = (struct iam_PolicyVersion){
            .Document = iam_document_out(op, managed_policy_document(op->arena, p)), .VersionId = str_c(p->version), .IsDefaultVersion = SOME_BOOL(true),
            .CreateDate = SOME_I64(p->updated_s * 1000),
        };
    }
}

static int place_of(struct op *op, struct str marker, struct place *ret)
{
    struct str at, part;
    *ret = (struct place){ .behind = STR_NONE };
    if (!marker.p)
        return 0;
    if (page_key(op, marker, &at) || !str_cut(at, ':', &part, &ret->behind) || str_to_i64(part, &ret->part))
        return aws_fail(op, AWS_ValidationError, "Invalid Marker.");
    if (!ret->behind.n)
        ret->behind = STR_NONE;
    return 0;
}

int iam_GetAccountAuthorizationDetails(struct op *op, const struct iam_GetAccountAuthorizationDetails_in *in,
                                       struct iam_GetAccountAuthorizationDetails_out *out)
{
    struct place at;
    int64_t left = opt_i64(in->MaxItems, PAGE_ITEMS);
    int rc = place_of(op, in->Marker, &at);
    out->IsTruncated = SOME_BOOL(false);
    out->UserDetailList.set = out->GroupDetailList.set = out->RoleDetailList.set = out->Policies.set = true;
    for (int64_t i = at.part; rc == 0 && i < PARTS && !out->IsTruncated.v; i++)
        if (!in->Filter.n || str_list_has(&in->Filter, str_c(parts[i].filter)))
            rc = records(op, (int)i, i == at.part ? at.behind : STR_NONE, &left, out);
    if (rc == 0 && !out->IsTruncated.v && (!in->Filter.n || str_list_has(&in->Filter, STR("AWSManagedPolicy"))))
        managed(op, at.part == PARTS ? at.behind : STR_NONE, left, out);
    return rc;
}
