/* AWS's own policies: every one unpacks, parses, and is found by its ARN alone. */
#include "base/test.h"

#include "auth/directory.h"
#include "auth/policy.h"

TEST(every_policy_of_the_catalogue_parses)
{
    size_t n = 0;
    const struct managed_policy *p;
    for (; (p = managed_policy_at(n)); n++) {
        struct arena *a = arena_new();
        struct policy *parsed;
        struct str why = STR(""), document = managed_policy_document(a, p);
        assert_true(document.n > 0);
        if (policy_parse(a, document, POLICY_ANY, &parsed, &why) || policy_parse(a, document, POLICY_IDENTITY, &parsed, &why))
            fail_msg("%s: %.*s", p->name, STR_ARG(why));
        assert_ptr_equal(managed_policy_find(str_printf(a, "arn:aws:iam::aws:policy%s%s", p->path, p->name)), p);
        assert_null(managed_policy_find(str_printf(a, "arn:aws:iam::aws:policy%sx/%s", p->path, p->name)));
        arena_free(a);
    }
    assert_true(n > 1400);
}

TEST(what_is_no_managed_policy)
{
    assert_null(managed_policy_find(STR("")));
    assert_null(managed_policy_find(STR("arn:aws:iam::aws:policy/")));
    assert_null(managed_policy_find(STR("arn:aws:iam::aws:policy/NoSuchThing")));
    assert_null(managed_policy_find(STR("arn:aws:iam::111111111111:policy/AdministratorAccess")));
}
