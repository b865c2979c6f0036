/* What auth keeps in memory: signing keys and parsed policies. One a cloud; NULL in struct op means that nothing is kept. */
#ifndef STRATA_AUTH_STATE_H
#define STRATA_AUTH_STATE_H

struct key_cache;
struct policy_cache;

struct auth_state {
    struct key_cache *keys;
    struct policy_cache *policies;
};

struct auth_state *auth_state_new(void);
void auth_state_free(struct auth_state *s); /* NULL-safe */

#endif
