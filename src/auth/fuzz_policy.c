/* Policy documents, and the decision. Lines: the condition context ("key=value", blank-separated), the resource's account and whose request it is,
 * action and resource; then a document each: identity, boundary, session, resource ("-": none), and one more that is added to the identity's.
 * A document that AWS would take in some place parses for evaluation, too; one more deny allows nothing, one more allow denies nothing. */
#include <stdlib.h>
#include <string.h>

#include "auth/evaluate.h"
#include "base/fuzz.h"

static const struct policy *parse(struct arena *a, struct str json, bool *ret_there)
{
    struct policy *p = NULL, *other;
    struct str why = STR("");
    *ret_there = !str_is(json, "-");
    if (!*ret_there)
        return NULL;
    int any = policy_parse(a, json, POLICY_ANY, &p, &why);
    assert(any == 0 || why.n > 0);
    for (enum policy_kind kind = POLICY_IDENTITY; kind <= POLICY_TRUST; kind++)
        if (policy_parse(a, json, kind, &other, &why) == 0)
            assert(any == 0 && other->statements.n == p->statements.n);
    return p;
}

static void context(struct fuzz *f, struct str_map *ret)
{
    for (struct str rest = fuzz_line(f), one; rest.n;) {
        struct str key, value;
        str_cut(rest, ' ', &one, &rest);
        str_cut(one, '=', &key, &value);
        *list_push(f->arena, ret) = (struct str_pair){ fuzz_exact(f->arena, key), fuzz_exact(f->arena, opt_str(value, STR(""))) };
    }
}

static bool has(const struct policy *p, bool deny)
{
    for (uint32_t i = 0; p && i < p->statements.n; i++)
        if (p->statements.v[i].deny == deny)
            return true;
    return !p && deny; /* what does not parse denies */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct arena *a = f.arena;
    struct principal who = { .account = STR("111111111111"), .arn = STR("arn:aws:iam::111111111111:user/ann"), .user_id = STR("AIDAX"), .name = STR("ann"),
                             .role_arn = STR("arn:aws:iam::111111111111:role/r") };
    struct eval_request r = { .arena = a, .principal = &who };
    struct eval_policies p = { 0 };
    bool there;
    context(&f, &r.context);
    uint8_t kind = fuzz_byte(&f);
    who.kind = kind % (PRINCIPAL_SERVICE + 1);
    r.resource_policy_decides = kind & 0x40;
    str_cut(fuzz_line(&f), ' ', &r.resource_account, &r.action);
    str_cut(opt_str(r.action, STR("")), ' ', &r.action, &r.resource);
    r.resource = opt_str(r.resource, STR("*"));
    const struct policy *identity = parse(a, fuzz_line(&f), &there);
    if (there)
        *list_push(a, &p.identity) = identity;
    p.boundary = parse(a, fuzz_line(&f), &p.has_boundary);
    const struct policy *session = parse(a, fuzz_line(&f), &p.has_session);
    if (p.has_session)
        *list_push(a, &p.session) = session;
    p.resource = parse(a, fuzz_line(&f), &p.has_resource);
    struct eval_result before = evaluate(&r, &p);
    assert(!(before.allowed && before.explicit_deny));
    const struct policy *more = parse(a, fuzz_rest(&f), &there);
    if (there) {
        *list_push(a, &p.identity) = more;
        struct eval_result after = evaluate(&r, &p);
        assert(before.allowed || !after.allowed || has(more, false));
        assert(!before.allowed || after.allowed || has(more, true));
        assert(!before.explicit_deny || after.explicit_deny);
    }
    fuzz_release(&f);
    return 0;
}
