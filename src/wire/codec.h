/* What the codecs share; nothing outside of wire includes it.
 *
 * A *slot* is where a value of a shape lives: the member of a struct, the element of a list, the value of a map entry. All slots of a shape look
 * the same but for structs: a struct member is a pointer, a list element or map value is the struct itself (`inside` says which). */
#ifndef STRATA_WIRE_CODEC_H
#define STRATA_WIRE_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/exchange.h"
#include "base/limits.h"
#include "wire/wire.h"

/* Every generated list and map begins like this. */
struct any_list {
    char *v;
    uint32_t n, cap;
    bool set;
};

static inline void *slot_of(const void *s, const struct member *m) { return (char *)s + m->offset; }
static inline bool is_text(enum shape_kind k) { return k == SHAPE_STRING || k == SHAPE_BLOB || k == SHAPE_RAW; }

/* An entry is { struct str key; T value; }: aligned to 8. */
static inline uint32_t map_entry_bytes(const struct shape *map)
{
    return (map->members[1].offset + map->members[1].shape->size + 7) & ~7u;
}

bool slot_is_set(const struct shape *s, const void *slot, bool inside);
/* The struct of a slot: for a struct member a new one; the slot itself else. */
void *slot_open(struct arena *a, const struct shape *s, void *slot, bool inside);
/* The struct of a slot for reading. */
static inline const void *slot_struct(const void *slot, bool inside) { return inside ? slot : *(void *const *)slot; }
void *any_list_push(struct arena *a, const struct shape *list, struct any_list *l);                 /* the new element's slot */
void *any_map_push(struct arena *a, const struct shape *map, struct any_list *m, struct str key);    /* the new value's slot */

/* *ret_why = the words; returns E_INVALID. */
int bad(struct arena *a, struct str *ret_why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- scalars as text ---- */
enum time_format time_format_of(const struct member *m, const struct shape *s, enum time_format otherwise);
struct str text_of_time(struct arena *a, int64_t ms, enum time_format f);
int time_of_text(struct str s, enum time_format f, int64_t *ret_ms); /* also other forms than f where they cannot be confused */
struct str text_of_f64(struct arena *a, double d);                   /* shortest that reads back; NaN, Infinity, -Infinity */
int f64_of_text(struct str s, double *ret);
/* XML, query, headers, labels. Blobs are base64. Kinds beyond scalars, and RAW (no format but JSON has documents): E_INVALID. */
int scalar_of_text(struct arena *a, const struct member *m, struct str text, enum time_format otherwise, void *slot, struct str *ret_why);
struct str text_of_scalar(struct arena *a, const struct member *m, const struct shape *s, const void *slot, enum time_format otherwise);

/* ---- the formats ---- */
int json_read(struct arena *a, struct str text, const struct shape *s, void *ret_struct, struct str *ret_why);
bool json_is_value(struct arena *a, struct str text); /* one, with nothing around it: what RAW holds */
void json_write(struct buf *b, const struct shape *s, const void *slot, bool inside);      /* b's errors stick */
void json_write_scalar(struct buf *b, const struct member *m, const struct shape *s, const void *slot);
void json_write_members(struct buf *b, const struct shape *s, const void *st);             /* {...}: only members that belong into the body */
int query_read(struct arena *a, const struct str_map *params, bool ec2, const struct shape *s, void *ret_struct, struct str *ret_why);
int xml_read(struct arena *a, struct str text, const struct shape *s, void *ret_struct, struct str *ret_why);
struct xml_style {
    bool query; /* query_name counts */
    bool millis; /* times have them, .000 too */
    bool ec2;   /* lists are always flat on reading; `item` on writing comes from the model */
};
void xml_write_members(struct buf *b, const struct xml_style *style, const struct shape *s, const void *st);
void xml_write_attributes(struct buf *b, const struct shape *s, const void *st);
void xml_write_namespace(struct buf *b, const char *ns, const char *prefix);
int cbor_read(struct arena *a, struct str bytes, bool record, const struct shape *s, void *ret, struct str *ret_why);
void cbor_write(struct buf *b, bool record, const struct shape *s, const void *slot);
void cbor_text(struct buf *b, struct str s);
void cbor_map(struct buf *b, uint64_t n);

/* The body, unpacked when the client compressed it (Content-Encoding: gzip, as CloudWatch's clients do). E_INVALID, E_LIMIT. */
int plain_body(const struct exchange *x, struct str *ret);

/* ---- rest: everything but the body ---- */
int rest_read(const struct exchange *x, const struct wire_route *r, void *in, struct str *ret_why);
/* The request id headers of an answer. */
void wire_ids(struct arena *a, const struct service_row *service, struct str request_id, struct answer *ret);
void rest_write(struct arena *a, const struct shape *s, const void *out, struct answer *ret); /* s may be NULL */
const struct member *payload_of(const struct shape *s); /* NULL: none */
bool has_body_members(const struct shape *s);

/* ---- which operation, the service being known (r->service) ---- */
int route_in_service(const struct exchange *x, struct str bucket, bool body_is_whole, struct wire_route *r);
int route_params(const struct exchange *x, bool body_is_whole, struct wire_route *r); /* query string, then form, into r->params */
bool target_is_of(const struct service_row *s, struct str prefix); /* X-Amz-Target before its last dot */
bool is_form(const struct exchange *x);
bool op_is_known(const struct service_row *s, struct str name);
const struct str_pair *param_of(const struct wire_route *r, struct str name); /* the first; NULL: none */

#endif
