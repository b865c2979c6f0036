/* One simulated machine: strata's program on a store in memory and a directory of bodies, its clock, its randomness, its crashes.
 *
 * A crash keeps what was committed and the files, and nothing else: the committed records go into a fresh store, and strata starts anew on it. The plug
 * can be pulled anywhere a thread can be interrupted, and right before or behind a commit, which is one piece. */
#ifndef STRATA_SIM_MACHINE_H
#define STRATA_SIM_MACHINE_H

#include "cloud/cloud.h"

struct machine_config {
    uint64_t seed;
    const char *dir;        /* empty, the simulation's own */
    int first_fd;           /* what a crash closes begins here */
    uint32_t forget_one_in; /* so many commits are answered for and dropped; 0: none, as it should be */
};

void machine_init(const struct machine_config *config);

/* By actors. */
void machine_start(void);             /* strata is down: starts it, returns when it serves, or when the plug was pulled meanwhile */
void machine_stop(void);              /* as SIGTERM does; or the plug was pulled meanwhile */
void machine_crash(void);             /* here and now */
enum plug { PLUG_NONE, PLUG_BEFORE_COMMIT, PLUG_AFTER_COMMIT };
void machine_crash_at(enum plug when); /* at the next commit that writes something; gives up after a while */
void machine_fill_disk(void);        /* the next commit that writes something is refused */
/* The next commit's sync fails: it is there after the next start, or not. Returns when it has; strata writes nothing any more until it is started anew. */
void machine_fail_sync(void);
bool machine_sync_failed(void);

struct cloud *machine_up(void);       /* waits until strata serves */
struct cloud *machine_cloud(void);    /* NULL: it does not serve now */
struct cloud *machine_running(void);  /* also while it starts and stops, when sandboxes are still served */
int64_t machine_now_ms(void);         /* strata's clock; while it is down, that of when it went */
int64_t machine_real_ms(void);
/* What was due by this time of the clock has run: it was due a while ago, and neither was strata down in that while nor the clock moved. */
int64_t machine_ran_ms(void);
void machine_disturbed(void);         /* the clock is being moved */

uint64_t machine_life(void);          /* changes with every crash and stop */

struct machine_stats {
    unsigned crashes, stops, commits, lost, failed; /* failed: commits, for a full disk */
};
extern struct machine_stats machine_stats;

#endif
