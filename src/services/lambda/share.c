/* Whose turn it is. Environments are few (HOST_ENVIRONMENTS_MAX, and starts_max that are started at once), and on AWS a function that has much to do keeps
 * none waiting that has none: so
 * - the next start is of the pool that has the fewest environments;
 * - an INIT that takes long, or hangs, does not hold a place against a pool without any;
 * - when all there may be are there, one makes room for a pool without any: the one that has been idle longest, or the first to end an invocation. */
#include "services/lambda/host.h"

bool pool_wants_more(const struct pool *p)
{
    uint32_t coming = p->starting;
    bool lacks = p->live < p->provisioned && !p->provision_failure.p && !p->retired;
    if ((p->queued || lacks) && template_in_making(p)) /* the others will come of it */
        return false;
    if (lacks)
        return true;
    int64_t now = p->queued > coming ? clock_mono_ms() : 0;
    for (const struct environment *env = p->environments; env && p->queued > coming; env = env->next)
        coming += env->state == ENV_BUSY && !env->current && !env->exited && !env->timed_out && now - env->ended_ms < HOST_RETURN_MS;
    return p->queued > coming;
}

/* Starting is work for a core each: more at once than there are cores would only make every one of them late. */
struct pool *pool_to_start(struct lambda_host *h)
{
    uint32_t starting = 0, lately = 0;
    int64_t now = clock_mono_ms();
    struct pool *best = NULL;
    if (h->environments >= HOST_ENVIRONMENTS_MAX)
        return NULL;
    for (const struct pool *p = h->pools; p; p = p->next) {
        starting += p->starting;
        for (const struct environment *env = p->environments; env; env = env->next)
            lately += env->state == ENV_STARTING && now - env->since_ms < HOST_START_MS;
    }
    for (struct pool *p = h->pools; p; p = p->next)
        if (pool_wants_more(p) && (p->live ? starting : lately) < h->starts_max && (!best || p->live < best->live))
            best = p;
    return best;
}

/* Does a pool wait for its first environment, while there may be no more of them and none ends? */
static bool room_is_wanted(const struct lambda_host *h)
{
    uint32_t wanted = 0, ending = 0;
    if (h->environments < HOST_ENVIRONMENTS_MAX)
        return false;
    for (const struct pool *p = h->pools; p; p = p->next) {
        wanted += p->queued && !p->live;
        for (const struct environment *env = p->environments; env; env = env->next)
            ending += env->exited || env->timed_out;
    }
    return wanted > ending;
}

bool environment_gives_way(const struct lambda_host *h, const struct environment *env)
{
    return env->pool->queued && env->pool->live > 1 && pool_alive(env->pool) > env->pool->provisioned && room_is_wanted(h);
}

void environments_make_room(struct lambda_host *h)
{
    while (room_is_wanted(h)) {
        struct environment *longest = NULL;
        for (const struct pool *p = h->pools; p; p = p->next)
            for (struct environment *env = p->environments; env; env = env->next)
                if (env->state == ENV_IDLE && !env->exited && !env->timed_out && pool_alive(p) > p->provisioned &&
                    (!longest || env->since_ms < longest->since_ms))
                    longest = env;
        if (!longest)
            return;
        environment_retire(h, longest);
    }
}
