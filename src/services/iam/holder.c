#include "services/iam/common.h"
#include "services/iam/usage.h"

const char *const iam_kind_name[] = { "user", "group", "role" };

static int missing(struct op *op, const char *kind, struct str name, int rc)
{
    if (rc != E_NOT_FOUND)
        return rc;
    return aws_fail(op, IAM_NoSuchEntityException, "The %s with name %.*s cannot be found.", kind, STR_ARG(name));
}

int iam_user_get(struct op *op, struct str name, struct iam_rec_User *ret)
{
    int rc = directory_user(op, op->account, name, ret);
    return rc ? missing(op, "user", name, rc) : 0;
}

int iam_role_get(struct op *op, struct str name, struct iam_rec_Role *ret)
{
    int rc = directory_role(op, op->account, name, ret);
    return rc ? missing(op, "role", name, rc) : 0;
}

int iam_role_editable(struct op *op, const struct iam_rec_Role *role)
{
    if (!opt_bool(role->ServiceLinked, false))
        return 0;
    return aws_fail(op, IAM_UnmodifiableEntityException, "Cannot perform the operation on the protected role '%.*s' - this role is only modifiable by AWS",
                    STR_ARG(role->Name));
}

int iam_user_or_self(struct op *op, struct str name, struct str *ret)
{
    if (!name.p && op->caller->kind != PRINCIPAL_USER && op->caller->kind != PRINCIPAL_ROOT)
        return aws_fail(op, AWS_ValidationError, "Must specify userName when calling with non-User credentials");
    *ret = name.p ? name : op->caller->kind == PRINCIPAL_USER ? op->caller->name : STR("");
    return 0;
}

int iam_user_or_own(struct op *op, struct str name, struct iam_rec_User *ret)
{
    struct str user;
    int rc = iam_user_or_self(op, name, &user);
    if (rc == 0 && !user.n)
        return aws_fail(op, AWS_ValidationError, "Must specify userName when calling with non-User credentials");
    return rc ? rc : iam_user_get(op, user, ret);
}

int iam_holder_get(struct op *op, enum iam_kind kind, struct str name, struct iam_holder *ret)
{
    int rc;
    *ret = (struct iam_holder){ .kind = kind };
    switch (kind) {
    case IAM_USER:
        rc = directory_user(op, op->account, name, &ret->user);
        ret->name = ret->user.Name;
        ret->inline_policies = &ret->user.Inline;
        ret->attached = &ret->user.Attached;
        break;
    case IAM_GROUP:
        rc = directory_group(op, op->account, name, &ret->group);
        ret->name = ret->group.Name;
        ret->inline_policies = &ret->group.Inline;
        ret->attached = &ret->group.Attached;
        break;
    default:
        rc = directory_role(op, op->account, name, &ret->role);
        ret->name = ret->role.Name;
        ret->inline_policies = &ret->role.Inline;
        ret->attached = &ret->role.Attached;
        break;
    }
    return rc ? missing(op, iam_kind_name[kind], name, rc) : 0;
}

int iam_holder_put(struct op *op, const struct iam_holder *h)
{
    switch (h->kind) {
    case IAM_USER: return directory_user_put(op, &h->user);
    case IAM_GROUP: return directory_group_put(op, &h->group);
    default: return directory_role_put(op, &h->role);
    }
}

int iam_holder_empty(struct op *op, const struct iam_holder *h)
{
    if (h->attached->n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must detach all policies first.");
    if (h->inline_policies->n)
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must delete policies first.");
    return 0;
}

void iam_user_out(struct op *op, const struct iam_rec_User *r, bool whole, struct iam_User *ret)
{
    ret->Path = r->Path;
    ret->UserName = r->Name;
    ret->UserId = r->Id;
    ret->Arn = directory_arn(op, op->account, "user", r->Path, r->Name);
    ret->CreateDate = iam_time(r->CreatedMs);
    if (!whole)
        return;
    ret->PermissionsBoundary = iam_boundary_out(op, r->Boundary);
    iam_tags_out(op, &r->Tags, &ret->Tags);
}

void iam_group_out(struct op *op, const struct iam_rec_Group *r, struct iam_Group *ret)
{
    ret->Path = r->Path;
    ret->GroupName = r->Name;
    ret->GroupId = r->Id;
    ret->Arn = directory_arn(op, op->account, "group", r->Path, r->Name);
    ret->CreateDate = iam_time(r->CreatedMs);
}

void iam_role_out(struct op *op, const struct iam_rec_Role *r, bool whole, struct iam_Role *ret)
{
    ret->Path = r->Path;
    ret->RoleName = r->Name;
    ret->RoleId = r->Id;
    ret->Arn = directory_arn(op, op->account, "role", r->Path, r->Name);
    ret->CreateDate = iam_time(r->CreatedMs);
    ret->AssumeRolePolicyDocument = iam_document_out(op, r->Trust);
    ret->Description = r->Description;
    ret->MaxSessionDuration = r->MaxSessionS;
    if (!whole)
        return;
    ret->PermissionsBoundary = iam_boundary_out(op, r->Boundary);
    iam_tags_out(op, &r->Tags, &ret->Tags);
    struct iam_rec_Usage usage;
    iam_usage_get(op, r->Id, &usage);
    ret->RoleLastUsed = arena_one(op->arena, struct iam_RoleLastUsed);
    *ret->RoleLastUsed = (struct iam_RoleLastUsed){ .LastUsedDate = iam_time(usage.LastMs), .Region = usage.Region };
}
