#include <string.h>

#include "sim.h"

void actor_weigh(struct actor *self, struct deed *deeds, unsigned n)
{
    static const unsigned factors[] = { 0, 1, 2, 2, 4, 10 };
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += deeds[i].weight *= factors[below(self, sizeof factors / sizeof *factors)];
    if (sum == 0)
        deeds[below(self, n)].weight = 1;
}

void actor_pause(struct actor *self)
{
    enum pace pace = one_in(self, 8) ? below(self, PACES) : self->pace;
    switch (pace) {
    case PACE_NONE: return;
    case PACE_FEW: fiber_sleep_ms(below(self, 4)); return;
    case PACE_MS: fiber_sleep_ms(below(self, 900)); return;
    default: fiber_sleep_ms(1000LL * below(self, 20) + below(self, 2)); return; /* whole seconds meet deadlines exactly */
    }
}

static const struct deed *choose(struct actor *self, const struct deed *deeds, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += deeds[i].weight;
    for (unsigned at = below(self, sum);; deeds++) {
        if (at < deeds->weight)
            return deeds;
        at -= deeds->weight;
    }
}

void actor_live(struct actor *self, const struct deed *deeds, unsigned n, void *model)
{
    for (unsigned i = 0; i < self->steps && !trace_over(); i++) {
        arena_clear(self->a);
        choose(self, deeds, n)->fn(model);
        actor_pause(self);
    }
    arena_clear(self->a);
}

enum outcome outcome(const struct reply *r)
{
    if (r->status == LOST || (r->status >= 500 && r->in_doubt))
        return UNKNOWN;
    if (reply_ok(r))
        return DONE;
    if (r->status == 503)
        return REFUSED;
    sim_expect(r->status < 500, "answer", "no internal error", "%d %.*s", r->status, STR_ARG(r->body));
    return FAILED;
}

enum outcome expect_outcome(const struct reply *r, const char *what, const char *error)
{
    enum outcome o = outcome(r);
    if (o == DONE)
        sim_expect(!error, what, error, "success: %.*s", STR_ARG(r->body));
    else if (o == FAILED)
        sim_expect(error && str_is(r->error, error), what, error ? error : "success", "%d %.*s", r->status, STR_ARG(r->body));
    return o;
}

bool made(const struct reply *r, const char *known)
{
    enum outcome o = outcome(r);
    if (o == FAILED)
        sim_expect(known && str_contains(str_c(known), r->error), "making", known ? known : "success", "%d %.*s", r->status, STR_ARG(r->body));
    return o == DONE || o == FAILED;
}

static void free_text(void *p) { cJSON_free(p); }

struct str text_of(struct arena *a, const cJSON *v)
{
    char *text = v ? cJSON_PrintUnformatted(v) : NULL;
    if (text)
        arena_defer(a, free_text, text);
    return text ? str_c(text) : STR("nothing");
}

struct str sim_queue_url(struct arena *a, struct str name) { return str_printf(a, "http://127.0.0.1:4566/000000000000/%.*s", STR_ARG(name)); }
struct str sim_queue_arn(struct arena *a, struct str name) { return str_printf(a, "arn:aws:sqs:us-east-1:000000000000:%.*s", STR_ARG(name)); }
