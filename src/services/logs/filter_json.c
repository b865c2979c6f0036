/* JSON filter patterns: selectors ($.a.b[0], $.a[*], $.['odd name']) and the tests on what they find. */
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/err.h"
#include "services/logs/filter.h"

static struct str text_of(struct arena *a, const cJSON *v)
{
    if (cJSON_IsString(v))
        return str_dup(a, str_c(v->valuestring));
    char *s = cJSON_PrintUnformatted(v);
    struct str r = str_dup(a, str_c(s));
    cJSON_free(s);
    return r;
}

static bool test_value(const struct condition *c, struct arena *a, const cJSON *v)
{
    switch (c->compare) {
    case CMP_IS_NULL:
        return cJSON_IsNull(v);
    case CMP_IS_TRUE:
        return cJSON_IsTrue(v);
    case CMP_IS_FALSE:
        return cJSON_IsFalse(v);
    case CMP_EXISTS:
        return true;
    case CMP_NOT_EXISTS:
        return false;
    default:
        break;
    }
    if (cJSON_IsObject(v) || cJSON_IsArray(v) || cJSON_IsNull(v))
        return false;
    return filter_compare(c->compare, &c->operand, text_of(a, v), true, cJSON_IsNumber(v));
}

/* One step of a selector: the next name or index, and what is left. False at the end or when malformed. */
static bool step(struct str *path, struct str *ret_name, bool *ret_index)
{
    struct str s = *path;
    size_t n = 0;

    *ret_index = false;
    if (s.n && s.p[0] == '.') {
        s = str_sub(s, 1, s.n);
        if (!s.n || s.p[0] != '[') {
            while (n < s.n && s.p[n] != '.' && s.p[n] != '[')
                n++;
            *ret_name = str_sub(s, 0, n);
            *path = str_sub(s, n, s.n);
            return n > 0;
        }
    }
    if (!s.n || s.p[0] != '[')
        return false;
    while (n < s.n && s.p[n] != ']')
        n++;
    if (n == s.n)
        return false;
    *ret_name = str_sub(s, 1, n - 1);
    *path = str_sub(s, n + 1, s.n);
    *ret_index = true;
    if (ret_name->n >= 2 && (ret_name->p[0] == '\'' || ret_name->p[0] == '"')) {
        *ret_name = str_sub(*ret_name, 1, ret_name->n - 2);
        *ret_index = false;
    }
    return ret_name->n > 0;
}

/* Whether any value that the selector finds passes; *found tells whether it found one. */
static bool walk(const struct condition *c, struct arena *a, const cJSON *v, struct str path, bool *found, struct str_map *ret)
{
    struct str name;
    bool index;

    if (!path.n) {
        *found = true;
        if (ret)
            str_map_put(a, ret, c->subject, text_of(a, v));
        return test_value(c, a, v);
    }
    if (!step(&path, &name, &index))
        return false;
    if (!index)
        v = cJSON_IsObject(v) ? cJSON_GetObjectItemCaseSensitive(v, str_dup(a, name).p) : NULL;
    else if (str_is(name, "*")) {
        const cJSON *e;
        bool any = false;
        if (!cJSON_IsArray(v))
            return false;
        cJSON_ArrayForEach(e, v)
            any = walk(c, a, e, path, found, ret) || any;
        return any;
    } else {
        int64_t i;
        v = cJSON_IsArray(v) && str_to_i64(name, &i) == 0 && i >= 0 && i < 1000000 ? cJSON_GetArrayItem(v, (int)i) : NULL;
    }
    return v && walk(c, a, v, path, found, ret);
}

static bool eval(const struct condition *c, struct arena *a, const cJSON *root, struct str_map *ret)
{
    if (c->kind == COND_AND)
        return eval(c->left, a, root, ret) && eval(c->right, a, root, ret);
    if (c->kind == COND_OR) {
        bool left = eval(c->left, a, root, ret);
        return eval(c->right, a, root, ret) || left;
    }
    bool found = false, good = walk(c, a, root, str_sub(c->subject, 1, c->subject.n), &found, ret);
    return c->compare == CMP_NOT_EXISTS ? !found : good;
}

bool filter_json_match(const struct condition *c, struct arena *a, struct str message, struct str_map *ret_values)
{
    cJSON *root = cJSON_ParseWithLength(message.p, message.n);
    bool good = root && cJSON_IsObject(root) && eval(c, a, root, ret_values);

    cJSON_Delete(root);
    return good;
}
