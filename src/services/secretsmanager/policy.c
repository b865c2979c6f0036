/* Resource policies: kept by name and suffix, apart from the secret, and given back as they were sent. */
#include "auth/policy.h"
#include "aws/arn.h"
#include "services/secretsmanager/secret.h"

static void policy_key(struct op *op, struct key *k, const struct secret *s)
{
    op_key_in(op, k, s->account, s->region, &secretsmanager_kind_policy);
    key_str(k, s->rec.Name);
    key_str(k, s->rec.Suffix);
}

static int policy_get(struct op *op, const struct secret *s, struct str *ret)
{
    struct secretsmanager_rec_Policy rec = { 0 };
    struct key k;
    policy_key(op, &k, s);
    int rc = op_rec_get(op, &k, &secretsmanager_rec_Policy_shape, &rec);
    *ret = rc == 0 ? rec.Policy : STR_NONE;
    return rc == E_NOT_FOUND ? 0 : rc;
}

int policy_erase(struct op *op, const struct secret *s)
{
    struct key k;
    policy_key(op, &k, s);
    if (!op_rec_has(op, &k))
        return 0;
    int rc = op_rec_delete(op, &k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int policy_copy(struct op *op, const struct secret *from, const struct secret *to)
{
    struct secretsmanager_rec_Policy rec = { 0 };
    struct str there;
    struct key k;
    int rc = policy_get(op, from, &rec.Policy);
    if (rc == 0)
        rc = policy_get(op, to, &there);
    if (rc < 0 || str_eq(rec.Policy, there))
        return rc;
    if (!rec.Policy.p)
        return policy_erase(op, to);
    policy_key(op, &k, to);
    rc = op_rec_put(op, &k, &secretsmanager_rec_Policy_shape, &rec);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int secretsmanager_resource_policy(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account)
{
    struct secret s;
    *ret_policy = STR_NONE;
    int rc = secret_look(op, arn, &s);
    return rc == 0 ? policy_get(op, &s, ret_policy) : rc == E_NOT_FOUND ? 0 : rc;
}

static bool unconditional(const struct condition_list *conditions)
{
    for (uint32_t i = 0; i < conditions->n; i++)
        if (!conditions->v[i].negated)
            return false;
    return true;
}

/* Everybody is allowed something, and no condition narrows it. */
static bool is_public(const struct policy *p)
{
    for (uint32_t i = 0; i < p->statements.n; i++) {
        const struct statement *t = &p->statements.v[i];
        if (t->deny || !unconditional(&t->conditions))
            continue;
        if (t->not_principal)
            return true;
        for (uint32_t k = 0; k < t->principals.n; k++)
            if (str_is(t->principals.v[k].value, "*"))
                return true;
    }
    return false;
}

static int check(struct op *op, struct str text, struct policy **ret)
{
    struct str why = STR_NONE;
    if (policy_parse(op->arena, text, POLICY_RESOURCE, ret, &why) < 0)
        return aws_fail(op, SECRETSMANAGER_MalformedPolicyDocumentException, "This resource policy contains invalid Json: %.*s", STR_ARG(why));
    return 0;
}

int secretsmanager_GetResourcePolicy(struct op *op, const struct secretsmanager_GetResourcePolicy_in *in,
                                     struct secretsmanager_GetResourcePolicy_out *out)
{
    struct secret s;
    if (in->PolicyName.p)
        return aws_unsupported(op, "PolicyName");
    int rc = secret_find_live(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    return policy_get(op, &s, &out->ResourcePolicy);
}

int secretsmanager_PutResourcePolicy(struct op *op, const struct secretsmanager_PutResourcePolicy_in *in,
                                     struct secretsmanager_PutResourcePolicy_out *out)
{
    struct secretsmanager_rec_Policy rec = { .Policy = in->ResourcePolicy };
    struct policy *parsed;
    struct secret s;
    struct key k;
    if (in->PolicyName.p)
        return aws_unsupported(op, "PolicyName");
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc == 0)
        rc = check(op, in->ResourcePolicy, &parsed);
    if (rc < 0)
        return rc;
    if (opt_bool(in->BlockPublicPolicy, false) && is_public(parsed))
        return aws_fail(op, SECRETSMANAGER_PublicPolicyException,
                        "You can't attach this resource policy because the BlockPublicPolicy parameter is set and the policy grants broad access to "
                        "your secret.");
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    policy_key(op, &k, &s);
    rc = op_rec_put(op, &k, &secretsmanager_rec_Policy_shape, &rec);
    if (rc == 0)
        rc = auth_epoch_bump(op);
    return rc < 0 ? rc : secret_update(op, &s);
}

int secretsmanager_DeleteResourcePolicy(struct op *op, const struct secretsmanager_DeleteResourcePolicy_in *in,
                                        struct secretsmanager_DeleteResourcePolicy_out *out)
{
    struct secret s;
    if (in->PolicyName.p)
        return aws_unsupported(op, "PolicyName");
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    rc = policy_erase(op, &s);
    return rc < 0 ? rc : secret_update(op, &s);
}

int secretsmanager_ValidateResourcePolicy(struct op *op, const struct secretsmanager_ValidateResourcePolicy_in *in,
                                          struct secretsmanager_ValidateResourcePolicy_out *out)
{
    struct policy *parsed;
    struct secret s;
    int rc = in->SecretId.p ? secret_find(op, in->SecretId, &s) : 0;
    if (rc == 0)
        rc = check(op, in->ResourcePolicy, &parsed);
    if (rc < 0)
        return rc;
    out->PolicyValidationPassed = SOME_BOOL(!is_public(parsed));
    out->ValidationErrors.set = true;
    if (is_public(parsed)) {
        struct secretsmanager_ValidationErrorsEntry *e = list_push(op->arena, &out->ValidationErrors);
        e->CheckName = STR("PublicAccess");
        e->ErrorMessage = STR("The resource policy grants broad access to your secret.");
    }
    return 0;
}
