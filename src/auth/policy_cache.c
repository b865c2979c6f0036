#include "auth/policy.h"

#include "auth/directory.h"
#include "base/shared.h"

struct parsed {
    const struct policy *policy; /* NULL: does not parse */
};

static const struct parsed *parse(struct arena *a, struct str json)
{
    struct parsed *ret = arena_one(a, struct parsed);
    struct policy *policy;
    struct str why;
    const struct managed_policy *managed = managed_policy_find(json);
    struct str document = managed ? managed_policy_document(a, managed) : str_dup(a, json);
    if (policy_parse(a, document, POLICY_ANY, &policy, &why) == 0)
        ret->policy = policy;
    return ret;
}

const struct policy *policy_cache_get(struct shared *parsed, struct arena *a, struct str json)
{
    if (!parsed)
        return parse(a, json)->policy;
    const struct parsed *p = shared_get(parsed, a, json, 0);
    if (!p) {
        struct arena *own = arena_new();
        p = parse(own, json);
        shared_put(parsed, a, own, json, 0, p);
    }
    return p->policy;
}
