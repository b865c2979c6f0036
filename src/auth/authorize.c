#include "auth/auth.h"

#include <string.h>

#include "auth/evaluate.h"
#include "auth/failure.h"
#include "auth/identity.h"
#include "auth/message.h"
#include "auth/organization.h"
#include "auth/state.h"
#include "aws/arn.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"
#include "sched/clock.h"
#include "wire/wire.h"

struct authz_item *authz_add(struct authz *a, const char *action, struct str resource)
{
    struct authz_item *item = list_push(a->op->arena, a);
    item->action = str_c(action);
    item->resource = resource.p ? resource : STR("*");
    return item;
}

void authz_late(struct authz *a, struct authz_item *item, int (*add)(struct authz *a, struct authz_item *item, const void *arg), const void *arg)
{
    *list_push(a->op->arena, &item->late) = (struct authz_late){ add, arg };
}

/* A value that holds what separates values would count as several of them: it is none of them, nor equal to any. */
static struct str one_value(struct arena *a, struct str value)
{
    return str_replace(a, value, STR(CONTEXT_SEPARATOR), STR("\xEF\xBF\xBD"));
}

void authz_context_named(struct authz *a, struct authz_item *item, const char *prefix, struct str name, struct str value)
{
    struct arena *arena = a->op->arena;
    if (value.p)
        str_map_put(arena, &item->context, str_cat(arena, str_c(prefix), name), one_value(arena, value));
}

void authz_context(struct authz *a, struct authz_item *item, const char *key, struct str value)
{
    authz_context_named(a, item, key, STR(""), value);
}

void authz_context_list(struct authz *a, struct authz_item *item, const char *key, const struct str_list *values)
{
    struct buf b;
    if (values->n == 0)
        return;
    buf_init(&b, a->op->arena, LIMIT_BODY_BYTES);
    for (uint32_t i = 0; i < values->n; i++) {
        buf_c(&b, i ? CONTEXT_SEPARATOR : "");
        buf_str(&b, one_value(a->op->arena, values->v[i]));
    }
    str_map_put(a->op->arena, &item->context, str_c(key), buf_done(&b));
}

void authz_member(struct authz *a, struct authz_item *item, const char *key, const struct shape *shape, const void *value)
{
    struct str_list values;
    wire_texts(a->op->arena, shape, value, &values);
    authz_context_list(a, item, key, &values);
}

static void add(struct op *op, struct str_map *m, const char *key, struct str value)
{
    if (!value.p)
        return;
    struct str_pair *p = list_push(op->arena, m);
    p->key = str_c(key);
    p->value = one_value(op->arena, value);
}

static struct str bool_text(bool b) { return b ? STR("true") : STR("false"); }

static const char *type_of(enum principal_kind kind)
{
    switch (kind) {
    case PRINCIPAL_ROOT: return "Account";
    case PRINCIPAL_USER: return "User";
    case PRINCIPAL_ROLE: return "AssumedRole";
    case PRINCIPAL_FEDERATED: return "FederatedUser";
    case PRINCIPAL_VOUCHED: return "WebIdentityUser";
    case PRINCIPAL_SERVICE: return "Service";
    case PRINCIPAL_ANONYMOUS: break;
    }
    return "Anonymous";
}

/* Whether a service asks another one in the name of whoever asked it (S3 of KMS), which is not so when it acts as itself or as a role. */
static bool in_name_of_caller(const struct op *op)
{
    return op->parent && op->parent->row && op->parent->caller && op->caller->kind != PRINCIPAL_SERVICE && str_eq(op->parent->caller->arn, op->caller->arn);
}

/* aws:CalledVia knows these alone: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia */
static void add_called_via(struct op *op, struct str_map *m)
{
    static const char *const known[] = { "dynamodb", "kms" };
    struct str_list chain = { 0 };
    for (const struct op *at = op; in_name_of_caller(at); at = at->parent)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (str_is(str_c(at->parent->row->service->name), known[i]))
                str_list_add(op->arena, &chain, str_printf(op->arena, "%s.amazonaws.com", known[i]));
    if (!chain.n)
        return;
    add(op, m, "aws:CalledViaFirst", chain.v[chain.n - 1]);
    add(op, m, "aws:CalledViaLast", chain.v[0]);
    struct str all = chain.v[chain.n - 1];
    for (uint32_t i = chain.n - 1; i-- > 0;)
        all = str_cat(op->arena, all, STR(CONTEXT_SEPARATOR), chain.v[i]);
    *list_push(op->arena, m) = (struct str_pair){ STR("aws:CalledVia"), all };
}

/* Of an account's place in an organization: aws:PrincipalOrgID, aws:PrincipalOrgPaths. */
static void add_organization(struct op *op, const char *whose, struct str account, struct str_map *m)
{
    struct organizations_rec_Member member;
    struct str path;
    if (!account.n || organization_member(op, account, &member))
        return;
    add(op, m, str_printf(op->arena, "aws:%sOrgID", whose).p, member.Organization);
    if (organization_path(op, member.Organization, account, &path) == 0)
        add(op, m, str_printf(op->arena, "aws:%sOrgPaths", whose).p, path);
    if (str_is(str_c(whose), "Principal"))
        add(op, m, "aws:PrincipalOrgMasterAccountId", member.Management);
}

static void add_principal(struct op *op, const struct principal *p, struct str_map *m)
{
    bool service = p->kind == PRINCIPAL_SERVICE;
    add(op, m, "aws:PrincipalType", str_c(type_of(p->kind)));
    add(op, m, "aws:PrincipalIsAWSService", bool_text(service));
    add(op, m, "aws:ViaAWSService", bool_text(in_name_of_caller(op)));
    add_called_via(op, m);
    if (service) {
        add(op, m, "aws:PrincipalServiceName", p->name);
        add(op, m, "aws:SourceArn", p->source_arn);
        add(op, m, "aws:SourceAccount", p->source_account);
        add_organization(op, "Source", p->source_account, m);
        return;
    }
    if (p->kind == PRINCIPAL_ANONYMOUS || p->kind == PRINCIPAL_VOUCHED)
        return;
    add(op, m, "aws:PrincipalArn", p->role_arn.p ? p->role_arn : p->arn);
    add(op, m, "aws:PrincipalAccount", p->account);
    add_organization(op, "Principal", p->account, m);
    add(op, m, "aws:userid", p->user_id);
    add(op, m, "aws:SourceIdentity", p->source_identity);
    if (p->kind == PRINCIPAL_USER)
        add(op, m, "aws:username", p->name);
    if (p->session_issued_ms) {
        add(op, m, "aws:TokenIssueTime", time_iso8601(op->arena, p->session_issued_ms - p->session_issued_ms % 1000));
        add(op, m, "aws:MultiFactorAuthPresent", bool_text(p->mfa));
        if (p->mfa)
            add(op, m, "aws:MultiFactorAuthAge", str_printf(op->arena, "%lld", (long long)((op_now_ms(op) - p->session_issued_ms) / 1000)));
    }
}

/* What S3 tells of every request: https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html */
static void add_s3(struct op *op, struct str owner, struct str_map *m)
{
    struct sigv4 s;
    int64_t signed_ms;
    add(op, m, "s3:ResourceAccount", owner);
    if (!op->http)
        return;
    add(op, m, "s3:TlsVersion", str_c(op->http->tls_version));
    add(op, m, "s3:x-amz-content-sha256", exchange_header(op->http, "x-amz-content-sha256"));
    if (op->caller->kind == PRINCIPAL_ANONYMOUS || sigv4_parse(op, op->http, &s))
        return;
    if (!s.present) { /* a form's policy was signed; its fields are headers now */
        s.amz_date = opt_str(exchange_header(op->http, "x-amz-date"), STR(""));
        s.v2 = !s.amz_date.n;
    }
    add(op, m, "s3:signatureversion", s.v2 ? STR("AWS") : STR("AWS4-HMAC-SHA256"));
    add(op, m, "s3:authType", !s.present ? STR("POST") : s.presigned ? STR("REST-QUERY-STRING") : STR("REST-HEADER"));
    if (!s.v2 && time_parse_amz(s.amz_date, &signed_ms) == 0)
        add(op, m, "s3:signatureAge", str_printf(op->arena, "%lld", (long long)(clock_real_ms() - signed_ms)));
}

static void add_global(struct op *op, const struct identity *who, struct str_map *m)
{
    int64_t now_s = op_now_ms(op) / 1000;
    for list_each(t, &who->tags)
        add(op, m, str_cat(op->arena, STR("aws:PrincipalTag/"), t->key).p, t->value);
    for list_each(c, &who->claims)
        add(op, m, c->key.p, c->value);
    add_principal(op, op->caller, m);
    add(op, m, "aws:CurrentTime", time_iso8601(op->arena, now_s * 1000));
    add(op, m, "aws:EpochTime", str_printf(op->arena, "%lld", (long long)now_s));
    add(op, m, "aws:RequestedRegion", op->region);
    add(op, m, "aws:SecureTransport", bool_text(op->http ? op->http->tls : true));
    if (!op->http)
        return;
    struct str peer = op->http->peer, host, port;
    if (str_starts(peer, STR("[")) && str_cut_last(peer, ']', &host, &port))
        peer = str_sub(host, 1, host.n);
    else if (str_cut(peer, ':', &host, &port) && !str_contains(port, STR(":")))
        peer = host;
    add(op, m, "aws:SourceIp", peer);
    add(op, m, "aws:UserAgent", exchange_header(op->http, "user-agent"));
    add(op, m, "aws:referer", exchange_header(op->http, "referer"));
}

static struct str account_of(struct op *op, const struct authz_item *item)
{
    struct arn arn;
    if (item->account.p)
        return item->account;
    if (arn_parse(item->resource, &arn) == 0 && arn.account.n && !str_is(arn.account, "aws"))
        return arn.account;
    return op->account;
}

static int denied(struct op *op, const struct authz_item *item, struct eval_result result)
{
    static const char *const kinds[] = { "", "identity-based policy", "resource-based policy", "permissions boundary", "session policy", "service control policy",
                                          "resource control policy" };
    const struct principal *p = op->caller;
    bool s3 = refusal_is_s3(op);
    if (p->kind == PRINCIPAL_ANONYMOUS && s3)
        return refuse(op, REFUSE_ACCESS, "Access Denied");
    struct str who = p->kind == PRINCIPAL_ANONYMOUS ? STR("anonymous") : p->arn, because;
    const char *kind = kinds[result.refused_by];
    if (result.explicit_deny)
        because = str_printf(op->arena, " with an explicit deny in %s %s", result.refused_by == EVAL_IDENTITY ? "an" : "a", kind);
    else if (str_starts(item->action, STR("sts:AssumeRole")))
        because = STR("");
    else
        because = str_printf(op->arena, " because no %s allows the %.*s action", kind, STR_ARG(item->action));
    const char *quote = s3 ? "\"" : "";
    return refuse(op, REFUSE_ACCESS, "User: %.*s is not authorized to perform: %.*s on resource: %s%.*s%s%.*s", STR_ARG(who), STR_ARG(item->action), quote,
                  STR_ARG(item->resource), quote, STR_ARG(because));
}

/* Found when a condition asks: what the operation adds of itself, which comes first, being the more particular, and what every request has. */
struct context {
    struct eval_late late;
    struct authz *a;
    struct authz_item *item;
    const struct identity *who;
    struct str owner;
    int rc;
};

static void find_context(struct eval_late *l)
{
    struct context *c = (struct context *)l;
    struct op *op = c->a->op;
    uint32_t had = c->item->context.n;
    for (uint32_t i = 0; i < c->item->late.n && c->rc == 0; i++)
        c->rc = c->item->late.v[i].add(c->a, c->item, c->item->late.v[i].arg);
    for (uint32_t i = had; i < c->item->context.n; i++)
        *list_push(op->arena, &l->context) = c->item->context.v[i];
    add_global(op, c->who, &l->context);
    if (str_starts(c->item->action, STR("s3:")))
        add_s3(op, c->owner, &l->context);
    add(op, &l->context, "aws:ResourceAccount", c->owner);
    add_organization(op, "Resource", c->owner, &l->context);
}

/* The caller's own policies, once for all items. */
static int caller_identity(struct op *op, const struct identity **ret)
{
    const struct principal *p = op->caller;
    if (*ret)
        return 0;
    if (p->access_key_id.p && !p->session_policy.p && p->kind != PRINCIPAL_ROOT) {
        int rc = identity_of_key(op, p->access_key_id, false, ret);
        if (rc != E_NOT_FOUND)
            return rc;
    }
    struct identity *own = arena_one(op->arena, struct identity);
    *ret = own;
    return identity_bind(op, p, own);
}

/* Who has no identity here is refused as ever: for him the policy is what tells him apart. */
static bool pardoned(struct op *op, const struct principal *by)
{
    return op->auth && op->auth->pardons && by->kind != PRINCIPAL_ANONYMOUS && by->kind != PRINCIPAL_VOUCHED;
}

bool auth_settle(struct op *op, struct authz_item *item, const struct principal *by, bool allowed)
{
    item->by = by;
    item->verdict = allowed ? VERDICT_ALLOWED : pardoned(op, by) ? VERDICT_PARDONED : VERDICT_REFUSED;
    *list_push(op->arena, &op->asked) = item;
    return item->verdict != VERDICT_REFUSED;
}

/* https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services */
static bool is_resource_controlled(struct str action)
{
    static const char *const services[] = { "s3:", "sts:", "kms:", "sqs:", "secretsmanager:" };
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (str_starts(action, str_c(services[i])))
            return true;
    return false;
}

/* Of the last resource's account: the items of a request seldom have two. */
struct resource_controls {
    struct str account;
    struct policy_levels levels;
};

static int bind_resource(struct op *op, struct str owner, struct resource_controls *last)
{
    if (last->account.p && str_eq(last->account, owner))
        return 0;
    *last = (struct resource_controls){ .account = owner };
    return organization_bind(op, owner, ORGANIZATION_RESOURCE_CONTROL, &last->levels);
}

static int authorize_item(struct authz *a, struct authz_item *item, const struct identity **who, struct resource_controls *controls)
{
    struct op *op = a->op;
    const struct principal *p = op->caller;
    struct context late = { .late.find = find_context, .a = a, .item = item, .owner = account_of(op, item) };
    if (p->kind == PRINCIPAL_ROOT && !p->session_policy.p && str_eq(late.owner, p->account) && !item->resource_policy.p && !item->resource_policy_decides &&
        !organization_binds(op, p->account)) {
        auth_settle(op, item, p, true); /* nothing can hold the root back here */
        return 0;
    }
    int rc = caller_identity(op, who);
    if (rc)
        return rc;
    late.who = *who;
    struct eval_policies policies = (*who)->policies;
    if (is_resource_controlled(item->action) && !(*who)->service_linked) {
        rc = bind_resource(op, late.owner, controls);
        policies.resource_control = controls->levels;
    }
    if (rc)
        return rc;
    policies.has_resource = item->resource_policy.p != NULL;
    if (policies.has_resource)
        policies.resource = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, item->resource_policy);
    struct eval_request r = { .arena = op->arena, .principal = p, .action = item->action, .resource = item->resource, .resource_account = late.owner,
                              .context = item->context, .late = &late.late, .resource_policy_decides = item->resource_policy_decides };
    struct eval_result result = evaluate(&r, &policies);
    if (late.rc)
        return late.rc;
    bool granted = item->granted && !result.explicit_deny && result.refused_by != EVAL_ORGANIZATION && result.refused_by != EVAL_RESOURCE_CONTROL;
    if (auth_settle(op, item, p, result.allowed || granted))
        return 0;
    if (op->http)
        message_attach(op, &r, &policies, result);
    return denied(op, item, result);
}

int auth_authorize(struct op *op, struct authz *a)
{
    const struct identity *who = NULL;
    struct resource_controls controls = { 0 };
    int rc = op->caller ? 0 : E_DENIED;
    for (uint32_t i = 0; i < a->n && rc == 0; i++)
        rc = authorize_item(a, &a->v[i], &who, &controls);
    return rc;
}

static void epoch_key(struct op *op, struct key *k) { op_key(op, k, &iam_kind_epoch); }

uint64_t auth_epoch(struct op *op)
{
    struct key k;
    struct str value;
    uint64_t epoch = 0;
    epoch_key(op, &k);
    if (txn_get_hot(op->txn, op->arena, key_view(&k), &value) == 0 && value.n == sizeof epoch)
        memcpy(&epoch, value.p, sizeof epoch);
    return epoch;
}

int auth_epoch_bump(struct op *op)
{
    struct key k;
    uint64_t epoch = auth_epoch(op);
    if (op->auth && op->auth->last_epoch > epoch)
        epoch = op->auth->last_epoch;
    epoch++;
    if (op->auth)
        op->auth->last_epoch = epoch;
    epoch_key(op, &k);
    return txn_put(op->txn, key_view(&k), (struct str){ (const char *)&epoch, sizeof epoch });
}
