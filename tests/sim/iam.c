/* What a user may do, against a model of policies: inline and attached ones, versions of a managed policy, a group, a boundary, a key switched off.
 *
 * One fiber changes them, another asks all the while. A change that was answered is in force for every request sent after it; while one is on its way
 * either state may decide. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { ACTIONS = 5, INLINE = 3, MANAGED = 2, STATES_MAX = 512, TEXT_BYTES = 128 };

static const struct action {
    const char *name, *service, *operation, *input;
} actions[ACTIONS] = {
    { "sqs:ListQueues", "sqs", "ListQueues", "{}" },
    { "dynamodb:ListTables", "dynamodb", "ListTables", "{}" },
    { "secretsmanager:ListSecrets", "secretsmanager", "ListSecrets", "{}" },
    { "iam:ListUsers", "iam", "ListUsers", "{}" },
    { "sqs:TagQueue", "sqs", "TagQueue", NULL }, /* writes: judged again in the writer when policies have changed */
};

struct statement { /* Effect on the actions of bits; bits 0: there is none */
    bool deny;
    unsigned bits;
};

struct state {
    struct statement inline_[INLINE], managed[MANAGED], group;
    bool attached[MANAGED], in_group, has_boundary, inactive;
    struct statement boundary; /* of the managed policy boundary<n> */
};

struct model {
    struct actor *self;
    struct sign_credentials key;
    char key_id[TEXT_BYTES], secret[TEXT_BYTES];
    struct state now;
    unsigned allowed[STATES_MAX]; /* bits, by state */
    unsigned states;              /* the present one */
    bool changing, over, asker_ended;
    struct rng asker_rng;
};

#define IAM(operation, ...) ask(m->self->a, "iam", operation, NULL, __VA_ARGS__)

/* ---- the model's half ---- */

static void judge(const struct statement *s, unsigned *allow, unsigned *deny) { *(s->deny ? deny : allow) |= s->bits; }

static unsigned allowed_in(const struct state *s)
{
    unsigned allow = 0, deny = 0, bounds = s->has_boundary ? 0 : ~0u;
    for (int i = 0; i < INLINE; i++)
        judge(&s->inline_[i], &allow, &deny);
    for (int i = 0; i < MANAGED; i++)
        if (s->attached[i])
            judge(&s->managed[i], &allow, &deny);
    if (s->in_group)
        judge(&s->group, &allow, &deny);
    if (s->has_boundary)
        judge(&s->boundary, &bounds, &deny);
    return s->inactive ? 0 : allow & bounds & ~deny & ((1u << ACTIONS) - 1);
}

static struct statement random_statement(struct model *m) { return (struct statement){ one_in(m->self, 6), 1 + below(m->self, (1u << ACTIONS) - 1) }; }

static struct str policy(struct model *m, const struct statement *s)
{
    struct str list = STR("");
    for (int i = 0; i < ACTIONS; i++)
        if (s->bits >> i & 1)
            list = str_printf(m->self->a, "%.*s%s\\'%s\\'", STR_ARG(list), list.n ? "," : "", actions[i].name);
    return str_printf(m->self->a, "{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[{\\'Effect\\':\\'%s\\',\\'Action\\':[%.*s],\\'Resource\\':\\'*\\'}]}",
                      s->deny ? "Deny" : "Allow", STR_ARG(list));
}

static struct str policy_arn(struct model *m, const char *kind, unsigned i)
{
    return str_printf(m->self->a, "arn:aws:iam::000000000000:policy/%s%u-%u", kind, m->self->number, i);
}

/* ---- changing: each change may be repeated ---- */

static void begin(struct model *m, const struct state *next)
{
    m->allowed[m->states + 1] = allowed_in(next);
    m->changing = true;
}

static void end(struct model *m, const struct state *next)
{
    m->changing = false;
    m->states++;
    m->now = *next;
}

/* A change from m->now to next by the request; known: errors of a repetition. */
#define CHANGE(next, known, request)                                                                                     \
    do {                                                                                                                 \
        begin(m, &(next));                                                                                               \
        MAKE((known), (request));                                                                                        \
        end(m, &(next));                                                                                                 \
    } while (0)

static void change_inline(struct model *m, struct state next)
{
    unsigned i = below(m->self, INLINE);
    if (next.inline_[i].bits && one_in(m->self, 2)) {
        next.inline_[i].bits = 0;
        CHANGE(next, "NoSuchEntity", IAM("DeleteUserPolicy", "{'UserName':'user%u','PolicyName':'p%u'}", m->self->number, i));
        return;
    }
    next.inline_[i] = random_statement(m);
    CHANGE(next, NULL, IAM("PutUserPolicy", "{'UserName':'user%u','PolicyName':'p%u','PolicyDocument':'%.*s'}", m->self->number, i,
                           STR_ARG(policy(m, &next.inline_[i]))));
}

static void change_attached(struct model *m, struct state next)
{
    unsigned i = below(m->self, MANAGED);
    next.attached[i] = !next.attached[i];
    CHANGE(next, "NoSuchEntity", IAM(next.attached[i] ? "AttachUserPolicy" : "DetachUserPolicy", "{'UserName':'user%u','PolicyArn':'%.*s'}", m->self->number,
                                     STR_ARG(policy_arn(m, "managed", i))));
}

/* A new default version; the old one goes, so that there are never more than two. */
static void change_version(struct model *m, struct state next)
{
    unsigned i = below(m->self, MANAGED);
    struct str arn = policy_arn(m, "managed", i);
    next.managed[i] = random_statement(m);
    CHANGE(next, "LimitExceeded", IAM("CreatePolicyVersion", "{'PolicyArn':'%.*s','SetAsDefault':true,'PolicyDocument':'%.*s'}", STR_ARG(arn),
                                      STR_ARG(policy(m, &next.managed[i]))));
    struct reply r = IAM("ListPolicyVersions", "{'PolicyArn':'%.*s'}", STR_ARG(arn));
    for (struct str rest = r.body, one; (one = xml_next(&rest, "member")).p;)
        if (str_is(xml_first(one, "IsDefaultVersion"), "false"))
            MAKE("NoSuchEntity", IAM("DeletePolicyVersion", "{'PolicyArn':'%.*s','VersionId':'%.*s'}", STR_ARG(arn), STR_ARG(xml_first(one, "VersionId"))));
}

static void change_group(struct model *m, struct state next)
{
    if (one_in(m->self, 2)) {
        next.in_group = !next.in_group;
        CHANGE(next, "NoSuchEntity", IAM(next.in_group ? "AddUserToGroup" : "RemoveUserFromGroup", "{'UserName':'user%u','GroupName':'group%u'}", m->self->number,
                               m->self->number));
        return;
    }
    next.group = random_statement(m);
    CHANGE(next, NULL, IAM("PutGroupPolicy", "{'GroupName':'group%u','PolicyName':'p','PolicyDocument':'%.*s'}", m->self->number, STR_ARG(policy(m, &next.group))));
}

static void change_boundary(struct model *m, struct state next)
{
    next.has_boundary = !next.has_boundary;
    if (next.has_boundary)
        CHANGE(next, NULL, IAM("PutUserPermissionsBoundary", "{'UserName':'user%u','PermissionsBoundary':'%.*s'}", m->self->number,
                               STR_ARG(policy_arn(m, "boundary", 0))));
    else
        CHANGE(next, "NoSuchEntity", IAM("DeleteUserPermissionsBoundary", "{'UserName':'user%u'}", m->self->number));
}

static void change_key(struct model *m, struct state next)
{
    next.inactive = !next.inactive;
    CHANGE(next, NULL, IAM("UpdateAccessKey", "{'UserName':'user%u','AccessKeyId':'%s','Status':'%s'}", m->self->number, m->key_id,
                           next.inactive ? "Inactive" : "Active"));
}

static void change(void *model)
{
    static void (*const ways[])(struct model *m, struct state next) = { change_inline,  change_inline, change_attached, change_attached,
                                                                       change_version, change_group,  change_boundary, change_key };
    struct model *m = model;
    if (m->states + 2 < STATES_MAX)
        ways[below(m->self, sizeof ways / sizeof *ways)](m, m->now);
}

/* ---- asking, from both fibers ---- */

static void ask_one(struct model *m, struct arena *a, unsigned i)
{
    const struct action *x = &actions[i];
    struct str input = x->input ? str_c(x->input)
                                : str_printf(a, "{'QueueUrl':'%.*s','Tags':{'k':'v'}}", STR_ARG(sim_queue_url(a, str_printf(a, "iam%u", m->self->number))));
    unsigned from = m->states;
    struct reply r = ask(a, x->service, x->operation, &m->key, "%.*s", STR_ARG(input));
    unsigned to = m->states + m->changing;
    enum outcome o = outcome(&r);
    if (o != DONE && o != FAILED)
        return;
    sim_expect(o == DONE || str_contains(r.error, STR("AccessDenied")) || str_is(r.error, "InvalidClientTokenId") ||
                   str_is(r.error, "UnrecognizedClientException"), x->name, "an answer, or AccessDenied", "%.*s", STR_ARG(r.body));
    for (unsigned state = from; state <= to; state++)
        if ((m->allowed[state] >> i & 1) == (o == DONE))
            return;
    sim_fail(x->name, o == DONE ? "denied" : "allowed", "%d %.*s", r.status, STR_ARG(r.body));
}

static void ask_now(void *model)
{
    struct model *m = model;
    ask_one(m, m->self->a, below(m->self, ACTIONS));
}

static void *keep_asking(void *arg)
{
    struct model *m = arg;
    struct arena *a = arena_new();
    for (int i = 0; i < 60 && !m->over; i++) {
        arena_clear(a);
        ask_one(m, a, rng_below(&m->asker_rng, ACTIONS));
        fiber_sleep_ms(rng_below(&m->asker_rng, 3) ? 0 : rng_below(&m->asker_rng, 2000));
    }
    arena_free(a);
    m->asker_ended = true;
    fiber_wake(m);
    return NULL;
}

/* ---- */

static void make(struct model *m)
{
    unsigned n = m->self->number;
    struct statement all = { false, 3 };
    MAKE("EntityAlreadyExists", IAM("CreateUser", "{'UserName':'user%u'}", n));
    MAKE("EntityAlreadyExists", IAM("CreateGroup", "{'GroupName':'group%u'}", n));
    MAKE(NULL, ask(m->self->a, "sqs", "CreateQueue", NULL, "{'QueueName':'iam%u'}", n));
    for (unsigned i = 0; i < MANAGED; i++) {
        m->now.managed[i] = random_statement(m);
        MAKE("EntityAlreadyExists", IAM("CreatePolicy", "{'PolicyName':'managed%u-%u','PolicyDocument':'%.*s'}", n, i, STR_ARG(policy(m, &m->now.managed[i]))));
    }
    m->now.boundary = all;
    MAKE("EntityAlreadyExists", IAM("CreatePolicy", "{'PolicyName':'boundary%u-0','PolicyDocument':'%.*s'}", n, STR_ARG(policy(m, &all))));
    struct reply r;
    do /* a key of an answer that was lost is nobody's: a user may have two */
        r = IAM("CreateAccessKey", "{'UserName':'user%u'}", n);
    while (outcome(&r) == UNKNOWN || outcome(&r) == REFUSED);
    if (!reply_ok(&r))
        return;
    snprintf(m->key_id, sizeof m->key_id, "%.*s", STR_ARG(xml_first(r.body, "AccessKeyId")));
    snprintf(m->secret, sizeof m->secret, "%.*s", STR_ARG(xml_first(r.body, "SecretAccessKey")));
    m->key = (struct sign_credentials){ str_c(m->key_id), str_c(m->secret), STR_NONE };
}

static void run(struct actor *self)
{
    struct model m = { .self = self, .asker_rng = rng_split(rng_next(&self->rng), 9) };
    struct deed deeds[] = { { change, 2 }, { ask_now, 3 } };
    make(&m);
    if (!m.key_id[0])
        return;
    m.allowed[0] = allowed_in(&m.now);
    change_inline(&m, m.now);
    fiber_spawn(FIBER_ACTOR, "asker", keep_asking, &m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, &m);
    m.over = true;
    while (!m.asker_ended)
        fiber_wait(&m, 0);
    for (unsigned i = 0; i < ACTIONS; i++)
        ask_one(&m, self->a, i);
}

const struct actor_kind actor_iam = { "iam", 2, .lasts_days = true, run };
