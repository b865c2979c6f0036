/* Which policies a simulation is about: those of a user, a group or a role, with what is left out of them, and those that the request brings. */
#include <string.h>

#include "aws/arn.h"
#include "services/iam/simulate.h"

struct load {
    struct op *op;
    const struct iam_PolicyExclusionsListType *excluded;
    struct sim_policies *into;
};

static bool excluded_type(const struct load *l, const char *type)
{
    for list_each(x, l->excluded)
        if (str_is(x->PolicyType, type))
            return true;
    return false;
}

static bool excluded_inline(const struct load *l, const char *kind, struct str holder, struct str name)
{
    for list_each(x, l->excluded) {
        const struct iam_InlinePolicyIdentifierType *i = x->InlinePolicyIdentifier;
        if (i && str_is(i->AttachmentType, kind) && str_eq(i->PolicyName, name) && glob_match(i->AttachmentName, holder, false))
            return true;
    }
    return excluded_type(l, "inline");
}

static bool excluded_managed(const struct load *l, struct str arn)
{
    for list_each(x, l->excluded)
        if (x->PolicyArn.p && glob_match(x->PolicyArn, arn, false))
            return true;
    return excluded_type(l, managed_policy_find(arn) ? "aws-managed" : "user-managed");
}

/* Each is parsed for itself, so that a matched statement tells whose it is; one that does not parse denies, as it does in authorization. */
static void add(struct load *l, struct str id, struct str document, struct str arn)
{
    struct sim_policy p = { id, document, arn, policy_cache_get(NULL, l->op->arena, document) };
    *list_push(l->op->arena, l->into) = p;
}

static struct str name_in(struct str arn)
{
    struct str before, name = STR("");
    str_cut_last(arn, '/', &before, &name);
    return name;
}

/* As for authorization: one that is missing after all allows nothing. */
static int add_managed(struct load *l, struct str arn)
{
    struct str document = arn;
    for list_each(p, l->into)
        if (str_eq(p->arn, arn)) /* a user's, and its group's too */
            return 0;
    int rc = managed_policy_find(arn) ? 0 : directory_policy_document(l->op, arn, &document);
    if (rc == 0)
        add(l, name_in(arn), document, arn);
    return rc == E_NOT_FOUND || rc == E_INVALID ? 0 : rc;
}

static int add_holder(struct load *l, const struct iam_holder *h)
{
    const char *kind = iam_kind_name[h->kind];
    int rc = 0;
    for list_each(d, h->inline_policies)
        if (!excluded_inline(l, kind, h->name, d->key))
            add(l, str_printf(l->op->arena, "%s_%.*s_%.*s", kind, STR_ARG(h->name), STR_ARG(d->key)), d->value, STR_NONE);
    for (uint32_t i = 0; rc == 0 && i < h->attached->n; i++)
        if (!excluded_managed(l, h->attached->v[i]))
            rc = add_managed(l, h->attached->v[i]);
    return rc;
}

static int unclear(struct op *op, struct str arn)
{
    return aws_fail(op, IAM_InvalidInputException, "Invalid Entity Arn: %.*s does not clearly define entity type and name.", STR_ARG(arn));
}

/* Of an ARN with a path, the name is what stands last. */
static bool parse(struct str arn, enum iam_kind *ret_kind, struct str *ret_account, struct str *ret_name)
{
    struct arn parts;
    struct str kind, rest, path;
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_cut(parts.resource, '/', &kind, &rest))
        return false;
    if (!str_cut_last(rest, '/', &path, ret_name))
        *ret_name = rest;
    *ret_account = parts.account;
    for (*ret_kind = IAM_USER; *ret_kind <= IAM_ROLE; (*ret_kind)++)
        if (str_is(kind, iam_kind_name[*ret_kind]))
            return ret_name->n > 0;
    return false;
}

int sim_caller(struct op *op, struct str arn, struct sim_principal *ret)
{
    struct principal *p = &ret->principal;
    struct iam_rec_User user;
    struct iam_rec_Role role;
    enum iam_kind kind;
    *p = (struct principal){ .arn = arn };
    if (!parse(arn, &kind, &p->account, &p->name))
        return unclear(op, arn);
    p->kind = kind == IAM_ROLE ? PRINCIPAL_ROLE : PRINCIPAL_USER;
    ret->is_group = kind == IAM_GROUP;
    if (kind == IAM_ROLE)
        p->role_arn = arn;
    if (!str_eq(p->account, op->account))
        return 0;
    if (kind == IAM_USER && directory_user(op, op->account, p->name, &user) == 0)
        p->user_id = user.Id;
    if (kind == IAM_ROLE && directory_role(op, op->account, p->name, &role) == 0)
        p->user_id = role.Id;
    return 0;
}

/* A wildcard stands for names only; one of the any-length kind is enough. */
static int check_exclusions(struct op *op, const struct iam_PolicyExclusionsListType *excluded)
{
    for list_each(x, excluded) {
        struct str pattern = x->InlinePolicyIdentifier ? x->InlinePolicyIdentifier->AttachmentName : opt_str(x->PolicyArn, STR("")), before, behind;
        struct arn parts;
        if ((x->PolicyType.p != NULL) + (x->PolicyArn.p != NULL) + (x->InlinePolicyIdentifier != NULL) != 1)
            return aws_fail(op, IAM_InvalidInputException, "A policy identifier must have exactly one of PolicyType, PolicyArn, InlinePolicyIdentifier.");
        bool bad = str_cut(pattern, '*', &before, &behind) && str_contains(behind, STR("*"));
        if (x->PolicyArn.p)
            bad = bad || arn_parse(pattern, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, STR("policy/")) || parts.region.n ||
                  memchr(parts.partition.p, '*', parts.partition.n) || memchr(parts.account.p, '*', parts.account.n) ||
                  memchr(parts.partition.p, '?', parts.partition.n) || memchr(parts.account.p, '?', parts.account.n);
        if (bad)
            return aws_fail(op, IAM_InvalidInputException, "Invalid policy identifier: %.*s", STR_ARG(pattern));
    }
    return 0;
}

int sim_load(struct op *op, struct str arn, const struct iam_PolicyExclusionsListType *excluded, struct sim_principal *ret)
{
    static const struct iam_PolicyExclusionsListType none;
    struct load l = { op, excluded ? excluded : &none, &ret->policies };
    struct iam_holder h = { 0 }, group;
    enum iam_kind kind;
    struct str account, name;
    if (!parse(arn, &kind, &account, &name))
        return unclear(op, arn);
    int rc = check_exclusions(op, l.excluded);
    if (rc == 0 && !str_eq(account, op->account))
        return aws_fail(op, IAM_NoSuchEntityException, "The %s with name %.*s cannot be found.", iam_kind_name[kind], STR_ARG(name));
    if (rc == 0)
        rc = iam_holder_get(op, kind, name, &h);
    if (rc == 0)
        rc = add_holder(&l, &h);
    for (uint32_t i = 0; rc == 0 && kind == IAM_USER && i < h.user.Groups.n; i++) {
        rc = iam_holder_get(op, IAM_GROUP, h.user.Groups.v[i], &group);
        if (rc == 0)
            rc = add_holder(&l, &group);
    }
    struct str boundary = kind == IAM_USER ? h.user.Boundary : kind == IAM_ROLE ? h.role.Boundary : STR_NONE;
    if (rc || !boundary.p || excluded_type(&l, "permission-boundary"))
        return rc;
    struct sim_policies one = { 0 };
    l.into = &one;
    rc = add_managed(&l, boundary);
    ret->has_boundary = true;
    if (one.n)
        ret->boundary = one.v[0];
    return rc;
}

int sim_given(struct op *op, const struct str_list *documents, const char *name, struct sim_policies *into)
{
    for (uint32_t i = 0; i < documents->n; i++) {
        struct policy *policy;
        struct str why;
        if (policy_parse(op->arena, documents->v[i], POLICY_IDENTITY, &policy, &why))
            return aws_fail(op, IAM_InvalidInputException, "Invalid input policy %s.%u: %.*s", name, i + 1, STR_ARG(why));
        *list_push(op->arena, into) = (struct sim_policy){ .id = str_printf(op->arena, "%s.%u", name, i + 1), .document = documents->v[i],
                                                                    .policy = policy };
    }
    return 0;
}
