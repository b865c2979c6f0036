/* A pull reader over JSON text, for AttributeValues only: no tree, strings unescaped into the arena (or cut from the text when they have no escapes). */
#ifndef STRATA_DYNAMODB_JSON_H
#define STRATA_DYNAMODB_JSON_H

#include "base/str.h"

struct arena;

struct json {
    const char *p, *end;
    struct arena *arena;
    bool failed; /* the text is not JSON; sticks */
};

enum json_kind { JSON_END, JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

enum json_kind json_peek(struct json *j);            /* what comes next; JSON_END also when failed */
bool json_enter(struct json *j);                     /* past '{' or '[' */
/* In an object or array: whether another member follows; consumes the comma, or the closing bracket. *first starts as true. */
bool json_more(struct json *j, bool *first);
struct str json_name(struct json *j);                /* the member's name and its colon */
struct str json_string(struct json *j);
void json_skip(struct json *j);                      /* any value */

#endif
