/* One simulation: who takes part, and what goes wrong. */
#ifndef STRATA_SIM_SCENE_H
#define STRATA_SIM_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"
#include "trace.h"

enum trouble { TROUBLE_CRASHES = 1, TROUBLE_STOPS = 2, TROUBLE_FULL_DISK = 4, TROUBLE_CLOCK = 8, TROUBLE_FAILED_SYNC = 16, TROUBLES = 31 };

struct scene {
    uint64_t seed;
    unsigned steps;      /* no actor begins another step behind this one; 0: no bound */
    uint32_t only;       /* bits of kinds of actors, in the order of scene_kind_name; 0: the seed chooses */
    uint32_t without;    /* bits of the actors that the seed chose, in its order: they stay away */
    unsigned calm;       /* bits of enum trouble that do not happen */
    bool forgetful;      /* the store answers for commits that it drops: must be found out */
    bool verbose;
};

struct scene_result {
    uint64_t hash;
    unsigned steps, actors;
    struct machine_stats machine;
    struct trace_counts counts;
};

const char *scene_kind_name(unsigned i); /* NULL behind the last */
/* In a process of its own, whose descriptors from first_fd on are the scene's, with an empty directory. Ends it with 1 when something is wrong. */
void scene_play(const struct scene *scene, const char *dir, int first_fd, struct scene_result *ret);

#endif
