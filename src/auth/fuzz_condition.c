/* One condition: lines "operator", "key", the values of the context (joined by the byte 1f), the policy's values (likewise). The negated operator
 * says the opposite where there is one value, ...IfExists holds wherever the plain one does, globs and variables end in time. */
#include <stdio.h>

#include "auth/evaluate.h"
#include "base/buf.h"
#include "base/fuzz.h"

static bool holds(const struct eval_request *r, struct str operator, struct str key, const struct str_list *values, struct condition *ret)
{
    struct buf b;
    struct policy *p;
    struct str why;
    buf_init(&b, r->arena, 1 << 20);
    buf_c(&b, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{");
    buf_json_string(&b, operator);
    buf_c(&b, ":{");
    buf_json_string(&b, key);
    buf_c(&b, ":[");
    for (uint32_t i = 0; i < values->n; i++) {
        buf_c(&b, i ? "," : "");
        buf_json_string(&b, values->v[i]);
    }
    buf_c(&b, "]}}}]}");
    if (policy_parse(r->arena, buf_done(&b), POLICY_ANY, &p, &why) || p->statements.v[0].conditions.n != 1)
        return false;
    *ret = p->statements.v[0].conditions.v[0];
    return condition_holds(r, ret, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct arena *a = f.arena;
    struct str operator = fuzz_line(&f), key = fuzz_line(&f), value = fuzz_line(&f), rest = fuzz_rest(&f), one, expanded;
    struct eval_request r = { .arena = a };
    struct str_list values = { .set = true };
    struct condition c = { 0 };
    bool absent = str_is(value, "-");
    if (!absent)
        *list_push(a, &r.context) = (struct str_pair){ key, value };
    for (bool more = rest.n > 0; more;) {
        more = str_cut(rest, '\x1f', &one, &rest);
        str_list_add(a, &values, fuzz_exact(a, one));
    }
    bool yes = holds(&r, operator, key, &values, &c);
    if (yes && c.op != COND_NULL) {
        struct condition relaxed = c;
        relaxed.if_exists = true;
        assert(condition_holds(&r, &relaxed, true));
    }
    if (c.op != COND_NULL && c.over == OVER_ONE && !c.if_exists && !str_contains(value, STR("\x1f"))) {
        struct condition opposite = c;
        opposite.negated = !c.negated;
        assert(!c.key.p || condition_holds(&r, &opposite, true) != condition_holds(&r, &c, true));
    }
    assert(glob_match(STR("*"), value, false) && (str_contains(value, STR("\x01")) || str_contains(value, STR("\x02")) || glob_match(value, value, false)));
    if (expand_variables(&r, rest, &expanded) == 0)
        glob_match(expanded, value, true);
    fuzz_release(&f);
    return 0;
}
