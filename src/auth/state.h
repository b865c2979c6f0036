/* What auth keeps in memory. One a cloud; NULL in struct op means that nothing is kept. */
#ifndef STRATA_AUTH_STATE_H
#define STRATA_AUTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct key_cache;
struct mfa_guesses;
struct shared;

struct auth_state {
    struct key_cache *keys;
    struct shared *policies;   /* policy_cache_get */
    struct shared *identities; /* identity.h */
    struct mfa_guesses *guesses; /* mfa.h */
    bool pardons;              /* what policies refuse is noted and done all the same: serve --iam=soft */
    uint64_t last_epoch;       /* the writer's: an epoch that was rolled back is never given again */
};

struct auth_state *auth_state_new(void);
void auth_state_free(struct auth_state *s); /* NULL-safe */

#endif
