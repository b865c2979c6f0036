#include "wire/test_shapes.h"

#include "base/code.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static bool flag(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static enum shape_kind kind_of(const cJSON *s)
{
    static const struct {
        const char *type;
        enum shape_kind kind;
    } kinds[] = {
        { "string", SHAPE_STRING }, { "blob", SHAPE_BLOB }, { "boolean", SHAPE_BOOL }, { "integer", SHAPE_INT }, { "long", SHAPE_LONG },
        { "float", SHAPE_FLOAT }, { "double", SHAPE_DOUBLE }, { "timestamp", SHAPE_TIMESTAMP }, { "list", SHAPE_LIST }, { "map", SHAPE_MAP },
    };
    if (flag(s, "document"))
        return SHAPE_RAW;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, text(s, "type")) == 0)
            return kinds[i].kind;
    return SHAPE_STRUCT;
}

static uint8_t time_format(const cJSON *o)
{
    const char *f = text(o, "timestampFormat");
    return !f ? TIME_DEFAULT : strcmp(f, "iso8601") == 0 ? TIME_ISO8601 : strcmp(f, "rfc822") == 0 ? TIME_HTTP : TIME_UNIX;
}

static uint8_t location(const cJSON *o)
{
    const char *l = text(o, "location");
    return !l ? LOC_BODY : strcmp(l, "uri") == 0 ? LOC_URI : strcmp(l, "querystring") == 0 ? LOC_QUERY : strcmp(l, "header") == 0 ? LOC_HEADER
         : strcmp(l, "headers") == 0 ? LOC_HEADERS : LOC_STATUS;
}

static void make_member(struct model *m, struct member *ret, const char *name, const cJSON *o, uint32_t offset)
{
    const cJSON *ns = cJSON_GetObjectItemCaseSensitive(o, "xmlNamespace");
    const char *wire = text(o, "locationName");
    *ret = (struct member){
        .name = name, .wire = wire ? wire : name, .renamed = wire != NULL, .query_name = text(o, "queryName"),
        .shape = model_shape(m, text(o, "shape")), .offset = offset, .location = location(o), .time_format = time_format(o),
        .flattened = flag(o, "flattened"), .xml_attribute = flag(o, "xmlAttribute"), .idempotency_token = flag(o, "idempotencyToken"),
        .host_label = flag(o, "hostLabel"), .json_value = flag(o, "jsonvalue"),
        .xml_ns = cJSON_IsString(ns) ? ns->valuestring : ns ? text(ns, "uri") : NULL, .xml_ns_prefix = ns ? text(ns, "prefix") : NULL,
    };
}

static uint32_t member_bytes(const struct shape *s)
{
    return s->kind == SHAPE_STRUCT ? sizeof(void *) : (s->size + 7) & ~7u;
}

static void make_struct(struct model *m, struct shape *s, const cJSON *o)
{
    const cJSON *members = cJSON_GetObjectItemCaseSensitive(o, "members"), *e;
    struct member *v = arena_many(m->a, struct member, cJSON_GetArraySize(members) + 1);
    const char *payload = text(o, "payload");
    s->members = v;
    s->is_union = flag(o, "union");
    uint32_t offset = 0;
    cJSON_ArrayForEach(e, members)
    {
        make_member(m, &v[s->n_members], e->string, e, offset);
        v[s->n_members].payload = payload && strcmp(payload, e->string) == 0;
        offset += member_bytes(v[s->n_members++].shape);
    }
    s->size = offset ? offset : 8;
}

/* How many bytes a struct takes must be known before the lists that hold it are walked, not before they are made: recursion is fine. */
struct shape *model_shape(struct model *m, const char *name)
{
    for (struct made *k = m->made; k; k = k->next)
        if (strcmp(k->name, name) == 0)
            return k->shape;
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(m->shapes, name), *ns;
    if (!o)
        abort();
    struct made *made = arena_one(m->a, struct made);
    struct shape *s = made->shape = arena_one(m->a, struct shape);
    made->name = s->name = name;
    made->next = m->made;
    m->made = made;
    ns = cJSON_GetObjectItemCaseSensitive(o, "xmlNamespace");
    s->kind = kind_of(o);
    s->wire = text(o, "locationName");
    s->flattened = flag(o, "flattened");
    s->time_format = time_format(o);
    s->xml_ns = ns ? text(ns, "uri") : NULL;
    s->xml_ns_prefix = ns ? text(ns, "prefix") : NULL;
    struct member *v;
    switch (s->kind) {
    case SHAPE_STRUCT:
        make_struct(m, s, o);
        break;
    case SHAPE_LIST:
        s->size = sizeof(struct any_list);
        s->members = v = arena_many(m->a, struct member, 1);
        s->n_members = 1;
        make_member(m, v, "member", cJSON_GetObjectItemCaseSensitive(o, "member"), 0);
        break;
    case SHAPE_MAP:
        s->size = sizeof(struct any_list);
        s->members = v = arena_many(m->a, struct member, 2);
        s->n_members = 2;
        make_member(m, v, "key", cJSON_GetObjectItemCaseSensitive(o, "key"), 0);
        make_member(m, v + 1, "value", cJSON_GetObjectItemCaseSensitive(o, "value"), sizeof(struct str));
        break;
    case SHAPE_BOOL:
        s->size = sizeof(struct opt_bool);
        break;
    default:
        s->size = 16;
    }
    return s;
}

static double number_of(const cJSON *v)
{
    double d = NAN;
    if (cJSON_IsNumber(v))
        return v->valuedouble;
    if (cJSON_IsString(v))
        f64_of_text(str_c(v->valuestring), &d);
    return d;
}

static struct str printed(struct arena *a, const cJSON *v)
{
    char *t = cJSON_PrintUnformatted(v);
    struct str s = str_dup(a, str_c(t));
    free(t);
    return s;
}

void value_from_json(struct arena *a, const struct member *m, const struct shape *s, const cJSON *v, void *slot, bool inside)
{
    const cJSON *e;
    if (!v || cJSON_IsNull(v))
        return;
    switch (s->kind) {
    case SHAPE_RAW:
        *(struct str *)slot = printed(a, v);
        return;
    case SHAPE_STRING:
    case SHAPE_BLOB:
        *(struct str *)slot = str_dup(a, str_c(v->valuestring));
        return;
    case SHAPE_BOOL:
        *(struct opt_bool *)slot = SOME_BOOL(cJSON_IsTrue(v));
        return;
    case SHAPE_INT:
        *(struct opt_i64 *)slot = SOME_I64(v->valueint);
        return;
    case SHAPE_LONG:
        *(struct opt_i64 *)slot = SOME_I64((int64_t)fmin(fmax(v->valuedouble, -0x1p63), 0x1p63 - 1024));
        return;
    case SHAPE_TIMESTAMP:
        *(struct opt_i64 *)slot = SOME_I64(llround(fmin(fmax(v->valuedouble, -1e12), 1e12) * 1000));
        return;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        *(struct opt_f64 *)slot = SOME_F64(number_of(v));
        return;
    case SHAPE_LIST:
        ((struct any_list *)slot)->set = true;
        cJSON_ArrayForEach(e, v)
            value_from_json(a, &s->members[0], s->members[0].shape, e, any_list_push(a, s, slot), true);
        return;
    case SHAPE_MAP:
        ((struct any_list *)slot)->set = true;
        cJSON_ArrayForEach(e, v)
            if (e->string)
                value_from_json(a, &s->members[1], s->members[1].shape, e, any_map_push(a, s, slot, str_c(e->string)), true);
        return;
    default:
        slot = slot_open(a, s, slot, inside);
        for (uint32_t i = 0; i < s->n_members; i++)
            value_from_json(a, &s->members[i], s->members[i].shape, cJSON_GetObjectItemCaseSensitive(v, s->members[i].name),
                            slot_of(slot, &s->members[i]), false);
    }
}

static const char *struct_differs(struct arena *a, const struct shape *s, const cJSON *want, const void *st, bool lenient)
{
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        const char *d = value_differs(a, m, m->shape, cJSON_GetObjectItemCaseSensitive(want, m->name), slot_of(st, m), false, lenient);
        if (d)
            return str_printf(a, "%s: %s", m->name, d).p;
    }
    return NULL;
}

static const char *many_differ(struct arena *a, const struct shape *s, const cJSON *want, const struct any_list *l, bool lenient)
{
    bool map = s->kind == SHAPE_MAP;
    size_t bytes = map ? map_entry_bytes(s) : s->members[0].shape->size;
    if ((uint32_t)cJSON_GetArraySize(want) != l->n)
        return str_printf(a, "%u elements, expected %d", l->n, cJSON_GetArraySize(want)).p;
    for (uint32_t i = 0; i < l->n; i++) {
        const char *e = l->v + i * bytes;
        struct str key = map ? *(const struct str *)(const void *)e : STR_NONE;
        const cJSON *w = map ? cJSON_GetObjectItemCaseSensitive(want, str_dup(a, key).p) : cJSON_GetArrayItem(want, (int)i);
        const char *d = !w ? "not expected" : value_differs(a, &s->members[map], s->members[map].shape, w, e + s->members[map].offset, true, lenient);
        if (d)
            return map ? str_printf(a, "[%.*s]: %s", STR_ARG(key), d).p : str_printf(a, "[%u]: %s", i, d).p;
    }
    return NULL;
}

static const char *json_differs(struct arena *a, const cJSON *want, struct str got)
{
    cJSON *g = cJSON_ParseWithLength(got.p, got.n);
    bool same = g && cJSON_Compare(g, want, true);
    cJSON_Delete(g);
    return same ? NULL : str_printf(a, "is %.*s", STR_ARG(got)).p;
}

const char *value_differs(struct arena *a, const struct member *m, const struct shape *s, const cJSON *want, const void *slot, bool inside, bool lenient)
{
    bool set = slot_is_set(s, slot, inside);
    bool many = s->kind == SHAPE_LIST || s->kind == SHAPE_MAP;
    if (!want || cJSON_IsNull(want))
        return !set || s->kind == SHAPE_STRUCT || (m && m->idempotency_token) ? NULL : "is there";
    if (!set)
        return lenient && ((many && !want->child) || (s->kind == SHAPE_STRING && !*want->valuestring)) ? NULL : "is absent";
    struct str t = is_text(s->kind) ? *(const struct str *)slot : STR_NONE;
    double d;
    switch (s->kind) {
    case SHAPE_RAW:
        return json_differs(a, want, t);
    case SHAPE_STRING:
    case SHAPE_BLOB:
        return str_is(t, want->valuestring) ? NULL : str_printf(a, "is \"%.*s\", expected \"%s\"", STR_ARG(t), want->valuestring).p;
    case SHAPE_BOOL:
        return ((const struct opt_bool *)slot)->v == cJSON_IsTrue(want) ? NULL : "is the other";
    case SHAPE_INT:
    case SHAPE_LONG:
        return (double)((const struct opt_i64 *)slot)->v == want->valuedouble ? NULL : "another number";
    case SHAPE_TIMESTAMP:
        return ((const struct opt_i64 *)slot)->v == llround(want->valuedouble * 1000) ? NULL
             : str_printf(a, "is %lld ms", (long long)((const struct opt_i64 *)slot)->v).p;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        d = ((const struct opt_f64 *)slot)->v;
        return d == number_of(want) || (float)d == (float)number_of(want) || (isnan(d) && isnan(number_of(want))) ? NULL
             : str_printf(a, "is %g", d).p;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return many_differ(a, s, want, slot, lenient);
    default:
        return struct_differs(a, s, want, slot_struct(slot, inside), lenient);
    }
}
