/* SimulateCustomPolicy, SimulatePrincipalPolicy: what authorization would decide, asked of the same evaluator. A result an action: over all resources
 * together the hardest decision, then each by itself. */
#include "services/iam/simulate.h"

#include "auth/arn_template.h"
#include "auth/organization.h"
#include "aws/arn.h"
#include "base/buf.h"
#include "base/limits.h"

enum { EVALUATIONS_A_PAGE = 1000, RESOURCES_MAX = 1000 };

enum decision { ALLOWED, IMPLICIT_DENY, EXPLICIT_DENY }; /* the harder the greater */
static const char *const decision_name[] = { "allowed", "implicitDeny", "explicitDeny" };

struct simulation {
    struct op *op;
    struct sim_principal caller; /* who asks, with whose policies */
    struct sim_policies given;   /* those that come along */
    struct sim_policy resource;
    struct str owner;            /* account of resources whose ARN does not say; absent: the caller's */
    struct eval_policies policies;
    struct str_map context;
};

/* What both operations take. */
struct question {
    const struct str_list *policies, *boundaries, *actions, *resources;
    struct str resource_policy, resource_owner, handling, marker;
    const struct iam_ContextEntryListType *context;
    struct opt_i64 max_items;
};

struct outcome {
    enum decision decision, by_source[EVAL_ORGANIZATION + 1];
    bool across;
    struct eval_trace trace;
};

/* ---- the question ---- */

static int invalid(struct op *op, const char *what, struct str value)
{
    return aws_fail(op, IAM_InvalidInputException, "%s: %.*s", what, STR_ARG(value));
}

static bool account_in(struct str owner, struct str *ret)
{
    struct arn arn;
    *ret = owner;
    if (arn_parse(owner, &arn) == 0 && str_is(arn.service, "iam") && str_is(arn.resource, "root"))
        *ret = arn.account;
    for (size_t i = 0; i < ret->n; i++)
        if (ret->p[i] < '0' || ret->p[i] > '9')
            return false;
    return ret->n == 12;
}

/* A type's name ends in List when it may have several values. */
static int add_context(struct simulation *s, const struct iam_ContextEntry *e)
{
    static const struct {
        const char *name;
        enum condition_op op;
    } types[] = { { "string", COND_STRING_EQUALS }, { "numeric", COND_NUMERIC_EQUALS }, { "boolean", COND_BOOL }, { "ip", COND_IP },
                  { "binary", COND_BINARY }, { "date", COND_DATE_EQUALS } };
    struct op *op = s->op;
    struct buf values;
    if (!e->ContextKeyName.p || !e->ContextKeyType.p)
        return aws_fail(op, IAM_InvalidInputException, "A context entry must have ContextKeyName and ContextKeyType.");
    bool list = str_ends(e->ContextKeyType, STR("List"));
    struct str type = str_sub(e->ContextKeyType, 0, e->ContextKeyType.n - (list ? 4 : 0));
    if (!list && e->ContextKeyValues.n > 1)
        return invalid(op, "Only one value is allowed for a context entry of this type", e->ContextKeyName);
    buf_init(&values, op->arena, LIMIT_BODY_BYTES);
    for (uint32_t i = 0; i < e->ContextKeyValues.n; i++) {
        struct str value = e->ContextKeyValues.v[i];
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            if (str_is(type, types[t].name) && !condition_value_is(op->arena, types[t].op, value))
                return invalid(op, "Invalid value of a context entry", value);
        buf_c(&values, i ? CONTEXT_SEPARATOR : "");
        buf_str(&values, str_replace(op->arena, value, STR(CONTEXT_SEPARATOR), STR("\xEF\xBF\xBD")));
    }
    if (e->ContextKeyValues.n)
        str_map_put(op->arena, &s->context, e->ContextKeyName, buf_done(&values));
    return 0;
}

/* EC2's scenarios ask for resources of certain kinds. */
static int check_handling(struct op *op, const struct question *q)
{
    static const char *const scenarios[] = { "EC2-VPC-InstanceStore", "EC2-VPC-InstanceStore-Subnet", "EC2-VPC-EBS", "EC2-VPC-EBS-Subnet" };
    static const struct {
        const char *kind, *when; /* when: what stands in the scenario's name */
    } needs[] = { { ":instance/", "EC2" }, { ":image/", "EC2" }, { ":security-group/", "EC2" }, { ":network-interface/", "VPC" },
                  { ":subnet/", "Subnet" }, { ":volume/", "EBS" } };
    bool known = !q->handling.p;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        known = known || str_is(q->handling, scenarios[i]);
    if (!known)
        return invalid(op, "Invalid ResourceHandlingOption", q->handling);
    for (size_t i = 0; q->handling.p && i < sizeof needs / sizeof *needs; i++) {
        bool found = !str_contains(q->handling, str_c(needs[i].when));
        for list_each(r, q->resources)
            found = found || str_contains(*r, str_c(needs[i].kind));
        if (!found)
            return aws_fail(op, IAM_InvalidInputException, "ResourceHandlingOption %.*s needs a resource of the kind %s", STR_ARG(q->handling),
                            needs[i].kind + 1);
    }
    return 0;
}

static int check_names(struct op *op, const struct question *q)
{
    struct str service, name;
    struct arn arn;
    for list_each(a, q->actions)
        if (!str_cut(*a, ':', &service, &name) || !service.n || !name.n || str_contains(*a, STR("*")) || str_contains(*a, STR("?")))
            return invalid(op, "Invalid action name", *a);
    for list_each(r, q->resources)
        if (!str_is(*r, "*") && arn_parse(*r, &arn))
            return invalid(op, "Invalid resource ARN", *r);
    return q->resources->n <= RESOURCES_MAX ? check_handling(op, q)
                                            : aws_fail(op, IAM_InvalidInputException, "A simulation takes at most %d resources.", RESOURCES_MAX);
}

static int set_resource_policy(struct simulation *s, const struct question *q, bool has_caller)
{
    struct policy *policy;
    struct str why;
    struct op *op = s->op;
    if (q->resource_owner.p && !account_in(q->resource_owner, &s->owner))
        return invalid(op, "Invalid ResourceOwner", q->resource_owner);
    if (!q->resource_policy.p)
        return 0;
    if (!has_caller || s->caller.is_group)
        return aws_fail(op, IAM_InvalidInputException, "CallerArn must be the ARN of a user when ResourcePolicy is given.");
    if (s->caller.principal.kind == PRINCIPAL_ROLE)
        return aws_fail(op, IAM_InvalidInputException, "Simulation of resource-based policies is not supported for IAM roles.");
    if (policy_parse(op->arena, q->resource_policy, POLICY_RESOURCE, &policy, &why))
        return invalid(op, "Invalid input policy ResourcePolicy", why);
    s->resource = (struct sim_policy){ .id = STR("ResourcePolicy"), .document = q->resource_policy, .policy = policy };
    s->policies.has_resource = true;
    s->policies.resource = policy;
    return 0;
}

static int prepare(struct simulation *s, const struct question *q, bool has_caller)
{
    struct sim_policies boundaries = { 0 };
    struct op *op = s->op;
    int rc = check_names(op, q);
    if (rc == 0)
        rc = sim_given(op, q->policies, "PolicyInputList", &s->given);
    if (rc == 0)
        rc = sim_given(op, q->boundaries, "PermissionsBoundaryPolicyInputList", &boundaries);
    if (rc == 0 && boundaries.n > 1)
        return aws_fail(op, IAM_InvalidInputException, "Only one permissions boundary policy can be given.");
    if (rc == 0)
        rc = set_resource_policy(s, q, has_caller);
    for (uint32_t i = 0; rc == 0 && i < q->context->n; i++)
        rc = add_context(s, &q->context->v[i]);
    if (boundaries.n) {
        s->caller.boundary = boundaries.v[0];
        s->caller.has_boundary = true;
    }
    s->policies.has_boundary = s->caller.has_boundary;
    s->policies.boundary = s->caller.boundary.policy;
    for list_each(p, &s->given)
        *list_push(op->arena, &s->policies.identity) = p->policy;
    for list_each(p, &s->caller.policies)
        *list_push(op->arena, &s->policies.identity) = p->policy;
    return rc;
}

/* ---- the answer ---- */

static void decide(const struct simulation *s, struct str action, struct str resource, struct outcome *ret)
{
    struct arn arn;
    struct str owner = opt_str(s->owner, s->caller.principal.account);
    if (arn_parse(resource, &arn) == 0 && arn.account.n == 12)
        owner = arn.account;
    struct eval_request r = { .arena = s->op->arena, .principal = &s->caller.principal, .action = action, .resource = resource, .resource_account = owner,
                              .context = s->context, .trace = &ret->trace };
    struct eval_result result = evaluate(&r, &s->policies);
    ret->decision = result.allowed ? ALLOWED : result.explicit_deny ? EXPLICIT_DENY : IMPLICIT_DENY;
    ret->across = !str_eq(owner, s->caller.principal.account);
    for (int i = 0; i <= EVAL_ORGANIZATION; i++)
        ret->by_source[i] = IMPLICIT_DENY;
    for list_each(m, &ret->trace.matches) {
        enum decision *d = &ret->by_source[m->source];
        *d = m->statement->deny ? EXPLICIT_DENY : *d == EXPLICIT_DENY ? EXPLICIT_DENY : ALLOWED;
    }
}

static const struct sim_policy *policy_of(const struct simulation *s, const struct eval_match *m)
{
    if (m->source == EVAL_RESOURCE)
        return &s->resource;
    for list_each(p, &s->given)
        if (p->policy == m->policy)
            return p;
    for list_each(p, &s->caller.policies)
        if (p->policy == m->policy)
            return p;
    return NULL;
}

static struct iam_Position *position(struct op *op, struct policy_place place)
{
    struct iam_Position *p = arena_one(op->arena, struct iam_Position);
    *p = (struct iam_Position){ .Line = SOME_I64(place.line), .Column = SOME_I64(place.column) };
    return p;
}

static void add_statement(const struct simulation *s, const struct eval_match *m, struct iam_StatementListType *ret)
{
    const struct sim_policy *p = policy_of(s, m);
    const struct managed_policy *managed = managed_policy_find(p->document);
    struct iam_Statement *out = list_push(s->op->arena, ret);
    struct policy_place start, end;
    struct str text = managed ? managed_policy_document(s->op->arena, managed) : p->document;
    out->SourcePolicyId = p->id;
    out->SourcePolicyType = m->source == EVAL_RESOURCE ? STR("Resource Policy") : STR("IAM Policy"); /* the API's values; the model's enum names others */
    if (policy_span(text, (uint32_t)(m->statement - m->policy->statements.v), &start, &end)) {
        out->StartPosition = position(s->op, start);
        out->EndPosition = position(s->op, end);
    }
}

/* A deny hides what allows; a boundary's statements are never told. */
static void add_statements(const struct simulation *s, const struct outcome *o, struct iam_StatementListType *ret)
{
    ret->set = true;
    for list_each(m, &o->trace.matches)
        if ((m->source == EVAL_IDENTITY || m->source == EVAL_RESOURCE) && m->statement->deny == (o->decision == EXPLICIT_DENY))
            add_statement(s, m, ret);
}

static void add_missing(struct op *op, const struct str_list *keys, struct str_list *ret)
{
    ret->set = true;
    for list_each(k, keys)
        if (!str_list_has(ret, *k))
            str_list_add(op->arena, ret, *k);
}

/* Decisions by kind of policy: told when two accounts decide. */
static void add_details(const struct simulation *s, const struct outcome *o, struct str_map *ret)
{
    struct arena *a = s->op->arena;
    if (!o->across)
        return;
    str_map_put(a, ret, STR("IAM Policy"), str_c(decision_name[o->by_source[EVAL_IDENTITY]]));
    str_map_put(a, ret, STR("Resource Policy"), str_c(decision_name[o->by_source[EVAL_RESOURCE]]));
    if (s->policies.has_boundary)
        str_map_put(a, ret, STR("Permissions Boundary Policy"), str_c(decision_name[o->by_source[EVAL_BOUNDARY]]));
}

static struct iam_PermissionsBoundaryDecisionDetail *boundary_detail(const struct simulation *s, const struct outcome *o)
{
    if (!s->policies.has_boundary)
        return NULL;
    struct iam_PermissionsBoundaryDecisionDetail *d = arena_one(s->op->arena, struct iam_PermissionsBoundaryDecisionDetail);
    d->AllowedByPermissionsBoundary = SOME_BOOL(o->by_source[EVAL_BOUNDARY] == ALLOWED);
    return d;
}

static void add_specific(const struct simulation *s, const struct outcome *o, struct str resource, struct iam_ResourceSpecificResult *ret)
{
    ret->EvalResourceName = resource;
    ret->EvalResourceDecision = str_c(decision_name[o->decision]);
    add_statements(s, o, &ret->MatchedStatements);
    add_missing(s->op, &o->trace.missing, &ret->MissingContextValues);
    add_details(s, o, &ret->EvalDecisionDetails);
    ret->PermissionsBoundaryDecisionDetail = boundary_detail(s, o);
}

static bool is_told(const struct iam_StatementListType *told, const struct iam_Statement *s)
{
    for list_each(t, told)
        if (str_eq(t->SourcePolicyId, s->SourcePolicyId) && t->StartPosition && s->StartPosition && t->StartPosition->Line.v == s->StartPosition->Line.v &&
            t->StartPosition->Column.v == s->StartPosition->Column.v)
            return true;
    return false;
}

/* The statements of the resources that decided. */
static void gather_statements(const struct simulation *s, const struct outcome *each, uint32_t n, enum decision decision, struct iam_StatementListType *ret)
{
    ret->set = true;
    for (uint32_t i = 0; i < n && decision != IMPLICIT_DENY; i++) {
        struct iam_StatementListType one = { 0 };
        if (each[i].decision == decision)
            add_statements(s, &each[i], &one);
        for list_each(m, &one)
            if (!is_told(ret, m))
                *list_push(s->op->arena, ret) = *m;
    }
}

/* Of every kind the hardest decision. */
static void harden(struct outcome *total, const struct outcome *one)
{
    total->decision = one->decision > total->decision ? one->decision : total->decision;
    for (int i = 0; i <= EVAL_ORGANIZATION; i++)
        total->by_source[i] = one->by_source[i] > total->by_source[i] ? one->by_source[i] : total->by_source[i];
    total->across = total->across || one->across;
    total->trace.organization_allows = total->trace.organization_allows && one->trace.organization_allows;
}

static void answer(const struct simulation *s, struct str action, const struct str_list *resources, struct iam_EvaluationResult *ret)
{
    struct op *op = s->op;
    struct outcome *each = arena_alloc(op->arena, resources->n * sizeof *each), total = { .trace.organization_allows = true };
    bool specific = !(resources->n == 1 && str_is(resources->v[0], "*"));
    for (uint32_t i = 0; i < resources->n; i++) {
        each[i] = (struct outcome){ 0 };
        decide(s, action, resources->v[i], &each[i]);
        harden(&total, &each[i]);
        add_missing(op, &each[i].trace.missing, &ret->MissingContextValues);
        if (specific)
            add_specific(s, &each[i], resources->v[i], list_push(op->arena, &ret->ResourceSpecificResults));
    }
    ret->EvalActionName = action;
    ret->EvalResourceName = specific ? opt_str(arn_template(op->arena, action, resources->v[0]), STR("*")) : STR("*");
    ret->EvalDecision = str_c(decision_name[total.decision]);
    gather_statements(s, each, resources->n, total.decision, &ret->MatchedStatements);
    add_details(s, &total, &ret->EvalDecisionDetails);
    ret->EvalDecisionDetails.set = specific; /* empty within an account */
    ret->PermissionsBoundaryDecisionDetail = boundary_detail(s, &total);
    if (s->policies.organization.n) {
        ret->OrganizationsDecisionDetail = arena_one(op->arena, struct iam_OrganizationsDecisionDetail);
        ret->OrganizationsDecisionDetail->AllowedByOrganizations = SOME_BOOL(total.trace.organization_allows);
    }
}

/* A page ends early when it would be long work: AWS says that it may. */
static int simulate(struct simulation *s, const struct question *q, bool has_caller, struct iam_SimulatePolicyResponse *out)
{
    static struct str any[] = { { "*", 1 } };
    struct str_list everything = { .v = any, .n = 1 };
    const struct str_list *resources = q->resources->n ? q->resources : &everything;
    int64_t most = EVALUATIONS_A_PAGE / resources->n, asked = opt_i64(q->max_items, 100);
    uint32_t from, to;
    int rc = prepare(s, q, has_caller);
    if (rc == 0)
        rc = iam_slice(s->op, q->marker, SOME_I64(asked < most || most == 0 ? asked : most), q->actions->n, &from, &to, &out->IsTruncated, &out->Marker);
    if (rc)
        return rc;
    out->EvaluationResults.set = true;
    for (uint32_t i = from; i < to; i++)
        answer(s, q->actions->v[i], resources, list_push(s->op->arena, &out->EvaluationResults));
    return 0;
}

int iam_SimulatePrincipalPolicy(struct op *op, const struct iam_SimulatePrincipalPolicy_in *in, struct iam_SimulatePrincipalPolicy_out *out)
{
    struct simulation s = { .op = op };
    struct question q = { &in->PolicyInputList, &in->PermissionsBoundaryPolicyInputList, &in->ActionNames, &in->ResourceArns, in->ResourcePolicy,
                          in->ResourceOwner, in->ResourceHandlingOption, in->Marker, &in->ContextEntries, in->MaxItems };
    int rc = sim_load(op, in->PolicySourceArn, &in->PolicyExclusionList, &s.caller);
    if (rc == 0)
        rc = sim_caller(op, opt_str(in->CallerArn, in->PolicySourceArn), &s.caller);
    if (rc == 0)
        rc = organization_bind(op, op->account, ORGANIZATION_SERVICE_CONTROL, &s.policies.organization); /* another account's are not the asker's to know */
    return rc ? rc : simulate(&s, &q, true, out);
}

/* Documents of an organization, a list a level from its root down. */
static int set_organization(struct simulation *s, const struct iam_OrganizationPolicyListType *levels)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < levels->n; i++) {
        struct sim_policies level = { 0 };
        struct policy_set *set = list_push(s->op->arena, &s->policies.organization);
        rc = sim_given(s->op, &levels->v[i].ServiceControlPolicyInputList, "OrderedOrganizationPolicyInputList", &level);
        for list_each(p, &level)
            *list_push(s->op->arena, set) = p->policy;
    }
    return rc;
}

int iam_SimulateCustomPolicy(struct op *op, const struct iam_SimulateCustomPolicy_in *in, struct iam_SimulateCustomPolicy_out *out)
{
    struct simulation s = { .op = op, .caller.principal = { .kind = PRINCIPAL_USER, .account = op->account } };
    struct question q = { &in->PolicyInputList, &in->PermissionsBoundaryPolicyInputList, &in->ActionNames, &in->ResourceArns, in->ResourcePolicy,
                          in->ResourceOwner, in->ResourceHandlingOption, in->Marker, &in->ContextEntries, in->MaxItems };
    int rc = in->CallerArn.p ? sim_caller(op, in->CallerArn, &s.caller) : 0;
    if (rc == 0)
        rc = set_organization(&s, &in->OrderedOrganizationPolicyInputList);
    return rc ? rc : simulate(&s, &q, in->CallerArn.p != NULL, out);
}
