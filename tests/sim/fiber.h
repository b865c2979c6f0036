/* Threads, time and waiting, all of them by the seed.
 *
 * The simulator is linked so that strata's calls to pthread_create, pthread_mutex_lock, pthread_cond_timedwait and their like come here (the list is in
 * meson.build). A thread is a fiber: a stack of its own on the one thread of the process. A fiber runs until it waits, or until it passes a point where
 * another thread might have run (taking or leaving a lock, a signal): there the seed decides. When nobody can run, time jumps to the first deadline. So
 * strata's own threads and locks are tested, every interleaving of theirs is one of the seed's, and an hour costs nothing.
 *
 * A crash forgets the fibers of strata where they stand. Actors (the clients, and whoever pulls the plug) go on.
 * What is not simulated: races within a stretch without a lock (ThreadSanitizer looks for those). */
#ifndef STRATA_SIM_FIBER_H
#define STRATA_SIM_FIBER_H

#include "rng.h"

enum fiber_kind { FIBER_ACTOR, FIBER_STRATA };

struct fiber_config {
    uint64_t seed;
    uint32_t preempt_one_in;  /* at a point where another might run, another is asked in one of so many; 0: never */
    uint32_t jitter_one_in;   /* time passes by itself at one in so many switches, up to jitter_us */
    uint32_t jitter_us;
};

void fibers_init(const struct fiber_config *config);
void fibers_run(void); /* until the last actor has ended */

void fiber_spawn(enum fiber_kind kind, const char *name, void *(*fn)(void *arg), void *arg);
void fiber_yield(void);                                  /* another may run; does nothing outside fibers */
bool fiber_wait(const void *on, int64_t until_ns);       /* until fiber_wake(on), or the time (0: no limit): then false */
void fiber_wake(const void *on);                         /* all of them */
void fiber_sleep_ms(int64_t ms);
bool fiber_is_strata(void);                              /* who runs */

void fiber_atomic(bool on);                              /* while on, nobody else runs: for what a store does in one piece */
void fibers_halt(void (*fn)(void)) __attribute__((noreturn)); /* the running fiber of strata ends; fn runs at once, outside fibers */
void fibers_drop(void);                                  /* every fiber of strata ends where it stands */
unsigned fibers_of_strata(void);                         /* that have not ended */
const char *fiber_name(void);

void fibers_tell(void);                                  /* prints where the threads of strata stand; nobody can run afterwards */

int64_t fiber_now_ns(void);                              /* since the simulation began */
uint64_t fiber_hash(void);                               /* of every switch so far and its time */

#endif
