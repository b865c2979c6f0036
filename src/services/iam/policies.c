/* Managed policies and their versions: the customer's own, and AWS's, which nobody changes. */
#include "services/iam/common.h"

#include "aws/arn.h"

enum { VERSIONS_MAX = 5, POLICY_BYTES_MAX = 6144 };

static int not_found(struct op *op, struct str arn)
{
    return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s was not found.", STR_ARG(arn));
}

/* A customer's policy of this account by its ARN. */
static int get_policy(struct op *op, struct str arn, struct iam_rec_Policy *ret)
{
    struct arn parts;
    struct str path, name;
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, STR("policy/")) ||
        !str_cut_last(parts.resource, '/', &path, &name))
        return aws_fail(op, IAM_InvalidInputException, "ARN %.*s is not valid.", STR_ARG(arn));
    if (str_is(parts.account, "aws"))
        return managed_policy_find(arn) ? aws_fail(op, AWS_AccessDenied, "AWS managed policies cannot be changed: %.*s", STR_ARG(arn)) : not_found(op, arn);
    int rc = str_eq(parts.account, op->account) ? directory_policy(op, op->account, name, ret) : E_NOT_FOUND;
    if (rc == 0 && !str_eq(directory_arn(op, op->account, "policy", ret->Path, ret->Name), arn))
        rc = E_NOT_FOUND;
    return rc == E_NOT_FOUND ? not_found(op, arn) : rc;
}

void iam_policy_out(struct op *op, const struct iam_rec_Policy *r, struct iam_Policy *ret)
{
    ret->PolicyName = r->Name;
    ret->PolicyId = r->Id;
    ret->Arn = directory_arn(op, op->account, "policy", r->Path, r->Name);
    ret->Path = r->Path;
    ret->DefaultVersionId = r->DefaultId;
    ret->AttachmentCount = SOME_I64(iam_use_count(op, &iam_kind_attached, ret->Arn));
    ret->PermissionsBoundaryUsageCount = SOME_I64(iam_use_count(op, &iam_kind_bounded, ret->Arn));
    ret->IsAttachable = SOME_BOOL(true);
    ret->CreateDate = iam_time(r->CreatedMs);
    ret->UpdateDate = iam_time(r->UpdatedMs);
}

void iam_managed_out(struct op *op, const struct managed_policy *p, struct iam_Policy *ret)
{
    ret->PolicyName = str_c(p->name);
    ret->PolicyId = str_c(p->id);
    ret->Arn = str_printf(op->arena, "arn:aws:iam::aws:policy%s%s", p->path, p->name);
    ret->Path = str_c(p->path);
    ret->DefaultVersionId = str_c(p->version);
    ret->AttachmentCount = SOME_I64(iam_use_count(op, &iam_kind_attached, ret->Arn));
    ret->PermissionsBoundaryUsageCount = SOME_I64(iam_use_count(op, &iam_kind_bounded, ret->Arn));
    ret->IsAttachable = SOME_BOOL(true);
    ret->CreateDate = SOME_I64(p->created_s * 1000);
    ret->UpdateDate = SOME_I64(p->updated_s * 1000);
}

static int check_document(struct op *op, struct str document)
{
    int rc = iam_document_check(op, document, POLICY_IDENTITY);
    if (rc == 0 && iam_document_size(document) > POLICY_BYTES_MAX)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for PolicySize: %d", POLICY_BYTES_MAX);
    return rc;
}

static struct iam_rec_PolicyVersion *add_version(struct op *op, struct iam_rec_Policy *policy, struct str document)
{
    struct iam_rec_PolicyVersion *v = list_push(op->arena, &policy->Versions);
    int64_t number = opt_i64(policy->NextVersion, 1);
    v->Id = str_printf(op->arena, "v%lld", (long long)number);
    v->Document = document;
    v->CreatedMs = policy->UpdatedMs = iam_now(op);
    policy->NextVersion = SOME_I64(number + 1);
    return v;
}

int iam_CreatePolicy(struct op *op, const struct iam_CreatePolicy_in *in, struct iam_CreatePolicy_out *out)
{
    struct iam_rec_Policy policy;
    if (directory_policy(op, op->account, in->PolicyName, &policy) == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "A policy called %.*s already exists. Duplicate names are not allowed.",
                        STR_ARG(in->PolicyName));
    policy = (struct iam_rec_Policy){ .Name = in->PolicyName, .Path = iam_path(in->Path), .Id = id_iam(op, "ANPA"), .CreatedMs = iam_now(op),
                                      .Description = in->Description };
    int rc = check_document(op, in->PolicyDocument);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_policy);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &policy.Tags);
    if (rc)
        return rc;
    policy.DefaultId = add_version(op, &policy, in->PolicyDocument)->Id;
    out->Policy = arena_one(op->arena, struct iam_Policy);
    iam_policy_out(op, &policy, out->Policy);
    iam_tags_out(op, &policy.Tags, &out->Policy->Tags);
    return directory_policy_put(op, &policy);
}

int iam_GetPolicy(struct op *op, const struct iam_GetPolicy_in *in, struct iam_GetPolicy_out *out)
{
    struct iam_rec_Policy policy;
    const struct managed_policy *managed = managed_policy_find(in->PolicyArn);
    out->Policy = arena_one(op->arena, struct iam_Policy);
    if (managed) {
        iam_managed_out(op, managed, out->Policy);
        return 0;
    }
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc)
        return rc;
    iam_policy_out(op, &policy, out->Policy);
    out->Policy->Description = policy.Description;
    iam_tags_out(op, &policy.Tags, &out->Policy->Tags);
    return 0;
}

int iam_DeletePolicy(struct op *op, const struct iam_DeletePolicy_in *in, struct iam_DeletePolicy_out *out)
{
    struct iam_rec_Policy policy;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc)
        return rc;
    if (iam_use_count(op, &iam_kind_attached, in->PolicyArn) || iam_use_count(op, &iam_kind_bounded, in->PolicyArn))
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete a policy attached to entities.");
    if (policy.Versions.n > 1)
        return aws_fail(op, IAM_DeleteConflictException,
                        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                        "The default version is deleted with the policy.");
    return directory_delete(op, &iam_kind_policy, policy.Name);
}

static int local_policies(struct op *op, const struct iam_ListPolicies_in *in, struct str marker, struct iam_ListPolicies_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_policy, STR_NONE);
    int rc = iam_page_begin(op, &prefix, marker, in->MaxItems, &page);
    if (rc)
        return rc;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_Policy policy;
        struct iam_Policy p = { 0 };
        rc = op_rec_decode(op, value, &iam_rec_Policy_shape, &policy);
        if (rc)
            break;
        iam_policy_out(op, &policy, &p);
        int64_t uses = str_is(in->PolicyUsageFilter, "PermissionsBoundary") ? p.PermissionsBoundaryUsageCount.v : p.AttachmentCount.v;
        if ((in->PathPrefix.p && !str_starts(policy.Path, in->PathPrefix)) || (opt_bool(in->OnlyAttached, false) && uses == 0))
            iam_page_skip(&page);
        else
            *list_push(op->arena, &out->Policies) = p;
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

/* Behind the customer's policies come AWS's, by their place in the catalogue; such a marker begins with '@', which no store key does. */
static void aws_policies(struct op *op, const struct iam_ListPolicies_in *in, size_t from, struct iam_ListPolicies_out *out)
{
    int64_t max = opt_i64(in->MaxItems, 100);
    const struct managed_policy *p;
    for (size_t i = from; (p = managed_policy_at(i)); i++) {
        struct iam_Policy one = { 0 };
        if (in->PathPrefix.p && !str_starts(str_c(p->path), in->PathPrefix))
            continue;
        iam_managed_out(op, p, &one);
        int64_t uses = str_is(in->PolicyUsageFilter, "PermissionsBoundary") ? one.PermissionsBoundaryUsageCount.v : one.AttachmentCount.v;
        if (opt_bool(in->OnlyAttached, false) && uses == 0)
            continue;
        if ((int64_t)out->Policies.n >= max) {
            out->IsTruncated = SOME_BOOL(true);
            out->Marker = page_token(op, str_printf(op->arena, "@%zu", i));
            return;
        }
        *list_push(op->arena, &out->Policies) = one;
    }
}

int iam_ListPolicies(struct op *op, const struct iam_ListPolicies_in *in, struct iam_ListPolicies_out *out)
{
    bool all = !in->Scope.p || str_is(in->Scope, "All"), local = all || str_is(in->Scope, "Local"), aws = all || str_is(in->Scope, "AWS");
    struct str at = STR("");
    int64_t from = 0;
    int rc = 0;
    out->Policies.set = true;
    out->IsTruncated = SOME_BOOL(false);
    if (in->Marker.p && page_key(op, in->Marker, &at))
        return aws_fail(op, AWS_ValidationError, "Invalid Marker.");
    if (str_starts(at, STR("@"))) {
        if (str_to_i64(str_sub(at, 1, at.n), &from) || from < 0)
            return aws_fail(op, AWS_ValidationError, "Invalid Marker.");
        local = false;
    }
    if (local)
        rc = local_policies(op, in, in->Marker, out);
    if (rc == 0 && aws && !out->IsTruncated.v)
        aws_policies(op, in, (size_t)from, out);
    return rc;
}

void iam_version_out(struct op *op, const struct iam_rec_Policy *policy, const struct iam_rec_PolicyVersion *v, bool document, struct iam_PolicyVersion *ret)
{
    ret->VersionId = v->Id;
    ret->IsDefaultVersion = SOME_BOOL(str_eq(v->Id, policy->DefaultId));
    ret->CreateDate = iam_time(v->CreatedMs);
    if (document)
        ret->Document = iam_document_out(op, v->Document);
}

static int get_version(struct op *op, const struct iam_rec_Policy *policy, struct str arn, struct str id, uint32_t *ret)
{
    for (uint32_t i = 0; i < policy->Versions.n; i++) {
        if (str_eq(policy->Versions.v[i].Id, id)) {
            *ret = i;
            return 0;
        }
    }
    return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s version %.*s does not exist or is not attachable.", STR_ARG(arn), STR_ARG(id));
}

int iam_CreatePolicyVersion(struct op *op, const struct iam_CreatePolicyVersion_in *in, struct iam_CreatePolicyVersion_out *out)
{
    struct iam_rec_Policy policy;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = check_document(op, in->PolicyDocument);
    if (rc)
        return rc;
    if (policy.Versions.n >= VERSIONS_MAX)
        return aws_fail(op, IAM_LimitExceededException,
                        "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", VERSIONS_MAX);
    struct iam_rec_PolicyVersion *v = add_version(op, &policy, in->PolicyDocument);
    if (opt_bool(in->SetAsDefault, false))
        policy.DefaultId = v->Id;
    out->PolicyVersion = arena_one(op->arena, struct iam_PolicyVersion);
    iam_version_out(op, &policy, v, false, out->PolicyVersion);
    return directory_policy_put(op, &policy);
}

int iam_GetPolicyVersion(struct op *op, const struct iam_GetPolicyVersion_in *in, struct iam_GetPolicyVersion_out *out)
{
    struct iam_rec_Policy policy;
    uint32_t i;
    const struct managed_policy *managed = managed_policy_find(in->PolicyArn);
    struct iam_PolicyVersion *v = out->PolicyVersion = arena_one(op->arena, struct iam_PolicyVersion);
    if (managed) {
        if (!str_is(in->VersionId, managed->version))
            return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s version %.*s does not exist or is not attachable.", STR_ARG(in->PolicyArn),
                            STR_ARG(in->VersionId));
        v->VersionId = in->VersionId;
        v->IsDefaultVersion = SOME_BOOL(true);
        v->CreateDate = SOME_I64(managed->updated_s * 1000);
        v->Document = iam_document_out(op, managed_policy_document(op->arena, managed));
        return 0;
    }
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = get_version(op, &policy, in->PolicyArn, in->VersionId, &i);
    if (rc == 0)
        iam_version_out(op, &policy, &policy.Versions.v[i], true, v);
    return rc;
}

int iam_DeletePolicyVersion(struct op *op, const struct iam_DeletePolicyVersion_in *in, struct iam_DeletePolicyVersion_out *out)
{
    struct iam_rec_Policy policy;
    uint32_t i;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = get_version(op, &policy, in->PolicyArn, in->VersionId, &i);
    if (rc)
        return rc;
    if (str_eq(policy.DefaultId, in->VersionId))
        return aws_fail(op, IAM_DeleteConflictException, "Cannot delete the default version of a policy.");
    for (; i + 1 < policy.Versions.n; i++)
        policy.Versions.v[i] = policy.Versions.v[i + 1];
    policy.Versions.n--;
    return directory_policy_put(op, &policy);
}

int iam_ListPolicyVersions(struct op *op, const struct iam_ListPolicyVersions_in *in, struct iam_ListPolicyVersions_out *out)
{
    struct iam_rec_Policy policy = { 0 };
    const struct managed_policy *managed = managed_policy_find(in->PolicyArn);
    uint32_t from, to;
    if (managed) {
        policy.DefaultId = str_c(managed->version);
        *list_push(op->arena, &policy.Versions) = (struct iam_rec_PolicyVersion){ .Id = policy.DefaultId, .CreatedMs = SOME_I64(managed->updated_s * 1000) };
    }
    int rc = managed ? 0 : get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = iam_slice(op, in->Marker, in->MaxItems, policy.Versions.n, &from, &to, &out->IsTruncated, &out->Marker);
    if (rc)
        return rc;
    out->Versions.set = true;
    for (uint32_t i = from; i < to; i++) /* the newest first */
        iam_version_out(op, &policy, &policy.Versions.v[policy.Versions.n - 1 - i], false, list_push(op->arena, &out->Versions));
    return 0;
}

int iam_SetDefaultPolicyVersion(struct op *op, const struct iam_SetDefaultPolicyVersion_in *in, struct iam_SetDefaultPolicyVersion_out *out)
{
    struct iam_rec_Policy policy;
    uint32_t i;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = get_version(op, &policy, in->PolicyArn, in->VersionId, &i);
    if (rc)
        return rc;
    policy.DefaultId = in->VersionId;
    policy.UpdatedMs = iam_now(op);
    return directory_policy_put(op, &policy);
}

int iam_TagPolicy(struct op *op, const struct iam_TagPolicy_in *in, struct iam_TagPolicy_out *out)
{
    struct iam_rec_Policy policy;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &policy.Tags);
    return rc ? rc : directory_policy_put(op, &policy);
}

int iam_UntagPolicy(struct op *op, const struct iam_UntagPolicy_in *in, struct iam_UntagPolicy_out *out)
{
    struct iam_rec_Policy policy;
    int rc = get_policy(op, in->PolicyArn, &policy);
    if (rc)
        return rc;
    tags_remove(&policy.Tags, &in->TagKeys);
    return directory_policy_put(op, &policy);
}

int iam_ListPolicyTags(struct op *op, const struct iam_ListPolicyTags_in *in, struct iam_ListPolicyTags_out *out)
{
    struct iam_rec_Policy policy = { 0 };
    int rc = managed_policy_find(in->PolicyArn) ? 0 : get_policy(op, in->PolicyArn, &policy);
    return rc ? rc : iam_tags_list(op, &policy.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}
