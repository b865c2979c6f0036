#include "services/iam/common.h"

enum { GROUPS_PER_USER = 10 };

/* group -> user; the user's record holds the other direction, which is the one that authorization reads. */
int iam_member_set(struct op *op, struct str group, struct str user, bool member)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_member, group);
    key_str(&k, user);
    return member ? txn_put(op->txn, key_view(&k), STR("")) : op_rec_delete(op, &k);
}

static int get_group(struct op *op, struct str name, struct iam_rec_Group *ret)
{
    struct iam_holder h;
    int rc = iam_holder_get(op, IAM_GROUP, name, &h);
    *ret = h.group;
    return rc;
}

int iam_CreateGroup(struct op *op, const struct iam_CreateGroup_in *in, struct iam_CreateGroup_out *out)
{
    struct iam_rec_Group group;
    if (directory_group(op, op->account, in->GroupName, &group) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Group with name %.*s already exists.", STR_ARG(in->GroupName));
    group = (struct iam_rec_Group){ .Name = in->GroupName, .Path = iam_path(in->Path), .Id = id_iam(op, "AGPA"), .CreatedMs = iam_now(op) };
    int rc = iam_quota_check(op, &iam_kind_group);
    if (rc)
        return rc;
    out->Group = arena_one(op->arena, struct iam_Group);
    iam_group_out(op, &group, out->Group);
    return directory_group_put(op, &group);
}

int iam_GetGroup(struct op *op, const struct iam_GetGroup_in *in, struct iam_GetGroup_out *out)
{
    struct iam_rec_Group group;
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    int rc = get_group(op, in->GroupName, &group);
    if (rc)
        return rc;
    out->Group = arena_one(op->arena, struct iam_Group);
    iam_group_out(op, &group, out->Group);
    out->Users.set = true;
    directory_key(op, &prefix, op->account, &iam_kind_member, group.Name);
    rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    while (iam_page_next(&page, &key, &value)) {
        struct key_reader r;
        struct str name;
        struct iam_rec_User user;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &name) == 0 && directory_user(op, op->account, name, &user) == 0)
            iam_user_out(op, &user, false, list_push(op->arena, &out->Users));
    }
    return iam_page_end(&page, &out->IsTruncated, &out->Marker);
}

static int members(struct op *op, struct str group, struct str_list *ret)
{
    struct key prefix, to;
    struct str key, value, name;
    directory_key(op, &prefix, op->account, &iam_kind_member, group);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &name) == 0)
            str_list_add(op->arena, ret, name);
    }
    return scan_end(s);
}

static int rename_group(struct op *op, struct iam_rec_Group *group, struct str name)
{
    struct iam_rec_Group other;
    struct str_list users = { 0 };
    struct str old = group->Name;
    if (!str_eq_nocase(old, name) && directory_group(op, op->account, name, &other) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Group with name %.*s already exists.", STR_ARG(name));
    int rc = members(op, old, &users);
    for (uint32_t i = 0; rc == 0 && i < users.n; i++) {
        struct iam_rec_User user;
        rc = directory_user(op, op->account, users.v[i], &user);
        for (uint32_t g = 0; rc == 0 && g < user.Groups.n; g++)
            if (str_eq(user.Groups.v[g], old))
                user.Groups.v[g] = name;
        if (rc == 0)
            rc = directory_user_put(op, &user);
        if (rc == 0)
            rc = iam_member_set(op, old, users.v[i], false);
        if (rc == 0)
            rc = iam_member_set(op, name, users.v[i], true);
    }
    for (uint32_t i = 0; rc == 0 && i < group->Attached.n; i++) {
        rc = iam_use_remove(op, &iam_kind_attached, group->Attached.v[i], "group", old);
        if (rc == 0)
            rc = iam_use_add(op, &iam_kind_attached, group->Attached.v[i], "group", name);
    }
    group->Name = name;
    return rc ? rc : directory_delete(op, &iam_kind_group, old);
}

int iam_UpdateGroup(struct op *op, const struct iam_UpdateGroup_in *in, struct iam_UpdateGroup_out *out)
{
    struct iam_rec_Group group;
    int rc = get_group(op, in->GroupName, &group);
    if (rc == 0 && in->NewGroupName.p && !str_eq(in->NewGroupName, group.Name))
        rc = rename_group(op, &group, in->NewGroupName);
    if (rc)
        return rc;
    if (in->NewPath.p)
        group.Path = in->NewPath;
    return directory_group_put(op, &group);
}

int iam_DeleteGroup(struct op *op, const struct iam_DeleteGroup_in *in, struct iam_DeleteGroup_out *out)
{
    struct iam_holder h;
    struct str_list users = { 0 };
    int rc = iam_holder_get(op, IAM_GROUP, in->GroupName, &h);
    if (rc == 0)
        rc = members(op, h.name, &users);
    if (rc == 0 && users.n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must remove users from group first.");
    if (rc == 0)
        rc = iam_holder_empty(op, &h);
    return rc ? rc : directory_delete(op, &iam_kind_group, h.name);
}

int iam_ListGroups(struct op *op, const struct iam_ListGroups_in *in, struct iam_ListGroups_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_group, STR_NONE);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->Groups.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_Group group;
        rc = op_rec_decode(op, value, &iam_rec_Group_shape, &group);
        if (rc)
            break;
        if (in->PathPrefix.p && !str_starts(group.Path, in->PathPrefix))
            iam_page_skip(&page);
        else
            iam_group_out(op, &group, list_push(op->arena, &out->Groups));
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

int iam_AddUserToGroup(struct op *op, const struct iam_AddUserToGroup_in *in, struct iam_AddUserToGroup_out *out)
{
    struct iam_rec_Group group;
    struct iam_rec_User user;
    int rc = get_group(op, in->GroupName, &group);
    if (rc == 0)
        rc = iam_user_get(op, in->UserName, &user);
    if (rc || str_list_has(&user.Groups, group.Name))
        return rc;
    if (user.Groups.n >= GROUPS_PER_USER)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for GroupsPerUser: %d", GROUPS_PER_USER);
    str_list_add(op->arena, &user.Groups, group.Name);
    rc = iam_member_set(op, group.Name, user.Name, true);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_RemoveUserFromGroup(struct op *op, const struct iam_RemoveUserFromGroup_in *in, struct iam_RemoveUserFromGroup_out *out)
{
    struct iam_rec_Group group;
    struct iam_rec_User user;
    uint32_t kept = 0;
    int rc = get_group(op, in->GroupName, &group);
    if (rc == 0)
        rc = iam_user_get(op, in->UserName, &user);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < user.Groups.n; i++)
        if (!str_eq(user.Groups.v[i], group.Name))
            user.Groups.v[kept++] = user.Groups.v[i];
    if (kept == user.Groups.n)
        return aws_fail(op, IAM_NoSuchEntityException, "User %.*s is not a member of group %.*s.", STR_ARG(user.Name), STR_ARG(group.Name));
    user.Groups.n = kept;
    rc = iam_member_set(op, group.Name, user.Name, false);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_ListGroupsForUser(struct op *op, const struct iam_ListGroupsForUser_in *in, struct iam_ListGroupsForUser_out *out)
{
    struct iam_rec_User user;
    uint32_t from = 0, to = 0;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0)
        rc = iam_slice(op, in->Marker, in->MaxItems, user.Groups.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->Groups.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++) {
        struct iam_rec_Group group;
        rc = get_group(op, user.Groups.v[i], &group);
        if (rc == 0)
            iam_group_out(op, &group, list_push(op->arena, &out->Groups));
    }
    return rc;
}
