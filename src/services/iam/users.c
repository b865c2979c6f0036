#include "services/iam/common.h"
#include "services/iam/usage.h"

int iam_CreateUser(struct op *op, const struct iam_CreateUser_in *in, struct iam_CreateUser_out *out)
{
    struct iam_rec_User user;
    if (directory_user(op, op->account, in->UserName, &user) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "User with name %.*s already exists.", STR_ARG(in->UserName));
    user = (struct iam_rec_User){ .Name = in->UserName, .Path = iam_path(in->Path), .Id = id_iam(op, "AIDA"), .CreatedMs = iam_now(op) };
    int rc = iam_tags_in(op, &in->Tags, &user.Tags);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_user);
    if (rc == 0 && in->PermissionsBoundary.p)
        rc = iam_boundary_set(op, &user.Boundary, in->PermissionsBoundary, "user", user.Name);
    if (rc)
        return rc;
    out->User = arena_one(op->arena, struct iam_User);
    iam_user_out(op, &user, true, out->User);
    return directory_user_put(op, &user);
}

int iam_GetUser(struct op *op, const struct iam_GetUser_in *in, struct iam_GetUser_out *out)
{
    struct iam_rec_User user;
    struct str name;
    int rc = iam_user_or_self(op, in->UserName, &name);
    if (rc)
        return rc;
    out->User = arena_one(op->arena, struct iam_User);
    if (!name.n) { /* the root asks about itself */
        *out->User = (struct iam_User){ .UserId = op->account, .Arn = op->caller->arn, .CreateDate = SOME_I64(0), .Path = STR("/"), .UserName = STR("root") };
        return 0;
    }
    rc = iam_user_get(op, name, &user);
    if (rc == 0)
        iam_user_out(op, &user, true, out->User);
    return rc;
}

/* Everything that names the user moves with it: keys, memberships, uses of policies. */
static int rename_user(struct op *op, struct iam_rec_User *user, struct str name)
{
    struct iam_rec_User other;
    struct str old = user->Name;
    if (!str_eq_nocase(old, name) && directory_user(op, op->account, name, &other) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "User with name %.*s already exists.", STR_ARG(name));
    struct str_list keys = { 0 };
    int rc = iam_keys_of(op, old, &keys);
    for (uint32_t i = 0; rc == 0 && i < keys.n; i++) {
        struct iam_rec_AccessKey key;
        rc = directory_key_get(op, keys.v[i], &key);
        if (rc == 0)
            rc = directory_key_delete(op, keys.v[i]);
        key.UserName = name;
        if (rc == 0)
            rc = directory_key_put(op, &key);
    }
    for (uint32_t i = 0; rc == 0 && i < user->Attached.n; i++) {
        rc = iam_use_remove(op, &iam_kind_attached, user->Attached.v[i], "user", old);
        if (rc == 0)
            rc = iam_use_add(op, &iam_kind_attached, user->Attached.v[i], "user", name);
    }
    if (rc == 0 && user->Boundary.p) {
        rc = iam_use_remove(op, &iam_kind_bounded, user->Boundary, "user", old);
        if (rc == 0)
            rc = iam_use_add(op, &iam_kind_bounded, user->Boundary, "user", name);
    }
    for (uint32_t i = 0; rc == 0 && i < user->Groups.n; i++) {
        rc = iam_member_set(op, user->Groups.v[i], old, false);
        if (rc == 0)
            rc = iam_member_set(op, user->Groups.v[i], name, true);
    }
    if (rc == 0)
        rc = iam_rename_mfa(op, user, name);
    user->Name = name;
    return rc ? rc : directory_delete(op, &iam_kind_user, old);
}

int iam_UpdateUser(struct op *op, const struct iam_UpdateUser_in *in, struct iam_UpdateUser_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0 && in->NewUserName.p && !str_eq(in->NewUserName, user.Name))
        rc = rename_user(op, &user, in->NewUserName);
    if (rc)
        return rc;
    if (in->NewPath.p)
        user.Path = in->NewPath;
    return directory_user_put(op, &user);
}

int iam_DeleteUser(struct op *op, const struct iam_DeleteUser_in *in, struct iam_DeleteUser_out *out)
{
    struct iam_holder h;
    struct iam_rec_Login login;
    struct str_list keys = { 0 };
    int rc = iam_holder_get(op, IAM_USER, in->UserName, &h);
    if (rc == 0 && iam_login_of(op, &h.user, &login) == 0)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must delete login profile first.");
    if (rc == 0 && h.user.MfaDevices.n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must delete MFA device first.");
    if (rc == 0)
        rc = iam_keys_of(op, h.name, &keys);
    if (rc == 0 && keys.n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must delete access keys first.");
    if (rc == 0 && h.user.Groups.n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must remove users from group first.");
    if (rc == 0)
        rc = iam_holder_empty(op, &h);
    if (rc == 0 && h.user.Boundary.p)
        rc = iam_use_remove(op, &iam_kind_bounded, h.user.Boundary, "user", h.name);
    if (rc == 0)
        rc = iam_usage_forget(op, h.user.Id);
    return rc ? rc : directory_delete(op, &iam_kind_user, h.name);
}

int iam_ListUsers(struct op *op, const struct iam_ListUsers_in *in, struct iam_ListUsers_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_user, STR_NONE);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->Users.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_User user;
        rc = op_rec_decode(op, value, &iam_rec_User_shape, &user);
        if (rc)
            break;
        if (in->PathPrefix.p && !str_starts(user.Path, in->PathPrefix))
            iam_page_skip(&page);
        else
            iam_user_out(op, &user, false, list_push(op->arena, &out->Users));
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

int iam_TagUser(struct op *op, const struct iam_TagUser_in *in, struct iam_TagUser_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &user.Tags);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_UntagUser(struct op *op, const struct iam_UntagUser_in *in, struct iam_UntagUser_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc)
        return rc;
    tags_remove(&user.Tags, &in->TagKeys);
    return directory_user_put(op, &user);
}

int iam_ListUserTags(struct op *op, const struct iam_ListUserTags_in *in, struct iam_ListUserTags_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    return rc ? rc : iam_tags_list(op, &user.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}

int iam_PutUserPermissionsBoundary(struct op *op, const struct iam_PutUserPermissionsBoundary_in *in, struct iam_PutUserPermissionsBoundary_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0)
        rc = iam_boundary_set(op, &user.Boundary, in->PermissionsBoundary, "user", user.Name);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_DeleteUserPermissionsBoundary(struct op *op, const struct iam_DeleteUserPermissionsBoundary_in *in,
                                      struct iam_DeleteUserPermissionsBoundary_out *out)
{
    struct iam_rec_User user;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0 && !user.Boundary.p)
        return aws_fail(op, IAM_NoSuchEntityException, "Permissions boundary for user %.*s does not exist.", STR_ARG(user.Name));
    if (rc == 0)
        rc = iam_boundary_set(op, &user.Boundary, STR_NONE, "user", user.Name);
    return rc ? rc : directory_user_put(op, &user);
}
