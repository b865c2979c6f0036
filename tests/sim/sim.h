/* What the actors share. An actor is a client with a model: it does random things to resources of its own, knows what must come of each, and says so
 * with sim_expect. Actors run at once, each a fiber; what one does is decided by its own stream of the seed.
 *
 * A request that got no answer (LOST) was carried out wholly or not at all: the actor looks, and the model takes what it finds. One that was refused
 * (503: stopping, disk full) was not carried out. */
#ifndef STRATA_SIM_SIM_H
#define STRATA_SIM_SIM_H

#include "base/arena.h"
#include "base/err.h"
#include "ask.h"
#include "fiber.h"
#include "trace.h"
#include "machine.h"

enum pace { PACE_NONE, PACE_FEW, PACE_MS, PACE_S, PACES };

struct actor {
    const char *name;
    unsigned number;        /* of its kind */
    struct rng rng;
    struct arena *a;        /* of one step */
    enum pace pace;
    unsigned steps;
};

struct actor_kind {
    const char *name;
    unsigned copies_max;    /* how many there may be in one simulation */
    bool lasts_days;        /* the model bears a clock that jumps by more than a week */
    void (*run)(struct actor *self);
};

extern const struct actor_kind actor_dynamodb, actor_sqs, actor_fifo, actor_s3, actor_secrets, actor_iam, actor_events, actor_scheduler, actor_lambda,
    actor_races;

/* One thing that an actor can do. Each simulation takes its own selection and weights. */
struct deed {
    void (*fn)(void *model);
    unsigned weight;        /* how often, beside the others */
};
void actor_weigh(struct actor *self, struct deed *deeds, unsigned n);
/* Does random deeds until the simulation has enough of them. */
void actor_live(struct actor *self, const struct deed *deeds, unsigned n, void *model);
void actor_pause(struct actor *self);
static inline uint32_t below(struct actor *self, uint32_t n) { return rng_below(&self->rng, n); }
static inline bool one_in(struct actor *self, uint32_t n) { return rng_one_in(&self->rng, n); }

enum outcome {
    DONE,    /* 2xx */
    FAILED,  /* AWS's refusal, 4xx: reply.error says which */
    REFUSED, /* 503: nothing happened */
    UNKNOWN, /* no answer: it happened or not */
};
enum outcome outcome(const struct reply *r); /* fails the simulation on an internal error */
/* The operation must have ended so: DONE, or FAILED with that code. REFUSED and UNKNOWN go through. */
enum outcome expect_outcome(const struct reply *r, const char *what, const char *error); /* error NULL: DONE */
/* For making what the actor needs: repeats send until it is done; accepts that it is there already (known: the error codes that say so). */
#define MAKE(known, call)                                                                                                \
    for (struct reply make_ = (call); !made(&make_, (known)); make_ = (call))                                             \
        ;
bool made(const struct reply *r, const char *known);

struct str text_of(struct arena *a, const cJSON *v); /* for messages */
struct str sim_queue_url(struct arena *a, struct str name);
struct str sim_queue_arn(struct arena *a, struct str name);

#endif
