/* From JSON to values, with AWS's checks. A wrong JSON form ends the parse at once (SerializationException); what is only an invalid value is
 * noted, the first one counts, and the parse goes on, because AWS looks at the form of the whole request before it looks at values. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "services/dynamodb/json.h"
#include "services/dynamodb/number.h"
#include "services/dynamodb/value.h"

struct parse {
    struct json j;
    struct arena *arena;
    struct value_error *error;
    struct str top; /* the top-level name that is being read */
};

static void invalid(struct parse *p, struct str text)
{
    if (p->error->text.p)
        return;
    p->error->text = text;
    p->error->name = p->top;
}

static int malformed(struct parse *p, const char *text)
{
    *p->error = (struct value_error){ .serialization = true, .text = str_c(text), .name = p->top };
    return E_INVALID;
}

static int want_string(struct parse *p, const char *what, struct str *ret)
{
    bool blob = what[0] == 'B';
    switch (json_peek(&p->j)) {
    case JSON_STRING:
        *ret = json_string(&p->j);
        return p->j.failed ? malformed(p, "Unexpected token received from parser") : 0;
    case JSON_NUMBER:
        return malformed(p, blob ? "only base-64-encoded strings are convertible to bytes" : "NUMBER_VALUE cannot be converted to String");
    case JSON_TRUE:
        return malformed(p, blob ? "only base-64-encoded strings are convertible to bytes" : "TRUE_VALUE cannot be converted to String");
    case JSON_FALSE:
        return malformed(p, blob ? "only base-64-encoded strings are convertible to bytes" : "FALSE_VALUE cannot be converted to String");
    case JSON_ARRAY:
        return malformed(p, blob ? "Unrecognized collection type class java.nio.ByteBuffer"
                                 : "Unrecognized collection type class java.lang.String");
    default:
        return malformed(p, "Start of structure or map found where not expected");
    }
}

static struct str number_canonical(struct parse *p, struct str text)
{
    struct number x;
    enum number_error e = number_parse(text, &x);
    if (e == NUMBER_OK)
        return number_text(p->arena, &x);
    invalid(p, number_error_text(p->arena, e, text));
    return STR("0");
}

static int blob_bytes(struct parse *p, struct str text, struct str *ret)
{
    if (text.n % 4 != 0) {
        struct str m = str_printf(p->arena, "Base64 encoded length is expected a multiple of 4 bytes but found: %zu", text.n);
        return malformed(p, m.p);
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool padding = c == '=' && i + 2 >= text.n;
        if (!padding && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '+' && c != '/')
            return malformed(p, str_printf(p->arena, "Invalid Base64 character: '%c'", c).p);
    }
    if (base64_decode(p->arena, text, ret) < 0)
        return malformed(p, "Invalid last non-pad Base64 character dectected");
    return 0;
}

static int parse_scalar(struct parse *p, enum value_type type, struct str *ret)
{
    struct str text;
    int rc = want_string(p, type == VALUE_B ? "Blob" : "String", &text);
    if (rc < 0)
        return rc;
    if (type == VALUE_B)
        return blob_bytes(p, text, ret);
    *ret = type == VALUE_N ? number_canonical(p, text) : text;
    return 0;
}

/* ---- sets ---- */

static int compare_bytes(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

/* Numbers are parsed once for sorting, not once for each comparison. */
struct sorted_number {
    struct number x;
    struct str text;
};

static int compare_numbers(const void *a, const void *b)
{
    return number_compare(&((const struct sorted_number *)a)->x, &((const struct sorted_number *)b)->x);
}

static void sort_numbers(struct parse *p, struct str_list *l)
{
    struct sorted_number *order = arena_many(p->arena, struct sorted_number, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        order[i].text = l->v[i];
        number_parse(l->v[i], &order[i].x); /* canonical, so it parses */
    }
    qsort(order, l->n, sizeof *order, compare_numbers);
    for (uint32_t i = 0; i < l->n; i++)
        l->v[i] = order[i].text;
}

static struct str show_collection(struct parse *p, enum value_type type, const struct str_list *l)
{
    struct buf b;
    buf_init(&b, p->arena, 1 << 20);
    buf_c(&b, "[");
    for (uint32_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_c(&b, ", ");
        buf_str(&b, type == VALUE_BS ? base64_encode(p->arena, l->v[i].p, l->v[i].n) : l->v[i]);
    }
    buf_c(&b, "]");
    return buf_ok(&b) ? buf_done(&b) : STR("[...]");
}

static void check_set(struct parse *p, enum value_type type, struct str_list *l)
{
    if (l->n == 0) {
        invalid(p, type == VALUE_SS   ? STR("One or more parameter values were invalid: An string set  may not be empty")
                   : type == VALUE_NS ? STR("One or more parameter values were invalid: An number set  may not be empty")
                                      : STR("One or more parameter values were invalid: Binary sets should not be empty"));
        return;
    }
    if (l->n > ITEM_BYTES_MAX) { /* each element counts for a byte at least: no need to sort what cannot be kept */
        invalid(p, STR("Item size has exceeded the maximum allowed size"));
        return;
    }
    struct str_list as_sent = { .v = arena_dup(p->arena, l->v, l->n * sizeof *l->v), .n = l->n };
    bool bad = p->error->text.p != NULL; /* a number that was refused stands as "0": no duplicate */
    if (type == VALUE_NS)
        sort_numbers(p, l);
    else
        qsort(l->v, l->n, sizeof *l->v, compare_bytes);
    for (uint32_t i = 1; i < l->n && !bad; i++) {
        if (!str_eq(l->v[i - 1], l->v[i]))
            continue;
        if (type == VALUE_NS)
            invalid(p, STR("Input collection contains duplicates"));
        else
            invalid(p, str_printf(p->arena, "One or more parameter values were invalid: Input collection %s%s contains duplicates.",
                                  show_collection(p, type, &as_sent).p, type == VALUE_BS ? "of type BS" : ""));
        return;
    }
}

static int parse_set(struct parse *p, enum value_type type, struct str_list *ret)
{
    enum json_kind k = json_peek(&p->j);
    bool first = true;
    if (k == JSON_OBJECT)
        return malformed(p, "Start of structure or map found where not expected");
    if (k != JSON_ARRAY)
        return malformed(p, "Unexpected field type");
    json_enter(&p->j);
    ret->set = true;
    while (json_more(&p->j, &first)) {
        struct str s;
        if (json_peek(&p->j) == JSON_NULL) {
            json_skip(&p->j);
            invalid(p, STR("One or more parameter values were invalid: An string set may not have a null string as a member"));
            continue;
        }
        int rc = parse_scalar(p, value_element_type(type), &s);
        if (rc < 0)
            return rc;
        str_list_add(p->arena, ret, s);
    }
    check_set(p, type, ret);
    return 0;
}

/* ---- documents ---- */

static int parse_value(struct parse *p, struct value *ret, int depth);

static int compare_attrs(const void *a, const void *b) { return str_cmp(((const struct attr *)a)->name, ((const struct attr *)b)->name); }

/* Sorts; of equal names the one that came last stays, as in any JSON reader. */
static void settle_map(struct parse *p, struct attr_map *m)
{
    bool sorted = true;
    for (uint32_t i = 1; i < m->n && sorted; i++)
        sorted = str_cmp(m->v[i - 1].name, m->v[i].name) < 0;
    if (sorted)
        return;
    struct attr *sent = arena_dup(p->arena, m->v, m->n * sizeof *m->v);
    qsort(m->v, m->n, sizeof *m->v, compare_attrs);
    uint32_t out = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        if (i + 1 < m->n && str_eq(m->v[i].name, m->v[i + 1].name))
            continue;
        m->v[out++] = m->v[i];
    }
    if (out == m->n)
        return;
    for (uint32_t i = 0, n = m->n; i < n; i++) /* duplicates: rare, so take the last one sent by a plain search */
        *attr_get(&(struct attr_map){ .v = m->v, .n = out }, sent[i].name) = sent[i].value;
    m->n = out;
}

static int parse_map(struct parse *p, struct attr_map *ret, int depth)
{
    enum json_kind k = json_peek(&p->j);
    bool first = true;
    if (k == JSON_ARRAY)
        return malformed(p, "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>");
    if (k != JSON_OBJECT)
        return malformed(p, "Unexpected field type");
    json_enter(&p->j);
    ret->set = true;
    while (json_more(&p->j, &first)) {
        struct attr *at = list_push(p->arena, ret);
        struct str name = json_name(&p->j);
        at->name = name;
        if (depth == 0)
            p->top = name;
        int rc = parse_value(p, &at->value, depth + 1);
        if (rc < 0)
            return rc;
    }
    settle_map(p, ret);
    return 0;
}

static int parse_list(struct parse *p, struct value_list *ret, int depth)
{
    enum json_kind k = json_peek(&p->j);
    bool first = true;
    if (k == JSON_OBJECT)
        return malformed(p, "Start of structure or map found where not expected");
    if (k != JSON_ARRAY)
        return malformed(p, "Unexpected field type");
    json_enter(&p->j);
    ret->set = true;
    while (json_more(&p->j, &first)) {
        struct value *v = list_push(p->arena, ret);
        int rc = parse_value(p, v, depth + 1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_bool(struct parse *p, bool *ret)
{
    switch (json_peek(&p->j)) {
    case JSON_TRUE:
    case JSON_FALSE:
        *ret = json_peek(&p->j) == JSON_TRUE;
        json_skip(&p->j);
        return 0;
    case JSON_NUMBER:
        return malformed(p, "NUMBER_VALUE cannot be converted to Boolean");
    case JSON_STRING:
        return malformed(p, "Unexpected token received from parser");
    case JSON_ARRAY:
        return malformed(p, "Unrecognized collection type class java.lang.Boolean");
    default:
        return malformed(p, "Start of structure or map found where not expected");
    }
}

static int parse_typed(struct parse *p, struct value *v, int depth)
{
    bool is_null = true;
    int rc;
    switch (v->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        return parse_scalar(p, v->type, &v->s);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return parse_set(p, v->type, &v->items);
    case VALUE_M:
        return parse_map(p, &v->m, depth);
    case VALUE_L:
        return parse_list(p, &v->l, depth);
    case VALUE_BOOL:
        return parse_bool(p, &v->b);
    case VALUE_NULL:
    default:
        rc = parse_bool(p, &is_null);
        if (rc == 0 && !is_null)
            invalid(p, STR("One or more parameter values were invalid: Null attribute value types must have the value of true"));
        return rc;
    }
}

/* One AttributeValue: an object with exactly one known member. Members that DynamoDB does not know are passed over, null counts as not sent. */
static int parse_value(struct parse *p, struct value *ret, int depth)
{
    enum json_kind k = json_peek(&p->j);
    bool first = true;
    int types = 0;

    if (k == JSON_NULL) {
        json_skip(&p->j);
        invalid(p, STR("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"));
        return 0;
    }
    if (k == JSON_ARRAY)
        return malformed(p, "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue");
    if (k != JSON_OBJECT)
        return malformed(p, "Unexpected value type in payload");
    /* The wire bounds the JSON's depth; this bounds ours, well above what an item may have. */
    if (depth > 2 * VALUE_NESTING_MAX)
        return malformed(p, "Nesting Levels have exceeded supported limits");
    json_enter(&p->j);
    while (json_more(&p->j, &first)) {
        struct value v = { 0 };
        struct str name = json_name(&p->j);
        if (!value_type_by_name(name, &v.type) || json_peek(&p->j) == JSON_NULL) {
            json_skip(&p->j);
            continue;
        }
        int rc = parse_typed(p, &v, depth);
        if (rc < 0)
            return rc;
        if (types++ == 0)
            *ret = v;
    }
    if (types == 0)
        invalid(p, STR("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"));
    else if (types > 1)
        invalid(p, STR("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"));
    return 0;
}

static int finish(struct parse *p, int rc)
{
    if (rc < 0)
        return rc;
    if (p->j.failed)
        return malformed(p, "Unexpected token received from parser");
    return p->error->text.p ? E_INVALID : 0;
}

int value_parse(struct arena *a, struct str json, struct value *ret, struct value_error *ret_error)
{
    struct parse p = { .j = { .p = json.p, .end = json.p + json.n, .arena = a }, .arena = a, .error = ret_error };
    *ret_error = (struct value_error){ 0 };
    *ret = (struct value){ 0 };
    return finish(&p, parse_value(&p, ret, 1));
}

int value_parse_map(struct arena *a, struct str json, struct attr_map *ret, struct value_error *ret_error)
{
    struct parse p = { .j = { .p = json.p, .end = json.p + json.n, .arena = a }, .arena = a, .error = ret_error };
    *ret_error = (struct value_error){ 0 };
    *ret = (struct attr_map){ 0 };
    if (!json.p || json_peek(&p.j) == JSON_NULL)
        return 0;
    return finish(&p, parse_map(&p, ret, 0));
}
