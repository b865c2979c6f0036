/* Secrets against a list of versions and their staging labels: values by version and by label, idempotent tokens, labels that move, deletion with a
 * recovery window that the clock ends. Values are encrypted under a KMS key on the way, and opened again after every crash. */
#include <string.h>

#include "sim.h"

enum { SECRETS = 3, VERSIONS_MAX = 64, LABELS = 4, WINDOW_DAYS = 7 };
#define WINDOW_MS (WINDOW_DAYS * 24 * 3600 * 1000LL)

static const char *const labels[LABELS] = { "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "blue" };
enum { CURRENT, PREVIOUS, PENDING, BLUE };

struct version {
    unsigned token, value;
    unsigned labels; /* bits */
};

struct secret {
    bool there, going; /* going: marked for deletion, at a time between */
    int64_t gone_lo, gone_hi;
    struct version v[VERSIONS_MAX];
    unsigned n;
};

struct model {
    struct actor *self;
    struct secret s[SECRETS];
    unsigned tokens;
};

#define SM(operation, ...) ask(m->self->a, "secretsmanager", operation, NULL, __VA_ARGS__)

static struct str name_of(struct model *m, int i) { return str_printf(m->self->a, "secret%u-%d", m->self->number, i); }
static struct str token_text(struct model *m, unsigned token) { return str_printf(m->self->a, "00000000-0000-0000-0000-%012u", token); }

/* ---- the model's half ---- */

static struct version *with_label(struct secret *s, int label)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->v[i].labels >> label & 1)
            return &s->v[i];
    return NULL;
}

static void move_label(struct secret *s, int label, struct version *to)
{
    struct version *from = with_label(s, label);
    if (from == to)
        return;
    if (from)
        from->labels &= ~(1u << label);
    if (to)
        to->labels |= 1u << label;
    if (label == CURRENT && from && to) {
        from->labels &= ~(1u << PENDING);
        move_label(s, PREVIOUS, from);
    }
    if (label == CURRENT && to)
        to->labels &= ~(1u << PREVIOUS);
}

static void add_version(struct secret *s, unsigned token, unsigned value, int label)
{
    struct version *v = &s->v[s->n++];
    *v = (struct version){ .token = token, .value = value };
    move_label(s, label, v);
    if (s->n == 1)
        move_label(s, CURRENT, v);
}

/* A marked secret goes when its window is over. Returns whether that is certain, one way or the other, for an operation until to; what was due by
 * ran_ms had run before it. */
static bool settle_window(struct secret *s, int64_t ran_ms, int64_t to)
{
    if (!s->going || to < s->gone_lo)
        return true;
    if (s->gone_hi > ran_ms)
        return false;
    *s = (struct secret){ 0 };
    return true;
}

/* What an operation on a secret that must be live answers. */
static const char *live_error(const struct secret *s)
{
    return !s->there ? "ResourceNotFoundException" : s->going ? "InvalidRequestException" : NULL;
}

/* The outcome, checked against what the state of the secret asks for; UNKNOWN also when the window may have ended meanwhile. */
static enum outcome judge(struct model *m, struct secret *s, const struct reply *r, const char *what, const char *error)
{
    bool was_there = s->there;
    bool certain = settle_window(s, r->ran_ms, r->to_ms);
    if (certain && was_there && !s->there) /* gone by now: asked of nothing */
        error = "ResourceNotFoundException";
    return certain ? expect_outcome(r, what, error) : UNKNOWN;
}

/* ---- asking strata ---- */

static unsigned labels_of(const cJSON *list)
{
    const cJSON *one;
    unsigned bits = 0;
    cJSON_ArrayForEach(one, list) for (int i = 0; i < LABELS; i++) if (cJSON_IsString(one) && strcmp(one->valuestring, labels[i]) == 0) bits |= 1u << i;
    return bits;
}

/* DescribeSecret against the model; true: the same. */
static bool same(struct model *m, const struct secret *s, const struct reply *r)
{
    const cJSON *versions = cJSON_GetObjectItemCaseSensitive(r->json, "VersionIdsToStages");
    unsigned labelled = 0;
    for (unsigned i = 0; i < s->n; i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(versions, token_text(m, s->v[i].token).p);
        labelled += s->v[i].labels != 0;
        if (labels_of(list) != s->v[i].labels)
            return false;
    }
    return (unsigned)cJSON_GetArraySize(versions) == labelled && (cJSON_GetObjectItemCaseSensitive(r->json, "DeletedDate") != NULL) == s->going;
}

static struct str words_of(struct model *m, const struct secret *s)
{
    struct str text = s->going ? STR("marked for deletion:") : STR("");
    for (unsigned i = 0; i < s->n; i++)
        text = str_printf(m->self->a, "%.*s %u has %#x,", STR_ARG(text), s->v[i].token, s->v[i].labels);
    return text;
}

/* After an answer that was lost: the secret is as before, or as after. */
static void find_out(struct model *m, int i, const struct secret *after)
{
    for (;;) {
        struct reply r = SM("DescribeSecret", "{'SecretId':'%.*s'}", STR_ARG(name_of(m, i)));
        enum outcome o = outcome(&r);
        if (o != DONE && o != FAILED)
            continue;
        struct secret *before = &m->s[i];
        bool there = o == DONE;
        if (there == after->there && (!there || same(m, after, &r)))
            *before = *after;
        else if (before->going && !there)
            *before = (struct secret){ 0 };
        else
            sim_expect(there == before->there && (!there || same(m, before, &r)), "a secret after an answer that was lost: before or after",
                       words_of(m, before).p, "%.*s", STR_ARG(r.body));
        return;
    }
}

static void conclude(struct model *m, int i, enum outcome o, const struct secret *after)
{
    if (o == DONE)
        m->s[i] = *after;
    else if (o == UNKNOWN)
        find_out(m, i, after);
}

/* ---- deeds ---- */

static void create(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS);
    unsigned token = ++m->tokens;
    const char *error = m->s[i].going ? "InvalidRequestException" : m->s[i].there ? "ResourceExistsException" : NULL;
    struct reply r = SM("CreateSecret", "{'Name':'%.*s','ClientRequestToken':'%.*s','SecretString':'value%u'}", STR_ARG(name_of(m, i)),
                        STR_ARG(token_text(m, token)), token);
    bool was_going = m->s[i].going, certain = settle_window(&m->s[i], r.ran_ms, r.to_ms);
    if (was_going && certain && !m->s[i].there)
        error = NULL;
    struct secret after = { .there = true };
    add_version(&after, token, token, CURRENT);
    conclude(m, i, certain ? expect_outcome(&r, "CreateSecret", error) : UNKNOWN, &after);
}

/* A value that is put again under its token changes nothing; another value under a known token is refused. */
static void put(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS), label = one_in(m->self, 2) ? CURRENT : one_in(m->self, 2) ? PENDING : BLUE;
    struct secret *s = &m->s[i], after = *s;
    const char *error = live_error(s);
    unsigned token = ++m->tokens, value = token;
    if (s->n == VERSIONS_MAX)
        return;
    if (s->n && one_in(m->self, 4)) {
        const struct version *v = &s->v[below(m->self, s->n)];
        bool other = one_in(m->self, 2);
        token = v->token;
        value = other ? value : v->value;
        error = error ? error : other ? "ResourceExistsException" : NULL;
    } else {
        add_version(&after, token, value, label);
    }
    struct reply r = SM("PutSecretValue", "{'SecretId':'%.*s','ClientRequestToken':'%.*s','SecretString':'value%u','VersionStages':['%s']}",
                        STR_ARG(name_of(m, i)), STR_ARG(token_text(m, token)), value, labels[label]);
    conclude(m, i, judge(m, s, &r, "PutSecretValue", error), &after);
}

static void get(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS), label = (int)below(m->self, LABELS);
    struct secret *s = &m->s[i];
    bool by_id = s->n && one_in(m->self, 2);
    const struct version *v = by_id ? &s->v[below(m->self, s->n)] : with_label(s, label);
    unsigned value = v ? v->value : 0;
    const char *error = live_error(s);
    if (!error && !v)
        error = "ResourceNotFoundException";
    struct reply r = by_id ? SM("GetSecretValue", "{'SecretId':'%.*s','VersionId':'%.*s'}", STR_ARG(name_of(m, i)), STR_ARG(token_text(m, v->token)))
                           : SM("GetSecretValue", "{'SecretId':'%.*s','VersionStage':'%s'}", STR_ARG(name_of(m, i)), labels[label]);
    if (judge(m, s, &r, "GetSecretValue", error) == DONE)
        sim_expect(str_eq(json_text(r.json, "SecretString"), str_printf(m->self->a, "value%u", value)), "GetSecretValue",
                   str_printf(m->self->a, "value%u", value).p, "%.*s", STR_ARG(r.body));
}

static void move(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS), label = one_in(m->self, 2) ? CURRENT : BLUE;
    struct secret *s = &m->s[i], after = *s;
    if (s->n == 0)
        return;
    unsigned to = below(m->self, s->n);
    const struct version *from = with_label(s, label);
    struct str remove = from ? str_printf(m->self->a, ",'RemoveFromVersionId':'%.*s'", STR_ARG(token_text(m, from->token))) : STR("");
    move_label(&after, label, &after.v[to]);
    struct reply r = SM("UpdateSecretVersionStage", "{'SecretId':'%.*s','VersionStage':'%s','MoveToVersionId':'%.*s'%.*s}", STR_ARG(name_of(m, i)), labels[label],
                        STR_ARG(token_text(m, s->v[to].token)), STR_ARG(remove));
    conclude(m, i, judge(m, s, &r, "UpdateSecretVersionStage", live_error(s)), &after);
}

static void mark(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS);
    struct secret *s = &m->s[i], after = *s;
    bool now = one_in(m->self, 3);
    const char *error = now ? NULL : live_error(s);
    struct reply r = now ? SM("DeleteSecret", "{'SecretId':'%.*s','ForceDeleteWithoutRecovery':true}", STR_ARG(name_of(m, i)))
                         : SM("DeleteSecret", "{'SecretId':'%.*s','RecoveryWindowInDays':%d}", STR_ARG(name_of(m, i)), WINDOW_DAYS);
    if (now) {
        after = (struct secret){ 0 };
        settle_window(s, r.ran_ms, r.to_ms);
        conclude(m, i, expect_outcome(&r, "DeleteSecret", NULL), &after);
        return;
    }
    after.going = true;
    after.gone_lo = r.from_ms + WINDOW_MS;
    after.gone_hi = r.to_ms + WINDOW_MS;
    conclude(m, i, judge(m, s, &r, "DeleteSecret", error), &after);
}

static void restore(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS);
    struct secret *s = &m->s[i], after = *s;
    struct reply r = SM("RestoreSecret", "{'SecretId':'%.*s'}", STR_ARG(name_of(m, i)));
    after.going = false;
    conclude(m, i, judge(m, s, &r, "RestoreSecret", s->there ? NULL : "ResourceNotFoundException"), &after);
}

static void describe(void *model)
{
    struct model *m = model;
    int i = (int)below(m->self, SECRETS);
    struct secret *s = &m->s[i];
    struct reply r = SM("DescribeSecret", "{'SecretId':'%.*s'}", STR_ARG(name_of(m, i)));
    if (judge(m, s, &r, "DescribeSecret", s->there ? NULL : "ResourceNotFoundException") == DONE)
        sim_expect(same(m, s, &r), "DescribeSecret", words_of(m, s).p, "%.*s", STR_ARG(r.body));
}

static void run(struct actor *self)
{
    struct model m = { .self = self, .tokens = 1000000 * self->number };
    struct deed deeds[] = { { create, 9 }, { put, 6 }, { get, 6 }, { move, 3 }, { mark, 2 }, { restore, 2 }, { describe, 3 } };
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, &m);
    for (int i = 0; i < 3 * SECRETS; i++)
        describe(&m);
}

const struct actor_kind actor_secrets = { "secrets", 2, .lasts_days = true, run };
