/* Authorization in pairs: for every operation of every service, denied by default and allowed by exactly what it asks for.
 *
 * Each operation of the scenarios (scenario.h) is asked once by a user who begins without any policy. What refuses him names what he lacks, an action on a
 * resource, and he is refused still with
 *   - everything but that action on everything,
 *   - that action on everything but that resource, and all other actions on everything,
 *   - that action on that resource under a condition that a key of the request does not meet.
 * Then he gets a statement for exactly that action on exactly that resource, with the condition keys of the request as they are; and so on, until the
 * operation gives its own answer. What is asked must be AWS's: actions and resources are those of the service authorization reference. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/arn_template.h"
#include "auth/auth.h"
#include "auth/evaluate.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "cloud/call.h"
#include "sched/jobs.h"
#include "wire/wire.h"
#include "world/scenario.h"

enum { POLICY_BYTES_MAX = 64 * 1024 };

#define ALLOW "{\"Effect\":\"Allow\","

/* What is asked without authorization, and why. */
static const struct {
    const char *service, *operation, *why;
} unasked[] = {
    { "sts", "GetCallerIdentity", "everybody may ask who he is" },
    { "sts", "GetSessionToken", "no policy allows or denies it but by aws:MultiFactorAuthPresent in what the session does" },
    { "sts", "AssumeRoleWithWebIdentity", "unsigned: the role's trust policy decides about the token" },
    { "sts", "AssumeRoleWithSAML", "unsigned: the role's trust policy decides about the response" },
};

/* Where AWS asks otherwise than its reference says. */
static const struct {
    const char *action, *resource; /* with * */
} beside_reference[] = {
    /* Actions without resources that refusals name with one all the same. */
    { "events:ListRules", "arn:*:rule/*" },
    { "events:ListRuleNamesByTarget", "arn:*:rule/*" },
    { "iam:ListRoles", "arn:*:role/*" },
    { "iam:ListUsers", "arn:*:user/*" },
    { "scheduler:ListScheduleGroups", "arn:*:schedule-group/*" },
    { "scheduler:ListSchedules", "arn:*:schedule/*" },
    { "apigateway:*", "arn:*::/tags/arn%3Aaws%3Aapigateway%3A*" },
    { "kms:TagResource", "*" }, /* by CreateKey: there is no key yet */
};

struct test {
    struct world w;
    struct scenario scenario;
    struct call_listener listener;
    struct sign_credentials user;
    struct arena *a;    /* of the step */
    struct arena *last; /* of what follows */
    struct decision { /* the first that was refused, or the last, and the same of a call within the call */
        struct str action, resource;
        struct str_map context;
        bool refused;
    } decision, within;
    bool *paired;       /* by row of the service */
    unsigned pairs, statements, failures;
};

static void complain(struct test *t, const struct step *step, const char *what, const struct reply *r)
{
    t->failures++;
    printf("%s:%s, %s (%.*s on %.*s): answered %d %.*s\n", t->scenario.service->name, step->row->name, what, STR_ARG(opt_str(t->decision.action, STR("nothing asked"))),
           STR_ARG(opt_str(t->decision.resource, STR("-"))), r->status, STR_ARG(str_sub(r->body, 0, 400)));
}

/* ---- what was asked ---- */

static const struct authz_item *first_refused(const struct op *op)
{
    for list_each(item, &op->asked)
        if ((*item)->verdict == VERDICT_REFUSED)
            return *item;
    return NULL;
}

static void keep(struct test *t, struct decision *d, const struct authz_item *item)
{
    *d = (struct decision){ .action = str_dup(t->last, item->action), .resource = str_dup(t->last, item->resource), .refused = item->verdict == VERDICT_REFUSED };
    for list_each(c, &item->context)
        *list_push(t->last, &d->context) = (struct str_pair){ str_dup(t->last, c->key), str_dup(t->last, c->value) };
}

/* An operation may call others as its caller, and be refused there. */
static void ended(void *ctx, struct op *op, const void *in, const void *out, int rc)
{
    struct test *t = ctx;
    const struct authz_item *refused = first_refused(op);
    bool own = op->caller && op->caller->kind == PRINCIPAL_USER;
    if (op->parent && own && refused)
        keep(t, &t->within, refused);
    if (op->parent)
        return;
    t->decision = (struct decision){ 0 };
    if (!refused && rc && t->within.refused)
        t->decision = t->within;
    else if (refused || op->asked.n)
        keep(t, &t->decision, refused ? refused : op->asked.v[op->asked.n - 1]);
    t->within = (struct decision){ 0 };
}

static struct reply send(struct test *t, const struct op_row *row, const struct client_request *unsigned_request, const struct sign_credentials *key)
{
    struct client_request r = *unsigned_request; /* signed anew: signatures age */
    r.headers = (struct header_list){ 0 };
    for list_each(h, &unsigned_request->headers)
        *list_push(t->a, &r.headers) = *h;
    client_sign(t->a, row, key, STR("us-east-1"), &r);
    struct reply reply = world_send(&t->w, t->a, &r);
    world_settle(&t->w);
    return reply;
}

static struct reply ask(struct test *t, const struct step *step)
{
    arena_free(t->last);
    t->last = arena_new();
    return send(t, step->row, &step->request, &t->user);
}

/* ---- the user and his policy ---- */

static struct reply iam(struct test *t, const char *operation, const char *json)
{
    static const struct sign_credentials root = { .access_key_id = { "test", 4 }, .secret = { "test", 4 } };
    const struct op_row *row = wire_op(wire_service("iam"), str_c(operation));
    struct client_request r;
    struct str why;
    cJSON *in = cJSON_Parse(json);
    assert_non_null(in);
    assert_int_equal(client_encode(t->a, row, in, &r, &why), 0);
    cJSON_Delete(in);
    struct reply reply = send(t, row, &r, &root);
    if (reply.status != 200)
        fail_msg("%s %s: %.*s", operation, json, STR_ARG(reply.body));
    return reply;
}

static struct str between(struct str text, const char *from, const char *to)
{
    const char *at = strstr(text.p, from), *end = at ? strstr(at, to) : NULL;
    assert_non_null(end);
    at += strlen(from);
    return (struct str){ at, (size_t)(end - at) };
}

static void make_user(struct test *t)
{
    iam(t, "CreateUser", "{\"UserName\":\"pair\"}");
    if (str_is(str_c(t->scenario.service->name), "iam")) /* he changes his own */
        iam(t, "CreateLoginProfile", "{\"UserName\":\"pair\",\"Password\":\"Correct-horse-7\"}");
    struct str key = iam(t, "CreateAccessKey", "{\"UserName\":\"pair\"}").body;
    t->user = (struct sign_credentials){ .access_key_id = str_dup(t->scenario.arena, between(key, "<AccessKeyId>", "</AccessKeyId>")),
                                         .secret = str_dup(t->scenario.arena, between(key, "<SecretAccessKey>", "</SecretAccessKey>")) };
}

static void set_policy(struct test *t, struct str statements)
{
    struct buf b;
    buf_init(&b, t->a, POLICY_BYTES_MAX);
    buf_c(&b, "{\"UserName\":\"pair\",\"PolicyName\":\"p\",\"PolicyDocument\":");
    buf_json_string(&b, str_printf(t->a, "{\"Version\":\"2012-10-17\",\"Statement\":[%.*s]}", STR_ARG(statements)));
    buf_c(&b, "}");
    iam(t, "PutUserPolicy", str_printf(t->a, "%.*s", STR_ARG(buf_done(&b))).p);
}

static void no_policy(struct test *t) { iam(t, "DeleteUserPolicy", "{\"UserName\":\"pair\",\"PolicyName\":\"p\"}"); }

/* "Condition" of a statement that holds when every key has its values, or when a key has another than it has. */
static struct str conditions(struct test *t, const struct str_map *context, const struct str_pair *wrong)
{
    struct buf b;
    buf_init(&b, t->a, POLICY_BYTES_MAX);
    if (context->n == 0)
        return STR("");
    buf_c(&b, wrong ? ",\"Condition\":{\"ForAnyValue:StringEquals\":{" : ",\"Condition\":{\"ForAllValues:StringEquals\":{");
    for list_each(c, context) {
        struct str rest = c->value, one;
        if (wrong && c != wrong)
            continue;
        buf_c(&b, !wrong && c != context->v ? "," : "");
        buf_json_string(&b, c->key);
        buf_c(&b, ":[");
        for (bool more = true; more && !wrong;) {
            more = str_cut(rest, *CONTEXT_SEPARATOR, &one, &rest);
            buf_json_string(&b, one);
            buf_c(&b, more ? "," : "");
        }
        buf_c(&b, wrong ? "\"none of these\"]" : "]");
    }
    buf_c(&b, "}}");
    return buf_done(&b);
}

static struct str statement(struct test *t, const struct decision *d, struct str condition)
{
    return str_printf(t->a, ALLOW "\"Action\":\"%.*s\",\"Resource\":\"%.*s\"%.*s}", STR_ARG(d->action), STR_ARG(d->resource), STR_ARG(condition));
}

/* ---- what must be ---- */

static bool is_refused(struct test *t, const struct decision *lacks)
{
    return t->decision.refused && (!lacks || (str_eq(t->decision.action, lacks->action) && str_eq(t->decision.resource, lacks->resource)));
}

static void expect_refused(struct test *t, const struct step *step, const struct decision *lacks, struct str statements, const char *what)
{
    set_policy(t, statements);
    struct reply r = ask(t, step);
    if (!is_refused(t, lacks))
        complain(t, step, what, &r);
}

static bool is_access_denied(const struct reply *r)
{
    for list_each(h, &r->headers)
        if (str_eq_nocase(h->name, STR("x-amzn-errortype")))
            return str_starts(h->value, STR("AccessDenied"));
    return str_contains(r->body, STR("AccessDenied"));
}

/* The refusal in AWS's words; a HEAD has none. */
static void expect_words(struct test *t, const struct step *step, const struct decision *d, const struct reply *r)
{
    bool s3 = step->row->service->protocol == PROTO_REST_XML, assume = str_starts(d->action, STR("sts:AssumeRole"));
    const char *quote = s3 ? "\"" : "";
    struct str because = assume ? STR("") : str_printf(t->a, " because no identity-based policy allows the %.*s action", STR_ARG(d->action));
    struct str words = str_printf(t->a, "User: arn:aws:iam::000000000000:user/pair is not authorized to perform: %.*s on resource: %s%.*s%s%.*s", STR_ARG(d->action),
                                  quote, STR_ARG(d->resource), quote, STR_ARG(because));
    struct str body = str_replace(t->a, r->body, STR("&quot;"), STR("\""));
    bool head = str_is(step->request.method, "HEAD"), each = str_is(str_c(step->row->name), "DeleteObjects"); /* refused by key */
    if (r->status != 403 && r->status != 400 && !each)
        complain(t, step, "not refused as AWS does", r);
    else if (!head && (!is_access_denied(r) || !str_contains(body, words)))
        complain(t, step, "not refused in AWS's words", r);
}

/* The action is AWS's, and the resource one of those that it has. */
static void expect_known(struct test *t, const struct step *step, const struct decision *d, const struct reply *r)
{
    struct str template = arn_template(t->a, d->action, d->resource);
    bool all = str_is(d->resource, "*");
    for (size_t i = 0; i < sizeof beside_reference / sizeof *beside_reference; i++)
        if (glob_match(str_c(beside_reference[i].action), d->action, false) && glob_match(str_c(beside_reference[i].resource), d->resource, false))
            return;
    if (!template.p ? !all : all || !arn_template_fits(t->a, template, d->resource))
        complain(t, step, "not a resource that the action has in AWS's reference", r);
}

/* Everything that does not suffice for one thing that is asked, with the statements for what was asked before it. */
static void expect_nothing_else_suffices(struct test *t, const struct step *step, const struct decision *d, struct str before)
{
    struct str action = d->action, resource = d->resource;
    struct str others = str_printf(t->a, "%.*s" ALLOW "\"NotAction\":\"%.*s\",\"Resource\":\"*\"}", STR_ARG(before), STR_ARG(action));
    expect_refused(t, step, d, others, "with every other action");
    if (!str_is(resource, "*"))
        expect_refused(t, step, d, str_printf(t->a, "%.*s," ALLOW "\"Action\":\"%.*s\",\"NotResource\":\"%.*s\"}", STR_ARG(others), STR_ARG(action), STR_ARG(resource)),
                       "with the action on every other resource");
    for list_each(c, &d->context)
        expect_refused(t, step, d, str_printf(t->a, "%.*s%.*s", STR_ARG(before), STR_ARG(statement(t, d, conditions(t, &d->context, c)))),
                       str_printf(t->a, "under another %.*s", STR_ARG(c->key)).p);
}

/* The answer that the operation gave in the end. */
static struct reply make_pair(struct test *t, const struct step *step)
{
    struct str statements = STR("");
    struct reply r = ask(t, step);
    if (!t->decision.refused)
        complain(t, step, "not denied by default", &r);
    else if (step->row->action && !str_is(t->decision.action, step->row->action))
        complain(t, step, "another action than the row's", &r);
    for (unsigned n = 0; t->decision.refused && n < 10; n++) {
        struct decision d = t->decision;
        struct arena *kept = t->last; /* d is in it */
        t->last = arena_new();
        expect_words(t, step, &d, &r);
        expect_known(t, step, &d, &r);
        expect_nothing_else_suffices(t, step, &d, statements);
        struct str one = statement(t, &d, conditions(t, &d.context, NULL));
        set_policy(t, str_printf(t->a, "%.*s%.*s", STR_ARG(statements), STR_ARG(one)));
        statements = str_printf(t->a, "%.*s%.*s,", STR_ARG(statements), STR_ARG(one));
        t->statements++;
        arena_free(kept);
        r = ask(t, step);
    }
    if (statements.n)
        no_policy(t);
    t->pairs++;
    return r;
}

/* ---- the scenarios ---- */

static const char *why_unasked(const struct op_row *row)
{
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++)
        if (str_is(str_c(row->service->name), unasked[i].service) && str_is(str_c(row->name), unasked[i].operation))
            return unasked[i].why;
    return NULL;
}

/* Whether a later step lets the operation succeed: that one is taken. */
static bool succeeds_later(const struct test *t, const struct step *step)
{
    for (const cJSON *s = t->scenario.at; s; s = s->next)
        if (s->child && str_is(str_c(step->row->name), s->child->string) && !cJSON_GetObjectItemCaseSensitive(s, "error"))
            return true;
    return false;
}

static void run_step(struct test *t, struct step *step)
{
    bool own = step->row->service == t->scenario.service;
    bool *paired = own ? &t->paired[step->row - step->row->service->ops] : NULL;
    struct reply r;
    if (paired && !*paired && step->row->authorize && (!str_set(step->error) || !succeeds_later(t, step))) {
        *paired = true;
        r = make_pair(t, step);
        if (r.status >= 400 && !str_is(step->key.access_key_id, "test")) /* about who asks: the pair's user is another */
            r = send(t, step->row, &step->request, &step->key);
    } else {
        r = send(t, step->row, &step->request, &step->key);
    }
    if ((r.status >= 400) != str_set(step->error) || (str_set(step->error) && !str_contains(r.body, step->error)))
        complain(t, step, "not the operation's own answer", &r);
    else
        scenario_save(&t->scenario, step, &r);
}

static void run_scenario(struct test *t)
{
    struct step step;
    t->a = arena_new();
    make_user(t);
    arena_free(t->a);
    for (bool more = true; more;) {
        t->a = arena_new();
        more = scenario_next(&t->scenario, &t->w, t->a, &step);
        if (more && step.row)
            run_step(t, &step);
        else if (more)
            assert_int_equal(world_advance(&t->w, step.advance_ms), 0);
        if (more)
            jobs_settle(t->w.cloud->jobs, 0);
        world_settle(&t->w);
        arena_free(t->a);
    }
}

static void expect_all(struct test *t)
{
    const struct service_row *s = t->scenario.service;
    for (uint32_t i = 0; i < s->n_ops; i++) {
        const char *why = why_unasked(&s->ops[i]);
        if (!s->ops[i].authorize && why)
            printf("%s:%s has no pair: %s\n", s->name, s->ops[i].name, why);
        if (s->ops[i].authorize ? t->paired[i] && !why : why != NULL)
            continue;
        t->failures++;
        printf("%s:%s: %s\n", s->name, s->ops[i].name, why ? "is authorized now: strike it from the list" : s->ops[i].authorize ? "no scenario asks it" : "without authorization");
    }
}

TEST(every_operation_is_denied_by_default_and_allowed_by_exactly_what_it_asks_for)
{
    struct test t = { 0 };
    log_set_level(LOG_ERROR);
    t.listener = (struct call_listener){ .ended = ended, .ctx = &t };
    for (size_t i = 0; wire_services[i]; i++) {
        assert_int_equal(scenario_open(getenv("STRATA_SCENARIOS"), wire_services[i], &t.scenario), 0);
        world_open(&t.w);
        t.last = arena_new();
        cloud_listen(t.w.cloud, &t.listener);
        t.paired = xalloc(wire_services[i]->n_ops * sizeof *t.paired + 1);
        run_scenario(&t);
        expect_all(&t);
        world_close(&t.w);
        arena_free(t.last);
        free(t.paired);
        scenario_close(&t.scenario);
    }
    printf("%u pairs: operations denied by default, and allowed by %u statements for exactly what they ask\n", t.pairs, t.statements);
    assert_int_equal(t.failures, 0);
}
