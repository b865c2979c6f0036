#include "base/form.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"

enum { BOUNDARY_MAX = 70 }; /* RFC 2046 5.1.1 */

bool form_is(struct str content_type)
{
    struct str type, rest;
    str_cut(content_type, ';', &type, &rest);
    return str_eq_nocase(str_trim(type), STR("multipart/form-data"));
}

/* The next `name=value` behind a ';'. A quoted value ends at a quote that no backslash stands before, and keeps what the backslash protects. */
static bool next_parameter(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value)
{
    struct str name, after;
    size_t i = 1, n = 0;
    if (!str_cut(*rest, '=', &name, &after))
        return false;
    *ret_name = str_trim(name);
    if (!after.n || after.p[0] != '"') {
        str_cut(after, ';', ret_value, rest);
        *ret_value = str_trim(*ret_value);
        return true;
    }
    char *out = arena_alloc(a, after.n);
    for (; i < after.n && after.p[i] != '"'; i++) {
        if (after.p[i] == '\\' && i + 1 < after.n && (after.p[i + 1] == '"' || after.p[i + 1] == '\\'))
            i++;
        out[n++] = after.p[i];
    }
    *ret_value = (struct str){ out, n };
    str_cut(str_sub(after, i + 1, after.n), ';', &name, rest);
    return i < after.n; /* else the quote was never closed */
}

static struct str parameter(struct arena *a, struct str header, const char *wanted)
{
    struct str type, rest, name, value;
    str_cut(header, ';', &type, &rest);
    while (rest.n && next_parameter(a, &rest, &name, &value))
        if (str_eq_nocase(name, str_c(wanted)))
            return value;
    return STR_NONE;
}

static bool find(struct str text, struct str what, size_t *ret)
{
    const char *at = what.n <= text.n ? memmem(text.p, text.n, what.p, what.n) : NULL;
    *ret = at ? (size_t)(at - text.p) : 0;
    return at;
}

/* Header lines up to an empty one; *ret_body: what follows. */
static int read_head(struct arena *a, struct str text, struct form_part *ret, struct str *ret_body)
{
    size_t end;
    struct str name, value;
    for (;; text = str_sub(text, end + 2, text.n)) {
        if (!find(text, STR("\r\n"), &end))
            return E_INVALID;
        if (end == 0)
            break;
        str_cut(str_sub(text, 0, end), ':', &name, &value);
        if (!str_eq_nocase(name, STR("content-disposition")))
            continue;
        ret->name = parameter(a, value, "name");
        ret->filename = parameter(a, value, "filename");
    }
    *ret_body = str_sub(text, 2, text.n);
    return ret->name.p ? 0 : E_INVALID;
}

int form_parse(struct arena *a, struct str content_type, struct str body, struct form_parts *ret)
{
    struct str boundary = parameter(a, content_type, "boundary");
    *ret = (struct form_parts){ 0 };
    if (!boundary.n || boundary.n > BOUNDARY_MAX)
        return E_INVALID;
    struct str delimiter = str_cat(a, STR("\r\n--"), boundary), first = str_sub(delimiter, 2, delimiter.n), rest;
    size_t at;
    if (str_starts(body, first)) {
        rest = str_sub(body, first.n, body.n);
    } else { /* a preamble */
        if (!find(body, delimiter, &at))
            return E_INVALID;
        rest = str_sub(body, at + delimiter.n, body.n);
    }
    while (!str_starts(rest, STR("--"))) {
        struct form_part part = { 0 };
        if (!find(rest, STR("\r\n"), &at) || str_trim(str_sub(rest, 0, at)).n) /* blanks may stand behind a delimiter */
            return E_INVALID;
        int rc = ret->n < FORM_PARTS_MAX ? read_head(a, str_sub(rest, at + 2, rest.n), &part, &rest) : E_LIMIT;
        if (rc)
            return rc;
        if (!find(rest, delimiter, &at))
            return E_INVALID;
        part.data = str_sub(rest, 0, at);
        rest = str_sub(rest, at + delimiter.n, rest.n);
        *list_push(a, ret) = part;
    }
    return 0;
}
