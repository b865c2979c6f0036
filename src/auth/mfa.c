#include "auth/mfa.h"

#include <pthread.h>
#include <stdlib.h>

#include "auth/state.h"
#include "base/code.h"

enum { RESYNC_STEPS = 60, EARLY_OR_LATE_STEPS = 1, CODES = 1000000 };

struct str mfa_code_at(struct arena *a, struct str seed, int64_t step)
{
    uint8_t counter[8], hash[20];
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    hmac_sha1(seed.p, seed.n, counter, sizeof counter, hash);
    const uint8_t *at = hash + (hash[19] & 15);
    uint32_t number = (uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return str_printf(a, "%06u", (unsigned)(number % CODES));
}

/* The step within reach whose code (and then the next step's) this is. */
static int find(struct op *op, const struct iam_rec_Mfa *device, struct str seed, struct str first, struct str second, int reach)
{
    int64_t middle = op_now_ms(op) / MFA_STEP_MS + (second.p ? 0 : opt_i64(device->DriftSteps, 0));
    for (int64_t step = middle - reach; step <= middle + reach; step++) {
        if (!str_eq_consttime(mfa_code_at(op->arena, seed, step), first))
            continue;
        if (!second.p || str_eq_consttime(mfa_code_at(op->arena, seed, step + 1), second))
            return (int)(step - middle);
    }
    return reach + 1;
}

static int accept(struct op *op, struct iam_rec_Mfa *device, int64_t step)
{
    if (step <= opt_i64(device->LastStep, -1))
        return E_DENIED;
    device->LastStep = SOME_I64(step);
    device->DriftSteps = SOME_I64(step - op_now_ms(op) / MFA_STEP_MS);
    return 0;
}

int mfa_check_pair(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str first, struct str second)
{
    int off = find(op, device, seed, first, second, RESYNC_STEPS);
    return off > RESYNC_STEPS ? E_DENIED : accept(op, device, op_now_ms(op) / MFA_STEP_MS + off + 1);
}

static int check(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str code)
{
    int off = find(op, device, seed, code, STR_NONE, EARLY_OR_LATE_STEPS);
    return off > EARLY_OR_LATE_STEPS ? E_DENIED : accept(op, device, op_now_ms(op) / MFA_STEP_MS + opt_i64(device->DriftSteps, 0) + off);
}

/* ---- who guesses ---- */

struct guessed {
    uint64_t device; /* hash of its serial number; 0: none */
    int64_t since_ms; /* the first of them */
    int wrong;
};

struct mfa_guesses {
    pthread_mutex_t lock;
    struct guessed v[MFA_GUESSED_MAX];
};

struct mfa_guesses *mfa_guesses_new(void)
{
    struct mfa_guesses *g = xalloc(sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void mfa_guesses_free(struct mfa_guesses *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* The device's entry, with what is older forgotten; else the one that began first, for the device from now on. With the lock held. */
static struct guessed *entry(struct mfa_guesses *g, uint64_t device, int64_t now_ms)
{
    struct guessed *oldest = &g->v[0], *own = NULL;
    for (struct guessed *at = g->v; !own && at < g->v + MFA_GUESSED_MAX; at++) {
        own = at->device == device ? at : NULL;
        oldest = at->since_ms < oldest->since_ms ? at : oldest;
    }
    struct guessed *e = own ? own : oldest;
    if (!own || now_ms - e->since_ms >= MFA_WRONG_MS)
        *e = (struct guessed){ .device = device, .since_ms = now_ms };
    return e;
}

/* Counted before it is looked at, so that no crowd of guesses comes at once. */
int mfa_check(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str code)
{
    struct mfa_guesses *g = op->auth ? op->auth->guesses : NULL;
    if (!g)
        return check(op, device, seed, code);
    uint64_t hash = str_hash(device->Serial) | 1;
    pthread_mutex_lock(&g->lock);
    bool too_many = entry(g, hash, op_now_ms(op))->wrong++ >= MFA_WRONG_MAX;
    pthread_mutex_unlock(&g->lock);
    if (too_many || check(op, device, seed, code))
        return E_DENIED;
    pthread_mutex_lock(&g->lock);
    entry(g, hash, op_now_ms(op))->wrong = 0;
    pthread_mutex_unlock(&g->lock);
    return 0;
}
