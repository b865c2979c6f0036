/* The evaluator: each rule and each operator in a pair, allowed and denied. */
#include "base/test.h"

#include <stdio.h>

#include "auth/evaluate.h"
#include "base/err.h"

#define ALLOW(action, resource) "{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Resource\":\"" resource "\"}"
#define DENY(action, resource) "{\"Effect\":\"Deny\",\"Action\":\"" action "\",\"Resource\":\"" resource "\"}"
#define DOC(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define TO(principal, more) "{\"Effect\":\"Allow\",\"Principal\":" principal ",\"Action\":\"sqs:SendMessage\",\"Resource\":\"*\"" more "}"
#define QUEUE "arn:aws:sqs:us-east-1:111111111111:orders"

struct world {
    struct arena *a;
    struct principal p;
    struct eval_request r;
    struct eval_policies policies;
};

static const struct policy *parse(struct world *w, const char *json)
{
    struct policy *p;
    struct str why = STR("");
    if (policy_parse(w->a, str_c(json), POLICY_ANY, &p, &why))
        fail_msg("%s: %.*s", json, STR_ARG(why));
    return p;
}

static void begin(struct world *w)
{
    *w = (struct world){ .a = arena_new() };
    w->p = (struct principal){ .kind = PRINCIPAL_USER, .account = STR("111111111111"), .arn = STR("arn:aws:iam::111111111111:user/ann"),
                               .user_id = STR("AIDAX"), .name = STR("ann") };
    w->r = (struct eval_request){ .arena = w->a, .principal = &w->p, .action = STR("sqs:SendMessage"), .resource = STR(QUEUE),
                                  .resource_account = STR("111111111111") };
}

static void identity(struct world *w, const char *json) { *list_push(w->a, &w->policies.identity) = parse(w, json); }

static void resource(struct world *w, const char *json)
{
    w->policies.has_resource = true;
    w->policies.resource = parse(w, json);
}

static void boundary(struct world *w, const char *json)
{
    w->policies.has_boundary = true;
    w->policies.boundary = parse(w, json);
}

static void session(struct world *w, const char *json)
{
    w->policies.has_session = true;
    *list_push(w->a, &w->policies.session) = parse(w, json);
}

static void context(struct world *w, const char *key, const char *value)
{
    struct str_pair *p = list_push(w->a, &w->r.context);
    p->key = str_c(key);
    p->value = str_c(value);
}

static bool allowed(struct world *w) { return evaluate(&w->r, &w->policies).allowed; }

static void end(struct world *w) { arena_free(w->a); }

TEST(nothing_is_allowed_by_default)
{
    struct world w;
    begin(&w);
    struct eval_result r = evaluate(&w.r, &w.policies);
    assert_false(r.allowed);
    assert_int_equal(r.refused_by, EVAL_IDENTITY);
    identity(&w, DOC(ALLOW("sqs:SendMessage", "*")));
    assert_true(allowed(&w));
    end(&w);
}

TEST(explicit_deny_wins_wherever_it_stands)
{
    struct world w;
    begin(&w);
    identity(&w, DOC(ALLOW("*", "*")));
    resource(&w, DOC("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sqs:*\",\"Resource\":\"*\"}"));
    struct eval_result r = evaluate(&w.r, &w.policies);
    assert_true(r.explicit_deny);
    assert_int_equal(r.refused_by, EVAL_RESOURCE);
    w.p.kind = PRINCIPAL_ROOT; /* the root, too */
    assert_false(allowed(&w));
    end(&w);
    begin(&w);
    identity(&w, DOC(ALLOW("*", "*")));
    identity(&w, DOC(DENY("sqs:Send*", "*")));
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_IDENTITY);
    end(&w);
}

static void action_pair(const char *action, bool yes)
{
    struct world w;
    begin(&w);
    char json[512];
    snprintf(json, sizeof json, DOC(ALLOW("%s", "*")), action);
    identity(&w, json);
    if (allowed(&w) != yes)
        fail_msg("action %s: %s", action, yes ? "denied" : "allowed");
    end(&w);
}

TEST(actions)
{
    action_pair("sqs:SendMessage", true);
    action_pair("SQS:sendmessage", true);
    action_pair("sqs:*", true);
    action_pair("sqs:Send?essage", true);
    action_pair("s*:*Message", true);
    action_pair("sqs:SendMessag", false);
    action_pair("sqs:SendMessageBatch", false);
    action_pair("sns:*", false);
}

static void resource_pair(const char *pattern, bool yes)
{
    struct world w;
    begin(&w);
    char json[512];
    snprintf(json, sizeof json, DOC(ALLOW("*", "%s")), pattern);
    identity(&w, json);
    if (allowed(&w) != yes)
        fail_msg("resource %s: %s", pattern, yes ? "denied" : "allowed");
    end(&w);
}

TEST(resources)
{
    resource_pair(QUEUE, true);
    resource_pair("arn:aws:sqs:*:*:orders", true);
    resource_pair("arn:aws:sqs:*", true);
    resource_pair("arn:aws:sqs:us-east-1:111111111111:order?", true);
    resource_pair("arn:aws:sqs:us-east-1:111111111111:Orders", false);
    resource_pair("arn:aws:sqs:us-west-2:*:orders", false);
    resource_pair("arn:aws:sqs:us-east-1:111111111111:orders-dlq", false);
    resource_pair("arn:aws:sqs:*:*:${aws:username}", false);
}

TEST(not_action_and_not_resource)
{
    struct world w;
    begin(&w);
    identity(&w, DOC("{\"Effect\":\"Allow\",\"NotAction\":\"iam:*\",\"NotResource\":\"arn:aws:sqs:*:*:secret*\"}"));
    assert_true(allowed(&w));
    w.r.resource = STR("arn:aws:sqs:us-east-1:111111111111:secrets");
    assert_false(allowed(&w));
    w.r.resource = STR(QUEUE);
    w.r.action = STR("iam:CreateUser");
    assert_false(allowed(&w));
    end(&w);
}

TEST(policy_variables)
{
    struct world w;
    begin(&w);
    w.r.resource = STR("arn:aws:sqs:us-east-1:111111111111:a*b-ann");
    context(&w, "aws:username", "ann");
    context(&w, "aws:PrincipalTag/star", "*");
    identity(&w, DOC(ALLOW("sqs:*", "arn:aws:sqs:*:*:a${*}b-${aws:username}")));
    assert_true(allowed(&w));
    w.r.resource = STR("arn:aws:sqs:us-east-1:111111111111:axb-ann");
    assert_false(allowed(&w));
    w.policies.identity.n = 0; /* a star that a tag brings in is a letter */
    identity(&w, DOC(ALLOW("sqs:*", "arn:aws:sqs:*:*:${aws:PrincipalTag/star}")));
    assert_false(allowed(&w));
    w.policies.identity.n = 0;
    identity(&w, DOC(ALLOW("sqs:*", "arn:aws:sqs:*:*:${aws:PrincipalTag/none, 'axb'}-ann")));
    assert_true(allowed(&w));
    w.policies.identity.n = 0; /* version 2008 knows no variables */
    identity(&w, "{\"Version\":\"2008-10-17\",\"Statement\":" ALLOW("sqs:*", "arn:aws:sqs:*:*:axb-${aws:username}") "}");
    assert_false(allowed(&w));
    end(&w);
}

TEST(boundary_and_session_only_narrow)
{
    struct world w;
    begin(&w);
    identity(&w, DOC(ALLOW("sqs:*", "*")));
    boundary(&w, DOC(ALLOW("sqs:Send*", "*")));
    session(&w, DOC(ALLOW("sqs:*", "*")));
    assert_true(allowed(&w));
    w.r.action = STR("sqs:PurgeQueue");
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_BOUNDARY);
    boundary(&w, DOC(ALLOW("*", "*")));
    assert_true(allowed(&w));
    w.policies.session.n = 0;
    session(&w, DOC(ALLOW("sqs:Send*", "*")));
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_SESSION);
    w.policies.identity.n = 0; /* neither gives anything by itself */
    w.r.action = STR("sqs:SendMessage");
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_IDENTITY);
    end(&w);
}

TEST(resource_policy_in_the_same_account)
{
    struct world w;
    begin(&w);
    resource(&w, DOC(TO("{\"AWS\":\"arn:aws:iam::111111111111:user/ann\"}", "")));
    assert_true(allowed(&w));
    resource(&w, DOC(TO("{\"AWS\":\"arn:aws:iam::111111111111:user/bob\"}", "")));
    assert_false(allowed(&w));
    resource(&w, DOC(TO("{\"AWS\":\"111111111111\"}", ""))); /* the account is told that it may decide, and has not */
    assert_false(allowed(&w));
    resource(&w, DOC(TO("\"*\"", "")));
    assert_true(allowed(&w));
    resource(&w, DOC(TO("{\"Service\":\"events.amazonaws.com\"}", "")));
    assert_false(allowed(&w));
    end(&w);
}

TEST(resource_policy_naming_a_role_stays_within_boundary_and_session)
{
    struct world w;
    begin(&w);
    w.p = (struct principal){ .kind = PRINCIPAL_ROLE, .account = STR("111111111111"), .arn = STR("arn:aws:sts::111111111111:assumed-role/r/s"),
                              .role_arn = STR("arn:aws:iam::111111111111:role/r"), .name = STR("r") };
    resource(&w, DOC(TO("{\"AWS\":\"arn:aws:iam::111111111111:role/r\"}", "")));
    assert_true(allowed(&w));
    session(&w, DOC(ALLOW("sqs:Receive*", "*")));
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_SESSION);
    end(&w);
}

TEST(across_accounts_both_sides_must_allow)
{
    struct world w;
    begin(&w);
    w.p.account = STR("222222222222");
    w.p.arn = STR("arn:aws:iam::222222222222:user/ann");
    identity(&w, DOC(ALLOW("*", "*")));
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_RESOURCE);
    resource(&w, DOC(TO("{\"AWS\":\"arn:aws:iam::222222222222:root\"}", "")));
    assert_true(allowed(&w));
    w.policies.identity.n = 0;
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_IDENTITY);
    w.p.kind = PRINCIPAL_ROOT;
    assert_true(allowed(&w));
    resource(&w, DOC(TO("{\"AWS\":\"333333333333\"}", "")));
    assert_false(allowed(&w));
    end(&w);
}

TEST(services_and_anonymous_come_in_by_the_resource_policy_alone)
{
    struct world w;
    begin(&w);
    w.p = (struct principal){ .kind = PRINCIPAL_SERVICE, .arn = STR("events.amazonaws.com"), .name = STR("events.amazonaws.com") };
    context(&w, "aws:SourceArn", "arn:aws:events:us-east-1:111111111111:rule/tick");
    assert_false(allowed(&w));
    resource(&w, DOC(TO("{\"Service\":\"events.amazonaws.com\"}",
                        ",\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:events:*:*:rule/t*\"}}")));
    assert_true(allowed(&w));
    resource(&w, DOC(TO("{\"Service\":\"events.amazonaws.com\"}",
                        ",\"Condition\":{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:events:us-east-1:111111111111:rule/other\"}}")));
    assert_false(allowed(&w));
    resource(&w, DOC(TO("{\"Service\":\"scheduler.amazonaws.com\"}", "")));
    assert_false(allowed(&w));
    w.p = (struct principal){ .kind = PRINCIPAL_ANONYMOUS };
    assert_false(allowed(&w));
    resource(&w, DOC(TO("{\"AWS\":\"*\"}", "")));
    assert_true(allowed(&w));
    end(&w);
}

static void level(struct world *w, struct policy_levels *levels, const char *one, const char *other)
{
    struct policy_set *set = list_push(w->a, levels);
    *list_push(w->a, set) = parse(w, one);
    if (other)
        *list_push(w->a, set) = parse(w, other);
}

TEST(every_level_of_an_organization_must_allow_and_none_deny)
{
    struct world w;
    begin(&w);
    identity(&w, DOC(ALLOW("*", "*")));
    level(&w, &w.policies.organization, DOC(ALLOW("*", "*")), NULL);
    level(&w, &w.policies.organization, DOC(ALLOW("s3:*", "*")), DOC(ALLOW("sqs:*", "*")));
    assert_true(allowed(&w));
    level(&w, &w.policies.organization, DOC(ALLOW("s3:*", "*")), NULL);
    struct eval_result r = evaluate(&w.r, &w.policies);
    assert_false(r.explicit_deny);
    assert_int_equal(r.refused_by, EVAL_ORGANIZATION);
    w.p.kind = PRINCIPAL_ROOT;
    assert_false(allowed(&w));
    level(&w, &w.policies.organization, DOC(ALLOW("*", "*")), DOC(DENY("sqs:*", "*")));
    assert_true(evaluate(&w.r, &w.policies).explicit_deny);
    resource(&w, DOC(TO("{\"Service\":\"events.amazonaws.com\"}", "")));
    w.p = (struct principal){ .kind = PRINCIPAL_SERVICE, .arn = STR("events.amazonaws.com"), .name = STR("events.amazonaws.com") };
    assert_true(allowed(&w)); /* a service is of no organization */
    end(&w);
}

TEST(resource_control_policies_bind_everybody)
{
    struct world w;
    begin(&w);
    resource(&w, DOC(TO("\"*\"", "")));
    level(&w, &w.policies.resource_control, DOC(TO("\"*\"", "")), NULL);
    for (enum principal_kind kind = PRINCIPAL_ANONYMOUS; kind <= PRINCIPAL_FEDERATED; kind++) {
        w.p.kind = kind;
        assert_true(allowed(&w));
    }
    level(&w, &w.policies.resource_control, DOC(TO("\"*\"", "")),
          DOC("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sqs:*\",\"Resource\":\"*\",\"Condition\":{\"Null\":{\"aws:PrincipalOrgID\":\"true\"}}}"));
    for (enum principal_kind kind = PRINCIPAL_ANONYMOUS; kind <= PRINCIPAL_SERVICE; kind++) {
        w.p.kind = kind;
        struct eval_result r = evaluate(&w.r, &w.policies);
        assert_true(r.explicit_deny);
        assert_int_equal(r.refused_by, EVAL_RESOURCE_CONTROL);
    }
    w.p.kind = PRINCIPAL_USER;
    context(&w, "aws:PrincipalOrgID", "o-x");
    assert_true(allowed(&w));
    end(&w);
}

TEST(not_principal)
{
    struct world w;
    begin(&w);
    identity(&w, DOC(ALLOW("*", "*")));
    resource(&w, DOC("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"arn:aws:iam::111111111111:user/ann\"},\"Action\":\"*\",\"Resource\":\"*\"}"));
    assert_true(allowed(&w));
    w.p.arn = STR("arn:aws:iam::111111111111:user/bob");
    assert_false(allowed(&w));
    end(&w);
}

TEST(trust_policies_decide_alone)
{
    struct world w;
    begin(&w);
    w.r.resource_policy_decides = true;
    identity(&w, DOC(ALLOW("*", "*")));
    resource(&w, DOC(TO("{\"Service\":\"lambda.amazonaws.com\"}", "")));
    assert_int_equal(evaluate(&w.r, &w.policies).refused_by, EVAL_RESOURCE);
    resource(&w, DOC(TO("{\"AWS\":\"111111111111\"}", "")));
    assert_true(allowed(&w));
    w.policies.identity.n = 0;
    assert_false(allowed(&w));
    end(&w);
}

TEST(unreadable_documents_deny)
{
    struct world w;
    begin(&w);
    identity(&w, DOC(ALLOW("*", "*")));
    w.policies.has_resource = true;
    assert_false(allowed(&w));
    end(&w);
}

/* One condition over a context of one key: 'k' with value, or missing. */
static void condition(const char *op, const char *values, const char *value, bool yes)
{
    struct world w;
    char json[1024];
    begin(&w);
    snprintf(json, sizeof json, DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"%s\":{\"x:k\":%s}}}"), op, values);
    identity(&w, json);
    context(&w, "aws:username", "ann");
    if (value)
        context(&w, "X:K", value); /* keys have no case */
    if (allowed(&w) != yes)
        fail_msg("%s %s against %s: %s", op, values, value ? value : "(missing)", yes ? "denied" : "allowed");
    end(&w);
}

TEST(string_operators)
{
    condition("StringEquals", "\"a\"", "a", true);
    condition("StringEquals", "[\"b\",\"a\"]", "a", true);
    condition("StringEquals", "\"A\"", "a", false);
    condition("StringEquals", "\"a*\"", "ab", false);
    condition("StringEquals", "\"a\"", NULL, false);
    condition("StringEquals", "\"${aws:username}\"", "ann", true);
    condition("StringEquals", "\"${aws:none}\"", "ann", false);
    condition("StringNotEquals", "[\"b\",\"c\"]", "a", true);
    condition("StringNotEquals", "[\"b\",\"a\"]", "a", false);
    condition("StringNotEquals", "\"a\"", NULL, true);
    condition("StringEqualsIgnoreCase", "\"A\"", "a", true);
    condition("StringEqualsIgnoreCase", "\"B\"", "a", false);
    condition("StringNotEqualsIgnoreCase", "\"B\"", "a", true);
    condition("StringNotEqualsIgnoreCase", "\"A\"", "a", false);
    condition("StringLike", "\"a*c?\"", "abbcd", true);
    condition("StringLike", "\"a*c?\"", "abbc", false);
    condition("StringNotLike", "\"b*\"", "abc", true);
    condition("StringNotLike", "\"a*\"", "abc", false);
    condition("StringEqualsIfExists", "\"a\"", NULL, true);
    condition("StringEqualsIfExists", "\"a\"", "b", false);
}

TEST(number_and_date_operators)
{
    condition("NumericEquals", "10", "10.0", true);
    condition("NumericEquals", "\"10\"", "11", false);
    condition("NumericNotEquals", "\"10\"", "11", true);
    condition("NumericNotEquals", "\"10\"", "10", false);
    condition("NumericLessThan", "\"10\"", "9", true);
    condition("NumericLessThan", "\"10\"", "10", false);
    condition("NumericLessThanEquals", "\"10\"", "10", true);
    condition("NumericLessThanEquals", "\"10\"", "11", false);
    condition("NumericGreaterThan", "\"10\"", "11", true);
    condition("NumericGreaterThan", "\"10\"", "10", false);
    condition("NumericGreaterThanEquals", "\"10\"", "10", true);
    condition("NumericGreaterThanEquals", "\"10\"", "9", false);
    condition("NumericEquals", "\"10\"", "ten", false);
    condition("DateLessThan", "\"2030-01-01T00:00:00Z\"", "2029-12-31T23:59:59Z", true);
    condition("DateLessThan", "\"2030-01-01T00:00:00Z\"", "2030-01-01T00:00:00Z", false);
    condition("DateGreaterThan", "\"2020-01-01T00:00:00Z\"", "1700000000", true);
    condition("DateGreaterThan", "\"2024-01-01T00:00:00Z\"", "1700000000", false);
    condition("DateGreaterThanEquals", "\"2020-01-01\"", "2020-01-01T00:00:00Z", true);
    condition("DateLessThanEquals", "\"2020-01-01\"", "2020-01-01T00:00:01Z", false);
    condition("DateEquals", "\"2020-01-01T00:00:00Z\"", "1577836800", true);
    condition("DateNotEquals", "\"2020-01-01T00:00:00Z\"", "1577836800", false);
    condition("DateLessThan", "\"someday\"", "2020-01-01T00:00:00Z", false);
}

TEST(other_operators)
{
    condition("Bool", "\"true\"", "true", true);
    condition("Bool", "true", "false", false);
    condition("BoolIfExists", "\"true\"", NULL, true);
    condition("BinaryEquals", "\"QmluYXJ5\"", "QmluYXJ5", true);
    condition("BinaryEquals", "\"QmluYXJ5\"", "QmluYXJ6", false);
    condition("IpAddress", "\"10.1.0.0/16\"", "10.1.2.3", true);
    condition("IpAddress", "\"10.1.0.0/16\"", "10.2.2.3", false);
    condition("IpAddress", "\"10.1.2.3\"", "10.1.2.3", true);
    condition("IpAddress", "\"10.1.2.0/23\"", "10.1.4.1", false);
    condition("IpAddress", "\"2001:db8::/33\"", "2001:db8:7fff::1", true);
    condition("IpAddress", "\"2001:db8::/33\"", "2001:db8:8000::1", false);
    condition("IpAddress", "\"10.0.0.0/99\"", "10.0.0.1", false);
    condition("NotIpAddress", "\"10.1.0.0/16\"", "10.2.2.3", true);
    condition("NotIpAddress", "\"10.1.0.0/16\"", "10.1.2.3", false);
    condition("ArnLike", "\"arn:aws:sns:*:123456789012:a*\"", "arn:aws:sns:us-east-1:123456789012:abc", true);
    condition("ArnLike", "\"arn:aws:sns:*:a*\"", "arn:aws:sns:us-east-1:123456789012:abc", false);
    condition("ArnLike", "\"arn:aws:*:us-east-1:1\"", "arn:aws:sns:us-east-1:1:x", false);
    condition("ArnNotLike", "\"arn:aws:sns:*:*:b*\"", "arn:aws:sns:us-east-1:123456789012:abc", true);
    condition("ArnNotEquals", "\"arn:aws:sns:*:*:a*\"", "arn:aws:sns:us-east-1:123456789012:abc", false);
    condition("Null", "\"true\"", NULL, true);
    condition("Null", "\"true\"", "a", false);
    condition("Null", "\"false\"", "a", true);
    condition("Null", "\"false\"", NULL, false);
}

TEST(sets_of_values)
{
    condition("ForAllValues:StringEquals", "[\"a\",\"b\"]", "a\x1f" "b", true);
    condition("ForAllValues:StringEquals", "[\"a\",\"b\"]", "a\x1f" "c", false);
    condition("ForAllValues:StringEquals", "\"a\"", NULL, true);
    condition("ForAnyValue:StringEquals", "[\"a\",\"b\"]", "c\x1f" "b", true);
    condition("ForAnyValue:StringEquals", "[\"a\",\"b\"]", "c\x1f" "d", false);
    condition("ForAnyValue:StringEquals", "\"a\"", NULL, false);
    condition("ForAnyValue:StringNotEquals", "\"a\"", "a\x1f" "b", true);
    condition("ForAnyValue:StringNotEquals", "\"a\"", "a", false);
    condition("ForAnyValue:StringNotEquals", "\"a\"", NULL, false);
    condition("ForAllValues:StringNotLike", "\"a*\"", "b\x1f" "c", true);
    condition("ForAllValues:StringNotLike", "\"a*\"", "b\x1f" "ab", false);
    condition("ForAnyValue:StringLikeIfExists", "\"a*\"", NULL, true);
}

TEST(all_keys_of_a_condition_must_hold)
{
    struct world w;
    begin(&w);
    identity(&w, DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":"
                     "{\"StringEquals\":{\"x:a\":\"1\",\"x:b\":\"2\"},\"Bool\":{\"x:c\":\"true\"}}}"));
    context(&w, "x:a", "1");
    context(&w, "x:b", "2");
    assert_false(allowed(&w));
    context(&w, "x:c", "true");
    assert_true(allowed(&w));
    end(&w);
}

TEST(globs_do_not_blow_up)
{
    char text[20001];
    memset(text, 'a', 20000);
    text[20000] = 0;
    assert_false(glob_match(STR("a*a*a*a*a*a*a*a*a*a*b"), str_c(text), false));
    assert_true(glob_match(STR("*"), STR(""), false));
    assert_false(glob_match(STR(""), STR("a"), false));
    assert_true(glob_match(STR("**a**"), STR("bab"), false));
}

TEST(each_element_stands_once)
{
    static const char *const statements[] = {
        "\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"",
        "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111111111111\"},\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"",
        "\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"NotAction\":\"iam:*\",\"Resource\":\"*\"",
        "\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"NotResource\":\"a\",\"Resource\":\"*\"",
    };
    struct arena *a = arena_new();
    struct policy *p;
    struct str why;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        struct str json = str_printf(a, "{\"Version\":\"2012-10-17\",\"Statement\":{%s}}", statements[i]);
        assert_int_equal(policy_parse(a, json, POLICY_ANY, &p, &why), E_INVALID);
        assert_str(why, "Syntax errors in policy.");
    }
    arena_free(a);
}

TEST(no_resource_is_not_every_resource)
{
    struct world w;
    begin(&w);
    identity(&w, DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":[]}"));
    assert_false(allowed(&w));
    end(&w);
}

/* A document damaged anywhere parses or is refused with words, and what parses can be evaluated. */
TEST(damaged_documents)
{
    static const char good[] = DOC("{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"*\"]},\"Action\":[\"sqs:*\"],\"Resource\":\"arn:${aws:x, 'y'}\","
                                   "\"Condition\":{\"ForAnyValue:StringLike\":{\"aws:PrincipalTag/a\":[\"b*\",\"${aws:username}\"]}}}");
    static const char put[] = "\"{}[]:,\\*?$ntf019";
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (size_t i = 0; i < sizeof put - 1; i++) {
            struct world w;
            struct policy *p;
            struct str why = STR("");
            begin(&w);
            char *text = arena_dup(w.a, good, sizeof good);
            text[at] = put[i];
            int rc = policy_parse(w.a, (struct str){ text, sizeof good - 1 }, POLICY_RESOURCE, &p, &why);
            if (rc == 0) {
                w.policies.has_resource = true;
                w.policies.resource = p;
                evaluate(&w.r, &w.policies);
            } else {
                assert_true(why.n > 0);
            }
            end(&w);
        }
    }
}
