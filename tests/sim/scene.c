#include "scene.h"

#include "sim.h"

enum { ACTORS_MAX = 12, STEPS_EACH_MIN = 10, STEPS_EACH_MAX = 60, PLAY_MS_MAX = 2 * 3600 * 1000 };

static const struct actor_kind *const kinds[] = { &actor_dynamodb, &actor_sqs, &actor_fifo, &actor_s3, &actor_secrets, &actor_iam, &actor_events, &actor_scheduler, &actor_lambda,
                                            &actor_races };
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct {
    const struct scene *scene;
    struct actor actors[ACTORS_MAX];
    const struct actor_kind *kind_of[ACTORS_MAX];
    unsigned n, alive;
    struct rng rng;       /* of trouble */
    unsigned trouble;     /* bits: what goes wrong this time */
    unsigned pause_ms;    /* between troubles, at most */
    unsigned troubles;    /* how many are left */
    bool weeks;           /* the clock may jump by more than a week, once */
} s;

const char *scene_kind_name(unsigned i) { return i < KINDS ? kinds[i]->name : NULL; }

static void *act(void *arg)
{
    struct actor *self = arg;
    s.kind_of[self - s.actors]->run(self);
    s.alive--;
    return NULL;
}

static void crash(void)
{
    unsigned how = rng_below(&s.rng, 3);
    if (how == 0)
        machine_crash();
    else
        machine_crash_at(how == 1 ? PLUG_BEFORE_COMMIT : PLUG_AFTER_COMMIT);
}

/* Somebody starts strata anew a while later, as its message says. */
static void fail_sync(void)
{
    machine_fail_sync();
    fiber_sleep_ms(rng_below(&s.rng, 1000));
    if (machine_sync_failed())
        machine_crash();
}

static void move_clock(void)
{
    struct arena *a = arena_new();
    unsigned ms = rng_below(&s.rng, 4) * 60000 + rng_below(&s.rng, 2000);
    if (s.weeks && rng_one_in(&s.rng, 4)) {
        s.weeks = false;
        ms = 8 * 24 * 3600 * 1000u;
    }
    struct reply r = ask_admin(a, "/_strata/clock", "{'advance_ms':%u}", ms);
    sim_expect(r.status != 400 && r.status != 415, "the clock", "that it can be moved", "%.*s", STR_ARG(r.body));
    arena_free(a);
}

static void one_trouble(void)
{
    enum trouble what = 1u << rng_below(&s.rng, 5);
    if (!(s.trouble & what))
        return;
    switch (what) {
    case TROUBLE_CRASHES: crash(); return;
    case TROUBLE_STOPS: machine_stop(); return;
    case TROUBLE_FULL_DISK: machine_fill_disk(); return;
    case TROUBLE_FAILED_SYNC: fail_sync(); return;
    default: move_clock();
    }
}

/* Starts strata, makes trouble until the actors are done, stops it. */
static void *make_trouble(void *arg)
{
    while (s.alive || !machine_cloud()) {
        if (!machine_cloud()) {
            fiber_sleep_ms(rng_below(&s.rng, 2000));
            machine_start();
            continue;
        }
        fiber_sleep_ms(1 + rng_below(&s.rng, s.pause_ms));
        if (machine_cloud() && s.alive && s.troubles) {
            s.troubles--;
            one_trouble();
        }
    }
    machine_stop();
    return NULL;
}

static void cast(struct rng *rng)
{
    for (unsigned k = 0, place = 0; k < KINDS; k++) {
        unsigned most = kinds[k]->copies_max, copies = rng_below(rng, most + 1);
        if (s.scene->only)
            copies = s.scene->only >> k & 1 ? 1 + copies % most : 0;
        for (unsigned i = 0; i < copies && s.n < ACTORS_MAX; i++, place++) {
            struct actor self = { .name = kinds[k]->name, .number = i, .rng = rng_split(rng_next(rng), k), .pace = rng_below(rng, PACES),
                                  .steps = STEPS_EACH_MIN + rng_below(rng, STEPS_EACH_MAX - STEPS_EACH_MIN) };
            if (s.scene->without >> place & 1)
                continue;
            self.a = arena_new();
            s.weeks = s.weeks && kinds[k]->lasts_days;
            s.kind_of[s.n] = kinds[k];
            s.actors[s.n++] = self;
        }
    }
}

void scene_play(const struct scene *scene, const char *dir, int first_fd, struct scene_result *ret)
{
    static const uint32_t preempt[] = { 0, 64, 16, 4, 2 }, jitter[] = { 0, 0, 200, 20 };
    struct rng rng = rng_split(scene->seed, 0);
    struct fiber_config fibers = { .seed = scene->seed, .preempt_one_in = preempt[rng_below(&rng, 5)], .jitter_one_in = jitter[rng_below(&rng, 4)],
                                   .jitter_us = 3000 };
    struct machine_config machine = { .seed = scene->seed, .dir = dir, .first_fd = first_fd,
                                   .forget_one_in = scene->forgetful ? 20 : 0 };
    fibers_init(&fibers);
    trace_init(scene->seed, scene->verbose, scene->steps);
    machine_init(&machine);
    s.scene = scene;
    s.rng = rng_split(scene->seed, 3);
    s.trouble = rng_below(&rng, TROUBLES + 1) & ~scene->calm;
    s.pause_ms = 20u << rng_below(&rng, 12);
    s.troubles = 5u << rng_below(&rng, 5);
    s.weeks = true;
    for (int tries = 0; s.n == 0 && tries < 100; tries++)
        cast(&rng);
    s.alive = s.n;
    for (unsigned i = 0; i < s.n; i++)
        fiber_spawn(FIBER_ACTOR, s.actors[i].name, act, &s.actors[i]);
    fiber_spawn(FIBER_ACTOR, "trouble", make_trouble, NULL);
    fibers_run();
    *ret = (struct scene_result){ trace_hash(), trace_steps(), s.n, machine_stats, *trace_counts() };
}
