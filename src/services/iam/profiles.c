/* Instance profiles: a box for one role. */
#include "services/iam/common.h"

static int profile_get(struct op *op, struct str name, struct iam_rec_InstanceProfile *ret)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_profile, name);
    int rc = op_rec_get(op, &k, &iam_rec_InstanceProfile_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "Instance Profile %.*s cannot be found.", STR_ARG(name)) : rc;
}

static int profile_put(struct op *op, const struct iam_rec_InstanceProfile *p)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_profile, p->Name);
    return op_rec_put(op, &k, &iam_rec_InstanceProfile_shape, p);
}

static int role_use(struct op *op, struct str role, struct str profile, bool used)
{
    struct key k;
    op_key(op, &k, &iam_kind_inprofile);
    key_str(&k, role);
    key_str(&k, profile);
    return used ? txn_put(op->txn, key_view(&k), STR("")) : op_rec_delete(op, &k);
}

int iam_authorize_AddRoleToInstanceProfile(struct op *op, const struct iam_AddRoleToInstanceProfile_in *in, struct authz *a)
{
    authz_add(a, "iam:AddRoleToInstanceProfile", iam_arn_profile(op, in->InstanceProfileName));
    authz_add(a, "iam:PassRole", iam_arn_role(op, in->RoleName));
    return 0;
}

struct str iam_arn_profile(struct op *op, struct str InstanceProfileName)
{
    struct iam_rec_InstanceProfile p = { .Path = STR("/"), .Name = InstanceProfileName };
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_profile, InstanceProfileName);
    op_rec_get(op, &k, &iam_rec_InstanceProfile_shape, &p);
    return directory_arn(op, op->account, "instance-profile", p.Path, p.Name);
}

static void profile_out(struct op *op, const struct iam_rec_InstanceProfile *p, bool whole, struct iam_InstanceProfile *ret)
{
    struct iam_rec_Role role;
    ret->Path = p->Path;
    ret->InstanceProfileName = p->Name;
    ret->InstanceProfileId = p->Id;
    ret->Arn = directory_arn(op, op->account, "instance-profile", p->Path, p->Name);
    ret->CreateDate = iam_time(p->CreatedMs);
    ret->Roles.set = true;
    if (p->RoleName.p && directory_role(op, op->account, p->RoleName, &role) == 0)
        iam_role_out(op, &role, false, list_push(op->arena, &ret->Roles));
    if (whole)
        iam_tags_out(op, &p->Tags, &ret->Tags);
}

int iam_CreateInstanceProfile(struct op *op, const struct iam_CreateInstanceProfile_in *in, struct iam_CreateInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p = { .Name = in->InstanceProfileName, .Path = iam_path(in->Path), .Id = id_iam(op, "AIPA"), .CreatedMs = iam_now(op) };
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_profile, p.Name);
    if (op_rec_has(op, &k))
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Instance Profile %.*s already exists.", STR_ARG(p.Name));
    int rc = iam_tags_in(op, &in->Tags, &p.Tags);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_profile);
    if (rc)
        return rc;
    out->InstanceProfile = arena_one(op->arena, struct iam_InstanceProfile);
    profile_out(op, &p, true, out->InstanceProfile);
    return profile_put(op, &p);
}

int iam_GetInstanceProfile(struct op *op, const struct iam_GetInstanceProfile_in *in, struct iam_GetInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc)
        return rc;
    out->InstanceProfile = arena_one(op->arena, struct iam_InstanceProfile);
    profile_out(op, &p, true, out->InstanceProfile);
    return 0;
}

int iam_DeleteInstanceProfile(struct op *op, const struct iam_DeleteInstanceProfile_in *in, struct iam_DeleteInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc)
        return rc;
    if (p.RoleName.p)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must remove roles from instance profile first.");
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_profile, p.Name);
    return op_rec_delete(op, &k);
}

int iam_AddRoleToInstanceProfile(struct op *op, const struct iam_AddRoleToInstanceProfile_in *in, struct iam_AddRoleToInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    struct iam_rec_Role role;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc == 0)
        rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0 && p.RoleName.p)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    if (rc)
        return rc;
    p.RoleName = role.Name;
    rc = role_use(op, role.Name, p.Name, true);
    return rc ? rc : profile_put(op, &p);
}

int iam_RemoveRoleFromInstanceProfile(struct op *op, const struct iam_RemoveRoleFromInstanceProfile_in *in,
                                      struct iam_RemoveRoleFromInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc)
        return rc;
    if (!p.RoleName.p || !str_eq_nocase(p.RoleName, in->RoleName))
        return aws_fail(op, IAM_NoSuchEntityException, "The role with name %.*s cannot be found.", STR_ARG(in->RoleName));
    rc = role_use(op, p.RoleName, p.Name, false);
    p.RoleName = STR_NONE;
    return rc ? rc : profile_put(op, &p);
}

int iam_ListInstanceProfiles(struct op *op, const struct iam_ListInstanceProfiles_in *in, struct iam_ListInstanceProfiles_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_profile, STR_NONE);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->InstanceProfiles.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_InstanceProfile p;
        rc = op_rec_decode(op, value, &iam_rec_InstanceProfile_shape, &p);
        if (rc)
            break;
        if (in->PathPrefix.p && !str_starts(p.Path, in->PathPrefix))
            iam_page_skip(&page);
        else
            profile_out(op, &p, false, list_push(op->arena, &out->InstanceProfiles));
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

int iam_profiles_of(struct op *op, struct str role, struct iam_instanceProfileListType *ret)
{
    struct key prefix, to;
    struct str key, value, name;
    op_key(op, &prefix, &iam_kind_inprofile);
    key_str(&prefix, role);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    ret->set = true;
    while (scan_next(s, &key, &value)) {
        struct iam_rec_InstanceProfile p;
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &name) == 0 && profile_get(op, name, &p) == 0)
            profile_out(op, &p, false, list_push(op->arena, ret));
    }
    return scan_end(s);
}

int iam_ListInstanceProfilesForRole(struct op *op, const struct iam_ListInstanceProfilesForRole_in *in, struct iam_ListInstanceProfilesForRole_out *out)
{
    struct iam_rec_Role role;
    struct iam_page page;
    struct key prefix;
    struct str key, value, name;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc)
        return rc;
    op_key(op, &prefix, &iam_kind_inprofile);
    key_str(&prefix, role.Name);
    rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->InstanceProfiles.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_InstanceProfile p;
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &name) == 0 && profile_get(op, name, &p) == 0)
            profile_out(op, &p, false, list_push(op->arena, &out->InstanceProfiles));
    }
    return iam_page_end(&page, &out->IsTruncated, &out->Marker);
}

int iam_TagInstanceProfile(struct op *op, const struct iam_TagInstanceProfile_in *in, struct iam_TagInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &p.Tags);
    return rc ? rc : profile_put(op, &p);
}

int iam_UntagInstanceProfile(struct op *op, const struct iam_UntagInstanceProfile_in *in, struct iam_UntagInstanceProfile_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    if (rc)
        return rc;
    tags_remove(&p.Tags, &in->TagKeys);
    return profile_put(op, &p);
}

int iam_ListInstanceProfileTags(struct op *op, const struct iam_ListInstanceProfileTags_in *in, struct iam_ListInstanceProfileTags_out *out)
{
    struct iam_rec_InstanceProfile p;
    int rc = profile_get(op, in->InstanceProfileName, &p);
    return rc ? rc : iam_tags_list(op, &p.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}
