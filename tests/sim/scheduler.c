/* EventBridge Scheduler: one-time schedules fire once, at their time and not before it, and not when they were deleted before; a rate fires each
 * minute once. The target is called in the name of a role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "inbox.h"

enum { ONCE_MAX = 100, TICKS_MAX = 1200, TICK_MS = 60 * 1000 };
enum expected { NEVER, MAYBE, SURELY };

struct once {
    enum expected expected;
    int64_t due_ms;
    bool deleted, came;
};

struct model {
    struct actor *self;
    struct inbox inbox;
    struct once o[ONCE_MAX];
    unsigned n;
    int64_t rate_from, rate_to; /* the rate surely runs between; from 0: it was never made */
    int64_t tick[TICKS_MAX];
    unsigned n_ticks;
};

#define SCHEDULER(operation, ...) ask(m->self->a, "scheduler", operation, NULL, __VA_ARGS__)

static struct str target(struct model *m, struct str input)
{
    return str_printf(m->self->a, "'FlexibleTimeWindow':{'Mode':'OFF'},'Target':{'Arn':'%.*s','RoleArn':'arn:aws:iam::000000000000:role/scheduler%u','Input':'%.*s'}",
                      STR_ARG(sim_queue_arn(m->self->a, str_c(m->inbox.name))), m->self->number, STR_ARG(input));
}

/* ---- one-time schedules ---- */

static void create_once(void *model)
{
    struct model *m = model;
    if (m->n == ONCE_MAX)
        return;
    unsigned i = m->n++;
    machine_up();
    int64_t due_ms = (machine_now_ms() / 1000 + 2 + below(m->self, 100)) * 1000;
    struct str when = str_sub(time_iso8601(m->self->a, due_ms), 0, 19);
    struct str input = str_printf(m->self->a, "{\\'once\\':%u,\\'time\\':\\'<aws.scheduler.scheduled-time>\\'}", i);
    bool goes = one_in(m->self, 2);
    struct reply r = SCHEDULER("CreateSchedule", "{'Name':'once%u-%u','ScheduleExpression':'at(%.*s)','ActionAfterCompletion':'%s',%.*s}", m->self->number, i,
                               STR_ARG(when), goes ? "DELETE" : "NONE", STR_ARG(target(m, input)));
    enum outcome o = outcome(&r);
    m->o[i] = (struct once){ .due_ms = due_ms };
    if (o == FAILED) /* its time may have come before the request */
        sim_expect(r.to_ms >= due_ms, "CreateSchedule", "success", "%.*s", STR_ARG(r.body));
    else if (o == UNKNOWN || r.to_ms >= due_ms)
        m->o[i].expected = MAYBE;
    else if (o == DONE)
        m->o[i].expected = SURELY;
}

static void delete_once(void *model)
{
    struct model *m = model;
    unsigned i = m->n ? below(m->self, m->n) : 0;
    struct once *o = &m->o[i];
    if (m->n == 0 || o->expected == NEVER || o->deleted)
        return;
    struct reply r = SCHEDULER("DeleteSchedule", "{'Name':'once%u-%u'}", m->self->number, i);
    enum outcome outcome_ = outcome(&r);
    if (outcome_ == FAILED)
        sim_expect(str_is(r.error, "ResourceNotFoundException") && (o->expected != SURELY || r.to_ms >= o->due_ms), "DeleteSchedule", "success", "%.*s",
                   STR_ARG(r.body));
    if (outcome_ == DONE || outcome_ == UNKNOWN) {
        o->deleted = true;
        if (outcome_ == DONE && r.to_ms < o->due_ms)
            o->expected = NEVER;
        else if (o->due_ms > r.ran_ms)
            o->expected = MAYBE;
    }
}

/* ---- the rate ---- */

static void start_rate(struct model *m)
{
    struct str input = STR("{\\'tick\\':\\'<aws.scheduler.scheduled-time>\\'}");
    MAKE("ConflictException", SCHEDULER("CreateSchedule", "{'Name':'rate%u','ScheduleExpression':'rate(1 minutes)',%.*s}", m->self->number,
                                        STR_ARG(target(m, input))));
    machine_up();
    m->rate_from = machine_now_ms();
    m->rate_to = INT64_MAX;
}

static void stop_rate(void *model)
{
    struct model *m = model;
    if (m->rate_to != INT64_MAX || !one_in(m->self, 3))
        return;
    machine_up();
    m->rate_to = machine_ran_ms();
    MAKE("ResourceNotFoundException", SCHEDULER("DeleteSchedule", "{'Name':'rate%u'}", m->self->number));
}

/* ---- deliveries ---- */

static void came(void *model, struct str body, int64_t sent_ms)
{
    struct model *m = model;
    int64_t ms = 0;
    cJSON *tree = cJSON_ParseWithLength(body.p, body.n);
    int64_t i = json_number(tree, "once", -1);
    bool read = time_parse_iso8601(json_text(tree, i < 0 ? "tick" : "time"), &ms) == 0;
    cJSON_Delete(tree);
    sim_expect(read && sent_ms >= ms, "a delivery", "that it comes at its time or later", "%.*s at %lld", STR_ARG(body), (long long)sent_ms);
    if (i >= 0) {
        sim_expect(i < m->n && m->o[i].expected != NEVER && !m->o[i].came && m->o[i].due_ms == ms, "a one-time schedule", "that it fires once, at its time",
                   "%.*s", STR_ARG(body));
        m->o[i].came = true;
        return;
    }
    for (unsigned t = 0; t < m->n_ticks; t++)
        sim_expect(m->tick[t] != ms, "a rate", "each occurrence once", "twice %.*s", STR_ARG(body));
    sim_expect(m->n_ticks < TICKS_MAX, "a rate", "fewer occurrences than the simulator has room for", "%u", m->n_ticks);
    m->tick[m->n_ticks++] = ms;
}

static void read_inbox(void *model)
{
    struct model *m = model;
    inbox_drain(&m->inbox, came, m);
}

static void check_rate(struct model *m, int64_t now)
{
    int64_t end = m->rate_to < now ? m->rate_to : now;
    for (int64_t ms = m->rate_from; ms + TICK_MS < end; ms += TICK_MS) {
        bool found = false;
        for (unsigned t = 0; t < m->n_ticks; t++)
            found = found || (m->tick[t] + 999 > ms && m->tick[t] <= ms + TICK_MS); /* told in whole seconds */
        sim_expect(found, "a rate", str_printf(m->self->a, "an occurrence in the minute behind %lld", (long long)ms).p, "none");
    }
}

static void make_role(struct model *m)
{
    unsigned n = m->self->number;
    MAKE("EntityAlreadyExists", ask(m->self->a, "iam", "CreateRole", NULL, "{'RoleName':'scheduler%u','AssumeRolePolicyDocument':'{\\'Version\\':\\'2012-10-17\\',"
         "\\'Statement\\':[{\\'Effect\\':\\'Allow\\',\\'Principal\\':{\\'Service\\':\\'scheduler.amazonaws.com\\'},\\'Action\\':\\'sts:AssumeRole\\'}]}'}", n));
    MAKE(NULL, ask(m->self->a, "iam", "PutRolePolicy", NULL, "{'RoleName':'scheduler%u','PolicyName':'p','PolicyDocument':'{\\'Version\\':\\'2012-10-17\\',"
         "\\'Statement\\':[{\\'Effect\\':\\'Allow\\',\\'Action\\':\\'sqs:SendMessage\\',\\'Resource\\':\\'*\\'}]}'}", n));
}

static void run(struct actor *self)
{
    struct model *m = xalloc(sizeof *m);
    struct deed deeds[] = { { create_once, 6 }, { delete_once, 2 }, { read_inbox, 1 }, { stop_rate, 1 } };
    m->self = self;
    inbox_open(&m->inbox, self, str_printf(self->a, "schedules%u", self->number).p, NULL);
    make_role(m);
    start_rate(m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, m);
    fiber_sleep_ms(110 * 1000); /* the last ones' time comes */
    machine_up();
    int64_t now = machine_now_ms();
    sim_settle(self);
    read_inbox(m);
    for (unsigned i = 0; i < m->n; i++)
        sim_expect(m->o[i].came || m->o[i].expected != SURELY, "one-time schedules", str_printf(self->a, "number %u at %lld", i, (long long)m->o[i].due_ms).p, "none");
    check_rate(m, now);
    inbox_close(&m->inbox);
    free(m);
}

const struct actor_kind actor_scheduler = { "scheduler", 2, .lasts_days = false, run };
