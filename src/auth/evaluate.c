/* AWS's order: an explicit deny anywhere ends it; then what the resource's policy grants by itself; then identity policies, within what
 * boundary and session policies leave. Across accounts both sides must allow. */
#include "auth/evaluate.h"

#include <string.h>

/* How a resource policy's Principal names the caller; a stronger one grants more by itself. */
enum naming { NAMED_NOT, NAMED_ACCOUNT /* delegates to the account */, NAMED_ROLE, NAMED_DIRECTLY };

static bool account_of(struct str value, struct str *ret)
{
    struct str rest = value, head;
    if (value.n == 12 && !memchr(value.p, ':', value.n)) {
        *ret = value;
        return true;
    }
    for (int i = 0; i < 4; i++)
        if (!str_cut(rest, ':', &head, &rest))
            return false;
    struct str resource;
    return str_cut(rest, ':', ret, &resource) && str_is(resource, "root");
}

static enum naming named_by(const struct principal *p, const struct policy_principal *named)
{
    struct str account;
    if (str_is(named->type, "Service"))
        return p->kind == PRINCIPAL_SERVICE && (str_eq(named->value, p->name) || str_is(named->value, "*")) ? NAMED_DIRECTLY : NAMED_NOT;
    if (str_is(named->type, "Federated"))
        return (p->kind == PRINCIPAL_FEDERATED || p->kind == PRINCIPAL_VOUCHED) && str_eq(named->value, p->arn) ? NAMED_DIRECTLY : NAMED_NOT;
    if (!str_is(named->type, "AWS"))
        return NAMED_NOT;
    if (str_is(named->value, "*"))
        return NAMED_DIRECTLY;
    if (p->kind == PRINCIPAL_SERVICE || p->kind == PRINCIPAL_ANONYMOUS || p->kind == PRINCIPAL_VOUCHED)
        return NAMED_NOT;
    if (str_eq(named->value, p->arn) || str_eq(named->value, p->user_id))
        return NAMED_DIRECTLY;
    if (p->role_arn.p && str_eq(named->value, p->role_arn))
        return NAMED_ROLE;
    if (account_of(named->value, &account) && str_eq(account, p->account))
        return p->kind == PRINCIPAL_ROOT ? NAMED_DIRECTLY : NAMED_ACCOUNT;
    return NAMED_NOT;
}

static enum naming names(const struct statement *s, const struct principal *p)
{
    enum naming best = NAMED_NOT;
    for (uint32_t i = 0; i < s->principals.n; i++) {
        enum naming n = named_by(p, &s->principals.v[i]);
        best = n > best ? n : best;
    }
    if (s->not_principal)
        return best == NAMED_NOT ? NAMED_DIRECTLY : NAMED_NOT;
    return best;
}

static bool action_in(const struct eval_request *r, const struct str_list *actions)
{
    for (uint32_t i = 0; i < actions->n; i++)
        if (glob_match(actions->v[i], r->action, true))
            return true;
    return false;
}

static bool resource_in(const struct eval_request *r, const struct statement *s, bool variables)
{
    for (uint32_t i = 0; i < s->resources.n; i++) {
        struct str pattern = s->resources.v[i];
        if (variables && expand_variables(r, pattern, &pattern))
            continue;
        if (glob_match(pattern, r->resource, false))
            return true;
    }
    return false;
}

/* A statement without Resource (trust policies) means the thing it hangs on. */
static bool applies(const struct eval_request *r, const struct policy *p, const struct statement *s)
{
    if (action_in(r, &s->actions) == s->not_action)
        return false;
    if (s->resources.set && resource_in(r, s, p->variables) == s->not_resource)
        return false;
    for (uint32_t i = 0; i < s->conditions.n; i++)
        if (!condition_holds(r, &s->conditions.v[i], p->variables))
            return false;
    return true;
}

struct verdict {
    bool deny;
    enum naming allow; /* documents without principals allow NAMED_DIRECTLY */
};

static void judge(const struct eval_request *r, enum eval_source source, const struct policy *p, struct verdict *v)
{
    if (!p) { /* a document that cannot be read must not open anything */
        v->deny = true;
        return;
    }
    for (uint32_t i = 0; i < p->statements.n; i++) {
        const struct statement *s = &p->statements.v[i];
        enum naming n = source == EVAL_RESOURCE ? names(s, r->principal) : NAMED_DIRECTLY;
        if (n == NAMED_NOT || !applies(r, p, s))
            continue;
        if (r->trace)
            *list_push(r->arena, &r->trace->matches) = (struct eval_match){ source, p, s };
        if (s->deny)
            v->deny = true;
        else if (n > v->allow)
            v->allow = n;
    }
}

static struct eval_result refused(bool explicit_deny, enum eval_source by)
{
    return (struct eval_result){ .explicit_deny = explicit_deny, .refused_by = by };
}

static struct eval_result within_account(const struct eval_request *r, const struct eval_policies *p, const struct verdict *v)
{
    bool root = r->principal->kind == PRINCIPAL_ROOT;
    bool boundary = !p->has_boundary || v[EVAL_BOUNDARY].allow, session = !p->has_session || v[EVAL_SESSION].allow;
    enum naming granted = v[EVAL_RESOURCE].allow;
    if (r->resource_policy_decides && granted == NAMED_NOT && p->has_resource)
        return refused(false, EVAL_RESOURCE);
    if (granted == NAMED_DIRECTLY)
        return (struct eval_result){ .allowed = true };
    if (!root && granted != NAMED_ROLE && !v[EVAL_IDENTITY].allow)
        return refused(false, EVAL_IDENTITY);
    if (!boundary)
        return refused(false, EVAL_BOUNDARY);
    if (!session)
        return refused(false, EVAL_SESSION);
    return (struct eval_result){ .allowed = true };
}

static struct eval_result across_accounts(const struct eval_request *r, const struct eval_policies *p, const struct verdict *v)
{
    if (r->principal->kind != PRINCIPAL_ROOT && !v[EVAL_IDENTITY].allow)
        return refused(false, EVAL_IDENTITY);
    if (p->has_boundary && !v[EVAL_BOUNDARY].allow)
        return refused(false, EVAL_BOUNDARY);
    if (p->has_session && !v[EVAL_SESSION].allow)
        return refused(false, EVAL_SESSION);
    if (v[EVAL_RESOURCE].allow == NAMED_NOT)
        return refused(false, EVAL_RESOURCE);
    return (struct eval_result){ .allowed = true };
}

/* A deny anywhere, or a level that allows nothing, is the end. */
static struct verdict of_levels(const struct eval_request *r, const struct policy_levels *levels)
{
    struct eval_request untraced = *r;
    struct verdict all = { .allow = NAMED_DIRECTLY };
    untraced.trace = NULL;
    for (uint32_t i = 0; i < levels->n; i++) {
        struct verdict level = { 0 };
        for (uint32_t k = 0; k < levels->v[i].n; k++)
            judge(&untraced, EVAL_ORGANIZATION, levels->v[i].v[k], &level);
        all.deny = all.deny || level.deny;
        all.allow = level.allow < all.allow ? level.allow : all.allow;
    }
    return all;
}

/* A service or a stranger is nobody of the organization. */
static struct verdict organization(const struct eval_request *r, const struct eval_policies *p)
{
    enum principal_kind kind = r->principal->kind;
    struct verdict all = of_levels(r, &p->organization);
    if (kind == PRINCIPAL_SERVICE || kind == PRINCIPAL_ANONYMOUS || kind == PRINCIPAL_VOUCHED)
        all = (struct verdict){ .allow = NAMED_DIRECTLY };
    if (r->trace)
        r->trace->organization_allows = all.allow && !all.deny;
    return all;
}

struct eval_result evaluate(const struct eval_request *r, const struct eval_policies *p)
{
    struct verdict v[EVAL_SOURCES] = { [EVAL_ORGANIZATION] = organization(r, p), [EVAL_RESOURCE_CONTROL] = of_levels(r, &p->resource_control) };
    for (uint32_t i = 0; i < p->identity.n; i++)
        judge(r, EVAL_IDENTITY, p->identity.v[i], &v[EVAL_IDENTITY]);
    for (uint32_t i = 0; i < p->session.n; i++)
        judge(r, EVAL_SESSION, p->session.v[i], &v[EVAL_SESSION]);
    if (p->has_boundary)
        judge(r, EVAL_BOUNDARY, p->boundary, &v[EVAL_BOUNDARY]);
    if (p->has_resource)
        judge(r, EVAL_RESOURCE, p->resource, &v[EVAL_RESOURCE]);
    for (int i = EVAL_IDENTITY; i < EVAL_SOURCES; i++)
        if (v[i].deny)
            return refused(true, (enum eval_source)i);
    for (int i = EVAL_ORGANIZATION; i < EVAL_SOURCES; i++)
        if (!v[i].allow)
            return refused(false, (enum eval_source)i);
    enum principal_kind kind = r->principal->kind;
    if (kind == PRINCIPAL_SERVICE || kind == PRINCIPAL_ANONYMOUS || kind == PRINCIPAL_VOUCHED)
        return v[EVAL_RESOURCE].allow ? (struct eval_result){ .allowed = true } : refused(false, EVAL_RESOURCE);
    bool same = !r->resource_account.n || str_eq(r->resource_account, r->principal->account);
    return same ? within_account(r, p, v) : across_accounts(r, p, v);
}
