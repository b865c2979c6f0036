/* Which documents bind a principal. */
#include "auth/directory.h"

#include "aws/arn.h"

int directory_policy_document(struct op *op, struct str arn, struct str *ret)
{
    struct arn parts;
    struct str path, name;
    const struct managed_policy *managed = managed_policy_find(arn);
    if (managed) {
        *ret = managed_policy_document(op->arena, managed);
        return 0;
    }
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, STR("policy/")) ||
        !str_cut_last(parts.resource, '/', &path, &name))
        return E_INVALID;
    struct iam_rec_Policy policy;
    int rc = directory_policy(op, parts.account, name, &policy);
    if (rc)
        return rc;
    if (!str_eq(directory_arn(op, parts.account, "policy", policy.Path, policy.Name), arn))
        return E_NOT_FOUND;
    for list_each(v, &policy.Versions) {
        if (str_eq(v->Id, policy.DefaultId)) {
            *ret = v->Document;
            return 0;
        }
    }
    return E_CORRUPT;
}

/* AWS's own are named by their ARN, so that the cache of parsed documents has them without unpacking; others stand with their text. */
static int document_or_name(struct op *op, struct str arn, struct str *ret)
{
    if (managed_policy_find(arn)) {
        *ret = arn;
        return 0;
    }
    return directory_policy_document(op, arn, ret);
}

/* A policy that was attached is there as long as it is attached; one that is missing after all allows nothing. */
static int add_attached(struct op *op, const struct str_list *arns, struct str_list *ret)
{
    for list_each(arn, arns) {
        struct str document;
        int rc = document_or_name(op, *arn, &document);
        if (rc == 0)
            str_list_add(op->arena, ret, document);
        else if (rc != E_NOT_FOUND && rc != E_INVALID)
            return rc;
    }
    return 0;
}

static void add_inline(struct op *op, const struct str_map *documents, struct str_list *ret)
{
    for list_each(d, documents)
        str_list_add(op->arena, ret, d->value);
}

static int set_boundary(struct op *op, struct str arn, struct principal_policies *ret)
{
    if (!arn.p)
        return 0;
    int rc = document_or_name(op, arn, &ret->boundary);
    if (rc == E_NOT_FOUND || rc == E_INVALID) {
        ret->boundary = STR(""); /* does not parse, so it denies */
        return 0;
    }
    return rc;
}

static int of_user(struct op *op, struct str account, struct str name, struct principal_policies *ret)
{
    struct iam_rec_User user;
    int rc = directory_user(op, account, name, &user);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    add_inline(op, &user.Inline, &ret->identity);
    rc = add_attached(op, &user.Attached, &ret->identity);
    for list_each(g, &user.Groups) {
        struct iam_rec_Group group;
        if (rc == 0)
            rc = directory_group(op, account, *g, &group);
        if (rc)
            return rc == E_NOT_FOUND ? 0 : rc;
        add_inline(op, &group.Inline, &ret->identity);
        rc = add_attached(op, &group.Attached, &ret->identity);
    }
    ret->tags = user.Tags;
    return rc ? rc : set_boundary(op, user.Boundary, ret);
}

static int of_role(struct op *op, struct str account, struct str name, struct principal_policies *ret)
{
    struct iam_rec_Role role;
    int rc = directory_role(op, account, name, &role);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    add_inline(op, &role.Inline, &ret->identity);
    rc = add_attached(op, &role.Attached, &ret->identity);
    ret->tags = role.Tags;
    ret->service_linked = opt_bool(role.ServiceLinked, false);
    return rc ? rc : set_boundary(op, role.Boundary, ret);
}

static int of_session(struct op *op, const struct principal *p, struct principal_policies *ret, struct str *ret_user)
{
    struct iam_rec_Session s;
    if (p->session_policy.p) {
        str_list_add(op->arena, &ret->session, p->session_policy);
        ret->has_session = true;
    }
    if (!str_starts(p->access_key_id, STR("ASIA")))
        return 0;
    int rc = directory_session_get(op, p->access_key_id, &s);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    for list_each(d, &s.Policies)
        str_list_add(op->arena, &ret->session, *d);
    rc = add_attached(op, &s.PolicyArns, &ret->session);
    /* A federated user has no more than its session policies, even when there are none. */
    ret->has_session = ret->has_session || s.Policies.n > 0 || s.PolicyArns.n > 0 || p->kind == PRINCIPAL_FEDERATED;
    for list_each(t, &s.Tags)
        str_map_put(op->arena, &ret->tags, t->key, t->value);
    ret->claims = s.Claims;
    *ret_user = s.Name;
    return rc;
}

int directory_policies(struct op *op, const struct principal *p, struct principal_policies *ret)
{
    struct str user = STR_NONE;
    int rc = 0;
    if (p->kind == PRINCIPAL_USER)
        rc = of_user(op, p->account, p->name, ret);
    else if (p->kind == PRINCIPAL_ROLE)
        rc = of_role(op, p->account, p->name, ret);
    if (rc == 0)
        rc = of_session(op, p, ret, &user);
    if (rc == 0 && p->kind == PRINCIPAL_FEDERATED && user.n)
        rc = of_user(op, p->account, user, ret);
    else if (rc == 0 && p->kind == PRINCIPAL_FEDERATED) /* made by the root, which needs no policy */
        str_list_add(op->arena, &ret->identity,
                     STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"));
    return rc;
}
