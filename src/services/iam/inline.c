/* Inline policies: the same four operations for users, groups and roles. */
#include "services/iam/common.h"

static const size_t inline_bytes_max[] = { 2048, 5120, 10240 }; /* all of one user, group, role together */

static int put_inline(struct op *op, enum iam_kind kind, struct str name, struct str policy_name, struct str document)
{
    struct iam_holder h;
    int rc = iam_holder_get(op, kind, name, &h);
    if (rc == 0 && kind == IAM_ROLE)
        rc = iam_role_editable(op, &h.role);
    if (rc == 0)
        rc = iam_document_check(op, document, POLICY_IDENTITY);
    if (rc)
        return rc;
    str_map_put(op->arena, h.inline_policies, policy_name, document);
    size_t bytes = 0;
    for list_each(p, h.inline_policies)
        bytes += iam_document_size(p->value);
    if (bytes > inline_bytes_max[kind])
        return aws_fail(op, IAM_LimitExceededException, "Maximum policy size of %zu bytes exceeded for %s %.*s", inline_bytes_max[kind],
                        iam_kind_name[kind], STR_ARG(h.name));
    return iam_holder_put(op, &h);
}

static int find_inline(struct op *op, enum iam_kind kind, struct str name, struct str policy_name, struct iam_holder *h, struct str *ret)
{
    int rc = iam_holder_get(op, kind, name, h);
    if (rc)
        return rc;
    *ret = str_map_get(h->inline_policies, policy_name);
    if (ret->p)
        return 0;
    return aws_fail(op, IAM_NoSuchEntityException, "The %s policy with name %.*s cannot be found.", iam_kind_name[kind], STR_ARG(policy_name));
}

static int get_inline(struct op *op, enum iam_kind kind, struct str name, struct str policy_name, struct str *ret_name, struct str *ret_policy_name,
                      struct str *ret_document)
{
    struct iam_holder h;
    struct str document;
    int rc = find_inline(op, kind, name, policy_name, &h, &document);
    if (rc)
        return rc;
    *ret_name = h.name;
    *ret_policy_name = policy_name;
    *ret_document = iam_document_out(op, document);
    return 0;
}

static int delete_inline(struct op *op, enum iam_kind kind, struct str name, struct str policy_name)
{
    struct iam_holder h;
    struct str document;
    int rc = find_inline(op, kind, name, policy_name, &h, &document);
    if (rc)
        return rc;
    str_map_remove(h.inline_policies, policy_name);
    return iam_holder_put(op, &h);
}

static int list_inline(struct op *op, enum iam_kind kind, struct str name, struct str marker, struct opt_i64 max_items, struct str_list *ret,
                       struct opt_bool *ret_truncated, struct str *ret_marker)
{
    struct iam_holder h;
    uint32_t from, to;
    int rc = iam_holder_get(op, kind, name, &h);
    if (rc == 0)
        rc = iam_slice(op, marker, max_items, h.inline_policies->n, &from, &to, ret_truncated, ret_marker);
    if (rc)
        return rc;
    str_map_sort(h.inline_policies);
    ret->set = true;
    for (uint32_t i = from; i < to; i++)
        str_list_add(op->arena, ret, h.inline_policies->v[i].key);
    return 0;
}

#define INLINE_OPERATIONS(Kind, KIND)                                                                                                       \
    int iam_Put##Kind##Policy(struct op *op, const struct iam_Put##Kind##Policy_in *in, struct iam_Put##Kind##Policy_out *out)              \
    {                                                                                                                                       \
        return put_inline(op, KIND, in->Kind##Name, in->PolicyName, in->PolicyDocument);                                                    \
    }                                                                                                                                       \
    int iam_Get##Kind##Policy(struct op *op, const struct iam_Get##Kind##Policy_in *in, struct iam_Get##Kind##Policy_out *out)              \
    {                                                                                                                                       \
        return get_inline(op, KIND, in->Kind##Name, in->PolicyName, &out->Kind##Name, &out->PolicyName, &out->PolicyDocument);              \
    }                                                                                                                                       \
    int iam_Delete##Kind##Policy(struct op *op, const struct iam_Delete##Kind##Policy_in *in, struct iam_Delete##Kind##Policy_out *out)     \
    {                                                                                                                                       \
        return delete_inline(op, KIND, in->Kind##Name, in->PolicyName);                                                                     \
    }                                                                                                                                       \
    int iam_List##Kind##Policies(struct op *op, const struct iam_List##Kind##Policies_in *in, struct iam_List##Kind##Policies_out *out)     \
    {                                                                                                                                       \
        return list_inline(op, KIND, in->Kind##Name, in->Marker, in->MaxItems, &out->PolicyNames, &out->IsTruncated, &out->Marker);         \
    }

INLINE_OPERATIONS(User, IAM_USER)
INLINE_OPERATIONS(Group, IAM_GROUP)
INLINE_OPERATIONS(Role, IAM_ROLE)
