/* PartiQL. First line: parameters, as a JSON list of values of attributes; then the statement. It parses or is refused in words; what parses has what
 * its kind needs; and blanks around it change nothing. */
#include <assert.h>

#include "base/arena.h"
#include "base/fuzz.h"
#include "services/dynamodb/partiql.h"

static void check_node(const struct ql_node *n, unsigned depth)
{
    assert(depth <= 4 * PARTIQL_DEPTH_MAX);
    assert((n->kind == QL_AND || n->kind == QL_OR) == (n->args.n > 1));
    assert((n->kind == QL_NOT) == (n->args.n == 1));
    assert(n->args.n > 0 || n->operands.n > 0);
    for (uint32_t i = 0; i < n->args.n; i++)
        check_node(n->args.v[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct value v;
    struct value_error e;
    struct str_list parameters = { 0 };
    struct ql_statement s, again;
    struct str error;
    fuzz_init(&f, data, n);
    struct str list = str_cat(f.arena, STR("{\"L\":"), fuzz_line(&f), STR("}")), text = fuzz_rest(&f);
    if (str_is_utf8(list) && value_parse(f.arena, list, &v, &e) == 0 && v.type == VALUE_L)
        for (uint32_t i = 0; i < v.l.n; i++) {
            struct buf b;
            buf_init(&b, f.arena, 1 << 20);
            value_write(&b, &v.l.v[i]);
            str_list_add(f.arena, &parameters, buf_done(&b));
        }
    bool parsed = ql_parse(f.arena, text, &parameters, &s, &error) == 0;
    assert(parsed == !error.p);
    if (parsed) {
        assert(s.table.p);
        assert((s.kind == QL_INSERT) == (s.item.p != NULL) && (s.kind == QL_UPDATE) == (s.changes.n > 0));
        if (s.where)
            check_node(s.where, 0);
        ql_equality(&s, STR("a"));
    }
    struct str wider = str_cat(f.arena, STR(" \n"), text, STR(" "));
    bool same = ql_parse(f.arena, wider, &parameters, &again, &error) == 0;
    assert(same == parsed || str_contains(text, STR("'")) || str_contains(text, STR("\"")) || str_contains(text, STR("--")));
    fuzz_release(&f);
    return 0;
}
