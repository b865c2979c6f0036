#include "auth/identity.h"

#include "auth/auth.h"
#include "auth/organization.h"
#include "auth/state.h"
#include "base/shared.h"

static void add_set(struct op *op, struct policy_set *set, const struct str_list *documents)
{
    for list_each(d, documents)
        *list_push(op->arena, set) = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, *d);
}

int identity_bind(struct op *op, const struct principal *p, struct identity *ret)
{
    struct principal_policies own = { 0 };
    struct eval_policies *policies = &ret->policies;
    int rc = directory_policies(op, p, &own);
    if (rc)
        return rc;
    add_set(op, &policies->identity, &own.identity);
    add_set(op, &policies->session, &own.session);
    policies->has_session = own.has_session;
    policies->has_boundary = own.boundary.p != NULL;
    if (policies->has_boundary)
        policies->boundary = policy_cache_get(op->auth ? op->auth->policies : NULL, op->arena, own.boundary);
    if (p->account.n && !own.service_linked && (rc = organization_bind(op, p->account, ORGANIZATION_SERVICE_CONTROL, &policies->organization)))
        return rc;
    ret->service_linked = own.service_linked;
    ret->tags = own.tags;
    ret->claims = own.claims;
    return 0;
}

static int make(struct op *op, struct str access_key_id, bool test_keys, struct identity *ret)
{
    int rc = directory_credential(op, access_key_id, test_keys, &ret->credential);
    return rc ? rc : identity_bind(op, &ret->credential.principal, ret);
}

static bool expired(struct op *op, const struct identity *i) { return i->credential.expires_ms && op_now_ms(op) >= i->credential.expires_ms; }

int identity_of_key(struct op *op, struct str access_key_id, bool test_keys, const struct identity **ret)
{
    if (!op->auth || (test_keys && directory_is_test_key(access_key_id))) {
        struct identity *i = arena_one(op->arena, struct identity);
        *ret = i;
        return make(op, access_key_id, test_keys, i);
    }
    uint64_t epoch = auth_epoch(op);
    *ret = shared_get(op->auth->identities, op->arena, access_key_id, epoch);
    if (*ret && !expired(op, *ret)) /* what is expired may be gone by now, which does not raise the epoch */
        return 0;
    struct op own = *op;
    own.arena = arena_new();
    struct identity *i = arena_one(own.arena, struct identity);
    int rc = make(&own, str_dup(own.arena, access_key_id), false, i);
    if (rc) {
        arena_free(own.arena);
        return rc;
    }
    shared_put(op->auth->identities, op->arena, own.arena, access_key_id, epoch, i);
    *ret = i;
    return 0;
}
