/* Expressions. First byte: the grammar; then lines: names ("#a=b" blank-separated), the expression, values as JSON; then the item as JSON.
 * NOT turns a condition round; a projection is part of the item; an update leaves an item that its own canonical JSON describes. */
#include "base/fuzz.h"
#include "services/dynamodb/expr.h"

/* What is no UTF-8 does not come past the codec. */
static void take_names(struct fuzz *f, struct str_map *ret)
{
    for (struct str rest = fuzz_line(f), one; rest.n;) {
        struct str key, value;
        str_cut(rest, ' ', &one, &rest);
        if (!str_is_utf8(one))
            continue;
        str_cut(one, '=', &key, &value);
        *list_push(f->arena, ret) = (struct str_pair){ fuzz_exact(f->arena, key), fuzz_exact(f->arena, opt_str(value, STR(""))) };
    }
}

static void condition(struct expr_env *env, struct str text, const struct attr_map *item)
{
    struct arena *a = env->arena;
    struct expr *e, *opposite;
    struct expr_env again;
    if (expr_parse_condition(env, "FilterExpression", text, &e))
        return;
    bool holds = expr_true(a, e, item);
    expr_env_check_unused(env);
    expr_env_init(&again, a, env->names, env->values);
    if (expr_parse_condition(&again, "FilterExpression", str_printf(a, "NOT (%.*s)", STR_ARG(text)), &opposite) == 0)
        assert(expr_true(a, opposite, item) == !holds);
}

static void projection(struct expr_env *env, struct str text, const struct attr_map *item)
{
    struct path_list paths = { 0 };
    if (expr_parse_projection(env, text, &paths))
        return;
    struct attr_map part = path_project(env->arena, item, &paths);
    for (uint32_t i = 0; i < part.n; i++)
        assert(attr_get(item, part.v[i].name));
    for (uint32_t i = 0; i < paths.n; i++)
        assert(expr_show_path(env->arena, &paths.v[i]).n);
}

static void update(struct expr_env *env, struct str text, const struct attr_map *item)
{
    struct arena *a = env->arena;
    struct update u = { 0 };
    struct attr_map changed = attr_map_copy(a, item), back;
    struct value_error error;
    struct str why, before = value_map_json(a, item);
    if (expr_parse_update(env, text, &u))
        return;
    if (update_apply(a, &u, &changed, &why) == 0) {
        struct str after = value_map_json(a, &changed);
        assert(value_parse_map(a, after, &back, &error) == 0 && str_eq(value_map_json(a, &back), after));
    }
    assert(str_eq(value_map_json(a, item), before)); /* the copy was its own */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const grammars[])(struct expr_env *env, struct str text, const struct attr_map *item) = { condition, projection, update };
    struct fuzz f;
    struct str_map names = { 0 };
    struct attr_map values, item;
    struct value_error error;
    struct expr_env env;
    fuzz_init(&f, data, n);
    uint8_t grammar = fuzz_byte(&f) % 3;
    take_names(&f, &names);
    struct str text = fuzz_line(&f), values_json = fuzz_line(&f), item_json = fuzz_rest(&f);
    if (!str_is_utf8(values_json) || value_parse_map(f.arena, values_json, &values, &error))
        values = (struct attr_map){ 0 };
    if (!str_is_utf8(item_json) || value_parse_map(f.arena, item_json, &item, &error))
        item = (struct attr_map){ 0 };
    expr_env_init(&env, f.arena, &names, &values);
    grammars[grammar](&env, text, &item);
    fuzz_release(&f);
    return 0;
}
