#include "services/iam/access_report.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "auth/arn_template.h"
#include "auth/evaluate.h"
#include "base/arena.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/iam/common.h"
#include "services/iam/usage.h"

/* A statement of one of the principal's policies, as it stands in the document. */
struct grant {
    struct str policy;
    const cJSON *statement;
    bool allows;
    struct str_list actions, resources;
    bool inverted; /* NotAction or NotResource: what it grants is not listed */
};

struct report {
    struct op *op;
    struct str role;
    int64_t since_ms;
    cJSON *principals;
    /* of the principal at hand */
    struct {
        struct grant *v;
        uint32_t n, cap;
        bool set;
    } grants;
    struct iam_rec_Usage usage;
};

static void cjson_free(void *tree) { cJSON_Delete(tree); }

static cJSON *text(struct report *r, struct str s) { return cJSON_CreateString(str_printf(r->op->arena, "%.*s", STR_ARG(s)).p); }

/* ---- what is granted ---- */

static void strings(struct report *r, const cJSON *one_or_many, struct str_list *ret)
{
    const cJSON *e;
    if (cJSON_IsString(one_or_many))
        str_list_add(r->op->arena, ret, str_c(one_or_many->valuestring));
    else
        cJSON_ArrayForEach(e, one_or_many) if (cJSON_IsString(e)) str_list_add(r->op->arena, ret, str_c(e->valuestring));
}

static void add_statement(struct report *r, struct str policy, const cJSON *s)
{
    struct grant *g = list_push(r->op->arena, &r->grants);
    const cJSON *effect = cJSON_GetObjectItemCaseSensitive(s, "Effect");
    const cJSON *not_action = cJSON_GetObjectItemCaseSensitive(s, "NotAction"), *not_resource = cJSON_GetObjectItemCaseSensitive(s, "NotResource");
    g->policy = policy;
    g->statement = s;
    g->allows = cJSON_IsString(effect) && strcmp(effect->valuestring, "Allow") == 0;
    g->inverted = not_action || not_resource;
    strings(r, not_action ? not_action : cJSON_GetObjectItemCaseSensitive(s, "Action"), &g->actions);
    strings(r, not_resource ? not_resource : cJSON_GetObjectItemCaseSensitive(s, "Resource"), &g->resources);
}

static void add_document(struct report *r, struct str policy, struct str document)
{
    cJSON *tree = cJSON_ParseWithLength(document.p, document.n);
    const cJSON *statements = cJSON_GetObjectItemCaseSensitive(tree, "Statement"), *s;
    if (tree)
        arena_defer(r->op->arena, cjson_free, tree);
    if (cJSON_IsObject(statements))
        add_statement(r, policy, statements);
    else
        cJSON_ArrayForEach(s, statements) add_statement(r, policy, s);
}

static void add_policies(struct report *r, const char *where, const struct str_map *documents, const struct str_list *attached)
{
    for list_each(d, documents)
        add_document(r, str_printf(r->op->arena, "%s%.*s", where, STR_ARG(d->key)), d->value);
    for list_each(arn, attached) {
        struct str document;
        if (directory_policy_document(r->op, *arn, &document) == 0)
            add_document(r, *arn, document);
    }
}

static bool any_match(const struct str_list *patterns, struct str s, bool nocase)
{
    for list_each(p, patterns)
        if (glob_match(*p, s, nocase))
            return true;
    return false;
}

static bool counts(const struct report *r, const struct iam_rec_Use *u, struct opt_i64 n, struct opt_i64 last_ms)
{
    return opt_i64(n, 0) > 0 && opt_i64(last_ms, 0) >= r->since_ms;
}

static bool was_used(const struct report *r, const struct iam_rec_Use *u)
{
    return counts(r, u, u->Allowed, u->AllowedMs) || counts(r, u, u->Pardoned, u->PardonedMs);
}

/* On any resource of the statement's: a use that another narrower statement allowed counts, too. */
static bool is_used(const struct report *r, const struct grant *g, struct str action)
{
    for list_each(u, &r->usage.Uses) {
        if (!was_used(r, u) || !str_eq_nocase(u->Action, action))
            continue;
        for list_each(p, &g->resources)
            if (glob_match(*p, u->Resource, false) || glob_match(u->Resource, *p, false))
                return true;
    }
    return false;
}

static cJSON *list_of(struct report *r, const struct str_list *l)
{
    cJSON *a = cJSON_CreateArray();
    for list_each(s, l)
        cJSON_AddItemToArray(a, text(r, *s));
    return a;
}

/* Actions that the statement means: those of its patterns, but for "*" alone, which is all that AWS has. */
static void add_actions(struct report *r, const struct grant *g, cJSON *ret)
{
    cJSON *means = cJSON_AddObjectToObject(ret, "means"), *unused = cJSON_AddArrayToObject(ret, "unused");
    for list_each(pattern, &g->actions) {
        struct str_list known = { 0 };
        bool wild = memchr(pattern->p, '*', pattern->n) || memchr(pattern->p, '?', pattern->n);
        if (g->inverted || str_is(*pattern, "*"))
            continue;
        if (wild)
            known_actions(r->op->arena, *pattern, &known);
        else
            str_list_add(r->op->arena, &known, *pattern);
        if (wild)
            cJSON_AddItemToObject(means, pattern->p, list_of(r, &known));
        for list_each(action, &known)
            if (g->allows && !is_used(r, g, *action))
                cJSON_AddItemToArray(unused, text(r, *action));
    }
}

static cJSON *grants_json(struct report *r)
{
    cJSON *list = cJSON_CreateArray();
    for list_each(g, &r->grants) {
        cJSON *o = cJSON_CreateObject();
        const cJSON *sid = cJSON_GetObjectItemCaseSensitive(g->statement, "Sid");
        cJSON_AddItemToArray(list, o);
        cJSON_AddItemToObject(o, "policy", text(r, g->policy));
        cJSON_AddStringToObject(o, "sid", cJSON_IsString(sid) ? sid->valuestring : "");
        cJSON_AddStringToObject(o, "effect", g->allows ? "Allow" : "Deny");
        cJSON_AddBoolToObject(o, "inverted", g->inverted);
        cJSON_AddItemToObject(o, "actions", list_of(r, &g->actions));
        cJSON_AddItemToObject(o, "resources", list_of(r, &g->resources));
        cJSON_AddBoolToObject(o, "condition", cJSON_HasObjectItem(g->statement, "Condition"));
        add_actions(r, g, o);
    }
    return list;
}

/* ---- what was used ---- */

enum { USED, DENIED, PARDONED };

static cJSON *uses_json(struct report *r, int which)
{
    cJSON *list = cJSON_CreateArray();
    for list_each(u, &r->usage.Uses) {
        struct opt_i64 n = which == USED ? u->Allowed : which == DENIED ? u->Refused : u->Pardoned;
        struct opt_i64 last_ms = which == USED ? u->AllowedMs : which == DENIED ? u->RefusedMs : u->PardonedMs;
        if (!counts(r, u, n, last_ms))
            continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(list, o);
        cJSON_AddItemToObject(o, "action", text(r, u->Action));
        cJSON_AddItemToObject(o, "resource", text(r, u->Resource));
        cJSON_AddNumberToObject(o, "count", (double)n.v);
        cJSON_AddNumberToObject(o, "last_ms", (double)last_ms.v);
    }
    return list;
}

/* ---- the least policy ---- */

/* One action on one resource that is needed, with the condition under which it is granted now, as JSON text; "" none. */
struct need {
    struct str action, resource, condition;
    bool placed;
};
struct needs {
    struct need *v;
    uint32_t n, cap;
    bool set;
};

/* The statement that grants it, and the resource as narrow as it is granted. NULL: none does. */
static const struct grant *granting(const struct report *r, const struct iam_rec_Use *u, struct str *ret_resource)
{
    const struct grant *found = NULL;
    *ret_resource = u->Resource;
    for list_each(g, &r->grants) {
        if (!g->allows || (g->inverted ? false : !any_match(&g->actions, u->Action, true)))
            continue;
        if (any_match(&g->resources, u->Resource, false) || g->inverted)
            return g;
        for list_each(p, &g->resources)
            if (str_ends(u->Resource, STR("*")) && glob_match(u->Resource, *p, false)) {
                *ret_resource = *p;
                found = g;
            }
    }
    return found;
}

static void add_need(struct report *r, struct needs *needs, struct need n)
{
    for list_each(other, needs)
        if (str_eq(other->action, n.action) && str_eq(other->resource, n.resource) && str_eq(other->condition, n.condition))
            return;
    *list_push(r->op->arena, needs) = n;
}

static void find_needs(struct report *r, struct needs *ret)
{
    for list_each(u, &r->usage.Uses) {
        struct need n = { .action = u->Action, .condition = STR("") };
        const struct grant *g = granting(r, u, &n.resource);
        bool pardoned = counts(r, u, u->Pardoned, u->PardonedMs);
        if (!was_used(r, u) || (!g && !pardoned))
            continue;
        const cJSON *condition = g && !pardoned ? cJSON_GetObjectItemCaseSensitive(g->statement, "Condition") : NULL;
        char *printed = condition ? cJSON_PrintUnformatted(condition) : NULL;
        if (printed)
            n.condition = str_dup(r->op->arena, str_c(printed));
        cJSON_free(printed);
        add_need(r, ret, n);
    }
}

static int by_text(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

static void sort(struct str_list *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, by_text);
}

/* What is needed of a resource under a condition, sorted. */
static struct str_list actions_on(struct report *r, const struct needs *needs, const struct need *like)
{
    struct str_list actions = { 0 };
    for list_each(n, needs)
        if (str_eq(n->resource, like->resource) && str_eq(n->condition, like->condition))
            str_list_add(r->op->arena, &actions, n->action);
    sort(&actions);
    return actions;
}

static bool same(const struct str_list *x, const struct str_list *y)
{
    bool equal = x->n == y->n;
    for (uint32_t i = 0; equal && i < x->n; i++)
        equal = str_eq(x->v[i], y->v[i]);
    return equal;
}

/* A statement for the resources on which the same actions are needed as on the first that has none yet. */
static cJSON *statement_of(struct report *r, struct needs *needs, struct need *first)
{
    struct str_list actions = actions_on(r, needs, first), resources = { 0 };
    for list_each(n, needs) {
        struct str_list own = actions_on(r, needs, n);
        if (!str_eq(n->condition, first->condition) || !same(&own, &actions))
            continue;
        n->placed = true;
        if (!str_list_has(&resources, n->resource))
            str_list_add(r->op->arena, &resources, n->resource);
    }
    sort(&resources);
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "Effect", "Allow");
    cJSON_AddItemToObject(s, "Action", list_of(r, &actions));
    cJSON_AddItemToObject(s, "Resource", list_of(r, &resources));
    if (first->condition.n)
        cJSON_AddItemToObject(s, "Condition", cJSON_Parse(first->condition.p));
    return s;
}

static cJSON *policy_json(struct report *r)
{
    struct needs needs = { 0 };
    cJSON *policy = cJSON_CreateObject();
    cJSON_AddStringToObject(policy, "Version", "2012-10-17");
    cJSON *statements = cJSON_AddArrayToObject(policy, "Statement");
    find_needs(r, &needs);
    for list_each(n, &needs)
        if (!n->placed)
            cJSON_AddItemToArray(statements, statement_of(r, &needs, n));
    return policy;
}

/* ---- principals ---- */

static void add_principal(struct report *r, const char *kind, struct str name, struct str arn)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(r->principals, o);
    cJSON_AddStringToObject(o, "kind", kind);
    cJSON_AddItemToObject(o, "name", text(r, name));
    cJSON_AddItemToObject(o, "arn", text(r, arn));
    cJSON_AddNumberToObject(o, "last_ms", (double)opt_i64(r->usage.LastMs, 0));
    cJSON_AddItemToObject(o, "granted", grants_json(r));
    cJSON_AddItemToObject(o, "used", uses_json(r, USED));
    cJSON_AddItemToObject(o, "denied", uses_json(r, DENIED));
    cJSON_AddItemToObject(o, "pardoned", uses_json(r, PARDONED));
    cJSON_AddItemToObject(o, "policy", policy_json(r));
}

static int begin(struct report *r, struct str id)
{
    r->grants.n = 0;
    return iam_usage_get(r->op, id, &r->usage);
}

static int add_role(struct report *r, struct str value)
{
    struct iam_rec_Role role = { 0 };
    int rc = op_rec_decode(r->op, value, &iam_rec_Role_shape, &role);
    if (rc || (r->role.p && !str_eq_nocase(r->role, role.Name)))
        return rc;
    rc = begin(r, role.Id);
    add_policies(r, "inline ", &role.Inline, &role.Attached);
    add_principal(r, "role", role.Name, directory_arn(r->op, r->op->account, "role", role.Path, role.Name));
    return rc;
}

static int add_user(struct report *r, struct str value)
{
    struct iam_rec_User user = { 0 };
    int rc = op_rec_decode(r->op, value, &iam_rec_User_shape, &user);
    if (rc || r->role.p)
        return rc;
    rc = begin(r, user.Id);
    add_policies(r, "inline ", &user.Inline, &user.Attached);
    for list_each(name, &user.Groups) {
        struct iam_rec_Group group = { 0 };
        if (directory_group(r->op, r->op->account, *name, &group) == 0)
            add_policies(r, str_printf(r->op->arena, "of group %.*s: ", STR_ARG(*name)).p, &group.Inline, &group.Attached);
    }
    add_principal(r, "user", user.Name, directory_arn(r->op, r->op->account, "user", user.Path, user.Name));
    return rc;
}

/* Services, which only resource policies hold back. */
static int add_service(struct report *r, struct str value)
{
    struct iam_rec_Usage usage = { 0 };
    int rc = op_rec_decode(r->op, value, &iam_rec_Usage_shape, &usage);
    if (rc || r->role.p || str_starts(usage.Arn, STR("arn:")))
        return rc;
    r->grants.n = 0;
    r->usage = usage;
    add_principal(r, "service", usage.Arn, usage.Arn);
    return 0;
}

static int each(struct report *r, const struct record_kind *kind, int (*fn)(struct report *r, struct str value))
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    directory_key(r->op, &from, r->op->account, kind, STR_NONE);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(r->op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value))
        rc = fn(r, str_dup(r->op->arena, value));
    int end = scan_end(s);
    return rc ? rc : end;
}

static int make_report(struct op *op, void *ctx)
{
    struct report *r = ctx;
    r->op = op;
    int rc = each(r, &iam_kind_role, add_role);
    if (rc == 0)
        rc = each(r, &iam_kind_user, add_user);
    return rc ? rc : each(r, &iam_kind_usage, add_service);
}

static void page(struct cloud *cloud, struct exchange *x)
{
    cJSON *asked = cJSON_ParseWithLength(x->body.p, x->body.n), *answer = cJSON_CreateObject();
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(asked, "account"), *role = cJSON_GetObjectItemCaseSensitive(asked, "role"),
                *within = cJSON_GetObjectItemCaseSensitive(asked, "within_ms");
    struct report r = { .role = cJSON_IsString(role) ? str_c(role->valuestring) : STR_NONE };
    if (cJSON_IsNumber(within))
        r.since_ms = clock_now_ms(cloud->clock) - (int64_t)within->valuedouble;
    cJSON_AddStringToObject(answer, "mode", cloud->config.iam_soft ? "soft" : "enforce");
    r.principals = cJSON_AddArrayToObject(answer, "principals");
    iam_usage_flush(cloud);
    int rc = cloud_read(cloud, cJSON_IsString(account) ? str_c(account->valuestring) : STR("000000000000"), str_c(cloud->config.region), make_report, &r);
    char *printed = cJSON_PrintUnformatted(answer);
    if (!cJSON_IsObject(asked))
        admin_refuse(x, 400, "say {}, or {\"account\": .., \"role\": .., \"within_ms\": ..}");
    else if (rc)
        admin_refuse(x, 500, err_name(rc));
    else
        admin_reply(x, str_dup(x->arena, str_c(printed)));
    cJSON_free(printed);
    cJSON_Delete(answer);
    cJSON_Delete(asked);
}

const struct admin_page iam_report_page = { .method = "POST", .target = "/_strata/access", .fn = page };
