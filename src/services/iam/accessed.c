/* Last-accessed data: reports about which services a user, group, role or policy gives access to, and who used them last. Made of what usage.h keeps, at
 * the time when a report is read; reports are jobs of a day. */
#include <stdlib.h>

#include "auth/arn_template.h"
#include "auth/evaluate.h"
#include "auth/state.h"
#include "aws/arn.h"
#include "services/iam/common.h"
#include "services/iam/usage.h"

enum { JOB_MS = 24 * 3600 * 1000 };

/* ---- whom a report is about ---- */

struct granting { /* one policy */
    struct str name, arn; /* arn absent: inline */
    const char *holder_type;
    struct str holder;
    const struct policy *policy;
};
struct granting_list {
    struct granting *v;
    uint32_t n, cap;
    bool set;
};

struct entity {
    const char *type; /* USER, ROLE */
    struct str arn, name, id, path;
    struct iam_rec_Usage usage;
};

struct subject {
    struct granting_list policies;
    struct {
        struct entity *v;
        uint32_t n, cap;
        bool set;
    } entities;
};

static void add_policy(struct op *op, struct subject *s, struct granting g, struct str text)
{
    g.policy = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, text);
    *list_push(op->arena, &s->policies) = g;
}

static struct str name_in(struct str arn)
{
    struct str path, name;
    return str_cut_last(arn, '/', &path, &name) ? name : arn;
}

static void add_managed(struct op *op, struct subject *s, struct str arn)
{
    struct str document = arn;
    if (!managed_policy_find(arn) && directory_policy_document(op, arn, &document))
        return;
    add_policy(op, s, (struct granting){ .name = name_in(arn), .arn = arn }, document);
}

static void add_holder(struct op *op, struct subject *s, const char *type, struct str name, const struct str_map *documents, const struct str_list *attached)
{
    for list_each(arn, attached)
        add_managed(op, s, *arn);
    for list_each(d, documents)
        add_policy(op, s, (struct granting){ .name = d->key, .holder_type = type, .holder = name }, d->value);
}

static int add_entity(struct op *op, struct subject *s, const char *type, struct str arn, struct str name, struct str id, struct str path)
{
    struct entity *e = list_push(op->arena, &s->entities);
    *e = (struct entity){ .type = type, .arn = arn, .name = name, .id = id, .path = path };
    return iam_usage_get(op, id, &e->usage);
}

static int add_user(struct op *op, struct subject *s, const struct iam_rec_User *u)
{
    return add_entity(op, s, "USER", directory_arn(op, op->account, "user", u->Path, u->Name), u->Name, u->Id, u->Path);
}

static int add_role(struct op *op, struct subject *s, const struct iam_rec_Role *r)
{
    return add_entity(op, s, "ROLE", directory_arn(op, op->account, "role", r->Path, r->Name), r->Name, r->Id, r->Path);
}

static bool group_has(struct op *op, const struct iam_rec_User *u, struct str policy_arn)
{
    struct iam_rec_Group g;
    for list_each(name, &u->Groups)
        if (directory_group(op, op->account, *name, &g) == 0 && str_list_has(&g.Attached, policy_arn))
            return true;
    return false;
}

/* Every user that is in the group (a name) or has the policy (an ARN), by himself or by a group; every role that has it. */
static int add_entities(struct op *op, struct subject *s, const struct record_kind *kind, struct str group, struct str policy)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    directory_key(op, &from, op->account, kind, STR_NONE);
    key_after_prefix(&from, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(scan, &key, &value)) {
        struct iam_rec_User u = { 0 };
        struct iam_rec_Role r = { 0 };
        bool user = kind == &iam_kind_user;
        rc = op_rec_decode(op, value, kind->shape, user ? (void *)&u : &r);
        if (rc == 0 && user && (group.p ? str_list_has(&u.Groups, group) : str_list_has(&u.Attached, policy) || group_has(op, &u, policy)))
            rc = add_user(op, s, &u);
        else if (rc == 0 && !user && str_list_has(&r.Attached, policy))
            rc = add_role(op, s, &r);
    }
    int end = scan_end(scan);
    return rc ? rc : end;
}

static int user_subject(struct op *op, struct str name, struct subject *s)
{
    struct iam_rec_User u;
    struct iam_rec_Group g;
    int rc = directory_user(op, op->account, name, &u);
    if (rc)
        return rc;
    add_holder(op, s, "USER", u.Name, &u.Inline, &u.Attached);
    for list_each(group, &u.Groups)
        if (directory_group(op, op->account, *group, &g) == 0)
            add_holder(op, s, "GROUP", g.Name, &g.Inline, &g.Attached);
    return add_user(op, s, &u);
}

static int group_subject(struct op *op, struct str name, struct subject *s)
{
    struct iam_rec_Group g;
    int rc = directory_group(op, op->account, name, &g);
    if (rc)
        return rc;
    add_holder(op, s, "GROUP", g.Name, &g.Inline, &g.Attached);
    return add_entities(op, s, &iam_kind_user, g.Name, STR_NONE);
}

static int role_subject(struct op *op, struct str name, struct subject *s)
{
    struct iam_rec_Role r;
    int rc = directory_role(op, op->account, name, &r);
    if (rc)
        return rc;
    add_holder(op, s, "ROLE", r.Name, &r.Inline, &r.Attached);
    return add_role(op, s, &r);
}

static int policy_subject(struct op *op, struct str arn, struct subject *s)
{
    add_managed(op, s, arn);
    if (s->policies.n == 0)
        return E_NOT_FOUND;
    int rc = add_entities(op, s, &iam_kind_user, STR_NONE, arn);
    return rc ? rc : add_entities(op, s, &iam_kind_role, STR_NONE, arn);
}

static int subject_of(struct op *op, struct str text, bool policies_too, struct subject *s)
{
    struct arn arn;
    struct str type, name;
    int rc = E_NOT_FOUND;
    if (arn_parse(text, &arn) || !str_is(arn.service, "iam") || !str_cut(arn.resource, '/', &type, &name))
        return aws_fail(op, IAM_InvalidInputException, "Invalid ARN: %.*s", STR_ARG(text));
    bool own = str_eq(arn.account, op->account);
    if (own && str_is(type, "user"))
        rc = user_subject(op, name_in(arn.resource), s);
    else if (own && str_is(type, "group"))
        rc = group_subject(op, name_in(arn.resource), s);
    else if (own && str_is(type, "role"))
        rc = role_subject(op, name_in(arn.resource), s);
    else if (policies_too && str_is(type, "policy"))
        rc = policy_subject(op, text, s);
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "ARN %.*s was not found.", STR_ARG(text)) : rc;
}

/* ---- what a policy gives access to ---- */

static bool statement_names(const struct statement *s, struct str service)
{
    struct str prefix, action;
    if (s->deny || s->not_action)
        return !s->deny;
    for list_each(a, &s->actions)
        if (!str_cut(*a, ':', &prefix, &action) || glob_match(prefix, service, true))
            return true;
    return false;
}

static bool gives(const struct policy *p, struct str service)
{
    for (uint32_t i = 0; p && i < p->statements.n; i++)
        if (statement_names(&p->statements.v[i], service))
            return true;
    return false;
}

static bool any_gives(const struct subject *s, struct str service)
{
    for list_each(g, &s->policies)
        if (gives(g->policy, service))
            return true;
    return false;
}

/* ---- who used it ---- */

static bool is_of(const struct iam_rec_Use *u, struct str service, struct str *ret_action)
{
    struct str prefix;
    return str_cut(u->Action, ':', &prefix, ret_action) && str_eq(prefix, service);
}

static void note_action(struct op *op, struct iam_ServiceLastAccessed *ret, struct str action, const struct iam_rec_Use *u, struct str who)
{
    struct iam_TrackedActionLastAccessed *t = NULL;
    for list_each(other, &ret->TrackedActionsLastAccessed)
        if (str_eq(other->ActionName, action))
            t = other;
    if (t && t->LastAccessedTime.v >= iam_use_last_ms(u))
        return;
    if (!t)
        t = list_push(op->arena, &ret->TrackedActionsLastAccessed);
    *t = (struct iam_TrackedActionLastAccessed){ .ActionName = action, .LastAccessedEntity = who, .LastAccessedTime = SOME_I64(iam_use_last_ms(u)),
                                                 .LastAccessedRegion = u->Region };
}

static void put_service(struct op *op, const struct subject *s, const struct arn_templates *known, bool actions, struct iam_ServiceLastAccessed *ret)
{
    int64_t entities = 0;
    *ret = (struct iam_ServiceLastAccessed){ .ServiceName = str_c(known->title), .ServiceNamespace = str_c(known->service) };
    for list_each(e, &s->entities) {
        bool used = false;
        for list_each(u, &e->usage.Uses) {
            struct str action;
            if (!is_of(u, ret->ServiceNamespace, &action))
                continue;
            used = true;
            if (iam_use_last_ms(u) > opt_i64(ret->LastAuthenticated, 0)) {
                ret->LastAuthenticated = SOME_I64(iam_use_last_ms(u));
                ret->LastAuthenticatedEntity = e->arn;
                ret->LastAuthenticatedRegion = u->Region;
            }
            if (actions)
                note_action(op, ret, action, u, e->arn);
        }
        entities += used;
    }
    ret->LastAuthenticated = iam_time(ret->LastAuthenticated);
    for list_each(t, &ret->TrackedActionsLastAccessed)
        t->LastAccessedTime = iam_time(t->LastAccessedTime);
    ret->TotalAuthenticatedEntities = SOME_I64(entities);
}

/* ---- jobs ---- */

static void job_key(struct op *op, struct key *k, struct str id) { directory_key(op, k, op->account, &iam_kind_accessed, id); }

/* The session's role or the user: who began a report may read it. */
static struct str asker(const struct op *op) { return opt_str(op->caller->role_arn, op->caller->arn); }

static int job_of(struct op *op, struct str id, struct iam_rec_AccessedJob *ret)
{
    struct key k;
    job_key(op, &k, id);
    int rc = op_rec_get(op, &k, &iam_rec_AccessedJob_shape, ret);
    if (rc == E_NOT_FOUND || (rc == 0 && !str_eq(ret->By, asker(op))))
        return aws_fail(op, IAM_NoSuchEntityException, "Job %.*s was not found.", STR_ARG(id));
    return rc;
}

int iam_job_accessed(struct op *op, struct str payload)
{
    struct key k;
    job_key(op, &k, payload);
    return op_rec_delete(op, &k);
}

int iam_GenerateServiceLastAccessedDetails(struct op *op, const struct iam_GenerateServiceLastAccessedDetails_in *in,
                                           struct iam_GenerateServiceLastAccessedDetails_out *out)
{
    struct subject s = { 0 };
    struct key k;
    int rc = subject_of(op, in->Arn, true, &s);
    if (rc)
        return rc;
    struct iam_rec_AccessedJob job = { .Arn = in->Arn, .Level = opt_str(in->Granularity, STR("SERVICE_LEVEL")), .By = asker(op), .CreatedMs = iam_now(op) };
    out->JobId = id_uuid(op);
    job_key(op, &k, out->JobId);
    rc = op_timer_set(op, "iam.accessed", out->JobId, op_now_ms(op) + JOB_MS, out->JobId);
    return rc ? rc : op_rec_put(op, &k, &iam_rec_AccessedJob_shape, &job);
}

int iam_GetServiceLastAccessedDetails(struct op *op, const struct iam_GetServiceLastAccessedDetails_in *in, struct iam_GetServiceLastAccessedDetails_out *out)
{
    struct iam_rec_AccessedJob job = { 0 };
    struct subject s = { 0 };
    struct iam_ServicesLastAccessed all = { 0 };
    uint32_t from, to;
    int rc = job_of(op, in->JobId, &job);
    if (rc == 0)
        rc = subject_of(op, job.Arn, true, &s);
    if (rc)
        return rc;
    for (size_t i = 0; i < arn_templates_n; i++)
        if (any_gives(&s, str_c(arn_templates[i].service)))
            put_service(op, &s, &arn_templates[i], str_is(job.Level, "ACTION_LEVEL"), list_push(op->arena, &all));
    rc = iam_slice(op, in->Marker, in->MaxItems, all.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->JobStatus = STR("COMPLETED");
    out->JobType = job.Level;
    out->JobCreationDate = out->JobCompletionDate = iam_time(job.CreatedMs);
    out->ServicesLastAccessed.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++)
        *list_push(op->arena, &out->ServicesLastAccessed) = all.v[i];
    return rc;
}

static int latest_first(const void *x, const void *y)
{
    int64_t a = opt_i64(((const struct iam_EntityDetails *)x)->LastAuthenticated, 0), b = opt_i64(((const struct iam_EntityDetails *)y)->LastAuthenticated, 0);
    return a < b ? 1 : a > b ? -1 : 0;
}

static void put_entity(struct op *op, const struct entity *e, struct str service, struct iam_EntityDetails *ret)
{
    struct str action;
    ret->EntityInfo = arena_one(op->arena, struct iam_EntityInfo);
    *ret->EntityInfo = (struct iam_EntityInfo){ .Arn = e->arn, .Name = e->name, .Type = str_c(e->type), .Id = e->id, .Path = e->path };
    for list_each(u, &e->usage.Uses)
        if (is_of(u, service, &action) && iam_use_last_ms(u) > opt_i64(ret->LastAuthenticated, 0))
            ret->LastAuthenticated = SOME_I64(iam_use_last_ms(u));
    ret->LastAuthenticated = iam_time(ret->LastAuthenticated);
}

int iam_GetServiceLastAccessedDetailsWithEntities(struct op *op, const struct iam_GetServiceLastAccessedDetailsWithEntities_in *in,
                                                  struct iam_GetServiceLastAccessedDetailsWithEntities_out *out)
{
    struct iam_rec_AccessedJob job = { 0 };
    struct subject s = { 0 };
    struct iam_entityDetailsListType all = { 0 };
    uint32_t from, to;
    int rc = job_of(op, in->JobId, &job);
    if (rc == 0)
        rc = subject_of(op, job.Arn, true, &s);
    if (rc)
        return rc;
    for list_each(e, &s.entities)
        put_entity(op, e, in->ServiceNamespace, list_push(op->arena, &all));
    if (all.n)
        qsort(all.v, all.n, sizeof *all.v, latest_first);
    rc = iam_slice(op, in->Marker, in->MaxItems, all.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->JobStatus = STR("COMPLETED");
    out->JobCreationDate = out->JobCompletionDate = iam_time(job.CreatedMs);
    out->EntityDetailsList.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++)
        *list_push(op->arena, &out->EntityDetailsList) = all.v[i];
    return rc;
}

int iam_ListPoliciesGrantingServiceAccess(struct op *op, const struct iam_ListPoliciesGrantingServiceAccess_in *in,
                                          struct iam_ListPoliciesGrantingServiceAccess_out *out)
{
    struct subject s = { 0 };
    uint32_t from = 0, to = 0;
    int rc = subject_of(op, in->Arn, false, &s);
    if (rc == 0)
        rc = iam_slice(op, in->Marker, SOME_I64(100), in->ServiceNamespaces.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->PoliciesGrantingServiceAccess.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++) {
        struct iam_ListPoliciesGrantingServiceAccessEntry *e = list_push(op->arena, &out->PoliciesGrantingServiceAccess);
        e->ServiceNamespace = in->ServiceNamespaces.v[i];
        e->Policies.set = true;
        for list_each(g, &s.policies) {
            if (!gives(g->policy, e->ServiceNamespace))
                continue;
            struct iam_PolicyGrantingServiceAccess *p = list_push(op->arena, &e->Policies);
            *p = (struct iam_PolicyGrantingServiceAccess){ .PolicyName = g->name, .PolicyType = g->arn.p ? STR("MANAGED") : STR("INLINE"), .PolicyArn = g->arn };
            if (!g->arn.p) {
                p->EntityType = str_c(g->holder_type);
                p->EntityName = g->holder;
            }
        }
    }
    return rc;
}
