/* Versions and their staging labels; no store here. */
#include <string.h>

#include "base/arena.h"
#include "services/secretsmanager/secret.h"

struct secretsmanager_rec_Version *version_by_id(const struct secretsmanager_rec_Secret *s, struct str id)
{
    for (uint32_t i = 0; i < s->Versions.n; i++)
        if (str_eq(s->Versions.v[i].Id, id))
            return &s->Versions.v[i];
    return NULL;
}

struct secretsmanager_rec_Version *version_by_stage(const struct secretsmanager_rec_Secret *s, struct str stage)
{
    for (uint32_t i = 0; i < s->Versions.n; i++)
        if (str_list_has(&s->Versions.v[i].Stages, stage))
            return &s->Versions.v[i];
    return NULL;
}

static void take(struct secretsmanager_rec_Version *v, struct str stage)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->Stages.n; i++)
        if (!str_eq(v->Stages.v[i], stage))
            v->Stages.v[n++] = v->Stages.v[i];
    v->Stages.n = n;
}

void version_move_stage(struct arena *a, struct secretsmanager_rec_Secret *s, struct str stage, struct secretsmanager_rec_Version *to)
{
    struct secretsmanager_rec_Version *from = version_by_stage(s, stage);
    if (from == to)
        return;
    if (from)
        take(from, stage);
    if (to)
        str_list_add(a, &to->Stages, stage);
    if (from && to && str_is(stage, "AWSCURRENT")) {
        take(from, STR("AWSPENDING")); /* what it had kept from becoming the current one */
        version_move_stage(a, s, STR("AWSPREVIOUS"), from);
    }
    if (to && str_is(stage, "AWSCURRENT"))
        take(to, STR("AWSPREVIOUS")); /* a version that comes back is not its own predecessor */
}

void version_remove(struct secretsmanager_rec_Secret *s, struct str id)
{
    struct secretsmanager_rec_Version *v = version_by_id(s, id), *end = s->Versions.v + s->Versions.n;
    if (!v)
        return;
    memmove(v, v + 1, (size_t)(end - v - 1) * sizeof *v);
    s->Versions.n--;
}

bool version_has_value(const struct secretsmanager_rec_Version *v)
{
    return !opt_bool(v->NoValue, false);
}

bool version_drop_oldest(struct secretsmanager_rec_Secret *s, struct secretsmanager_rec_Version *ret)
{
    if (s->Versions.n <= SECRET_VERSIONS_MAX)
        return false;
    for (uint32_t i = 0; i < s->Versions.n; i++) {
        if (s->Versions.v[i].Stages.n > 0)
            continue;
        *ret = s->Versions.v[i];
        version_remove(s, ret->Id);
        return true;
    }
    return false;
}
