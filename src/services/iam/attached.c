/* Attached managed policies: the same three operations for users, groups and roles, and the other way round. */
#include "services/iam/common.h"

#include "aws/arn.h"
#include "store/key.h"

enum { ATTACHED_MAX = 10 };
static const char *const quota_name[] = { "PoliciesPerUser", "PoliciesPerGroup", "PoliciesPerRole" };

static int attach(struct op *op, enum iam_kind kind, struct str name, struct str arn)
{
    struct iam_holder h;
    struct str document;
    int rc = iam_holder_get(op, kind, name, &h);
    if (rc == 0 && kind == IAM_ROLE)
        rc = iam_role_editable(op, &h.role);
    if (rc)
        return rc;
    rc = directory_policy_document(op, arn, &document);
    if (rc == E_INVALID)
        return aws_fail(op, IAM_InvalidInputException, "ARN %.*s is not valid.", STR_ARG(arn));
    if (rc == E_NOT_FOUND)
        return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s does not exist or is not attachable.", STR_ARG(arn));
    if (rc || str_list_has(h.attached, arn))
        return rc;
    if (h.attached->n >= ATTACHED_MAX)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for %s: %d", quota_name[kind], ATTACHED_MAX);
    str_list_add(op->arena, h.attached, arn);
    rc = iam_use_add(op, &iam_kind_attached, arn, iam_kind_name[kind], h.name);
    return rc ? rc : iam_holder_put(op, &h);
}

static int detach(struct op *op, enum iam_kind kind, struct str name, struct str arn)
{
    struct iam_holder h;
    int rc = iam_holder_get(op, kind, name, &h);
    if (rc == 0 && kind == IAM_ROLE)
        rc = iam_role_editable(op, &h.role);
    if (rc)
        return rc;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h.attached->n; i++)
        if (!str_eq(h.attached->v[i], arn))
            h.attached->v[kept++] = h.attached->v[i];
    if (kept == h.attached->n)
        return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s was not found.", STR_ARG(arn));
    h.attached->n = kept;
    rc = iam_use_remove(op, &iam_kind_attached, arn, iam_kind_name[kind], h.name);
    return rc ? rc : iam_holder_put(op, &h);
}

/* arn:aws:iam::123456789012:policy/path/name -> /path/ and name */
static void path_of(struct str arn, struct str *ret_path, struct str *ret_name)
{
    struct arn parts;
    *ret_path = STR("/");
    *ret_name = arn;
    if (arn_parse(arn, &parts) || !str_starts(parts.resource, STR("policy/")))
        return;
    struct str rest = str_sub(parts.resource, 6, parts.resource.n), path;
    str_cut_last(rest, '/', &path, ret_name);
    *ret_path = str_sub(rest, 0, path.n + 1);
}

void iam_attached_out(struct op *op, const struct str_list *arns, struct iam_attachedPoliciesListType *ret)
{
    struct str path;
    ret->set = true;
    for list_each(arn, arns) {
        struct iam_AttachedPolicy *p = list_push(op->arena, ret);
        p->PolicyArn = *arn;
        path_of(*arn, &path, &p->PolicyName);
    }
}

static int list_attached(struct op *op, enum iam_kind kind, struct str name, struct str prefix, struct str marker, struct opt_i64 max_items,
                         struct iam_attachedPoliciesListType *ret, struct opt_bool *ret_truncated, struct str *ret_marker)
{
    struct iam_holder h;
    struct iam_attachedPoliciesListType all = { 0 };
    struct str_list arns = { 0 };
    struct str path, policy_name;
    uint32_t from, to;
    int rc = iam_holder_get(op, kind, name, &h);
    if (rc)
        return rc;
    for list_each(arn, h.attached) {
        path_of(*arn, &path, &policy_name);
        if (!prefix.p || str_starts(path, prefix))
            str_list_add(op->arena, &arns, *arn);
    }
    iam_attached_out(op, &arns, &all);
    rc = iam_slice(op, marker, max_items, all.n, &from, &to, ret_truncated, ret_marker);
    if (rc)
        return rc;
    *ret = (struct iam_attachedPoliciesListType){ .v = all.v + from, .n = to - from, .cap = to - from, .set = true };
    return 0;
}

#define ATTACHED_OPERATIONS(Kind, KIND)                                                                                                     \
    int iam_Attach##Kind##Policy(struct op *op, const struct iam_Attach##Kind##Policy_in *in, struct iam_Attach##Kind##Policy_out *out)     \
    {                                                                                                                                       \
        return attach(op, KIND, in->Kind##Name, in->PolicyArn);                                                                             \
    }                                                                                                                                       \
    int iam_Detach##Kind##Policy(struct op *op, const struct iam_Detach##Kind##Policy_in *in, struct iam_Detach##Kind##Policy_out *out)     \
    {                                                                                                                                       \
        return detach(op, KIND, in->Kind##Name, in->PolicyArn);                                                                             \
    }                                                                                                                                       \
    int iam_ListAttached##Kind##Policies(struct op *op, const struct iam_ListAttached##Kind##Policies_in *in,                               \
                                         struct iam_ListAttached##Kind##Policies_out *out)                                                  \
    {                                                                                                                                       \
        return list_attached(op, KIND, in->Kind##Name, in->PathPrefix, in->Marker, in->MaxItems, &out->AttachedPolicies, &out->IsTruncated, \
                             &out->Marker);                                                                                                 \
    }

ATTACHED_OPERATIONS(User, IAM_USER)
ATTACHED_OPERATIONS(Group, IAM_GROUP)
ATTACHED_OPERATIONS(Role, IAM_ROLE)

static int add_entity(struct op *op, struct str kind, struct str name, struct str prefix, struct iam_ListEntitiesForPolicy_out *out)
{
    struct iam_holder h;
    enum iam_kind k = str_is(kind, "user") ? IAM_USER : str_is(kind, "group") ? IAM_GROUP : IAM_ROLE;
    if (iam_holder_get(op, k, name, &h))
        return 0;
    struct str path = k == IAM_USER ? h.user.Path : k == IAM_GROUP ? h.group.Path : h.role.Path;
    if (prefix.p && !str_starts(path, prefix))
        return 0;
    if (k == IAM_USER) {
        struct iam_PolicyUser *u = list_push(op->arena, &out->PolicyUsers);
        *u = (struct iam_PolicyUser){ .UserName = h.user.Name, .UserId = h.user.Id };
    } else if (k == IAM_GROUP) {
        struct iam_PolicyGroup *g = list_push(op->arena, &out->PolicyGroups);
        *g = (struct iam_PolicyGroup){ .GroupName = h.group.Name, .GroupId = h.group.Id };
    } else {
        struct iam_PolicyRole *r = list_push(op->arena, &out->PolicyRoles);
        *r = (struct iam_PolicyRole){ .RoleName = h.role.Name, .RoleId = h.role.Id };
    }
    return 1;
}

static bool wanted(struct str filter, struct str kind)
{
    if (!filter.p)
        return true;
    return (str_is(filter, "User") && str_is(kind, "user")) || (str_is(filter, "Group") && str_is(kind, "group")) ||
           (str_is(filter, "Role") && str_is(kind, "role"));
}

int iam_ListEntitiesForPolicy(struct op *op, const struct iam_ListEntitiesForPolicy_in *in, struct iam_ListEntitiesForPolicy_out *out)
{
    struct str document, key, value;
    struct iam_page page;
    struct key prefix;
    if (directory_policy_document(op, in->PolicyArn, &document))
        return aws_fail(op, IAM_NoSuchEntityException, "Policy %.*s does not exist or is not attachable.", STR_ARG(in->PolicyArn));
    out->PolicyUsers.set = out->PolicyGroups.set = out->PolicyRoles.set = true;
    op_key(op, &prefix, str_is(in->PolicyUsageFilter, "PermissionsBoundary") ? &iam_kind_bounded : &iam_kind_attached);
    key_str(&prefix, in->PolicyArn);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    while (iam_page_next(&page, &key, &value)) {
        struct key_reader r;
        struct str kind, name;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &kind) || key_read_str(&r, op->arena, &name) || !wanted(in->EntityFilter, kind) ||
            !add_entity(op, kind, name, in->PathPrefix, out))
            iam_page_skip(&page);
    }
    return iam_page_end(&page, &out->IsTruncated, &out->Marker);
}
