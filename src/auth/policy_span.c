#include <string.h>

#include "auth/policy.h"

struct walk {
    struct str json;
    size_t i;
    struct policy_place at; /* of the next character */
};

static char step(struct walk *w)
{
    char c = w->json.p[w->i++];
    if (c == '\n')
        w->at = (struct policy_place){ w->at.line + 1, 1 };
    else if (((uint8_t)c & 0xC0) != 0x80) /* a character, not a byte */
        w->at.column++;
    return c;
}

/* Behind the opening quote: what stands up to the closing one. */
static struct str quoted(struct walk *w)
{
    size_t begin = w->i;
    while (w->i < w->json.n && w->json.p[w->i] != '"') {
        if (step(w) == '\\' && w->i < w->json.n)
            step(w);
    }
    struct str s = str_sub(w->json, begin, w->i - begin);
    if (w->i < w->json.n)
        step(w);
    return s;
}

/* The document is an object (depth 1) whose Statement is an object, or a list (depth 2) of them. */
bool policy_span(struct str json, uint32_t index, struct policy_place *ret_start, struct policy_place *ret_end)
{
    struct walk w = { .json = json, .at = { 1, 1 } };
    struct str last = STR_NONE, key = STR_NONE;
    struct policy_place start = { 0 };
    int depth = 0, inside = 0; /* inside: the depth at which statements stand, 0: not among them */
    while (w.i < json.n) {
        char c = step(&w);
        if (c == '"') {
            last = quoted(&w);
        } else if (c == ':' && depth == 1) {
            key = last;
        } else if (c == '{' || c == '[') {
            if (depth == 1 && str_is(key, "Statement")) {
                inside = c == '[' ? 2 : 1;
                start = w.at;
            }
            depth++;
        } else if (c == ',' && depth == inside) {
            start = w.at;
        } else if (c == '}' || c == ']') {
            depth--;
            if (c == '}' && depth == inside && inside && index-- == 0) {
                *ret_start = start;
                *ret_end = w.at;
                return true;
            }
            inside = depth < inside || (inside == 1 && depth == 1) ? 0 : inside;
        }
    }
    return false;
}
