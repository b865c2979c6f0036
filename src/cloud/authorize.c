#include "cloud/authorize.h"

#include <string.h>

#include "auth/auth.h"
#include "aws/arn.h"
#include "wire/wire.h"

/* The service whose resource it is: usually the operation's own, but CreateFunction asks iam:PassRole of a role. */
static const struct service_row *owner_of(struct op *op, struct str resource)
{
    struct arn arn;
    if (arn_parse(resource, &arn))
        return NULL;
    if (str_is(arn.service, op->row->service->iam_prefix))
        return op->row->service;
    for (size_t i = 0; wire_services[i]; i++)
        if (str_is(arn.service, wire_services[i]->iam_prefix))
            return wire_services[i];
    return NULL;
}

/* aws:ResourceTag/<key>, and the service's own name of it where it has one. */
static int add_tags(struct authz *a, struct authz_item *item, const void *arg)
{
    const struct service_row *owner = arg;
    struct str_map tags = { 0 };
    int rc = owner->resource_tags(a->op, item->resource, &tags);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    for list_each(t, &tags) {
        authz_context_named(a, item, "aws:ResourceTag/", t->key, t->value);
        authz_context_named(a, item, str_printf(a->op->arena, "%s:ResourceTag/", owner->iam_prefix).p, t->key, t->value);
    }
    return 0;
}

int op_authorize(struct op *op, const void *in)
{
    op->asked = (struct op_asked){ 0 };
    if (!op->row->authorize)
        return 0;
    struct authz a = { .op = op };
    int rc = op->row->authorize(op, in, &a);
    for (uint32_t i = 0; rc == 0 && i < a.n; i++) {
        const struct service_row *owner = owner_of(op, a.v[i].resource);
        if (owner && owner->resource_policy && !a.v[i].resource_policy.p && !a.v[i].no_resource_policy) {
            rc = owner->resource_policy(op, a.v[i].resource, &a.v[i].resource_policy, &a.v[i].account);
            if (rc == E_NOT_FOUND) /* a resource that is not there has no policy; the operation says that it is missing */
                rc = 0;
        }
        if (owner && owner->resource_tags)
            authz_late(&a, &a.v[i], add_tags, owner);
    }
    return rc ? rc : auth_authorize(op, &a);
}
