/* AttributeValues: parsed from the JSON that a client sent (or that the store holds), checked, compared, sized, and written back.
 *
 * Everything lies in the arena of the request. Maps are sorted by name (byte order) and sets by their own order, so equal values are equal
 * structures and a lookup is a binary search; DynamoDB promises no order for either. Lists keep their order. Numbers are kept as the plain text
 * that AWS returns (number.h). The canonical JSON of an item is what the store holds, so that a GetItem answers it as it lies there. */
#ifndef STRATA_DYNAMODB_VALUE_H
#define STRATA_DYNAMODB_VALUE_H

#include "base/buf.h"
#include "base/list.h"

struct arena;

enum value_type { VALUE_S, VALUE_N, VALUE_B, VALUE_SS, VALUE_NS, VALUE_BS, VALUE_M, VALUE_L, VALUE_NULL, VALUE_BOOL, VALUE_TYPES };

struct value;
struct attr;

struct value_list {
    struct value *v;
    uint32_t n, cap;
    bool set;
};

struct attr_map {
    struct attr *v; /* sorted by name */
    uint32_t n, cap;
    bool set;
};

struct value {
    enum value_type type;
    union {
        struct str s;          /* S; N: canonical text; B: the bytes */
        bool b;                /* BOOL */
        struct str_list items; /* SS, NS (canonical texts), BS (bytes): sorted, no duplicates */
        struct value_list l;
        struct attr_map m;
    };
};

struct attr {
    struct str name;
    struct value value;
};

enum {
    ITEM_BYTES_MAX = 400 * 1024,
    VALUE_NESTING_MAX = 32,
};

/* What is wrong with a value, in AWS's words. */
struct value_error {
    bool serialization; /* SerializationException: the JSON has the wrong form; else ValidationException */
    struct str text;
    struct str name;    /* value_parse_map: under which top-level name it was met */
};

/* E_INVALID and *ret_error. The JSON must be syntactically valid (the wire codec checked it). */
int value_parse(struct arena *a, struct str json, struct value *ret, struct value_error *ret_error);
/* An item, a key, or ExpressionAttributeValues: a JSON object of AttributeValues. Absent text or null gives set = false. */
int value_parse_map(struct arena *a, struct str json, struct attr_map *ret, struct value_error *ret_error);

void value_write(struct buf *b, const struct value *v);
void value_write_map(struct buf *b, const struct attr_map *m);
struct str value_map_json(struct arena *a, const struct attr_map *m);

const char *value_type_name(enum value_type t);                 /* "S", "NULL" */
bool value_type_by_name(struct str name, enum value_type *ret);
/* As AWS words a value in messages: {S:abc} */
struct str value_show(struct arena *a, const struct value *v);

bool value_equal(const struct value *a, const struct value *b);
bool value_map_equal(const struct attr_map *a, const struct attr_map *b); /* items */
/* Order of S, N, B of the same type. */
int value_compare(const struct value *a, const struct value *b);
/* Order of two elements of sets of that element type (VALUE_S, VALUE_N, VALUE_B). */
int value_scalar_compare(enum value_type type, struct str a, struct str b);
bool value_set_has(const struct value *set, struct str element);
enum value_type value_element_type(enum value_type set); /* VALUE_SS -> VALUE_S */
static inline bool value_is_set(enum value_type t) { return t == VALUE_SS || t == VALUE_NS || t == VALUE_BS; }

size_t value_size(const struct value *v);        /* as AWS counts item size */
size_t value_map_size(const struct attr_map *m); /* an item */
size_t value_map_nesting(const struct attr_map *m); /* 0: no document in it */

/* NULL when there is none. */
struct value *attr_get(const struct attr_map *m, struct str name);
/* Replaces or inserts. The value is copied shallowly. */
void attr_put(struct arena *a, struct attr_map *m, struct str name, const struct value *v);
void attr_remove(struct attr_map *m, struct str name);
/* A copy whose maps and lists can be changed without touching v's; strings and sets are shared. */
struct value value_copy(struct arena *a, const struct value *v);
struct attr_map attr_map_copy(struct arena *a, const struct attr_map *m);

#endif
