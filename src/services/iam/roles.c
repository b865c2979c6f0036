#include "services/iam/common.h"
#include "services/iam/usage.h"

enum { SESSION_S = 3600, TRUST_BYTES_MAX = 2048 };

static int check_trust(struct op *op, struct str document)
{
    int rc = iam_document_check(op, document, POLICY_TRUST);
    if (rc == 0 && iam_document_size(document) > TRUST_BYTES_MAX)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for ACLSizePerRole: %d", TRUST_BYTES_MAX);
    return rc;
}

int iam_CreateRole(struct op *op, const struct iam_CreateRole_in *in, struct iam_CreateRole_out *out)
{
    struct iam_rec_Role role;
    if (directory_role(op, op->account, in->RoleName, &role) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Role with name %.*s already exists.", STR_ARG(in->RoleName));
    if (str_starts(iam_path(in->Path), STR("/aws-service-role/")))
        return aws_fail(op, AWS_ValidationError, "Path for role cannot begin with /aws-service-role/");
    int rc = check_trust(op, in->AssumeRolePolicyDocument);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_role);
    if (rc)
        return rc;
    role = (struct iam_rec_Role){
        .Name = in->RoleName, .Path = iam_path(in->Path), .Id = id_iam(op, "AROA"), .CreatedMs = iam_now(op), .Description = in->Description,
        .Trust = in->AssumeRolePolicyDocument, .MaxSessionS = SOME_I64(opt_i64(in->MaxSessionDuration, SESSION_S)),
    };
    rc = iam_tags_in(op, &in->Tags, &role.Tags);
    if (rc == 0 && in->PermissionsBoundary.p)
        rc = iam_boundary_set(op, &role.Boundary, in->PermissionsBoundary, "role", role.Name);
    if (rc == 0)
        rc = directory_role_put(op, &role);
    if (rc)
        return rc;
    out->Role = arena_one(op->arena, struct iam_Role);
    iam_role_out(op, &role, true, out->Role);
    out->Role->RoleLastUsed = NULL;
    out->Role->MaxSessionDuration = (struct opt_i64){ 0 }; /* AWS leaves it to GetRole */
    return 0;
}

int iam_GetRole(struct op *op, const struct iam_GetRole_in *in, struct iam_GetRole_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc)
        return rc;
    out->Role = arena_one(op->arena, struct iam_Role);
    iam_role_out(op, &role, true, out->Role);
    return 0;
}

int iam_UpdateRole(struct op *op, const struct iam_UpdateRole_in *in, struct iam_UpdateRole_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0 && in->MaxSessionDuration.set) /* the description of a service's role is anybody's to change */
        rc = iam_role_editable(op, &role);
    if (rc)
        return rc;
    if (in->Description.p)
        role.Description = in->Description;
    if (in->MaxSessionDuration.set)
        role.MaxSessionS = in->MaxSessionDuration;
    return directory_role_put(op, &role);
}

int iam_UpdateRoleDescription(struct op *op, const struct iam_UpdateRoleDescription_in *in, struct iam_UpdateRoleDescription_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc)
        return rc;
    role.Description = in->Description;
    out->Role = arena_one(op->arena, struct iam_Role);
    iam_role_out(op, &role, true, out->Role);
    return directory_role_put(op, &role);
}

int iam_UpdateAssumeRolePolicy(struct op *op, const struct iam_UpdateAssumeRolePolicy_in *in, struct iam_UpdateAssumeRolePolicy_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0)
        rc = iam_role_editable(op, &role);
    if (rc == 0)
        rc = check_trust(op, in->PolicyDocument);
    if (rc)
        return rc;
    role.Trust = in->PolicyDocument;
    return directory_role_put(op, &role);
}

/* "inprofile": role, profile -> nothing; kept by profiles.c */
static bool in_a_profile(struct op *op, struct str role_name)
{
    struct key k, to;
    struct str key, value;
    op_key(op, &k, &iam_kind_inprofile);
    key_str(&k, role_name);
    key_after_prefix(&k, &to);
    struct scan *s = txn_scan(op->txn, key_view(&k), key_view(&to), false);
    bool any = scan_next(s, &key, &value);
    return scan_end(s) == 0 && any;
}

static int remove_role(struct op *op, struct iam_holder *h)
{
    int rc = iam_holder_empty(op, h);
    if (rc)
        return rc;
    if (in_a_profile(op, h->role.Name))
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete entity, must remove roles from instance profiles first.");
    if (h->role.Boundary.p)
        rc = iam_use_remove(op, &iam_kind_bounded, h->role.Boundary, "role", h->role.Name);
    if (rc == 0)
        rc = iam_usage_forget(op, h->role.Id);
    return rc ? rc : directory_delete(op, &iam_kind_role, h->role.Name);
}

int iam_DeleteRole(struct op *op, const struct iam_DeleteRole_in *in, struct iam_DeleteRole_out *out)
{
    struct iam_holder h;
    int rc = iam_holder_get(op, IAM_ROLE, in->RoleName, &h);
    if (rc == 0)
        rc = iam_role_editable(op, &h.role);
    return rc ? rc : remove_role(op, &h);
}

int iam_ListRoles(struct op *op, const struct iam_ListRoles_in *in, struct iam_ListRoles_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_role, STR_NONE);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->Roles.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_Role role;
        rc = op_rec_decode(op, value, &iam_rec_Role_shape, &role);
        if (rc)
            break;
        if (in->PathPrefix.p && !str_starts(role.Path, in->PathPrefix))
            iam_page_skip(&page);
        else
            iam_role_out(op, &role, false, list_push(op->arena, &out->Roles));
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

int iam_TagRole(struct op *op, const struct iam_TagRole_in *in, struct iam_TagRole_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &role.Tags);
    return rc ? rc : directory_role_put(op, &role);
}

int iam_UntagRole(struct op *op, const struct iam_UntagRole_in *in, struct iam_UntagRole_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc)
        return rc;
    tags_remove(&role.Tags, &in->TagKeys);
    return directory_role_put(op, &role);
}

int iam_ListRoleTags(struct op *op, const struct iam_ListRoleTags_in *in, struct iam_ListRoleTags_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    return rc ? rc : iam_tags_list(op, &role.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}

int iam_PutRolePermissionsBoundary(struct op *op, const struct iam_PutRolePermissionsBoundary_in *in, struct iam_PutRolePermissionsBoundary_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0)
        rc = iam_role_editable(op, &role);
    if (rc == 0)
        rc = iam_boundary_set(op, &role.Boundary, in->PermissionsBoundary, "role", role.Name);
    return rc ? rc : directory_role_put(op, &role);
}

int iam_DeleteRolePermissionsBoundary(struct op *op, const struct iam_DeleteRolePermissionsBoundary_in *in,
                                      struct iam_DeleteRolePermissionsBoundary_out *out)
{
    struct iam_rec_Role role;
    int rc = iam_role_get(op, in->RoleName, &role);
    if (rc == 0)
        rc = iam_role_editable(op, &role);
    if (rc == 0 && !role.Boundary.p)
        return aws_fail(op, IAM_NoSuchEntityException, "Permissions boundary for role %.*s does not exist.", STR_ARG(role.Name));
    if (rc == 0)
        rc = iam_boundary_set(op, &role.Boundary, STR_NONE, "role", role.Name);
    return rc ? rc : directory_role_put(op, &role);
}

/* ---- service-linked roles: AWSServiceRoleFor<Service> under /aws-service-role/<service>/ ---- */

/* lambda.amazonaws.com -> Lambda; the few whose role is named otherwise stand in the table. */
static struct str linked_name(struct op *op, struct str service, struct str suffix)
{
    static const struct {
        const char *service, *name;
    } names[] = {
        { "autoscaling.amazonaws.com", "AutoScaling" },
        { "ecs.amazonaws.com", "ECS" },
        { "eks.amazonaws.com", "AmazonEKS" },
        { "elasticloadbalancing.amazonaws.com", "ElasticLoadBalancing" },
        { "events.amazonaws.com", "CloudWatchEvents" },
        { "ops.apigateway.amazonaws.com", "APIGateway" },
        { "rds.amazonaws.com", "RDS" },
        { "dynamodb.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_DynamoDBTable" },
        { "replication.dynamodb.amazonaws.com", "DynamoDBReplication" },
        { "lambda.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_LambdaConcurrency" },
        { "replicator.lambda.amazonaws.com", "LambdaReplicator" },
    };
    struct str first, rest, name;
    str_cut(service, '.', &first, &rest);
    struct str head = str_upper(op->arena, str_sub(first, 0, 1));
    name = str_printf(op->arena, "%.*s%.*s", STR_ARG(head), STR_ARG(str_sub(first, 1, first.n)));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(service, names[i].service))
            name = str_c(names[i].name);
    return str_printf(op->arena, "AWSServiceRoleFor%.*s%s%.*s", STR_ARG(name), suffix.n ? "_" : "", STR_ARG(suffix));
}

static struct str linked_path(struct op *op, struct str service) { return str_printf(op->arena, "/aws-service-role/%.*s/", STR_ARG(service)); }

struct str iam_arn_linked(struct op *op, struct str AWSServiceName, struct str CustomSuffix)
{
    return directory_arn(op, op->account, "role", linked_path(op, AWSServiceName), linked_name(op, AWSServiceName, CustomSuffix));
}

int iam_CreateServiceLinkedRole(struct op *op, const struct iam_CreateServiceLinkedRole_in *in, struct iam_CreateServiceLinkedRole_out *out)
{
    struct iam_rec_Role role;
    if (!str_ends(in->AWSServiceName, STR(".amazonaws.com")))
        return aws_fail(op, IAM_InvalidInputException, "Service name %.*s is not valid. Please provide a valid service name.", STR_ARG(in->AWSServiceName));
    struct str name = linked_name(op, in->AWSServiceName, in->CustomSuffix);
    if (directory_role(op, op->account, name, &role) == 0)
        return aws_fail(op, IAM_InvalidInputException,
                        "Service role name %.*s has been taken in this account, please try a different suffix.", STR_ARG(name));
    role = (struct iam_rec_Role){
        .Name = name, .Path = linked_path(op, in->AWSServiceName), .Id = id_iam(op, "AROA"),
        .CreatedMs = iam_now(op), .Description = in->Description, .MaxSessionS = SOME_I64(SESSION_S), .ServiceLinked = SOME_BOOL(true),
        .Trust = str_printf(op->arena,
                            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"%.*s\"},"
                            "\"Action\":\"sts:AssumeRole\"}]}",
                            STR_ARG(in->AWSServiceName)),
    };
    out->Role = arena_one(op->arena, struct iam_Role);
    iam_role_out(op, &role, false, out->Role);
    return directory_role_put(op, &role);
}

int iam_DeleteServiceLinkedRole(struct op *op, const struct iam_DeleteServiceLinkedRole_in *in, struct iam_DeleteServiceLinkedRole_out *out)
{
    struct iam_holder h;
    int rc = iam_holder_get(op, IAM_ROLE, in->RoleName, &h);
    if (rc)
        return rc;
    if (!opt_bool(h.role.ServiceLinked, false))
        return aws_fail(op, IAM_NoSuchEntityException, "Role %.*s is not a service-linked role.", STR_ARG(in->RoleName));
    out->DeletionTaskId = str_printf(op->arena, "task%.*s%.*s/%.*s", STR_ARG(h.role.Path), STR_ARG(h.role.Name), STR_ARG(id_uuid(op)));
    return directory_delete(op, &iam_kind_role, h.role.Name);
}

/* The deletion is done at once, so a task that names a role which is gone has succeeded. */
int iam_GetServiceLinkedRoleDeletionStatus(struct op *op, const struct iam_GetServiceLinkedRoleDeletionStatus_in *in,
                                           struct iam_GetServiceLinkedRoleDeletionStatus_out *out)
{
    if (!str_starts(in->DeletionTaskId, STR("task/aws-service-role/")))
        return aws_fail(op, IAM_NoSuchEntityException, "Deletion Task ID %.*s not found.", STR_ARG(in->DeletionTaskId));
    out->Status = STR("SUCCEEDED");
    return 0;
}
