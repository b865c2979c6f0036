#include "base/code.h"
#include "wire/codec.h"

#include <math.h>
#include <stdio.h>

enum time_format time_format_of(const struct member *m, const struct shape *s, enum time_format otherwise)
{
    if (m && m->time_format)
        return m->time_format;
    return s->time_format ? s->time_format : otherwise;
}

struct str text_of_time(struct arena *a, int64_t ms, enum time_format f)
{
    if (f == TIME_HTTP)
        return time_http(a, ms);
    if (f == TIME_ISO8601_MS)
        return time_iso8601_ms(a, ms);
    if (f != TIME_UNIX)
        return time_iso8601(a, ms);
    int64_t s = ms / 1000, rest = ms % 1000;
    if (rest == 0)
        return str_printf(a, "%lld", (long long)s);
    const char *sign = ms < 0 ? "-" : "";
    struct str t = str_printf(a, "%s%lld.%03d", sign, (long long)(s < 0 ? -s : s), (int)(rest < 0 ? -rest : rest));
    while (t.p[t.n - 1] == '0')
        t.n--;
    return str_dup(a, t);
}

/* Seconds since 1970 as decimal text, fractions cut to milliseconds. */
static int unix_of_text(struct str s, int64_t *ret_ms)
{
    double d;
    if (f64_of_text(s, &d) || !isfinite(d) || fabs(d) > 1e12)
        return E_INVALID;
    *ret_ms = llround(d * 1000);
    return 0;
}

int time_of_text(struct str s, enum time_format f, int64_t *ret_ms)
{
    if (f == TIME_UNIX && unix_of_text(s, ret_ms) == 0)
        return 0;
    if (time_parse_iso8601(s, ret_ms) == 0 || time_parse_http(s, ret_ms) == 0)
        return 0;
    return unix_of_text(s, ret_ms);
}

struct str text_of_f64(struct arena *a, double d)
{
    if (isnan(d))
        return STR("NaN");
    if (isinf(d))
        return d > 0 ? STR("Infinity") : STR("-Infinity");
    if (d == floor(d) && fabs(d) < 1e15)
        return str_printf(a, "%.1f", d);
    for (int digits = 15; digits < 17; digits++) {
        struct str t = str_printf(a, "%.*g", digits, d);
        double back;
        if (str_to_f64(t, &back) == 0 && back == d)
            return t;
    }
    return str_printf(a, "%.17g", d);
}

int f64_of_text(struct str s, double *ret)
{
    if (str_is(s, "NaN"))
        *ret = NAN;
    else if (str_is(s, "Infinity"))
        *ret = INFINITY;
    else if (str_is(s, "-Infinity"))
        *ret = -INFINITY;
    else
        return str_to_f64(s, ret);
    return 0;
}

static int int_of_text(const struct shape *s, struct str text, int64_t *ret)
{
    int rc = str_to_i64(text, ret);
    if (rc == 0 && s->kind == SHAPE_INT && (*ret > INT32_MAX || *ret < INT32_MIN))
        return E_INVALID;
    return rc;
}

int scalar_of_text(struct arena *a, const struct member *m, struct str text, enum time_format otherwise, void *slot, struct str *ret_why)
{
    const struct shape *s = m->shape;
    int rc = 0;
    switch (s->kind) {
    case SHAPE_STRING:
        *(struct str *)slot = str_dup(a, opt_str(text, STR("")));
        return 0;
    case SHAPE_BLOB:
        rc = base64_decode(a, text, slot);
        break;
    case SHAPE_BOOL: {
        bool v = str_is(text, "true") || str_is(text, "True") || str_is(text, "TRUE");
        if (!v && !str_is(text, "false") && !str_is(text, "False") && !str_is(text, "FALSE"))
            rc = E_INVALID;
        else
            *(struct opt_bool *)slot = SOME_BOOL(v);
        break;
    }
    case SHAPE_INT:
    case SHAPE_LONG: {
        int64_t v = 0;
        rc = int_of_text(s, str_trim(text), &v);
        if (rc == 0)
            *(struct opt_i64 *)slot = SOME_I64(v);
        break;
    }
    case SHAPE_TIMESTAMP: {
        int64_t v = 0;
        rc = time_of_text(str_trim(text), time_format_of(m, s, otherwise), &v);
        if (rc == 0)
            *(struct opt_i64 *)slot = SOME_I64(v);
        break;
    }
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: {
        double v = 0;
        rc = f64_of_text(str_trim(text), &v);
        if (rc == 0)
            *(struct opt_f64 *)slot = SOME_F64(v);
        break;
    }
    default:
        rc = E_INVALID;
    }
    if (rc) {
        static const char *const names[] = { [SHAPE_BLOB] = "Base64", [SHAPE_RAW] = "JSON document", [SHAPE_BOOL] = "Boolean", [SHAPE_INT] = "Integer",
            [SHAPE_LONG] = "Long", [SHAPE_FLOAT] = "Float", [SHAPE_DOUBLE] = "Double", [SHAPE_TIMESTAMP] = "Timestamp",
            [SHAPE_STREAM] = "Stream", [SHAPE_STRUCT] = "Structure", [SHAPE_LIST] = "List", [SHAPE_MAP] = "Map" };
        return bad(a, ret_why, "The value '%.*s' of %s is not a valid %s", STR_ARG(str_sub(text, 0, 100)), m->wire, names[s->kind]);
    }
    return 0;
}

struct str text_of_scalar(struct arena *a, const struct member *m, const struct shape *s, const void *slot, enum time_format otherwise)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_RAW:
        return *(const struct str *)slot;
    case SHAPE_BLOB:
        return base64_encode(a, ((const struct str *)slot)->p, ((const struct str *)slot)->n);
    case SHAPE_BOOL:
        return ((const struct opt_bool *)slot)->v ? STR("true") : STR("false");
    case SHAPE_INT:
    case SHAPE_LONG:
        return str_printf(a, "%lld", (long long)((const struct opt_i64 *)slot)->v);
    case SHAPE_TIMESTAMP:
        return text_of_time(a, ((const struct opt_i64 *)slot)->v, time_format_of(m, s, otherwise));
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        return text_of_f64(a, ((const struct opt_f64 *)slot)->v);
    default:
        return STR("");
    }
}

void wire_texts(struct arena *a, const struct shape *shape, const void *value, struct str_list *ret)
{
    *ret = (struct str_list){ 0 };
    if (!slot_is_set(shape, value, false))
        return;
    if (shape->kind != SHAPE_LIST) {
        str_list_add(a, ret, text_of_scalar(a, NULL, shape, value, TIME_ISO8601));
        return;
    }
    const struct any_list *l = value;
    const struct shape *e = shape->members[0].shape;
    for (uint32_t i = 0; i < l->n; i++)
        str_list_add(a, ret, text_of_scalar(a, NULL, e, l->v + (size_t)i * e->size, TIME_ISO8601));
}
