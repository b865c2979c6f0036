#include "auth/state.h"

#include <stdlib.h>

#include "auth/mfa.h"
#include "auth/sign.h"
#include "base/shared.h"

struct auth_state *auth_state_new(void)
{
    struct auth_state *s = xalloc(sizeof *s);
    s->keys = key_cache_new();
    s->policies = shared_new();
    s->identities = shared_new();
    s->guesses = mfa_guesses_new();
    return s;
}

void auth_state_free(struct auth_state *s)
{
    if (!s)
        return;
    key_cache_free(s->keys);
    shared_free(s->policies);
    shared_free(s->identities);
    mfa_guesses_free(s->guesses);
    free(s);
}
