/* A recursive-descent JSON reader (RFC 8259) straight into typed structs. Strings are copied into the arena, RAW values as their text. */
#include "base/code.h"
#include "wire/codec.h"

#include <string.h>

#include <math.h>

enum { CHECKED_DEPTH_MAX = 1000 };

struct json {
    struct arena *a;
    const char *p, *end;
    int depth, depth_max;
    struct str *why;
};

static int fail(struct json *j, const char *what)
{
    return bad(j->a, j->why, "%s", what);
}

static void blanks(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t'))
        j->p++;
}

static bool take(struct json *j, char c)
{
    blanks(j);
    if (j->p >= j->end || *j->p != c)
        return false;
    j->p++;
    return true;
}

static bool take_word(struct json *j, struct str word)
{
    if ((size_t)(j->end - j->p) < word.n || memcmp(j->p, word.p, word.n) != 0)
        return false;
    j->p += word.n;
    return true;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

static size_t put_utf8(char *o, uint32_t c)
{
    if (c < 0x80)
        return o[0] = (char)c, 1;
    if (c < 0x800)
        return o[0] = (char)(0xC0 | c >> 6), o[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return o[0] = (char)(0xE0 | c >> 12), o[1] = (char)(0x80 | (c >> 6 & 63)), o[2] = (char)(0x80 | (c & 63)), 3;
    return o[0] = (char)(0xF0 | c >> 18), o[1] = (char)(0x80 | (c >> 12 & 63)), o[2] = (char)(0x80 | (c >> 6 & 63)),
           o[3] = (char)(0x80 | (c & 63)), 4;
}

/* *p is behind "\u"; -1 when malformed. A lone surrogate becomes U+FFFD. */
static int unicode(const char **p, const char *end)
{
    if (end - *p < 4)
        return -1;
    int c = hex4(*p);
    *p += 4;
    if (c < 0xD800 || c > 0xDFFF)
        return c;
    if (c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int low = hex4(*p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += 6;
            return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return 0xFFFD;
}

/* One escape behind its backslash. */
static int escape(const char **p, const char *end, char **o)
{
    if (*p >= end)
        return E_INVALID;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *(*p)++;
    if (c == 'u') {
        int u = unicode(p, end);
        if (u < 0)
            return E_INVALID;
        *o += put_utf8(*o, (uint32_t)u);
        return 0;
    }
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return E_INVALID;
    *(*o)++ = to[at - from];
    return 0;
}

/* The opening quote is taken. Finds the end first, so that one allocation does. ret NULL: only checked. */
static int string(struct json *j, struct str *ret)
{
    const char *from = j->p, *p = from;
    bool escaped = false;
    for (; p < j->end; p++) {
        p += str_plain((struct str){ p, (size_t)(j->end - p) });
        if (p == j->end || *p == '"')
            break;
        if ((unsigned char)*p < 0x20)
            return fail(j, "Illegal unquoted character in string");
        if (*p == '\\') {
            escaped = true;
            p++;
        }
    }
    if (p >= j->end)
        return fail(j, "Unexpected end-of-input in a string");
    j->p = p + 1;
    if (!escaped) {
        if (ret)
            *ret = str_dup(j->a, (struct str){ from, (size_t)(p - from) });
        return 0;
    }
    char *o = arena_alloc(j->a, (size_t)(p - from) + 1), *begin = o;
    const char *end = p;
    for (p = from; p < end;) {
        if (*p != '\\')
            *o++ = *p++;
        else if (p++, escape(&p, end, &o))
            return fail(j, "Unrecognized character escape");
    }
    *o = 0;
    if (ret)
        *ret = (struct str){ begin, (size_t)(o - begin) };
    return 0;
}

static bool digits(struct json *j)
{
    const char *from = j->p;
    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    return j->p > from;
}

static int number(struct json *j, struct str *ret)
{
    const char *from = j->p;
    if (*j->p == '-')
        j->p++;
    const char *first = j->p;
    bool ok = digits(j) && (*first != '0' || j->p == first + 1);
    if (ok && j->p < j->end && *j->p == '.') {
        j->p++;
        ok = digits(j);
    }
    if (ok && j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        ok = digits(j);
    }
    *ret = (struct str){ from, (size_t)(j->p - from) };
    return ok ? 0 : fail(j, "Unexpected character in a number");
}

static int skip(struct json *j);

static int skip_members(struct json *j, char end)
{
    if (take(j, end))
        return 0;
    do {
        blanks(j);
        if (end == '}') {
            if (!take(j, '"'))
                return fail(j, "Expected a member name in double quotes");
            int rc = string(j, NULL);
            if (rc)
                return rc;
            if (!take(j, ':'))
                return fail(j, "Expected ':' behind a member name");
        }
        int rc = skip(j);
        if (rc)
            return rc;
    } while (take(j, ','));
    return take(j, end) ? 0 : fail(j, "Expected ',' or the end of a list or structure");
}

/* Any value, checked and left. */
static int skip(struct json *j)
{
    blanks(j);
    if (j->p >= j->end)
        return fail(j, "Unexpected end-of-input");
    if (++j->depth > j->depth_max)
        return fail(j, "The document is nested too deeply");
    int rc = 0;
    struct str n;
    char c = *j->p;
    if (c == '"')
        rc = (j->p++, string(j, NULL));
    else if (c == '{')
        rc = (j->p++, skip_members(j, '}'));
    else if (c == '[')
        rc = (j->p++, skip_members(j, ']'));
    else if (c == '-' || (c >= '0' && c <= '9'))
        rc = number(j, &n);
    else if (!take_word(j, STR("true")) && !take_word(j, STR("false")) && !take_word(j, STR("null")))
        rc = fail(j, "Unrecognized token");
    j->depth--;
    return rc;
}

static int mismatch(struct json *j, char c, const char *wanted)
{
    if (c == '{')
        return fail(j, "Start of structure or map found where not expected.");
    if (c == '[')
        return fail(j, "Unexpected field type: start of list found where not expected.");
    const char *found = c == '"' ? "STRING_VALUE" : c == 't' ? "TRUE_VALUE" : c == 'f' ? "FALSE_VALUE" : "NUMBER_VALUE";
    return bad(j->a, j->why, "%s can not be converted to %s", found, wanted);
}

static int read_int(struct json *j, const struct shape *s, struct opt_i64 *ret)
{
    struct str t;
    int rc = number(j, &t);
    if (rc)
        return rc;
    int64_t v;
    if (str_to_i64(t, &v)) {
        double d;
        if (str_to_f64(t, &d) || d != floor(d) || fabs(d) > 9e15)
            return fail(j, s->kind == SHAPE_INT ? "NUMBER_VALUE can not be converted to an Integer" : "NUMBER_VALUE can not be converted to a Long");
        v = (int64_t)d;
    }
    if (s->kind == SHAPE_INT && (v > INT32_MAX || v < INT32_MIN))
        return fail(j, "NUMBER_VALUE can not be converted to an Integer: out of range");
    *ret = SOME_I64(v);
    return 0;
}

static int read_string_as(struct json *j, const struct member *m, const struct shape *s, void *slot)
{
    struct str t;
    int rc = string(j, &t);
    if (rc)
        return rc;
    if (s->kind == SHAPE_STRING)
        return *(struct str *)slot = t, 0;
    if (s->kind == SHAPE_BLOB)
        return base64_decode(j->a, t, slot) ? fail(j, "Unable to decode the base64 value") : 0;
    int64_t ms;
    double d;
    if (s->kind == SHAPE_TIMESTAMP && time_of_text(t, time_format_of(m, s, TIME_ISO8601), &ms) == 0)
        return *(struct opt_i64 *)slot = SOME_I64(ms), 0;
    if ((s->kind == SHAPE_DOUBLE || s->kind == SHAPE_FLOAT) && f64_of_text(t, &d) == 0 && !isfinite(d))
        return *(struct opt_f64 *)slot = SOME_F64(d), 0;
    static const char *const names[] = { [SHAPE_BOOL] = "a Boolean", [SHAPE_INT] = "an Integer", [SHAPE_LONG] = "a Long",
        [SHAPE_FLOAT] = "a Float", [SHAPE_DOUBLE] = "a Double", [SHAPE_TIMESTAMP] = "a Timestamp", [SHAPE_STREAM] = "a stream" };
    if (s->kind == SHAPE_STRUCT || s->kind == SHAPE_LIST || s->kind == SHAPE_MAP)
        return fail(j, "Unexpected field type: STRING_VALUE found where a structure, list or map is expected");
    return mismatch(j, '"', names[s->kind]);
}

static int read_number_as(struct json *j, const struct member *m, const struct shape *s, void *slot)
{
    struct str t;
    int rc;
    double d;
    int64_t ms;
    switch (s->kind) {
    case SHAPE_INT:
    case SHAPE_LONG:
        return read_int(j, s, slot);
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        rc = number(j, &t);
        if (rc)
            return rc;
        if (str_to_f64(t, &d))
            return fail(j, "NUMBER_VALUE can not be converted to a Double");
        *(struct opt_f64 *)slot = SOME_F64(d);
        return 0;
    case SHAPE_TIMESTAMP:
        rc = number(j, &t);
        if (rc)
            return rc;
        if (time_of_text(t, TIME_UNIX, &ms))
            return fail(j, "NUMBER_VALUE can not be converted to a Timestamp");
        *(struct opt_i64 *)slot = SOME_I64(ms);
        return 0;
    default:
        return mismatch(j, '0', s->kind == SHAPE_BOOL ? "a Boolean" : s->kind == SHAPE_BLOB ? "a Blob" : "a String");
    }
}

static int value(struct json *j, const struct member *m, const struct shape *s, void *slot, bool inside);

static const struct member *find_member(const struct shape *s, struct str name, uint32_t *hint)
{
    for (uint32_t k = 0; k < s->n_members; k++) {
        uint32_t i = (*hint + k) % s->n_members;
        const struct member *m = &s->members[i];
        if (m->location == LOC_BODY && m->shape->kind != SHAPE_STREAM && str_is(name, m->wire)) {
            *hint = i + 1;
            return m;
        }
    }
    return NULL;
}

static int read_struct(struct json *j, const struct shape *s, void *st)
{
    uint32_t hint = 0;
    if (take(j, '}'))
        return 0;
    do {
        struct str name;
        if (!take(j, '"'))
            return fail(j, "Expected a member name in double quotes");
        int rc = string(j, &name);
        if (rc)
            return rc;
        if (!take(j, ':'))
            return fail(j, "Expected ':' behind a member name");
        const struct member *m = find_member(s, name, &hint);
        rc = m ? value(j, m, m->shape, slot_of(st, m), false) : skip(j);
        if (rc)
            return rc;
    } while (take(j, ','));
    return take(j, '}') ? 0 : fail(j, "Expected ',' or '}'");
}

static int read_list(struct json *j, const struct shape *s, struct any_list *l)
{
    *l = (struct any_list){ .set = true };
    if (take(j, ']'))
        return 0;
    do {
        if (l->n >= LIMIT_LIST)
            return fail(j, "The list has too many elements");
        int rc = value(j, &s->members[0], s->members[0].shape, any_list_push(j->a, s, l), true);
        if (rc)
            return rc;
    } while (take(j, ','));
    return take(j, ']') ? 0 : fail(j, "Expected ',' or ']'");
}

static int read_map(struct json *j, const struct shape *s, struct any_list *m)
{
    *m = (struct any_list){ .set = true };
    if (take(j, '}'))
        return 0;
    do {
        struct str key;
        if (m->n >= LIMIT_LIST)
            return fail(j, "The map has too many entries");
        if (!take(j, '"'))
            return fail(j, "Expected a key in double quotes");
        int rc = string(j, &key);
        if (rc)
            return rc;
        if (!take(j, ':'))
            return fail(j, "Expected ':' behind a key");
        rc = value(j, &s->members[1], s->members[1].shape, any_map_push(j->a, s, m, key), true);
        if (rc)
            return rc;
    } while (take(j, ','));
    return take(j, '}') ? 0 : fail(j, "Expected ',' or '}'");
}

static int read_raw(struct json *j, struct str *ret)
{
    const char *from = j->p;
    int rc = skip(j);
    if (rc == 0)
        *ret = str_dup(j->a, (struct str){ from, (size_t)(j->p - from) });
    return rc;
}

static int compound(struct json *j, char c, const struct shape *s, void *slot, bool inside)
{
    if (c == '[') {
        if (s->kind != SHAPE_LIST)
            return mismatch(j, c, "");
        j->p++;
        return read_list(j, s, slot);
    }
    if (s->kind != SHAPE_STRUCT && s->kind != SHAPE_MAP)
        return mismatch(j, c, "");
    j->p++;
    return s->kind == SHAPE_MAP ? read_map(j, s, slot) : read_struct(j, s, slot_open(j->a, s, slot, inside));
}

static int value(struct json *j, const struct member *m, const struct shape *s, void *slot, bool inside)
{
    blanks(j);
    if (j->p >= j->end)
        return fail(j, "Unexpected end-of-input");
    if (take_word(j, STR("null")))
        return 0;
    if (s->kind == SHAPE_RAW)
        return read_raw(j, slot);
    char c = *j->p;
    if (c == '{' || c == '[') {
        if (++j->depth > j->depth_max)
            return fail(j, "The document is nested too deeply");
        int rc = compound(j, c, s, slot, inside);
        j->depth--;
        return rc;
    }
    if (c == '"')
        return j->p++, read_string_as(j, m, s, slot);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number_as(j, m, s, slot);
    bool v = take_word(j, STR("true"));
    if (!v && !take_word(j, STR("false")))
        return fail(j, "Unrecognized token");
    if (s->kind != SHAPE_BOOL)
        return mismatch(j, c, s->kind == SHAPE_INT ? "an Integer" : "a String");
    *(struct opt_bool *)slot = SOME_BOOL(v);
    return 0;
}

bool json_is_value(struct arena *a, struct str text)
{
    struct str why;
    struct json j = { .a = a, .p = text.p, .end = text.p + text.n, .depth_max = LIMIT_DEPTH, .why = &why };
    blanks(&j);
    return j.p == text.p && text.n && str_is_utf8(text) && skip(&j) == 0 && j.p == j.end;
}

int json_read(struct arena *a, struct str text, const struct shape *s, void *ret_struct, struct str *ret_why)
{
    struct json j = { .a = a, .p = text.p, .end = text.p + text.n, .depth_max = LIMIT_DEPTH, .why = ret_why };
    if (!str_is_utf8(text))
        return fail(&j, "Invalid UTF-8");
    int rc = value(&j, NULL, s, ret_struct, true);
    blanks(&j);
    if (rc == 0 && j.p != j.end)
        return fail(&j, "Unexpected characters behind the document");
    return rc;
}

int wire_json_check(struct arena *a, struct str text, struct str *ret_why)
{
    struct json j = { .a = a, .p = text.p, .end = text.p + text.n, .depth_max = CHECKED_DEPTH_MAX, .why = ret_why };
    if (!str_is_utf8(text))
        return fail(&j, "Invalid UTF-8");
    int rc = skip(&j);
    blanks(&j);
    if (rc == 0 && j.p != j.end)
        return fail(&j, "Unexpected characters behind the document");
    return rc;
}
