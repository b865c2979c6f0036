/* Shapes: what the generator knows of a type, as tables; the codecs, the validator and the record store walk them.
 *
 * Generated from the pinned botocore models, the patches and the .ops/.rec files (models/README.md). C types of a shape:
 *   SHAPE_STRING, SHAPE_BLOB, SHAPE_RAW   struct str          (absent: p == NULL; a blob is decoded bytes; RAW is JSON text as sent)
 *   SHAPE_BOOL                            struct opt_bool
 *   SHAPE_INT, SHAPE_LONG                 struct opt_i64
 *   SHAPE_TIMESTAMP                       struct opt_i64       milliseconds since 1970 UTC
 *   SHAPE_FLOAT, SHAPE_DOUBLE             struct opt_f64
 *   SHAPE_STREAM                          struct blob *        (a streamed payload; NULL: absent)
 *   SHAPE_STRUCT                          pointer to the struct as a member; the struct itself as a list or map element
 *   SHAPE_LIST                            { T *v; uint32_t n, cap; bool set; }             (strings: struct str_list)
 *   SHAPE_MAP                             the same over { struct str key; T value; }       (strings: struct str_map)
 * List elements that are scalars are the opt_ types too: a null element has set = false. */
#ifndef STRATA_WIRE_SHAPE_H
#define STRATA_WIRE_SHAPE_H

#include "base/list.h"

struct blob;

enum shape_kind {
    SHAPE_STRING, SHAPE_BLOB, SHAPE_RAW, SHAPE_BOOL, SHAPE_INT, SHAPE_LONG, SHAPE_FLOAT, SHAPE_DOUBLE, SHAPE_TIMESTAMP,
    SHAPE_STREAM, SHAPE_STRUCT, SHAPE_LIST, SHAPE_MAP,
};

enum shape_location { LOC_BODY, LOC_URI, LOC_QUERY, LOC_HEADER, LOC_HEADERS /* prefix map */, LOC_STATUS, LOC_HOST };
enum time_format { TIME_DEFAULT, TIME_ISO8601, TIME_UNIX, TIME_HTTP, TIME_ISO8601_MS /* always with milliseconds */ };

struct shape;

struct member {
    const char *name;          /* AWS's name: the C member's, too */
    const char *wire;          /* its name on the wire (locationName), for body, header, query, uri; equals name when none is given */
    const char *query_name;    /* ec2/query only: queryName, or NULL */
    const struct shape *shape;
    uint32_t offset;           /* offsetof in the struct */
    uint8_t location;          /* enum shape_location */
    uint8_t time_format;       /* enum time_format */
    bool required, payload, flattened, xml_attribute, idempotency_token, sensitive, host_label, json_value /* jsonvalue: base64 header or string */;
    bool renamed;              /* wire was given by the model (locationName) */
    const char *xml_ns, *xml_ns_prefix; /* NULL when none */
};

struct shape {
    enum shape_kind kind;
    const char *name;
    uint32_t size;             /* sizeof the C type as an element */
    uint32_t n_members;
    const struct member *members; /* struct: all; list: [0] the element; map: [0] key, [1] value */
    /* constraints; has_min/has_max tell */
    bool has_min, has_max, is_union, flattened, sensitive, boxed;
    bool unwrapped;            /* rest-xml: the one body member is the root element itself (S3's GetBucketLocation) */
    double min, max;           /* of the value, or of the length of strings, blobs, lists, maps */
    const char *pattern;       /* as in the model (Java dialect), or NULL */
    const char *const *enums;  /* NULL-terminated, or NULL */
    uint8_t time_format;
    const char *wire;          /* locationName of a payload root, or NULL */
    const char *xml_ns, *xml_ns_prefix;
    const struct aws_error *error; /* exception shapes: which */
};

#endif
