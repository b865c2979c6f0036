#include "auth/mfa.h"

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

int mfa_check(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str code)
{
    int off = find(op, device, seed, code, STR_NONE, EARLY_OR_LATE_STEPS);
    return off > EARLY_OR_LATE_STEPS ? E_DENIED : accept(op, device, op_now_ms(op) / MFA_STEP_MS + opt_i64(device->DriftSteps, 0) + off);
}
