/* EventBridge: events that match a rule come to its queue exactly once (strata promises more than AWS), others never; a scheduled rule fires at each
 * of its minutes once, not before its time, and not while it is switched off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "inbox.h"

enum { RULES = 2, EVENTS_MAX = 300, TICKS_MAX = 1200, TICK_MS = 60 * 1000, SWITCHES_MAX = 64, ENTRIES_MAX = 4 };
enum expected { NEVER, MAYBE, SURELY };

struct event {
    enum expected expected[RULES];
    unsigned came[RULES];
};

struct span { /* the scheduled rule is on, from and to between these; what was due by off_lo has run */
    int64_t on_lo, on_hi, off_lo, off_hi;
};

struct model {
    struct actor *self;
    struct inbox rule[RULES], ticks;
    bool enabled[RULES], ticking;
    struct event e[EVENTS_MAX];
    unsigned n, rule_read; /* whose inbox is being read */
    struct span spans[SWITCHES_MAX];
    unsigned n_spans;
    int64_t tick[TICKS_MAX]; /* times told by the events */
    unsigned n_ticks;
};

#define EVENTS(operation, ...) ask(m->self->a, "events", operation, NULL, __VA_ARGS__)

static bool matches(unsigned rule, unsigned k) { return k == rule || k == rule + 1; } /* rule 0: k 0, 1; rule 1: k 1, 2 */

/* ---- events ---- */

static void put_events(void *model)
{
    struct model *m = model;
    unsigned n = 1 + below(m->self, ENTRIES_MAX), ks[ENTRIES_MAX];
    struct str list = STR("");
    if (m->n + n > EVENTS_MAX)
        return;
    for (unsigned i = 0; i < n; i++) {
        ks[i] = below(m->self, 4);
        list = str_printf(m->self->a, "%.*s%s{'Source':'sim%u','DetailType':'test','Detail':'{\\'k\\':%u,\\'id\\':%u}'}", STR_ARG(list), i ? "," : "",
                          m->self->number, ks[i], m->n + i);
    }
    struct reply r = EVENTS("PutEvents", "{'Entries':[%.*s]}", STR_ARG(list));
    enum outcome o = expect_outcome(&r, "PutEvents", NULL);
    for (unsigned i = 0; i < n; i++, m->n++)
        for (unsigned rule = 0; rule < RULES; rule++)
            m->e[m->n].expected[rule] = !m->enabled[rule] || !matches(rule, ks[i]) || o == REFUSED ? NEVER : o == UNKNOWN ? MAYBE : SURELY;
}

static void switch_rule(void *model)
{
    struct model *m = model;
    unsigned rule = below(m->self, RULES);
    MAKE(NULL, EVENTS(m->enabled[rule] ? "DisableRule" : "EnableRule", "{'Name':'rule%u-%u'}", m->self->number, rule));
    m->enabled[rule] = !m->enabled[rule];
}

static void came(void *model, struct str body, int64_t sent_ms)
{
    struct model *m = model;
    cJSON *tree = cJSON_ParseWithLength(body.p, body.n);
    int64_t id = json_number(cJSON_GetObjectItemCaseSensitive(tree, "detail"), "id", -1);
    cJSON_Delete(tree);
    sim_expect(id >= 0 && id < m->n, "a delivery", "an event that was put", "%.*s", STR_ARG(body));
    unsigned times = ++m->e[id].came[m->rule_read];
    enum expected expected = m->e[id].expected[m->rule_read];
    sim_expect(expected != NEVER && times == 1, "a delivery", expected == NEVER ? "none of this event to this rule" : "one of this event", "number %u: %.*s", times,
               STR_ARG(body));
}

static void read_rules(void *model)
{
    struct model *m = model;
    for (m->rule_read = 0; m->rule_read < RULES; m->rule_read++)
        inbox_drain(&m->rule[m->rule_read], came, m);
}

/* ---- the scheduled rule ---- */

static void switch_ticks(void *model)
{
    struct model *m = model;
    if (m->n_spans == SWITCHES_MAX)
        return;
    machine_up();
    int64_t from = machine_now_ms(), ran = machine_ran_ms();
    MAKE(NULL, EVENTS(m->ticking ? "DisableRule" : "EnableRule", "{'Name':'tick%u'}", m->self->number));
    machine_up();
    int64_t to = machine_now_ms();
    if (m->ticking) {
        m->spans[m->n_spans - 1].off_lo = ran;
        m->spans[m->n_spans - 1].off_hi = to;
    } else {
        m->spans[m->n_spans++] = (struct span){ from, to, INT64_MAX, INT64_MAX };
    }
    m->ticking = !m->ticking;
}

static void ticked(void *model, struct str body, int64_t sent_ms)
{
    struct model *m = model;
    int64_t ms = 0;
    cJSON *tree = cJSON_ParseWithLength(body.p, body.n);
    bool read = time_parse_iso8601(json_text(tree, "time"), &ms) == 0;
    cJSON_Delete(tree);
    sim_expect(read && m->n_ticks < TICKS_MAX, "a tick", "its time", "%.*s", STR_ARG(body));
    sim_expect(sent_ms >= ms, "a tick", "that it comes at its time or later", "%lld at %lld", (long long)ms, (long long)sent_ms);
    for (unsigned i = 0; i < m->n_ticks; i++)
        sim_expect(m->tick[i] != ms, "ticks", "each once", "twice %.*s", STR_ARG(body));
    bool possible = false;
    for (unsigned i = 0; i < m->n_spans; i++)
        possible = possible || (ms + 999 >= m->spans[i].on_lo && ms <= m->spans[i].off_hi);
    sim_expect(possible, "a tick", "none while the rule is off", "%.*s", STR_ARG(body));
    m->tick[m->n_ticks++] = ms;
}

static bool ticked_within(const struct model *m, int64_t ms)
{
    for (unsigned i = 0; i < m->n_ticks; i++)
        if (m->tick[i] + 999 > ms && m->tick[i] <= ms + TICK_MS) /* told in whole seconds */
            return true;
    return false;
}

/* In each minute that lies wholly in a span there was a tick. */
static void check_ticks(struct model *m, int64_t now)
{
    inbox_drain(&m->ticks, ticked, m);
    for (unsigned i = 0; i < m->n_spans; i++) {
        int64_t end = m->spans[i].off_lo < now ? m->spans[i].off_lo : now;
        for (int64_t ms = m->spans[i].on_hi; ms + TICK_MS < end; ms += TICK_MS)
            sim_expect(ticked_within(m, ms), "ticks", str_printf(m->self->a, "one in the minute behind %lld", (long long)ms).p, "none");
    }
}

/* ---- */

static void make_rule(struct model *m, const char *name, struct str words, const struct inbox *target)
{
    MAKE(NULL, EVENTS("PutRule", "{'Name':'%s',%.*s}", name, STR_ARG(words)));
    MAKE(NULL, EVENTS("PutTargets", "{'Rule':'%s','Targets':[{'Id':'t','Arn':'%.*s'}]}", name, STR_ARG(sim_queue_arn(m->self->a, str_c(target->name)))));
}

static void run(struct actor *self)
{
    struct model *m = xalloc(sizeof *m);
    struct deed deeds[] = { { put_events, 8 }, { switch_rule, 2 }, { read_rules, 1 }, { switch_ticks, 1 } };
    m->self = self;
    for (unsigned i = 0; i < RULES; i++) {
        inbox_open(&m->rule[i], self, str_printf(self->a, "events%u-%u", self->number, i).p, "events.amazonaws.com");
        make_rule(m, str_printf(self->a, "rule%u-%u", self->number, i).p,
                  str_printf(self->a, "'EventPattern':'{\\'source\\':[\\'sim%u\\'],\\'detail\\':{\\'k\\':[%u,%u]}}'", self->number, i, i + 1), &m->rule[i]);
        m->enabled[i] = true;
    }
    inbox_open(&m->ticks, self, str_printf(self->a, "ticks%u", self->number).p, "events.amazonaws.com");
    make_rule(m, str_printf(self->a, "tick%u", self->number).p, STR("'ScheduleExpression':'rate(1 minute)','State':'DISABLED'"), &m->ticks);
    switch_ticks(m);
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, m);
    machine_up();
    int64_t now = machine_now_ms();
    sim_settle(self);
    read_rules(m);
    for (unsigned i = 0; i < m->n; i++)
        for (unsigned rule = 0; rule < RULES; rule++)
            sim_expect(m->e[i].came[rule] || m->e[i].expected[rule] != SURELY, "deliveries", str_printf(self->a, "event %u to rule %u", i, rule).p, "none");
    check_ticks(m, now);
    for (unsigned i = 0; i < RULES; i++)
        inbox_close(&m->rule[i]);
    inbox_close(&m->ticks);
    free(m);
}

const struct actor_kind actor_events = { "events", 2, .lasts_days = false, run };
