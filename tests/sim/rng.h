/* The numbers that a seed stands for: xorshift64*, split into a stream for each who asks, so that one asking more often changes nothing for the others. */
#ifndef STRATA_SIM_RNG_H
#define STRATA_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_mix(uint64_t x) /* splitmix64's finish: neighbours come out far apart */
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline struct rng rng_split(uint64_t seed, uint64_t stream) { return (struct rng){ rng_mix(rng_mix(seed) ^ stream) | 1 }; }

static inline uint64_t rng_next(struct rng *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545F4914F6CDD1Du;
}

static inline uint32_t rng_below(struct rng *r, uint32_t n) { return (uint32_t)((rng_next(r) >> 32) * n >> 32); } /* 0 ... n-1 */
static inline bool rng_one_in(struct rng *r, uint32_t n) { return n && rng_below(r, n) == 0; }                     /* n 0: never */

#endif
