/* GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy: what a simulation of these policies needs to be told. */
#include "services/iam/simulate.h"

#include <string.h>

static void add_key(struct op *op, struct str key, struct str_list *ret)
{
    for list_each(known, ret)
        if (str_eq_nocase(*known, key))
            return;
    str_list_add(op->arena, ret, key);
}

/* ${key} and ${key, 'default'}; ${*}, ${?} and ${$} are no keys. */
static void add_variables(struct op *op, struct str text, struct str_list *ret)
{
    struct str before, name, key, otherwise;
    while (str_cut(text, '$', &before, &text)) {
        if (!str_starts(text, STR("{")) || !str_cut(str_sub(text, 1, text.n), '}', &name, &text))
            continue;
        str_cut(name, ',', &key, &otherwise);
        if (str_contains(key, STR(":")))
            add_key(op, str_trim(key), ret);
    }
}

static void add_policy(struct op *op, const struct policy *p, struct str_list *ret)
{
    for (uint32_t i = 0; p && i < p->statements.n; i++) {
        const struct statement *s = &p->statements.v[i];
        for (uint32_t k = 0; p->variables && k < s->resources.n; k++)
            add_variables(op, s->resources.v[k], ret);
        for list_each(c, &s->conditions) {
            add_key(op, c->key, ret);
            for (uint32_t k = 0; p->variables && k < c->values.n; k++)
                add_variables(op, c->values.v[k], ret);
        }
    }
}

static void add_policies(struct op *op, const struct sim_policies *policies, struct str_list *ret)
{
    ret->set = true;
    for list_each(p, policies)
        add_policy(op, p->policy, ret);
}

int iam_GetContextKeysForCustomPolicy(struct op *op, const struct iam_GetContextKeysForCustomPolicy_in *in, struct iam_GetContextKeysForCustomPolicy_out *out)
{
    struct sim_policies given = { 0 };
    int rc = sim_given(op, &in->PolicyInputList, "PolicyInputList", &given);
    if (rc == 0)
        add_policies(op, &given, &out->ContextKeyNames);
    return rc;
}

int iam_GetContextKeysForPrincipalPolicy(struct op *op, const struct iam_GetContextKeysForPrincipalPolicy_in *in,
                                         struct iam_GetContextKeysForPrincipalPolicy_out *out)
{
    struct sim_principal p = { 0 };
    int rc = sim_load(op, in->PolicySourceArn, NULL, &p);
    if (rc == 0)
        rc = sim_given(op, &in->PolicyInputList, "PolicyInputList", &p.policies);
    if (rc == 0)
        add_policies(op, &p.policies, &out->ContextKeyNames);
    return rc;
}
